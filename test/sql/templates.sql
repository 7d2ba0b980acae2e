-- The templates are complete models: they import, come back the same, run on
-- the leads table that their description tells to have, and hold what their
-- field needs.
\set SHOW_CONTEXT never
CREATE ROLE regress_modeller;
SET ROLE regress_modeller;

SELECT name, title FROM lead_stage.templates();
SELECT lead_stage.template(NULL);
SELECT lead_stage.template('respiration');

SELECT lead_stage.import_model(lead_stage.template(name)) FROM lead_stage.templates();

-- Nothing of a template is lost or changed, only defaults are added.
SELECT name, lead_stage.export_model(name) @> lead_stage.template(name) AS contained FROM lead_stage.templates();
SELECT name, key, jsonb_array_length(value) AS length, jsonb_array_length(lead_stage.export_model(name) -> key) AS exported
FROM lead_stage.templates() CROSS JOIN LATERAL jsonb_each(lead_stage.template(name))
WHERE key <> 'model'
ORDER BY name DESC, key;

-- Import of the export is the identity, whatever became of the draft; and of
-- the template once more, too.
CREATE TEMP TABLE exported AS SELECT name, lead_stage.export_model(name) AS definition FROM lead_stage.templates();
DELETE FROM lead_stage.rule WHERE name IN ('role_decides', 'visit');
SELECT name, lead_stage.export_model(lead_stage.import_model(definition)) = definition AS same FROM exported ORDER BY name;
SELECT name, lead_stage.export_model(lead_stage.import_model(lead_stage.template(name))) = definition AS same FROM exported ORDER BY name;
DELETE FROM lead_stage.model;
DELETE FROM lead_stage.calendar;
SELECT name, lead_stage.export_model(lead_stage.import_model(definition)) = definition AS same_when_gone FROM exported ORDER BY name;
SELECT lead_stage.import_model(definition, name || ' two') FROM exported ORDER BY name;
SELECT d.* FROM exported AS e CROSS JOIN LATERAL lead_stage.diff_versions(e.name, NULL, NULL) AS d;

-- These tables are those in doc/model.md.
CREATE TEMP TABLE respiratory_lead (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role_type text,
    organisation_type text,
    region text,
    service_interest text,
    webinar_attended boolean,
    consultation_requested boolean,
    pricing_requested boolean,
    eligibility_asked boolean,
    asked_for_call boolean,
    need_now boolean,
    service_match boolean,
    timeline text,
    decision_process text,
    next_step_agreed boolean,
    first_call_at timestamptz,
    meeting_at timestamptz
);
CREATE TEMP TABLE bant_lead (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company_size integer,
    demo_requested boolean,
    budget numeric,
    authority boolean,
    need text,
    timeline text,
    meeting_at timestamptz
);
CREATE TEMP TABLE respiratory_web (lead_id bigint, at timestamptz, kind text, page text);
CREATE TEMP TABLE bant_web (lead_id bigint, at timestamptz, kind text);

-- Every condition is of its type over them.  (The clock has tests of its own.)
CREATE TEMP TABLE expression AS
SELECT model, 'rule ' || name AS part, CASE kind WHEN 'fit' THEN '_lead' ELSE '_web' END AS relation, condition AS expression, 'boolean' AS type FROM lead_stage.rule
UNION ALL SELECT model, 'criterion ' || name, '_lead', condition, 'boolean' FROM lead_stage.criterion
UNION ALL SELECT model, 'transition ' || name, '_lead', condition, 'boolean' FROM lead_stage.transition
UNION ALL SELECT model, 'transition ' || name, '_lead', not_before, 'timestamptz' FROM lead_stage.transition
UNION ALL SELECT model, 'route ' || name, '_lead', condition, 'boolean' FROM lead_stage.route
UNION ALL SELECT model, 'sla ' || name, '_lead', condition, 'boolean' FROM lead_stage.sla
UNION ALL SELECT model, 'sla ' || name, '_lead', met_at, 'timestamptz' FROM lead_stage.sla
UNION ALL SELECT model, 'sla ' || name, '_lead', pause_when, 'boolean' FROM lead_stage.sla
UNION ALL SELECT model, 'milestone ' || name, '_lead', condition, 'boolean' FROM lead_stage.milestone;
DELETE FROM expression WHERE expression IS NULL OR model LIKE '% two';
CREATE FUNCTION pg_temp.type_of(expression text, relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    type text;
BEGIN
    expression := replace(expression, 'lead_stage.now()', 'pg_catalog.now()');
    EXECUTE format('SELECT pg_typeof(x.v) FROM (SELECT 1) AS one LEFT JOIN (SELECT (%s) AS v FROM %I) AS x ON true', expression, relation) INTO type;
    RETURN type;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;
SELECT model, count(*) AS checked FROM expression GROUP BY model ORDER BY model;
SELECT * FROM (SELECT model, part, expression, type, pg_temp.type_of(expression, model || relation) AS actual FROM expression) AS e
WHERE actual::text <> type::regtype::text ORDER BY 1, 2;

-- Every column is read by something.
SELECT c.relname, a.attname
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relname IN ('respiratory_lead', 'bant_lead', 'respiratory_web', 'bant_web') AND c.relpersistence = 't'
  AND a.attname NOT IN ('id', 'lead_id', 'at')
  AND NOT EXISTS (SELECT FROM expression AS e WHERE e.model || e.relation = c.relname AND e.expression ~ ('\m' || a.attname || '\M'))
ORDER BY 1, 2;

-- The description tells them all.
SELECT t.name, a.attname
FROM lead_stage.templates() AS t
     JOIN pg_attribute AS a ON a.attrelid IN ((t.name || '_lead')::regclass, (t.name || '_web')::regclass) AND a.attnum > 0
WHERE a.attname NOT IN ('id', 'lead_id', 'at') AND t.description !~ ('\m' || a.attname || '\M')
ORDER BY 1, 2;

-- Examples write only columns there are, and ours.
SELECT e.model, e.name, k.key
FROM lead_stage.example AS e
     CROSS JOIN LATERAL (SELECT jsonb_object_keys(e.lead) UNION SELECT jsonb_object_keys(s) FROM jsonb_array_elements(e.steps) AS s) AS k (key)
WHERE e.model NOT LIKE '% two' AND k.key NOT IN ('stage', 'stage_reason')
  AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = (e.model || '_lead')::regclass AND a.attname = k.key)
ORDER BY 1, 2, 3;
SELECT e.model, e.name, k.key
FROM lead_stage.example AS e
     CROSS JOIN LATERAL (SELECT jsonb_object_keys(a) FROM jsonb_array_elements(e.activities) AS a) AS k (key)
WHERE e.model NOT LIKE '% two' AND k.key <> 'source'
  AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = (e.model || '_web')::regclass AND a.attname = k.key)
ORDER BY 1, 2, 3;

-- What the field needs: checks with questions, ways down with reasons, an
-- end for every kind of lead, and examples of both sorts.
SELECT name, required_for, question FROM lead_stage.criterion WHERE model = 'respiratory' ORDER BY position;
SELECT name, from_stage, to_stage, automatic, cardinality(reasons) AS reasons, hold_for FROM lead_stage.transition WHERE model = 'respiratory' ORDER BY position;
SELECT model, expected, count(*) AS examples FROM lead_stage.example WHERE model NOT LIKE '% two' GROUP BY 1, 2 ORDER BY 1, 2;
-- Nothing makes an SQL by itself.
SELECT model, name FROM lead_stage.transition WHERE automatic AND to_stage >= 'sal';
-- An engagement rule has a limit or fades; only a sign against does not.
SELECT model, name FROM lead_stage.rule WHERE kind = 'engagement' AND (half_life IS NULL OR cap IS NULL) AND model NOT LIKE '% two';

RESET ROLE;
DELETE FROM lead_stage.model WHERE owner = 'regress_modeller';
DELETE FROM lead_stage.calendar WHERE owner = 'regress_modeller';
DROP OWNED BY regress_modeller;
DROP ROLE regress_modeller;
