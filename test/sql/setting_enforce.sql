-- lead_stage.enforce = off, for imports: any stage goes, stage_since is taken
-- as given, and history is as short as what is known.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_import;
CREATE SCHEMA import AUTHORIZATION regress_import;
SET ROLE regress_import;
SET search_path = import, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, need bool);
INSERT INTO lead_stage.model (name) VALUES ('import');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('import', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('import', 'need', 'need');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition, reasons) VALUES
    ('import', 'up', 'lead', 'mql', true, 'size > 0', NULL),
    ('import', 'on', 'mql', 'sql', true, NULL, NULL),
    ('import', 'drop', NULL, 'disqualified', false, NULL, '{}');
SELECT lead_stage.attach('lead', 'import');
SELECT lead_stage.publish('import') > 0 AS published;

SET lead_stage.enforce = off;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO lead (id, stage) VALUES (1, 'customer');
RESET ROLE;
GRANT SET ON PARAMETER lead_stage.enforce, lead_stage.now TO regress_import;
SET ROLE regress_import;
SET lead_stage.now = '2026-03-01 00:00+00';
SET lead_stage.enforce = off;

-- One created row, to the stage given, at the time given; fit is computed.
INSERT INTO lead (id, size, stage, stage_since, stage_reason, fit_score) VALUES
    (1, 500, 'customer', '2020-05-05', 'bought', 77),
    (2, 500, 'disqualified', '2021-06-06', NULL, 77),
    (3, 500, 'mql', NULL, NULL, NULL),
    (4, 500, DEFAULT, '2022-07-07', NULL, NULL);
SELECT id, stage, stage_since, stage_reason, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, at, from_stage, to_stage, since, fit_score FROM lead_history ORDER BY lead_id, id;

-- An update goes anywhere too, without reason, criterion or automatic move.
UPDATE lead SET stage = 'lost', stage_since = '2021-01-01' WHERE id = 1;
UPDATE lead SET stage = 'opportunity' WHERE id = 3;
UPDATE lead SET size = 3 WHERE id IN (3, 4);
SELECT id, stage, stage_since, stage_reason, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, at, from_stage, to_stage, since, name FROM lead_history WHERE event <> 'created' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

-- Nothing goes back in time, and a time alone is no move.
UPDATE lead SET stage = 'mql', stage_since = '2019-01-01' WHERE id = 1;
UPDATE lead SET stage_since = '2018-01-01' WHERE id = 2;
SELECT id, stage, stage_since FROM lead WHERE id < 3 ORDER BY id;
SELECT event, at, from_stage, to_stage FROM lead_history WHERE lead_id = 1 ORDER BY id;
SELECT * FROM lead_stage.verify_history('lead');
UPDATE lead SET stage = 'lost', stage_since = '2022-01-01' WHERE id = 1;

-- A lead that was there before and was never judged stands where it is put: one
-- created row too, and nothing that goes back in time.
ALTER TABLE lead DISABLE TRIGGER USER;
INSERT INTO lead (id, size) VALUES (11, 500), (12, 500), (13, 500);
ALTER TABLE lead ENABLE TRIGGER USER;
UPDATE lead SET stage = 'customer', stage_since = '2020-05-05', stage_reason = 'bought' WHERE id = 11;
UPDATE lead SET stage = 'sql' WHERE id = 12;
UPDATE lead SET size = 501 WHERE id = 13;
SELECT id, stage, stage_since, stage_reason, fit_score FROM lead WHERE id > 10 ORDER BY id;
SELECT lead_id, event, at, from_stage, to_stage FROM lead_history WHERE lead_id > 10 ORDER BY lead_id, id;
-- What rescore is told of leads that are known stays without effect here too.
CALL lead_stage.rescore('lead', stage => '''sal''', since => '''2019-01-01''');
SELECT id, stage, stage_since FROM lead ORDER BY id;
SELECT * FROM lead_stage.verify_history('lead');

-- Back on, the rules are as before, and go on from there.
RESET lead_stage.enforce;
UPDATE lead SET stage = 'customer' WHERE id = 1;
UPDATE lead SET size = 4 WHERE id = 4;
SELECT id, stage FROM lead WHERE id = 4;
UPDATE lead SET need = true WHERE id = 4;
SELECT id, stage, stage_since FROM lead WHERE id = 4;
SELECT * FROM lead_stage.verify_history('lead');
SELECT id, stage, entered_at, left_at FROM lead_visits ORDER BY id, entered_at, left_at;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'import';
DROP SCHEMA import CASCADE;
DROP OWNED BY regress_import;
DROP ROLE regress_import;
