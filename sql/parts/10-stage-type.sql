-- The type lead_stage: one byte, passed by value, ordered.  Its support functions
-- stand beside it in the extension's target schema; what a user calls to learn
-- about stages stands in the schema lead_stage.

CREATE TYPE lead_stage;

CREATE FUNCTION lead_stage_in(cstring) RETURNS lead_stage
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_in(cstring) IS 'input of lead_stage';

CREATE FUNCTION lead_stage_out(lead_stage) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_out(lead_stage) IS 'output of lead_stage';

CREATE FUNCTION lead_stage_recv(internal) RETURNS lead_stage
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_recv(internal) IS 'binary input of lead_stage';

CREATE FUNCTION lead_stage_send(lead_stage) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_send(lead_stage) IS 'binary output of lead_stage';

CREATE TYPE lead_stage (
    INPUT = lead_stage_in,
    OUTPUT = lead_stage_out,
    RECEIVE = lead_stage_recv,
    SEND = lead_stage_send,
    INTERNALLENGTH = 1,
    PASSEDBYVALUE,
    ALIGNMENT = char,
    STORAGE = plain
);
COMMENT ON TYPE lead_stage IS
    'stage of a lead, in order: disqualified, lost, lead, nurture, mql, sal, sql, opportunity, customer';

-- Drivers send strings typed as text or varchar.  Assignment is as far as the
-- casts go: an implicit one would let any text meet a function made for stages.
-- The way back to text is PostgreSQL's own I/O conversion, also on assignment.
CREATE CAST (text AS lead_stage) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS lead_stage) IS 'the stage with that label, in any case';

CREATE CAST (varchar AS lead_stage) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (varchar AS lead_stage) IS 'the stage with that label, in any case';

-- Comparison.  No value can make these fail or tell, hence LEAKPROOF: a filter
-- on the stage may run below a security barrier, and so use an index there.

CREATE FUNCTION lead_stage_lt(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_lt(lead_stage, lead_stage) IS 'implementation of < operator';

CREATE FUNCTION lead_stage_le(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_le(lead_stage, lead_stage) IS 'implementation of <= operator';

CREATE FUNCTION lead_stage_eq(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_eq(lead_stage, lead_stage) IS 'implementation of = operator';

CREATE FUNCTION lead_stage_ne(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_ne(lead_stage, lead_stage) IS 'implementation of <> operator';

CREATE FUNCTION lead_stage_ge(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_ge(lead_stage, lead_stage) IS 'implementation of >= operator';

CREATE FUNCTION lead_stage_gt(lead_stage, lead_stage) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_gt(lead_stage, lead_stage) IS 'implementation of > operator';

CREATE FUNCTION lead_stage_cmp(lead_stage, lead_stage) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_cmp(lead_stage, lead_stage) IS 'less-equal-greater, for btree';

CREATE FUNCTION lead_stage_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_sortsupport(internal) IS 'sort support, for btree';

CREATE FUNCTION lead_stage_hash(lead_stage) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_hash(lead_stage) IS 'hash';

CREATE FUNCTION lead_stage_hash_extended(lead_stage, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_hash_extended(lead_stage, bigint) IS 'hash, 64 bits with a seed';

CREATE OPERATOR < (
    FUNCTION = lead_stage_lt,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (lead_stage, lead_stage) IS 'is less than';

CREATE OPERATOR <= (
    FUNCTION = lead_stage_le,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (lead_stage, lead_stage) IS 'is less than or equal to';

CREATE OPERATOR = (
    FUNCTION = lead_stage_eq,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR = (lead_stage, lead_stage) IS 'equals';

CREATE OPERATOR <> (
    FUNCTION = lead_stage_ne,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (lead_stage, lead_stage) IS 'differs from';

CREATE OPERATOR >= (
    FUNCTION = lead_stage_ge,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (lead_stage, lead_stage) IS 'is greater than or equal to';

CREATE OPERATOR > (
    FUNCTION = lead_stage_gt,
    LEFTARG = lead_stage,
    RIGHTARG = lead_stage,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (lead_stage, lead_stage) IS 'is greater than';

-- One byte has one image, so equal stages may share an index entry
-- (btequalimage: deduplication).
CREATE OPERATOR CLASS lead_stage_ops
    DEFAULT FOR TYPE lead_stage USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 lead_stage_cmp(lead_stage, lead_stage),
    FUNCTION 2 lead_stage_sortsupport(internal),
    FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS lead_stage_ops USING btree IS 'stages in their order';

CREATE OPERATOR CLASS lead_stage_hash_ops
    DEFAULT FOR TYPE lead_stage USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 lead_stage_hash(lead_stage),
    FUNCTION 2 lead_stage_hash_extended(lead_stage, bigint);
COMMENT ON OPERATOR CLASS lead_stage_hash_ops USING hash IS 'stages by equality';

CREATE OPERATOR CLASS lead_stage_minmax_ops
    DEFAULT FOR TYPE lead_stage USING brin AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 brin_minmax_opcinfo(internal),
    FUNCTION 2 brin_minmax_add_value(internal, internal, internal, internal),
    FUNCTION 3 brin_minmax_consistent(internal, internal, internal),
    FUNCTION 4 brin_minmax_union(internal, internal, internal);
COMMENT ON OPERATOR CLASS lead_stage_minmax_ops USING brin IS 'lowest and highest stage of a block range';

CREATE FUNCTION lead_stage_smaller(lead_stage, lead_stage) RETURNS lead_stage
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_smaller(lead_stage, lead_stage) IS 'the lower of two stages';

CREATE FUNCTION lead_stage_larger(lead_stage, lead_stage) RETURNS lead_stage
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage_larger(lead_stage, lead_stage) IS 'the higher of two stages';

CREATE AGGREGATE min(lead_stage) (
    SFUNC = lead_stage_smaller,
    STYPE = lead_stage,
    COMBINEFUNC = lead_stage_smaller,
    SORTOP = <,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE min(lead_stage) IS 'lowest stage of all input values';

CREATE AGGREGATE max(lead_stage) (
    SFUNC = lead_stage_larger,
    STYPE = lead_stage,
    COMBINEFUNC = lead_stage_larger,
    SORTOP = >,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE max(lead_stage) IS 'highest stage of all input values';

-- A stage beside a text: WHERE stage = $1 with a parameter that the driver has
-- typed as text, or stage = data->>'stage'.  (An untyped literal is a stage and
-- never comes here.)  The functions are in SQL so that the planner inlines them:
-- what remains is an ordinary comparison of stages, with its statistics, indexes
-- and joins, and the text read once.  A text that is no stage raises 22P02.

CREATE FUNCTION lead_stage_lt(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.<) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_lt(lead_stage, text) IS 'implementation of < operator';

CREATE FUNCTION lead_stage_lt(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.<) $2;
COMMENT ON FUNCTION lead_stage_lt(text, lead_stage) IS 'implementation of < operator';

CREATE FUNCTION lead_stage_le(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.<=) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_le(lead_stage, text) IS 'implementation of <= operator';

CREATE FUNCTION lead_stage_le(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.<=) $2;
COMMENT ON FUNCTION lead_stage_le(text, lead_stage) IS 'implementation of <= operator';

CREATE FUNCTION lead_stage_eq(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.=) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_eq(lead_stage, text) IS 'implementation of = operator';

CREATE FUNCTION lead_stage_eq(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.=) $2;
COMMENT ON FUNCTION lead_stage_eq(text, lead_stage) IS 'implementation of = operator';

CREATE FUNCTION lead_stage_ne(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.<>) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_ne(lead_stage, text) IS 'implementation of <> operator';

CREATE FUNCTION lead_stage_ne(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.<>) $2;
COMMENT ON FUNCTION lead_stage_ne(text, lead_stage) IS 'implementation of <> operator';

CREATE FUNCTION lead_stage_ge(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.>=) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_ge(lead_stage, text) IS 'implementation of >= operator';

CREATE FUNCTION lead_stage_ge(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.>=) $2;
COMMENT ON FUNCTION lead_stage_ge(text, lead_stage) IS 'implementation of >= operator';

CREATE FUNCTION lead_stage_gt(lead_stage, text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 OPERATOR(@extschema@.>) CAST($2 AS @extschema@.lead_stage);
COMMENT ON FUNCTION lead_stage_gt(lead_stage, text) IS 'implementation of > operator';

CREATE FUNCTION lead_stage_gt(text, lead_stage) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CAST($1 AS @extschema@.lead_stage) OPERATOR(@extschema@.>) $2;
COMMENT ON FUNCTION lead_stage_gt(text, lead_stage) IS 'implementation of > operator';

CREATE OPERATOR < (
    FUNCTION = lead_stage_lt,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (lead_stage, text) IS 'is less than';

CREATE OPERATOR < (
    FUNCTION = lead_stage_lt,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (text, lead_stage) IS 'is less than';

CREATE OPERATOR <= (
    FUNCTION = lead_stage_le,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (lead_stage, text) IS 'is less than or equal to';

CREATE OPERATOR <= (
    FUNCTION = lead_stage_le,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (text, lead_stage) IS 'is less than or equal to';

CREATE OPERATOR = (
    FUNCTION = lead_stage_eq,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (lead_stage, text) IS 'equals';

CREATE OPERATOR = (
    FUNCTION = lead_stage_eq,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (text, lead_stage) IS 'equals';

CREATE OPERATOR <> (
    FUNCTION = lead_stage_ne,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (lead_stage, text) IS 'differs from';

CREATE OPERATOR <> (
    FUNCTION = lead_stage_ne,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (text, lead_stage) IS 'differs from';

CREATE OPERATOR >= (
    FUNCTION = lead_stage_ge,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (lead_stage, text) IS 'is greater than or equal to';

CREATE OPERATOR >= (
    FUNCTION = lead_stage_ge,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (text, lead_stage) IS 'is greater than or equal to';

CREATE OPERATOR > (
    FUNCTION = lead_stage_gt,
    LEFTARG = lead_stage,
    RIGHTARG = text,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (lead_stage, text) IS 'is greater than';

CREATE OPERATOR > (
    FUNCTION = lead_stage_gt,
    LEFTARG = text,
    RIGHTARG = lead_stage,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (text, lead_stage) IS 'is greater than';

CREATE FUNCTION lead_stage.stages()
    RETURNS TABLE (stage lead_stage, rank smallint, team text, is_open boolean)
    AS 'MODULE_PATHNAME', 'lead_stage_stages' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 9;
COMMENT ON FUNCTION lead_stage.stages() IS
    'all stages in order, with the team that works on them and whether a lead in them is open';

CREATE FUNCTION lead_stage.rank(stage lead_stage) RETURNS smallint
    AS 'MODULE_PATHNAME', 'lead_stage_rank' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.rank(lead_stage) IS
    'place of a stage in the order, from 1 (disqualified) to 9 (customer)';

CREATE FUNCTION lead_stage.team(stage lead_stage) RETURNS text
    AS 'MODULE_PATHNAME', 'lead_stage_team' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lead_stage.team(lead_stage) IS
    'marketing (lead, nurture, mql), sales (sal to customer) or null (disqualified, lost)';
