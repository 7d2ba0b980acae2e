-- attach, publish and detach are transactional: with writes before and after
-- them in one transaction, undone by savepoints, and seen by plans that are
-- already prepared.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA trans AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE trans.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('trans');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('trans', 'big', 'fit', 'size > 10', 7);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('trans', 'fits', 'lead', 'mql', true, 5);
PREPARE put(int, int) AS INSERT INTO trans.lead (id, size) VALUES ($1, $2);
PREPARE grow AS UPDATE trans.lead SET size = size + 10;
EXECUTE put(1, 1);

BEGIN;
EXECUTE put(2, 11);
SELECT lead_stage.attach('trans.lead', 'trans');
EXECUTE put(3, 11);
SELECT lead_stage.publish('trans') > 0 AS published;
EXECUTE put(4, 11);
EXECUTE grow;
SELECT id, size, stage, fit_score FROM trans.lead ORDER BY id;
SELECT lead_id, event, to_stage FROM trans.lead_history ORDER BY id;
SAVEPOINT s;
SELECT lead_stage.detach('trans.lead', drop_columns => true);
EXECUTE grow;
EXECUTE put(5, 11);
SELECT * FROM trans.lead ORDER BY id;
ROLLBACK TO s;
EXECUTE put(6, 11);
SELECT id, stage FROM trans.lead WHERE id >= 5 ORDER BY id;
SAVEPOINT s;
UPDATE lead_stage.rule SET points = 1 WHERE model = 'trans';
SELECT lead_stage.publish('trans') > 0 AS published;
EXECUTE put(7, 11);
ROLLBACK TO s;
EXECUTE put(7, 11);
SELECT id, stage, fit_score FROM trans.lead WHERE id >= 6 ORDER BY id;
SELECT lead_id, event, to_stage FROM trans.lead_history WHERE lead_id >= 6 ORDER BY id;
SELECT * FROM lead_stage.verify_history('trans.lead');
ROLLBACK;
-- It never happened.
SELECT * FROM trans.lead ORDER BY id;
SELECT relname FROM pg_class WHERE relnamespace = 'trans'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT count(*) AS bindings FROM lead_stage.binding;
SELECT count(*) AS versions FROM lead_stage.version WHERE model = 'trans';
EXECUTE grow;
SELECT * FROM trans.lead ORDER BY id;

-- In a function, with writes around it.
CREATE FUNCTION trans.all_at_once() RETURNS TABLE (id int, stage text, fit_score int) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trans.lead VALUES (10, 11);
    PERFORM lead_stage.attach('trans.lead', 'trans');
    INSERT INTO trans.lead VALUES (11, 11);
    PERFORM lead_stage.publish('trans');
    INSERT INTO trans.lead VALUES (12, 11);
    RETURN QUERY EXECUTE 'SELECT id, stage::text, fit_score FROM trans.lead WHERE id >= 10 ORDER BY id';
END
$$;
SELECT * FROM trans.all_at_once();
SELECT * FROM lead_stage.verify_history('trans.lead');

-- In the middle of a statement that writes the same leads.
CREATE FUNCTION trans.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.id = 10 AND NEW.size = 21 THEN
        PERFORM lead_stage.publish('trans');
    ELSIF OLD.id = 10 AND NEW.size = 31 THEN
        PERFORM lead_stage.detach('trans.lead');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER meddle AFTER UPDATE ON trans.lead FOR EACH ROW EXECUTE FUNCTION trans.meddle();
UPDATE trans.lead SET size = size + 10;
SELECT id, size, stage, fit_score FROM trans.lead ORDER BY id;
SELECT * FROM lead_stage.verify_history('trans.lead');
UPDATE lead_stage.transition SET from_stage = 'mql', to_stage = 'sal', min_fit = NULL WHERE model = 'trans';
SELECT lead_stage.publish('trans') > 0 AS published;
UPDATE trans.lead SET size = size + 10;
SELECT id, size, stage, fit_score FROM trans.lead ORDER BY id;
SELECT lead_id, event, to_stage FROM trans.lead_history ORDER BY id;
DROP TRIGGER meddle ON trans.lead;
SELECT lead_stage.attach('trans.lead', 'trans');
SELECT * FROM lead_stage.verify_history('trans.lead');

-- A held cursor and an open one.
BEGIN;
DECLARE c CURSOR FOR SELECT id, stage FROM trans.lead ORDER BY id FOR UPDATE;
FETCH 1 FROM c;
SELECT lead_stage.publish('trans') > 0 AS published;
UPDATE trans.lead SET size = 100 WHERE CURRENT OF c;
FETCH 1 FROM c;
SELECT lead_stage.detach('trans.lead');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- Row-level security that binds the owner, too, does not bind us.
ALTER TABLE trans.lead ENABLE ROW LEVEL SECURITY;
ALTER TABLE trans.lead FORCE ROW LEVEL SECURITY;
CREATE POLICY few ON trans.lead USING (id < 12) WITH CHECK (true);
SELECT lead_stage.attach('trans.lead', 'trans');
INSERT INTO trans.lead VALUES (13, 11);
UPDATE trans.lead SET size = 1 WHERE id = 11;
SELECT lead_id, event, to_stage FROM trans.lead_history WHERE lead_id >= 11 ORDER BY id;
TRUNCATE trans.lead;
RESET ROLE;
SELECT lead_id, event FROM trans.lead_history WHERE event = 'deleted' ORDER BY lead_id;

DROP SCHEMA trans CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
