-- Nobody borrows a binding: neither by a trigger on a table of his own, nor by
-- pointing his own binding to somebody else's history.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_thief;
CREATE SCHEMA own AUTHORIZATION regress_owner;
CREATE SCHEMA thief AUTHORIZATION regress_thief;
SET ROLE regress_owner;
CREATE FUNCTION own.who() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
CREATE TABLE own.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('own');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('own', 'big', 'fit', 'size > 10 AND own.who() <> ''''', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit, hold_for) VALUES ('own', 'fits', 'lead', 'mql', true, 5, '1 day');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('own', 'park', 'nurture');
SELECT lead_stage.attach('own.lead', 'own');
SELECT lead_stage.publish('own') > 0 AS published;
INSERT INTO own.lead VALUES (1, 11);
SELECT id AS binding FROM lead_stage.binding WHERE leads = 'own.lead'::regclass \gset

SET ROLE regress_thief;
CREATE TABLE thief.lead (id int PRIMARY KEY, size int, stage lead_stage NOT NULL DEFAULT 'lead', stage_since timestamptz, stage_reason text, fit_score int, owner text);
INSERT INTO thief.lead VALUES (1, 11), (2, 11);
CREATE TRIGGER "~lead_stage_judge" BEFORE INSERT OR UPDATE OR DELETE ON thief.lead FOR EACH ROW EXECUTE FUNCTION lead_stage._judge(:'binding');
CREATE TRIGGER "!lead_stage_record" AFTER INSERT OR UPDATE OR DELETE ON thief.lead FOR EACH ROW WHEN (lead_stage._claim()) EXECUTE FUNCTION lead_stage._record(:'binding');
CREATE TRIGGER lead_stage_truncate BEFORE TRUNCATE ON thief.lead FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._truncate(:'binding');
INSERT INTO thief.lead VALUES (3, 11);
\echo :LAST_ERROR_SQLSTATE
UPDATE thief.lead SET size = 12;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM thief.lead;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE thief.lead;
\echo :LAST_ERROR_SQLSTATE
-- Nor does it help to be superuser while writing there.
RESET ROLE;
UPDATE thief.lead SET size = 12;
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_thief;
DROP TRIGGER "~lead_stage_judge" ON thief.lead;
DROP TRIGGER lead_stage_truncate ON thief.lead;
INSERT INTO thief.lead VALUES (4, 11);
DROP TRIGGER "!lead_stage_record" ON thief.lead;

-- The functions by themselves.
SELECT lead_stage._judge();
SELECT lead_stage._record();
SELECT lead_stage._truncate();
SELECT lead_stage._claim();
CREATE TRIGGER t BEFORE INSERT ON thief.lead FOR EACH ROW EXECUTE FUNCTION lead_stage._judge('no uuid');
INSERT INTO thief.lead VALUES (5, 11);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON thief.lead;
CREATE TRIGGER t BEFORE INSERT ON thief.lead FOR EACH ROW EXECUTE FUNCTION lead_stage._judge();
INSERT INTO thief.lead VALUES (5, 11);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON thief.lead;
CREATE TRIGGER t BEFORE INSERT ON thief.lead FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._judge(:'binding');
INSERT INTO thief.lead VALUES (5, 11);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON thief.lead;
CREATE TRIGGER t AFTER INSERT ON thief.lead FOR EACH ROW EXECUTE FUNCTION lead_stage._judge(:'binding');
INSERT INTO thief.lead VALUES (5, 11);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON thief.lead;
CREATE TRIGGER t BEFORE DELETE ON thief.lead FOR EACH ROW EXECUTE FUNCTION lead_stage._truncate(:'binding');
DELETE FROM thief.lead;
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON thief.lead;

-- A binding of his own, pointed at what is not his.
INSERT INTO lead_stage.model (name) VALUES ('thief');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('thief', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit, hold_for) VALUES ('thief', 'fits', 'lead', 'mql', true, 5, '1 day');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('thief', 'park', 'nurture');
SELECT lead_stage.attach('thief.lead', 'thief');
SELECT lead_stage.publish('thief') > 0 AS published;
BEGIN;
UPDATE lead_stage.binding SET history = (SELECT c.oid FROM pg_class AS c WHERE c.relowner = 'regress_owner'::regrole AND c.relname = 'lead_history') WHERE model = 'thief';
SELECT lead_stage._invalidate('thief.lead');
INSERT INTO thief.lead VALUES (11, 11);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
UPDATE lead_stage.binding SET state = (SELECT c.oid FROM pg_class AS c WHERE c.relowner = 'regress_owner'::regrole AND c.relname = 'lead_state') WHERE model = 'thief';
SELECT lead_stage._invalidate('thief.lead');
DELETE FROM thief.lead WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
UPDATE lead_stage.binding SET signals = (SELECT c.oid FROM pg_class AS c WHERE c.relowner = 'regress_owner'::regrole AND c.relname = 'lead_signals') WHERE model = 'thief';
SELECT lead_stage._invalidate('thief.lead');
INSERT INTO thief.lead VALUES (12, 11);
SELECT stage, fit_score FROM thief.lead WHERE id = 12;
ROLLBACK;
BEGIN;
UPDATE lead_stage.binding SET live = (SELECT c.oid FROM pg_class AS c WHERE c.relowner = 'regress_owner'::regrole AND c.relname = 'lead_live') WHERE model = 'thief';
SELECT lead_stage._invalidate('thief.lead');
INSERT INTO thief.lead VALUES (13, 11);
SELECT stage, fit_score FROM thief.lead WHERE id = 13;
ROLLBACK;
BEGIN;
UPDATE lead_stage.binding SET leads = (SELECT c.oid FROM pg_class AS c WHERE c.relowner = 'regress_owner'::regrole AND c.relname = 'lead') WHERE model = 'thief';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Things of his own that make no sense: errors, no crash.
CREATE VIEW thief.other AS SELECT 1 AS id, 'text'::text AS fit_big, now() AS transition_fits, true AS transition_park;
CREATE VIEW thief.two AS SELECT l.id, o.size > 1 AS fit_big, true AS transition_fits, true AS transition_park FROM current_user AS w, thief.lead AS o, thief.lead AS l;
CREATE VIEW thief.sub AS SELECT l.id, EXISTS (SELECT FROM thief.lead) AS fit_big, count(*) > 1 AS transition_fits, true AS transition_park FROM thief.lead AS l GROUP BY l.id;
CREATE VIEW thief.text AS SELECT l.id, 'text'::text AS fit_big, true AS transition_fits, true AS transition_park FROM thief.lead AS l;
CREATE TABLE thief.empty (id int PRIMARY KEY);
CREATE FUNCTION thief.try(wanted text) RETURNS TABLE (change text, state text, message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'UPDATE lead_stage.binding SET ' || wanted || ' WHERE model = ''thief''';
    PERFORM lead_stage._invalidate('thief.lead');
    INSERT INTO thief.lead VALUES (21, 11);
    UPDATE thief.lead SET size = 12 WHERE id = 21;
    DELETE FROM thief.lead WHERE id = 21;
    RAISE EXCEPTION 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    change := wanted;
    RETURN NEXT;
END
$$;
SELECT t.* FROM unnest(ARRAY[
    'signals = ''thief.other''', 'signals = ''thief.two''', 'signals = ''thief.sub''', 'signals = ''thief.text''', 'signals = ''thief.empty''', 'signals = ''thief.lead''', 'live = ''thief.other''',
    'history = ''thief.empty''', 'history = ''thief.lead''', 'history = ''pg_class''', 'state = ''thief.empty''', 'state = ''thief.lead''', 'state = ''pg_class''',
    'columns = ''{}''', 'columns = ''[]''', 'columns = ''{"stage": "size"}''', 'columns = ''{"stage": "id", "fit_score": "owner"}'', live = NULL', 'columns = ''{"fit_score": "owner"}'', live = NULL', 'live = NULL, columns = ''{"stage": "size", "stage_since": "owner", "fit_score": "stage_reason"}''']) WITH ORDINALITY AS c (change, n)
    CROSS JOIN LATERAL thief.try(c.change) AS t ORDER BY c.n;
-- A definition that publish has never seen.
CREATE FUNCTION thief.define(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    number int;
BEGIN
    INSERT INTO lead_stage.version (model, definition) VALUES ('thief', definition) RETURNING version INTO number;
    UPDATE lead_stage.binding SET version = number WHERE model = 'thief';
    PERFORM lead_stage._invalidate('thief.lead');
    INSERT INTO thief.lead VALUES (22, 11);
    UPDATE thief.lead SET size = 12 WHERE id = 22;
    RAISE EXCEPTION 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
\pset format unaligned
\t on
SELECT d, thief.define(d) FROM unnest(ARRAY[
    '{}', '[]', '1', 'null', '{"model": 1}', '{"model": {"name": 1}}', '{"model": {"name": "x"}, "rule": 1}', '{"model": {"name": "x"}, "rule": [1]}', '{"model": {"name": "x"}, "rule": [{}]}',
    '{"model": {"name": "x"}, "rule": [{"id": -1, "name": "big", "kind": "fit"}]}', '{"model": {"name": "x"}, "rule": [{"id": 2000000000, "name": "big", "kind": "fit"}]}', '{"model": {"name": "x"}, "rule": [{"id": 1e30, "name": "big", "kind": "fit"}]}',
    '{"model": {"name": "x"}, "rule": [{"id": 1, "name": "big", "kind": "fit", "points": "many"}]}', '{"model": {"name": "x"}, "rule": [{"id": 1, "name": "big", "kind": "fit", "points": 1, "category": "none"}]}', '{"model": {"name": "x"}, "rule": [{"id": 1, "name": "nosuch", "kind": "fit"}]}',
    '{"model": {"name": "x", "time_zone": "Mars"}}', '{"model": {"name": "x"}, "transition": [{"name": "fits", "to_stage": "won"}]}', '{"model": {"name": "x"}, "transition": [{"name": "fits", "to_stage": "mql", "hold_for": "long"}]}', '{"model": {"name": "x"}, "transition": [{"name": "fits", "to_stage": "mql", "reasons": {"a": 1}}]}']::jsonb[]) WITH ORDINALITY AS u (d, n) ORDER BY n;
\t off
\pset format aligned
-- Nothing of it reached the owner's tables.
SET ROLE regress_owner;
SELECT lead_id, event FROM own.lead_history ORDER BY id;
SELECT id FROM own.lead_state;

RESET ROLE;
DROP SCHEMA thief, own CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_thief;
