-- ON CONFLICT: a row that does not land leaves no trace and raises no refusal;
-- EXCLUDED means what the application proposed.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_upsert
\i :setup

INSERT INTO lead (id, email, size) VALUES (1, 'a', 500), (2, 'b', 5);
SELECT count(*) AS before FROM lead_history \gset

-- Nothing lands: neither conflict, nor the refusal of the row proposed.
INSERT INTO lead (id, size) VALUES (1, 500), (2, 500) ON CONFLICT DO NOTHING;
INSERT INTO lead (id, size, stage) VALUES (1, 5, 'customer') ON CONFLICT (id) DO NOTHING;
INSERT INTO lead (id, email, size, stage) VALUES (7, 'a', 5, 'customer') ON CONFLICT (email) DO NOTHING;
INSERT INTO lead (id, size, stage) VALUES (1, 5, 'customer') ON CONFLICT (id) DO UPDATE SET note = 'x' WHERE false;
SELECT count(*) - :before AS new_events FROM lead_history;

-- What is not set stays as it is, though another stage was computed for the
-- row proposed, or the same one.
INSERT INTO lead (id, size) VALUES (1, 600) ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size RETURNING id, stage, size;
INSERT INTO lead (id, size, owner) VALUES (1, 600, 'bob') ON CONFLICT (id) DO UPDATE SET note = 'kept' RETURNING id, stage, owner, note;
INSERT INTO lead (id, email, size, owner) VALUES (8, 'a', 5, 'bob') ON CONFLICT (email) DO UPDATE SET owner = EXCLUDED.owner RETURNING id, stage, owner;

-- EXCLUDED.stage is the wish, and so is the reason: refused, then granted.
INSERT INTO lead (id, size, need, stage) VALUES (1, 700, false, 'sql') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage, need = EXCLUDED.need;
INSERT INTO lead (id, size, need, stage) VALUES (1, 700, true, 'sql') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage, need = EXCLUDED.need RETURNING id, stage;
INSERT INTO lead (id, size, stage) VALUES (1, 700, 'nurture') ON CONFLICT (id) DO UPDATE SET stage = EXCLUDED.stage, stage_reason = EXCLUDED.stage_reason;
INSERT INTO lead (id, size, stage, stage_reason) VALUES (1, 700, 'nurture', 'no budget') ON CONFLICT (id)
    DO UPDATE SET stage = EXCLUDED.stage, stage_reason = EXCLUDED.stage_reason RETURNING id, stage, stage_reason;
-- A full save by an upsert, of a copy from before the last move, is stale.
INSERT INTO lead (id, size, stage, stage_since, owner) VALUES (1, 750, 'mql', '2001-01-01', NULL) ON CONFLICT (id)
    DO UPDATE SET size = EXCLUDED.size, stage = EXCLUDED.stage, stage_since = EXCLUDED.stage_since, owner = EXCLUDED.owner RETURNING id, stage, size, owner;
-- Some land and some do not.
INSERT INTO lead (id, size) VALUES (2, 500), (3, 500), (4, 5) ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size RETURNING id, stage;

SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

-- EXCLUDED within an expression is the proposal, too: not the stage, the owner
-- and the reason that were computed for the row proposed.
RESET ROLE;
INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES ('write_upsert', 'desk', 'mql', 'desk');
SET ROLE regress_write_upsert;
SELECT lead_stage.publish('write_upsert') > 0 AS published;
CREATE TABLE parts (id int PRIMARY KEY, email text, size int, need bool, met bool, note text) PARTITION BY RANGE (id);
CREATE TABLE parts_low (note text, met bool, id int NOT NULL, need bool, email text, size int);
ALTER TABLE parts ATTACH PARTITION parts_low FOR VALUES FROM (0) TO (100);
SELECT lead_stage.attach('parts', 'write_upsert');
INSERT INTO lead (id, size, owner) VALUES (20, 5, 'ann'), (21, 5, NULL);
INSERT INTO parts (id, size, owner) VALUES (20, 5, 'ann'), (21, 5, NULL);
INSERT INTO lead (id, size) VALUES (20, 500), (21, 500), (22, 500)
    ON CONFLICT (id) DO UPDATE SET owner = coalesce(EXCLUDED.owner, lead.owner),
        note = format('%s %s %s', EXCLUDED.stage, EXCLUDED.fit_score, EXCLUDED.stage_since IS NULL);
INSERT INTO parts (id, size) VALUES (20, 500), (21, 500), (22, 500)
    ON CONFLICT (id) DO UPDATE SET owner = coalesce(EXCLUDED.owner, parts.owner),
        note = format('%s %s %s', EXCLUDED.stage, EXCLUDED.fit_score, EXCLUDED.stage_since IS NULL);
SELECT 'lead' AS of, id, stage, owner, note FROM lead WHERE id >= 20
UNION ALL
SELECT 'parts', id, stage, owner, note FROM parts ORDER BY of, id;
-- Beside another INSERT in one statement, each knows its own.
WITH plain AS (INSERT INTO lead (id, size) VALUES (23, 500) RETURNING id, owner),
     upsert AS (INSERT INTO lead (id, size) VALUES (20, 500) ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size, owner = upper(coalesce(EXCLUDED.owner, lead.owner)) RETURNING id, owner)
SELECT * FROM plain UNION ALL SELECT * FROM upsert ORDER BY id;
SELECT * FROM story WHERE lead >= 20 ORDER BY lead;
SELECT * FROM lead_stage.verify_history('lead') UNION ALL SELECT * FROM lead_stage.verify_history('parts');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
