-- Activities in awkward tables, and what is left when there is nothing to
-- remember.
SET client_min_messages = warning;
SET datestyle = ISO;
SET lead_stage.now = '2026-03-01 09:00+00';
SET timezone = 'UTC';
CREATE SCHEMA edges;
SET search_path = edges, public;

INSERT INTO lead_stage.model (name) VALUES ('edges');
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, half_life) VALUES
    ('edges', 'visit', 'engagement', 'web', 'kind = ''visit''', 5, '10 days'),
    ('edges', 'demo', 'engagement', 'web', 'kind = ''demo''', 20, NULL);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_engagement) VALUES
    ('edges', 'warm', 'lead', 'mql', true, 40);
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('edges', 'saw_demo', 'demo');
CREATE TABLE lead (id bigint PRIMARY KEY, name text);
-- A column that was dropped, and a key narrower than the lead's.
CREATE TABLE activity (gone text, lead_id int, at timestamptz, gone_too int, kind text);
ALTER TABLE activity DROP COLUMN gone, DROP COLUMN gone_too;
CREATE INDEX ON activity (lead_id);
SELECT lead_stage.attach('lead', 'edges');
SELECT lead_stage.attach_activity('activity', 'lead', 'web', '{lead_id}');
SELECT lead_stage.publish('edges') > 0 AS published;

-- A source is one table.
CREATE TABLE other (lead_id int, at timestamptz, kind text);
SELECT lead_stage.attach_activity('other', 'lead', 'web', '{lead_id}');

-- Keys that the activity's column cannot hold are no error.
INSERT INTO lead VALUES (1, 'Ann'), (2, 'Ben'), (3, 'Cleo'), (5000000000, 'Dan');
INSERT INTO activity VALUES (1, '2026-02-19 09:00+00', 'visit'), (1, '2026-03-01 08:00+00', 'visit'), (2, '2026-03-01 09:00+00', 'demo');
DELETE FROM activity WHERE lead_id = 1 AND at = '2026-03-01 08:00+00';
SELECT id, round(lead_stage.engagement(engagement_state)::numeric, 3) AS engagement, last_touch_at FROM lead_state ORDER BY id;
CALL lead_stage.rescore('lead');
SELECT id, round(lead_stage.engagement(engagement_state)::numeric, 3) AS engagement, last_touch_at FROM lead_state ORDER BY id;
UPDATE activity SET lead_id = 2 WHERE lead_id = 1;
SELECT id, round(lead_stage.engagement(engagement_state)::numeric, 3) AS engagement, last_touch_at FROM lead_state ORDER BY id;

-- What has not changed is not written.
CREATE TEMP TABLE before AS SELECT id, xmin::text AS x FROM lead_state;
CALL lead_stage.rescore('lead');
SELECT count(*) AS rewritten FROM lead_state AS s JOIN before AS b USING (id) WHERE s.xmin::text <> b.x;

-- Nothing to remember, no row.
TRUNCATE activity;
SELECT count(*) FROM lead_state;

-- A milestone waits for the first match of the stay: not for one before it,
-- once however many come together, and also if it was dated in the future.
INSERT INTO activity VALUES (1, '2026-02-01 09:00+00', 'demo');
INSERT INTO activity VALUES (1, '2026-03-01 09:00+00', 'demo'), (1, '2026-02-01 09:00+00', 'demo'), (1, '2026-03-01 09:00+00', 'demo');
SET lead_stage.now = '2026-03-02 09:00+00';
INSERT INTO activity VALUES (1, '2026-03-02 09:00+00', 'demo'), (3, '2026-03-05 09:00+00', 'demo');
SELECT lead_id, at, event, name, from_stage, to_stage, engagement FROM lead_history WHERE event <> 'created' ORDER BY id;
SET lead_stage.now = '2026-03-05 09:00+00';
CALL lead_stage.sweep();
SELECT lead_id, at, event, name, from_stage, to_stage, engagement FROM lead_history WHERE event <> 'created' AND lead_id = 3 ORDER BY id;

-- merge gives the loser's activities to the winner, though no foreign key tells.
CREATE TABLE note (lead_id bigint REFERENCES lead, text text);
INSERT INTO note VALUES (3, 'kept');
SELECT lead_stage.merge('lead', '{2}', '{3}');
SELECT id, round(lead_stage.engagement(engagement_state)::numeric, 3) AS engagement FROM lead_state ORDER BY id;
DELETE FROM note;
SELECT lead_stage.merge('lead', '{2}', '{3}');
SELECT id, round(lead_stage.engagement(engagement_state)::numeric, 3) AS engagement FROM lead_state ORDER BY id;
SELECT lead_id, count(*) FROM activity GROUP BY lead_id ORDER BY lead_id;
SELECT lead_id, event, name, engagement FROM lead_history WHERE lead_id IN (2, 3) AND event IN ('merged', 'deleted') ORDER BY id;
-- A lead that the column cannot hold has none.
SELECT lead_stage.merge('lead', '{2}', '{5000000000}');

RESET lead_stage.now;
SELECT lead_stage.detach('lead', true);
RESET datestyle;
DROP SCHEMA edges CASCADE;
DELETE FROM lead_stage.model WHERE name = 'edges';
