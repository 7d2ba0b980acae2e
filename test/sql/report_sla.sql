-- Clocks that really ran, one of each end, in working hours: what sla_report and
-- sql_report make of them.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_sla;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_sla;
CREATE SCHEMA report_sla AUTHORIZATION regress_report_sla;
SET ROLE regress_report_sla;
SET search_path = report_sla, public;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

CREATE TABLE lead (id int PRIMARY KEY, call_at timestamptz, waiting bool, meeting_at timestamptz);
INSERT INTO lead_stage.calendar (name) VALUES ('report sla');
INSERT INTO lead_stage.calendar_hours (calendar, dow, opens, closes) SELECT 'report sla', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.model (name, calendar) VALUES ('report sla', 'report sla');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage)
    SELECT 'report sla', a.stage || ' to ' || b.stage, a.stage, b.stage FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, pause_when) VALUES ('report sla', 'respond', 'sql', '4 hours', 'call_at', 'waiting');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('report sla', 'meeting_booked', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('lead', 'report sla');
SELECT lead_stage.publish('report sla') > 0 AS published;

-- Monday, 15:00: due on Tuesday at 11:00.
SET lead_stage.now = '2026-01-05 15:00+00';
INSERT INTO lead (id, stage, owner) SELECT g, 'sql', 'ann' FROM generate_series(1, 10) AS g;
SET lead_stage.now = '2026-01-05 16:00+00';
UPDATE lead SET call_at = lead_stage.now() WHERE id = 1;        -- in time, after 1 hour
UPDATE lead SET waiting = true WHERE id = 5;                    -- stands still
UPDATE lead SET stage = 'nurture' WHERE id = 6;                 -- cancelled
UPDATE lead SET id = 109 WHERE id = 9;                          -- goes on under another key
UPDATE lead SET owner = 'bob' WHERE id = 2;
SET lead_stage.now = '2026-01-06 10:00+00';
UPDATE lead SET stage = 'opportunity' WHERE id = 7;             -- met by the move, after 3 hours
UPDATE lead SET call_at = lead_stage.now(), meeting_at = '2026-01-20' WHERE id = 109;    -- in time, after 3 hours
SET lead_stage.now = '2026-01-06 13:00+00';
UPDATE lead SET call_at = lead_stage.now() WHERE id = 2;        -- late, after 6 hours
UPDATE lead SET call_at = '2026-01-06 09:30+00' WHERE id = 10;  -- recorded late, but in time: after 2.5 hours
UPDATE lead SET stage = 'lost' WHERE id = 8;                    -- breached before it was cancelled
-- Leads 3 and 4 are past due, and no sweep has said so; lead 4 has just gone.
DELETE FROM lead WHERE id = 4;
-- A second visit, and a clock that is not due yet.
UPDATE lead SET stage = 'sql', call_at = NULL WHERE id = 6;
SET lead_stage.now = '2026-01-06 14:00+00';

SELECT * FROM lead_stage.sla_report('lead');
SELECT policy, started, met, late, breached, open, paused, cancelled, attainment FROM lead_stage.sla_report('lead', since => '2026-01-06');
SELECT * FROM lead_stage.sql_report('lead');
SELECT segment, started, met, late, breached FROM lead_stage.sla_report('lead', by => 'owner');
-- The owner is the one at the end of the visit; of a clock, the one it started with.
SELECT segment, sqls, responded, median_response FROM lead_stage.sql_report('lead', by => 'owner');
-- The sweep changes no figure: what is due counts whether or not anybody has noticed.
CREATE TABLE before AS SELECT * FROM lead_stage.sla_report('lead');
RESET ROLE;
CALL lead_stage.sweep();
SET ROLE regress_report_sla;
SELECT count(*) FILTER (WHERE event = 'sla_breached') AS breaches_recorded FROM lead_history;
SELECT * FROM lead_stage.sla_report('lead') EXCEPT TABLE before;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report sla';
DELETE FROM lead_stage.calendar WHERE name = 'report sla';
DROP SCHEMA report_sla CASCADE;
DROP OWNED BY regress_report_sla;
DROP ROLE regress_report_sla;
