-- The report page: well-formed, hostile text stays text, and every number on
-- it is one of the reports'.
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = warning;
SET timezone = 'America/New_York';
CREATE ROLE regress_report_html;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_html;
CREATE SCHEMA report_html AUTHORIZATION regress_report_html;
SET ROLE regress_report_html;
SET search_path = report_html, public;

-- How text and numbers are written.
SELECT lead_stage._html(t) FROM (VALUES (1, 'a <b> & "c" ''d'''), (2, E'tab\there, bell\x07, escape\033[0m'),
                                        (3, U&'to the left \202E and isolated \2066, Hebrew \05D0'), (4, '&amp; ]]>'), (5, NULL)) AS v (place, t) ORDER BY place;
SELECT n, lead_stage._html_number(n), lead_stage._html_tick(n) FROM unnest('{0,7,999,1000,9999,10000,1234567,123456789012,1234567890123456789}'::numeric[]) AS n ORDER BY n;
SELECT p, lead_stage._html_percent(p) FROM unnest('{0,0.0001,0.034,0.0994,0.0995,0.5,0.994,0.9951,0.9999,1,NULL}'::float8[]) WITH ORDINALITY AS u (p, place) ORDER BY place;
SELECT s, lead_stage._html_span(s), lead_stage._html_span(s, true) AS working
FROM unnest('{0,59.4,59.6,90,5399,5400,35819,35820,86400,129600,859000,860000,99999999}'::float8[]) AS s ORDER BY s;
SELECT lead_stage._report_period(s, u, z) FROM (VALUES
    (1, '-infinity'::timestamptz, 'infinity'::timestamptz, 'UTC'), (2, '2026-01-01 00:00+00', 'infinity', 'UTC'), (3, '-infinity', '2026-04-01 00:00+00', 'UTC'),
    (4, '2026-01-01 00:00+00', '2026-04-01 00:00+00', 'UTC'), (5, '2026-01-01 00:00+00', '2026-01-02 00:00+00', 'UTC'),
    (6, '2026-01-01 00:00+00', '2026-04-01 00:00+00', 'Europe/London'), (7, '2026-01-01 08:00+00', '2026-01-01 08:00+00', 'UTC')) AS v (place, s, u, z) ORDER BY place;
-- A step so that a few of them reach the end.
SELECT n, lead_stage._nice_step(n, 4) FROM unnest('{1,3,4,5,8,9,20,21,79,81,1000,1000000001}'::numeric[]) AS n ORDER BY n;

-- What is wrong with a page as a document; nothing is.
CREATE FUNCTION problems(page text) RETURNS SETOF text LANGUAGE sql AS $$
    WITH doc AS (SELECT xmlparse(DOCUMENT page) AS doc)
    SELECT 'script or other content that is not ours: ' || (xpath('name((//script|//img|//link|//iframe|//object|//embed|//form|//base)[1])', d.doc))[1]::text
        FROM doc AS d WHERE xpath_exists('//script|//img|//link|//iframe|//object|//embed|//form|//base', d.doc)
    UNION ALL
    SELECT 'attribute ' || a::text FROM doc AS d, unnest(xpath('//@*[starts-with(name(), "on") or name() = "href" or name() = "src" or name() = "style"]', d.doc)) AS a
    UNION ALL
    SELECT 'twice the id ' || i::text FROM doc AS d, unnest(xpath('//@id', d.doc)::text[]) AS i GROUP BY i HAVING count(*) > 1
    UNION ALL
    SELECT 'nothing has the id ' || i FROM doc AS d, unnest(xpath('//@aria-labelledby', d.doc)::text[]) AS l, regexp_split_to_table(l, ' ') AS i
        WHERE NOT i = ANY (xpath('//@id', d.doc)::text[])
    UNION ALL
    SELECT 'a chart without a name' FROM doc AS d WHERE xpath_exists('//svg[not(ancestor::svg) and not(@aria-hidden) and not(@role = "img" and @aria-labelledby and title and desc)]', d.doc)
    UNION ALL
    SELECT 'a table without a caption' FROM doc AS d WHERE xpath_exists('//table[not(caption)]', d.doc)
    UNION ALL
    SELECT 'a heading of a table without a scope' FROM doc AS d WHERE xpath_exists('//th[not(@scope)]', d.doc)
    UNION ALL
    SELECT 'a row with more or fewer cells than headings: ' || (xpath('string(//caption)', t.t))[1]::text
        FROM doc AS d, unnest(xpath('//table', d.doc)) AS t (t)
        WHERE EXISTS (SELECT FROM unnest(xpath('//tbody/tr', t.t)) AS r (r)
                      WHERE (xpath('count(/tr/*)', r.r))[1]::text <> (xpath('count(//thead/tr/th)', t.t))[1]::text)
    UNION ALL
    SELECT 'not ASCII, not from data' WHERE page ~ '[^\u0001-\u007f]' AND page !~ 'Zoë'
    UNION ALL
    SELECT 'fetches something' WHERE page ~* 'url\(|@import|http'
    UNION ALL
    SELECT 'a bar of no length or beyond the chart: ' || r.x || ' + ' || r.width FROM doc AS d,
        xmltable('//rect[@class != "track" and @class != "volume" and substring(@width, string-length(@width)) = "%"]' PASSING d.doc COLUMNS x text PATH '@x', width text PATH '@width') AS r
        WHERE rtrim(r.x, '%')::numeric + rtrim(r.width, '%')::numeric > 100.31 OR rtrim(r.width, '%')::numeric <= 0;
$$;
-- The rows of the table behind a chart.
CREATE FUNCTION numbers(page text, caption text) RETURNS SETOF text[] LANGUAGE sql AS $$
    SELECT array(SELECT replace(replace(c::text, '<th scope="row">', ''), ',', '') FROM unnest(xpath('/tr/*//text()', r.r)) AS c)
    FROM unnest(xpath(format('//table[caption[starts-with(., "%s")]]/tbody/tr', caption), xmlparse(DOCUMENT page))) AS r (r);
$$;
-- What the page says where there is nothing to draw.
CREATE FUNCTION said(page text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT f.h || ': ' || f.p FROM xmltable('//figure[not(svg)]' PASSING xmlparse(DOCUMENT page) COLUMNS place FOR ORDINALITY, h text PATH 'figcaption/h2', p text PATH 'figcaption/p') AS f ORDER BY f.place;
$$;
CREATE FUNCTION headline(page text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s (%s)', f.dt, f.b, f.w), ', ' ORDER BY f.place) FROM xmltable('//div[@class="tile"]' PASSING xmlparse(DOCUMENT page)
        COLUMNS place FOR ORDINALITY, dt text PATH 'dt', b text PATH 'dd/b', w text PATH 'dd/span') AS f;
$$;

CREATE TABLE lead (id int PRIMARY KEY, source text, meeting_at timestamptz);
INSERT INTO lead_stage.calendar (name) VALUES ('report html');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'report html', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, title, calendar, labels)
    VALUES ('report html', '</title><script>alert("title")</script>', 'report html', '{"mql": "Ready & <i>willing</i>", "nurture": "Zoë''s \"garden\""}');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
    SELECT 'report html', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
    FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report html', 'meeting_booked', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'report html');

-- Nothing there yet, and no version.
SET lead_stage.now = '2026-01-05 12:00+00';
SELECT * FROM problems(lead_stage.report_html('lead', by => 'source'));
SELECT * FROM said(lead_stage.report_html('lead', by => 'source'));
SELECT headline(lead_stage.report_html('lead'));
SELECT lead_stage.publish('report html') > 0 AS published;

-- One lead.
INSERT INTO lead VALUES (1, 'one');
SELECT * FROM problems(lead_stage.report_html('lead', by => 'source'));
SELECT headline(lead_stage.report_html('lead'));
SELECT * FROM numbers(lead_stage.report_html('lead'), 'Funnel');

-- Forty leads from sources and with reasons and owners that mean harm.
INSERT INTO lead SELECT g, (ARRAY['<script>alert(1)</script>', '" onload="alert(2)', E'bell\x07 and &lt;', U&'\202Egnp.exe', NULL, '  ', ']]>', 'javascript:alert(3)'])[1 + g % 8]
    FROM generate_series(2, 40) AS g;
SET lead_stage.now = '2026-01-06 12:00+00';
UPDATE lead SET stage = 'mql', owner = '<b onclick="x">ann</b>' WHERE id <= 30;
SET lead_stage.now = '2026-01-08 12:00+00';
UPDATE lead SET stage = 'sql', owner = 'bob' WHERE id <= 12;
UPDATE lead SET stage = 'nurture', stage_reason = '<img src=x onerror=alert(4)>' WHERE id BETWEEN 13 AND 20;
UPDATE lead SET stage = 'disqualified', stage_reason = 'a & b "c" ''d'' ' || repeat('long ', 100) WHERE id BETWEEN 21 AND 23;
SET lead_stage.now = '2026-01-09 12:00+00';
UPDATE lead SET meeting_at = '2026-01-12' WHERE id <= 7;
UPDATE lead SET stage = 'opportunity' WHERE id <= 5;
DELETE FROM lead WHERE id = 40;
SET lead_stage.now = '2026-01-13 12:00+00';
UPDATE lead SET stage = 'mql' WHERE id IN (13, 14);
SET lead_stage.now = '2026-01-20 12:00+00';
UPDATE lead SET stage = 'customer' WHERE id <= 2;
UPDATE lead SET stage = 'lost', stage_reason = 'price' WHERE id = 3;
-- Clocks of two policies, for two weeks.
INSERT INTO lead_history (lead_id, at, recorded_at, since, due, from_stage, event, name, elapsed, role)
    SELECT v.id, v.entered_at + e.after, now(), v.entered_at, v.entered_at + interval '4 hours', v.stage, e.event, p.name, e.elapsed, current_user
    FROM lead_visits AS v CROSS JOIN (VALUES ('<policy> & co'), ('review')) AS p (name)
         CROSS JOIN (VALUES (interval '0', 'sla_started', NULL::interval, 0), ('1 hour', 'sla_met', '1 hour', 1), ('4 hours', 'sla_breached', NULL, 2), ('5 hours', 'sla_met', '5 hours', 2)) AS e (after, event, elapsed, kind)
    WHERE v.stage IN ('mql', 'sql') AND (e.kind = 0 OR e.kind = 1 + v.id % 3) AND v.id <> 5
    ORDER BY v.entered_at + e.after, v.id, p.name;

CREATE TABLE page AS SELECT lead_stage.report_html('lead', '2026-01-01', '2026-02-01', 'source') AS html, lead_stage.report_html('lead', by => 'owner') AS all_time;
SELECT p.* FROM page, problems(page.html) AS p;
SELECT p.* FROM page, problems(page.all_time) AS p;
-- Nothing that came from data is an element, and all of it is there.
SELECT DISTINCT (xpath('name(/*)', e))[1]::text AS name FROM page, unnest(xpath('//*', xmlparse(DOCUMENT html))) AS e ORDER BY 1;
SELECT (xpath('string(//h1)', xmlparse(DOCUMENT html)))[1] AS title, (xpath('string(//title)', xmlparse(DOCUMENT html)))[1] AS window FROM page;
SELECT c[1] AS segment, c[2:] AS numbers FROM page, numbers(html, 'MQL and SQL outcomes by segment') AS c;
SELECT left(c[3], 60) AS reason, c[1] AS from_stage, c[2] AS to_stage, c[4] AS leads FROM page, numbers(html, 'Where leads drop off') AS c;
SELECT replace(f.value, 'version ' || (SELECT version FROM lead_stage.model WHERE name = 'report html'), 'version published') AS value FROM page, xmltable('//header//dl/div' PASSING xmlparse(DOCUMENT html) COLUMNS place FOR ORDINALITY, value text PATH '.') AS f ORDER BY place;

-- The numbers are the reports'.
SELECT headline(html) FROM page;
SELECT string_agg(format('%s %s %s', s.event, s.policy, s.n), ', ' ORDER BY s.policy, s.event COLLATE "C") FROM (SELECT event, name AS policy, count(*) AS n FROM lead_history WHERE event LIKE 'sla%' GROUP BY 1, 2) AS s;
SELECT count(*) FILTER (WHERE stage = 'lead') AS new_leads, count(*) FILTER (WHERE stage = 'mql') AS mqls, count(*) FILTER (WHERE stage = 'sql') AS sqls FROM lead_visits;
SELECT 'funnel' AS differs, d.* FROM page CROSS JOIN LATERAL (
    SELECT c[1] AS stage, c[2:8]::bigint[] AS n FROM numbers(html, 'Funnel') AS c
    EXCEPT SELECT replace(replace(CASE stage WHEN 'mql' THEN 'Ready &amp; &lt;i&gt;willing&lt;/i&gt;' WHEN 'nurture' THEN 'Zoë''s "garden"' WHEN 'sql' THEN 'SQL' WHEN 'sal' THEN 'SAL' ELSE initcap(stage::text) END, '&#39;', ''''), '&quot;', '"'),
                  ARRAY[entered, leads, advanced, still_here, recycled, dropped, skipped] FROM lead_stage.funnel('lead', '2026-01-01', '2026-02-01')) AS d;
SELECT (SELECT count(*) FROM numbers(html, 'Funnel')) AS rows, (SELECT sum(c[2]::int) FROM numbers(html, 'Funnel') AS c) AS entered FROM page;
SELECT sum(entered), count(*) FROM lead_stage.funnel('lead', '2026-01-01', '2026-02-01');
SELECT 'velocity' AS differs, array_agg(c[3]::bigint ORDER BY c[3]::bigint) FROM page, numbers(html, 'Time in stage') AS c
HAVING array_agg(c[3]::bigint ORDER BY c[3]::bigint) <> (SELECT array_agg(moves ORDER BY moves) FROM lead_stage.velocity('lead', '2026-01-01', '2026-02-01') WHERE to_stage IS NOT NULL);
SELECT c FROM page, numbers(html, 'SLA clocks by policy') AS c;
SELECT policy, started, met, late, breached, open, paused, cancelled, attainment FROM lead_stage.sla_report('lead', '2026-01-01', '2026-02-01') ORDER BY started DESC, policy COLLATE "C";
-- By week, they add up to what the policy has.
SELECT c FROM page, numbers(html, 'review: clocks by week') AS c;
-- A bar is as long as its number on the axis says.
SELECT g.said, round(sum(rtrim(w::text, '%')::numeric) * s.highest / 100) AS drawn FROM page,
    LATERAL (SELECT (xpath('//svg[@aria-labelledby="funnel-title funnel-desc"]', xmlparse(DOCUMENT html)))[1] AS svg) AS f,
    LATERAL (SELECT (xpath('//text[@text-anchor="end"]/text()', f.svg))[1]::text::numeric AS highest) AS s,
    xmltable('//g' PASSING f.svg COLUMNS place FOR ORDINALITY, said text PATH 'title', g xml PATH '.') AS g,
    unnest(xpath('//rect[@class!="track"]/@width', g.g)) AS w
GROUP BY g.place, g.said, s.highest ORDER BY g.place;

-- Whatever the data is: hundreds of segments, numbers beyond any, no SQLs.
CREATE FUNCTION made_up(segments int, factor numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('title', 'Made up', 'period', 'all time', 'as_of', 'now', 'leads', 'lead', 'model', 'm', 'version', 1, 'extension', '1', 'by', 'source', 'labels', '{}'::jsonb,
        'stages', '["lead", "mql"]'::jsonb, 'slas', 0, 'sla', '[]'::jsonb, 'drop_off', (SELECT jsonb_agg(jsonb_build_object('stage', 'mql', 'to_stage', 'nurture', 'reason', 'reason ' || g, 'leads', factor * g)) FROM generate_series(1, segments) AS g),
        'velocity', jsonb_build_array(jsonb_build_object('from_stage', 'lead', 'to_stage', 'mql', 'moves', factor, 'mean', factor, 'p50', factor, 'p90', 10 * factor, 'business_p50', factor)),
        'funnel', jsonb_build_array(jsonb_build_object('stage', 'lead', 'entered', factor * 7, 'leads', factor * 7, 'advanced', factor, 'recycled', factor, 'dropped', factor * 5, 'still_here', 0, 'skipped', 0, 'conversion', 1/7.0)),
        'mql', jsonb_build_array(jsonb_build_object('mqls', factor, 'engaged', factor, 'engagement_rate', 1, 'accepted', 0, 'sqls', 0, 'mql_to_sql_rate', 0, 'recycled', 0, 'dropped', 0)),
        'mql_by', (SELECT jsonb_agg(jsonb_build_object('segment', 'segment ' || g, 'mqls', factor * g, 'engaged', factor, 'sqls', 0)) FROM generate_series(1, segments) AS g));
$$;
SELECT segments, factor, p.* FROM (VALUES (1, 1::numeric), (9, 10), (200, 1000), (1, 1e12), (3, 1e30), (2, 0.5)) AS v (segments, factor), problems(lead_stage._report_page(made_up(segments, factor))) AS p;
SELECT segments, (SELECT string_agg(b::text, ' | ') FROM unnest(xpath('//figure[figcaption/h2="MQLs"]//bdi/text()', xmlparse(DOCUMENT lead_stage._report_page(made_up(segments, 1000))))) AS b) AS bars,
    (SELECT count(*) FROM numbers(lead_stage._report_page(made_up(segments, 1000)), 'MQL and SQL outcomes by segment')) AS rows
FROM unnest('{1,8,9,10,200}'::int[]) AS segments ORDER BY segments;
SELECT * FROM said(lead_stage._report_page(made_up(1, 1)));

-- Arguments that make no sense.
SELECT lead_stage.report_html('lead', by => 'no_such_column');
SELECT lead_stage.report_html('lead', by => '(SELECT 1)');
SELECT lead_stage.report_html('lead', since => '2026-02-01 00:00+00', until => '2026-01-01 00:00+00');
SELECT lead_stage.report_html('lead', since => NULL);
SELECT lead_stage.report_html(NULL);
SELECT lead_stage.report_html('pg_class');

-- Whoever may read the lead's own objects may have the page, about the leads
-- that row-level security shows him.
RESET ROLE;
CREATE ROLE regress_report_html_reader;
GRANT USAGE ON SCHEMA report_html TO regress_report_html_reader;
GRANT SELECT ON lead, lead_history, lead_state, lead_visits, lead_live, lead_journey, page TO regress_report_html_reader;
SET ROLE regress_report_html_reader;
SELECT lead_stage.report_html('lead', '2026-01-01', '2026-02-01', 'source') = page.html AS same FROM page;
RESET ROLE;
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON lead TO regress_report_html_reader USING (id <= 10);
SELECT lead_stage.attach('lead', 'report html');
SET ROLE regress_report_html_reader;
SELECT headline(lead_stage.report_html('lead'));
RESET ROLE;
REVOKE SELECT ON lead_history FROM regress_report_html_reader;
SET ROLE regress_report_html_reader;
SELECT lead_stage.report_html('lead');

RESET ROLE;
RESET lead_stage.now;
SELECT lead_stage.detach('report_html.lead');
DROP SCHEMA report_html CASCADE;
DELETE FROM lead_stage.model WHERE name = 'report html';
DELETE FROM lead_stage.calendar WHERE name = 'report html';
DROP OWNED BY regress_report_html, regress_report_html_reader;
DROP ROLE regress_report_html, regress_report_html_reader;
