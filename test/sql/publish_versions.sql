-- Versions: what was published when, what differs, and the way back.  Drafting
-- changes nothing until it is published.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA ver AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE ver.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('ver');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('ver', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('ver', 'fits', 'lead', 'mql', true, 5);
SELECT lead_stage.attach('ver.lead', 'ver');
SELECT lead_stage.publish('ver', 'first') AS v1 \gset
INSERT INTO ver.lead VALUES (1, 11);

-- A draft is only a draft.
UPDATE lead_stage.rule SET points = 3, name = 'large' WHERE model = 'ver';
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('ver', 'huge', 'fit', 'size > 100', 1);
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('ver', 'drop', 'disqualified');
INSERT INTO ver.lead VALUES (2, 11);
UPDATE ver.lead SET stage = 'disqualified' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
SELECT id, stage, fit_score FROM ver.lead ORDER BY id;

SELECT lead_stage.publish('ver') AS v2 \gset
SELECT :v2 > :v1 AS grows, (SELECT version = :v2 FROM lead_stage.model) AS in_model, (SELECT version = :v2 FROM lead_stage.binding) AS in_binding;
INSERT INTO ver.lead VALUES (3, 111);
UPDATE ver.lead SET stage = 'disqualified' WHERE id = 2;
SELECT id, stage, fit_score FROM ver.lead ORDER BY id;
SELECT note, published_by, published_at IS NOT NULL AS at, jsonb_array_length(definition -> 'rule') AS rules
FROM lead_stage.version WHERE model = 'ver' ORDER BY version;
-- Every event says by which version it was judged; evidence is read with it.
SELECT lead_id, event, to_stage, fit_score, version = :v1 AS by_first, lead_stage.evidence('ver.lead', id) AS evidence FROM ver.lead_history ORDER BY id;
SELECT * FROM lead_stage.diff_versions('ver', :v1, :v2);

-- Nobody rewrites what was published.
UPDATE lead_stage.version SET note = 'other' WHERE version = :v1;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM lead_stage.version WHERE version = :v1;
\echo :LAST_ERROR_SQLSTATE

-- The way back: import the old definition as the draft, publish it.
SELECT lead_stage.import_model(definition) FROM lead_stage.version WHERE version = :v1;
SELECT lead_stage.publish('ver', 'back to the first') AS v3 \gset
SELECT * FROM lead_stage.diff_versions('ver', :v1, :v3);
SELECT (SELECT definition FROM lead_stage.version WHERE version = :v1) = (SELECT definition FROM lead_stage.version WHERE version = :v3) AS same;
INSERT INTO ver.lead VALUES (4, 111);
UPDATE ver.lead SET size = 12 WHERE id = 2;
SELECT id, stage, fit_score FROM ver.lead ORDER BY id;
SELECT note FROM lead_stage.version WHERE model = 'ver' ORDER BY version;
-- The evidence of the second version can still be read.
SELECT lead_id, lead_stage.evidence('ver.lead', id) AS evidence FROM ver.lead_history WHERE version = :v2 ORDER BY id;

-- A publish that is rolled back never happened.
BEGIN;
UPDATE lead_stage.rule SET points = 50 WHERE model = 'ver';
SELECT lead_stage.publish('ver', 'rolled back') > :v3 AS published;
INSERT INTO ver.lead VALUES (5, 11);
SELECT fit_score FROM ver.lead WHERE id = 5;
SAVEPOINT s;
UPDATE lead_stage.rule SET points = 60 WHERE model = 'ver';
SELECT lead_stage.publish('ver', 'rolled back') > :v3 AS published;
INSERT INTO ver.lead VALUES (6, 11);
SELECT fit_score FROM ver.lead WHERE id = 6;
ROLLBACK TO s;
INSERT INTO ver.lead VALUES (7, 11);
SELECT fit_score FROM ver.lead WHERE id = 7;
ROLLBACK;
INSERT INTO ver.lead VALUES (8, 11);
SELECT fit_score FROM ver.lead WHERE id = 8;
SELECT version = :v3 AS third FROM lead_stage.model;

-- Renaming the model changes nothing for its tables.
UPDATE lead_stage.model SET name = 'renamed';
INSERT INTO ver.lead VALUES (9, 11);
SELECT fit_score FROM ver.lead WHERE id = 9;
SELECT model FROM lead_stage.binding;
SELECT lead_stage.publish('renamed') > :v3 AS published;
-- A model that is attached cannot be deleted.
DELETE FROM lead_stage.model;
\echo :LAST_ERROR_SQLSTATE

RESET ROLE;
DROP SCHEMA ver CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
