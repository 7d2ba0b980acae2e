-- An UPDATE that sets no column which the model reads or we keep is spared our
-- row triggers, and what it does is what it would do with them.  EXPLAIN
-- ANALYZE lists a trigger that has fired.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_unconcerned;
CREATE SCHEMA unc AUTHORIZATION regress_unconcerned;
SET ROLE regress_unconcerned;
SET search_path = unc, public;

CREATE TABLE account (name text PRIMARY KEY);
CREATE TABLE lead (id int PRIMARY KEY, size int, note text, wide int GENERATED ALWAYS AS (size * 2) STORED,
    account text REFERENCES account ON UPDATE CASCADE);
INSERT INTO lead_stage.model (name) VALUES ('unc');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('unc', 'big', 'fit', 'size > 100', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('unc', 'fits', 'lead', 'mql', true, 10);
SELECT lead_stage.attach('lead', 'unc');
SELECT lead_stage.publish('unc') > 0 AS published;

CREATE FUNCTION fired(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ' || command INTO plan;
    RETURN (SELECT string_agg(t ->> 'Trigger Name', ', ' ORDER BY t ->> 'Trigger Name')
            FROM json_array_elements(plan -> 0 -> 'Triggers') AS t
            WHERE (t ->> 'Calls')::float > 0 AND t ->> 'Trigger Name' NOT LIKE 'RI\_%');
END $$;

INSERT INTO account VALUES ('a');
INSERT INTO lead (id, size, account) VALUES (1, 1, 'a'), (2, 1, 'a');

-- What it may set, and what it may not: a column read, one that we keep, the key.
SELECT fired('UPDATE lead SET note = ''x''') AS note, fired('UPDATE lead SET size = 2') AS size,
       fired('UPDATE lead SET stage_reason = NULL') AS reason, fired('UPDATE lead SET owner = NULL') AS owner,
       fired('UPDATE lead SET id = id') AS key;
-- As part of another statement, through a view, and as a cascade.
CREATE VIEW leads AS SELECT id, note AS remark FROM lead;
SELECT fired('WITH a AS (UPDATE lead SET note = ''y'' WHERE id = 1 RETURNING id) SELECT * FROM a') AS cte,
       fired('UPDATE leads SET remark = ''z''') AS view;
UPDATE account SET name = 'b';
-- Under ON CONFLICT and MERGE the INSERT half is another matter.
SELECT fired('INSERT INTO lead (id, note) VALUES (1, ''p'') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note') AS conflict,
       fired('MERGE INTO lead AS l USING (VALUES (2, ''q'')) AS v (id, note) ON l.id = v.id
              WHEN MATCHED THEN UPDATE SET note = v.note WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id)') AS merge;
SELECT id, size, note, account, stage, fit_score FROM lead ORDER BY id;
SELECT lead_id, event FROM lead_history ORDER BY id;

-- Whatever made the session forget what it knew of the table: it learns it anew.
ANALYZE lead;
SELECT fired('UPDATE lead SET note = note') AS note, fired('UPDATE lead SET size = size') AS size;

-- The user's AFTER triggers fire as ever.
CREATE TABLE seen (what text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (TG_NAME || coalesce(' ' || OLD.note || ' to ' || NEW.note, ''));
    RETURN NULL;
END $$;
CREATE FUNCTION see_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT TG_NAME || ' ' || o.note || ' to ' || n.note FROM o JOIN n USING (id);
    RETURN NULL;
END $$;
CREATE TRIGGER each AFTER UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER whole AFTER UPDATE ON lead REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION see_all();
UPDATE lead SET note = 'q' WHERE id = 1;
SELECT fired('UPDATE lead SET note = ''r'' WHERE id = 1') AS note;
SELECT what FROM seen ORDER BY what;
DROP TRIGGER each ON lead;
DROP TRIGGER whole ON lead;

-- A BEFORE trigger may change what the statement does not name: then ours fires.
PREPARE touch AS UPDATE lead SET note = note || '!' WHERE id = 1;
EXECUTE touch;
CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.size := 500; RETURN NEW; END$$;
CREATE TRIGGER grow BEFORE UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION grow();
EXECUTE touch;
SELECT id, size, note, stage, fit_score FROM lead ORDER BY id;
DROP TRIGGER grow ON lead;

-- A model that is published in between may read another column.
UPDATE lead SET note = 'old';
UPDATE lead_stage.rule SET condition = 'size > 100 OR note = ''new''' WHERE model = 'unc';
SELECT lead_stage.publish('unc') > 0 AS published;
PREPARE renew AS UPDATE lead SET note = 'new';
EXECUTE renew;
SELECT id, size, note, stage, fit_score FROM lead ORDER BY id;
EXECUTE touch;
SELECT id, note, fit_score FROM lead ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM lead_history ORDER BY id;
SELECT * FROM lead_stage.verify_history('lead');

-- In a partition other numbers stand for the same columns.
CREATE TABLE part (a int, id int, size int, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part_low (note text, size int, id int NOT NULL, a int);
ALTER TABLE part ATTACH PARTITION part_low FOR VALUES FROM (0) TO (10);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (20);
SELECT lead_stage.attach('part', 'unc');
INSERT INTO part (id, size) VALUES (1, 1), (11, 1);
SELECT fired('UPDATE part SET a = 1') AS unread, fired('UPDATE part SET note = ''new''') AS read,
       fired('UPDATE part_low SET a = 2') AS unread, fired('UPDATE part_low SET note = ''old''') AS read,
       fired('UPDATE part SET id = id + 15 WHERE id = 1') AS moved;
SELECT id, a, note, stage, fit_score FROM part ORDER BY id;
SELECT lead_id, event, from_stage, to_stage FROM part_history ORDER BY id;

SELECT lead_stage.detach('part');
SELECT lead_stage.detach('lead');
RESET ROLE;
DELETE FROM lead_stage.model WHERE name = 'unc';
DROP SCHEMA unc CASCADE;
DROP OWNED BY regress_unconcerned;
DROP ROLE regress_unconcerned;
