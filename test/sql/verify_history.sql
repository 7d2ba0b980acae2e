-- verify_history finds what is wrong: each fault is planted by a superuser who
-- takes the guard away, found, and undone.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_verify;
GRANT SET ON PARAMETER lead_stage.now TO regress_verify;
CREATE SCHEMA verify AUTHORIZATION regress_verify;
SET ROLE regress_verify;
SET search_path = verify, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, a bool, b bool);
INSERT INTO lead_stage.model (name) VALUES ('verify');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition) VALUES
    ('verify', 'up', 'lead', 'mql', true, 'a'), ('verify', 'on', 'mql', 'sal', true, 'b'), ('verify', 'down', 'sal', 'lead', false, NULL);
SELECT lead_stage.attach('lead', 'verify');
SELECT lead_stage.publish('verify') > 0 AS published;
SET lead_stage.now = '2026-01-01'; INSERT INTO lead SELECT generate_series(1, 5);
SET lead_stage.now = '2026-01-02'; UPDATE lead SET a = true WHERE id > 1;
SET lead_stage.now = '2026-01-03'; UPDATE lead SET b = true WHERE id > 2;
SET lead_stage.now = '2026-01-04'; UPDATE lead SET owner = 'ann', stage = 'lead' WHERE id = 3;
SET lead_stage.now = '2026-01-05'; UPDATE lead SET id = 40 WHERE id = 4; DELETE FROM lead WHERE id = 5;
SELECT lead_id, at::date, event, from_stage, to_stage FROM lead_history ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

-- The owner cannot: not while the guard stands.
UPDATE lead_history SET to_stage = 'lost';
RESET ROLE;
ALTER TABLE lead_history DISABLE TRIGGER lead_stage_append_only;
ALTER TABLE lead DISABLE TRIGGER USER;
-- Ids differ from run to run.
CREATE VIEW found AS SELECT key, regexp_replace(problem, 'row \d+', 'row N') AS problem FROM lead_stage.verify_history('lead') ORDER BY 1, 2;

-- A chain that is broken: a move is gone from the middle, and from the end.
BEGIN; DELETE FROM lead_history WHERE lead_id = 3 AND to_stage = 'mql'; TABLE found; ROLLBACK;
BEGIN; DELETE FROM lead_history WHERE lead_id = 2 AND to_stage = 'mql'; TABLE found; ROLLBACK;
BEGIN; UPDATE lead_history SET to_stage = 'nurture' WHERE lead_id = 3 AND to_stage = 'sal'; TABLE found; ROLLBACK;
-- No created row; no history at all.
BEGIN; DELETE FROM lead_history WHERE lead_id = 2 AND event = 'created'; TABLE found; ROLLBACK;
BEGIN; DELETE FROM lead_history WHERE lead_id = 1; TABLE found; ROLLBACK;
-- Times: a stay that began at another time, and events out of order.
BEGIN; UPDATE lead_history SET since = since - interval '1 hour' WHERE lead_id = 3 AND to_stage = 'lead' AND event = 'stage'; TABLE found; ROLLBACK;
BEGIN; UPDATE lead_history SET since = NULL WHERE lead_id = 5 AND event = 'deleted'; TABLE found; ROLLBACK;
BEGIN; UPDATE lead_history SET at = '2025-12-31' WHERE lead_id = 3 AND event = 'owner'; TABLE found; ROLLBACK;
-- What happened to a lead that was gone.
BEGIN; INSERT INTO lead_history (lead_id, at, recorded_at, event, from_stage, to_stage, role) VALUES (5, '2026-02-01', now(), 'stage', 'sal', 'lead', 'x'); TABLE found; ROLLBACK;
-- The lead itself: another stage, another time, gone, there unheard of, there
-- though deleted.
BEGIN; UPDATE lead SET stage = 'customer' WHERE id = 2; TABLE found; ROLLBACK;
BEGIN; UPDATE lead SET stage_since = '2026-01-01' WHERE id = 2; TABLE found; ROLLBACK;
BEGIN; DELETE FROM lead WHERE id IN (3, 40); TABLE found; ROLLBACK;
BEGIN; INSERT INTO lead (id, stage, stage_since) VALUES (9, 'lead', now()); TABLE found; ROLLBACK;
BEGIN; INSERT INTO lead (id, stage, stage_since) VALUES (5, 'sal', '2026-01-03'); TABLE found; ROLLBACK;
-- A key change that is half told.
BEGIN; DELETE FROM lead_history WHERE lead_id = 4 AND event = 'rekeyed'; TABLE found; ROLLBACK;
BEGIN; DELETE FROM lead_history WHERE lead_id = 40 AND event = 'rekeyed'; TABLE found; ROLLBACK;
-- A lead that was never judged is no fault.
BEGIN; INSERT INTO lead (id) VALUES (9); TABLE found; ROLLBACK;

-- All is well again, and was.
ALTER TABLE lead_history ENABLE TRIGGER lead_stage_append_only;
ALTER TABLE lead ENABLE TRIGGER USER;
TABLE found;
SELECT * FROM lead_stage.verify_history(NULL);
SELECT * FROM lead_stage.verify_history('lead_history');
DROP VIEW found;
SELECT lead_stage.detach('lead');
DELETE FROM lead_stage.model WHERE name = 'verify';
DROP SCHEMA verify CASCADE;
DROP OWNED BY regress_verify;
DROP ROLE regress_verify;
