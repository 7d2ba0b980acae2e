-- The type lead_stage by itself: vocabulary, input, output, order, aggregates.
-- As a plain role: nothing here may need a privilege.
SET client_min_messages = warning;
CREATE ROLE regress_stage_type;
CREATE SCHEMA stage_type_test AUTHORIZATION regress_stage_type;
SET search_path = stage_type_test, public;
SET ROLE regress_stage_type;
RESET client_min_messages;

-- the vocabulary
SELECT * FROM lead_stage.stages();
SELECT lead_stage.rank('mql'), lead_stage.rank('MQL'), lead_stage.team('sal'), lead_stage.team('lost');
SELECT lead_stage.rank(NULL), lead_stage.team(NULL);
SELECT * FROM lead_stage.stages()
WHERE rank IS DISTINCT FROM lead_stage.rank(stage) OR team IS DISTINCT FROM lead_stage.team(stage);

-- one byte, by value
SELECT typlen, typbyval, typalign, typstorage, typcategory, typispreferred, typcollation, pg_column_size('mql'::lead_stage)
FROM pg_type WHERE oid = 'lead_stage'::regtype;

-- input in any case, output in lower case
SELECT lead_stage 'disqualified', lead_stage 'LOST', lead_stage 'Lead', lead_stage 'nUrTuRe', 'SQL'::lead_stage;
SELECT count(*) AS accepted FROM lead_stage.stages() WHERE upper(stage::text)::lead_stage = stage AND initcap(stage::text)::lead_stage = stage;
SELECT NULL::lead_stage IS NULL AS "null";

-- nothing but a label
SELECT 'prospect'::lead_stage;
SELECT ''::lead_stage;
SELECT ' mql'::lead_stage;
SELECT 'mql '::lead_stage;
SELECT 'mq'::lead_stage;
SELECT 'mqll'::lead_stage;
SELECT '50'::lead_stage;
SELECT 50::lead_stage;
\set VERBOSITY sqlstate
SELECT 'prospect'::lead_stage;
SELECT repeat('mql', 100000)::lead_stage;
\set VERBOSITY default

-- the order, every pair against the ranks
SELECT count(*) AS pairs,
    count(*) FILTER (WHERE (a.stage < b.stage) = (a.rank < b.rank)) AS lt,
    count(*) FILTER (WHERE (a.stage <= b.stage) = (a.rank <= b.rank)) AS le,
    count(*) FILTER (WHERE (a.stage = b.stage) = (a.rank = b.rank)) AS eq,
    count(*) FILTER (WHERE (a.stage <> b.stage) = (a.rank <> b.rank)) AS ne,
    count(*) FILTER (WHERE (a.stage >= b.stage) = (a.rank >= b.rank)) AS ge,
    count(*) FILTER (WHERE (a.stage > b.stage) = (a.rank > b.rank)) AS gt,
    count(*) FILTER (WHERE sign(lead_stage_cmp(a.stage, b.stage)) = sign(a.rank - b.rank)) AS cmp,
    count(*) FILTER (WHERE lead_stage.rank(greatest(a.stage, b.stage)) = greatest(a.rank, b.rank)) AS greatest
FROM lead_stage.stages() a, lead_stage.stages() b;
SELECT string_agg(stage::text, ' < ' ORDER BY stage) FROM lead_stage.stages();
SELECT stage FROM lead_stage.stages() ORDER BY stage DESC LIMIT 2;
SELECT 'mql'::lead_stage BETWEEN 'lead' AND 'sal' AS "between", 'mql'::lead_stage IN ('sql', 'mql') AS "in",
    NULL::lead_stage < 'mql' AS "null";
SELECT CASE lead_stage 'sql' WHEN 'mql' THEN 'no' WHEN 'sql' THEN 'yes' END;
SELECT coalesce(NULL::lead_stage, 'lead');

-- one hash per stage; the seed counts
SELECT count(DISTINCT lead_stage_hash(stage)) AS hashes, count(DISTINCT lead_stage_hash_extended(stage, 0)) AS extended,
    bool_and(lead_stage_hash_extended(stage, 0) <> lead_stage_hash_extended(stage, 1)) AS seeded,
    bool_and(lead_stage_hash_extended(stage, 0)::bit(64)::bit(64) << 32 = lead_stage_hash(stage)::bit(32)::bit(64)) AS agree
FROM lead_stage.stages();

-- min and max
SELECT min(stage), max(stage) FROM lead_stage.stages() WHERE is_open;
SELECT min(stage), max(stage) FROM (VALUES (NULL::lead_stage), ('sal'), (NULL)) v (stage);
SELECT min(stage), max(stage) FROM lead_stage.stages() WHERE false;

-- arrays, rows, grouping
SELECT '{LEAD,mql,NULL}'::lead_stage[], array_position('{lead,mql}'::lead_stage[], 'mql'),
    'sql' = ANY ('{lead,sql}'::lead_stage[]) AS "any", ARRAY['lead', 'mql']::lead_stage[] @> '{mql}' AS contains;
SELECT ROW('mql'::lead_stage, 1) < ROW('sql'::lead_stage, 0) AS "row";
SELECT team, array_agg(stage ORDER BY stage) FROM lead_stage.stages() GROUP BY team ORDER BY team NULLS FIRST;
CREATE TEMP TABLE s (stage lead_stage);
SELECT to_jsonb(lead_stage 'mql'), jsonb_populate_record(NULL::pg_temp.s, '{"stage": "SQL"}');
SELECT format('%s %L', lead_stage 'mql', lead_stage 'mql'), lead_stage 'mql' || '!' AS concat;

-- COPY, as text
COPY s FROM stdin;
MQL
\N
customer
\.
COPY s FROM stdin;
sql
suspect
\.
COPY (SELECT stage FROM s ORDER BY stage) TO stdout;

-- the wire carries the label
SELECT stage, encode(lead_stage_send(stage), 'escape') AS sent FROM lead_stage.stages();
INSERT INTO s SELECT stage FROM lead_stage.stages();
\copy (SELECT stage FROM s) TO 'results/stage_type.data' (FORMAT binary)
CREATE TEMP TABLE s2 (stage lead_stage);
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
SELECT count(*) AS rows, count(s2.stage) AS stages FROM s2;
(TABLE s EXCEPT ALL TABLE s2) UNION ALL (TABLE s2 EXCEPT ALL TABLE s);
-- text on the wire is its bytes, and so can play a client that sends any label
\copy (VALUES ('Mql'::text)) TO 'results/stage_type.data' (FORMAT binary)
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
\copy (VALUES ('suspect'::text)) TO 'results/stage_type.data' (FORMAT binary)
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
\copy (VALUES (''::text)) TO 'results/stage_type.data' (FORMAT binary)
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
\copy (VALUES ('mql\000'::bytea)) TO 'results/stage_type.data' (FORMAT binary)
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
\copy (VALUES ('\x32'::bytea)) TO 'results/stage_type.data' (FORMAT binary)
\copy s2 FROM 'results/stage_type.data' (FORMAT binary)
SELECT count(*) FROM s2;
DROP TABLE s, s2;

-- A byte that is no stage (damaged, or written by a newer version) can be seen,
-- sorted and found, and belongs to no team; nothing takes it back in.
RESET ROLE;
CREATE CAST ("char" AS lead_stage) WITHOUT FUNCTION;
CREATE TEMP TABLE odd AS SELECT c::"char"::lead_stage AS stage FROM unnest(ARRAY['A', '2', '\200', '\377', '\001']) c;
SELECT stage, lead_stage.rank(stage), lead_stage.team(stage), encode(lead_stage_send(stage), 'escape') AS sent
FROM odd ORDER BY stage;
SELECT min(stage), max(stage), count(*) FILTER (WHERE stage > 'customer') AS above FROM odd;
SELECT stage::text::lead_stage FROM odd ORDER BY stage LIMIT 1;
DROP TABLE odd;
DROP CAST ("char" AS lead_stage);

RESET search_path;
DROP SCHEMA stage_type_test;
DROP ROLE regress_stage_type;
