-- A model goes into one JSON document and comes back the same; a definition
-- that does not fit is refused whole, with what is wrong and where.
\set SHOW_CONTEXT never
CREATE ROLE regress_modeller;
CREATE ROLE regress_other;
SET ROLE regress_modeller;

-- Every table and every kind of value.
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('office', 'Europe/Lisbon'), ('night', 'UTC'), ('unused', 'UTC');
INSERT INTO lead_stage.calendar_hours VALUES ('office', 2, '14:00', '18:00'), ('office', 2, '9:00', '12:30'), ('night', 5, '22:00', '24:00');
INSERT INTO lead_stage.holiday VALUES ('office', '2026-12-25', NULL, NULL, 'Christmas'), ('office', '2026-12-24', '9:00', '12:00', NULL);
INSERT INTO lead_stage.model (name, title, labels, time_zone, calendar, on_refused, notify)
    VALUES ('it''s "ü"', 'A title', '{"mql": "Reviewed"}', 'Asia/Tokyo', 'office', 'keep', true);
SELECT name AS m FROM lead_stage.model \gset
INSERT INTO lead_stage.category VALUES (:'m', 'b', 30), (:'m', 'a', NULL);
INSERT INTO lead_stage.band VALUES (:'m', 'fit', 'A', 10.5), (:'m', 'fit', 'Z', 20), (:'m', 'engagement', '1', 0.1::float8 + 0.2::float8);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category) VALUES (:'m', 'z', 'fit', 'a = ''it''''s''', -3, 'b');
INSERT INTO lead_stage.rule (model, name, kind, source, points, cap, half_life, enabled, note)
    VALUES (:'m', 'a', 'engagement', 'web', 2, 10, '1 day 12:00:00', false, 'note');
INSERT INTO lead_stage.criterion VALUES (:'m', 'second', 'sql', 'Why?', NULL, 'a', '3 months', 2), (:'m', 'first', 'mql', NULL, 'x', NULL, NULL, 1),
    (:'m', 'last', 'sql', NULL, 'x', NULL, NULL, NULL);
INSERT INTO lead_stage.transition (model, name, to_stage, reasons, min_score, in_stage_for, hold_for, automatic)
    VALUES (:'m', 'any text', 'nurture', '{}', 1e15, '1 mon 2 days', '-1 day +48 hours', true);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons, position) VALUES (:'m', 'one of', 'mql', 'sal', '{"a, b","\"c\""}', 0);
INSERT INTO lead_stage.route VALUES (:'m', 'r', 'sql', 1, NULL, NULL, 'pool', false);
INSERT INTO lead_stage.rep VALUES (:'m', 'pool', 'ann', 3, 0, '{[2026-07-01 00:00+02,2026-07-15 00:00+02)}', false);
INSERT INTO lead_stage.sla (model, name, stage, target, calendar, met_at, repeat, breach_to) VALUES
    (:'m', 's', 'sql', '1 day 04:00', 'night', 'x', true, 'nurture'), (:'m', 't', 'sql', '1 day', 'always', NULL, false, NULL);
INSERT INTO lead_stage.milestone VALUES (:'m', 'meeting_booked', 'true');
INSERT INTO lead_stage.example VALUES (:'m', 'e', '{"a": null, "b": [1, null]}', '[{"source": "web", "at": "-2 days"}]', '[{"a": null}]', 'lead');

SELECT jsonb_pretty(lead_stage.export_model(:'m') #- '{model,id}');
SELECT lead_stage.export_model(:'m') AS exported \gset

-- There and back, under settings that write and read everything differently.
SET intervalstyle = 'sql_standard';
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
SET extra_float_digits = -10;
SET search_path = pg_temp;
SELECT lead_stage.export_model(:'m') = :'exported'::jsonb AS same_export;
SELECT lead_stage.import_model(:'exported');
SELECT lead_stage.export_model(:'m') = :'exported'::jsonb AS same_after_import;
RESET intervalstyle; RESET timezone; RESET datestyle; RESET extra_float_digits; RESET search_path;

-- The same where there is neither the model nor its calendars.
UPDATE lead_stage.calendar SET name = name || ' before';
DELETE FROM lead_stage.model;
SELECT lead_stage.import_model(:'exported');
SELECT lead_stage.export_model(:'m') = :'exported'::jsonb AS same_when_gone;
SELECT name, owner FROM lead_stage.calendar ORDER BY 1;

-- A calendar that is there is left alone.
UPDATE lead_stage.calendar SET time_zone = 'UTC' WHERE name = 'office';
SELECT lead_stage.import_model(:'exported');
SELECT time_zone FROM lead_stage.calendar WHERE name = 'office';
UPDATE lead_stage.calendar SET time_zone = 'Europe/Lisbon' WHERE name = 'office';

-- Under another name it is another model, with a number of its own, and its
-- rules as they were.
SELECT lead_stage.import_model(:'exported', 'copy');
SELECT lead_stage.export_model('copy') #- '{model,id}' = jsonb_set(:'exported', '{model,name}', '"copy"') #- '{model,id}' AS same_but_number,
       lead_stage.export_model('copy') #> '{model,id}' <> :'exported'::jsonb #> '{model,id}' AS own_number;

-- An import keeps the owner, the number, and what is published.
INSERT INTO lead_stage.version (model, definition) VALUES ('copy', lead_stage.export_model('copy')) RETURNING version AS published \gset
UPDATE lead_stage.model SET version = :published WHERE name = 'copy';
SELECT id, next_rule_id FROM lead_stage.model WHERE name = 'copy' \gset before_
SELECT lead_stage.import_model('{"model": {"name": "copy"}}');
SELECT owner, id = :before_id AS same_id, next_rule_id = :before_next_rule_id AS same_next, version = :published AS same_version,
       title, labels, time_zone, on_refused, notify FROM lead_stage.model WHERE name = 'copy';
SELECT count(*) AS rules FROM lead_stage.rule WHERE model = 'copy';

-- The way back: rules get their old numbers again.
SELECT lead_stage.import_model(definition) FROM lead_stage.version WHERE version = :published;
SELECT lead_stage.export_model('copy') = definition AS way_back FROM lead_stage.version WHERE version = :published;

-- A rule that came after keeps its number to itself.
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('copy', 'later', 'fit') RETURNING id;
SELECT lead_stage.import_model(definition) FROM lead_stage.version WHERE version = :published;
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('copy', 'latest', 'fit') RETURNING id;

-- The model's own definition can rename a rule; a new rule in it is numbered
-- above all others, one that the draft knows by name keeps its number.
SELECT lead_stage.import_model(jsonb_set(lead_stage.export_model('copy'), '{rule}',
    '[{"name": "brand new", "kind": "fit"}, {"name": "latest", "kind": "fit"}, {"name": "z renamed", "kind": "fit", "id": 1}, {"name": "a", "kind": "engagement", "source": "web", "id": 2}]'));
SELECT name, id FROM lead_stage.rule WHERE model = 'copy' ORDER BY id;

-- The numbers of another model's rules mean nothing here: names do.
SELECT lead_stage.import_model('{"model": {"name": "copy", "id": 999999}, "rule": [{"name": "stranger", "kind": "fit", "id": 1}, {"name": "latest", "kind": "fit", "id": 2}]}');
SELECT name, id FROM lead_stage.rule WHERE model = 'copy' ORDER BY id;

-- A definition written by hand needs no number and no defaults.
SELECT lead_stage.import_model('{"model": {"name": "by hand", "title": null}, "rule": [{"name": "r", "kind": "fit", "points": null}, {"name": "s", "kind": "fit", "id": 8}], "transition": [{"name": "t", "to_stage": "MQL"}]}');
SELECT jsonb_path_query(lead_stage.export_model('by hand'), '$.rule[*]') UNION ALL
SELECT jsonb_path_query(lead_stage.export_model('by hand'), '$.transition[*]');
SELECT next_rule_id FROM lead_stage.model WHERE name = 'by hand';
SELECT lead_stage.import_model('{"model": {}}', repeat('ü', 40));

-- What does not fit, one thing after the other.
SELECT lead_stage.export_model(NULL);
SELECT lead_stage.export_model('gone');
SELECT lead_stage.import_model(NULL);
SELECT lead_stage.import_model(NULL, 'x');
SELECT lead_stage.import_model('null');
SELECT lead_stage.import_model('[]');
SELECT lead_stage.import_model('"respiratory"');
SELECT lead_stage.import_model('{}');
SELECT lead_stage.import_model('{"model": []}');
SELECT lead_stage.import_model('{"model": {}}');
SELECT lead_stage.import_model('{"model": {"name": 1}}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rules": []}');
SELECT lead_stage.import_model('{"model": {"name": "x", "owner": "postgres"}}');
SELECT lead_stage.import_model('{"model": {"name": " "}}');
SELECT lead_stage.import_model('{"model": {"name": "x"}}', repeat('x', 41));
SELECT lead_stage.import_model('{"model": {"name": "x", "time_zone": "Mars"}}');
SELECT lead_stage.import_model('{"model": {"name": "x", "id": 1.5}}');
SELECT lead_stage.import_model('{"model": {"name": "x", "id": 99999999999}}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": {}}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [[]]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"kind": "fit"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": null}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "pionts": 1}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "model": "y"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "points": "1"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "points": 1.5}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "enabled": "yes"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "condition": true}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "warm"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "engagement", "source": "web", "half_life": "soon"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "category": "c"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit"}, {"name": "r", "kind": "fit"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "fit", "id": 1}, {"name": "s", "kind": "fit", "id": 1}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "band": [{"kind": "fit", "label": "A", "min_points": true}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "transition": [{"name": "t", "to_stage": "warm"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "transition": [{"name": "t", "to_stage": "mql", "reasons": "a"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "transition": [{"name": "t", "to_stage": "mql", "reasons": ["a", 1]}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "example": [{"name": "e", "expected": "sql", "steps": {}}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "rep": [{"pool": "p", "name": "n", "away": "always"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "criterion": [{"name": "c", "signal": "gone"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": {}}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [1]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "c", "zone": "UTC"}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "c", "hours": 1}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "c", "hours": [{"dow": 1, "opens": "9:00"}]}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "c", "hours": [{"dow": 9, "opens": "9:00", "closes": "17:00"}]}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "c", "holiday": [{"day": "Christmas"}]}]}');
SELECT lead_stage.import_model('{"model": {"name": "x"}, "calendar": [{"name": "always"}]}');

-- What is refused leaves nothing behind, neither of a new model nor in an old one.
SELECT count(*) AS new_models FROM lead_stage.model WHERE name = 'x';
SELECT lead_stage.import_model('{"model": {"name": "copy"}, "rule": [{"name": "r", "kind": "warm"}]}');
SELECT name, id FROM lead_stage.rule WHERE model = 'copy' ORDER BY id;

-- The codes and the names that programs read.
DO $$
DECLARE
    definition text;
    relation text;
    constr text;
BEGIN
    FOREACH definition IN ARRAY ARRAY[
        NULL, '[]', '{"model": {"name": "x"}, "rule": [{"name": "r"}]}', '{"model": {"name": "x"}, "transition": [{"name": "t", "to_stage": "warm"}]}',
        '{"model": {"name": "x"}, "rule": [{"name": "r", "kind": "warm"}]}', '{"model": {"name": "x"}, "criterion": [{"name": "c", "signal": "gone"}]}'] LOOP
        BEGIN
            PERFORM lead_stage.import_model(definition::jsonb);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS relation = TABLE_NAME, constr = CONSTRAINT_NAME;
            RAISE NOTICE '% % %', SQLSTATE, relation, constr;
        END;
    END LOOP;
    BEGIN
        PERFORM lead_stage.export_model('gone');
    EXCEPTION WHEN undefined_object THEN
        RAISE NOTICE '%', SQLSTATE;
    END;
END
$$;

-- Somebody else's model is not replaced; the definition can be had under
-- another name.
SET ROLE regress_other;
SELECT lead_stage.import_model(lead_stage.export_model('copy'));
SELECT lead_stage.import_model(lead_stage.export_model('copy'), 'mine');
SELECT owner FROM lead_stage.model WHERE name = 'mine';

RESET ROLE;
DELETE FROM lead_stage.model WHERE owner IN ('regress_modeller', 'regress_other');
SELECT lead_stage.export_model('gone');
DELETE FROM lead_stage.calendar WHERE owner IN ('regress_modeller', 'regress_other');
DROP ROLE regress_modeller, regress_other;
