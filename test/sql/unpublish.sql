-- unpublish frees a table's columns: rows pass unscored, stages stay where they
-- are, until republish compiles the published version again.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA unp AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE unp.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('unp');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('unp', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('unp', 'fits', 'lead', 'mql', true, 5);
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('unp', 'park', 'nurture');
SELECT lead_stage.attach('unp.lead', 'unp');
-- Never published: nothing to compile, but unpublish does no harm.
SELECT lead_stage.republish('unp.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.unpublish('unp.lead');
SELECT lead_stage.unpublish('unp.lead');
SELECT lead_stage.publish('unp') > 0 AS published;
INSERT INTO unp.lead VALUES (1, 11), (2, 5);

SELECT lead_stage.unpublish('unp.lead');
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'unp'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT version, signals, live FROM lead_stage.binding;
SELECT version IS NOT NULL AS still_published FROM lead_stage.model;
-- Rows pass unscored, stage moves are refused.
INSERT INTO unp.lead VALUES (3, 11);
INSERT INTO unp.lead (id, stage) VALUES (4, 'mql');
\echo :LAST_ERROR_SQLSTATE
UPDATE unp.lead SET size = 12, fit_score = 99, stage_since = '2000-01-01' WHERE id = 2;
UPDATE unp.lead SET stage = 'nurture' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE unp.lead SET stage = 'nurture' WHERE id = 3;
\echo :LAST_ERROR_SQLSTATE
UPDATE unp.lead SET owner = 'anna' WHERE id = 1;
UPDATE unp.lead SET id = 11 WHERE id = 1;
DELETE FROM unp.lead WHERE id = 2;
SELECT id, stage, stage_since IS NOT NULL AS since, fit_score, owner FROM unp.lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage, owner FROM unp.lead_history ORDER BY id;
SELECT * FROM lead_stage.verify_history('unp.lead');
SELECT name FROM lead_stage.explain('unp.lead', 11);
\echo :LAST_ERROR_SQLSTATE
-- Any column can be altered now, ours and the user's.
ALTER TABLE unp.lead ALTER COLUMN size TYPE numeric;
ALTER TABLE unp.lead ALTER COLUMN owner TYPE varchar(40);
ALTER TABLE unp.lead RENAME COLUMN fit_score TO points;

-- The draft goes its own way; republish takes what was published.
UPDATE lead_stage.rule SET points = 50 WHERE model = 'unp';
SELECT lead_stage.republish('unp.lead') = (SELECT version FROM lead_stage.model) AS republished;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE unp.lead RENAME COLUMN points TO fit_score;
-- Of another type a column of ours cannot play its role.
ALTER TABLE unp.lead ALTER COLUMN fit_score TYPE numeric;
SELECT lead_stage.republish('unp.lead');
INSERT INTO unp.lead VALUES (99, 11);
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE unp.lead ALTER COLUMN fit_score TYPE int;
SELECT lead_stage.republish('unp.lead') = (SELECT version FROM lead_stage.model) AS republished;
SELECT points FROM lead_stage.rule;
INSERT INTO unp.lead VALUES (5, 11);
UPDATE unp.lead SET size = 13 WHERE id = 3;
UPDATE unp.lead SET stage = 'nurture' WHERE id = 11;
SELECT id, stage, fit_score FROM unp.lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM unp.lead_history WHERE lead_id IN (3, 11) ORDER BY id;
SELECT * FROM lead_stage.verify_history('unp.lead');
SELECT id, stage FROM unp.lead_live ORDER BY id;
-- Republishing what is published, or publishing what is not compiled, is fine.
SELECT lead_stage.republish('unp.lead') > 0 AS republished;
SELECT lead_stage.unpublish('unp.lead');
SELECT lead_stage.publish('unp') > 0 AS published;
INSERT INTO unp.lead VALUES (6, 11);
SELECT id, stage, fit_score FROM unp.lead WHERE id = 6;

-- A republish that fails leaves it unpublished.
SELECT lead_stage.unpublish('unp.lead');
ALTER TABLE unp.lead DROP COLUMN size;
SELECT lead_stage.republish('unp.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT version FROM lead_stage.binding;
INSERT INTO unp.lead VALUES (7);
SELECT id, stage, fit_score FROM unp.lead WHERE id = 7;
-- With "enforce" off an import sets any stage, published or not.
RESET ROLE;
SET lead_stage.enforce = off;
SET ROLE regress_owner;
INSERT INTO unp.lead (id, stage, stage_since) VALUES (8, 'customer', '2020-01-01 00:00+00');
UPDATE unp.lead SET stage = 'lost' WHERE id = 11;
SELECT id, stage, stage_since = '2020-01-01 00:00+00' AS since_given FROM unp.lead WHERE id IN (8, 11) ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM unp.lead_history WHERE lead_id IN (8, 11) ORDER BY id;
SELECT * FROM lead_stage.verify_history('unp.lead');
RESET ROLE;
RESET lead_stage.enforce;

DROP SCHEMA unp CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
