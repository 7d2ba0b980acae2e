-- Publishing: from a draft to what every write is judged by.

-- Every condition of a definition that is about the leads row, with the column
-- of the signals view that it becomes.
CREATE FUNCTION lead_stage._conditions(definition jsonb,
    OUT place int, OUT kind text, OUT name text, OUT property text, OUT column_name text,
    OUT condition text, OUT result regtype, OUT may_read_ours boolean)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY c.section, c.place, c.step)::int, c.kind, c.name, c.property,
           c.prefix || '_' || c.name || c.suffix, coalesce(c.condition, 'true'), c.result, c.kind <> 'rule'
        FROM (SELECT 1, o.place, 1, 'rule', o.item ->> 'name', 'condition', 'fit', '', o.item ->> 'condition', 'bool'::regtype
                  FROM jsonb_array_elements(definition -> 'rule') WITH ORDINALITY AS o (item, place)
                  WHERE o.item ->> 'kind' = 'fit' AND coalesce((o.item ->> 'enabled')::bool, true)
              UNION ALL
              SELECT 2, o.place, 1, 'criterion', o.item ->> 'name', 'condition', 'criterion', '', o.item ->> 'condition', 'bool'
                  FROM jsonb_array_elements(definition -> 'criterion') WITH ORDINALITY AS o (item, place)
                  WHERE o.item ->> 'signal' IS NULL
              UNION ALL
              SELECT 3, o.place, p.step, 'transition', o.item ->> 'name', p.property, 'transition', p.suffix, o.item ->> p.property, p.result
                  FROM jsonb_array_elements(definition -> 'transition') WITH ORDINALITY AS o (item, place)
                       CROSS JOIN (VALUES (1, 'condition', '', 'bool'::regtype), (2, 'not_before', '_not_before', 'timestamptz'))
                           AS p (step, property, suffix, result)
                  WHERE p.property = 'condition' OR o.item ->> p.property IS NOT NULL
              UNION ALL
              SELECT 4, o.place, 1, 'route', o.item ->> 'name', 'condition', 'route', '', o.item ->> 'condition', 'bool'
                  FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS o (item, place)
              UNION ALL
              SELECT 5, o.place, p.step, 'sla', o.item ->> 'name', p.property, 'sla', p.suffix, o.item ->> p.property, p.result
                  FROM jsonb_array_elements(definition -> 'sla') WITH ORDINALITY AS o (item, place)
                       CROSS JOIN (VALUES (1, 'condition', '', 'bool'::regtype), (2, 'met_at', '_met_at', 'timestamptz'),
                                          (3, 'pause_when', '_pause_when', 'bool')) AS p (step, property, suffix, result)
                  WHERE p.property = 'condition' OR o.item ->> p.property IS NOT NULL
              UNION ALL
              SELECT 6, o.place, 1, 'milestone', o.item ->> 'name', 'condition', 'milestone', '', o.item ->> 'condition', 'bool'
                  FROM jsonb_array_elements(definition -> 'milestone') WITH ORDINALITY AS o (item, place)
                  WHERE o.item ->> 'signal' IS NULL
             ) AS c (section, place, step, kind, name, property, prefix, suffix, condition, result);
END;
COMMENT ON FUNCTION lead_stage._conditions(jsonb) IS 'every condition over the leads row in a definition';

-- Tries types for missing columns until the condition makes sense.
CREATE FUNCTION lead_stage._guess_columns(leads regclass, condition text, result regtype, columns jsonb,
    may_read_ours boolean, time_zone text, guesses jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    missing text;
    type text;
    found jsonb;
BEGIN
    PERFORM lead_stage._check_condition(leads, condition, result, columns, may_read_ours, time_zone, lead_stage._type_schema(), guesses);
    RETURN guesses;
EXCEPTION
    WHEN undefined_column THEN
        GET STACKED DIAGNOSTICS missing = COLUMN_NAME;
        IF missing = '' OR guesses ? missing OR (SELECT count(*) FROM jsonb_object_keys(guesses)) >= 4 THEN
            RETURN NULL;
        END IF;
        FOREACH type IN ARRAY
            (CASE WHEN missing ~ '_at$' THEN '{timestamptz}' WHEN missing ~ '(_on|_date)$' THEN '{date}' ELSE '{}' END)::text[]
            || '{boolean,text,numeric,timestamptz,date,text[],jsonb}'::text[]
        LOOP
            found := lead_stage._guess_columns(leads, condition, result, columns, may_read_ours, time_zone,
                                               guesses || jsonb_build_object(missing, type));
            IF found IS NOT NULL THEN
                RETURN found;
            END IF;
        END LOOP;
        RETURN NULL;
    WHEN OTHERS THEN
        RETURN NULL;
END
$$;
COMMENT ON FUNCTION lead_stage._guess_columns(regclass, text, regtype, jsonb, boolean, text, jsonb) IS
    'types for the columns that a condition needs and a table lacks';

-- What a definition itself lacks, whatever table it is for.
CREATE FUNCTION lead_stage._definition_problems(definition jsonb) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    SELECT p.problem FROM (
        SELECT 1, 0::bigint, format('model: time zone "%s" is not known; pick one from pg_timezone_names', definition #>> '{model,time_zone}')
            WHERE definition #>> '{model,time_zone}' NOT IN (SELECT z.name FROM pg_timezone_names AS z)
        UNION ALL
        SELECT 2, c.place, format('%s: calendar "%s" does not exist; add it to lead_stage.calendar, or use ''always''', c.what, c.calendar)
            FROM (SELECT 0, 'model', definition #>> '{model,calendar}'
                  UNION ALL
                  SELECT s.place, format('sla "%s"', s.item ->> 'name'), s.item ->> 'calendar'
                      FROM jsonb_array_elements(definition -> 'sla') WITH ORDINALITY AS s (item, place)) AS c (place, what, calendar)
            WHERE c.calendar <> 'always' AND NOT EXISTS (SELECT FROM lead_stage.calendar AS k WHERE k.name = c.calendar)
        UNION ALL
        SELECT 2 + s.step, s.place, format('%s "%s": signal "%s" is not an enabled engagement rule; name one, or use a condition',
                                           s.kind, s.item ->> 'name', s.signal)
            FROM (SELECT k.step, i.place, k.kind, i.item, i.item ->> k.property
                      FROM (VALUES (1, 'criterion', 'signal'), (2, 'transition', 'signal'), (3, 'milestone', 'signal'), (4, 'sla', 'met_signal'))
                               AS k (step, kind, property)
                           CROSS JOIN LATERAL jsonb_array_elements(definition -> k.kind) WITH ORDINALITY AS i (item, place))
                     AS s (step, place, kind, item, signal)
            WHERE s.signal IS NOT NULL
                  AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rule') AS r (item)
                                  WHERE r.item ->> 'name' = s.signal AND r.item ->> 'kind' = 'engagement'
                                        AND coalesce((r.item ->> 'enabled')::bool, true))
        UNION ALL
        SELECT 7, r.place, format('route "%s": pool "%s" has no reps; add them to lead_stage.rep, or name another pool',
                                  r.item ->> 'name', r.item ->> 'pool')
            FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS r (item, place)
            WHERE r.item ->> 'pool' IS NOT NULL
                  AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rep') AS p (item) WHERE p.item ->> 'pool' = r.item ->> 'pool')
        UNION ALL
        SELECT 8, min(c.place), format('%s: two conditions would share the column "%s" of the signals view; rename one',
                                       string_agg(format('%s "%s"', c.kind, c.name), ' and ' ORDER BY c.place), c.column_name)
            FROM lead_stage._conditions(definition) AS c
            GROUP BY c.column_name HAVING count(*) > 1
        UNION ALL
        SELECT 9, c.place, format('%s "%s": its column "%s" of the signals view would be longer than 63 bytes; shorten the name',
                                  c.kind, c.name, c.column_name)
            FROM lead_stage._conditions(definition) AS c
            WHERE octet_length(c.column_name) > 63) AS p (section, place, problem)
        ORDER BY p.section, p.place;
END;
COMMENT ON FUNCTION lead_stage._definition_problems(jsonb) IS 'what keeps a definition from being published for any table';

-- What keeps a definition from being compiled for a table.
CREATE FUNCTION lead_stage._table_problems(leads regclass, definition jsonb, columns jsonb,
    OUT problem text, OUT missing jsonb)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    c record;
    what text;
    message text;
    advice text;
    state text;
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
    owner_type text;
    name text;
BEGIN
    -- Views follow renames; without them (after unpublish) a name is all there is.
    FOR problem IN
        SELECT CASE WHEN a.attname IS NULL
                    THEN format('column "%s", which plays the role %s, does not exist; call it so again, or detach and attach with another column',
                                columns ->> r.role, r.role)
                    ELSE format('column "%s", which plays the role %s, is of type %s; give it type %s again',
                                columns ->> r.role, r.role, format_type(a.atttypid, a.atttypmod), r.type) END
            FROM lead_stage._role_columns() AS r
                 LEFT JOIN pg_attribute AS a ON a.attrelid = leads AND a.attname = columns ->> r.role AND a.attnum > 0 AND NOT a.attisdropped
            WHERE a.attname IS NULL
                  OR (a.atttypid <> r.type AND NOT (r.role = 'stage_reason' AND a.atttypid = 'varchar'::regtype))
            ORDER BY r.place
    LOOP
        RETURN NEXT;
    END LOOP;
    FOR c IN SELECT * FROM lead_stage._conditions(definition) AS k ORDER BY k.place LOOP
        what := format('%s "%s"', c.kind, c.name) || CASE WHEN c.property = 'condition' THEN '' ELSE ', ' || c.property END;
        missing := NULL;
        BEGIN
            PERFORM lead_stage._check_condition(leads, c.condition, c.result, columns, c.may_read_ours, zone, lead_stage._type_schema());
            IF EXISTS (SELECT FROM lead_stage._key_columns(leads) AS k WHERE k.name = c.column_name) THEN
                problem := format('%s: the signals view cannot have both a key and a condition called "%s"; rename the condition',
                                  what, c.column_name);
                RETURN NEXT;
            END IF;
        EXCEPTION
            WHEN query_canceled OR insufficient_resources OR internal_error THEN
                RAISE;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
                message := replace(replace(message, 'trigger WHEN conditions', 'conditions'), 'trigger WHEN condition', 'condition');
                problem := format('%s: %s', what, message) || CASE WHEN advice = '' THEN '' ELSE ' (' || advice || ')' END;
                IF state = '42703' THEN
                    missing := coalesce(lead_stage._guess_columns(leads, c.condition, c.result, columns, c.may_read_ours, zone, '{}'), '{}');
                END IF;
                RETURN NEXT;
        END;
    END LOOP;

    missing := NULL;
    SELECT format_type(a.atttypid, a.atttypmod) INTO owner_type
        FROM pg_attribute AS a WHERE a.attrelid = leads AND a.attname = columns ->> 'owner';
    FOR what, name IN
        SELECT format('%s "%s"', n.kind, n.name), n.owner
            FROM (SELECT 'route', r.item ->> 'name', r.item ->> 'assign_to'
                      FROM jsonb_array_elements(definition -> 'route') AS r (item)
                  UNION ALL
                  SELECT 'rep', r.item ->> 'name', r.item ->> 'name'
                      FROM jsonb_array_elements(definition -> 'rep') AS r (item)
                  UNION ALL
                  SELECT 'sla', s.item ->> 'name', s.item ->> 'escalate_to'
                      FROM jsonb_array_elements(definition -> 'sla') AS s (item)
                      WHERE s.item ->> 'escalate_to' NOT IN
                            (SELECT r.item ->> 'pool' FROM jsonb_array_elements(definition -> 'rep') AS r (item))) AS n (kind, name, owner)
            WHERE n.owner IS NOT NULL
    LOOP
        BEGIN
            -- A cast would cut off what is too long.
            IF lead_stage._evaluate_as(lead_stage._owner(leads),
                   format('SELECT (%1$L::%2$s)::pg_catalog.text OPERATOR(pg_catalog.=) %1$L', name, owner_type)) = 'f'
               AND EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                           WHERE a.attrelid = leads AND a.attname = columns ->> 'owner' AND t.typcategory = 'S') THEN
                problem := format('%s: "%s" is too long for the owner column''s type %s', what, name, owner_type);
                RETURN NEXT;
            END IF;
        EXCEPTION
            WHEN query_canceled OR insufficient_resources OR internal_error THEN
                RAISE;
            WHEN OTHERS THEN
                problem := format('%s: "%s" is not a value of the owner column''s type %s', what, name, owner_type);
                RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._table_problems(regclass, jsonb, jsonb) IS 'what keeps a definition from being compiled for a table';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage._raise_problems(model text, problems text[], command text DEFAULT NULL, leads regclass DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF problems <> '{}' THEN
        RAISE EXCEPTION '%: % found',
                CASE WHEN leads IS NULL THEN format('model "%s" cannot be published', model)
                     ELSE format('model "%s" as it was published does not fit table %s', model, leads) END,
                CASE cardinality(problems) WHEN 1 THEN '1 problem' ELSE format('%s problems', cardinality(problems)) END
            USING ERRCODE = 'invalid_object_definition',
                  DETAIL = array_to_string(problems, E'\n'),
                  HINT = coalesce('Add the missing columns: ' || command,
                                  CASE WHEN leads IS NULL THEN 'Mend the draft, then publish again.'
                                       ELSE 'Mend the table, or publish a model that fits it.' END);
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._raise_problems(text, text[], text, regclass) IS 'raises one error that lists every problem, if there is any';

-- Makes the signals view of a definition, and the binding point to it.
CREATE FUNCTION lead_stage._compile(leads regclass, definition jsonb, version int) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    columns jsonb := lead_stage._current_columns(bound);
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
    names text[];
    expressions text[];
    signals regclass;
BEGIN
    SELECT array_agg(k.name ORDER BY k.place), array_agg(format('l.%I', k.name) ORDER BY k.place)
        INTO names, expressions FROM lead_stage._key_columns(leads) AS k;
    SELECT names || coalesce(array_agg(c.column_name ORDER BY c.place), '{}'),
           expressions || coalesce(array_agg(lead_stage._check_condition(leads, c.condition, c.result, columns, c.may_read_ours,
                                                                         zone, lead_stage._type_schema()) ORDER BY c.place), '{}')
        INTO names, expressions FROM lead_stage._conditions(definition) AS c;
    signals := lead_stage._make_view(leads, 'signals', lead_stage._view_made(bound, 'signals'), names, expressions, format('FROM %s AS l', lead_stage._name(leads)));
    PERFORM lead_stage._make_views(leads, definition);
    -- If leads has got it since attach.
    PERFORM lead_stage._follow_row_security(leads, (lead_stage._binding(leads)).history, lead_stage._history_columns());
    PERFORM lead_stage._follow_row_security(leads, (lead_stage._binding(leads)).state, lead_stage._state_columns());
    PERFORM lead_stage._compile_activities(a, definition) FROM lead_stage.activity_binding AS a WHERE a.binding = bound.id;
    UPDATE lead_stage.binding AS b
        SET signals = signals, version = _compile.version, columns = columns,
            added = lead_stage._follow_renames(b.added, b.columns, columns)
        WHERE b.id = bound.id;
    PERFORM lead_stage._invalidate(leads);
END
$$;
COMMENT ON FUNCTION lead_stage._compile(regclass, jsonb, int) IS 'compiles a definition for a table';

-- An example's lead as a row of the table: what it does not name has its
-- default, unless that is volatile (a sequence is not to be used up).
CREATE FUNCTION lead_stage._example_row(leads regclass, lead jsonb) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('jsonb_populate_record(ROW(%s)::%s, %L::jsonb)',
                          string_agg(coalesce(CASE WHEN NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
                                                        AND NOT EXISTS (SELECT FROM pg_depend AS u JOIN pg_proc AS f ON f.oid = u.refobjid
                                                                        WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                                                                              AND u.refclassid = 'pg_proc'::regclass AND f.provolatile = 'v')
                                                        AND pg_get_expr(d.adbin, d.adrelid) !~ '(nextval|random|clock_timestamp|gen_random_uuid|uuid_generate)'
                                                   THEN format('(%s)::%s', pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)) END,
                                              'NULL'), ', ' ORDER BY a.attnum),
                          lead_stage._name(leads), lead)
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = leads AND a.attnum > 0 AND NOT a.attisdropped);
COMMENT ON FUNCTION lead_stage._example_row(regclass, jsonb) IS 'SQL text that makes an example''s lead a row of the table';

-- The names of an example's columns are roles, or columns as they are.
CREATE FUNCTION lead_stage._with_columns(row_json jsonb, columns jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT coalesce(jsonb_object_agg(coalesce(columns ->> e.key, e.key), e.value), '{}') FROM jsonb_each(row_json) AS e);
COMMENT ON FUNCTION lead_stage._with_columns(jsonb, jsonb) IS 'a JSON row with role names replaced by the table''s columns';

-- An example's activities with their times made absolute: a time is a point
-- in time, or an interval from now.
CREATE FUNCTION lead_stage._example_activities(activities jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(jsonb_agg(a.item || jsonb_build_object('at',
                       CASE WHEN a.item ->> 'at' ~ '^\s*[-+]?\s*\d+\s*[a-z]'
                            THEN lead_stage.now() + (a.item ->> 'at')::interval
                            ELSE coalesce((a.item ->> 'at')::timestamptz, lead_stage.now()) END) ORDER BY a.place), '[]')
            FROM jsonb_array_elements(activities) WITH ORDINALITY AS a (item, place));
COMMENT ON FUNCTION lead_stage._example_activities(jsonb) IS 'an example''s activities with absolute times';

-- By the published version, or by the definition with its conditions in
-- canonical form.
CREATE FUNCTION lead_stage._example_problems(leads regclass, definition jsonb, conditions text DEFAULT NULL) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    example record;
    outcome jsonb;
    message text;
    unknown text;
BEGIN
    FOR example IN SELECT x.* FROM jsonb_to_recordset(definition -> 'example')
                       AS x (name text, lead jsonb, activities jsonb, steps jsonb, expected text) LOOP
        SELECT string_agg(DISTINCT format('"%s"', k.key), ', ') INTO unknown
            FROM (SELECT jsonb_object_keys(lead_stage._with_columns(coalesce(example.lead, '{}'), bound.columns))
                  UNION ALL
                  SELECT jsonb_object_keys(lead_stage._with_columns(s.step, bound.columns))
                      FROM jsonb_array_elements(coalesce(example.steps, '[]')) AS s (step)) AS k (key)
            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                              WHERE a.attrelid = leads AND a.attname = k.key AND a.attnum > 0 AND NOT a.attisdropped);
        IF unknown IS NOT NULL THEN
            RETURN NEXT format('example "%s": table %s has no column %s; add it, or leave it out of the example',
                               example.name, lead_stage._name(leads), unknown);
            CONTINUE;
        END IF;
        BEGIN
            -- Defaults and domains are the owner's code.
            outcome := lead_stage._evaluate_as(lead_stage._owner(leads),
                format('SELECT to_jsonb(r) FROM lead_stage._run_example(%L, %s, %L, %L, %L, %L) AS r', leads::oid,
                       lead_stage._example_row(leads, lead_stage._with_columns(coalesce(example.lead, '{}'), bound.columns)),
                       (SELECT coalesce(jsonb_agg(lead_stage._with_columns(s.step, bound.columns) ORDER BY s.place), '[]')
                        FROM jsonb_array_elements(coalesce(example.steps, '[]')) WITH ORDINALITY AS s (step, place)),
                       lead_stage._example_activities(example.activities),
                       CASE WHEN conditions IS NOT NULL THEN definition END, conditions))::jsonb;
            IF outcome ->> 'stage' IS DISTINCT FROM example.expected THEN
                RETURN NEXT format('example "%s": ends in %s, not in %s', example.name,
                                   coalesce(outcome ->> 'stage', 'no stage at all'), example.expected)
                            || coalesce(' (' || (outcome ->> 'refusals') || ')', '');
            END IF;
        EXCEPTION
            WHEN query_canceled OR insufficient_resources OR internal_error THEN
                RAISE;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
                RETURN NEXT format('example "%s": %s', example.name, message);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._example_problems(regclass, jsonb, text) IS 'the examples that do not end in their expected stage';

CREATE FUNCTION lead_stage._check_compilable(model text, tables regclass[], definition jsonb, draft boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    problems text[];
    leads regclass;
    found record;
    missing jsonb;
    commands text[] := '{}';
    activity lead_stage.activity_binding;
BEGIN
    SELECT coalesce(array_agg(p), '{}') INTO problems FROM lead_stage._definition_problems(definition) AS p;
    FOREACH leads IN ARRAY tables LOOP
        missing := '{}';
        FOR found IN SELECT t.* FROM lead_stage._table_problems(leads, definition,
                         lead_stage._current_columns(lead_stage._binding(leads))) AS t LOOP
            problems := problems || CASE WHEN cardinality(tables) > 1 THEN format('%s: %s', lead_stage._name(leads), found.problem)
                                         ELSE found.problem END;
            missing := missing || coalesce(found.missing, '{}');
        END LOOP;
        IF missing <> '{}' THEN
            commands := commands || format('ALTER TABLE %s %s;', lead_stage._name(leads),
                (SELECT string_agg(format('ADD COLUMN %I %s', e.key, e.value), ', ' ORDER BY e.key) FROM jsonb_each_text(missing) AS e));
        END IF;
    END LOOP;
    FOR activity IN SELECT a.* FROM lead_stage.activity_binding AS a JOIN lead_stage.binding AS b ON b.id = a.binding
                    WHERE b.leads = ANY (tables) ORDER BY a.source LOOP
        missing := '{}';
        FOR found IN SELECT t.* FROM lead_stage._activity_problems(activity, definition) AS t LOOP
            problems := problems || format('%s: %s', lead_stage._name(activity.activities), found.problem);
            missing := missing || coalesce(found.missing, '{}');
        END LOOP;
        IF missing <> '{}' THEN
            commands := commands || format('ALTER TABLE %s %s;', lead_stage._name(activity.activities),
                (SELECT string_agg(format('ADD COLUMN %I %s', e.key, e.value), ', ' ORDER BY e.key) FROM jsonb_each_text(missing) AS e));
        END IF;
    END LOOP;
    PERFORM lead_stage._raise_problems(model, problems,
        CASE WHEN commands <> '{}' THEN array_to_string(commands, ' ') END,
        CASE WHEN NOT draft THEN tables[1] END);
END
$$;
COMMENT ON FUNCTION lead_stage._check_compilable(text, regclass[], jsonb, boolean) IS 'raises one error with everything that is wrong with a definition';

-- Compiles a published version for one table, with everything that publish checks.
CREATE FUNCTION lead_stage._publish_version(leads regclass, version int) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    definition jsonb;
BEGIN
    SELECT v.definition INTO definition FROM lead_stage.version AS v
        WHERE v.model = bound.model AND v.version = _publish_version.version;
    PERFORM lead_stage._check_compilable(bound.model, ARRAY[leads], definition, draft => false);
    PERFORM lead_stage._compile(leads, definition, version);
    PERFORM lead_stage._raise_problems(bound.model,
        (SELECT coalesce(array_agg(p), '{}') FROM lead_stage._example_problems(leads, definition) AS p), leads => leads);
    RAISE NOTICE 'compiled version % of model "%" for table %', version, bound.model, lead_stage._name(leads);
END
$$;
COMMENT ON FUNCTION lead_stage._publish_version(regclass, int) IS 'compiles a published version for one table';

CREATE FUNCTION lead_stage.publish(model text, note text DEFAULT NULL) RETURNS int
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    tables regclass[];
    leads regclass;
    definition jsonb;
    published int;
    problems text[] := '{}';
BEGIN
    PERFORM lead_stage._require_model(model, 'publish it');
    PERFORM FROM lead_stage.model AS m WHERE m.name = model FOR UPDATE;
    SELECT coalesce(array_agg(b.leads ORDER BY b.leads::oid), '{}') INTO tables
        FROM lead_stage.binding AS b JOIN pg_class AS c ON c.oid = b.leads WHERE b.model = publish.model;
    FOREACH leads IN ARRAY tables LOOP
        PERFORM lead_stage._require_table_owner(leads, 'publish its model');
        -- Writers go on; another publish or an ALTER TABLE waits.
        PERFORM lead_stage._execute_as(lead_stage._owner(leads), format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', lead_stage._name(leads)));
        PERFORM lead_stage._require_table_owner(a.activities, 'publish its model')
            FROM lead_stage.activity_binding AS a JOIN lead_stage.binding AS b ON b.id = a.binding WHERE b.leads = leads;
    END LOOP;

    definition := lead_stage.export_model(model);
    PERFORM lead_stage._check_compilable(model, tables, definition, draft => true);
    INSERT INTO lead_stage.version (model, definition, note) VALUES (model, definition, note)
        RETURNING version INTO published;
    FOREACH leads IN ARRAY tables LOOP
        PERFORM lead_stage._compile(leads, definition, published);
    END LOOP;
    UPDATE lead_stage.model AS m SET version = published WHERE m.name = model;
    PERFORM lead_stage._invalidate('lead_stage.model');
    FOREACH leads IN ARRAY tables LOOP
        problems := problems || (SELECT coalesce(array_agg(CASE WHEN cardinality(tables) > 1 THEN format('%s: %s', lead_stage._name(leads), p) ELSE p END), '{}')
                                 FROM lead_stage._example_problems(leads, definition) AS p);
    END LOOP;
    PERFORM lead_stage._raise_problems(model, problems);

    IF tables = '{}' THEN
        RAISE NOTICE 'model "%" is attached to no table: only its structure was checked', model;
    END IF;
    RETURN published;
END
$$;
COMMENT ON FUNCTION lead_stage.publish(text, text) IS
    'checks a model''s draft and makes it what every write to its tables is judged by; returns the version';

CREATE FUNCTION lead_stage.unpublish(leads regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    columns jsonb := lead_stage._current_columns(bound);
BEGIN
    PERFORM lead_stage._require_model(bound.model, 'unpublish it');
    PERFORM lead_stage._require_table_owner(leads, 'unpublish its model');
    PERFORM lead_stage._execute_as(lead_stage._owner(leads), format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', lead_stage._name(leads)));
    PERFORM lead_stage._drop_views(bound);
    UPDATE lead_stage.binding AS b
        SET version = NULL, signals = NULL, live = NULL, columns = columns,
            added = lead_stage._follow_renames(b.added, b.columns, columns)
        WHERE b.id = bound.id;
    PERFORM lead_stage._invalidate(leads);
END
$$;
COMMENT ON FUNCTION lead_stage.unpublish(regclass) IS
    'drops a table''s compiled model and views, so that its columns can be altered; until republish no stage moves';

CREATE FUNCTION lead_stage.republish(leads regclass) RETURNS int
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    published int;
BEGIN
    PERFORM lead_stage._require_model(bound.model, 'republish it');
    PERFORM lead_stage._require_table_owner(leads, 'republish its model');
    SELECT m.version INTO published FROM lead_stage.model AS m WHERE m.name = bound.model;
    IF published IS NULL THEN
        RAISE EXCEPTION 'model "%" has never been published', bound.model
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish().';
    END IF;
    PERFORM lead_stage._execute_as(lead_stage._owner(leads), format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', lead_stage._name(leads)));
    PERFORM lead_stage._publish_version(leads, published);
    RETURN published;
END
$$;
COMMENT ON FUNCTION lead_stage.republish(regclass) IS
    'compiles the published version of a table''s model again; the draft is left alone';
