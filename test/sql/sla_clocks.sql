-- A clock from its start to its end: met in time and late, warned, breached,
-- paused and resumed, cancelled, started anew; the tasks as they are at every
-- instant, though nothing sweeps.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA slac;
SET search_path = slac, public;
CREATE TABLE lead (id int PRIMARY KEY, first_call_at timestamptz, waiting bool NOT NULL DEFAULT false, vip bool NOT NULL DEFAULT false);
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('slac', 'UTC');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'slac', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, calendar) VALUES ('slac', 'slac');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES
    ('slac', 'ripe', NULL, 'mql'), ('slac', 'accept', 'mql', 'sal'), ('slac', 'back', NULL, 'nurture'), ('slac', 'out', NULL, 'disqualified');
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, pause_when, warn_before) VALUES
    ('slac', 'call', 'mql', '4 hours', 'first_call_at', 'waiting', '1 hour');
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, condition, escalate_to) VALUES
    ('slac', 'vip', 'mql', '1 hour', 'always', 'vip', 'boss');
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, breach_to) VALUES
    ('slac', 'decide', 'sal', '2 days', 'always', 'nurture');
SELECT lead_stage.attach('lead', 'slac');
SELECT lead_stage.publish('slac') > 0 AS published;
CREATE VIEW story AS
    SELECT lead_id AS lead, to_char(at, 'Dy HH24:MI') AS at, event, name, to_char(due, 'Dy HH24:MI') AS due, elapsed, reason, from_stage, to_stage, owner
    FROM lead_history WHERE event LIKE 'sla%' OR event IN ('stage', 'owner') ORDER BY lead_id, id;
CREATE VIEW task AS SELECT id, policy, to_char(due, 'Dy HH24:MI') AS due, time_left, state FROM lead_tasks ORDER BY id, policy;
CREATE FUNCTION at(text) RETURNS void LANGUAGE sql AS $$SELECT set_config('lead_stage.now', $1 || '+00', false)$$;

-- Monday, nine o'clock.
SELECT at('2026-03-02 09:00');
INSERT INTO lead (id, stage, vip) SELECT i, 'mql', i = 7 FROM generate_series(1, 8) AS i;
TABLE task;

-- 1: met in time.  2: met late.  3: met in time, told afterwards.  4: the same,
-- but a sweep came first, which makes no difference.  5: paused.  6: moved up.  7: nobody does anything.
-- 8: moved down, and up again.
SELECT at('2026-03-02 10:30');
UPDATE lead SET first_call_at = lead_stage.now() WHERE id = 1;
UPDATE lead SET waiting = true WHERE id = 5;
UPDATE lead SET stage = 'sal' WHERE id = 6;
UPDATE lead SET stage = 'nurture' WHERE id = 8;
TABLE task;
-- What is read is right at each instant, and nothing has swept.
SELECT at('2026-03-02 12:00'); TABLE task;
SELECT at('2026-03-02 13:00'); TABLE task;
SELECT at('2026-03-02 16:00');
UPDATE lead SET first_call_at = lead_stage.now() WHERE id = 2;
UPDATE lead SET first_call_at = '2026-03-02 11:00+00' WHERE id = 3;
UPDATE lead SET waiting = false WHERE id = 5;
UPDATE lead SET stage = 'mql' WHERE id = 8;
CALL lead_stage.sweep();
UPDATE lead SET first_call_at = '2026-03-02 11:00+00' WHERE id = 4;
TABLE task;
SELECT sla_left FROM lead_live WHERE id IN (5, 7) ORDER BY id;
SELECT sla_due, sla_state FROM lead_state WHERE id IN (1, 5, 7) ORDER BY id;
-- A breached clock cannot pause any more.
UPDATE lead SET waiting = true WHERE id = 7;
SELECT at('2026-03-05 12:00');
CALL lead_stage.sweep();
CALL lead_stage.sweep();
TABLE story;
SELECT * FROM lead_stage.verify_history('lead');
SELECT kind, name, holds, detail FROM lead_stage.explain('lead', 7) WHERE kind = 'sla';

-- At the due instant itself: what is due then comes first, whoever is first to
-- notice, and still it is in time.  Too late for a pause.
SELECT at('2026-03-09 09:00');
INSERT INTO lead (id, stage) SELECT i, 'mql' FROM generate_series(11, 14) AS i;
SELECT at('2026-03-09 13:00');
UPDATE lead SET first_call_at = lead_stage.now() WHERE id = 11;
UPDATE lead SET waiting = true WHERE id = 12;
UPDATE lead SET stage = 'sal' WHERE id = 13;
CALL lead_stage.sweep();
SELECT * FROM story WHERE lead > 10 AND event <> 'sla_started';

-- Both in one statement: what happened first counts.
SELECT at('2026-03-10 09:00');
INSERT INTO lead (id, stage) SELECT i, 'mql' FROM generate_series(21, 22) AS i;
SELECT at('2026-03-10 12:30');
UPDATE lead SET first_call_at = '2026-03-10 09:30+00', stage = 'nurture' WHERE id = 21;
UPDATE lead SET first_call_at = '2026-03-10 09:30+00', stage = 'sal' WHERE id = 22;
SELECT * FROM story WHERE lead > 20 AND event <> 'sla_started';

-- An owner and a stage that a breach gave, and what the late write says of its own.
SELECT at('2026-03-16 09:00');
INSERT INTO lead (id, stage, vip) VALUES (31, 'mql', true), (32, 'mql', true), (33, 'lead', true);
UPDATE lead SET stage = 'mql' WHERE id = 33;
UPDATE lead SET stage = 'sal' WHERE id = 33;
SELECT at('2026-03-18 12:00');
UPDATE lead SET waiting = true WHERE id = 31;
UPDATE lead SET owner = 'ann' WHERE id = 32;
UPDATE lead SET waiting = true WHERE id = 33;
SELECT id, stage, stage_since, stage_reason, owner FROM lead WHERE id > 30 ORDER BY id;
SELECT * FROM story WHERE lead > 30 AND event NOT IN ('sla_started', 'sla_warned');
SELECT * FROM lead_stage.verify_history('lead');

RESET lead_stage.now;
DROP SCHEMA slac CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model WHERE name = 'slac';
DELETE FROM lead_stage.calendar WHERE name = 'slac';
