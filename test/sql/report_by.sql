-- What reports may be split by, what they may not, and other bad arguments.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_by;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_by;
CREATE SCHEMA report_by AUTHORIZATION regress_report_by;
SET ROLE regress_report_by;
SET search_path = report_by, public;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';

CREATE TYPE size AS ENUM ('small', 'big');
CREATE TABLE "Our leads" ("Key" text, part int, "the ""Region""" text, tags text[], size size, created timestamptz, won bool, assigned_to int,
                          twice int GENERATED ALWAYS AS (part * 2) STORED, PRIMARY KEY ("Key", part));
CREATE TABLE other (id int);
INSERT INTO lead_stage.model (name, time_zone) VALUES ('report by', 'America/New_York');
SELECT lead_stage.attach('"Our leads"', 'report by', '{"owner": "assigned_to"}');
SELECT lead_stage.publish('report by') > 0 AS published;
SET lead_stage.now = '2026-01-01 12:00+00';
INSERT INTO "Our leads" ("Key", part, "the ""Region""", tags, size, created, won, assigned_to)
    VALUES ('a', 1, 'l.part', '{x,y}', 'small', '2026-01-01 03:00+00', true, 7), ('a', 2, 'o''n', '{x,y}', 'big', '2026-01-01 06:00+00', false, 8),
           ('b', 1, NULL, NULL, NULL, NULL, NULL, NULL);

-- Any type, as text; times in the model's zone, and as ISO writes them.
CREATE FUNCTION funnel(by text) RETURNS TABLE (segment text, leads bigint) LANGUAGE sql AS $$
    SELECT f.segment, f.leads FROM lead_stage.funnel('report_by."Our leads"', by => by) AS f $$;
CREATE FUNCTION split(by text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(f.segment, 'null') || ': ' || f.leads, ', ' ORDER BY f.segment COLLATE "C") FROM report_by.funnel(by) AS f $$;
SELECT by, split(by) FROM (VALUES
    (NULL), ('"the ""Region"""'), ('"Key"'), ('part'), ('part % 2 = 0'), ('tags'), ('size'), ('created'), ('created::date'), ('date_trunc(''day'', created)'),
    ('extract(hour FROM created)'), ('won'), ('owner'), ('assigned_to'), ('owner + 1'), ('stage'), ('fit_score'), ('coalesce("the ""Region""", ''none'')'), ('''all'''),
    ('NULL'), ('CASE WHEN won THEN ''won'' ELSE ''not won'' END'), ('lower("the ""Region""") || '' l.part''')) AS t (by);

-- What may not be given.
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'region');
SELECT * FROM lead_stage.velocity('"Our leads"', by => 'lead.part');
SELECT * FROM lead_stage.drop_off('"Our leads"', by => '(SELECT max(id) FROM other)');
SELECT * FROM lead_stage.mql_report('"Our leads"', by => 'EXISTS (SELECT FROM other)');
SELECT * FROM lead_stage.sql_report('"Our leads"', by => 'max(part)');
SELECT * FROM lead_stage.sla_report('"Our leads"', by => 'rank() OVER ()');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'unnest(tags)');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'random()');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'now() - created');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'current_user');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'twice');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'stage_since');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'ctid');
SELECT * FROM lead_stage.funnel('"Our leads"', by => '*');
SELECT * FROM lead_stage.funnel('"Our leads"', by => '');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'part, won');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'part FROM "Our leads"');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'part) FROM other --');
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'part; DROP TABLE other');
SELECT * FROM lead_stage.funnel('"Our leads"', by => '$1');
-- An error of the expression's own comes through as it is.
SELECT * FROM lead_stage.funnel('"Our leads"', by => 'part / (part - part)');

SELECT * FROM lead_stage.funnel('"Our leads"', '2026-01-02 00:00-05', '2026-01-01 00:00-05');
SELECT * FROM lead_stage.velocity('"Our leads"', since => NULL);
SELECT * FROM lead_stage.drop_off('"Our leads"', until => NULL);
SELECT * FROM lead_stage.mql_report('other');
SELECT * FROM lead_stage.sql_report(NULL);
SELECT * FROM lead_stage.sla_report('none');
SELECT * FROM lead_stage.sla_report('other', by => 'id');

-- Each of these has its own SQLSTATE, the same in every report, and says which
-- argument is wrong.
CREATE FUNCTION fails(report text, arguments text, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM lead_stage.%I(%s)', report, arguments);
    state := 'none';
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END
$$;
\pset format unaligned
SELECT a.arguments, count(DISTINCT (f.state, f.message)) AS ways, min(f.state) AS sqlstate, min(f.message) AS message
FROM (VALUES (1, $$'"Our leads"', by => 'region'$$), (2, $$'"Our leads"', by => '"Key" ||'$$), (3, $$'"Our leads"', by => ''$$),
             (4, $$'"Our leads"', by => '(SELECT max(id) FROM other)'$$), (5, $$'"Our leads"', by => 'part IN (SELECT id FROM other)'$$),
             (6, $$'"Our leads"', by => 'random()'$$), (7, $$'"Our leads"', by => 'clock_timestamp()'$$), (8, $$'"Our leads"', by => 'nextval(''x'')'$$),
             (9, $$'"Our leads"', by => 'count(*)'$$), (10, $$'"Our leads"', by => 'unnest(tags)'$$), (11, $$'"Our leads"', by => 'row_number() OVER ()'$$),
             (12, $$'"Our leads"', by => 'current_user'$$), (13, $$'"Our leads"', by => 'nothing(part)'$$), (14, $$'"Our leads"', by => 'part + true'$$),
             (15, $$'"Our leads"', by => 'engagement_now'$$), (16, $$'"Our leads"', by => '"Our leads"'$$), (17, $$'"Our leads"', by => 'l'$$), (18, $$'"Our leads"', by => 'ROW(part, won)'$$),
             (20, $$'"Our leads"', '2026-01-02 00:00+00', '2026-01-01 00:00+00'$$), (21, $$'"Our leads"', 'infinity', '-infinity'$$), (22, $$'"Our leads"', 'infinity'$$),
             (23, $$'"Our leads"', 'infinity', '2026-01-01 00:00+00'$$), (24, $$'"Our leads"', '-infinity', '-infinity'$$), (25, $$'"Our leads"', '2026-01-01 00:00+00', '2026-01-01 00:00+00'$$),
             (26, $$'"Our leads"', NULL$$), (27, $$'"Our leads"', until => NULL$$), (28, $$'"Our leads"', NULL, NULL, 'nothing'$$),
             (29, $$'"Our leads"', '2026-01-02 00:00+00', '2026-01-01 00:00+00', 'nothing'$$), (30, $$'"Our leads"', '-infinity', 'infinity', NULL$$),
             (31, $$'other'$$), (32, $$'"Our leads_history"'$$), (33, $$NULL$$), (34, $$'none'$$), (35, $$0::oid::regclass$$), (36, $$4294967295::oid::regclass$$), (37, $$'pg_class', by => 'relname'$$)) AS a (place, arguments)
     CROSS JOIN unnest('{funnel,velocity,drop_off,mql_report,sql_report,sla_report,report_html}'::text[]) AS r (report)
     CROSS JOIN LATERAL fails(r.report, a.arguments) AS f
GROUP BY a.place, a.arguments ORDER BY a.place;
\pset format aligned
-- The session's settings are what they were.
SHOW timezone;
SHOW datestyle;

SELECT lead_stage.detach('"Our leads"');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report by';
DROP SCHEMA report_by CASCADE;
DROP OWNED BY regress_report_by;
DROP ROLE regress_report_by;
