\pset footer off
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
CREATE EXTENSION lead_stage;

-- What arrives: one row for each lead.
CREATE UNLOGGED TABLE arriving AS
    SELECT g AS n, 'lead' || g || '@example.com' AS email,
           (ARRAY['executive', 'physician', 'nurse', 'student'])[1 + g % 4] AS role_type,
           (ARRAY['hospital', 'clinic', 'payer'])[1 + g % 3] AS organisation_type,
           (ARRAY['UK', 'IE', 'FR', 'US', 'DE'])[1 + g % 5] AS region,
           (ARRAY['rehab', 'oxygen', 'none'])[1 + g % 3] AS service_interest,
           g % 500 AS employees, (g % 7 = 0) AS consultation, g % 90000 AS budget,
           date '2026-01-01' + g % 300 AS first_seen, 'some note about the lead ' || g AS note
    FROM generate_series(1, :leads) AS g;
VACUUM (ANALYZE, FREEZE) arriving;

CREATE TABLE attached (
    id bigint PRIMARY KEY, email text, role_type text, organisation_type text, region text, service_interest text,
    employees int, consultation boolean, budget int, first_seen date, note text);

INSERT INTO lead_stage.model (name) VALUES ('bench');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('bench', 'r1', 'fit', $$role_type = 'executive'$$, 20),
    ('bench', 'r2', 'fit', $$role_type IN ('physician', 'nurse')$$, 10),
    ('bench', 'r3', 'fit', $$organisation_type = 'hospital'$$, 20),
    ('bench', 'r4', 'fit', $$region IN ('UK', 'IE', 'DE')$$, 15),
    ('bench', 'r5', 'fit', $$region = 'US'$$, -20),
    ('bench', 'r6', 'fit', $$service_interest <> 'none'$$, 15),
    ('bench', 'r7', 'fit', $$employees >= 200$$, 10),
    ('bench', 'r8', 'fit', $$consultation$$, 30),
    ('bench', 'r9', 'fit', $$budget > 50000$$, 10),
    ('bench', 'r10', 'fit', $$first_seen < '2026-06-01'$$, -5);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES
    ('bench', 'up', 'lead', 'nurture'), ('bench', 'up2', 'nurture', 'mql'), ('bench', 'up3', 'mql', 'sal'),
    ('bench', 'up4', 'sal', 'sql'), ('bench', 'up5', 'sql', 'opportunity'), ('bench', 'up6', 'opportunity', 'customer');
SELECT lead_stage.attach('attached', 'bench') \g /dev/null
SELECT lead_stage.publish('bench') \g /dev/null

-- The floor and the peer have the same columns and the same indexes.
CREATE TABLE bare (LIKE attached INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE bare_history (LIKE attached_history INCLUDING ALL);
CREATE TABLE peer (LIKE attached INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE peer_history (LIKE attached_history INCLUDING ALL);
-- COPY collects no rows for a table with a BEFORE ROW trigger; its floor has one.
CREATE TABLE noop (LIKE attached INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE noop_history (LIKE attached_history INCLUDING ALL);
CREATE FUNCTION noop() RETURNS trigger LANGUAGE internal AS 'suppress_redundant_updates_trigger';
ALTER TABLE bare_history ALTER id SET DEFAULT nextval('attached_history_id_seq');
CREATE SEQUENCE bare_seq; ALTER TABLE bare_history ALTER id SET DEFAULT nextval('bare_seq');
CREATE SEQUENCE peer_seq; ALTER TABLE peer_history ALTER id SET DEFAULT nextval('peer_seq');

CREATE FUNCTION peer_judge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.fit_score :=
        CASE WHEN NEW.role_type = 'executive' THEN 20 ELSE 0 END
        + CASE WHEN NEW.role_type IN ('physician', 'nurse') THEN 10 ELSE 0 END
        + CASE WHEN NEW.organisation_type = 'hospital' THEN 20 ELSE 0 END
        + CASE WHEN NEW.region IN ('UK', 'IE', 'DE') THEN 15 ELSE 0 END
        + CASE WHEN NEW.region = 'US' THEN -20 ELSE 0 END
        + CASE WHEN NEW.service_interest <> 'none' THEN 15 ELSE 0 END
        + CASE WHEN NEW.employees >= 200 THEN 10 ELSE 0 END
        + CASE WHEN NEW.consultation THEN 30 ELSE 0 END
        + CASE WHEN NEW.budget > 50000 THEN 10 ELSE 0 END
        + CASE WHEN NEW.first_seen < '2026-06-01' THEN -5 ELSE 0 END;
    IF TG_OP = 'INSERT' OR NEW.stage <> OLD.stage THEN
        NEW.stage_since := now();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER judge BEFORE INSERT OR UPDATE ON peer FOR EACH ROW EXECUTE FUNCTION peer_judge();
CREATE FUNCTION peer_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO peer_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role)
        SELECT n.id, now(), now(), 1, n.fit_score, n.stage, 'created', session_user FROM new_rows AS n;
    RETURN NULL;
END $$;
-- History by a statement trigger, which few think of, and by the row trigger that
-- most would write.
CREATE TRIGGER created AFTER INSERT ON peer REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION peer_created();
CREATE FUNCTION peer_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO peer_history (lead_id, at, recorded_at, since, version, fit_score, from_stage, to_stage, event, name, role)
        VALUES (NEW.id, now(), now(), OLD.stage_since, 1, NEW.fit_score, OLD.stage, NEW.stage, 'stage', 'up', session_user);
    RETURN NULL;
END $$;
CREATE TRIGGER moved AFTER UPDATE ON peer FOR EACH ROW WHEN (OLD.stage IS DISTINCT FROM NEW.stage) EXECUTE FUNCTION peer_moved();

CREATE TABLE row_peer (LIKE attached INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE row_peer_history (LIKE peer_history INCLUDING ALL);
CREATE TRIGGER judge BEFORE INSERT OR UPDATE ON row_peer FOR EACH ROW EXECUTE FUNCTION peer_judge();
CREATE FUNCTION row_peer_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO row_peer_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role)
        VALUES (NEW.id, now(), now(), 1, NEW.fit_score, NEW.stage, 'created', session_user);
    RETURN NULL;
END $$;
CREATE TRIGGER created AFTER INSERT ON row_peer FOR EACH ROW EXECUTE FUNCTION row_peer_created();

\set columns '(id, email, role_type, organisation_type, region, service_interest, employees, consultation, budget, first_seen, note)'
\set source 'n + %1$s, email, role_type, organisation_type, region, service_interest, employees, consultation, budget, first_seen, note'

-- %1$s is where this run's keys begin, %2$s the last of them.
CREATE TEMP TABLE task (n int, name text, floor text[], ours text, peer text, row_peer text);
INSERT INTO task VALUES
    (1, 'INSERT … SELECT, 10 rules, history', ARRAY[
        'INSERT INTO bare SELECT ' || :'source' || ', ''lead'', now(), NULL, 40, NULL FROM arriving',
        'INSERT INTO bare_history (lead_id, at, recorded_at, version, fit_score, to_stage, event, role, evidence) SELECT n + %1$s, now(), now(), 1, 40, ''lead'', ''created'', session_user, B''1010110''::varbit FROM arriving'],
        'INSERT INTO attached ' || :'columns' || ' SELECT ' || :'source' || ' FROM arriving',
        'INSERT INTO peer ' || :'columns' || ' SELECT ' || :'source' || ' FROM arriving',
        'INSERT INTO row_peer ' || :'columns' || ' SELECT ' || :'source' || ' FROM arriving'),
    (2, 'UPDATE of a column no rule reads', ARRAY[
        'UPDATE bare SET note = ''x'' || id WHERE id > %1$s AND id <= %2$s'],
        'UPDATE attached SET note = ''x'' || id WHERE id > %1$s AND id <= %2$s',
        'UPDATE peer SET note = ''x'' || id WHERE id > %1$s AND id <= %2$s', NULL),
    (3, 'UPDATE that moves every lead', ARRAY[
        'UPDATE bare SET stage = ''nurture'', stage_since = now(), stage_reason = NULL WHERE id > %1$s AND id <= %2$s',
        'INSERT INTO bare_history (lead_id, at, recorded_at, since, version, fit_score, from_stage, to_stage, event, name, role, evidence) SELECT n + %1$s, now(), now(), now(), 1, 40, ''lead'', ''nurture'', ''stage'', ''up'', session_user, B''1010110''::varbit FROM arriving'],
        'UPDATE attached SET stage = ''nurture'' WHERE id > %1$s AND id <= %2$s',
        'UPDATE peer SET stage = ''nurture'' WHERE id > %1$s AND id <= %2$s', NULL);

-- Besides the clock, the backend's own time on a processor (Linux): what other
-- programs do to the machine does not count in it.
CREATE TEMP TABLE taken (n int, what text, ms float8, cpu_ms float8);
CREATE FUNCTION pg_temp.cpu() RETURNS float8 LANGUAGE sql AS
    $$SELECT split_part(pg_read_file(format('/proc/%s/schedstat', pg_backend_pid())), ' ', 1)::float8 / 1e6$$;

CREATE PROCEDURE pg_temp.timed(n int, what text, commands text[], base bigint, leads bigint) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    cpu float8;
    command text;
BEGIN
    COMMIT;
    cpu := pg_temp.cpu();
    began := clock_timestamp();
    FOREACH command IN ARRAY commands LOOP
        EXECUTE format(command, base, base + leads);
    END LOOP;
    INSERT INTO taken VALUES (n, what, extract(epoch FROM clock_timestamp() - began) * 1000, pg_temp.cpu() - cpu);
    COMMIT;
END $$;

CREATE PROCEDURE pg_temp.measure(runs int, leads bigint) LANGUAGE plpgsql AS $$
DECLARE
    run int;
    t record;
BEGIN
    FOR run IN 0 .. runs LOOP
        FOR t IN SELECT * FROM task ORDER BY n LOOP
            CALL pg_temp.timed(t.n, 'floor', t.floor, run * leads, leads);
            CALL pg_temp.timed(t.n, 'ours', ARRAY[t.ours], run * leads, leads);
            CALL pg_temp.timed(t.n, 'peer', ARRAY[t.peer], run * leads, leads);
            IF t.row_peer IS NOT NULL THEN
                CALL pg_temp.timed(t.n, 'row peer', ARRAY[t.row_peer], run * leads, leads);
            END IF;
        END LOOP;
        IF run = 0 THEN
            DELETE FROM taken;
        END IF;
    END LOOP;
END $$;
CALL pg_temp.measure(:runs, :leads);

SELECT version() \g (tuples_only=on format=unaligned)
-- Ratios of medians.
WITH median AS (
    SELECT n, what, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms) AS cpu_ms
    FROM taken GROUP BY n, what
)
SELECT t.name AS task, m.what AS contestant, round(m.ms) AS ms, round((m.ms / floor.ms)::numeric, 2) AS "to floor",
       round((m.ms / ours.ms)::numeric, 2) AS "to ours", round((m.cpu_ms / floor.cpu_ms)::numeric, 2) AS "cpu: to floor",
       round((m.cpu_ms / ours.cpu_ms)::numeric, 2) AS "to ours"
FROM task AS t JOIN median AS m USING (n)
    JOIN median AS floor ON floor.n = t.n AND floor.what = 'floor' JOIN median AS ours ON ours.n = t.n AND ours.what = 'ours'
ORDER BY t.n, m.ms;

-- A tuple is stored in a multiple of 8 bytes, and has a line pointer of 4.
SELECT h.event, count(*) AS rows, round(avg(pg_column_size(h.*))) AS tuple_bytes,
       round(avg((pg_column_size(h.*) + 7) / 8 * 8 + 4)) AS bytes_on_disk
FROM attached_history AS h GROUP BY h.event ORDER BY h.event;
SELECT * FROM lead_stage.verify_history('attached') LIMIT 5;
