-- 34-import-export.sql
-- A model as one JSON document, there and back, and what differs between two
-- of them.
--
-- import of an export changes nothing, whatever the session's settings: the
-- formats of intervals, times and numbers are pinned in every function that
-- turns rows into JSON or JSON into rows.

CREATE FUNCTION lead_stage._quoted_list(names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT string_agg('"' || n || '"', ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY AS u (n, o));
COMMENT ON FUNCTION lead_stage._quoted_list(text[]) IS 'names for a message: "a", "b"';

CREATE FUNCTION lead_stage._check_model(model text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    there text;
BEGIN
    IF model IS NULL THEN
        RAISE EXCEPTION 'model must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give the name of a model; lead_stage.model lists them.';
    END IF;
    IF EXISTS (SELECT FROM lead_stage.model AS m WHERE m.name = _check_model.model) THEN
        RETURN;
    END IF;
    SELECT lead_stage._quoted_list(array_agg(m.name ORDER BY m.name COLLATE "C")) INTO there
        FROM lead_stage.model AS m;
    RAISE EXCEPTION 'model "%" does not exist', model
        USING ERRCODE = 'undefined_object',
              HINT = coalesce('There is ' || there || '.',
                              'There are no models yet: lead_stage.import_model(lead_stage.template(name)) makes one.');
END
$$;
COMMENT ON FUNCTION lead_stage._check_model(text) IS 'raises an error unless there is such a model';

-- The parts of a definition, in the order in which foreign keys let them be
-- inserted, and the order of their rows: that of evaluation where there is one.
CREATE FUNCTION lead_stage._parts(OUT part text, OUT key text, OUT sort text, OUT place integer) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    VALUES ('category', 'name', 't.name COLLATE "C"', 1),
           ('band', 'label', 't.kind COLLATE "C" DESC, t.min_points', 2),
           ('rule', 'name', 't.name COLLATE "C"', 3),
           ('criterion', 'name', 't.position, t.name COLLATE "C"', 4),
           ('transition', 'name', 't.position, t.name COLLATE "C"', 5),
           ('route', 'name', 't.position, t.name COLLATE "C"', 6),
           ('rep', 'name', 't.pool COLLATE "C", t.name COLLATE "C"', 7),
           ('sla', 'name', 't.name COLLATE "C"', 8),
           ('milestone', 'name', 't.name COLLATE "C"', 9),
           ('example', 'name', 't.name COLLATE "C"', 10);
END;
COMMENT ON FUNCTION lead_stage._parts() IS 'the tables that a definition is made of';

CREATE FUNCTION lead_stage._without_nulls(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- Not jsonb_strip_nulls: a null inside an example's lead means something.
    RETURN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
            FROM jsonb_each(object) AS e WHERE e.value <> 'null');
COMMENT ON FUNCTION lead_stage._without_nulls(jsonb) IS 'a JSON object without the keys whose value is null';

-- VOLATILE, so that export_model(import_model(definition)) sees what the import
-- has just written; and one statement, so that it is of one moment all the same.
CREATE FUNCTION lead_stage.export_model(model text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET datestyle = 'ISO, YMD'
    SET extra_float_digits = 1
    SET intervalstyle = 'postgres'
    SET timezone = 'UTC'
AS $$
DECLARE
    parts text;
    definition jsonb;
BEGIN
    PERFORM lead_stage._check_model(model);

    SELECT string_agg(format($part$
               %L, (SELECT coalesce(jsonb_agg(lead_stage._without_nulls(to_jsonb(t) - 'model') ORDER BY %s), '[]')
                    FROM lead_stage.%I AS t WHERE t.model = m.name)$part$, p.part, p.sort, p.part), ',' ORDER BY p.place)
        INTO parts
        FROM lead_stage._parts() AS p;

    -- The calendars it names go with it.
    EXECUTE format($query$
        SELECT jsonb_build_object(
               'model', lead_stage._without_nulls(to_jsonb(m) - '{owner,version,next_rule_id}'::text[]), %s,
               'calendar',
               (SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'name', c.name,
                           'time_zone', c.time_zone,
                           'hours', (SELECT coalesce(jsonb_agg(to_jsonb(h) - 'calendar' ORDER BY h.dow, h.opens), '[]')
                                     FROM lead_stage.calendar_hours AS h WHERE h.calendar = c.name),
                           'holiday', (SELECT coalesce(jsonb_agg(lead_stage._without_nulls(to_jsonb(d) - 'calendar')
                                                                 ORDER BY d.day), '[]')
                                       FROM lead_stage.holiday AS d WHERE d.calendar = c.name))
                           ORDER BY c.name COLLATE "C"), '[]')
                FROM lead_stage.calendar AS c
                WHERE c.name = m.calendar
                   OR c.name IN (SELECT s.calendar FROM lead_stage.sla AS s WHERE s.model = m.name)))
            FROM lead_stage.model AS m WHERE m.name = $1$query$, parts)
        INTO definition USING model;
    RETURN definition;
END
$$;
COMMENT ON FUNCTION lead_stage.export_model(text)
    IS 'the draft of a model as one JSON document, for import_model';

-- Import: everything is checked against the tables' own columns first, so that
-- an error can say what is wrong and where.

CREATE FUNCTION lead_stage._check_rows(part text, key text, relation regclass, rows jsonb, leave_out text[],
                                       nested text[] DEFAULT '{}')
    RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
    f record;
    place text;
    known text[];
    expected text;
    given text;
BEGIN
    IF jsonb_typeof(rows) <> 'array' THEN
        RAISE EXCEPTION 'invalid definition: "%" is not an array', part
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Compare it with what lead_stage.export_model writes.';
    END IF;

    SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO known
        FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (leave_out);
    known := known || nested;

    FOR r IN SELECT e.value AS item, e.ordinality AS number FROM jsonb_array_elements(rows) WITH ORDINALITY AS e LOOP
        place := part || coalesce(' "' || CASE jsonb_typeof(r.item) WHEN 'object' THEN r.item ->> key END || '"',
                                  CASE WHEN part <> 'model' THEN ' number ' || r.number ELSE '' END);
        IF jsonb_typeof(r.item) <> 'object' THEN
            RAISE EXCEPTION 'invalid definition: % is not an object', place
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('Its keys are %s.', lead_stage._quoted_list(known));
        END IF;

        FOR f IN SELECT e.key, e.value, a.attname, a.atttypid
                 FROM jsonb_each(r.item) AS e
                      LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = e.key AND e.key = ANY (known)
                 WHERE e.key <> ALL (nested)
                 ORDER BY e.key COLLATE "C" LOOP
            IF f.attname IS NULL THEN
                RAISE EXCEPTION 'invalid definition: % has an unknown key "%"', place, f.key
                    USING ERRCODE = 'invalid_parameter_value',
                          HINT = format('Its keys are %s.', lead_stage._quoted_list(known));
            END IF;
            given := jsonb_typeof(f.value);
            expected := CASE f.atttypid
                            WHEN 'integer'::regtype THEN 'integer'
                            WHEN 'double precision'::regtype THEN 'number'
                            WHEN 'boolean'::regtype THEN 'boolean'
                            WHEN 'text[]'::regtype THEN 'array of strings'
                            WHEN 'jsonb'::regtype THEN given
                            ELSE 'string'
                        END;
            IF given = 'number' AND expected = 'integer' AND (f.value #>> '{}')::numeric % 1 = 0 THEN
                given := 'integer';
            ELSIF given = 'array' AND expected = 'array of strings'
                  AND NOT jsonb_path_exists(f.value, 'strict $[*] ? (@.type() != "string")') THEN
                given := expected;
            END IF;
            -- A null is a key left out.
            IF given <> expected AND given <> 'null' THEN
                RAISE EXCEPTION 'invalid definition: "%" of % is of the wrong type', f.key, place
                    USING ERRCODE = 'invalid_parameter_value',
                          DETAIL = format('Expected %s, found %s.', expected, f.value);
            END IF;
        END LOOP;

        FOR f IN SELECT a.attname
                 FROM pg_attribute AS a
                 WHERE a.attrelid = relation AND a.attname = ANY (known) AND a.attnotnull AND NOT a.atthasdef
                   AND a.attname <> 'id' AND coalesce(r.item -> a.attname::text, 'null') = 'null'
                 ORDER BY a.attnum LOOP
            RAISE EXCEPTION 'invalid definition: % has no "%"', place, f.attname
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('Its keys are %s.', lead_stage._quoted_list(known));
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._check_rows(text, text, regclass, jsonb, text[], text[])
    IS 'raises an error unless the rows of a definition fit the columns of their table';

CREATE FUNCTION lead_stage._insert_row(relation regclass, owner_column text, owner text, item jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text;
BEGIN
    -- Only the columns that are given, so that the others take their defaults.
    SELECT coalesce(string_agg(', ' || quote_ident(e.key), '' ORDER BY e.key), '') INTO columns
        FROM jsonb_each(item) AS e WHERE e.value <> 'null' AND e.key <> owner_column;
    EXECUTE format('INSERT INTO %1$s (%2$I%3$s) SELECT $1%3$s FROM jsonb_populate_record(NULL::%1$s, $2)',
                   relation, owner_column, columns)
        USING owner, item;
END
$$;
COMMENT ON FUNCTION lead_stage._insert_row(regclass, text, text, jsonb)
    IS 'inserts a row of a definition';

CREATE FUNCTION lead_stage._check_calendars(calendars jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c jsonb;
BEGIN
    PERFORM lead_stage._check_rows('calendar', 'name', 'lead_stage.calendar', calendars, '{owner}', '{hours,holiday}');
    FOR c IN SELECT e.value FROM jsonb_array_elements(calendars) AS e LOOP
        PERFORM lead_stage._check_rows('hours', 'dow', 'lead_stage.calendar_hours', coalesce(c -> 'hours', '[]'), '{calendar}');
        PERFORM lead_stage._check_rows('holiday', 'day', 'lead_stage.holiday', coalesce(c -> 'holiday', '[]'), '{calendar}');
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._check_calendars(jsonb)
    IS 'raises an error unless the calendars of a definition fit their tables';

CREATE FUNCTION lead_stage._insert_calendar(calendar jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    calendar_name text := calendar ->> 'name';
BEGIN
    -- Calendars are shared: one that is there is left as it is.
    IF EXISTS (SELECT FROM lead_stage.calendar AS c WHERE c.name = calendar_name) THEN
        RETURN;
    END IF;
    PERFORM lead_stage._insert_row('lead_stage.calendar', 'name', calendar_name, calendar - '{hours,holiday}'::text[]);
    PERFORM lead_stage._insert_row('lead_stage.calendar_hours', 'calendar', calendar_name, e.value)
        FROM jsonb_array_elements(calendar -> 'hours') AS e;
    PERFORM lead_stage._insert_row('lead_stage.holiday', 'calendar', calendar_name, e.value)
        FROM jsonb_array_elements(calendar -> 'holiday') AS e;
END
$$;
COMMENT ON FUNCTION lead_stage._insert_calendar(jsonb)
    IS 'makes a calendar of a definition, unless there is one of that name';

CREATE FUNCTION lead_stage.import_model(definition jsonb, name text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET datestyle = 'ISO, YMD'
    SET intervalstyle = 'postgres'
    SET timezone = 'UTC'
AS $$
DECLARE
    target text;
    head jsonb;
    old lead_stage.model;
    is_new boolean;
    trusted boolean;
    ids jsonb := '{}';
    taken jsonb := '[]';
    p record;
    r jsonb;
    place text;
    state text;
    message text;
    detail text;
    hint text;
    constr text;
    tab text;
BEGIN
    IF definition IS NULL THEN
        RAISE EXCEPTION 'definition must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'lead_stage.export_model and lead_stage.template return definitions.';
    END IF;
    IF jsonb_typeof(definition) <> 'object' OR jsonb_typeof(definition -> 'model') IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'invalid definition: it is not an object with an object "model"'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Compare it with what lead_stage.export_model writes.';
    END IF;
    SELECT e.key INTO place
        FROM jsonb_object_keys(definition) AS e (key)
        WHERE e.key NOT IN ('model', 'calendar') AND e.key NOT IN (SELECT q.part FROM lead_stage._parts() AS q)
        ORDER BY e.key COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid definition: unknown key "%"', place
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Its keys are "model", %s, "calendar".',
                                (SELECT lead_stage._quoted_list(array_agg(q.part ORDER BY q.place))
                                 FROM lead_stage._parts() AS q));
    END IF;

    head := lead_stage._without_nulls(definition -> 'model');
    IF import_model.name IS NOT NULL THEN
        head := head || jsonb_build_object('name', import_model.name);
    END IF;
    PERFORM lead_stage._check_rows('model', 'name', 'lead_stage.model', jsonb_build_array(head),
                                   '{owner,version,next_rule_id}');
    target := head ->> 'name';
    FOR p IN SELECT * FROM lead_stage._parts() LOOP
        PERFORM lead_stage._check_rows(p.part, p.key, ('lead_stage.' || p.part)::regclass,
                                       coalesce(definition -> p.part, '[]'), '{model}');
    END LOOP;
    PERFORM lead_stage._check_calendars(coalesce(definition -> 'calendar', '[]'));

    SELECT m.* INTO old FROM lead_stage.model AS m WHERE m.name = target;
    is_new := NOT FOUND;
    IF NOT is_new THEN
        IF NOT lead_stage._is_member(old.owner) THEN
            RAISE EXCEPTION 'must be member of role "%" to change model "%"', old.owner, target
                USING ERRCODE = 'insufficient_privilege',
                      HINT = 'Import it under another name: lead_stage.import_model(definition, name).';
        END IF;
        -- Two imports of one model: one after the other.
        PERFORM FROM lead_stage.model AS m WHERE m.name = target FOR UPDATE;
    END IF;

    -- The ids in the definition are this model's own if it carries this
    -- model's id, and can be had if there is no such model.  Otherwise a rule
    -- that the draft knows by name keeps the id it has here.
    trusted := is_new OR (head -> 'id') = to_jsonb(old.id);
    IF NOT is_new THEN
        SELECT coalesce(jsonb_object_agg(t.name, t.id), '{}') INTO ids FROM lead_stage.rule AS t WHERE t.model = target;
    END IF;
    IF trusted THEN
        SELECT coalesce(jsonb_agg(e -> 'id'), '[]') INTO taken
            FROM jsonb_array_elements(definition -> 'rule') AS e
            WHERE e -> 'id' <> 'null';
    END IF;

    BEGIN
        place := 'model "' || target || '"';
        IF is_new THEN
            IF EXISTS (SELECT FROM lead_stage.model AS m WHERE to_jsonb(m.id) = head -> 'id') THEN
                head := head - 'id';
            END IF;
            PERFORM lead_stage._insert_row('lead_stage.model', 'name', target, head);
        ELSE
            FOR p IN SELECT * FROM lead_stage._parts() ORDER BY _parts.place DESC LOOP
                EXECUTE format('DELETE FROM lead_stage.%I WHERE model = $1', p.part) USING target;
            END LOOP;
            UPDATE lead_stage.model AS m
                SET title = n.title, description = n.description, labels = coalesce(n.labels, '{}'),
                    time_zone = coalesce(n.time_zone, 'UTC'), calendar = n.calendar,
                    on_refused = coalesce(n.on_refused, 'error'), on_rule_error = coalesce(n.on_rule_error, 'skip'),
                    notify = coalesce(n.notify, false)
                FROM jsonb_populate_record(NULL::lead_stage.model, head) AS n
                WHERE m.name = target;
        END IF;

        FOR p IN SELECT * FROM lead_stage._parts() LOOP
            -- Rules that bring an id come first: the others are numbered
            -- from above the highest.
            FOR r IN SELECT e.value
                     FROM jsonb_array_elements(coalesce(definition -> p.part, '[]')) WITH ORDINALITY AS e
                     ORDER BY p.part = 'rule' AND coalesce(e.value -> 'id', 'null') = 'null', e.ordinality LOOP
                place := p.part || ' "' || (r ->> p.key) || '"';
                IF p.part = 'rule' THEN
                    IF NOT trusted THEN
                        r := r - 'id';
                    END IF;
                    IF coalesce(r -> 'id', 'null') = 'null' AND NOT taken @> coalesce(ids -> (r ->> 'name'), 'null') THEN
                        r := r || jsonb_build_object('id', ids -> (r ->> 'name'));
                    END IF;
                END IF;
                PERFORM lead_stage._insert_row(('lead_stage.' || p.part)::regclass, 'model', target, r);
            END LOOP;
        END LOOP;

        FOR r IN SELECT e.value FROM jsonb_array_elements(coalesce(definition -> 'calendar', '[]')) AS e LOOP
            place := 'calendar "' || (r ->> 'name') || '"';
            PERFORM lead_stage._insert_calendar(r);
        END LOOP;
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                    hint = PG_EXCEPTION_HINT, constr = CONSTRAINT_NAME, tab = TABLE_NAME;
            -- A text that its type refuses is a wrong value of the definition.
            IF state LIKE '22%' THEN
                state := '22023';
            END IF;
            -- RAISE takes no null, and would print an empty line.
            detail := coalesce(nullif(detail, ''), format('In the definition of model "%s".', target));
            hint := coalesce(nullif(hint, ''), 'Nothing was changed; mend the definition and import it again.');
            RAISE EXCEPTION 'invalid definition: %: %', place, message
                USING ERRCODE = state, DETAIL = detail, HINT = hint,
                      SCHEMA = CASE WHEN tab <> '' THEN 'lead_stage' ELSE '' END, TABLE = tab, CONSTRAINT = constr;
    END;
    RETURN target;
END
$$;
COMMENT ON FUNCTION lead_stage.import_model(jsonb, text)
    IS 'replaces the draft of a model by a definition, or makes a new model of it; returns its name';

-- What changed.

CREATE FUNCTION lead_stage._definition(model text, version integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_definition jsonb;
    there text;
BEGIN
    IF version IS NULL THEN
        RETURN lead_stage.export_model(model);
    END IF;
    SELECT v.definition INTO found_definition
        FROM lead_stage.version AS v
        WHERE v.model = _definition.model AND v.version = _definition.version;
    IF NOT FOUND THEN
        SELECT string_agg(v.version::text, ', ' ORDER BY v.version) INTO there
            FROM lead_stage.version AS v WHERE v.model = _definition.model;
        RAISE EXCEPTION 'version % of model "%" does not exist', version, model
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Its versions are ' || there || '; null is the draft.',
                                  'It has not been published yet; null is the draft.');
    END IF;
    RETURN found_definition;
END
$$;
COMMENT ON FUNCTION lead_stage._definition(text, integer) IS 'a published version of a model, or its draft';

-- The rows of a definition, each under what makes it the same row in another
-- definition.
CREATE FUNCTION lead_stage._definition_rows(definition jsonb, OUT place integer, OUT kind text, OUT identity text,
                                            OUT name text, OUT item jsonb)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT 0, 'model', '', definition -> 'model' ->> 'name', definition -> 'model'
    UNION ALL
    SELECT p.place, p.part,
           CASE p.part WHEN 'rule' THEN e.value ->> 'id' ELSE n.name END, n.name, e.value
        FROM (SELECT q.place, q.part FROM lead_stage._parts() AS q
              UNION ALL VALUES (100, 'calendar')) AS p (place, part)
             CROSS JOIN LATERAL jsonb_array_elements(definition -> p.part) AS e
             CROSS JOIN LATERAL (SELECT CASE p.part
                                            WHEN 'band' THEN (e.value ->> 'kind') || ' ' || (e.value ->> 'label')
                                            WHEN 'rep' THEN (e.value ->> 'pool') || ' ' || (e.value ->> 'name')
                                            ELSE e.value ->> 'name'
                                        END) AS n (name);
END;
COMMENT ON FUNCTION lead_stage._definition_rows(jsonb) IS 'the parts of a definition as rows';

CREATE FUNCTION lead_stage.diff_versions(model text, a integer, b integer)
    RETURNS TABLE (kind text, name text, change text, before jsonb, after jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old jsonb;
    new jsonb;
BEGIN
    PERFORM lead_stage._check_model(model);
    old := lead_stage._definition(model, a);
    new := lead_stage._definition(model, b);
    RETURN QUERY
        SELECT coalesce(y.kind, x.kind), coalesce(y.name, x.name),
               CASE WHEN x.item IS NULL THEN 'added' WHEN y.item IS NULL THEN 'removed' ELSE 'changed' END,
               x.item, y.item
            FROM lead_stage._definition_rows(old) AS x
                 FULL JOIN lead_stage._definition_rows(new) AS y ON x.kind = y.kind AND x.identity = y.identity
            WHERE x.item IS DISTINCT FROM y.item
            ORDER BY coalesce(y.place, x.place), coalesce(y.name, x.name) COLLATE "C";
END
$$;
COMMENT ON FUNCTION lead_stage.diff_versions(text, integer, integer)
    IS 'what differs between two versions of a model; null stands for the draft';
