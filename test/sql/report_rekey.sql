-- A lead whose key changed is one lead in every report; one that comes to a key
-- that another has left is another.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_rekey;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_rekey;
CREATE SCHEMA report_rekey AUTHORIZATION regress_report_rekey;
SET ROLE regress_report_rekey;
SET search_path = report_rekey, public;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

CREATE TABLE lead (id int PRIMARY KEY DEFERRABLE, who text);
INSERT INTO lead_stage.model (name) VALUES ('report rekey');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage)
    SELECT 'report rekey', a.stage || ' to ' || b.stage, a.stage, b.stage FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
SELECT lead_stage.attach('lead', 'report rekey');
SELECT lead_stage.publish('report rekey') > 0 AS published;

SET lead_stage.now = '2026-01-01 00:00+00';
INSERT INTO lead (id, who) VALUES (1, 'ines'), (2, 'mael'), (3, 'sofia');
SET lead_stage.now = '2026-01-02 00:00+00';
UPDATE lead SET stage = 'mql';
SET lead_stage.now = '2026-01-03 00:00+00';
UPDATE lead SET stage = 'nurture' WHERE id IN (1, 2);
-- Everybody moves on to the key of the next; then the first two change places,
-- and somebody else gets the key that is free.
SET lead_stage.now = '2026-01-04 00:00+00';
UPDATE lead SET id = id + 1;
SET lead_stage.now = '2026-01-05 00:00+00';
UPDATE lead SET id = 5 - id WHERE id IN (2, 3);
INSERT INTO lead (id, who) VALUES (1, 'tom');
SELECT id, who FROM lead ORDER BY id;
SET lead_stage.now = '2026-01-06 00:00+00';
UPDATE lead SET stage = 'mql' WHERE who IN ('ines', 'tom');
SET lead_stage.now = '2026-01-07 00:00+00';
UPDATE lead SET stage = 'sql' WHERE who IN ('ines', 'sofia');

SELECT segment, stage, entered, leads, advanced, recycled, still_here, median_time FROM lead_stage.funnel('lead', by => 'who') ORDER BY segment, stage;
SELECT stage, entered, leads FROM lead_stage.funnel('lead');
-- Both visits of ines, under the keys 1 and 3, came to an SQL.
SELECT segment, mqls, sqls, recycled FROM lead_stage.mql_report('lead', by => 'who');
SELECT segment, stage, to_stage, leads FROM lead_stage.drop_off('lead', by => 'who');
-- Looked up lead by lead.
ANALYZE lead_history;
SELECT lead_stage._is_narrow('lead', '2026-01-01 12:00+00', '2026-01-01 18:00+00') AS narrow;
SELECT segment, stage, entered, leads, advanced FROM lead_stage.funnel('lead', '2026-01-06 00:00+00', '2026-01-06 00:01+00', by => 'who') ORDER BY segment, stage;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report rekey';
DROP SCHEMA report_rekey CASCADE;
DROP OWNED BY regress_report_rekey;
DROP ROLE regress_report_rekey;
