#!/bin/bash
# business_time.sh
#	  Business time in C against the same rules in PL/pgSQL, and the time per
#	  call as the span grows from minutes to centuries.
#
# The PL/pgSQL is what one would write with care: it goes from day to day,
# reads the tables through their primary keys, and does not look at days
# before the start.  Both are checked to give the same answers.  What a call
# costs is what the query costs with it, less what it costs without, on one
# core; best of RUNS (5).  Connects as psql does, works in a database of its own
# and drops it again.
set -euo pipefail

calls=${CALLS:-1000000}
slow_calls=${SLOW_CALLS:-5000}
runs=${RUNS:-5}
db=lead_stage_bench_$$

psql() { command psql -X -q -v ON_ERROR_STOP=1 "$@"; }

psql -d postgres -c "CREATE DATABASE $db"
trap 'psql -d postgres -c "DROP DATABASE IF EXISTS $db"' EXIT

psql -d "$db" -v calls="$calls" -v slow_calls="$slow_calls" -v runs="$runs" <<'SQL'
CREATE EXTENSION lead_stage;
\pset footer off
SET TimeZone = 'UTC';
SET max_parallel_workers_per_gather = 0;
SET jit = off;

INSERT INTO lead_stage.calendar VALUES ('office', 'America/New_York');
INSERT INTO lead_stage.calendar_hours SELECT 'office', d, '09:00', '12:30' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'office', d, '13:30', '17:30' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.holiday SELECT 'office', d::date FROM generate_series(timestamp '2020-01-01', '2035-12-31', '37 days') AS d;

CREATE FUNCTION add_plpgsql(calendar text, start timestamptz, span interval) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := (SELECT c.time_zone FROM lead_stage.calendar AS c WHERE c.name = calendar);
    today date := (start AT TIME ZONE zone)::date;
    remaining interval := span;
    shift record;
    opens timestamptz;
    closes timestamptz;
BEGIN
    LOOP
        IF NOT EXISTS (SELECT FROM lead_stage.holiday AS h WHERE h.calendar = add_plpgsql.calendar AND h.day = today) THEN
            FOR shift IN SELECT h.opens, h.closes FROM lead_stage.calendar_hours AS h
                         WHERE h.calendar = add_plpgsql.calendar AND h.dow = extract(isodow FROM today) ORDER BY h.opens LOOP
                opens := greatest((today + shift.opens) AT TIME ZONE zone, start);
                closes := (today + shift.closes) AT TIME ZONE zone;
                IF closes > opens THEN
                    IF closes - opens >= remaining THEN
                        RETURN opens + remaining;
                    END IF;
                    remaining := remaining - (closes - opens);
                END IF;
            END LOOP;
        END IF;
        today := today + 1;
    END LOOP;
END $$;

CREATE FUNCTION between_plpgsql(calendar text, a timestamptz, b timestamptz) RETURNS interval LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text := (SELECT c.time_zone FROM lead_stage.calendar AS c WHERE c.name = calendar);
    today date := (a AT TIME ZONE zone)::date;
    last date := (b AT TIME ZONE zone)::date;
    result interval := '0';
    shift record;
    opens timestamptz;
    closes timestamptz;
BEGIN
    WHILE today <= last LOOP
        IF NOT EXISTS (SELECT FROM lead_stage.holiday AS h WHERE h.calendar = between_plpgsql.calendar AND h.day = today) THEN
            FOR shift IN SELECT h.opens, h.closes FROM lead_stage.calendar_hours AS h
                         WHERE h.calendar = between_plpgsql.calendar AND h.dow = extract(isodow FROM today) LOOP
                opens := greatest((today + shift.opens) AT TIME ZONE zone, a);
                closes := least((today + shift.closes) AT TIME ZONE zone, b);
                IF closes > opens THEN
                    result := result + (closes - opens);
                END IF;
            END LOOP;
        END IF;
        today := today + 1;
    END LOOP;
    RETURN result;
END $$;

-- In two years; up to 30 days on the calendar are some 160 working hours.
CREATE TABLE instant AS
    SELECT timestamptz '2026-01-01 00:00+00' + random() * interval '700 days' AS a, random() * interval '30 days' AS days,
           random() * interval '150 hours' + interval '1 second' AS span
    FROM generate_series(1, :calls);
ALTER TABLE instant ADD b timestamptz;
UPDATE instant SET b = a + days;
CREATE TABLE few AS SELECT * FROM instant LIMIT :slow_calls;
VACUUM (ANALYZE, FREEZE) instant;
VACUUM (ANALYZE, FREEZE) few;

SELECT count(*) AS compared, count(*) FILTER (WHERE add_plpgsql('office', a, span) <> lead_stage.add_business_time('office', a, span)
                                                 OR between_plpgsql('office', a, b) <> lead_stage.business_time_between('office', a, b)) AS differ FROM few;

-- Microseconds a call: the best of the runs with it, less the best without it.
CREATE FUNCTION cost(with_call text, without text, calls int, runs int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    best float8[] := '{Infinity,Infinity}';
    start timestamptz;
BEGIN
    FOR run IN 0 .. runs LOOP
        FOR i IN 1 .. 2 LOOP
            start := clock_timestamp();
            EXECUTE (ARRAY[with_call, without])[i];
            best[i] := least(best[i], extract(epoch FROM clock_timestamp() - start));
        END LOOP;
    END LOOP;
    RETURN round(((best[1] - best[2]) * 1e6 / calls)::numeric, 3);
END $$;

SELECT version();
WITH cost AS MATERIALIZED (
    SELECT name,
           cost(format('SELECT count(lead_stage.%s) FROM instant', c), format('SELECT count(%s) FROM instant', plain), :calls, :runs) AS c,
           cost(format('SELECT count(%s) FROM few', slow), format('SELECT count(%s) FROM few', plain), :slow_calls, 1) AS plpgsql
    FROM (VALUES ('add_business_time, up to 30 days', 'add_business_time(''office'', a, span)', 'add_plpgsql(''office'', a, span)', 'a'),
                 ('business_time_between, up to 30 days', 'business_time_between(''office'', a, b)', 'between_plpgsql(''office'', a, b)', 'a')) AS t (name, c, slow, plain))
SELECT name AS call, c AS c_us, plpgsql AS plpgsql_us, round(1 / c, 2) AS c_million_per_second, round(plpgsql / c) AS times_faster FROM cost;

SELECT span, cost(format('SELECT count(lead_stage.add_business_time(''office'', a, %L)) FROM instant', span), 'SELECT count(a) FROM instant', :calls, :runs) AS add_us,
       cost(format('SELECT count(lead_stage.business_time_between(''office'', a, %L)) FROM instant', timestamptz '2026-01-01 00:00+00' + span::interval * 5), 'SELECT count(a) FROM instant', :calls, :runs) AS between_us
FROM (VALUES ('1 minute'), ('8 hours'), ('160 hours'), ('2000 hours'), ('20000 hours'), ('200000 hours'), ('20000000 hours')) AS s (span);
SELECT span, cost(format('SELECT count(lead_stage.add_business_time(''office'', a, %L)) FROM instant', span), 'SELECT count(a) FROM instant', :calls, :runs) AS add_us
FROM (VALUES ('1 day'), ('20 days'), ('2500 days'), ('250000 days')) AS s (span);
SQL
