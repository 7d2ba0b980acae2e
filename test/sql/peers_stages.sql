-- What users of other systems complain about in their stages, each answered.
-- (1) a manual edit writes no history, (2) phantom entries on unrelated edits,
-- (3) rules that one path enforces and another bypasses, (4) moves back that are
-- silently dropped, and customers who stay customers, (5) no telling who set the
-- stage, (6) qualification that is never revoked, (7) a model taken out of use
-- takes its members' history with it, (8) who changed it, from what, after how
-- long.  And moves chained within one transaction, of which only the last is kept.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_peers;
CREATE ROLE regress_peers_app;
GRANT SET ON PARAMETER lead_stage.now TO regress_peers, regress_peers_app;
CREATE SCHEMA peers AUTHORIZATION regress_peers;
SET ROLE regress_peers;
SET search_path = peers, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, agreed bool, churned bool, note text);
INSERT INTO lead_stage.model (name) VALUES ('peers');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('peers', 'big', 'fit', 'size > 100', 20);
INSERT INTO lead_stage.criterion (model, name, required_for, question, condition) VALUES
    ('peers', 'agreed', 'sql', 'Did they agree to a next step?', 'agreed');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit, condition, reasons) VALUES
    ('peers', 'fits', 'lead', 'mql', true, 20, NULL, NULL),
    ('peers', 'no longer fits', 'mql', 'lead', true, NULL, 'size <= 100', NULL),
    ('peers', 'accept', 'mql', 'sql', false, NULL, NULL, NULL),
    ('peers', 'back', 'sql', 'mql', false, NULL, NULL, '{too early,no reply}'),
    ('peers', 'buy', 'sql', 'customer', false, NULL, NULL, NULL),
    ('peers', 'churn', 'customer', 'lost', true, NULL, 'churned', NULL);
SELECT lead_stage.attach('lead', 'peers');
SELECT lead_stage.publish('peers') > 0 AS published;
GRANT USAGE ON SCHEMA peers TO regress_peers_app;
GRANT INSERT, UPDATE, SELECT ON lead TO regress_peers_app;

CREATE FUNCTION story(lead int) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', h.event, h.from_stage || ' >', h.to_stage, h.name, h.reason, 'by ' || h.actor)
    FROM lead_history AS h WHERE h.lead_id = lead ORDER BY h.id $$;

-- 1, 5, 8: whoever writes, by whatever way, is on record, with what was before
-- and since when.
RESET ROLE;
SET SESSION AUTHORIZATION regress_peers_app;
SET lead_stage.now = '2026-03-01 00:00+00';
SET lead_stage.actor = 'import';
INSERT INTO lead (id, size, agreed) VALUES (1, 500, true), (2, 5, NULL), (3, 500, NULL);
SET lead_stage.now = '2026-03-03 00:00+00';
SET lead_stage.actor = 'ann@crm';
UPDATE lead SET stage = 'sql' WHERE id = 1;
RESET lead_stage.actor;
RESET SESSION AUTHORIZATION;
SET ROLE regress_peers;
SET search_path = peers, public;
SELECT event, from_stage, to_stage, at - since AS after, role, actor FROM lead_history WHERE lead_id = 1 ORDER BY id;

-- 2: saves that change nothing of the stage write nothing, whole-row saves too.
UPDATE lead SET note = 'edited' WHERE id = 1;
UPDATE lead SET size = size, agreed = agreed, stage = stage, stage_since = stage_since, stage_reason = stage_reason, owner = owner WHERE id = 1;
INSERT INTO lead (id, size, agreed) VALUES (1, 500, true) ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size;
SELECT count(*) AS events FROM lead_history WHERE lead_id = 1;

-- 3: the same answer on every way in.
UPDATE lead SET stage = 'sql' WHERE id = 3;
INSERT INTO lead (id, size, stage) VALUES (4, 500, 'sql');
INSERT INTO lead (id, stage) VALUES (3, 'sql') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage;
MERGE INTO lead AS l USING (VALUES (3)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'sql';
WITH w AS (UPDATE lead SET stage = 'sql' WHERE id = 3 RETURNING id) SELECT * FROM w;
COPY lead (id, size, stage) FROM STDIN;
5	500	sql
\.
CREATE VIEW leads AS SELECT * FROM lead;
UPDATE leads SET stage = 'sql' WHERE id = 3;
DO $$BEGIN UPDATE lead SET stage = 'sql' WHERE id = 3; END$$;
SELECT id, stage FROM lead ORDER BY id;

-- 4: a move back is made where the model has it, with its reason, and refused
-- aloud where it has not; and a customer does not stay one for ever.
UPDATE lead SET stage = 'mql' WHERE id = 1;
UPDATE lead SET stage = 'mql', stage_reason = 'too early' WHERE id = 1;
UPDATE lead SET stage = 'nurture' WHERE id = 1;
UPDATE lead SET stage = 'sql' WHERE id = 1;
UPDATE lead SET stage = 'customer' WHERE id = 1;
UPDATE lead SET churned = true WHERE id = 1;
SELECT * FROM story(1);

-- 6: what no longer fits is no longer qualified.
UPDATE lead SET size = 50 WHERE id = 3;
SELECT * FROM story(3);

-- Moves chained in one transaction, and in one statement, are all kept in order.
BEGIN;
INSERT INTO lead (id, size, agreed) VALUES (6, 500, true);
UPDATE lead SET stage = 'sql' WHERE id = 6;
UPDATE lead SET stage = 'customer' WHERE id = 6;
COMMIT;
SELECT * FROM story(6);
SELECT stage, entered_at = left_at AS at_once, next_stage FROM lead_visits WHERE id = 6 ORDER BY entered_at, stage;

-- 7: without its model, and detached, a table keeps its history, and goes on from it.
SELECT lead_stage.unpublish('lead');
SELECT count(*) AS events FROM lead_history;
SELECT lead_stage.detach('lead');
SELECT count(*) AS events FROM lead_history;
SELECT lead_stage.attach('lead', 'peers');
UPDATE lead SET agreed = true, stage = 'mql', size = 500 WHERE id = 3;
SELECT * FROM story(3);
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'peers';
DROP SCHEMA peers CASCADE;
DROP OWNED BY regress_peers, regress_peers_app;
DROP ROLE regress_peers, regress_peers_app;
