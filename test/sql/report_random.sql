-- Every report on a long random story, against the same figures computed from
-- the rows of history another way: visits from each row and the one after it,
-- medians from the middle of the sorted times.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_random;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_random;
CREATE SCHEMA report_random AUTHORIZATION regress_report_random;
SET ROLE regress_report_random;
SET search_path = report_random, public;
SET timezone = 'UTC';

-- Partitioned, and with names and a key of two columns that need care.  The
-- key changes by adding 1000, so that the rest tells which lead it is.
CREATE TABLE "Lead" ("At" int, stage_of text, region text, meeting_at timestamptz, PRIMARY KEY ("At", stage_of)) PARTITION BY HASH ("At");
CREATE TABLE lead_0 PARTITION OF "Lead" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE lead_1 (region text, meeting_at timestamptz, stage_of text NOT NULL, "At" int NOT NULL);
ALTER TABLE "Lead" ATTACH PARTITION lead_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE touch ("At" int, stage_of text, at timestamptz);
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('report random', 'Europe/London');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'report random', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, calendar) VALUES ('report random', 'report random');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
    SELECT 'report random', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
    FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report random', 'meeting_booked', 'meeting_at IS NOT NULL');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('report random', 'touch', 'engagement', 'touch', 1);
SELECT lead_stage.attach('"Lead"', 'report random');
SELECT lead_stage.attach_activity('touch', '"Lead"', lead_key => '{At,stage_of}');
SELECT lead_stage.publish('report random') > 0 AS published;

DO $$
DECLARE
    at timestamptz := '2026-01-01 00:00+00';
    pick int;
BEGIN
    PERFORM setseed(0.25);
    FOR step IN 1 .. 700 LOOP
        at := at + interval '15 minutes' * (1 + floor(random() * 20));
        PERFORM set_config('lead_stage.now', at::text, true);
        pick := random() * 120;
        CASE floor(random() * 12)::int
            WHEN 0, 1 THEN INSERT INTO "Lead" SELECT g, 'x', (ARRAY['north', 'south', NULL])[1 + g % 3]
                               FROM generate_series(pick, pick + 2) AS g
                               WHERE NOT EXISTS (SELECT FROM "Lead" AS l WHERE l."At" % 1000 = g) AND NOT EXISTS (SELECT FROM "Lead_history" AS h WHERE h."At" = g + 1000);
            WHEN 2 THEN UPDATE "Lead" SET owner = 'rep ' || pick % 3 WHERE "At" % 7 = pick % 7;
            WHEN 3 THEN INSERT INTO touch SELECT l."At", l.stage_of, at FROM "Lead" AS l WHERE l."At" % 9 = pick % 9;
            WHEN 4 THEN
                IF random() < 0.4 THEN
                    DELETE FROM "Lead" WHERE "At" % 1000 = pick;
                END IF;
            WHEN 5 THEN
                IF random() < 0.5 THEN
                    UPDATE "Lead" SET "At" = "At" + 1000 WHERE "At" % 1000 BETWEEN pick AND pick + 1;
                END IF;
            WHEN 6 THEN UPDATE "Lead" SET meeting_at = CASE WHEN meeting_at IS NULL THEN at END WHERE "At" % 5 = pick % 5;
            ELSE
                UPDATE "Lead" SET stage_reason = 'reason ' || pick % 2, stage = (ARRAY['lead', 'nurture', 'nurture', 'mql', 'mql', 'mql', 'sal', 'sql', 'sql', 'opportunity', 'customer', 'lost', 'disqualified'])
                        [1 + floor(random() * 13)]::lead_stage
                    WHERE "At" % 6 = pick % 6 AND random() < 0.5;
        END CASE;
    END LOOP;
END
$$;
SET lead_stage.now = '2026-06-01 00:00+00';
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE event = 'stage') > 500 AS moves, count(*) FILTER (WHERE event = 'rekeyed') > 40 AS rekeyed,
       count(*) FILTER (WHERE event = 'deleted') > 5 AS deleted, count(*) FILTER (WHERE event = 'milestone') > 50 AS milestones FROM "Lead_history";
SELECT count(*) AS problems FROM lead_stage.verify_history('"Lead"');

-- The other way.
CREATE TABLE visit AS
    SELECT r.*, l.region, CASE WHEN r.left_at IS NULL THEN l.owner ELSE r.owner_then END AS owner,
           EXISTS (SELECT FROM touch AS t WHERE t."At" % 1000 = r.lead AND t.at >= r.entered_at AND (t.at < r.left_at OR r.left_at IS NULL)) AS touched,
           EXISTS (SELECT FROM "Lead_history" AS m WHERE m."At" % 1000 = r.lead AND m.name = 'meeting_booked' AND m.id > r.id AND (m.id < r.left_id OR r.left_id IS NULL)) AS met
    FROM (SELECT h.id, h."At" % 1000 AS lead, h.event, h.to_stage AS stage, h.at AS entered_at, lead(h.id) OVER one AS left_id, lead(h.at) OVER one AS left_at,
                 lead(h.to_stage) OVER one AS next_stage, lead(h.reason) OVER one AS reason, lead(h.owner) OVER one AS owner_then
          FROM "Lead_history" AS h WHERE h.event IN ('created', 'stage', 'deleted') WINDOW one AS (PARTITION BY h."At" % 1000 ORDER BY h.id)) AS r
         LEFT JOIN "Lead" AS l ON l."At" % 1000 = r.lead
    WHERE r.event <> 'deleted';
CREATE TABLE range AS
    SELECT * FROM (VALUES (1, timestamptz '-infinity', timestamptz 'infinity'), (2, '2026-01-03', '2026-01-04'), (3, '2026-02-10 03:00', '2026-02-10 21:00'),
                          (4, '2026-02-20', 'infinity'), (5, '-infinity', '2026-01-05'), (6, '2030-01-01', 'infinity')) AS t (range, since, until);
CREATE TABLE split (by text);
INSERT INTO split VALUES (NULL), ('region'), ('owner'), ('region || owner');
CREATE INDEX ON visit (lead);
CREATE TABLE cohort AS
    SELECT r.range, s.by, CASE s.by WHEN 'region' THEN v.region WHEN 'owner' THEN v.owner WHEN 'region || owner' THEN v.region || v.owner END AS segment,
           CASE WHEN v.left_at IS NULL THEN 'still_here' WHEN v.next_stage IS NULL OR v.next_stage IN ('lost', 'disqualified') THEN 'dropped'
                WHEN v.next_stage > v.stage THEN 'advanced' ELSE 'recycled' END AS outcome, v.*
    FROM visit AS v JOIN range AS r ON v.entered_at >= r.since AND v.entered_at < r.until CROSS JOIN split AS s;
CREATE TABLE jump AS
    SELECT r.range, s.by, CASE s.by WHEN 'region' THEN v.region WHEN 'owner' THEN v.owner WHEN 'region || owner' THEN v.region || v.owner END AS segment, p.stage, v.lead
    FROM visit AS v JOIN range AS r ON v.left_at >= r.since AND v.left_at < r.until CROSS JOIN split AS s
         JOIN lead_stage.stages() AS f ON f.stage = v.stage AND f.rank > 2 JOIN lead_stage.stages() AS t ON t.stage = v.next_stage
         JOIN lead_stage.stages() AS p ON p.rank > f.rank AND p.rank < t.rank;
CREATE TABLE middle AS
    SELECT m.range, m.by, m.segment, m.stage, avg(m.took) AS median
    FROM (SELECT c.range, c.by, c.segment, c.stage, c.left_at - c.entered_at AS took, row_number() OVER (one ORDER BY c.left_at - c.entered_at) AS place, count(*) OVER one AS number
          FROM cohort AS c WHERE c.left_at IS NOT NULL WINDOW one AS (PARTITION BY c.range, c.by, c.segment, c.stage)) AS m
    WHERE m.place IN ((m.number + 1) / 2, m.number / 2 + 1) GROUP BY m.range, m.by, m.segment, m.stage;
CREATE TABLE funnel_expected AS
    SELECT k.range, k.by, k.segment, k.stage,
           (SELECT ROW(count(*), count(DISTINCT c.lead), count(*) FILTER (WHERE c.outcome = 'advanced'), count(*) FILTER (WHERE c.outcome = 'recycled'),
                       count(*) FILTER (WHERE c.outcome = 'dropped'), count(*) FILTER (WHERE c.outcome = 'still_here'))::text
            FROM cohort AS c WHERE c.range = k.range AND c.by IS NOT DISTINCT FROM k.by AND c.segment IS NOT DISTINCT FROM k.segment AND c.stage = k.stage) AS counts,
           (SELECT count(DISTINCT j.lead) FROM jump AS j
            WHERE j.range = k.range AND j.by IS NOT DISTINCT FROM k.by AND j.segment IS NOT DISTINCT FROM k.segment AND j.stage = k.stage) AS skipped,
           (SELECT m.median FROM middle AS m
            WHERE m.range = k.range AND m.by IS NOT DISTINCT FROM k.by AND m.segment IS NOT DISTINCT FROM k.segment AND m.stage = k.stage) AS median
    FROM (SELECT c.range, c.by, c.segment, c.stage FROM cohort AS c UNION SELECT j.range, j.by, j.segment, j.stage FROM jump AS j) AS k;

-- What both say of each other: rows that only one has.
CREATE VIEW funnel_found AS
    SELECT r.range, s.by, f.segment, f.stage, ROW(f.entered, f.leads, f.advanced, f.recycled, f.dropped, f.still_here)::text AS counts, f.skipped, f.median_time
    FROM range AS r CROSS JOIN split AS s CROSS JOIN LATERAL lead_stage.funnel('"Lead"', r.since, r.until, s.by) AS f;
CREATE TABLE velocity_expected AS
    SELECT c.range, c.by, c.segment, c.stage, c.next_stage, count(*) AS moves, avg(c.left_at - c.entered_at) AS mean,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY c.left_at - c.entered_at) AS p90,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_stage.business_time_between('report random', c.entered_at, c.left_at)) AS business
    FROM cohort AS c WHERE c.next_stage IS NOT NULL GROUP BY c.range, c.by, c.segment, c.stage, c.next_stage;
CREATE VIEW velocity_found AS
    SELECT r.range, s.by, f.segment, f.from_stage, f.to_stage, f.moves, f.mean, f.p90, f.business_p50
    FROM range AS r CROSS JOIN split AS s CROSS JOIN LATERAL lead_stage.velocity('"Lead"', r.since, r.until, s.by) AS f;
CREATE TABLE drop_off_expected AS
    SELECT c.range, c.by, c.segment, c.stage, c.next_stage, c.reason, count(DISTINCT c.lead) AS leads
    FROM cohort AS c WHERE c.outcome IN ('recycled', 'dropped') GROUP BY c.range, c.by, c.segment, c.stage, c.next_stage, c.reason;
CREATE VIEW drop_off_found AS
    SELECT r.range, s.by, f.segment, f.stage, f.to_stage, f.reason, f.leads
    FROM range AS r CROSS JOIN split AS s CROSS JOIN LATERAL lead_stage.drop_off('"Lead"', r.since, r.until, s.by) AS f;
CREATE TABLE mql_expected AS
    SELECT c.range, c.by, c.segment, count(*) AS mqls,
           count(*) FILTER (WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = c.lead AND o.stage IN ('nurture', 'mql') AND o.touched)) AS engaged,
           count(*) FILTER (WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = c.lead AND o.stage >= 'sal' AND o.id > c.id)) AS accepted,
           count(*) FILTER (WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = c.lead AND o.stage >= 'sql' AND o.id > c.id)) AS sqls,
           count(*) FILTER (WHERE c.outcome = 'recycled') AS recycled, count(*) FILTER (WHERE c.outcome = 'dropped') AS dropped
    FROM cohort AS c WHERE c.stage = 'mql' GROUP BY c.range, c.by, c.segment;
CREATE VIEW mql_found AS
    SELECT r.range, s.by, f.segment, f.mqls, f.engaged, f.accepted, f.sqls, f.recycled, f.dropped
    FROM range AS r CROSS JOIN split AS s CROSS JOIN LATERAL lead_stage.mql_report('"Lead"', r.since, r.until, s.by) AS f;
CREATE TABLE sql_expected AS
    SELECT c.range, c.by, c.segment, count(*) AS sqls, 0::bigint AS responded, count(*) FILTER (WHERE c.met) AS meetings_booked,
           count(*) FILTER (WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = c.lead AND o.stage >= 'opportunity' AND o.id > c.id)) AS opportunities,
           count(*) FILTER (WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = c.lead AND o.stage = 'customer' AND o.id > c.id)) AS customers
    FROM cohort AS c WHERE c.stage = 'sql' GROUP BY c.range, c.by, c.segment;
CREATE VIEW sql_found AS
    SELECT r.range, s.by, f.segment, f.sqls, f.responded, f.meetings_booked, f.opportunities, f.customers
    FROM range AS r CROSS JOIN split AS s CROSS JOIN LATERAL lead_stage.sql_report('"Lead"', r.since, r.until, s.by) AS f;
CREATE FUNCTION differences(report text, OUT rows bigint, OUT wrong bigint, OUT missing bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMP TABLE found ON COMMIT DROP AS TABLE %s', report || '_found');
    EXECUTE format('SELECT (SELECT count(*) FROM %1$s), (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE %1$s) AS w),
                           (SELECT count(*) FROM (TABLE %1$s EXCEPT ALL TABLE found) AS m)', report || '_expected') INTO rows, wrong, missing;
    DROP TABLE found;
END $$;

SELECT count(DISTINCT range) AS ranges, count(DISTINCT by) AS splits, count(DISTINCT segment) AS segments, sum(skipped) > 300 AS skips FROM funnel_expected;
SELECT count(*) > 100 AS repeats FROM visit AS v WHERE EXISTS (SELECT FROM visit AS o WHERE o.lead = v.lead AND o.stage = v.stage AND o.id < v.id);
-- How many rows there are depends on the order in which a server draws its random numbers.
-- As it comes, and then, where the planner knows that a range holds little of it, lead by lead.
SELECT r.report, d.rows > 25 AS enough, d.wrong, d.missing FROM (VALUES ('funnel'), ('velocity'), ('drop_off'), ('mql'), ('sql')) AS r (report) CROSS JOIN LATERAL differences(r.report) AS d;
ANALYZE "Lead_history";
SELECT r.range, lead_stage._is_narrow('"Lead"', r.since, r.until) AS narrow FROM range AS r ORDER BY r.range;
SELECT r.report, d.rows > 25 AS enough, d.wrong, d.missing FROM (VALUES ('funnel'), ('velocity'), ('drop_off'), ('mql'), ('sql')) AS r (report) CROSS JOIN LATERAL differences(r.report) AS d;

-- The sums and rates that are promised.
SELECT bool_and(f.entered = f.advanced + f.recycled + f.dropped + f.still_here) AS add_up, bool_and(f.leads <= f.entered) AS distinct_leads,
       bool_and(f.conversion IS NOT DISTINCT FROM f.advanced::float8 / nullif(f.entered, 0)) AS conversion, sum(f.entered) = (SELECT count(*) FROM "Lead_visits") AS all_visits
FROM lead_stage.funnel('"Lead"', by => 'region') AS f;
SELECT bool_and(m.engagement_rate = m.engaged::float8 / m.mqls AND m.mql_to_sql_rate = m.sqls::float8 / m.mqls) AS mql_rates FROM lead_stage.mql_report('"Lead"', by => 'region') AS m;
SELECT bool_and(s.meeting_booked_rate = s.meetings_booked::float8 / s.sqls AND s.win_rate = s.customers::float8 / s.sqls) AS sql_rates FROM lead_stage.sql_report('"Lead"', by => 'region') AS s;

SELECT lead_stage.detach('"Lead"');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report random';
DELETE FROM lead_stage.calendar WHERE name = 'report random';
DROP SCHEMA report_random CASCADE;
DROP OWNED BY regress_report_random;
DROP ROLE regress_report_random;
