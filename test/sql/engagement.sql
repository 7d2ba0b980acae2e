-- Activities become decaying, capped scores that are exact whatever order they
-- come in, and that move leads.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_engagement;
CREATE ROLE regress_writer;
GRANT SET ON PARAMETER lead_stage.now TO regress_engagement, regress_writer;
CREATE SCHEMA eng AUTHORIZATION regress_engagement;
SET ROLE regress_engagement;
SET search_path = eng, public;
SET timezone = 'UTC';

CREATE TABLE lead (id bigint PRIMARY KEY, size int);
CREATE TABLE activity (id bigserial PRIMARY KEY, lead_id int REFERENCES lead ON DELETE CASCADE, kind text, happened_at timestamptz NOT NULL);
CREATE TABLE call (no int PRIMARY KEY, whom bigint, result text, at timestamptz, entered timestamptz DEFAULT now());
CREATE INDEX ON activity (lead_id);
CREATE INDEX ON call (whom);

INSERT INTO lead_stage.model (name) VALUES ('eng');
INSERT INTO lead_stage.category VALUES ('eng', 'content', 30);
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('eng', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, cap, half_life, category) VALUES
    ('eng', 'visit', 'engagement', 'web', $$kind = 'visit'$$, 5, 20, '10 days', 'content'),
    ('eng', 'asset', 'engagement', 'web', $$kind = 'asset'$$, 8, NULL, '30 days', 'content'),
    ('eng', 'form', 'engagement', 'web', $$kind = 'form'$$, 15, NULL, NULL, NULL),
    ('eng', 'left_list', 'engagement', 'web', $$kind = 'unsubscribe'$$, -10, NULL, '20 days', NULL),
    ('eng', 'spoke', 'engagement', 'calls', $$result = 'reached'$$, 0, NULL, NULL, NULL),
    ('eng', 'tried', 'engagement', 'calls', NULL, 1, 3, '1 day', NULL);
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, automatic, min_score) VALUES
    ('eng', 'mql_by_score', 1, 'lead', 'mql', true, 40);
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, automatic, below_engagement) VALUES
    ('eng', 'gone_cold', 2, 'mql', 'nurture', true, 12);
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, signal, signal_within) VALUES
    ('eng', 'accepted', 3, 'mql', 'sal', 'spoke', '2 days');
INSERT INTO lead_stage.criterion (model, name, required_for, question, signal) VALUES ('eng', 'talked', 'sql', 'Has anybody spoken with them?', 'spoke');
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage) VALUES ('eng', 'confirmed', 4, 'mql', 'sql');
INSERT INTO lead_stage.milestone (model, name, signal) VALUES ('eng', 'form_sent', 'form');

SELECT lead_stage.attach('lead', 'eng');
-- the key and the time are found, or named
SELECT lead_stage.attach_activity('activity', 'lead', 'web');
SELECT lead_stage.attach_activity('call', 'lead', 'calls', '{whom}');
SELECT lead_stage.attach_activity('call', 'lead', 'calls', '{whom}');
SELECT source, activities, lead_key, at FROM lead_stage.activity_binding ORDER BY source;
SELECT lead_stage.publish('eng') > 0 AS published;
SELECT attname FROM pg_attribute WHERE attrelid = 'activity_signals'::regclass AND attnum > 0 ORDER BY attnum;

-- Whoever may insert an activity needs nothing else.
GRANT USAGE ON SCHEMA eng TO regress_writer;
GRANT INSERT ON activity, call TO regress_writer;
GRANT USAGE ON SEQUENCE activity_id_seq TO regress_writer;

-- What the state must be: a recomputation from all activities.
CREATE FUNCTION expected(t timestamptz) RETURNS TABLE (id bigint, engagement double precision) LANGUAGE sql STABLE AS $$
    WITH touch AS (
        SELECT lead_id::bigint AS lead, kind AS rule, happened_at AS at FROM activity WHERE lead_id IS NOT NULL
        UNION ALL SELECT whom, 'tried', call.at FROM call WHERE whom IS NOT NULL AND call.at IS NOT NULL
    ), sums AS (
        SELECT lead, rule, sum(CASE rule WHEN 'visit' THEN 5 * 2 ^ (-extract(epoch FROM t - at) / 864000)
                                         WHEN 'asset' THEN 8 * 2 ^ (-extract(epoch FROM t - at) / 2592000)
                                         WHEN 'form' THEN 15
                                         WHEN 'unsubscribe' THEN -10 * 2 ^ (-extract(epoch FROM t - at) / 1728000)
                                         WHEN 'tried' THEN 2 ^ (-extract(epoch FROM t - at) / 86400) END::double precision) AS points
            FROM touch WHERE at <= t GROUP BY lead, rule
    )
    SELECT lead,
           least(30, coalesce(sum(CASE rule WHEN 'visit' THEN least(20, points) WHEN 'asset' THEN points END), 0))
           + coalesce(sum(CASE rule WHEN 'form' THEN points WHEN 'unsubscribe' THEN points WHEN 'tried' THEN least(3, points) END), 0)
        FROM sums GROUP BY lead $$;
CREATE FUNCTION differences(t timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM lead AS l LEFT JOIN expected(t) AS e USING (id) LEFT JOIN lead_state AS s USING (id)
    WHERE abs(coalesce(lead_stage.engagement(s.engagement_state, t), 0) - coalesce(e.engagement, 0))
          > 1e-9 * greatest(1, abs(coalesce(e.engagement, 0))) $$;

SET lead_stage.now = '2026-03-01 00:00+00';
INSERT INTO lead SELECT g, g * 10 FROM generate_series(1, 40) AS g;
SET ROLE regress_writer;
INSERT INTO eng.activity (lead_id, kind, happened_at) VALUES (1, 'visit', '2026-02-19'), (1, 'visit', '2026-03-01'), (NULL, 'visit', '2026-03-01');
SET ROLE regress_engagement;
SELECT id, regexp_replace(engagement_state::text, '^{[0-9]+', '{model'), last_touch_at FROM lead_state ORDER BY id;
SELECT engagement_now, score_now FROM lead_live WHERE id = 1;
SELECT differences(lead_stage.now());

-- Random statements of every kind, in any order of time.
DO $$
DECLARE
    kinds text[] := '{visit,asset,form,unsubscribe,nothing}';
BEGIN
    PERFORM setseed(0.5);
    FOR i IN 1 .. 150 LOOP
        CASE floor(random() * 10)::int
            WHEN 0 THEN UPDATE activity SET kind = kinds[1 + floor(random() * 5)::int] WHERE id % 17 = i % 17;
            WHEN 1 THEN UPDATE activity SET lead_id = 1 + floor(random() * 40)::int WHERE id % 23 = i % 23;
            WHEN 2 THEN UPDATE activity SET happened_at = happened_at - random() * interval '5 days' WHERE id % 13 = i % 13;
            WHEN 3 THEN DELETE FROM activity WHERE id % 29 = i % 29;
            WHEN 4 THEN INSERT INTO call SELECT i * 100 + g, 1 + floor(random() * 60)::int, CASE WHEN random() < 0.5 THEN 'reached' END,
                                                '2026-03-01'::timestamptz - random() * interval '6 days' FROM generate_series(1, 5) AS g;
            WHEN 5 THEN DELETE FROM call WHERE no % 11 = i % 11;
            ELSE INSERT INTO activity (lead_id, kind, happened_at)
                SELECT CASE WHEN random() < 0.9 THEN 1 + floor(random() * 40)::int END, kinds[1 + floor(random() * 5)::int],
                       '2026-03-01'::timestamptz - random() * interval '90 days' FROM generate_series(1, 1 + floor(random() * 20)::int);
        END CASE;
    END LOOP;
END $$;
SELECT count(*) > 300 AS activities FROM activity;
SELECT differences('2026-03-01'), differences('2026-04-01'), differences('2026-09-01');
-- A stage is what the score says, and what the lead had done before it.
SELECT count(*) FROM lead_live WHERE stage = 'lead' AND score_now >= 40;
SELECT * FROM lead_stage.verify_history('lead');
-- The points that explain shows add up.
SELECT count(*) FROM lead_live AS l CROSS JOIN LATERAL
    (SELECT sum(x.points) AS points FROM lead_stage.explain('lead', l.id) AS x WHERE x.kind IN ('fit', 'engagement', 'cap')) AS x
WHERE abs(x.points - l.score_now) > 1e-9;

-- Signals: a move, a check and a milestone that wait for an activity.
TRUNCATE activity, call;
SELECT differences(lead_stage.now());
DELETE FROM lead;
INSERT INTO lead VALUES (1, 200), (2, 200);
SET lead_stage.now = '2026-03-02 00:00+00';
INSERT INTO activity (lead_id, kind, happened_at) SELECT g, 'form', '2026-03-02' FROM generate_series(1, 2) AS g, generate_series(1, 2);
SELECT id, stage FROM lead ORDER BY id;
UPDATE lead SET stage = 'sal' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE lead SET stage = 'sql' WHERE id = 2;
INSERT INTO call VALUES (1, 1, 'reached', '2026-03-02'), (2, 2, 'no answer', '2026-03-02');
UPDATE lead SET stage = 'sal' WHERE id = 1;
UPDATE lead SET stage = 'sql' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO call VALUES (3, 2, 'reached', '2026-03-02');
UPDATE lead SET stage = 'sql' WHERE id = 2;
SELECT id, stage FROM lead ORDER BY id;
SELECT lead_id, event, name, from_stage, to_stage, touched, engagement FROM lead_history
WHERE at >= '2026-03-02' ORDER BY id;

-- What an activity dated in the future brings, it brings then.
INSERT INTO lead VALUES (3, 0);
INSERT INTO activity (lead_id, kind, happened_at) SELECT 3, 'form', '2026-03-05 12:00+00' FROM generate_series(1, 3);
SELECT engagement_now FROM lead_live WHERE id = 3;
SELECT recheck_at FROM lead_state WHERE id = 3;
SET lead_stage.now = '2026-03-09 00:00+00';
CALL lead_stage.sweep();
SELECT stage, stage_since, engagement_now FROM lead_live WHERE id = 3;

-- A rescore counts everything again, also after a change of a half-life.
UPDATE lead_stage.rule SET half_life = '10 days' WHERE name = 'form';
SELECT lead_stage.publish('eng') > 0 AS published;
CALL lead_stage.rescore('lead');
SELECT round(engagement_now::numeric, 6) AS now, round((45 * 2 ^ (-3.5 / 10))::numeric, 6) AS expected FROM lead_live WHERE id = 3;
-- and then decay takes the lead to where it belongs, at its own instant
SET lead_stage.now = '2026-05-01 00:00+00';
CALL lead_stage.sweep();
SELECT stage, round(extract(epoch FROM stage_since - ('2026-03-05 12:00+00'::timestamptz + log(2, 45.0 / 12) * interval '10 days'))::numeric, 3) AS off FROM lead WHERE id = 3;
SELECT * FROM lead_stage.verify_history('lead');
SELECT count(*) FROM lead_state WHERE recheck_at <= lead_stage.now();

-- Cannot be attached.
CREATE TABLE note (id int PRIMARY KEY, lead_id bigint, at timestamp);
SELECT lead_stage.attach_activity('note', 'lead');
SELECT lead_stage.attach_activity('note', 'lead', lead_key => '{lead_id}');
SELECT lead_stage.attach_activity('note', 'lead', lead_key => '{lead_id}', at => 'at');
SELECT lead_stage.attach_activity('note', 'lead', lead_key => '{lead_id,id}');
SELECT lead_stage.attach_activity('note', 'lead', lead_key => '{nobody}');
SELECT lead_stage.attach_activity('lead', 'lead');
SELECT lead_stage.attach_activity(NULL, 'lead');
SELECT lead_stage.attach_activity('activity', 'lead', 'other');
UPDATE lead_stage.rule SET condition = 'channel = ''ad''' WHERE model = 'eng' AND name = 'visit';
SELECT lead_stage.publish('eng');
SELECT lead_stage.detach_activity('note');
SELECT lead_stage.detach_activity('call');
SELECT lead_stage.detach('lead');
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('lead'::regclass, 'activity'::regclass, 'call'::regclass) AND NOT tgisinternal;
SELECT count(*) FROM lead_stage.activity_binding;

RESET ROLE;
RESET search_path;
DELETE FROM lead_stage.model;
DROP SCHEMA eng CASCADE;
DROP OWNED BY regress_engagement, regress_writer;
DROP ROLE regress_engagement, regress_writer;
