-- lead_stage.actor: the application's user, copied to history; role is the
-- session's, whatever the current role.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_actor;
CREATE ROLE regress_writer;
CREATE SCHEMA actor AUTHORIZATION regress_actor;
SET ROLE regress_actor;
SET search_path = actor, public;

CREATE TABLE lead (id int PRIMARY KEY, a bool);
GRANT USAGE ON SCHEMA actor TO regress_writer;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON lead TO regress_writer;
INSERT INTO lead_stage.model (name, on_refused) VALUES ('actor', 'keep');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition) VALUES ('actor', 'up', 'lead', 'mql', true, 'a');
SELECT lead_stage.attach('lead', 'actor');
SELECT lead_stage.publish('actor') > 0 AS published;

-- Unset, empty, set, set for one transaction, and reset.
SHOW lead_stage.actor;
INSERT INTO lead (id) VALUES (1);
SET lead_stage.actor = '';
INSERT INTO lead (id) VALUES (2);
SET lead_stage.actor = 'ann@example.org';
INSERT INTO lead (id, a) VALUES (3, true);
BEGIN;
SET LOCAL lead_stage.actor = 'Bo "the" O''Neil';
INSERT INTO lead (id) VALUES (4);
COMMIT;
UPDATE lead SET owner = 'x' WHERE id = 1;
UPDATE lead SET stage = 'sql' WHERE id = 1;
UPDATE lead SET id = 10 WHERE id = 1;
SELECT set_config('lead_stage.actor', 'per request', false);
DELETE FROM lead WHERE id = 2;
RESET lead_stage.actor;
DELETE FROM lead WHERE id = 3;
SELECT lead_id, event, actor, role = session_user AS session_role FROM lead_history ORDER BY lead_id, id;

-- A role that may write leads needs no right on history, sets its own actor,
-- and cannot hide behind the role that it is.
SET ROLE regress_writer;
SET lead_stage.actor = 'writer';
INSERT INTO lead (id, a) VALUES (5, true);
UPDATE lead SET a = false, stage = 'mql' WHERE id = 5;
TRUNCATE lead;
SELECT count(*) FROM lead_history;
SET ROLE regress_actor;
SELECT lead_id, event, actor, role = session_user AS session_role FROM lead_history WHERE actor = 'writer' ORDER BY lead_id, id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'actor';
DROP SCHEMA actor CASCADE;
DROP ROLE regress_actor, regress_writer;
