-- History is append-only: UPDATE, DELETE and TRUNCATE are refused, to the owner
-- and to a superuser, whatever the statement looks like.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_app;
CREATE SCHEMA app AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA app TO regress_app;
SET ROLE regress_owner;
CREATE TABLE app.lead (id int PRIMARY KEY, size int);
GRANT ALL ON app.lead TO regress_app;
INSERT INTO lead_stage.model (name) VALUES ('app');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('app', 'park', 'nurture');
SELECT lead_stage.attach('app.lead', 'app');
SELECT lead_stage.publish('app') > 0 AS published;
INSERT INTO app.lead VALUES (1), (2);
CREATE FUNCTION app.attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
CREATE TABLE app.commands (n int GENERATED ALWAYS AS IDENTITY, command text);
INSERT INTO app.commands (command) VALUES
    ('UPDATE app.lead_history SET reason = ''x'''),
    ('UPDATE app.lead_history SET reason = ''x'' WHERE false'),
    ('DELETE FROM app.lead_history'),
    ('DELETE FROM app.lead_history WHERE false'),
    ('DELETE FROM ONLY app.lead_history AS h USING app.lead AS l WHERE l.id = h.lead_id'),
    ('TRUNCATE app.lead_history'),
    ('TRUNCATE app.lead_history CASCADE'),
    ('TRUNCATE app.lead, app.lead_history'),
    ('WITH d AS (DELETE FROM app.lead_history RETURNING *) SELECT count(*) FROM d'),
    ('INSERT INTO app.lead_history SELECT * FROM app.lead_history ON CONFLICT (lead_id, id) DO UPDATE SET reason = ''x'''),
    ('MERGE INTO app.lead_history AS h USING app.lead AS l ON l.id = h.lead_id WHEN MATCHED THEN UPDATE SET reason = ''x'''),
    ('MERGE INTO app.lead_history AS h USING app.lead AS l ON l.id = h.lead_id WHEN MATCHED THEN DELETE');
GRANT SELECT ON app.commands TO regress_app;

\pset format unaligned
\t on
SELECT command, app.attempt(command) FROM app.commands ORDER BY n;
RESET ROLE;
SELECT command, app.attempt(command) FROM app.commands ORDER BY n;
SET ROLE regress_app;
SELECT command, app.attempt(command) FROM app.commands ORDER BY n;
\t off
\pset format aligned
RESET ROLE;
SELECT lead_id, event, reason FROM app.lead_history ORDER BY id;
SELECT count(*) AS leads FROM app.lead;

-- By way of a foreign key or a rule of somebody's.
CREATE TABLE app.note (lead int REFERENCES app.lead ON DELETE CASCADE);
CREATE RULE away AS ON DELETE TO app.note DO INSTEAD DELETE FROM app.lead_history;
INSERT INTO app.note VALUES (1);
DELETE FROM app.note;
\echo :LAST_ERROR_SQLSTATE
-- The message, once in full.
DELETE FROM app.lead_history;
-- The guard refuses wherever it stands.
CREATE TABLE app.other (id int);
CREATE TRIGGER t BEFORE DELETE ON app.other EXECUTE FUNCTION lead_stage._guard_history();
DELETE FROM app.other;
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage._guard_history();

DROP SCHEMA app CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_app;
