-- A session's memory does not grow with the rows that one statement writes,
-- nor with the statements of one transaction or of many.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_memory
\i :setup

RESET ROLE;
CREATE FUNCTION memory() RETURNS bigint LANGUAGE sql AS 'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';
-- Each kind of write once, so that what is cached is there.
CREATE PROCEDURE write(first int, last int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lead (id, size, email) SELECT n, n % 200, n FROM generate_series(first, last) AS n;
    UPDATE lead SET owner = 'ann', met = true WHERE id BETWEEN first AND last;
    INSERT INTO lead (id, size) SELECT n, n % 200 + 100 FROM generate_series(first, last) AS n ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size;
    UPDATE lead SET stage = 'nurture', stage_reason = 'all' WHERE id BETWEEN first AND last AND id % 50 = 0;
    UPDATE lead SET id = -id WHERE id BETWEEN first AND last AND id % 50 = 1;
    DELETE FROM lead WHERE id BETWEEN first AND last AND id % 3 = 0;
END $$;
CREATE PROCEDURE write_singly(first int, last int, commits bool) LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN first..last LOOP
        INSERT INTO lead (id, size) VALUES (n, 500);
        UPDATE lead SET owner = 'bob' WHERE id = n;
        BEGIN
            INSERT INTO lead (id, size) VALUES (n, 1);
        EXCEPTION WHEN unique_violation THEN NULL;
        END;
        IF commits THEN COMMIT; END IF;
    END LOOP;
END $$;
CALL write(1, 100);
CALL write_singly(101, 110, true);
SELECT memory() AS ignored, memory() AS before \gset

CALL write(1000, 20000);
SELECT memory() - :before < 500000 AS flat;
CALL write_singly(100000, 101500, true);
SELECT memory() - :before < 500000 AS flat;
BEGIN;
CALL write_singly(200000, 201500, false);
-- Subtransactions cost core some memory until the transaction ends.
SELECT count(*) < 20 AS few FROM pg_backend_memory_contexts WHERE name LIKE 'lead_stage%' AND name <> 'lead_stage conditions' AND name <> 'lead_stage table';
COMMIT;
SELECT memory() - :before < 500000 AS flat;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
