-- Ten bands of the scores, against what became of the leads.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_backtest;
CREATE ROLE regress_backtest_reader;
CREATE SCHEMA backtest AUTHORIZATION regress_backtest;
GRANT USAGE ON SCHEMA backtest TO regress_backtest_reader;
SET ROLE regress_backtest;
SET search_path = backtest, public;

-- Two key columns, one called as a column of ours is in the live view.
CREATE TABLE lead (stage_label text, part int, points int, won bool, region text, PRIMARY KEY (stage_label, part));
INSERT INTO lead_stage.model (name) VALUES ('backtest');
INSERT INTO lead_stage.rule (model, name, kind, condition, points)
    SELECT 'backtest', 'bit ' || g, 'fit', format('points & %s <> 0', 1 << g), 1 << g FROM generate_series(0, 6) AS g;
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('backtest', 'warm', 'lead', 'mql', true, 50);

-- Errors, from the first thing missing to the last.
SELECT * FROM lead_stage.backtest(NULL, 'won');
SELECT * FROM lead_stage.backtest('lead', 'won');
SELECT lead_stage.attach('lead', 'backtest');
SELECT * FROM lead_stage.backtest('lead', 'won');
SELECT lead_stage.publish('backtest') > 0 AS published;
SELECT * FROM lead_stage.backtest('lead', NULL);
SELECT * FROM lead_stage.backtest('lead', 'won');

-- Small enough to be counted by hand: of 3 × 2 pairs 4 are in order and one
-- is a tie, so 4.5 / 6.
INSERT INTO lead (stage_label, part, points, won) VALUES ('a', 1, 1, false), ('b', 1, 2, true), ('c', 1, 3, false), ('d', 1, 3, true), ('e', 1, 4, true);
SELECT * FROM lead_stage.backtest('lead', 'won') WHERE leads > 0;
SELECT count(*) AS bands, sum(leads) AS leads, sum(outcomes) AS outcomes, min(auc) FROM lead_stage.backtest('lead', 'won');
-- Turned round, the pairs are turned round.
SELECT DISTINCT auc FROM lead_stage.backtest('lead', 'NOT won');
-- Every score equal: one band in the middle, and no better than a coin.
UPDATE lead SET points = 7;
SELECT band, min_score, max_score, leads, outcomes, rate, lift, auc FROM lead_stage.backtest('lead', 'won') WHERE leads > 0;
DELETE FROM lead;

-- Bands are tenths where no score is shared: the lead of rank r is in band 1 + (r - 1) / 10.
INSERT INTO lead (stage_label, part, points, won) SELECT 'x', g, g - 1, g % 3 = 0 FROM generate_series(1, 100) AS g;
SELECT band, min_score, max_score, leads, outcomes, rate, round(lift::numeric, 6) AS lift FROM lead_stage.backtest('lead', 'won');

-- On random scores and outcomes the area is that of all pairs, one by one.
DELETE FROM lead;
SELECT setseed(0.6);
INSERT INTO lead (stage_label, part, points, won, region)
    SELECT chr(97 + g % 26), g, random() * random() * 127, CASE WHEN random() < 0.9 THEN random() < 0.4 END, (ARRAY['n', 's'])[1 + g % 2] FROM generate_series(1, 700) AS g;
UPDATE lead SET won = won OR points > 60 WHERE part % 4 = 0;
CREATE VIEW by_pairs AS
    SELECT avg(CASE WHEN a.fit_score > b.fit_score THEN 1 WHEN a.fit_score = b.fit_score THEN 0.5 ELSE 0 END) AS auc
    FROM lead AS a JOIN lead AS b ON a.won AND NOT b.won;
SET client_min_messages = notice;
SELECT count(*) AS bands, sum(t.leads) = (SELECT count(*) FROM lead WHERE won IS NOT NULL) AS known_only, sum(outcomes) = (SELECT count(*) FROM lead WHERE won) AS all_outcomes,
       bool_and(abs(t.auc - p.auc) < 1e-12) AS auc_is_right, round(min(p.auc), 3) AS auc,
       bool_and(rate = outcomes::float8 / t.leads) AS rates, abs(sum(lift * t.leads) / sum(t.leads) - 1) < 1e-9 AS lift_is_1_on_average
FROM lead_stage.backtest('lead', 'won') AS t CROSS JOIN by_pairs AS p;
SET client_min_messages = warning;
-- Bands follow each other and hold what lies between their ends.
SELECT count(*) FILTER (WHERE before >= min_score) AS overlap, bool_and(leads = inside) AS whole
FROM (SELECT t.*, lag(max_score) OVER (ORDER BY band) AS before,
             (SELECT count(*) FROM lead AS l WHERE l.won IS NOT NULL AND l.fit_score BETWEEN t.min_score AND t.max_score) AS inside
      FROM lead_stage.backtest('lead', 'won') AS t WHERE leads > 0) AS t;
-- A null counted as no is one that the caller says is no.
SELECT sum(leads) AS leads FROM lead_stage.backtest('lead', 'coalesce(won, false)');

-- Stage and owner may be part of it, and times are the model's.
SELECT sum(outcomes) = (SELECT count(*) FROM lead WHERE stage >= 'mql') AS same, min(auc) AS auc FROM lead_stage.backtest('lead', 'stage >= ''mql''');
-- What may not.
SELECT * FROM lead_stage.backtest('lead', 'won AND EXISTS (SELECT FROM lead)');
SELECT * FROM lead_stage.backtest('lead', 'random() < 0.5');
SELECT * FROM lead_stage.backtest('lead', 'count(*) > 0');
SELECT * FROM lead_stage.backtest('lead', 'row_number() OVER () = 1');
SELECT * FROM lead_stage.backtest('lead', 'generate_series(1, 2) = 1');
SELECT * FROM lead_stage.backtest('lead', 'current_user = region');
SELECT * FROM lead_stage.backtest('lead', 'part');
SELECT * FROM lead_stage.backtest('lead', 'paid');
SELECT * FROM lead_stage.backtest('lead', 'won; DROP TABLE lead');
SELECT * FROM lead_stage.backtest('lead', 'won AS x FROM lead');
SELECT * FROM lead_stage.backtest('lead', '');
SELECT * FROM lead_stage.backtest('lead', 'part > 0');
SELECT * FROM lead_stage.backtest('lead', 'region = ''w''');
SELECT * FROM lead_stage.backtest('lead', 'part / (part - part) = 1');

-- Reading needs SELECT, and shows what the reader may see.
RESET ROLE;
SET ROLE regress_backtest_reader;
SELECT count(*) FROM lead_stage.backtest('backtest.lead', 'won');
SET ROLE regress_backtest;
GRANT SELECT ON lead, lead_live, lead_state TO regress_backtest_reader;
SET ROLE regress_backtest_reader;
SELECT sum(leads) AS leads FROM lead_stage.backtest('backtest.lead', 'won IS NOT NULL');
BEGIN READ ONLY;
SELECT sum(leads) AS leads FROM lead_stage.backtest('backtest.lead', 'coalesce(won, false)');
COMMIT;
SET ROLE regress_backtest;
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON lead FOR SELECT TO regress_backtest_reader USING (region = 'n');
SET ROLE regress_backtest_reader;
SELECT sum(leads) AS leads FROM lead_stage.backtest('backtest.lead', 'won IS NOT NULL');
SELECT * FROM lead_stage.backtest('backtest.lead', 'region = ''n''');

-- Without the compiled model there is no score.
SET ROLE regress_backtest;
SELECT lead_stage.unpublish('lead');
SELECT * FROM lead_stage.backtest('lead', 'won');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'backtest';
DROP SCHEMA backtest CASCADE;
DROP ROLE regress_backtest, regress_backtest_reader;
