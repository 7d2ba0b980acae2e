-- 32-model-security.sql
-- Who may change which configuration, and what pg_dump saves of it.
--
-- Everyone may read everything; a row is changed only by members of the role
-- that owns its model or calendar.  No function here is SECURITY DEFINER: the
-- policies do all of it.

CREATE FUNCTION lead_stage._is_member(role text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- A role that is gone locks nobody out: whoever has the rights on the
    -- table can take over what it owned.
    RETURN coalesce((SELECT pg_has_role(r.oid, 'MEMBER') FROM pg_roles AS r WHERE r.rolname = role), true);
COMMENT ON FUNCTION lead_stage._is_member(text)
    IS 'whether the current user is a member of a role, or there is no such role';

CREATE FUNCTION lead_stage._may_edit_model(model text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- No such model: the foreign key will say so.
    RETURN coalesce((SELECT lead_stage._is_member(m.owner) FROM lead_stage.model AS m WHERE m.name = model), true);
COMMENT ON FUNCTION lead_stage._may_edit_model(text)
    IS 'whether the current user may change a model';

CREATE FUNCTION lead_stage._may_edit_calendar(calendar text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN coalesce((SELECT lead_stage._is_member(c.owner) FROM lead_stage.calendar AS c WHERE c.name = calendar), true);
COMMENT ON FUNCTION lead_stage._may_edit_calendar(text)
    IS 'whether the current user may change a calendar';

CREATE FUNCTION lead_stage._owns_table(relation regclass) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- A table that was dropped has no owner to ask.
    RETURN coalesce((SELECT pg_has_role(c.relowner, 'MEMBER') FROM pg_class AS c WHERE c.oid = relation), true);
COMMENT ON FUNCTION lead_stage._owns_table(regclass)
    IS 'whether the current user is a member of the role that owns a table';

CREATE FUNCTION lead_stage._may_edit_binding(binding uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN coalesce((SELECT lead_stage._may_edit_model(b.model) AND lead_stage._owns_table(b.leads)
                     FROM lead_stage.binding AS b WHERE b.id = binding), true);
COMMENT ON FUNCTION lead_stage._may_edit_binding(uuid)
    IS 'whether the current user may change what is attached to a leads table';

-- A model or a calendar is made by a member of its owner, which must exist.

ALTER TABLE lead_stage.model ENABLE ROW LEVEL SECURITY;
CREATE POLICY model_read ON lead_stage.model FOR SELECT USING (true);
CREATE POLICY model_insert ON lead_stage.model FOR INSERT
    WITH CHECK (lead_stage._is_member(owner) AND pg_catalog.to_regrole(pg_catalog.quote_ident(owner)) IS NOT NULL);
CREATE POLICY model_update ON lead_stage.model FOR UPDATE USING (lead_stage._is_member(owner));
CREATE POLICY model_delete ON lead_stage.model FOR DELETE USING (lead_stage._is_member(owner));

ALTER TABLE lead_stage.calendar ENABLE ROW LEVEL SECURITY;
CREATE POLICY calendar_read ON lead_stage.calendar FOR SELECT USING (true);
CREATE POLICY calendar_insert ON lead_stage.calendar FOR INSERT
    WITH CHECK (lead_stage._is_member(owner) AND pg_catalog.to_regrole(pg_catalog.quote_ident(owner)) IS NOT NULL);
CREATE POLICY calendar_update ON lead_stage.calendar FOR UPDATE USING (lead_stage._is_member(owner));
CREATE POLICY calendar_delete ON lead_stage.calendar FOR DELETE USING (lead_stage._is_member(owner));

-- Their parts follow them.

ALTER TABLE lead_stage.calendar_hours ENABLE ROW LEVEL SECURITY;
CREATE POLICY calendar_hours_read ON lead_stage.calendar_hours FOR SELECT USING (true);
CREATE POLICY calendar_hours_write ON lead_stage.calendar_hours USING (lead_stage._may_edit_calendar(calendar));

ALTER TABLE lead_stage.holiday ENABLE ROW LEVEL SECURITY;
CREATE POLICY holiday_read ON lead_stage.holiday FOR SELECT USING (true);
CREATE POLICY holiday_write ON lead_stage.holiday USING (lead_stage._may_edit_calendar(calendar));

ALTER TABLE lead_stage.category ENABLE ROW LEVEL SECURITY;
CREATE POLICY category_read ON lead_stage.category FOR SELECT USING (true);
CREATE POLICY category_write ON lead_stage.category USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.band ENABLE ROW LEVEL SECURITY;
CREATE POLICY band_read ON lead_stage.band FOR SELECT USING (true);
CREATE POLICY band_write ON lead_stage.band USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.rule ENABLE ROW LEVEL SECURITY;
CREATE POLICY rule_read ON lead_stage.rule FOR SELECT USING (true);
CREATE POLICY rule_write ON lead_stage.rule USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.criterion ENABLE ROW LEVEL SECURITY;
CREATE POLICY criterion_read ON lead_stage.criterion FOR SELECT USING (true);
CREATE POLICY criterion_write ON lead_stage.criterion USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.transition ENABLE ROW LEVEL SECURITY;
CREATE POLICY transition_read ON lead_stage.transition FOR SELECT USING (true);
CREATE POLICY transition_write ON lead_stage.transition USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.route ENABLE ROW LEVEL SECURITY;
CREATE POLICY route_read ON lead_stage.route FOR SELECT USING (true);
CREATE POLICY route_write ON lead_stage.route USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.rep ENABLE ROW LEVEL SECURITY;
CREATE POLICY rep_read ON lead_stage.rep FOR SELECT USING (true);
CREATE POLICY rep_write ON lead_stage.rep USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.sla ENABLE ROW LEVEL SECURITY;
CREATE POLICY sla_read ON lead_stage.sla FOR SELECT USING (true);
CREATE POLICY sla_write ON lead_stage.sla USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.milestone ENABLE ROW LEVEL SECURITY;
CREATE POLICY milestone_read ON lead_stage.milestone FOR SELECT USING (true);
CREATE POLICY milestone_write ON lead_stage.milestone USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.example ENABLE ROW LEVEL SECURITY;
CREATE POLICY example_read ON lead_stage.example FOR SELECT USING (true);
CREATE POLICY example_write ON lead_stage.example USING (lead_stage._may_edit_model(model));

ALTER TABLE lead_stage.version ENABLE ROW LEVEL SECURITY;
CREATE POLICY version_read ON lead_stage.version FOR SELECT USING (true);
CREATE POLICY version_insert ON lead_stage.version FOR INSERT WITH CHECK (lead_stage._may_edit_model(model));

-- What is attached belongs to the owners of the model and of the tables.

ALTER TABLE lead_stage.binding ENABLE ROW LEVEL SECURITY;
CREATE POLICY binding_read ON lead_stage.binding FOR SELECT USING (true);
CREATE POLICY binding_write ON lead_stage.binding
    USING (lead_stage._may_edit_model(model) AND lead_stage._owns_table(leads));

ALTER TABLE lead_stage.activity_binding ENABLE ROW LEVEL SECURITY;
CREATE POLICY activity_binding_read ON lead_stage.activity_binding FOR SELECT USING (true);
CREATE POLICY activity_binding_write ON lead_stage.activity_binding
    USING (lead_stage._may_edit_binding(binding) AND lead_stage._owns_table(activities));

GRANT SELECT, INSERT, UPDATE, DELETE ON
    lead_stage.model, lead_stage.category, lead_stage.band, lead_stage.rule, lead_stage.criterion,
    lead_stage.transition, lead_stage.route, lead_stage.rep, lead_stage.sla, lead_stage.milestone,
    lead_stage.example, lead_stage.calendar, lead_stage.calendar_hours, lead_stage.holiday,
    lead_stage.binding, lead_stage.activity_binding
    TO PUBLIC;

-- A version is written once, and its number, time and author are not the
-- writer's to choose: INSERT … RETURNING version.
GRANT SELECT, INSERT (model, definition, note) ON lead_stage.version TO PUBLIC;

-- USAGE for the numbers, SELECT for pg_dump by a role that is no superuser.
GRANT USAGE, SELECT ON SEQUENCE lead_stage.model_id_seq, lead_stage.version_seq TO PUBLIC;

-- pg_dump saves all of it.  Nothing is seeded, so nothing is left out.

SELECT pg_catalog.pg_extension_config_dump('lead_stage.calendar', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.calendar_hours', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.holiday', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.model', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.category', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.band', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.rule', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.criterion', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.transition', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.route', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.rep', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.sla', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.milestone', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.example', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.version', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.version_seq', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.binding', '');
SELECT pg_catalog.pg_extension_config_dump('lead_stage.activity_binding', '');

-- pg_restore -j loads tables in any order, and an extension's tables have their
-- foreign keys before they have rows.  What is restored satisfied them when it
-- was dumped: a superuser's pg_restore is not asked again.

CREATE FUNCTION lead_stage._restore_in_any_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The words, down to the line end, in which pg_restore sends a table.
    IF current_setting('is_superuser')::boolean AND current_query() ~ '^COPY lead_stage\.\w+ \(.*\) FROM stdin;\n$' THEN
        IF TG_WHEN = 'AFTER' THEN
            PERFORM set_config('session_replication_role', 'origin', true);
        ELSIF current_setting('session_replication_role') = 'origin' THEN
            PERFORM set_config('session_replication_role', 'replica', true);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lead_stage._restore_in_any_order()
    IS 'lets a superuser''s pg_restore load a table before those it refers to';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['calendar_hours', 'holiday', 'category', 'band', 'rule', 'criterion', 'transition', 'route', 'rep', 'sla',
                                'milestone', 'example', 'version', 'binding', 'activity_binding'] LOOP
        EXECUTE format('CREATE TRIGGER restore_begins BEFORE INSERT ON lead_stage.%I EXECUTE FUNCTION lead_stage._restore_in_any_order()', name);
        EXECUTE format('CREATE TRIGGER restore_ends AFTER INSERT ON lead_stage.%I EXECUTE FUNCTION lead_stage._restore_in_any_order()', name);
        EXECUTE format('ALTER TABLE lead_stage.%I ENABLE ALWAYS TRIGGER restore_ends', name);
    END LOOP;
END
$$;
