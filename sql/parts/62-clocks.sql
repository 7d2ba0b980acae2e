-- Open clocks: under other terms, and against their history.

-- The open clocks of a state row "s", as they are right now.  Inlined into
-- the views, so its names are bound early and not by a path.
CREATE FUNCTION lead_stage._clocks(sla jsonb,
    OUT policy text, OUT stage @extschema@.lead_stage, OUT started timestamptz, OUT due timestamptz,
    OUT time_left interval, OUT state text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT c.policy, c.stage, c.start, c.due,
           CASE WHEN c.paused THEN c."left"
                WHEN c.calendar IS NULL OR EXISTS (SELECT FROM lead_stage.calendar AS k WHERE k.name OPERATOR(pg_catalog.=) c.calendar)
                THEN lead_stage.business_time_between(c.calendar, lead_stage.now(), c.due) END,
           CASE WHEN c.breached OR c.due OPERATOR(pg_catalog.<=) lead_stage.now() THEN 'breached'
                WHEN c.paused THEN 'paused'
                WHEN c.warned OR c.warn_at OPERATOR(pg_catalog.<=) lead_stage.now() THEN 'warned'
                ELSE 'open' END
        FROM pg_catalog.jsonb_to_recordset(sla)
             AS c (policy pg_catalog.text, stage @extschema@.lead_stage, start pg_catalog.timestamptz, due pg_catalog.timestamptz,
                   calendar pg_catalog.text, "left" pg_catalog.interval, paused pg_catalog.bool, warned pg_catalog.bool, breached pg_catalog.bool,
                   warn_at pg_catalog.timestamptz);
END;
COMMENT ON FUNCTION lead_stage._clocks(jsonb) IS 'the open clocks that a state table remembers of a lead, as they are now';

CREATE FUNCTION lead_stage._rescheduled(leads regclass, clocks jsonb,
    OUT sla jsonb, OUT sla_due timestamptz, OUT sla_state text, OUT next timestamptz)
    AS 'MODULE_PATHNAME', 'lead_stage_rescheduled'
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION lead_stage._rescheduled(regclass, jsonb) IS 'what a lead''s open clocks would be under the published terms and today''s calendars';

CREATE FUNCTION lead_stage.reschedule(leads regclass, apply boolean DEFAULT false)
    RETURNS TABLE (key text[], policy text, due_now timestamptz, due_then timestamptz, left_now interval, left_then interval)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    taken text[] := lead_stage._state_columns();
BEGIN
    IF bound.version IS NULL THEN
        RAISE EXCEPTION 'table "%" has no published model', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    IF coalesce(apply, false) THEN
        PERFORM lead_stage._require_table_owner(leads, 'reschedule its clocks');
        -- The lead first, then its state, in the order of keys.
        PERFORM lead_stage._execute_as(lead_stage._owner(leads), format(
            'SELECT 1 FROM %s AS l WHERE EXISTS (SELECT FROM %s AS s WHERE s.sla IS NOT NULL AND %s) ORDER BY %s FOR NO KEY UPDATE OF l',
            lead_stage._name(leads), lead_stage._name(bound.state),
            lead_stage._each_key(leads, 's.%2$I %4$s l.%1$I', ' AND ', taken), lead_stage._each_key(leads, 'l.%1$I')));
    END IF;
    RETURN QUERY EXECUTE format($sql$
        SELECT ARRAY[%1$s], n.policy, n.due, t.due, n."left", t."left"
            FROM %2$s AS s
                 CROSS JOIN LATERAL lead_stage._rescheduled($1, s.sla) AS r
                 CROSS JOIN LATERAL jsonb_to_recordset(s.sla) AS n (policy text, due timestamptz, "left" interval)
                 JOIN LATERAL jsonb_to_recordset(r.sla) AS t (policy text, due timestamptz, "left" interval) ON t.policy = n.policy
            WHERE s.sla IS NOT NULL AND (n.due, n."left") IS DISTINCT FROM (t.due, t."left")
            ORDER BY %3$s, n.policy$sql$,
        lead_stage._each_key(leads, 's.%2$I::text', taken => taken), lead_stage._name(bound.state),
        lead_stage._each_key(leads, 's.%2$I', taken => taken)) USING leads;
    IF coalesce(apply, false) THEN
        PERFORM lead_stage._execute_as(lead_stage._owner(leads), format($sql$
            UPDATE %1$s AS s
                SET sla = r.sla, sla_due = r.sla_due, sla_state = r.sla_state, recheck_at = least(s.recheck_at, r.next)
                FROM %1$s AS o CROSS JOIN LATERAL lead_stage._rescheduled(%2$L, o.sla) AS r
                WHERE %3$s AND o.sla IS NOT NULL AND r.sla <> o.sla$sql$,
            lead_stage._name(bound.state), leads::oid,
            lead_stage._each_key(leads, 's.%2$I %4$s o.%2$I', ' AND ', taken)));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage.reschedule(regclass, boolean) IS
    'the open clocks that would be due at another time under the published terms and today''s calendars; apply: and makes it so';

CREATE FUNCTION lead_stage._lead_clocks(leads regclass, lead record) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'lead_stage_lead_clocks'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._lead_clocks(regclass, record) IS 'the open SLA clocks of a lead, for whoever may read the lead';

-- Lives that begin under another key, or with a pruned history, do not tell
-- when their clocks started.
CREATE FUNCTION lead_stage._clock_problems(leads regclass) RETURNS TABLE (key text[], problem text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    taken text[] := lead_stage._history_columns();
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH event AS (
            SELECT h.*, count(*) FILTER (WHERE h.event = 'created' OR h.event = 'rekeyed' AND h.to_stage IS NOT NULL) OVER lead AS life
                FROM %1$s AS h WINDOW lead AS (PARTITION BY %2$s ORDER BY h.id)
        ), whole AS (
            SELECT h.*, bool_or(h.event = 'rekeyed' AND h.to_stage IS NOT NULL OR h.event = 'created' AND h.name = 'pruned')
                            OVER life AS tells_no_start,
                   bool_or(h.event = 'deleted') OVER life AS is_over
                FROM event AS h WINDOW life AS (PARTITION BY %2$s, h.life)
        ), clock AS (
            SELECT h.*, lag(h.event) OVER (PARTITION BY %2$s, h.life, h.name ORDER BY h.id) AS previous,
                   count(*) FILTER (WHERE h.event = 'sla_started') OVER (PARTITION BY %2$s, h.life, h.name ORDER BY h.id) AS number,
                   lead(h.id) OVER (PARTITION BY %2$s, h.life, h.name ORDER BY h.id) IS NULL AS is_last
                FROM whole AS h WHERE h.event LIKE 'sla\_%%'
        )
        SELECT ARRAY[%3$s], format('row %%s is %%s of "%%s", which is running already', h.id, h.event, h.name)
            FROM clock AS h WHERE h.event = 'sla_started' AND h.previous NOT IN ('sla_met', 'sla_cancelled')
        UNION ALL
        SELECT ARRAY[%3$s], format('row %%s is %%s of "%%s", which is not running', h.id, h.event, h.name)
            FROM clock AS h
            WHERE h.event <> 'sla_started'
                  AND (h.previous IN ('sla_met', 'sla_cancelled') OR h.previous IS NULL AND NOT h.tells_no_start)
        UNION ALL
        SELECT ARRAY[%3$s], format('row %%s is %%s of "%%s" once more', h.id, h.event, h.name)
            FROM (SELECT h.*, row_number() OVER (PARTITION BY %2$s, h.life, h.name, h.number, h.event ORDER BY h.id) AS nth FROM clock AS h) AS h
            WHERE h.event IN ('sla_warned', 'sla_breached') AND h.nth > 1
        UNION ALL
        SELECT ARRAY[%3$s], format('row %%s is %%s of "%%s" out of turn', h.id, h.event, h.name)
            FROM (SELECT h.*, lag(h.event) OVER (PARTITION BY %2$s, h.life, h.name, h.number ORDER BY h.id) AS before
                    FROM clock AS h WHERE h.event IN ('sla_started', 'sla_paused', 'sla_resumed')) AS h
            WHERE h.event = 'sla_paused' AND h.before = 'sla_paused'
                  OR h.event = 'sla_resumed' AND h.before IS DISTINCT FROM 'sla_paused' AND NOT (h.before IS NULL AND h.tells_no_start)
        UNION ALL
        SELECT ARRAY[%3$s], format('the clock of "%%s" did not end with its lead', h.name)
            FROM clock AS h WHERE h.is_over AND h.is_last AND h.event NOT IN ('sla_met', 'sla_cancelled')
        UNION ALL
        SELECT ARRAY[%3$s], format('the clock of "%%s" is running in history only', h.name)
            FROM clock AS h JOIN %4$s AS l ON %5$s
            WHERE h.is_last AND h.event NOT IN ('sla_met', 'sla_cancelled')
                  AND h.life = (SELECT max(e.life) FROM event AS e WHERE %6$s)
                  AND NOT EXISTS (SELECT FROM %7$s AS s CROSS JOIN LATERAL lead_stage._clocks(s.sla) AS c
                                  WHERE %8$s AND c.policy = h.name)
        UNION ALL
        SELECT ARRAY[%9$s], format('the clock of "%%s" is not running in history', c.policy)
            FROM %7$s AS s CROSS JOIN LATERAL lead_stage._clocks(s.sla) AS c
            WHERE s.sla IS NOT NULL
                  AND NOT EXISTS (SELECT FROM clock AS h
                                  WHERE %8$s AND h.name = c.policy AND h.is_last AND h.event NOT IN ('sla_met', 'sla_cancelled'))
                  AND NOT EXISTS (SELECT FROM whole AS h WHERE %8$s AND h.tells_no_start)
        ORDER BY 1, 2$sql$,
        lead_stage._name(bound.history),
        lead_stage._each_key(leads, 'h.%2$I', taken => taken),
        lead_stage._each_key(leads, 'h.%2$I::text', taken => taken),
        lead_stage._name(leads),
        lead_stage._each_key(leads, 'h.%2$I %4$s l.%1$I', ' AND ', taken),
        lead_stage._each_key(leads, 'e.%2$I %4$s h.%2$I', ' AND ', taken),
        lead_stage._name(bound.state),
        (SELECT string_agg(format('s.%I %s h.%I', s.as_name, s.equals, h.as_name), ' AND ' ORDER BY s.place)
             FROM lead_stage._key_columns(leads, lead_stage._state_columns()) AS s
                  JOIN lead_stage._key_columns(leads, taken) AS h USING (place)),
        lead_stage._each_key(leads, 's.%2$I::text', taken => lead_stage._state_columns()));
END
$$;
COMMENT ON FUNCTION lead_stage._clock_problems(regclass) IS 'every SLA clock whose events do not make sense, or that is remembered otherwise than history has it';
