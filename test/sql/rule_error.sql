-- A rule that raises counts as false, with a WARNING; the lead is stored and
-- every other rule counts.  Or it raises, if the model says so.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_error;
CREATE SCHEMA error AUTHORIZATION regress_error;
SET ROLE regress_error;
SET search_path = error, public;

CREATE TABLE lead (id int, part text, size int, code text, note text, PRIMARY KEY (id, part));
INSERT INTO lead_stage.model (name) VALUES ('error');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('error', 'before', 'fit', 'size >= 0', 1),
    ('error', 'divides', 'fit', '100 / size > 10', 10),
    ('error', 'casts', 'fit', 'code::int > 0', 100),
    ('error', 'after', 'fit', 'size < 1000', 1000);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, not_before) VALUES
    ('error', 'raises', 'lead', 'opportunity', 1, true, 'length(note) / (size - 5) = 0', NULL),
    ('error', 'never', 'lead', 'sql', 2, true, 'size = 6', '(note || '' '')::timestamptz'),
    ('error', 'next', 'lead', 'mql', 3, true, 'size = 5 OR size = 6', NULL);
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('error', 'coded', 'code::int = 1');
SELECT lead_stage.attach('lead', 'error');
SELECT lead_stage.publish('error') > 0 AS published;

-- Each that raises has its own warning, which names it and the row.
INSERT INTO lead VALUES (1, 'a', 1, '1');
INSERT INTO lead VALUES (2, 'b''s', 0, '1');
INSERT INTO lead VALUES (3, 'c', 0, 'x');
INSERT INTO lead VALUES (4, 'd', 5, '1', 'note'), (5, 'e', 5, NULL, NULL), (6, 'f', 6, NULL, 'soon');
SELECT id, part, size, fit_score, stage FROM lead ORDER BY id;
-- The warnings go with a row; they do not stick to a rule.
INSERT INTO lead VALUES (7, 'g', 0, '2'), (8, 'h', 1, '2'), (9, 'i', 0, '2'), (10, 'j', 1, 'y');
SELECT id, size, fit_score FROM lead WHERE id >= 7 ORDER BY id;
COPY lead (id, part, size, code) FROM stdin;
11	k	0	1
12	l	2	1
\.
UPDATE lead SET size = 0 WHERE id = 12;
UPDATE lead SET size = 2 WHERE id IN (11, 12);
SELECT id, size, fit_score FROM lead WHERE id >= 11 ORDER BY id;

-- What the old row raises does not hide what the new one says.
UPDATE lead SET code = '1' WHERE id = 10;
SELECT lead_id, name FROM lead_history WHERE event = 'milestone' ORDER BY lead_id, id;

-- In a manual move what raises is not met.
UPDATE lead SET stage = 'opportunity' WHERE id = 5;
UPDATE lead SET stage = 'opportunity', size = 5, note = 'x' WHERE id = 1;
SELECT id, stage FROM lead WHERE id IN (1, 5) ORDER BY id;

-- explain sees the same.
SELECT kind, name, holds, points FROM lead_stage.explain('lead', 3, 'c') WHERE kind = 'fit';

-- The other way: a lead that a rule chokes on is not stored.
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'error';
SELECT lead_stage.publish('error') > 0 AS published;
INSERT INTO lead VALUES (20, 'a', 1, '1'), (21, 'a', 0, '1');
\echo :LAST_ERROR_SQLSTATE
\set SHOW_CONTEXT errors
INSERT INTO lead VALUES (20, 'a', 1, 'x');
\set SHOW_CONTEXT never
INSERT INTO lead VALUES (22, 'a', 1, '1');
UPDATE lead SET size = 0 WHERE id = 22;
SELECT id, size, fit_score FROM lead WHERE id >= 20 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'error';
DROP SCHEMA error CASCADE;
DROP ROLE regress_error;
