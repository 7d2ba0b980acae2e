#!/bin/bash
# reports.sh
#	  The funnel against the leanest SQL that one would write by hand for the
#	  same numbers, and what every report reads and takes for ranges of time,
#	  narrow ones and all.
#
# History is made by the extension itself: LEADS (170000) leads over two years,
# with about six rows of history each, those of SLA clocks and milestones among
# them.  Both contestants run one after the other RUNS (7) times; the ratio is
# the median of each pair's.  Blocks are those of the whole query, from EXPLAIN
# (ANALYZE, BUFFERS), most of them found in memory and many of them touched more
# than once; milliseconds are the median of three runs.  Connects as psql does,
# works in a database of its own and drops it again.
set -euo pipefail

leads=${LEADS:-170000}
runs=${RUNS:-7}
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

psql -d postgres -c "CREATE DATABASE $db"
trap 'psql -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

psql -d "$db" -v leads="$leads" -v runs="$runs" <<'SQL'
SET client_min_messages = warning;
\pset footer off
CREATE EXTENSION lead_stage;
CREATE SCHEMA crm;
SET search_path = crm, public;
SET TimeZone = 'UTC';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TABLE lead (id bigint PRIMARY KEY, region text, n int, meeting_at timestamptz);
INSERT INTO lead_stage.model (name) VALUES ('bench');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage)
    SELECT 'bench', a.stage || ' to ' || b.stage, a.stage, b.stage FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('bench', 'respond', 'sql', '10 days');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('bench', 'meeting_booked', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'bench') \g /dev/null
SELECT lead_stage.publish('bench') \g /dev/null
SELECT setseed(0.42) \g /dev/null

-- Each day some leads arrive, and one in eleven of those under way moves.
CREATE PROCEDURE fill(leads int, days int) LANGUAGE plpgsql AS $$
BEGIN
    FOR day IN 0 .. days + 60 LOOP
        PERFORM set_config('lead_stage.now', (timestamptz '2024-01-01 09:00+00' + day * interval '1 day')::text, true);
        IF day < days THEN
            INSERT INTO lead SELECT day * 100000 + g, (ARRAY['north', 'south', 'east', 'west'])[1 + g % 4], random() * 100 FROM generate_series(1, leads / days) AS g;
        END IF;
        UPDATE lead SET n = random() * 100, meeting_at = CASE WHEN stage = 'sql' AND n % 2 = 0 THEN lead_stage.now() END, stage = CASE stage
                WHEN 'lead' THEN CASE WHEN n % 10 < 2 THEN 'nurture' WHEN n % 10 < 9 THEN 'mql' ELSE 'sql' END
                WHEN 'nurture' THEN CASE WHEN n % 3 = 0 THEN 'disqualified' ELSE 'mql' END
                WHEN 'mql' THEN CASE WHEN n % 10 < 4 THEN 'sal' WHEN n % 10 < 6 THEN 'sql' WHEN n % 10 < 8 THEN 'nurture' ELSE 'disqualified' END
                WHEN 'sal' THEN CASE WHEN n % 4 = 0 THEN 'nurture' ELSE 'sql' END
                WHEN 'sql' THEN CASE WHEN n % 4 = 0 THEN 'lost' ELSE 'opportunity' END
                WHEN 'opportunity' THEN CASE WHEN n % 3 = 0 THEN 'lost' ELSE 'customer' END END::lead_stage
            WHERE stage >= 'lead' AND stage < 'customer' AND id % 11 = day % 11;
        COMMIT;
    END LOOP;
END $$;
CALL fill(:leads, 700);
VACUUM (ANALYZE) lead;
VACUUM (ANALYZE) lead_history;

CREATE VIEW by_hand AS
    WITH visit AS (
        SELECT lead_id AS lead, from_stage AS stage, since AS entered_at, at AS left_at, to_stage AS next_stage FROM lead_history WHERE event IN ('stage', 'deleted')
        UNION ALL
        SELECT id, stage, stage_since, NULL, NULL FROM lead
    ), counted AS (
        SELECT stage, count(*) AS entered, count(DISTINCT lead) AS leads, count(*) FILTER (WHERE next_stage > stage AND next_stage >= 'lead') AS advanced,
               count(*) FILTER (WHERE next_stage < stage AND next_stage >= 'lead') AS recycled,
               count(*) FILTER (WHERE next_stage < 'lead' OR next_stage IS NULL AND left_at IS NOT NULL) AS dropped, count(*) FILTER (WHERE left_at IS NULL) AS still_here,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY left_at - entered_at) AS median_time
        FROM visit GROUP BY stage
    ), skipped AS (
        SELECT s.stage, count(DISTINCT h.lead_id) AS skipped
        FROM lead_history AS h JOIN lead_stage.stages() AS s ON s.stage > h.from_stage AND s.stage < h.to_stage
        WHERE h.event = 'stage' AND h.from_stage >= 'lead' GROUP BY s.stage
    )
    SELECT stage, coalesce(entered, 0) AS entered, coalesce(leads, 0) AS leads, coalesce(advanced, 0) AS advanced, coalesce(recycled, 0) AS recycled,
           coalesce(dropped, 0) AS dropped, coalesce(still_here, 0) AS still_here, coalesce(skipped, 0) AS skipped, median_time
    FROM counted FULL JOIN skipped USING (stage);
CREATE FUNCTION ms(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz := clock_timestamp();
BEGIN
    EXECUTE query;
    RETURN extract(epoch FROM clock_timestamp() - start) * 1000;
END $$;
CREATE FUNCTION blocks(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
END $$;

SELECT version();
SELECT (SELECT count(*) FROM lead) AS leads, (SELECT count(*) FROM lead_history) AS history_rows,
       (SELECT count(*) FROM (SELECT stage, entered, leads, advanced, recycled, dropped, still_here, skipped, median_time FROM lead_stage.funnel('lead')
                              EXCEPT TABLE by_hand) AS d) AS rows_that_differ;
WITH run AS MATERIALIZED (
    SELECT ms('SELECT * FROM lead_stage.funnel(''lead'')') AS ours, ms('TABLE by_hand') AS hand FROM generate_series(1, :runs)
)
SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)) AS funnel_ms, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY hand)) AS by_hand_ms,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / hand))::numeric, 2) AS ratio FROM run;
SELECT f.report, r.range, blocks(q.query) AS blocks, round(m.ms) AS ms
FROM unnest('{funnel,velocity,drop_off,mql_report,sql_report,sla_report,report_html}'::text[]) WITH ORDINALITY AS f (report, place)
     CROSS JOIN (VALUES (1, 'a day of 2024', $$'2024-06-01', '2024-06-02'$$), (2, 'a week of 2024', $$'2024-06-01', '2024-06-08'$$),
                        (3, 'the last week', $$'2026-01-22'$$), (4, 'a quarter of 2024', $$'2024-06-01', '2024-09-01'$$), (5, 'all', $$'-infinity'$$)) AS r (place, range, arguments)
     CROSS JOIN LATERAL format('SELECT * FROM lead_stage.%s(''lead'', %s)', f.report, r.arguments) AS q (query)
     CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t.ms) AS ms FROM (SELECT ms(q.query) AS ms FROM generate_series(1, 3)) AS t) AS m
ORDER BY f.place, r.place;
SELECT pg_relation_size('lead_history') / 8192 AS history_blocks, pg_relation_size('lead') / 8192 AS lead_blocks,
       (SELECT count(*) FROM lead_visits AS v WHERE v.entered_at >= '2024-06-01' AND v.entered_at < '2024-06-08') AS visits_of_the_week;
-- One lead in each view.
SELECT v.view, blocks(format('SELECT * FROM %I WHERE id = 1000007', v.view)) AS blocks, round(ms(format('SELECT * FROM %I WHERE id = 1000007', v.view))::numeric, 1) AS ms
FROM unnest('{lead_visits,lead_journey,lead_live,lead_tasks}'::text[]) WITH ORDINALITY AS v (view, place) ORDER BY v.place;
SQL
