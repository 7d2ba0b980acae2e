-- Clocks where something else happens: signals and rolling targets, changed
-- terms, imports and adopted leads, keys, partitions and deletion, policies and
-- calendars that are gone.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA slae;
SET search_path = slae, public;
CREATE TABLE lead (id int PRIMARY KEY, touched_at timestamptz, waiting bool NOT NULL DEFAULT false) PARTITION BY RANGE (id);
CREATE TABLE lead_low PARTITION OF lead FOR VALUES FROM (0) TO (100);
CREATE TABLE lead_high PARTITION OF lead FOR VALUES FROM (100) TO (1000);
CREATE TABLE call (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id int REFERENCES lead ON UPDATE CASCADE ON DELETE CASCADE, at timestamptz, answered bool);
CREATE INDEX ON call (lead_id);
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('slae', 'UTC');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'slae', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, calendar) VALUES ('slae', 'slae');
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points) VALUES ('slae', 'reached', 'engagement', 'call', 'answered', 0);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('slae', 'any', NULL, 'mql'), ('slae', 'up', NULL, 'sql'), ('slae', 'opp', NULL, 'opportunity');
INSERT INTO lead_stage.sla (model, name, stage, target, met_signal, warn_before) VALUES ('slae', 'reach', 'mql', '4 hours', 'reached', '30 minutes');
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, repeat, pause_when) VALUES ('slae', 'keep up', 'sql', '8 hours', 'touched_at', true, 'waiting');
INSERT INTO lead_stage.sla (model, name, stage, target, met_signal, repeat) VALUES ('slae', 'talk', 'opportunity', '8 hours', 'reached', true);
SELECT lead_stage.attach('lead', 'slae');
SELECT lead_stage.attach_activity('call', 'lead', 'call');
SELECT lead_stage.publish('slae') > 0 AS published;
CREATE VIEW story AS
    SELECT lead_id AS lead, to_char(at, 'Dy DD HH24:MI') AS at, event, name, to_char(due, 'Dy DD HH24:MI') AS due, elapsed, reason
    FROM lead_history WHERE event LIKE 'sla%' OR event = 'stage' ORDER BY lead_id, id;
CREATE VIEW task AS SELECT id, policy, to_char(due, 'Dy DD HH24:MI') AS due, time_left, state FROM lead_tasks ORDER BY id, policy;
CREATE FUNCTION at(text) RETURNS void LANGUAGE sql AS $$SELECT set_config('lead_stage.now', $1 || '+00', false)$$;

-- Met by the first call that was answered, not by one before the start; among
-- several at once by the first of them; in time though told late.
SELECT at('2026-03-02 09:00');
INSERT INTO lead (id, stage) VALUES (1, 'mql'), (2, 'mql'), (3, 'mql'), (4, 'mql');
SELECT at('2026-03-02 11:00');
INSERT INTO call (lead_id, at, answered) VALUES (1, '2026-03-02 08:00+00', true), (1, '2026-03-02 10:00+00', false);
TABLE task;
INSERT INTO call (lead_id, at, answered) VALUES (1, '2026-03-02 10:45+00', true), (1, '2026-03-02 10:15+00', true), (1, '2026-03-02 10:30+00', true);
SELECT at('2026-03-02 15:00');
INSERT INTO call (lead_id, at, answered) VALUES (2, '2026-03-02 12:55+00', true);
INSERT INTO call (lead_id, at, answered) VALUES (3, '2026-03-02 14:00+00', true);
SELECT * FROM story WHERE event <> 'stage' AND lead IN (1, 2, 3);

-- Rolling: the next clock starts when the last was met, and what is told late
-- counts when it happened.
SELECT at('2026-03-03 09:00');
INSERT INTO lead (id, stage) VALUES (11, 'sql'), (12, 'opportunity');
SELECT at('2026-03-03 15:00');
UPDATE lead SET touched_at = lead_stage.now() WHERE id = 11;
UPDATE lead SET touched_at = lead_stage.now() WHERE id = 11;
INSERT INTO call (lead_id, at, answered) VALUES (12, '2026-03-03 10:00+00', true), (12, '2026-03-03 11:00+00', true), (12, '2026-03-03 12:00+00', false);
SELECT at('2026-03-05 12:00');
UPDATE lead SET touched_at = '2026-03-04 10:00+00' WHERE id = 11;
CALL lead_stage.sweep();
SELECT * FROM story WHERE lead IN (11, 12);
TABLE task;

-- A clock that stands still survives the recount of its lead's activities.
UPDATE lead SET waiting = true WHERE id = 11;
INSERT INTO lead (id, stage, waiting) VALUES (13, 'sql', true);
INSERT INTO call (lead_id, at, answered) VALUES (13, '2026-03-05 11:00+00', false);
DELETE FROM call WHERE lead_id = 13;
SELECT * FROM task WHERE id = 13;

-- Changed terms: a publish and a late holiday leave open clocks alone, until
-- somebody reschedules them; a pause keeps what was left.
SELECT at('2026-03-06 14:00');
INSERT INTO lead (id, stage) VALUES (21, 'mql'), (22, 'sql'), (23, 'sql');
SELECT at('2026-03-06 16:00');
UPDATE lead SET waiting = true WHERE id = 23;
INSERT INTO lead_stage.holiday (calendar, day) VALUES ('slae', '2026-03-09');
UPDATE lead_stage.sla SET target = '6 hours' WHERE model = 'slae' AND name = 'reach';
SELECT lead_stage.publish('slae') > 0 AS published;
SELECT * FROM task WHERE id > 20;
SELECT * FROM lead_stage.reschedule('lead') WHERE key[1]::int > 20;
SELECT * FROM task WHERE id > 20;
SELECT * FROM lead_stage.reschedule('lead', true) WHERE key[1]::int > 20;
SELECT * FROM lead_stage.reschedule('lead');
SELECT * FROM task WHERE id > 20;
SELECT at('2026-03-10 10:00');
-- Resumed by the calendar as it is now.
UPDATE lead SET waiting = false WHERE id = 23;
SELECT * FROM task WHERE id = 23;
SELECT * FROM story WHERE lead = 23;

-- Keys, partitions, deletion.
UPDATE lead SET id = 123 WHERE id = 23;
SELECT * FROM task WHERE id = 123;
UPDATE lead SET touched_at = lead_stage.now() WHERE id = 123;
SELECT * FROM story WHERE lead = 123;
DELETE FROM lead WHERE id = 123;
SELECT event, name FROM lead_history WHERE lead_id = 123 ORDER BY id DESC LIMIT 2;
SELECT count(*) FROM lead_state WHERE id IN (23, 123);

-- A policy that is gone, and a calendar that is gone or never opens.
DELETE FROM lead_stage.sla WHERE model = 'slae' AND name = 'keep up';
SELECT lead_stage.publish('slae') > 0 AS published;
SELECT * FROM task WHERE id = 22;
SELECT at('2026-03-10 17:00');
CALL lead_stage.sweep();
SELECT * FROM story WHERE lead = 22;
SELECT * FROM lead_stage.verify_history('lead');
DELETE FROM lead_stage.calendar_hours WHERE calendar = 'slae';
INSERT INTO lead (id, stage) VALUES (31, 'mql');
SELECT * FROM story WHERE lead = 31;
UPDATE lead SET stage = 'sql' WHERE id = 21;
SELECT * FROM story WHERE lead = 21;
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'slae', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;

-- An import says since when; what fell due by then did so once, when it did.
SELECT at('2026-03-20 12:00');
SET lead_stage.enforce = off;
INSERT INTO lead (id, stage, stage_since) VALUES (41, 'mql', '2026-03-16 09:00+00'), (42, 'mql', '2026-03-16 09:00+00'), (43, 'mql', '2026-03-20 11:00+00');
UPDATE lead SET stage = 'sql', stage_since = '2026-03-17 10:00+00' WHERE id = 42;
RESET lead_stage.enforce;
SELECT * FROM task WHERE id > 40;
CALL lead_stage.sweep();
SELECT * FROM story WHERE lead > 40;
SELECT * FROM lead_stage.verify_history('lead');
TRUNCATE lead CASCADE;
SELECT * FROM lead_stage.verify_history('lead');
SELECT count(*) FROM lead_state;

-- TRUNCATE ends every clock, as DELETE does, and what is due by then happens
-- first.
SELECT at('2026-05-04 09:00');
INSERT INTO lead (id, stage) VALUES (51, 'mql'), (151, 'mql'), (152, 'lead');
SELECT at('2026-05-04 12:45');
INSERT INTO lead (id, stage) VALUES (52, 'mql');
SELECT at('2026-05-04 16:00');
TRUNCATE lead CASCADE;
SELECT * FROM story WHERE lead BETWEEN 51 AND 199 AND at LIKE 'Mon 04%';
SELECT lead_id, max(at) AS at, count(*) FROM lead_history WHERE event = 'deleted' AND lead_id IN (51, 52, 151, 152) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM lead_history AS h JOIN lead_history AS d USING (lead_id) WHERE d.event = 'deleted' AND lead_id IN (51, 52, 151) AND h.event = 'sla_cancelled' AND h.id > d.id;
SELECT * FROM lead_stage.verify_history('lead');
SELECT count(*) FROM lead_state;
RESET lead_stage.now;

-- Leads that were there before, told where they stand by rescore.
CREATE TABLE old (id int PRIMARY KEY, done_at timestamptz);
INSERT INTO old VALUES (1, NULL), (2, '2026-03-02 10:00+00'), (3, NULL);
INSERT INTO lead_stage.model (name) VALUES ('slae old');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('slae old', 'any', 'sal');
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, breach_to) VALUES ('slae old', 'do', 'mql', '1 day', 'done_at', 'nurture');
SELECT lead_stage.attach('old', 'slae old'), lead_stage.publish('slae old') > 0 AS published;
SELECT at('2026-03-06 09:00');
CALL lead_stage.rescore('old', stage => $$CASE id WHEN 3 THEN 'lead' ELSE 'mql' END$$, since => '''2026-03-02 09:00+00''');
SELECT id, stage, stage_since FROM old ORDER BY id;
SELECT old_history.old_id, at, event, name, elapsed, reason, from_stage, to_stage FROM (SELECT id AS hid, lead_id AS old_id, at, event, name, elapsed, reason, from_stage, to_stage FROM old_history) AS old_history ORDER BY old_id, hid;
SELECT * FROM lead_stage.verify_history('old');
RESET lead_stage.now;

-- A version without any policy: clocks that are open go on by their own terms.
CREATE TABLE rest (id int PRIMARY KEY, done_at timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('slae rest');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('slae rest', 'any', 'mql'), ('slae rest', 'on', 'sal');
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('slae rest', 'do', 'mql', '1 hour');
SELECT lead_stage.attach('rest', 'slae rest'), lead_stage.publish('slae rest') > 0 AS published;
SELECT at('2026-03-02 09:00');
INSERT INTO rest (id, stage) VALUES (1, 'mql'), (2, 'mql');
DELETE FROM lead_stage.sla WHERE model = 'slae rest';
SELECT lead_stage.publish('slae rest') > 0 AS published;
INSERT INTO rest (id, stage) VALUES (3, 'mql');
SELECT at('2026-03-02 09:30');
UPDATE rest SET stage = 'sal' WHERE id IN (1, 3);
SELECT at('2026-03-02 11:00');
CALL lead_stage.sweep();
SELECT lead_id AS rest_id, at, event, name, elapsed, reason FROM rest_history WHERE event LIKE 'sla%' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('rest');
RESET lead_stage.now;

-- Errors.
SELECT * FROM lead_stage.reschedule(NULL);
SELECT * FROM lead_stage.reschedule('pg_class');
SELECT at('2026-03-06 09:00');
SET lead_stage.enforce = off;
INSERT INTO old (id, stage) VALUES (4, 'mql'), (5, 'mql');
RESET lead_stage.enforce;
SELECT lead_stage.unpublish('old');
SELECT * FROM lead_stage.reschedule('old');

-- Clocks end with their leads though nothing is published any more.
SELECT at('2026-03-06 11:00');
DELETE FROM old WHERE id = 4;
TRUNCATE old;
SELECT lead_id AS old_id, at, event, elapsed FROM old_history WHERE lead_id > 3 ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('old');
-- A clock that did not end would be told of.
BEGIN;
SET LOCAL session_replication_role = replica;
DELETE FROM old_history WHERE event = 'sla_cancelled' AND lead_id = 5;
SELECT * FROM lead_stage.verify_history('old');
ROLLBACK;
RESET lead_stage.now;

DROP SCHEMA slae CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model WHERE name LIKE 'slae%';
DELETE FROM lead_stage.calendar WHERE name = 'slae';
