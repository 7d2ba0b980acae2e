-- Reasons: asked for or not, free or from a list, and whose they are later.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_move;
CREATE SCHEMA move AUTHORIZATION regress_move;
SET ROLE regress_move;
SET search_path = move, public;

CREATE TABLE lead (id int PRIMARY KEY, asked bool, note text);
INSERT INTO lead_stage.model (name) VALUES ('move');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, condition, reasons) VALUES
    ('move', 'qualify', 'lead', 'mql', 1, true, 'asked', NULL),
    ('move', 'by hand', 'lead', 'mql', 2, false, NULL, NULL),
    ('move', 'recycle', NULL, 'nurture', 3, false, NULL, '{}'),
    ('move', 'drop', NULL, 'disqualified', 4, false, NULL, '{"too small","it''s \"us\""}'),
    ('move', 'drop unlisted', 'mql', 'disqualified', 5, false, 'note = ''any reason''', '{}'),
    ('move', 'accept', 'mql', 'sal', 6, false, NULL, NULL),
    ('move', 'reopen', 'disqualified', 'lead', 7, false, NULL, NULL);
SELECT lead_stage.attach('lead', 'move');
SELECT lead_stage.publish('move') > 0 AS published;
INSERT INTO lead (id) SELECT generate_series(1, 9);

-- None is asked: what is given is kept, whatever it is.
UPDATE lead SET stage = 'mql', stage_reason = 'trade fair' WHERE id = 1;
UPDATE lead SET stage = 'mql' WHERE id = 2;
UPDATE lead SET stage = 'mql', stage_reason = NULL WHERE id = 3;
SELECT id, stage, stage_reason FROM lead WHERE id <= 3 ORDER BY id;

-- Any text will do, but text it must be.
UPDATE lead SET stage = 'nurture' WHERE id = 4;
UPDATE lead SET stage = 'nurture', stage_reason = NULL WHERE id = 4;
UPDATE lead SET stage = 'nurture', stage_reason = '' WHERE id = 4;
UPDATE lead SET stage = 'nurture', stage_reason = E' \t\n' WHERE id = 4;
UPDATE lead SET stage = 'nurture', stage_reason = 'later' WHERE id = 4;

-- One of a list, letter for letter.
UPDATE lead SET stage = 'disqualified' WHERE id = 4;
UPDATE lead SET stage = 'disqualified', stage_reason = 'Too small' WHERE id = 4;
UPDATE lead SET stage = 'disqualified', stage_reason = 'it''s "us"' WHERE id = 4;
SELECT id, stage, stage_reason FROM lead WHERE id = 4;

-- Another transition between the same stages may take another reason.
UPDATE lead SET stage = 'disqualified', stage_reason = 'whatever' WHERE id = 3;
UPDATE lead SET stage = 'disqualified', stage_reason = 'whatever', note = 'any reason' WHERE id = 3;
SELECT l.id, l.stage, l.stage_reason, h.name, h.reason
FROM lead AS l JOIN lead_history AS h ON h.lead_id = l.id AND h.to_stage = l.stage WHERE l.id = 3;

-- A reason that was there before does not count: it belongs to the last move.
UPDATE lead SET stage_reason = 'later' WHERE id = 5;
UPDATE lead SET stage = 'nurture' WHERE id = 5;
-- Set in the same statement it counts, though it is the same.
UPDATE lead SET stage = 'nurture', stage_reason = stage_reason WHERE id = 5;
SELECT id, stage, stage_reason FROM lead WHERE id = 5;

-- In MERGE every column looks as if it were set: there it counts if it differs.
UPDATE lead SET stage_reason = 'old' WHERE id IN (6, 7);
MERGE INTO lead AS l USING (VALUES (6)) AS s (id) ON l.id = s.id
    WHEN MATCHED THEN UPDATE SET stage = 'nurture';
MERGE INTO lead AS l USING (VALUES (7)) AS s (id) ON l.id = s.id
    WHEN MATCHED THEN UPDATE SET stage = 'nurture', stage_reason = 'new';
SELECT id, stage, stage_reason FROM lead WHERE id IN (6, 7) ORDER BY id;

-- A move without a reason clears the last one's; so does an automatic one,
-- which gives its own name.
UPDATE lead SET stage = 'lead' WHERE id = 4;
SELECT id, stage, stage_reason FROM lead WHERE id = 4;
UPDATE lead SET asked = true WHERE id = 4;
SELECT id, stage, stage_reason FROM lead WHERE id = 4;
UPDATE lead SET stage = 'sal' WHERE id IN (1, 4);
SELECT id, stage, stage_reason FROM lead WHERE id IN (1, 4) ORDER BY id;

-- Without a move the column is the application's to write.
UPDATE lead SET stage_reason = 'spelling mended' WHERE id = 5;
SELECT id, stage, stage_reason FROM lead WHERE id = 5;

-- The constraint's name tells a missing reason from a missing transition.
DO $$
DECLARE
    name text;
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY '{nurture,opportunity}'::text[] LOOP
        BEGIN
            UPDATE lead SET stage = wanted WHERE id = 8;
        EXCEPTION WHEN check_violation THEN
            GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
            RAISE WARNING '%: % %', wanted, SQLSTATE, name;
        END;
    END LOOP;
END
$$;

SELECT lead_id, from_stage, to_stage, name, reason FROM lead_history WHERE event = 'stage' ORDER BY lead_id, id;
SELECT * FROM lead_stage.verify_history('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'move';
DROP SCHEMA move CASCADE;
DROP ROLE regress_move;
