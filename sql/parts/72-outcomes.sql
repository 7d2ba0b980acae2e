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
DECLARE
    begun record := lead_stage._begin_report($1, $2, $3);
    rekeyed boolean := begun.rekeyed IS NOT NULL;
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH RECURSIVE %7$s visit AS MATERIALIZED (%1$s),
        of_lead AS (
            SELECT %3$s, bool_or(v.stage < 'sal' AND v.touched) AS engaged,
                   max(v.entered_at) FILTER (WHERE v.stage >= 'sal') AS sal_at, max(v.entered_at) FILTER (WHERE v.stage >= 'sql') AS sql_at
            FROM (%2$s) AS v WHERE v.stage >= 'nurture' GROUP BY %3$s
        ), counted AS (
            SELECT v.segment, count(*) AS mqls, count(*) FILTER (WHERE o.engaged) AS engaged,
                   count(*) FILTER (WHERE o.sal_at >= v.left_at) AS accepted, count(*) FILTER (WHERE o.sql_at >= v.left_at) AS sqls,
                   count(*) FILTER (WHERE %5$s) AS recycled, count(*) FILTER (WHERE %6$s) AS dropped
            FROM visit AS v LEFT JOIN of_lead AS o ON %4$s GROUP BY v.segment
        )
        SELECT c.segment, c.mqls, c.engaged, c.engaged::float8 / c.mqls, c.accepted, c.sqls, c.sqls::float8 / c.mqls, c.recycled, c.dropped
        FROM counted AS c ORDER BY c.segment COLLATE "C"$sql$,
        lead_stage._report_visits($1, rekeyed, begun.narrow, $4, 'v.stage = ''mql'''),
        lead_stage._visits_of($1, rekeyed, CASE WHEN begun.narrow THEN lead_stage._keys_of($1, rekeyed, 'visit') END),
        lead_stage._report_key($1, 'v'), lead_stage._same_report_key($1, 'o', 'v'),
        lead_stage._outcome_of('recycled'), lead_stage._outcome_of('dropped'), begun.rekeyed)
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.mql_report(regclass, timestamptz, timestamptz, text) IS 'what came of the leads that marketing qualified';

-- History, or of history the rows under the keys that the query "among" gives.
CREATE FUNCTION lead_stage._history_of(leads regclass, among text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    -- OFFSET keeps the planner from reading it whole.
    SELECT CASE WHEN among IS NULL THEN h.name
                ELSE format('(SELECT h.* FROM (%s) AS k CROSS JOIN LATERAL (SELECT h.* FROM %s AS h WHERE %s OFFSET 0) AS h)', among, h.name,
                            lead_stage._each_key(leads, 'k.key_%5$s %4$s h.%2$I', ' AND ', lead_stage._history_columns())) END
    FROM (SELECT lead_stage._name((lead_stage._binding(leads)).history)) AS h (name);
END;
COMMENT ON FUNCTION lead_stage._history_of(regclass, text) IS 'SQL text of the history of some keys';

-- The SLA clocks of leads, from history: each with the key that its lead has
-- now, the stage and entry of the visit it belongs to, and how it ended.  A clock
-- lasts from its start to the next start of the same policy.
CREATE FUNCTION lead_stage._clocks_of(leads regclass, rekeyed boolean, among text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now record := lead_stage._key_now(leads, rekeyed);
BEGIN
    -- What met a clock may be recorded later than it happened: the row says
    -- itself whether that was in time.  One that ends while it stands still has no
    -- due time in its last row, and was not past it.
    RETURN format($sql$
        SELECT %1$s, c.name, c.stage, c.since, c.started_at, c.owner, c.met_id, c.elapsed,
               CASE WHEN c.met_id IS NOT NULL THEN CASE WHEN c.late THEN 'late' ELSE 'met' END
                    WHEN c.breached OR NOT c.paused AND c.due < coalesce(c.cancelled_at, lead_stage.now()) THEN 'breached'
                    WHEN c.cancelled_at IS NOT NULL THEN 'cancelled'
                    WHEN c.paused THEN 'paused' ELSE 'open' END AS outcome
        FROM (SELECT %1$s, c.name, min(c.id) FILTER (WHERE c.event = 'sla_met') AS met_id,
                     min(c.at) FILTER (WHERE c.event = 'sla_started') AS started_at, min(c.at) FILTER (WHERE c.event = 'sla_cancelled') AS cancelled_at,
                     (array_agg(c.from_stage ORDER BY c.id))[1] AS stage, (array_agg(c.since ORDER BY c.id))[1] AS since,
                     (array_agg(c.owner ORDER BY c.id))[1] AS owner, (array_agg(c.due ORDER BY c.id DESC))[1] AS due,
                     bool_or(c.event = 'sla_breached') AS breached,
                     bool_or(CASE WHEN c.event = 'sla_met' THEN CASE WHEN c.reason IN ('in time', 'late') THEN c.reason = 'late' ELSE c.at > c.due END END) AS late,
                     max(c.elapsed) FILTER (WHERE c.event = 'sla_met') AS elapsed,
                     (array_agg(c.event ORDER BY c.id DESC))[1] = 'sla_paused' AS paused
              FROM (SELECT h.*, count(*) FILTER (WHERE h.event = 'sla_started') OVER (PARTITION BY %2$s, h.name ORDER BY h.id) AS number
                    FROM (SELECT %3$s, h.id, h.at, h.event, h.name, h.from_stage, h.since, h.owner, h.due, h.elapsed, h.reason
                          FROM %4$s AS h%5$s
                          WHERE h.event IN ('sla_started', 'sla_paused', 'sla_resumed', 'sla_met', 'sla_breached', 'sla_cancelled')) AS h) AS c
              WHERE c.number > 0
              GROUP BY %1$s, c.name, c.number) AS c$sql$,
        lead_stage._report_key(leads, 'c'), lead_stage._report_key(leads, 'h'), now.list,
        lead_stage._history_of(leads, among), now.joined);
END
$$;
COMMENT ON FUNCTION lead_stage._clocks_of(regclass, boolean, text) IS 'SQL text of the SLA clocks of leads';

CREATE FUNCTION lead_stage.sql_report(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, sqls bigint, responded bigint, median_response interval, meetings_booked bigint, meeting_booked_rate float8,
                   opportunities bigint, customers bigint, win_rate float8)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
DECLARE
    begun record := lead_stage._begin_report($1, $2, $3);
    rekeyed boolean := begun.rekeyed IS NOT NULL;
    now record := lead_stage._key_now($1, rekeyed);
    among text := CASE WHEN begun.narrow THEN lead_stage._keys_of($1, rekeyed, 'visit') END;
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH RECURSIVE %1$s visit AS MATERIALIZED (%2$s),
        later AS (
            SELECT %3$s, max(v.entered_at) AS opportunity_at, max(v.entered_at) FILTER (WHERE v.stage = 'customer') AS customer_at
            FROM (%4$s) AS v WHERE v.stage >= 'opportunity' GROUP BY %3$s
        ), response AS (
            SELECT %5$s, c.since, (array_agg(c.elapsed ORDER BY c.met_id))[1] AS elapsed
            FROM (%6$s) AS c WHERE c.met_id IS NOT NULL AND c.stage = 'sql' GROUP BY %5$s, c.since
        ), meeting AS (
            SELECT DISTINCT %7$s, h.since FROM %8$s AS h%9$s
            WHERE h.event = 'milestone' AND h.name = 'meeting_booked' AND h.from_stage = 'sql'
        ), counted AS (
            SELECT v.segment, count(*) AS sqls, count(r.since) AS responded, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.elapsed) AS median_response,
                   count(m.since) AS meetings_booked, count(*) FILTER (WHERE l.opportunity_at >= v.left_at) AS opportunities,
                   count(*) FILTER (WHERE l.customer_at >= v.left_at) AS customers
            FROM visit AS v
                 LEFT JOIN later AS l ON %10$s
                 LEFT JOIN response AS r ON %11$s AND r.since = v.entered_at
                 LEFT JOIN meeting AS m ON %12$s AND m.since = v.entered_at
            GROUP BY v.segment
        )
        SELECT c.segment, c.sqls, c.responded, c.median_response, c.meetings_booked, c.meetings_booked::float8 / c.sqls, c.opportunities,
               c.customers, c.customers::float8 / c.sqls
        FROM counted AS c ORDER BY c.segment COLLATE "C"$sql$,
        begun.rekeyed, lead_stage._report_visits($1, rekeyed, begun.narrow, $4, 'v.stage = ''sql'''),
        lead_stage._report_key($1, 'v'), lead_stage._visits_of($1, rekeyed, among),
        lead_stage._report_key($1, 'c'), lead_stage._clocks_of($1, rekeyed, among),
        now.list, lead_stage._history_of($1, among), now.joined,
        lead_stage._same_report_key($1, 'l', 'v'), lead_stage._same_report_key($1, 'r', 'v'), lead_stage._same_report_key($1, 'm', 'v'))
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.sql_report(regclass, timestamptz, timestamptz, text) IS 'what came of the leads that sales confirmed';

-- The SLA clocks that a report counts, with their segments, as a query: the
-- parameters are $1 (since) and $2 (until).
CREATE FUNCTION lead_stage._report_clocks(leads regclass, since timestamptz, until timestamptz, by text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    begun record := lead_stage._begin_report(leads, since, until);
    rekeyed boolean := begun.rekeyed IS NOT NULL;
    split record := lead_stage._segment(leads, by, 'v');
    among text := CASE WHEN begun.narrow THEN lead_stage._keys_in_range(leads, rekeyed, '{sla_started}') END;
BEGIN
    RETURN format('WITH RECURSIVE %s clock AS (%s) SELECT %s AS segment, v.name, v.started_at, v.elapsed, v.outcome FROM clock AS v%s
                   WHERE v.started_at >= $1 AND v.started_at < $2',
                  begun.rekeyed, lead_stage._clocks_of(leads, rekeyed, among), split.segment, split.joined);
END
$$;
COMMENT ON FUNCTION lead_stage._report_clocks(regclass, timestamptz, timestamptz, text) IS
    'SQL text of the SLA clocks that a report counts, with their segments and outcomes';

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
        lead_stage._report_clocks($1, $2, $3, $4))
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.sla_report(regclass, timestamptz, timestamptz, text) IS 'how each policy''s clocks ended, and how long a response took';
