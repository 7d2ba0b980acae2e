-- Attaching a model to a table of leads.

-- The schema of our types, quoted; conditions look names up there.
CREATE FUNCTION lead_stage._type_schema() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '@extschema@';
COMMENT ON FUNCTION lead_stage._type_schema() IS 'the quoted name of the schema that the extension''s types are in';

CREATE FUNCTION lead_stage._name(relation regclass) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);
COMMENT ON FUNCTION lead_stage._name(regclass) IS 'a relation''s name, qualified and quoted';

-- A relation beside the leads table: <leads>_history and so on.
CREATE FUNCTION lead_stage._beside(leads regclass, suffix text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('%I.%I', n.nspname, c.relname || '_' || suffix)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = leads);
COMMENT ON FUNCTION lead_stage._beside(regclass, text) IS 'the name of a relation that attach makes beside a table';

CREATE FUNCTION lead_stage._owner(relation regclass) RETURNS regrole
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT c.relowner::regrole FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION lead_stage._owner(regclass) IS 'the role that owns a relation';

-- A relation that was dropped leaves its OID behind in the binding.
CREATE FUNCTION lead_stage._exists(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation);
COMMENT ON FUNCTION lead_stage._exists(regclass) IS 'whether a relation is still there';

-- The btree operator of a strategy (3: =, 5: >), whatever the search_path.
CREATE FUNCTION lead_stage._operator(operator_class oid, strategy int) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
            FROM pg_opclass AS c
                 JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype
                                      AND m.amoprighttype = c.opcintype AND m.amopstrategy = strategy
                 JOIN pg_operator AS o ON o.oid = m.amopopr
                 JOIN pg_namespace AS n ON n.oid = o.oprnamespace
            WHERE c.oid = operator_class);
COMMENT ON FUNCTION lead_stage._operator(oid, int) IS 'the qualified operator of a btree operator class';

-- The columns of history besides the key, for name clashes.
CREATE FUNCTION lead_stage._history_columns() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{id,at,recorded_at,since,due,version,fit_score,engagement,from_stage,to_stage,touched,elapsed,event,name,owner,previous_owner,reason,role,actor,evidence}'::text[];
COMMENT ON FUNCTION lead_stage._history_columns() IS 'the columns that every history has besides the key';

CREATE FUNCTION lead_stage._state_columns() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{engagement_state,last_touch_at,sla,sla_due,sla_state,hold_until,recheck_at}'::text[];
COMMENT ON FUNCTION lead_stage._state_columns() IS 'the columns that every state table has besides the key';

-- The primary key's columns with their types, in key order.  A name that is
-- taken in the relation the key is copied to gets the prefix lead_, once more
-- if another key column is already called so.
CREATE FUNCTION lead_stage._key_columns(leads regclass, taken text[] DEFAULT '{}',
    OUT place int, OUT name text, OUT as_name text, OUT type text, OUT equals text, OUT greater text)
    RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    SELECT k.place::int, a.attname::text,
           coalesce(-- as it is called there by now, if it is there already
                    (SELECT o.attname::text
                     FROM lead_stage.binding AS b
                          JOIN pg_index AS j ON j.indisprimary
                               AND j.indrelid = CASE taken WHEN lead_stage._history_columns() THEN b.history
                                                           WHEN lead_stage._state_columns() THEN b.state END
                          JOIN pg_attribute AS o ON o.attrelid = j.indrelid AND o.attnum = j.indkey[k.place - 1]
                     WHERE b.leads = _key_columns.leads),
                    CASE WHEN a.attname <> ALL (taken) THEN a.attname::text
                         ELSE (SELECT repeat('lead_', n) || a.attname FROM generate_series(1, i.indnkeyatts::int) AS n
                               WHERE NOT EXISTS (SELECT FROM pg_attribute AS o
                                                 WHERE o.attrelid = i.indrelid AND o.attnum = ANY (i.indkey::int2[])
                                                       AND o.attname = repeat('lead_', n) || a.attname)
                               ORDER BY n LIMIT 1) END),
           format_type(a.atttypid, a.atttypmod)
               || CASE WHEN a.attcollation NOT IN (0, t.typcollation)
                       THEN format(' COLLATE %s', a.attcollation::regcollation) ELSE '' END,
           lead_stage._operator(i.indclass[k.place - 1], 3), lead_stage._operator(i.indclass[k.place - 1], 5)
        FROM pg_index AS i
             CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
             JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE i.indrelid = leads AND i.indisprimary AND k.place <= i.indnkeyatts
        ORDER BY k.place;
END;
COMMENT ON FUNCTION lead_stage._key_columns(regclass, text[]) IS 'the columns of a table''s primary key, in key order';

-- "template" once per key column, with %1$I the column in leads, %2$I in
-- the copy, %3$s its type, %4$s its = operator and %5$s its place.
CREATE FUNCTION lead_stage._each_key(leads regclass, template text, separator text DEFAULT ', ',
    taken text[] DEFAULT '{}') RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format(template, k.name, k.as_name, k.type, k.equals, k.place), separator ORDER BY k.place)
            FROM lead_stage._key_columns(leads, taken) AS k);
COMMENT ON FUNCTION lead_stage._each_key(regclass, text, text, text[]) IS 'SQL text made of one piece for each key column';

-- ---------------------------------------------------------------------------
-- What can be attached.

CREATE FUNCTION lead_stage._check_attachable(leads regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rel record;
BEGIN
    IF leads IS NULL THEN
        RAISE EXCEPTION 'the leads table must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give the table that the leads are stored in.';
    END IF;
    SELECT c.*, n.nspname INTO rel
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = leads;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relation with OID % does not exist', leads::oid
            USING ERRCODE = 'undefined_table';
    END IF;
    IF rel.nspname IN ('pg_catalog', 'information_schema', 'lead_stage') OR rel.nspname LIKE 'pg\_toast%' THEN
        RAISE EXCEPTION '"%" is a system table', rel.relname
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Attach a table of your own.';
    END IF;
    IF rel.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '"%" is not a table', rel.relname
            USING ERRCODE = 'wrong_object_type',
                  DETAIL = CASE rel.relkind WHEN 'v' THEN 'It is a view.' WHEN 'm' THEN 'It is a materialized view.'
                                            WHEN 'f' THEN 'It is a foreign table.'
                                            WHEN 'S' THEN 'It is a sequence.' WHEN 'c' THEN 'It is a composite type.'
                                            ELSE 'It is an index.' END,
                  HINT = 'Attach the table that the leads are stored in.';
    END IF;
    IF rel.relpersistence = 't' THEN
        RAISE EXCEPTION '"%" is a temporary table', rel.relname
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Its history would be gone with the session; use a permanent table.';
    END IF;
    IF EXISTS (SELECT FROM lead_stage.binding AS b
               WHERE leads IN (b.history, b.state)) THEN
        RAISE EXCEPTION '"%" belongs to an attached table', rel.relname
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Attach the table that the leads are stored in.';
    END IF;
    IF rel.relispartition THEN
        RAISE EXCEPTION '"%" is a partition', rel.relname
            USING ERRCODE = 'wrong_object_type',
                  HINT = format('Attach its parent %s; that covers every partition.',
                                (SELECT lead_stage._name(p.relid) FROM pg_partition_ancestors(leads) AS p
                                 ORDER BY p.relid = leads, p.relid LIMIT 1));
    END IF;
    IF rel.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits AS i WHERE leads IN (i.inhrelid, i.inhparent)) THEN
        RAISE EXCEPTION 'table "%" takes part in inheritance', rel.relname
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Use declarative partitioning.';
    END IF;
    IF EXISTS (SELECT FROM pg_partition_tree(leads) AS p JOIN pg_class AS c ON c.oid = p.relid WHERE c.relkind = 'f') THEN
        RAISE EXCEPTION 'table "%" has a partition that is a foreign table', rel.relname
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Triggers cannot keep history for rows on another server.';
    END IF;
    IF NOT EXISTS (SELECT FROM lead_stage._key_columns(leads)) THEN
        RAISE EXCEPTION 'table "%" has no primary key', rel.relname
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('History must know which lead it speaks of: ALTER TABLE %s ADD PRIMARY KEY (...).', lead_stage._name(leads));
    END IF;
    IF length((rel.relname || '_history')::name::text) < length(rel.relname || '_history') THEN
        RAISE EXCEPTION 'name of table "%" is too long', rel.relname
            USING ERRCODE = 'name_too_long',
                  DETAIL = 'What attach makes beside it is called like it, with up to 8 bytes more, and names have at most 63 bytes.',
                  HINT = 'Rename the table.';
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._check_attachable(regclass) IS 'raises unless a model can be attached to the relation';

CREATE FUNCTION lead_stage._require_table_owner(relation regclass, purpose text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT lead_stage._owns_table(relation) THEN
        RAISE EXCEPTION 'must be a member of the role that owns table "%" to %',
                (SELECT c.relname FROM pg_class AS c WHERE c.oid = relation), purpose
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'The model''s conditions run with the rights of the table''s owner.';
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._require_table_owner(regclass, text) IS 'raises 42501 unless the caller is a member of the table''s owner';

CREATE FUNCTION lead_stage._require_model(model text, purpose text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lead_stage._check_model(model);
    IF NOT lead_stage._may_edit_model(model) THEN
        RAISE EXCEPTION 'must be a member of the role that owns model "%" to %', model, purpose
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('It belongs to role "%s".', (SELECT m.owner FROM lead_stage.model AS m WHERE m.name = model));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._require_model(text, text) IS 'raises unless the model exists and the caller is a member of its owner';

CREATE FUNCTION lead_stage._binding(leads regclass) RETURNS lead_stage.binding
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding;
BEGIN
    IF leads IS NULL THEN
        RAISE EXCEPTION 'the leads table must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give the table that the leads are stored in.';
    END IF;
    SELECT b.* INTO bound FROM lead_stage.binding AS b WHERE b.leads = _binding.leads;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table "%" is not attached to a model',
                coalesce((SELECT c.relname::text FROM pg_class AS c WHERE c.oid = leads), leads::oid::text)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.attach() first.';
    END IF;
    RETURN bound;
END
$$;
COMMENT ON FUNCTION lead_stage._binding(regclass) IS 'what is attached to a table; raises 55000 if nothing is';

-- ---------------------------------------------------------------------------
-- The columns on leads.

CREATE FUNCTION lead_stage._role_columns(OUT place int, OUT role text, OUT type regtype, OUT definition text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
BEGIN ATOMIC
    VALUES (1, 'stage', '@extschema@.lead_stage'::regtype, '@extschema@.lead_stage NOT NULL DEFAULT ''lead'''),
           (2, 'stage_since', 'timestamptz'::regtype, 'pg_catalog.timestamptz'),
           (3, 'stage_reason', 'text'::regtype, 'pg_catalog.text'),
           (4, 'fit_score', 'int4'::regtype, 'pg_catalog.int4'),
           (5, 'owner', NULL::regtype, 'pg_catalog.text');
END;
COMMENT ON FUNCTION lead_stage._role_columns() IS 'the five columns that a leads table needs';

-- Role → column, from what the caller maps and our own names for the rest.
CREATE FUNCTION lead_stage._map_columns(leads regclass, columns jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    mapping jsonb;
    wrong text;
    clash record;
BEGIN
    IF columns IS NULL THEN
        RAISE EXCEPTION 'columns must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave it out to use our own names.';
    END IF;
    IF jsonb_typeof(columns) <> 'object' THEN
        RAISE EXCEPTION 'columns must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For example {"owner": "assigned_to"}.';
    END IF;
    SELECT string_agg(format('"%s"', k), ', ' ORDER BY k) INTO wrong
        FROM jsonb_object_keys(columns) AS k
        WHERE k NOT IN (SELECT r.role FROM lead_stage._role_columns() AS r);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'unknown role % in columns', wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The roles are stage, stage_since, stage_reason, fit_score and owner.';
    END IF;
    SELECT string_agg(format('"%s"', e.key), ', ' ORDER BY e.key) INTO wrong
        FROM jsonb_each(columns) AS e
        WHERE jsonb_typeof(e.value) <> 'string' OR e.value #>> '{}' = ''
              OR length((e.value #>> '{}')::name::text) < length(e.value #>> '{}');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the column for % is not a valid name', wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A column''s name is a string of 1 to 63 bytes.';
    END IF;
    SELECT jsonb_object_agg(r.role, coalesce(columns ->> r.role, r.role)) INTO mapping
        FROM lead_stage._role_columns() AS r;
    SELECT e.value AS name, string_agg(e.key, ' and ' ORDER BY e.key) AS roles INTO clash
        FROM jsonb_each_text(mapping) AS e GROUP BY e.value HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" cannot be both %', clash.name, clash.roles
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM pg_partitioned_table AS p
                    CROSS JOIN LATERAL unnest(p.partattrs::int2[]) AS k (attnum)
                    JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = k.attnum
               WHERE p.partrelid IN (SELECT t.relid FROM pg_partition_tree(leads) AS t)
                     AND a.attname IN (SELECT e.value FROM jsonb_each_text(mapping) AS e)) THEN
        RAISE EXCEPTION 'table "%" is partitioned by a column that the model computes',
                (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'A row cannot be sent to another partition by the trigger that judges it.',
                  HINT = 'Map the role to another column with the argument columns.';
    END IF;
    SELECT string_agg(format('"%s"', k.name), ', ' ORDER BY k.place) INTO wrong
        FROM lead_stage._key_columns(leads) AS k
        WHERE EXISTS (SELECT FROM jsonb_each_text(mapping) AS e WHERE e.value = k.name);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'key column % cannot be one of our columns', wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Map the role to another column with the argument columns.';
    END IF;
    RETURN mapping;
END
$$;
COMMENT ON FUNCTION lead_stage._map_columns(regclass, jsonb) IS 'which column plays which role on a leads table';

-- Adds what is missing and adopts what is there; returns what was added.
CREATE FUNCTION lead_stage._add_columns(leads regclass, mapping jsonb) RETURNS text[]
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    need record;
    have record;
    changes text[] := '{}';
    added text[] := '{}';
BEGIN
    FOR need IN SELECT r.*, mapping ->> r.role AS name FROM lead_stage._role_columns() AS r ORDER BY r.place LOOP
        SELECT a.* INTO have FROM pg_attribute AS a
            WHERE a.attrelid = leads AND a.attname = need.name AND a.attnum > 0 AND NOT a.attisdropped;
        IF NOT FOUND THEN
            changes := changes || format('ADD COLUMN %I %s', need.name, need.definition);
            added := added || need.name;
            CONTINUE;
        END IF;
        IF have.atttypid <> need.type AND NOT (need.role = 'stage_reason' AND have.atttypid = 'varchar'::regtype) THEN
            RAISE EXCEPTION 'column "%" of table "%" is of type %, not %', need.name,
                    (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads),
                    format_type(have.atttypid, have.atttypmod), need.type
                USING ERRCODE = 'datatype_mismatch',
                      HINT = format('Let attach add a column of another name: columns => ''{"%s": "lead_%s"}''.', need.role, need.role);
        END IF;
        -- The name of an automatic transition is its reason.
        IF need.role = 'stage_reason' AND have.atttypid = 'varchar'::regtype AND have.atttypmod BETWEEN 0 AND 43 THEN
            RAISE EXCEPTION 'column "%" of table "%" is too short', need.name,
                    (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
                USING ERRCODE = 'datatype_mismatch',
                      HINT = format('A reason may be the name of a transition: ALTER TABLE %s ALTER COLUMN %I TYPE varchar(40), or text.',
                                    lead_stage._name(leads), need.name);
        END IF;
        IF have.attgenerated <> '' OR have.attidentity <> '' THEN
            RAISE EXCEPTION 'column "%" of table "%" is generated', need.name,
                    (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
                USING ERRCODE = 'wrong_object_type',
                      HINT = 'Map the role to another column with the argument columns.';
        END IF;
        IF need.role = 'stage' AND NOT have.atthasdef THEN
            changes := changes || format('ALTER COLUMN %I SET DEFAULT ''lead''', need.name);
        END IF;
        IF need.role = 'stage' AND NOT have.attnotnull THEN
            changes := changes || format('ALTER COLUMN %I SET NOT NULL', need.name);
        END IF;
    END LOOP;
    IF changes <> '{}' THEN
        BEGIN
            PERFORM lead_stage._execute_as(lead_stage._owner(leads),
                format('ALTER TABLE %s %s', lead_stage._name(leads), array_to_string(changes, ', ')));
        EXCEPTION WHEN not_null_violation THEN
            RAISE EXCEPTION 'column "%" of table "%" contains null values', mapping ->> 'stage',
                    (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
                USING ERRCODE = 'not_null_violation',
                      HINT = format('Give every lead a stage first: UPDATE %s SET %I = ''lead'' WHERE %2$I IS NULL;',
                                    lead_stage._name(leads), mapping ->> 'stage');
        END;
        IF added <> '{}' THEN
            RAISE NOTICE 'added columns % to table %',
                (SELECT string_agg(quote_ident(a), ', ') FROM unnest(added) AS a), lead_stage._name(leads);
        END IF;
    END IF;
    RETURN added;
END
$$;
COMMENT ON FUNCTION lead_stage._add_columns(regclass, jsonb) IS 'adds to a leads table the columns it lacks';

-- ---------------------------------------------------------------------------
-- The tables beside leads.

CREATE FUNCTION lead_stage._make_history(leads regclass) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
    name text := lead_stage._beside(leads, 'history');
    taken text[] := lead_stage._history_columns();
    missing text;
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM lead_stage._execute_as(owner, format($sql$
            CREATE TABLE %1$s (
                id bigserial,
                %2$s,
                at timestamptz NOT NULL,
                recorded_at timestamptz NOT NULL,
                since timestamptz,
                due timestamptz,
                version int,
                fit_score int,
                engagement real,
                from_stage @extschema@.lead_stage,
                to_stage @extschema@.lead_stage,
                touched bool,
                elapsed interval,
                event text NOT NULL,
                name text,
                owner text,
                previous_owner text,
                reason text,
                role text NOT NULL,
                actor text,
                evidence bit varying,
                PRIMARY KEY (%3$s, id)
            )$sql$, name, lead_stage._each_key(leads, '%2$I %3$s', taken => taken),
            lead_stage._each_key(leads, '%2$I', taken => taken)));
        -- By event, for the few kinds that are rare: a report asks which keys changed.
        PERFORM lead_stage._execute_as(owner, format(
            'CREATE INDEX ON %s USING brin (at, event text_bloom_ops (n_distinct_per_range = 20)) WITH (autosummarize)', name));
        PERFORM lead_stage._execute_as(owner, format('COMMENT ON TABLE %s IS %L', name,
            format('what happened to every lead of %s; append-only', lead_stage._name(leads))));
        RAISE NOTICE 'created table %', name;
    ELSE
        SELECT string_agg(quote_ident(n.name), ', ') INTO missing
            FROM (SELECT unnest(taken) UNION ALL SELECT k.as_name FROM lead_stage._key_columns(leads, taken) AS k) AS n (name)
            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                              WHERE a.attrelid = name::regclass AND a.attname = n.name AND NOT a.attisdropped);
        IF missing IS NOT NULL OR lead_stage._owner(name::regclass) <> owner
           OR (SELECT c.relkind FROM pg_class AS c WHERE c.oid = name::regclass) <> 'r' THEN
            RAISE EXCEPTION 'relation % already exists and is not a history that attach made', name
                USING ERRCODE = 'duplicate_table',
                      DETAIL = coalesce(format('It lacks %s.', missing), 'It is not a table, or has another owner.'),
                      HINT = 'Rename it, or the leads table.';
        END IF;
    END IF;
    RETURN name;
END
$$;
COMMENT ON FUNCTION lead_stage._make_history(regclass) IS 'creates <leads>_history, or adopts the one that is there';

CREATE FUNCTION lead_stage._make_append_only(history regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = history AND t.tgname = 'lead_stage_append_only') THEN
        PERFORM lead_stage._execute_as(lead_stage._owner(history), format(
            'CREATE TRIGGER lead_stage_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._guard_history()', lead_stage._name(history)));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._make_append_only(regclass) IS 'guards a history, unless it is guarded already';

-- The state of a table that was restored without its binding.
CREATE FUNCTION lead_stage._is_lost_state(state regclass, leads regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN EXISTS (SELECT FROM pg_class AS c
                   WHERE c.oid = state AND c.relkind = 'r' AND c.relowner = lead_stage._owner(leads))
           AND NOT EXISTS (SELECT FROM lead_stage.binding AS b WHERE b.state = _is_lost_state.state)
           AND NOT EXISTS (SELECT FROM (SELECT unnest(lead_stage._state_columns())
                                        UNION ALL
                                        SELECT k.as_name FROM lead_stage._key_columns(leads, lead_stage._state_columns()) AS k) AS n (name)
                           WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                                             WHERE a.attrelid = _is_lost_state.state AND a.attname = n.name AND NOT a.attisdropped));
COMMENT ON FUNCTION lead_stage._is_lost_state(regclass, regclass) IS 'whether a table is a leads table''s state that no binding knows';

CREATE FUNCTION lead_stage._make_state(leads regclass) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
    name text := lead_stage._beside(leads, 'state');
    taken text[] := lead_stage._state_columns();
BEGIN
    IF lead_stage._is_lost_state(to_regclass(name), leads) THEN
        RETURN name;
    END IF;
    IF to_regclass(name) IS NOT NULL THEN
        RAISE EXCEPTION 'relation % already exists', name
            USING ERRCODE = 'duplicate_table',
                  HINT = 'Rename it, or the leads table.';
    END IF;
    PERFORM lead_stage._execute_as(owner, format($sql$
        CREATE TABLE %1$s (
            %2$s,
            engagement_state @extschema@.lead_score,
            last_touch_at timestamptz,
            sla jsonb,
            sla_due timestamptz,
            sla_state text CHECK (sla_state IN ('open', 'warned', 'paused', 'breached', 'met')),
            hold_until timestamptz,
            recheck_at timestamptz,
            PRIMARY KEY (%3$s)
        ) WITH (fillfactor = 70)$sql$, name, lead_stage._each_key(leads, '%2$I %3$s', taken => taken),
        lead_stage._each_key(leads, '%2$I', taken => taken)));
    PERFORM lead_stage._execute_as(owner, format('CREATE INDEX ON %s (recheck_at) WHERE recheck_at IS NOT NULL', name));
    PERFORM lead_stage._execute_as(owner, format('COMMENT ON TABLE %s IS %L', name,
        format('what is remembered of the leads of %s between writes; written by lead_stage only', lead_stage._name(leads))));
    RAISE NOTICE 'created table %', name;
    RETURN name;
END
$$;
COMMENT ON FUNCTION lead_stage._make_state(regclass) IS 'creates <leads>_state, or adopts the one that was restored';

-- Where leads has row-level security, of what is beside it a reader sees what
-- belongs to the leads that he sees.  "taken" are the names that keys avoid there.
CREATE FUNCTION lead_stage._follow_row_security(leads regclass, relation regclass, taken text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
BEGIN
    IF (SELECT c.relrowsecurity FROM pg_class AS c WHERE c.oid = leads)
       AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relation AND p.polname = 'lead_stage_visible_leads') THEN
        PERFORM lead_stage._execute_as(owner, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', lead_stage._name(relation)));
        PERFORM lead_stage._execute_as(owner, format(
            'CREATE POLICY lead_stage_visible_leads ON %1$s FOR SELECT USING (EXISTS (SELECT FROM %2$s AS l WHERE %3$s))',
            lead_stage._name(relation), lead_stage._name(leads),
            lead_stage._each_key(leads,
                format('l.%%1$I %%4$s %s.%%2$I', (SELECT replace(quote_ident(c.relname), '%', '%%') FROM pg_class AS c WHERE c.oid = relation)),
                ' AND ', taken)));
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._follow_row_security(regclass, regclass, text[]) IS 'gives a relation beside leads the policy that goes with theirs';

-- Whoever may read leads may read what is beside it, and sees of it what
-- belongs to the leads he sees.
CREATE FUNCTION lead_stage._share(leads regclass, relation regclass, taken text[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
    reader record;
BEGIN
    FOR reader IN
        SELECT DISTINCT a.grantee, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS name
            FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
            WHERE c.oid = leads AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner
    LOOP
        PERFORM lead_stage._execute_as(owner,
            format('GRANT SELECT ON %s TO %s', lead_stage._name(relation), reader.name));
    END LOOP;
    IF taken IS NOT NULL THEN
        PERFORM lead_stage._follow_row_security(leads, relation, taken);
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._share(regclass, regclass, text[]) IS 'gives the readers of leads a relation beside it';

-- ---------------------------------------------------------------------------
-- The triggers.

CREATE FUNCTION lead_stage._make_triggers(leads regclass, binding uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
    name text := lead_stage._name(leads);
    leaf regclass;
    made boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = leads AND t.tgname = '~lead_stage_judge') THEN
        PERFORM lead_stage._execute_as(owner, format(
            'CREATE TRIGGER "~lead_stage_judge" BEFORE INSERT OR UPDATE OR DELETE ON %s
             FOR EACH ROW EXECUTE FUNCTION lead_stage._judge(%L)', name, binding));
        made := true;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = leads AND t.tgname = '!lead_stage_record') THEN
        PERFORM lead_stage._execute_as(owner, format(
            'CREATE TRIGGER "!lead_stage_record" AFTER INSERT OR UPDATE OR DELETE ON %s
             FOR EACH ROW WHEN (lead_stage._claim()) EXECUTE FUNCTION lead_stage._record(%L)', name, binding));
        made := true;
    END IF;
    FOR leaf IN SELECT p.relid FROM pg_partition_tree(leads) AS p WHERE p.isleaf
                UNION SELECT leads FROM pg_class AS c WHERE c.oid = leads AND c.relkind = 'r' LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = leaf AND t.tgname = 'lead_stage_truncate');
        PERFORM lead_stage._execute_as(lead_stage._owner(leaf), format(
            'CREATE TRIGGER lead_stage_truncate BEFORE TRUNCATE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._truncate(%L)', lead_stage._name(leaf), binding));
        made := true;
    END LOOP;
    IF made THEN
        RAISE NOTICE 'created triggers on table %', name;
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._make_triggers(regclass, uuid) IS 'creates the triggers of an attached table that are missing';

CREATE FUNCTION lead_stage._drop_triggers(leads regclass) RETURNS void
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
            WHERE t.tgname IN ('~lead_stage_judge', '!lead_stage_record', 'lead_stage_truncate') AND t.tgparentid = 0
                  AND (t.tgrelid = leads OR t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(leads) AS p))
    LOOP
        PERFORM lead_stage._execute_as(lead_stage._owner(trigger.relation),
            format('DROP TRIGGER %I ON %s', trigger.tgname, lead_stage._name(trigger.relation)));
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_triggers(regclass) IS 'drops the triggers of an attached table';

-- A table that has our triggers but no binding was restored without it.  Its
-- triggers name a binding that is not there, and its views are in the way of
-- new ones.  They are ours: attach takes no name that is taken.
CREATE FUNCTION lead_stage._drop_what_lost_its_binding(leads regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    owner regrole := lead_stage._owner(leads);
    view text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t
                   WHERE t.tgrelid = leads AND t.tgname = '~lead_stage_judge'
                         AND t.tgfoid = 'lead_stage._judge()'::regprocedure) THEN
        RETURN;
    END IF;
    PERFORM lead_stage._drop_triggers(leads);
    FOREACH view IN ARRAY '{signals,live,journey,visits,tasks}'::text[] LOOP
        IF EXISTS (SELECT FROM pg_class AS c
                   WHERE c.oid = to_regclass(lead_stage._beside(leads, view)) AND c.relkind = 'v' AND c.relowner = owner) THEN
            PERFORM lead_stage._execute_as(owner, format('DROP VIEW %s', lead_stage._beside(leads, view)));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._drop_what_lost_its_binding(regclass) IS
    'drops the triggers and views of a table that was restored without its binding';

-- ---------------------------------------------------------------------------

CREATE FUNCTION lead_stage.attach(leads regclass, model text, columns jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding;
    mapping jsonb;
    published int;
BEGIN
    PERFORM lead_stage._check_attachable(leads);
    PERFORM lead_stage._require_model(model, 'attach it');
    PERFORM lead_stage._require_table_owner(leads, 'attach it');
    IF NOT (SELECT has_schema_privilege(c.relowner, c.relnamespace, 'CREATE') FROM pg_class AS c WHERE c.oid = leads) THEN
        RAISE EXCEPTION 'role % owns table % but must not create anything beside it', lead_stage._owner(leads), lead_stage._name(leads)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = (SELECT format('GRANT CREATE ON SCHEMA %s TO %s;', c.relnamespace::regnamespace, c.relowner::regrole)
                          FROM pg_class AS c WHERE c.oid = leads);
    END IF;
    PERFORM lead_stage._execute_as(lead_stage._owner(leads), format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', lead_stage._name(leads)));

    SELECT b.* INTO bound FROM lead_stage.binding AS b WHERE b.leads = attach.leads;
    IF bound.id IS NOT NULL AND bound.model <> model THEN
        RAISE EXCEPTION 'table "%" is already attached to model "%"',
                (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads), bound.model
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.detach() first; the history is kept.';
    END IF;
    IF bound.id IS NOT NULL AND columns <> '{}' AND NOT bound.columns @> columns THEN
        RAISE EXCEPTION 'table "%" is already attached with other columns',
                (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('Its columns are %s.', bound.columns),
                  HINT = 'Call lead_stage.detach() first; the history is kept.';
    END IF;

    IF bound.id IS NULL THEN
        PERFORM lead_stage._drop_what_lost_its_binding(leads);
        mapping := lead_stage._map_columns(leads, columns);
        bound.added := lead_stage._add_columns(leads, mapping);
        bound.history := lead_stage._make_history(leads);
        bound.state := lead_stage._make_state(leads);
        INSERT INTO lead_stage.binding (leads, model, columns, added, history, state)
            VALUES (leads, model, mapping, bound.added, bound.history, bound.state)
            RETURNING id INTO bound.id;
    ELSE
        RAISE NOTICE 'table % is already attached to model "%"', lead_stage._name(leads), model;
        -- What somebody has dropped since is made again.
        bound.added := bound.added || (SELECT coalesce(array_agg(a), '{}')
                                       FROM unnest(lead_stage._add_columns(leads, lead_stage._current_columns(bound))) AS a
                                       WHERE a <> ALL (bound.added));
        IF NOT lead_stage._exists(bound.history) THEN
            bound.history := lead_stage._make_history(leads);
        END IF;
        IF NOT lead_stage._exists(bound.state) THEN
            bound.state := lead_stage._make_state(leads);
        END IF;
        UPDATE lead_stage.binding AS b SET added = bound.added, history = bound.history, state = bound.state
            WHERE b.id = bound.id AND (b.added, b.history, b.state) IS DISTINCT FROM (bound.added, bound.history, bound.state);
    END IF;
    PERFORM lead_stage._make_append_only(bound.history);
    PERFORM lead_stage._share(leads, bound.history, lead_stage._history_columns());
    PERFORM lead_stage._share(leads, bound.state, lead_stage._state_columns());
    PERFORM lead_stage._make_views(leads, (SELECT v.definition FROM lead_stage.version AS v
                                           WHERE v.model = model AND v.version = bound.version));
    PERFORM lead_stage._make_triggers(leads, bound.id);

    SELECT m.version INTO published FROM lead_stage.model AS m WHERE m.name = model;
    IF published IS NOT NULL AND (bound.version IS NULL OR NOT lead_stage._exists(bound.signals)) THEN
        PERFORM lead_stage._publish_version(leads, published);
    ELSIF lead_stage._exists(bound.signals) THEN
        PERFORM lead_stage._share(leads, bound.signals);
    END IF;
    PERFORM lead_stage._invalidate(leads);
END
$$;
COMMENT ON FUNCTION lead_stage.attach(regclass, text, jsonb) IS
    'makes a table of leads follow a model: adds its columns, history, state, views and triggers';

-- The columns that attach added, by the names that they have now.
CREATE FUNCTION lead_stage._follow_renames(added text[], before jsonb, after jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN ARRAY(SELECT coalesce((SELECT after ->> e.key FROM jsonb_each_text(before) AS e WHERE e.value = a.name), a.name)
                 FROM unnest(added) WITH ORDINALITY AS a (name, place) ORDER BY a.place);
COMMENT ON FUNCTION lead_stage._follow_renames(text[], jsonb, jsonb) IS
    'column names with the columns of the roles replaced by what they are called now';

CREATE FUNCTION lead_stage.detach(leads regclass, drop_columns boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    owner regrole := lead_stage._owner(leads);
    added text[] := lead_stage._follow_renames(bound.added, bound.columns, lead_stage._current_columns(bound));
BEGIN
    PERFORM lead_stage._require_model(bound.model, 'detach it');
    PERFORM lead_stage._require_table_owner(leads, 'detach it');
    PERFORM lead_stage._drop_triggers(leads);
    PERFORM lead_stage._drop_activity(a) FROM lead_stage.activity_binding AS a WHERE a.binding = bound.id;
    PERFORM lead_stage._drop_views(bound);
    IF lead_stage._exists(bound.state) THEN
        PERFORM lead_stage._execute_as(owner, format('DROP TABLE %s', lead_stage._name(bound.state)));
    END IF;
    DELETE FROM lead_stage.binding AS b WHERE b.id = bound.id;
    IF drop_columns AND added <> '{}' THEN
        PERFORM lead_stage._execute_as(owner, format('ALTER TABLE %s %s', lead_stage._name(leads),
            (SELECT string_agg(format('DROP COLUMN IF EXISTS %I', a), ', ') FROM unnest(added) AS a)));
    END IF;
    PERFORM lead_stage._invalidate(leads);
    IF lead_stage._exists(bound.history) THEN
        RAISE NOTICE 'detached table %; its history stays in %', lead_stage._name(leads), lead_stage._name(bound.history);
    ELSE
        RAISE NOTICE 'detached table %', lead_stage._name(leads);
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage.detach(regclass, boolean) IS
    'undoes attach, but keeps the history; drop_columns also drops the columns that attach added';
