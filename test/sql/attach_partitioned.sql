-- Partitioned tables: through the parent and straight into a partition, with
-- partitions that were made differently, and rows that move between them.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE SCHEMA parts AUTHORIZATION regress_owner;
SET ROLE regress_owner;
INSERT INTO lead_stage.model (name) VALUES ('parts');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('parts', 'big', 'fit', 'size > 10', 7), ('parts', 'uk', 'fit', 'region = ''UK''', 2);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage, hold_for)
    VALUES ('parts', 'fits', 'mql', true, 5, 'lead', '1 hour');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('parts', 'by hand', 'nurture');

-- Range by a column that is only in the key for that, a list below it, and a
-- partition that was made apart: other column order, dropped columns.
CREATE TABLE parts.lead (id int, created date, region text, size int, PRIMARY KEY (id, created, region)) PARTITION BY RANGE (created);
CREATE TABLE parts.lead_2025 PARTITION OF parts.lead FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE parts.lead_2026 PARTITION OF parts.lead FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (region);
CREATE TABLE parts.lead_2026_uk PARTITION OF parts.lead_2026 FOR VALUES IN ('UK');
CREATE TABLE parts.lead_other (gone1 int, size int, gone2 text, region text NOT NULL, created date NOT NULL, gone3 int, id int NOT NULL);
ALTER TABLE parts.lead_other DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3;
ALTER TABLE parts.lead_2026 ATTACH PARTITION parts.lead_other DEFAULT;

SELECT lead_stage.attach('parts.lead', 'parts');
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('parts.lead')) AND NOT tgisinternal OR tgname ~ 'lead_stage' ORDER BY 1, 2;
SELECT lead_stage.publish('parts') > 0 AS published;

INSERT INTO parts.lead VALUES (1, '2025-05-01', 'UK', 11), (2, '2026-05-01', 'UK', 11), (3, '2026-05-01', 'NL', 11), (4, '2026-05-01', 'NL', 1);
INSERT INTO parts.lead_2025 VALUES (5, '2025-05-01', 'UK', 11);
INSERT INTO parts.lead_2026 VALUES (6, '2026-05-01', 'DE', 11);
INSERT INTO parts.lead_other (id, created, region, size) VALUES (7, '2026-05-01', 'FR', 11);
COPY parts.lead (id, created, region, size) FROM stdin;
8	2026-05-01	FR	12
9	2026-05-01	UK	12
\.
SELECT tableoid::regclass, id, stage, fit_score FROM parts.lead ORDER BY id;
UPDATE parts.lead SET stage = 'nurture' WHERE id IN (1, 2, 3);
UPDATE parts.lead_other SET stage = 'nurture' WHERE id = 7;
UPDATE parts.lead_other SET stage = 'sql' WHERE id = 7;

-- A row that moves to another partition keeps its story: with its key, which
-- the partition's column is part of, it is rekeyed; nothing is created or deleted.
UPDATE parts.lead SET region = 'UK' WHERE id = 8;
UPDATE parts.lead SET region = 'UK' WHERE id = 3;
UPDATE parts.lead SET region = 'UK' WHERE id = 7;
UPDATE parts.lead SET created = '2026-06-01', stage = 'nurture' WHERE id = 5;
UPDATE parts.lead SET region = 'BE' WHERE id IN (2, 6);
SELECT tableoid::regclass, id, stage, fit_score FROM parts.lead ORDER BY id;
SELECT id AS row, lead, region, event, from_stage, to_stage, fit_score FROM (SELECT row_number() OVER (ORDER BY id) AS id, lead_id AS lead, region, event, from_stage, to_stage, fit_score FROM parts.lead_history) AS h ORDER BY 1;
DELETE FROM parts.lead WHERE id = 8;
DELETE FROM parts.lead_other WHERE id = 6;
SELECT lead_id, region, event FROM parts.lead_history WHERE event IN ('created', 'deleted') ORDER BY lead_id, parts.lead_history.id;
SELECT * FROM lead_stage.verify_history('parts.lead');
SELECT id, created, region, hold_until IS NOT NULL AS held FROM parts.lead_state ORDER BY id;

-- A partition that comes later serves its rows, and is whole after another attach.
CREATE TABLE parts.lead_2027 PARTITION OF parts.lead FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO parts.lead_2027 VALUES (10, '2027-01-01', 'UK', 11);
INSERT INTO parts.lead VALUES (11, '2027-01-01', 'UK', 1);
SELECT lead_stage.attach('parts.lead', 'parts');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'parts.lead_2027'::regclass ORDER BY 1;
TRUNCATE parts.lead_2027;
SELECT lead_id, event FROM parts.lead_history WHERE lead_id IN (10, 11) ORDER BY id;
TRUNCATE parts.lead;
SELECT lead_id, event FROM parts.lead_history WHERE event = 'deleted' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('parts.lead');
SELECT count(*) AS states FROM parts.lead_state;

-- By list of a key column, nothing else.
CREATE TABLE parts.listed (region text PRIMARY KEY, size int) PARTITION BY LIST (region);
CREATE TABLE parts.listed_uk PARTITION OF parts.listed FOR VALUES IN ('UK');
CREATE TABLE parts.listed_rest PARTITION OF parts.listed DEFAULT;
SET client_min_messages = warning;
SELECT lead_stage.attach('parts.listed', 'parts');
RESET client_min_messages;
INSERT INTO parts.listed VALUES ('UK', 11), ('NL', 1);
UPDATE parts.listed SET region = 'UK2' WHERE region = 'UK';
SELECT region, event, from_stage, to_stage, reason FROM parts.listed_history ORDER BY id;
SELECT * FROM lead_stage.verify_history('parts.listed');

-- Refused: a partition, a column that the model computes as partition key, a
-- foreign partition.
SELECT lead_stage.attach('parts.lead_2026_uk', 'parts');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE parts.by_stage (id int, stage lead_stage NOT NULL DEFAULT 'lead', PRIMARY KEY (id, stage)) PARTITION BY LIST (stage);
SELECT lead_stage.attach('parts.by_stage', 'parts');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE parts.by_owner (id int, rep text, PRIMARY KEY (id, rep)) PARTITION BY LIST (rep);
SELECT lead_stage.attach('parts.by_owner', 'parts', '{"owner": "rep"}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE FOREIGN DATA WRAPPER regress_dummy;
CREATE SERVER regress_dummy FOREIGN DATA WRAPPER regress_dummy;
CREATE TABLE parts.far (id int PRIMARY KEY) PARTITION BY RANGE (id);
ALTER TABLE parts.far DROP CONSTRAINT far_pkey;
CREATE FOREIGN TABLE parts.far_1 PARTITION OF parts.far FOR VALUES FROM (1) TO (9) SERVER regress_dummy;
SELECT lead_stage.attach('parts.far', 'parts');
\echo :LAST_ERROR_SQLSTATE
-- Nothing was left behind.
SELECT relname FROM pg_class WHERE relnamespace = 'parts'::regnamespace AND relname ~ '^(by_|far|lead_2026_uk)' AND relkind IN ('r', 'v', 'p', 'f') ORDER BY 1;
SELECT count(*) AS bindings FROM lead_stage.binding;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA parts CASCADE;
DROP FOREIGN DATA WRAPPER regress_dummy CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
