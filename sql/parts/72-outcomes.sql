-- Reports on what MQLs and SQLs came to, and on the SLA clocks.

CREATE FUNCTION lead_stage.mql_report(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, mqls bigint, engaged bigint, engagement_rate float8, accepted bigint, sqls bigint, mql_to_sql_rate float8,
                   recycled bigint, dropped bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lead_stage._check_range($2, $3);
    RETURN QUERY EXECUTE format($sql$
        WITH visit AS MATERIALIZED (%1$s),
        other AS MATERIALIZED (%2$s),
        of_lead AS (
            SELECT %3$s, bool_or(v.stage < 'sal' AND v.touched) AS engaged,
                   max(v.entered_at) FILTER (WHERE v.stage >= 'sal') AS sal_at, max(v.entered_at) FILTER (WHERE v.stage >= 'sql') AS sql_at
            FROM other AS v GROUP BY %3$s
        ), counted AS (
            SELECT v.segment, count(*) AS mqls, count(*) FILTER (WHERE o.engaged) AS engaged,
                   count(*) FILTER (WHERE o.sal_at >= v.left_at) AS accepted, count(*) FILTER (WHERE o.sql_at >= v.left_at) AS sqls,
                   count(*) FILTER (WHERE %5$s) AS recycled, count(*) FILTER (WHERE %6$s) AS dropped
            FROM visit AS v LEFT JOIN of_lead AS o ON %4$s GROUP BY v.segment
        )
        SELECT c.segment, c.mqls, c.engaged, c.engaged::float8 / c.mqls, c.accepted, c.sqls, c.sqls::float8 / c.mqls, c.recycled, c.dropped
        FROM counted AS c ORDER BY c.segment COLLATE "C"$sql$,
        lead_stage._report_visits($1, $4, 'v.stage = ''mql'' AND v.entered_at >= $1 AND v.entered_at < $2'),
        lead_stage._report_visits($1, NULL, 'v.stage >= ''nurture'''),
        lead_stage._report_key($1, 'v'), lead_stage._same_report_key($1, 'o', 'v'),
        lead_stage._outcome_of('recycled'), lead_stage._outcome_of('dropped'))
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.mql_report(regclass, timestamptz, timestamptz, text) IS 'what came of the leads that marketing qualified';

CREATE FUNCTION lead_stage.sql_report(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, sqls bigint, responded bigint, median_response interval, meetings_booked bigint, meeting_booked_rate float8,
                   opportunities bigint, customers bigint, win_rate float8)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lead_stage._check_range($2, $3);
    RETURN QUERY EXECUTE format($sql$
        WITH visit AS MATERIALIZED (%1$s),
        later AS (
            SELECT %2$s, max(v.entered_at) FILTER (WHERE v.stage >= 'opportunity') AS opportunity_at, max(v.entered_at) FILTER (WHERE v.stage = 'customer') AS customer_at
            FROM (%3$s) AS v GROUP BY %2$s
        ), event AS MATERIALIZED (
            SELECT %4$s, h.id, h.event, h.name, h.at, h.since, h.elapsed FROM %5$s AS h
            WHERE h.event = 'milestone' AND h.name = 'meeting_booked' AND h.from_stage = 'sql' OR h.event = 'sla_met'
        ), counted AS (
            SELECT v.segment, count(*) AS sqls, count(r.id) AS responded, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.elapsed) AS median_response,
                   count(*) FILTER (WHERE EXISTS (SELECT FROM event AS e WHERE %7$s AND e.event = 'milestone' AND e.since = v.entered_at)) AS meetings_booked,
                   count(*) FILTER (WHERE l.opportunity_at >= v.left_at) AS opportunities,
                   count(*) FILTER (WHERE l.customer_at >= v.left_at) AS customers
            FROM visit AS v
                 LEFT JOIN later AS l ON %6$s
                 LEFT JOIN LATERAL (SELECT e.id, e.elapsed FROM event AS e
                                    WHERE %7$s AND e.event = 'sla_met' AND e.since = v.entered_at
                                    ORDER BY e.id LIMIT 1) AS r ON true
            GROUP BY v.segment
        )
        SELECT c.segment, c.sqls, c.responded, c.median_response, c.meetings_booked, c.meetings_booked::float8 / c.sqls, c.opportunities,
               c.customers, c.customers::float8 / c.sqls
        FROM counted AS c ORDER BY c.segment COLLATE "C"$sql$,
        lead_stage._report_visits($1, $4, 'v.stage = ''sql'' AND v.entered_at >= $1 AND v.entered_at < $2'),
        lead_stage._report_key($1, 'v'), lead_stage._report_visits($1, NULL, 'v.stage >= ''opportunity'''),
        lead_stage._each_key($1, 'h.%2$I AS key_%5$s', taken => lead_stage._history_columns()),
        lead_stage._name((lead_stage._binding($1)).history),
        lead_stage._same_report_key($1, 'l', 'v'), lead_stage._same_report_key($1, 'e', 'v'))
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.sql_report(regclass, timestamptz, timestamptz, text) IS 'what came of the leads that sales confirmed';

-- The SLA clocks of a report, with their segments, as a query: the parameters
-- are $1 (since) and $2 (until).  A clock runs from its start to the next
-- start of the same policy.
CREATE FUNCTION lead_stage._report_clocks(leads regclass, by text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    split record := lead_stage._segment(leads, by, 'v');
BEGIN
    RETURN format($sql$
        WITH event AS (
            SELECT %1$s, h.id, h.at, h.event, h.name, h.owner, h.due, h.elapsed,
                   count(*) FILTER (WHERE h.event = 'sla_started') OVER (PARTITION BY %2$s, h.name ORDER BY h.id) AS number
            FROM %3$s AS h WHERE h.event IN ('sla_started', 'sla_paused', 'sla_resumed', 'sla_met', 'sla_breached', 'sla_cancelled')
        ), v AS (
            SELECT %4$s, e.name, min(e.at) FILTER (WHERE e.event = 'sla_started') AS started_at,
                   (array_agg(e.owner ORDER BY e.id))[1] AS owner,
                   (array_agg(e.due ORDER BY e.id DESC) FILTER (WHERE e.due IS NOT NULL))[1] AS due,
                   min(e.at) FILTER (WHERE e.event = 'sla_met') AS met_at, min(e.at) FILTER (WHERE e.event = 'sla_cancelled') AS cancelled_at,
                   bool_or(e.event = 'sla_breached') AS breached, max(e.elapsed) FILTER (WHERE e.event = 'sla_met') AS elapsed,
                   (array_agg(e.event ORDER BY e.id DESC))[1] = 'sla_paused' AS paused
            FROM event AS e GROUP BY %4$s, e.name, e.number
        )
        SELECT %5$s AS segment, v.name, v.started_at, v.elapsed,
               CASE WHEN v.met_at IS NOT NULL THEN CASE WHEN v.met_at > v.due THEN 'late' ELSE 'met' END
                    WHEN v.breached OR NOT v.paused AND v.due < coalesce(v.cancelled_at, lead_stage.now()) THEN 'breached'
                    WHEN v.cancelled_at IS NOT NULL THEN 'cancelled'
                    WHEN v.paused THEN 'paused' ELSE 'open' END AS outcome
        FROM v%6$s
        WHERE v.started_at >= $1 AND v.started_at < $2$sql$,
        lead_stage._each_key(leads, 'h.%2$I AS key_%5$s', taken => lead_stage._history_columns()),
        lead_stage._each_key(leads, 'h.%2$I', taken => lead_stage._history_columns()),
        lead_stage._name((lead_stage._binding(leads)).history),
        lead_stage._report_key(leads, 'e'), split.segment, split.joined);
END
$$;
COMMENT ON FUNCTION lead_stage._report_clocks(regclass, text) IS 'SQL text of the SLA clocks that a report counts, with their segments and outcomes';

CREATE FUNCTION lead_stage.sla_report(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, policy text, started bigint, met bigint, late bigint, breached bigint, open bigint, paused bigint, cancelled bigint,
                   attainment float8, p50 interval, p90 interval)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lead_stage._check_range($2, $3);
    RETURN QUERY EXECUTE format($sql$
        WITH clock AS (%s), counted AS (
            SELECT c.segment, c.name, count(*) AS started, count(*) FILTER (WHERE c.outcome = 'met') AS met,
                   count(*) FILTER (WHERE c.outcome = 'late') AS late, count(*) FILTER (WHERE c.outcome = 'breached') AS breached,
                   count(*) FILTER (WHERE c.outcome = 'open') AS open, count(*) FILTER (WHERE c.outcome = 'paused') AS paused,
                   count(*) FILTER (WHERE c.outcome = 'cancelled') AS cancelled,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY c.elapsed) AS p50, percentile_cont(0.9) WITHIN GROUP (ORDER BY c.elapsed) AS p90
            FROM clock AS c GROUP BY c.segment, c.name
        )
        SELECT c.segment, c.name, c.started, c.met, c.late, c.breached, c.open, c.paused, c.cancelled,
               c.met::float8 / nullif(c.met + c.late + c.breached, 0), c.p50, c.p90
        FROM counted AS c ORDER BY c.segment COLLATE "C", c.name COLLATE "C"$sql$,
        lead_stage._report_clocks($1, $4))
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.sla_report(regclass, timestamptz, timestamptz, text) IS 'how each policy''s clocks ended, and how long a response took';
