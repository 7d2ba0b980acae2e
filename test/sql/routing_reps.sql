-- Who of a pool can take a lead: limits of open leads, owners of other types,
-- partitions, and moves that nobody writes by hand.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now TO regress_owner;
CREATE SCHEMA reps AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = reps, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

-- Owners are numbers; partitions have their columns in another order.
CREATE TABLE lead (id int, part text, ok bool, assigned_to int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE lead_a PARTITION OF lead FOR VALUES IN ('a');
CREATE TABLE lead_b (gone text, assigned_to int, ok bool, part text NOT NULL, id int NOT NULL);
ALTER TABLE lead_b DROP COLUMN gone;
ALTER TABLE lead ATTACH PARTITION lead_b FOR VALUES IN ('b');
INSERT INTO lead_stage.model (name) VALUES ('reps');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition) VALUES
    ('reps', 'sql', 'lead', 'sql', 1, true, 'ok'), ('reps', 'won', 'sql', 'opportunity', 2, false, NULL),
    ('reps', 'customer', 'opportunity', 'customer', 3, false, NULL), ('reps', 'lost', NULL, 'lost', 4, false, NULL),
    ('reps', 'up', 'lead', 'sal', 5, false, NULL);
INSERT INTO lead_stage.route (model, name, stage, position, pool, assign_to) VALUES
    ('reps', 'sales', 'sql', 1, 'sales', NULL), ('reps', 'overflow', 'sql', 2, 'overflow', NULL);
INSERT INTO lead_stage.rep (model, pool, name, weight, max_open) VALUES
    ('reps', 'sales', '007', 1, 3), ('reps', 'sales', '8', 3, 5), ('reps', 'sales', '9', 1, 0), ('reps', 'overflow', '100', 1, 2);
SELECT lead_stage.attach('lead', 'reps', '{"owner": "assigned_to"}');
SELECT lead_stage.publish('reps') > 0 AS published;
CREATE INDEX ON lead (assigned_to) WHERE stage IN ('sal', 'sql', 'opportunity');

-- One statement over two partitions: its own rows count.  3 + 5 + 2 places.
INSERT INTO lead SELECT i, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, true FROM generate_series(1, 12) AS i;
SELECT assigned_to, count(*) FROM lead GROUP BY 1 ORDER BY 1;
-- A place is free again when a lead is closed, given away or deleted; one that
-- moves on within sales keeps its place.
UPDATE lead SET stage = 'opportunity' WHERE id = (SELECT min(id) FROM lead WHERE assigned_to = 7);
INSERT INTO lead VALUES (20, 'a', true);
UPDATE lead SET stage = 'customer' WHERE stage = 'opportunity';
INSERT INTO lead VALUES (21, 'a', true);
UPDATE lead SET assigned_to = 55 WHERE id = (SELECT min(id) FROM lead WHERE assigned_to = 8);
INSERT INTO lead VALUES (22, 'b', true);
DELETE FROM lead WHERE id = (SELECT max(id) FROM lead WHERE assigned_to = 100);
INSERT INTO lead VALUES (23, 'b', true), (24, 'a', true);
SELECT id, stage, assigned_to FROM lead WHERE id >= 20 ORDER BY id;
-- What a statement frees and takes, row by row, it counts itself.
BEGIN;
WITH closed AS (UPDATE lead SET stage = 'lost' WHERE assigned_to = 7 AND stage = 'sql' RETURNING id) SELECT count(*) FROM closed;
INSERT INTO lead SELECT i, 'b', true FROM generate_series(30, 39) AS i;
SELECT assigned_to, count(*) FROM lead WHERE stage = 'sql' GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- Rolled back in part.
BEGIN;
UPDATE lead SET stage = 'lost' WHERE assigned_to = 8 AND stage = 'sql';
SAVEPOINT s;
INSERT INTO lead SELECT i, 'b', true FROM generate_series(30, 39) AS i;
ROLLBACK TO s;
INSERT INTO lead SELECT i, 'b', true FROM generate_series(30, 32) AS i;
SELECT assigned_to, count(*) FROM lead WHERE id >= 30 GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- A statement within the statement takes places too.
CREATE FUNCTION twin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.id BETWEEN 60 AND 69 THEN INSERT INTO reps.lead VALUES (new.id + 10, 'a', true); END IF;
    RETURN NULL;
END $$;
BEGIN;
UPDATE lead SET stage = 'lost' WHERE stage = 'sql';
CREATE TRIGGER twin AFTER INSERT ON lead FOR EACH ROW EXECUTE FUNCTION twin();
INSERT INTO lead SELECT i, 'b', true FROM generate_series(60, 64) AS i;
SELECT assigned_to, count(*) FROM lead WHERE id >= 60 GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- Moving to another partition is no entry, and takes no turn.
UPDATE lead SET part = 'b' WHERE id = 20;
SELECT count(*) FROM lead_history WHERE lead_history.id > 0 AND lead_id = 20 AND event = 'owner';
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'reps';
DROP TABLE reps.lead CASCADE;
SET ROLE regress_owner;

-- Rescore and sweep: a stage they enter is routed as any other, away as of the
-- instant at which it fell due; leads taken over where they stand are not.
CREATE TABLE prospect (id int PRIMARY KEY, ok bool, since timestamptz, stage public.lead_stage NOT NULL DEFAULT 'lead', owner text);
CREATE TABLE visit (id int PRIMARY KEY, lead_id int REFERENCES prospect, at timestamptz);
INSERT INTO prospect VALUES (1, false, '2026-02-01', 'nurture', NULL), (2, true, '2026-02-01', 'lead', NULL), (3, true, '2026-02-01', 'lead', 'old');
INSERT INTO lead_stage.model (name) VALUES ('later');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('later', 'visited', 'engagement', 'visit', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, in_stage_for, min_engagement) VALUES
    ('later', 'mql', 'lead', 'mql', 1, true, 'ok', NULL, NULL), ('later', 'sleep', 'mql', 'nurture', 2, true, NULL, '2 days', NULL),
    ('later', 'sal', 'lead', 'sal', 3, true, NULL, NULL, 10);
INSERT INTO lead_stage.route (model, name, stage, pool, reassign) VALUES ('later', 'desk', 'mql', 'desk', NULL), ('later', 'wake', 'nurture', 'care', true), ('later', 'call', 'sal', 'desk', NULL);
INSERT INTO lead_stage.rep (model, pool, name, away) VALUES ('later', 'desk', 'ann', NULL),
    ('later', 'care', 'ben', '{[2026-03-04,2026-03-05)}'), ('later', 'care', 'cat', '{[2026-03-05,2026-03-10)}');
SELECT lead_stage.attach('prospect', 'later');
SELECT lead_stage.attach_activity('visit', 'prospect');
SELECT lead_stage.publish('later') > 0 AS published;
SELECT * FROM lead_stage.preview('prospect');
CALL lead_stage.rescore('prospect', stage => 'stage', since => 'since');
SELECT id, stage, owner FROM prospect ORDER BY id;
-- Due on the 4th, swept on the 8th: ben was away then, cat was not.
SET lead_stage.now = '2026-03-08 09:00+00';
CALL lead_stage.sweep();
SELECT id, stage, owner FROM prospect ORDER BY id;
SELECT lead_id, at, event, name, owner, previous_owner FROM prospect_history WHERE event IN ('stage', 'owner') ORDER BY lead_id, id;
-- A write catches up in the same way, and what it gives itself comes after.
SET lead_stage.now = '2026-03-10 09:00+00';
INSERT INTO prospect (id, ok) VALUES (4, true), (5, true), (6, true);
SET lead_stage.now = '2026-03-20 09:00+00';
UPDATE prospect SET ok = NULL WHERE id = 4;
UPDATE prospect SET ok = NULL, owner = 'zoe' WHERE id = 5;
UPDATE prospect SET ok = NULL, owner = NULL WHERE id = 6;
SELECT id, stage, owner IN ('ben', 'cat') AS of_care, owner FROM prospect WHERE id > 4 ORDER BY id;
SELECT lead_id, at, event, name, owner IS NOT NULL AS owned, previous_owner IN ('ben', 'cat') AS from_care FROM prospect_history WHERE lead_id > 3 AND event IN ('stage', 'owner') ORDER BY lead_id, id;
-- Activities.
INSERT INTO prospect (id) VALUES (7);
INSERT INTO visit VALUES (1, 7, lead_stage.now());
SELECT id, stage, owner FROM prospect WHERE id = 7;
SELECT * FROM lead_stage.verify_history('prospect');

SELECT lead_stage.detach('prospect');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'later';
DROP SCHEMA reps CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
