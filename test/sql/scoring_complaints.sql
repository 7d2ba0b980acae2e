-- What users of other systems complain about in scoring does not happen here:
-- a score that its log does not add up to, rules that count only for new leads
-- or only once, decay that waits for a batch job, points that come back after
-- a reset, and scores lost when leads are merged.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_scoring;
GRANT SET ON PARAMETER lead_stage.now TO regress_scoring;
CREATE SCHEMA scoring AUTHORIZATION regress_scoring;
SET ROLE regress_scoring;
SET search_path = scoring, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-01 12:00+00';

CREATE TABLE lead (id int PRIMARY KEY, size int, country text);
CREATE TABLE touch (id int PRIMARY KEY, lead_id int NOT NULL REFERENCES lead, kind text, at timestamptz NOT NULL);
CREATE INDEX ON touch (lead_id);
-- Leads and touches from before anybody scored anything.
INSERT INTO lead VALUES (1, 500, 'de'), (2, 5, 'de'), (3, 5, 'fr');
INSERT INTO touch VALUES (1, 1, 'visit', '2026-02-19 12:00+00'), (2, 1, 'visit', '2026-02-09 12:00+00'), (3, 2, 'form', '2026-02-27 12:00+00');

INSERT INTO lead_stage.model (name) VALUES ('scoring');
INSERT INTO lead_stage.category VALUES ('scoring', 'web', 12);
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, half_life, category) VALUES
    ('scoring', 'big', 'fit', NULL, 'size > 100', 20, NULL, NULL),
    ('scoring', 'near', 'fit', NULL, $$country = 'de'$$, 5, NULL, NULL),
    ('scoring', 'visit', 'engagement', 'web', $$kind = 'visit'$$, 10, '10 days', 'web'),
    ('scoring', 'form', 'engagement', 'web', $$kind = 'form'$$, 15, NULL, 'web');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_score) VALUES
    ('scoring', 'mql', 'lead', 'mql', true, 30);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, reasons) VALUES
    ('scoring', 'again', 'mql', 'lead', '{}');
SELECT lead_stage.attach('lead', 'scoring');
SELECT lead_stage.attach_activity('touch', 'lead', 'web');
SELECT lead_stage.publish('scoring') > 0 AS published;

-- Fields of the lead score as well as what it does; and leads that were there
-- before count like new ones, from all that they ever did.
-- 1: 20 + 5 + 10 * (1/2 + 1/4) = 32.5; 2: 5 + least(15, 12) = 17; 3: 0.
CALL lead_stage.rescore('lead');
SELECT id, stage, fit_score, engagement_now, score_now FROM lead_live ORDER BY id;

-- The lines of the explanation add up to the score, the cap being one of them.
SELECT l.id, l.score_now, (SELECT sum(e.points) FROM lead_stage.explain('lead', l.id) AS e) AS explained,
       (SELECT string_agg(format('%s %s', e.name, e.points), ', ' ORDER BY e.kind, e.name) FROM lead_stage.explain('lead', l.id) AS e WHERE e.points <> 0) AS why
    FROM lead_live AS l ORDER BY l.id;

-- What fired once fires again: the same touch twice is two.
INSERT INTO touch VALUES (4, 3, 'visit', lead_stage.now()), (5, 3, 'visit', lead_stage.now());
SELECT engagement_now FROM lead_live WHERE id = 3;

-- Half is gone after ten days, though nothing ran and nobody saved.
SET lead_stage.now = '2026-03-11 12:00+00';
SELECT engagement_now FROM lead_live WHERE id = 3;
-- The cap bites before: 2 * 10 are 12, and half of 20 is 10.

-- Points that are changed hold for the past as well, at once, whatever the
-- direction, and come back exactly when they are changed back.
UPDATE lead_stage.rule SET points = 4 WHERE model = 'scoring' AND name = 'visit';
SELECT lead_stage.publish('scoring') > 0 AS published;
SELECT id, engagement_now FROM lead_live ORDER BY id;
UPDATE lead_stage.rule SET points = 10 WHERE model = 'scoring' AND name = 'visit';
SELECT lead_stage.publish('scoring') > 0 AS published;
SELECT id, engagement_now FROM lead_live ORDER BY id;

-- A rescore changes no lead that needs none, and fires nothing for it.
CREATE TABLE before AS SELECT l.id, l.xmin::text AS version, (SELECT max(h.id) FROM lead_history AS h) AS last_event FROM lead AS l;
CALL lead_stage.rescore('lead');
SELECT count(*) FILTER (WHERE l.xmin::text <> b.version) AS rewritten, (SELECT count(*) FROM lead_history WHERE id > max(b.last_event)) AS events
    FROM before AS b JOIN lead AS l USING (id);

-- A lead that is taken back is taken back, though its score is what it was ...
UPDATE lead SET stage = 'lead', stage_reason = 'bounced' WHERE id = 1;
SELECT id, stage, fit_score FROM lead WHERE id = 1;
-- ... and qualifies anew as soon as something happens.
INSERT INTO touch VALUES (6, 1, 'visit', lead_stage.now());
SELECT id, stage FROM lead WHERE id = 1;

-- Touches that are deleted count no more; the score can be zero again.
DELETE FROM touch WHERE lead_id = 3;
SELECT id, engagement_now, score_now FROM lead_live WHERE id = 3;

-- A merge keeps what both did, without publishing anything again.
INSERT INTO touch VALUES (7, 3, 'visit', lead_stage.now());
SELECT lead_stage.merge('lead', '{2}', '{3}');
SELECT e.name, e.points FROM lead_stage.explain('lead', 2) AS e WHERE e.points <> 0 ORDER BY 1;
SELECT lead_id, count(*) FROM touch GROUP BY 1 ORDER BY 1;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'scoring';
SET client_min_messages = error;
DROP SCHEMA scoring CASCADE;
DROP OWNED BY regress_scoring;
DROP ROLE regress_scoring;
