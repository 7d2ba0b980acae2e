-- Every kind of condition that publish refuses, one at a time: what is said,
-- and that nothing is published.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA cond AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE TYPE cond.pair AS (a int, b int);
CREATE TABLE cond.lead (id int PRIMARY KEY, size int, name text, created date, at timestamptz, ts timestamp, tags text[], doc jsonb,
    pair cond.pair, period daterange, ids int[], net inet, b bit(3),
    twice int GENERATED ALWAYS AS (size * 2) STORED, "Upper Case" int, l int);
CREATE FUNCTION cond.vol(int) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT $1 > 0';
CREATE FUNCTION cond.stab(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 > 0';
CREATE FUNCTION cond.many(int) RETURNS SETOF boolean LANGUAGE sql STABLE AS 'SELECT $1 > 0';
CREATE FUNCTION cond.vol_op(int, int) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT $1 > $2';
CREATE OPERATOR cond.#># (leftarg = int, rightarg = int, function = cond.vol_op);
CREATE AGGREGATE cond.any_of(boolean) (sfunc = boolor_statefunc, stype = boolean);
CREATE TABLE cond.victim ();
INSERT INTO lead_stage.model (name) VALUES ('cond');
INSERT INTO lead_stage.transition (model, name, from_stage, to_stage) VALUES ('cond', 'up', 'lead', 'mql');
SELECT lead_stage.attach('cond.lead', 'cond');
SELECT lead_stage.publish('cond') AS version \gset

-- Publishes a model with all these conditions at once; says what the one
-- message says of each.
CREATE FUNCTION cond.problems(kind text, conditions text[]) RETURNS TABLE (condition text, problem text) LANGUAGE plpgsql AS $$
DECLARE
    message text;
    problems text[];
BEGIN
    BEGIN
        IF kind = 'rule' THEN
            INSERT INTO lead_stage.rule (model, name, kind, condition)
                SELECT 'cond', format('x%s', n), 'fit', c FROM unnest(conditions) WITH ORDINALITY AS u (c, n);
        ELSIF kind = 'criterion' THEN
            INSERT INTO lead_stage.criterion (model, name, condition)
                SELECT 'cond', format('x%s', n), c FROM unnest(conditions) WITH ORDINALITY AS u (c, n);
        ELSE
            INSERT INTO lead_stage.transition (model, name, to_stage, not_before)
                SELECT 'cond', format('x%s', n), 'mql', c FROM unnest(conditions) WITH ORDINALITY AS u (c, n);
        END IF;
        PERFORM lead_stage.publish('cond');
        RAISE EXCEPTION 'published';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = PG_EXCEPTION_DETAIL;
        problems := string_to_array(message, E'\n');
        IF SQLERRM NOT LIKE format('%%cannot be published: %s problem%%', cardinality(problems)) THEN
            RETURN QUERY SELECT SQLSTATE, SQLERRM;
        END IF;
    END;
    RETURN QUERY
        SELECT c, coalesce((SELECT string_agg(substring(p FROM '^\w+ "x\d+":? ?(.*)$'), ' / ') FROM unnest(problems) AS p WHERE p ~ format('"x%s"', n)), 'fine')
            FROM unnest(conditions) WITH ORDINALITY AS u (c, n) ORDER BY n;
END
$$;

\t on
\pset format unaligned
\pset fieldsep ' => '
-- Not one expression.
SELECT * FROM cond.problems('rule', ARRAY[
    '-- nothing', '/**/', 'size >', '(size > 1', 'size > 1)', 'true) FROM x WHERE (true', 'true FROM pg_class', '1; DROP TABLE cond.victim', 'true; DROP TABLE cond.victim',
    'true; SELECT false', 'true, false', 'true AS x', 'true x', 'true INTO x', 'true WHERE false', 'true ORDER BY 1', 'true LIMIT 1', 'true UNION SELECT false',
    'true FOR UPDATE', 'DISTINCT true', 'true GROUP BY size', 'true HAVING true', 'true WINDOW w AS ()', '*', 'l.*', 'lead.*', '(*)', '$1', ':x', 'size > 1 \; DROP', E'true\n;\n',
    'true -- a comment', 'true /* comment */', 'true /* open', 'size = ''open', '$$open', 'DELETE FROM cond.victim', 'WITH x AS (SELECT 1) SELECT true', 'TABLE cond.victim', 'true FETCH FIRST ROW ONLY']);
-- Not boolean.
SELECT * FROM cond.problems('rule', ARRAY[
    'size', '''yes''', '''maybe''', 'NULL', 'name', '1', 'row(true, false)', 'tags', 'CASE WHEN size > 1 THEN 1 ELSE 0 END', 'doc -> ''x''', '(doc ->> ''x'')::boolean', 'pair']);
-- Names.
SELECT * FROM cond.problems('rule', ARRAY[
    'nosuch > 1', 'lead.size > 1', 'l.size > 1', 'cond.lead.size > 1', 'l > 1', 'Upper Case > 1', '"Upper Case" > 1', 'nosuch(size)', 'stab(size)', 'cond.stab(size)', 'size = name',
    'size ~~~ 1', 'size::nosuch', 'name COLLATE "nosuch" > ''a''', '(pair).a > 1', '(pair).c > 1', 'pair IS NULL', 'lead IS NOT NULL', 'old.size > 1', 'new.size > 1', 'NEW IS NULL']);
-- More than a row can say.
SELECT * FROM cond.problems('rule', ARRAY[
    'EXISTS (SELECT 1)', 'size > (SELECT 1)', 'size IN (SELECT 1)', 'size = ANY (ARRAY(SELECT 1))', 'count(*) > 1', 'cond.any_of(size > 1)', 'bool_or(size > 1)', 'sum(size) OVER () > 1', 'row_number() OVER () = 1',
    'rank() = 1', 'generate_series(1, size) > 1', 'unnest(tags) = ''x''', 'cond.many(size)', 'grouping(size) = 1', 'jsonb_array_length(doc) > 1']);
-- Not the same for the same row.
SELECT * FROM cond.problems('rule', ARRAY[
    'random() > 0.5', 'cond.vol(size)', 'size OPERATOR(cond.#>#) 1', 'nextval(''x'') > 1', 'gen_random_uuid() IS NULL', 'pg_sleep(1) IS NULL', 'set_config(''a.b'', ''c'', false) = ''c''', 'clock_timestamp() > at', 'timeofday() = name',
    'twice > 10', 'l.twice > 10', 'ctid IS NOT NULL', 'tableoid > 0', 'xmin IS NULL', 'l.ctid IS NULL']);
-- The clock.
SELECT * FROM cond.problems('rule', ARRAY[
    'at < now()', 'at < CURRENT_TIMESTAMP', 'at < CURRENT_TIMESTAMP(3)', 'created < CURRENT_DATE', 'at::timetz < CURRENT_TIME', 'at::timetz < CURRENT_TIME(1)', 'ts < LOCALTIMESTAMP', 'ts < LOCALTIMESTAMP(1)', 'at::time < LOCALTIME', 'at::time < LOCALTIME(1)', 'at < transaction_timestamp()', 'at < statement_timestamp()',
    'at < pg_catalog.now()', 'age(ts) > ''1 day''', 'age(at) > ''1 day''', 'age(ts, ts) > ''1 day''',
    'created < ''today''', 'created < ''today''::date', 'created < date ''today''', 'created < CAST(''today'' AS date)', 'created < $$today$$', 'created < $x$today$x$::date', 'created < E''tod\x61y''::date', 'created < U&''tod\0061y''::date', 'created < '' TODAY ''',
    'at < ''now''', 'at < ''now''::timestamptz', 'at < ''tomorrow''', 'at < ''10:00 yesterday''', 'at < ''today 10:00''', 'ts < ''now''', 'at::time < ''now''', 'at::timetz < ''now''', 'created < ''now''::text::date', 'created = ANY (''{today,tomorrow}''::date[])', 'created IN (''today'', ''2026-01-01'')', 'period @> ''today''::date', 'period && ''[today,tomorrow)''',
    'name = ''today''', 'name IN (''now'', ''later'')', 'name = ''now'' OR created < ''2026-01-01''', 'created < ''2026-01-01'' OR name = ''today''', 'at < ''infinity''', 'at > ''epoch''', 'at < lead_stage.now()', 'created < lead_stage.now()::date', 'at < lead_stage.now() - interval ''1 day''']);
-- The session.
SELECT * FROM cond.problems('rule', ARRAY[
    'name = CURRENT_USER', 'name = current_role', 'name = SESSION_USER', 'name = USER', 'name = CURRENT_CATALOG', 'name = CURRENT_SCHEMA', 'name = current_schema()', 'name = ANY (current_schemas(true))', 'name = current_database()', 'name = pg_catalog.current_user()', 'name = current_setting(''a.b'')', 'name = current_setting(''a.b'', true)', 'name = current_query()', 'pg_has_role(''regress_owner'', ''MEMBER'')', 'has_table_privilege(''cond.lead'', ''SELECT'')', 'net = inet_client_addr()', 'inet_server_port() = size', 'pg_backend_pid() = size', 'txid_current() > size',
    'pg_trigger_depth() > 0', 'row_security_active(''cond.lead'')', 'pg_is_in_recovery()']);
-- Other relations.
SELECT * FROM cond.problems('rule', ARRAY[
    'table_to_xml(''cond.victim'', true, true, '''') IS NULL', 'query_to_xml(''SELECT 1'', true, true, '''') IS NULL', 'schema_to_xml(''cond'', true, true, '''') IS NULL', 'database_to_xml(true, true, '''') IS NULL', 'table_to_xmlschema(''cond.victim'', true, true, '''') IS NULL', 'lo_get(1) IS NULL', 'pg_read_file(''x'') IS NULL', 'pg_relation_size(''cond.lead'') > 1', 'currval(''x'') > 1']);
-- Our columns.
SELECT * FROM cond.problems('rule', ARRAY['stage = ''lead''', 'fit_score > 1', 'owner IS NULL', 'stage_since < lead_stage.now()', 'stage_reason = ''x''', 'l.stage = ''lead''']);
SELECT * FROM cond.problems('criterion', ARRAY['stage = ''lead''', 'fit_score > 1', 'owner IS NULL', 'stage_since < lead_stage.now()', 'stage_reason = ''x''', 'l.stage = ''lead''']);
SELECT * FROM cond.problems('criterion', ARRAY['stage = ''nosuch''', 'stage > ''lead''', 'lead_stage.rank(stage) > 3', 'fit_score + size > 3', 'stage IN (''mql'', ''sql'')', 'owner = CURRENT_USER']);
-- Points in time.
SELECT * FROM cond.problems('not_before', ARRAY['at', 'created', 'ts', 'size', 'name', 'true', '''2026-01-01''', '''soon''', 'at + interval ''1 day''', 'stage_since + interval ''1 day''', 'lead_stage.now()', 'now()', 'NULL', 'at, at']);
\t off
\pset format aligned

-- None of it was published, and nobody was hurt.
SELECT version = :version AS same FROM lead_stage.model;
SELECT count(*) AS versions FROM lead_stage.version WHERE model = 'cond';
SELECT to_regclass('cond.victim') IS NOT NULL AS victim_lives;
INSERT INTO cond.lead (id) VALUES (1);
UPDATE cond.lead SET stage = 'mql';

-- What is allowed, and what it is compiled to.
INSERT INTO lead_stage.rule (model, name, kind, condition, points)
    SELECT 'cond', 'x' || n, 'fit', c, 1 FROM unnest(ARRAY[
    'size BETWEEN 1 AND 10', 'name ILIKE ''%x%''', 'tags && ''{a,b}''', 'doc @> ''{"a": 1}''', 'doc ->> ''a'' = ''1''', 'name ~ ''^x'' AND NOT (size IS NULL)', 'CASE WHEN size > 1 THEN true ELSE name = ''x'' END', 'coalesce(size, 0) > 1', 'greatest(size, 2) > 1', 'size IS DISTINCT FROM 1', 'name COLLATE "C" > ''a''', 'cond.stab(size) IS TRUE', '(size, l) > (1, 2)', 'size = ANY (ids)', 'ids[1] = 2', 'length(name) > 3', 'name IS NOT NULL', 'period @> created', 'XMLSERIALIZE(CONTENT XMLELEMENT(NAME x, name) AS text) = ''x''', 'jsonb_path_exists(doc, ''$.a'')', 'name LIKE ''a'' ESCAPE ''!''', 'NOT size > 1 OR true AND NULL', 'age(ts, ts) > ''1 day''', 'name = ''today''', 'name = ''now'' OR created < ''2026-01-01''', 'at < ''infinity''', 'at < lead_stage.now() - interval ''1 day''', '(doc ->> ''x'')::boolean', '(pair).a > 1', 'true -- a comment']) WITH ORDINALITY AS u (c, n);
SELECT lead_stage.publish('cond') > 0 AS published;
\t on
\pset format unaligned
-- Servers differ in how they show a view: 18 leaves out the alias, 16 adds NO INDENT.
SELECT r.condition, regexp_replace(v.compiled[1], '\ml\.| NO INDENT', '', 'g')
FROM regexp_matches(pg_get_viewdef('cond.lead_signals'), '^\s*(.*) AS fit_(x\d+),?$', 'gn') AS v (compiled)
     JOIN lead_stage.rule AS r ON r.model = 'cond' AND r.name = v.compiled[2]
ORDER BY r.id;
\t off
\pset format aligned
INSERT INTO cond.lead (id) VALUES (2);
UPDATE cond.lead SET size = 5, name = 'today', doc = '{"a": 1}' WHERE id = 2;
SELECT fit_score FROM cond.lead WHERE id = 2;

RESET ROLE;
DROP SCHEMA cond CASCADE;
DELETE FROM lead_stage.binding;
DELETE FROM lead_stage.model;
DROP ROLE regress_owner;
