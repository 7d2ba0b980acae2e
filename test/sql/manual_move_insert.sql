-- INSERT at a later stage is a manual move from lead.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, need bool);
INSERT INTO lead_stage.model (name) VALUES ('move');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('move', 'big', 'fit', 'size >= 100', 50);
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES ('move', 'need', 'What do they need?', 'need');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, min_fit, automatic, reasons) VALUES
    ('move', 'marketing', 'lead', 'mql', 1, NULL, false, NULL),
    ('move', 'fast', 'lead', 'sql', 2, NULL, false, NULL),
    ('move', 'proposal', 'sql', 'opportunity', 3, 50, true, NULL),
    ('move', 'drop', 'lead', 'disqualified', 4, NULL, false, '{}');
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;

-- Written out or left to its default, lead is no move.
INSERT INTO lead (id, stage) VALUES (1, 'lead');
INSERT INTO lead (id) VALUES (2);
-- By hand; and on by itself from there.
INSERT INTO lead (id, stage) VALUES (3, 'mql');
INSERT INTO lead (id, stage, need, size) VALUES (4, 'sql', true, 100);
-- Down, with its reason.
INSERT INTO lead (id, stage, stage_reason) VALUES (5, 'disqualified', 'a spammer');
SELECT id, stage, stage_reason, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, name, reason, since IS NOT NULL AS since FROM lead_history ORDER BY id;

-- Refused.
INSERT INTO lead (id, stage) VALUES (6, 'customer');
INSERT INTO lead (id, stage) VALUES (6, 'sql');
INSERT INTO lead (id, stage) VALUES (6, 'disqualified');

-- One of many refused: none is there.
SELECT count(*) AS leads, (SELECT count(*) FROM lead_history) AS history FROM lead \gset before_
INSERT INTO lead (id, stage, need) VALUES (7, 'lead', NULL), (8, 'sql', true), (9, 'sql', false), (10, 'mql', NULL);
SELECT count(*) - :before_leads AS new_leads, (SELECT count(*) FROM lead_history) - :before_history AS new_history FROM lead;
COPY lead (id, stage, need) FROM stdin;
7	lead	\N
8	sql	t
9	customer	t
\.
SELECT count(*) - :before_leads AS new_leads, (SELECT count(*) FROM lead_history) - :before_history AS new_history FROM lead;

-- The others are, where refusals are kept.
UPDATE lead_stage.model SET on_refused = 'keep' WHERE name = 'move';
SELECT lead_stage.publish('move') > 0 AS published;
INSERT INTO lead (id, stage, need, size) VALUES (7, 'lead', NULL, 100), (8, 'sql', true, 100), (9, 'sql', false, 100), (10, 'mql', NULL, 100);
SELECT id, stage, stage_reason FROM lead WHERE id > 6 ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, name, reason FROM lead_history WHERE lead_id > 6 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP ROLE regress_move;
