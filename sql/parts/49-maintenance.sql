-- The few ways round an append-only history, for the table's owner.

CREATE FUNCTION lead_stage._prune_history(leads regclass, before timestamptz) RETURNS bigint
    AS 'MODULE_PATHNAME', 'lead_stage_prune_history'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._prune_history(regclass, timestamptz) IS 'what prune_history does';

CREATE PROCEDURE lead_stage.prune_history(leads regclass, before timestamptz)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
BEGIN
    IF before IS NULL THEN
        RAISE EXCEPTION 'the point in time must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF before > lead_stage.now() THEN
        RAISE EXCEPTION 'history cannot be pruned up to a time that is yet to come'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RAISE NOTICE 'removed % rows from %', lead_stage._prune_history(leads, before), lead_stage._name(bound.history);
END
$$;
COMMENT ON PROCEDURE lead_stage.prune_history(regclass, timestamptz) IS
    'removes the history before a point in time; each lead keeps one row that says where it stood then';

CREATE FUNCTION lead_stage._erase_lead(leads regclass, key text[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'lead_stage_erase_lead'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._erase_lead(regclass, text[]) IS 'what erase does, for a key that was checked';

CREATE FUNCTION lead_stage._erase(leads regclass, key text[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lead_stage._binding(leads);
    PERFORM lead_stage._key_condition(leads, key);
    RETURN lead_stage._erase_lead(leads, key);
END
$$;
COMMENT ON FUNCTION lead_stage._erase(regclass, text[]) IS 'what erase does, for a key in its text form';

CREATE FUNCTION lead_stage.erase(leads regclass, VARIADIC key "any") RETURNS bigint
    AS 'MODULE_PATHNAME', 'lead_stage_erase'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage.erase(regclass, "any") IS
    'privacy erasure: removes a lead and its history, and leaves a bare tombstone; returns the number of history rows that are gone';

CREATE FUNCTION lead_stage._merge_leads(leads regclass, winner text[], loser text[]) RETURNS void
    AS 'MODULE_PATHNAME', 'lead_stage_merge_leads'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._merge_leads(regclass, text[], text[]) IS 'what merge does, when nothing stands in the way';

-- The tables whose foreign keys reference one lead.
CREATE FUNCTION lead_stage._references_to(leads regclass, key text[]) RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    foreign_key record;
    referenced boolean;
BEGIN
    FOR foreign_key IN
        SELECT c.conrelid::regclass AS relation,
               (SELECT string_agg(format('r.%I = l.%I', a.attname, f.attname), ' AND ' ORDER BY k.place)
                FROM unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (attnum, fattnum, place)
                     JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
                     JOIN pg_attribute AS f ON f.attrelid = c.confrelid AND f.attnum = k.fattnum) AS same
            FROM pg_constraint AS c
            WHERE c.contype = 'f' AND c.confrelid = leads AND c.conparentid = 0
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS r JOIN %s AS l ON %s WHERE %s)',
                       lead_stage._name(foreign_key.relation), lead_stage._name(leads), foreign_key.same,
                       lead_stage._key_condition(leads, key)) INTO referenced;
        IF referenced THEN
            RETURN NEXT foreign_key.relation;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._references_to(regclass, text[]) IS 'the tables that reference a lead';

-- Which of a table's activities are one lead's, and the assignments that would
-- give them to another.
CREATE FUNCTION lead_stage._activity_key(bound lead_stage.activity_binding, leads regclass, key text[], OUT condition text, OUT assignments text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- Compared as keys of leads are where the types agree or an operator takes
    -- both: a narrower column need not be able to hold the key.
    SELECT string_agg(format('a.%I %s %L::%s', c.name, CASE WHEN a.atttypid = l.atttypid THEN k.equals ELSE 'OPERATOR(pg_catalog.=)' END, key[k.place],
                             CASE WHEN EXISTS (SELECT FROM pg_operator AS o
                                               WHERE o.oprname = '=' AND o.oprnamespace = 'pg_catalog'::regnamespace
                                                     AND (o.oprleft, o.oprright) = (a.atttypid, l.atttypid)) THEN format_type(l.atttypid, l.atttypmod)
                                  ELSE format_type(a.atttypid, a.atttypmod) END), ' AND ' ORDER BY k.place),
           string_agg(format('%I = %L::%s', c.name, key[k.place], format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.place)
        FROM lead_stage._key_columns(leads) AS k
             JOIN unnest(bound.lead_key) WITH ORDINALITY AS c (name, place) ON c.place = k.place
             JOIN pg_attribute AS a ON a.attrelid = bound.activities AND a.attname = c.name AND NOT a.attisdropped
             JOIN pg_attribute AS l ON l.attrelid = leads AND l.attname = k.name AND NOT l.attisdropped
$$;
COMMENT ON FUNCTION lead_stage._activity_key(lead_stage.activity_binding, regclass, text[]) IS 'SQL texts that find a lead''s activities, and that give activities to it';

-- Locks both leads first, in the order of keys as everybody does; the triggers
-- of activities then count them anew.
CREATE FUNCTION lead_stage._move_activities(leads regclass, winner text[], loser text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    activity lead_stage.activity_binding;
BEGIN
    FOR activity IN SELECT b.* FROM lead_stage.activity_binding AS b JOIN pg_class AS c ON c.oid = b.activities WHERE b.binding = bound.id ORDER BY b.source LOOP
        PERFORM lead_stage._require_table_owner(activity.activities, 'move its rows to another lead');
    END LOOP;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM lead_stage._execute_as(lead_stage._owner(leads), format('SELECT FROM %s AS l WHERE (%s) OR (%s) ORDER BY %s FOR NO KEY UPDATE',
        lead_stage._name(leads), lead_stage._key_condition(leads, winner), lead_stage._key_condition(leads, loser), lead_stage._each_key(leads, 'l.%1$I')));
    FOR activity IN SELECT b.* FROM lead_stage.activity_binding AS b JOIN pg_class AS c ON c.oid = b.activities WHERE b.binding = bound.id ORDER BY b.source LOOP
        PERFORM lead_stage._execute_as(lead_stage._owner(activity.activities), format('UPDATE %s AS a SET %s WHERE %s',
            lead_stage._name(activity.activities), (lead_stage._activity_key(activity, leads, winner)).assignments,
            (lead_stage._activity_key(activity, leads, loser)).condition));
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._move_activities(regclass, text[], text[]) IS 'gives a lead''s activities to another';

CREATE FUNCTION lead_stage.merge(leads regclass, winner text[], loser text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding := lead_stage._binding(leads);
    others text;
BEGIN
    IF winner IS NULL OR loser IS NULL THEN
        RAISE EXCEPTION 'a lead''s key must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM lead_stage._key_condition(leads, winner), lead_stage._key_condition(leads, loser);
    IF winner = loser THEN
        RAISE EXCEPTION 'a lead cannot be merged with itself' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM lead_stage._require_table_owner(leads, 'merge its leads');
    IF bound.version IS NULL THEN
        RAISE EXCEPTION 'table "%" has no published model', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    PERFORM lead_stage._move_activities(leads, winner, loser);
    SELECT string_agg(r::text, ', ' ORDER BY r::text) INTO others FROM lead_stage._references_to(leads, loser) AS r;
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'lead (%) is still referenced from %', array_to_string(loser, ', '), others
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'Let those rows reference the winner first.';
    END IF;
    PERFORM lead_stage._merge_leads(leads, winner, loser);
END
$$;
COMMENT ON FUNCTION lead_stage.merge(regclass, text[], text[]) IS
    'joins two leads: the loser''s row is deleted, both histories stay and name the other';
