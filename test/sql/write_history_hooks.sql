-- What the owner adds to history of his own: triggers see each row, as under
-- INSERT, constraints hold, generated columns are computed, defaults filled in
-- with the owner's rights.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_history_hooks
\i :setup

CREATE TABLE seen (id serial, what text);
ALTER TABLE lead_history ADD COLUMN loud text GENERATED ALWAYS AS (upper(event)) STORED,
    ADD CONSTRAINT no_nonsense CHECK (reason <> 'nonsense');
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.event = 'milestone' THEN RETURN NULL; END IF; NEW.actor := 'hook'; RETURN NEW; END $$;
CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen (what) VALUES (format('%s %s of %s', NEW.lead_id, NEW.event, (SELECT count(*) FROM lead_history)));
    -- History that causes history.
    IF NEW.owner = 'chain' AND NEW.event = 'owner' THEN UPDATE lead SET owner = 'chained' WHERE id = NEW.lead_id; END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION deferred() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO seen (what) VALUES (format('%s %s at commit', NEW.lead_id, NEW.event)); RETURN NULL; END $$;
CREATE TRIGGER before BEFORE INSERT ON lead_history FOR EACH ROW EXECUTE FUNCTION before();
CREATE TRIGGER after AFTER INSERT ON lead_history FOR EACH ROW EXECUTE FUNCTION after();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON lead_history DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.event = 'stage') EXECUTE FUNCTION deferred();
INSERT INTO lead (id, size, met) VALUES (1, 500, true), (2, 5, true);
UPDATE lead SET owner = 'chain' WHERE id = 2;
UPDATE lead SET stage = 'nurture', stage_reason = 'nonsense' WHERE id = 2;
SELECT h.lead_id, h.loud, h.actor, story(h) FROM lead_history AS h ORDER BY h.id;
SELECT what FROM seen ORDER BY id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

-- Columns of his own, with a default: also for many rows at once.
DROP TRIGGER before ON lead_history;
CREATE SEQUENCE counter;
ALTER TABLE lead_history ADD COLUMN source text DEFAULT 'crm', ADD COLUMN by_whom name DEFAULT current_user,
    ADD COLUMN number int DEFAULT nextval('counter'), ADD COLUMN nothing text;
ALTER SEQUENCE counter RESTART;
INSERT INTO lead (id, size) SELECT i, 1 FROM generate_series(101, 1500) AS i;
SELECT source, by_whom, count(*), min(number), max(number), count(DISTINCT number) AS numbers, count(nothing) AS something, count(loud) AS loud
    FROM lead_history WHERE lead_id > 100 GROUP BY 1, 2;
ALTER TABLE lead_history DROP COLUMN source;
ALTER TABLE lead_history ALTER COLUMN nothing SET DEFAULT 'something';
INSERT INTO lead (id, size) VALUES (2000, 1);
SELECT nothing, number FROM lead_history WHERE lead_id = 2000;

-- Ids come from the sequence of the default, where it is the owner's own, and
-- from the one that belongs to history where it is not.
RESET ROLE;
CREATE SEQUENCE somebodys START 1000000;
ALTER TABLE lead_history ALTER COLUMN id SET DEFAULT nextval('somebodys');
SET ROLE regress_write_history_hooks;
INSERT INTO lead (id, size) VALUES (2001, 1);
RESET ROLE;
SELECT is_called FROM somebodys;
ALTER SEQUENCE somebodys OWNER TO regress_write_history_hooks;
ALTER TABLE lead_history ALTER COLUMN id SET DEFAULT nextval('somebodys');
SET ROLE regress_write_history_hooks;
INSERT INTO lead (id, size) VALUES (2002, 1);
ALTER TABLE lead_history ALTER COLUMN id DROP DEFAULT;
INSERT INTO lead (id, size) VALUES (2003, 1);
SELECT lead_id, id >= 1000000 AS somebodys FROM lead_history WHERE lead_id > 2000 ORDER BY 1, 2;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
