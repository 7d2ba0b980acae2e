-- Automatic moves: the first transition whose conditions all hold, then again
-- from there, no stage twice.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, a bool, b bool, c bool, need bool);
INSERT INTO lead_stage.model (name) VALUES ('move');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('move', 'size', 'fit', 'size >= 10', 10), ('move', 'big', 'fit', 'size >= 100', 40);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('move', 'need', 'need');
-- Written out of order on purpose: position decides, then name, nulls last.
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, min_score, condition) VALUES
    ('move', 'z last', 'lead', 'opportunity', NULL, true, NULL, NULL, 'a'),
    ('move', 'a last', 'lead', 'nurture', NULL, true, NULL, NULL, 'a'),
    ('move', 'third', 'lead', 'sal', 3, true, NULL, NULL, 'a AND b'),
    ('move', 'first', 'lead', 'mql', 1, true, 50, NULL, 'a'),
    ('move', 'second', 'lead', 'disqualified', 2, true, NULL, NULL, 'c'),
    ('move', 'by hand', 'lead', 'lost', 0, false, NULL, NULL, 'a'),
    ('move', 'mql on', 'mql', 'sal', 1, true, NULL, 50.5, NULL),
    ('move', 'mql on by b', 'mql', 'sal', 2, true, NULL, 50, 'b'),
    ('move', 'sal on', 'sal', 'sql', 1, true, NULL, NULL, NULL),
    ('move', 'sql on', 'sql', 'opportunity', 1, true, NULL, NULL, 'c'),
    ('move', 'nurture back', 'nurture', 'lead', 1, true, NULL, NULL, 'a'),
    ('move', 'mql down', 'mql', 'nurture', 3, true, NULL, NULL, 'NOT a'),
    ('move', 'give up', NULL, 'nurture', 9, false, NULL, NULL, NULL);
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;

INSERT INTO lead (id, size, a, b, c, need) VALUES
    (1, 100, NULL, NULL, NULL, NULL),   -- nothing holds
    (2, 100, true, NULL, NULL, NULL),   -- first; 50 points are not 50.5
    (3, 10, true, NULL, true, NULL),    -- not first, for its score: second
    (4, 10, true, true, NULL, NULL),    -- third; the criterion keeps it there
    (5, 10, true, true, NULL, true),    -- third, and on
    (6, 10, true, NULL, NULL, NULL),    -- a last, not z last; not back to lead, where it came from
    (7, 100, true, true, NULL, false),  -- first, mql on by b, stopped by the criterion
    (8, 100, true, true, true, true);   -- all the way
SELECT id, stage, stage_reason FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, name, reason FROM lead_history WHERE event = 'stage' ORDER BY lead_id, id;

-- Every stage passed has its own row; ids, times and stays follow each other.
SELECT count(*) AS rows, bool_and(h.from_stage = h.before) AS chained, bool_and(h.since = h.at_before) AS since_follows, bool_and(h.at = h.at_before) AS one_instant
FROM (SELECT *, lag(to_stage) OVER w AS before, lag(at) OVER w AS at_before
      FROM lead_history WINDOW w AS (PARTITION BY lead_id ORDER BY id)) AS h
WHERE h.event = 'stage';
SELECT count(*) AS wrong FROM lead AS l WHERE stage_since IS DISTINCT FROM (SELECT max(at) FROM lead_history AS h WHERE h.lead_id = l.id);

-- A write that says nothing about the stage moves it as well, as far as it
-- then can.
UPDATE lead SET a = true WHERE id = 1;
UPDATE lead SET b = true WHERE id IN (1, 2);
UPDATE lead SET need = true WHERE id IN (1, 4);
SELECT id, stage, stage_reason FROM lead WHERE id IN (1, 2, 4) ORDER BY id;

-- A loop stops where it would enter a stage again, and goes on at the next write.
SELECT id, stage FROM lead WHERE id = 6;
UPDATE lead SET size = 11 WHERE id = 6;
SELECT id, stage, stage_reason FROM lead WHERE id = 6;
UPDATE lead SET size = 12 WHERE id = 6;
SELECT id, stage, stage_reason FROM lead WHERE id = 6;
SELECT from_stage, to_stage FROM lead_history WHERE lead_id = 6 AND event = 'stage' ORDER BY id;

-- After a manual move up they carry on from there, in the same write; after
-- one down there is none, though one would hold: not until the next write.
INSERT INTO lead (id, size) VALUES (10, 100);
UPDATE lead SET a = true WHERE id = 10;
SELECT id, stage FROM lead WHERE id = 10;
UPDATE lead SET stage = 'sal', need = true, b = true, c = true WHERE id = 10;
SELECT id, stage, stage_reason FROM lead WHERE id = 10;
UPDATE lead SET stage = 'nurture' WHERE id = 10;
SELECT id, stage, stage_reason FROM lead WHERE id = 10;
UPDATE lead SET b = NULL WHERE id = 10;
SELECT id, stage, stage_reason FROM lead WHERE id = 10;
SELECT from_stage, to_stage, name, reason FROM lead_history WHERE lead_id = 10 AND event = 'stage' ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP ROLE regress_move;
