-- A condition whose error is not to be skipped, but is caught by whoever
-- wrote the lead: nothing of the attempt may stay behind, neither the
-- subtransaction that conditions in user code run in, nor the owner's rights,
-- nor the model's time zone and instant.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_caught;
CREATE SCHEMA caught AUTHORIZATION regress_caught;
SET ROLE regress_caught;
SET search_path = caught, public;

CREATE TABLE lead (id int PRIMARY KEY, n int);
CREATE FUNCTION probe(n int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    CASE n
        WHEN 1 THEN RAISE EXCEPTION 'disk is full' USING ERRCODE = 'disk_full';
        WHEN 2 THEN RAISE EXCEPTION 'just a mistake';
        ELSE RETURN true;
    END CASE;
END
$$;
INSERT INTO lead_stage.model (name, time_zone) VALUES ('caught', 'Asia/Tokyo');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('caught', 'probe', 'fit', 'caught.probe(n)', 10);
SELECT lead_stage.attach('lead', 'caught');
SELECT lead_stage.publish('caught') > 0 AS published;
RESET ROLE;

-- What a write leaves of the session: who we are, the time zone, the path, now.
CREATE FUNCTION surroundings() RETURNS text LANGUAGE sql
    RETURN concat_ws(' ', current_user = session_user, timestamptz '2026-01-01 00:00+00', current_setting('search_path'),
                     lead_stage.now() = transaction_timestamp());
SELECT caught.surroundings();

-- One that is skipped.
INSERT INTO lead VALUES (2, 2);
SELECT caught.surroundings();

-- One that is not, caught: the rest of the function is committed with it.
SET client_min_messages = notice;
DO $$
BEGIN
    BEGIN
        INSERT INTO caught.lead VALUES (1, 1);
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE 'caught %: %; %', SQLSTATE, SQLERRM, caught.surroundings();
    END;
    INSERT INTO caught.lead VALUES (3, 3);
END
$$;
SELECT caught.surroundings();
\c -
SELECT id, fit_score FROM caught.lead ORDER BY id;

-- One that cannot even be prepared fails like any other, each time again.
SET search_path = caught, public;
SET client_min_messages = warning;
REVOKE EXECUTE ON FUNCTION probe FROM PUBLIC, regress_caught;
INSERT INTO lead VALUES (4, 4);
INSERT INTO lead VALUES (5, 5);
GRANT EXECUTE ON FUNCTION probe TO regress_caught;
UPDATE lead SET n = 6 WHERE id = 5;
SELECT id, fit_score FROM lead WHERE id > 3 ORDER BY id;
DELETE FROM lead WHERE id > 3;

-- The same within a savepoint of the application's own.
\set VERBOSITY terse
BEGIN;
SAVEPOINT one;
INSERT INTO lead VALUES (5, 1);
ROLLBACK TO one;
SELECT caught.surroundings();
INSERT INTO lead VALUES (6, 6);
COMMIT;
SELECT id, fit_score FROM lead ORDER BY id;
SELECT * FROM lead_stage.verify_history('lead');

-- A model that raises rule errors needs no subtransaction.
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'caught';
SELECT lead_stage.publish('caught') > 0 AS published;
DO $$
BEGIN
    BEGIN
        INSERT INTO caught.lead VALUES (7, 2);
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE 'caught %: %; %', SQLSTATE, SQLERRM, caught.surroundings();
    END;
    INSERT INTO caught.lead VALUES (8, 8);
END
$$;
SELECT id, fit_score FROM lead WHERE id > 6 ORDER BY id;

-- Built-in code, where constants are computed once: that may fail, too.
SET client_min_messages = warning;
CREATE TABLE built_in (id int PRIMARY KEY, n int);
INSERT INTO lead_stage.model (name) VALUES ('built-in');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('built-in', 'never', 'fit', 'n > 1 / 0', 10),
    ('built-in', 'big', 'fit', '10 / n > 1', 1);
SELECT lead_stage.attach('built_in', 'built-in');
SELECT lead_stage.publish('built-in') > 0 AS published;
INSERT INTO built_in VALUES (1, 1);
INSERT INTO built_in VALUES (2, 0), (3, 3);
SELECT id, fit_score FROM built_in ORDER BY id;
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'built-in';
SELECT lead_stage.publish('built-in') > 0 AS published;
INSERT INTO built_in VALUES (4, 1);
INSERT INTO built_in VALUES (4, 1);
\c -
SET client_min_messages = warning;
SET search_path = caught, public;
INSERT INTO built_in VALUES (4, 1);
UPDATE lead_stage.rule SET condition = 'n > 2' WHERE name = 'never';
SELECT lead_stage.publish('built-in') > 0 AS published;
INSERT INTO built_in VALUES (4, 0);
INSERT INTO built_in VALUES (4, 3);
SELECT id, fit_score FROM built_in ORDER BY id;

DROP SCHEMA caught CASCADE;
DELETE FROM lead_stage.binding WHERE model IN ('caught', 'built-in');
DELETE FROM lead_stage.model WHERE name IN ('caught', 'built-in');
DROP ROLE regress_caught;
