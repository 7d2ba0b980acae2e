-- The extension in a schema whose name needs quotes and that is not on the
-- search path: everything works by qualified names, and finds its own objects.
BEGIN;
SET LOCAL client_min_messages = warning;
DROP EXTENSION lead_stage;
CREATE SCHEMA "CRM types";
CREATE EXTENSION lead_stage SCHEMA "CRM types";
RESET client_min_messages;
SET LOCAL search_path = pg_catalog;

SELECT nspname, count(*) AS types FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
WHERE typname IN ('lead_stage', 'lead_score') GROUP BY nspname ORDER BY nspname;
SELECT count(*) AS strays FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lead_stage'
    JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE d.deptype = 'e' AND p.pronamespace NOT IN ('"CRM types"'::regnamespace, 'lead_stage'::regnamespace);

SELECT stage, rank FROM lead_stage.stages() WHERE rank > 7;
SELECT lead_stage.team('mql');
CREATE TABLE "CRM types".lead (id int, stage "CRM types".lead_stage DEFAULT 'lead', score "CRM types".lead_score);
CREATE INDEX lead_stage_idx ON "CRM types".lead (stage);
INSERT INTO "CRM types".lead VALUES (1, 'SQL', '{1}'), (2, 'mql'::text, '{1;2,3,4,0,2026-01-02T03:04:05Z}'), (3, DEFAULT, NULL);
SELECT id, stage, score FROM "CRM types".lead ORDER BY stage DESC;
SELECT stage, count(*) FROM "CRM types".lead GROUP BY stage ORDER BY stage;
SELECT id FROM "CRM types".lead WHERE stage OPERATOR("CRM types".=) 'sql';
SELECT id FROM "CRM types".lead WHERE stage OPERATOR("CRM types".>=) 'mql'::text ORDER BY id;
SELECT "CRM types".max(stage) FROM "CRM types".lead;
-- operators are found through the path, as those of any type are
SAVEPOINT a;
SELECT id FROM "CRM types".lead WHERE stage = 'sql';
ROLLBACK TO a;
SET LOCAL search_path = "CRM types";
SELECT id, max(stage) OVER () FROM lead WHERE stage = 'sql';
ROLLBACK;
SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'lead_stage';
