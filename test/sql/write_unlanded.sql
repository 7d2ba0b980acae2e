-- What was decided for a row that did not land is of no account to anybody
-- else: not to the next statement, nor to another part of the same one, nor to
-- one that runs before the row it was decided for has landed.
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir /include/write_setup.psql
\set test write_unlanded
\i :setup

INSERT INTO lead (id, email, size) VALUES (1, 'a', 500), (2, 'b', 500);

-- The next statement's memory is likely to be at the same address.
BEGIN;
INSERT INTO lead (id, size, owner) VALUES (1, 500, 'nobody') ON CONFLICT DO NOTHING;
UPDATE lead SET size = 600 WHERE id = 2;
INSERT INTO lead (id, size, stage) VALUES (1, 5, 'customer') ON CONFLICT DO NOTHING;
UPDATE lead SET stage = 'mql', owner = 'ann' WHERE id = 2;
INSERT INTO lead (id, size, stage) VALUES (1, 5, 'customer') ON CONFLICT DO NOTHING;
DELETE FROM lead WHERE id = 2;
COMMIT;
-- A part of the statement that comes after.
WITH proposed AS (INSERT INTO lead (id, size, owner) VALUES (1, 5, 'nobody') ON CONFLICT DO NOTHING RETURNING id)
    UPDATE lead SET size = 700, stage = 'mql' FROM (SELECT count(*) FROM proposed) AS n WHERE lead.id = 1;

-- A function in DO UPDATE writes leads, between the proposal and the update.
CREATE FUNCTION write_another(int) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO lead (id, size) VALUES ($1, 500); RETURN 'and ' || $1; END $$;
INSERT INTO lead (id, size, need, stage, owner) VALUES (1, 500, true, 'sql', 'bob') ON CONFLICT (id)
    DO UPDATE SET note = write_another(10), stage = EXCLUDED.stage, need = EXCLUDED.need, owner = EXCLUDED.owner;
-- A trigger that sorts after ours writes leads, or drops the row.
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'drop' THEN RETURN NULL; END IF;
    IF NEW.note = 'write' THEN PERFORM write_another(NEW.id + 100); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER "~~late" BEFORE INSERT OR UPDATE ON lead FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO lead (id, size, note) VALUES (20, 500, 'write'), (21, 500, 'drop'), (22, 5, 'write');
UPDATE lead SET size = size + 500, note = CASE id WHEN 20 THEN 'drop' END WHERE id IN (20, 22);
DROP TRIGGER "~~late" ON lead;
-- A policy's function writes leads, after the row was judged.
CREATE POLICY written ON lead USING (true) WITH CHECK (note IS DISTINCT FROM 'check' OR write_another(id + 100) <> '');
ALTER TABLE lead ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
INSERT INTO lead (id, size, note) VALUES (30, 500, 'check');
UPDATE lead SET met = true, owner = 'eve', note = NULL WHERE id = 30;

SELECT id, stage, size, owner, note FROM lead ORDER BY id;
SELECT * FROM story ORDER BY lead;
SELECT count(*) AS problems FROM lead_stage.verify_history('lead');
\set teardown :abs_srcdir /include/write_teardown.psql
\i :teardown
