-- A table at PostgreSQL's limit of columns: attach says so, or takes what is
-- prepared, and the rightmost column counts like any other.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_columns
\set own_table
\i :setup

\set VERBOSITY default
CREATE PROCEDURE columns(command text, first int, last int) LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE (SELECT 'ALTER TABLE lead ' || string_agg(format(command, n), ', ') FROM generate_series(first, last) AS n); END $$;
CREATE TABLE lead (id int PRIMARY KEY);
CALL columns('ADD COLUMN c%s int', 2, 1597);
SELECT lead_stage.attach('lead', 'write_columns');
-- Dropped columns count.
CALL columns('DROP COLUMN c%s', 1591, 1597);
SELECT lead_stage.attach('lead', 'write_columns');
DROP TABLE lead;
CREATE TABLE lead (id int PRIMARY KEY, email text, need bool, met bool);
CALL columns('ADD COLUMN c%s int', 5, 1594);
ALTER TABLE lead ADD COLUMN size int;
SELECT lead_stage.attach('lead', 'write_columns'), lead_stage.publish('write_columns') > 0 AS published;
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = 'lead'::regclass AND attnum > 0;
INSERT INTO lead (id, size) VALUES (1, 500), (2, 5);
UPDATE lead SET c1594 = 1, size = 500, owner = 'ann' WHERE id = 2;
UPDATE lead SET stage = 'sql', need = true, c5 = 5 WHERE id = 1;
SELECT id, c5, c1594, size, stage, fit_score, owner FROM lead ORDER BY id;
SELECT h.lead_id, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.lead_id ORDER BY h.lead_id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
