-- A report on a narrow range of time reads, by index, what belongs to the leads
-- with something in it, and says what it says when it reads everything.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_narrow;
GRANT SET ON PARAMETER lead_stage.now, lead_stage.enforce TO regress_report_narrow;
CREATE SCHEMA report_narrow AUTHORIZATION regress_report_narrow;
SET ROLE regress_report_narrow;
SET search_path = report_narrow, public;
SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0;

CREATE TABLE lead (id int, "at" text DEFAULT 'x', region text, n int, call_at timestamptz, waiting bool, meeting_at timestamptz, PRIMARY KEY ("at", id));
CREATE TABLE touch (id int, "at" text DEFAULT 'x', came timestamptz DEFAULT lead_stage.now());
INSERT INTO lead_stage.model (name) VALUES ('report narrow');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
    SELECT 'report narrow', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
    FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, pause_when) VALUES ('report narrow', 'call', 'sql', '3 days', 'call_at', 'waiting');
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('report narrow', 'accept', 'mql', '2 days');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report narrow', 'meeting_booked', 'meeting_at IS NOT NULL');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('report narrow', 'touch', 'engagement', 'touch', 1);
SELECT lead_stage.attach('lead', 'report narrow');
SELECT lead_stage.attach_activity('touch', 'lead', lead_key => '{at,id}', at => 'came');
SELECT lead_stage.publish('report narrow') > 0 AS published;

-- Each day leads come, some are touched, called, put off, booked, moved, given
-- away, imported with the stage and time they have elsewhere, and deleted; some
-- keys come back.
DO $$
BEGIN
    FOR day IN 0 .. 150 LOOP
        PERFORM set_config('lead_stage.now', (timestamptz '2026-01-01 09:00+00' + day * interval '1 day')::text, true);
        INSERT INTO lead (id, region, n) SELECT day * 100 + g, (ARRAY['north', 'south', NULL])[1 + g % 3], g * 7 + day FROM generate_series(1, 30) AS g;
        IF day % 20 = 7 THEN
            PERFORM set_config('lead_stage.enforce', 'off', true);
            INSERT INTO lead (id, region, n, stage, stage_since)
                SELECT day * 100 + 50 + g, 'import', g, (ARRAY['nurture', 'mql', 'sql'])[1 + g % 3]::lead_stage, timestamptz '2026-01-01' + (day - g * 3) * interval '1 day' FROM generate_series(1, 9) AS g;
            PERFORM set_config('lead_stage.enforce', 'on', true);
        END IF;
        INSERT INTO touch (id) SELECT l.id FROM lead AS l WHERE (l.id + day) % 23 = 3 AND l.id > (day - 40) * 100;
        UPDATE lead SET waiting = NOT coalesce(waiting, false) WHERE (id + day) % 29 = 5 AND id > (day - 40) * 100;
        UPDATE lead SET call_at = lead_stage.now() - interval '5 hours' WHERE stage = 'sql' AND (id + day) % 5 = 1;
        UPDATE lead SET meeting_at = lead_stage.now() WHERE stage = 'sql' AND (id + day) % 7 = 2;
        UPDATE lead SET owner = 'rep ' || day % 5 WHERE (id + day) % 31 = 4 AND id > (day - 20) * 100;
        UPDATE lead SET stage_reason = 'reason ' || n % 3, stage = CASE stage
                WHEN 'lead' THEN CASE WHEN n % 10 < 2 THEN 'nurture' WHEN n % 10 < 9 THEN 'mql' ELSE 'sql' END
                WHEN 'nurture' THEN CASE WHEN n % 3 = 0 THEN 'disqualified' ELSE 'mql' END
                WHEN 'mql' THEN CASE WHEN n % 10 < 4 THEN 'sal' WHEN n % 10 < 6 THEN 'sql' WHEN n % 10 < 8 THEN 'nurture' ELSE 'disqualified' END
                WHEN 'sal' THEN CASE WHEN n % 4 = 0 THEN 'nurture' ELSE 'sql' END
                WHEN 'sql' THEN CASE WHEN n % 4 = 0 THEN 'lost' ELSE 'opportunity' END
                WHEN 'opportunity' THEN CASE WHEN n % 3 = 0 THEN 'lost' ELSE 'customer' END END::lead_stage, n = n * 3 + day
            WHERE stage >= 'lead' AND stage < 'customer' AND (id + day) % 11 = 0;
        DELETE FROM lead WHERE (id + day) % 977 = 6;
        IF day % 10 = 9 THEN
            INSERT INTO lead (id, region, n) SELECT g, 'again', g FROM generate_series(1, 4000, 7) AS g
                WHERE NOT EXISTS (SELECT FROM lead AS l WHERE l.id = g) AND EXISTS (SELECT FROM lead_history AS h WHERE h.id = g AND h.event = 'deleted') LIMIT 20;
        END IF;
    END LOOP;
END
$$;
SET lead_stage.now = '2026-06-10 12:00+00';
CREATE TABLE range AS
    SELECT * FROM (VALUES ('a day', timestamptz '2026-03-02', timestamptz '2026-03-03', 'owner'), ('four days', '2026-04-01 09:00', '2026-04-05 09:00', 'region'),
                          ('the last three days', '2026-05-29', 'infinity', NULL), ('the first', '-infinity', '2026-01-04', 'owner'),
                          ('nothing', '2026-03-02 09:00', '2026-03-02 09:00', NULL), ('the future', '2027-01-01', 'infinity', 'region')) AS t (range, since, until, by);
CREATE VIEW figures AS
    SELECT r.range, f.report, f.row
    FROM range AS r
         CROSS JOIN LATERAL (SELECT 'funnel' AS report, f::text AS row FROM lead_stage.funnel('lead', r.since, r.until, r.by) AS f
                             UNION ALL SELECT 'velocity', f::text FROM lead_stage.velocity('lead', r.since, r.until, r.by) AS f
                             UNION ALL SELECT 'drop_off', f::text FROM lead_stage.drop_off('lead', r.since, r.until, r.by) AS f
                             UNION ALL SELECT 'mql_report', f::text FROM lead_stage.mql_report('lead', r.since, r.until, r.by) AS f
                             UNION ALL SELECT 'sql_report', f::text FROM lead_stage.sql_report('lead', r.since, r.until, r.by) AS f
                             UNION ALL SELECT 'sla_report', f::text FROM lead_stage.sla_report('lead', r.since, r.until, r.by) AS f) AS f;

-- Not analyzed yet, everything is read whole.
SELECT count(*) FILTER (WHERE lead_stage._is_narrow('lead', r.since, r.until)) AS narrow FROM range AS r;
CREATE TABLE whole AS TABLE figures;
SELECT w.report, count(*) > 5 AS enough, count(*) FILTER (WHERE w.range IN ('nothing', 'the future')) AS of_nothing FROM whole AS w GROUP BY w.report ORDER BY w.report;
ANALYZE lead, lead_history, lead_state;
SELECT count(*) FILTER (WHERE lead_stage._is_narrow('lead', r.since, r.until)) AS narrow FROM range AS r;
CREATE TABLE narrow AS TABLE figures;
SELECT count(*) AS only_one_says FROM ((TABLE narrow EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE narrow)) AS d;

-- What a report reads: how often history, leads and state are read whole, and how
-- many rows are fetched by their primary keys for each visit or clock of the range.
CREATE FUNCTION reads(report text, since timestamptz, until timestamptz, OUT whole bigint, OUT fetched bigint) LANGUAGE plpgsql AS $$
DECLARE
    whole_before bigint;
    fetched_before bigint;
BEGIN
    SELECT sum(pg_stat_get_xact_numscans(t.oid)) FILTER (WHERE t.relkind = 'r'), sum(pg_stat_get_xact_tuples_fetched(t.oid)) FILTER (WHERE t.relname LIKE '%\_pkey')
        INTO whole_before, fetched_before FROM pg_class AS t WHERE t.relnamespace = 'report_narrow'::regnamespace AND t.relname LIKE 'lead%';
    EXECUTE format('SELECT * FROM lead_stage.%I(''lead'', %L, %L)', report, since, until);
    SELECT sum(pg_stat_get_xact_numscans(t.oid)) FILTER (WHERE t.relkind = 'r') - whole_before,
           sum(pg_stat_get_xact_tuples_fetched(t.oid)) FILTER (WHERE t.relname LIKE '%\_pkey') - fetched_before
        INTO whole, fetched FROM pg_class AS t WHERE t.relnamespace = 'report_narrow'::regnamespace AND t.relname LIKE 'lead%';
END
$$;
SELECT f.report, count(*) FILTER (WHERE n.visits > 10) AS with_visits, sum(s.whole) FILTER (WHERE r.range <> 'all') AS narrow_whole,
       bool_and(s.fetched <= f.each * n.visits) FILTER (WHERE r.range <> 'all') AS in_proportion, bool_and(s.whole > 0 AND s.fetched = 0) FILTER (WHERE r.range = 'all') AS all_whole
FROM (VALUES (1, 'funnel', 3), (2, 'velocity', 3), (3, 'drop_off', 3), (4, 'mql_report', 25), (5, 'sql_report', 50), (6, 'sla_report', 15)) AS f (place, report, each)
     CROSS JOIN (TABLE range UNION ALL VALUES ('all', timestamptz '-infinity', timestamptz 'infinity', NULL)) AS r
     CROSS JOIN LATERAL reads(f.report, r.since, r.until) AS s
     CROSS JOIN LATERAL (SELECT CASE WHEN f.report = 'sla_report' THEN (SELECT count(*) FROM lead_history AS h WHERE h.event = 'sla_started' AND h.at >= r.since AND h.at < r.until)
                                     ELSE (SELECT count(*) FROM lead_visits AS v WHERE v.entered_at >= r.since AND v.entered_at < r.until
                                               AND v.stage = CASE f.report WHEN 'mql_report' THEN 'mql' WHEN 'sql_report' THEN 'sql' ELSE v.stage END) END AS visits) AS n
GROUP BY f.place, f.report ORDER BY f.place;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report narrow';
DROP SCHEMA report_narrow CASCADE;
DROP OWNED BY regress_report_narrow;
DROP ROLE regress_report_narrow;
