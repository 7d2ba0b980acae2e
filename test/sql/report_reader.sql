-- A reader with SELECT on the lead's own objects and nothing else reads every
-- view and every report; with row-level security on leads he gets what the owner
-- gets for the leads that he sees, read whole or by index.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_writer;
CREATE ROLE regress_report_reader;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_writer, regress_report_reader;
CREATE SCHEMA report_reader AUTHORIZATION regress_report_writer;
GRANT USAGE ON SCHEMA report_reader TO regress_report_reader;
SET ROLE regress_report_writer;
SET search_path = report_reader, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, region text, waiting bool, meeting_at timestamptz);
CREATE TABLE touch (lead_id int, at timestamptz DEFAULT lead_stage.now());
INSERT INTO lead_stage.model (name) VALUES ('report reader');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
    SELECT 'report reader', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
    FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('report reader', 'touch', 'engagement', 'touch', 1);
INSERT INTO lead_stage.sla (model, name, stage, target, pause_when) VALUES ('report reader', 'respond', 'sql', '1 day', 'waiting');
INSERT INTO lead_stage.route (model, name, stage, assign_to, condition) VALUES ('report reader', 'to ann', 'mql', 'ann', 'id % 5 > 0');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report reader', 'meeting_booked', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'report reader');
SELECT lead_stage.attach_activity('touch', 'lead', lead_key => '{lead_id}');
SELECT lead_stage.publish('report reader') > 0 AS published;
DO $$
BEGIN
    FOR day IN 0 .. 99 LOOP
        PERFORM set_config('lead_stage.now', (timestamptz '2026-01-01 09:00+00' + day * interval '1 day')::text, true);
        INSERT INTO lead (id, region) SELECT day * 10 + g, (ARRAY['north', 'south', 'a secret'])[1 + (day + g) % 3] FROM generate_series(0, 9) AS g;
        INSERT INTO touch (lead_id) SELECT l.id FROM lead AS l WHERE (l.id + day) % 19 = 3;
        UPDATE lead SET waiting = NOT coalesce(waiting, false) WHERE stage = 'sql' AND (id + day) % 5 = 1;
        UPDATE lead SET meeting_at = lead_stage.now() WHERE stage = 'sql' AND (id + day) % 3 = 2;
        UPDATE lead SET stage_reason = 'reason ' || id % 3, stage = CASE stage WHEN 'lead' THEN CASE WHEN id % 4 = 0 THEN 'nurture' ELSE 'mql' END WHEN 'nurture' THEN 'mql'
                WHEN 'mql' THEN (ARRAY['sal', 'sql', 'nurture', 'disqualified'])[1 + (id + day) % 4] WHEN 'sal' THEN 'sql'
                WHEN 'sql' THEN CASE WHEN id % 3 = 0 THEN 'lost' ELSE 'opportunity' END ELSE 'customer' END::lead_stage
            WHERE stage >= 'lead' AND stage < 'customer' AND (id + day) % 7 = 0;
        DELETE FROM lead WHERE (id + day) % 97 = 6;
    END LOOP;
END
$$;
SET lead_stage.now = '2026-05-01 12:00+00';

-- These, and nothing else: no right on the activities, the models or a function.
GRANT SELECT ON lead, lead_history, lead_state, lead_visits, lead_journey, lead_live, lead_tasks TO regress_report_reader;
CREATE TABLE range AS
    SELECT * FROM (VALUES ('all', timestamptz '-infinity', timestamptz 'infinity'), ('narrow', '2026-02-10', '2026-02-12'), ('wide', '2026-02-01', '2026-04-01')) AS t (range, since, until);
GRANT SELECT ON range TO regress_report_reader;
CREATE FUNCTION figures(by text) RETURNS TABLE (range text, report text, segment text, figures jsonb) LANGUAGE sql SET search_path = report_reader, public AS $$
    SELECT r.range, f.report, f.figures ->> 'segment', f.figures - 'segment'
    FROM range AS r CROSS JOIN LATERAL (
        SELECT 'funnel' AS report, to_jsonb(f) AS figures FROM lead_stage.funnel('lead', r.since, r.until, by) AS f
        UNION ALL SELECT 'velocity', to_jsonb(f) FROM lead_stage.velocity('lead', r.since, r.until, by) AS f
        UNION ALL SELECT 'drop_off', to_jsonb(f) FROM lead_stage.drop_off('lead', r.since, r.until, by) AS f
        UNION ALL SELECT 'mql_report', to_jsonb(f) FROM lead_stage.mql_report('lead', r.since, r.until, by) AS f
        UNION ALL SELECT 'sql_report', to_jsonb(f) FROM lead_stage.sql_report('lead', r.since, r.until, by) AS f
        UNION ALL SELECT 'sla_report', to_jsonb(f) FROM lead_stage.sla_report('lead', r.since, r.until, by) AS f) AS f $$;
CREATE FUNCTION views() RETURNS TABLE (name text, content jsonb) LANGUAGE sql SET search_path = report_reader, public AS $$
    SELECT 'visits', to_jsonb(v) FROM lead_visits AS v UNION ALL SELECT 'journey', to_jsonb(v) FROM lead_journey AS v
    UNION ALL SELECT 'live', to_jsonb(v) FROM lead_live AS v UNION ALL SELECT 'tasks', to_jsonb(v) FROM lead_tasks AS v
    UNION ALL SELECT 'history', to_jsonb(v) - 'lead_id' || jsonb_build_object('id', v.lead_id) FROM lead_history AS v UNION ALL SELECT 'state', to_jsonb(v) FROM lead_state AS v $$;
CREATE TABLE seen (who text, range text, report text, segment text, figures jsonb);
CREATE TABLE seen_rows (who text, name text, content jsonb);
GRANT INSERT ON seen, seen_rows TO regress_report_reader;

-- Without row-level security the reader gets what the owner gets.
ANALYZE lead, lead_history, lead_state;
SELECT r.range, lead_stage._is_narrow('lead', r.since, r.until) AS narrow FROM range AS r ORDER BY r.range;
INSERT INTO seen SELECT 'owner', * FROM figures('region');
RESET ROLE;
SET ROLE regress_report_reader;
INSERT INTO report_reader.seen SELECT 'reader', * FROM report_reader.figures('region');
SELECT length(lead_stage.report_html('report_reader.lead', by => 'region')) > 10000 AS page;
RESET ROLE;
SET ROLE regress_report_writer;
SELECT s.report, count(*) >= 12 AS enough, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM seen AS o WHERE o.who <> s.who AND (o.range, o.report, o.figures) = (s.range, s.report, s.figures)
                                                                                    AND o.segment IS NOT DISTINCT FROM s.segment)) AS differ
FROM seen AS s GROUP BY s.report ORDER BY s.report;

-- Row-level security that comes after attach: until the history follows it, no
-- report tells what the reader must not see.
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON lead FOR SELECT TO regress_report_reader USING (region = 'north');
RESET ROLE;
SET ROLE regress_report_reader;
SELECT * FROM lead_stage.funnel('report_reader.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM lead_stage.sla_report('report_reader.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.report_html('report_reader.lead');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SET ROLE regress_report_writer;
SELECT lead_stage.publish('report reader') > 0 AS published_again;
SELECT c.relname, c.relrowsecurity FROM pg_class AS c WHERE c.relnamespace = 'report_reader'::regnamespace AND c.relname IN ('lead_history', 'lead_state') ORDER BY c.relname;
INSERT INTO seen_rows SELECT 'owner', * FROM views();
RESET ROLE;

-- What is not of the north is not there, and does not count: in a transaction that
-- may only read, too.
SET ROLE regress_report_reader;
BEGIN READ ONLY;
SELECT count(DISTINCT f.report) AS reports FROM report_reader.figures(NULL) AS f;
SELECT lead_stage.report_html('report_reader.lead', by => 'region') ~ 'north' AS north, lead_stage.report_html('report_reader.lead', by => 'region') ~ 'south|secret' AS others;
SELECT count(*) > 50 AS many, bool_and(l.region = 'north') AS all_north FROM lead_stage.as_of('report_reader.lead', '2026-03-01 00:00+00') AS a JOIN report_reader.lead AS l ON l.id = (a.key)[1]::int;
COMMIT;
INSERT INTO report_reader.seen SELECT 'north', * FROM report_reader.figures(NULL);
INSERT INTO report_reader.seen_rows SELECT 'north', * FROM report_reader.views();
-- Neither more is his.
SELECT count(*) FROM report_reader.touch;
INSERT INTO report_reader.lead (id) VALUES (-1);
RESET ROLE;
SET ROLE regress_report_writer;
WITH north AS (SELECT range, report, figures FROM seen WHERE who = 'north'),
     whole AS (SELECT range, report, figures FROM seen WHERE who = 'owner' AND segment = 'north')
SELECT r.report, (SELECT count(*) FROM north AS n WHERE n.report = r.report) >= 2 AS enough,
       (SELECT count(*) FROM ((TABLE north EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE north)) AS d WHERE d.report = r.report) AS differ
FROM (SELECT DISTINCT report FROM seen) AS r ORDER BY r.report;
WITH north AS (SELECT name, content FROM seen_rows WHERE who = 'north'),
     expected AS (SELECT s.name, s.content FROM seen_rows AS s WHERE s.who = 'owner' AND EXISTS (SELECT FROM lead AS l WHERE l.id = (s.content ->> 'id')::int AND l.region = 'north'))
SELECT r.name, (SELECT count(*) FROM north AS n WHERE n.name = r.name) BETWEEN 1 AND (SELECT count(*) / 2 FROM seen_rows AS s WHERE s.who = 'owner' AND s.name = r.name) AS some,
       (SELECT count(*) FROM ((TABLE north EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE north)) AS d WHERE d.name = r.name) AS differ
FROM (SELECT DISTINCT name FROM seen_rows) AS r ORDER BY r.name;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report reader';
DROP SCHEMA report_reader CASCADE;
DROP OWNED BY regress_report_writer, regress_report_reader;
DROP ROLE regress_report_writer, regress_report_reader;
