-- Models and rules get a number once: it survives renames, is given to nobody
-- else after a delete, and a number that comes with a row is kept, as a restore
-- needs.
CREATE ROLE regress_modeller;
SET ROLE regress_modeller;

INSERT INTO lead_stage.model (name) VALUES ('a'), ('b');
SELECT id AS base FROM lead_stage.model WHERE name = 'a' \gset
SELECT name, id - :base AS id, next_rule_id FROM lead_stage.model ORDER BY name;

INSERT INTO lead_stage.rule (model, name, kind)
    VALUES ('a', 'one', 'fit'), ('a', 'two', 'fit'), ('b', 'one', 'fit'), ('a', 'three', 'fit');
SELECT model, name, id FROM lead_stage.rule ORDER BY model, id;

-- A rename keeps it, and so does an attempt to change it.
UPDATE lead_stage.rule SET name = 'zwei' WHERE model = 'a' AND name = 'two';
UPDATE lead_stage.rule SET id = 17 WHERE model = 'a' AND name = 'one';
UPDATE lead_stage.model SET name = 'aa', id = 4711, next_rule_id = 1 WHERE name = 'a';
SELECT name, id - :base AS id, next_rule_id FROM lead_stage.model ORDER BY name;
SELECT model, name, id FROM lead_stage.rule ORDER BY model, id;

-- The highest is not given again.
DELETE FROM lead_stage.rule WHERE model = 'aa' AND name = 'three';
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('aa', 'three', 'fit') RETURNING id;

-- In another model a rule is another rule.
UPDATE lead_stage.rule SET model = 'b', name = 'from a' WHERE model = 'aa' AND name = 'one' RETURNING model, name, id;

-- A number that is given is kept, and the next ones come after it.
INSERT INTO lead_stage.rule (model, name, kind, id) VALUES ('b', 'restored', 'fit', 9), ('b', 'earlier', 'fit', 5);
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('b', 'new', 'fit') RETURNING id;
INSERT INTO lead_stage.rule (model, name, kind, id) VALUES ('b', 'twice', 'fit', 9);
SELECT name, next_rule_id FROM lead_stage.model ORDER BY name;

-- The same for models: the sequence steps over a number that came with a row.
INSERT INTO lead_stage.model (name, id) VALUES ('restored', :base + 3);
INSERT INTO lead_stage.model (name) VALUES ('c'), ('d');
SELECT name, id - :base AS id FROM lead_stage.model ORDER BY id;
DELETE FROM lead_stage.model WHERE name = 'd';
INSERT INTO lead_stage.model (name) VALUES ('e') RETURNING id - :base AS id;

-- No rule for a model that is not there.
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('gone', 'x', 'fit');

-- When the numbers are used up there is an error, not a second use.
INSERT INTO lead_stage.rule (model, name, kind, id) VALUES ('c', 'last', 'fit', 32767);
INSERT INTO lead_stage.rule (model, name, kind) VALUES ('c', 'too many', 'fit');

-- Version numbers never repeat, across models.
INSERT INTO lead_stage.version (model, definition) VALUES ('aa', '{}') RETURNING version AS first \gset
INSERT INTO lead_stage.version (model, definition) VALUES ('b', '{}'), ('aa', '{}')
    RETURNING model, version - :first AS after_first;

RESET ROLE;
DELETE FROM lead_stage.model WHERE owner = 'regress_modeller';
DROP ROLE regress_modeller;
