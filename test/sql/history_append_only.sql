-- History is append-only, for its owner too; and needs no right of whoever
-- writes leads.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_history;
CREATE ROLE regress_writer;
CREATE SCHEMA history AUTHORIZATION regress_history;
SET ROLE regress_history;
SET search_path = history, public;

CREATE TABLE lead (id int PRIMARY KEY, a bool);
INSERT INTO lead_stage.model (name) VALUES ('history');
SELECT lead_stage.attach('lead', 'history');
SELECT lead_stage.publish('history') > 0 AS published;
INSERT INTO lead VALUES (1, NULL), (2, NULL);

UPDATE lead_history SET event = 'stage';
\echo :LAST_ERROR_SQLSTATE
UPDATE lead_history SET event = 'stage' WHERE false;
DELETE FROM lead_history WHERE lead_id = 1;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE lead_history;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE lead, lead_history;
INSERT INTO lead_history (id, lead_id, at, recorded_at, event, role)
    SELECT id, lead_id, at, recorded_at, event, role FROM lead_history ON CONFLICT (lead_id, id) DO UPDATE SET event = 'stage';
MERGE INTO lead_history AS h USING lead AS l ON h.lead_id = l.id WHEN MATCHED THEN DELETE;
SELECT count(*) AS leads, (SELECT count(*) FROM lead_history) AS history FROM lead;

-- Not for the writer: neither reads nor writes.
GRANT USAGE ON SCHEMA history TO regress_writer;
GRANT INSERT, UPDATE, DELETE ON lead TO regress_writer;
SET ROLE regress_writer;
INSERT INTO lead VALUES (3, NULL);
SELECT count(*) FROM lead_history;
INSERT INTO lead_history (lead_id, at, recorded_at, event, role) VALUES (3, now(), now(), 'stage', 'x');
DELETE FROM lead_history;
SELECT count(*) FROM lead_state;
SET ROLE regress_history;
SELECT lead_id, event FROM lead_history ORDER BY lead_id, id;

SELECT lead_stage.detach('lead');
DELETE FROM lead_history;
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'history';
DROP SCHEMA history CASCADE;
DROP ROLE regress_history, regress_writer;
