-- What counts as business time: each edge by itself, and every error.
\set SHOW_CONTEXT never
SET TimeZone = 'America/New_York';
INSERT INTO lead_stage.calendar VALUES ('office', 'America/New_York'), ('night', 'America/New_York'), ('bar', 'America/New_York'),
    ('lunch', 'Europe/Madrid'), ('apia', 'Pacific/Apia'), ('sunday', 'America/New_York'), ('fair', 'UTC'), ('closed', 'UTC'), ('pst', 'PST'), ('dense', 'UTC'), ('bakery', 'America/New_York');
INSERT INTO lead_stage.calendar_hours SELECT 'office', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.holiday VALUES ('office', '2026-12-24', '09:00', '12:00'), ('office', '2026-12-25', NULL, NULL), ('office', '2026-12-26', '10:00', '11:00');
INSERT INTO lead_stage.calendar_hours SELECT 'night', d, '22:00', '06:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.holiday VALUES ('night', '2026-03-04');
INSERT INTO lead_stage.calendar_hours SELECT 'bar', d, '18:00', '01:30' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'lunch', d, '09:00', '14:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'lunch', d, '16:00', '24:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'bakery', d, '02:30', '10:30' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'apia', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours VALUES ('sunday', 7, '02:00', '03:00'), ('pst', 3, '00:00', '24:00');
INSERT INTO lead_stage.holiday VALUES ('fair', '2026-05-01', '10:00', '12:00'), ('fair', '2026-05-03', '10:00', '12:00'), ('fair', '2026-05-04', NULL, NULL);
-- Overlapping, touching, and one inside another: still open once.
INSERT INTO lead_stage.calendar_hours VALUES ('dense', 1, '09:00', '12:00'), ('dense', 1, '11:00', '13:00'), ('dense', 1, '13:00', '14:00'), ('dense', 1, '09:30', '10:00'), ('dense', 7, '23:00', '09:15');

-- Working time: a close is reached and not passed, an opening is where nothing more was left.
SELECT span, lead_stage.add_business_time('office', start, span) FROM (VALUES
    (timestamptz '2026-03-02 16:00', interval '1 hour'), ('2026-03-02 16:00', '1 hour 0.000001 seconds'), ('2026-03-02 16:00', '9 hours'),
    ('2026-03-06 16:00', '2 hours'), ('2026-03-07 12:00', '1 minute'), ('2026-03-02 08:00', '0'), ('2026-03-02 17:00', '0'), ('2026-03-02 09:00', '0'),
    ('2026-03-02 10:00', '-1 hour'), ('2026-03-02 10:00', '-1 hour -0.000001 seconds'), ('2026-03-09 09:30', '-9 hours'), ('2026-12-23 16:00', '4 hours 30 minutes'),
    ('2026-12-23 16:00', '6 hours')) AS v (start, span);
SELECT lead_stage.business_time_between('office', '2026-03-06 16:00', '2026-03-09 10:00') AS over_a_weekend,
       lead_stage.business_time_between('office', '2026-03-09 10:00', '2026-03-06 16:00') AS backwards,
       lead_stage.business_time_between('office', '2026-03-07 10:00', '2026-03-08 10:00') AS on_a_weekend,
       lead_stage.business_time_between('office', '2026-01-01 00:00', '2027-01-01 00:00') AS a_year,
       lead_stage.business_time_between('dense', '2026-03-01 00:00 UTC', '2026-03-08 00:00 UTC') AS once;
SELECT at, lead_stage.is_open('office', at), lead_stage.next_open('office', at) FROM (VALUES
    (timestamptz '2026-03-02 08:59:59.999999'), ('2026-03-02 09:00'), ('2026-03-02 16:59:59.999999'), ('2026-03-02 17:00'), ('2026-12-24 12:00'), ('2026-12-26 10:30')) AS v (at);
SELECT at, lead_stage.is_open('lunch', at) FROM (VALUES
    (timestamptz '2026-03-02 13:59 Europe/Madrid'), ('2026-03-02 14:00 Europe/Madrid'), ('2026-03-02 23:59:59.999999 Europe/Madrid'), ('2026-03-03 00:00 Europe/Madrid')) AS v (at);

-- A holiday cuts night shifts at both midnights.
SELECT at, lead_stage.is_open('night', at) FROM (VALUES
    (timestamptz '2026-03-03 23:59'), ('2026-03-04 00:00'), ('2026-03-04 22:00'), ('2026-03-04 23:59'), ('2026-03-05 00:00'), ('2026-03-05 05:59'), ('2026-03-05 06:00'),
    ('2026-03-07 05:59'), ('2026-03-07 22:00'), ('2026-03-09 00:00')) AS v (at);

-- Clocks skip an hour on 2026-03-08 and repeat one on 2026-11-01.
SELECT lead_stage.business_time_between('bar', '2026-03-07 12:00', '2026-03-08 12:00') AS spring,
       lead_stage.business_time_between('bar', '2026-10-31 12:00', '2026-11-01 12:00') AS autumn,
       lead_stage.business_time_between('sunday', '2026-03-08 00:00', '2026-03-09 00:00') AS skipped,
       lead_stage.business_time_between(NULL, '2026-03-08 00:00', '2026-03-09 00:00') AS round_the_clock;
SELECT at, lead_stage.next_open('bar', at) FROM (VALUES
    (timestamptz '2026-11-01 01:29:59-04'), ('2026-11-01 01:30:00-04'), ('2026-11-01 01:29:59-05'), ('2026-11-01 01:30:00-05')) AS v (at);

-- Days: the same time on the wall, open days later; then the time.
SELECT start, span, lead_stage.add_business_time('office', start, span) FROM (VALUES
    (timestamptz '2026-03-06 10:00', interval '1 day'), ('2026-03-06 10:00', '1 day 8 hours'), ('2026-03-06 20:00', '1 day'), ('2026-03-07 10:00', '1 day'),
    ('2026-03-09 10:00', '-1 day'), ('2026-03-08 10:00', '-1 day'), ('2026-03-09 10:00', '-1 day 30 minutes'), ('2026-12-23 16:00', '2 days'), ('2026-12-23 10:30', '2 days'),
    ('2026-03-06 10:00', '250 days'), ('2026-03-06 10:00', '-250 days')) AS v (start, span);
-- One that does not exist on that day is as much later; one that comes twice is the second.
SELECT lead_stage.add_business_time('bakery', '2026-03-07 02:45', '1 day') AS later,
       lead_stage.add_business_time(NULL, '2026-03-07 12:00', '1 day') AS of_24_hours,
       lead_stage.add_business_time('bar', '2026-10-31 01:15', '1 day') AS second;
-- Days that clocks skipped, with all their hours, are no open days.
SET TimeZone = 'Pacific/Apia';
SELECT lead_stage.add_business_time('apia', '2011-12-29 10:00', '1 day') AS after_29, lead_stage.add_business_time('apia', '2012-01-02 10:00', '-1 day') AS before_2;
SET TimeZone = 'America/New_York';
SELECT lead_stage.add_business_time('sunday', '2026-03-01 02:30', '1 day') AS next_sunday, lead_stage.add_business_time('sunday', '2026-03-15 02:30', '-1 day') AS last_sunday;
-- An abbreviation is an offset.
SELECT lead_stage.next_open('pst', '2026-07-01 00:00-07') AS pst;

-- Null and infinity.
SELECT lead_stage.add_business_time(NULL, '2026-03-07 10:00', '1 hour') AS a, lead_stage.add_business_time('always', '2026-03-07 10:00', '2 days -1 hour') AS b,
       lead_stage.is_open(NULL, '2026-03-07 10:00') AS c, lead_stage.next_open('always', '2026-03-07 10:00') AS d;
SELECT lead_stage.add_business_time('office', NULL, '1 hour') AS a, lead_stage.add_business_time('office', now(), NULL) AS b, lead_stage.business_time_between('office', NULL, now()) AS c,
       lead_stage.business_time_between('office', now(), NULL) AS d, lead_stage.is_open('office', NULL) AS e, lead_stage.next_open('office', NULL) AS f, lead_stage.is_open('nowhere', NULL) AS g;
SELECT lead_stage.add_business_time('office', 'infinity', '-1 day') AS a, lead_stage.next_open('office', '-infinity') AS b, lead_stage.is_open('office', 'infinity') AS c;
SELECT lead_stage.business_time_between('office', now(), 'infinity');

-- Errors.
\set VERBOSITY sqlstate
SELECT lead_stage.add_business_time('nowhere', now(), '1 hour');
SELECT lead_stage.add_business_time(repeat('x', 1000), now(), '1 hour');
SELECT lead_stage.add_business_time('office', now(), '1 month');
SELECT lead_stage.add_business_time(NULL, now(), '1 year');
SELECT lead_stage.add_business_time('closed', now(), '1 hour');
SELECT lead_stage.add_business_time('closed', now(), '1 day');
SELECT lead_stage.next_open('closed', now());
SELECT lead_stage.business_time_between('closed', now(), now());
SELECT lead_stage.is_open('closed', now());
SELECT lead_stage.add_business_time('fair', '2026-05-01', '5 hours');
SELECT lead_stage.add_business_time('fair', '2026-05-01', '2 days');
SELECT lead_stage.add_business_time('fair', '2027-05-01', '-5 hours');
SELECT lead_stage.next_open('fair', '2026-05-04');
SELECT lead_stage.add_business_time('office', now(), '1000000000 hours');
SELECT lead_stage.add_business_time('office', now(), '-1000000000 hours');
SELECT lead_stage.add_business_time('office', now(), '2147483647 days');
SELECT lead_stage.add_business_time('office', now(), '-2147483648 days');
SELECT lead_stage.add_business_time(NULL, now(), '2147483647 days');
SELECT lead_stage.add_business_time('office', now(), '9223372036854775807 microseconds'), lead_stage.add_business_time('sunday', now(), '-9223372036854775807 microseconds');
SELECT lead_stage.add_business_time('office', '294276-12-31 23:00', '8 hours');
SELECT lead_stage.business_time_between(NULL, '4713-01-01 BC', '294276-12-31');
\set VERBOSITY default
SELECT lead_stage.is_open('nowhere', now());
SELECT lead_stage.add_business_time('office', now(), '1 month');
SELECT lead_stage.is_open('closed', now());
SELECT lead_stage.next_open('fair', '2026-06-01');

-- The ends of time, and holidays far away.
SET TimeZone = 'UTC';
INSERT INTO lead_stage.holiday VALUES ('sunday', '4000-01-02 BC'), ('sunday', '9000-01-05'), ('sunday', '5874897-12-31');
SELECT lead_stage.add_business_time('sunday', '4713-01-01 BC', lead_stage.business_time_between('sunday', '4713-01-01 BC', '294276-12-30')) AS last,
       lead_stage.business_time_between('sunday', '2000-01-01', '2400-01-01') = lead_stage.business_time_between('sunday', '290000-01-01', '290400-01-01') AS repeats,
       lead_stage.business_time_between('sunday', '9000-01-01', '9000-01-08') AS holiday_9000,
       lead_stage.business_time_between('sunday', '8600-01-01', '8600-01-08') AS as_ever;

DELETE FROM lead_stage.calendar;
