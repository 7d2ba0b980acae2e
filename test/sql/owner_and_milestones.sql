-- Owner changes and milestones: an event each time.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now TO regress_owner;
CREATE SCHEMA own AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = own, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, meeting_at timestamptz, asked bool, assigned_to int);
INSERT INTO lead_stage.model (name) VALUES ('own');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition) VALUES ('own', 'up', 'lead', 'mql', true, 'asked');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES
    ('own', 'meeting_booked', 'meeting_at IS NOT NULL'),
    ('own', 'reached_mql', 'stage >= ''mql'''),
    ('own', 'asked_or_met', 'asked OR meeting_at < lead_stage.now()');
SELECT lead_stage.attach('lead', 'own', '{"owner": "assigned_to"}');
SELECT lead_stage.publish('own') > 0 AS published;

-- Owners, of another type than text: from none, to another, to none, and with a
-- move in the same statement.  The stage row has the owner of the stay it ends.
SET lead_stage.now = '2026-03-01 00:00+00';
INSERT INTO lead (id) VALUES (1);
INSERT INTO lead (id, assigned_to) VALUES (2, 7), (3, 7);
UPDATE lead SET assigned_to = 8 WHERE id = 1;
UPDATE lead SET assigned_to = 8 WHERE id = 1;
UPDATE lead SET assigned_to = 9 WHERE id = 1;
UPDATE lead SET assigned_to = NULL WHERE id = 1;
UPDATE lead SET assigned_to = 10, asked = true WHERE id = 2;
SELECT lead_id, event, from_stage, to_stage, owner, previous_owner FROM lead_history
WHERE event IN ('created', 'stage', 'owner') ORDER BY lead_id, id;
SELECT id, stage, owner, left_at IS NULL AS open FROM lead_visits ORDER BY id, entered_at, left_at;
SELECT * FROM lead_stage.as_of('lead', lead_stage.now()) ORDER BY key;

-- Milestones: when the condition becomes true, at INSERT too; not while it
-- stays; again after it was false.
SET lead_stage.now = '2026-03-02 00:00+00';
UPDATE lead SET meeting_at = '2026-03-05' WHERE id = 3;
UPDATE lead SET meeting_at = '2026-03-06' WHERE id = 3;
UPDATE lead SET meeting_at = NULL WHERE id = 3;
UPDATE lead SET meeting_at = '2026-03-07' WHERE id = 3;
INSERT INTO lead (id, meeting_at, asked) VALUES (4, '2026-03-01', true);
UPDATE lead SET asked = NULL WHERE id = 4;
SELECT lead_id, event, from_stage, to_stage, name FROM lead_history WHERE lead_id IN (2, 3, 4) AND event IN ('stage', 'milestone') ORDER BY lead_id, id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'own';
DROP SCHEMA own CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
