-- The time that rules and history go by.

CREATE FUNCTION lead_stage.now() RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'lead_stage_now'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION lead_stage.now() IS
    'the transaction''s time, or what the setting lead_stage.now says; inside a condition, the instant the lead is judged for';
