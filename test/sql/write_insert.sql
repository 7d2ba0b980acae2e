-- INSERT of one row and of many, from a query and from a CTE; what RETURNING
-- shows is what was decided.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_insert
\i :setup

INSERT INTO lead (id, size) VALUES (1, 500) RETURNING id, stage, fit_score, stage_reason, stage_since IS NOT NULL AS since;
INSERT INTO lead (id, size, email, met) VALUES (2, 5, 'b', true), (3, 100, 'c', false), (4, NULL, NULL, NULL)
    RETURNING id, stage, fit_score;
INSERT INTO lead (id, size) SELECT g, g * 10 FROM generate_series(5, 12) AS g;
WITH new AS (INSERT INTO lead (id, size) VALUES (20, 500), (21, 5) RETURNING id, stage)
    INSERT INTO lead (id, size, note) SELECT id + 100, 500, stage::text FROM new RETURNING id, stage, note;
WITH a AS (INSERT INTO lead (id, size) VALUES (30, 500)), b AS (UPDATE lead SET owner = 'ann' WHERE id = 1), c AS (DELETE FROM lead WHERE id = 4)
    INSERT INTO lead (id, size) VALUES (31, 500);
-- DEFAULT VALUES lacks the key; nothing is left of the failed statement.
INSERT INTO lead DEFAULT VALUES;
INSERT INTO lead (id, size) VALUES (40, 500), (1, 1);
-- What an application writes into the computed columns is ignored.
INSERT INTO lead (id, size, fit_score, stage_since) VALUES (50, 5, 999, '2000-01-01') RETURNING fit_score, stage_since = now() AS now;
SELECT id, stage, fit_score, stage_reason, note FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
