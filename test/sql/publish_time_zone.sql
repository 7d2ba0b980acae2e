-- Casts that depend on a time zone use the model's, whatever the session's is,
-- in the engine and in the signals view; formats of the session do not matter
-- either.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA tz AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TABLE tz.lead (id int PRIMARY KEY, at timestamptz, ts timestamp, day date, span interval, note text);
INSERT INTO lead_stage.model (name, time_zone) VALUES ('tz', 'Asia/Tokyo');
-- 2026-03-01 20:30 UTC is 2026-03-02 05:30 in Tokyo.
INSERT INTO lead_stage.rule (model, name, kind, condition, points)
    SELECT 'tz', name, 'fit', condition, 1 FROM (VALUES
        ('01 day', 'at::date = ''2026-03-02'''),
        ('02 CAST', 'CAST(at AS date) = date ''2026-03-02'''),
        ('03 hour', 'extract(hour FROM at) = 5'),
        ('04 dow', 'extract(isodow FROM at) = 1'),
        ('05 part', 'date_part(''day'', at) = 2'),
        ('06 trunc', 'date_trunc(''day'', at) = ''2026-03-01 15:00+00'''),
        ('07 trunc to date', 'date_trunc(''month'', at)::date = ''2026-03-01'''),
        ('08 time', 'at::time = ''05:30'''),
        ('09 timestamp', 'at::timestamp = ''2026-03-02 05:30'''),
        ('10 literal', 'at = ''2026-03-02 05:30'''),
        ('11 typed literal', 'at = timestamptz ''2026-03-02 05:30'''),
        ('12 literal with a zone', 'at = ''2026-03-01 20:30+00'''),
        ('13 against a date', 'at > date ''2026-03-02'' AND at >= day'),
        ('14 against a timestamp', 'at = ts'),
        ('15 date against it', 'day < at AND day + 1 > at'),
        ('16 cast from a date', 'day::timestamptz = ''2026-03-01 15:00+00'''),
        ('17 cast from a timestamp', 'ts::timestamptz = at'),
        ('18 to_char', 'to_char(at, ''YYYY-MM-DD HH24:MI'') = ''2026-03-02 05:30'''),
        ('19 at time zone', '(at AT TIME ZONE ''UTC'')::date = ''2026-03-01'''),
        ('20 epoch', 'extract(epoch FROM at) = 1772397000'),
        ('21 difference', 'at - day = ''05:30'''),
        ('22 difference the other way', 'ts - at = ''0'''),
        ('23 between', 'at BETWEEN ''2026-03-02'' AND ''2026-03-03'''),
        ('24 in', 'at::date IN (''2026-03-01'', ''2026-03-02'') AND at::date NOT IN (''2026-03-01'')'),
        ('25 in a case', 'CASE WHEN at::date = ''2026-03-02'' THEN true ELSE at::date = ''1999-01-01'' END'),
        ('26 in coalesce', 'coalesce(at::date, day) = day'),
        ('27 in greatest', 'greatest(at::date, ''2026-03-01'') = ''2026-03-02'''),
        ('28 in an array', 'at::date = ANY (ARRAY[day, at::date]) AND day = ANY (ARRAY[at::date])'),
        ('29 ambiguous date', 'day = ''2026-03-02'' AND day = ''02 Mar 2026'''),
        ('30 interval literal', 'span = ''1 day 2:00'''),
        ('31 in a row', '(at::date, 1) = (day, 1)'),
        ('32 IS DISTINCT', 'NOT (at::date IS DISTINCT FROM day)'),
        ('33 IS DISTINCT, mixed', 'NOT (at IS DISTINCT FROM ts)'),
        ('34 nullif', 'nullif(at, ts) IS NULL'),
        ('35 any', 'at > ANY (ARRAY[ts - interval ''1 minute'', ts])'),
        ('36 overlaps', '(at::date, at::date + 1) OVERLAPS (day, day + 1)'),
        ('37 range', 'tstzrange(''2026-03-02'', ''2026-03-03'') @> at'),
        ('38 now', 'lead_stage.now()::date = ''2026-03-02'''),
        ('39 two zones', 'extract(timezone FROM at AT TIME ZONE ''UTC'' AT TIME ZONE ''UTC'') IS NOT NULL'),
        ('43 nullif of a date', 'nullif(day, at) = ''2026-03-02'''),
        ('44 nullif of a timestamp', 'nullif(ts, at) IS NULL'),
        ('45 date in points', 'NOT (day = ANY (ARRAY[at]))'),
        ('47 rows', '(at, 1) > (day, 1) AND (day, 2) < (at, 1) AND (ts, 1) <= (at, 1) AND (at, 1) >= (ts, 1)'),
        ('46 all', 'at < ALL (ARRAY[day + 1, day + 2])')
    ) AS v (name, condition);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, min_fit) VALUES ('tz', 'all', 'lead', 'mql', true, 44);
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage, automatic, not_before) VALUES ('tz', 'that day', 'mql', 'nurture', true, 'day');
SELECT lead_stage.attach('tz.lead', 'tz');
SET TimeZone = 'America/Los_Angeles';
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
SELECT lead_stage.publish('tz') > 0 AS published;
RESET ROLE;
SET lead_stage.now = '2026-03-01 20:45+00';
SET ROLE regress_owner;

CREATE FUNCTION tz.write(number int) RETURNS TABLE (zone text, fit_score int, stage lead_stage, missing text[]) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tz.lead (id, at, ts, day, span) VALUES (number, '2026-03-01 20:30:00+00', '2026-03-02 05:30:00', '2026-03-02', '1 day 2 hours');
    RETURN QUERY SELECT current_setting('TimeZone'), l.fit_score, l.stage,
            (SELECT array_agg(e.name ORDER BY e.name) FROM lead_stage.explain('tz.lead', number) AS e WHERE e.kind = 'fit' AND NOT e.holds)
        FROM tz.lead AS l WHERE l.id = number;
END
$$;
SELECT * FROM tz.write(1);
SET TimeZone = 'UTC';
SET DateStyle = 'SQL, MDY';
SELECT * FROM tz.write(2);
SET TimeZone = 'Pacific/Kiritimati';
SET DateStyle = 'Postgres, DMY';
SET IntervalStyle = 'sql_standard';
SELECT * FROM tz.write(3);
-- The session's own settings are untouched, also after an error.
UPDATE tz.lead SET stage = 'customer' WHERE id = 3;
SELECT current_setting('TimeZone'), current_setting('DateStyle'), current_setting('IntervalStyle');

-- The view agrees, in every zone.
CREATE FUNCTION tz.view_misses() RETURNS TABLE (id int, misses text) LANGUAGE sql AS $$
    SELECT s.id, string_agg(j.key, ', ' ORDER BY j.key) FILTER (WHERE j.value = 'false' OR j.value IS NULL)
    FROM tz.lead_signals AS s CROSS JOIN LATERAL jsonb_each_text(to_jsonb(s)) AS j WHERE j.key LIKE 'fit\_%' GROUP BY s.id ORDER BY s.id
$$;
SELECT * FROM tz.view_misses();
SET TimeZone = 'America/Los_Angeles';
SET DateStyle = 'German, DMY';
SELECT * FROM tz.view_misses();
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SELECT * FROM tz.view_misses();

-- Text of a point in time depends on the session's formats; in the engine they
-- are always the same.
UPDATE lead_stage.transition SET min_fit = 47 WHERE name = 'all';
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES
    ('tz', '40 text', 'fit', 'at::text = ''2026-03-02 05:30:00+09''', 1), ('tz', '41 text of an interval', 'fit', 'span::text = ''1 day 02:00:00''', 1),
    ('tz', '42 from text', 'fit', 'note::timestamptz = at AND note::date = day', 1);
SELECT lead_stage.publish('tz') > 0 AS published;
UPDATE tz.lead SET note = '2026-03-02 05:30' WHERE id = 2;
SELECT id, fit_score FROM tz.lead WHERE id = 2;
SET TimeZone = 'America/Los_Angeles';
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
UPDATE tz.lead SET note = '2026-03-02 5:30' WHERE id = 2;
SELECT id, fit_score FROM tz.lead WHERE id = 2;

RESET TimeZone;
RESET DateStyle;
RESET IntervalStyle;
-- Another zone, another day.
UPDATE lead_stage.model SET time_zone = 'Europe/London';
SELECT lead_stage.publish('tz') > 0 AS published;
SELECT s."fit_01 day", s."fit_03 hour", s."fit_12 literal with a zone", s."fit_19 at time zone" FROM tz.lead_signals AS s WHERE id = 1;

RESET ROLE;
RESET lead_stage.now;
DROP SCHEMA tz CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
