-- Reports: what became of the leads, counted from their visits.
--
-- A report counts visits: stays of a lead in a stage, from "<leads>_visits".
-- Its cohort is what was entered in [since, until), its outcome is as of now.
-- Everything is read with the caller's rights, row-level security included.

-- What a caller gives as "by", in canonical form over the alias "l".
CREATE FUNCTION lead_stage._by(leads regclass, by text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    message text;
    state text;
BEGIN
    RETURN lead_stage._check_condition(leads, by, 'text', lead_stage._current_columns(bound), true,
                                       lead_stage._time_zone(bound), lead_stage._type_schema());
EXCEPTION
    WHEN query_canceled OR insufficient_resources OR internal_error THEN
        RAISE;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
        RAISE EXCEPTION 'invalid expression in by: %',
                replace(replace(replace(regexp_replace(message, ' in trigger WHEN conditions?', ''), 'a condition must be', 'it must be'),
                        'a lead is judged when it is written, not when the clock goes on', 'only lead_stage.now() tells the time'),
                        'who writes the lead', 'who asks')
            USING ERRCODE = state,
                  HINT = 'Give an SQL expression over the lead''s own columns, such as ''region'' or ''coalesce(source, ''''unknown'''')''.';
END
$$;
COMMENT ON FUNCTION lead_stage._by(regclass, text) IS 'the canonical form of what a report is split by, or the error that makes it unusable';

CREATE FUNCTION lead_stage._time_zone(bound lead_stage.binding) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce((SELECT m.time_zone FROM lead_stage.model AS m WHERE m.name = bound.model), 'UTC');
COMMENT ON FUNCTION lead_stage._time_zone(lead_stage.binding) IS 'the time zone of the model that is attached';

CREATE FUNCTION lead_stage._check_range(since timestamptz, until timestamptz) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF since IS NULL OR until IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN since IS NULL THEN 'since' ELSE 'until' END
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Leave it out, or give ''-infinity'' or ''infinity'', for no bound.';
    END IF;
    IF since > until THEN
        RAISE EXCEPTION 'since must not be after until'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('since is %s, until is %s.', since, until),
                  HINT = 'A report counts what began at or after since, and before until.';
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._check_range(timestamptz, timestamptz) IS 'raises an error unless a report''s range is one';

-- The columns of the key in the relations of a report.
CREATE FUNCTION lead_stage._report_key(leads regclass, alias text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format('%s.key_%s', alias, k.place), ', ' ORDER BY k.place)
            FROM lead_stage._key_columns(leads) AS k);
COMMENT ON FUNCTION lead_stage._report_key(regclass, text) IS 'the key columns in the relations of a report';

CREATE FUNCTION lead_stage._same_report_key(leads regclass, a text, b text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format('%1$s.key_%3$s %4$s %2$s.key_%3$s', a, b, k.place, k.equals), ' AND ' ORDER BY k.place)
            FROM lead_stage._key_columns(leads) AS k);
COMMENT ON FUNCTION lead_stage._same_report_key(regclass, text, text) IS 'SQL text that joins two relations of a report by the lead';

-- The segment of a row of "source", which has the columns key_1 … and owner,
-- and what must be joined to have it.  A lead that is gone has no columns to
-- be split by, except the owner it had.
CREATE FUNCTION lead_stage._segment(leads regclass, by text, source text, OUT segment text, OUT joined text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    owner_column text := lead_stage._current_columns(bound) ->> 'owner';
    expression text := CASE WHEN by IS NOT NULL THEN lead_stage._by(leads, by) END;
BEGIN
    joined := '';
    IF expression IS NULL THEN
        segment := 'NULL::pg_catalog.text';
    ELSIF expression IN (format('l.%I', owner_column), format('(l.%I)::text', owner_column)) THEN
        segment := format('%s.owner', source);
    ELSE
        segment := format('CASE WHEN l.key_1 IS NOT NULL THEN (%s)::pg_catalog.text END', expression);
        -- The columns are named one by one: whoever may read only some of
        -- them may split by those.
        joined := format(' LEFT JOIN LATERAL (SELECT %s%s FROM %s AS t WHERE %s) AS l ON true',
            lead_stage._each_key(leads, 't.%1$I AS key_%5$s'),
            (SELECT string_agg(format(', %s AS %I',
                                      CASE WHEN a.attname = owner_column THEN format('%s.owner::%s', source, format_type(a.atttypid, a.atttypmod))
                                           ELSE format('t.%I', a.attname) END, a.attname), '' ORDER BY a.attnum)
             FROM pg_attribute AS a
             WHERE a.attrelid = leads AND a.attnum > 0 AND NOT a.attisdropped
                   AND strpos(expression, format('l.%I', a.attname)) > 0),
            lead_stage._name(leads),
            lead_stage._each_key(leads, format('t.%%1$I %%4$s %s.key_%%5$s', source), ' AND '));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._segment(regclass, text, text) IS 'SQL text that finds the segment of the rows of a report';

-- The common table expressions "pair" and "rekeyed": each change of a key, and
-- the key that the lead has since, over however many changes.  What happened
-- under the old key in (prev_at, at], or by id in (prev_id, id], is of that lead.
CREATE FUNCTION lead_stage._rekeyed(leads regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    history text := lead_stage._name((lead_stage._binding(leads)).history);
    taken text[] := lead_stage._history_columns();
    found boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS h WHERE h.event = ''rekeyed'')', history) INTO found;
    IF NOT found THEN
        RETURN NULL;
    END IF;
    -- A transaction writes the rows of those who leave a key, and of those who
    -- come to one, in the same order.
    RETURN format($sql$
        pair AS MATERIALIZED (
            SELECT o.*, lag(o.id, 1, 0::bigint) OVER key AS prev_id, lag(o.at, 1, '-infinity') OVER key AS prev_at, n.id AS new_id, %2$s
            FROM (SELECT h.id, h.at, h.recorded_at, h.from_stage, h.since, %1$s, row_number() OVER (PARTITION BY h.recorded_at ORDER BY h.id) AS place
                  FROM %3$s AS h WHERE h.event = 'rekeyed' AND h.to_stage IS NULL) AS o
                 JOIN (SELECT h.id, h.recorded_at, h.to_stage, h.since, %9$s, row_number() OVER (PARTITION BY h.recorded_at ORDER BY h.id) AS place
                       FROM %3$s AS h WHERE h.event = 'rekeyed' AND h.to_stage IS NOT NULL) AS n
                     ON n.recorded_at = o.recorded_at AND n.place = o.place AND n.to_stage = o.from_stage AND n.since = o.since
            WINDOW key AS (PARTITION BY %4$s ORDER BY o.id)
        ), chain AS (
            SELECT p.id AS first, p.new_id, %5$s FROM pair AS p
            UNION ALL
            SELECT c.first, p.new_id, %5$s FROM chain AS c JOIN pair AS p ON %6$s AND c.new_id > p.prev_id AND c.new_id < p.id
        ), rekeyed AS MATERIALIZED (
            SELECT DISTINCT ON (p.id) %7$s, p.prev_id, p.id, p.prev_at, p.at, %8$s
            FROM chain AS c JOIN pair AS p ON p.id = c.first ORDER BY p.id, c.new_id DESC
        ), $sql$,
        lead_stage._each_key(leads, 'h.%2$I AS old_%5$s', taken => taken),
        lead_stage._each_key(leads, 'n.new_%5$s'),
        history,
        lead_stage._each_key(leads, 'o.old_%5$s'), lead_stage._each_key(leads, 'p.new_%5$s'),
        lead_stage._each_key(leads, 'p.old_%5$s %4$s c.new_%5$s', ' AND '),
        lead_stage._each_key(leads, 'p.old_%5$s'), lead_stage._each_key(leads, 'c.new_%5$s'),
        lead_stage._each_key(leads, 'h.%2$I AS new_%5$s', taken => taken));
END
$$;
COMMENT ON FUNCTION lead_stage._rekeyed(regclass) IS 'SQL text of the relations that follow changes of keys; null if there were none';

-- What a query over history "h" needs to know the key that a row's lead has now.
CREATE FUNCTION lead_stage._key_now(leads regclass, rekeyed boolean, OUT list text, OUT joined text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    SELECT lead_stage._each_key(leads, CASE WHEN rekeyed THEN 'coalesce(r.new_%5$s, h.%2$I) AS key_%5$s' ELSE 'h.%2$I AS key_%5$s' END,
                                taken => lead_stage._history_columns()),
           CASE WHEN rekeyed THEN format(' LEFT JOIN rekeyed AS r ON %s AND h.id > r.prev_id AND h.id < r.id',
                                         lead_stage._each_key(leads, 'r.old_%5$s %4$s h.%2$I', ' AND ', lead_stage._history_columns())) ELSE '' END;
END;
COMMENT ON FUNCTION lead_stage._key_now(regclass, boolean) IS 'SQL text that finds the present keys of rows of history';

-- Whether a range holds so little of history, as far as the planner knows, that
-- what belongs to it is better looked up lead by lead than read whole.
CREATE FUNCTION lead_stage._is_narrow(leads regclass, since timestamptz, until timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    history regclass := (lead_stage._binding(leads)).history;
    plan json;
BEGIN
    IF since = '-infinity' AND until = 'infinity' THEN
        RETURN false;
    END IF;
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM %s AS h WHERE h.at >= %L AND h.at < %L', lead_stage._name(history), since, until) INTO plan;
    RETURN (plan #>> '{0,Plan,Plan Rows}')::float8 <= 0.05 * (SELECT c.reltuples FROM pg_class AS c WHERE c.oid = history);
END
$$;
COMMENT ON FUNCTION lead_stage._is_narrow(regclass, timestamptz, timestamptz) IS 'whether a range of time is read lead by lead';

-- How a report reads: "rekeyed" is what _rekeyed says, "narrow" what _is_narrow
-- says.  Complains about a range that is none, and where a reader would get the
-- figures of leads that he must not see.
CREATE FUNCTION lead_stage._begin_report(leads regclass, since timestamptz, until timestamptz, OUT rekeyed text, OUT narrow boolean)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
BEGIN
    PERFORM lead_stage._check_range(since, until);
    IF row_security_active(leads) AND NOT (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = bound.history) THEN
        RAISE EXCEPTION 'table % has row-level security, which its history does not follow yet', lead_stage._name(leads)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('Its owner must repeat lead_stage.attach() or lead_stage.publish(%L).', bound.model);
    END IF;
    rekeyed := lead_stage._rekeyed(leads);
    narrow := lead_stage._is_narrow(leads, since, until);
END
$$;
COMMENT ON FUNCTION lead_stage._begin_report(regclass, timestamptz, timestamptz) IS 'what every report must know first';

-- Visits under the key that each lead has now.  "among" is a query of the keys
-- to look at, under whichever key the row is; null: all.
CREATE FUNCTION lead_stage._visits_of(leads regclass, rekeyed boolean, among text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    visits regclass := lead_stage._view_made(lead_stage._binding(leads), 'visits');
    keys record;
BEGIN
    SELECT string_agg(format(CASE WHEN rekeyed THEN 'coalesce(r.new_%2$s, v.%1$I) AS key_%2$s' ELSE 'v.%1$I AS key_%2$s' END, a.attname, k.place),
                      ', ' ORDER BY k.place) AS list,
           string_agg(format('r.old_%3$s %2$s v.%1$I', a.attname, k.equals, k.place), ' AND ' ORDER BY k.place) AS was,
           string_agg(format('k.key_%3$s %2$s v.%1$I', a.attname, k.equals, k.place), ' AND ' ORDER BY k.place) AS wanted
        INTO keys
        FROM lead_stage._key_columns(leads) AS k JOIN pg_attribute AS a ON a.attrelid = visits AND a.attnum = k.place;
    -- OFFSET keeps the planner from reading the view whole.
    RETURN format('SELECT %s, v.stage, v.entered_at, v.left_at, v.next_stage, v.reason, v.touched, v.owner FROM ', keys.list)
        || CASE WHEN among IS NULL THEN format('%s AS v', lead_stage._name(visits))
                ELSE format('(%s) AS k CROSS JOIN LATERAL (SELECT v.* FROM %s AS v WHERE %s OFFSET 0) AS v', among, lead_stage._name(visits), keys.wanted) END
        || CASE WHEN rekeyed THEN format(' LEFT JOIN rekeyed AS r ON %s AND v.left_at > r.prev_at AND v.left_at <= r.at', keys.was) ELSE '' END;
END
$$;
COMMENT ON FUNCTION lead_stage._visits_of(regclass, boolean, text) IS 'SQL text of the visits of leads';

-- The keys of the leads of a relation, also those that they had before.
CREATE FUNCTION lead_stage._keys_of(leads regclass, rekeyed boolean, relation text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN format('SELECT DISTINCT %s FROM %s AS v', lead_stage._report_key(leads, 'v'), relation)
        || CASE WHEN rekeyed THEN format(' UNION SELECT %s FROM rekeyed AS r JOIN %s AS v ON %s', lead_stage._each_key(leads, 'r.old_%5$s'), relation,
                                         lead_stage._each_key(leads, 'r.new_%5$s %4$s v.key_%5$s', ' AND ')) ELSE '' END;
COMMENT ON FUNCTION lead_stage._keys_of(regclass, boolean, text) IS 'SQL text of all keys that the leads of a relation had';

-- All keys of the leads to which one of these events happened in the range.
CREATE FUNCTION lead_stage._keys_in_range(leads regclass, rekeyed boolean, events text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now record := lead_stage._key_now(leads, rekeyed);
BEGIN
    RETURN lead_stage._keys_of(leads, rekeyed, format('(SELECT %s FROM %s AS h%s WHERE h.at >= $1 AND h.at < $2 AND h.event = ANY (%L))',
                                                      now.list, lead_stage._name((lead_stage._binding(leads)).history), now.joined, events));
END
$$;
COMMENT ON FUNCTION lead_stage._keys_in_range(regclass, boolean, text[]) IS 'SQL text of the keys of leads that have something in a range of time';

-- The visits that began in a narrow range, while no key has changed: each begins
-- with a row of history of that time and ends with the lead's next row of a
-- move, found by the primary key, or is the one that the lead is in.
CREATE FUNCTION lead_stage._visits_begun(leads regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    columns jsonb := lead_stage._current_columns(bound);
    taken text[] := lead_stage._history_columns();
BEGIN
    -- OFFSET keeps the planner from reading the table of leads whole.
    RETURN format($sql$
        SELECT %1$s, e.to_stage AS stage, e.at AS entered_at, x.at AS left_at, x.to_stage AS next_stage, x.reason, coalesce(x.owner, o.owner) AS owner
        FROM %2$s AS e
             LEFT JOIN LATERAL (SELECT h.at, h.to_stage, h.reason, h.owner FROM %2$s AS h
                                WHERE %3$s AND h.id > e.id AND h.event IN ('stage', 'deleted') ORDER BY h.id LIMIT 1) AS x ON true
             LEFT JOIN LATERAL (SELECT true AS found, l.%5$I::text AS owner FROM %4$s AS l
                                WHERE x.at IS NULL AND %6$s AND l.%7$I = e.at OFFSET 0) AS o ON true
        WHERE e.event IN ('created', 'stage') AND e.to_stage IS NOT NULL AND e.at >= $1 AND e.at < $2 AND (x.at IS NOT NULL OR o.found)$sql$,
        lead_stage._each_key(leads, 'e.%2$I AS key_%5$s', taken => taken),
        lead_stage._name(bound.history),
        lead_stage._each_key(leads, 'h.%2$I %4$s e.%2$I', ' AND ', taken),
        lead_stage._name(leads),
        columns ->> 'owner',
        lead_stage._each_key(leads, 'l.%1$I %4$s e.%2$I', ' AND ', taken),
        columns ->> 'stage_since');
END
$$;
COMMENT ON FUNCTION lead_stage._visits_begun(regclass) IS 'SQL text of the visits that began in a narrow range of time';

-- The visits that a report counts, with their segments, as a query.  The
-- parameters are $1 (since) and $2 (until); condition is over the alias "v".
CREATE FUNCTION lead_stage._report_visits(leads regclass, rekeyed boolean, narrow boolean, by text, condition text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    split record := lead_stage._segment(leads, by, 'v');
BEGIN
    RETURN format($sql$
        SELECT %s AS segment, %s, v.stage, v.entered_at, v.left_at, v.next_stage, v.reason
        FROM (%s) AS v%s
        WHERE v.entered_at >= $1 AND v.entered_at < $2 AND %s$sql$,
        split.segment, lead_stage._report_key(leads, 'v'),
        CASE WHEN narrow AND NOT rekeyed THEN lead_stage._visits_begun(leads)
             WHEN narrow THEN lead_stage._visits_of(leads, rekeyed, lead_stage._keys_in_range(leads, rekeyed, '{created,stage}'))
             ELSE lead_stage._visits_of(leads, rekeyed, NULL) END,
        split.joined, condition);
END
$$;
COMMENT ON FUNCTION lead_stage._report_visits(regclass, boolean, boolean, text, text) IS
    'SQL text of the visits that a report counts, with their segments';

-- What became of a visit, of the relation "v".
CREATE FUNCTION lead_stage._outcome_of(outcome text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE outcome
        -- A lead that was deleted went nowhere else.
        WHEN 'dropped' THEN '(v.next_stage < ''lead'' OR v.next_stage IS NULL AND v.left_at IS NOT NULL)'
        WHEN 'advanced' THEN '(v.next_stage > v.stage AND v.next_stage >= ''lead'')'
        WHEN 'recycled' THEN '(v.next_stage < v.stage AND v.next_stage >= ''lead'')'
        WHEN 'still_here' THEN '(v.left_at IS NULL)' END;
COMMENT ON FUNCTION lead_stage._outcome_of(text) IS 'SQL text that says whether a visit had an outcome';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage._funnel(relation regclass, since timestamptz, until timestamptz, by text)
    RETURNS TABLE (segment text, stage @extschema@.lead_stage, entered bigint, leads bigint, advanced bigint, recycled bigint, dropped bigint,
                   still_here bigint, skipped bigint, conversion float8, median_time interval)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
DECLARE
    begun record := lead_stage._begin_report(relation, since, until);
    split record := lead_stage._segment(relation, by, 'v');
BEGIN
    -- A jump is one move past a stage; a lead that comes back from lost or
    -- disqualified was further before, and jumps nothing.
    RETURN QUERY EXECUTE format($sql$
        WITH RECURSIVE %7$s visit AS (%1$s), jump AS (%2$s), counted AS (
            SELECT v.segment, v.stage, count(*) AS entered, count(DISTINCT (%3$s)) AS leads, count(*) FILTER (WHERE %4$s) AS advanced,
                   count(*) FILTER (WHERE %5$s) AS recycled, count(*) FILTER (WHERE %6$s) AS dropped,
                   count(*) FILTER (WHERE v.left_at IS NULL) AS still_here, 0::bigint AS skipped,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY v.left_at - v.entered_at) AS median_time
            FROM visit AS v GROUP BY v.segment, v.stage
            UNION ALL
            SELECT v.segment, s.stage, 0, 0, 0, 0, 0, 0, count(DISTINCT (%3$s)), NULL
            FROM jump AS v JOIN lead_stage.stages() AS s ON s.stage > v.stage AND s.stage < v.next_stage
            GROUP BY v.segment, s.stage
        )
        SELECT c.segment, c.stage, sum(c.entered)::bigint, sum(c.leads)::bigint, sum(c.advanced)::bigint, sum(c.recycled)::bigint,
               sum(c.dropped)::bigint, sum(c.still_here)::bigint, sum(c.skipped)::bigint,
               sum(c.advanced)::float8 / nullif(sum(c.entered), 0)::float8, max(c.median_time)
        FROM counted AS c GROUP BY c.segment, c.stage ORDER BY c.segment COLLATE "C", c.stage$sql$,
        lead_stage._report_visits(relation, begun.rekeyed IS NOT NULL, begun.narrow, by, 'true'),
        format('SELECT %s AS segment, %s, v.stage, v.next_stage FROM (%s) AS v%s
                WHERE v.left_at >= $1 AND v.left_at < $2 AND v.stage >= ''lead'' AND v.next_stage > v.stage',
               split.segment, lead_stage._report_key(relation, 'v'), lead_stage._visits_of(relation, begun.rekeyed IS NOT NULL, NULL), split.joined),
        lead_stage._report_key(relation, 'v'),
        lead_stage._outcome_of('advanced'), lead_stage._outcome_of('recycled'), lead_stage._outcome_of('dropped'), begun.rekeyed)
        USING since, until;
END
$$;
COMMENT ON FUNCTION lead_stage._funnel(regclass, timestamptz, timestamptz, text) IS 'what funnel does';

-- PL/pgSQL allows no argument and column of one name.
CREATE FUNCTION lead_stage.funnel(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, stage @extschema@.lead_stage, entered bigint, leads bigint, advanced bigint, recycled bigint, dropped bigint,
                   still_here bigint, skipped bigint, conversion float8, median_time interval)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 20
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT * FROM lead_stage._funnel($1, $2, $3, $4);
$$;
COMMENT ON FUNCTION lead_stage.funnel(regclass, timestamptz, timestamptz, text) IS
    'how many visits each stage had, what became of them, and how long they took';

-- The calendar that the model's time is counted in.
CREATE FUNCTION lead_stage._calendar(bound lead_stage.binding) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN CASE WHEN bound.version IS NULL
                THEN (SELECT m.calendar FROM lead_stage.model AS m WHERE m.name = bound.model)
                ELSE (SELECT v.definition #>> '{model,calendar}' FROM lead_stage.version AS v
                      WHERE v.model = bound.model AND v.version = bound.version) END;
COMMENT ON FUNCTION lead_stage._calendar(lead_stage.binding) IS 'the calendar of the model that is attached';

CREATE FUNCTION lead_stage.velocity(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, from_stage @extschema@.lead_stage, to_stage @extschema@.lead_stage, moves bigint, mean interval, p50 interval,
                   p90 interval, business_p50 interval)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
DECLARE
    begun record := lead_stage._begin_report($1, $2, $3);
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH RECURSIVE %3$s visit AS (%1$s)
        SELECT v.segment, v.stage, v.next_stage, count(*), avg(v.left_at - v.entered_at),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY v.left_at - v.entered_at),
               percentile_cont(0.9) WITHIN GROUP (ORDER BY v.left_at - v.entered_at),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_stage.business_time_between(%2$L, v.entered_at, v.left_at))
        FROM visit AS v
        GROUP BY v.segment, v.stage, v.next_stage ORDER BY v.segment COLLATE "C", v.stage, v.next_stage$sql$,
        lead_stage._report_visits($1, begun.rekeyed IS NOT NULL, begun.narrow, $4, 'v.next_stage IS NOT NULL'),
        lead_stage._calendar(lead_stage._binding($1)), begun.rekeyed)
        USING $2, $3;
END
$$;
COMMENT ON FUNCTION lead_stage.velocity(regclass, timestamptz, timestamptz, text) IS 'how long visits lasted, for each way out of a stage';

CREATE FUNCTION lead_stage._drop_off(relation regclass, since timestamptz, until timestamptz, by text)
    RETURNS TABLE (segment text, stage @extschema@.lead_stage, to_stage @extschema@.lead_stage, reason text, leads bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET timezone = 'UTC'
    SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_variable
DECLARE
    begun record := lead_stage._begin_report(relation, since, until);
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH RECURSIVE %3$s visit AS (%1$s)
        SELECT v.segment, v.stage, v.next_stage, v.reason, count(DISTINCT (%2$s)) AS leads
        FROM visit AS v
        GROUP BY v.segment, v.stage, v.next_stage, v.reason
        ORDER BY v.segment COLLATE "C", v.stage, leads DESC, v.next_stage, v.reason COLLATE "C"$sql$,
        lead_stage._report_visits(relation, begun.rekeyed IS NOT NULL, begun.narrow, by,
                                  format('(%s OR %s)', lead_stage._outcome_of('recycled'), lead_stage._outcome_of('dropped'))),
        lead_stage._report_key(relation, 'v'), begun.rekeyed)
        USING since, until;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_off(regclass, timestamptz, timestamptz, text) IS 'what drop_off does';

CREATE FUNCTION lead_stage.drop_off(leads regclass, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', by text DEFAULT NULL)
    RETURNS TABLE (segment text, stage @extschema@.lead_stage, to_stage @extschema@.lead_stage, reason text, leads bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 50
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT * FROM lead_stage._drop_off($1, $2, $3, $4);
$$;
COMMENT ON FUNCTION lead_stage.drop_off(regclass, timestamptz, timestamptz, text) IS 'where leads fell back or out, and for what reasons';
