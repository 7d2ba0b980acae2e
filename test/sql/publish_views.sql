-- The signals view: one column a condition; grants survive a publish, and so
-- do views over columns that stay; a column that somebody needs does not go.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
CREATE ROLE regress_granter;
CREATE ROLE "regress ""odd";
CREATE SCHEMA vw AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE vw.lead (id int PRIMARY KEY, size int, follow_up_on date, meeting_at timestamptz);
INSERT INTO lead_stage.model (name, labels) VALUES ('vw', '{"mql": "ready"}');
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points) VALUES ('vw', 'Big one', 'fit', NULL, 'size > 10', 7), ('vw', 'small', 'fit', NULL, 'size < 3', -2), ('vw', 'visit', 'engagement', 'web', 'true', 1);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('vw', 'owned', 'owner IS NOT NULL');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('vw', 'fits', 'lead', 'mql', true, 5);
INSERT INTO lead_stage.transition (model, name, to_stage, not_before) VALUES ('vw', 'later', 'nurture', 'follow_up_on');
INSERT INTO lead_stage.route (model, name, stage, condition, assign_to) VALUES ('vw', 'big', 'mql', 'size > 100', 'anna');
INSERT INTO lead_stage.sla (model, name, stage, target, met_at, pause_when) VALUES ('vw', 'call', 'sql', '1 hour', 'meeting_at', 'size = 0');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('vw', 'met', 'meeting_at IS NOT NULL');
SELECT lead_stage.attach('vw.lead', 'vw');
SELECT lead_stage.publish('vw') > 0 AS published;
\pset format unaligned
\t on
SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'vw.lead_signals'::regclass AND attnum > 0 ORDER BY attnum;
\t off
\pset format aligned
INSERT INTO vw.lead VALUES (1, 11, NULL, NULL), (2, NULL, '2026-01-02', NULL), (3, 2, NULL, '2026-01-01 00:00+00');
SELECT id, "fit_Big one", fit_small, criterion_owned, transition_later_not_before, route_big, sla_call_met_at, milestone_met FROM vw.lead_signals ORDER BY id;

CREATE VIEW vw.grants AS
    SELECT c.relname, '' AS column, a.grantee::regrole, a.privilege_type, a.is_grantable
        FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.relname IN ('lead_signals', 'lead_live', 'lead_visits') AND c.relnamespace = 'vw'::regnamespace AND a.grantee <> c.relowner
    UNION ALL
    SELECT c.relname, t.attname, a.grantee::regrole, a.privilege_type, a.is_grantable
        FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid CROSS JOIN LATERAL aclexplode(t.attacl) AS a
        WHERE c.relnamespace = 'vw'::regnamespace
    ORDER BY 1, 2, 3, 4;
-- Grants, with and without grant option, to anybody.
GRANT SELECT ON vw.lead_signals TO regress_reader, PUBLIC;
GRANT SELECT ON vw.lead_signals TO regress_granter WITH GRANT OPTION;
GRANT SELECT (id), SELECT ("fit_Big one"), UPDATE (fit_small) ON vw.lead_signals TO "regress ""odd";
GRANT SELECT, UPDATE ON vw.lead_live TO regress_reader;
GRANT SELECT ON vw.lead_visits TO regress_reader;
TABLE vw.grants;
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('vw', 'huge', 'fit', 'size > 1000', 1);
DELETE FROM lead_stage.rule WHERE name = 'small';
SELECT lead_stage.publish('vw') > 0 AS published;
TABLE vw.grants;

-- A view over some columns: others come and go.
CREATE VIEW vw.big_ones AS SELECT id, "fit_Big one" FROM vw.lead_signals;
CREATE VIEW vw.labels AS SELECT id, stage_label, fit_band FROM vw.lead_live;
CREATE VIEW vw.stays AS SELECT id, stage, entered_at FROM vw.lead_visits;
DELETE FROM lead_stage.rule WHERE name = 'huge';
UPDATE lead_stage.rule SET condition = 'size > 20' WHERE name = 'Big one';
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('vw', 'new', 'fit', 'size > 15', 1);
INSERT INTO lead_stage.band (model, kind, label, min_points) VALUES ('vw', 'fit', 'A', 5);
UPDATE lead_stage.model SET labels = '{"mql": "Ready!"}';
SELECT lead_stage.publish('vw') > 0 AS published;
UPDATE vw.lead SET size = 15 WHERE id = 1;
INSERT INTO vw.lead VALUES (4, 21);
SELECT * FROM vw.big_ones ORDER BY id;
SELECT * FROM vw.labels ORDER BY id;
SELECT id, stage FROM vw.stays ORDER BY id, stage;
SELECT id, fit_new, fit_huge FROM vw.lead_signals ORDER BY id;
-- A column that somebody's view needs does not go; all stays as it was.
DELETE FROM lead_stage.rule WHERE name = 'Big one';
SELECT lead_stage.publish('vw');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO vw.lead VALUES (5, 21);
SELECT id, fit_score, stage FROM vw.lead ORDER BY id;
SELECT lead_stage.unpublish('vw.lead');
\echo :LAST_ERROR_SQLSTATE
-- A materialized view and a function count, too.
DROP VIEW vw.big_ones;
CREATE MATERIALIZED VIEW vw.big_mat AS SELECT "fit_Big one" FROM vw.lead_signals;
SELECT lead_stage.publish('vw');
\echo :LAST_ERROR_SQLSTATE
DROP MATERIALIZED VIEW vw.big_mat;
CREATE FUNCTION vw.reads() RETURNS SETOF boolean LANGUAGE sql BEGIN ATOMIC SELECT s."fit_Big one" FROM vw.lead_signals AS s; END;
SELECT lead_stage.publish('vw');
\echo :LAST_ERROR_SQLSTATE
DROP FUNCTION vw.reads();
SELECT lead_stage.publish('vw') > 0 AS published;
-- Nobody reads it any more: the columns that went are gone for good.
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'vw.lead_signals'::regclass AND attnum > 0;

-- The view and the engine agree, row by row.
INSERT INTO vw.lead SELECT n, n FROM generate_series(10, 40) AS n;
SELECT count(*) AS leads, count(*) FILTER (WHERE coalesce(s.fit_new, false)::int = l.fit_score) AS agree FROM vw.lead AS l JOIN vw.lead_signals AS s USING (id) WHERE l.id >= 10;

RESET ROLE;
DROP SCHEMA vw CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner, regress_reader, regress_granter, "regress ""odd";
