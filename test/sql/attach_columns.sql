-- "columns" maps our five roles to columns that are there, or names new ones;
-- a column that is there is adopted if it is of the right type.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE SCHEMA cols AUTHORIZATION regress_owner;
SET ROLE regress_owner;
INSERT INTO lead_stage.model (name) VALUES ('cols');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('cols', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES ('cols', 'owned', 'Who?', 'owner IS NOT NULL');
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, condition, from_stage)
    VALUES ('cols', 'fits', 'mql', true, 'fit_score >= 5 AND stage = ''lead''', 'lead');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('cols', 'accept', 'mql', 'sql');
INSERT INTO lead_stage.transition (model, name, to_stage, reasons) VALUES ('cols', 'recycle', 'nurture', '{}');

-- Every role has another name; some columns are there, some are made.
CREATE TYPE cols.rep AS ENUM ('anna', 'ben');
CREATE TABLE cols.mapped (id int PRIMARY KEY, size int, rep cols.rep, since timestamptz, why varchar(40));
SELECT lead_stage.attach('cols.mapped', 'cols',
    '{"stage": "ls stage", "stage_since": "since", "stage_reason": "why", "fit_score": "fit", "owner": "rep"}');
SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = 'cols.mapped'::regclass AND attnum > 0 ORDER BY attnum;
SELECT columns, added FROM lead_stage.binding WHERE leads = 'cols.mapped'::regclass;
SELECT lead_stage.publish('cols') > 0 AS published;
-- Conditions call them by their roles.
INSERT INTO cols.mapped (id, size) VALUES (1, 11);
UPDATE cols.mapped SET "ls stage" = 'sql' WHERE id = 1;
UPDATE cols.mapped SET "ls stage" = 'sql', rep = 'ben' WHERE id = 1;
UPDATE cols.mapped SET "ls stage" = 'nurture', why = 'not now' WHERE id = 1;
SELECT id, "ls stage", since IS NOT NULL AS since, why, fit, rep FROM cols.mapped;
SELECT event, from_stage, to_stage, reason, owner, previous_owner FROM cols.mapped_history ORDER BY id;
SELECT id, stage, stage_reason, fit_score, owner FROM cols.mapped_live;
SELECT stage, owner FROM cols.mapped_visits ORDER BY entered_at, stage;
SELECT stage, owner FROM lead_stage.as_of('cols.mapped', 'infinity');
SELECT * FROM lead_stage.verify_history('cols.mapped');

-- A column of the user's that is called like a role is his, and conditions that
-- name it mean it.
CREATE TABLE cols.own (id int PRIMARY KEY, size int, stage text, owner text);
SET client_min_messages = warning;
SELECT lead_stage.attach('cols.own', 'cols', '{"stage": "qualification", "owner": "rep"}');
RESET client_min_messages;
INSERT INTO cols.own (id, size, stage, owner) VALUES (1, 11, 'paid', NULL), (2, 11, 'lead', 'ben');
SELECT id, qualification, rep, stage, owner FROM cols.own ORDER BY id;
UPDATE cols.own SET qualification = 'sql' WHERE id = 2;
SELECT id, qualification, rep, stage, owner FROM cols.own ORDER BY id;
SELECT id, stage, owner FROM cols.own_live ORDER BY id;

-- The owner may be of any type.
CREATE DOMAIN cols.rep_code AS char(4);
CREATE TABLE cols.by_number (id int PRIMARY KEY, size int, owner_id int);
CREATE TABLE cols.by_varchar (id int PRIMARY KEY, size int, owner varchar(20));
CREATE TABLE cols.by_domain (id int PRIMARY KEY, size int, owner cols.rep_code);
SET client_min_messages = warning;
SELECT lead_stage.attach('cols.by_number', 'cols', '{"owner": "owner_id"}');
SELECT lead_stage.attach('cols.by_varchar', 'cols');
SELECT lead_stage.attach('cols.by_domain', 'cols');
INSERT INTO cols.by_number (id, size) VALUES (1, 11);
INSERT INTO cols.by_varchar (id, size) VALUES (1, 11);
INSERT INTO cols.by_domain (id, size) VALUES (1, 11);
UPDATE cols.by_number SET stage = 'sql', owner_id = 42;
UPDATE cols.by_varchar SET stage = 'sql', owner = 'anna';
UPDATE cols.by_domain SET stage = 'sql', owner = 'an';
SELECT event, to_stage, owner, previous_owner FROM cols.by_number_history WHERE event = 'owner';
SELECT event, to_stage, owner, previous_owner FROM cols.by_varchar_history WHERE event = 'owner';
SELECT event, to_stage, owner, previous_owner FROM cols.by_domain_history WHERE event = 'owner';

-- Prepared beforehand: adopted; what is missing of stage is mended.
CREATE TABLE cols.prepared (id int PRIMARY KEY, size int, stage lead_stage, stage_since timestamptz, stage_reason text, fit_score int, owner text);
INSERT INTO cols.prepared (id, stage) VALUES (1, 'mql');
SELECT lead_stage.attach('cols.prepared', 'cols');
SELECT attname, attnotnull, pg_get_expr(adbin, adrelid) AS default
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'cols.prepared'::regclass AND attname = 'stage';
SELECT added FROM lead_stage.binding WHERE leads = 'cols.prepared'::regclass;
SELECT id, stage FROM cols.prepared;
-- The first write says where such a lead was, and since when we know it.
UPDATE cols.prepared SET size = 5;
SELECT event, from_stage, to_stage FROM cols.prepared_history ORDER BY id;
-- A default of the user's own stays, and a lead that comes with it is moved by hand.
CREATE TABLE cols.own_default (id int PRIMARY KEY, size int, stage lead_stage NOT NULL DEFAULT 'customer');
SELECT lead_stage.attach('cols.own_default', 'cols');
INSERT INTO cols.own_default VALUES (1, 2);
\echo :LAST_ERROR_SQLSTATE

-- A column that does not fit is refused, and nothing is made.
CREATE FUNCTION cols.attempt(command text) RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT '00000', '', '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
CREATE TABLE cols.bad (id int PRIMARY KEY, stage text, since timestamp, reason int, fit numeric, gen lead_stage GENERATED ALWAYS AS ('lead'::lead_stage) STORED,
    serial int GENERATED ALWAYS AS IDENTITY, empty lead_stage, short varchar(39));
INSERT INTO cols.bad (id) VALUES (1);
CREATE TABLE cols.key_is_ours (owner int PRIMARY KEY, size int);
SELECT count(*) AS relations FROM pg_class WHERE relnamespace = 'cols'::regnamespace \gset before_
SELECT n, a.* FROM (VALUES
        (1, '{}'),
        (2, '{"stage": "s", "stage_since": "since"}'),
        (3, '{"stage": "s", "stage_reason": "reason"}'),
        (4, '{"stage": "s", "fit_score": "fit"}'),
        (5, '{"stage": "gen"}'),
        (6, '{"stage": "s", "fit_score": "serial"}'),
        (7, '{"stage": "empty"}'),
        (8, '{"stage": "id"}'),
        (9, '{"stage": "s", "owner": "s"}'),
        (10, '{"stage": "owner"}'),
        (11, '{"status": "s"}'),
        (12, '{"stage": null}'),
        (13, '{"stage": 1}'),
        (14, '{"stage": ""}'),
        (15, '{"stage": "' || repeat('x', 64) || '"}'),
        (16, '{"stage": "' || repeat('ü', 32) || '"}'),
        (17, '["stage"]'),
        (18, '"stage"'),
        (19, NULL),
        (20, '{"stage": "s", "owner": "ctid"}'),
        (21, '{"stage": "s", "owner": "tableoid"}'),
        (22, '{"stage": "s", "stage_reason": "short"}')) AS v (n, columns)
    CROSS JOIN LATERAL cols.attempt(format('SELECT lead_stage.attach(''cols.bad'', ''cols'', %L)', v.columns)) AS a
ORDER BY n;
SELECT * FROM cols.attempt('SELECT lead_stage.attach(''cols.key_is_ours'', ''cols'')');
SELECT count(*) - :before_relations AS left_behind FROM pg_class WHERE relnamespace = 'cols'::regnamespace;
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'cols.bad'::regclass AND attnum > 0;
SET client_min_messages = warning;
-- Mapped elsewhere, the key may be called like a role.
SELECT lead_stage.attach('cols.key_is_ours', 'cols', '{"owner": "rep"}');

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA cols CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
