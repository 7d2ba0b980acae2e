-- Cursors, WHERE CURRENT OF, and RETURNING from data-modifying CTEs.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_cursor
\i :setup

INSERT INTO lead (id, size) SELECT g, g * 100 - 50 FROM generate_series(1, 6) AS g;
BEGIN;
DECLARE c CURSOR FOR SELECT id, stage FROM lead ORDER BY id FOR UPDATE;
FETCH 2 FROM c;
UPDATE lead SET owner = 'ann' WHERE CURRENT OF c;
FETCH c;
DELETE FROM lead WHERE CURRENT OF c;
FETCH c;
UPDATE lead SET stage = 'nurture' WHERE CURRENT OF c;
ROLLBACK;
BEGIN;
-- Insensitive: what is written meanwhile does not show, and history does.
DECLARE d CURSOR FOR SELECT id, stage FROM lead ORDER BY id;
FETCH 1 FROM d;
UPDATE lead SET size = 500 WHERE id = 1;
UPDATE lead SET stage = 'nurture', stage_reason = 'later' WHERE id = 2;
FETCH 1 FROM d;
COMMIT;
WITH moved AS (UPDATE lead SET stage = 'nurture', stage_reason = 'cte' WHERE id IN (3, 4) RETURNING id, stage, stage_reason),
     gone AS (DELETE FROM lead WHERE id = 5 RETURNING id, stage),
     new AS (INSERT INTO lead (id, size) SELECT id + 100, 500 FROM gone RETURNING id, stage)
    SELECT 'moved', id, stage, stage_reason FROM moved UNION ALL SELECT 'gone', id, stage, NULL FROM gone
    UNION ALL SELECT 'new', id, stage, NULL FROM new ORDER BY 1, 2;
-- A loop over RETURNING that writes on.
DO $$
DECLARE r record;
BEGIN
    FOR r IN UPDATE lead SET met = true WHERE id IN (1, 2) RETURNING id LOOP
        UPDATE lead SET owner = 'loop ' || r.id WHERE id = 6;
    END LOOP;
END $$;
SELECT id, stage, owner, stage_reason FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
