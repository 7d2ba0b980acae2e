-- A full-row save from a copy that is older than the last move keeps its hands
-- off stage, reason and owner, and saves the rest.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_stale;
GRANT SET ON PARAMETER lead_stage.now TO regress_stale;
CREATE SCHEMA stale AUTHORIZATION regress_stale;
SET ROLE regress_stale;
SET search_path = stale, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, note text);
INSERT INTO lead_stage.model (name) VALUES ('stale');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('stale', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons) VALUES
    ('stale', 'up', 'lead', 'mql', NULL), ('stale', 'on', 'mql', 'sal', NULL), ('stale', 'down', NULL, 'nurture', '{}'), ('stale', 'back', 'sal', 'mql', NULL);
SELECT lead_stage.attach('lead', 'stale');
SELECT lead_stage.publish('stale') > 0 AS published;

SET lead_stage.now = '2026-03-01 09:00:00.000400+00';
INSERT INTO lead (id, size) VALUES (1, 1), (2, 1), (3, 1);
SET lead_stage.now = '2026-03-01 10:00:00.000400+00';
UPDATE lead SET stage = 'mql';
-- Three users have read the leads now, and somebody moves them on.
CREATE TABLE copy AS SELECT * FROM lead;
SET lead_stage.now = '2026-03-01 11:00:00.000400+00';
UPDATE lead SET stage = 'sal', stage_reason = 'accepted', owner = 'ann';
CREATE PROCEDURE save(id int, size int, note text, stage lead_stage, stage_since timestamptz, stage_reason text, owner text) LANGUAGE sql
BEGIN ATOMIC
    UPDATE lead AS l SET id = save.id, size = save.size, note = save.note, stage = save.stage, stage_since = save.stage_since,
                         stage_reason = save.stage_reason, fit_score = 0, owner = save.owner
    WHERE l.id = save.id;
END;

SET lead_stage.now = '2026-03-01 12:00:00+00';
-- The stage as it was read: nothing of ours changes but the score; the write
-- would have undone a move, so history tells.
CALL save(1, 500, 'new phone', 'mql', '2026-03-01 10:00:00.000400+00', NULL, NULL);
-- A move that was meant for another stage than the lead is in.
CALL save(2, 2, 'drop it', 'nurture', '2026-03-01 10:00:00.000400+00', 'no answer', 'bob');
-- The same stage as it has by now: no difference, no event.
CALL save(3, 3, 'same', 'sal', '2026-03-01 10:00:00.000400+00', 'mine', 'bob');
SELECT id, size, note, stage, stage_since, stage_reason, fit_score, owner FROM lead ORDER BY id;
SELECT lead_id, event, at, from_stage, to_stage, name, owner FROM lead_history WHERE at > '2026-03-01 11:30+00' ORDER BY lead_id, id;

-- A fresh copy is no stale one, also if it went through milliseconds; it moves
-- and gives the owner.
CALL save(1, 500, 'again', 'mql', '2026-03-01 11:00:00+00', NULL, 'carl');
CALL save(2, 2, 'again', 'nurture', '2026-03-01 11:00:00.000999+00', 'no answer', 'carl');
-- One millisecond before is older.
CALL save(3, 3, 'again', 'mql', '2026-03-01 10:59:59.999999+00', NULL, 'carl');
SELECT id, note, stage, stage_since, stage_reason, owner FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, name, owner, previous_owner FROM lead_history WHERE at > '2026-03-01 11:30+00' ORDER BY lead_id, id;

-- Nobody is told that his write was stale by an error, whatever the model says
-- of refusals; and automatic moves follow from what was saved.
SET lead_stage.now = '2026-03-01 13:00:00+00';
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('stale', 'auto', 'sal', 'sql', true, 10);
SELECT lead_stage.publish('stale') > 0 AS published;
CALL save(3, 300, 'grown', 'mql', '2026-03-01 10:00:00+00', NULL, 'dave');
SELECT id, size, note, stage, stage_reason, fit_score, owner FROM lead WHERE id = 3;
SELECT event, from_stage, to_stage, name, owner FROM lead_history WHERE lead_id = 3 AND at = lead_stage.now() ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'stale';
DROP SCHEMA stale CASCADE;
DROP OWNED BY regress_stale;
DROP ROLE regress_stale;
