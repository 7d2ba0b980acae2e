-- The user's own triggers: BEFORE triggers that change columns, drop rows or
-- write other leads; AFTER triggers find history written, also those of a
-- statement that runs inside another.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_triggers
\i :setup

SET client_min_messages = notice;
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'skip' THEN RETURN NULL; END IF;
    IF NEW.note = 'enlarge' THEN NEW.size := 500; END IF;
    IF NEW.note = 'spawn' THEN
        INSERT INTO lead (id, size) VALUES (NEW.id + 100, 500);
        RAISE NOTICE 'before %: history of the new lead: %', NEW.id, (SELECT s.story FROM story AS s WHERE s.lead = NEW.id + 100);
    END IF;
    IF NEW.note = 'touch' THEN UPDATE lead SET owner = 'touched' WHERE id = 1; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION before();
CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'after % of %: %', lower(TG_OP), coalesce(NEW.id, OLD.id), (SELECT s.story FROM story AS s WHERE s.lead = coalesce(NEW.id, OLD.id));
    IF NEW.note = 'again' THEN UPDATE lead SET note = 'done', owner = 'after' WHERE id = NEW.id; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER "Aa" AFTER INSERT OR UPDATE OR DELETE ON lead FOR EACH ROW EXECUTE FUNCTION after();
CREATE FUNCTION statement() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'after the statement: % rows, % events', (SELECT count(*) FROM new), (SELECT count(*) FROM lead_history); RETURN NULL; END $$;
CREATE TRIGGER statement AFTER INSERT ON lead REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION statement();

INSERT INTO lead (id, size, note) VALUES (1, 5, NULL), (2, 5, 'skip'), (3, 5, 'enlarge');
INSERT INTO lead (id, size, note) VALUES (4, 500, NULL), (5, 5, 'spawn'), (6, 500, 'touch'), (7, 500, 'again');
UPDATE lead SET size = 500, note = 'skip' WHERE id = 1;
DELETE FROM lead WHERE id = 3;
-- Recursion to a bottom, each level through an AFTER trigger.
CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO lead (id, size, note) VALUES (NEW.id + 1, NEW.size, CASE WHEN NEW.id < 23 THEN 'chain' END); RETURN NULL; END $$;
CREATE TRIGGER chain AFTER INSERT ON lead FOR EACH ROW WHEN (NEW.note = 'chain') EXECUTE FUNCTION chain();
SET client_min_messages = warning;
INSERT INTO lead (id, size, note) VALUES (20, 500, 'chain');
-- A trigger that writes the row it was fired for is core's to refuse.
CREATE FUNCTION itself() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE lead SET note = 'x' WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER itself BEFORE UPDATE OF email ON lead FOR EACH ROW EXECUTE FUNCTION itself();
UPDATE lead SET email = 'e' WHERE id = 1;

SELECT id, stage, size, owner, note FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
-- In each lead's order of events, and none of them twice.
SELECT count(*) = count(DISTINCT id) AS unique_ids FROM lead_history;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
