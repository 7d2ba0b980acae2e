-- Judging leads that nobody wrote: after attach, and after a publish.

-- One batch's UPDATE, in key order from after $1 on, or of the one lead that
-- has the key $1.  Says how many leads it looked at, and the last one's key.
CREATE FUNCTION lead_stage._rescore_command(leads regclass, batch int, stage text, since text, one boolean,
    OUT command text, OUT keys_command text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    columns jsonb := lead_stage._current_columns(bound);
    zone text := coalesce((SELECT m.time_zone FROM lead_stage.model AS m WHERE m.name = bound.model), 'UTC');
    same text := (SELECT string_agg(format('l.%I %s $1[%s]::%s', k.name, k.equals, k.place, k.type), ' AND ' ORDER BY k.place)
                  FROM lead_stage._key_columns(leads) AS k);
    later text;
    keys text := lead_stage._each_key(leads, 'l.%1$I');
    new_stage text := format('l.%I', columns ->> 'stage');
    new_since text := format('l.%I', columns ->> 'stage_since');
BEGIN
    -- Row comparison can use the primary key's index, but looks > up by name.
    SELECT CASE WHEN bool_and(k.greater = 'OPERATOR(pg_catalog.>)')
                THEN format('ROW(%s) > ROW(%s)', keys, string_agg(format('$1[%s]::%s', k.place, k.type), ', ' ORDER BY k.place))
                ELSE string_agg(format('(%s l.%I %s $1[%s]::%s)',
                                       (SELECT string_agg(format('l.%I %s $1[%s]::%s AND', e.name, e.equals, e.place, e.type), ' ' ORDER BY e.place)
                                        FROM lead_stage._key_columns(leads) AS e WHERE e.place < k.place),
                                       k.name, k.greater, k.place, k.type), ' OR ' ORDER BY k.place) END
        INTO later FROM lead_stage._key_columns(leads) AS k;
    IF stage IS NOT NULL THEN
        new_stage := lead_stage._check_condition(leads, stage, '@extschema@.lead_stage', columns, true, zone, lead_stage._type_schema());
        -- What was coerced from text is shown without the cast.
        new_stage := format('coalesce((%s)::@extschema@.lead_stage, l.%I)', new_stage, columns ->> 'stage');
    END IF;
    IF since IS NOT NULL THEN
        new_since := lead_stage._check_condition(leads, since, 'timestamptz', columns, true, zone, lead_stage._type_schema());
    END IF;
    keys_command := format('SELECT %s FROM %s AS l WHERE %s ORDER BY %s LIMIT %s FOR NO KEY UPDATE', keys, lead_stage._name(leads),
        CASE WHEN one THEN same ELSE format('($1 IS NULL OR %s)', later) END, keys, coalesce(batch, 1));
    command := format($sql$
        WITH batch AS MATERIALIZED (
            SELECT %1$s FROM %2$s AS l WHERE %3$s ORDER BY %1$s LIMIT %4$s FOR NO KEY UPDATE
        ), judged AS (
            UPDATE %2$s AS l SET %5$I = %6$s, %7$I = %8$s FROM batch AS b WHERE %9$s
        )
        SELECT (SELECT count(*) FROM batch), (SELECT ARRAY[%10$s] FROM batch AS l ORDER BY %11$s LIMIT 1)$sql$,
        keys, lead_stage._name(leads),
        CASE WHEN one THEN same
             ELSE format('($1 IS NULL OR %s)', later) END,
        coalesce(batch, 1), columns ->> 'stage', new_stage, columns ->> 'stage_since', new_since,
        lead_stage._each_key(leads, 'l.%1$I %4$s b.%1$I', ' AND '),
        lead_stage._each_key(leads, 'l.%1$I::text'), lead_stage._each_key(leads, 'l.%1$I DESC'));
END
$$;
COMMENT ON FUNCTION lead_stage._rescore_command(regclass, int, text, text, boolean) IS 'the statement that rescores one batch';

-- COMMIT is not allowed in a procedure with a SET clause, so every name here
-- is qualified.
CREATE PROCEDURE lead_stage.rescore(leads regclass, batch int DEFAULT 10000, stage text DEFAULT NULL, since text DEFAULT NULL)
    LANGUAGE plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    commands record;
    one record;
    last text[];
    total bigint := 0;
    bound lead_stage.binding := lead_stage._binding(leads);
BEGIN
    IF batch IS NULL OR batch OPERATOR(pg_catalog.<) 1 THEN
        RAISE EXCEPTION 'batch must be at least 1'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF bound.version IS NULL THEN
        RAISE EXCEPTION 'table % has no published model', lead_stage._name(leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    LOOP
        commands := lead_stage._rescore_command(leads, batch, stage, since, false);
        SELECT r.done, r.last INTO one
            FROM lead_stage._rescore_batch(leads, commands.command, last, stage IS NOT NULL OR since IS NOT NULL, commands.keys_command) AS r;
        EXIT WHEN one.done OPERATOR(pg_catalog.=) 0;
        last := one.last;
        total := total OPERATOR(pg_catalog.+) one.done;
        COMMIT;
        RAISE NOTICE 'rescored % leads, up to key (%)', total, pg_catalog.array_to_string(last, ', ');
        EXIT WHEN one.done OPERATOR(pg_catalog.<) batch;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE lead_stage.rescore(regclass, int, text, text) IS
    'judges every lead of a table again, in batches that are committed one by one; stage and since are expressions that say where leads without history stand';

CREATE FUNCTION lead_stage._rescore_lead(leads regclass, key text[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    outcome record;
BEGIN
    IF bound.version IS NULL THEN
        RAISE EXCEPTION 'table "%" has no published model', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    PERFORM lead_stage._key_condition(leads, key);
    SELECT r.* INTO outcome
        FROM lead_stage._rescore_command(leads, 1, NULL, NULL, true) AS c
             CROSS JOIN LATERAL lead_stage._rescore_batch(leads, c.command, key, false, c.keys_command) AS r;
    RETURN outcome.done > 0;
END
$$;
COMMENT ON FUNCTION lead_stage._rescore_lead(regclass, text[]) IS 'what rescore_lead does, for a key in its text form';

CREATE FUNCTION lead_stage.rescore_lead(leads regclass, VARIADIC key "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_rescore_lead'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage.rescore_lead(regclass, "any") IS
    'judges one lead again; false if there is no such lead';
