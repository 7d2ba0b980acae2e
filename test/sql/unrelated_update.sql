-- What is remembered of a lead is left alone by writes that do not concern it:
-- no new row version in state, no history; and a rescore without news none of
-- the lead either.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_update;
GRANT SET ON PARAMETER lead_stage.now TO regress_update;
CREATE SCHEMA upd AUTHORIZATION regress_update;
SET ROLE regress_update;
SET search_path = upd, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, note text, asked bool);
INSERT INTO lead_stage.model (name) VALUES ('upd');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('upd', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition, hold_for) VALUES
    ('upd', 'park', 'lead', 'nurture', true, 'size < 0', '10 days'), ('upd', 'up', 'nurture', 'mql', true, 'asked', NULL);
SELECT lead_stage.attach('lead', 'upd');
SELECT lead_stage.publish('upd') > 0 AS published;
SET lead_stage.now = '2026-03-01 00:00+00';
INSERT INTO lead (id, size) SELECT g, -g FROM generate_series(1, 10) AS g;

CREATE TABLE before AS SELECT id, xmin::text AS version, ctid::text AS place FROM lead_state;
SELECT count(*) AS states, (SELECT count(*) FROM lead_history) AS history FROM before;
SET lead_stage.now = '2026-03-02 00:00+00';
-- Of no concern, of none after all, and of concern but without a difference.
UPDATE lead SET note = 'x';
UPDATE lead SET size = size;
UPDATE lead SET size = size - 1;
UPDATE lead SET asked = true;
SELECT count(*) AS states, count(*) FILTER (WHERE s.xmin::text = b.version AND s.ctid::text = b.place) AS untouched,
       (SELECT count(*) FROM lead_history) AS history
FROM lead_state AS s JOIN before AS b USING (id);

CREATE TABLE lead_before AS SELECT id, xmin::text AS version FROM lead;
CALL lead_stage.rescore('lead');
SELECT count(*) FILTER (WHERE l.xmin::text = b.version) AS untouched FROM lead AS l JOIN lead_before AS b USING (id);

-- When the hold is over it is over for all, before the write that comes later:
-- everybody had asked by then.
SET lead_stage.now = '2026-03-11 00:00+00';
UPDATE lead SET asked = (id <= 3), size = size - 1;
SELECT stage, count(*) FROM lead GROUP BY stage ORDER BY stage;
SELECT count(*) FILTER (WHERE s.xmin::text = b.version) AS untouched FROM lead_state AS s JOIN before AS b USING (id);

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'upd';
DROP SCHEMA upd CASCADE;
DROP OWNED BY regress_update;
DROP ROLE regress_update;
