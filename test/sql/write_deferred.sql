-- Deferred constraints and deferred triggers: at commit history is there, and
-- what a deferred trigger writes is recorded too; a constraint that fails at
-- commit takes everything with it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_deferred
\i :setup

CREATE TABLE rep (name text PRIMARY KEY);
INSERT INTO rep VALUES ('ann');
ALTER TABLE lead ADD FOREIGN KEY (owner) REFERENCES rep DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'at commit: %', (SELECT s.story FROM story AS s WHERE s.lead = NEW.id);
    INSERT INTO lead (id, size, note) VALUES (NEW.id + 100, 500, 'by the trigger');
    UPDATE lead SET met = true WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON lead DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.note IS DISTINCT FROM 'by the trigger') EXECUTE FUNCTION at_commit();
SET client_min_messages = notice;
BEGIN;
INSERT INTO lead (id, size, owner) VALUES (1, 500, 'bob');
INSERT INTO rep VALUES ('bob');
UPDATE lead SET owner = 'ann' WHERE id = 1;
COMMIT;
BEGIN;
INSERT INTO lead (id, size, owner) VALUES (2, 500, 'nobody');
COMMIT;
BEGIN;
INSERT INTO lead (id, size) VALUES (3, 500);
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE lead SET owner = 'bob' WHERE id = 3;
COMMIT;
BEGIN;
SAVEPOINT a;
INSERT INTO lead (id, size) VALUES (4, 500);
ROLLBACK TO a;
INSERT INTO lead (id, size) VALUES (5, 5);
COMMIT;
SELECT id, stage, owner, met, note FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
