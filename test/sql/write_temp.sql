-- Temporary tables by the hundred, and DDL beside the leads, leave the
-- session's compiled model alone.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_temp
\i :setup

INSERT INTO lead (id, size) VALUES (1, 500);
DO $$
BEGIN
    FOR n IN 2..100 LOOP
        EXECUTE format('CREATE TEMP TABLE t%s (a int PRIMARY KEY, b text) ON COMMIT DROP', n);
        EXECUTE format('INSERT INTO t%s VALUES (%s, ''x'')', n, n);
        EXECUTE format('INSERT INTO lead (id, size) SELECT a, 500 FROM t%s', n);
        EXECUTE format('DROP TABLE t%s', n);
    END LOOP;
END $$;
DISCARD TEMP;
UPDATE lead SET owner = 'ann' WHERE id > 50;
DISCARD ALL;
SET search_path = write_temp, public;
UPDATE lead SET owner = 'bob' WHERE id > 99;
SELECT story, count(*) FROM story GROUP BY story ORDER BY count(*) DESC, story COLLATE "C";
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
-- A temporary table that is called like the leads is not the leads.
CREATE TEMP TABLE lead (id int PRIMARY KEY, size int, stage text);
INSERT INTO lead VALUES (1000, 500, 'anything');
SELECT count(*) AS events FROM lead_history WHERE lead_id = 1000;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
