-- A session that has read a calendar notices every change of it: by itself at
-- its next command, undone with the transaction or to the savepoint.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
CREATE ROLE regress_office;
SET ROLE regress_office;
INSERT INTO lead_stage.calendar (name) VALUES ('office');
INSERT INTO lead_stage.calendar_hours SELECT 'office', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;

-- 2026-03-02 is a Monday.
PREPARE due AS SELECT lead_stage.add_business_time('office', '2026-03-02 16:00+00', '2 hours') AS due;
EXECUTE due;
INSERT INTO lead_stage.holiday VALUES ('office', '2026-03-03');
EXECUTE due;
UPDATE lead_stage.holiday SET opens = '12:00', closes = '13:00' WHERE calendar = 'office';
EXECUTE due;
DELETE FROM lead_stage.holiday;
EXECUTE due;
UPDATE lead_stage.calendar_hours SET closes = '16:30' WHERE dow = 1;
EXECUTE due;
UPDATE lead_stage.calendar SET time_zone = 'Asia/Kolkata';
EXECUTE due;

-- In a transaction, and back.
BEGIN;
UPDATE lead_stage.calendar SET time_zone = 'UTC';
EXECUTE due;
SAVEPOINT s;
DELETE FROM lead_stage.calendar_hours WHERE dow = 2;
EXECUTE due;
ROLLBACK TO s;
EXECUTE due;
ROLLBACK;
EXECUTE due;
UPDATE lead_stage.calendar SET time_zone = 'UTC';

-- In one function, which is one statement for the client.
CREATE FUNCTION pg_temp.before_and_after() RETURNS timestamptz[] LANGUAGE plpgsql AS $$
DECLARE
    result timestamptz[];
BEGIN
    FOR i IN 1 .. 2 LOOP
        result := result || lead_stage.add_business_time('office', '2026-03-02 16:00+00', '2 hours');
        UPDATE lead_stage.calendar_hours SET closes = '16:15' WHERE dow = 1;
    END LOOP;
    RETURN result;
END $$;
SELECT pg_temp.before_and_after();

-- Its name, and the calendar as a whole.
UPDATE lead_stage.calendar SET name = 'bureau';
EXECUTE due;
UPDATE lead_stage.calendar SET name = 'office';
EXECUTE due;
DELETE FROM lead_stage.calendar;
EXECUTE due;
RESET ROLE;
INSERT INTO lead_stage.calendar (name) VALUES ('office');
EXECUTE due;
INSERT INTO lead_stage.calendar_hours VALUES ('office', 1, '00:00', '24:00');
EXECUTE due;
TRUNCATE lead_stage.calendar_hours;
EXECUTE due;

-- A replica's applied changes count: no ordinary trigger fires there.
INSERT INTO lead_stage.calendar_hours VALUES ('office', 1, '00:00', '24:00');
EXECUTE due;
SET session_replication_role = replica;
INSERT INTO lead_stage.holiday VALUES ('office', '2026-03-02');
EXECUTE due;
RESET session_replication_role;

-- Several calendars in one statement, each its own.
INSERT INTO lead_stage.calendar (name) SELECT 'c' || g FROM generate_series(1, 30) AS g;
INSERT INTO lead_stage.calendar_hours SELECT 'c' || g, 1 + g % 7, '00:00', '24:00' FROM generate_series(1, 30) AS g;
SELECT count(*) AS calls, count(*) FILTER (WHERE extract(isodow FROM lead_stage.next_open('c' || g, '2026-03-02 00:00+00')) <> 1 + g % 7) AS wrong
FROM generate_series(1, 30) AS g, generate_series(1, 3);

-- Parallel workers read the tables too, also rows that are not committed yet.
CREATE TABLE moment AS SELECT timestamptz '2026-03-01 00:00+00' + g * interval '1 hour' AS at FROM generate_series(1, 2000) AS g;
BEGIN;
INSERT INTO lead_stage.calendar (name) VALUES ('fresh');
INSERT INTO lead_stage.calendar_hours VALUES ('fresh', 1, '09:00', '17:00');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM moment WHERE lead_stage.is_open('fresh', at);
SELECT count(*) AS open_hours FROM moment WHERE lead_stage.is_open('fresh', at);
ROLLBACK;

DROP TABLE moment;
DELETE FROM lead_stage.calendar;
DROP FUNCTION pg_temp.before_and_after();
DROP ROLE regress_office;
