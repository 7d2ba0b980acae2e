-- A row that moves to a partition with BEFORE INSERT triggers of the user's own:
-- what they change is judged with what the statement asks for, and a row that
-- they keep out is a lead deleted, for PostgreSQL has deleted it where it was.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_partition_triggers
\set own_table
\i :setup

CREATE TABLE lead (id int, region text, email text, size int, need bool, met bool, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE lead_eu PARTITION OF lead FOR VALUES IN ('eu');
CREATE TABLE lead_us (note text, junk int, met bool, need bool, size int, email text, region text NOT NULL, id int NOT NULL);
ALTER TABLE lead_us DROP COLUMN junk;
ALTER TABLE lead ATTACH PARTITION lead_us FOR VALUES IN ('us');
SELECT lead_stage.attach('lead', 'write_partition_triggers'), lead_stage.publish('write_partition_triggers') > 0 AS published;
CREATE VIEW story AS SELECT h.region, h.lead_id AS lead, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.region, h.lead_id;
CREATE FUNCTION leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE NEW.note
        WHEN 'kept out' THEN RETURN NULL;
        WHEN 'grows' THEN NEW.size := 500;
        WHEN 'moved' THEN NEW.stage := 'sql';
        WHEN 'recycled' THEN NEW.stage := 'nurture'; NEW.stage_reason := 'leaf';
        WHEN 'owned' THEN NEW.owner := 'leaf';
        WHEN 'numbered' THEN NEW.id := NEW.id + 100;
        WHEN 'nested' THEN UPDATE lead SET owner = 'nested' WHERE id = 1;
        ELSE NULL;
    END CASE;
    RETURN NEW;
END $$;
CREATE FUNCTION last_word() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.note = 'kept out last' THEN NULL ELSE NEW END; END $$;
CREATE TRIGGER leaf BEFORE INSERT ON lead_us FOR EACH ROW EXECUTE FUNCTION leaf();
-- Sorts after ours, which has judged the row by then.
CREATE TRIGGER "~~last_word" BEFORE INSERT ON lead_us FOR EACH ROW EXECUTE FUNCTION last_word();

INSERT INTO lead (region, id, size) SELECT 'eu', i, 5 FROM generate_series(1, 20) AS i;
UPDATE lead SET region = 'us', note = 'plain' WHERE id = 1;
UPDATE lead SET region = 'us', note = 'grows' WHERE id = 2;
UPDATE lead SET region = 'us', note = 'moved' WHERE id = 3;
UPDATE lead SET region = 'us', note = 'recycled' WHERE id = 4;
UPDATE lead SET region = 'us', note = 'owned' WHERE id = 5;
UPDATE lead SET region = 'us', note = 'numbered' WHERE id = 6;
-- What the statement asks for, too, and the stage that it gets in between.
UPDATE lead SET region = 'us', note = 'owned', size = 500, owner = 'ann' WHERE id = 7;
UPDATE lead SET region = 'us', note = 'grows', stage = 'nurture', stage_reason = 'by hand' WHERE id = 8;
UPDATE lead SET region = 'us', note = 'recycled', size = 500 WHERE id = 9;
-- Kept out: alone, before and after others of one statement, by the last trigger.
UPDATE lead SET stage = 'nurture', stage_reason = 'held' WHERE id = 10;
UPDATE lead SET region = 'us', note = 'kept out' WHERE id = 10 RETURNING id;
UPDATE lead SET region = 'us', note = CASE id WHEN 12 THEN 'plain' ELSE 'kept out' END WHERE id IN (11, 12, 13);
UPDATE lead SET region = 'us', note = 'kept out last' WHERE id IN (14, 15);
MERGE INTO lead AS l USING (VALUES (16), (30), (31)) AS v (id) ON l.id = v.id
    WHEN MATCHED THEN UPDATE SET region = 'us', note = 'kept out' WHEN NOT MATCHED THEN INSERT (region, id, size) VALUES ('us', v.id, 500);
-- A write inside a move does not take the row that is on its way for lost.
UPDATE lead SET region = 'us', note = 'nested' WHERE id IN (17, 18);
BEGIN;
SAVEPOINT s;
UPDATE lead SET region = 'us', note = 'kept out' WHERE id = 19;
ROLLBACK TO s;
UPDATE lead SET region = 'us', note = 'plain' WHERE id = 19;
COMMIT;

SELECT tableoid::regclass::text AS leaf, region, id, stage, stage_reason, fit_score, owner FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead, region;
SELECT region, id FROM lead_state ORDER BY region, id;
SELECT * FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
