-- Since 16 one can inherit what a role may do without the right to become it,
-- and so without its attributes, such as superuser.  What runs statements as
-- a role is only for those who can SET ROLE to it.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_boss SUPERUSER;
CREATE ROLE regress_heir;
CREATE ROLE regress_member;
GRANT regress_boss TO regress_heir WITH INHERIT TRUE, SET FALSE;
GRANT regress_boss TO regress_member WITH INHERIT FALSE, SET TRUE;

SET SESSION AUTHORIZATION regress_heir;
SELECT lead_stage._execute_as('regress_boss', 'ALTER ROLE regress_heir SUPERUSER');
SELECT lead_stage._evaluate_as('regress_boss', 'SELECT pg_read_file(''PG_VERSION'')');
SET ROLE regress_boss;
SET SESSION AUTHORIZATION regress_member;
SELECT lead_stage._execute_as('regress_boss', 'COMMENT ON ROLE regress_member IS ''worked''');
SELECT lead_stage._evaluate_as('regress_boss', 'SELECT current_user');
RESET SESSION AUTHORIZATION;
SELECT rolname, rolsuper, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname IN ('regress_boss', 'regress_heir', 'regress_member') ORDER BY 1;
DROP ROLE regress_boss, regress_heir, regress_member;
