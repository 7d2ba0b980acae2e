-- detach undoes attach and keeps the history; a later attach goes on with it.
\set SHOW_CONTEXT never
CREATE ROLE regress_owner;
CREATE SCHEMA gone AUTHORIZATION regress_owner;
SET ROLE regress_owner;
INSERT INTO lead_stage.model (name) VALUES ('gone');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('gone', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, to_stage, automatic, min_fit, from_stage, hold_for) VALUES ('gone', 'fits', 'mql', true, 5, 'lead', '1 day');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('gone', 'by hand', 'nurture');
CREATE TABLE gone.lead (id int PRIMARY KEY, size int, owner text);
SET client_min_messages = warning;
SELECT lead_stage.attach('gone.lead', 'gone');
RESET client_min_messages;
SELECT lead_stage.publish('gone') > 0 AS published;
INSERT INTO gone.lead VALUES (1, 11), (2, 1);

-- A view of the user's that reads one of ours keeps it.
CREATE VIEW gone.report AS SELECT id, stage_label FROM gone.lead_live;
SELECT lead_stage.detach('gone.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT leads FROM lead_stage.binding;
UPDATE gone.lead SET stage = 'nurture' WHERE id = 2;
DROP VIEW gone.report;

SELECT lead_stage.detach('gone.lead');
SELECT relname FROM pg_class WHERE relnamespace = 'gone'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'gone.lead'::regclass;
SELECT count(*) AS bindings FROM lead_stage.binding;
SELECT lead_id, event, to_stage FROM gone.lead_history ORDER BY id;
-- The history is still guarded, the table is plain again.
DELETE FROM gone.lead_history;
\echo :LAST_ERROR_SQLSTATE
UPDATE gone.lead SET stage = 'customer' WHERE id = 2;
UPDATE gone.lead SET stage = 'nurture' WHERE id = 2;
INSERT INTO gone.lead VALUES (3, 11);
SELECT lead_stage.detach('gone.lead');
\echo :LAST_ERROR_SQLSTATE
SELECT lead_stage.publish('gone') > 0 AS published;

-- Again: history is adopted, ids go on, and so do the leads.
SET client_min_messages = warning;
SELECT lead_stage.attach('gone.lead', 'gone');
UPDATE gone.lead SET stage = 'nurture' WHERE id = 1;
INSERT INTO gone.lead VALUES (4, 11);
SELECT lead_id, event, from_stage, to_stage FROM gone.lead_history ORDER BY id;
SELECT count(*) = count(DISTINCT id) AS ids_go_on FROM gone.lead_history;
SELECT * FROM lead_stage.verify_history('gone.lead');

-- The columns that attach added go, those of the user stay.
SELECT added FROM lead_stage.binding;
SELECT lead_stage.detach('gone.lead', drop_columns => true);
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'gone.lead'::regclass AND attnum > 0 AND NOT attisdropped;
ALTER TABLE gone.lead DROP COLUMN stage, DROP COLUMN stage_since, DROP COLUMN stage_reason, DROP COLUMN fit_score;
DELETE FROM gone.lead;
SELECT lead_stage.attach('gone.lead', 'gone', '{"stage": "ls_stage"}');
-- They go under the names that they have by then, and nothing else does.
ALTER TABLE gone.lead RENAME COLUMN ls_stage TO state;
ALTER TABLE gone.lead RENAME COLUMN fit_score TO points;
ALTER TABLE gone.lead ADD COLUMN fit_score text;
SELECT lead_stage.detach('gone.lead', drop_columns => true);
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'gone.lead'::regclass AND attnum > 0 AND NOT attisdropped;

-- A history that was changed by somebody is not adopted.
ALTER TABLE gone.lead DROP COLUMN fit_score;
ALTER TABLE gone.lead_history DROP COLUMN evidence;
SELECT lead_stage.attach('gone.lead', 'gone');
\echo :LAST_ERROR_SQLSTATE
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'gone.lead'::regclass AND attnum > 0 AND NOT attisdropped;
ALTER TABLE gone.lead_history RENAME TO old_history;

-- What somebody dropped before is no obstacle.
SELECT lead_stage.attach('gone.lead', 'gone');
DROP TABLE gone.lead_state, gone.lead_history CASCADE;
SELECT lead_stage.detach('gone.lead');
SELECT lead_stage.attach('gone.lead', 'gone');
SELECT lead_stage.detach(NULL);
\echo :LAST_ERROR_SQLSTATE
-- A table that is dropped leaves a binding that does not keep the model's owner from cleaning up.
DROP TABLE gone.lead CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model WHERE name = 'gone';

RESET ROLE;
DROP SCHEMA gone CASCADE;
DROP ROLE regress_owner;
