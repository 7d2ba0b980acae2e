-- Who may read a report, and what of it: SELECT on the table and on what attach
-- made beside it, as far as row-level security lets a reader see the leads.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_report_owner;
CREATE ROLE regress_report_reader;
CREATE ROLE regress_report_stranger;
GRANT SET ON PARAMETER lead_stage.now TO regress_report_owner;
CREATE SCHEMA report_rights AUTHORIZATION regress_report_owner;
GRANT USAGE ON SCHEMA report_rights TO regress_report_reader, regress_report_stranger;
SET ROLE regress_report_owner;
SET search_path = report_rights, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, region text, secret text);
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON lead FOR SELECT TO regress_report_reader USING (region = 'north');
GRANT SELECT ON lead TO regress_report_reader;
INSERT INTO lead_stage.model (name) VALUES ('report rights');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage)
    SELECT 'report rights', a.stage || ' to ' || b.stage, a.stage, b.stage FROM lead_stage.stages() AS a JOIN lead_stage.stages() AS b ON b.stage <> a.stage;
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('report rights', 'respond', 'sql', '1 day');
SELECT lead_stage.attach('lead', 'report rights');
SELECT lead_stage.publish('report rights') > 0 AS published;
SET lead_stage.now = '2026-01-01 00:00+00';
INSERT INTO lead (id, region) SELECT g, (ARRAY['north', 'south'])[1 + g % 2] FROM generate_series(1, 9) AS g;
SET lead_stage.now = '2026-01-02 00:00+00';
UPDATE lead SET stage = 'mql' WHERE id <= 6;
SET lead_stage.now = '2026-01-03 00:00+00';
UPDATE lead SET stage = 'sql' WHERE id <= 4;
UPDATE lead SET stage = 'nurture' WHERE id = 5;
CREATE FUNCTION figures() RETURNS TABLE (report text, figures bigint) LANGUAGE sql SET search_path = report_rights, public AS $$
    SELECT 'funnel', sum(entered)::bigint FROM lead_stage.funnel('lead') UNION ALL SELECT 'velocity', sum(moves)::bigint FROM lead_stage.velocity('lead')
    UNION ALL SELECT 'drop_off', sum(leads)::bigint FROM lead_stage.drop_off('lead') UNION ALL SELECT 'mql_report', sum(mqls)::bigint FROM lead_stage.mql_report('lead')
    UNION ALL SELECT 'sql_report', sum(sqls)::bigint FROM lead_stage.sql_report('lead') UNION ALL SELECT 'sla_report', sum(started)::bigint FROM lead_stage.sla_report('lead') $$;
SELECT * FROM figures();

-- A reader sees the figures of the leads that he may see, in a transaction that may only read, too.
RESET ROLE;
SET ROLE regress_report_reader;
BEGIN READ ONLY;
SELECT * FROM report_rights.figures();
SELECT segment, stage, entered FROM lead_stage.funnel('report_rights.lead', by => 'region') ORDER BY segment, stage;
COMMIT;
-- What he splits by runs with his own rights.
RESET ROLE;
SET ROLE regress_report_stranger;
SELECT * FROM lead_stage.funnel('report_rights.lead');
SELECT * FROM lead_stage.sla_report('report_rights.lead');
SELECT * FROM lead_stage.mql_report('report_rights.lead', by => 'region');
-- Some columns are enough, if they are the ones that are asked for.
RESET ROLE;
SET ROLE regress_report_owner;
CREATE POLICY columns ON lead FOR SELECT TO regress_report_stranger USING (true);
GRANT SELECT (id, region, stage, stage_since, owner) ON lead TO regress_report_stranger;
GRANT SELECT ON lead_history, lead_state, lead_visits TO regress_report_stranger;
RESET ROLE;
SET ROLE regress_report_stranger;
SELECT segment, stage, entered FROM lead_stage.funnel('report_rights.lead', by => 'region') ORDER BY segment, stage;
SELECT * FROM lead_stage.funnel('report_rights.lead', by => 'secret');

RESET ROLE;
SET ROLE regress_report_owner;
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'report rights';
DROP SCHEMA report_rights CASCADE;
DROP OWNED BY regress_report_owner, regress_report_reader, regress_report_stranger;
DROP ROLE regress_report_owner, regress_report_reader, regress_report_stranger;
