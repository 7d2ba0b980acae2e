-- attach adds to a plain table what it lacks of five columns, and makes
-- history, state, views and triggers beside it, all owned by the table's owner.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA plain AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE plain.lead (id int PRIMARY KEY, company text, score int);
INSERT INTO plain.lead VALUES (1, 'there before', 5);
INSERT INTO lead_stage.model (name) VALUES ('plain');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('plain', 'score', 'fit', 'score > 10', 7);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit) VALUES ('plain', 'fits', 'mql', true, 5);
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('plain', 'by hand', 'nurture');

SELECT lead_stage.attach('plain.lead', 'plain');

-- The columns.
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, pg_get_expr(adbin, adrelid) AS default
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'plain.lead'::regclass AND attnum > 0 ORDER BY attnum;
-- The lead that was there is as it was.
SELECT * FROM plain.lead;

-- What stands beside it.
SELECT relname, relkind, relowner::regrole, reloptions FROM pg_class
WHERE relnamespace = 'plain'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'plain'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'lead' AND a.attnum > 0
GROUP BY c.relname ORDER BY 1;
SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'plain' ORDER BY 1, 2;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'plain'::regnamespace) ORDER BY 1, 2;
-- They are the user's objects, not the extension's.
SELECT count(*) AS members FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
      AND classid = 'pg_class'::regclass AND objid IN (SELECT oid FROM pg_class WHERE relnamespace = 'plain'::regnamespace);
SELECT model, version, columns, added, history, state, live, signals FROM lead_stage.binding;

-- Before the first publish rows pass unscored, and no stage moves.
INSERT INTO plain.lead VALUES (2, 'early', 20);
UPDATE plain.lead SET stage = 'nurture' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
SELECT id, stage, stage_since, fit_score FROM plain.lead ORDER BY id;
SELECT count(*) AS events FROM plain.lead_history;

-- After it they are judged.
SELECT lead_stage.publish('plain') > 0 AS published;
INSERT INTO plain.lead VALUES (3, 'fits', 11), (4, 'does not', 10);
SELECT id, stage, stage_since IS NOT NULL AS since, stage_reason, fit_score, owner FROM plain.lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, name FROM plain.lead_history ORDER BY id;
-- The first write to a lead that was there before starts its history.
UPDATE plain.lead SET score = 30 WHERE id = 1;
SELECT event, from_stage, to_stage, name, fit_score FROM plain.lead_history WHERE lead_id = 1 ORDER BY id;
SELECT * FROM lead_stage.verify_history('plain.lead');
SELECT id, stage, lead_at IS NOT NULL AS was_lead, mql_at IS NOT NULL AS was_mql FROM plain.lead_journey ORDER BY id;
SELECT id, stage, fit_score, score_now, stage_label FROM plain.lead_live ORDER BY id;
SELECT * FROM plain.lead_signals ORDER BY id;

RESET ROLE;
DROP SCHEMA plain CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_app;
