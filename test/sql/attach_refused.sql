-- What cannot be attached: each a clear error, and nothing left behind.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA bad AUTHORIZATION regress_owner;
CREATE FOREIGN DATA WRAPPER regress_dummy;
CREATE SERVER regress_dummy FOREIGN DATA WRAPPER regress_dummy;
CREATE FOREIGN TABLE bad.far (id int) SERVER regress_dummy;
CREATE TABLE bad.not_mine (id int PRIMARY KEY);
ALTER FOREIGN TABLE bad.far OWNER TO regress_owner;
SET ROLE regress_other;
INSERT INTO lead_stage.model (name) VALUES ('someone else''s');
RESET ROLE;
GRANT CREATE ON SCHEMA bad TO regress_other;

SET ROLE regress_owner;
INSERT INTO lead_stage.model (name) VALUES ('bad');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('bad', 'r', 'fit', 'id > 0', 1);
CREATE TABLE bad.good (id int PRIMARY KEY);
CREATE VIEW bad.view AS SELECT * FROM bad.good;
CREATE MATERIALIZED VIEW bad.matview AS SELECT * FROM bad.good;
CREATE SEQUENCE bad.seq;
CREATE TYPE bad.composite AS (id int);
CREATE INDEX idx ON bad.good (id);
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
CREATE TABLE bad.no_key (id int, UNIQUE (id));
CREATE TABLE bad.parent (id int PRIMARY KEY);
CREATE TABLE bad.child (PRIMARY KEY (id)) INHERITS (bad.parent);
CREATE TABLE bad.parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE bad.parted_1 PARTITION OF bad.parted FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (id);
CREATE TABLE bad.parted_1_1 PARTITION OF bad.parted_1 DEFAULT;
CREATE TYPE bad.row AS (id int);
CREATE TABLE bad.typed OF bad.row (PRIMARY KEY (id));
CREATE UNLOGGED TABLE bad.unlogged (id int PRIMARY KEY);
-- names that are taken
CREATE TABLE bad.clash1 (id int PRIMARY KEY);
CREATE TABLE bad.clash1_history (id int PRIMARY KEY);
CREATE TABLE bad.clash2 (id int PRIMARY KEY);
CREATE VIEW bad.clash2_history AS SELECT 1 AS id;
CREATE TABLE bad.clash3 (id int PRIMARY KEY);
CREATE TABLE bad.clash3_state (id int PRIMARY KEY);
CREATE TABLE bad.clash4 (id int PRIMARY KEY);
CREATE TABLE bad.clash4_live (id int PRIMARY KEY);
CREATE TABLE bad.clash5 (id int PRIMARY KEY);
CREATE SEQUENCE bad.clash5_visits;
CREATE TABLE bad.clash6 (id int PRIMARY KEY);
CREATE MATERIALIZED VIEW bad.clash6_journey AS SELECT 1 AS one;
CREATE TABLE bad.clash7 (id int PRIMARY KEY);
SET ROLE regress_other;
CREATE VIEW bad.clash7_live AS SELECT 1 AS one;
SET ROLE regress_owner;
-- A view of the user's own, that happens to have a name of ours.
CREATE TABLE bad.clash8 (id int PRIMARY KEY);
CREATE VIEW bad.clash8_journey AS SELECT 'mine' AS mine;
-- names that are too long with what attach adds
CREATE TABLE bad.long_enough_to_be_too_long_with_a_suffix_of_eight_bytes_ (id int PRIMARY KEY);
CREATE TABLE bad.long_enough_to_be_just_right_with_suffix_of_eight_bytes (id int PRIMARY KEY);
CREATE TABLE bad."äöüäöüäöüäöüäöüäöüäöüäöüäöü56" (id int PRIMARY KEY);

CREATE FUNCTION bad.attempt(command text) RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT '00000', '', '', '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
CREATE FUNCTION bad.all_there_is() RETURNS TABLE (what text) LANGUAGE sql AS $$
    SELECT format('%s %s %s', c.relname, c.relkind, a.attname) FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
    UNION ALL SELECT tgname || ' on ' || tgrelid::regclass FROM pg_trigger
    UNION ALL SELECT 'binding ' || id FROM lead_stage.binding
    UNION ALL SELECT polname FROM pg_policy
$$;
CREATE TEMP TABLE before (what text);
INSERT INTO before SELECT * FROM bad.all_there_is();
SET client_min_messages = warning;
\x on
SELECT t.relation, a.* FROM unnest('{NULL,no_such,bad.view,bad.matview,bad.seq,bad.idx,bad.composite,bad.far,temporary,pg_class,
    information_schema.sql_features,lead_stage.model,lead_stage.version,bad.no_key,bad.parent,bad.child,bad.parted_1,bad.parted_1_1,bad.not_mine,
    bad.clash1,bad.clash2,bad.clash3,bad.clash4,bad.clash5,bad.clash6,bad.clash7,bad.clash8,
    bad.long_enough_to_be_too_long_with_a_suffix_of_eight_bytes_,
    bad.äöüäöüäöüäöüäöüäöüäöüäöüäöü56}'::text[]) WITH ORDINALITY AS t (relation, place)
    CROSS JOIN LATERAL bad.attempt(format('SELECT lead_stage.attach(%L, ''bad'')', t.relation)) AS a
ORDER BY t.place;
SELECT t.model, a.* FROM unnest('{NULL,none,Bad,someone else''s}'::text[]) WITH ORDINALITY AS t (model, place)
    CROSS JOIN LATERAL bad.attempt(format('SELECT lead_stage.attach(''bad.good'', %L)', t.model)) AS a
ORDER BY t.place;
-- An OID that nothing has.
SELECT * FROM bad.attempt('SELECT lead_stage.attach(1::regclass, ''bad'')');
-- A model half-filled: published, but its conditions do not fit this table.
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('bad', 'half', 'fit', 'budget > 10 AND', 1);
SELECT * FROM bad.attempt('SELECT lead_stage.publish(''bad'')');
UPDATE lead_stage.rule SET condition = 'budget > 10' WHERE name = 'half';
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('bad', 'e', '{"id": 1}', 'mql');
SELECT lead_stage.publish('bad') > 0 AS published;
SELECT * FROM bad.attempt('SELECT lead_stage.attach(''bad.good'', ''bad'')');
UPDATE lead_stage.rule SET condition = NULL WHERE name = 'half';
SELECT lead_stage.publish('bad') > 0 AS published;
-- … or its examples do not end where they should.
SELECT * FROM bad.attempt('SELECT lead_stage.attach(''bad.good'', ''bad'')');
\x off
-- Nothing was left behind.
SELECT what FROM bad.all_there_is() EXCEPT ALL SELECT what FROM before ORDER BY 1;
SELECT what FROM before EXCEPT ALL SELECT what FROM bad.all_there_is() ORDER BY 1;

-- What can be attached, nevertheless.
DELETE FROM lead_stage.example;
SELECT lead_stage.publish('bad') > 0 AS published;
SELECT lead_stage.attach('bad.typed', 'bad');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.attach('bad.unlogged', 'bad');
SELECT lead_stage.attach('bad.long_enough_to_be_just_right_with_suffix_of_eight_bytes', 'bad');
INSERT INTO bad.long_enough_to_be_just_right_with_suffix_of_eight_bytes VALUES (1);
SELECT event FROM bad.long_enough_to_be_just_right_with_suffix_of_eight_bytes_history;
-- What attach made cannot be attached itself.
SELECT t.relation, a.* FROM unnest('{bad.unlogged_history,bad.unlogged_state,bad.unlogged_live}'::text[]) AS t (relation)
    CROSS JOIN LATERAL bad.attempt(format('SELECT lead_stage.attach(%L, ''bad'')', t.relation)) AS a
ORDER BY 1;

-- Every other function that takes a table.
\x on
SELECT t.call, t.relation, a.state, a.message, a.hint
FROM unnest('{unpublish(%L),republish(%L),detach(%L),"as_of(%L, now())","evidence(%L, 1)",verify_history(%L),"explain(%L, 1)","rescore_lead(%L, 1)"}'::text[]) WITH ORDINALITY AS t0 (call, place)
    CROSS JOIN (VALUES (NULL), ('bad.good'), ('bad.view')) AS r (relation)
    CROSS JOIN LATERAL (SELECT t0.call, r.relation) AS t
    CROSS JOIN LATERAL bad.attempt('SELECT * FROM lead_stage.' || format(t.call, t.relation)) AS a
ORDER BY t0.place, r.relation NULLS FIRST;
SELECT a.state, a.message, a.hint FROM unnest('{NULL,none}'::text[]) WITH ORDINALITY AS m (model, place)
    CROSS JOIN LATERAL bad.attempt(format('SELECT lead_stage.publish(%L)', m.model)) AS a ORDER BY place;
\x off

RESET ROLE;
DROP SCHEMA bad CASCADE;
DROP TABLE before, temporary;
DROP FOREIGN DATA WRAPPER regress_dummy CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_other;
