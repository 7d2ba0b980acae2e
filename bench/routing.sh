#!/bin/bash
# routing.sh -- what a route costs: bulk INSERTs of leads without a route, with
# one to a fixed name, to a pool, and to a pool whose reps have a limit.
#
# Usage: bench/routing.sh [ROWS [ROUNDS]], against the server of the environment
# (PGHOST, PGUSER …).  The four take turns; figures are medians, and ratios are
# medians of the ratios within a round.
set -euo pipefail
rows=${1:-50000} rounds=${2:-5}
export PGDATABASE=lead_stage_bench_routing
psql -X -q -d postgres -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $PGDATABASE" -c "CREATE DATABASE $PGDATABASE"
psql -X -q -v ON_ERROR_STOP=1 <<SQL >/dev/null
SET client_min_messages = warning;
CREATE EXTENSION lead_stage;
CREATE TABLE pace (round int, what text, ms float);
DO \$\$
DECLARE
    what text;
BEGIN
    FOREACH what IN ARRAY '{none,name,pool,limited}'::text[] LOOP
        EXECUTE format('CREATE TABLE %I (id bigint PRIMARY KEY, size int)', what);
        INSERT INTO lead_stage.model (name) VALUES (what);
        INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES (what, 'big', 'fit', 'size > 50', 20);
        INSERT INTO lead_stage.rep (model, pool, name, weight, max_open)
            SELECT what, 'sales', 'rep ' || i, 1 + i % 3, CASE what WHEN 'limited' THEN 1000000 END FROM generate_series(1, 10) AS i;
        IF what = 'name' THEN
            INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES (what, 'r', 'lead', 'desk');
        ELSIF what <> 'none' THEN
            INSERT INTO lead_stage.route (model, name, stage, pool) VALUES (what, 'r', 'lead', 'sales');
        END IF;
        PERFORM lead_stage.attach(what::regclass, what);
        PERFORM lead_stage.publish(what);
        EXECUTE format('CREATE INDEX ON %I (owner) WHERE stage IN (''sal'', ''sql'', ''opportunity'')', what);
    END LOOP;
END
\$\$;
CREATE PROCEDURE bench(rows int, rounds int) LANGUAGE plpgsql AS \$\$
DECLARE
    what text;
    start timestamptz;
BEGIN
    FOR round IN 0 .. rounds LOOP
        FOREACH what IN ARRAY '{none,name,pool,limited}'::text[] LOOP
            EXECUTE format('TRUNCATE %I', what);
            COMMIT;
            start := clock_timestamp();
            EXECUTE format('INSERT INTO %I SELECT i, i %% 100 FROM generate_series(1, %s) AS i', what, rows);
            INSERT INTO pace VALUES (round, what, extract(epoch FROM clock_timestamp() - start) * 1000);
            COMMIT;
        END LOOP;
    END LOOP;
END
\$\$;
CALL bench($rows, $rounds);
SQL
echo "$(psql -X -At -c 'SHOW server_version'), INSERT of $rows leads, median of $rounds rounds"
psql -X <<'SQL'
SELECT p.what AS route, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ms)::numeric) AS ms,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ms / n.ms)::numeric, 2) AS "of none",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ms / f.ms)::numeric, 2) AS "of a name"
FROM pace AS p JOIN pace AS n ON n.round = p.round AND n.what = 'none' JOIN pace AS f ON f.round = p.round AND f.what = 'name'
WHERE p.round > 0 GROUP BY p.what ORDER BY array_position('{none,name,pool,limited}', p.what);
SQL
psql -X -q -d postgres -c "DROP DATABASE $PGDATABASE"
