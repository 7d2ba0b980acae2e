-- What stands on an attached table, and what only our own functions call.

CREATE FUNCTION lead_stage._judge() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_judge_trigger'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._judge() IS 'trigger: judges a lead before it is stored';

CREATE FUNCTION lead_stage._claim() RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_claim'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._claim() IS 'WHEN clause of the trigger that records history: takes what was decided for the row that has just landed';

CREATE FUNCTION lead_stage._record() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_record'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._record() IS 'trigger: writes a statement''s history';

CREATE FUNCTION lead_stage._truncate() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_truncate'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._truncate() IS 'trigger: records the leads that TRUNCATE removes';

CREATE FUNCTION lead_stage._guard_history() RETURNS trigger
    AS 'MODULE_PATHNAME', 'lead_stage_guard_history'
    LANGUAGE C;
COMMENT ON FUNCTION lead_stage._guard_history() IS 'trigger: keeps history append-only';

-- What SET ROLE would do, for a function that may itself be SECURITY DEFINER;
-- needs the membership that SET ROLE needs.
CREATE FUNCTION lead_stage._execute_as(role regrole, command text) RETURNS void
    AS 'MODULE_PATHNAME', 'lead_stage_execute_as'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._execute_as(regrole, text) IS 'runs one statement as a role that the caller is a member of';

CREATE FUNCTION lead_stage._evaluate_as(role regrole, query text) RETURNS text
    AS 'MODULE_PATHNAME', 'lead_stage_evaluate_as'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._evaluate_as(regrole, text) IS 'the value of a query, asked as a role that the caller is a member of';

CREATE FUNCTION lead_stage._invalidate(leads regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'lead_stage_invalidate'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._invalidate(regclass) IS 'makes every session compile the table''s model again at its next statement';

CREATE FUNCTION lead_stage._check_condition(leads regclass, condition text, result regtype, columns jsonb,
    may_read_ours boolean, time_zone text, type_schema text, guesses jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'lead_stage_check_condition'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._check_condition(regclass, text, regtype, jsonb, boolean, text, text, jsonb) IS
    'the canonical form of a condition, or the error that makes it unusable';

CREATE FUNCTION lead_stage._run_example(leads regclass, lead record, steps jsonb, activities jsonb,
    definition jsonb DEFAULT NULL, conditions text DEFAULT NULL, OUT stage text, OUT refusals text)
    AS 'MODULE_PATHNAME', 'lead_stage_run_example'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._run_example(regclass, record, jsonb, jsonb, jsonb, text) IS
    'the stage in which an example lead ends; writes nothing';

CREATE FUNCTION lead_stage._conditions_that_hold(leads regclass, lead record) RETURNS text[]
    AS 'MODULE_PATHNAME', 'lead_stage_conditions_that_hold'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._conditions_that_hold(regclass, record) IS
    'the conditions of the published model that hold for a row, by their names in the signals view';

CREATE FUNCTION lead_stage._explain_transitions(leads regclass, lead record)
    RETURNS TABLE (name text, to_stage @extschema@.lead_stage, holds boolean, detail text)
    AS 'MODULE_PATHNAME', 'lead_stage_explain_transitions'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._explain_transitions(regclass, record) IS
    'the transitions that lead out of a lead''s stage, and what each still lacks';

CREATE FUNCTION lead_stage._rescore_batch(leads regclass, command text, key text[], adopt boolean, keys_command text,
    OUT done bigint, OUT last text[])
    AS 'MODULE_PATHNAME', 'lead_stage_rescore_batch'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._rescore_batch(regclass, text, text[], boolean, text) IS
    'updates leads that nobody wrote, so that they are judged';
