-- ALTER TABLE between the statements of one session: columns added, dropped,
-- renamed and retyped, also the key's; what would store one type's values as
-- another's is refused.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_alter
\i :setup

INSERT INTO lead (id, size, note) VALUES (1, 500, 'n');
ALTER TABLE lead ADD COLUMN a int, ADD COLUMN b text NOT NULL DEFAULT 'b';
INSERT INTO lead (id, size, a) VALUES (2, 500, 1);
ALTER TABLE lead DROP COLUMN note;
UPDATE lead SET size = 5 WHERE id = 1;
INSERT INTO lead (id, size, b) VALUES (3, 5, 'c');
-- What the model reads is guarded by PostgreSQL's own dependencies.
ALTER TABLE lead DROP COLUMN size;
ALTER TABLE lead ALTER COLUMN size TYPE bigint;
ALTER TABLE lead RENAME COLUMN size TO employees;
ALTER TABLE lead RENAME COLUMN stage TO phase;
ALTER TABLE lead RENAME COLUMN owner TO assigned;
UPDATE lead SET employees = 500, assigned = 'ann' WHERE id = 3;
UPDATE lead SET phase = 'sql', need = true WHERE id = 3;
ALTER TABLE lead RENAME COLUMN employees TO size;
-- Without the compiled form the type can be changed, and no stage moves.
SELECT lead_stage.unpublish('lead');
ALTER TABLE lead ALTER COLUMN size TYPE bigint;
INSERT INTO lead (id, size) VALUES (4, 5000000000);
UPDATE lead SET phase = 'mql' WHERE id = 4;
SELECT lead_stage.republish('lead') > 0 AS published;
UPDATE lead SET size = size + 1 WHERE id = 4;
SELECT id, phase, size, a, b, fit_score, assigned FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

-- The key's type: history and state must follow.
SELECT lead_stage.unpublish('lead');
DROP VIEW story;
ALTER TABLE lead ALTER COLUMN id TYPE text;
\set VERBOSITY default
INSERT INTO lead (id, size) VALUES ('five', 500);
UPDATE lead SET assigned = 'eve' WHERE id = '1';
DELETE FROM lead WHERE id = '1';
ALTER TABLE lead_history ALTER COLUMN lead_id TYPE text;
DELETE FROM lead WHERE id = '1';
ALTER TABLE lead_state ALTER COLUMN id TYPE text;
SELECT lead_stage.republish('lead') > 0 AS published;
INSERT INTO lead (id, size) VALUES ('five', 500);
DELETE FROM lead WHERE id = '1';
SELECT h.lead_id, string_agg(story(h), '; ' ORDER BY h.id) AS story FROM lead_history AS h GROUP BY h.lead_id ORDER BY h.lead_id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
