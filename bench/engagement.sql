-- The tables of engagement.sh, and what times its tasks.
\pset footer off
SET client_min_messages = warning;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
CREATE EXTENSION lead_stage;

-- One million activities of the leads, in files so that COPY has what to read:
-- a first load, and as much again.
SELECT current_setting('data_directory') || '/lead_stage_bench_' || pg_backend_pid() AS file \gset
\set file_sql '''' :file ''''
CREATE VIEW arriving AS
    SELECT g AS id, 1 + (g * 7919 % :leads) AS lead_id, timestamptz '2026-11-01' - make_interval(secs => (g * 104729 % 5000000)::int) AS at,
           (ARRAY['visit', 'visit', 'visit', 'mail', 'mail', 'form', 'webinar', 'call'])[1 + g % 8] AS kind,
           (g * 31 % 90)::int AS minutes, 'https://example.com/page/' || g % 1000 AS page
    FROM generate_series(1::bigint, :activities) AS g;
SELECT format('COPY (SELECT * FROM arriving) TO %L', :'file') \gexec

INSERT INTO lead_stage.model (name) VALUES ('bench');
INSERT INTO lead_stage.rule (model, name, kind, source, condition, points, cap, half_life) VALUES
    ('bench', 'visit',   'engagement', 'web', $$kind = 'visit'$$, 1, 10, '7 days'),
    ('bench', 'long',    'engagement', 'web', $$kind = 'visit' AND minutes > 20$$, 2, 10, '14 days'),
    ('bench', 'mail',    'engagement', 'web', $$kind = 'mail'$$, 1, NULL, '30 days'),
    ('bench', 'form',    'engagement', 'web', $$kind = 'form'$$, 10, NULL, '60 days'),
    ('bench', 'webinar', 'engagement', 'web', $$kind = 'webinar' AND minutes >= 30$$, 15, NULL, NULL);
INSERT INTO lead_stage.transition (model, name, position, from_stage, to_stage, automatic, min_engagement, below_engagement) VALUES
    ('bench', 'warm', 1, 'lead', 'mql', true, 1000000, NULL), ('bench', 'cold', 2, 'mql', 'nurture', true, NULL, 8);

-- What all three have: the leads and the table of activities with its indexes.
CREATE PROCEDURE make_tables(prefix text, leads bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %s_lead (id bigint PRIMARY KEY, email text, company text, note text, score int NOT NULL DEFAULT 0)', prefix);
    EXECUTE format('CREATE TABLE %s_activity (id bigint PRIMARY KEY, lead_id bigint NOT NULL, at timestamptz NOT NULL, kind text, minutes int, page text)', prefix);
    EXECUTE format('CREATE INDEX ON %s_activity (lead_id)', prefix);
    EXECUTE format('INSERT INTO %s_lead SELECT g, ''lead'' || g || ''@example.com'', ''company '' || g %% 1000, repeat(''x'', 100) FROM generate_series(1, %s) AS g', prefix, leads);
END $$;
CALL make_tables('ours', :leads);
CALL make_tables('bare', :leads);
CALL make_tables('peer', :leads);
SELECT lead_stage.attach('ours_lead', 'bench') \g /dev/null
SELECT lead_stage.attach_activity('ours_activity', 'ours_lead', 'web', '{lead_id}', 'at') \g /dev/null
SELECT lead_stage.publish('bench') \g /dev/null
CALL lead_stage.rescore('ours_lead');
VACUUM (ANALYZE, FREEZE) ours_lead, bare_lead, peer_lead;

-- The narrow state table by hand: count, weight and last time of each rule.
CREATE TABLE bare_state (
    id bigint PRIMARY KEY,
    n1 bigint NOT NULL, w1 float8 NOT NULL, t1 timestamptz, n2 bigint NOT NULL, w2 float8 NOT NULL, t2 timestamptz,
    n3 bigint NOT NULL, w3 float8 NOT NULL, t3 timestamptz, n4 bigint NOT NULL, w4 float8 NOT NULL, t4 timestamptz,
    n5 bigint NOT NULL, w5 float8 NOT NULL, t5 timestamptz,
    as_of timestamptz NOT NULL, last_touch_at timestamptz, recheck_at timestamptz) WITH (fillfactor = 70);
CREATE INDEX ON bare_state (recheck_at) WHERE recheck_at IS NOT NULL;
CREATE TABLE peer_state (LIKE bare_state INCLUDING ALL) WITH (fillfactor = 70);

CREATE FUNCTION aggregate(source text) RETURNS text LANGUAGE sql AS $$
    SELECT format($q$SELECT lead_id AS id,
        count(*) FILTER (WHERE kind = 'visit') AS n1,
        coalesce(sum(exp(-ln(2.0::float8) / 604800 * date_part('epoch', now() - at))) FILTER (WHERE kind = 'visit'), 0) AS w1,
        max(at) FILTER (WHERE kind = 'visit') AS t1,
        count(*) FILTER (WHERE kind = 'visit' AND minutes > 20) AS n2,
        coalesce(sum(exp(-ln(2.0::float8) / 1209600 * date_part('epoch', now() - at))) FILTER (WHERE kind = 'visit' AND minutes > 20), 0) AS w2,
        max(at) FILTER (WHERE kind = 'visit' AND minutes > 20) AS t2,
        count(*) FILTER (WHERE kind = 'mail') AS n3,
        coalesce(sum(exp(-ln(2.0::float8) / 2592000 * date_part('epoch', now() - at))) FILTER (WHERE kind = 'mail'), 0) AS w3,
        max(at) FILTER (WHERE kind = 'mail') AS t3,
        count(*) FILTER (WHERE kind = 'form') AS n4,
        coalesce(sum(exp(-ln(2.0::float8) / 5184000 * date_part('epoch', now() - at))) FILTER (WHERE kind = 'form'), 0) AS w4,
        max(at) FILTER (WHERE kind = 'form') AS t4,
        count(*) FILTER (WHERE kind = 'webinar' AND minutes >= 30) AS n5,
        (count(*) FILTER (WHERE kind = 'webinar' AND minutes >= 30))::float8 AS w5,
        max(at) FILTER (WHERE kind = 'webinar' AND minutes >= 30) AS t5,
        now() AS as_of, max(at) AS last_touch_at, NULL::timestamptz AS recheck_at
    FROM %s GROUP BY lead_id$q$, source)
$$;
CREATE FUNCTION merged(new text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('n%1$s = s.n%1$s + %2$s.n%1$s, w%1$s = s.w%1$s * exp(-ln(2.0::float8) / %3$s * date_part(''epoch'', now() - s.as_of)) + %2$s.w%1$s, t%1$s = greatest(s.t%1$s, %2$s.t%1$s)',
                             n, new, h), ', ')
           || format(', as_of = %1$s.as_of, last_touch_at = greatest(s.last_touch_at, %1$s.last_touch_at)', new)
    FROM unnest(ARRAY[1, 2, 3, 4, 5], ARRAY[604800, 1209600, 2592000, 5184000, 1e12]) AS r (n, h)
$$;
CREATE FUNCTION upsert(state text, source text) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO %s AS s %s ON CONFLICT (id) DO UPDATE SET %s', state, aggregate(source), merged('EXCLUDED'))
$$;

-- What a competent author of triggers would write.
SELECT format($f$
CREATE FUNCTION peer_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE peer_state AS s SET %s FROM (%s) AS n WHERE s.id = n.id;
    RETURN NULL;
END $$$f$, merged('n'), aggregate('new_rows')) \gexec
CREATE TRIGGER count AFTER INSERT ON peer_activity REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION peer_count();

-- Besides the clock, the backend's own time on a processor (Linux): what other
-- programs do to the machine does not count in it.
CREATE TABLE taken (task text, what text, ms float8, cpu_ms float8);
CREATE FUNCTION cpu() RETURNS float8 LANGUAGE sql AS
    $$SELECT split_part(pg_read_file(format('/proc/%s/schedstat', pg_backend_pid())), ' ', 1)::float8 / 1e6$$;
CREATE PROCEDURE timed(task text, what text, VARIADIC commands text[]) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    cpu float8;
    command text;
BEGIN
    COMMIT;
    cpu := cpu();
    began := clock_timestamp();
    FOREACH command IN ARRAY commands LOOP
        EXECUTE command;
    END LOOP;
    INSERT INTO taken VALUES (task, what, extract(epoch FROM clock_timestamp() - began) * 1000, cpu() - cpu);
    COMMIT;
END $$;
-- CALL of a procedure that commits must not be in one.
CREATE PROCEDURE timed_rescore(what text) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    cpu float8;
BEGIN
    COMMIT;
    cpu := cpu();
    began := clock_timestamp();
    CALL lead_stage.rescore('ours_lead');
    INSERT INTO taken VALUES ('rescore of all of them', what, extract(epoch FROM clock_timestamp() - began) * 1000, cpu() - cpu);
    COMMIT;
END $$;
-- All tables of activities and of state as they were at first.
CREATE PROCEDURE clear() LANGUAGE plpgsql AS $$
BEGIN
    SET session_replication_role = replica;
    TRUNCATE ours_activity, bare_activity, peer_activity, ours_lead_state, bare_state, peer_state;
    RESET session_replication_role;
END $$;

-- Whether both have the same in the end.
CREATE FUNCTION differing() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM bare_state AS b FULL JOIN ours_lead_state AS o USING (id)
    WHERE (SELECT sum(e.matches) FROM lead_stage._score_entries(o.engagement_state, now()) AS e) IS DISTINCT FROM nullif(b.n1 + b.n2 + b.n3 + b.n4 + b.n5, 0)
       OR b.last_touch_at IS DISTINCT FROM o.last_touch_at
$$;

\set copy_ours 'COPY ours_activity FROM ' :file_sql
\set copy_bare 'COPY bare_activity FROM ' :file_sql
\set copy_peer 'COPY peer_activity FROM ' :file_sql
