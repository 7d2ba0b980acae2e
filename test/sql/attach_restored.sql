-- A table that was restored without its binding, as from a dump of its schema
-- alone: nothing moves until it is attached again, and then its story goes on.
\set SHOW_CONTEXT never
CREATE SCHEMA attach_restored;
SET search_path = attach_restored, public;
SET client_min_messages = warning;

INSERT INTO lead_stage.model (name) VALUES ('restored');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('restored', 'large', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit, hold_for) VALUES
    ('restored', 'up', 'lead', 'mql', true, 10, NULL),
    ('restored', 'back', 'mql', 'nurture', false, NULL, '30 days'),
    ('restored', 'again', 'nurture', 'mql', true, NULL, NULL);
CREATE TABLE lead (id int PRIMARY KEY, size int);
SELECT lead_stage.attach('lead', 'restored');
SELECT lead_stage.publish('restored') > 0 AS published;
INSERT INTO lead VALUES (1, 5), (2, 500), (3, 500);
UPDATE lead SET stage = 'nurture' WHERE id = 3;

-- What a restore of the schema alone lacks.
DELETE FROM lead_stage.binding WHERE leads = 'lead'::regclass;

-- In a session of its own: it has never seen the binding.
\c
\set SHOW_CONTEXT never
SET search_path = attach_restored, public;
UPDATE lead SET size = 500 WHERE id = 1 RETURNING stage, fit_score;
UPDATE lead SET stage = 'mql' WHERE id = 1;
SELECT count(*) FROM lead_history WHERE lead_id = 1;

-- A table of somebody's that is called like the state is not ours.
BEGIN;
ALTER TABLE lead_state RENAME hold_until TO something_else;
SELECT lead_stage.attach('lead', 'restored');
ROLLBACK;

SET client_min_messages = warning;
SELECT lead_stage.attach('lead', 'restored');
UPDATE lead SET size = size + 1;
SELECT id, stage, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM lead_history ORDER BY lead_id, id;
SELECT id, stage FROM lead_live ORDER BY id;
SELECT * FROM lead_stage.verify_history('lead');
SELECT count(DISTINCT tgargs) AS bindings, count(*) AS triggers FROM pg_trigger
    WHERE tgrelid = 'lead'::regclass AND tgname LIKE '%lead_stage%';

DROP SCHEMA attach_restored CASCADE;
DELETE FROM lead_stage.binding WHERE model = 'restored';
DELETE FROM lead_stage.model WHERE name = 'restored';
