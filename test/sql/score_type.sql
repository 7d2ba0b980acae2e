-- The type lead_score: exact, setting-independent input and output that refuses
-- every value the engine could not have written.

SELECT typlen, typbyval, typalign, typstorage, typcategory FROM pg_type WHERE oid = 'lead_score'::regtype;

-- the form: {model;rule,matches,weight,half_life,last;...}
SELECT s::lead_score FROM (VALUES
    ('{1}'),
    ('{2147483647}'),
    ('{3;1,12,4.25,604800,2026-03-01T09:30:00Z}'),
    ('{3;1,12,4.25,604800,2026-03-01T09:30:00Z;4,1,1,0,2026-02-27T16:00:00.5Z;17,9223372036854775807,0,1e-3,1999-12-31T23:59:59.999999Z}'),
    (E' { 3 ; 1 , 12 ,\t4.250 , 6048e2 , 2026-03-01T09:30:00.000Z ;\n2,1,1,0,2026-03-01T09:30:00.100Z } ')) v (s);

-- doubles: the shortest digits that read back as the same bits, whatever the settings
SET extra_float_digits = -15;
SELECT w, ('{1;1,1,' || w || ',0,2026-01-01T00:00:00Z}')::lead_score
FROM (VALUES ('0.1'), ('0.30000000000000004'), ('1e22'), ('123456789012345678'), ('1.7976931348623157e308'), ('5e-324'), ('2.2250738585072011e-308'),
    ('0.333333333333333333333333333333')) v (w);
RESET extra_float_digits;

-- times: UTC whatever the settings, to the microsecond, to both ends of the range
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German';
SELECT t, ('{1;1,1,1,0,' || t || '}')::lead_score::text = '{1;1,1,1,0,' || t || '}' AS same
FROM (VALUES ('2026-01-02T03:04:05Z'), ('2026-01-02T03:04:05.000001Z'), ('2026-01-02T03:04:05.9Z'), ('2024-02-29T23:59:59.999999Z'),
    ('2000-01-01T00:00:00Z'), ('1999-12-31T23:59:59.999999Z'), ('1970-01-01T00:00:00Z'), ('0001-01-01T00:00:00Z'), ('0000-12-31T00:00:00Z'),
    ('0000-02-29T00:00:00Z'), ('-0001-01-01T00:00:00Z'), ('-4713-11-24T00:00:00Z'), ('294276-12-31T23:59:59.999999Z')) v (t);
RESET datestyle;
RESET timezone;
-- against PostgreSQL's own reading of the same moments
SELECT count(*) AS days, count(*) FILTER (WHERE substr(encode(lead_score_send(('{1;1,1,1,0,' || to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '}')::lead_score), 'hex'), 67, 16)
    = encode(timestamp_send(t), 'hex')) AS agree
FROM generate_series(timestamp '1800-01-01 01:02:03.000001', '2200-01-01', '1 day 1 second') t;

-- what is refused as text: the form ...
CREATE FUNCTION refused(VARIADIC text[]) RETURNS TABLE (input text, code text, message text, detail text) LANGUAGE plpgsql AS $$
DECLARE
    v lead_score;
BEGIN
    FOREACH input IN ARRAY $1 LOOP
        BEGIN
            v := input::lead_score;
            code := 'accepted'; message := v::text; detail := NULL;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            message := replace(message, input, '%');
        END;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM refused('', '{', '{}', '1', '{1', '{1;', '{1;}', '{1}}', '{1};', '{-1}', '{+1}', '{1.0}', '{x}', '{1;1}', '{1;1,1,1,0}',
    '{1;1,1,1,0,}', '{1;1,1,1,0,2026-01-01T00:00:00Z;}', '{1;1,1,1,0,2026-01-01T00:00:00Z,1}', '{1;1,1,,0,2026-01-01T00:00:00Z}');
SELECT * FROM refused('{1;1,1,-1,0,2026-01-01T00:00:00Z}', '{1;1,1,-0,0,2026-01-01T00:00:00Z}', '{1;1,1,nan,0,2026-01-01T00:00:00Z}', '{1;1,1,inf,0,2026-01-01T00:00:00Z}',
    '{1;1,1,0x10,0,2026-01-01T00:00:00Z}', '{1;1,1,.5,0,2026-01-01T00:00:00Z}', '{1;1,1,1e,0,2026-01-01T00:00:00Z}', '{1;1,1,1-1,0,2026-01-01T00:00:00Z}',
    '{1;1,1,1,infinity,2026-01-01T00:00:00Z}', '{1;1.5,1,1,0,2026-01-01T00:00:00Z}', '{1;1,9223372036854775808,1,0,2026-01-01T00:00:00Z}',
    '{2147483648}', '{99999999999999999999}', '{1;2147483648,1,1,0,2026-01-01T00:00:00Z}');
SELECT * FROM refused(VARIADIC (SELECT array_agg('{1;1,1,1,0,' || t || '}' ORDER BY n) FROM unnest(ARRAY[
    '2026-01-01', '2026-01-01T00:00:00', '2026-01-01 00:00:00Z', '2026-01-01T00:00:00+00', '2026-1-1T00:00:00Z', '2026-02-29T00:00:00Z', '2026-04-31T00:00:00Z',
    '2026-00-01T00:00:00Z', '2026-13-01T00:00:00Z', '2026-01-00T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01T00:60:00Z', '2026-01-01T00:00:60Z', '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00.1234567Z', '20260-01-01T00:00:00', 'infinity', '-infinity', 'now', '+2026-01-01T00:00:00Z']) WITH ORDINALITY u (t, n)));
-- ... and the bounds, with what is wrong
SELECT * FROM refused('{0}', '{0;1,1,1,0,2026-01-01T00:00:00Z}', '{1;0,1,1,0,2026-01-01T00:00:00Z}', '{1;1,0,1,0,2026-01-01T00:00:00Z}', '{1;1,1,1e999,0,2026-01-01T00:00:00Z}',
    '{1;1,1,1,1e999,2026-01-01T00:00:00Z}', '{1;1,1,1,0,2026-01-01T00:00:00Z;1,1,1,0,2026-01-01T00:00:00Z}', '{1;2,1,1,0,2026-01-01T00:00:00Z;1,1,1,0,2026-01-01T00:00:00Z}');
SELECT * FROM refused(VARIADIC (SELECT array_agg('{1;1,1,1,0,' || t || '}' ORDER BY n) FROM unnest(ARRAY[
    '-4713-11-23T23:59:59.999999Z', '294277-01-01T00:00:00Z', '-4714-01-01T00:00:00Z', '999999-01-01T00:00:00Z', '-999999-12-31T00:00:00Z']) WITH ORDINALITY u (t, n)));
SELECT '{1;1,0,1,0,2026-01-01T00:00:00Z}'::lead_score;
DROP FUNCTION refused;

-- stored: short, long, compressed, out of line
CREATE TEMP TABLE lead (id int PRIMARY KEY, score lead_score);
INSERT INTO lead SELECT n, ('{7' || coalesce(string_agg(format(';%s,%s,%s,%s,2026-01-01T00:00:00.%sZ', r * 3, r * n, (r + n) / 7.0, r % 2 * 86400, lpad(r::text, 6, '0')), '' ORDER BY r) FILTER (WHERE r > 0), '') || '}')::lead_score
FROM unnest(ARRAY[0, 1, 2, 10, 60, 5000]) n LEFT JOIN generate_series(1, 5000) r ON r <= n GROUP BY n;
ALTER TABLE lead ADD copy lead_score;
UPDATE lead SET copy = score::text::lead_score;
SELECT id, length(lead_score_send(score)) AS sent, lead_score_send(score) = lead_score_send(copy) AS same, score::text = copy::text AS same_text FROM lead ORDER BY id;
SELECT score FROM lead WHERE id <= 2 ORDER BY id;

-- binary there and back
SELECT encode(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00.000001Z}'), 'hex');
\copy (SELECT id, score FROM lead) TO 'results/score_type.data' (FORMAT binary)
CREATE TEMP TABLE back (id int, score lead_score);
\copy back FROM 'results/score_type.data' (FORMAT binary)
SELECT count(*) FROM lead JOIN back USING (id) WHERE lead_score_send(lead.score) = lead_score_send(back.score);
TRUNCATE back;

-- bytes that are no value: bytea on the wire is its bytes, and so can play any client
CREATE TEMP TABLE wire (id int, bytes bytea);
-- empty
INSERT INTO wire VALUES (1, '');
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- another version
UPDATE wire SET bytes = '\x0200000001';
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- an id below 1
UPDATE wire SET bytes = '\x01ffffffff';
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- a byte too few
UPDATE wire SET bytes = (SELECT substr(b, 1, length(b) - 1) FROM lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') b);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- a byte too many
UPDATE wire SET bytes = lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') || '\x00';
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- no match at all
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING int8send(0) FROM 10);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- weights: not a number, infinite, negative, minus zero
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING float8send('nan') FROM 18);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING float8send('inf') FROM 18);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING float8send(-1) FROM 18);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING float8send('-0') FROM 18);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- a half-life that is infinite
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING float8send('inf') FROM 26);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- infinity as the time
UPDATE wire SET bytes = overlay(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') PLACING timestamptz_send('infinity') FROM 34);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- the same rule twice
UPDATE wire SET bytes = lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') || substr(lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}'), 6);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
-- and what was cut for these is whole
UPDATE wire SET bytes = lead_score_send('{3;1,12,4.25,604800,2000-01-01T00:00:00Z}') || substr(lead_score_send('{3;2,12,4.25,604800,2000-01-01T00:00:00Z}'), 6);
\copy (SELECT * FROM wire) TO 'results/score_type.data' (FORMAT binary)
\copy back FROM 'results/score_type.data' (FORMAT binary)
SELECT score FROM back;

-- no order and no equality: nobody groups or joins by a state
SELECT DISTINCT score FROM lead;
DROP TABLE lead, back, wire;
