-- On random rows the fit score, and the evidence, are what plain SQL computes.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_fit;
CREATE SCHEMA fit AUTHORIZATION regress_fit;
SET ROLE regress_fit;
SET search_path = fit, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, country text, asked bool, visits numeric, tags text[], seen date);
INSERT INTO lead_stage.model (name) VALUES ('random');
INSERT INTO lead_stage.category VALUES ('random', 'profile', 25), ('random', 'place', 1);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category) VALUES
    ('random', 'r1', 'fit', 'size > 50', 20, 'profile'),
    ('random', 'r2', 'fit', 'size % 3 = 0', 11, 'profile'),
    ('random', 'r3', 'fit', 'country IN (''a'', ''b'')', 9, 'place'),
    ('random', 'r4', 'fit', 'country LIKE ''%a%'' OR asked', -8, 'place'),
    ('random', 'r5', 'fit', 'NOT asked', 2, NULL),
    ('random', 'r6', 'fit', '''x'' = ANY (tags)', 40, NULL),
    ('random', 'r7', 'fit', 'visits / 7 > 5.5', -30, NULL),
    ('random', 'r8', 'fit', 'extract(dow FROM seen) = 1', 1, 'profile'),
    ('random', 'r9', 'fit', NULL, 4, NULL);
SELECT lead_stage.attach('lead', 'random');
SELECT lead_stage.publish('random') > 0 AS published;

CREATE VIEW by_sql AS
    SELECT id,
           least(25, CASE WHEN size > 50 THEN 20 ELSE 0 END + CASE WHEN size % 3 = 0 THEN 11 ELSE 0 END
                     + CASE WHEN extract(dow FROM seen) = 1 THEN 1 ELSE 0 END)
           + least(1, CASE WHEN country IN ('a', 'b') THEN 9 ELSE 0 END
                      + CASE WHEN country LIKE '%a%' OR asked THEN -8 ELSE 0 END)
           + CASE WHEN NOT asked THEN 2 ELSE 0 END
           + CASE WHEN 'x' = ANY (tags) THEN 40 ELSE 0 END
           + CASE WHEN visits / 7 > 5.5 THEN -30 ELSE 0 END + 4 AS fit_score,
           array_remove(ARRAY[CASE WHEN size > 50 THEN 'r1' END, CASE WHEN size % 3 = 0 THEN 'r2' END,
                              CASE WHEN country IN ('a', 'b') THEN 'r3' END, CASE WHEN country LIKE '%a%' OR asked THEN 'r4' END,
                              CASE WHEN NOT asked THEN 'r5' END, CASE WHEN 'x' = ANY (tags) THEN 'r6' END,
                              CASE WHEN visits / 7 > 5.5 THEN 'r7' END, CASE WHEN extract(dow FROM seen) = 1 THEN 'r8' END, 'r9'], NULL) AS held
    FROM lead;

SELECT setseed(0.25);
INSERT INTO lead (id, size, country, asked, visits, tags, seen)
    SELECT g, CASE WHEN random() < 0.9 THEN random() * 100 END,
           (ARRAY['a', 'b', 'ca', 'd', NULL])[1 + floor(random() * 5)],
           CASE WHEN random() < 0.8 THEN random() < 0.5 END,
           CASE WHEN random() < 0.8 THEN round((random() * 100)::numeric, 2) END,
           CASE WHEN random() < 0.7 THEN CASE WHEN random() < 0.5 THEN '{x,y}' ELSE '{y,NULL}' END::text[] END,
           CASE WHEN random() < 0.9 THEN '2026-01-01'::date + (random() * 30)::int END
    FROM generate_series(1, 500) AS g;
SELECT count(*) AS leads, count(*) FILTER (WHERE l.fit_score = s.fit_score) AS same, count(DISTINCT l.fit_score) > 30 AS many_scores
FROM lead AS l JOIN by_sql AS s USING (id);
SELECT count(*) AS differ FROM lead AS l JOIN by_sql AS s USING (id) WHERE l.fit_score IS DISTINCT FROM s.fit_score;

-- History knows the score and the rules that held.
SELECT count(*) AS created, count(*) FILTER (WHERE h.fit_score = s.fit_score AND lead_stage.evidence('lead', h.id) = s.held) AS same
FROM lead_history AS h JOIN by_sql AS s ON s.id = h.lead_id WHERE h.event = 'created';

-- So it is after updates of every column at once, and of one.
UPDATE lead SET size = 100 - size, country = CASE country WHEN 'a' THEN 'd' ELSE 'a' END, asked = NOT asked, tags = NULL;
UPDATE lead SET seen = seen + 1;
SELECT count(*) AS differ FROM lead AS l JOIN by_sql AS s USING (id) WHERE l.fit_score IS DISTINCT FROM s.fit_score;

-- The signals view says the same, rule by rule.
SELECT count(*) AS differ FROM lead_signals AS g JOIN by_sql AS s USING (id)
WHERE array_remove(ARRAY[CASE WHEN fit_r1 THEN 'r1' END, CASE WHEN fit_r2 THEN 'r2' END, CASE WHEN fit_r3 THEN 'r3' END,
                         CASE WHEN fit_r4 THEN 'r4' END, CASE WHEN fit_r5 THEN 'r5' END, CASE WHEN fit_r6 THEN 'r6' END,
                         CASE WHEN fit_r7 THEN 'r7' END, CASE WHEN fit_r8 THEN 'r8' END, CASE WHEN fit_r9 THEN 'r9' END], NULL) <> s.held;

-- And explain's points add up to the score.
SELECT count(*) AS leads, count(*) FILTER (WHERE e.points = l.fit_score) AS add_up, count(*) FILTER (WHERE e.caps > 0) > 10 AS caps_bite
FROM lead AS l CROSS JOIN LATERAL
     (SELECT sum(x.points) FILTER (WHERE x.kind IN ('fit', 'cap')) AS points, count(*) FILTER (WHERE x.kind = 'cap') AS caps
      FROM lead_stage.explain('lead', l.id) AS x) AS e
WHERE l.id % 4 = 0;
SELECT * FROM lead_stage.verify_history('lead');

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'random';
DROP SCHEMA fit CASCADE;
DROP ROLE regress_fit;
