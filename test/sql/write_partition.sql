-- Partitions: through the parent, straight into a leaf, from one to another
-- with and without a change of the key; one attached later with its columns in
-- another order, one detached.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_partition
\set own_table
\i :setup

CREATE TABLE lead (id int, region text, email text, size int, need bool, met bool, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE lead_eu PARTITION OF lead FOR VALUES IN ('eu');
CREATE TABLE lead_us (note text, junk int, met bool, need bool, size int, email text, region text NOT NULL, id int NOT NULL);
ALTER TABLE lead_us DROP COLUMN junk;
ALTER TABLE lead ATTACH PARTITION lead_us FOR VALUES IN ('us');
SELECT lead_stage.attach('lead', 'write_partition'), lead_stage.publish('write_partition') > 0 AS published;
CREATE VIEW story AS SELECT h.region, h.lead_id AS lead, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.region, h.lead_id;
-- Others refer to leads: PostgreSQL queues a move as an UPDATE of the parent.
CREATE TABLE note (region text, lead int, body text, FOREIGN KEY (region, lead) REFERENCES lead ON UPDATE CASCADE ON DELETE CASCADE);

INSERT INTO lead (region, id, size) VALUES ('eu', 1, 500), ('us', 2, 500), ('us', 3, 5), ('eu', 4, 5);
INSERT INTO note VALUES ('eu', 1, 'one'), ('us', 3, 'three');
-- A move alone; with a new id; with something that the rules read; by hand.
UPDATE lead SET region = 'us' WHERE id = 1;
UPDATE lead SET region = 'eu', id = 20 WHERE id = 2;
UPDATE lead SET region = 'eu', size = 500, owner = 'ann' WHERE id = 3;
UPDATE lead SET region = 'us', stage = 'nurture', stage_reason = 'moved' WHERE id = 4;
UPDATE lead SET region = 'eu', stage = 'sql' WHERE id = 1;
MERGE INTO lead AS l USING (VALUES (20, 'us'), (30, 'eu')) AS v (id, region) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET region = v.region, note = 'merged' WHEN NOT MATCHED THEN INSERT (region, id, size) VALUES (v.region, v.id, 500);
-- Straight into the leaf.
INSERT INTO lead_us (region, id, size) VALUES ('us', 40, 500), ('us', 41, 5) RETURNING id, stage;
UPDATE lead_us SET stage = 'sql' WHERE id = 40;
UPDATE lead_us SET stage = 'sql', need = true WHERE id = 40;
DELETE FROM lead_us WHERE id = 41;
INSERT INTO lead (region, id, size, owner) VALUES ('us', 40, 600, 'bob'), ('us', 42, 500, NULL) ON CONFLICT (region, id) DO UPDATE SET owner = EXCLUDED.owner;
SELECT * FROM note ORDER BY body;
-- Attached later.
CREATE TABLE lead_ap (owner text, id int NOT NULL, size int, stage lead_stage NOT NULL DEFAULT 'lead', region text NOT NULL,
    need bool, met bool, note text, fit_score int, stage_reason text, stage_since timestamptz, email text);
ALTER TABLE lead ATTACH PARTITION lead_ap FOR VALUES IN ('ap');
INSERT INTO lead (region, id, size) VALUES ('ap', 50, 500);
INSERT INTO lead_ap (region, id, size) VALUES ('ap', 51, 5);
UPDATE lead SET region = 'ap', need = true WHERE id = 20;
UPDATE lead SET stage = 'sql' WHERE id = 20;
-- Leads of two partitions in one statement, in the order of their landing.
UPDATE lead SET met = true WHERE id IN (50, 30);

SELECT tableoid::regclass::text AS leaf, region, id, stage, fit_score, owner, stage_since IS NULL AS unknown FROM lead ORDER BY region, id;
SELECT * FROM story ORDER BY region, lead;
SELECT region, id FROM lead_state ORDER BY region, id;
SELECT * FROM lead_stage.verify_history('lead');
-- Truncating a leaf, and the whole.
TRUNCATE lead_us CASCADE;
SELECT region, lead, right(story, 20) AS ends FROM story WHERE region = 'us' ORDER BY lead;
-- Detached: a table of its own.
ALTER TABLE lead DETACH PARTITION lead_ap;
INSERT INTO lead_ap (region, id, size, stage) VALUES ('ap', 52, 500, 'customer') RETURNING stage, fit_score;
SELECT count(*) AS events FROM lead_history WHERE lead_id = 52;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
