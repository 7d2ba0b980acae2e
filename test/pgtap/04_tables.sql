-- The configuration tables: their columns and constraints, who may change
-- which rows, and what pg_dump saves of them.  What the constraints let in is
-- tested elsewhere; here it is that they are there, under names that stay.
BEGIN;
SELECT plan(17);

CREATE TEMP VIEW tables AS
SELECT c.oid, c.relname::text AS name, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner, c.relpersistence
FROM pg_class c WHERE c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'r';

CREATE TEMP TABLE promised (name, columns) AS VALUES
    ('model', 'name text not null, id integer not null, title text, description text, owner text not null = CURRENT_USER, '
              'labels jsonb not null = ''{}''::jsonb, time_zone text not null = ''UTC''::text, calendar text, '
              'on_refused text not null = ''error''::text, on_rule_error text not null = ''skip''::text, '
              'notify boolean not null = false, next_rule_id integer not null = 1, version integer'),
    ('category', 'model text not null, name text not null, max_points integer'),
    ('band', 'model text not null, kind text not null, label text not null, min_points double precision not null'),
    ('rule', 'model text not null, name text not null, id integer not null, kind text not null, source text, condition text, '
             'points integer not null = 0, cap integer, half_life interval, category text, enabled boolean not null = true, note text'),
    ('criterion', 'model text not null, name text not null, required_for lead_stage not null = ''sql''::lead_stage, question text, '
                  'condition text, signal text, signal_within interval, position integer'),
    ('transition', 'model text not null, name text not null, from_stage lead_stage, to_stage lead_stage not null, position integer, '
                   'automatic boolean not null = false, min_fit integer, min_engagement double precision, min_score double precision, '
                   'below_engagement double precision, signal text, signal_within interval, idle_for interval, in_stage_for interval, '
                   'not_before text, condition text, reasons text[], hold_for interval, note text'),
    ('route', 'model text not null, name text not null, stage lead_stage not null, position integer, condition text, '
              'assign_to text, pool text, reassign boolean'),
    ('rep', 'model text not null, pool text not null, name text not null, weight integer not null = 1, max_open integer, '
            'away tstzmultirange, enabled boolean not null = true'),
    ('sla', 'model text not null, name text not null, stage lead_stage not null, condition text, target interval not null, '
            'calendar text, met_at text, met_signal text, repeat boolean not null = false, pause_when text, warn_before interval, '
            'escalate_to text, breach_to lead_stage'),
    ('milestone', 'model text not null, name text not null, condition text, signal text, note text'),
    ('example', 'model text not null, name text not null, lead jsonb not null = ''{}''::jsonb, activities jsonb not null = ''[]''::jsonb, '
                'steps jsonb not null = ''[]''::jsonb, expected lead_stage not null, note text'),
    ('calendar', 'name text not null, time_zone text not null = ''UTC''::text, owner text not null = CURRENT_USER'),
    ('calendar_hours', 'calendar text not null, dow integer not null, opens time without time zone not null, '
                       'closes time without time zone not null'),
    ('holiday', 'calendar text not null, day date not null, opens time without time zone, closes time without time zone, note text'),
    ('version', 'model text not null, version integer not null = nextval(''lead_stage.version_seq''::regclass), '
                'definition jsonb not null, note text, published_at timestamp with time zone not null = now(), '
                'published_by text not null = SESSION_USER'),
    ('binding', 'id uuid not null = gen_random_uuid(), leads regclass not null, model text not null, version integer, '
                'columns jsonb not null = ''{}''::jsonb, added text[] not null = ''{}''::text[], history regclass, state regclass, '
                'live regclass, signals regclass'),
    ('activity_binding', 'id uuid not null = gen_random_uuid(), binding uuid not null, activities regclass not null, source text not null, '
                         'lead_key text[] not null, at text not null, signals regclass');

SELECT set_eq('SELECT name FROM tables', 'SELECT name FROM promised', 'the tables are those promised');
SELECT set_eq(
    $$SELECT t.name, string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                                          '= ' || pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum)
      FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      GROUP BY t.name$$,
    'SELECT name, columns FROM promised',
    'they have the promised columns, types and defaults');
SELECT is_empty(
    $$SELECT t.name, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
      WHERE a.atttypid IN (SELECT oid FROM pg_type WHERE typname ~ '^reg' AND typname NOT IN ('regclass', 'regrole', 'regtype'))
            OR a.atttypid = 'oid'::regtype OR a.attidentity <> '' OR a.attgenerated <> ''$$,
    'no column has a type that pg_upgrade refuses');
SELECT is_empty(
    $$SELECT t.name, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
      WHERE coalesce(col_description(t.oid, a.attnum), '') = ''$$,
    'every column has a comment');

-- Constraints that a definition is checked by.
SELECT set_eq(
    $$SELECT t.name, regexp_replace(pg_get_constraintdef(k.oid), '.*\((.*)\)', '\1') AS columns
      FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'$$,
    $$VALUES ('model', 'name'), ('category', 'model, name'), ('band', 'model, kind, label'), ('rule', 'model, name'),
             ('criterion', 'model, name'), ('transition', 'model, name'), ('route', 'model, name'), ('rep', 'model, pool, name'),
             ('sla', 'model, name'), ('milestone', 'model, name'), ('example', 'model, name'), ('calendar', 'name'),
             ('calendar_hours', 'calendar, dow, opens'), ('holiday', 'calendar, day'), ('version', 'model, version'),
             ('binding', 'id'), ('activity_binding', 'id')$$,
    'every table has the promised primary key');
SELECT set_eq(
    $$SELECT k.conname::text, pg_get_constraintdef(k.oid) AS definition FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'u'$$,
    $$VALUES ('model_id_key', 'UNIQUE (id)'), ('rule_id_key', 'UNIQUE (model, id)'), ('band_min_points_key', 'UNIQUE (model, kind, min_points)'),
             ('version_version_key', 'UNIQUE (version)'), ('binding_leads_key', 'UNIQUE (leads)'),
             ('activity_binding_activities_key', 'UNIQUE (activities)'), ('activity_binding_source_key', 'UNIQUE (binding, source)')$$,
    'what else is unique');
-- What belongs to a model goes and is renamed with it; a model in use stays.
SELECT set_eq(
    $$SELECT k.conname::text, pg_get_constraintdef(k.oid) AS definition FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'$$,
    $$SELECT part || '_model_fkey' AS name,
             'FOREIGN KEY (model) REFERENCES lead_stage.model(name) ON UPDATE CASCADE ON DELETE CASCADE' AS definition
      FROM unnest('{category,band,rule,criterion,transition,route,rep,sla,milestone,example,version}'::text[]) AS part
      UNION ALL
      SELECT name, definition
      FROM (VALUES ('binding_model_fkey', 'FOREIGN KEY (model) REFERENCES lead_stage.model(name) ON UPDATE CASCADE'),
                   ('binding_version_fkey', 'FOREIGN KEY (model, version) REFERENCES lead_stage.version(model, version) ON UPDATE CASCADE'),
                   ('activity_binding_binding_fkey', 'FOREIGN KEY (binding) REFERENCES lead_stage.binding(id) ON DELETE CASCADE'),
                   ('rule_category_fkey', 'FOREIGN KEY (model, category) REFERENCES lead_stage.category(model, name) ON UPDATE CASCADE'),
                   ('criterion_signal_fkey', 'FOREIGN KEY (model, signal) REFERENCES lead_stage.rule(model, name) ON UPDATE CASCADE'),
                   ('transition_signal_fkey', 'FOREIGN KEY (model, signal) REFERENCES lead_stage.rule(model, name) ON UPDATE CASCADE'),
                   ('sla_met_signal_fkey', 'FOREIGN KEY (model, met_signal) REFERENCES lead_stage.rule(model, name) ON UPDATE CASCADE'),
                   ('milestone_signal_fkey', 'FOREIGN KEY (model, signal) REFERENCES lead_stage.rule(model, name) ON UPDATE CASCADE'),
                   ('calendar_hours_calendar_fkey', 'FOREIGN KEY (calendar) REFERENCES lead_stage.calendar(name) ON UPDATE CASCADE ON DELETE CASCADE'),
                   ('holiday_calendar_fkey', 'FOREIGN KEY (calendar) REFERENCES lead_stage.calendar(name) ON UPDATE CASCADE ON DELETE CASCADE'))
               AS f (name, definition)$$,
    'the foreign keys');
SELECT set_eq(
    $$SELECT k.conname::text FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'c'$$,
    $$SELECT unnest('{
        model_name_check, model_id_check, model_owner_check, model_labels_check, model_time_zone_check, model_calendar_check,
        model_on_refused_check, model_on_rule_error_check, model_next_rule_id_check, model_version_check,
        category_name_check, category_max_points_check,
        band_kind_check, band_label_check, band_min_points_check,
        rule_name_check, rule_id_check, rule_kind_check, rule_source_check, rule_condition_check, rule_points_check,
        rule_cap_check, rule_half_life_check,
        criterion_name_check, criterion_required_for_check, criterion_condition_check, criterion_condition_or_signal_check,
        criterion_signal_within_check,
        transition_name_check, transition_to_stage_check, transition_min_engagement_check, transition_min_score_check,
        transition_below_engagement_check, transition_engagement_range_check, transition_signal_within_check,
        transition_idle_for_check, transition_in_stage_for_check, transition_not_before_check, transition_condition_check,
        transition_reasons_check, transition_hold_for_check,
        route_name_check, route_condition_check, route_assign_to_check, route_pool_check, route_assign_to_or_pool_check,
        rep_pool_check, rep_name_check, rep_weight_check, rep_max_open_check,
        sla_name_check, sla_condition_check, sla_target_check, sla_calendar_check, sla_met_at_check,
        sla_met_at_or_met_signal_check, sla_repeat_check, sla_pause_when_check, sla_warn_before_check,
        sla_escalate_to_check, sla_breach_to_check,
        milestone_name_check, milestone_condition_check, milestone_condition_or_signal_check,
        example_name_check, example_lead_check, example_activities_check, example_steps_check,
        calendar_name_check, calendar_owner_check, calendar_time_zone_check,
        calendar_hours_dow_check, calendar_hours_opens_check, holiday_day_check, holiday_hours_check,
        version_version_check, version_definition_check,
        binding_columns_check, binding_added_check,
        activity_binding_source_check, activity_binding_lead_key_check, activity_binding_at_check}'::text[])$$,
    'the checks');
SELECT is_empty(
    $$SELECT k.conname FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
      WHERE NOT k.convalidated OR k.condeferrable OR k.conname NOT LIKE t.name || '\_%'$$,
    'constraints are valid, immediate and named for their table');

-- Everyone reads everything; policies say who changes which rows.
SELECT is_empty($$SELECT name FROM tables WHERE NOT relrowsecurity OR relforcerowsecurity$$,
                'every table has row-level security, which does not stop a restore by its owner');
SELECT set_eq(
    $$SELECT t.name, p.polcmd::text, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
      FROM tables t JOIN pg_policy p ON p.polrelid = t.oid$$,
    $$SELECT name, 'r', true AS permissive, '{0}'::oid[], 'true' AS using, NULL AS with_check FROM promised
      UNION ALL
      SELECT name, '*', true, '{0}'::oid[], 'lead_stage._may_edit_model(model)', NULL
      FROM unnest('{category,band,rule,criterion,transition,route,rep,sla,milestone,example}'::text[]) AS name
      UNION ALL
      SELECT name, '*', true, '{0}'::oid[], 'lead_stage._may_edit_calendar(calendar)', NULL FROM unnest('{calendar_hours,holiday}'::text[]) AS name
      UNION ALL
      SELECT name, command, true, '{0}'::oid[], u, w
      FROM unnest('{model,calendar}'::text[]) AS name,
           (VALUES ('w', 'lead_stage._is_member(owner)', NULL), ('d', 'lead_stage._is_member(owner)', NULL),
                   ('a', NULL, '(lead_stage._is_member(owner) AND (to_regrole(quote_ident(owner)) IS NOT NULL))')) AS c (command, u, w)
      UNION ALL
      VALUES ('version', 'a', true, '{0}'::oid[], NULL, 'lead_stage._may_edit_model(model)'),
             ('binding', '*', true, '{0}'::oid[], '(lead_stage._may_edit_model(model) AND lead_stage._owns_table(leads))', NULL),
             ('activity_binding', '*', true, '{0}'::oid[], '(lead_stage._may_edit_binding(binding) AND lead_stage._owns_table(activities))', NULL)$$,
    'the policies');
SELECT set_eq(
    $$SELECT t.name, a.privilege_type, a.is_grantable
      FROM tables t CROSS JOIN LATERAL aclexplode(t.relacl) AS a WHERE a.grantee <> t.relowner$$,
    $$SELECT name, privilege, false FROM promised, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege
      WHERE name <> 'version' OR privilege = 'SELECT'$$,
    'public may read and edit every table, as far as the policies go, and only read what was published');
SELECT is_empty($$SELECT t.name FROM tables t CROSS JOIN LATERAL aclexplode(t.relacl) AS a WHERE a.grantee NOT IN (0, t.relowner)$$,
                'no other role is named');
SELECT set_eq(
    $$SELECT t.name, a.attname::text, x.privilege_type, x.grantee
      FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid CROSS JOIN LATERAL aclexplode(a.attacl) AS x$$,
    $$VALUES ('version', 'model', 'INSERT', 0::oid), ('version', 'definition', 'INSERT', 0::oid), ('version', 'note', 'INSERT', 0::oid)$$,
    'who publishes chooses neither the number nor the time nor the name of the publisher');
SELECT set_eq(
    $$SELECT c.relname::text, a.privilege_type, format_type(s.seqtypid, NULL) AS type
      FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid CROSS JOIN LATERAL aclexplode(c.relacl) AS a
      WHERE c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'S' AND a.grantee = 0$$,
    $$SELECT s, p, 'integer' FROM unnest('{model_id_seq,version_seq}'::text[]) AS s, unnest('{USAGE,SELECT}'::text[]) AS p$$,
    'public may take numbers');

-- pg_dump saves every row of every table, and the sequences.
SELECT set_eq(
    $$SELECT c.oid::regclass::text, f.condition
      FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS f (relation, condition) JOIN pg_class c ON c.oid = f.relation
      WHERE e.extname = 'lead_stage'$$,
    $$SELECT 'lead_stage.' || name AS name, '' AS condition FROM promised UNION ALL VALUES ('lead_stage.model_id_seq', ''), ('lead_stage.version_seq', '')$$,
    'pg_dump saves all of it');
SELECT is((xpath('/row/n/text()', query_to_xml(
               (SELECT format('SELECT %s AS n', string_agg(format('(SELECT count(*) FROM lead_stage.%I)', name), ' + ')) FROM tables),
               false, true, '')))[1]::text, '0',
          'for nothing is seeded');

SELECT * FROM finish();
ROLLBACK;
