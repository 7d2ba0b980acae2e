-- One model for several tables, each with its own columns: publish compiles it
-- for all or for none; a table may be attached to a model that is published.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA tabs AUTHORIZATION regress_owner;
GRANT ALL ON SCHEMA tabs TO regress_other;
SET ROLE regress_owner;
CREATE TABLE tabs.uk (id int PRIMARY KEY, size int, region text DEFAULT 'UK');
CREATE TABLE tabs.nl (region text DEFAULT 'NL', extra int, size bigint, id uuid PRIMARY KEY DEFAULT gen_random_uuid());
CREATE TABLE tabs.de (nr int, size numeric, region varchar(2), rep int, PRIMARY KEY (nr, region)) PARTITION BY LIST (region);
CREATE TABLE tabs.de_1 PARTITION OF tabs.de DEFAULT;
INSERT INTO lead_stage.model (name) VALUES ('tabs');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('tabs', 'big', 'fit', 'size > 10', 7), ('tabs', 'home', 'fit', 'region IN (''UK'', ''DE'')', 2);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('tabs', 'fits', 'lead', 'mql', true, 7);
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('tabs', 'big', '{"size": 11}', 'mql'), ('tabs', 'small', '{"size": 1}', 'lead');
SELECT lead_stage.attach('tabs.uk', 'tabs');
SELECT lead_stage.attach('tabs.de', 'tabs', '{"owner": "rep"}');
SELECT lead_stage.publish('tabs') AS v1 \gset
-- Attached to a published model: compiled, and its examples run, at once.
RESET client_min_messages;
SET client_min_messages = warning;
SELECT lead_stage.attach('tabs.nl', 'tabs');
SELECT leads, version = :v1 AS compiled FROM lead_stage.binding ORDER BY leads::text;
INSERT INTO tabs.uk (id, size) VALUES (1, 11);
INSERT INTO tabs.nl (size) VALUES (11);
INSERT INTO tabs.de (nr, size, region) VALUES (1, 11, 'DE'), (2, 10.5, 'FR');
SELECT 'uk' AS table, stage, fit_score FROM tabs.uk UNION ALL SELECT 'nl', stage, fit_score FROM tabs.nl UNION ALL SELECT region, stage, fit_score FROM tabs.de ORDER BY 1;

-- A condition that fits two of them: none is changed, and it is said which.
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('tabs', 'extra', 'fit', 'extra > 0', 1), ('tabs', 'whole', 'fit', 'size % 2 = 0 AND region ILIKE ''u%''', 1);
SELECT lead_stage.publish('tabs');
\echo :LAST_ERROR_SQLSTATE
SELECT leads, version = :v1 AS compiled FROM lead_stage.binding ORDER BY leads::text;
-- Each table is named in the command that mends it.
ALTER TABLE tabs.uk ADD COLUMN extra numeric;
ALTER TABLE tabs.de ADD COLUMN extra numeric;
SELECT lead_stage.publish('tabs') > :v1 AS published;
SELECT count(*) AS compiled FROM lead_stage.binding AS b JOIN lead_stage.model AS m ON m.name = b.model AND m.version = b.version;

-- One of them unpublished: publish compiles it again; the others go on.
SELECT lead_stage.unpublish('tabs.nl');
INSERT INTO tabs.uk (id, size) VALUES (2, 12);
SELECT stage, fit_score FROM tabs.uk WHERE id = 2;
SELECT count(*) FILTER (WHERE version IS NULL) AS not_compiled FROM lead_stage.binding;
SELECT lead_stage.publish('tabs') > :v1 AS published;
SELECT count(*) FILTER (WHERE version IS NULL) AS not_compiled FROM lead_stage.binding;
-- One of them dropped: it is no obstacle.
DROP TABLE tabs.nl CASCADE;
SELECT lead_stage.publish('tabs') > :v1 AS published;

-- A table that belongs to somebody else: whoever publishes must be a member.
SET ROLE regress_other;
CREATE TABLE tabs.other (id int PRIMARY KEY, size int, region text, extra int);
RESET ROLE;
SELECT lead_stage.attach('tabs.other', 'tabs');
SET ROLE regress_owner;
SELECT lead_stage.publish('tabs');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_other;
SELECT lead_stage.publish('tabs');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.unpublish('tabs.other');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO tabs.other VALUES (1, 11, 'UK');
SELECT stage FROM tabs.other;
RESET ROLE;
GRANT regress_other TO regress_owner;
SET ROLE regress_owner;
SELECT lead_stage.publish('tabs') > :v1 AS published;

-- Attach to a published model that does not fit: nothing is attached.
CREATE TABLE tabs.no_size (id int PRIMARY KEY, region text, extra int);
SELECT lead_stage.attach('tabs.no_size', 'tabs');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE tabs.bad_default (id int PRIMARY KEY, size int, region text DEFAULT 'UK', extra int DEFAULT 1);
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('tabs', 'tiny', '{"size": 1, "region": "UK"}', 'lead');
UPDATE lead_stage.transition SET min_fit = 3 WHERE model = 'tabs';
SELECT lead_stage.publish('tabs') > :v1 AS published;
SELECT lead_stage.attach('tabs.bad_default', 'tabs');
\echo :LAST_ERROR_SQLSTATE
SELECT relname FROM pg_class WHERE relnamespace = 'tabs'::regnamespace AND relname ~ '^(no_size|bad_default)_' AND relkind IN ('r', 'v') ORDER BY 1;
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'tabs.bad_default'::regclass AND attnum > 0;
SELECT leads FROM lead_stage.binding AS b JOIN pg_class AS c ON c.oid = b.leads ORDER BY leads::text;
-- A draft that fits changes nothing about that: what is compiled is what was published.
UPDATE lead_stage.example SET expected = 'customer' WHERE model = 'tabs';
ALTER TABLE tabs.bad_default ALTER COLUMN extra DROP DEFAULT;
SELECT lead_stage.attach('tabs.bad_default', 'tabs');
SELECT count(*) AS bindings FROM lead_stage.binding WHERE leads = 'tabs.bad_default'::regclass;

RESET ROLE;
DROP SCHEMA tabs CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_other;
