-- lead_stage.now: the time that rules and history go by.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_clock;
CREATE SCHEMA clock AUTHORIZATION regress_clock;

-- Not for everybody, before the library is loaded and after.
\c -
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SET ROLE regress_clock;
SET lead_stage.now = '2001-01-01 00:00+00';
SELECT lead_stage.now() = now() AS transaction_time;
SHOW lead_stage.now;
SET lead_stage.now = '2001-01-01 00:00+00';
SELECT set_config('lead_stage.now', '2001-01-01 00:00+00', false);
SELECT lead_stage.now() = now() AS transaction_time;
RESET ROLE;
GRANT SET ON PARAMETER lead_stage.now TO regress_clock;
SET ROLE regress_clock;
SET search_path = clock, public;
SET timezone = 'UTC';

-- What is not a point in time is refused, and nothing changes.
SET lead_stage.now = '2026-03-01 09:00+00';
SET lead_stage.now = 'soon';
SET lead_stage.now = '2026-02-30';
SET lead_stage.now = 'infinity';
SET lead_stage.now = '25:00';
SET lead_stage.now = '300000-01-01';
SHOW lead_stage.now;
SELECT lead_stage.now() = '2026-03-01 09:00+00' AS kept;
-- Local times are in the session's zone.
SET timezone = 'Asia/Tokyo';
SET lead_stage.now = '2026-03-01 18:00';
SET timezone = 'UTC';
SELECT lead_stage.now();
BEGIN;
SET LOCAL lead_stage.now = '2026-03-02';
SELECT lead_stage.now();
ROLLBACK;
SELECT lead_stage.now();
SET lead_stage.now = '';
SELECT lead_stage.now() = now() AS transaction_time;

CREATE TABLE lead (id int PRIMARY KEY, n int, due timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('clock');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition) VALUES
    ('clock', 'due', 'lead', 'mql', true, 'due <= lead_stage.now()'),
    ('clock', 'on', 'mql', 'sal', false, NULL);
SELECT lead_stage.attach('lead', 'clock');
SELECT lead_stage.publish('clock') > 0 AS published;

-- Without the setting it is the transaction's time, in every statement of it.
BEGIN;
INSERT INTO lead (id, due) VALUES (1, clock_timestamp());
SELECT pg_catalog.clock_timestamp() > now() AS later;
UPDATE lead SET due = now() WHERE id = 1;
SELECT stage, stage_since = now() AS now FROM lead WHERE id = 1;
SELECT event, at = now() AS now, recorded_at = now() AS recorded_now FROM lead_history ORDER BY id;
COMMIT;

-- With it, rules, columns and history go by it; what is recorded is real.
SET lead_stage.now = '2026-03-01 09:00+00';
INSERT INTO lead (id, due) VALUES (2, '2026-03-01 09:00:01+00'), (3, '2026-03-01 09:00+00');
SELECT id, stage, stage_since FROM lead WHERE id IN (2, 3) ORDER BY id;
SELECT lead_id, event, at, recorded_at > now() - interval '1 hour' AND recorded_at <= now() AS real FROM lead_history WHERE lead_id IN (2, 3) ORDER BY lead_id, id;

-- Time does not go back for a lead: not before its last move, nor before any
-- other event of its own.
SET lead_stage.now = '2026-02-01 00:00+00';
UPDATE lead SET stage = 'sal' WHERE id = 3;
SELECT id, stage, stage_since FROM lead WHERE id = 3;
SET lead_stage.now = '2026-04-01 00:00+00';
UPDATE lead SET owner = 'x' WHERE id = 2;
SET lead_stage.now = '2026-03-15 00:00+00';
UPDATE lead SET n = 1 WHERE id = 2;
SELECT id, stage, stage_since, lead_stage.now() FROM lead WHERE id = 2;
DELETE FROM lead WHERE id = 3;
SELECT lead_id, event, at FROM lead_history WHERE lead_id IN (2, 3) ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'clock';
DROP SCHEMA clock CASCADE;
DROP OWNED BY regress_clock;
DROP ROLE regress_clock;
