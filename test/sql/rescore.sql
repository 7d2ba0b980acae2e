-- rescore judges leads that were there before: where they stand is said by
-- expressions, the rest follows from the model.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_rescore;
GRANT SET ON PARAMETER lead_stage.now TO regress_rescore;
CREATE SCHEMA rescore AUTHORIZATION regress_rescore;
SET ROLE regress_rescore;
SET search_path = rescore, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, status text, signed_on date, asked bool);
INSERT INTO lead SELECT g, g * 10, (ARRAY['new', 'working', 'won', 'dead', NULL])[1 + g % 5], CASE WHEN g % 5 = 2 THEN '2025-06-01'::date + g END, g % 2 = 0
    FROM generate_series(1, 20) AS g;
INSERT INTO lead_stage.model (name) VALUES ('rescore');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('rescore', 'big', 'fit', 'size > 100', 10), ('rescore', 'asked', 'fit', 'asked', 5);
INSERT INTO lead_stage.criterion (model, name, required_for, condition) VALUES ('rescore', 'never', 'customer', 'false');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES
    ('rescore', 'up', 'lead', 'mql', true, 10), ('rescore', 'on', 'mql', 'sql', true, 15);
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('rescore', 'signed', 'signed_on IS NOT NULL');
SELECT lead_stage.attach('lead', 'rescore');
CALL lead_stage.rescore('lead');
SELECT lead_stage.publish('rescore') > 0 AS published;
-- Old rows are as they were.
SELECT count(*) AS leads, count(*) FILTER (WHERE stage = 'lead') AS lead, count(stage_since) AS since, count(fit_score) AS scored FROM lead;
SELECT count(*) FROM lead_history;

-- What it takes.
CALL lead_stage.rescore(NULL);
CALL lead_stage.rescore('lead', 0);
CALL lead_stage.rescore('lead', NULL);
CALL lead_stage.rescore('lead_history');
CALL lead_stage.rescore('lead', stage => 'nothing');
CALL lead_stage.rescore('lead', stage => 'size');
CALL lead_stage.rescore('lead', stage => '''marketing''');
CALL lead_stage.rescore('lead', since => 'status');
CALL lead_stage.rescore('lead', stage => '(SELECT ''lead''::public.lead_stage)');
SELECT count(*) FROM lead_history;
BEGIN;
CALL lead_stage.rescore('lead');
ROLLBACK;
SELECT count(*) FROM lead_history;

-- Where each one stands, and since when; null is as it is, and now.
SET lead_stage.now = '2026-03-01';
SET client_min_messages = notice;
CALL lead_stage.rescore('lead', 6,
    stage => $$CASE status WHEN 'working' THEN 'mql' WHEN 'won' THEN 'customer' WHEN 'dead' THEN 'lost' WHEN 'new' THEN 'lead' END$$,
    since => 'signed_on');
SET client_min_messages = warning;
SELECT id, status, signed_on, size, stage, stage_since::date, stage_reason, fit_score FROM lead ORDER BY id;
-- Created where it stood, at the given time; what moved by itself did so now.
SELECT lead_id, event, at::date, since::date, from_stage, to_stage, name, fit_score FROM lead_history WHERE lead_id > 9 ORDER BY lead_id, id;
SELECT count(*) FILTER (WHERE event = 'created') AS created, count(*) FILTER (WHERE event = 'stage') AS moved FROM lead_history;
SELECT count(*) AS wrong FROM lead AS l
WHERE fit_score <> CASE WHEN size > 100 THEN 10 ELSE 0 END + CASE WHEN asked THEN 5 ELSE 0 END
      OR stage <> CASE WHEN status = 'won' THEN 'customer' WHEN status = 'dead' THEN 'lost'
                       WHEN (status = 'working' OR fit_score >= 10) AND fit_score >= 15 THEN 'sql'
                       WHEN status = 'working' OR fit_score >= 10 THEN 'mql' ELSE 'lead' END::lead_stage;
SELECT * FROM lead_stage.verify_history('lead');

-- Started again it does nothing new, whatever it is told of leads that are
-- known by now, later too.
CREATE TABLE before AS SELECT id, xmin::text AS version, (SELECT count(*) FROM lead_history) AS history FROM lead;
CALL lead_stage.rescore('lead', 6, stage => '''customer''', since => '''2020-01-01''');
SET lead_stage.now = '2026-03-02';
CALL lead_stage.rescore('lead', 1);
CALL lead_stage.rescore('lead');
SELECT count(*) AS leads, count(*) FILTER (WHERE l.xmin::text = b.version) AS untouched, (SELECT count(*) FROM lead_history) - min(b.history) AS new_history
FROM lead AS l JOIN before AS b USING (id);

-- A time to come, and none at all.
ALTER TABLE lead DISABLE TRIGGER USER;
INSERT INTO lead (id, size, signed_on) VALUES (31, 500, '2026-12-24'), (32, 500, 'infinity'), (33, 500, '-infinity');
ALTER TABLE lead ENABLE TRIGGER USER;
CALL lead_stage.rescore('lead', since => 'signed_on');
SELECT lead_id, event, at::date, from_stage, to_stage FROM lead_history WHERE lead_id > 30 ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

-- Only the new ones, when there are some: the others keep what they have.
ALTER TABLE lead DISABLE TRIGGER USER;
INSERT INTO lead (id, size) VALUES (21, 1), (22, 500);
ALTER TABLE lead ENABLE TRIGGER USER;
CALL lead_stage.rescore('lead', stage => '''nurture''', since => '''2020-01-01''');
SELECT id, stage, stage_since::date, fit_score FROM lead WHERE id IN (21, 22) ORDER BY id;
SELECT count(*) FILTER (WHERE l.xmin::text = b.version) AS untouched FROM lead AS l JOIN before AS b USING (id);
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'rescore';
DROP SCHEMA rescore CASCADE;
DROP OWNED BY regress_rescore;
DROP ROLE regress_rescore;
