-- A prepared statement follows every publish, in an open transaction too, and
-- history says by which version a row was judged.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_prepared
\i :setup

SET plan_cache_mode = force_generic_plan;
PREPARE ins AS INSERT INTO lead (id, size) VALUES ($1, $2) RETURNING stage, fit_score;
PREPARE upd AS UPDATE lead SET size = $2 WHERE id = $1 RETURNING stage, fit_score;
CREATE FUNCTION cached(int, int) RETURNS text LANGUAGE plpgsql AS
    $$ DECLARE s text; BEGIN UPDATE lead SET size = $2 WHERE id = $1 RETURNING stage || ' ' || fit_score INTO s; RETURN s; END $$;
EXECUTE ins (1, 500);
EXECUTE upd (1, 600);
SELECT cached(1, 601);
UPDATE lead_stage.rule SET points = 30 WHERE model = 'write_prepared' AND name = 'big';
EXECUTE upd (1, 602);
SELECT lead_stage.publish('write_prepared') > 0 AS published;
EXECUTE upd (1, 603);
SELECT cached(1, 5);
EXECUTE ins (2, 500);
BEGIN;
EXECUTE ins (3, 500);
UPDATE lead_stage.rule SET points = 40 WHERE model = 'write_prepared' AND name = 'big';
SELECT lead_stage.publish('write_prepared') > 0 AS published;
EXECUTE ins (4, 500);
SELECT cached(3, 700);
ROLLBACK;
EXECUTE ins (5, 500);
EXECUTE upd (5, 501);
-- A column more, one renamed, one that the rules come to read.
ALTER TABLE lead ADD COLUMN extra int DEFAULT 7;
EXECUTE ins (6, 500);
ALTER TABLE lead RENAME COLUMN note TO remark;
EXECUTE upd (6, 5);
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('write_prepared', 'extra', 'fit', 'extra > 5', 3);
SELECT lead_stage.publish('write_prepared') > 0 AS published;
EXECUTE upd (6, 500);
SELECT h.lead_id, dense_rank() OVER (ORDER BY h.version) AS version, h.fit_score, story(h) FROM lead_history AS h ORDER BY h.lead_id, h.id;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
