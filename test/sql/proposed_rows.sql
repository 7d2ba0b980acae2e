-- EXCLUDED means what the application proposed, but only in the statement that
-- proposed it: a proposed row that did not land means nothing to the next write.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_proposed;
CREATE SCHEMA proposed AUTHORIZATION regress_proposed;
SET ROLE regress_proposed;
SET search_path = proposed, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, owner text);
INSERT INTO lead_stage.model (name) VALUES ('proposed');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('proposed', 'big', 'fit', 'size > 10', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES
    ('proposed', 'up', 'lead', 'mql', true, 10),
    ('proposed', 'down', 'mql', 'lead', false, NULL);
SELECT lead_stage.attach('lead', 'proposed');
SELECT lead_stage.publish('proposed') > 0 AS published;
INSERT INTO lead (id, size) VALUES (1, 20), (2, 20);

-- The proposed stage is lead, as the column's default says; so is EXCLUDED's.
BEGIN;
INSERT INTO lead AS l (id, size) VALUES (1, 30)
    ON CONFLICT (id) DO UPDATE SET size = excluded.size, stage = excluded.stage RETURNING id, size, stage;
ROLLBACK;

-- A column that it does not set is not proposed, though it looks the same.
BEGIN;
INSERT INTO lead AS l (id, size) VALUES (1, 30)
    ON CONFLICT (id) DO UPDATE SET size = excluded.size RETURNING id, size, stage;
ROLLBACK;

-- The next statement, which may be one at the same place in memory.
BEGIN;
INSERT INTO lead (id, size) VALUES (1, 20) ON CONFLICT DO NOTHING;
UPDATE lead SET size = 21 WHERE id = 1;
SELECT id, size, stage FROM lead ORDER BY id;
ROLLBACK;
BEGIN;
INSERT INTO lead AS l (id, size) VALUES (1, 20) ON CONFLICT (id) DO UPDATE SET size = 0 WHERE false;
UPDATE lead SET size = size + 1;
SELECT id, size, stage FROM lead ORDER BY id;
ROLLBACK;

-- Another write of the same statement.
BEGIN;
WITH proposal AS (INSERT INTO lead (id, size) VALUES (1, 20) ON CONFLICT DO NOTHING RETURNING id)
UPDATE lead SET size = size + 1 WHERE NOT EXISTS (SELECT FROM proposal) RETURNING id, size, stage;
ROLLBACK;
-- In a function, whose statements run one inside the other.
BEGIN;
DO $$
BEGIN
    FOR i IN 1 .. 2 LOOP
        INSERT INTO lead (id, size) VALUES (i, 20) ON CONFLICT DO NOTHING;
        UPDATE lead SET size = size + 1 WHERE id = i;
    END LOOP;
END
$$;
SELECT id, size, stage FROM lead ORDER BY id;
ROLLBACK;

-- Rows that land and rows that do not, in one statement.
INSERT INTO lead (id, size) VALUES (1, 0), (3, 20), (2, 0), (4, 0) ON CONFLICT DO NOTHING;
INSERT INTO lead (id, size) VALUES (3, 50), (5, 50), (4, 50) ON CONFLICT (id) DO UPDATE SET size = excluded.size;
SELECT id, size, stage, fit_score FROM lead ORDER BY id;
SELECT lead_id, string_agg(event || ' ' || to_stage, ', ' ORDER BY id) FROM lead_history GROUP BY lead_id ORDER BY lead_id;
SELECT * FROM lead_stage.verify_history('lead');

RESET ROLE;
DROP SCHEMA proposed CASCADE;
DELETE FROM lead_stage.binding WHERE model = 'proposed';
DELETE FROM lead_stage.model WHERE name = 'proposed';
DROP ROLE regress_proposed;
