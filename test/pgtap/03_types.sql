-- The types, and everything PostgreSQL knows about comparing, indexing and
-- converting their values.
BEGIN;
SELECT plan(13);

CREATE TEMP TABLE member AS
SELECT d.classid, d.objid
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'lead_stage';

-- Array types and row types of our tables come by themselves.
SELECT set_eq(
    $$SELECT t.typname::text, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim,
             t.typinput::text, t.typoutput::text, t.typreceive::text, t.typsend::text, t.typnamespace = e.extnamespace
      FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid, pg_extension e
      WHERE t.typtype <> 'c' AND t.typelem = 0 AND e.extname = 'lead_stage'$$,
    $$VALUES ('lead_score', -1::smallint, false, 'd'::"char", 'x'::"char", 'U'::"char", false, ','::"char",
              'lead_score_in', 'lead_score_out', 'lead_score_recv', 'lead_score_send', true),
             ('lead_stage', 1::smallint, true, 'c'::"char", 'p'::"char", 'U'::"char", false, ','::"char",
              'lead_stage_in', 'lead_stage_out', 'lead_stage_recv', 'lead_stage_send', true)$$,
    'lead_stage is one byte passed by value, lead_score of any length; both in the extension''s schema');

SELECT set_eq(
    $$SELECT format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), p.prorettype::regtype)
      FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid, pg_extension e
      WHERE e.extname = 'lead_stage' AND p.pronamespace = e.extnamespace AND p.prokind = 'f'$$,
    $$VALUES ('lead_stage_in(cstring) lead_stage'), ('lead_stage_out(lead_stage) cstring'),
             ('lead_stage_recv(internal) lead_stage'), ('lead_stage_send(lead_stage) bytea'),
             ('lead_score_in(cstring) lead_score'), ('lead_score_out(lead_score) cstring'),
             ('lead_score_recv(internal) lead_score'), ('lead_score_send(lead_score) bytea'),
             ('lead_stage_cmp(lead_stage, lead_stage) integer'), ('lead_stage_sortsupport(internal) void'),
             ('lead_stage_hash(lead_stage) integer'), ('lead_stage_hash_extended(lead_stage, bigint) bigint'),
             ('lead_stage_smaller(lead_stage, lead_stage) lead_stage'), ('lead_stage_larger(lead_stage, lead_stage) lead_stage')
      UNION ALL
      SELECT format('lead_stage_%s(%s) boolean', op, args)
      FROM unnest('{lt,le,eq,ne,ge,gt}'::text[]) op,
           unnest('{"lead_stage, lead_stage","lead_stage, text","text, lead_stage"}'::text[]) args$$,
    'the support functions are those that the types, operators and classes below need');
SELECT is_empty(
    $$SELECT p.oid::regprocedure
      FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid, pg_extension e
      WHERE e.extname = 'lead_stage' AND p.pronamespace = e.extnamespace
            AND NOT (p.provolatile = 'i' AND p.proparallel = 's' AND (p.proisstrict OR p.prokind = 'a'))$$,
    'all of them are IMMUTABLE STRICT PARALLEL SAFE');

-- = of two stages may be hashed and merged; beside a text it is inlined to that.
SELECT set_eq(
    $$SELECT o.oprname::text, o.oprleft::regtype::text, o.oprright::regtype::text, o.oprresult::regtype::text,
             c.oprname || '(' || c.oprleft::regtype || ',' || c.oprright::regtype || ')' AS commutator,
             n.oprname || '(' || n.oprleft::regtype || ',' || n.oprright::regtype || ')' AS negator,
             o.oprrest::text, o.oprjoin::text, o.oprcanhash, o.oprcanmerge, o.oprcode::oid::regprocedure::text AS code
      FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
           LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate$$,
    $$SELECT op.name, l, r, 'boolean' AS result, op.commutator || '(' || r || ',' || l || ')' AS commutator,
             op.negator || '(' || l || ',' || r || ')' AS negator,
             op.selectivity || 'sel' AS restrict, op.selectivity || 'joinsel' AS join_restrict,
             op.name = '=' AND l = r AS hashes, op.name = '=' AND l = r AS merges, format('lead_stage_%s(%s,%s)', op.function, l, r) AS code
      FROM (VALUES ('<', '>', '>=', 'scalarlt', 'lt'), ('<=', '>=', '>', 'scalarle', 'le'), ('=', '=', '<>', 'eq', 'eq'),
                   ('<>', '<>', '=', 'neq', 'ne'), ('>=', '<=', '<', 'scalarge', 'ge'), ('>', '<', '<=', 'scalargt', 'gt'))
               AS op (name, commutator, negator, selectivity, function),
           (VALUES ('lead_stage', 'lead_stage'), ('lead_stage', 'text'), ('text', 'lead_stage')) AS t (l, r)$$,
    'every comparison has its commutator, negator and selectivity');
SELECT is_empty(
    $$SELECT o.oid::regoperator FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
      WHERE obj_description(o.oid, 'pg_operator') IS NULL$$,
    'every operator has a comment');

SELECT set_eq(
    $$SELECT c.castsource::regtype::text, c.casttarget::regtype::text, c.castfunc::oid, c.castcontext, c.castmethod
      FROM pg_cast c JOIN member m ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid$$,
    $$VALUES ('text', 'lead_stage', 0::oid, 'a'::"char", 'i'::"char"), ('character varying', 'lead_stage', 0::oid, 'a'::"char", 'i'::"char")$$,
    'text and varchar are converted on assignment, by the type''s own input');
SELECT is_empty(
    $$SELECT c.oid FROM pg_cast c WHERE c.castcontext = 'i' AND (c.castsource IN ('lead_stage'::regtype, 'lead_score'::regtype)
                                                                OR c.casttarget IN ('lead_stage'::regtype, 'lead_score'::regtype))$$,
    'nothing is converted unasked');

SELECT set_eq(
    $$SELECT a.amname::text, c.opcname::text, f.opfname::text, c.opcintype::regtype::text, c.opcdefault, c.opckeytype::oid
      FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid
           JOIN pg_am a ON a.oid = c.opcmethod JOIN pg_opfamily f ON f.oid = c.opcfamily$$,
    $$VALUES ('btree', 'lead_stage_ops', 'lead_stage_ops', 'lead_stage', true, 0::oid),
             ('hash', 'lead_stage_hash_ops', 'lead_stage_hash_ops', 'lead_stage', true, 0::oid),
             ('brin', 'lead_stage_minmax_ops', 'lead_stage_minmax_ops', 'lead_stage', true, 0::oid)$$,
    'the default operator classes are btree, hash and BRIN');
SELECT set_eq(
    $$SELECT f.opfname::text, o.amopstrategy::int, o.amopopr::regoperator::text, o.amoppurpose
      FROM pg_amop o JOIN pg_opfamily f ON f.oid = o.amopfamily
           JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = f.oid$$,
    $$SELECT family, place::int, op || '(lead_stage,lead_stage)', 's'::"char"
      FROM unnest('{lead_stage_ops,lead_stage_minmax_ops}'::text[]) family, unnest('{<,<=,=,>=,>}'::text[]) WITH ORDINALITY AS o (op, place)
      UNION ALL VALUES ('lead_stage_hash_ops', 1, '=(lead_stage,lead_stage)', 's'::"char")$$,
    'each with its operators');
SELECT set_eq(
    $$SELECT f.opfname::text, p.amprocnum::int, p.amproc::regprocedure::text
      FROM pg_amproc p JOIN pg_opfamily f ON f.oid = p.amprocfamily
           JOIN member m ON m.classid = 'pg_opfamily'::regclass AND m.objid = f.oid$$,
    $$VALUES ('lead_stage_ops', 1, 'lead_stage_cmp(lead_stage,lead_stage)'),
             ('lead_stage_ops', 2, 'lead_stage_sortsupport(internal)'),
             ('lead_stage_ops', 4, 'btequalimage(oid)'),
             ('lead_stage_hash_ops', 1, 'lead_stage_hash(lead_stage)'),
             ('lead_stage_hash_ops', 2, 'lead_stage_hash_extended(lead_stage,bigint)'),
             ('lead_stage_minmax_ops', 1, 'brin_minmax_opcinfo(internal)'),
             ('lead_stage_minmax_ops', 2, 'brin_minmax_add_value(internal,internal,internal,internal)'),
             ('lead_stage_minmax_ops', 3, 'brin_minmax_consistent(internal,internal,internal)'),
             ('lead_stage_minmax_ops', 4, 'brin_minmax_union(internal,internal,internal)')$$,
    'and its support functions: sort support, deduplication, extended hash');
SELECT is_empty(
    $$SELECT c.opcname FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid
      WHERE NOT amvalidate(c.oid) OR obj_description(c.oid, 'pg_opclass') IS NULL$$,
    'PostgreSQL finds them valid, and they have comments');

SELECT set_eq(
    $$SELECT a.aggfnoid::regprocedure::text, a.aggtransfn::text, a.aggcombinefn::text, a.aggsortop::regoperator::text,
             a.aggtranstype::regtype::text, p.prorettype::regtype::text
      FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid$$,
    $$VALUES ('min(lead_stage)', 'lead_stage_smaller', 'lead_stage_smaller', '<(lead_stage,lead_stage)', 'lead_stage', 'lead_stage'),
             ('max(lead_stage)', 'lead_stage_larger', 'lead_stage_larger', '>(lead_stage,lead_stage)', 'lead_stage', 'lead_stage')$$,
    'min and max can use an index and run in parallel');

SELECT set_eq(
    $$SELECT stage::text, rank, team, is_open, encode(lead_stage_send(stage), 'escape') FROM lead_stage.stages()$$,
    $$VALUES ('disqualified', 1::smallint, NULL::text, false, 'disqualified'), ('lost', 2::smallint, NULL, false, 'lost'),
             ('lead', 3::smallint, 'marketing', true, 'lead'), ('nurture', 4::smallint, 'marketing', true, 'nurture'),
             ('mql', 5::smallint, 'marketing', true, 'mql'), ('sal', 6::smallint, 'sales', true, 'sal'),
             ('sql', 7::smallint, 'sales', true, 'sql'), ('opportunity', 8::smallint, 'sales', true, 'opportunity'),
             ('customer', 9::smallint, 'sales', false, 'customer')$$,
    'the vocabulary, with ranks in its order');

SELECT * FROM finish();
ROLLBACK;
