-- lead_stage wherever PostgreSQL asks for a well-behaved type: sorts, groupings,
-- joins, indexes, partition keys, constraints, generated columns.
SET client_min_messages = warning;
CREATE ROLE regress_stage_index;
CREATE SCHEMA stage_index_test AUTHORIZATION regress_stage_index;
SET search_path = stage_index_test, public;
SET ROLE regress_stage_index;
RESET client_min_messages;

-- whether the plan of a query has a line like this
CREATE FUNCTION plan_has(query text, pattern text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ pattern THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- how many rows the planner expects, and how many there are
CREATE FUNCTION plan_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
CREATE FUNCTION count_of(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    EXECUTE 'SELECT count(*) FROM (' || query || ') q' INTO n;
    RETURN n;
END $$;

-- 7200 leads, each stage 800 times, rank kept beside it as the oracle
CREATE TABLE lead (id int PRIMARY KEY, stage lead_stage, rank smallint);
INSERT INTO lead SELECT (rank - 1) + 9 * g, stage, rank FROM lead_stage.stages(), generate_series(0, 799) g;
INSERT INTO lead VALUES (7200, NULL, NULL);
VACUUM ANALYZE lead;

-- sort and group
SELECT count(*) FROM (SELECT rank, lag(rank) OVER (ORDER BY stage) AS before FROM lead) x WHERE before > rank;
SELECT stage, count(*), min(rank), max(rank) FROM lead GROUP BY stage ORDER BY stage;
SET enable_hashagg = off;
SELECT count(*) FROM (SELECT DISTINCT stage, rank FROM lead) x;
SET enable_sort = off;
SET enable_hashagg = on;
SELECT plan_has('SELECT stage, count(*) FROM lead GROUP BY stage', 'HashAggregate') AS hashed;
SELECT count(*) FROM (SELECT DISTINCT stage, rank FROM lead) x;
RESET enable_sort;

-- statistics serve the estimates: within a tenth of the truth
SELECT cond, count_of(query), abs(plan_rows(query) - count_of(query)) < 720 AS close
FROM (VALUES (1, 'stage = ''mql'''), (2, 'stage <> ''mql'''), (3, 'stage < ''lead'''), (4, 'stage <= ''lead'''), (5, 'stage > ''sal'''),
    (6, 'stage >= ''sal'''), (7, 'stage = ''mql''::text'), (8, '''sal''::text <= stage')) v (n, cond), format('SELECT * FROM lead WHERE %s', cond) query
ORDER BY n;

-- joins
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT plan_has('SELECT * FROM lead a JOIN lead b USING (stage)', 'Hash Join') AS hash_join;
SELECT count(*) FROM lead a JOIN lead_stage.stages() b ON a.stage = b.stage AND a.rank = b.rank;
SET enable_mergejoin = on;
SET enable_hashjoin = off;
SELECT plan_has('SELECT * FROM lead a JOIN lead b USING (stage)', 'Merge Join') AS merge_join;
SELECT count(*) FROM lead a JOIN lead_stage.stages() b ON a.stage = b.stage AND a.rank = b.rank;
RESET enable_nestloop;
RESET enable_mergejoin;
RESET enable_hashjoin;

-- btree: every strategy, both directions, min and max from the index's ends
SET enable_seqscan = off;
CREATE INDEX lead_btree ON lead (stage);
SELECT op, plan_has(query, 'Index Cond: \(stage ' || op) AS indexed, count_of(query)
FROM (VALUES (1, '<'), (2, '<='), (3, '='), (4, '>='), (5, '>')) v (n, op), format('SELECT stage FROM lead WHERE stage %s ''mql''', op) query ORDER BY n;
SET enable_bitmapscan = off;
SELECT plan_has('SELECT max(stage) FROM lead', 'Index Only Scan Backward') AS max, plan_has('SELECT min(stage) FROM lead', 'Index Only Scan') AS min;
SELECT min(stage), max(stage) FROM lead;
SELECT stage FROM lead WHERE stage >= 'opportunity' ORDER BY stage DESC LIMIT 1;
SELECT count(*) FROM lead WHERE stage IN ('lead', 'sql');
SELECT count(*) FROM lead WHERE stage IS NULL;
-- equal stages share an index entry: the index is smaller than one that must not
CREATE INDEX lead_plain ON lead (stage) WITH (deduplicate_items = off);
SELECT pg_relation_size('lead_btree') * 2 < pg_relation_size('lead_plain') AS deduplicated;
DROP INDEX lead_btree, lead_plain;

-- hash and BRIN
SET enable_bitmapscan = on;
CREATE INDEX lead_hash ON lead USING hash (stage);
SELECT plan_has('SELECT * FROM lead WHERE stage = ''mql''', 'lead_hash') AS indexed;
SELECT count(*) FROM lead WHERE stage = 'mql';
DROP INDEX lead_hash;
CREATE INDEX lead_brin ON lead USING brin (stage) WITH (pages_per_range = 1);
SELECT op, plan_has(query, 'lead_brin') AS indexed, count_of(query)
FROM (VALUES (1, '<'), (2, '<='), (3, '='), (4, '>='), (5, '>')) v (n, op), format('SELECT stage FROM lead WHERE stage %s ''mql''', op) query ORDER BY n;
DROP INDEX lead_brin;

-- index predicate, expression, uniqueness, exclusion, GIN over an array
CREATE INDEX lead_open ON lead (id) WHERE stage BETWEEN 'lead' AND 'opportunity';
SELECT plan_has('SELECT * FROM lead WHERE stage = ''mql'' AND id < 100', 'lead_open') AS implied,
    plan_has('SELECT * FROM lead WHERE stage = ''customer'' AND id < 100', 'lead_open') AS not_implied;
CREATE INDEX lead_team ON lead (lead_stage.team(stage));
SELECT count(*) FROM lead WHERE lead_stage.team(stage) = 'sales';
CREATE TABLE one_each (stage lead_stage UNIQUE, EXCLUDE USING hash (stage WITH =));
INSERT INTO one_each VALUES ('mql');
INSERT INTO one_each VALUES ('MQL');
INSERT INTO one_each VALUES ('MQL'), ('sql') ON CONFLICT (stage) DO NOTHING;
CREATE TABLE path (stages lead_stage[]);
INSERT INTO path VALUES ('{lead,mql}'), ('{lead,nurture}');
CREATE INDEX ON path USING gin (stages);
SELECT * FROM path WHERE stages @> '{mql}';
RESET enable_seqscan;

-- CHECK, default, generated column, foreign key
CREATE TABLE checked (
    stage lead_stage DEFAULT 'lead' REFERENCES one_each (stage) ON UPDATE CASCADE CHECK (stage >= 'lead'),
    label text GENERATED ALWAYS AS (upper(stage::text)) STORED,
    rank smallint GENERATED ALWAYS AS (lead_stage.rank(stage)) STORED
);
INSERT INTO checked VALUES ('mql'), ('sql') RETURNING *;
INSERT INTO checked VALUES ('lost');
INSERT INTO checked DEFAULT VALUES;
DROP TABLE checked, one_each, path;

-- partition keys
CREATE TABLE by_list (id int, stage lead_stage) PARTITION BY LIST (stage);
CREATE TABLE by_list_closed PARTITION OF by_list FOR VALUES IN ('disqualified', 'lost', 'Customer', NULL);
CREATE TABLE by_list_open PARTITION OF by_list DEFAULT;
INSERT INTO by_list SELECT id, stage FROM lead;
SELECT tableoid::regclass::text AS part, array_agg(DISTINCT stage ORDER BY stage), count(*) FROM by_list GROUP BY part ORDER BY part;
SELECT plan_has('SELECT * FROM by_list WHERE stage = ''lost''', 'by_list_open') AS scans_open;
CREATE TABLE by_range (id int, stage lead_stage) PARTITION BY RANGE (stage);
CREATE TABLE by_range_low PARTITION OF by_range FOR VALUES FROM (MINVALUE) TO ('mql');
CREATE TABLE by_range_high PARTITION OF by_range FOR VALUES FROM ('mql') TO (MAXVALUE);
INSERT INTO by_range SELECT id, stage FROM lead WHERE stage IS NOT NULL;
SELECT tableoid::regclass::text AS part, min(stage), max(stage), count(*) FROM by_range GROUP BY part ORDER BY part;
SELECT plan_has('SELECT * FROM by_range WHERE stage >= ''sql''', 'by_range_low') AS scans_low,
    plan_has('SELECT * FROM by_range WHERE stage >= ''sql''::text', 'by_range_low') AS by_text_scans_low;
UPDATE by_range SET stage = 'sql' WHERE stage = 'lead' AND id < 90;
SELECT tableoid::regclass::text AS part, count(*) FROM by_range GROUP BY part ORDER BY part;
CREATE TABLE by_hash (id int, stage lead_stage) PARTITION BY HASH (stage);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_hash SELECT id, stage FROM lead;
SELECT (SELECT count(*) FROM by_hash) AS rows, (SELECT count(*) FROM (SELECT stage FROM by_hash_0 INTERSECT SELECT stage FROM by_hash_1) x) AS in_both,
    EXISTS (SELECT FROM by_hash_0) AND EXISTS (SELECT FROM by_hash_1) AS both_used;
SELECT stage, count(*) FROM by_hash WHERE stage = 'mql' GROUP BY stage;
DROP TABLE by_list, by_range, by_hash;

-- below a security barrier the comparison still reaches the index
CREATE INDEX lead_stage_idx ON lead (stage);
CREATE VIEW odd WITH (security_barrier) AS SELECT * FROM lead WHERE id % 2 = 1;
SET enable_seqscan = off;
SELECT plan_has('SELECT * FROM odd WHERE stage = ''mql''', 'Index Cond: \(stage = ') AS leakproof;
RESET enable_seqscan;

-- parallel plans
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT plan_has('SELECT lead_stage.team(stage), max(stage) FROM lead WHERE stage > ''lost'' GROUP BY 1', 'Partial .*Aggregate') AS parallel;
SELECT lead_stage.team(stage), min(stage), max(stage) FROM lead WHERE stage > 'lost' GROUP BY 1 ORDER BY 1;

-- the operator classes are complete, and every support function is labelled
RESET ROLE;
SELECT amname, opcname, opcdefault, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
WHERE opcintype = 'lead_stage'::regtype ORDER BY amname;
SELECT oprname, oprleft::regtype, oprright::regtype, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanhash, oprcanmerge
FROM pg_operator WHERE 'lead_stage'::regtype IN (oprleft, oprright) ORDER BY oprleft::regtype::text, oprright::regtype::text, oprname COLLATE "C";
SELECT p.oid::regprocedure, provolatile, proparallel, proisstrict, proleakproof FROM pg_proc p
    JOIN pg_depend d ON classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
    JOIN pg_extension e ON e.oid = refobjid AND extname = 'lead_stage'
WHERE proname ~ '^lead_stage_' AND (provolatile <> 'i' OR proparallel <> 's' OR NOT proisstrict
    OR proleakproof <> (proname ~ '_(lt|le|eq|ne|ge|gt|cmp)$' AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql')));

DROP VIEW odd;
DROP TABLE lead;
DROP FUNCTION plan_has, plan_rows, count_of;
RESET search_path;
DROP SCHEMA stage_index_test;
DROP ROLE regress_stage_index;
