-- What cannot be routed is refused in time, and what was not routed is seen.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now TO regress_owner;
CREATE SCHEMA shown AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = shown, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

CREATE TABLE lead (id int PRIMARY KEY, region text, owner varchar(8));
INSERT INTO lead_stage.model (name) VALUES ('shown');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position) VALUES
    ('shown', 'sql', 'lead', 'sql', 1), ('shown', 'no', NULL, 'disqualified', 2), ('shown', 'back', NULL, 'nurture', 3);
SELECT lead_stage.attach('lead', 'shown');

-- Refused when written.
INSERT INTO lead_stage.route (model, name, stage, pool, assign_to) VALUES ('shown', 'both', 'sql', 'north', 'ann');
INSERT INTO lead_stage.route (model, name, stage) VALUES ('shown', 'neither', 'sql');
INSERT INTO lead_stage.rep (model, pool, name, weight) VALUES ('shown', 'north', 'ann', 0);
INSERT INTO lead_stage.rep (model, pool, name, weight) VALUES ('shown', 'north', 'ann', 1001);
INSERT INTO lead_stage.rep (model, pool, name, max_open) VALUES ('shown', 'north', 'ann', -1);

-- Refused by publish, all in one message: a pool that nobody is in, names that
-- are too long, a condition that is none, and an owner that no cast takes.
INSERT INTO lead_stage.route (model, name, stage, position, condition, pool, assign_to) VALUES
    ('shown', 'north', 'sql', 1, 'region = ''north''', 'north', NULL), ('shown', 'gone', 'sql', 2, 'region', 'gone', NULL),
    ('shown', 'long', 'nurture', 3, NULL, NULL, 'newsletter team');
INSERT INTO lead_stage.rep (model, pool, name) VALUES ('shown', 'north', 'annabelle'), ('shown', 'north', 'ben');
SELECT lead_stage.publish('shown');
SELECT severity, object, problem FROM lead_stage.lint('shown') WHERE object LIKE 'route%' OR object LIKE 'rep%';
DELETE FROM lead_stage.route WHERE model = 'shown' AND name = 'gone';
UPDATE lead_stage.route SET assign_to = 'news' WHERE model = 'shown' AND name = 'long';
UPDATE lead_stage.rep SET name = 'anna', away = '{[2026-03-01,2026-03-04)}', max_open = 2 WHERE model = 'shown' AND name = 'annabelle';
UPDATE lead_stage.rep SET max_open = 1 WHERE model = 'shown' AND name = 'ben';
INSERT INTO lead_stage.rep (model, pool, name, enabled) VALUES ('shown', 'north', 'carl', false), ('shown', 'south', 'dan', true);
INSERT INTO lead_stage.route (model, name, stage, position, condition, pool) VALUES ('shown', 'south', 'sql', 5, 'region = ''south'' OR region = ''north''', 'south');
SELECT lead_stage.publish('shown') > 0 AS published;

-- Unassigned: in tasks and in lint, until somebody has it or it moves on.
UPDATE lead_stage.rep SET away = '{(,)}' WHERE model = 'shown' AND name = 'dan';
INSERT INTO lead (id, region) SELECT i, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'east' END FROM generate_series(1, 6) AS i;
UPDATE lead SET stage = 'sql';
SELECT id, owner FROM lead ORDER BY id;
SELECT * FROM lead_tasks ORDER BY id;
SELECT severity, object, problem, advice FROM lead_stage.lint('shown') WHERE object LIKE 'table%' OR object LIKE 'stage%' OR object LIKE 'pool%';
CREATE INDEX lead_owner ON lead (owner) WHERE stage IN ('sal', 'sql', 'opportunity');
UPDATE lead SET owner = 'ben' WHERE id = 1;
UPDATE lead SET stage = 'nurture' WHERE id = 3;
UPDATE lead SET stage = 'disqualified' WHERE id = 5;
SELECT id, state FROM lead_tasks ORDER BY id;
SELECT problem FROM lead_stage.lint('shown') WHERE object LIKE 'table%';

-- explain: which route applies, and who can have the lead.
SELECT name, holds, detail FROM lead_stage.explain('lead', 2) WHERE kind = 'route';
SELECT name, holds, detail FROM lead_stage.explain('lead', 1) WHERE kind = 'route';
-- guide: routes and pools, and whose lead it is then.
SELECT line FROM regexp_split_to_table(lead_stage.guide('shown'), '\n') WITH ORDINALITY AS g (line, n)
    WHERE line ~ 'pool|ben|anna|carl|news' ORDER BY n;

-- A rep who is removed from the draft still has his turns until it is published.
DELETE FROM lead_stage.rep WHERE model = 'shown' AND name = 'anna';
UPDATE lead_stage.rep SET away = NULL WHERE model = 'shown';
UPDATE lead SET owner = NULL WHERE owner = 'ben';
INSERT INTO lead (id, region) SELECT i, 'north' FROM generate_series(10, 13) AS i;
UPDATE lead SET stage = 'sql' WHERE id BETWEEN 10 AND 13;
SELECT owner, count(*) FROM lead WHERE id BETWEEN 10 AND 13 GROUP BY owner ORDER BY owner;
SELECT lead_stage.publish('shown') > 0 AS published;
INSERT INTO lead (id, region) SELECT i, 'north' FROM generate_series(20, 23) AS i;
UPDATE lead SET stage = 'sql' WHERE id BETWEEN 20 AND 23;
SELECT owner, count(*) FROM lead WHERE id BETWEEN 20 AND 23 GROUP BY owner ORDER BY owner;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'shown';
DROP SCHEMA shown CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
