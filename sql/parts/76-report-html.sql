-- 76-report-html.sql
-- The reports on one page that needs nothing else: no script, no font, no
-- image, nothing fetched.
--
-- _report_data asks each report once and puts the answers into one document;
-- everything after that turns the document into HTML and reads no table, so
-- no number on the page can differ from the reports'.

-- A segment, reason or policy, as a reader is to see it.
CREATE FUNCTION lead_stage._html_name(name text, nothing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN name IS NULL OR btrim(name, E' \t\r\n') = '' THEN nothing ELSE lead_stage._html(name) END;
COMMENT ON FUNCTION lead_stage._html_name(text, text) IS 'a name from data in HTML, or what stands for none';

CREATE FUNCTION lead_stage._html_isolated(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN '<bdi>' || name || '</bdi>';
COMMENT ON FUNCTION lead_stage._html_isolated(text) IS 'a name of either reading direction in the middle of other text';

CREATE FUNCTION lead_stage._report_tile(name text, value text, words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format(E'<div class="tile"><dt>%s</dt><dd><b>%s</b> <span>%s</span></dd></div>\n', name, value, words);
COMMENT ON FUNCTION lead_stage._report_tile(text, text, text) IS 'one of the headline numbers';

-- The numbers that everybody asks for first.
CREATE FUNCTION lead_stage._report_headline(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    mql jsonb := coalesce(data #> '{mql,0}', '{}');
    sql jsonb := coalesce(data #> '{sql,0}', '{}');
    clocks record;
    result text := '';
BEGIN
    SELECT sum(s.met) AS met, nullif(sum(s.met + s.late + s.breached), 0) AS all_done INTO clocks
        FROM jsonb_to_recordset(data -> 'sla') AS s (met numeric, late numeric, breached numeric);
    result := lead_stage._report_tile('New leads',
            lead_stage._html_number(coalesce((SELECT (f.one ->> 'leads')::numeric FROM jsonb_array_elements(data -> 'funnel') AS f (one) WHERE f.one ->> 'stage' = 'lead'), 0)),
            'entered the pipeline')
        || lead_stage._report_tile('MQLs', lead_stage._html_number(coalesce((mql ->> 'mqls')::numeric, 0)),
            format('%s engaged', lead_stage._html_percent((mql ->> 'engagement_rate')::float8)))
        || lead_stage._report_tile('MQL to SQL', lead_stage._html_percent((mql ->> 'mql_to_sql_rate')::float8),
            format('%s of %s', lead_stage._html_number(coalesce((mql ->> 'sqls')::numeric, 0)), lead_stage._html_count(coalesce((mql ->> 'mqls')::numeric, 0), 'MQL', 'MQLs')))
        || lead_stage._report_tile('SQLs', lead_stage._html_number(coalesce((sql ->> 'sqls')::numeric, 0)),
            format('%s responded to', lead_stage._html_number(coalesce((sql ->> 'responded')::numeric, 0))))
        || lead_stage._report_tile('Response to SQLs', lead_stage._html_span((sql ->> 'median_response')::float8, true), 'median, working time')
        || lead_stage._report_tile('Meetings booked', lead_stage._html_percent((sql ->> 'meeting_booked_rate')::float8),
            format('%s of %s', lead_stage._html_number(coalesce((sql ->> 'meetings_booked')::numeric, 0)), lead_stage._html_count(coalesce((sql ->> 'sqls')::numeric, 0), 'SQL', 'SQLs')))
        || lead_stage._report_tile('Won', lead_stage._html_percent((sql ->> 'win_rate')::float8),
            format('%s of %s', lead_stage._html_number(coalesce((sql ->> 'customers')::numeric, 0)), lead_stage._html_count(coalesce((sql ->> 'sqls')::numeric, 0), 'SQL', 'SQLs')))
        || lead_stage._report_tile('SLAs kept', lead_stage._html_percent(clocks.met::float8 / clocks.all_done::float8),
            format('%s of %s', lead_stage._html_number(coalesce(clocks.met, 0)), lead_stage._html_count(coalesce(clocks.all_done, 0), 'clock', 'clocks')));
    RETURN '<dl class="tiles">' || E'\n' || result || E'</dl>\n';
END
$$;
COMMENT ON FUNCTION lead_stage._report_headline(jsonb) IS 'the headline numbers of the report page';

CREATE FUNCTION lead_stage._report_funnel(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    labels jsonb := data -> 'labels';
    bars jsonb;
    rows jsonb;
BEGIN
    -- Stages of the model that nobody entered are part of the picture; those
    -- where leads end badly are the next chart's.
    SELECT jsonb_agg(jsonb_build_object(
                'label', lead_stage._html_stage(labels, s.stage::text),
                'value', format('<b>%s</b>', lead_stage._html_number(coalesce(f.entered, 0)))
                         || CASE WHEN f.conversion IS NOT NULL AND s.stage < 'customer'
                                 THEN format(' <small>%s advanced</small>', lead_stage._html_percent(f.conversion)) ELSE '' END,
                'parts', jsonb_build_array(
                    jsonb_build_array(coalesce(f.advanced, 0), 'advanced', lead_stage._html_number(coalesce(f.advanced, 0)) || ' advanced'),
                    jsonb_build_array(coalesce(f.still_here, 0), 'here', lead_stage._html_number(coalesce(f.still_here, 0)) || ' still here'),
                    jsonb_build_array(coalesce(f.recycled, 0), 'recycled', lead_stage._html_number(coalesce(f.recycled, 0)) || ' recycled'),
                    jsonb_build_array(coalesce(f.dropped, 0), 'dropped', lead_stage._html_number(coalesce(f.dropped, 0)) || ' dropped')))
            ORDER BY s.rank)
        INTO bars
        FROM lead_stage.stages() AS s
             LEFT JOIN jsonb_to_recordset(data -> 'funnel')
                 AS f (stage text, entered numeric, advanced numeric, recycled numeric, dropped numeric, still_here numeric, conversion float8)
                 ON f.stage = s.stage::text
        WHERE s.stage >= 'lead' AND (f.entered > 0 OR data -> 'stages' ? s.stage::text);
    SELECT jsonb_agg(jsonb_build_array(
                lead_stage._html_isolated(lead_stage._html_stage(labels, f.stage)), lead_stage._html_number(f.entered), lead_stage._html_number(f.leads),
                lead_stage._html_number(f.advanced), lead_stage._html_number(f.still_here), lead_stage._html_number(f.recycled),
                lead_stage._html_number(f.dropped), lead_stage._html_number(f.skipped), lead_stage._html_percent(f.conversion),
                lead_stage._html_span(f.median_time))
            ORDER BY f.stage::@extschema@.lead_stage)
        INTO rows
        FROM jsonb_to_recordset(data -> 'funnel')
            AS f (stage text, entered numeric, leads numeric, advanced numeric, recycled numeric, dropped numeric, still_here numeric,
                  skipped numeric, conversion float8, median_time float8);
    IF rows IS NULL THEN
        RETURN lead_stage._html_figure('Funnel', 'No lead entered a stage in this period.', '', NULL);
    END IF;
    RETURN lead_stage._html_figure('Funnel', 'Entries into each stage, and what has come of them by now.',
        lead_stage._html_legend('advanced', 'advanced to a higher stage', 'here', 'still here', 'recycled', 'back to a lower stage', 'dropped', 'lost or disqualified')
        || lead_stage._svg_bars('funnel', 'Funnel: entries into each stage', bars, 'entries into the stage'),
        lead_stage._html_table('Funnel: entries into each stage and their outcomes',
            '{Stage,Entered,Leads,Advanced,Still here,Recycled,Dropped,Skipped,Conversion,Median time}', 1, rows));
END
$$;
COMMENT ON FUNCTION lead_stage._report_funnel(jsonb) IS 'the funnel of the report page';

CREATE FUNCTION lead_stage._report_drop_off(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    shown constant int := 5;
    labels jsonb := data -> 'labels';
    bars jsonb;
    rows jsonb;
BEGIN
    WITH reason AS (
        SELECT d.*, row_number() OVER (ORDER BY d.leads DESC, d.stage::@extschema@.lead_stage, d.to_stage::@extschema@.lead_stage, d.reason COLLATE "C") AS place,
               CASE WHEN d.to_stage IS NULL OR d.to_stage IN ('lost', 'disqualified') THEN 'dropped' ELSE 'recycled' END AS class,
               coalesce(lead_stage._html_stage(labels, d.to_stage), 'deleted') AS to_label,
               CASE count(*) OVER () WHEN shown + 1 THEN shown + 1 ELSE shown END AS shown
            FROM jsonb_to_recordset(data -> 'drop_off') AS d (stage text, to_stage text, reason text, leads numeric)
    ), bar AS (
        SELECT r.place, lead_stage._html_name(r.reason, 'no reason given') AS label,
               lead_stage._html_stage(labels, r.stage) || ' &#8594; ' || r.to_label AS note,
               r.leads, jsonb_build_array(jsonb_build_array(r.leads, r.class, lead_stage._html_count(r.leads, 'lead', 'leads'))) AS parts
            FROM reason AS r WHERE r.place <= r.shown
        UNION ALL
        SELECT shown + 1, format('%s more', count(*)), 'all others together', sum(r.leads),
               jsonb_build_array(jsonb_build_array(coalesce(sum(r.leads) FILTER (WHERE r.class = 'recycled'), 0), 'recycled',
                                                   lead_stage._html_number(coalesce(sum(r.leads) FILTER (WHERE r.class = 'recycled'), 0)) || ' recycled'),
                                 jsonb_build_array(coalesce(sum(r.leads) FILTER (WHERE r.class = 'dropped'), 0), 'dropped',
                                                   lead_stage._html_number(coalesce(sum(r.leads) FILTER (WHERE r.class = 'dropped'), 0)) || ' dropped'))
            FROM reason AS r WHERE r.place > r.shown HAVING count(*) > 0
    )
    SELECT (SELECT jsonb_agg(jsonb_build_object('label', b.label, 'note', b.note, 'parts', b.parts,
                                                'value', format('<b>%s</b>', lead_stage._html_number(b.leads))) ORDER BY b.place) FROM bar AS b),
           (SELECT jsonb_agg(jsonb_build_array(
                       lead_stage._html_isolated(lead_stage._html_stage(labels, r.stage)), lead_stage._html_isolated(r.to_label),
                       lead_stage._html_isolated(lead_stage._html_name(r.reason, 'no reason given')), lead_stage._html_number(r.leads)) ORDER BY r.place)
            FROM reason AS r)
        INTO bars, rows;
    IF rows IS NULL THEN
        RETURN lead_stage._html_figure('Where leads drop off', 'No lead went back or dropped out in this period.', '', NULL);
    END IF;
    RETURN lead_stage._html_figure('Where leads drop off', 'Moves down, by the reason given; the most frequent first.',
        lead_stage._html_legend('recycled', 'back to a lower stage', 'dropped', 'lost or disqualified')
        || lead_stage._svg_bars('drop-off', 'Where leads drop off, by reason', bars, 'leads'),
        lead_stage._html_table('Where leads drop off: moves down and their reasons', '{From,To,Reason,Leads}', 3, rows));
END
$$;
COMMENT ON FUNCTION lead_stage._report_drop_off(jsonb) IS 'the reasons for moves down on the report page';

-- One of the outcomes of a cohort.
CREATE FUNCTION lead_stage._report_share(label text, number numeric, of_number numeric, class text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN jsonb_build_object('label', label,
               'value', format('<b>%s</b> <small>%s</small>', lead_stage._html_percent((number / nullif(of_number, 0))::float8), lead_stage._html_number(number)),
               'parts', jsonb_build_array(jsonb_build_array(coalesce(round(100 * number / nullif(of_number, 0), 4), 0), class,
                   format('%s, %s of %s', lead_stage._html_percent((number / nullif(of_number, 0))::float8), lead_stage._html_number(number),
                          lead_stage._html_number(of_number)))));
COMMENT ON FUNCTION lead_stage._report_share(text, numeric, numeric, text) IS 'a bar: what share of a cohort has come to something';

-- MQLs and SQLs are judged apart: marketing by engagement and what sales
-- makes of it, sales by response, meetings and deals.
CREATE FUNCTION lead_stage._report_outcomes(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    labels jsonb := data -> 'labels';
    mql record;
    sql record;
    result text;
BEGIN
    SELECT * INTO mql FROM jsonb_to_record(data #> '{mql,0}')
        AS m (mqls numeric, engaged numeric, engagement_rate float8, accepted numeric, sqls numeric, mql_to_sql_rate float8, recycled numeric, dropped numeric);
    SELECT * INTO sql FROM jsonb_to_record(data #> '{sql,0}')
        AS s (sqls numeric, responded numeric, median_response float8, meetings_booked numeric, meeting_booked_rate float8,
              opportunities numeric, customers numeric, win_rate float8);
    IF coalesce(mql.mqls, 0) = 0 THEN
        result := lead_stage._html_figure('MQL outcomes', CASE WHEN data -> 'stages' ? 'mql' THEN 'No lead became an MQL in this period.'
                                                               ELSE 'The model has no MQLs.' END, '', NULL);
    ELSE
        result := lead_stage._html_figure('MQL outcomes',
            format('What became of the %s: is marketing bringing the right leads?', lead_stage._html_count(mql.mqls, 'MQL', 'MQLs')),
            lead_stage._svg_bars('mql', 'MQL outcomes: shares of the MQLs',
                jsonb_build_array(lead_stage._report_share('Engaged while nurtured or MQL', mql.engaged, mql.mqls, 'advanced'))
                || CASE WHEN data -> 'stages' ? 'sal' THEN jsonb_build_array(lead_stage._report_share('Accepted by sales', mql.accepted, mql.mqls, 'advanced')) ELSE '[]' END
                || jsonb_build_array(lead_stage._report_share('Became SQL', mql.sqls, mql.mqls, 'advanced'),
                                     lead_stage._report_share('Recycled', mql.recycled, mql.mqls, 'recycled'),
                                     lead_stage._report_share('Lost or disqualified', mql.dropped, mql.mqls, 'dropped')),
                'share of the MQLs', true),
            lead_stage._html_table('MQL outcomes', '{Outcome,Number,Share of MQLs}', 1, jsonb_build_array(
                jsonb_build_array('MQLs', lead_stage._html_number(mql.mqls), ''),
                jsonb_build_array('Engaged', lead_stage._html_number(mql.engaged), lead_stage._html_percent(mql.engagement_rate)),
                jsonb_build_array('Accepted by sales', lead_stage._html_number(mql.accepted), lead_stage._html_percent((mql.accepted / mql.mqls)::float8)),
                jsonb_build_array('Became SQL', lead_stage._html_number(mql.sqls), lead_stage._html_percent(mql.mql_to_sql_rate)),
                jsonb_build_array('Recycled', lead_stage._html_number(mql.recycled), lead_stage._html_percent((mql.recycled / mql.mqls)::float8)),
                jsonb_build_array('Lost or disqualified', lead_stage._html_number(mql.dropped), lead_stage._html_percent((mql.dropped / mql.mqls)::float8)))));
    END IF;
    IF coalesce(sql.sqls, 0) = 0 THEN
        RETURN result || lead_stage._html_figure('SQL outcomes', CASE WHEN data -> 'stages' ? 'sql' THEN 'No lead became an SQL in this period.'
                                                                      ELSE 'The model has no SQLs.' END, '', NULL);
    END IF;
    RETURN result || lead_stage._html_figure('SQL outcomes',
        format('What sales made of the %s%s.', lead_stage._html_count(sql.sqls, 'SQL', 'SQLs'),
               CASE WHEN sql.median_response IS NULL THEN ''
                    ELSE format('; half of the responses came within %s of working time', lead_stage._html_span(sql.median_response, true)) END),
        lead_stage._svg_bars('sql', 'SQL outcomes: shares of the SQLs', jsonb_build_array(
                lead_stage._report_share('Responded to', sql.responded, sql.sqls, 'advanced'),
                lead_stage._report_share('Meeting booked', sql.meetings_booked, sql.sqls, 'advanced'),
                lead_stage._report_share('Became opportunity', sql.opportunities, sql.sqls, 'advanced'),
                lead_stage._report_share('Became customer', sql.customers, sql.sqls, 'advanced')),
            'share of the SQLs', true),
        lead_stage._html_table('SQL outcomes', '{Outcome,Number,Share of SQLs}', 1, jsonb_build_array(
            jsonb_build_array('SQLs', lead_stage._html_number(sql.sqls), ''),
            jsonb_build_array('Responded to', lead_stage._html_number(sql.responded), lead_stage._html_percent((sql.responded / sql.sqls)::float8)),
            jsonb_build_array('Median response, working time', lead_stage._html_span(sql.median_response, true), ''),
            jsonb_build_array('Meeting booked', lead_stage._html_number(sql.meetings_booked), lead_stage._html_percent(sql.meeting_booked_rate)),
            jsonb_build_array('Became opportunity', lead_stage._html_number(sql.opportunities), lead_stage._html_percent((sql.opportunities / sql.sqls)::float8)),
            jsonb_build_array('Became customer', lead_stage._html_number(sql.customers), lead_stage._html_percent(sql.win_rate)))));
END
$$;
COMMENT ON FUNCTION lead_stage._report_outcomes(jsonb) IS 'what became of MQLs and of SQLs on the report page';

CREATE FUNCTION lead_stage._report_time(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    shown constant int := 9;
    labels jsonb := data -> 'labels';
    bars jsonb;
    rows jsonb;
BEGIN
    WITH move AS (
        SELECT v.*, row_number() OVER (ORDER BY v.moves DESC, v.from_stage::@extschema@.lead_stage, v.to_stage::@extschema@.lead_stage) AS place,
               row_number() OVER (ORDER BY v.from_stage::@extschema@.lead_stage, v.to_stage::@extschema@.lead_stage) AS in_order,
               lead_stage._html_stage(labels, v.from_stage) AS from_label, lead_stage._html_stage(labels, v.to_stage) AS to_label
            FROM jsonb_to_recordset(data -> 'velocity')
                AS v (from_stage text, to_stage text, moves numeric, mean float8, p50 float8, p90 float8, business_p50 float8)
            WHERE v.to_stage IS NOT NULL AND v.p50 IS NOT NULL
    )
    SELECT (SELECT jsonb_agg(jsonb_build_object('label', m.from_label || ' &#8594; ' || m.to_label, 'middle', m.p50, 'far', m.p90,
                       'value', format('<b>%s</b>', lead_stage._html_span(m.p50)),
                       'note', format('90%% within %s, %s', lead_stage._html_span(m.p90), lead_stage._html_count(m.moves, 'move', 'moves')),
                       'words', format('%s, half within %s, 90%% within %s', lead_stage._html_count(m.moves, 'move', 'moves'),
                                       lead_stage._html_span(m.p50), lead_stage._html_span(m.p90))) ORDER BY m.in_order)
            FROM move AS m WHERE m.place <= shown),
           (SELECT jsonb_agg(jsonb_build_array(lead_stage._html_isolated(m.from_label), lead_stage._html_isolated(m.to_label),
                       lead_stage._html_number(m.moves), lead_stage._html_span(m.mean), lead_stage._html_span(m.p50), lead_stage._html_span(m.p90),
                       lead_stage._html_span(m.business_p50, true)) ORDER BY m.in_order)
            FROM move AS m)
        INTO bars, rows;
    IF rows IS NULL THEN
        RETURN lead_stage._html_figure('Time in stage', 'No stay in a stage that began in this period has ended yet.', '', NULL);
    END IF;
    RETURN lead_stage._html_figure('Time in stage',
        format('How long leads stayed before they moved on; finished stays only%s.',
               CASE WHEN jsonb_array_length(rows) > shown THEN format(', the %s most frequent moves', shown) ELSE '' END),
        lead_stage._html_legend('advanced', 'median', 'here', '90th percentile') || lead_stage._svg_spans('time', 'Time in stage before each move', bars),
        lead_stage._html_table('Time in stage before each move', '{From,To,Moves,Mean,Median,90th percentile,"Median, working time"}', 2, rows));
END
$$;
COMMENT ON FUNCTION lead_stage._report_time(jsonb) IS 'the time in stage on the report page';

CREATE FUNCTION lead_stage._report_sla(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    shown constant int := 8;
    unit text := data ->> 'trend_unit';
    bars jsonb;
    rows jsonb;
    policy record;
    trend text;
    beside text := '';
    below text := '';
    n int := 0;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('label', lead_stage._html_name(s.policy, 'no name'),
                'value', format('<b>%s</b> <small>of %s</small>', lead_stage._html_percent(s.attainment), lead_stage._html_number(s.met + s.late + s.breached)),
                'parts', jsonb_build_array(
                    jsonb_build_array(s.met, 'advanced', lead_stage._html_number(s.met) || ' met in time'),
                    jsonb_build_array(s.late, 'recycled', lead_stage._html_number(s.late) || ' met late'),
                    jsonb_build_array(s.breached, 'dropped', lead_stage._html_number(s.breached) || ' breached'),
                    jsonb_build_array(s.open + s.paused, 'here', lead_stage._html_number(s.open + s.paused) || ' still running')))
                ORDER BY s.started DESC, s.policy COLLATE "C"),
           jsonb_agg(jsonb_build_array(lead_stage._html_isolated(lead_stage._html_name(s.policy, 'no name')), lead_stage._html_number(s.started),
                lead_stage._html_number(s.met), lead_stage._html_number(s.late), lead_stage._html_number(s.breached), lead_stage._html_number(s.open),
                lead_stage._html_number(s.paused), lead_stage._html_number(s.cancelled), lead_stage._html_percent(s.attainment),
                lead_stage._html_span(s.p50, true), lead_stage._html_span(s.p90, true))
                ORDER BY s.started DESC, s.policy COLLATE "C")
        INTO bars, rows
        FROM jsonb_to_recordset(data -> 'sla')
            AS s (policy text, started numeric, met numeric, late numeric, breached numeric, open numeric, paused numeric, cancelled numeric,
                  attainment float8, p50 float8, p90 float8);
    IF rows IS NULL THEN
        RETURN lead_stage._html_figure('SLA attainment', CASE WHEN (data ->> 'slas')::int > 0 THEN 'No SLA clock was started in this period.'
                                                              ELSE 'The model has no SLAs.' END, '', NULL);
    END IF;
    FOR policy IN
        SELECT t.policy, lead_stage._html_name(t.policy, 'no name') AS name,
               jsonb_agg(jsonb_build_object('label', t.label, 'short', t.short, 'share', (t.met / nullif(t.done, 0))::float8, 'number', t.done) ORDER BY t.place) AS points,
               jsonb_agg(jsonb_build_array(t.label, lead_stage._html_number(t.met), lead_stage._html_number(t.late), lead_stage._html_number(t.breached),
                                           lead_stage._html_percent((t.met / nullif(t.done, 0))::float8)) ORDER BY t.place) AS rows
            FROM (SELECT t.*, t.met + t.late + t.breached AS done
                  FROM jsonb_to_recordset(data -> 'trend')
                      AS t (policy text, place int, label text, short text, met numeric, late numeric, breached numeric)) AS t
            GROUP BY t.policy HAVING sum(t.done) > 0
            ORDER BY sum(t.done) DESC, t.policy COLLATE "C"
    LOOP
        n := n + 1;
        EXIT WHEN n > shown;
        trend := lead_stage._html_figure(lead_stage._html_isolated(policy.name),
            format('Clocks kept, by the %s they started in.', unit),
            lead_stage._html_legend('advanced', 'share met in time', 'here', 'clocks met or past due')
            || lead_stage._svg_trend('sla-' || n, policy.name || ': share of clocks met in time, by ' || unit, policy.points, 'clock'),
            lead_stage._html_table(policy.name || ': clocks by ' || unit, ARRAY[initcap(unit), 'Met', 'Late', 'Breached', 'Attainment'], 1, policy.rows));
        IF n <= 1 THEN beside := beside || trend; ELSE below := below || trend; END IF;
    END LOOP;
    RETURN E'<div class="stack">\n' || lead_stage._html_figure('SLA attainment', 'Clocks started in the period; attainment is the share met in time of those that were met or are past due.',
        lead_stage._html_legend('advanced', 'met in time', 'recycled', 'met late', 'dropped', 'breached, not met', 'here', 'still running')
        || lead_stage._svg_bars('sla', 'SLA attainment by policy', bars, 'clocks'),
        lead_stage._html_table('SLA clocks by policy', '{Policy,Started,Met,Late,Breached,Open,Paused,Cancelled,Attainment,Median,90th percentile}', 1, rows)) || beside || E'</div>\n'
        || CASE WHEN below = '' THEN '' ELSE E'<div class="trends">\n' || below || E'</div>\n' END;
END
$$;
COMMENT ON FUNCTION lead_stage._report_sla(jsonb) IS 'SLA attainment, in all and over time, on the report page';

-- Small multiples: the same segments in the same order, one question each.
CREATE FUNCTION lead_stage._report_segments(data jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    shown constant int := 8;
    charts jsonb;
    rows jsonb;
    segments int;
    words text;
    head text;
BEGIN
    IF data ->> 'by' IS NULL THEN
        RETURN '';
    END IF;
    WITH both_halves AS (
        SELECT coalesce(m.segment, s.segment) AS segment, coalesce(m.mqls, 0) AS mqls, coalesce(m.engaged, 0) AS engaged, coalesce(m.sqls, 0) AS became_sql,
               coalesce(s.sqls, 0) AS sqls, coalesce(s.responded, 0) AS responded, coalesce(s.meetings_booked, 0) AS meetings,
               coalesce(s.customers, 0) AS customers, s.median_response
            FROM jsonb_to_recordset(data -> 'mql_by') AS m (segment text, mqls numeric, engaged numeric, sqls numeric)
                 FULL JOIN jsonb_to_recordset(data -> 'sql_by')
                     AS s (segment text, sqls numeric, responded numeric, meetings_booked numeric, customers numeric, median_response float8)
                 -- Null is a segment too.
                 ON coalesce('=' || m.segment, '') = coalesce('=' || s.segment, '')
            WHERE coalesce(m.mqls, 0) + coalesce(s.sqls, 0) > 0
    ), segment AS (
        SELECT b.*, row_number() OVER (ORDER BY b.mqls DESC, b.sqls DESC, b.segment COLLATE "C") AS place FROM both_halves AS b
    ), bar AS (
        SELECT least(s.place, shown + 1) AS place,
               CASE WHEN count(*) > 1 THEN format('%s more', count(*)) ELSE lead_stage._html_name(min(s.segment), '(none)') END AS label,
               sum(s.mqls) AS mqls, sum(s.became_sql) AS became_sql, sum(s.sqls) AS sqls, sum(s.meetings) AS meetings, sum(s.customers) AS customers
            FROM segment AS s GROUP BY least(s.place, shown + 1)
    )
    SELECT (SELECT jsonb_build_array(
                jsonb_agg(jsonb_build_object('label', b.label, 'value', format('<b>%s</b>', lead_stage._html_number(b.mqls)),
                              'parts', jsonb_build_array(jsonb_build_array(b.mqls, 'advanced', lead_stage._html_count(b.mqls, 'MQL', 'MQLs')))) ORDER BY b.place),
                jsonb_agg(lead_stage._report_share(b.label, b.became_sql, b.mqls, 'advanced') ORDER BY b.place),
                jsonb_agg(lead_stage._report_share(b.label, b.meetings, b.sqls, 'advanced') ORDER BY b.place),
                jsonb_agg(lead_stage._report_share(b.label, b.customers, b.sqls, 'advanced') ORDER BY b.place)) FROM bar AS b),
           (SELECT jsonb_agg(jsonb_build_array(lead_stage._html_isolated(lead_stage._html_name(s.segment, '(none)')),
                lead_stage._html_number(s.mqls), lead_stage._html_percent((s.engaged / nullif(s.mqls, 0))::float8),
                lead_stage._html_percent((s.became_sql / nullif(s.mqls, 0))::float8), lead_stage._html_number(s.sqls),
                lead_stage._html_span(s.median_response, true), lead_stage._html_percent((s.meetings / nullif(s.sqls, 0))::float8),
                lead_stage._html_percent((s.customers / nullif(s.sqls, 0))::float8)) ORDER BY s.place) FROM segment AS s),
           (SELECT count(*) FROM segment AS s)
        INTO charts, rows, segments;
    head := format('<h2 class="group">By <code>%s</code></h2>', lead_stage._html(data ->> 'by'));
    IF rows IS NULL THEN
        RETURN head || E'\n<p class="empty">No lead became an MQL or an SQL in this period.</p>\n';
    END IF;
    words := CASE WHEN segments > shown + 1 THEN format('the %s largest of %s segments', shown, segments) ELSE 'all segments' END;
    RETURN head || E'\n<div class="cards segments">\n'
        || lead_stage._html_figure('MQLs', format('How many, %s.', words),
               lead_stage._svg_bars('by-mql', 'MQLs by segment', charts -> 0, 'MQLs'), NULL)
        || lead_stage._html_figure('MQL to SQL', 'Share of the MQLs that became SQLs.',
               lead_stage._svg_bars('by-rate', 'MQL to SQL rate by segment', charts -> 1, 'share of the segment''s MQLs', true), NULL)
        || lead_stage._html_figure('Meetings booked', 'Share of the SQLs with a meeting.',
               lead_stage._svg_bars('by-meeting', 'Meeting-booked rate by segment', charts -> 2, 'share of the segment''s SQLs', true), NULL)
        || lead_stage._html_figure('Won', 'Share of the SQLs that became customers.',
               lead_stage._svg_bars('by-won', 'Win rate by segment', charts -> 3, 'share of the segment''s SQLs', true), NULL)
        || E'</div>\n<div class="card"><details><summary>The numbers of all segments</summary>\n'
        || lead_stage._html_table('MQL and SQL outcomes by segment',
               '{Segment,MQLs,Engaged,MQL to SQL,SQLs,Median response,Meetings booked,Won}', 1, rows)
        || E'</details></div>\n';
END
$$;
COMMENT ON FUNCTION lead_stage._report_segments(jsonb) IS 'the outcomes by a dimension on the report page';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage._report_style() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT $css$
:root { color-scheme: light; --page: #f4f6f8; --card: #fff; --ink: #17202b; --muted: #55616f; --line: #d9e0e7; --grid: #dde3e9; --track: #edf1f4;
  --advanced: #1f66b0; --here: #8492a2; --recycled: #b97509; --dropped: #b83a2c; }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --page: #11161c; --card: #1a212a; --ink: #e8edf3; --muted: #a3b0bf;
  --line: #303a46; --grid: #343f4c; --track: #252e39; --advanced: #62a5ea; --here: #7a8999; --recycled: #e0a540; --dropped: #ec7a66; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
header, main, footer { max-width: 1160px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; padding-bottom: 20px; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; }
h2 { margin: 0; font-size: 1.1rem; line-height: 1.3; }
h2.group { margin: 36px 0 14px; font-size: 1.3rem; }
code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
p { margin: 0; }
.kind { color: var(--muted); font-size: .9rem; }
.facts { display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 10px 0 0; color: var(--muted); font-size: .92rem; }
.facts div { display: flex; gap: 6px; }
.facts dt { white-space: nowrap; }
.facts dd { margin: 0; color: var(--ink); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 0 0 16px; overflow: hidden; background: var(--line); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 14px 18px; background: var(--card); }
.tile dt { color: var(--muted); font-size: .86rem; }
.tile dd { margin: 0; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; }
.tile span { color: var(--muted); font-size: .82rem; }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.card { margin: 0; padding: 18px 20px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
.cards + .card { margin-top: 16px; }
.trends { grid-column: 1 / -1; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 16px; }
.stack { display: grid; gap: 16px; align-content: start; min-width: 0; }
figcaption { margin-bottom: 14px; }
figcaption p, .empty { color: var(--muted); font-size: .9rem; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 14px; padding: 0; list-style: none; color: var(--muted); font-size: .82rem; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { flex: none; }
.chart { display: block; overflow: visible; }
.words { display: flex; align-items: baseline; justify-content: space-between; gap: 12px; background: var(--card); color: var(--ink); font-size: 14px; line-height: 18px; }
.words .name { min-width: 0; overflow: hidden; white-space: nowrap; }
.words .line { display: flex; }
.words .line bdi { min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.words .line i { flex: none; font-style: normal; white-space: pre; }
.words .value { flex: none; white-space: nowrap; }
.words small { color: var(--muted); font-size: 12.5px; }
.words b { font-weight: 620; }
.advanced { fill: var(--advanced); } .here { fill: var(--here); } .recycled { fill: var(--recycled); } .dropped { fill: var(--dropped); }
.chart rect.advanced, .chart rect.here, .chart rect.recycled, .chart rect.dropped { stroke: var(--card); stroke-width: 1; }
rect.track { fill: var(--track); }
.volume { fill: var(--here); }
.grid { stroke: var(--grid); }
.base { stroke: var(--muted); }
.tick, .unit { fill: var(--muted); font-size: 12px; }
line.track { stroke: var(--track); stroke-width: 4; }
.reach { stroke: var(--here); stroke-width: 4; }
.far { fill: var(--here); stroke: var(--card); stroke-width: 1.5; }
.middle { fill: var(--advanced); stroke: var(--card); stroke-width: 1.5; }
.trend { width: calc(100% - 44px); margin-left: 44px; }
.line polyline { fill: none; stroke: var(--advanced); stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
details { margin-top: 14px; font-size: .88rem; }
.card > details:first-child { margin-top: 0; }
summary { color: var(--muted); cursor: pointer; }
summary:hover { color: var(--ink); }
:focus-visible { outline: 2px solid var(--advanced); outline-offset: 2px; border-radius: 3px; }
.scroll { margin-top: 10px; max-height: 30rem; overflow: auto; }
table { width: 100%; border-collapse: collapse; font-size: .86rem; overflow-wrap: normal; }
caption { padding-bottom: 8px; color: var(--muted); text-align: left; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: baseline; white-space: nowrap; }
thead th { color: var(--muted); font-weight: 500; }
th.t, td.t, tbody th { text-align: left; }
tbody th, td.t { font-weight: 400; white-space: normal; overflow-wrap: break-word; min-width: 8em; max-width: 24em; }
th:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
footer { padding-top: 28px; padding-bottom: 48px; color: var(--muted); font-size: .86rem; }
footer details { margin: 0 0 12px; }
footer dl { margin: 10px 0 0; max-width: 75ch; }
footer dt { color: var(--ink); }
footer dd { margin: 0 0 6px; }
@media (max-width: 800px) { .tiles { grid-template-columns: repeat(2, 1fr); } .cards { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 480px) { header, main, footer { padding-left: 12px; padding-right: 12px; } header { padding-top: 22px; } h1 { font-size: 1.5rem; }
  .card { padding: 14px 14px 12px; } .tile { padding: 10px 14px; } .tile b { font-size: 1.45rem; } }
@media print {
  @page { margin: 12mm 10mm; }
  :root { --page: #fff; }
  body { font-size: 12px; } header, main, footer { max-width: none; padding-left: 0; padding-right: 0; } header { padding-top: 0; }
  .tiles { grid-template-columns: repeat(4, 1fr); } .tile { padding: 6px 12px; } .tile b { font-size: 1.4rem; }
  .cards, .stack, .trends { display: block; } .segments { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; } .card { margin: 0 0 12px; padding: 12px 14px 8px; } .segments .card { margin: 0; }
  .card:has(> svg + details) { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); grid-template-rows: auto auto 1fr; column-gap: 16px; }
  .card:has(> svg + details) > :is(.legend, .chart) { grid-column: 1; } .card:has(> svg + details) > details { grid-column: 2; grid-row: 1 / 4; margin: 0; }
  .card, .tiles, tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
  details::details-content { display: block; content-visibility: visible; height: auto; } summary { display: none; }
  .scroll { max-height: none; overflow: visible; margin: 0; } table { font-size: 8px; } th, td { padding: 2px 3px; } tbody th, td.t { min-width: 0; } thead th { white-space: normal; overflow-wrap: normal; }
}
$css$;
$$;
COMMENT ON FUNCTION lead_stage._report_style() IS 'the style sheet of the report page';

CREATE FUNCTION lead_stage._report_fact(name text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format('<div><dt>%s</dt><dd>%s</dd></div>', name, value);
COMMENT ON FUNCTION lead_stage._report_fact(text, text) IS 'a line in the head of the report page';

-- How the numbers are meant, for whoever has the page and not the manual.
CREATE FUNCTION lead_stage._report_conventions() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT E'<details><summary>How the numbers are counted</summary>\n<dl>' || string_agg(format('<dt>%s</dt><dd>%s</dd>', c.word, c.meaning), E'\n' ORDER BY c.place) || E'</dl></details>\n'
    FROM (VALUES
        (1, 'Period', 'Counted is what was entered or started in the period; its outcome is as of the time given above.'),
        (2, 'Advanced, recycled, dropped', 'From a stay in a stage, the lead moved to a higher stage, to a lower open one, or was lost or disqualified.'),
        (3, 'Entered, leads', 'A lead that comes twice entered twice, and is one lead.'),
        (4, 'Skipped', 'Leads that jumped past the stage.'),
        (5, 'Engaged', 'Any activity while the lead was nurtured or an MQL.'),
        (6, 'Accepted, became SQL', 'Later reached sales acceptance, or SQL, or a higher stage.'),
        (7, 'Responded to', 'An SLA clock of the stay as SQL was met.'),
        (8, 'Attainment', 'Met in time, as a share of what was met in time, met late, or is past due and not met.'),
        (9, 'Times', 'Medians are over finished stays. Response and SLA times are working time by the calendar of the model; others are calendar time.')) AS c (place, word, meaning);
$$;
COMMENT ON FUNCTION lead_stage._report_conventions() IS 'what the words on the report page mean';

CREATE FUNCTION lead_stage._report_page(data jsonb) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN E'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        || format(E'<title>%s: pipeline report</title>\n<style>%s</style>\n</head>\n<body>\n', lead_stage._html(data ->> 'title'), lead_stage._report_style())
        || format(E'<header>\n<p class="kind">Pipeline report</p>\n<h1><bdi>%s</bdi></h1>\n<dl class="facts">', lead_stage._html(data ->> 'title'))
        || lead_stage._report_fact('Period', lead_stage._html(data ->> 'period'))
        || lead_stage._report_fact('Outcomes as of', lead_stage._html(data ->> 'as_of'))
        || lead_stage._report_fact('Table', format('<code>%s</code>', lead_stage._html(data ->> 'leads')))
        || lead_stage._report_fact('Definitions', format('<bdi>%s</bdi>, version %s', lead_stage._html(data ->> 'model'), lead_stage._html(data ->> 'version')))
        || E'</dl>\n</header>\n<main>\n'
        || lead_stage._report_headline(data)
        || E'<div class="cards">\n' || lead_stage._report_funnel(data) || lead_stage._report_drop_off(data)
        || lead_stage._report_outcomes(data) || lead_stage._report_time(data) || lead_stage._report_sla(data) || E'</div>\n'
        || lead_stage._report_segments(data)
        || E'</main>\n<footer>\n' || lead_stage._report_conventions()
        || format(E'<p>Made by lead_stage %s.</p>\n</footer>\n</body>\n</html>\n', lead_stage._html(data ->> 'extension'));
COMMENT ON FUNCTION lead_stage._report_page(jsonb) IS 'the report page of what _report_data collected';

-- ---------------------------------------------------------------------------

-- Two points in time as people say it: a day that is not over is not named,
-- so what ends at midnight ends on the day before.
CREATE FUNCTION lead_stage._report_period(since timestamptz, until timestamptz, zone text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN NOT isfinite(since) AND NOT isfinite(until) THEN 'all time'
                WHEN NOT isfinite(since) THEN 'until ' || t.last
                WHEN NOT isfinite(until) THEN 'since ' || t.first
                WHEN t.first = t.last THEN t.first
                ELSE t.first || ' to ' || t.last END
    FROM (SELECT to_char(s.at, CASE WHEN s.at = date_trunc('day', s.at) THEN 'FMDD Mon YYYY' ELSE 'FMDD Mon YYYY HH24:MI' END),
                 CASE WHEN u.at = date_trunc('day', u.at) AND (u.at > s.at OR NOT isfinite(since)) THEN to_char(u.at - interval '1 day', 'FMDD Mon YYYY')
                      ELSE to_char(u.at, 'FMDD Mon YYYY HH24:MI') END
          FROM (SELECT since AT TIME ZONE zone) AS s (at), (SELECT until AT TIME ZONE zone) AS u (at)) AS t (first, last);
$$;
COMMENT ON FUNCTION lead_stage._report_period(timestamptz, timestamptz, text) IS 'a period in words';

-- How each policy's clocks ended, by the week, month, quarter or year they
-- started in: whichever makes a line of some ten to fifty points.
CREATE FUNCTION lead_stage._report_trend(relation regclass, since timestamptz, until timestamptz, zone text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    result jsonb;
BEGIN
    EXECUTE format($sql$
        WITH clock AS (
            SELECT c.name AS policy, c.started_at AT TIME ZONE $3 AS started, c.outcome FROM (%s) AS c WHERE c.outcome IN ('met', 'late', 'breached')
        ), counted AS MATERIALIZED (
            SELECT c.policy, c.started::date AS day, count(*) FILTER (WHERE c.outcome = 'met') AS met,
                   count(*) FILTER (WHERE c.outcome = 'late') AS late, count(*) FILTER (WHERE c.outcome = 'breached') AS breached
            FROM clock AS c GROUP BY c.policy, c.started::date
        ), span AS (
            SELECT s.*, date_trunc(s.unit, s.first_day) AS first, ('1 ' || replace(s.unit, 'quarter', 'month'))::interval * CASE s.unit WHEN 'quarter' THEN 3 ELSE 1 END AS step
            FROM (SELECT min(c.day)::timestamp AS first_day, max(c.day)::timestamp AS last_day,
                         CASE WHEN max(c.day) - min(c.day) <= 190 THEN 'week' WHEN max(c.day) - min(c.day) <= 1100 THEN 'month'
                              WHEN max(c.day) - min(c.day) <= 4400 THEN 'quarter' ELSE 'year' END AS unit
                  FROM counted AS c) AS s
        )
        SELECT jsonb_build_object('trend_unit', min(p.unit), 'trend', jsonb_agg(jsonb_build_object(
                   'policy', p.policy, 'place', p.place, 'met', p.met, 'late', p.late, 'breached', p.breached,
                   'label', CASE p.unit WHEN 'week' THEN 'week of ' || to_char(p.bucket, 'FMDD Mon YYYY') WHEN 'month' THEN to_char(p.bucket, 'Mon YYYY')
                                WHEN 'quarter' THEN to_char(p.bucket, '"Q"Q YYYY') ELSE to_char(p.bucket, 'YYYY') END,
                   'short', CASE p.unit WHEN 'week' THEN to_char(p.bucket, 'FMDD Mon') WHEN 'month' THEN to_char(p.bucket, 'Mon YY')
                                WHEN 'quarter' THEN to_char(p.bucket, '"Q"Q YY') ELSE to_char(p.bucket, 'YYYY') END)))
        FROM (SELECT n.policy, b.place, b.bucket, s.unit, coalesce(sum(c.met), 0) AS met, coalesce(sum(c.late), 0) AS late, coalesce(sum(c.breached), 0) AS breached
              FROM span AS s
                   CROSS JOIN LATERAL generate_series(s.first, s.last_day, s.step) WITH ORDINALITY AS b (bucket, place)
                   CROSS JOIN (SELECT DISTINCT c.policy FROM counted AS c) AS n
                   LEFT JOIN counted AS c ON c.policy = n.policy AND c.day >= b.bucket AND c.day < b.bucket + s.step
              GROUP BY n.policy, b.place, b.bucket, s.unit) AS p$sql$,
        lead_stage._report_clocks(relation, since, until, NULL)) INTO result USING since, until, zone;
    RETURN result;
END
$$;
COMMENT ON FUNCTION lead_stage._report_trend(regclass, timestamptz, timestamptz, text) IS 'SLA attainment over time, as the report page draws it';

CREATE FUNCTION lead_stage._report_data(relation regclass, since timestamptz, until timestamptz, by text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(relation);
    zone text := lead_stage._time_zone(bound);
    definition jsonb := coalesce((SELECT v.definition FROM lead_stage.version AS v WHERE v.model = bound.model AND v.version = bound.version),
                                 lead_stage.export_model(bound.model));
    result jsonb;
BEGIN
    -- First, for it complains about arguments that make no sense.
    SELECT jsonb_build_object('funnel', coalesce(jsonb_agg(to_jsonb(f) || jsonb_build_object('median_time', extract(epoch FROM f.median_time))), '[]'))
        INTO result FROM lead_stage.funnel(relation, since, until) AS f;
    result := result || jsonb_build_object(
        'drop_off', (SELECT coalesce(jsonb_agg(to_jsonb(d)), '[]') FROM lead_stage.drop_off(relation, since, until) AS d),
        'velocity', (SELECT coalesce(jsonb_agg(to_jsonb(v) || jsonb_build_object('mean', extract(epoch FROM v.mean), 'p50', extract(epoch FROM v.p50),
                                                   'p90', extract(epoch FROM v.p90), 'business_p50', extract(epoch FROM v.business_p50))), '[]')
                     FROM lead_stage.velocity(relation, since, until) AS v),
        'mql', (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM lead_stage.mql_report(relation, since, until) AS m),
        'sql', (SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('median_response', extract(epoch FROM s.median_response))), '[]')
                FROM lead_stage.sql_report(relation, since, until) AS s),
        'sla', (SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('p50', extract(epoch FROM s.p50), 'p90', extract(epoch FROM s.p90))), '[]')
                FROM lead_stage.sla_report(relation, since, until) AS s));
    IF jsonb_array_length(result -> 'sla') > 0 THEN
        result := result || lead_stage._report_trend(relation, since, until, zone);
    END IF;
    IF by IS NOT NULL THEN
        result := result || jsonb_build_object(
            'mql_by', (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM lead_stage.mql_report(relation, since, until, by) AS m),
            'sql_by', (SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('median_response', extract(epoch FROM s.median_response))), '[]')
                       FROM lead_stage.sql_report(relation, since, until, by) AS s));
    END IF;
    RETURN result || jsonb_build_object(
        'by', by, 'leads', lead_stage._name(relation), 'model', bound.model, 'version', coalesce(bound.version::text, 'not published'),
        'title', coalesce(nullif(btrim(definition #>> '{model,title}'), ''), bound.model),
        'labels', coalesce(nullif(definition #> '{model,labels}', 'null'), '{}'),
        'period', lead_stage._report_period(since, until, zone),
        'as_of', format('%s (%s)', to_char(lead_stage.now() AT TIME ZONE zone, 'FMDD Mon YYYY HH24:MI'), zone),
        'extension', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'lead_stage'),
        'slas', coalesce(jsonb_array_length(definition -> 'sla'), 0),
        'stages', (SELECT '["lead"]' || coalesce(jsonb_agg(DISTINCT s.stage), '[]')
                   FROM jsonb_array_elements(definition -> 'transition') AS t (item)
                        CROSS JOIN LATERAL (VALUES (t.item ->> 'from_stage'), (t.item ->> 'to_stage')) AS s (stage)
                   WHERE s.stage IS NOT NULL));
END
$$;
COMMENT ON FUNCTION lead_stage._report_data(regclass, timestamptz, timestamptz, text) IS 'everything that is on the report page';

CREATE FUNCTION lead_stage.report_html(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN lead_stage._report_page(lead_stage._report_data(leads, since, until, by));
COMMENT ON FUNCTION lead_stage.report_html(regclass, timestamptz, timestamptz, text) IS
    'the reports as one web page with charts, that needs nothing else';
