-- A second attach changes nothing, makes what is missing, and says so.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
CREATE SCHEMA again AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE again.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name, labels) VALUES ('again', '{"mql": "ready"}'), ('another', '{}');
INSERT INTO lead_stage.band (model, kind, label, min_points) VALUES ('again', 'fit', 'A', 5);
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('again', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage) VALUES ('again', 'fits', 'mql', true, 5, 'lead');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('again', 'by hand', 'nurture');

SELECT lead_stage.attach('again.lead', 'again');
SELECT lead_stage.attach('again.lead', 'again');
SELECT lead_stage.publish('again') > 0 AS published;
INSERT INTO again.lead VALUES (1, 11), (2, 1);
CREATE TEMP TABLE before AS
    SELECT c.oid, c.relname, c.relkind FROM pg_class AS c WHERE c.relnamespace = 'again'::regnamespace AND c.relkind IN ('r', 'i', 'S');
SELECT id AS binding FROM lead_stage.binding \gset
SELECT lead_stage.attach('again.lead', 'again');
SELECT * FROM before EXCEPT SELECT c.oid, c.relname, c.relkind FROM pg_class AS c;
SELECT id = :'binding' AS same_binding, version IS NOT NULL AS published, added FROM lead_stage.binding;
-- What publish made of the views is still there.
SELECT id, stage, fit_band, stage_label FROM again.lead_live ORDER BY id;
SELECT id, fit_big FROM again.lead_signals ORDER BY id;

-- Other columns, another model: not without a detach.
SELECT lead_stage.attach('again.lead', 'again', '{"stage": "stage"}');
SELECT lead_stage.attach('again.lead', 'again', '{"owner": "rep"}');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.attach('again.lead', 'another');
\echo :LAST_ERROR_SQLSTATE
SELECT id, stage, fit_band, stage_label FROM again.lead_live ORDER BY id;

-- What was dropped comes back.
DROP TRIGGER "~lead_stage_judge" ON again.lead;
DROP TRIGGER "!lead_stage_record" ON again.lead;
DROP TRIGGER lead_stage_truncate ON again.lead;
DROP TRIGGER lead_stage_append_only ON again.lead_history;
DROP VIEW again.lead_live, again.lead_journey, again.lead_visits;
SELECT lead_stage.attach('again.lead', 'again');
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'again'::regnamespace) ORDER BY 1, 2;
SELECT id, stage, fit_band, stage_label FROM again.lead_live ORDER BY id;
UPDATE again.lead SET stage = 'nurture' WHERE id = 2;

SET client_min_messages = warning;
DROP VIEW again.lead_signals;
UPDATE again.lead SET stage = 'nurture' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.attach('again.lead', 'again');
UPDATE again.lead SET stage = 'nurture' WHERE id = 1;

DROP VIEW again.lead_visits;
DROP TABLE again.lead_state CASCADE;
SELECT lead_stage.attach('again.lead', 'again');
UPDATE again.lead SET size = 12 WHERE id = 2;
DROP VIEW again.lead_visits, again.lead_journey;
DROP TABLE again.lead_history;
SELECT lead_stage.attach('again.lead', 'again');
INSERT INTO again.lead VALUES (3, 11);
SELECT lead_id, event, to_stage FROM again.lead_history ORDER BY id;

-- A column that went while nothing was compiled.
SELECT lead_stage.unpublish('again.lead');
ALTER TABLE again.lead DROP COLUMN owner;
SELECT lead_stage.attach('again.lead', 'again');
INSERT INTO again.lead (id, size, owner) VALUES (4, 11, 'anna');
SELECT id, stage, owner FROM again.lead ORDER BY id;

-- SELECT granted later reaches what stands beside.
GRANT SELECT ON again.lead TO regress_reader;
SELECT has_table_privilege('regress_reader', 'again.lead_history', 'SELECT') AS before;
SELECT lead_stage.attach('again.lead', 'again');
SELECT has_table_privilege('regress_reader', 'again.lead_history', 'SELECT') AS after;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA again CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP TABLE before;
DROP ROLE regress_owner, regress_reader;
