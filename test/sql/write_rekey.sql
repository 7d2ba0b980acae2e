-- A key change ends the story under the old key and goes on under the new one;
-- what is remembered of the lead goes with it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_rekey
\i :setup

INSERT INTO lead (id, size, email) VALUES (1, 500, 'a'), (2, 5, 'b'), (3, 5, NULL);
UPDATE lead SET stage = 'nurture', stage_reason = 'hold' WHERE id < 3;
UPDATE lead SET id = 11 WHERE id = 1;
UPDATE lead SET id = 12, size = 500, owner = 'ann', met = true WHERE id = 2;
UPDATE lead SET id = id + 100;
-- The key that was left is free for another lead, and the way back is open.
INSERT INTO lead (id, size) VALUES (1, 500);
UPDATE lead SET id = 3 WHERE id = 103;
-- Onto a key that is taken, and into nothing.
UPDATE lead SET id = 1 WHERE id = 3;
UPDATE lead SET id = NULL WHERE id = 3;
UPDATE lead SET id = id;
SELECT id, stage, owner FROM lead ORDER BY id;
SELECT id FROM lead_state ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

-- A deferrable primary key.
CREATE TABLE later (id int PRIMARY KEY DEFERRABLE, email text, size int, need bool, met bool);
SELECT lead_stage.attach('later', 'write_rekey');
INSERT INTO later (id, size) VALUES (1, 500), (2, 5);
UPDATE later SET id = id + 10;
DELETE FROM later WHERE id = 11;
SELECT h.lead_id, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM later_history AS h GROUP BY h.lead_id ORDER BY h.lead_id;
SELECT count(*) AS problems FROM lead_stage.verify_history('later');
-- Under it two leads may have one key for a moment: whoever leaves a key does so
-- before another comes, and takes along what is remembered of it.
INSERT INTO later (id, size) VALUES (1, 500), (2, 500), (3, 500);
UPDATE later SET stage = 'nurture', stage_reason = 'shift ' || id WHERE id < 4;
UPDATE later SET id = id + 1 WHERE id < 4;
SELECT count(*) AS problems FROM lead_stage.verify_history('later');
UPDATE later SET id = CASE id WHEN 2 THEN 3 ELSE 2 END WHERE id IN (2, 3);
SELECT count(*) AS problems FROM lead_stage.verify_history('later');
SELECT id, stage, stage_reason FROM later ORDER BY id;
SELECT id, hold_until IS NOT NULL AS held FROM later_state ORDER BY id;
-- Moved and changed in one, and rolled back.
BEGIN;
SAVEPOINT s;
UPDATE later SET id = id + 1 WHERE id < 5;
ROLLBACK TO s;
UPDATE later SET id = id + 1, stage = 'lead', stage_reason = 'again' WHERE id < 5;
COMMIT;
SELECT id, hold_until IS NOT NULL AS held FROM later_state ORDER BY id;
-- A key that is given again before the lead that has it is deleted.
WITH new AS (INSERT INTO later (id, size, email) VALUES (3, 5, 'new') RETURNING id)
DELETE FROM later AS l USING new WHERE l.id = new.id AND l.size = 500;
SELECT h.lead_id, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM later_history AS h WHERE h.lead_id < 10 GROUP BY h.lead_id ORDER BY h.lead_id;
SELECT id, size, stage FROM later ORDER BY id;
SELECT * FROM lead_stage.verify_history('later');

\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
