-- on_refused = keep: the row is saved, the stage stays, history tells.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, need bool, note text);
INSERT INTO lead_stage.model (name, on_refused) VALUES ('move', 'keep');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('move', 'big', 'fit', 'size >= 100', 50);
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES ('move', 'need', 'What do they need?', 'need');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, reasons) VALUES
    ('move', 'marketing', 'lead', 'mql', 1, true, 50, NULL),
    ('move', 'confirm', 'mql', 'sql', 2, false, NULL, NULL),
    ('move', 'recycle', NULL, 'nurture', 3, false, NULL, '{}');
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;
INSERT INTO lead (id, size) VALUES (1, 100), (2, 10), (3, 100);
SELECT id, stage, stage_since AS since FROM lead WHERE id = 1 \gset before_

-- No criterion met, no transition, no reason: each is kept out, and the rest
-- of the row is stored.
UPDATE lead SET stage = 'sql', note = 'wants it' WHERE id = 1;
UPDATE lead SET stage = 'customer', note = note || ' badly' WHERE id = 1;
UPDATE lead SET stage = 'nurture', note = note || ' now' WHERE id = 1;
SELECT id, stage, stage_reason, note, stage_since = :'before_since' AS same_since FROM lead WHERE id = 1;
SELECT event, from_stage, to_stage, name, reason, since = :'before_since' AS since, lead_stage.evidence('lead', id) AS evidence
FROM lead_history WHERE lead_id = 1 AND event = 'refused' ORDER BY id;

-- A refused lead makes no automatic move in that write; its next one may.
UPDATE lead SET stage = 'sql', size = 100 WHERE id = 2;
SELECT id, stage, fit_score FROM lead WHERE id = 2;
UPDATE lead SET note = 'x', size = 101 WHERE id = 2;
SELECT id, stage, fit_score FROM lead WHERE id = 2;

-- Each of many on its own.
UPDATE lead SET stage = 'sql', need = (id = 3);
SELECT id, stage FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM lead_history WHERE event IN ('refused', 'stage') ORDER BY lead_id, id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT key, stage FROM lead_stage.as_of('lead', 'infinity') ORDER BY key;
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP ROLE regress_move;
