-- Savepoints and PL/pgSQL's exception blocks, around writes and inside of
-- them: nothing of what was kept is lost, nothing of what was undone remains.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_subtransaction
\i :setup

BEGIN;
INSERT INTO lead (id, size) VALUES (1, 500);
SAVEPOINT a;
UPDATE lead SET owner = 'undone' WHERE id = 1;
INSERT INTO lead (id, size) VALUES (2, 500);
ROLLBACK TO a;
INSERT INTO lead (id, size) VALUES (3, 500);
SAVEPOINT b;
UPDATE lead SET owner = 'kept' WHERE id = 3;
RELEASE b;
SAVEPOINT c;
INSERT INTO lead (id, size, stage) VALUES (4, 5, 'sql');
ROLLBACK TO c;
UPDATE lead SET owner = 'kept' WHERE id = 1;
COMMIT;

DO $$
BEGIN
    FOR n IN 10..13 LOOP
        BEGIN
            INSERT INTO lead (id, size) VALUES (n, 500);
            BEGIN
                UPDATE lead SET owner = 'inner' WHERE id = n;
                IF n = 11 THEN RAISE division_by_zero; END IF;
                UPDATE lead SET stage = 'sql', need = (n = 13) WHERE id = n;
            EXCEPTION WHEN check_violation OR division_by_zero THEN
                UPDATE lead SET owner = 'outer' WHERE id = n;
            END;
            IF n = 12 THEN RAISE division_by_zero; END IF;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END $$;

-- Inside a statement: a BEFORE trigger that tries something, row by row,
-- between rows that already landed.
CREATE FUNCTION try() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        INSERT INTO lead (id, size) VALUES (NEW.id + 100, 500);
        UPDATE lead SET owner = 'tried' WHERE id = NEW.id - 1;
        IF NEW.note = 'fail' THEN RAISE division_by_zero; END IF;
    EXCEPTION WHEN division_by_zero THEN NEW.owner := 'failed';
    END;
    RETURN NEW;
END $$;
CREATE TRIGGER try BEFORE INSERT ON lead FOR EACH ROW WHEN (NEW.note IS NOT NULL) EXECUTE FUNCTION try();
INSERT INTO lead (id, size, note) VALUES (20, 500, NULL), (21, 500, 'ok'), (22, 500, 'fail'), (23, 5, NULL);
-- The statement fails after it all.
INSERT INTO lead (id, size, note) VALUES (30, 500, NULL), (31, 500, 'ok'), (20, 500, NULL);
-- And after a thousand rows, when some of the history is written already.
BEGIN;
INSERT INTO lead (id, size) SELECT g, 500 FROM generate_series(1000, 2500) AS g;
SAVEPOINT d;
UPDATE lead SET owner = 'x' WHERE id >= 1000;
ROLLBACK TO d;
DELETE FROM lead WHERE id >= 1010;
INSERT INTO lead (id, size) SELECT g, 5 FROM generate_series(2600, 2601) AS g;
COMMIT;

SELECT id, stage, owner FROM lead WHERE id < 1000 ORDER BY id;
SELECT * FROM story WHERE lead < 1000 ORDER BY lead;
SELECT story, count(*), min(lead), max(lead) FROM story WHERE lead >= 1000 GROUP BY story ORDER BY 3;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
