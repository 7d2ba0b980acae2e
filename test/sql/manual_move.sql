-- A stage written by hand is a move: allowed by some transition and every
-- criterion on the way, or refused with all that is missing.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, need bool, budget numeric, note text, callback timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('move');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('move', 'big', 'fit', 'size >= 100', 50), ('move', 'middle', 'fit', 'size >= 10', 10);
INSERT INTO lead_stage.criterion (model, name, required_for, question, condition, position) VALUES
    ('move', 'known', 'mql', NULL, 'size IS NOT NULL', 0),
    ('move', 'need', 'sql', 'What do they need, and now?', 'need', 1),
    ('move', 'money', 'sql', 'Is there a "budget" of 100%?', 'budget > 0', 2),
    ('move', 'offer', 'opportunity', 'Has the offer been written?', 'note IS NOT NULL', 3);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, min_fit, condition, not_before) VALUES
    ('move', 'marketing', 'lead', 'mql', 1, NULL, NULL, NULL),
    ('move', 'accept', 'mql', 'sal', 2, 10, NULL, NULL),
    ('move', 'direct', 'mql', 'sql', 3, 50, 'note = ''direct''', NULL),
    ('move', 'confirm', 'sal', 'sql', 4, NULL, NULL, 'callback'),
    ('move', 'sell', 'sql', 'opportunity', 5, NULL, NULL, NULL),
    ('move', 'again', NULL, 'nurture', 6, NULL, NULL, NULL),
    ('move', 'mercy', 'disqualified', 'lead', 7, NULL, NULL, NULL),
    ('move', 'other mercy', 'disqualified', 'nurture', 8, NULL, 'size > 0', NULL);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('move', 'drop', 'nurture', 'disqualified');
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;
INSERT INTO lead (id, size) SELECT g, 20 FROM generate_series(1, 9) AS g;

-- Allowed; the transition is in history.
UPDATE lead SET stage = 'mql' WHERE id = 1;
UPDATE lead SET stage = 'sal' WHERE id = 1;
SELECT id, stage, stage_reason FROM lead WHERE id = 1;
SELECT event, from_stage, to_stage, name, reason FROM lead_history WHERE lead_id = 1 ORDER BY id;

-- No transition: the hint says where the lead can go.
UPDATE lead SET stage = 'customer' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE lead SET stage = 'sal' WHERE id = 2;

-- Missing are a criterion without a question, and what the transition needs.
UPDATE lead SET stage = 'mql', size = NULL WHERE id = 2;
UPDATE lead SET stage = 'mql', size = 5 WHERE id = 2;
UPDATE lead SET stage = 'sal' WHERE id = 2;

-- All that is missing is said at once: every criterion between the two
-- stages, those for the target included, those for where the lead is not.
UPDATE lead SET stage = 'sql' WHERE id = 2;
UPDATE lead SET stage = 'sql', size = 100, note = 'direct' WHERE id = 2;
UPDATE lead SET stage = 'sql', size = 100, note = 'direct', need = true, budget = 0 WHERE id = 2;
UPDATE lead SET stage = 'sql', size = 100, note = 'direct', need = true, budget = 1 WHERE id = 2;
SELECT id, stage, fit_score FROM lead WHERE id = 2;

-- A criterion of a stage passed before does not count any more.
UPDATE lead SET stage = 'opportunity', size = NULL, need = NULL, budget = NULL WHERE id = 2;
SELECT id, stage, fit_score FROM lead WHERE id = 2;

-- not_before: null is never, an instant to come not yet.
UPDATE lead SET stage = 'sql', need = true, budget = 1 WHERE id = 1;
UPDATE lead SET stage = 'sql', need = true, budget = 1, callback = 'infinity' WHERE id = 1;
UPDATE lead SET stage = 'sql', need = true, budget = 1, callback = lead_stage.now() WHERE id = 1;
SELECT id, stage FROM lead WHERE id = 1;

-- No from_stage: from any open stage but the target; not from a closed one,
-- which needs a transition of its own.  Moving down, no criterion is asked.
UPDATE lead SET stage = 'nurture' WHERE id IN (1, 2, 3);
SELECT id, stage FROM lead WHERE id IN (1, 2, 3) ORDER BY id;
UPDATE lead SET stage = 'disqualified' WHERE id IN (1, 2);
UPDATE lead SET stage = 'nurture' WHERE id = 2;
UPDATE lead SET stage = 'nurture' WHERE id = 1;
UPDATE lead SET stage = 'lead' WHERE id = 2;
SELECT id, stage FROM lead WHERE id IN (1, 2) ORDER BY id;

-- The same stage again is no move.
UPDATE lead SET stage = 'nurture' WHERE id = 3;
UPDATE lead SET stage = stage WHERE id = 3;
SELECT count(*) AS moves FROM lead_history WHERE lead_id = 3 AND event = 'stage';

-- Text in any case, as drivers send it.
PREPARE move_to (text, int) AS UPDATE lead SET stage = $1 WHERE id = $2;
EXECUTE move_to ('MQL', 4);
EXECUTE move_to ('marketing', 4);
SELECT id, stage FROM lead WHERE id = 4;

-- A null stage is what the column refuses, not a move.
UPDATE lead SET stage = NULL WHERE id = 4;
INSERT INTO lead (id, stage) VALUES (20, NULL);

-- The error names the constraint and the table.
DO $$
DECLARE
    state text; name text; of_table text; of_schema text;
BEGIN
    UPDATE lead SET stage = 'customer' WHERE id = 4;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, name = CONSTRAINT_NAME, of_table = TABLE_NAME, of_schema = SCHEMA_NAME;
    RAISE WARNING '% % %.%', state, name, of_schema, of_table;
END
$$;

-- One refused row undoes the whole statement, and leaves no history.
SELECT count(*) AS history FROM lead_history \gset before_
UPDATE lead SET stage = 'mql', size = CASE id WHEN 7 THEN NULL ELSE 10 END WHERE id >= 5;
SELECT count(*) AS moved FROM lead WHERE id >= 5 AND stage <> 'lead';
SELECT count(*) - :before_history AS new_history FROM lead_history;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP ROLE regress_move;
