-- 54-preview.sql
-- What a publish would do to the leads that are there.
--
-- The draft is compiled in memory and every stored lead judged by it as
-- publish and rescore would: no version, no view, no history, no sequence, no
-- lock that a writer would notice.  It works in a read-only transaction.

CREATE FUNCTION lead_stage._judge_draft(leads regclass, lead record, definition jsonb, conditions text,
    OUT stage text, OUT fit_score int, OUT held text[])
    AS 'MODULE_PATHNAME', 'lead_stage_judge_draft'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._judge_draft(regclass, record, jsonb, text) IS
    'where a stored lead would be after a rescore by an unpublished definition, with its fit score and the rules that hold';

-- What the signals view of a definition would read.
CREATE FUNCTION lead_stage._draft_conditions(leads regclass, definition jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    columns jsonb := lead_stage._current_columns(lead_stage._binding(leads));
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
BEGIN
    RETURN format('SELECT %s FROM %s AS l',
        (SELECT string_agg(format('%s AS %I', lead_stage._check_condition(leads, c.condition, c.result, columns, c.may_read_ours,
                                                                          zone, lead_stage._type_schema()), c.column_name), ', ' ORDER BY c.place)
         FROM lead_stage._conditions(definition) AS c), lead_stage._name(leads));
END
$$;
COMMENT ON FUNCTION lead_stage._draft_conditions(regclass, jsonb) IS 'the conditions of a definition as a query over a leads table';

CREATE FUNCTION lead_stage._preview(relation regclass)
    RETURNS TABLE (stage_now @extschema@.lead_stage, stage_then @extschema@.lead_stage, leads bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding;
    definition jsonb;
    tables regclass[];
    other regclass;
    problems text[] := '{}';
    conditions text;
    counts jsonb;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION 'the leads table must not be null'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    bound := lead_stage._binding(relation);
    -- The draft's conditions run with the owner's rights, as published ones
    -- do: so it takes the same two memberships.
    PERFORM lead_stage._require_model(bound.model, 'preview it');
    PERFORM lead_stage._require_table_owner(relation, 'preview its model');

    -- Whatever keeps it from being published, for any table, is said here too.
    definition := lead_stage.export_model(bound.model);
    SELECT array_agg(b.leads ORDER BY b.leads::oid) INTO tables
        FROM lead_stage.binding AS b JOIN pg_class AS c ON c.oid = b.leads WHERE b.model = bound.model;
    FOREACH other IN ARRAY tables LOOP
        PERFORM lead_stage._require_table_owner(other, 'preview its model');
    END LOOP;
    PERFORM lead_stage._check_compilable(bound.model, tables, definition, draft => true);
    FOREACH other IN ARRAY tables LOOP
        conditions := lead_stage._draft_conditions(other, definition);
        problems := problems || (SELECT coalesce(array_agg(CASE WHEN cardinality(tables) > 1 THEN format('%s: %s', lead_stage._name(other), p) ELSE p END), '{}')
                                 FROM lead_stage._example_problems(other, definition, conditions) AS p);
    END LOOP;
    PERFORM lead_stage._raise_problems(bound.model, problems);

    conditions := lead_stage._draft_conditions(relation, definition);
    counts := lead_stage._evaluate_as(lead_stage._owner(relation), format($sql$
        SELECT jsonb_agg(jsonb_build_array(c.stage_now, c.stage_then, c.leads))
        FROM (SELECT l.%1$I AS stage_now, (lead_stage._judge_draft(%2$L, l, %3$L, %4$L)).stage AS stage_then, count(*) AS leads
              FROM %5$s AS l GROUP BY 1, 2) AS c$sql$,
        lead_stage._current_columns(bound) ->> 'stage', relation::oid, definition, conditions, lead_stage._name(relation)))::jsonb;
    RETURN QUERY
        SELECT (c.item ->> 0)::@extschema@.lead_stage, (c.item ->> 1)::@extschema@.lead_stage, (c.item ->> 2)::bigint
            FROM jsonb_array_elements(counts) AS c (item)
            ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION lead_stage._preview(regclass) IS 'what preview does';

-- PL/pgSQL allows no argument and column of one name.
CREATE FUNCTION lead_stage.preview(leads regclass)
    RETURNS TABLE (stage_now @extschema@.lead_stage, stage_then @extschema@.lead_stage, leads bigint)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 20
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT * FROM lead_stage._preview($1);
$$;
COMMENT ON FUNCTION lead_stage.preview(regclass) IS
    'where the leads are, and where a publish of the draft and a rescore would put them; writes nothing';
