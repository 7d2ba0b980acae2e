-- Automatic moves that wait: hold_for, in_stage_for, idle_for, not_before.
-- Nothing moves by itself: what has fallen due happens at the next write.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
GRANT SET ON PARAMETER lead_stage.now TO regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, a bool, n int, follow_up_on date);
INSERT INTO lead_stage.model (name) VALUES ('move');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, hold_for, in_stage_for, idle_for, not_before) VALUES
    ('move', 'qualify', 'lead', 'mql', 1, true, 'a', NULL, NULL, NULL, NULL),
    ('move', 'requalify', 'nurture', 'mql', 2, true, 'a', NULL, NULL, NULL, NULL),
    ('move', 'recycle', 'mql', 'nurture', 3, false, NULL, '30 days', NULL, NULL, NULL),
    ('move', 'age out', 'lead', 'nurture', 4, true, NULL, '2 days', '10 days', NULL, NULL),
    ('move', 'forget', 'nurture', 'lost', 5, true, 'NOT a', NULL, NULL, '1 month', NULL),
    ('move', 'follow up', 'mql', 'sal', 6, true, NULL, NULL, NULL, NULL, 'follow_up_on'),
    ('move', 'by hand', 'nurture', 'sql', 7, false, NULL, NULL, '1 day', NULL, NULL),
    ('move', 'on', 'sql', 'opportunity', 8, true, NULL, '1 day', NULL, NULL, NULL),
    ('move', 'won', 'opportunity', 'customer', 9, true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lead_stage.rule (model, name, kind, condition) VALUES ('move', 'any change', 'fit', 'n > 0');
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;

-- hold_for: automatic moves are off until the time is over, and then take the
-- next write.
SET lead_stage.now = '2026-03-01 12:00+00';
INSERT INTO lead (id, a, n) VALUES (1, true, 0);
SELECT id, stage, stage_since FROM lead;
SELECT * FROM lead_state;
SET lead_stage.now = '2026-03-02 12:00+00';
UPDATE lead SET stage = 'nurture' WHERE id = 1;
SELECT id, hold_until, recheck_at FROM lead_state;
SET lead_stage.now = '2026-03-31 12:00+00';
UPDATE lead SET n = n + 1 WHERE id = 1;
SELECT id, stage FROM lead;
SET lead_stage.now = '2026-04-01 11:59:59.999999+00';
UPDATE lead SET n = n + 1 WHERE id = 1;
SELECT id, stage FROM lead;
SET lead_stage.now = '2026-04-01 12:00+00';
UPDATE lead SET n = n + 1 WHERE id = 1;
SELECT id, stage, stage_since, stage_reason FROM lead;
SELECT id, hold_until FROM lead_state;

-- A manual move is not held, and leaves by another transition: no hold.
UPDATE lead SET stage = 'nurture' WHERE id = 1;
SELECT id, hold_until FROM lead_state;
UPDATE lead SET stage = 'sql' WHERE id = 1;
SET lead_stage.now = '2026-04-02 12:00+00';
UPDATE lead SET stage = 'sql' WHERE id = 1;
-- It went on by itself at once, and is held where it came to.
SELECT id, stage, stage_since FROM lead;
SELECT id, hold_until FROM lead_state;
SET lead_stage.now = '2026-04-03 12:00+00';
UPDATE lead SET n = n + 1 WHERE id = 1;
SELECT id, stage FROM lead;
SELECT id, hold_until FROM lead_state;

-- in_stage_for, from stage_since on, to the instant.
SET lead_stage.now = '2026-05-01 00:00+00';
INSERT INTO lead (id, n) VALUES (2, 0);
SET lead_stage.now = '2026-05-10 23:59:59+00';
UPDATE lead SET n = n + 1 WHERE id = 2;
SELECT id, stage FROM lead WHERE id = 2;
SET lead_stage.now = '2026-05-11 00:00+00';
UPDATE lead SET n = n + 1 WHERE id = 2;
SELECT id, stage, stage_since, stage_reason FROM lead WHERE id = 2;
SELECT id, hold_until FROM lead_state WHERE id = 2;

-- idle_for: no activity, so from stage_since on; a month is a month.  The hold
-- is over by then.
UPDATE lead SET a = false WHERE id = 2;
SET lead_stage.now = '2026-06-10 12:00+00';
UPDATE lead SET n = n + 1 WHERE id = 2;
SELECT id, stage FROM lead WHERE id = 2;
SET lead_stage.now = '2026-06-11 00:00+00';
UPDATE lead SET n = n + 1 WHERE id = 2;
SELECT id, stage, stage_reason FROM lead WHERE id = 2;

-- not_before: null never, a day not before it begins in the model's zone.
INSERT INTO lead (id, a, n) VALUES (3, true, 0);
UPDATE lead SET follow_up_on = '2026-07-01' WHERE id = 3;
SET timezone = 'Pacific/Auckland';
SET lead_stage.now = '2026-06-30 23:59:59+00';
UPDATE lead SET n = n + 1 WHERE id = 3;
SELECT id, stage FROM lead WHERE id = 3;
SET lead_stage.now = '2026-07-01 00:00+00';
UPDATE lead SET n = n + 1 WHERE id = 3;
SELECT id, stage, stage_reason FROM lead WHERE id = 3;
SET timezone = 'UTC';

-- A hold goes with its lead, and follows its key.
INSERT INTO lead (id, a) VALUES (4, true), (5, true);
UPDATE lead SET stage = 'nurture' WHERE id IN (4, 5);
UPDATE lead SET id = 40 WHERE id = 4;
DELETE FROM lead WHERE id = 5;
SELECT id, hold_until FROM lead_state WHERE id IN (4, 5, 40);
UPDATE lead SET n = 1 WHERE id = 40;
SELECT id, stage FROM lead WHERE id = 40;

-- rescore is a write to every lead: what is still held stays, what has fallen
-- due since the last one moves.
SET lead_stage.now = '2026-07-30 00:00+00';
CALL lead_stage.rescore('lead');
SELECT id, stage FROM lead ORDER BY id;
SET lead_stage.now = '2026-07-31 00:00+00';
INSERT INTO lead (id) VALUES (6);
SET lead_stage.now = '2026-08-10 00:00+00';
CALL lead_stage.rescore('lead');
SELECT id, stage, stage_since FROM lead ORDER BY id;
SELECT id, hold_until FROM lead_state WHERE id IN (6, 40) ORDER BY id;

SELECT lead_id, at, from_stage, to_stage, name FROM lead_history WHERE event = 'stage' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP OWNED BY regress_move;
DROP ROLE regress_move;
