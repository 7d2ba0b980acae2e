-- However the batches fall, and whatever the key is, every lead is judged once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_rescore;
GRANT SET ON PARAMETER lead_stage.now TO regress_rescore;
CREATE SCHEMA rescore AUTHORIZATION regress_rescore;
SET ROLE regress_rescore;
SET search_path = rescore, public;

INSERT INTO lead_stage.model (name) VALUES ('rescore');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('rescore', 'size', 'fit', 'size % 2 = 0', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('rescore', 'up', 'lead', 'mql', true, 10);
SELECT lead_stage.publish('rescore') > 0 AS published;

-- The keys: one column, several that are compared in their order, text with a
-- collation, uuid, and one that is not compared with pg_catalog's operators.
CREATE TABLE one (id int PRIMARY KEY, size int);
CREATE TABLE several (b text, a int, c date, size int, PRIMARY KEY (a, b, c));
CREATE TABLE letters (code text COLLATE "C" PRIMARY KEY, size int);
CREATE TABLE uuids (id uuid PRIMARY KEY, size int);
CREATE TABLE staged (was lead_stage, no int, size int, PRIMARY KEY (was, no));
CREATE TABLE parts (id int, region text, size int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b', 'c');
CREATE TABLE parts_a (size int, region text NOT NULL, extra int, id int NOT NULL);
ALTER TABLE parts_a DROP COLUMN extra;
ALTER TABLE parts ATTACH PARTITION parts_a FOR VALUES IN ('a');
INSERT INTO one SELECT g, g FROM generate_series(1, 25) AS g ORDER BY g % 7, g;
INSERT INTO several SELECT (ARRAY['', 'x', 'Y', 'it''s "z"'])[1 + g % 4], g / 8, '2026-01-01'::date + g % 3, g FROM generate_series(1, 25) AS g;
INSERT INTO letters SELECT chr(40 + g * 3) || repeat('z', g % 3), g FROM generate_series(1, 25) AS g;
INSERT INTO uuids SELECT md5(g::text)::uuid, g FROM generate_series(1, 25) AS g;
INSERT INTO staged SELECT s.stage, g, g FROM lead_stage.stages() AS s CROSS JOIN generate_series(1, 3) AS g WHERE s.rank < 9 OR g < 2;
INSERT INTO parts SELECT g % 11, (ARRAY['a', 'b', 'c'])[1 + g % 3], g FROM generate_series(1, 25) AS g;

CREATE FUNCTION judged(leads regclass, OUT leads_judged bigint, OUT right_score bool, OUT right_stage bool, OUT created bigint, OUT moved bigint, OUT problems bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FILTER (WHERE stage_since IS NOT NULL), bool_and(fit_score = CASE WHEN size %% 2 = 0 THEN 10 ELSE 0 END),
                           bool_and(stage = CASE WHEN size %% 2 = 0 THEN ''mql'' ELSE ''lead'' END::public.lead_stage) FROM %s', leads)
        INTO leads_judged, right_score, right_stage;
    EXECUTE format('SELECT count(*) FILTER (WHERE event = ''created''), count(*) FILTER (WHERE event = ''stage'') FROM %s_history', leads) INTO created, moved;
    SELECT count(*) INTO problems FROM lead_stage.verify_history(leads);
END
$$;
SELECT lead_stage.attach(t, 'rescore') FROM unnest('{one,several,letters,uuids,staged,parts}'::regclass[]) AS t;

CALL lead_stage.rescore('one', 1);
SELECT * FROM judged('one');
CALL lead_stage.rescore('several', 2);
SELECT * FROM judged('several');
CALL lead_stage.rescore('letters', 3);
SELECT * FROM judged('letters');
CALL lead_stage.rescore('uuids', 25);
SELECT * FROM judged('uuids');
CALL lead_stage.rescore('staged', 2);
SELECT * FROM judged('staged');
SET client_min_messages = notice;
CALL lead_stage.rescore('parts', 12);
SET client_min_messages = warning;
SELECT * FROM judged('parts');

-- Exactly one full batch, none, and one more than there are.
TRUNCATE one;
SET client_min_messages = notice;
CALL lead_stage.rescore('one', 5);
ALTER TABLE one DISABLE TRIGGER USER;
INSERT INTO one SELECT g, g FROM generate_series(1, 10) AS g;
ALTER TABLE one ENABLE TRIGGER USER;
CALL lead_stage.rescore('one', 5);
CALL lead_stage.rescore('one', 11);
SET client_min_messages = warning;

-- After a publish with other points: rows for which that makes no difference
-- are not written.
CREATE TABLE before AS SELECT id, region, xmin::text AS version, (SELECT count(*) FROM parts_history) AS history FROM parts;
UPDATE lead_stage.rule SET condition = 'size % 4 = 0' WHERE model = 'rescore';
SELECT lead_stage.publish('rescore') > 0 AS published;
CALL lead_stage.rescore('parts', 4);
SELECT p.size % 4 AS remainder, count(*), count(*) FILTER (WHERE p.xmin::text = b.version) AS untouched, min(p.fit_score) AS score, max(p.fit_score) AS also, min(p.stage) AS stage
FROM parts AS p JOIN before AS b USING (id, region) GROUP BY p.size % 4 ORDER BY 1;
-- Nothing moves down by itself: no transition says so.
SELECT count(*) - min(b.history) AS new_history FROM parts_history CROSS JOIN (SELECT history FROM before LIMIT 1) AS b;
UPDATE lead_stage.rule SET condition = 'size % 4 IN (0, 1)' WHERE model = 'rescore';
SELECT lead_stage.publish('rescore') > 0 AS published;
CALL lead_stage.rescore('parts', 1000);
SELECT p.size % 4 AS remainder, count(*), count(*) FILTER (WHERE p.xmin::text = b.version) AS untouched, min(p.fit_score) AS score, max(p.fit_score) AS also, min(p.stage) AS stage
FROM parts AS p JOIN before AS b USING (id, region) GROUP BY p.size % 4 ORDER BY 1;
SELECT * FROM lead_stage.verify_history('parts');

SELECT lead_stage.detach(t) FROM unnest('{one,several,letters,uuids,staged,parts}'::regclass[]) AS t;
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'rescore';
DROP SCHEMA rescore CASCADE;
DROP OWNED BY regress_rescore;
DROP ROLE regress_rescore;
