-- Points from the log-odds of an outcome: proposed, never applied.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_suggest;
CREATE SCHEMA suggest AUTHORIZATION regress_suggest;
SET ROLE regress_suggest;
SET search_path = suggest, public;

CREATE TABLE lead (id int PRIMARY KEY, strong bool, weak bool, bad bool, noise bool, won bool);
INSERT INTO lead_stage.model (name) VALUES ('suggest');
INSERT INTO lead_stage.category VALUES ('suggest', 'some', 12);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category, enabled, source) VALUES
    ('suggest', 'strong', 'fit', 'strong', 1, 'some', true, NULL), ('suggest', 'weak', 'fit', 'weak', 1, 'some', true, NULL),
    ('suggest', 'bad', 'fit', 'bad', 1, NULL, true, NULL), ('suggest', 'noise', 'fit', 'noise', 30, NULL, true, NULL),
    ('suggest', 'never', 'fit', 'id < 0', 5, NULL, true, NULL), ('suggest', 'always', 'fit', NULL, 5, NULL, true, NULL),
    ('suggest', 'fails', 'fit', '1 / (id - id) = 1', 5, NULL, true, NULL),
    ('suggest', 'off', 'fit', 'strong', 5, NULL, false, NULL), ('suggest', 'click', 'engagement', 'true', 5, NULL, true, 'web');
SELECT * FROM lead_stage.suggest_points('lead', 'won');
SELECT lead_stage.attach('lead', 'suggest');
SELECT lead_stage.publish('suggest') > 0 AS published;
SELECT * FROM lead_stage.suggest_points('lead', 'won');

SELECT setseed(0.3);
SET client_min_messages = error;
INSERT INTO lead SELECT g, random() < 0.3, random() < 0.5, random() < 0.2, random() < 0.5, NULL FROM generate_series(1, 2000) AS g;
UPDATE lead SET won = CASE WHEN id % 10 > 0 THEN random() < 0.25 + CASE WHEN strong THEN 0.5 ELSE 0 END + CASE WHEN weak THEN 0.1 ELSE 0 END - CASE WHEN bad THEN 0.2 ELSE 0 END END;

-- The same, computed another way: 0.75 of the leads, by the first 28 bits of
-- their key's hash.
CREATE VIEW known AS
    SELECT l.*, ('x' || left(md5(id::text), 7))::bit(28)::int % 4 = 0 AS held_out FROM lead AS l WHERE won IS NOT NULL;
CREATE VIEW by_sql AS
    SELECT r.name, count(*) FILTER (WHERE holds) AS leads, count(*) FILTER (WHERE holds AND won) AS outcomes,
           ln((count(*) FILTER (WHERE holds AND won) + p) / (count(*) FILTER (WHERE holds AND NOT won) + 1 - p))
           - ln((count(*) FILTER (WHERE NOT holds AND won) + p) / (count(*) FILTER (WHERE NOT holds AND NOT won) + 1 - p)) AS weight
    FROM known AS k
         CROSS JOIN (SELECT avg(won::int)::float8 FROM known WHERE NOT held_out) AS a (p)
         CROSS JOIN LATERAL (VALUES ('strong', strong), ('weak', weak), ('bad', bad), ('noise', noise), ('never', false), ('always', true), ('fails', false)) AS r (name, holds)
    WHERE NOT held_out GROUP BY r.name, p;
CREATE TABLE proposed AS SELECT * FROM lead_stage.suggest_points('lead', 'won');
SELECT rule, points, suggested, s.leads = b.leads AS leads, s.outcomes = b.outcomes AS outcomes, rate IS NOT DISTINCT FROM b.outcomes::float8 / nullif(b.leads, 0) AS rate,
       abs(s.weight - b.weight) < 1e-9 AS weight, suggested = round(10 * b.weight / ln(2)) AS points_follow
FROM proposed AS s FULL JOIN by_sql AS b ON b.name = s.rule ORDER BY suggested DESC, rule COLLATE "C";
SELECT avg(held_out::int) BETWEEN 0.2 AND 0.3 AS a_quarter FROM known;

-- Both areas are those of the held-out leads, with the categories' caps.
WITH scored AS (
    SELECT won, least(12, strong::int + weak::int) + bad::int + 30 * noise::int + 5 AS now,
           least(12, strong::int * (SELECT suggested FROM proposed WHERE rule = 'strong') + weak::int * (SELECT suggested FROM proposed WHERE rule = 'weak'))
           + bad::int * (SELECT suggested FROM proposed WHERE rule = 'bad') + noise::int * (SELECT suggested FROM proposed WHERE rule = 'noise') AS suggested
    FROM known WHERE held_out
), area AS (
    SELECT avg(CASE WHEN a.now > b.now THEN 1 WHEN a.now = b.now THEN 0.5 ELSE 0 END) AS now,
           avg(CASE WHEN a.suggested > b.suggested THEN 1 WHEN a.suggested = b.suggested THEN 0.5 ELSE 0 END) AS suggested
    FROM scored AS a JOIN scored AS b ON a.won AND NOT b.won
)
SELECT bool_and(abs(p.auc_now - a.now) < 1e-12) AS now_is_right, bool_and(abs(p.auc_suggested - a.suggested) < 1e-12) AS suggested_is_right,
       bool_and(p.auc_suggested > p.auc_now + 0.1) AS better
FROM proposed AS p CROSS JOIN area AS a;

-- Deterministic, and nothing is changed by it.
SET datestyle = 'German';
SET extra_float_digits = -10;
SELECT * FROM lead_stage.suggest_points('lead', 'won') EXCEPT SELECT * FROM proposed;
RESET datestyle;
RESET extra_float_digits;
SELECT name, points FROM lead_stage.rule WHERE model = 'suggest' AND kind = 'fit' AND points <> 5 ORDER BY name;
SELECT count(DISTINCT version) AS versions FROM lead_stage.version WHERE model = 'suggest';

SET client_min_messages = warning;
SELECT * FROM lead_stage.suggest_points('lead', NULL);
SELECT * FROM lead_stage.suggest_points(NULL, 'won');
SELECT * FROM lead_stage.suggest_points('lead', '(SELECT true)');
SELECT * FROM lead_stage.suggest_points('lead', 'random() < 0.5');
SET client_min_messages = error;
SELECT * FROM lead_stage.suggest_points('lead', 'id > 0');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'suggest';
DROP SCHEMA suggest CASCADE;
DROP ROLE regress_suggest;
