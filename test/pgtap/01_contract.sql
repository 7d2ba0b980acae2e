-- What holds for every function, table and type of the extension, whatever its
-- name: found in the catalogs, so that a new one is covered from the start.
BEGIN;
SELECT plan(10);

CREATE TEMP TABLE member AS
SELECT d.classid, d.objid
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'lead_stage';

CREATE TEMP VIEW functions AS
SELECT p.*, p.oid::regprocedure::text AS signature, l.lanname
FROM pg_proc p
     JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
     JOIN pg_language l ON l.oid = p.prolang;

CREATE TEMP VIEW relations AS
SELECT c.*, c.oid::regclass::text AS name
FROM pg_class c
     JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

SELECT has_extension('lead_stage');
SELECT has_schema('lead_stage');
SELECT ok(has_schema_privilege('public', 'lead_stage', 'USAGE'),
          'everyone may use schema lead_stage');
SELECT ok(NOT has_schema_privilege('public', 'lead_stage', 'CREATE'),
          'not everyone may create objects in schema lead_stage');

SELECT is_empty(
    $$SELECT signature FROM functions
      WHERE proname NOT LIKE '\_%' AND obj_description(oid, 'pg_proc') IS NULL ORDER BY 1$$,
    'every public function has a comment');

SELECT is_empty(
    $$SELECT signature FROM functions WHERE prosecdef ORDER BY 1$$,
    'no function is SECURITY DEFINER');

-- Unsafe is the default, so it means that nobody thought about it, except
-- where a function writes.
SELECT is_empty(
    $$SELECT signature FROM functions
      WHERE proparallel = 'u' AND provolatile <> 'v' ORDER BY 1$$,
    'every function that only reads has a parallel label');

-- A function in SQL or PL/pgSQL resolves names at run time: by our path, not
-- by that of whoever calls it.  SQL-standard bodies were resolved at creation.
SELECT is_empty(
    $$SELECT signature FROM functions
      WHERE lanname IN ('sql', 'plpgsql') AND prosqlbody IS NULL AND prokind <> 'p'
        AND NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search\_path=%')
      ORDER BY 1$$,
    'every function with a late-bound body has its search_path pinned');

SELECT is_empty(
    $$SELECT name FROM relations
      WHERE relkind IN ('r', 'p', 'v', 'm') AND obj_description(oid, 'pg_class') IS NULL ORDER BY 1$$,
    'every table and view has a comment');

SELECT is_empty(
    $$SELECT t.oid::regtype::text
      FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
      WHERE t.typtype <> 'c' AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL ORDER BY 1$$,
    'every type has a comment');

SELECT * FROM finish();
ROLLBACK;
