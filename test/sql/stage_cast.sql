-- A stage meeting text, as it does when a driver types its parameters.
CREATE TEMP TABLE lead (id int, stage lead_stage, label text, old varchar(20));
INSERT INTO lead VALUES (1, 'mql', 'MQL', 'lead'), (2, 'sql', 'sal', 'sql'), (3, NULL, 'lead', NULL);

-- the casts there are
SELECT castsource::regtype, casttarget::regtype, castcontext, castmethod FROM pg_cast
WHERE 'lead_stage'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text;

-- assignment from typed parameters
PREPARE ins (int, text) AS INSERT INTO lead (id, stage) VALUES ($1, $2);
PREPARE upd (varchar, int) AS UPDATE lead SET stage = $1 WHERE id = $2;
EXECUTE ins (4, 'Nurture');
EXECUTE ins (5, NULL);
EXECUTE ins (6, 'suspect');
EXECUTE upd ('customer', 5);
EXECUTE upd ('none', 5);
UPDATE lead SET stage = lower(label) WHERE id = 3;
SELECT id, stage FROM lead ORDER BY id;
DO $$
DECLARE
    s lead_stage := 'Lo'::text || 'st';
    t text := 'sql';
BEGIN
    s := t;
    t := s;
    RAISE NOTICE '% %', s, t;
END $$;

-- and to text
UPDATE lead SET label = stage, old = stage WHERE id = 4;
SELECT label, old, stage::text, stage::varchar(3), CAST(stage AS char(10)) FROM lead WHERE id = 4;

-- comparison with a parameter typed as text or varchar, on either side
PREPARE eq (text) AS SELECT id FROM lead WHERE stage = $1 ORDER BY id;
PREPARE ge (varchar) AS SELECT id FROM lead WHERE $1 <= stage ORDER BY id;
PREPARE untyped AS SELECT id FROM lead WHERE stage = $1 ORDER BY id;
EXECUTE eq ('MQL');
EXECUTE eq (NULL);
EXECUTE ge ('sql');
EXECUTE untyped ('sql');
\set SHOW_CONTEXT never
EXECUTE eq ('suspect');
\set SHOW_CONTEXT errors
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
SELECT count(*) AS pairs,
    count(*) FILTER (WHERE (a.stage < b.label) = (a.stage < b.stage) AND (a.label < b.stage) = (a.stage < b.stage)) AS lt,
    count(*) FILTER (WHERE (a.stage <= b.label) = (a.stage <= b.stage) AND (a.label <= b.stage) = (a.stage <= b.stage)) AS le,
    count(*) FILTER (WHERE (a.stage = b.label) = (a.stage = b.stage) AND (a.label = b.stage) = (a.stage = b.stage)) AS eq,
    count(*) FILTER (WHERE (a.stage <> b.label) = (a.stage <> b.stage) AND (a.label <> b.stage) = (a.stage <> b.stage)) AS ne,
    count(*) FILTER (WHERE (a.stage >= b.label) = (a.stage >= b.stage) AND (a.label >= b.stage) = (a.stage >= b.stage)) AS ge,
    count(*) FILTER (WHERE (a.stage > b.label) = (a.stage > b.stage) AND (a.label > b.stage) = (a.stage > b.stage)) AS gt
FROM (SELECT stage, stage::text AS label FROM lead_stage.stages()) a, (SELECT stage, stage::text AS label FROM lead_stage.stages()) b;
SELECT id FROM lead WHERE stage = old ORDER BY id;
SELECT id FROM lead WHERE stage = ANY (ARRAY['mql'::text, 'sql']) ORDER BY id;
SELECT id FROM lead WHERE stage = ANY ('{mql,sql}'::text[]::lead_stage[]) ORDER BY id;
SELECT '{"stage": "mql"}'::jsonb ->> 'stage' = lead_stage 'mql' AS json;

-- text keeps its own comparisons: the operators above take nothing from it
SELECT 'b'::text > 'a' AS text, 'b'::varchar > 'a' AS varchar, 'b'::bpchar > 'a' AS bpchar, 'b'::name > 'a' AS name, 'b' > 'a' AS unknown,
    'zebra'::varchar = 'zebra' AS no_stage;

-- an index is used, and a join with a text column may hash
CREATE INDEX ON lead (stage);
SET enable_seqscan = off;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE eq ('mql');
RESET plan_cache_mode;
RESET enable_seqscan;
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT * FROM lead a JOIN lead b ON a.stage = b.label;
RESET enable_nestloop;
RESET enable_mergejoin;

-- nothing is implicit
SELECT lead_stage.team('mql'::text);
SELECT coalesce(stage, label) FROM lead;
SELECT length(stage) FROM lead;
SELECT 1::int::lead_stage;

DROP TABLE lead;
DEALLOCATE ALL;
