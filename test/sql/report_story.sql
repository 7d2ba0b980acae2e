-- The reports on ten leads, few enough to be counted by hand.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_story;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_story;
CREATE SCHEMA report_story AUTHORIZATION regress_report_story;
SET ROLE regress_report_story;
SET search_path = report_story, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, region text, meeting_at timestamptz);
INSERT INTO lead_stage.calendar (name) VALUES ('report story');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'report story', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, calendar) VALUES ('report story', 'report story');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons)
    SELECT 'report story', a.stage || ' to ' || b.stage, a.stage, b.stage, CASE WHEN b.stage <= 'nurture' THEN '{}'::text[] END
    FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report story', 'meeting_booked', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'report story');

-- Before there is anything to count, published or not.
SELECT * FROM lead_stage.funnel('lead');
SELECT lead_stage.publish('report story') > 0 AS published;
SELECT * FROM lead_stage.funnel('lead');
SELECT * FROM lead_stage.mql_report('lead');
SELECT * FROM lead_stage.sla_report('lead');

-- Monday, 5 January 2026: ten leads.
SET lead_stage.now = '2026-01-05 12:00+00';
INSERT INTO lead (id, region) SELECT g, (ARRAY['south', 'north'])[1 + g % 2] FROM generate_series(1, 10) AS g;
-- Tuesday: six become MQLs, owned by ann.
SET lead_stage.now = '2026-01-06 12:00+00';
UPDATE lead SET stage = 'mql', owner = 'ann' WHERE id <= 6;
-- At midnight before Thursday two of them go on, past sal; lead 7 takes one leap past everything.
SET lead_stage.now = '2026-01-08 00:00+00';
UPDATE lead SET stage = 'sql', owner = 'bob' WHERE id IN (1, 2, 7);
-- Thursday noon: a meeting; two MQLs fall back, one falls out, and one lead is deleted.
SET lead_stage.now = '2026-01-08 12:00+00';
UPDATE lead SET meeting_at = '2026-01-12' WHERE id = 1;
UPDATE lead SET stage = 'nurture', stage_reason = 'timing' WHERE id IN (3, 4);
UPDATE lead SET stage = 'disqualified', stage_reason = 'no fit' WHERE id = 5;
DELETE FROM lead WHERE id = 10;
-- Friday: the first customer, and lead 3 is an MQL again.
SET lead_stage.now = '2026-01-09 12:00+00';
UPDATE lead SET stage = 'customer' WHERE id = 1;
UPDATE lead SET stage = 'mql' WHERE id = 3;
SET lead_stage.now = '2026-01-20 12:00+00';

SELECT * FROM lead_stage.funnel('lead');
SELECT * FROM lead_stage.velocity('lead');
SELECT * FROM lead_stage.drop_off('lead');
SELECT * FROM lead_stage.mql_report('lead');
SELECT * FROM lead_stage.sql_report('lead');
SELECT * FROM lead_stage.sla_report('lead');

-- A cohort is what was entered in the range; what became of it counts whenever it happened.
SELECT * FROM lead_stage.funnel('lead', since => '2026-01-06 12:00+00', until => '2026-01-08 12:00+00');
SELECT * FROM lead_stage.mql_report('lead', until => '2026-01-09 12:00+00');
SELECT * FROM lead_stage.mql_report('lead', since => '2026-01-09 12:00+00');
SELECT * FROM lead_stage.funnel('lead', since => '2026-01-08 00:00+00', until => '2026-01-08 00:00+00');

-- By a column of the lead; of the one that is gone it is not known.
SELECT segment, stage, entered, leads, advanced, recycled, dropped, still_here, skipped FROM lead_stage.funnel('lead', by => 'region');
SELECT * FROM lead_stage.mql_report('lead', by => 'region');
-- By the owner during the visit, which the lead that is gone had too.
SELECT segment, stage, entered, leads, advanced, recycled, dropped, still_here, skipped FROM lead_stage.funnel('lead', by => 'owner');
SELECT segment, stage, to_stage, reason, leads FROM lead_stage.drop_off('lead', by => 'owner || '' in the '' || region');
SELECT segment, sqls, meetings_booked, customers, win_rate FROM lead_stage.sql_report('lead', by => 'owner');
-- Our own columns are as of now.
SELECT * FROM lead_stage.mql_report('lead', by => 'stage');

SELECT lead_stage.detach('lead');
SELECT * FROM lead_stage.funnel('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report story';
DELETE FROM lead_stage.calendar WHERE name = 'report story';
DROP SCHEMA report_story CASCADE;
DROP OWNED BY regress_report_story;
DROP ROLE regress_report_story;
