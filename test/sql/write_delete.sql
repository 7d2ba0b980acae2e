-- DELETE and TRUNCATE end a lead's story, and forget its state; the key may be
-- taken again.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_delete
\i :setup

INSERT INTO lead (id, size) VALUES (1, 500), (2, 5), (3, 5), (4, 500);
UPDATE lead SET stage = 'nurture', stage_reason = 'hold', owner = 'ann' WHERE id < 4;
DELETE FROM lead WHERE id = 1 RETURNING id, stage, owner;
DELETE FROM lead USING (VALUES (2)) AS v (id) WHERE lead.id = v.id;
BEGIN;
DELETE FROM lead;
ROLLBACK;
INSERT INTO lead (id, size) VALUES (1, 500);
SELECT id FROM lead_state ORDER BY id;
TRUNCATE lead;
SELECT id FROM lead_state ORDER BY id;
INSERT INTO lead (id, size) VALUES (4, 5);
BEGIN;
TRUNCATE lead;
INSERT INTO lead (id, size) VALUES (4, 500);
COMMIT;
SELECT id, stage FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT event, from_stage, owner, since IS NOT NULL AS since FROM lead_history WHERE event = 'deleted' ORDER BY id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
