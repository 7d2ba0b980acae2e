-- The draft of a model with routes, at random: pools, weights, limits, who is
-- away, and moves that depend on who has the lead.  What preview says is what
-- publish and rescore then do, and it takes nobody's turn.  RANDOM_SEED chooses
-- another run.
\set SHOW_CONTEXT never
\getenv seed RANDOM_SEED
\if :{?seed}
\else
    \set seed 0.31
\endif
SET client_min_messages = warning;
CREATE ROLE regress_owner;
GRANT SET ON PARAMETER lead_stage.now TO regress_owner;
GRANT SELECT ON SEQUENCE lead_stage.turn TO regress_owner;
CREATE SCHEMA preview_routes AUTHORIZATION regress_owner;
SET ROLE regress_owner;
SET search_path = preview_routes, public;
SET timezone = 'UTC';
SET lead_stage.now = '2026-03-02 09:00+00';

CREATE TABLE lead (id int PRIMARY KEY, region text, size int, ok bool);
INSERT INTO lead_stage.model (name) VALUES ('preview routes');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('preview routes', 'size', 'fit', 'size > 50', 10);
SELECT lead_stage.attach('lead', 'preview routes');
CREATE INDEX ON lead (owner) WHERE stage IN ('sal', 'sql', 'opportunity');

-- Moves, routes and reps drawn anew; always a way on, so that something moves.
CREATE FUNCTION draw() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    names text[] := '{ann,ben,cat,dan,eva}';
    pools text[] := '{north,south,desk}';
BEGIN
    DELETE FROM lead_stage.route WHERE model = 'preview routes';
    DELETE FROM lead_stage.transition WHERE model = 'preview routes';
    DELETE FROM lead_stage.rep WHERE model = 'preview routes';
    INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, min_fit)
        SELECT 'preview routes', format('t%s', d.i), d.from_stage, d.to_stage, d.i, random() < 0.8,
               (ARRAY['ok', 'NOT ok', 'owner IS NULL', 'owner = ''ann''', 'owner IN (''ben'', ''cat'', ''desk boss'')', 'size > 30 AND stage < ''sql''', NULL, NULL])[1 + floor(random() * 8)],
               CASE WHEN random() < 0.4 THEN 10 END
            FROM (SELECT i, (ARRAY['lead', 'mql', 'sal', 'sql', 'nurture', NULL])[1 + floor(random() * 6)]::lead_stage AS from_stage,
                         (ARRAY['mql', 'sal', 'sql', 'opportunity', 'nurture', 'disqualified'])[1 + floor(random() * 6)]::lead_stage AS to_stage
                  FROM generate_series(1, 12) AS i) AS d
            WHERE d.from_stage IS DISTINCT FROM d.to_stage;
    INSERT INTO lead_stage.rep (model, pool, name, weight, max_open, away, enabled)
        SELECT 'preview routes', p, n, 1 + floor(random() * 6), CASE WHEN random() < 0.4 THEN floor(random() * 6) END,
               CASE WHEN random() < 0.3 THEN '{[2026-03-01,2026-03-04)}'::tstzmultirange END, random() < 0.85
            FROM unnest(pools) AS p CROSS JOIN unnest(names) AS n WHERE random() < 0.6;
    INSERT INTO lead_stage.rep (model, pool, name) SELECT 'preview routes', p, 'last of ' || p FROM unnest(pools) AS p
        WHERE NOT EXISTS (SELECT FROM lead_stage.rep AS r WHERE r.model = 'preview routes' AND r.pool = p AND r.enabled);
    INSERT INTO lead_stage.route (model, name, stage, position, condition, pool, assign_to, reassign)
        SELECT 'preview routes', format('r%s', i), (ARRAY['lead', 'mql', 'sal', 'sql', 'nurture', 'disqualified'])[1 + floor(random() * 6)]::lead_stage, i,
               (ARRAY['region = ''n''', 'size > 40', 'owner IS NULL', 'fit_score > 0', NULL])[1 + floor(random() * 5)],
               CASE WHEN i % 2 = 0 THEN pools[1 + i / 2 % 3] END, CASE WHEN i % 2 = 1 THEN 'desk boss' END, (ARRAY[true, false, NULL])[1 + floor(random() * 3)]
            FROM generate_series(1, 10) AS i;
END
$$;
CREATE TABLE told (round int, stage_now lead_stage, stage_then lead_stage, leads bigint);
CREATE TABLE was (round int, id int, stage lead_stage, owner text);
CREATE TABLE problem (round int, what text);

SELECT setseed(:seed);
DO $$
DECLARE
    turn_before text;
BEGIN
    FOR k IN 1 .. 12 LOOP
        PERFORM draw();
        SET LOCAL client_min_messages = error;
        INSERT INTO lead (id, region, size, ok)
            SELECT k * 100 + i, (ARRAY['n', 's'])[1 + i % 2], random() * 100, CASE WHEN random() < 0.9 THEN random() < 0.5 END FROM generate_series(1, 20) AS i;
        INSERT INTO was SELECT k, l.id, l.stage, l.owner FROM lead AS l;
        turn_before := (SELECT format('%s %s', s.last_value, s.is_called) FROM lead_stage.turn AS s);
        INSERT INTO told SELECT k, p.* FROM lead_stage.preview('lead') AS p;
        IF turn_before <> (SELECT format('%s %s', s.last_value, s.is_called) FROM lead_stage.turn AS s) THEN
            INSERT INTO problem VALUES (k, 'preview took a starting place');
        END IF;
        INSERT INTO problem SELECT k, format('preview changed lead %s', l.id) FROM lead AS l JOIN was AS w USING (id)
            WHERE w.round = k AND (l.stage, l.owner) IS DISTINCT FROM (w.stage, w.owner);
        PERFORM lead_stage.publish('preview routes');
        CALL lead_stage.rescore('lead');
        INSERT INTO problem
            SELECT k, format('%s of %s end in %s, where preview said %s', coalesce(d.leads, 0), coalesce(d.stage_now, t.stage_now), coalesce(d.stage_then, t.stage_then), coalesce(t.leads, 0))
            FROM (SELECT w.stage AS stage_now, l.stage AS stage_then, count(*) AS leads FROM lead AS l JOIN was AS w USING (id) WHERE w.round = k GROUP BY 1, 2) AS d
                 FULL JOIN (SELECT * FROM told WHERE told.round = k) AS t USING (stage_now, stage_then)
            WHERE d.leads IS DISTINCT FROM t.leads;
        -- Whoever got a lead was there, and nobody was given more than his limit.
        INSERT INTO problem
            SELECT k, format('lead %s is %s''s by route %s', h.lead_id, h.owner, h.name)
            FROM lead_history AS h JOIN lead_stage.route AS r ON r.model = 'preview routes' AND r.name = h.name
            WHERE h.event = 'owner' AND h.version = (SELECT m.version FROM lead_stage.model AS m WHERE m.name = 'preview routes')
                  AND NOT CASE WHEN r.pool IS NULL THEN h.owner = r.assign_to
                               WHEN h.owner IS NULL THEN h.reason = format('Nobody in pool "%s" is available.', r.pool)
                               ELSE EXISTS (SELECT FROM lead_stage.rep AS p WHERE p.model = 'preview routes' AND p.pool = r.pool AND p.name = h.owner AND p.enabled
                                                 AND NOT coalesce(p.away @> lead_stage.now(), false)) END;
        INSERT INTO problem
            SELECT k, format('%s of pool %s was given %s leads, of at most %s', p.name, p.pool, g.leads, p.max_open)
            FROM lead_stage.rep AS p
                 CROSS JOIN LATERAL (SELECT count(DISTINCT l.id) AS leads
                                     FROM lead AS l JOIN lead_history AS h ON h.lead_id = l.id AND h.event = 'owner' AND h.owner = p.name
                                          JOIN lead_stage.route AS r ON r.model = p.model AND r.name = h.name AND r.pool = p.pool
                                     WHERE l.owner = p.name AND l.stage IN ('sal', 'sql', 'opportunity')
                                           AND h.version = (SELECT m.version FROM lead_stage.model AS m WHERE m.name = p.model)) AS g
            WHERE p.model = 'preview routes' AND g.leads > p.max_open;
    END LOOP;
END
$$;
SELECT * FROM problem ORDER BY round, what LIMIT 20;
-- The check is not vacuous.
SELECT count(*) FILTER (WHERE stage_now <> stage_then) > 30 AS many_moves, count(DISTINCT round) AS rounds FROM told;
SELECT count(*) > 100 AS many_owners, count(DISTINCT owner) > 5 AS different FROM lead_history WHERE event = 'owner' AND name ~ '^r\d+$';
SELECT * FROM lead_stage.verify_history('lead');

-- Turns: three reps of one weight take them in a ring, whatever is previewed
-- between two leads, and however often; a transaction that only previews has
-- written nothing.
DELETE FROM lead;
DELETE FROM lead_stage.route WHERE model = 'preview routes';
DELETE FROM lead_stage.transition WHERE model = 'preview routes';
DELETE FROM lead_stage.rep WHERE model = 'preview routes';
INSERT INTO lead_stage.rep (model, pool, name) SELECT 'preview routes', 'ring', n FROM unnest('{ann,ben,cat}'::text[]) AS n;
INSERT INTO lead_stage.route (model, name, stage, pool, reassign) VALUES ('preview routes', 'ring', 'lead', 'ring', true), ('preview routes', 'ring on', 'mql', 'ring', true);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, condition) VALUES ('preview routes', 'up', 'lead', 'mql', true, 'ok');
SELECT lead_stage.publish('preview routes') > 0 AS published;
INSERT INTO lead (id) SELECT i FROM generate_series(1, 9) AS i;
UPDATE lead_stage.transition SET condition = 'id > 0' WHERE model = 'preview routes';
CREATE TABLE given (n serial, owner text);
DO $$
BEGIN
    FOR i IN 11 .. 25 LOOP
        PERFORM count(*) FROM lead_stage.preview('lead'), generate_series(1, i % 3);
        INSERT INTO lead (id) VALUES (i);
        INSERT INTO given (owner) SELECT l.owner FROM lead AS l WHERE l.id = i;
    END LOOP;
END
$$;
SELECT count(*) AS leads, count(*) FILTER (WHERE before = owner) AS as_three_before, min(owner) <> max(owner) AS in_turns
    FROM (SELECT owner, lag(owner, 3) OVER (ORDER BY n) AS before FROM given) AS g;
BEGIN;
SELECT stage_now, stage_then, leads FROM lead_stage.preview('lead');
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
-- What was learnt about who is away is not kept for each draft that was ever
-- compiled.
RESET ROLE;
SELECT count(*) AS pools FROM pg_backend_memory_contexts WHERE name = 'lead_stage pool' \gset
SELECT sum(leads) FROM lead_stage.preview('lead');
SELECT sum(leads) FROM lead_stage.preview('lead');
SELECT sum(leads) FROM lead_stage.preview('lead');
SELECT count(*) - :pools AS more FROM pg_backend_memory_contexts WHERE name = 'lead_stage pool';
SET ROLE regress_owner;

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'preview routes';
DROP SCHEMA preview_routes CASCADE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
