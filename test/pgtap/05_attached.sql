-- What attach and publish make of a table of leads: a plain one; one with a key
-- of several columns, whose names clash with ours; and one with quoted names
-- whose columns play our roles.  Attached by its owner or by a superuser, all
-- of it belongs to the owner.
BEGIN;
SELECT plan(27);
SET client_min_messages = warning;

CREATE ROLE pgtap_owner;
CREATE ROLE pgtap_reader;
CREATE SCHEMA crm AUTHORIZATION pgtap_owner;
CREATE SCHEMA "Odd.Schema" AUTHORIZATION pgtap_owner;
SET ROLE pgtap_owner;

CREATE TABLE crm.lead (id bigserial PRIMARY KEY, email text);
CREATE TABLE crm.account (name varchar(20), sla int, event text COLLATE "C", x int, PRIMARY KEY (event, sla, name));
CREATE TABLE "Odd.Schema"."My ""Leads""" ("Lead Id" uuid PRIMARY KEY, "Sales Rep" varchar(10) DEFAULT 'Ann', "Phase" lead_stage, x int);
GRANT SELECT ON crm.lead TO pgtap_reader;

INSERT INTO lead_stage.model (name) VALUES ('pgtap');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('pgtap', 'any lead', 'fit', NULL, 1);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('pgtap', 'Known?', 'stage IS NOT NULL');
SELECT lives_ok($$SELECT lead_stage.attach('crm.lead', 'pgtap')$$, 'the owner attaches a plain table');
SELECT lives_ok($$SELECT lead_stage.attach('"Odd.Schema"."My ""Leads"""', 'pgtap', '{"owner": "Sales Rep", "stage": "Phase", "stage_since": "In Phase Since"}')$$,
                'the owner attaches one with quoted names');
RESET ROLE;
SELECT lives_ok($$SELECT lead_stage.attach('crm.account', 'pgtap')$$, 'a superuser attaches one with a long key');
SELECT lives_ok($$SELECT lead_stage.publish('pgtap')$$, 'and publishes the model for all three');

CREATE TEMP TABLE sample (leads, history_key, state_key, view_key) AS VALUES
    ('crm.lead'::regclass, '{lead_id}'::text[], '{id}'::text[], '{id}'::text[]),
    ('crm.account', '{lead_event,sla,lead_name}', '{event,lead_sla,name}', '{event,sla,name}'),
    ('"Odd.Schema"."My ""Leads"""', '{"Lead Id"}', '{"Lead Id"}', '{"Lead Id"}');
ALTER TABLE sample ADD schema oid, ADD name text;
UPDATE sample SET schema = c.relnamespace, name = c.relname FROM pg_class c WHERE c.oid = leads;

CREATE TEMP VIEW made AS
SELECT s.leads, right(c.relname, -length(s.name) - 1) AS suffix, c.oid, c.relkind, c.relowner, c.reloptions, c.relacl, c.relpersistence, c.relreplident
FROM sample s JOIN pg_class c ON c.relnamespace = s.schema AND left(c.relname, length(s.name) + 1) = s.name || '_' AND c.relkind IN ('r', 'v', 'p', 'm');

CREATE TEMP VIEW columns AS
SELECT m.leads, m.suffix, string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                                               '= ' || regexp_replace(pg_get_expr(d.adbin, d.adrelid), '''.*''', '…')), ', ' ORDER BY a.attnum) AS list
FROM (SELECT leads, suffix, oid FROM made UNION ALL SELECT leads, 'leads', leads FROM sample) AS m
     JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
GROUP BY m.leads, m.suffix;

-- The leads table keeps its columns; ours come after them, unless they are mapped.
SELECT is((SELECT list FROM columns WHERE leads = 'crm.lead'::regclass AND suffix = 'leads'),
          'id bigint not null = nextval(…::regclass), email text, '
          'stage lead_stage not null = …::lead_stage, stage_since timestamp with time zone, stage_reason text, fit_score integer, owner text',
          'five columns are added to a plain table');
SELECT is((SELECT list FROM columns WHERE leads = 'crm.account'::regclass AND suffix = 'leads'),
          'name character varying(20) not null, sla integer not null, event text not null, x integer, '
          'stage lead_stage not null = …::lead_stage, stage_since timestamp with time zone, stage_reason text, fit_score integer, owner text',
          'the same five, whatever the key');
SELECT is((SELECT list FROM columns WHERE leads <> ALL ('{crm.lead,crm.account}'::regclass[]) AND suffix = 'leads'),
          '"Lead Id" uuid not null, "Sales Rep" character varying(10) = …::character varying, "Phase" lead_stage not null = …::lead_stage, x integer, '
          '"In Phase Since" timestamp with time zone, stage_reason text, fit_score integer',
          'columns that are there are adopted, and the stage gets its default and NOT NULL');
SELECT set_eq($$SELECT s.name, pg_get_expr(d.adbin, d.adrelid)
                FROM sample s JOIN pg_attrdef d ON d.adrelid = s.leads JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                WHERE a.atttypid = 'lead_stage'::regtype$$,
              $$SELECT name, '''lead''::lead_stage' FROM sample$$, 'a new lead is a lead');

-- Beside it.
SELECT set_eq($$SELECT leads::text, suffix, relkind FROM made$$,
              $$SELECT leads::text, o.suffix, o.kind
                FROM sample, (VALUES ('history', 'r'::"char"), ('state', 'r'), ('live', 'v'), ('visits', 'v'), ('journey', 'v'), ('tasks', 'v'), ('signals', 'v')) AS o (suffix, kind)$$,
              'history and state are plain tables, live, visits, journey, tasks and signals views');
SELECT is_empty($$SELECT oid::regclass FROM made WHERE relowner <> 'pgtap_owner'::regrole$$, 'all of it is owned by the table''s owner');
SELECT is_empty($$SELECT oid::regclass FROM made WHERE relpersistence <> 'p'$$, 'and permanent');

-- History: the contract's columns, in its order.
CREATE FUNCTION pg_temp.history_columns(keys text) RETURNS text LANGUAGE sql AS $$
    SELECT 'id bigint not null = nextval(…::regclass), ' || keys || ', at timestamp with time zone not null, recorded_at timestamp with time zone not null, '
        'since timestamp with time zone, due timestamp with time zone, version integer, fit_score integer, engagement real, '
        'from_stage lead_stage, to_stage lead_stage, touched boolean, elapsed interval, event text not null, name text, '
        'owner text, previous_owner text, reason text, role text not null, actor text, evidence bit varying' $$;
SELECT set_eq($$SELECT leads::text, list FROM columns WHERE suffix = 'history'$$,
              $$VALUES ('crm.lead', pg_temp.history_columns('lead_id bigint not null')),
                       ('crm.account', pg_temp.history_columns('lead_event text not null, sla integer not null, lead_name character varying(20) not null')),
                       ('"Odd.Schema"."My ""Leads"""', pg_temp.history_columns('"Lead Id" uuid not null'))$$,
              'history has the promised columns; a key column that clashes is called lead_…');
SELECT is((SELECT a.attcollation::regcollation::text FROM pg_attribute a WHERE a.attrelid = 'crm.account_history'::regclass AND a.attname = 'lead_event'),
          '"C"', 'a key keeps its collation');
SELECT is_empty($$SELECT m.oid::regclass FROM made m
                  WHERE m.suffix = 'history' AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
                                                            WHERE d.refobjid = m.oid AND d.refobjsubid = 1 AND d.deptype = 'a' AND s.relkind = 'S'
                                                                  AND s.relowner = m.relowner)$$,
                'the sequence of its ids belongs to it');
-- Key columns in primary-key order, and nothing more: each index costs every write.
SELECT set_eq($$SELECT m.leads::text, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '') AS definition, i.indisprimary, i.indisunique
                FROM made m JOIN pg_index i ON i.indrelid = m.oid WHERE m.suffix = 'history'$$,
              $$SELECT leads::text, 'btree (' || (SELECT string_agg(quote_ident(k), ', ' ORDER BY o) FROM unnest(history_key || '{id}'::text[]) WITH ORDINALITY AS u (k, o)) || ')' AS definition, true AS primary, true AS is_unique
                FROM sample UNION ALL SELECT leads::text, 'brin (at, event text_bloom_ops (n_distinct_per_range=''20'')) WITH (autosummarize=''true'')', false, false FROM sample$$,
              'history has its primary key, BRIN on at and event, and no other index');
SELECT set_eq($$SELECT m.leads::text, pg_get_triggerdef(t.oid) FROM made m JOIN pg_trigger t ON t.tgrelid = m.oid AND NOT t.tgisinternal$$,
              $$SELECT m.leads::text, format('CREATE TRIGGER lead_stage_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON %s '
                                             'FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._guard_history()', m.oid::regclass)
                FROM made m WHERE m.suffix = 'history'$$,
              'history is append-only; nothing beside it has a trigger');

-- State.
CREATE FUNCTION pg_temp.state_columns(keys text) RETURNS text LANGUAGE sql AS $$
    SELECT keys || ', engagement_state lead_score, last_touch_at timestamp with time zone, sla jsonb, sla_due timestamp with time zone, '
        'sla_state text, hold_until timestamp with time zone, recheck_at timestamp with time zone' $$;
SELECT set_eq($$SELECT leads::text, list FROM columns WHERE suffix = 'state'$$,
              $$VALUES ('crm.lead', pg_temp.state_columns('id bigint not null')),
                       ('crm.account', pg_temp.state_columns('event text not null, lead_sla integer not null, name character varying(20) not null')),
                       ('"Odd.Schema"."My ""Leads"""', pg_temp.state_columns('"Lead Id" uuid not null'))$$,
              'state has the promised columns');
SELECT set_eq($$SELECT m.leads::text, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '') AS definition, i.indisprimary, i.indisunique
                FROM made m JOIN pg_index i ON i.indrelid = m.oid WHERE m.suffix = 'state'$$,
              $$SELECT leads::text, 'btree (' || (SELECT string_agg(quote_ident(k), ', ' ORDER BY o) FROM unnest(state_key) WITH ORDINALITY AS u (k, o)) || ')' AS definition, true AS primary, true AS is_unique
                FROM sample UNION ALL SELECT leads::text, 'btree (recheck_at) WHERE (recheck_at IS NOT NULL)', false, false FROM sample$$,
              'state has its primary key and an index of what is to be looked at again');
SELECT set_eq($$SELECT m.suffix, o.option_name || '=' || o.option_value AS option FROM made m CROSS JOIN LATERAL pg_options_to_table(m.reloptions) AS o$$,
              $$SELECT 'state' AS suffix, 'fillfactor=70' AS option UNION ALL SELECT unnest('{live,visits,journey,tasks,signals}'::text[]), 'security_invoker=true'$$,
              'state leaves room for updates in place, and views read with their reader''s rights');
SELECT is_empty($$SELECT oid::regclass FROM made WHERE relkind = 'v' AND reloptions IS NULL$$, 'every view');

-- The views.
CREATE TEMP VIEW view_columns AS
SELECT m.leads, m.suffix, array_agg(a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS list
FROM made m JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE m.relkind = 'v'
GROUP BY m.leads, m.suffix;
SELECT is((SELECT list FROM view_columns WHERE leads = 'crm.lead'::regclass AND suffix = 'live'),
          '{id bigint,stage lead_stage,stage_since timestamp with time zone,stage_reason text,fit_score integer,owner text,engagement_now double precision,
            score_now double precision,fit_band text,engagement_band text,stage_label text,stage_age interval,sla_left interval}',
          'live shows the keys and our columns, scores, bands and ages');
SELECT is((SELECT list FROM view_columns WHERE leads = 'crm.lead'::regclass AND suffix = 'visits'),
          '{id bigint,stage lead_stage,entered_at timestamp with time zone,left_at timestamp with time zone,next_stage lead_stage,transition text,reason text,
            owner text,touched boolean,version integer,came_from lead_stage}',
          'visits shows every stay in a stage');
SELECT is((SELECT list FROM view_columns WHERE leads = 'crm.lead'::regclass AND suffix = 'journey'),
          (SELECT '{id bigint}'::text[] || array_agg(stage || '_at timestamp with time zone' ORDER BY rank) || '{stage lead_stage}' FROM lead_stage.stages()),
          'journey shows the first entry into each stage, and the stage now');
SELECT is((SELECT list FROM view_columns WHERE leads = 'crm.lead'::regclass AND suffix = 'signals'),
          '{id bigint,fit_any lead boolean,criterion_Known? boolean}', 'signals shows every condition of the model');
SELECT is_empty($$SELECT v.leads::text, v.suffix
                  FROM view_columns v JOIN sample s USING (leads)
                  WHERE (SELECT array_agg(regexp_replace(c, ' (bigint|uuid|integer|text|character varying\(20\))$', '') ORDER BY o)
                         FROM unnest(v.list[:cardinality(s.view_key)]) WITH ORDINALITY AS u (c, o)) <> s.view_key$$,
                'every view begins with the key, under its own names');

-- The triggers: last before, first after, and the user's objects.
SELECT set_eq($$SELECT s.name, regexp_replace(pg_get_triggerdef(t.oid), '''.*''', '…') AS definition, t.tgenabled
                FROM sample s JOIN pg_trigger t ON t.tgrelid = s.leads AND NOT t.tgisinternal$$,
              $$SELECT name, format(d, leads) AS definition, 'O'::"char" AS enabled
                FROM sample, unnest(ARRAY[
                    'CREATE TRIGGER "~lead_stage_judge" BEFORE INSERT OR DELETE OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION lead_stage._judge(…)',
                    'CREATE TRIGGER "!lead_stage_record" AFTER INSERT OR DELETE OR UPDATE ON %s FOR EACH ROW WHEN (lead_stage._claim()) EXECUTE FUNCTION lead_stage._record(…)',
                    'CREATE TRIGGER lead_stage_truncate BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._truncate(…)']) AS d$$,
              'the triggers');
SELECT is_empty($$SELECT d.classid::regclass, d.objid FROM pg_depend d
                  WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lead_stage')
                        AND (d.classid = 'pg_trigger'::regclass OR d.objid IN (SELECT oid FROM made))$$,
                'none of this is the extension''s: pg_dump saves it all');

SELECT * FROM finish();
ROLLBACK;
