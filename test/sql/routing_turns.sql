-- Turns in a pool: whatever the weights, each rep is within one turn of the
-- share that is due, at every moment of a session.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA turns AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = turns, public;
SET timezone = 'UTC';

CREATE TABLE lead (id int PRIMARY KEY, pool text, batch int, note text);
INSERT INTO lead_stage.model (name) VALUES ('turns');

-- Forty pools with one to eight reps and random weights, among them the awkward
-- ones: one heavy rep, all equal, primes.
SELECT setseed(0.42);
INSERT INTO lead_stage.rep (model, pool, name, weight)
    SELECT 'turns', format('p%s', p), format('p%s %s', p, chr(96 + r)),
           CASE WHEN p = 1 THEN 1 WHEN p = 2 THEN (ARRAY[1000, 1, 1, 1, 1, 1, 1, 1])[r]
                WHEN p = 3 THEN (ARRAY[2, 3, 5, 7, 11, 13, 17, 19])[r] ELSE 1 + floor(random() * 12)::int END
    FROM generate_series(1, 40) AS p, generate_series(1, 8) AS r WHERE r <= CASE WHEN p <= 3 THEN 8 ELSE 1 + p % 8 END;
INSERT INTO lead_stage.route (model, name, stage, condition, pool)
    SELECT 'turns', p, 'lead', format('pool = %L', p), p FROM (SELECT DISTINCT pool AS p FROM lead_stage.rep WHERE model = 'turns') AS p;
SELECT lead_stage.attach('lead', 'turns');
SELECT lead_stage.publish('turns') > 0 AS published;

-- The oracle: after each lead of a pool, every rep's count against weight / sum
-- of the weights of those who are there, of what the pool has given since the
-- batch in which it last changed who is there.
CREATE VIEW deviation AS
    WITH there AS (SELECT b.batch, r.pool, r.name, r.weight, sum(r.weight) OVER (PARTITION BY b.batch, r.pool) AS total
                   FROM (SELECT DISTINCT batch FROM lead) AS b, lead_stage.rep AS r
                   WHERE r.model = 'turns' AND NOT coalesce(r.away @> timestamptz '2026-01-01' + b.batch * interval '1 day', false)),
         present AS (SELECT pool, batch, string_agg(name || weight, ',' ORDER BY name) AS names FROM there GROUP BY pool, batch),
         change AS (SELECT pool, batch, names IS DISTINCT FROM lag(names) OVER (PARTITION BY pool ORDER BY batch) AS changed FROM present),
         run AS (SELECT pool, batch, count(*) FILTER (WHERE changed) OVER (PARTITION BY pool ORDER BY batch) AS run FROM change),
         gift AS (SELECT h.id, l.pool, l.batch, run.run, h.owner,
                         row_number() OVER (PARTITION BY l.pool, run.run ORDER BY h.id) AS k
                  FROM lead_history AS h JOIN lead AS l ON l.id = h.lead_id JOIN run USING (pool, batch) WHERE h.event = 'owner')
    SELECT g.pool, g.batch, g.run, g.k, t.name,
           count(*) FILTER (WHERE g.owner = t.name) OVER (PARTITION BY g.pool, g.run, t.name ORDER BY g.k) AS got,
           g.k * t.weight::numeric / t.total AS due
    FROM gift AS g JOIN there AS t USING (pool, batch);

-- One statement, the pools interleaved.
INSERT INTO lead SELECT i, format('p%s', 1 + i % 40), 0 FROM generate_series(1, 10000) AS i;
SELECT count(*) AS rows, count(DISTINCT pool) AS pools, max(abs(got - due)) < 1 AS within_one FROM deviation;
-- The check is not vacuous: reps of the same pool do get different numbers.
SELECT name, max(got) AS got, round(max(due)) AS due FROM deviation WHERE pool = 'p3' GROUP BY name ORDER BY name;

-- A statement for each lead continues where the last one ended.
DO $$
BEGIN
    FOR i IN 10001 .. 10400 LOOP
        INSERT INTO lead VALUES (i, format('p%s', 3 + i % 2), 0);
    END LOOP;
END
$$;
SELECT count(*) AS rows, max(abs(got - due)) < 1 AS within_one FROM deviation;

-- What does not happen takes no turn: rolled back, wholly or in part, not
-- landed, or dropped by a trigger.
BEGIN;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20001, 20007) AS i;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20001, 20007) AS i;
ROLLBACK TO s;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20001, 20003) AS i;
SAVEPOINT s;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20004, 20007) AS i;
RELEASE s;
SAVEPOINT s;
SAVEPOINT t;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20008, 20011) AS i;
RELEASE t;
ROLLBACK TO s;
COMMIT;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20001, 20030) AS i ON CONFLICT DO NOTHING;
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20001, 20030) AS i ON CONFLICT (id) DO UPDATE SET note = 'again';
DO $$
BEGIN
    INSERT INTO lead VALUES (20031, 'p3', 0), (20032, 'p3', 0), (20033, 'p3', 1 / (random() * 0)::int);
EXCEPTION WHEN division_by_zero THEN
    NULL;
END
$$;
CREATE FUNCTION drop_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.id % 2 = 0 THEN new END; END $$;
-- sorts after ours
CREATE TRIGGER "~zz" BEFORE INSERT ON lead FOR EACH ROW EXECUTE FUNCTION drop_odd();
INSERT INTO lead SELECT i, 'p3', 0 FROM generate_series(20101, 20260) AS i;
DROP TRIGGER "~zz" ON lead;
-- Owners that the application gives take no turn either.
INSERT INTO lead (id, pool, batch, owner) SELECT i, 'p3', 0, 'zoe' FROM generate_series(20301, 20307) AS i;
SELECT count(*) AS rows, max(abs(got - due)) < 1 AS within_one FROM deviation WHERE pool = 'p3';

-- Away: whoever is there shares anew, exactly, from that moment; whoever comes
-- back gets no pile.  "batch" is the day; reps are away on random days.
RESET ROLE;
SELECT setseed(0.7);
UPDATE lead_stage.rep AS r SET away =
    (SELECT range_agg(tstzrange(timestamptz '2026-01-01' + d * interval '1 day', timestamptz '2026-01-01' + (d + 1) * interval '1 day'))
     FROM generate_series(1, 30) AS d WHERE random() < 0.4 AND r.name IS NOT NULL)
    WHERE model = 'turns' AND name NOT LIKE '% a';
DO $$
BEGIN
    FOR day IN 1 .. 30 LOOP
        PERFORM set_config('lead_stage.now', (timestamptz '2026-01-01 12:00+00' + day * interval '1 day')::text, false);
        INSERT INTO turns.lead SELECT 100000 + day * 1000 + i, format('p%s', 1 + i % 20), day FROM generate_series(1, 20 * (1 + day * 7 % 11)) AS i;
    END LOOP;
END
$$;
RESET lead_stage.now;
SET ROLE regress_owner;
SELECT count(*) > 3000 AS enough, max(abs(got - due)) < 1 AS within_one FROM deviation WHERE batch > 0;
-- Nobody who was away got anything.
SELECT count(*) FROM lead AS l JOIN lead_stage.rep AS r ON r.name = l.owner
    WHERE l.batch > 0 AND r.away @> timestamptz '2026-01-01' + l.batch * interval '1 day';
-- And over all those days nobody is far from his due.
SELECT max(abs(got - due)) < 5 AS fair_over_all
    FROM (SELECT pool, name, sum(got) AS got, sum(due) AS due
          FROM (SELECT pool, run, name, max(got) AS got, max(due) AS due FROM deviation WHERE batch > 0 GROUP BY 1, 2, 3) AS d GROUP BY 1, 2) AS s;

-- Publishing again, with another weight and one rep more, starts a new run; what
-- is due to the others is kept.
UPDATE lead_stage.rep SET weight = 4 WHERE model = 'turns' AND name = 'p3 a';
INSERT INTO lead_stage.rep (model, pool, name, weight) VALUES ('turns', 'p3', 'p3 z', 6);
SELECT lead_stage.publish('turns') > 0 AS published;
INSERT INTO lead SELECT i, 'p3', 99 FROM generate_series(300001, 300200) AS i;
SELECT count(*) AS rows, max(abs(got - due)) < 1 AS within_one FROM deviation WHERE batch = 99;

-- Sessions that take a single turn each start at different places.
CREATE TABLE start (session int, owner text);
\c -
SET search_path = turns, public;
INSERT INTO lead VALUES (400001, 'p1', 0) RETURNING owner IS NOT NULL AS owned;
INSERT INTO start SELECT 1, owner FROM lead WHERE id = 400001;
\c -
SET search_path = turns, public;
INSERT INTO lead VALUES (400002, 'p1', 0) RETURNING owner IS NOT NULL AS owned;
INSERT INTO start SELECT 2, owner FROM lead WHERE id = 400002;
\c -
SET search_path = turns, public;
INSERT INTO lead VALUES (400003, 'p1', 0) RETURNING owner IS NOT NULL AS owned;
INSERT INTO start SELECT 3, owner FROM lead WHERE id = 400003;
SELECT count(DISTINCT owner) FROM start;

SET client_min_messages = warning;
SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
DELETE FROM lead_stage.model WHERE name = 'turns';
DROP SCHEMA turns CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
