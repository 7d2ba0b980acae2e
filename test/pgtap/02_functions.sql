-- What can be called: every public function with its arguments, their defaults,
-- its result and its labels.  Both ways: none is missing, none is there that
-- the documentation does not promise: whoever adds one promises it here.
BEGIN;
SELECT plan(8);

-- Volatility i/s/v; strict; parallel s/u; 'f' function, 'p' procedure, 'a' aggregate.
CREATE TEMP TABLE promised (name, arguments, result, kind, volatility, strict, parallel) AS VALUES
    -- stages and the clock
    ('stages', '', 'TABLE(stage lead_stage, rank smallint, team text, is_open boolean)', 'f', 'i', true, 's'),
    ('rank', 'stage lead_stage', 'smallint', 'f', 'i', true, 's'),
    ('team', 'stage lead_stage', 'text', 'f', 'i', true, 's'),
    ('now', '', 'timestamp with time zone', 'f', 's', true, 's'),
    -- models
    ('templates', '', 'TABLE(name text, title text, description text)', 'f', 'i', false, 's'),
    ('template', 'name text', 'jsonb', 'f', 'i', false, 's'),
    ('import_model', 'definition jsonb, name text DEFAULT NULL::text', 'text', 'f', 'v', false, 'u'),
    ('export_model', 'model text', 'jsonb', 'f', 'v', false, 's'),
    ('diff_versions', 'model text, a integer, b integer',
     'TABLE(kind text, name text, change text, before jsonb, after jsonb)', 'f', 's', false, 's'),
    -- what is attached
    ('attach', 'leads regclass, model text, columns jsonb DEFAULT ''{}''::jsonb', 'void', 'f', 'v', false, 'u'),
    ('detach', 'leads regclass, drop_columns boolean DEFAULT false', 'void', 'f', 'v', false, 'u'),
    ('publish', 'model text, note text DEFAULT NULL::text', 'integer', 'f', 'v', false, 'u'),
    ('unpublish', 'leads regclass', 'void', 'f', 'v', false, 'u'),
    ('republish', 'leads regclass', 'integer', 'f', 'v', false, 'u'),
    ('rescore', 'IN leads regclass, IN batch integer DEFAULT 10000, IN stage text DEFAULT NULL::text, IN since text DEFAULT NULL::text',
     NULL, 'p', 'v', false, 'u'),
    ('rescore_lead', 'leads regclass, VARIADIC key "any"', 'boolean', 'f', 'v', false, 'u'),
    ('reschedule', 'leads regclass, apply boolean DEFAULT false',
     'TABLE(key text[], policy text, due_now timestamp with time zone, due_then timestamp with time zone, left_now interval, left_then interval)',
     'f', 'v', false, 'u'),
    -- activities
    ('attach_activity',
     'activities regclass, leads regclass, source text DEFAULT NULL::text, lead_key text[] DEFAULT NULL::text[], at text DEFAULT NULL::text',
     'void', 'f', 'v', false, 'u'),
    ('detach_activity', 'activities regclass', 'void', 'f', 'v', false, 'u'),
    ('engagement', 'state lead_score, at timestamp with time zone DEFAULT lead_stage.now()', 'double precision', 'f', 's', true, 's'),
    ('sweep', 'IN batch integer DEFAULT 1000', NULL, 'p', 'v', false, 'u'),
    -- keeping house
    ('merge', 'leads regclass, winner text[], loser text[]', 'void', 'f', 'v', false, 'u'),
    ('erase', 'leads regclass, VARIADIC key "any"', 'bigint', 'f', 'v', false, 'u'),
    ('prune_history', 'IN leads regclass, IN before timestamp with time zone', NULL, 'p', 'v', false, 'u'),
    -- business time
    ('add_business_time', 'calendar text, start timestamp with time zone, span interval', 'timestamp with time zone', 'f', 's', false, 's'),
    ('business_time_between', 'calendar text, a timestamp with time zone, b timestamp with time zone', 'interval', 'f', 's', false, 's'),
    ('is_open', 'calendar text, at timestamp with time zone', 'boolean', 'f', 's', false, 's'),
    ('next_open', 'calendar text, at timestamp with time zone', 'timestamp with time zone', 'f', 's', false, 's'),
    -- reading
    -- It judges the lead as a write would, failing conditions in a subtransaction.
    ('explain', 'leads regclass, VARIADIC key "any"',
     'TABLE(kind text, name text, holds boolean, points double precision, detail text)', 'f', 'v', false, 'u'),
    -- shared definitions
    ('guide', 'model text, version integer DEFAULT NULL::integer', 'text', 'f', 'v', false, 's'),
    -- They read only, but check the outcome as a condition is checked, by a function that may not run in a worker.
    ('lint', 'model text', 'TABLE(severity text, object text, problem text, advice text)', 'f', 'v', false, 'u'),
    ('preview', 'leads regclass', 'TABLE(stage_now lead_stage, stage_then lead_stage, leads bigint)', 'f', 'v', false, 'u'),
    ('backtest', 'leads regclass, outcome text',
     'TABLE(band integer, min_score double precision, max_score double precision, leads bigint, outcomes bigint, rate double precision, lift double precision, auc double precision)',
     'f', 'v', false, 'u'),
    ('suggest_points', 'leads regclass, outcome text',
     'TABLE(rule text, points integer, suggested integer, leads bigint, outcomes bigint, rate double precision, weight double precision, auc_now double precision, auc_suggested double precision)',
     'f', 'v', false, 'u'),
    -- reports; like backtest, but of one snapshot
    ('funnel', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, stage lead_stage, entered bigint, leads bigint, advanced bigint, recycled bigint, dropped bigint, still_here bigint, skipped bigint, conversion double precision, median_time interval)', 'f', 's', false, 'r'),
    ('velocity', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, from_stage lead_stage, to_stage lead_stage, moves bigint, mean interval, p50 interval, p90 interval, business_p50 interval)', 'f', 's', false, 'r'),
    ('drop_off', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, stage lead_stage, to_stage lead_stage, reason text, leads bigint)', 'f', 's', false, 'r'),
    ('mql_report', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, mqls bigint, engaged bigint, engagement_rate double precision, accepted bigint, sqls bigint, mql_to_sql_rate double precision, recycled bigint, dropped bigint)', 'f', 's', false, 'r'),
    ('sql_report', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, sqls bigint, responded bigint, median_response interval, meetings_booked bigint, meeting_booked_rate double precision, opportunities bigint, customers bigint, win_rate double precision)', 'f', 's', false, 'r'),
    ('sla_report', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'TABLE(segment text, policy text, started bigint, met bigint, late bigint, breached bigint, open bigint, paused bigint, cancelled bigint, attainment double precision, p50 interval, p90 interval)', 'f', 's', false, 'r'),
    ('report_html', 'leads regclass, since timestamp with time zone DEFAULT ''-infinity''::timestamp with time zone, until timestamp with time zone DEFAULT ''infinity''::timestamp with time zone, by text DEFAULT NULL::text',
     'text', 'f', 's', false, 'r'),
    -- history
    ('evidence', 'leads regclass, id bigint', 'text[]', 'f', 's', false, 's'),
    ('as_of', 'leads regclass, at timestamp with time zone', 'TABLE(key text[], stage lead_stage, owner text)', 'f', 's', false, 's'),
    ('verify_history', 'leads regclass', 'TABLE(key text[], problem text)', 'f', 's', false, 's');

CREATE TEMP VIEW found AS
SELECT p.oid, p.proname::text AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
       p.prokind::text AS kind, p.provolatile::text AS volatility, p.proisstrict AS strict, p.proparallel::text AS parallel
FROM pg_proc p
WHERE p.pronamespace = 'lead_stage'::regnamespace AND p.proname NOT LIKE '\_%';

SELECT set_eq('SELECT name FROM found', 'SELECT name FROM promised', 'the public functions are those promised');
SELECT set_eq('SELECT name, arguments, result FROM found', 'SELECT name, arguments, result FROM promised',
              'they have the promised arguments, defaults and results');
SELECT set_eq('SELECT name, kind, volatility, strict, parallel FROM found', 'SELECT name, kind, volatility, strict, parallel FROM promised',
              'they have the promised labels');
SELECT is((SELECT count(*) FROM found), (SELECT count(*) FROM promised), 'none is overloaded');

-- Rights are checked against the tables concerned, by whoever calls.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
                  WHERE p.pronamespace = 'lead_stage'::regnamespace AND NOT has_function_privilege('public', p.oid, 'EXECUTE')$$,
                'everyone may execute every function');
SELECT is_empty($$SELECT oid::regprocedure FROM found WHERE obj_description(oid, 'pg_proc') ~ '(^[A-Z]|\.$)|^\s*$'$$,
                'comments are phrases: lower case, no full stop');

-- One function that is not leakproof spoils an index condition below a
-- security barrier; one that claims it wrongly leaks.
SELECT set_eq($$SELECT p.proname::text FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
                WHERE e.extname = 'lead_stage' AND p.proleakproof$$,
              $$SELECT 'lead_stage_' || unnest('{lt,le,eq,ne,ge,gt,cmp}'::text[])$$,
              'only comparisons of two stages are leakproof');

-- What can be switched, and who may: a superuser, or whom he grants it to,
-- except for the name an application gives to whom it acts for.
DO 'BEGIN PERFORM lead_stage.now(); END'; -- loads the library
SELECT set_eq($$SELECT name, context, vartype FROM pg_settings WHERE name LIKE 'lead\_stage.%'$$,
              $$VALUES ('lead_stage.actor', 'user', 'string'),
                       ('lead_stage.now', 'superuser', 'string'),
                       ('lead_stage.enforce', 'superuser', 'bool'),
                       ('lead_stage.databases', 'sighup', 'string'),
                       ('lead_stage.sweep_interval', 'sighup', 'integer')$$,
              'the settings are those promised');

SELECT * FROM finish();
ROLLBACK;
