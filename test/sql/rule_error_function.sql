-- The same for rules that call a function of the user's own, which may have
-- done something before it raised.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_error;
CREATE SCHEMA error AUTHORIZATION regress_error;
SET ROLE regress_error;
SET search_path = error, public;

CREATE TABLE region (code text PRIMARY KEY, served bool NOT NULL);
INSERT INTO region VALUES ('north', true), ('south', false);
CREATE FUNCTION served(region text) RETURNS bool LANGUAGE plpgsql STABLE AS $$
DECLARE
    answer bool;
BEGIN
    IF served.region LIKE 'E%' THEN
        PERFORM count(*) FROM error.region;
        RAISE EXCEPTION 'raised on purpose' USING ERRCODE = substr(served.region, 2), HINT = 'none';
    END IF;
    SELECT r.served INTO STRICT answer FROM error.region AS r WHERE r.code = served.region;
    RETURN answer;
EXCEPTION WHEN too_many_rows THEN
    RETURN false;
END
$$;
CREATE DOMAIN small AS int CHECK (VALUE < 10);

CREATE TABLE lead (id int PRIMARY KEY, size int, region text);
INSERT INTO lead_stage.model (name) VALUES ('error');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('error', 'before', 'fit', 'size > 0', 1),
    ('error', 'served', 'fit', 'error.served(region)', 10),
    ('error', 'small', 'fit', 'size::error.small > 1', 100),
    ('error', 'after', 'fit', 'region IS NOT NULL', 1000);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('error', 'up', 'lead', 'mql', true, 1101);
SELECT lead_stage.attach('lead', 'error');
SELECT lead_stage.publish('error') > 0 AS published;

INSERT INTO lead VALUES (1, 5, 'north'), (2, 5, 'west'), (3, 50, 'south'), (4, 50, 'east'), (5, 5, 'EP0001'), (6, 1, 'north'), (7, 5, 'EP0004');
SELECT id, size, region, fit_score, stage FROM lead ORDER BY id;
SELECT count(*) AS history FROM lead_history;

-- Inside a block that catches errors, and one that is rolled back.
DO $$
BEGIN
    INSERT INTO lead VALUES (8, 5, 'west');
    BEGIN
        INSERT INTO lead VALUES (9, 5, 'west');
        RAISE EXCEPTION 'no';
    EXCEPTION WHEN raise_exception THEN
        INSERT INTO lead VALUES (10, 5, 'north');
    END;
END
$$;
BEGIN;
INSERT INTO lead VALUES (11, 5, 'west');
SAVEPOINT s;
INSERT INTO lead VALUES (12, 5, 'west');
ROLLBACK TO s;
INSERT INTO lead VALUES (13, 5, 'EP0001');
COMMIT;
SELECT id, fit_score, stage FROM lead WHERE id >= 8 ORDER BY id;
SELECT lead_id, event FROM lead_history WHERE lead_id >= 8 ORDER BY lead_id, id;

-- Cancelling a query, running out of something, and bugs are not a rule's own
-- errors: those end the statement.
INSERT INTO lead VALUES (20, 1, 'E57014');
INSERT INTO lead VALUES (20, 1, 'E53100');
INSERT INTO lead VALUES (20, 1, 'EXX000');
SELECT id, fit_score FROM lead WHERE id >= 20 ORDER BY id;

-- What the function reads is read anew by every statement.
INSERT INTO region VALUES ('west', true);
UPDATE lead SET size = 6 WHERE id IN (2, 8);
SELECT id, fit_score, stage FROM lead WHERE id IN (2, 8) ORDER BY id;

UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'error';
SELECT lead_stage.publish('error') > 0 AS published;
INSERT INTO lead VALUES (30, 5, 'north'), (31, 5, 'EP0001');
INSERT INTO lead VALUES (32, 50, 'north');
INSERT INTO lead VALUES (33, 5, 'north');
SELECT id, fit_score, stage FROM lead WHERE id >= 30 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'error';
DROP SCHEMA error CASCADE;
DROP ROLE regress_error;
