-- Views with INSTEAD OF triggers and automatically updatable ones, rules,
-- generated and identity columns.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_view
\set own_table
\i :setup

CREATE TABLE lead (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, size int, need bool, met bool,
    stage lead_stage NOT NULL DEFAULT 'lead', fit_score int,
    domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED,
    hot bool GENERATED ALWAYS AS (stage >= 'mql' AND fit_score > 20) STORED);
SELECT lead_stage.attach('lead', 'write_view'), lead_stage.publish('write_view') > 0 AS published;
CREATE VIEW story AS SELECT h.lead_id AS lead, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.lead_id;
-- Generated columns see what was decided.
INSERT INTO lead (email, size) VALUES ('a@x', 500), ('b@y', 5), (NULL, 500);
UPDATE lead SET size = 500 WHERE id = 2;
UPDATE lead SET email = 'c@z' WHERE id = 3;
-- An updatable view, with a check of its own.
CREATE VIEW mqls AS SELECT id, email, size, stage FROM lead WHERE stage = 'mql' WITH CHECK OPTION;
INSERT INTO mqls (email, size) VALUES ('d@x', 500);
INSERT INTO mqls (email, size) VALUES ('e@x', 5);
UPDATE mqls SET stage = 'sql' WHERE id = 1;
-- A view with INSTEAD OF triggers.
CREATE VIEW form AS SELECT id, email, size FROM lead;
CREATE FUNCTION form() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN DELETE FROM lead WHERE id = OLD.id; RETURN OLD; END IF;
    IF TG_OP = 'UPDATE' THEN UPDATE lead SET email = NEW.email, size = NEW.size WHERE id = OLD.id; RETURN NEW; END IF;
    INSERT INTO lead (email, size) VALUES (NEW.email, NEW.size) RETURNING id INTO NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER form INSTEAD OF INSERT OR UPDATE OR DELETE ON form FOR EACH ROW EXECUTE FUNCTION form();
INSERT INTO form (email, size) VALUES ('f@x', 500), ('g@x', 5) RETURNING email, size;
UPDATE form SET size = 500 WHERE email = 'g@x';
DELETE FROM form WHERE email = 'f@x';
-- Rules: one that does also, one that does instead.
CREATE TABLE log (what text);
CREATE RULE also AS ON UPDATE TO lead DO ALSO INSERT INTO log VALUES (OLD.email || ' was ' || OLD.stage);
CREATE RULE keep AS ON DELETE TO lead WHERE OLD.email = 'a@x' DO INSTEAD NOTHING;
UPDATE lead SET need = true WHERE email IN ('a@x', 'b@y');
DELETE FROM lead WHERE email IN ('a@x', 'b@y');
SELECT * FROM log ORDER BY what COLLATE "C";
SELECT email, domain, stage, fit_score, hot FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
