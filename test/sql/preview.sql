-- The draft against what is published: exactly what publish and rescore then
-- do, on random leads, and without a trace.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_preview;
CREATE ROLE regress_preview_modeller;
CREATE ROLE regress_preview_reader;
CREATE SCHEMA preview AUTHORIZATION regress_preview;
GRANT USAGE ON SCHEMA preview TO regress_preview_modeller, regress_preview_reader;
SET ROLE regress_preview;
SET search_path = preview, public;

CREATE FUNCTION fragile(int) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 100 / ($1 - 50) > 3; END';
CREATE TABLE lead (id int, region text, size int, a bool, b bool, c bool, follow_up timestamptz, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE lead_north (size int, dropped int, id int NOT NULL, c bool, b bool, a bool, follow_up timestamptz, region text NOT NULL);
ALTER TABLE lead_north DROP COLUMN dropped;
ALTER TABLE lead ATTACH PARTITION lead_north FOR VALUES IN ('n');
CREATE TABLE lead_else PARTITION OF lead DEFAULT;

INSERT INTO lead_stage.model (name) VALUES ('preview');
INSERT INTO lead_stage.category VALUES ('preview', 'some', 30);
INSERT INTO lead_stage.rule (model, name, kind, condition, points, category) VALUES
    ('preview', 'size', 'fit', 'size > 40', 20, 'some'), ('preview', 'a', 'fit', 'a', 15, 'some'), ('preview', 'b', 'fit', 'b', -10, NULL),
    ('preview', 'fragile', 'fit', 'preview.fragile(size)', 5, NULL), ('preview', 'any', 'fit', NULL, 1, NULL);
INSERT INTO lead_stage.criterion (model, name, required_for, condition) VALUES ('preview', 'c', 'sql', 'c');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, position, automatic, min_fit, condition, not_before, in_stage_for, hold_for) VALUES
    ('preview', 'warm', 'lead', 'mql', 1, true, 25, NULL, NULL, NULL, NULL),
    ('preview', 'cool', 'mql', 'nurture', 2, true, NULL, 'fit_score < 10', NULL, NULL, '1 day'),
    ('preview', 'again', 'nurture', 'mql', 3, true, 20, NULL, NULL, NULL, NULL),
    ('preview', 'later', 'lead', 'nurture', 4, true, NULL, 'b', 'follow_up', NULL, NULL),
    ('preview', 'sure', 'mql', 'sql', 5, true, NULL, 'NOT b', NULL, NULL, NULL),
    ('preview', 'rest', 'mql', 'sal', 6, true, NULL, NULL, NULL, '3 days', NULL),
    ('preview', 'by hand', NULL, 'nurture', 7, false, NULL, NULL, NULL, NULL, '1 day'),
    ('preview', 'out', NULL, 'disqualified', 8, false, NULL, 'NOT a', NULL, NULL, NULL);

-- Errors.
SELECT * FROM lead_stage.preview(NULL);
SELECT * FROM lead_stage.preview('lead');
SELECT lead_stage.attach('lead', 'preview');

-- Leads that were there before the model have no history, and no score.
SELECT setseed(0.7);
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO lead (id, region, size, a, b, c, follow_up)
        SELECT g, (ARRAY['n', 's', 'w'])[1 + g % 3], CASE WHEN random() < 0.9 THEN random() * 100 END, CASE WHEN random() < 0.9 THEN random() < 0.5 END,
               random() < 0.4, random() < 0.5, CASE WHEN random() < 0.5 THEN '2026-01-10'::timestamptz + (random() * 20) * interval '1 day' END
        FROM generate_series(first, last) AS g
$$;
SELECT fill(1, 300);
RESET ROLE;
SET lead_stage.now = '2026-01-15 12:00+00';
SET ROLE regress_preview;

-- After each change of the draft: what preview says, then the real thing, and
-- in what they differ.
CREATE TABLE said (round int, stage_now lead_stage, stage_then lead_stage, leads bigint);
CREATE TABLE was (round int, region text, id int, stage lead_stage);
CREATE VIEW done AS
    SELECT w.round, w.stage AS stage_now, l.stage AS stage_then, count(*) AS leads FROM was AS w JOIN lead AS l USING (region, id) GROUP BY 1, 2, 3;

\set round 1
SET client_min_messages = error;
INSERT INTO was SELECT :round, region, id, stage FROM lead;
INSERT INTO said SELECT :round, p.* FROM lead_stage.preview('lead') AS p;
SELECT lead_stage.publish('preview') > 0 AS published;
CALL lead_stage.rescore('lead', 77);
SELECT * FROM said ORDER BY stage_now, stage_then;
(TABLE said EXCEPT ALL SELECT * FROM done) UNION ALL (SELECT * FROM done EXCEPT ALL TABLE said);

-- Moves by hand, and leads on hold.
SELECT fill(301, 500);
UPDATE lead SET stage = 'nurture' WHERE id % 7 = 0 AND stage IN ('lead', 'mql', 'sal', 'sql');
UPDATE lead SET stage = 'disqualified' WHERE id % 11 = 0 AND NOT a AND stage <> 'disqualified';
RESET ROLE;
SET lead_stage.now = '2026-01-17 12:00+00';
SET ROLE regress_preview;
\set round 2
DELETE FROM was; DELETE FROM said;
UPDATE lead_stage.rule SET points = 30, condition = 'size > 20' WHERE model = 'preview' AND name = 'size';
UPDATE lead_stage.category SET max_points = NULL WHERE model = 'preview';
UPDATE lead_stage.transition SET in_stage_for = '2 days' WHERE model = 'preview' AND name = 'rest';
DELETE FROM lead_stage.rule WHERE model = 'preview' AND name = 'b';
INSERT INTO was SELECT :round, region, id, stage FROM lead;
INSERT INTO said SELECT :round, p.* FROM lead_stage.preview('lead') AS p;
-- Nothing was done yet, and asking again gives the same.
SELECT count(*) AS moved FROM lead AS l JOIN was AS w USING (region, id) WHERE l.stage <> w.stage;
SELECT count(*) AS differs FROM (SELECT :round, p.* FROM lead_stage.preview('lead') AS p EXCEPT TABLE said) AS d;
SELECT lead_stage.publish('preview') > 0 AS published;
CALL lead_stage.rescore('lead');
SELECT * FROM said ORDER BY stage_now, stage_then;
(TABLE said EXCEPT ALL SELECT * FROM done) UNION ALL (SELECT * FROM done EXCEPT ALL TABLE said);

-- The hold is over; new names, new order, another criterion.
RESET ROLE;
SET lead_stage.now = '2026-01-20 12:00+00';
SET ROLE regress_preview;
\set round 3
DELETE FROM was; DELETE FROM said;
UPDATE lead_stage.rule SET name = 'large', points = 12 WHERE model = 'preview' AND name = 'size';
UPDATE lead_stage.criterion SET required_for = 'sal' WHERE model = 'preview' AND name = 'c';
UPDATE lead_stage.transition SET position = 0, condition = 'stage = ''mql'' AND fit_score > 5' WHERE model = 'preview' AND name = 'rest';
ALTER TABLE lead RENAME COLUMN b TO bee;
UPDATE lead_stage.transition SET condition = replace(condition, 'b', 'bee') WHERE model = 'preview' AND name IN ('later', 'sure');
INSERT INTO was SELECT :round, region, id, stage FROM lead;
INSERT INTO said SELECT :round, p.* FROM lead_stage.preview('lead') AS p;
SELECT lead_stage.publish('preview') > 0 AS published;
CALL lead_stage.rescore('lead');
SELECT * FROM said ORDER BY stage_now, stage_then;
(TABLE said EXCEPT ALL SELECT * FROM done) UNION ALL (SELECT * FROM done EXCEPT ALL TABLE said);
-- Published and rescored, a preview sees nothing move; and rules that raise
-- count as false here, too.
SELECT sum(leads) AS leads, count(*) FILTER (WHERE stage_now <> stage_then) AS moves FROM lead_stage.preview('lead');
SELECT * FROM lead_stage.verify_history('lead');

-- It writes nothing: it works where nothing can be written, and no sequence,
-- no history and no view is another afterwards.
CREATE VIEW traces AS
    SELECT (SELECT last_value FROM lead_stage.version_seq) AS version, (SELECT count(*) FROM lead_stage.version) AS versions, (SELECT last_value FROM lead_history_id_seq) AS event,
           (SELECT count(*) FROM lead_history) AS events, (SELECT count(*) FROM lead_state) AS states, 'lead_signals'::regclass::oid AS signals, (SELECT count(*) FROM pg_class) AS relations,
           (SELECT xmin::text FROM lead_stage.binding WHERE leads = 'lead'::regclass) AS binding, (SELECT string_agg(xmin::text || ctid::text, ',' ORDER BY region, id) FROM lead) AS rows;
CREATE TABLE before AS TABLE traces;
BEGIN READ ONLY;
SELECT sum(leads) AS leads FROM lead_stage.preview('lead');
-- No lock that a writer, or another reader, would have to wait for.
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('lead'::regclass, 'lead_north'::regclass, 'lead_signals'::regclass, 'lead_history'::regclass);
COMMIT;
SELECT count(*) FILTER (WHERE (b.version, b.versions, b.event, b.events, b.states, b.signals, b.binding, b.rows) = (t.version, t.versions, t.event, t.events, t.states, t.signals, t.binding, t.rows)) AS untouched FROM before AS b CROSS JOIN traces AS t;
DROP VIEW traces;

-- What cannot be published cannot be previewed, for the same reasons.
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('preview', 'typo', 'fit', 'sise > 1', 1);
SELECT * FROM lead_stage.preview('lead');
SELECT lead_stage.publish('preview');
DELETE FROM lead_stage.rule WHERE model = 'preview' AND name = 'typo';
INSERT INTO lead_stage.example (model, name, lead, expected) VALUES ('preview', 'hopeful', '{"size": 1, "region": "n"}', 'customer'), ('preview', 'sober', '{"size": 1, "a": true, "bee": true, "region": "n"}', 'lead');
SELECT * FROM lead_stage.preview('lead');
SELECT lead_stage.publish('preview');
-- Examples run by the draft, not by what is published.
UPDATE lead_stage.example SET lead = '{"size": 2, "region": "n"}', expected = 'mql' WHERE name = 'hopeful';
UPDATE lead_stage.rule SET condition = 'size = 2', points = 100 WHERE model = 'preview' AND name = 'large';
SELECT sum(leads) AS leads FROM lead_stage.preview('lead');
DELETE FROM lead_stage.example WHERE model = 'preview';

-- An error where rules may not raise, as rescore would have it.
UPDATE lead_stage.model SET on_rule_error = 'error' WHERE name = 'preview';
SELECT * FROM lead_stage.preview('lead');
UPDATE lead_stage.model SET on_rule_error = 'skip' WHERE name = 'preview';

-- The conditions run with the owner's rights, so who may not publish may not
-- preview either.
GRANT SELECT ON lead TO regress_preview_modeller, regress_preview_reader;
SET ROLE regress_preview_reader;
SELECT * FROM lead_stage.preview('preview.lead');
RESET ROLE;
GRANT regress_preview TO regress_preview_modeller;
UPDATE lead_stage.model SET owner = 'regress_preview_modeller' WHERE name = 'preview';
SET ROLE regress_preview;
SELECT * FROM lead_stage.preview('lead');
SET ROLE regress_preview_modeller;
SELECT sum(leads) AS leads FROM lead_stage.preview('preview.lead');
-- rescore reaches every row of the owner, whatever policies say; so does this.
SET ROLE regress_preview;
ALTER TABLE lead ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead FORCE ROW LEVEL SECURITY;
SET ROLE regress_preview_modeller;
SELECT sum(leads) AS leads FROM lead_stage.preview('preview.lead');
-- Nobody runs conditions of his own as another table's owner.
SET ROLE regress_preview_reader;
SET ROLE regress_preview;
ALTER TABLE lead NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lead DISABLE ROW LEVEL SECURITY;
SET ROLE regress_preview_reader;
SELECT lead_stage._judge_draft('preview.lead', l, '{}', 'SELECT') FROM preview.lead AS l LIMIT 1;

-- A table that was never published, and an empty one.
SET ROLE regress_preview_modeller;
SET search_path = preview, public;
SELECT lead_stage.unpublish('lead');
SELECT sum(leads) AS leads, count(*) FILTER (WHERE stage_now <> stage_then) > 0 AS moves FROM lead_stage.preview('lead');
DELETE FROM lead;
SELECT * FROM lead_stage.preview('lead');
SELECT lead_stage.detach('lead');
RESET ROLE;
RESET lead_stage.now;
DELETE FROM lead_stage.model WHERE name = 'preview';
DROP SCHEMA preview CASCADE;
DROP ROLE regress_preview, regress_preview_modeller, regress_preview_reader;
