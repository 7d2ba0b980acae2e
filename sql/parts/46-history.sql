-- Reading history: who was where when, and whether it adds up.

CREATE FUNCTION lead_stage.as_of(leads regclass, at timestamptz)
    RETURNS TABLE (key text[], stage @extschema@.lead_stage, owner text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    taken text[] := lead_stage._history_columns();
BEGIN
    IF at IS NULL THEN
        RAISE EXCEPTION 'the point in time must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    -- Every row says where its lead is after it: in to_stage if it moved, in
    -- from_stage if it did not.
    RETURN QUERY EXECUTE format($sql$
        SELECT last.key, last.stage, last.owner
        FROM (SELECT DISTINCT ON (%1$s) ARRAY[%2$s] AS key, h.event, h.owner,
                     CASE WHEN h.event IN ('created', 'stage', 'rekeyed') THEN h.to_stage ELSE h.from_stage END AS stage
              FROM %3$s AS h WHERE h.at <= $1
              ORDER BY %1$s, h.id DESC) AS last
        WHERE last.event NOT IN ('deleted', 'erased') AND last.stage IS NOT NULL$sql$,
        lead_stage._each_key(leads, 'h.%2$I', taken => taken),
        lead_stage._each_key(leads, 'h.%2$I::text', taken => taken),
        lead_stage._name(bound.history)) USING at;
END
$$;
COMMENT ON FUNCTION lead_stage.as_of(regclass, timestamptz) IS 'the stage and owner that every lead had at a point in time';

CREATE FUNCTION lead_stage.evidence(leads regclass, id bigint) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    held bit varying;
    in_version int;
    event text;
BEGIN
    EXECUTE format('SELECT h.evidence, h.version, h.event FROM %s AS h WHERE h.id = $1', lead_stage._name(bound.history))
        INTO held, in_version, event USING id;
    IF event IS NULL THEN
        RAISE EXCEPTION 'history of table "%" has no row %', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads),
                coalesce(id::text, 'null')
            USING ERRCODE = 'no_data_found';
    END IF;
    RETURN (SELECT coalesce(array_agg(r.name ORDER BY r.id), '{}')
            FROM lead_stage.version AS v
                 CROSS JOIN LATERAL jsonb_to_recordset(v.definition -> 'rule') AS r (id int, name text)
            WHERE v.version = in_version AND r.id <= length(held) AND get_bit(held, r.id - 1) = 1);
END
$$;
COMMENT ON FUNCTION lead_stage.evidence(regclass, bigint) IS 'the names of the rules that held at an event of history';

CREATE FUNCTION lead_stage.verify_history(leads regclass)
    RETURNS TABLE (key text[], problem text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    columns jsonb := lead_stage._current_columns(bound);
    taken text[] := lead_stage._history_columns();
BEGIN
    RETURN QUERY EXECUTE format($sql$
        -- A key may have one lead after another; each begins a life of its own.
        WITH event AS (
            SELECT %1$s, h.id, h.at, h.event, h.from_stage, h.to_stage, h.since,
                   lag(h.id) OVER lead IS NULL AS is_first,
                   lag(h.at) OVER lead AS previous_at,
                   lag(CASE WHEN h.event IN ('created', 'stage', 'rekeyed') THEN h.to_stage
                            WHEN h.event NOT IN ('deleted', 'erased') THEN h.from_stage END) OVER lead AS stage_before,
                   max(CASE WHEN h.event IN ('created', 'stage') THEN h.at
                            WHEN h.event = 'rekeyed' AND h.to_stage IS NOT NULL THEN h.since END)
                       OVER (life ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS since_before
            FROM (SELECT a.*, count(*) FILTER (WHERE a.event = 'created' OR a.event = 'rekeyed' AND a.to_stage IS NOT NULL)
                                  OVER (PARTITION BY %12$s ORDER BY a.id) AS life
                  FROM %3$s AS a) AS h
            WINDOW lead AS (PARTITION BY %2$s ORDER BY h.id), life AS (PARTITION BY %2$s, h.life ORDER BY h.id)
        ), last AS (
            SELECT DISTINCT ON (%2$s) %1$s, h.event,
                   CASE WHEN h.event IN ('created', 'stage', 'rekeyed') THEN h.to_stage
                        WHEN h.event NOT IN ('deleted', 'erased') THEN h.from_stage END AS stage
            FROM %3$s AS h ORDER BY %2$s, h.id DESC
        ), entry AS (
            SELECT DISTINCT ON (%2$s) %1$s,
                   CASE h.event WHEN 'rekeyed' THEN h.since ELSE h.at END AS since
            FROM %3$s AS h
            WHERE h.to_stage IS NOT NULL AND h.event IN ('created', 'stage', 'rekeyed') ORDER BY %2$s, h.id DESC
        )
        SELECT ARRAY[%4$s], format('the first event, row %%s, is %%s', e.id, e.event)
            FROM event AS e
            WHERE (e.is_first OR e.stage_before IS NULL) AND e.event NOT IN ('created', 'erased') AND NOT (e.event = 'rekeyed' AND e.to_stage IS NOT NULL)
        UNION ALL
        SELECT ARRAY[%4$s], format('row %%s goes on from %%s, but the lead was in %%s', e.id, e.from_stage, e.stage_before)
            FROM event AS e
            WHERE NOT e.is_first AND e.stage_before IS NOT NULL AND e.from_stage IS DISTINCT FROM e.stage_before
        UNION ALL
        SELECT ARRAY[%4$s], format('row %%s is earlier than the one before', e.id)
            FROM event AS e
            WHERE e.at < e.previous_at AND e.stage_before IS NOT NULL
        UNION ALL
        SELECT ARRAY[%4$s], format('row %%s says the lead entered %%s at another time than the row that brought it there', e.id, e.from_stage)
            FROM event AS e
            WHERE e.event IN ('stage', 'deleted') AND e.since IS DISTINCT FROM e.since_before AND NOT e.is_first
        UNION ALL
        SELECT ARRAY[%5$s], CASE
                   WHEN e.since IS NULL AND l.%6$I IS NOT NULL THEN 'the lead has no history'
                   WHEN l.%7$I IS DISTINCT FROM e.stage THEN format('the lead is in %%s, its history ends in %%s', l.%7$I, coalesce(e.stage::text, e.event))
                   ELSE 'the lead''s stage_since is not the time of its last move' END
            FROM %8$s AS l LEFT JOIN (SELECT last.*, entry.since FROM last JOIN entry USING (%9$s)) AS e ON %10$s
            WHERE l.%6$I IS NOT NULL
                  AND (e.since IS NULL OR l.%7$I IS DISTINCT FROM e.stage OR l.%6$I IS DISTINCT FROM e.since)
        UNION ALL
        SELECT ARRAY[%11$s], 'the lead is gone, and history does not say so'
            FROM last AS e
            WHERE e.stage IS NOT NULL AND NOT EXISTS (SELECT FROM %8$s AS l WHERE %10$s)
        ORDER BY 1, 2$sql$,
        lead_stage._each_key(leads, 'h.%2$I', taken => taken),
        lead_stage._each_key(leads, 'h.%2$I', taken => taken),
        lead_stage._name(bound.history),
        lead_stage._each_key(leads, 'e.%2$I::text', taken => taken),
        lead_stage._each_key(leads, 'l.%1$I::text'),
        columns ->> 'stage_since', columns ->> 'stage', lead_stage._name(leads),
        lead_stage._each_key(leads, '%2$I', taken => taken),
        lead_stage._each_key(leads, 'e.%2$I %4$s l.%1$I', ' AND ', taken),
        lead_stage._each_key(leads, 'e.%2$I::text', taken => taken),
        lead_stage._each_key(leads, 'a.%2$I', taken => taken));
    RETURN QUERY SELECT p.* FROM lead_stage._clock_problems(leads) AS p;
END
$$;
COMMENT ON FUNCTION lead_stage.verify_history(regclass) IS
    'every lead whose history is not one unbroken story that ends where the lead is; no rows: all is well';

-- ---------------------------------------------------------------------------

-- A lead's key as its text forms, checked against the table's.
CREATE FUNCTION lead_stage._key_condition(leads regclass, key text[]) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    part record;
    names text[] := '{}';
    casts text[] := '{}';
    conditions text[] := '{}';
BEGIN
    FOR part IN SELECT k.* FROM lead_stage._key_columns(leads) AS k ORDER BY k.place LOOP
        names := names || quote_ident(part.name);
        casts := casts || format('$1[%s]::%s', part.place, part.type);
        conditions := conditions || format('l.%I %s %L::%s', part.name, part.equals, key[part.place], part.type);
    END LOOP;
    IF cardinality(key) <> cardinality(names) THEN
        RAISE EXCEPTION 'the key of table "%" has % parts, not %', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads),
                cardinality(names), cardinality(key)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Give %s, in this order.', array_to_string(names, ', '));
    END IF;
    -- The error of what is no key is then about the value, not about a query of ours.
    EXECUTE 'SELECT ' || array_to_string(casts, ', ') USING key;
    RETURN array_to_string(conditions, ' AND ');
END
$$;
COMMENT ON FUNCTION lead_stage._key_condition(regclass, text[]) IS 'SQL text that finds one lead';

CREATE FUNCTION lead_stage._explain(leads regclass, key text[])
    RETURNS TABLE (kind text, name text, holds boolean, points double precision, detail text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    definition jsonb;
    held text[];
    at_stage @extschema@.lead_stage;
    ways jsonb;
    entries jsonb;
    clocks jsonb;
BEGIN
    IF bound.version IS NULL THEN
        RAISE EXCEPTION 'table "%" has no published model', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    SELECT v.definition INTO definition FROM lead_stage.version AS v WHERE v.model = bound.model AND v.version = bound.version;
    EXECUTE format($sql$
        SELECT lead_stage._conditions_that_hold($1, l), l.%1$I,
               (SELECT jsonb_agg(jsonb_build_object('name', t.name, 'to_stage', t.to_stage, 'holds', t.holds, 'detail', t.detail))
                FROM lead_stage._explain_transitions($1, l) AS t),
               (SELECT jsonb_agg(to_jsonb(e)) FROM lead_stage._score_entries(lead_stage._lead_score($1, l), lead_stage.now()) AS e),
               lead_stage._lead_clocks($1, l)
        FROM %2$s AS l WHERE %3$s$sql$,
        lead_stage._current_columns(bound) ->> 'stage', lead_stage._name(leads), lead_stage._key_condition(leads, key))
        INTO held, at_stage, ways, entries, clocks USING leads;
    IF at_stage IS NULL THEN
        RAISE EXCEPTION 'table "%" has no lead with the key (%)', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads),
                array_to_string(key, ', ')
            USING ERRCODE = 'no_data_found';
    END IF;

    RETURN QUERY
        WITH rule AS (
            SELECT r.name, r.points, r.cap, r.category, r.note, 'fit_' || r.name = ANY (held) OR r.condition IS NULL AS holds, o.place
                FROM jsonb_array_elements(definition -> 'rule') WITH ORDINALITY AS o (item, place)
                     CROSS JOIN LATERAL jsonb_to_record(o.item) AS r (name text, kind text, condition text, points int, cap int, category text, note text, enabled bool)
                WHERE r.kind = 'fit' AND coalesce(r.enabled, true)
        ), category AS (
            SELECT c.name, c.max_points, sum(least(r.points, r.cap)) AS points
                FROM jsonb_to_recordset(definition -> 'category') AS c (name text, max_points int)
                     JOIN rule AS r ON r.category = c.name AND r.holds
                GROUP BY c.name, c.max_points
        ), engagement AS (
            SELECT r.name, r.points, r.cap, r.category, r.source, r.half_life, o.place, coalesce(e.matches, 0) AS matches,
                   r.points * coalesce(e.weight, 0) AS worth
                FROM jsonb_array_elements(definition -> 'rule') WITH ORDINALITY AS o (item, place)
                     CROSS JOIN LATERAL jsonb_to_record(o.item)
                         AS r (id int, name text, kind text, source text, points int, cap int, category text, half_life text, enabled bool)
                     LEFT JOIN jsonb_to_recordset(entries) AS e (rule int, matches bigint, weight double precision) ON e.rule = r.id
                WHERE r.kind = 'engagement' AND coalesce(r.enabled, true)
        ), engagement_category AS (
            SELECT c.name, c.max_points, sum(least(e.worth, e.cap)) AS worth
                FROM jsonb_to_recordset(definition -> 'category') AS c (name text, max_points int)
                     JOIN engagement AS e ON e.category = c.name
                GROUP BY c.name, c.max_points
        ), line AS (
            SELECT 1 AS section, r.place, 'fit' AS kind, r.name, r.holds, CASE WHEN r.holds THEN r.points ELSE 0 END::double precision AS points,
                   coalesce(r.note, format('%s points', r.points)) AS detail
                FROM rule AS r
            UNION ALL
            SELECT 2, r.place, 'cap', r.name, true, r.cap - r.points, format('rule counts for at most %s', r.cap)
                FROM rule AS r WHERE r.holds AND r.points > r.cap
            UNION ALL
            SELECT 3, 0, 'cap', c.name, true, (c.max_points - c.points)::int, format('category counts for at most %s', c.max_points)
                FROM category AS c WHERE c.points > c.max_points
            UNION ALL
            SELECT 3, 10 + e.place, 'engagement', e.name, e.matches > 0, e.worth,
                   format('%s matching, %s points each', e.matches, e.points)
                   || coalesce(', half as much after ' || e.half_life, '')
                FROM engagement AS e
            UNION ALL
            SELECT 3, 40000 + e.place, 'cap', e.name, true, e.cap - e.worth, format('rule counts for at most %s', e.cap)
                FROM engagement AS e WHERE e.worth > e.cap
            UNION ALL
            SELECT 3, 80000, 'cap', c.name, true, c.max_points - c.worth, format('category counts for at most %s', c.max_points)
                FROM engagement_category AS c WHERE c.worth > c.max_points
            UNION ALL
            SELECT 4, o.place, 'criterion', o.item ->> 'name', 'criterion_' || (o.item ->> 'name') = ANY (held), NULL,
                   format('required for %s', o.item ->> 'required_for') || coalesce(': ' || (o.item ->> 'question'), '')
                FROM jsonb_array_elements(definition -> 'criterion') WITH ORDINALITY AS o (item, place)
            UNION ALL
            SELECT 5, o.place, 'transition', o.item ->> 'name', (o.item ->> 'holds')::bool, NULL,
                   format('to %s', o.item ->> 'to_stage') || coalesce(': ' || (o.item ->> 'detail'), '')
                FROM jsonb_array_elements(ways) WITH ORDINALITY AS o (item, place)
            UNION ALL
            SELECT 6, o.place, 'route', o.item ->> 'name', 'route_' || (o.item ->> 'name') = ANY (held) OR o.item ->> 'condition' IS NULL, NULL,
                   coalesce('assigns to ' || (o.item ->> 'assign_to'), format('assigns to pool %s: %s', o.item ->> 'pool', p.reps))
                   || coalesce(CASE WHEN b.fixed THEN '; but route "' || b.name || '" comes first'
                                    ELSE '; if nobody of route "' || b.name || '" is available' END, '')
                FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS o (item, place)
                     LEFT JOIN LATERAL (SELECT string_agg(r.item ->> 'name' || CASE WHEN w.away @> lead_stage.now() THEN ' (away)' ELSE '' END, ', ' ORDER BY r.place)
                                        FROM jsonb_array_elements(definition -> 'rep') WITH ORDINALITY AS r (item, place)
                                             LEFT JOIN lead_stage.rep AS w ON w.model = bound.model AND w.pool = r.item ->> 'pool' AND w.name = r.item ->> 'name'
                                        WHERE r.item ->> 'pool' = o.item ->> 'pool' AND coalesce((r.item ->> 'enabled')::bool, true)) AS p (reps) ON true
                     LEFT JOIN LATERAL (SELECT f.item ->> 'name', f.item ? 'assign_to'
                                        FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS f (item, place)
                                        WHERE f.item ->> 'stage' = at_stage::text AND f.place < o.place
                                              AND ('route_' || (f.item ->> 'name') = ANY (held) OR NOT f.item ? 'condition')
                                        ORDER BY f.item ? 'assign_to' DESC, f.place LIMIT 1) AS b (name, fixed) ON true
                WHERE o.item ->> 'stage' = at_stage::text
            UNION ALL
            SELECT 7, o.place, 'sla', o.item ->> 'name', 'sla_' || (o.item ->> 'name') = ANY (held) OR o.item ->> 'condition' IS NULL, NULL,
                   format('target %s', o.item ->> 'target')
                   || coalesce((SELECT format('; %s, ', c.state)
                                       || CASE WHEN c.state = 'paused' THEN format('%s left', c.time_left)
                                               ELSE format('due %s', c.due) END
                                FROM lead_stage._clocks(clocks) AS c WHERE c.policy = o.item ->> 'name' LIMIT 1), '')
                FROM jsonb_array_elements(definition -> 'sla') WITH ORDINALITY AS o (item, place)
                WHERE o.item ->> 'stage' = at_stage::text
            UNION ALL
            -- of another policy than those that are published for the stage
            SELECT 7, 40000, 'sla', c.policy, true, NULL, format('%s, due %s', c.state, c.due)
                FROM lead_stage._clocks(clocks) AS c
                WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'sla') AS s (item)
                                  WHERE s.item ->> 'name' = c.policy AND s.item ->> 'stage' = at_stage::text)
            UNION ALL
            SELECT 8, o.place, 'milestone', o.item ->> 'name', 'milestone_' || (o.item ->> 'name') = ANY (held), NULL, o.item ->> 'note'
                FROM jsonb_array_elements(definition -> 'milestone') WITH ORDINALITY AS o (item, place)
        )
        SELECT l.kind, l.name, coalesce(l.holds, false), l.points, l.detail FROM line AS l ORDER BY l.section, l.place, l.name;
END
$$;
COMMENT ON FUNCTION lead_stage._explain(regclass, text[]) IS 'what explain shows, for a key in its text form';

CREATE FUNCTION lead_stage.explain(leads regclass, VARIADIC key "any")
    RETURNS TABLE (kind text, name text, holds boolean, points double precision, detail text)
    AS 'MODULE_PATHNAME', 'lead_stage_explain'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage.explain(regclass, "any") IS
    'why a lead is where it is and what the next stage needs; the points of fit and cap add up to the fit score';
