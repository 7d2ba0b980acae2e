-- What differs between two versions of a model, or a version and the draft.
\set SHOW_CONTEXT never
CREATE ROLE regress_modeller;
SET ROLE regress_modeller;
SELECT lead_stage.import_model('{
    "model": {"name": "m", "title": "First"},
    "category": [{"name": "profile", "max_points": 40}],
    "band": [{"kind": "fit", "label": "A", "min_points": 10}, {"kind": "engagement", "label": "A", "min_points": 1}],
    "rule": [{"name": "size", "kind": "fit", "points": 5}, {"name": "visit", "kind": "engagement", "source": "web"}, {"name": "gone", "kind": "fit"}],
    "criterion": [{"name": "need", "condition": "need", "question": "What?"}],
    "transition": [{"name": "up", "to_stage": "mql", "position": 1}, {"name": "down", "to_stage": "nurture", "position": 2}],
    "rep": [{"pool": "a", "name": "ann"}, {"pool": "b", "name": "ann"}],
    "sla": [{"name": "s", "stage": "sql", "target": "1 day", "calendar": "office"}],
    "example": [{"name": "e", "expected": "lead", "lead": {"need": null}}],
    "calendar": [{"name": "office", "hours": [{"dow": 1, "opens": "9:00", "closes": "17:00"}]}]}');
INSERT INTO lead_stage.version (model, definition) VALUES ('m', lead_stage.export_model('m')) RETURNING version AS v1 \gset

-- Nothing.
SELECT * FROM lead_stage.diff_versions('m', :v1, NULL);
SELECT * FROM lead_stage.diff_versions('m', NULL, NULL);

-- Something of every kind.
UPDATE lead_stage.model SET title = 'Second' WHERE name = 'm';
UPDATE lead_stage.category SET name = 'who', max_points = 50;
UPDATE lead_stage.band SET min_points = 20 WHERE kind = 'fit';
UPDATE lead_stage.rule SET name = 'big "ü"' WHERE name = 'size';
DELETE FROM lead_stage.rule WHERE name = 'gone';
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('m', 'gone', 'fit');
UPDATE lead_stage.criterion SET question = 'Which?';
UPDATE lead_stage.transition SET position = 3 WHERE name = 'up';
DELETE FROM lead_stage.rep WHERE pool = 'b';
INSERT INTO lead_stage.route (model, name, stage, pool) VALUES ('m', 'r', 'sql', 'a');
UPDATE lead_stage.sla SET target = '2 days';
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('m', 'visited', 'visit');
UPDATE lead_stage.example SET lead = '{"need": true}';
INSERT INTO lead_stage.holiday VALUES ('office', '2026-12-25');
SELECT kind, name, change,
       CASE kind WHEN 'model' THEN before - 'id' ELSE before END AS before,
       CASE kind WHEN 'model' THEN after - 'id' ELSE after END AS after
FROM lead_stage.diff_versions('m', :v1, NULL);

-- The other way round, the opposite.
SELECT kind, name, change FROM lead_stage.diff_versions('m', NULL, :v1);

-- Between two versions, whatever the draft is by now.
INSERT INTO lead_stage.version (model, definition) VALUES ('m', lead_stage.export_model('m')) RETURNING version AS v2 \gset
SELECT lead_stage.import_model('{"model": {"name": "m"}}');
SELECT count(*) AS differences FROM lead_stage.diff_versions('m', :v1, :v2);
SELECT count(*) AS differences FROM lead_stage.diff_versions('m', :v2, :v2);

-- Bad input.
SELECT * FROM lead_stage.diff_versions(NULL, :v1, :v2);
SELECT * FROM lead_stage.diff_versions('n', :v1, :v2);
INSERT INTO lead_stage.model (name) VALUES ('other');
SELECT * FROM lead_stage.diff_versions('other', 1, NULL);
-- The numbers vary, so only what the message is made of.
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM lead_stage.diff_versions('m', NULL, 0);
EXCEPTION WHEN undefined_object THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '%', SQLERRM;
    RAISE NOTICE '%', hint = (SELECT format('Its versions are %s; null is the draft.', string_agg(version::text, ', ' ORDER BY version))
                              FROM lead_stage.version WHERE model = 'm');
END
$$;

RESET ROLE;
DELETE FROM lead_stage.model WHERE owner = 'regress_modeller';
DELETE FROM lead_stage.calendar WHERE owner = 'regress_modeller';
DROP ROLE regress_modeller;
