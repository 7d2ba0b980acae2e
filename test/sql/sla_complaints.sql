-- What users of help desks and CRMs complain about in their SLAs, each played
-- through.  The office is open from Monday to Friday, 9 to 17; 2026-03-02 is a
-- Monday.  The times in the comments are worked out by hand.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_complaint;
GRANT SET ON PARAMETER lead_stage.now TO regress_complaint;
CREATE SCHEMA complaint AUTHORIZATION regress_complaint;
SET ROLE regress_complaint;
SET search_path = complaint, public;
SET timezone = 'UTC';
INSERT INTO lead_stage.calendar (name, time_zone) VALUES ('complaint office', 'UTC'), ('complaint shop', 'UTC');
INSERT INTO lead_stage.calendar_hours SELECT 'complaint office', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'complaint shop', d, '00:00', '24:00' FROM generate_series(1, 7) AS d;
CREATE TABLE lead (id int PRIMARY KEY, status text, priority int, called_at timestamptz, replied_at timestamptz);
INSERT INTO lead_stage.model (name, calendar) VALUES ('complaint', 'complaint office');
INSERT INTO lead_stage.transition (model, name, to_stage) SELECT 'complaint', 'to ' || s, s FROM unnest('{nurture,mql,sal,sql,opportunity,lost}'::lead_stage[]) AS s;
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('complaint', 'reopen', 'lost', 'sql');
SELECT lead_stage.attach('lead', 'complaint');
-- Every event of a lead's clocks.
CREATE VIEW clock AS
    SELECT lead_id AS lead, id, to_char(at, 'Dy HH24:MI:SS') AS at, substr(event, 5) AS event, name, to_char(due, 'Dy HH24:MI:SS') AS due, elapsed
    FROM lead_history WHERE event LIKE 'sla\_%';
CREATE VIEW task AS
    SELECT id AS lead, policy, to_char(due, 'Dy HH24:MI:SS') AS due, time_left, state FROM lead_tasks;

-- "The update target overrides the longer first-response target."  They are two
-- clocks.  From Monday 10:00, 12 hours are 7 on Monday and 5 on Tuesday, 14:00;
-- 4 hours are Monday 14:00.  A reply at 12:00 meets the update and starts the
-- next, due at 16:00, and leaves the other alone; both are broken at their own
-- instants.
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, repeat) VALUES
    ('complaint', 'first call', 'sql', '12 hours', 'called_at', false), ('complaint', 'update', 'sql', '4 hours', 'replied_at', true);
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-02 10:00+00';
INSERT INTO lead (id, stage) VALUES (1, 'sql');
SELECT sla_due, sla_state FROM lead_state WHERE id = 1;
SET lead_stage.now = '2026-03-02 12:00+00';
UPDATE lead SET replied_at = '2026-03-02 12:00+00' WHERE id = 1;
SELECT * FROM task WHERE lead = 1 ORDER BY policy;
SELECT sla_due, sla_state FROM lead_state WHERE id = 1;
SET lead_stage.now = '2026-03-03 16:00+00';
CALL lead_stage.sweep();
-- "A resolved thread keeps counting its next reply."  Moving up ends every clock
-- of the stage, and no new one starts: neither do later replies.  Both are met
-- late, on Tuesday 16:00: the call after 7 hours of Monday and 7 of Tuesday, the
-- update after 5 and 7.
UPDATE lead SET stage = 'opportunity' WHERE id = 1;
SET lead_stage.now = '2026-03-10 16:00+00';
UPDATE lead SET replied_at = '2026-03-10 16:00+00' WHERE id = 1;
CALL lead_stage.sweep();
SELECT at, event, name, due, elapsed FROM clock WHERE lead = 1 ORDER BY id;
SELECT count(*) AS tasks FROM task WHERE lead = 1;

-- "Business hours are ignored in the breach", "status becomes failed only when
-- somebody saves".  From Friday 16:00, 4 hours end on Monday 12:00: on Sunday
-- nothing is broken, on Monday 12:00 it is, for every reader at once; the event
-- bears that instant though it is noticed on Wednesday.
UPDATE lead_stage.sla SET target = '4 hours', warn_before = '2 hours', pause_when = 'status = ''waiting''' WHERE model = 'complaint' AND name = 'first call';
DELETE FROM lead_stage.sla WHERE model = 'complaint' AND name = 'update';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-06 16:00+00';
INSERT INTO lead (id, stage) VALUES (2, 'sql');
SET lead_stage.now = '2026-03-08 23:00+00';
CALL lead_stage.sweep();
SELECT * FROM task WHERE lead = 2;
SET lead_stage.now = '2026-03-09 11:59:59+00';
SELECT * FROM task WHERE lead = 2;
SET lead_stage.now = '2026-03-09 12:00+00';
SELECT * FROM task WHERE lead = 2;
SELECT id, sla_left FROM lead_live WHERE id = 2;
SET lead_stage.now = '2026-03-11 10:00+00';
CALL lead_stage.sweep();
SELECT at, event, due, elapsed FROM clock WHERE lead = 2 ORDER BY id;

-- "Reminders come at midnight and on week-ends."  Two hours before Monday 12:00 is
-- Monday 10:00, above.  Three hours before is the moment that the office opens on
-- Monday, not that at which it closes on Friday.
UPDATE lead_stage.sla SET warn_before = '3 hours' WHERE model = 'complaint' AND name = 'first call';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-06 16:00+00';
INSERT INTO lead (id, stage) VALUES (3, 'sql');
SET lead_stage.now = '2026-03-09 09:30+00';
CALL lead_stage.sweep();
SELECT at, event, due, elapsed FROM clock WHERE lead = 3 ORDER BY id;
SELECT bool_and(lead_stage.is_open('complaint office', at)) AS in_working_hours FROM lead_history WHERE event = 'sla_warned';

-- "It was broken while it was pending", "pending time is forgotten when the SLA is
-- changed", "pauses are measured by one calendar and added by another".  Started
-- on Monday 10:00 and due 14:00, it waits from 11:00 on, an hour used and three
-- left.  Nothing breaks it meanwhile.  A publish gives the policy one hour and
-- another calendar: that is for clocks to come.  On Wednesday 16:00 it goes on: one
-- hour to the close and two on Thursday, 11:00.
UPDATE lead_stage.sla SET warn_before = NULL WHERE model = 'complaint';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-02 10:00+00';
INSERT INTO lead (id, stage) VALUES (4, 'sql');
SET lead_stage.now = '2026-03-02 11:00+00';
UPDATE lead SET status = 'waiting' WHERE id = 4;
SET lead_stage.now = '2026-03-03 12:00+00';
CALL lead_stage.sweep();
SELECT * FROM task WHERE lead = 4;
UPDATE lead_stage.sla SET target = '1 hour', calendar = 'complaint shop' WHERE model = 'complaint' AND name = 'first call';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-04 16:00+00';
UPDATE lead SET status = 'open' WHERE id = 4;
SELECT * FROM task WHERE lead = 4;
INSERT INTO lead (id, stage) VALUES (5, 'sql');
SELECT * FROM task WHERE lead IN (4, 5) ORDER BY lead;
-- It waits again from 16:30 to Thursday 09:30, an hour of work, so it is due at
-- 12:00.  Met at 11:45, after an hour on Monday, half an hour on Wednesday and two
-- and a quarter on Thursday: 3:45, with a quarter of an hour to spare.
SET lead_stage.now = '2026-03-04 16:30+00';
UPDATE lead SET status = 'waiting' WHERE id = 4;
SET lead_stage.now = '2026-03-05 09:30+00';
UPDATE lead SET status = 'open' WHERE id = 4;
SET lead_stage.now = '2026-03-05 11:45+00';
UPDATE lead SET called_at = '2026-03-05 11:45+00' WHERE id = 4;
SELECT at, event, due, elapsed FROM clock WHERE lead = 4 ORDER BY id;

-- "Time is counted wrongly after it was reopened."  The clock of the first visit was
-- cancelled; the second visit has one of its own, with all its time, and a call
-- from before the reopening does not meet it.
UPDATE lead_stage.sla SET target = '4 hours', calendar = NULL WHERE model = 'complaint' AND name = 'first call';
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-02 10:00+00';
INSERT INTO lead (id, stage) VALUES (6, 'sql');
SET lead_stage.now = '2026-03-02 12:00+00';
UPDATE lead SET stage = 'lost' WHERE id = 6;
UPDATE lead SET called_at = '2026-03-02 12:00+00' WHERE id = 6;
SET lead_stage.now = '2026-03-04 10:00+00';
UPDATE lead SET stage = 'sql' WHERE id = 6;
SELECT * FROM task WHERE lead = 6;
SET lead_stage.now = '2026-03-04 13:00+00';
UPDATE lead SET called_at = '2026-03-04 13:00+00' WHERE id = 6;
SELECT at, event, due, elapsed FROM clock WHERE lead = 6 ORDER BY id;

-- "Which clock runs after the priority was changed?"  The one that was started, on
-- the terms it was started with; "statistics are wrong after an SLA was changed":
-- history keeps each clock's due, and the new one's is its own.
UPDATE lead_stage.sla SET name = 'normal', condition = 'priority > 1' WHERE model = 'complaint' AND name = 'first call';
INSERT INTO lead_stage.sla (model, name, stage, condition, target, met_at) VALUES ('complaint', 'urgent', 'sql', 'priority = 1', '1 hour', 'called_at');
SELECT lead_stage.publish('complaint') > 0 AS published;
SET lead_stage.now = '2026-03-02 10:00+00';
INSERT INTO lead (id, priority, stage) VALUES (7, 2, 'sql');
UPDATE lead SET priority = 1 WHERE id = 7;
SELECT * FROM task WHERE lead = 7;
UPDATE lead SET stage = 'sal' WHERE id = 7;
UPDATE lead SET stage = 'sql' WHERE id = 7;
SELECT * FROM task WHERE lead = 7;
SELECT at, event, name, due, elapsed FROM clock WHERE lead = 7 ORDER BY id;

-- "Overlapping SLAs may not work as intended."  Each that matches has its clock.
UPDATE lead_stage.sla SET condition = NULL WHERE model = 'complaint';
SELECT lead_stage.publish('complaint') > 0 AS published;
INSERT INTO lead (id, priority, stage) VALUES (8, 1, 'sql');
SELECT * FROM task WHERE lead = 8 ORDER BY policy;

-- "There is nothing to trigger on at the breach", "reminders come again and again":
-- one event each, at the instant, whether a sweep or a write comes first, and
-- none again.
SET lead_stage.now = '2026-03-03 10:00+00';
UPDATE lead SET priority = 3 WHERE id = 8;
CALL lead_stage.sweep();
UPDATE lead SET priority = 4 WHERE id = 8;
CALL lead_stage.sweep();
SELECT at, event, name FROM clock WHERE lead = 8 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
DROP VIEW clock, task;
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'complaint';
DELETE FROM lead_stage.calendar WHERE name LIKE 'complaint %';
DROP SCHEMA complaint CASCADE;
DROP OWNED BY regress_complaint;
DROP ROLE regress_complaint;
