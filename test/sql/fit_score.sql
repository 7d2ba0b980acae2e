-- The fit score is the points of the rules that hold, with their caps.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_fit;
CREATE SCHEMA fit AUTHORIZATION regress_fit;
SET ROLE regress_fit;
SET search_path = fit, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, country text, asked bool);
INSERT INTO lead_stage.model (name) VALUES ('fit');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('fit', 'big', 'fit', 'size >= 100', 30),
    ('fit', 'far', 'fit', 'country = ''nowhere''', -50),
    ('fit', 'asked', 'fit', 'asked', 7),
    ('fit', 'any', 'fit', NULL, 1),
    ('fit', 'a placeless lead', 'fit', 'NOT (country IS NOT NULL)', 2),
    ('fit', 'nothing', 'fit', 'true', 0);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, enabled) VALUES
    ('fit', 'off', 'fit', 'true', 1000, false);
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points) VALUES
    ('fit', 'other kind', 'engagement', 'web', 'true', 1000);
SELECT lead_stage.attach('lead', 'fit');
SELECT lead_stage.publish('fit') > 0 AS published;

-- A condition that is null counts as false; no condition, as true.  A rule
-- that is off, or of the other kind, gives nothing.
INSERT INTO lead (id, size, country, asked) VALUES
    (1, NULL, NULL, NULL),
    (2, 99, NULL, false),
    (3, 100, NULL, true),
    (4, 100, 'UK', NULL),
    (5, NULL, 'nowhere', NULL);
SELECT id, fit_score,
       CASE id WHEN 1 THEN 1 + 2 WHEN 2 THEN 1 + 2 WHEN 3 THEN 1 + 2 + 30 + 7 WHEN 4 THEN 1 + 30
               WHEN 5 THEN 1 - 50 END AS by_hand
FROM lead ORDER BY id;

-- What explain shows adds up, rules without a condition included.
SELECT l.id, l.fit_score, sum(e.points) FILTER (WHERE e.kind IN ('fit', 'cap')) AS explained, bool_or(e.holds) FILTER (WHERE e.name = 'any') AS any_holds
FROM lead AS l CROSS JOIN LATERAL lead_stage.explain('lead', l.id) AS e GROUP BY l.id ORDER BY l.id;

-- An update scores again, both ways.
UPDATE lead SET size = 1000 WHERE id = 2;
UPDATE lead SET size = NULL WHERE id = 4;
SELECT id, fit_score FROM lead WHERE id IN (2, 4) ORDER BY id;

-- A category caps the sum of its rules, never lifts it, and does not touch
-- what is outside.
INSERT INTO lead_stage.category VALUES ('fit', 'profile', 12), ('fit', 'open', NULL), ('fit', 'little', 1);
DELETE FROM lead_stage.rule WHERE model = 'fit';
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category) VALUES
    ('fit', 'a', 'fit', 'size > 0', 10, 'profile'),
    ('fit', 'b', 'fit', 'size > 1', 9, 'profile'),
    ('fit', 'c', 'fit', 'size > 2', -15, 'profile'),
    ('fit', 'd', 'fit', 'size > 3', 100, 'open'),
    ('fit', 'e', 'fit', 'size > 4', 8, 'little'),
    ('fit', 'f', 'fit', 'size > 5', -20, 'little'),
    ('fit', 'g', 'fit', 'size > 6', 1, NULL);
SELECT lead_stage.publish('fit') > 0 AS published;
TRUNCATE lead;
INSERT INTO lead (id, size) SELECT g, g FROM generate_series(0, 7) AS g;
SELECT id, fit_score,
       (ARRAY[0, 10, 12, 10 + 9 - 15, 4 + 100, 104 + 1, 104 + 8 - 20, 92 + 1])[id + 1] AS by_hand
FROM lead ORDER BY id;

-- The largest points there can be, in one category and outside.
DELETE FROM lead_stage.rule WHERE model = 'fit';
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category)
    SELECT 'fit', 'r' || g, 'fit', format('size >= %s', g), CASE WHEN g > 40 THEN -10000 ELSE 10000 END, CASE WHEN g % 2 = 0 THEN 'open' END
    FROM generate_series(1, 100) AS g;
SELECT lead_stage.publish('fit') > 0 AS published;
TRUNCATE lead;
INSERT INTO lead (id, size) VALUES (1, 40), (2, 100);
SELECT id, fit_score FROM lead ORDER BY id;

-- A model without rules gives no points, not null.
DELETE FROM lead_stage.rule WHERE model = 'fit';
SELECT lead_stage.publish('fit') > 0 AS published;
INSERT INTO lead (id) VALUES (10);
SELECT fit_score FROM lead WHERE id = 10;
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'fit';
DROP SCHEMA fit CASCADE;
DROP ROLE regress_fit;
