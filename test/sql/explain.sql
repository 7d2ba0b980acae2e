-- explain: why a lead is where it is, and what is missing for the next stage.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_explain;
CREATE ROLE regress_reader;
GRANT SET ON PARAMETER lead_stage.now TO regress_explain;
CREATE SCHEMA explain AUTHORIZATION regress_explain;
GRANT USAGE ON SCHEMA explain TO regress_reader;
SET ROLE regress_explain;
SET search_path = explain, public;
SET intervalstyle = 'postgres';

CREATE TABLE lead (id int PRIMARY KEY, size int, need bool, budget numeric, meeting_at timestamptz, region text);
INSERT INTO lead_stage.model (name) VALUES ('explain');
INSERT INTO lead_stage.category VALUES ('explain', 'profile', 25), ('explain', 'rest', NULL);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category, note, enabled) VALUES
    ('explain', 'big', 'fit', 'size > 100', 20, 'profile', 'Pays for itself.', true), ('explain', 'known', 'fit', 'size IS NOT NULL', 10, 'profile', NULL, true),
    ('explain', 'far', 'fit', 'region = ''far''', -7, NULL, NULL, true), ('explain', 'any', 'fit', NULL, 1, 'rest', NULL, true), ('explain', 'off', 'fit', NULL, 1000, NULL, NULL, false);
INSERT INTO lead_stage.criterion (model, name, required_for, question, condition, position) VALUES
    ('explain', 'need', 'sql', 'What do they need?', 'need', 2), ('explain', 'money', 'sql', NULL, 'budget > 0', 1), ('explain', 'late', 'opportunity', 'Later?', 'false', NULL);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, condition, in_stage_for, idle_for, not_before, reasons) VALUES
    ('explain', 'up', 'lead', 'mql', 1, true, 15, NULL, NULL, NULL, NULL, NULL),
    ('explain', 'confirm', 'mql', 'sql', 2, false, 26, 'region <> ''far''', NULL, NULL, NULL, NULL),
    ('explain', 'wait', 'mql', 'lost', 3, true, NULL, NULL, '30 days', '60 days', 'meeting_at', NULL),
    ('explain', 'down', NULL, 'nurture', 4, false, NULL, NULL, NULL, NULL, NULL, '{}'),
    ('explain', 'sell', 'sql', 'opportunity', 5, false, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO lead_stage.route (model, name, stage, position, condition, assign_to) VALUES
    ('explain', 'far team', 'mql', 1, 'region = ''far''', 'ann'), ('explain', 'others', 'mql', 2, NULL, 'bob'), ('explain', 'sql team', 'sql', 3, NULL, 'carl');
INSERT INTO lead_stage.sla (model, name, stage, target, calendar) VALUES ('explain', 'call', 'mql', '04:00', 'always');
INSERT INTO lead_stage.milestone (model, name, condition, note) VALUES ('explain', 'meeting', 'meeting_at IS NOT NULL', 'It is in the diary.');
SELECT lead_stage.attach('lead', 'explain');
SELECT * FROM lead_stage.explain('lead', 1);
SELECT lead_stage.publish('explain') > 0 AS published;
SET lead_stage.now = '2026-03-01 00:00+00';
INSERT INTO lead VALUES (1, 500, NULL, 3, NULL, 'far'), (2, NULL, true, NULL, '2026-03-02 00:00+00', NULL), (3, 500, true, 1, NULL, 'near');

-- An MQL whose points are capped, far away, with one of two checks met.
SELECT * FROM lead_stage.explain('lead', 1);
SELECT id, stage, fit_score FROM lead WHERE id = 1;
-- A lead with nothing but a meeting.
SELECT kind, name, holds, points, detail FROM lead_stage.explain('lead', '2') WHERE kind <> 'criterion';
SELECT id, stage, fit_score FROM lead WHERE id = 2;
-- What holds is said by the engine: this move can be made.
SELECT kind, name, holds, detail FROM lead_stage.explain('lead', 3) WHERE kind = 'transition' AND name = 'confirm';
SELECT kind, name, holds, detail FROM lead_stage.explain('lead', 3) WHERE kind = 'criterion';
UPDATE lead SET stage = 'sql' WHERE id = 3;
SELECT kind, name, holds, detail FROM lead_stage.explain('lead', 3) WHERE kind IN ('transition', 'route', 'sla');
-- It says what is so now, not what was at the last write.
SET lead_stage.now = '2026-05-01 00:00+00';
SELECT kind, name, holds, detail FROM lead_stage.explain('lead', 1) WHERE name = 'wait';
SELECT id, stage FROM lead WHERE id = 1;

-- What explain says of moves is what happens, for all leads and all moves.
CREATE TABLE tried (id int, name text, said bool, done bool);
DO $$
DECLARE
    way record;
    to_stage public.lead_stage;
    allowed bool;
BEGIN
    PERFORM setseed(0.1), set_config('lead_stage.now', '2026-03-01 00:00+00', true);
    INSERT INTO explain.lead SELECT g, CASE WHEN random() < 0.8 THEN random() * 200 END, random() < 0.6, CASE WHEN random() < 0.7 THEN random() - 0.2 END,
                                    CASE WHEN random() < 0.5 THEN '2026-04-01'::timestamptz + random() * interval '60 days' END, (ARRAY['far', 'near', NULL])[1 + floor(random() * 3)]
        FROM generate_series(100, 149) AS g;
    PERFORM set_config('lead_stage.now', '2026-05-15 00:00+00', true);
    -- what has fallen due would happen before the move that is tried
    CALL lead_stage.sweep();
    FOR way IN SELECT l.id, x.name, x.holds, t.to_stage FROM explain.lead AS l CROSS JOIN LATERAL lead_stage.explain('explain.lead', l.id) AS x
                   JOIN lead_stage.transition AS t ON t.model = 'explain' AND t.name = x.name WHERE x.kind = 'transition' AND l.id >= 100 LOOP
        BEGIN
            UPDATE explain.lead SET stage = way.to_stage, stage_reason = 'tried' WHERE id = way.id;
            allowed := true;
            RAISE EXCEPTION USING ERRCODE = 'P0099';
        EXCEPTION
            WHEN check_violation THEN allowed := false;
            WHEN SQLSTATE 'P0099' THEN NULL;
        END;
        INSERT INTO explain.tried VALUES (way.id, way.name, way.holds, allowed);
    END LOOP;
END
$$;
SELECT name, count(*) FILTER (WHERE said) > 0 AS some_hold, count(*) FILTER (WHERE NOT said) > 0 AS some_do_not, count(*) FILTER (WHERE said <> done) AS wrong
FROM tried GROUP BY name ORDER BY name;

-- Readers of the leads may ask, others not; and what is no lead.
SET ROLE regress_reader;
SELECT * FROM lead_stage.explain('explain.lead', 1);
RESET ROLE;
GRANT SELECT ON explain.lead TO regress_reader;
SET ROLE regress_reader;
SELECT count(*) > 5 AS rows FROM lead_stage.explain('explain.lead', 1);
SET ROLE regress_explain;
SELECT * FROM lead_stage.explain('lead', 4);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM lead_stage.explain('lead', NULL);
SELECT * FROM lead_stage.explain('lead', 'x');
SELECT * FROM lead_stage.explain('lead', 1, 2);
SELECT * FROM lead_stage.explain(NULL, 1);
SELECT * FROM lead_stage.explain('tried', 1);

SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'explain';
DROP SCHEMA explain CASCADE;
DROP OWNED BY regress_explain;
DROP ROLE regress_explain, regress_reader;
