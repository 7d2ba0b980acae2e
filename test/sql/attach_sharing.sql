-- Who may read leads may read what is beside it; row-level security on leads
-- holds there, too.  Rights to attach go by membership in the owner.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_member;
CREATE ROLE regress_reader;
CREATE ROLE regress_app;
CREATE ROLE regress_stranger;
GRANT regress_owner TO regress_member;
CREATE ROLE regress_distant NOINHERIT;
GRANT regress_owner TO regress_distant;
CREATE SCHEMA sharing AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA sharing TO regress_reader, regress_app, regress_stranger, regress_distant;
SET ROLE regress_owner;
CREATE TABLE sharing.lead (id int PRIMARY KEY, region text, size int);
CREATE TABLE sharing.region (name text, reader text);
INSERT INTO sharing.region VALUES ('UK', 'regress_reader');
GRANT SELECT ON sharing.region TO regress_reader, regress_app;
GRANT SELECT ON sharing.lead TO regress_reader, regress_app;
GRANT INSERT, UPDATE, DELETE ON sharing.lead TO regress_app;
ALTER TABLE sharing.lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_region ON sharing.lead FOR ALL
    USING (CURRENT_USER = 'regress_app' OR EXISTS (SELECT FROM sharing.region AS r WHERE r.name = region AND r.reader = CURRENT_USER));

-- A member acts for the owner; what is made belongs to the owner.
SET ROLE regress_member;
INSERT INTO lead_stage.model (name, owner) VALUES ('sharing', 'regress_owner');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('sharing', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage, hold_for) VALUES ('sharing', 'fits', 'mql', true, 5, 'lead', '1 day');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('sharing', 'by hand', 'nurture');
SELECT lead_stage.attach('sharing.lead', 'sharing');
SELECT lead_stage.publish('sharing') > 0 AS published;
SELECT relname, relowner::regrole, relrowsecurity FROM pg_class WHERE relnamespace = 'sharing'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT polrelid::regclass, polname, polcmd FROM pg_policy WHERE polrelid::regclass::text LIKE 'sharing.%' ORDER BY 1;
SELECT c.relname, a.grantee::regrole, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'sharing'::regnamespace AND c.relname LIKE 'lead\_%' AND a.grantee <> c.relowner GROUP BY 1, 2 ORDER BY 1, a.grantee::regrole::text;

SET ROLE regress_app;
INSERT INTO sharing.lead VALUES (1, 'UK', 11), (2, 'NL', 11), (3, 'UK', 1);
UPDATE sharing.lead SET stage = 'nurture' WHERE id = 3;
DELETE FROM sharing.lead WHERE id = 3;
-- The application sees them all, and writes none of ours.
SELECT lead_id, event, to_stage FROM sharing.lead_history ORDER BY id;
INSERT INTO sharing.lead_history (lead_id, event, at, recorded_at, role) VALUES (1, 'stage', now(), now(), 'me');
\echo :LAST_ERROR_SQLSTATE
UPDATE sharing.lead_state SET hold_until = NULL;
\echo :LAST_ERROR_SQLSTATE
UPDATE sharing.lead_live SET stage = 'customer';
\echo :LAST_ERROR_SQLSTATE

-- The reader sees his region, everywhere.
SET ROLE regress_reader;
SELECT id FROM sharing.lead ORDER BY id;
SELECT lead_id, event, to_stage FROM sharing.lead_history ORDER BY id;
SELECT id FROM sharing.lead_state ORDER BY id;
SELECT id, stage FROM sharing.lead_live ORDER BY id;
SELECT id, stage, next_stage FROM sharing.lead_visits ORDER BY id, entered_at, stage;
SELECT id, stage FROM sharing.lead_journey ORDER BY id;
SELECT id, fit_big FROM sharing.lead_signals ORDER BY id;
SELECT key, stage FROM lead_stage.as_of('sharing.lead', 'infinity') ORDER BY key;
SELECT * FROM lead_stage.verify_history('sharing.lead');
SELECT name, holds FROM lead_stage.explain('sharing.lead', 1) WHERE kind = 'fit';
SELECT name, holds FROM lead_stage.explain('sharing.lead', 2) WHERE kind = 'fit';
\echo :LAST_ERROR_SQLSTATE
-- What he may not write.
INSERT INTO sharing.lead VALUES (9, 'UK', 11);
\echo :LAST_ERROR_SQLSTATE

-- Who reads nothing of leads, reads nothing beside it.
SET ROLE regress_stranger;
SELECT * FROM sharing.lead_history;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM sharing.lead_live;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM lead_stage.as_of('sharing.lead', 'infinity');
\echo :LAST_ERROR_SQLSTATE

-- Neither a stranger nor a reader can attach, publish, unpublish or detach.
CREATE FUNCTION pg_temp.attempt(command text) RETURNS TABLE (state text, message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT '00000', '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN NEXT;
END
$$;
INSERT INTO lead_stage.model (name) VALUES ('stranger''s');
SELECT command, a.* FROM unnest('{"attach(''sharing.lead'', ''sharing'')","attach(''sharing.lead'', ''stranger''''s'')",publish(''sharing''),unpublish(''sharing.lead''),republish(''sharing.lead''),detach(''sharing.lead''),"_execute_as(''regress_owner'', ''SELECT 1'')"}'::text[]) WITH ORDINALITY AS c (command, place)
    CROSS JOIN LATERAL pg_temp.attempt('SELECT lead_stage.' || command) AS a ORDER BY place;
UPDATE lead_stage.binding SET model = 'stranger''s';
DELETE FROM lead_stage.binding;
INSERT INTO lead_stage.binding (leads, model) VALUES ('sharing.region', 'stranger''s');
\echo :LAST_ERROR_SQLSTATE
-- Member of the table's owner, but not of the model's, and the other way round.
SET ROLE regress_owner;
SELECT * FROM pg_temp.attempt('SELECT lead_stage.attach(''sharing.lead'', ''stranger''''s'')');
SELECT model FROM lead_stage.binding;
-- A member who would have to SET ROLE first may do it all as well.
SET ROLE regress_distant;
SELECT lead_stage.attach('sharing.lead', 'sharing');
SELECT lead_stage.publish('sharing') > 0 AS published;
SELECT lead_stage.unpublish('sharing.lead');
SELECT lead_stage.republish('sharing.lead') > 0 AS republished;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'sharing'::regnamespace AND relkind IN ('r', 'v') AND relowner <> 'regress_owner'::regrole;
-- An owner who may not create anything in his table's schema.
RESET ROLE;
CREATE TABLE sharing.no_room (id int PRIMARY KEY, size int);
ALTER TABLE sharing.no_room OWNER TO regress_stranger;
SELECT lead_stage.attach('sharing.no_room', 'sharing');
\echo :LAST_ERROR_SQLSTATE
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'sharing.no_room'::regclass AND attnum > 0;
SET ROLE regress_owner;
-- Public readers.
GRANT SELECT ON sharing.lead TO PUBLIC;
SELECT lead_stage.attach('sharing.lead', 'sharing');
SELECT has_table_privilege('regress_stranger', 'sharing.lead_history', 'SELECT') AS history,
       has_table_privilege('regress_stranger', 'sharing.lead_signals', 'SELECT') AS signals;

RESET ROLE;
DROP SCHEMA sharing CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP FUNCTION pg_temp.attempt(text);
DROP ROLE regress_owner, regress_distant, regress_member, regress_reader, regress_app, regress_stranger;
