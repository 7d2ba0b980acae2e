-- Everyone reads every model; only members of its owner role change it, table
-- by table, and nobody changes what was published.
\set SHOW_CONTEXT never
CREATE ROLE regress_anna;
CREATE ROLE regress_ben;
CREATE ROLE regress_team;
GRANT regress_team TO regress_anna;

-- No table was forgotten.
SELECT c.relname,
       c.relrowsecurity AS protected,
       c.oid = ANY (e.extconfig) AS dumped,
       NOT EXISTS (SELECT FROM pg_attribute AS a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL) AS described
FROM pg_class AS c, pg_extension AS e
WHERE e.extname = 'lead_stage' AND c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'r'
ORDER BY 1;
SELECT c.relname, c.oid = ANY (e.extconfig) AS dumped
FROM pg_class AS c, pg_extension AS e
WHERE e.extname = 'lead_stage' AND c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'S'
ORDER BY 1;
-- Nothing is seeded, so no row is left out of a dump, and none comes twice.
SELECT DISTINCT condition FROM pg_extension, unnest(extcondition) AS condition WHERE extname = 'lead_stage';
SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM lead_stage.%I', relname), false, true, '')))[1]::text::int) AS rows
FROM pg_class WHERE relnamespace = 'lead_stage'::regnamespace AND relkind = 'r';

SET ROLE regress_anna;
INSERT INTO lead_stage.model (name) VALUES ('anna''s') RETURNING owner;
INSERT INTO lead_stage.category (model, name) VALUES ('anna''s', 'x');
INSERT INTO lead_stage.band (model, kind, label, min_points) VALUES ('anna''s', 'fit', 'x', 1);
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('anna''s', 'x', 'fit');
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('anna''s', 'x', 'true');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('anna''s', 'x', 'mql');
INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES ('anna''s', 'x', 'mql', 'a');
INSERT INTO lead_stage.rep (model, pool, name) VALUES ('anna''s', 'x', 'x');
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('anna''s', 'x', 'mql', '1 day');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('anna''s', 'x', 'true');
INSERT INTO lead_stage.example (model, name, expected) VALUES ('anna''s', 'x', 'lead');
INSERT INTO lead_stage.version (model, definition) VALUES ('anna''s', '{}');
INSERT INTO lead_stage.calendar (name) VALUES ('anna''s') RETURNING owner;
INSERT INTO lead_stage.calendar_hours VALUES ('anna''s', 1, '9:00', '17:00');
INSERT INTO lead_stage.holiday VALUES ('anna''s', '2026-12-25');
CREATE TEMP TABLE annas_leads (id int PRIMARY KEY);
CREATE TEMP TABLE annas_activities (id int PRIMARY KEY);
INSERT INTO lead_stage.binding (id, leads, model)
    VALUES ('00000000-0000-0000-0000-00000000000a', 'annas_leads', 'anna''s');
INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
    VALUES ('00000000-0000-0000-0000-00000000000a', 'annas_activities', 'web', '{lead_id}', 'at');

-- Another owner sees it all and can touch none of it.
CREATE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS touched = ROW_COUNT;
    RETURN touched || ' rows';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SET ROLE regress_ben;
CREATE TEMP TABLE parts (place int, relation text, key text, first text);
INSERT INTO parts
SELECT row_number() OVER (ORDER BY c.relname), c.relname,
       CASE WHEN c.relname IN ('model', 'calendar') THEN 'name'
            WHEN c.relname = 'activity_binding' THEN 'source'
            WHEN c.relname IN ('calendar_hours', 'holiday') THEN 'calendar'
            ELSE 'model' END,
       (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = 1)
FROM pg_class AS c WHERE c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'r';
SELECT relation,
       pg_temp.attempt(format('SELECT FROM lead_stage.%I WHERE %I IN (''anna''''s'', ''web'')', relation, key)) AS read,
       pg_temp.attempt(format('UPDATE lead_stage.%I SET %I = %2$I', relation, first)) AS change,
       pg_temp.attempt(format('DELETE FROM lead_stage.%I', relation)) AS remove,
       -- Whether a row like hers may be added is judged before it is found to be a second one.
       pg_temp.attempt(format('INSERT INTO lead_stage.%I SELECT * FROM lead_stage.%1$I', relation)) AS add
FROM parts ORDER BY place;
SELECT next_rule_id FROM lead_stage.model;

-- A rule of his in her model would be numbered; it is refused before.
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('anna''s', 'ben''s', 'fit');
-- Nor can he put his own things there.
INSERT INTO lead_stage.model (name) VALUES ('ben''s');
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('ben''s', 'r', 'fit');
UPDATE lead_stage.rule SET model = 'anna''s' WHERE model = 'ben''s';
-- Nor make something in her name, or hand his over to her.
INSERT INTO lead_stage.model (name, owner) VALUES ('trojan', 'regress_anna');
INSERT INTO lead_stage.model (name, owner) VALUES ('trojan', 'regress_nobody');
INSERT INTO lead_stage.calendar (name, owner) VALUES ('trojan', 'regress_anna');
INSERT INTO lead_stage.calendar (name, owner) VALUES ('trojan', 'regress_nobody');
UPDATE lead_stage.model SET owner = 'regress_anna' WHERE name = 'ben''s';
-- A binding takes the model and the table.
CREATE TEMP TABLE bens_leads (id int PRIMARY KEY);
INSERT INTO lead_stage.binding (leads, model) VALUES ('bens_leads', 'anna''s');
INSERT INTO lead_stage.binding (leads, model) VALUES ('annas_leads', 'ben''s');
INSERT INTO lead_stage.binding (leads, model) VALUES ('pg_class', 'ben''s');
INSERT INTO lead_stage.binding (leads, model) VALUES ('bens_leads', 'ben''s');
UPDATE lead_stage.binding SET model = 'anna''s' WHERE model = 'ben''s';
INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
    VALUES ('00000000-0000-0000-0000-00000000000a', 'bens_leads', 'calls', '{id}', 'at');
INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
    SELECT id, 'annas_leads', 'calls', '{id}', 'at' FROM lead_stage.binding WHERE model = 'ben''s';

-- Only import_model names the role that is missing.
SELECT lead_stage.import_model(jsonb_build_object('model', jsonb_build_object('name', 'anna''s')));

-- Nobody changes a version, or chooses its number, time or author.
SET ROLE regress_anna;
UPDATE lead_stage.version SET note = 'x';
DELETE FROM lead_stage.version;
INSERT INTO lead_stage.version (model, version, definition) VALUES ('anna''s', 1000000, '{}');
INSERT INTO lead_stage.version (model, definition, published_by) VALUES ('anna''s', '{}', 'ben');
INSERT INTO lead_stage.version (model, definition, published_at) VALUES ('anna''s', '{}', '2000-01-01');
RESET ROLE;
SELECT pg_temp.attempt($$UPDATE lead_stage.version SET definition = '{"model": {}}'$$) AS definition,
       pg_temp.attempt('UPDATE lead_stage.version SET published_at = ''2000-01-01''') AS published_at,
       pg_temp.attempt('UPDATE lead_stage.version SET version = version + 1') AS version;
-- It follows its model's name.
UPDATE lead_stage.model SET name = 'of the team' WHERE name = 'anna''s';
SELECT model, definition FROM lead_stage.version;

-- Tables are not emptied or altered through the grants.
SET ROLE regress_anna;
TRUNCATE lead_stage.rule;
ALTER TABLE lead_stage.rule DISABLE ROW LEVEL SECURITY;
SELECT setval('lead_stage.version_seq', 1);

-- A team: whoever is a member of the owner.
UPDATE lead_stage.model SET owner = 'regress_team' WHERE name = 'of the team';
RESET ROLE;
GRANT regress_team TO regress_ben;
SET ROLE regress_ben;
UPDATE lead_stage.rule SET note = 'by ben' WHERE model = 'of the team' RETURNING note;
RESET ROLE;
REVOKE regress_team FROM regress_ben;
SET ROLE regress_ben;
UPDATE lead_stage.rule SET note = 'by ben again' WHERE model = 'of the team' RETURNING note;

-- A role that is gone locks nobody out.
RESET ROLE;
DROP ROLE regress_team;
SET ROLE regress_ben;
UPDATE lead_stage.rule SET note = 'by ben at last' WHERE model = 'of the team' RETURNING note;
UPDATE lead_stage.model SET owner = 'regress_ben' WHERE name = 'of the team' RETURNING owner;
SET ROLE regress_anna;
UPDATE lead_stage.rule SET note = 'by anna' WHERE model = 'of the team' RETURNING note;

-- What was attached to a table that is gone can be taken away by the model's
-- owner.
DROP TABLE annas_leads;
SET ROLE regress_ben;
DELETE FROM lead_stage.binding WHERE id = '00000000-0000-0000-0000-00000000000a' RETURNING model;

RESET ROLE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model WHERE owner IN ('regress_anna', 'regress_ben');
DELETE FROM lead_stage.calendar WHERE owner IN ('regress_anna', 'regress_ben');
DROP TABLE bens_leads, annas_activities, parts;
DROP OWNED BY regress_anna, regress_ben;
DROP ROLE regress_anna, regress_ben;
