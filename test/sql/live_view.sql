-- <leads>_live: our columns with what they mean now.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_live;
GRANT SET ON PARAMETER lead_stage.now TO regress_live;
CREATE SCHEMA live AUTHORIZATION regress_live;
SET ROLE regress_live;
SET search_path = live, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, secret text);
INSERT INTO lead_stage.model (name, labels) VALUES ('live', '{"lead": "Enquiry", "mql": "MQL \"reviewed\" by O''Neil"}');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('live', 'a', 'fit', 'size >= 1', 10), ('live', 'b', 'fit', 'size >= 2', 20), ('live', 'c', 'fit', 'size >= 3', 30), ('live', 'd', 'fit', 'size = -1', -1);
INSERT INTO lead_stage.band (model, kind, label, min_points) VALUES
    ('live', 'fit', 'C', 0), ('live', 'fit', 'A', 60), ('live', 'fit', 'B+', 10.5), ('live', 'engagement', '3', 0), ('live', 'engagement', '1', 40);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES
    ('live', 'up', 'lead', 'mql', true, 30), ('live', 'on', 'mql', 'sql', true, 60);
SELECT lead_stage.attach('lead', 'live');

-- Before a model is published.
INSERT INTO lead (id, size) VALUES (0, 3);
SELECT * FROM lead_live;

SELECT lead_stage.publish('live') > 0 AS published;
SET lead_stage.now = '2026-03-01 12:00';
INSERT INTO lead (id, size, owner) VALUES (1, -1, NULL), (2, 0, 'ann'), (3, 1, 'ann'), (4, 2, 'ann'), (5, 3, 'bob');
SET lead_stage.now = '2026-03-03 13:30';
SELECT id, stage, stage_since, stage_reason, fit_score, owner, engagement_now, score_now FROM lead_live ORDER BY id;
SELECT id, fit_band, engagement_band, stage_label, stage_age, sla_left FROM lead_live ORDER BY id;

-- Bands and labels are those that are published.
UPDATE lead_stage.band SET label = 'D' WHERE model = 'live' AND label = 'C';
UPDATE lead_stage.model SET labels = '{}' WHERE name = 'live';
SELECT DISTINCT fit_band, stage_label FROM lead_live ORDER BY 1, 2;
SELECT lead_stage.publish('live') > 0 AS published;
SELECT DISTINCT fit_band, stage_label FROM lead_live ORDER BY 1, 2;
DELETE FROM lead_stage.band WHERE model = 'live';
SELECT lead_stage.publish('live') > 0 AS published;
SELECT DISTINCT fit_band, engagement_band FROM lead_live;

-- A view of ours does not keep the user from changing his own columns.
ALTER TABLE lead DROP COLUMN secret;
ALTER TABLE lead RENAME owner TO "Assigned to";
SELECT id, owner FROM lead_live ORDER BY id;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'live';
DROP SCHEMA live CASCADE;
DROP OWNED BY regress_live;
DROP ROLE regress_live;
