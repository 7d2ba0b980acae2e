-- Primary keys of any type and any number of columns; a key column whose name
-- is taken in a relation beside leads gets the prefix lead_ there.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA keys AUTHORIZATION regress_owner;
SET ROLE regress_owner;
INSERT INTO lead_stage.model (name) VALUES ('keys');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('keys', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage, hold_for)
    VALUES ('keys', 'fits', 'mql', true, 5, 'lead', '1 hour');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('keys', 'by hand', 'nurture');

CREATE TYPE keys.channel AS ENUM ('web', 'phone');
CREATE DOMAIN keys.code AS varchar(10) CHECK (VALUE <> '');
-- one column, other types
CREATE TABLE keys.by_uuid (uid uuid PRIMARY KEY, size int);
CREATE TABLE keys.by_text (email text COLLATE "C" PRIMARY KEY, size int);
CREATE TABLE keys.by_char (code char(8) PRIMARY KEY, size int);
CREATE TABLE keys.by_domain (code keys.code PRIMARY KEY, size int);
CREATE TABLE keys.by_time (seen timestamptz PRIMARY KEY, size int);
-- several columns, in another order than in the table, next to an INCLUDE column
CREATE TABLE keys.by_three (size int, num bigint, extra int, region text, how keys.channel, PRIMARY KEY (region, how, num) INCLUDE (extra));
-- names that are taken
CREATE TABLE keys.clash (id int, at date, event text, "role" text, size int, PRIMARY KEY (id, at, event, "role"));
-- taken, and so is what they would become
CREATE TABLE keys.twice (lead_id int, id int, size int, PRIMARY KEY (id, lead_id));
-- taken in state and in the views only
CREATE TABLE keys.quiet (sla int, entered_at int, stage_label int, mql_at int, size int, PRIMARY KEY (sla, entered_at, stage_label, mql_at));

SELECT lead_stage.attach(c.oid, 'keys') FROM pg_class AS c
WHERE c.relnamespace = 'keys'::regnamespace AND c.relkind = 'r' ORDER BY c.relname;
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                             || CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END,
                             ', ' ORDER BY k.place) AS key
FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
     JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'keys'::regnamespace AND c.relname ~ '_(history|state)$'
GROUP BY c.relname ORDER BY 1;
SELECT c.relname, string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relname IN ('quiet_live', 'quiet_visits', 'quiet_journey', 'twice_live', 'clash_journey') AND a.attnum > 0
GROUP BY c.relname ORDER BY 1;

SELECT lead_stage.publish('keys') > 0 AS published;
INSERT INTO keys.by_uuid VALUES ('00000000-0000-0000-0000-000000000001', 11), ('00000000-0000-0000-0000-000000000002', 1);
INSERT INTO keys.by_text VALUES ('a@b.c', 11), ('B@b.c', 1);
INSERT INTO keys.by_char VALUES ('x', 11), ('y', 1);
INSERT INTO keys.by_domain VALUES ('x', 11), ('y', 1);
INSERT INTO keys.by_time VALUES ('2026-01-01 12:00+00', 11), ('2026-01-01 13:00+00', 1);
INSERT INTO keys.by_three (num, region, how, size) VALUES (1, 'UK', 'web', 11), (1, 'UK', 'phone', 1);
INSERT INTO keys.clash VALUES (1, '2026-01-01', 'fair', 'nurse', 11), (1, '2026-01-02', 'fair', 'nurse', 1);
INSERT INTO keys.twice (id, lead_id, size) VALUES (1, 2, 11), (2, 1, 1);
INSERT INTO keys.quiet (sla, entered_at, stage_label, mql_at, size) VALUES (1, 2, 3, 4, 11), (4, 3, 2, 1, 1);
-- move them all by hand, change every key, and delete one of each
UPDATE keys.by_uuid SET stage = 'nurture', uid = replace(uid::text, '000', '111')::uuid;
UPDATE keys.by_text SET stage = 'nurture', email = email || '!';
UPDATE keys.by_char SET stage = 'nurture', code = code || '!';
UPDATE keys.by_domain SET stage = 'nurture', code = code || '!';
UPDATE keys.by_time SET stage = 'nurture', seen = seen + interval '1 day';
UPDATE keys.by_three SET stage = 'nurture', num = num + 1;
UPDATE keys.clash SET stage = 'nurture', id = id + 10;
UPDATE keys.twice SET stage = 'nurture', id = id + 10;
UPDATE keys.quiet SET stage = 'nurture', sla = sla + 10;
DELETE FROM keys.by_uuid WHERE size = 1;
DELETE FROM keys.by_text WHERE size = 1;
DELETE FROM keys.by_char WHERE size = 1;
DELETE FROM keys.by_domain WHERE size = 1;
DELETE FROM keys.by_time WHERE size = 1;
DELETE FROM keys.by_three WHERE size = 1;
DELETE FROM keys.clash WHERE size = 1;
DELETE FROM keys.twice WHERE size = 1;
DELETE FROM keys.quiet WHERE size = 1;

SELECT uid, event, from_stage, to_stage, name FROM keys.by_uuid_history ORDER BY id;
SELECT email, event, from_stage, to_stage, name FROM keys.by_text_history ORDER BY id;
SELECT region, how, num, event, from_stage, to_stage FROM keys.by_three_history ORDER BY id;
SELECT lead_id, lead_at, lead_event, lead_role, event, from_stage, to_stage FROM keys.clash_history ORDER BY id;
SELECT * FROM lead_stage.verify_history('keys.by_uuid')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.by_text')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.by_char')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.by_domain')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.by_time')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.by_three')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.clash')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.twice')
UNION ALL SELECT * FROM lead_stage.verify_history('keys.quiet');
SELECT key, stage FROM lead_stage.as_of('keys.by_three', 'infinity') ORDER BY key;
SELECT key, stage FROM lead_stage.as_of('keys.clash', 'infinity') ORDER BY key;
SELECT key, stage FROM lead_stage.as_of('keys.twice', 'infinity') ORDER BY key;
SELECT region, how, num, stage, next_stage FROM keys.by_three_visits ORDER BY region, how, num, entered_at, stage;
SELECT lead_entered_at, sla, stage, next_stage FROM keys.quiet_visits ORDER BY sla, next_stage, stage;
-- what is found by its key
SELECT name, holds FROM lead_stage.explain('keys.by_uuid', '11111100-1110-1110-1110-111111111001') WHERE kind = 'fit';
SELECT name, holds FROM lead_stage.explain('keys.by_text', 'a@b.c!') WHERE kind = 'fit';
SELECT name, holds FROM lead_stage.explain('keys.by_char', 'x!') WHERE kind = 'fit';
SELECT name, holds FROM lead_stage.explain('keys.by_three', 'UK', 'web', 2) WHERE kind = 'fit';
SELECT name, holds FROM lead_stage.explain('keys.twice', 11, 2) WHERE kind = 'fit';
-- state followed its lead to the new key; none is left of a lead that is gone
SELECT region, how, num, hold_until FROM keys.by_three_state ORDER BY 1, 2, 3;
SELECT lead_sla, entered_at, hold_until FROM keys.quiet_state ORDER BY 1, 2;

RESET ROLE;
DROP SCHEMA keys CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
