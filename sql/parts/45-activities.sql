-- Attaching tables of activities: what leads do elsewhere counts as engagement.

-- The engagement rules of a source that have a condition over its rows.
CREATE FUNCTION lead_stage._activity_conditions(definition jsonb, source text,
    OUT place int, OUT name text, OUT column_name text, OUT condition text)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.place::int, o.item ->> 'name', 'engagement_' || (o.item ->> 'name'), o.item ->> 'condition'
        FROM jsonb_array_elements(definition -> 'rule') WITH ORDINALITY AS o (item, place)
        WHERE o.item ->> 'kind' = 'engagement' AND o.item ->> 'source' = source
              AND o.item ->> 'condition' IS NOT NULL AND coalesce((o.item ->> 'enabled')::bool, true)
        ORDER BY o.place;
END;
COMMENT ON FUNCTION lead_stage._activity_conditions(jsonb, text) IS 'every condition over the rows of an activity source in a definition';

-- What keeps a definition's engagement rules from being compiled.
CREATE FUNCTION lead_stage._activity_problems(bound lead_stage.activity_binding, definition jsonb,
    OUT problem text, OUT missing jsonb)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    c record;
    message text;
    advice text;
    state text;
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
BEGIN
    FOR c IN SELECT * FROM lead_stage._activity_conditions(definition, bound.source) AS k ORDER BY k.place LOOP
        missing := NULL;
        BEGIN
            PERFORM lead_stage._check_condition(bound.activities, c.condition, 'bool', '{}', false, zone, lead_stage._type_schema());
        EXCEPTION
            WHEN query_canceled OR insufficient_resources OR internal_error THEN
                RAISE;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
                message := replace(replace(message, 'trigger WHEN conditions', 'conditions'), 'trigger WHEN condition', 'condition');
                problem := format('rule "%s": %s', c.name, message) || CASE WHEN advice = '' THEN '' ELSE ' (' || advice || ')' END;
                IF state = '42703' THEN
                    missing := coalesce(lead_stage._guess_columns(bound.activities, c.condition, 'bool', '{}', false, zone, '{}'), '{}');
                END IF;
                RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._activity_problems(lead_stage.activity_binding, jsonb) IS 'what keeps a definition from being compiled for a table of activities';

-- Makes the signals view of a table of activities.
CREATE FUNCTION lead_stage._compile_activities(bound lead_stage.activity_binding, definition jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
    names text[];
    expressions text[];
    signals regclass;
BEGIN
    SELECT array_agg(k.name ORDER BY k.place) INTO names FROM lead_stage._key_columns(bound.activities) AS k;
    names := coalesce(names, bound.lead_key || CASE WHEN bound.at = ANY (bound.lead_key) THEN '{}'::text[] ELSE ARRAY[bound.at] END);
    SELECT array_agg(format('l.%I', n.name) ORDER BY n.place) INTO expressions FROM unnest(names) WITH ORDINALITY AS n (name, place);
    SELECT names || coalesce(array_agg(c.column_name ORDER BY c.place), '{}'),
           expressions || coalesce(array_agg(lead_stage._check_condition(bound.activities, c.condition, 'bool', '{}', false, zone,
                                                                         lead_stage._type_schema()) ORDER BY c.place), '{}')
        INTO names, expressions FROM lead_stage._activity_conditions(definition, bound.source) AS c;
    signals := lead_stage._make_view(bound.activities, 'signals',
                                     CASE WHEN lead_stage._exists(bound.signals) THEN bound.signals END, names, expressions,
                                     format('FROM %s AS l', lead_stage._name(bound.activities)));
    UPDATE lead_stage.activity_binding AS b SET signals = signals WHERE b.id = bound.id;
    PERFORM lead_stage._invalidate(bound.activities);
END
$$;
COMMENT ON FUNCTION lead_stage._compile_activities(lead_stage.activity_binding, jsonb) IS 'compiles a definition''s engagement rules for a table of activities';

CREATE FUNCTION lead_stage._count_activities() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_count_activities'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._count_activities() IS 'trigger: counts a statement''s activities for their leads';

-- A statement trigger stands on every table of a partition tree: the one that
-- a statement names is the one that fires.
CREATE FUNCTION lead_stage._make_activity_triggers(bound lead_stage.activity_binding) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    relation regclass;
    kind record;
BEGIN
    FOR relation IN SELECT bound.activities UNION SELECT p.relid FROM pg_partition_tree(bound.activities) AS p LOOP
        FOR kind IN VALUES ('lead_stage_insert', 'INSERT', 'REFERENCING NEW TABLE AS new_rows'),
                           ('lead_stage_update', 'UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                           ('lead_stage_delete', 'DELETE', 'REFERENCING OLD TABLE AS old_rows'),
                           ('lead_stage_truncate', 'TRUNCATE', '') LOOP
            CONTINUE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = relation AND t.tgname = kind.column1);
            PERFORM lead_stage._execute_as(lead_stage._owner(relation), format(
                'CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._count_activities(%L)',
                kind.column1, kind.column2, lead_stage._name(relation), kind.column3, bound.id));
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._make_activity_triggers(lead_stage.activity_binding) IS 'creates the triggers of a table of activities that are missing';

CREATE FUNCTION lead_stage._drop_activity(bound lead_stage.activity_binding) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    trigger record;
BEGIN
    FOR trigger IN
        SELECT t.tgname, t.tgrelid::regclass AS relation
            FROM pg_trigger AS t
            WHERE t.tgfoid = 'lead_stage._count_activities()'::regprocedure
                  AND (t.tgrelid = bound.activities OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(bound.activities) AS p))
    LOOP
        PERFORM lead_stage._execute_as(lead_stage._owner(trigger.relation),
            format('DROP TRIGGER %I ON %s', trigger.tgname, lead_stage._name(trigger.relation)));
    END LOOP;
    PERFORM lead_stage._drop_activity_view(bound);
    DELETE FROM lead_stage.activity_binding AS b WHERE b.id = bound.id;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_activity(lead_stage.activity_binding) IS 'detaches a table of activities';

CREATE FUNCTION lead_stage._drop_activity_view(bound lead_stage.activity_binding) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = bound.signals AND c.relkind = 'v') THEN
        PERFORM lead_stage._execute_as(lead_stage._owner(bound.signals), format('DROP VIEW %s', lead_stage._name(bound.signals)));
    END IF;
    UPDATE lead_stage.activity_binding AS b SET signals = NULL WHERE b.id = bound.id;
    IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = bound.activities) THEN
        PERFORM lead_stage._invalidate(bound.activities);
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_activity_view(lead_stage.activity_binding) IS 'drops the signals view of a table of activities';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage._check_activities(activities regclass, leads regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rel record;
BEGIN
    IF activities IS NULL OR leads IS NULL THEN
        RAISE EXCEPTION 'the table must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT c.*, n.nspname INTO rel FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = activities;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relation with OID % does not exist', activities::oid USING ERRCODE = 'undefined_table';
    END IF;
    IF rel.relkind NOT IN ('r', 'p') OR rel.relpersistence = 't' OR rel.nspname IN ('pg_catalog', 'information_schema', 'lead_stage') THEN
        RAISE EXCEPTION '"%" is not a table of activities', rel.relname
            USING ERRCODE = 'wrong_object_type', HINT = 'Attach the permanent table that the activities are stored in.';
    END IF;
    IF rel.relispartition THEN
        RAISE EXCEPTION '"%" is a partition', rel.relname
            USING ERRCODE = 'wrong_object_type', HINT = 'Attach its parent; that covers every partition.';
    END IF;
    IF rel.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits AS i WHERE activities IN (i.inhrelid, i.inhparent)) THEN
        RAISE EXCEPTION 'table "%" takes part in inheritance', rel.relname
            USING ERRCODE = 'feature_not_supported', HINT = 'Use declarative partitioning.';
    END IF;
    IF activities = leads OR EXISTS (SELECT FROM lead_stage.binding AS b WHERE activities IN (b.leads, b.history, b.state)) THEN
        RAISE EXCEPTION '"%" is a table of leads or belongs to one', rel.relname
            USING ERRCODE = 'wrong_object_type', HINT = 'Attach the table that the activities are stored in.';
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._check_activities(regclass, regclass) IS 'raises unless the relation can be attached as activities';

-- The columns of activities that hold the lead's key, in the key's order.
CREATE FUNCTION lead_stage._find_lead_key(activities regclass, leads regclass, given text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    parts int := (SELECT count(*) FROM lead_stage._key_columns(leads) AS k);
    found text[];
    found_keys int;
    wrong text;
BEGIN
    IF given IS NULL THEN
        SELECT count(*), min(f.columns) INTO found_keys, found
            FROM (SELECT (SELECT array_agg(a.attname::text ORDER BY k.place)
                          FROM lead_stage._key_columns(leads) AS k
                               JOIN pg_attribute AS l ON l.attrelid = leads AND l.attname = k.name
                               JOIN unnest(c.conkey, c.confkey) AS p (attnum, fattnum) ON p.fattnum = l.attnum
                               JOIN pg_attribute AS a ON a.attrelid = activities AND a.attnum = p.attnum) AS columns
                  FROM pg_constraint AS c
                  WHERE c.contype = 'f' AND c.conrelid = activities AND c.confrelid = leads) AS f
            WHERE cardinality(f.columns) = parts;
        IF found_keys <> 1 THEN
            RAISE EXCEPTION 'cannot tell which lead a row of "%" belongs to', (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities)
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      DETAIL = CASE found_keys WHEN 0 THEN 'It has no foreign key to the primary key of leads.'
                                               ELSE 'It has more than one foreign key to leads.' END,
                      HINT = 'Name the columns: lead_key => ''{lead_id}''.';
        END IF;
        RETURN found;
    END IF;
    IF cardinality(given) <> parts THEN
        RAISE EXCEPTION 'the key of table "%" has % parts, not %', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads), parts, cardinality(given)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT string_agg(format('"%s"', g), ', ') INTO wrong FROM unnest(given) AS g
        WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = activities AND a.attname = g AND a.attnum > 0 AND NOT a.attisdropped);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column % of relation "%" does not exist', wrong, (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities)
            USING ERRCODE = 'undefined_column';
    END IF;
    RETURN given;
END
$$;
COMMENT ON FUNCTION lead_stage._find_lead_key(regclass, regclass, text[]) IS 'the columns of activities that hold the lead''s key';

-- The column that says when: the one of type timestamptz, or the one named so.
CREATE FUNCTION lead_stage._find_time(activities regclass, given text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    name text := (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities);
    candidates text[];
    type regtype;
BEGIN
    IF given IS NOT NULL THEN
        SELECT a.atttypid INTO type FROM pg_attribute AS a
            WHERE a.attrelid = activities AND a.attname = given AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'column "%" of relation "%" does not exist', given, name USING ERRCODE = 'undefined_column';
        END IF;
        IF type <> 'timestamptz'::regtype THEN
            RAISE EXCEPTION 'column "%" of table "%" is of type %, not timestamp with time zone', given, name, type
                USING ERRCODE = 'datatype_mismatch',
                      HINT = 'A point in time needs a zone; alter the column''s type.';
        END IF;
        RETURN given;
    END IF;
    SELECT array_agg(a.attname::text ORDER BY a.attname::text <> ALL ('{at,occurred_at,happened_at,event_at,created_at}'), a.attnum)
        INTO candidates
        FROM pg_attribute AS a
        WHERE a.attrelid = activities AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'timestamptz'::regtype;
    IF candidates IS NULL OR (cardinality(candidates) > 1
                              AND candidates[1] <> ALL ('{at,occurred_at,happened_at,event_at,created_at}'::text[])) THEN
        RAISE EXCEPTION 'cannot tell when a row of "%" happened', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Name the column of type timestamp with time zone: at => ''happened_at''.';
    END IF;
    RETURN candidates[1];
END
$$;
COMMENT ON FUNCTION lead_stage._find_time(regclass, text) IS 'the column of activities that says when';

CREATE FUNCTION lead_stage.attach_activity(activities regclass, leads regclass, source text DEFAULT NULL,
    lead_key text[] DEFAULT NULL, at text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    activity lead_stage.activity_binding;
    definition jsonb;
    problems text[];
    missing jsonb := '{}';
    lacking record;
BEGIN
    PERFORM lead_stage._check_activities(activities, leads);
    PERFORM lead_stage._require_model(bound.model, 'attach activities to it');
    PERFORM lead_stage._require_table_owner(leads, 'attach activities to it');
    PERFORM lead_stage._require_table_owner(activities, 'attach it');
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', lead_stage._name(activities));
    source := coalesce(source, (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities));
    lead_key := lead_stage._find_lead_key(activities, leads, lead_key);
    at := lead_stage._find_time(activities, at);

    SELECT b.* INTO activity FROM lead_stage.activity_binding AS b WHERE b.activities = attach_activity.activities;
    IF FOUND AND (activity.binding <> bound.id OR activity.source <> source OR activity.lead_key <> lead_key OR activity.at <> at) THEN
        RAISE EXCEPTION 'table "%" is already attached as activities, with other settings',
                (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.detach_activity() first.';
    END IF;
    IF NOT FOUND AND EXISTS (SELECT FROM lead_stage.activity_binding AS b WHERE b.binding = bound.id AND b.source = attach_activity.source) THEN
        RAISE EXCEPTION 'source "%" of table "%" is another table already', source, (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'unique_violation',
                  DETAIL = format('It is %s.', (SELECT b.activities::regclass FROM lead_stage.activity_binding AS b WHERE b.binding = bound.id AND b.source = attach_activity.source)),
                  HINT = 'Give this table a source of its own, and rules for it.';
    END IF;
    IF activity.id IS NULL THEN
        INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
            VALUES (bound.id, activities, source, lead_key, at)
            RETURNING * INTO activity;
        RAISE NOTICE 'attached table % as source "%" of %', lead_stage._name(activities), source, lead_stage._name(leads);
    ELSE
        RAISE NOTICE 'table % is already attached as source "%"', lead_stage._name(activities), source;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index AS i
                   WHERE i.indrelid = activities AND i.indisvalid AND i.indpred IS NULL
                         AND (SELECT array_agg(a.attname::text ORDER BY a.attname)
                              FROM unnest((i.indkey::int2[])[0:cardinality(lead_key) - 1]) AS k (attnum)
                                   JOIN pg_attribute AS a ON a.attrelid = activities AND a.attnum = k.attnum)
                             = (SELECT array_agg(k ORDER BY k) FROM unnest(lead_key) AS k)) THEN
        RAISE NOTICE 'table % has no index on (%); changes and deletions of activities will be slow', lead_stage._name(activities),
            (SELECT string_agg(quote_ident(k), ', ') FROM unnest(lead_key) AS k)
            USING HINT = format('CREATE INDEX ON %s (%s);', lead_stage._name(activities),
                                (SELECT string_agg(quote_ident(k), ', ') FROM unnest(lead_key) AS k));
    END IF;
    PERFORM lead_stage._make_activity_triggers(activity);

    IF bound.version IS NOT NULL THEN
        SELECT v.definition INTO definition FROM lead_stage.version AS v WHERE v.model = bound.model AND v.version = bound.version;
        SELECT coalesce(array_agg(p.problem), '{}') INTO problems FROM lead_stage._activity_problems(activity, definition) AS p;
        FOR lacking IN SELECT p.missing FROM lead_stage._activity_problems(activity, definition) AS p WHERE p.missing IS NOT NULL LOOP
            missing := missing || lacking.missing;
        END LOOP;
        PERFORM lead_stage._raise_problems(bound.model, problems, CASE WHEN missing <> '{}' THEN
            format('ALTER TABLE %s %s;', lead_stage._name(activities),
                   (SELECT string_agg(format('ADD COLUMN %I %s', e.key, e.value), ', ' ORDER BY e.key) FROM jsonb_each_text(missing) AS e)) END);
        PERFORM lead_stage._compile_activities(activity, definition);
    END IF;
    PERFORM lead_stage._invalidate(leads);
END
$$;
COMMENT ON FUNCTION lead_stage.attach_activity(regclass, regclass, text, text[], text) IS
    'counts the rows of a table as activities of leads, under the name of a source that engagement rules refer to';

CREATE FUNCTION lead_stage.detach_activity(activities regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    activity lead_stage.activity_binding;
    bound lead_stage.binding;
BEGIN
    IF activities IS NULL THEN
        RAISE EXCEPTION 'the table must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT b.* INTO activity FROM lead_stage.activity_binding AS b WHERE b.activities = detach_activity.activities;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table "%" is not attached as activities', (SELECT c.relname FROM pg_class AS c WHERE c.oid = activities)
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT b.* INTO bound FROM lead_stage.binding AS b WHERE b.id = activity.binding;
    PERFORM lead_stage._require_model(bound.model, 'detach its activities');
    PERFORM lead_stage._require_table_owner(activities, 'detach it');
    PERFORM lead_stage._drop_activity(activity);
    PERFORM lead_stage._invalidate(bound.leads);
    RAISE NOTICE 'detached table %; call rescore to forget what it counted', lead_stage._name(activities);
END
$$;
COMMENT ON FUNCTION lead_stage.detach_activity(regclass) IS 'undoes attach_activity; what was counted stays until rescore';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage.engagement(state @extschema@.lead_score, at timestamptz DEFAULT lead_stage.now()) RETURNS double precision
    AS 'MODULE_PATHNAME', 'lead_stage_engagement_of'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.engagement(@extschema@.lead_score, timestamptz) IS
    'what a lead''s activities are worth at a point in time, by the points and caps published now';

CREATE FUNCTION lead_stage._lead_score(leads regclass, lead record) RETURNS @extschema@.lead_score
    AS 'MODULE_PATHNAME', 'lead_stage_lead_score'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._lead_score(regclass, record) IS 'what the activities of a lead add up to, for whoever may read the lead';

CREATE FUNCTION lead_stage._score_entries(state @extschema@.lead_score, at timestamptz)
    RETURNS TABLE (rule int, matches bigint, weight double precision, last_at timestamptz)
    AS 'MODULE_PATHNAME', 'lead_stage_score_entries'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage._score_entries(@extschema@.lead_score, timestamptz) IS 'what a lead_score holds of each rule, with the weight that is left at a point in time';
