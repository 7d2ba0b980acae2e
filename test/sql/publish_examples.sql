-- Examples are run by the engine itself before anything is published: each must
-- end in its stage.  Nothing is written, no user trigger fires, no sequence moves.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA ex AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE SEQUENCE ex.number;
CREATE FUNCTION ex.next_number() RETURNS int LANGUAGE sql AS 'SELECT nextval(''ex.number'')::int';
CREATE TABLE ex.lead (gone int, id bigserial PRIMARY KEY, other int DEFAULT ex.next_number(), number int DEFAULT nextval('ex.number'), region text DEFAULT 'UK' NOT NULL, size int DEFAULT 3 CHECK (size > 0),
    tags text[] DEFAULT '{a}', doc jsonb, at timestamptz, big boolean GENERATED ALWAYS AS (size > 10) STORED, need boolean NOT NULL);
ALTER TABLE ex.lead DROP COLUMN gone;
CREATE FUNCTION ex.noisy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'must not fire'; END $$;
CREATE TRIGGER noisy BEFORE INSERT OR UPDATE ON ex.lead FOR EACH ROW EXECUTE FUNCTION ex.noisy();
INSERT INTO lead_stage.model (name) VALUES ('ex');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('ex', 'big', 'fit', 'size > 10', 7), ('ex', 'home', 'fit', 'region = ''UK''', 2), ('ex', 'tagged', 'fit', 'tags && ''{a,b}''', 1);
INSERT INTO lead_stage.criterion (model, name, question, condition) VALUES ('ex', 'need', 'Is there a need?', 'need'), ('ex', 'owned', 'Who?', 'owner IS NOT NULL');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('ex', 'fits', 'lead', 'mql', true, 9);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('ex', 'accept', 'mql', 'sql');
INSERT INTO lead_stage.transition (model, name, to_stage, reasons, hold_for) VALUES ('ex', 'recycle', 'nurture', '{later}', '1 day');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('ex', 'again', 'nurture', 'mql', true, 9);
SELECT lead_stage.attach('ex.lead', 'ex');

INSERT INTO lead_stage.example (model, name, lead, steps, expected) VALUES
    ('ex', '01 big at home by default', '{"size": 11}', '[]', 'mql'),
    ('ex', '02 nothing named', '{}', '[]', 'lead'),
    ('ex', '03 null is not the default', '{"size": 11, "region": null}', '[]', 'lead'),
    ('ex', '04 constraints are not checked', '{"size": -11, "need": null}', '[]', 'lead'),
    ('ex', '05 accepted', '{"size": 11, "need": true}', '[{"stage": "sql", "owner": "anna"}]', 'sql'),
    ('ex', '06 not without a need', '{"size": 11}', '[{"stage": "sql", "owner": "anna"}]', 'mql'),
    ('ex', '07 refused, then mended', '{"size": 11}', '[{"stage": "sql", "owner": "anna", "need": null}, {"need": true}, {"stage": "sql", "owner": "anna"}]', 'sql'),
    ('ex', '08 a reason', '{"size": 11}', '[{"stage": "nurture", "stage_reason": "later"}, {"size": 12}]', 'nurture'),
    ('ex', '09 no reason', '{"size": 11}', '[{"stage": "nurture"}]', 'mql'),
    ('ex', '10 arrays and documents', '{"size": 11, "tags": ["b"], "doc": {"a": [1, null]}, "at": "2026-01-01T00:00:00Z"}', '[]', 'mql'),
    ('ex', '11 steps that add up', '{"region": "NL", "tags": []}', '[{"size": 11}, {"region": "UK"}]', 'mql');
SELECT lead_stage.publish('ex') > 0 AS published;
SELECT count(*) AS leads FROM ex.lead;
SELECT count(*) AS events FROM ex.lead_history;
SELECT (SELECT is_called FROM ex.number) AS number, (SELECT is_called FROM ex.lead_id_seq) AS id;

-- Those that fail, each with its reason.
INSERT INTO lead_stage.example (model, name, lead, steps, expected) VALUES
    ('ex', '21 ends elsewhere', '{"size": 11}', '[]', 'sql'),
    ('ex', '22 refused', '{"size": 11}', '[{"stage": "sql"}]', 'sql'),
    ('ex', '23 refused twice', '{"size": 1}', '[{"stage": "sql"}, {"stage": "nurture", "stage_reason": "never"}]', 'nurture'),
    ('ex', '24 no such column', '{"size": 11, "nosuch": 1, "other": 2}', '[]', 'mql'),
    ('ex', '25 no such column in a step', '{"size": 11}', '[{"nosuch": 1}]', 'mql'),
    ('ex', '26 wrong type', '{"size": "eleven"}', '[]', 'mql'),
    ('ex', '27 wrong type in a step', '{"size": 11}', '[{"size": "eleven"}]', 'mql'),
    ('ex', '28 no such stage in a step', '{"size": 11}', '[{"stage": "won"}]', 'mql');
SELECT lead_stage.publish('ex');
\echo :LAST_ERROR_SQLSTATE
-- Nothing changed.
SELECT count(*) AS versions FROM lead_stage.version WHERE model = 'ex';
DROP TRIGGER noisy ON ex.lead;
INSERT INTO ex.lead (size, need) VALUES (11, true);
SELECT id, stage FROM ex.lead;
-- A rule that fails at run time, in an example.
DELETE FROM lead_stage.example WHERE name > '02';
UPDATE lead_stage.rule SET condition = '100 / (size - 11) > 1' WHERE name = 'tagged';
SELECT lead_stage.publish('ex') > 0 AS published;
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'ex';
SELECT lead_stage.publish('ex');

-- Where columns have other names, an example may speak of the roles.
CREATE TABLE ex.mapped (id int PRIMARY KEY, region text DEFAULT 'UK', size int, tags text[], need boolean, rep text);
UPDATE lead_stage.rule SET condition = NULL WHERE name = 'tagged';
SELECT lead_stage.publish('ex') > 0 AS published;
SELECT lead_stage.attach('ex.mapped', 'ex', '{"stage": "status", "owner": "rep"}');
-- With two tables, the message says where.
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('ex', '30', '{"size": 11}', 'sql'), ('ex', '31', '{"number": 1}', 'lead');
SELECT lead_stage.publish('ex');

RESET ROLE;
DROP SCHEMA ex CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
