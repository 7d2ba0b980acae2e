-- 38-templates.sql
-- The templates by name.  They are functions, not rows: there is nothing to
-- seed, so nothing that pg_dump could bring twice.

CREATE FUNCTION lead_stage.templates() RETURNS TABLE (name text, title text, description text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.definition -> 'model' ->> 'name', t.definition -> 'model' ->> 'title', t.definition -> 'model' ->> 'description'
        FROM (VALUES (1, lead_stage._template_respiratory()),
                     (2, lead_stage._template_bant())) AS t (place, definition)
        ORDER BY t.place;
END;
COMMENT ON FUNCTION lead_stage.templates() IS 'the ready-made models that template returns';

CREATE FUNCTION lead_stage.template(name text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE name
        WHEN 'respiratory' THEN RETURN lead_stage._template_respiratory();
        WHEN 'bant' THEN RETURN lead_stage._template_bant();
        ELSE NULL;
    END CASE;
    IF name IS NULL THEN
        RAISE EXCEPTION 'template must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = format('There is %s.', (SELECT lead_stage._quoted_list(array_agg(t.name)) FROM lead_stage.templates() AS t));
    END IF;
    RAISE EXCEPTION 'template "%" does not exist', name
        USING ERRCODE = 'undefined_object',
              HINT = format('There is %s.', (SELECT lead_stage._quoted_list(array_agg(t.name)) FROM lead_stage.templates() AS t));
END
$$;
COMMENT ON FUNCTION lead_stage.template(text) IS 'a ready-made model for import_model';
