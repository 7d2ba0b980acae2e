-- MERGE: each action is a write like any other, and the reason counts if it is
-- another than before.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_merge
\i :setup

INSERT INTO lead (id, size, owner) VALUES (1, 500, 'ann'), (2, 5, NULL), (3, 500, NULL), (4, 5, NULL);
MERGE INTO lead AS l USING (VALUES (1, 500), (2, 600), (3, NULL), (5, 700), (6, 6)) AS v (id, size) ON l.id = v.id
    WHEN MATCHED AND v.size IS NULL THEN DELETE
    WHEN MATCHED AND l.size = v.size THEN DO NOTHING
    WHEN MATCHED THEN UPDATE SET size = v.size
    WHEN NOT MATCHED THEN INSERT (id, size, owner) VALUES (v.id, v.size, 'new');
-- Moves by hand, refused and granted.
MERGE INTO lead AS l USING (VALUES (1)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'sql';
MERGE INTO lead AS l USING (VALUES (1)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'sql', need = true;
MERGE INTO lead AS l USING (VALUES (7)) AS v (id) ON l.id = v.id WHEN NOT MATCHED THEN INSERT (id, size, stage) VALUES (v.id, 5, 'sql');
MERGE INTO lead AS l USING (VALUES (2)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'nurture';
MERGE INTO lead AS l USING (VALUES (2), (8)) AS v (id) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET stage = 'nurture', stage_reason = 'no budget'
    WHEN NOT MATCHED THEN INSERT (id, size, stage, stage_reason) VALUES (v.id, 5, 'nurture', 'too early');
-- The reason of one action is not that of another, which does not set it, nor
-- is the one that is stored already.
MERGE INTO lead AS l USING (VALUES (8)) AS v (id) ON l.id = v.id
    WHEN MATCHED AND l.size = 0 THEN UPDATE SET stage_reason = 'never' WHEN MATCHED THEN UPDATE SET stage = 'lead';
MERGE INTO lead AS l USING (VALUES (8)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'lead', stage_reason = 'too early';
MERGE INTO lead AS l USING (VALUES (8)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET stage = 'lead', stage_reason = 'revived';
-- Outside of MERGE what the statement sets counts, though it be the same.
UPDATE lead SET stage = 'nurture', stage_reason = 'revived' WHERE id = 8;
UPDATE lead SET stage = 'lead', stage_reason = 'revived' WHERE id = 8;
-- The key.
MERGE INTO lead AS l USING (VALUES (4)) AS v (id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET id = 40;
SELECT id, stage, size, owner, stage_reason FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT id, hold_until IS NOT NULL AS held FROM lead_state ORDER BY id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

-- The same in sessions whose first statement is the MERGE: nothing has loaded
-- the library before its first row is judged.
CREATE TABLE incoming (id int, stage lead_stage, reason text);
INSERT INTO lead (id, size, stage, stage_reason) SELECT i, 5, 'nurture', 'too early' FROM generate_series(101, 103) AS i;
INSERT INTO incoming VALUES (101, 'lead', 'too early'), (102, 'lead', 'revived');
\c -
MERGE INTO write_merge.lead AS l USING write_merge.incoming AS v ON l.id = v.id AND v.id = 101
    WHEN MATCHED AND l.size = 0 THEN UPDATE SET stage_reason = 'never' WHEN MATCHED THEN UPDATE SET stage = v.stage;
\c -
MERGE INTO write_merge.lead AS l USING write_merge.incoming AS v ON l.id = v.id AND v.id = 101
    WHEN MATCHED THEN UPDATE SET stage = v.stage, stage_reason = v.reason;
\c -
PREPARE incoming AS MERGE INTO write_merge.lead AS l USING write_merge.incoming AS v ON l.id = v.id AND v.id = 102
    WHEN MATCHED THEN UPDATE SET stage = v.stage, stage_reason = v.reason;
EXECUTE incoming;
\c -
-- An UPDATE that sets the reason that is stored does set it.
UPDATE write_merge.lead SET stage = (SELECT stage FROM write_merge.incoming WHERE id = 102), stage_reason = 'too early' WHERE id = 103;
SET ROLE regress_write_merge;
SET search_path = write_merge, public;
SELECT id, stage, stage_reason FROM lead WHERE id > 100 ORDER BY id;
SELECT * FROM story WHERE lead > 100 ORDER BY lead;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
