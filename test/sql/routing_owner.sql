-- Who gets a lead that enters a stage: fixed names, pools, what an existing or
-- a written owner means, and what history says.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now, lead_stage.enforce TO regress_owner;
CREATE SCHEMA route AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = route, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

CREATE TABLE lead (id int PRIMARY KEY, region text, ok bool, junk bool, note text);
INSERT INTO lead_stage.model (name) VALUES ('route');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition) VALUES
    ('route', 'junk', NULL, 'disqualified', 1, true, 'junk'),
    ('route', 'mql', 'lead', 'mql', 2, true, 'ok'),
    ('route', 'fast', 'mql', 'sql', 3, true, 'region = ''vip'''),
    ('route', 'accept', 'mql', 'sal', 4, false, NULL),
    ('route', 'sql', 'mql', 'sql', 5, false, NULL),
    ('route', 'sql_sal', 'sal', 'sql', 6, false, NULL),
    ('route', 'opp', 'sql', 'opportunity', 7, false, NULL),
    ('route', 'back', NULL, 'nurture', 8, false, NULL),
    ('route', 'again', 'nurture', 'mql', 9, false, NULL);
INSERT INTO lead_stage.route (model, name, stage, position, condition, assign_to, pool, reassign) VALUES
    ('route', 'new_south', 'lead', 1, 'region = ''south''', 'south desk', NULL, NULL),
    ('route', 'mql_desk', 'mql', 2, NULL, 'desk', NULL, NULL),
    ('route', 'sql_north', 'sql', 3, 'region = ''north''', NULL, 'north', NULL),
    ('route', 'sql_vip', 'sql', 4, 'region = ''vip'' AND stage = ''sql'' AND owner = ''desk''', 'ceo', NULL, NULL),
    ('route', 'sql_any', 'sql', 5, NULL, NULL, 'any', NULL),
    ('route', 'opp_closers', 'opportunity', 6, NULL, 'closer', NULL, true),
    ('route', 'nurture', 'nurture', 7, NULL, 'newsletter', NULL, false),
    ('route', 'poor_fit', 'disqualified', 8, NULL, 'marketing', NULL, NULL);
INSERT INTO lead_stage.rep (model, pool, name) VALUES ('route', 'north', 'nora'), ('route', 'any', 'ann');
SELECT lead_stage.attach('lead', 'route');
SELECT lead_stage.publish('route') > 0 AS published;
CREATE VIEW story AS
    SELECT lead_id AS id, string_agg(concat_ws(' ', event, CASE WHEN event IN ('created', 'stage') THEN to_stage::text END, name,
                                               CASE WHEN event = 'owner' THEN coalesce(previous_owner, '-') || '>' || coalesce(owner, '-') END), ', ' ORDER BY h.id) AS story
    FROM lead_history AS h GROUP BY lead_id;

-- INSERT enters lead; no route of lead matches lead 1.
INSERT INTO lead (id, region) VALUES (1, 'north'), (2, 'south');
-- Each stage passed is entered; who would lose it at once never gets it.
INSERT INTO lead (id, region, ok) VALUES (3, 'south', true), (4, 'vip', true);
-- Written with the row: routes leave it alone, on the way and at the end.
INSERT INTO lead (id, region, ok, owner) VALUES (5, 'vip', true, 'zoe');
SELECT id, stage, owner, story FROM lead JOIN story USING (id) ORDER BY id;

-- To another team an owner goes; in the same team he stays, unless the route
-- always assigns.
UPDATE lead SET ok = true WHERE id IN (1, 2);
UPDATE lead SET stage = 'sal' WHERE id = 1;
UPDATE lead SET stage = 'sql' WHERE id IN (1, 2, 3);
SELECT id, stage, owner FROM lead WHERE id <= 3 ORDER BY id;
UPDATE lead SET stage = 'opportunity' WHERE id = 1;
-- reassign = false: only if there is none.
UPDATE lead SET stage = 'nurture' WHERE id IN (2, 3);
UPDATE lead SET owner = NULL, stage = 'nurture' WHERE id = 4;
SELECT id, stage, owner, story FROM lead JOIN story USING (id) WHERE id <= 4 ORDER BY id;
-- Into no team: a poor fit is somebody's too.
UPDATE lead SET junk = true WHERE id IN (1, 5);
INSERT INTO lead (id, junk) VALUES (6, true);
SELECT id, stage, owner FROM lead WHERE id IN (1, 5, 6) ORDER BY id;

-- Written in the same statement: another, the same, and none.
INSERT INTO lead (id, region, ok) SELECT i, 'north', true FROM generate_series(10, 16) AS i;
UPDATE lead SET stage = 'sql', owner = 'zoe' WHERE id = 10;
UPDATE lead SET stage = 'sql', owner = 'desk' WHERE id = 11;
UPDATE lead SET stage = 'sql', owner = NULL WHERE id = 12;
-- A full-row save writes them all: the same owner is none that was chosen.
UPDATE lead SET region = region, ok = ok, stage = 'sql', stage_since = stage_since, stage_reason = stage_reason, fit_score = fit_score, owner = owner WHERE id = 13;
UPDATE lead SET region = region, ok = ok, stage = 'sql', stage_since = stage_since, stage_reason = stage_reason, fit_score = fit_score, owner = 'zoe' WHERE id = 14;
-- No move, no route; an owner alone is as written.
UPDATE lead SET owner = NULL WHERE id = 15;
UPDATE lead SET note = 'x' WHERE id = 15;
UPDATE lead SET owner = 'yan' WHERE id = 16;
SELECT id, stage, owner FROM lead WHERE id BETWEEN 10 AND 16 ORDER BY id;

-- Nobody there: the next route; in the end nobody's, and said so.  Away takes
-- effect at once, without a publish, and by the instant the lead is judged for.
UPDATE lead_stage.rep SET away = '{[2026-03-02 08:00+00,2026-03-03 08:00+00)}' WHERE model = 'route' AND name = 'nora';
INSERT INTO lead (id, region, ok) SELECT i, 'north', true FROM generate_series(20, 24) AS i;
UPDATE lead SET stage = 'sql' WHERE id = 20;
UPDATE lead_stage.rep SET away = '{(,)}' WHERE model = 'route' AND name = 'ann';
UPDATE lead SET stage = 'sql' WHERE id = 21;
SET lead_stage.now = '2026-03-03 08:00+00';
UPDATE lead SET stage = 'sql' WHERE id = 22;
SELECT id, owner FROM lead WHERE id BETWEEN 20 AND 22 ORDER BY id;
SELECT name, owner, previous_owner, reason FROM lead_history WHERE lead_id = 21 AND event = 'owner' ORDER BY id;
-- A refused move routes nobody; one that another does instead does.
UPDATE lead SET stage = 'customer' WHERE id = 23;
UPDATE lead_stage.model SET on_refused = 'keep' WHERE name = 'route';
UPDATE lead_stage.rep SET away = NULL WHERE model = 'route';
SELECT lead_stage.publish('route') > 0 AS published;
UPDATE lead SET stage = 'customer' WHERE id = 23;
SELECT id, stage, owner FROM lead WHERE id = 23;

-- An import gives owners as they are.
SET lead_stage.enforce = off;
INSERT INTO lead (id, region, ok, stage) VALUES (30, 'north', true, 'sql');
UPDATE lead SET stage = 'opportunity' WHERE id = 24;
SET lead_stage.enforce = on;
SELECT id, stage, owner FROM lead WHERE id IN (24, 30) ORDER BY id;

-- ON CONFLICT: what is updated is judged, and EXCLUDED.owner is what was proposed.
INSERT INTO lead (id, region) VALUES (16, 'south') ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner;
INSERT INTO lead (id, region, ok) VALUES (40, 'north', true);
INSERT INTO lead (id, stage) VALUES (40, 'sql') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage, owner = EXCLUDED.owner;
INSERT INTO lead (id, stage, owner) VALUES (2, 'mql', 'yan') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage, owner = EXCLUDED.owner;
MERGE INTO lead AS l USING (VALUES (3, 'mql'), (41, 'lead')) AS v (id, stage) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET stage = v.stage, owner = l.owner WHEN NOT MATCHED THEN INSERT (id, region) VALUES (v.id, 'south');
SELECT id, stage, owner FROM lead WHERE id IN (2, 3, 16, 40, 41) ORDER BY id;

-- A stale copy moves nothing and gives nobody.
UPDATE lead SET stage = 'nurture', stage_since = '2026-01-01', owner = 'old' WHERE id = 40;
SELECT stage, owner FROM lead WHERE id = 40;

-- A new key is no new stage.
UPDATE lead SET id = 42 WHERE id = 41;
SELECT story FROM story WHERE id = 42;
SELECT * FROM lead_stage.verify_history('lead');
SELECT count(*) FROM lead_stage.as_of('lead', lead_stage.now()) AS a JOIN lead AS l ON l.id::text = a.key[1] WHERE a.owner IS DISTINCT FROM l.owner;

-- Conditions of routes may read stage and owner; those of rules may not.
INSERT INTO lead_stage.rule (model, name, kind, condition) VALUES ('route', 'r', 'fit', 'owner = ''x''');
SELECT lead_stage.publish('route');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'route';
DROP SCHEMA route CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
