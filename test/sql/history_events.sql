-- What history says of each event.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_history;
GRANT SET ON PARAMETER lead_stage.now TO regress_history;
CREATE SCHEMA history AUTHORIZATION regress_history;
SET ROLE regress_history;
SET search_path = history, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, meeting_at timestamptz);
INSERT INTO lead_stage.model (name, on_refused) VALUES ('history', 'keep');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('history', 'big', 'fit', 'size > 100', 10), ('history', 'met', 'fit', 'meeting_at IS NOT NULL', 5);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit, reasons) VALUES
    ('history', 'up', 'lead', 'mql', true, 10, NULL), ('history', 'on', 'mql', 'sql', true, 15, NULL), ('history', 'down', NULL, 'nurture', false, NULL, '{}');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('history', 'meeting', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'history');
SELECT lead_stage.publish('history') AS v1 \gset

SET lead_stage.now = '2026-01-01'; INSERT INTO lead (id, owner) VALUES (1, 'ann'), (2, NULL);
SET lead_stage.now = '2026-01-02'; UPDATE lead SET owner = 'bob' WHERE id = 1;
SET lead_stage.now = '2026-01-03'; UPDATE lead SET size = 101, meeting_at = '2026-02-01', owner = 'carl' WHERE id = 1;
SET lead_stage.now = '2026-01-04'; UPDATE lead SET stage = 'customer', size = 0 WHERE id = 1;
SELECT lead_stage.publish('history') AS v2 \gset
SET lead_stage.now = '2026-01-05'; UPDATE lead SET stage = 'nurture', stage_reason = 'not now' WHERE id = 1;
SET lead_stage.now = '2026-01-06'; UPDATE lead SET id = 11 WHERE id = 1;
SET lead_stage.now = '2026-01-07'; DELETE FROM lead WHERE id = 11;
SET lead_stage.now = '2026-01-08'; TRUNCATE lead;
SELECT lead_id, at::date, since::date, version = :v1 AS v1, version = :v2 AS v2, fit_score AS fit, from_stage, to_stage, event, name, owner, previous_owner AS previous, reason,
       lead_stage.evidence('lead', id) AS evidence
FROM lead_history ORDER BY lead_id, id;

-- Of one lead, ids are in the order of the events, and an instant never goes back.
SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM lead_history;
SELECT count(*) AS out_of_order FROM (SELECT at < lag(at) OVER (PARTITION BY lead_id ORDER BY id) AS back FROM lead_history) AS h WHERE back;
-- Each row tells where its lead is after it: in to_stage if it moved, else in
-- from_stage.
SELECT event, bool_and((to_stage IS NOT NULL) = (event IN ('created', 'stage', 'rekeyed'))) AS moved FROM lead_history
WHERE event <> 'refused' AND NOT (event = 'rekeyed' AND from_stage IS NOT NULL) GROUP BY event ORDER BY event;
SELECT * FROM lead_stage.verify_history('lead');

-- evidence of no such row, and of nothing.
SELECT lead_stage.evidence('lead', 0);
SELECT lead_stage.evidence('lead', NULL);
SELECT lead_stage.evidence(NULL, 1);
SELECT lead_stage.evidence('lead_history', 1);

-- A renamed rule, and one that is gone: what held is told in the words of then.
INSERT INTO lead (id, size, meeting_at) VALUES (3, 101, '2026-02-01');
UPDATE lead_stage.rule SET name = 'large' WHERE model = 'history' AND name = 'big';
DELETE FROM lead_stage.rule WHERE model = 'history' AND name = 'met';
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('history', 'other', 'fit', 'size IS NOT NULL', 1);
SELECT lead_stage.publish('history') > 0 AS published;
INSERT INTO lead (id, size, meeting_at) VALUES (4, 101, '2026-02-01');
SELECT lead_id, lead_stage.evidence('lead', id) FROM lead_history WHERE lead_id IN (3, 4) AND event = 'created' ORDER BY lead_id;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'history';
DROP SCHEMA history CASCADE;
DROP OWNED BY regress_history;
DROP ROLE regress_history;
