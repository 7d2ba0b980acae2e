-- Duplicates that are merged, and who has the one that stays: it is routed only
-- if it moves, the place of the other is free, and nobody's turn is lost.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now TO regress_owner;
CREATE SCHEMA merged AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = merged, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

CREATE TABLE lead (id int PRIMARY KEY, note text);
CREATE TABLE visit (id int PRIMARY KEY, lead_id int REFERENCES lead, at timestamptz);
CREATE INDEX ON visit (lead_id);
INSERT INTO lead_stage.model (name) VALUES ('merged');
INSERT INTO lead_stage.rule (model, name, kind, source, points) VALUES ('merged', 'visited', 'engagement', 'visit', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_engagement) VALUES
    ('merged', 'sql', 'lead', 'sql', 1, true, 20), ('merged', 'up', 'lead', 'sql', 2, false, NULL), ('merged', 'won', 'sql', 'customer', 3, false, NULL);
INSERT INTO lead_stage.route (model, name, stage, position, pool, assign_to) VALUES
    ('merged', 'enquiries', 'lead', 1, NULL, 'inbox'), ('merged', 'sales', 'sql', 2, 'sales', NULL), ('merged', 'spill', 'sql', 3, NULL, 'manager');
INSERT INTO lead_stage.rep (model, pool, name, max_open) VALUES ('merged', 'sales', 'ann', 1), ('merged', 'sales', 'ben', 2);
SELECT lead_stage.attach('lead', 'merged');
SELECT lead_stage.attach_activity('visit', 'lead');
SELECT lead_stage.publish('merged') > 0 AS published;
CREATE VIEW story AS
    SELECT lead_id AS id, string_agg(concat_ws(' ', event, CASE WHEN event IN ('created', 'stage') THEN to_stage::text END, name,
                                               CASE WHEN event = 'owner' THEN coalesce(previous_owner, '-') || '>' || coalesce(owner, '-') END), ', ' ORDER BY h.id) AS story
    FROM lead_history AS h GROUP BY lead_id;

-- Neither moves: the winner keeps his owner, the loser's is told in his history.
INSERT INTO lead (id) VALUES (1), (2);
UPDATE lead SET owner = 'eva' WHERE id = 1;
UPDATE lead SET owner = 'fay' WHERE id = 2;
SELECT lead_stage.merge('lead', '{1}', '{2}');
SELECT id, stage, owner FROM lead ORDER BY id;

-- The activities of both are enough to move the winner: he is routed as by any
-- other write, and history says by which route.
INSERT INTO lead (id) VALUES (3), (4);
INSERT INTO visit VALUES (1, 3, lead_stage.now()), (2, 4, lead_stage.now());
SELECT id, stage, owner FROM lead WHERE id > 2 ORDER BY id;
SELECT lead_stage.merge('lead', '{3}', '{4}');
SELECT id, stage, owner IN ('ann', 'ben') AS of_sales FROM lead WHERE id > 2 ORDER BY id;
SELECT id, regexp_replace(story, '>(ann|ben)', '>REP') AS story FROM story ORDER BY id;

-- A merge that is rolled back takes no turn: of two in a row each has one.
INSERT INTO lead (id) VALUES (5), (6);
INSERT INTO visit VALUES (3, 5, lead_stage.now()), (4, 6, lead_stage.now());
BEGIN;
SELECT lead_stage.merge('lead', '{5}', '{6}');
ROLLBACK;
SELECT lead_stage.merge('lead', '{5}', '{6}');
SELECT count(DISTINCT owner) AS reps FROM lead WHERE id IN (3, 5);

-- All are full but for one place of ben's; then none is free.
INSERT INTO lead (id, stage) VALUES (7, 'sql'), (8, 'sql');
SELECT id, owner FROM lead WHERE id > 6 ORDER BY id;
-- A loser's place is free after the merge, for whoever comes next.
SELECT id AS his FROM lead WHERE owner = 'ben' ORDER BY id LIMIT 1 \gset
SELECT lead_stage.merge('lead', '{8}', ARRAY[:'his']);
INSERT INTO lead (id, stage) VALUES (9, 'sql'), (10, 'sql');
SELECT id, owner FROM lead WHERE id > 7 ORDER BY id;
-- The other way round the place stays taken: the winner keeps it.
SELECT id AS his FROM lead WHERE owner = 'ann' \gset
SELECT lead_stage.merge('lead', ARRAY[:'his'], '{8}');
INSERT INTO lead (id, stage) VALUES (11, 'sql');
SELECT owner, count(*) FROM lead WHERE stage = 'sql' GROUP BY owner ORDER BY owner;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'merged';
DROP SCHEMA merged CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
