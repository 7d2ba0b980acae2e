-- The type lead_score: what a lead's activities have added up to, one entry per
-- engagement rule.  It is written by the extension and read through its
-- functions, so there are no operators, only exact input and output.

CREATE TYPE lead_score;

CREATE FUNCTION lead_score_in(cstring) RETURNS lead_score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_score_in(cstring) IS 'input of lead_score';

CREATE FUNCTION lead_score_out(lead_score) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_score_out(lead_score) IS 'output of lead_score';

CREATE FUNCTION lead_score_recv(internal) RETURNS lead_score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_score_recv(internal) IS 'binary input of lead_score';

CREATE FUNCTION lead_score_send(lead_score) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_score_send(lead_score) IS 'binary output of lead_score';

CREATE TYPE lead_score (
    INPUT = lead_score_in,
    OUTPUT = lead_score_out,
    RECEIVE = lead_score_recv,
    SEND = lead_score_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE lead_score IS
    'engagement of a lead: per rule the number of matching activities, their decayed weight and the time of the last';
