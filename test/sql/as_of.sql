-- as_of, visits and journey on a long random story, against snapshots that were
-- taken of the leads as it went on.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_past;
GRANT SET ON PARAMETER lead_stage.now TO regress_past;
CREATE SCHEMA past AUTHORIZATION regress_past;
SET ROLE regress_past;
SET search_path = past, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, n int, need bool);
INSERT INTO lead_stage.model (name, on_refused) VALUES ('past', 'keep');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('past', 'n', 'fit', 'n % 3 = 0', 10);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('past', 'need', 'need');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, reasons) VALUES
    ('past', 'up', 'lead', 'mql', 1, true, 10, NULL), ('past', 'on', 'mql', 'sql', 2, true, 10, NULL), ('past', 'sell', 'sql', 'customer', 3, false, NULL, NULL),
    ('past', 'down', NULL, 'nurture', 4, false, NULL, '{}'), ('past', 'again', 'nurture', 'mql', 5, true, 10, NULL), ('past', 'drop', NULL, 'disqualified', 6, false, NULL, NULL),
    ('past', 'reopen', 'disqualified', 'lead', 7, false, NULL, NULL);
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('past', 'need', 'need');
SELECT lead_stage.attach('lead', 'past');
SELECT lead_stage.publish('past') > 0 AS published;

CREATE TABLE snapshot (at timestamptz, id int, stage lead_stage, since timestamptz, owner text);
-- Each step is an hour after the one before; some do several things at once.
DO $$
DECLARE
    at timestamptz := '2026-01-01 00:00+00';
    pick int;
BEGIN
    PERFORM setseed(0.5);
    FOR step IN 1 .. 300 LOOP
        at := at + interval '1 hour';
        PERFORM set_config('lead_stage.now', at::text, true);
        pick := random() * 20;
        CASE floor(random() * 9)::int
            WHEN 0 THEN
                INSERT INTO lead SELECT g, random() * 9, random() < 0.5 FROM generate_series(pick, pick + 3) AS g ON CONFLICT DO NOTHING;
            WHEN 1 THEN DELETE FROM lead WHERE id = pick;
            WHEN 2 THEN UPDATE lead SET owner = CASE WHEN random() < 0.8 THEN 'rep ' || pick END WHERE id % 5 = pick % 5;
            WHEN 3 THEN UPDATE lead SET stage = 'nurture', stage_reason = 'no' WHERE id BETWEEN pick AND pick + 2;
            WHEN 4 THEN UPDATE lead SET stage = 'disqualified', owner = NULL WHERE id = pick;
            WHEN 5 THEN UPDATE lead SET stage = CASE WHEN stage = 'sql' THEN 'customer' ELSE 'lead' END::lead_stage WHERE id = pick;
            WHEN 6 THEN UPDATE lead SET id = pick + 100 WHERE id = pick AND pick >= 15 AND NOT EXISTS (SELECT FROM lead WHERE id = pick + 100);
            WHEN 7 THEN UPDATE lead SET n = n + 1, need = random() < 0.5 WHERE id % 3 = pick % 3;
            WHEN 8 THEN
                UPDATE lead SET n = n + 1 WHERE id = pick;
                UPDATE lead SET owner = 'now' WHERE id = pick;
                DELETE FROM lead WHERE id = pick + 1;
                INSERT INTO lead VALUES (pick + 1, 3, true);
        END CASE;
        INSERT INTO snapshot SELECT at, id, stage, stage_since, owner FROM lead;
    END LOOP;
END
$$;
SELECT count(DISTINCT at) > 250 AS instants, count(*) > 3000 AS many, count(DISTINCT stage) AS stages, (SELECT count(*) FROM lead_history WHERE event = 'rekeyed') > 3 AS rekeyed
FROM snapshot;
SELECT event, count(*) > 3 AS several FROM lead_history GROUP BY event ORDER BY event;

-- At each instant, and until just before the next.
CREATE TABLE told AS
    SELECT t.at, a.* FROM (SELECT DISTINCT at FROM snapshot) AS t CROSS JOIN LATERAL lead_stage.as_of('lead', t.at) AS a;
CREATE TABLE told_later AS
    SELECT t.at, a.* FROM (SELECT DISTINCT at FROM snapshot) AS t CROSS JOIN LATERAL lead_stage.as_of('lead', t.at + '59:59.999999') AS a;
CREATE VIEW was AS SELECT at, ARRAY[id::text] AS key, stage, owner FROM snapshot;
SELECT (SELECT count(*) FROM told) = (SELECT count(*) FROM was) AS as_many,
       (SELECT count(*) FROM (TABLE was EXCEPT ALL TABLE told) AS d) AS differ, (SELECT count(*) FROM (TABLE told EXCEPT ALL TABLE was) AS d) AS differ_too,
       (SELECT count(*) FROM (TABLE told EXCEPT ALL TABLE told_later) AS d) AS later, (SELECT count(*) FROM (TABLE told_later EXCEPT ALL TABLE told) AS d) AS later_too;
SELECT count(*) AS before_all FROM lead_stage.as_of('lead', '2025-12-31');
SELECT count(*) AS before_all FROM lead_stage.as_of('lead', '-infinity');
SELECT count(*) AS differ FROM
    ((SELECT ARRAY[id::text], stage, owner FROM lead EXCEPT ALL SELECT * FROM lead_stage.as_of('lead', 'infinity'))
     UNION ALL (SELECT * FROM lead_stage.as_of('lead', 'infinity') EXCEPT ALL SELECT ARRAY[id::text], stage, owner FROM lead)) AS d;
SELECT * FROM lead_stage.verify_history('lead');

-- At every instant a lead is in exactly one visit, the one that the snapshot
-- says.  (A key change leaves the stay to the new key.)
CREATE TABLE visit AS SELECT * FROM lead_visits;
CREATE TABLE rekeyed AS SELECT DISTINCT lead_id AS id FROM lead_history WHERE event = 'rekeyed';
SELECT count(*) > 2000 AS many, count(*) FILTER (WHERE v.n = 1 AND v.stage = s.stage AND v.entered_at = s.since) = count(*) AS each_in_one
FROM snapshot AS s CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(v.stage) AS stage, min(v.entered_at) AS entered_at FROM visit AS v
    WHERE v.id = s.id AND v.entered_at <= s.at AND (v.left_at > s.at OR v.left_at IS NULL)) AS v
WHERE s.id NOT IN (SELECT id FROM rekeyed);
-- Those that have ended, one for each move and each delete; those that are open,
-- one for each lead.
SELECT count(*) FILTER (WHERE left_at IS NOT NULL) = (SELECT count(*) FROM lead_history WHERE event IN ('stage', 'deleted')) AS ended,
       count(*) FILTER (WHERE left_at IS NULL) = (SELECT count(*) FROM lead) AS open,
       count(*) FILTER (WHERE left_at < entered_at) AS negative,
       count(*) FILTER (WHERE touched) AS touched
FROM visit;
-- A visit comes from where the one before it led.
SELECT count(*) AS wrong FROM (
    SELECT v.came_from, v.stage, lag(v.stage) OVER w AS before, lag(v.next_stage) OVER w AS led_to, lag(v.left_at) OVER w = v.entered_at AS follows
    FROM visit AS v WHERE v.id NOT IN (SELECT id FROM rekeyed)
    WINDOW w AS (PARTITION BY v.id ORDER BY v.entered_at, v.left_at NULLS LAST, v.next_stage NULLS LAST)) AS v
WHERE led_to = stage AND follows AND came_from IS DISTINCT FROM before;

-- journey: the first entry into each stage, and where the lead is.
SELECT count(*) AS leads, count(*) FILTER (WHERE j.stage = l.stage) AS same_stage,
       count(*) FILTER (WHERE (j.lead_at, j.mql_at, j.sql_at, j.customer_at, j.nurture_at, j.disqualified_at) IS NOT DISTINCT FROM
           (SELECT (min(h.at) FILTER (WHERE to_stage = 'lead'), min(h.at) FILTER (WHERE to_stage = 'mql'), min(h.at) FILTER (WHERE to_stage = 'sql'),
                    min(h.at) FILTER (WHERE to_stage = 'customer'), min(h.at) FILTER (WHERE to_stage = 'nurture'), min(h.at) FILTER (WHERE to_stage = 'disqualified'))
            FROM lead_history AS h WHERE h.lead_id = l.id AND h.event IN ('created', 'stage'))) AS same_entries,
       (SELECT count(*) FROM lead) AS all_leads
FROM lead_journey AS j JOIN lead AS l USING (id) WHERE l.id NOT IN (SELECT id FROM rekeyed);

SELECT * FROM lead_stage.as_of('lead', NULL);
SELECT * FROM lead_stage.as_of(NULL, now());
SELECT * FROM lead_stage.as_of('snapshot', now());

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'past';
DROP SCHEMA past CASCADE;
DROP OWNED BY regress_past;
DROP ROLE regress_past;
