-- Columns that a published model uses can be renamed but not dropped; the
-- table itself can be renamed and moved.  The model follows at once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA ren AUTHORIZATION regress_owner;
CREATE SCHEMA elsewhere AUTHORIZATION regress_owner;
SET ROLE regress_owner;
INSERT INTO lead_stage.model (name, labels) VALUES ('ren', '{"mql": "ready"}');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('ren', 'big', 'fit', 'size > 10 AND NOT small', 7);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('ren', 'owned', 'owner IS NOT NULL');
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage) VALUES ('ren', 'fits', 'mql', true, 5, 'lead');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('ren', 'accept', 'mql', 'sql');
INSERT INTO lead_stage.transition (model, name, to_stage, reasons) VALUES ('ren', 'recycle', 'nurture', '{}');
CREATE TABLE ren.lead (id int PRIMARY KEY, unused int, size int, small boolean DEFAULT false);
SELECT lead_stage.attach('ren.lead', 'ren');
SELECT lead_stage.publish('ren') > 0 AS published;
INSERT INTO ren.lead (id, size) VALUES (1, 11);

-- PostgreSQL's own error keeps what is used; the rest is free.
ALTER TABLE ren.lead DROP COLUMN size;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE ren.lead ALTER COLUMN size TYPE bigint;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE ren.lead DROP COLUMN stage;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE ren.lead DROP COLUMN stage_reason;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE ren.lead DROP COLUMN unused;
ALTER TABLE ren.lead ADD COLUMN extra int;
INSERT INTO ren.lead (id, size) VALUES (2, 11), (3, 9);
SELECT id, stage, fit_score FROM ren.lead ORDER BY id;

-- The user's columns, with another taking the old name.
ALTER TABLE ren.lead RENAME COLUMN size TO staff;
ALTER TABLE ren.lead RENAME COLUMN small TO size;
INSERT INTO ren.lead (id, staff) VALUES (4, 11), (5, 9);
UPDATE ren.lead SET staff = 12 WHERE id = 3;
SELECT id, staff, stage, fit_score FROM ren.lead ORDER BY id;
SELECT * FROM ren.lead_signals ORDER BY id;

-- Ours, and the key.
ALTER TABLE ren.lead RENAME COLUMN stage TO "Stufe";
ALTER TABLE ren.lead RENAME COLUMN stage_since TO seit;
ALTER TABLE ren.lead RENAME COLUMN stage_reason TO grund;
ALTER TABLE ren.lead RENAME COLUMN fit_score TO punkte;
ALTER TABLE ren.lead RENAME COLUMN owner TO besitzer;
ALTER TABLE ren.lead ADD COLUMN owner text, ADD COLUMN stage text;
INSERT INTO ren.lead (id, staff, owner) VALUES (6, 11, 'nobody');
UPDATE ren.lead SET "Stufe" = 'sql' WHERE id = 6;
UPDATE ren.lead SET "Stufe" = 'sql', besitzer = 'anna' WHERE id = 6;
UPDATE ren.lead SET "Stufe" = 'nurture', grund = 'not now' WHERE id = 1;
SELECT id, "Stufe", seit IS NOT NULL AS since, grund, punkte, besitzer FROM ren.lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, reason, owner FROM ren.lead_history WHERE lead_id IN (1, 6) ORDER BY id;
SELECT id, stage, owner, stage_label FROM ren.lead_live ORDER BY id;
SELECT id, stage, owner FROM ren.lead_visits WHERE next_stage IS NULL ORDER BY id;
SELECT * FROM lead_stage.verify_history('ren.lead');
SELECT kind, name, holds FROM lead_stage.explain('ren.lead', 6);

-- A new publish still means what the conditions say: the draft names columns,
-- so it must be brought up to date; the roles' names stay good.
SELECT lead_stage.publish('ren');
UPDATE lead_stage.rule SET condition = 'staff > 10 AND NOT size' WHERE model = 'ren';
ALTER TABLE ren.lead DROP COLUMN owner;
SELECT lead_stage.publish('ren') > 0 AS published;
INSERT INTO ren.lead (id, staff) VALUES (7, 11);
SELECT columns, added FROM lead_stage.binding;
SELECT id, "Stufe", punkte FROM ren.lead WHERE id = 7;

-- The table itself, the key, and the schema.
ALTER TABLE ren.lead RENAME COLUMN id TO nr;
ALTER TABLE ren.lead RENAME TO interessent;
INSERT INTO ren.interessent (nr, staff) VALUES (8, 11);
DELETE FROM ren.interessent WHERE nr = 2;
SELECT lead_id, event, to_stage FROM ren.lead_history WHERE lead_id IN (2, 8) ORDER BY id;
SELECT id, stage FROM ren.lead_live WHERE id = 8;
ALTER TABLE ren.interessent SET SCHEMA elsewhere;
INSERT INTO elsewhere.interessent (nr, staff) VALUES (9, 11);
-- publish calls its views after the table again; the tables keep their names.
SELECT lead_stage.publish('ren') > 0 AS published;
SELECT relnamespace::regnamespace, relname FROM pg_class
WHERE relnamespace IN ('ren'::regnamespace, 'elsewhere'::regnamespace) AND relkind IN ('r', 'v') ORDER BY 1, 2;
INSERT INTO elsewhere.interessent (nr, staff) VALUES (10, 11);
SELECT lead_id, event, to_stage FROM ren.lead_history WHERE lead_id IN (9, 10) ORDER BY id;
SELECT count(*) FROM elsewhere.interessent_live;
SELECT lead_stage.attach('elsewhere.interessent', 'ren');
SELECT * FROM lead_stage.verify_history('elsewhere.interessent');
SELECT lead_stage.unpublish('elsewhere.interessent');
SELECT lead_stage.republish('elsewhere.interessent') > 0 AS republished;
ALTER TABLE elsewhere.interessent RENAME TO lead;
SELECT lead_stage.detach('elsewhere.lead', drop_columns => true);
SELECT relnamespace::regnamespace, relname FROM pg_class
WHERE relnamespace IN ('ren'::regnamespace, 'elsewhere'::regnamespace) AND relkind IN ('r', 'v') ORDER BY 1, 2;
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'elsewhere.lead'::regclass AND attnum > 0 AND NOT attisdropped;

RESET ROLE;
DROP SCHEMA ren, elsewhere CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
