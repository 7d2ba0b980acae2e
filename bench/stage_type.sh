#!/bin/bash
# stage_type.sh
#	  lead_stage against smallint: the same rows, the same queries, taken in
#	  turns in one session, so that whatever slows the machine slows both.
#
# Prints the median of each and their ratio, and the ratio of the fastest runs,
# which is the one to look at on a machine that has other things to do.  Connects as psql does (PGHOST,
# PGPORT, PGUSER), works in a database of its own and drops it again.
# ROWS and RUNS change the size (3000000 and 7).
set -euo pipefail

rows=${ROWS:-3000000}
runs=${RUNS:-7}
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

psql -d postgres -c "CREATE DATABASE $db"
trap 'psql -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

psql -d "$db" -v rows="$rows" -v runs="$runs" <<'SQL'
CREATE EXTENSION lead_stage;
\pset footer off

-- Two tables of the same width: one byte or two, both are followed by padding.
CREATE UNLOGGED TABLE s AS
    SELECT g AS id, stages[1 + (hashint4(g) & 2147483647) % 9] AS v
    FROM generate_series(1, :rows) g, (SELECT array_agg(stage ORDER BY rank) AS stages FROM lead_stage.stages()) x;
CREATE UNLOGGED TABLE i AS SELECT id, lead_stage.rank(v) AS v FROM s;
VACUUM (ANALYZE, FREEZE) s;
VACUUM (ANALYZE, FREEZE) i;

CREATE TEMP TABLE task (n int, name text, setup text, stage text, small text);
INSERT INTO task VALUES
    (1, 'filter: v >= sql', '',
        'SELECT count(*) FROM s WHERE v >= ''sql''',
        'SELECT count(*) FROM i WHERE v >= 7::smallint'),
    (2, 'filter: v = mql', '',
        'SELECT count(*) FROM s WHERE v = ''mql''',
        'SELECT count(*) FROM i WHERE v = 5::smallint'),
    (3, 'sort', '',
        'SELECT v FROM s ORDER BY v OFFSET 1000000000',
        'SELECT v FROM i ORDER BY v OFFSET 1000000000'),
    (4, 'group by, hashed', 'SET enable_sort = off',
        'SELECT v, count(*) FROM s GROUP BY v',
        'SELECT v, count(*) FROM i GROUP BY v'),
    (5, 'min and max', '',
        'SELECT min(v), max(v) FROM s',
        'SELECT min(v), max(v) FROM i'),
    (6, 'hash join', 'SET enable_nestloop = off; SET enable_mergejoin = off',
        'SELECT count(*) FROM s JOIN (SELECT DISTINCT v FROM s WHERE id <= 100) d USING (v)',
        'SELECT count(*) FROM i JOIN (SELECT DISTINCT v FROM i WHERE id <= 100) d USING (v)'),
    (7, 'btree build', 'DROP INDEX IF EXISTS s_v, i_v',
        'CREATE INDEX s_v ON s (v)',
        'CREATE INDEX i_v ON i (v)'),
    (8, 'index-only count, one stage', 'SET enable_seqscan = off; SET enable_bitmapscan = off',
        'SELECT count(*) FROM s WHERE v = ''mql''',
        'SELECT count(*) FROM i WHERE v = 5::smallint'),
    (9, 'index-only count, a range', 'SET enable_seqscan = off; SET enable_bitmapscan = off',
        'SELECT count(*) FROM s WHERE v >= ''sal''',
        'SELECT count(*) FROM i WHERE v >= 6::smallint'),
    (10, '50000 index look-ups', 'SET enable_seqscan = off; SET enable_bitmapscan = off',
        'SELECT sum(l) FROM generate_series(1, 50000) g, LATERAL (SELECT 1 AS l FROM s WHERE v = (CASE g % 2 WHEN 0 THEN ''mql''::lead_stage ELSE ''sql'' END) LIMIT 1) x',
        'SELECT sum(l) FROM generate_series(1, 50000) g, LATERAL (SELECT 1 AS l FROM i WHERE v = (CASE g % 2 WHEN 0 THEN 5::smallint ELSE 7::smallint END) LIMIT 1) x'),
    (11, 'insert of 300000 into a btree', '',
        'INSERT INTO s SELECT -id, v FROM s WHERE id BETWEEN 1 AND 300000',
        'INSERT INTO i SELECT -id, v FROM i WHERE id BETWEEN 1 AND 300000');

CREATE TEMP TABLE taken (n int, ms_stage float8, ms_small float8);

SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SET work_mem = '512MB';
SET maintenance_work_mem = '512MB';
SET jit = off;
SET client_min_messages = warning;

CREATE PROCEDURE pg_temp.measure(runs int, first int, last int) LANGUAGE plpgsql AS $$
DECLARE
    t record;
    start timestamptz;
    a float8;
    b float8;
BEGIN
    FOR t IN SELECT * FROM task WHERE n BETWEEN first AND last ORDER BY n LOOP
        SET enable_sort = on;
        SET enable_nestloop = on;
        SET enable_mergejoin = on;
        SET enable_seqscan = on;
        SET enable_bitmapscan = on;
        FOR run IN 0 .. runs LOOP
            IF t.setup <> '' THEN
                EXECUTE t.setup;
            END IF;
            -- who goes first alternates too; run 0 only warms up
            IF run % 2 = 0 THEN
                start := clock_timestamp();
                EXECUTE t.stage;
                a := extract(epoch FROM clock_timestamp() - start);
            END IF;
            start := clock_timestamp();
            EXECUTE t.small;
            b := extract(epoch FROM clock_timestamp() - start);
            IF run % 2 = 1 THEN
                start := clock_timestamp();
                EXECUTE t.stage;
                a := extract(epoch FROM clock_timestamp() - start);
            END IF;
            IF run > 0 THEN
                INSERT INTO taken VALUES (t.n, a * 1000, b * 1000);
            END IF;
        END LOOP;
    END LOOP;
END $$;
CALL pg_temp.measure(:runs, 1, 10);
CREATE TEMP TABLE size AS
    SELECT pg_relation_size('s') AS s, pg_relation_size('i') AS i, pg_relation_size('s_v') AS s_v, pg_relation_size('i_v') AS i_v;
CALL pg_temp.measure(:runs, 11, 11);

SELECT version();
SELECT to_char(:rows, 'FM999,999,999') AS rows, :runs AS runs,
    pg_size_pretty(s) AS table_stage, pg_size_pretty(i) AS table_smallint,
    pg_size_pretty(s_v) AS index_stage, pg_size_pretty(i_v) AS index_smallint
FROM size;
SELECT name AS task, round(s::numeric, 1) AS stage_ms, round(i::numeric, 1) AS smallint_ms, round((s / i)::numeric, 2) AS ratio,
    round((best_s / best_i)::numeric, 2) AS ratio_of_fastest
FROM (SELECT n, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms_stage) AS s, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms_small) AS i,
        min(ms_stage) AS best_s, min(ms_small) AS best_i
    FROM taken GROUP BY n) m JOIN task USING (n)
ORDER BY n;
SQL
