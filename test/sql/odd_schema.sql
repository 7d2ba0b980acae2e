-- The whole main path with the types in a quoted schema off the path, and a
-- path that finds nothing but PostgreSQL's own: as the table's owner, who is no
-- superuser, and as a writer who may do nothing but write leads.
\set SHOW_CONTEXT never
\set here :DBNAME
SET client_min_messages = warning;
CREATE ROLE regress_odd_owner;
CREATE ROLE regress_odd_writer;
CREATE DATABASE regress_odd_schema;
\c regress_odd_schema
SET client_min_messages = warning;
CREATE SCHEMA "Odd Schema";
CREATE EXTENSION lead_stage SCHEMA "Odd Schema";
CREATE SCHEMA "Sales Dept" AUTHORIZATION regress_odd_owner;
GRANT USAGE ON SCHEMA "Sales Dept" TO regress_odd_writer;
GRANT USAGE ON SCHEMA "Odd Schema" TO regress_odd_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SET search_path = pg_catalog;

-- Import, attach, publish.
SET ROLE regress_odd_owner;
CREATE TABLE "Sales Dept"."Leads" ("Id" int PRIMARY KEY, "Role" text, size int, need boolean, follow_up_on date);
GRANT SELECT, INSERT, UPDATE, DELETE ON "Sales Dept"."Leads" TO regress_odd_writer;
SELECT lead_stage.import_model('{"model": {"name": "odd", "labels": {"mql": "Marketing qualified"}},
    "band": [{"kind": "fit", "label": "A", "min_points": 20}, {"kind": "fit", "label": "B", "min_points": 0}],
    "rule": [{"name": "big", "kind": "fit", "condition": "size >= 100", "points": 20},
             {"name": "decides", "kind": "fit", "condition": "\"Role\" IN (''head'', ''owner'')", "points": 10}],
    "criterion": [{"name": "need", "question": "Is there a need now?", "condition": "need"}],
    "transition": [{"name": "qualify", "from_stage": "lead", "to_stage": "mql", "automatic": true, "min_fit": 20},
                   {"name": "confirm", "from_stage": "mql", "to_stage": "sql"},
                   {"name": "park", "to_stage": "nurture", "reasons": ["not ready"], "condition": "stage <> ''customer''"},
                   {"name": "back", "from_stage": "nurture", "to_stage": "lead", "not_before": "follow_up_on"}],
    "milestone": [{"name": "need_known", "condition": "need IS NOT NULL"}],
    "example": [{"name": "big one", "lead": {"size": 100}, "expected": "mql"},
                {"name": "no need", "lead": {"size": 100}, "steps": [{"stage": "sql"}], "expected": "mql"}]}');
SELECT lead_stage.attach('"Sales Dept"."Leads"', 'odd');
SELECT lead_stage.publish('odd', 'first') > 0 AS published;
SELECT lead_stage.export_model('odd') = lead_stage.export_model(lead_stage.import_model(lead_stage.export_model('odd'))) AS same;

-- Insert, a refused move, one for a reason, a delete; by parameters of type
-- text, as drivers send them.  The writer may not even name our types.
SET ROLE regress_odd_writer;
INSERT INTO "Sales Dept"."Leads" ("Id", "Role", size) VALUES (1, 'head', 100), (2, 'clerk', 1), (3, NULL, 500);
UPDATE "Sales Dept"."Leads" SET stage = 'sql' WHERE "Id" = 1;
UPDATE "Sales Dept"."Leads" SET stage = 'sql', need = true WHERE "Id" = 1;
PREPARE park(int, text, text) AS UPDATE "Sales Dept"."Leads" SET stage = $2, stage_reason = $3 WHERE "Id" = $1;
EXECUTE park(3, 'nurture', 'no reason');
EXECUTE park(3, 'Nurture', 'not ready');
INSERT INTO "Sales Dept"."Leads" ("Id", size) VALUES (2, 0) ON CONFLICT ("Id") DO UPDATE SET size = 2;
DELETE FROM "Sales Dept"."Leads" WHERE "Id" = 2;
SELECT "Id", stage, stage_reason, fit_score FROM "Sales Dept"."Leads" ORDER BY 1;
UPDATE "Sales Dept"."Leads_history" SET at = now();

-- Reading: the right to read leads, and to name our types, is all it takes.
RESET ROLE;
GRANT USAGE ON SCHEMA "Odd Schema" TO regress_odd_writer;
SET ROLE regress_odd_writer;
SELECT "Id", event, from_stage, to_stage, name, reason, role = session_user AS role FROM "Sales Dept"."Leads_history" ORDER BY "Id", id;
SELECT kind, name, holds, points, detail FROM lead_stage.explain('"Sales Dept"."Leads"', 3);
SELECT "Id", stage, stage_label, fit_band, score_now FROM "Sales Dept"."Leads_live" ORDER BY 1;
SELECT "Id", stage, next_stage, transition, came_from FROM "Sales Dept"."Leads_visits" ORDER BY 1, entered_at, left_at, stage USING OPERATOR("Odd Schema".<);
SELECT "Id", lead_at IS NOT NULL AS lead, mql_at IS NOT NULL AS mql, sql_at IS NOT NULL AS sql, stage FROM "Sales Dept"."Leads_journey" ORDER BY 1;
SELECT * FROM "Sales Dept"."Leads_signals" ORDER BY 1;
SELECT * FROM lead_stage.verify_history('"Sales Dept"."Leads"');
SELECT key, stage FROM lead_stage.as_of('"Sales Dept"."Leads"', now()) ORDER BY 1;
SELECT lead_stage.evidence('"Sales Dept"."Leads"', id) FROM "Sales Dept"."Leads_history" WHERE "Id" = 1 AND to_stage::text = 'mql';
SELECT * FROM "Sales Dept"."Leads_state";

-- Rescore, unpublish and republish, truncate, detach.
SET ROLE regress_odd_owner;
UPDATE lead_stage.rule SET points = 30 WHERE name = 'big';
SELECT lead_stage.publish('odd') > 0 AS published;
CALL lead_stage.rescore('"Sales Dept"."Leads"', batch => 1);
SELECT lead_stage.rescore_lead('"Sales Dept"."Leads"', 1), lead_stage.rescore_lead('"Sales Dept"."Leads"', '99');
SELECT "Id", stage, fit_score FROM "Sales Dept"."Leads" ORDER BY 1;
SELECT kind, name, change, before, after FROM lead_stage.diff_versions('odd', 1, 2);
SELECT lead_stage.unpublish('"Sales Dept"."Leads"');
ALTER TABLE "Sales Dept"."Leads" ALTER size TYPE bigint;
SELECT lead_stage.republish('"Sales Dept"."Leads"') = version AS republished FROM lead_stage.model;
CALL lead_stage.rescore('"Sales Dept"."Leads"', stage => '''mql''', since => 'follow_up_on');
SELECT lead_stage.merge('"Sales Dept"."Leads"', '{1}', '{3}');
SELECT lead_stage.erase('"Sales Dept"."Leads"', 3) > 0 AS erased;
CALL lead_stage.prune_history('"Sales Dept"."Leads"', '-infinity');
SELECT * FROM lead_stage.verify_history('"Sales Dept"."Leads"');
TRUNCATE "Sales Dept"."Leads";
SELECT "Id", event, from_stage FROM "Sales Dept"."Leads_history" WHERE event = 'deleted' ORDER BY "Id", id;
SELECT lead_stage.detach('"Sales Dept"."Leads"', drop_columns => true);
SELECT attname FROM pg_attribute WHERE attrelid = '"Sales Dept"."Leads"'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
SELECT relname, relkind FROM pg_class WHERE relnamespace = '"Sales Dept"'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;

\c :here
DROP DATABASE regress_odd_schema;
DROP ROLE regress_odd_owner, regress_odd_writer;
