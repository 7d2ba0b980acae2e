-- The extension can be installed into any schema, off the search path and with
-- a name that needs quotes, and leaves nothing behind when it is dropped.
SELECT extversion, extrelocatable, nspname AS schema
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE extname = 'lead_stage';

DROP EXTENSION lead_stage;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'lead_stage';

CREATE SCHEMA "Lead Types";
CREATE EXTENSION lead_stage SCHEMA "Lead Types";
SELECT n.nspname AS schema
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE extname = 'lead_stage';

-- Everything of ours is in one of the two schemas.
SELECT DISTINCT i.schema
FROM pg_depend d
     CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lead_stage')
  AND d.deptype = 'e'
  AND i.schema IS NOT NULL
  AND i.schema NOT IN ('lead_stage', '"Lead Types"')
ORDER BY 1;

DROP EXTENSION lead_stage;
DROP SCHEMA "Lead Types";
CREATE EXTENSION lead_stage;
