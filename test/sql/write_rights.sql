-- Who writes: an application with INSERT and UPDATE only, row security and
-- forced row security, a function with its definer's rights; none of them
-- needs, or has, rights on history and state.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_rights
\i :setup

\set ECHO none
RESET ROLE;
DROP ROLE IF EXISTS regress_write_app;
DROP ROLE IF EXISTS regress_write_limited;
\set ECHO all
CREATE ROLE regress_write_app;
CREATE ROLE regress_write_limited;
GRANT USAGE ON SCHEMA write_rights TO regress_write_app, regress_write_limited;
SET ROLE regress_write_rights;
GRANT INSERT, UPDATE ON lead TO regress_write_app;
GRANT SELECT (id, owner) ON lead TO regress_write_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON lead TO regress_write_limited;
INSERT INTO lead (id, size, owner) VALUES (1, 500, 'regress_write_limited'), (2, 500, 'somebody');

SET ROLE regress_write_app;
INSERT INTO lead (id, size) VALUES (3, 500);
UPDATE lead SET size = 600, met = true WHERE id = 1;
UPDATE lead SET stage = 'nurture', stage_reason = 'hold' WHERE id = 3;
UPDATE lead SET stage = 'sql' WHERE id = 1;
DELETE FROM lead WHERE id = 1;
SELECT * FROM lead_history;
INSERT INTO lead_history DEFAULT VALUES;
DELETE FROM lead_state;

-- Row security, which the owner is subject to as well.
SET ROLE regress_write_rights;
ALTER TABLE lead ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON lead USING (owner = current_user) WITH CHECK (owner = current_user AND (stage <> 'mql' OR size < 1000));
SELECT lead_stage.publish('write_rights') > 0 AS published;
SET ROLE regress_write_limited;
SELECT id, stage FROM lead ORDER BY id;
INSERT INTO lead (id, size) VALUES (4, 500);
INSERT INTO lead (id, size, owner) VALUES (4, 500, 'regress_write_limited');
-- The policy sees what was decided, not what was written.
INSERT INTO lead (id, size, owner) VALUES (7, 2000, 'regress_write_limited');
UPDATE lead SET stage = 'nurture', stage_reason = 'rest';
UPDATE lead SET stage = 'lead', stage_reason = 'back', size = 5, need = true WHERE id = 4;
DELETE FROM lead WHERE id = 1;
-- Without rights of its own, through a function of the owner's.
SET ROLE regress_write_rights;
ALTER TABLE lead NO FORCE ROW LEVEL SECURITY;
CREATE FUNCTION save(id int, size int) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = write_rights, public, pg_temp
    AS 'INSERT INTO lead (id, size) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET size = EXCLUDED.size RETURNING stage::text';
REVOKE ALL ON lead FROM regress_write_app;
SET ROLE regress_write_app;
SELECT save(5, 5), save(5, 500);
INSERT INTO lead (id, size) VALUES (6, 500);
SET ROLE regress_write_rights;
SELECT id, stage, owner FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT id FROM lead_state ORDER BY id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
SELECT DISTINCT role = session_user AS by_session_user FROM lead_history;
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
