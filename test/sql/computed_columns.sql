-- What is computed is not the application's to write: stage_since, fit_score
-- and the state.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_computed;
GRANT SET ON PARAMETER lead_stage.now TO regress_computed;
CREATE SCHEMA computed AUTHORIZATION regress_computed;
SET ROLE regress_computed;
SET search_path = computed, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, note text, updated_at timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('computed');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('computed', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES
    ('computed', 'up', 'lead', 'mql', true, 10), ('computed', 'on', 'mql', 'sal', false, NULL);
SELECT lead_stage.attach('lead', 'computed');
SELECT lead_stage.publish('computed') > 0 AS published;

-- On INSERT.
SET lead_stage.now = '2026-03-01 00:00+00';
INSERT INTO lead (id, size, stage_since, fit_score) VALUES (1, 1, '1999-01-01', 99), (2, 101, '2099-01-01', -1);
SELECT id, stage, stage_since, fit_score FROM lead ORDER BY id;

-- On UPDATE, with and without anything else, null too.
SET lead_stage.now = '2026-03-02 00:00+00';
UPDATE lead SET fit_score = 99;
UPDATE lead SET fit_score = NULL;
UPDATE lead SET stage_since = NULL WHERE id = 1;
UPDATE lead SET stage_since = '2099-01-01', note = 'later' WHERE id = 1;
UPDATE lead SET stage_since = 'infinity', fit_score = 3, size = 50 WHERE id = 1;
UPDATE lead SET stage = 'sal', stage_since = '2099-01-01', fit_score = 0 WHERE id = 2;
SELECT id, stage, stage_since, fit_score, note FROM lead ORDER BY id;
SELECT lead_id, event, at, from_stage, to_stage, fit_score FROM lead_history ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

-- An update of what no condition reads writes nothing of ours, and makes no
-- event, also if it sets columns that we read to what they were.
CREATE TABLE before AS SELECT (SELECT count(*) FROM lead_history) AS history, (SELECT max(id) FROM lead_history) AS last_id;
SELECT last_value AS ids FROM lead_history_id_seq \gset before_
UPDATE lead SET note = 'nothing', updated_at = lead_stage.now();
UPDATE lead SET size = size, stage = stage, stage_since = stage_since, stage_reason = stage_reason, fit_score = fit_score, owner = owner;
UPDATE lead SET note = note;
SELECT (SELECT count(*) FROM lead_history) - history AS new_history FROM before;
SELECT last_value - :before_ids AS ids_taken FROM lead_history_id_seq;
SELECT count(*) AS states FROM lead_state;

-- A generated column, and a trigger of the user's that comes first, see and
-- give what they would anyway.
CREATE FUNCTION normalise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.size := NEW.size * 2;
    NEW.fit_score := 12345;
    RETURN NEW;
END
$$;
CREATE TRIGGER normalise BEFORE INSERT OR UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION normalise();
ALTER TABLE lead ADD COLUMN is_far bool GENERATED ALWAYS AS (stage >= 'mql' AND fit_score > 0) STORED;
INSERT INTO lead (id, size) VALUES (3, 51), (4, 50) RETURNING id, size, stage, fit_score, is_far;
UPDATE lead SET size = 60 WHERE id = 4 RETURNING id, size, stage, fit_score, is_far;
SELECT id, size, stage, fit_score, is_far FROM lead WHERE id > 2 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'computed';
DROP SCHEMA computed CASCADE;
DROP OWNED BY regress_computed;
DROP ROLE regress_computed;
