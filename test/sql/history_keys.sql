-- A lead that changes its key, and a key that gets another lead.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_history;
GRANT SET ON PARAMETER lead_stage.now TO regress_history;
CREATE SCHEMA history AUTHORIZATION regress_history;
SET ROLE regress_history;
SET search_path = history, public;
SET timezone = 'UTC';

CREATE TABLE lead (region text, no int, asked bool, PRIMARY KEY (region, no));
INSERT INTO lead_stage.model (name) VALUES ('history');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition, hold_for) VALUES
    ('history', 'up', 'lead', 'mql', true, 'asked', '10 days'), ('history', 'on', 'mql', 'sql', true, NULL, NULL);
SELECT lead_stage.attach('lead', 'history');
SELECT lead_stage.publish('history') > 0 AS published;

SET lead_stage.now = '2026-01-01'; INSERT INTO lead VALUES ('a', 1, NULL), ('a', 2, NULL), ('b', 1, true);
-- Part of the key, and all of it, with a move and a new owner in the same write.
SET lead_stage.now = '2026-01-02'; UPDATE lead SET no = 3 WHERE region = 'a' AND no = 1;
SET lead_stage.now = '2026-01-03'; UPDATE lead SET region = 'it''s', no = 4, asked = true, owner = 'ann' WHERE region = 'a' AND no = 2;
SELECT region, no, at::date, since::date, event, from_stage, to_stage, owner, reason FROM lead_history ORDER BY region, no, id;
SELECT region, no, hold_until::date FROM lead_state ORDER BY region, no;
SELECT * FROM lead_stage.verify_history('lead');

-- Onto the key that another lead has just left, and back to the first.
SET lead_stage.now = '2026-01-04'; UPDATE lead SET no = no + 10;
SET lead_stage.now = '2026-01-05'; UPDATE lead SET no = 13 WHERE no = 11; UPDATE lead SET no = 11 WHERE region = 'a';
SELECT region, no, at::date, event, from_stage, to_stage, reason FROM lead_history WHERE no > 10 ORDER BY region, no, id;
SELECT region, no, hold_until::date FROM lead_state ORDER BY region, no;
SET lead_stage.now = '2026-01-06'; UPDATE lead SET no = 1 WHERE no = 11; UPDATE lead SET no = 4 WHERE no = 14;
SELECT region, no, at::date, event, from_stage, to_stage, reason FROM lead_history WHERE region = 'a' AND no = 1 ORDER BY region, no, id;
SELECT * FROM lead_stage.verify_history('lead');

-- The same key again after a delete: a new story under it, in the same table.
SET lead_stage.now = '2026-01-07'; DELETE FROM lead WHERE region = 'it''s';
INSERT INTO lead VALUES ('it''s', 4);
SET lead_stage.now = '2026-01-08'; UPDATE lead SET asked = true WHERE region = 'it''s';
SELECT region, no, at::date, since::date, event, from_stage, to_stage FROM lead_history WHERE region = 'it''s' ORDER BY region, no, id;
SELECT region, no, hold_until::date FROM lead_state WHERE region = 'it''s';
SELECT * FROM lead_stage.verify_history('lead');
-- Twice in one transaction, at one instant.
BEGIN;
DELETE FROM lead WHERE region = 'it''s';
INSERT INTO lead VALUES ('it''s', 4);
DELETE FROM lead WHERE region = 'it''s';
INSERT INTO lead VALUES ('it''s', 4, true);
COMMIT;
SELECT region, no, at::date, since::date, event, from_stage, to_stage FROM lead_history WHERE region = 'it''s' AND at = lead_stage.now() ORDER BY region, no, id;
SELECT * FROM lead_stage.verify_history('lead');
SELECT key, stage FROM lead_stage.as_of('lead', 'infinity') ORDER BY key;

-- A new lead under an old key is no lead that goes back in time, though the
-- transaction that made it began before the other was deleted.
SET lead_stage.now = '2026-01-07 12:00';
DELETE FROM lead WHERE region = 'it''s'; INSERT INTO lead VALUES ('it''s', 4);
UPDATE lead SET asked = true WHERE region = 'it''s';
SET lead_stage.now = '2026-01-18';
UPDATE lead SET asked = false WHERE region = 'it''s';
SELECT region, no, at, since, event, from_stage, to_stage FROM lead_history WHERE region = 'it''s' AND id > (SELECT max(id) FROM lead_history WHERE event = 'deleted') ORDER BY region, no, id;
SELECT * FROM lead_stage.verify_history('lead');

-- And an old lead under a younger one's key keeps the time of its own last move.
SET lead_stage.now = '2026-01-20'; INSERT INTO lead VALUES ('d', 1, true);
SET lead_stage.now = '2026-01-21'; DELETE FROM lead WHERE region = 'd'; UPDATE lead SET region = 'd' WHERE region = 'a';
SET lead_stage.now = '2026-01-22'; UPDATE lead SET asked = true WHERE region = 'd';
SELECT region, no, at::date, since::date, event, from_stage, to_stage FROM lead_history WHERE region = 'd' ORDER BY region, no, id;
SELECT * FROM lead_stage.verify_history('lead');

-- Without its key no lead can be told from another.
ALTER TABLE lead DROP CONSTRAINT lead_pkey;
UPDATE lead SET asked = NOT asked;
ALTER TABLE lead ADD PRIMARY KEY (region, no);
INSERT INTO lead VALUES ('z', 1, NULL);

-- Keys that are equal but look different are one lead's.
CREATE TABLE measured (size numeric PRIMARY KEY, asked bool);
SELECT lead_stage.attach('measured', 'history');
INSERT INTO measured VALUES (1.0, NULL);
UPDATE measured SET size = 1.00, asked = true;
SELECT size, stage FROM measured;
SELECT count(*) AS leads FROM lead_stage.as_of('measured', 'infinity');
SELECT * FROM lead_stage.verify_history('measured');
SELECT * FROM measured_state WHERE size = 1 AND hold_until IS NULL;
SELECT lead_stage.detach('measured');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'history';
DROP SCHEMA history CASCADE;
DROP OWNED BY regress_history;
DROP ROLE regress_history;
