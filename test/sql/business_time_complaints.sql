-- What users of other systems complain about in their working time: each
-- computed by hand, on a calendar as they would have written it.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
INSERT INTO lead_stage.calendar VALUES ('nine to five', 'UTC'), ('split', 'UTC'), ('all day', 'UTC'), ('midnight', 'UTC'), ('minute lost', 'UTC'),
    ('rome', 'Europe/Rome'), ('rome always', 'Europe/Rome'), ('saturday too', 'UTC');
INSERT INTO lead_stage.calendar_hours SELECT 'nine to five', d, '09:00', '17:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'split', d, o, c FROM generate_series(1, 5) AS d, (VALUES (time '08:30', time '12:00'), ('13:30', '18:00')) AS h (o, c);
INSERT INTO lead_stage.calendar_hours SELECT 'all day', d, '00:00', '24:00' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'midnight', d, '00:00', '00:00' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'minute lost', d, '00:00', '23:59' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'rome', d, '09:00', '18:00' FROM generate_series(1, 5) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'rome always', d, '00:00', '24:00' FROM generate_series(1, 7) AS d;
INSERT INTO lead_stage.calendar_hours SELECT 'saturday too', d, '09:00', '17:00' FROM generate_series(1, 6) AS d;

-- "Monday 00:00 to 23:59 loses a minute, and 24:00 cannot be entered."  A day
-- of 00:00 to 24:00 is 1440 minutes and joins the next without a gap; written
-- as 00:00 to 00:00 it is the same; 23:59 means what it says: a week has 7
-- minutes less, 10073 of 10080.
SELECT calendar, lead_stage.business_time_between(calendar, '2026-03-02 00:00', '2026-03-09 00:00') AS week,
       lead_stage.is_open(calendar, '2026-03-02 23:59:30') AS last_minute,
       lead_stage.add_business_time(calendar, '2026-03-02 23:30', '1 hour') AS over_midnight
FROM (VALUES ('all day'), ('midnight'), ('minute lost')) AS c (calendar);

-- "A lead of Saturday 15:00 with four hours is due on Tuesday 11:00", since the
-- week-end was stepped over with the time of day kept.  Nothing is counted before
-- Monday 09:00, so it is Monday 13:00; 2026-03-07 is a Saturday.  From Friday
-- 16:00: an hour on Friday, three on Monday, 12:00.  The time of day of an off
-- day never counts.
SELECT at, lead_stage.add_business_time('nine to five', at, '4 hours') AS due
FROM (VALUES (timestamptz '2026-03-07 15:00'), ('2026-03-07 00:00'), ('2026-03-08 23:59:59.999999'), ('2026-03-09 09:00'), ('2026-03-06 16:00'), ('2026-03-06 17:00')) AS v (at);

-- "Hours are kept by weekday, so the afternoon overwrites the morning", "lunch
-- breaks count".  08:30–12:00 and 13:30–18:00 are eight hours a day, 40 a week.
-- From 11:30, an hour is half before lunch and half after: 14:00.  Half an hour
-- from 11:30 ends with the morning; a microsecond more is after lunch.  From
-- inside the lunch break everything is counted from 13:30.
SELECT lead_stage.business_time_between('split', '2026-03-02 00:00', '2026-03-09 00:00') AS week,
       lead_stage.business_time_between('split', '2026-03-02 11:00', '2026-03-02 14:30') AS over_lunch,
       lead_stage.business_time_between('split', '2026-03-02 12:00', '2026-03-02 13:30') AS lunch;
SELECT at, span, lead_stage.add_business_time('split', at, span) AS due
FROM (VALUES (timestamptz '2026-03-02 11:30', interval '1 hour'), ('2026-03-02 11:30', '30 minutes'), ('2026-03-02 11:30', '30 minutes 0.000001 seconds'),
             ('2026-03-02 12:45', '15 minutes'), ('2026-03-02 08:30', '8 hours'), ('2026-03-02 11:30', '8 hours')) AS v (at, span);

-- "Second rounding": what is added comes back to the microsecond, however many
-- breaks lie between.
SELECT count(*) AS spans, count(*) FILTER (WHERE lead_stage.business_time_between('split', a, lead_stage.add_business_time('split', a, s)) <> s) AS differ
FROM (SELECT timestamptz '2026-03-02 11:59:59.999999' + i * interval '7 hours 13 minutes 0.000007 seconds', i * interval '1 minute 0.000001 seconds' FROM generate_series(1, 500) AS i) AS v (a, s);

-- "Clock changes double or drop an hour."  In Rome 2026-03-29 has 23 hours and
-- 2026-10-25 has 25; round the clock that is what counts.  An office that is shut
-- at night counts nine hours on the Monday after, at its own 09:00: 07:00 UTC in
-- summer, 08:00 in winter; and 10 hours from Friday 17:00 are one on Friday and
-- nine on Monday, 18:00 there, on either side.
SELECT lead_stage.business_time_between('rome always', '2026-03-28 23:00+00', '2026-03-29 22:00+00') AS march,
       lead_stage.business_time_between('rome always', '2026-10-24 22:00+00', '2026-10-25 23:00+00') AS october,
       lead_stage.add_business_time('rome', '2026-03-27 17:00+01', '10 hours') AS after_march,
       lead_stage.add_business_time('rome', '2026-10-23 17:00+02', '10 hours') AS after_october;
-- Each of the two hours from 02:00 to 03:00 counts once, and the instants in
-- them have one answer each: 00:30 UTC is the first 02:30, 01:30 the second.
SELECT at, lead_stage.business_time_between('rome always', '2026-10-25 00:00+00', at) AS since, lead_stage.add_business_time('rome always', at, '1 hour') AS an_hour_later
FROM (VALUES (timestamptz '2026-10-25 00:30+00'), ('2026-10-25 01:30+00')) AS v (at);

-- "Is one day 24 hours or a working day?"  It is an open day; eight hours are
-- eight hours; both from Friday 10:00.
SELECT span, lead_stage.add_business_time('nine to five', '2026-03-06 10:00', span) AS due
FROM (VALUES (interval '1 day'), ('8 hours'), ('24 hours'), ('1 day 8 hours')) AS v (span);

-- "Working Saturdays and short days cannot be told."  A sixth day; a holiday that
-- has hours of its own, on a day that is open and on one that is not.
INSERT INTO lead_stage.holiday (calendar, day, opens, closes) VALUES ('saturday too', '2026-03-07', '10:00', '11:00'), ('saturday too', '2026-03-08', '10:00', '12:00');
SELECT lead_stage.business_time_between('saturday too', '2026-03-02 00:00', '2026-03-09 00:00') AS with_two_short_days,
       lead_stage.business_time_between('saturday too', '2026-03-09 00:00', '2026-03-16 00:00') AS plain_week;

DELETE FROM lead_stage.calendar;
