-- A lead that was there before and was never judged: its first write, whatever
-- it is, tells history first where it was.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_rescore;
GRANT SET ON PARAMETER lead_stage.now TO regress_rescore;
CREATE SCHEMA rescore AUTHORIZATION regress_rescore;
SET ROLE regress_rescore;
SET search_path = rescore, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, size int, note text, stage lead_stage NOT NULL DEFAULT 'lead', owner text);
INSERT INTO lead SELECT g, 0, NULL, (ARRAY['lead', 'mql', 'customer'])[1 + g % 3]::lead_stage, 'ann' FROM generate_series(1, 12) AS g;
INSERT INTO lead_stage.model (name) VALUES ('rescore');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('rescore', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES
    ('rescore', 'up', 'lead', 'mql', true, 10), ('rescore', 'on', 'mql', 'sal', false, NULL);
SELECT lead_stage.attach('lead', 'rescore');
SELECT lead_stage.publish('rescore') > 0 AS published;
SET lead_stage.now = '2026-03-01';

-- Of no concern, relevant, moving by itself, moved by hand, another owner,
-- another key, deleted, and one that is refused.
UPDATE lead SET note = 'x';
SELECT count(*) AS judged FROM lead WHERE stage_since IS NOT NULL;
UPDATE lead SET size = 1 WHERE id = 1;
UPDATE lead SET size = 101 WHERE id = 3;
UPDATE lead SET stage = 'sal' WHERE id = 4;
UPDATE lead SET owner = 'bob' WHERE id = 5;
UPDATE lead SET id = 60 WHERE id = 6;
DELETE FROM lead WHERE id = 7;
UPDATE lead SET stage = 'lost' WHERE id = 8;
SELECT id, stage, stage_since::date, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, at::date, since::date, from_stage, to_stage, name, owner, previous_owner FROM lead_history ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

-- The next one has nothing to catch up on; rescore_lead does as the rest.
SET lead_stage.now = '2026-03-02';
UPDATE lead SET size = 102 WHERE id = 3;
SELECT lead_stage.rescore_lead('lead', 9), lead_stage.rescore_lead('lead', 9);
TRUNCATE lead;
SELECT lead_id, event, at::date, since::date, from_stage, to_stage FROM lead_history WHERE at = lead_stage.now() ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'rescore';
DROP SCHEMA rescore CASCADE;
DROP OWNED BY regress_rescore;
DROP ROLE regress_rescore;
