-- Writes inside writes: by the user's own triggers, while leads are judged or
-- rescored, and by conditions, which must not.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_nested;
CREATE SCHEMA nested AUTHORIZATION regress_nested;
SET ROLE regress_nested;
SET search_path = nested, public;

CREATE TABLE lead (id int PRIMARY KEY, size int, note text);
CREATE TABLE other (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('nested');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('nested', 'big', 'fit', 'size > 10', 10);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('nested', 'up', 'lead', 'mql', true, 10);
SELECT lead_stage.attach('lead', 'nested');
SELECT lead_stage.attach('other', 'nested');
SELECT lead_stage.publish('nested') > 0 AS published;

-- A BEFORE trigger of the user's writes another attached table between two rows.
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO nested.other (id, size) VALUES (NEW.id, NEW.size);
    RETURN NEW;
END
$$;
CREATE TRIGGER before BEFORE INSERT ON lead FOR EACH ROW EXECUTE FUNCTION before();
INSERT INTO lead (id, size) SELECT g, g * 6 FROM generate_series(1, 3) AS g;
SELECT 'lead' AS relation, lead_id, event, to_stage FROM lead_history
UNION ALL SELECT 'other', lead_id, event, to_stage FROM other_history ORDER BY 1, 2, 3, 4;
DROP TRIGGER before ON lead;

-- While leads are rescored, a trigger of the user's writes one of them, and no
-- column that the model reads: that write is not rescore's to leave out.
CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nested.lead SET note = 'neighbour of ' || NEW.id WHERE id = NEW.id + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER after AFTER UPDATE OF stage ON lead FOR EACH ROW WHEN (NEW.fit_score <> OLD.fit_score) EXECUTE FUNCTION after();
UPDATE lead_stage.rule SET condition = 'size = 6' WHERE model = 'nested';
SELECT lead_stage.publish('nested') > 0 AS published;
SELECT id, fit_score, note FROM lead ORDER BY id;
SELECT lead_stage.rescore_lead('lead', 1);
SELECT id, fit_score, note FROM lead ORDER BY id;
CALL lead_stage.rescore('lead');
SELECT id, fit_score, note FROM lead ORDER BY id;
DROP TRIGGER after ON lead;

-- While two leads are merged, a trigger of the user's writes and deletes others:
-- nobody is merged with those.
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE nested.lead SET size = 6 WHERE id = 12;
    DELETE FROM nested.lead WHERE id = 13;
    RETURN NULL;
END
$$;
INSERT INTO lead (id, size) SELECT g, 1 FROM generate_series(10, 13) AS g;
CREATE TRIGGER gone AFTER DELETE ON lead FOR EACH ROW WHEN (OLD.id = 11) EXECUTE FUNCTION gone();
SELECT lead_stage.merge('lead', '{10}', '{11}');
SELECT lead_id, event, to_stage, reason FROM lead_history WHERE lead_id >= 10 ORDER BY lead_id, id;
SELECT id, fit_score FROM lead WHERE id >= 10 ORDER BY id;
DROP TRIGGER gone ON lead;
DELETE FROM lead WHERE id >= 10;

-- A condition that writes the leads it judges, through a function that is not
-- as stable as it says, fails before anything is written; it counts as false.
CREATE FUNCTION writer(id int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO nested.lead (id, size) VALUES (writer.id + 100, 20);
    RETURN true;
END
$$;
CREATE FUNCTION liar(id int) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN nested.writer(id); END $$;
UPDATE lead_stage.rule SET condition = 'nested.liar(id)' WHERE model = 'nested';
SELECT lead_stage.publish('nested') > 0 AS published;
INSERT INTO lead (id, size) VALUES (4, 20);
SELECT id, fit_score, stage FROM lead WHERE id >= 4;
SELECT event, to_stage FROM lead_history WHERE lead_id = 4 ORDER BY id;

SELECT * FROM lead_stage.verify_history('lead');
SELECT * FROM lead_stage.verify_history('other');
RESET ROLE;
DROP SCHEMA nested CASCADE;
DELETE FROM lead_stage.binding WHERE model = 'nested';
DELETE FROM lead_stage.model WHERE name = 'nested';
DROP ROLE regress_nested;
