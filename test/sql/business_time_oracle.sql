-- On random calendars around clock changes, business time is what counting
-- minute by minute by the wall clock gives; and its laws hold for centuries.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA business_time;
SET search_path = business_time, public;
SELECT setseed(0.125);

-- Ten days with a clock change in the middle, mostly.
CREATE TABLE place (name text PRIMARY KEY, zone text, day date);
INSERT INTO place
    SELECT 'c' || row_number() OVER (), zone, day
    FROM (VALUES ('America/New_York', date '2026-03-01'), ('America/New_York', '2026-10-25'), ('Europe/Berlin', '2026-03-22'),
                 ('Europe/London', '2026-10-18'), ('Australia/Lord_Howe', '2026-03-29'), ('Australia/Lord_Howe', '2026-09-27'),
                 ('America/Santiago', '2026-08-30'), ('Asia/Kolkata', '2026-05-01'), ('Africa/Casablanca', '2026-02-08'),
                 ('Pacific/Apia', '2011-12-23'), ('Pacific/Chatham', '2062-03-26'), ('America/Los_Angeles', '2026-10-25')) AS p (zone, day);
INSERT INTO lead_stage.calendar (name, time_zone) SELECT name, zone FROM place;

-- Shifts at any minute, a third past midnight; some of them around 02:00.
INSERT INTO lead_stage.calendar_hours
    SELECT name, 1 + floor(random() * 7)::int, opens, (opens + (1 + floor(random() * 900)) * interval '1 minute')::time
    FROM (SELECT name, CASE WHEN random() < 0.3 THEN time '01:30' + floor(random() * 60) * interval '1 minute'
                            ELSE time '00:00' + floor(random() * 1440) * interval '1 minute' END AS opens
          FROM place, generate_series(1, 8)) AS s
    ON CONFLICT DO NOTHING;
INSERT INTO lead_stage.calendar_hours VALUES ('c1', 7, '00:00', '00:00'), ('c2', 6, '20:00', '24:00'), ('c3', 7, '02:00', '03:00')
    ON CONFLICT DO NOTHING;
INSERT INTO lead_stage.holiday (calendar, day, opens, closes)
    SELECT name, day + 1 + floor(random() * 9)::int, opens, opens + interval '3 hours'
    FROM (SELECT name, day, CASE WHEN random() < 0.5 THEN time '00:00' + floor(random() * 1200) * interval '1 minute' END AS opens
          FROM place, generate_series(1, 2)) AS h
    ON CONFLICT DO NOTHING;

-- The brute force.  All offsets here are whole minutes, and so are all hours.
CREATE TABLE minute AS
    SELECT name, at, wall, open, (sum(open::int) OVER (PARTITION BY name ORDER BY at) - open::int) * interval '1 minute' AS before
    FROM (SELECT name, at, wall,
                 CASE WHEN d.day IS NOT NULL THEN coalesce(clock >= d.opens AND clock < d.closes, false)
                     ELSE EXISTS (SELECT FROM lead_stage.calendar_hours AS h
                                  WHERE h.calendar = name
                                      AND CASE WHEN h.closes > h.opens THEN h.dow = w.dow AND clock >= h.opens AND clock < h.closes
                                          ELSE h.dow = w.dow AND clock >= h.opens OR h.dow = w.dow_before AND clock < h.closes END)
                 END AS open
          FROM (SELECT name, at, wall, wall::date AS day, wall::time AS clock,
                       extract(isodow FROM wall)::int AS dow, extract(isodow FROM wall - interval '1 day')::int AS dow_before
                FROM (SELECT p.name, m AS at, m AT TIME ZONE p.zone AS wall
                      FROM place AS p CROSS JOIN generate_series(p.day::timestamptz, p.day + interval '10 days', interval '1 minute') AS m
                      OFFSET 0) AS a OFFSET 0) AS w
               LEFT JOIN lead_stage.holiday AS d ON d.calendar = name AND d.day = w.day) AS j;
CREATE UNIQUE INDEX ON minute (name, at);
CREATE INDEX ON minute (name, before) WHERE open;
ANALYZE minute;
SELECT count(*) AS calendars, bool_and(opens AND closes) AS mixed
FROM (SELECT bool_or(open) AS opens, bool_or(NOT open) AS closes FROM minute GROUP BY name) AS c;

SELECT count(*) AS differ FROM minute
WHERE open <> lead_stage.is_open(name, at) OR open <> lead_stage.is_open(name, at + interval '59.999999 seconds');

-- Instants to the microsecond, one in four on a minute.
CREATE TABLE sample AS
    SELECT name, zone, day,
           CASE WHEN random() < 0.25 THEN date_trunc('minute', a) ELSE a END AS a,
           CASE WHEN random() < 0.25 THEN date_trunc('minute', b) ELSE b END AS b,
           CASE WHEN random() < 0.25 THEN date_trunc('minute', s) ELSE s END + interval '1 microsecond' AS s
    FROM (SELECT name, zone, day,
                 day::timestamptz + (1 + random() * 8) * interval '1 day' AS a,
                 day::timestamptz + (1 + random() * 8) * interval '1 day' AS b,
                 random() * random() * interval '90 hours' AS s
          FROM place, generate_series(1, 200)) AS r;
CREATE VIEW counted AS
    SELECT s.*, ma.before + CASE WHEN ma.open THEN s.a - ma.at ELSE '0' END AS at_a, mb.before + CASE WHEN mb.open THEN s.b - mb.at ELSE '0' END AS at_b
    FROM sample AS s
         JOIN minute AS ma ON ma.name = s.name AND ma.at = date_trunc('minute', s.a)
         JOIN minute AS mb ON mb.name = s.name AND mb.at = date_trunc('minute', s.b);

SELECT count(*) AS samples, count(*) FILTER (WHERE lead_stage.business_time_between(name, a, b) <> at_b - at_a) AS differ FROM counted;

-- The earliest instant with so much before it, and the latest with so much after.
SELECT count(*) > 1200 AS many, count(*) FILTER (WHERE lead_stage.add_business_time(c.name, a, s) <> m.at + (at_a + s - m.before)) AS differ
FROM counted AS c CROSS JOIN LATERAL (
    SELECT * FROM minute AS m WHERE m.name = c.name AND m.open AND m.before < at_a + s ORDER BY m.before DESC LIMIT 1) AS m
WHERE at_a + s <= m.before + interval '1 minute';
SELECT count(*) > 1200 AS many, count(*) FILTER (WHERE lead_stage.add_business_time(c.name, a, -s) <> m.at + (at_a - s - m.before)) AS differ
FROM counted AS c CROSS JOIN LATERAL (
    SELECT * FROM minute AS m WHERE m.name = c.name AND m.open AND m.before <= at_a - s ORDER BY m.before DESC LIMIT 1) AS m;
SELECT count(*) > 1200 AS many, count(*) FILTER (WHERE lead_stage.next_open(c.name, a) <> greatest(a, m.at)) AS differ,
       count(*) FILTER (WHERE lead_stage.add_business_time(c.name, a, '0') <> greatest(a, m.at)) AS differ_by_add
FROM counted AS c CROSS JOIN LATERAL (
    SELECT * FROM minute AS m WHERE m.name = c.name AND m.open AND m.at > a - interval '1 minute' ORDER BY m.at LIMIT 1) AS m;

-- Open days are dates that have an open minute.
CREATE TABLE open_day AS
    SELECT name, wall::date AS day, row_number() OVER (PARTITION BY name ORDER BY wall::date) AS n
    FROM minute WHERE open GROUP BY name, wall::date;
SELECT count(*) > 2000 AS many, count(DISTINCT k) AS spans,
       count(*) FILTER (WHERE lead_stage.add_business_time(s.name, a, k * interval '1 day')
                            <> lead_stage.next_open(s.name, (d.day + (a AT TIME ZONE zone)::time) AT TIME ZONE zone)) AS differ
FROM sample AS s CROSS JOIN generate_series(-4, 4) AS k
     JOIN open_day AS d ON d.name = s.name AND k <> 0
         AND d.n = CASE WHEN k > 0 THEN (SELECT coalesce(max(b.n), 0) FROM open_day AS b WHERE b.name = s.name AND b.day <= (a AT TIME ZONE zone)::date) + k
                        ELSE (SELECT min(b.n) FROM open_day AS b WHERE b.name = s.name AND b.day >= (a AT TIME ZONE zone)::date) + k END
WHERE d.day > s.day + 1 AND d.day < s.day + 9;

-- The laws, for instants from 600 to 9999 and spans up to centuries.
CREATE TABLE far AS
    SELECT name, zone, timestamptz '0600-01-01 00:00+00' + random() * interval '3400000 days' AS a,
           timestamptz '0600-01-01 00:00+00' + random() * interval '3400000 days' AS b,
           timestamptz '0600-01-01 00:00+00' + random() * interval '3400000 days' AS c,
           random() ^ 8 * interval '5000000 hours' + interval '1 microsecond' AS s,
           random() ^ 8 * interval '5000000 hours' + interval '1 microsecond' AS r
    FROM place, generate_series(1, 100);
INSERT INTO far SELECT name, zone, a, b, a + random() * interval '40 days', s, s / 7 + interval '1 microsecond' FROM sample;
SELECT count(*) AS cases,
       count(*) FILTER (WHERE lead_stage.business_time_between(name, a, lead_stage.add_business_time(name, a, s)) <> s) AS back,
       count(*) FILTER (WHERE lead_stage.business_time_between(name, lead_stage.add_business_time(name, a, -s), a) <> s) AS forth,
       count(*) FILTER (WHERE lead_stage.add_business_time(name, lead_stage.add_business_time(name, a, s), r)
                           <> lead_stage.add_business_time(name, a, s + r)) AS additive_add,
       count(*) FILTER (WHERE lead_stage.business_time_between(name, a, b) + lead_stage.business_time_between(name, b, c)
                           <> lead_stage.business_time_between(name, a, c)) AS additive,
       count(*) FILTER (WHERE lead_stage.business_time_between(name, a, b) <> - lead_stage.business_time_between(name, b, a)) AS symmetric,
       count(*) FILTER (WHERE sign(extract(epoch FROM lead_stage.business_time_between(name, a, b))) NOT IN (0, sign(extract(epoch FROM b - a)))
                           OR abs(extract(epoch FROM lead_stage.business_time_between(name, a, b))) > abs(extract(epoch FROM b - a))) AS sign,
       count(*) FILTER (WHERE lead_stage.add_business_time(name, least(a, b), s) > lead_stage.add_business_time(name, greatest(a, b), s)
                           OR lead_stage.add_business_time(name, a, least(s, r)) > lead_stage.add_business_time(name, a, greatest(s, r))) AS monotone,
       count(*) FILTER (WHERE NOT lead_stage.is_open(name, lead_stage.add_business_time(name, a, s) - interval '1 microsecond')
                           OR NOT lead_stage.is_open(name, lead_stage.add_business_time(name, a, -s))
                           OR NOT lead_stage.is_open(name, lead_stage.next_open(name, a))
                           OR lead_stage.is_open(name, a) <> (lead_stage.next_open(name, a) = a)) AS ends
FROM far;

-- Round the clock is plain arithmetic.
SELECT count(*) FILTER (WHERE lead_stage.business_time_between(NULL, a, b) <> make_interval(secs => extract(epoch FROM b - a)::numeric)
                           OR lead_stage.add_business_time('always', a, s) <> a + s) AS differ FROM sample;

DELETE FROM lead_stage.calendar;
DROP SCHEMA business_time CASCADE;
