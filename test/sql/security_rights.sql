-- Conditions run with the rights of the table's owner, whoever writes: an
-- application needs no more than INSERT or UPDATE, and a superuser's write
-- does not lend his rights to a model's author.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA sec AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA sec TO regress_app;
SET ROLE regress_owner;
CREATE TABLE sec.secret (name text PRIMARY KEY);
INSERT INTO sec.secret VALUES ('listed');
CREATE TABLE sec.told (by text);
CREATE FUNCTION sec.is_listed(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT EXISTS (SELECT FROM sec.secret AS s WHERE s.name = $1)';
CREATE FUNCTION sec.who() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_user::text';
-- What a stable function can do through a volatile one.
CREATE FUNCTION sec.tell() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO sec.told VALUES (current_user); RETURN true; END $$;
CREATE FUNCTION sec.tells() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN sec.tell(); END';
CREATE FUNCTION sec.become(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('role', $1, false); RETURN true; END $$;
CREATE FUNCTION sec.becomes(text) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN sec.become($1); END';
CREATE FUNCTION sec.make() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE trap (); RETURN true; END $$;
CREATE FUNCTION sec.makes() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN sec.make(); END';
-- A body that says nothing of its schema finds what is built in, and nothing else.
CREATE FUNCTION sec.low(text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN lower($1) || repeat(''!'', 1); END';
-- Defaults are the owner's code, too: publish runs them for examples.
CREATE FUNCTION sec.default_rep() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE WARNING 'default computed as the owner: %', current_user = 'regress_owner'; RETURN 'x'; END $$;
CREATE FUNCTION sec.check_code(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING 'domain checked as the owner: %', current_user = 'regress_owner'; RETURN true; END $$;
CREATE DOMAIN sec.code AS text CHECK (sec.check_code(VALUE));
CREATE TABLE sec.lead (id int, name text, rep text DEFAULT sec.default_rep(), owner sec.code);
ALTER TABLE sec.lead ADD PRIMARY KEY (id);
GRANT INSERT, UPDATE, DELETE ON sec.lead TO regress_app;

INSERT INTO lead_stage.model (name) VALUES ('sec');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('sec', 'listed', 'fit', 'sec.is_listed(name)', 1),
    ('sec', 'runs as the owner', 'fit', 'sec.who() = ''regress_owner''', 10),
    ('sec', 'runs as another', 'fit', 'sec.who() <> ''regress_owner''', 100),
    ('sec', 'lower', 'fit', 'lower(name) = ''listed'' AND sec.low(name) = ''listed!''', 1000);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('sec', 'up', 'lead', 'mql');
INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES ('sec', 'r', 'mql', 'anna');
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('sec', 'e', '{"owner": "anna"}', 'lead');
SELECT lead_stage.attach('sec.lead', 'sec');
-- The superuser publishes; nothing of the owner's runs as superuser.
RESET ROLE;
SELECT lead_stage.publish('sec') > 0 AS published;

-- An application that may not even read.
SET ROLE regress_app;
SET client_min_messages = error;
INSERT INTO sec.lead (id, name, rep) VALUES (1, 'Listed', '');
INSERT INTO sec.lead (id, name, rep) VALUES (2, 'other', '');
UPDATE sec.lead SET name = 'listed';
SELECT count(*) FROM sec.lead;
\echo :LAST_ERROR_SQLSTATE
SELECT sec.is_listed('listed');
\echo :LAST_ERROR_SQLSTATE
-- It cannot set what only a superuser may.
SET lead_stage.now = '2020-01-01';
SET lead_stage.enforce = off;
SET lead_stage.actor = 'somebody';
SET ROLE regress_owner;
SELECT id, fit_score FROM sec.lead ORDER BY id;
SELECT lead_id, event, fit_score, actor FROM sec.lead_history ORDER BY id;

-- The superuser.
RESET ROLE;
INSERT INTO sec.lead (id, name, rep) VALUES (3, 'listed', '');
UPDATE sec.lead SET name = 'Listed' WHERE id = 2;
SELECT id, fit_score FROM sec.lead WHERE id IN (2, 3) ORDER BY id;
SELECT name, holds FROM lead_stage.explain('sec.lead', 3) WHERE kind = 'fit';
SELECT lead_stage.rescore_lead('sec.lead', 3);
SELECT id, fit_score FROM sec.lead WHERE id = 3;
SELECT DISTINCT name FROM (SELECT unnest(lead_stage.evidence('sec.lead', id)) AS name FROM sec.lead_history) AS e ORDER BY 1;

-- The writer's search_path changes nothing.
CREATE SCHEMA evil AUTHORIZATION regress_app;
SET ROLE regress_app;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''hijacked''::text';
CREATE FUNCTION evil.repeat(text, int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''hijacked''::text';
CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION evil.yes(name, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (leftarg = text, rightarg = text, function = evil.yes);
CREATE OPERATOR evil.<> (leftarg = text, rightarg = text, function = evil.yes);
CREATE TABLE evil.secret (name text);
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''hijacked''::text';
SET search_path = evil, pg_temp, pg_catalog;
INSERT INTO sec.lead (id, name, rep) VALUES (4, 'Listed', ''), (5, 'listed', '');
\c -
SET client_min_messages = error;
SET ROLE regress_app;
SET search_path = evil, pg_catalog;
INSERT INTO sec.lead (id, name, rep) VALUES (6, 'Listed', ''), (7, 'listed', '');
RESET ROLE;
SELECT id, fit_score FROM sec.lead WHERE id >= 4 ORDER BY id;
SHOW search_path;
RESET search_path;

-- Restricted: no SET ROLE, no temporary tables; a write is the owner's.
SET client_min_messages = warning;
SET ROLE regress_owner;
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('sec', 'tells', 'fit', 'sec.tells()', 1), ('sec', 'becomes', 'fit', 'sec.becomes(''regress_app'')', 1), ('sec', 'makes', 'fit', 'sec.makes()', 1);
DELETE FROM lead_stage.example;
SET client_min_messages = error;
SELECT lead_stage.publish('sec') > 0 AS published;
RESET ROLE;
SET client_min_messages = warning;
INSERT INTO sec.lead (id, name, rep) VALUES (8, '', '');
SELECT current_user = session_user AS still_me;
SELECT id, fit_score FROM sec.lead WHERE id = 8;
SELECT DISTINCT by FROM sec.told;

DROP SCHEMA sec, evil CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_app;
