-- A function that calls itself stable may still write, through another: it
-- fails like any rule that raises, and the row judged is stored as written.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_in_condition
\i :setup

CREATE FUNCTION writes(int) RETURNS bool LANGUAGE plpgsql AS
    $$ BEGIN IF $1 = 666 THEN INSERT INTO write_in_condition.lead (id, size, note) VALUES (777, 1, 'from within'); END IF; RETURN true; END $$;
CREATE FUNCTION innocent(int) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN write_in_condition.writes($1); END $$;
CREATE FUNCTION asks(int) RETURNS bool LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN $1 = 667 AND EXISTS (SELECT FROM lead_stage.explain('write_in_condition.lead', 1)); END $$;
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('write_in_condition', 'writes', 'fit', 'write_in_condition.innocent(size)', 1),
    ('write_in_condition', 'asks', 'fit', 'write_in_condition.asks(size)', 1);
SELECT lead_stage.publish('write_in_condition') > 0 AS published;
\set VERBOSITY default
INSERT INTO lead (id, size, note) VALUES (1, 666, 'mine');
INSERT INTO lead (id, size, note) VALUES (2, 667, 'mine');
UPDATE lead SET size = 666, note = 'still mine' WHERE id = 2;
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'write_in_condition';
SELECT lead_stage.publish('write_in_condition') > 0 AS published;
INSERT INTO lead (id, size, note) VALUES (3, 666, 'mine');
UPDATE lead SET size = 500 WHERE id = 2;
SELECT id, size, note, stage, fit_score FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
