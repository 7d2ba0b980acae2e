-- What is remembered of leads is written at the end of a statement, many rows
-- at once: nobody else finds less meanwhile, and nothing is left of what was
-- rolled back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA held;
SET search_path = held, public;
CREATE TABLE lead (id int PRIMARY KEY, note text, called_at timestamptz);
CREATE TABLE activity (lead_id int, at timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('held');
INSERT INTO lead_stage.rule (model, name, kind, source, points, half_life) VALUES ('held', 'visit', 'engagement', 'web', 10, '10 days');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES
    ('held', 'ripe', NULL, 'mql'), ('held', 'accept', 'mql', 'sal'), ('held', 'back', NULL, 'nurture');
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('held', 'came', 'visit');
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, met_at) VALUES ('held', 'call', 'mql', '4 hours', 'always', 'called_at');
SELECT lead_stage.attach('lead', 'held');
SELECT lead_stage.attach_activity('activity', 'lead', 'web', ARRAY['lead_id']);
SELECT lead_stage.publish('held') > 0 AS published;

-- A trigger of the user's that writes an earlier lead of the same statement, in
-- a subtransaction that it may undo.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note LIKE 'call%' THEN
        UPDATE lead SET called_at = lead_stage.now() WHERE id = NEW.id - 1;
    ELSIF NEW.note LIKE 'visit%' THEN
        INSERT INTO activity VALUES (NEW.id - 1, lead_stage.now());
    ELSIF NEW.note LIKE 'delete%' THEN
        DELETE FROM lead WHERE id = NEW.id - 1;
    ELSIF NEW.note LIKE 'deep%' THEN
        BEGIN
            UPDATE lead SET called_at = lead_stage.now() WHERE id = NEW.id - 1;
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN
            UPDATE lead SET stage = 'nurture' WHERE id = NEW.id - 1;
        END;
    END IF;
    IF NEW.note LIKE '%undone' THEN
        RAISE EXCEPTION 'undone';
    END IF;
    RETURN NEW;
EXCEPTION WHEN raise_exception THEN
    RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE OF stage ON lead FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE VIEW story AS
    SELECT lead_id AS lead, string_agg(event || coalesce(' ' || nullif(to_stage, from_stage)::text, ''), ', ' ORDER BY id) AS story
    FROM lead_history GROUP BY lead_id;
CREATE VIEW remembered AS
    SELECT id, sla_state, sla_due - timestamptz '2026-03-02 00:00+00' AS due, lead_stage.engagement(engagement_state, '2026-03-02 09:00+00') AS engagement
    FROM lead_state;
CREATE VIEW wrong AS
    SELECT * FROM lead_stage.verify_history('lead')
    UNION ALL SELECT ARRAY[s.id::text], 'remembered, but gone' FROM lead_state AS s WHERE NOT EXISTS (SELECT FROM lead AS l WHERE l.id = s.id);
\pset null '-'
SET lead_stage.now = '2026-03-02 09:00+00';
-- in the same statement: met, visited and gone, each for good and undone
INSERT INTO lead (id, stage, note) SELECT i, 'mql', CASE WHEN i % 2 = 0 THEN (ARRAY['call', 'call, undone', 'visit', 'visit, undone', 'delete', 'delete, undone', 'deep', 'deep, undone'])[i / 2] END
    FROM generate_series(1, 17) AS i;
SELECT id, stage, note, called_at IS NOT NULL AS called FROM lead ORDER BY id;
TABLE remembered ORDER BY id;
TABLE story ORDER BY lead;
TABLE wrong;

-- the same by an UPDATE: all leave, in the order of the key, and come back
UPDATE lead SET stage = 'nurture', note = NULL;
TABLE remembered ORDER BY id;
UPDATE lead AS l SET stage = 'mql', called_at = NULL, note = CASE WHEN l.id % 2 = 0 THEN (ARRAY['call', 'call, undone', 'visit', 'visit, undone', 'delete', 'delete, undone', 'deep', 'deep, undone'])[l.id / 2] END
    FROM (SELECT id FROM lead ORDER BY id) AS o WHERE o.id = l.id;
TABLE remembered ORDER BY id;
TABLE wrong;

UPDATE lead SET stage = 'nurture', note = NULL;
SET lead_stage.now = '2026-03-02 10:00+00';
UPDATE lead SET stage = 'mql', called_at = NULL;

-- more than are held at a time; a savepoint takes its own with it
BEGIN;
INSERT INTO lead (id, stage) SELECT i, 'mql' FROM generate_series(101, 2600) AS i;
SAVEPOINT s;
UPDATE lead SET called_at = lead_stage.now() WHERE id > 100;
INSERT INTO lead (id, stage) SELECT i, 'mql' FROM generate_series(3001, 3003) AS i;
SELECT sla_state, count(*) FROM remembered WHERE id > 100 GROUP BY 1 ORDER BY 1;
ROLLBACK TO s;
SELECT sla_state, count(*) FROM remembered WHERE id > 100 GROUP BY 1 ORDER BY 1;
UPDATE lead SET called_at = lead_stage.now() WHERE id % 2 = 0;
COMMIT;
SELECT id % 2 AS odd, sla_state, count(*) FROM remembered WHERE id > 100 GROUP BY 1, 2 ORDER BY 1, 2;
DELETE FROM lead WHERE id > 100;
TABLE wrong;

-- What happens to a lead without moving it leaves its row alone: a milestone,
-- a breach, a clock that a call meets.  Triggers of the user's do not see it.
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'lead % was written', NEW.id; RETURN NULL; END$$;
CREATE TRIGGER see AFTER UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION see();
CREATE TABLE before AS SELECT id, xmin::text AS writer, ctid AS place FROM lead;
INSERT INTO activity VALUES (1, lead_stage.now()), (2, lead_stage.now());
SET lead_stage.now = '2026-03-02 18:00+00';
CALL lead_stage.sweep();
SELECT lead_id, event, name, reason, to_char(at, 'HH24:MI') AS at FROM lead_history WHERE lead_id IN (1, 3) AND at >= '2026-03-02 10:00+00' ORDER BY lead_id, id;
SELECT count(*) AS rewritten FROM before JOIN lead USING (id) WHERE before.place <> lead.ctid OR before.writer <> lead.xmin::text;
UPDATE lead SET stage = 'sal' WHERE id = 3;
TABLE wrong;

-- what was left behind by a lead that went unnoticed is written over
ALTER TABLE lead DISABLE TRIGGER USER;
DELETE FROM lead;
ALTER TABLE lead ENABLE TRIGGER USER;
SELECT count(*) > 10 AS left_behind FROM remembered;
SET lead_stage.now = '2026-03-03 10:00+00';
INSERT INTO lead (id, stage) SELECT i, 'mql' FROM generate_series(1, 17) AS i;
SELECT sla_state, due, count(*) FROM remembered GROUP BY 1, 2;

\set VERBOSITY terse
DROP SCHEMA held CASCADE;
DELETE FROM lead_stage.binding WHERE model = 'held';
DELETE FROM lead_stage.model WHERE name = 'held';
