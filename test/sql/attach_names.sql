-- Names that need quotes, wherever a name can stand: schema, table, columns,
-- key, owner, and the extension's own.
\set SHOW_CONTEXT never
CREATE ROLE "regress ""Own%er";
CREATE ROLE "regress 100%s";
CREATE SCHEMA "My %s ""Schema'" AUTHORIZATION "regress ""Own%er";
SET ROLE "regress ""Own%er";
SET search_path = '';
CREATE TABLE "My %s ""Schema'"."Leads 100% ""äöü" ("Key %1$I" text, "select" int, "Größe %" int, "it's" text,
    PRIMARY KEY ("select", "Key %1$I"));
GRANT SELECT ON "My %s ""Schema'"."Leads 100% ""äöü" TO "regress 100%s";
ALTER TABLE "My %s ""Schema'"."Leads 100% ""äöü" ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON "My %s ""Schema'"."Leads 100% ""äöü" USING (true);

INSERT INTO lead_stage.model (name, labels) VALUES ('Names "%s'' ü', '{"mql": "100% ''ready'' \"now\""}');
INSERT INTO lead_stage.band (model, kind, label, min_points) VALUES ('Names "%s'' ü', 'fit', 'A%''"', 5);
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('Names "%s'' ü', 'rule "100%s'' ü', 'fit', '"Größe %" > 10 AND "it''s" LIKE ''%\%s%'' ESCAPE ''\''', 7);
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES
    ('Names "%s'' ü', 'check %s', 'Is it 100% "sure"?', '"it''s" LIKE ''%sure%''');
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage) VALUES
    ('Names "%s'' ü', 'go %s''"', 'mql', true, 5, 'lead');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons, condition) VALUES
    ('Names "%s'' ü', 'on', 'mql', 'sql', '{"100% \"sure\"",it''s}', '"Wer?" IS NOT NULL');
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES
    ('Names "%s'' ü', 'ex %s''"', '{"Größe %": 11, "it''s": "50%s"}', 'mql');

SELECT lead_stage.attach('"My %s ""Schema''"."Leads 100% ""äöü"', 'Names "%s'' ü', '{"owner": "Wer?", "stage": "St %s ''\"ufe"}');
SELECT relname, relkind FROM pg_catalog.pg_class
WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname LIKE 'My%') AND relkind IN ('r', 'v') ORDER BY relname COLLATE "C";
SELECT lead_stage.publish('Names "%s'' ü') > 0 AS published;
INSERT INTO "My %s ""Schema'"."Leads 100% ""äöü" VALUES ('k%s', 1, 11, 'a %s'), ('k''"', 2, 5, 'a %s');
UPDATE "My %s ""Schema'"."Leads 100% ""äöü" SET "St %s '""ufe" = 'sql', "Wer?" = 'anna' WHERE "select" = 1;
UPDATE "My %s ""Schema'"."Leads 100% ""äöü" SET "St %s '""ufe" = 'sql', "Wer?" = 'anna', "it's" = 'sure' WHERE "select" = 1;
UPDATE "My %s ""Schema'"."Leads 100% ""äöü" SET "St %s '""ufe" = 'sql', "Wer?" = 'anna', "it's" = 'sure', stage_reason = 'it''s' WHERE "select" = 1;
SELECT "select", "Key %1$I", event, from_stage, to_stage, name, reason, owner FROM "My %s ""Schema'"."Leads 100% ""äöü_history" ORDER BY id;
SELECT "select", stage, owner, fit_band, stage_label FROM "My %s ""Schema'"."Leads 100% ""äöü_live" ORDER BY 1;
SELECT * FROM "My %s ""Schema'"."Leads 100% ""äöü_signals" ORDER BY 1;
SELECT "select", stage, next_stage, reason FROM "My %s ""Schema'"."Leads 100% ""äöü_visits" ORDER BY 1, stage;
SELECT kind, name, holds, points, detail FROM lead_stage.explain('"My %s ""Schema''"."Leads 100% ""äöü"', 2, 'k''"');
SELECT * FROM lead_stage.verify_history('"My %s ""Schema''"."Leads 100% ""äöü"');
SELECT * FROM lead_stage.as_of('"My %s ""Schema''"."Leads 100% ""äöü"', 'infinity') ORDER BY key;
RESET ROLE;
GRANT USAGE ON SCHEMA "My %s ""Schema'" TO "regress 100%s";
SET ROLE "regress 100%s";
SELECT pg_catalog.count(*) FROM "My %s ""Schema'"."Leads 100% ""äöü_history";
SELECT pg_catalog.count(*) FROM "My %s ""Schema'"."Leads 100% ""äöü_signals";
SET ROLE "regress ""Own%er";
TRUNCATE "My %s ""Schema'"."Leads 100% ""äöü";
SELECT "select", event FROM "My %s ""Schema'"."Leads 100% ""äöü_history" WHERE event = 'deleted' ORDER BY 1;
SET client_min_messages = warning;
SELECT lead_stage.unpublish('"My %s ""Schema''"."Leads 100% ""äöü"');
SELECT lead_stage.republish('"My %s ""Schema''"."Leads 100% ""äöü"') > 0 AS republished;
RESET client_min_messages;
SELECT lead_stage.detach('"My %s ""Schema''"."Leads 100% ""äöü"', drop_columns => true);

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA "My %s ""Schema'" CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE "regress ""Own%er", "regress 100%s";
