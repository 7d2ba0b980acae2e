-- The views beside an attached table.

-- The view that we made before, whatever it is called by now: publish gives it
-- the name that goes with the leads table's.
CREATE FUNCTION lead_stage._view_made(bound lead_stage.binding, suffix text) RETURNS regclass
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT v.oid
            FROM pg_class AS v
            WHERE v.relkind = 'v' AND v.relowner = lead_stage._owner(bound.leads)
                  AND CASE suffix
                      WHEN 'signals' THEN v.oid = bound.signals
                      WHEN 'live' THEN v.oid = bound.live
                      ELSE EXISTS (SELECT FROM pg_class AS n
                                   WHERE n.oid = CASE WHEN lead_stage._exists(bound.live) THEN bound.live ELSE bound.leads END
                                         AND v.relnamespace = n.relnamespace
                                         AND v.relname = CASE WHEN n.oid = bound.leads THEN n.relname::text
                                                              ELSE regexp_replace(n.relname, '_live$', '') END || '_' || suffix)
                           AND bound.live IS NOT NULL END);
COMMENT ON FUNCTION lead_stage._view_made(lead_stage.binding, text) IS 'one of the views beside an attached table, if it is there';

-- After the leads table was renamed or moved.
CREATE FUNCTION lead_stage._move_view(view regclass, to_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(view);
    parts text[] := parse_ident(to_name);
BEGIN
    IF (SELECT c.relname FROM pg_class AS c WHERE c.oid = view) <> parts[2] THEN
        PERFORM lead_stage._execute_as(owner, format('ALTER VIEW %s RENAME TO %I', lead_stage._name(view), parts[2]));
    END IF;
    IF (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = view) <> parts[1] THEN
        PERFORM lead_stage._execute_as(owner, format('ALTER VIEW %s SET SCHEMA %I', lead_stage._name(view), parts[1]));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._move_view(regclass, text) IS 'renames a view, and moves it to the schema of the name';

CREATE FUNCTION lead_stage._drop_views(bound lead_stage.binding) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    view regclass;
BEGIN
    PERFORM lead_stage._drop_activity_view(a) FROM lead_stage.activity_binding AS a WHERE a.binding = bound.id;
    FOR view IN SELECT lead_stage._view_made(bound, s) FROM unnest('{signals,tasks,journey,visits,live}'::text[]) AS s LOOP
        IF view IS NOT NULL THEN
            PERFORM lead_stage._execute_as(lead_stage._owner(view), format('DROP VIEW %s', lead_stage._name(view)));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_views(lead_stage.binding) IS 'drops the views beside an attached table';

-- Creates a view, or replaces the one that is there.  If somebody's view reads
-- it, columns that go stay behind empty, unless just those are read.
CREATE FUNCTION lead_stage._make_view(beside regclass, suffix text, made regclass, columns text[], expressions text[], source text)
    RETURNS regclass
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(beside);
    name text := lead_stage._beside(beside, suffix);
    existing regclass := to_regclass(name);
    grants text[] := '{}';
    kept record;
    reader text;
    query text;
    list text[] := '{}';
    command text;
BEGIN
    -- A view of the same name may be the user's.
    IF existing IS DISTINCT FROM made AND existing IS NOT NULL THEN
        RAISE EXCEPTION 'relation % already exists', name
            USING ERRCODE = 'duplicate_table',
                  HINT = 'Rename it, or the leads table.';
    END IF;
    IF existing IS NULL AND made IS NOT NULL THEN
        PERFORM lead_stage._move_view(made, name);
        existing := made;
    END IF;
    IF existing IS NOT NULL THEN
        IF lead_stage._is_read(existing, NULL) THEN
            FOR kept IN SELECT a.attname::text AS name, a.attnum, format_type(a.atttypid, a.atttypmod) AS type
                            FROM pg_attribute AS a WHERE a.attrelid = existing AND a.attnum > 0 ORDER BY a.attnum LOOP
                IF kept.name = ANY (columns) THEN
                    list := list || format('%s AS %I', expressions[array_position(columns, kept.name)], kept.name);
                ELSE
                    reader := lead_stage._reader(existing, kept.attnum);
                    IF reader IS NOT NULL THEN
                        RAISE EXCEPTION 'cannot drop column "%" of view % because other objects depend on it', kept.name, name
                            USING ERRCODE = 'dependent_objects_still_exist',
                                  DETAIL = format('%s depends on it.', reader),
                                  HINT = format('Drop or change %s first.', reader);
                    END IF;
                    list := list || format('NULL::%s AS %I', kept.type, kept.name);
                END IF;
            END LOOP;
            FOR i IN 1 .. cardinality(columns) LOOP
                IF NOT EXISTS (SELECT FROM pg_attribute AS a
                               WHERE a.attrelid = existing AND a.attname = columns[i] AND a.attnum > 0) THEN
                    list := list || format('%s AS %I', expressions[i], columns[i]);
                END IF;
            END LOOP;
        ELSE
            SELECT coalesce(array_agg(format('GRANT %s%s ON %s TO %s%s', a.privilege_type, g.list, name,
                                             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
                                             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)), '{}')
                INTO grants
                FROM (SELECT '', c.relacl, c.relowner FROM pg_class AS c WHERE c.oid = existing
                      UNION ALL
                      SELECT format(' (%I)', t.attname), t.attacl, c.relowner
                          FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid
                          WHERE t.attrelid = existing AND t.attname = ANY (columns)) AS g (list, acl, relowner)
                     CROSS JOIN LATERAL aclexplode(g.acl) AS a
                WHERE a.grantee <> g.relowner;
            PERFORM lead_stage._execute_as(owner, format('DROP VIEW %s', name));
        END IF;
    END IF;
    IF list = '{}' THEN
        FOR i IN 1 .. cardinality(columns) LOOP
            list := list || format('%s AS %I', expressions[i], columns[i]);
        END LOOP;
    END IF;
    query := format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS SELECT %s %s',
                    name, array_to_string(list, ', '), source);
    PERFORM lead_stage._execute_as(owner, query);
    FOREACH command IN ARRAY grants LOOP
        PERFORM lead_stage._execute_as(owner, command);
    END LOOP;
    PERFORM lead_stage._share(beside, name::regclass);
    RETURN name;
END
$$;
COMMENT ON FUNCTION lead_stage._make_view(regclass, text, regclass, text[], text[], text) IS 'creates a view beside a table, or replaces the one that was made before, with its grants';

-- What reads a view's column (null: any column), described; null if nothing does.
CREATE FUNCTION lead_stage._reader(view regclass, attnum int) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT pg_describe_object(coalesce(w.relation_class, d.classid), coalesce(w.relation, d.objid), 0)
            FROM pg_depend AS d
                 LEFT JOIN LATERAL (SELECT 'pg_class'::regclass::oid AS relation_class, r.ev_class AS relation
                                    FROM pg_rewrite AS r
                                    WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid) AS w ON true
            WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = view AND d.deptype = 'n'
                  AND (attnum IS NULL OR d.refobjsubid = attnum)
                  AND w.relation IS DISTINCT FROM view
            ORDER BY 1 LIMIT 1);
COMMENT ON FUNCTION lead_stage._reader(regclass, int) IS 'what depends on a column of a view';

CREATE FUNCTION lead_stage._is_read(view regclass, attnum int) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN lead_stage._reader(view, attnum) IS NOT NULL;
COMMENT ON FUNCTION lead_stage._is_read(regclass, int) IS 'whether anything depends on a column of a view';

-- "CASE … END" that turns points into a band's label.
CREATE FUNCTION lead_stage._band_expression(definition jsonb, kind text, points text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce((SELECT 'CASE ' || string_agg(format('WHEN %s >= %s THEN %L', points, b.min_points, b.label), ' '
                                                  ORDER BY b.min_points DESC) || ' END'
                     FROM jsonb_to_recordset(definition -> 'band') AS b (kind text, label text, min_points numeric)
                     WHERE b.kind = _band_expression.kind), 'NULL::pg_catalog.text');
COMMENT ON FUNCTION lead_stage._band_expression(jsonb, text, text) IS 'SQL text that names the band of a score';

CREATE FUNCTION lead_stage._label_expression(definition jsonb, stage text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce((SELECT format('CASE %s::pg_catalog.text ', stage) || string_agg(format('WHEN %L THEN %L', e.key, e.value), ' ' ORDER BY e.key)
                                || format(' ELSE %s::pg_catalog.text END', stage)
                     FROM jsonb_each_text(definition #> '{model,labels}') AS e), format('%s::pg_catalog.text', stage));
COMMENT ON FUNCTION lead_stage._label_expression(jsonb, text) IS 'SQL text that gives a stage in the company''s wording';

-- The live, visits, journey and tasks views; definition null: not published.
CREATE FUNCTION lead_stage._make_views(leads regclass, definition jsonb DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    leads_name text := lead_stage._name(leads);
    history text := lead_stage._name(bound.history);
    state text := lead_stage._name(bound.state);
    in_history text[] := lead_stage._history_columns();
    in_state text[] := lead_stage._state_columns();
    live_columns text[] := '{stage,stage_since,stage_reason,fit_score,owner,engagement_now,score_now,fit_band,engagement_band,stage_label,stage_age,sla_left}';
    visit_columns text[] := '{stage,entered_at,left_at,next_stage,transition,reason,owner,touched,version,came_from}';
    task_columns text[] := '{owner,stage,policy,due,time_left,state}';
    journey_columns text[];
    columns jsonb := lead_stage._current_columns(bound);
    engagement text := 'coalesce(lead_stage.engagement(s.engagement_state), 0)';
    same_lead text;
    keys_of_leads text[];
    live regclass;
    suffix text;
    made regclass;
BEGIN
    -- The live view last: the others are found by its name.
    FOREACH suffix IN ARRAY '{visits,journey,tasks,live}'::text[] LOOP
        made := lead_stage._view_made(bound, suffix);
        IF made IS NOT NULL AND to_regclass(lead_stage._beside(leads, suffix)) IS NULL THEN
            PERFORM lead_stage._move_view(made, lead_stage._beside(leads, suffix));
        END IF;
    END LOOP;

    SELECT array_agg(s.stage::text || '_at' ORDER BY s.rank) || 'stage'::text INTO journey_columns FROM lead_stage.stages() AS s;
    SELECT array_agg(format('l.%I', k.name) ORDER BY k.place) INTO keys_of_leads FROM lead_stage._key_columns(leads) AS k;

    live := lead_stage._make_view(leads, 'live', lead_stage._view_made(bound, 'live'),
        (SELECT array_agg(k.as_name ORDER BY k.place) FROM lead_stage._key_columns(leads, live_columns) AS k) || live_columns,
        keys_of_leads || ARRAY[
            format('l.%I', columns ->> 'stage'), format('l.%I', columns ->> 'stage_since'),
            format('l.%I', columns ->> 'stage_reason'), format('l.%I', columns ->> 'fit_score'),
            format('l.%I', columns ->> 'owner'),
            engagement,
            format('coalesce(l.%I, 0) + %s', columns ->> 'fit_score', engagement),
            lead_stage._band_expression(definition, 'fit', format('l.%I', columns ->> 'fit_score')),
            lead_stage._band_expression(definition, 'engagement', engagement),
            lead_stage._label_expression(definition, format('l.%I', columns ->> 'stage')),
            format('lead_stage.now() - l.%I', columns ->> 'stage_since'),
            $sql$(SELECT c.time_left FROM lead_stage._clocks(s.sla) AS c ORDER BY c.due, c.time_left LIMIT 1)$sql$],
        format('FROM %s AS l LEFT JOIN %s AS s ON %s', leads_name, state,
               lead_stage._each_key(leads, 's.%2$I %4$s l.%1$I', ' AND ', in_state)));
    -- A finished stay is the row that ended it; the open one is the lead's own.
    same_lead := lead_stage._each_key(leads, 'e.%2$I %4$s h.%2$I', ' AND ', in_history);
    PERFORM lead_stage._make_view(leads, 'visits', lead_stage._view_made(bound, 'visits'),
        (SELECT array_agg(k.as_name ORDER BY k.place) FROM lead_stage._key_columns(leads, visit_columns) AS k) || visit_columns,
        (SELECT array_agg(format('h.%I', k.as_name) ORDER BY k.place) FROM lead_stage._key_columns(leads, in_history) AS k)
            || ARRAY['h.from_stage', 'h.since', 'h.at', 'h.to_stage', 'h.name', 'h.reason', 'h.owner',
                     'coalesce(h.touched, false)', 'h.version',
                     format('(SELECT e.from_stage FROM %s AS e WHERE %s AND e.id < h.id AND e.event IN (''stage'', ''created'', ''rekeyed'') AND e.to_stage IS NOT NULL ORDER BY e.id DESC LIMIT 1)',
                            history, same_lead)],
        format($sql$FROM %1$s AS h
            WHERE h.event IN ('stage', 'deleted') AND h.from_stage IS NOT NULL AND h.since IS NOT NULL
            UNION ALL
            SELECT %2$s, l.%3$I, l.%4$I, NULL::timestamptz, NULL::@extschema@.lead_stage, NULL::text, NULL::text, l.%5$I::text,
                   coalesce(s.last_touch_at >= l.%4$I, false),
                   (SELECT e.version FROM %1$s AS e WHERE %8$s AND e.to_stage IS NOT NULL AND e.event IN ('stage', 'created', 'rekeyed') ORDER BY e.id DESC LIMIT 1),
                   (SELECT e.from_stage FROM %1$s AS e WHERE %8$s AND e.to_stage IS NOT NULL AND e.event IN ('stage', 'created', 'rekeyed') ORDER BY e.id DESC LIMIT 1)
            FROM %9$s AS l LEFT JOIN %6$s AS s ON %7$s WHERE l.%4$I IS NOT NULL$sql$,
            history, array_to_string(keys_of_leads, ', '), columns ->> 'stage', columns ->> 'stage_since', columns ->> 'owner',
            state, lead_stage._each_key(leads, 's.%2$I %4$s l.%1$I', ' AND ', in_state),
            lead_stage._each_key(leads, 'e.%2$I %4$s l.%1$I', ' AND ', in_history), leads_name));

    PERFORM lead_stage._make_view(leads, 'journey', lead_stage._view_made(bound, 'journey'),
        (SELECT array_agg(k.as_name ORDER BY k.place) FROM lead_stage._key_columns(leads, journey_columns) AS k) || journey_columns,
        keys_of_leads || (SELECT array_agg(format('h.%I', c)) FROM unnest(journey_columns[:cardinality(journey_columns) - 1]) AS c)
            || format('l.%I', columns ->> 'stage'),
        format('FROM %s AS l LEFT JOIN (SELECT %s, %s FROM %s AS h WHERE h.event IN (''created'', ''stage'', ''rekeyed'') GROUP BY %s) AS h ON %s',
            leads_name,
            -- a key column may be called like a stage's column
            lead_stage._each_key(leads, 'h.%2$I AS key_%5$s', taken => in_history),
            (SELECT string_agg(format('min(CASE h.event WHEN ''rekeyed'' THEN h.since ELSE h.at END) FILTER (WHERE h.to_stage = %L) AS %I',
                                      s.stage, s.stage::text || '_at'), ', ' ORDER BY s.rank) FROM lead_stage.stages() AS s),
            history, lead_stage._each_key(leads, 'h.%2$I', taken => in_history),
            lead_stage._each_key(leads, 'h.key_%5$s %4$s l.%1$I', ' AND ')));
    PERFORM lead_stage._make_view(leads, 'tasks', lead_stage._view_made(bound, 'tasks'),
        (SELECT array_agg(k.as_name ORDER BY k.place) FROM lead_stage._key_columns(leads, task_columns) AS k) || task_columns,
        keys_of_leads || ARRAY[format('l.%I', columns ->> 'owner'), format('l.%I', columns ->> 'stage'),
                               'c.policy', 'c.due', 'c.time_left', 'c.state'],
        format('FROM %s AS s JOIN %s AS l ON %s CROSS JOIN LATERAL lead_stage._clocks(s.sla) AS c WHERE s.sla IS NOT NULL',
               state, leads_name, lead_stage._each_key(leads, 's.%2$I %4$s l.%1$I', ' AND ', in_state))
        -- Leads that a route should have given to somebody.
        || coalesce((SELECT format(' UNION ALL SELECT %s, l.%I, l.%I, NULL::text, NULL::timestamptz, NULL::interval, ''unassigned''::text FROM %s AS l '
                                   'WHERE l.%I IS NULL AND l.%I OPERATOR(@extschema@.=) ANY (%L::@extschema@.lead_stage[])',
                                   array_to_string(keys_of_leads, ', '), columns ->> 'owner', columns ->> 'stage', leads_name,
                                   columns ->> 'owner', columns ->> 'stage', array_agg(DISTINCT (r.item ->> 'stage')::@extschema@.lead_stage))
                     FROM jsonb_array_elements(definition -> 'route') AS r (item)
                     HAVING count(*) > 0), ''));
    UPDATE lead_stage.binding AS b SET live = live WHERE b.id = bound.id AND b.live IS DISTINCT FROM live;
END
$$;
COMMENT ON FUNCTION lead_stage._make_views(regclass, jsonb) IS 'creates or replaces <leads>_live, _visits, _journey and _tasks';

-- A view follows the renames of the columns it shows.
CREATE FUNCTION lead_stage._column_behind(leads regclass, view regclass, view_column text) RETURNS text
    AS 'MODULE_PATHNAME', 'lead_stage_column_behind'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage._column_behind(regclass, regclass, text) IS 'the column of a table that a view shows under a name';

-- Where our columns are now.
CREATE FUNCTION lead_stage._current_columns(bound lead_stage.binding) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN coalesce((SELECT jsonb_object_agg(r.role, coalesce(
                                lead_stage._column_behind(bound.leads, bound.live, r.role), bound.columns ->> r.role))
                     FROM lead_stage._role_columns() AS r), bound.columns);
COMMENT ON FUNCTION lead_stage._current_columns(lead_stage.binding) IS 'role → column of an attached table, as the columns are called now';
