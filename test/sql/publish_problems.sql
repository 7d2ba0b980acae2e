-- publish lists every problem in one message, changes nothing then, and says
-- how to mend them.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA prob AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE prob.lead (id int PRIMARY KEY, size int, "fit_taken" text, owner int);
INSERT INTO lead_stage.model (name, title) VALUES ('prob', 'first');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('prob', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('prob', 'fits', 'lead', 'mql', true, 5);
SELECT lead_stage.attach('prob.lead', 'prob');
SELECT lead_stage.publish('prob', 'the first') > 0 AS published;
INSERT INTO prob.lead (id, size) VALUES (1, 11);

-- Everything at once.
UPDATE lead_stage.model SET calendar = 'nowhere' WHERE name = 'prob';
UPDATE lead_stage.rule SET points = 99 WHERE model = 'prob';
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, enabled) VALUES
    ('prob', 'bad syntax', 'fit', NULL, 'size >', 1, true),
    ('prob', 'not boolean', 'fit', NULL, 'size', 1, true),
    ('prob', 'needs budget', 'fit', NULL, 'budget > 1000 AND region IN (''UK'', ''IE'')', 1, true),
    ('prob', 'off', 'fit', NULL, 'nonsense(', 1, false),
    ('prob', 'visits', 'engagement', 'web', 'kind = ''visit''', 1, true),
    ('prob', 'unused', 'engagement', 'web', 'kind = ''visit''', 1, false);
INSERT INTO lead_stage.criterion (model, name, condition, signal) VALUES
    ('prob', 'rule is off', NULL, 'unused'), ('prob', 'met', 'meeting_at IS NOT NULL', NULL);
INSERT INTO lead_stage.transition (model, name, to_stage, signal, not_before, condition) VALUES
    ('prob', 'fine signal', 'sal', 'visits', NULL, NULL),
    ('prob', 'fit is no signal', 'sal', 'big', NULL, NULL),
    ('prob', 'later', 'nurture', NULL, 'follow_up_on', 'wants_call AND NOT (notes = '''')');
INSERT INTO lead_stage.route (model, name, stage, condition, assign_to) VALUES ('prob', 'to anna', 'mql', NULL, 'anna'), ('prob', 'to 42', 'mql', 'tags && ''{a}''', '42');
INSERT INTO lead_stage.rep (model, pool, name) VALUES ('prob', 'p', '7'), ('prob', 'p', 'ben');
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, met_at, pause_when, escalate_to) VALUES
    ('prob', 'first call', 'sql', '1 hour', 'office', 'first_call_at', 'on_hold', 'carl'),
    ('prob', 'round the clock', 'sql', '1 hour', 'always', NULL, NULL, 'p');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('prob', 'met', 'meeting_at < lead_stage.now()'), ('prob', 'subquery', '(SELECT true)');
-- Two that would share a column of the signals view.
INSERT INTO lead_stage.transition (model, name, to_stage, not_before) VALUES ('prob', 'x', 'nurture', 'follow_up_on'), ('prob', 'x_not_before', 'nurture', NULL);
-- A name that has no room there.
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('prob', repeat('ü', 30), 'true');
SELECT lead_stage.publish('prob');
\echo :LAST_ERROR_SQLSTATE
-- The version before keeps judging, in this session and as stored.
INSERT INTO prob.lead (id, size) VALUES (2, 11);
SELECT id, stage, fit_score FROM prob.lead ORDER BY id;
SELECT note FROM lead_stage.version WHERE model = 'prob';
SELECT title, version = (SELECT max(version) FROM lead_stage.version) AS first FROM lead_stage.model;
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'prob.lead_signals'::regclass;

-- Mended, and the columns pasted from the HINT, it goes.
UPDATE lead_stage.model SET calendar = 'always';
UPDATE lead_stage.rule SET condition = 'size > 0' WHERE name IN ('bad syntax', 'not boolean');
UPDATE lead_stage.criterion SET condition = 'true', signal = NULL WHERE name = 'rule is off';
UPDATE lead_stage.transition SET signal = 'visits' WHERE name = 'fit is no signal';
DELETE FROM lead_stage.route WHERE name = 'to anna';
DELETE FROM lead_stage.rep WHERE name = 'ben';
UPDATE lead_stage.sla SET calendar = 'always', escalate_to = '8' WHERE name = 'first call';
DELETE FROM lead_stage.milestone WHERE name IN ('subquery', repeat('ü', 30));
UPDATE lead_stage.transition SET name = 'y' WHERE name = 'x_not_before';
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM lead_stage.publish('prob');
EXCEPTION WHEN invalid_object_definition THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE WARNING '%', hint;
    EXECUTE substring(hint FROM 'ALTER TABLE.*;$');
END
$$;
SELECT lead_stage.publish('prob', 'mended') > 0 AS published;
SELECT note FROM lead_stage.version WHERE model = 'prob' ORDER BY version;
INSERT INTO prob.lead (id, size, budget, region) VALUES (3, 11, 2000, 'UK');
SELECT id, stage, fit_score FROM prob.lead WHERE id = 3;

-- An unknown time zone cannot even be drafted.
UPDATE lead_stage.model SET time_zone = 'Mars/Olympus';
\echo :LAST_ERROR_SQLSTATE

-- A condition named like a key column.
UPDATE prob.lead SET fit_taken = 'x';
ALTER TABLE prob.lead DROP CONSTRAINT lead_pkey, ADD PRIMARY KEY (id, "fit_taken");
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('prob', 'taken', 'fit', 'true', 1);
SELECT lead_stage.publish('prob');

RESET ROLE;
DROP SCHEMA prob CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
