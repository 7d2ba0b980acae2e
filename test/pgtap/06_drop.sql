-- What DROP EXTENSION takes away: everything of its own, and nothing of a
-- user's unless he says CASCADE; then whatever is of our types.
BEGIN;
SELECT plan(14);
SET client_min_messages = warning;

-- The catalogs in which an extension can leave something, and how full they are.
CREATE FUNCTION pg_temp.catalogs() RETURNS TABLE (catalog text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH catalog IN ARRAY '{pg_namespace,pg_class,pg_proc,pg_type,pg_operator,pg_cast,pg_opclass,pg_opfamily,pg_amop,pg_amproc,
                               pg_aggregate,pg_constraint,pg_policy,pg_trigger,pg_attrdef,pg_rewrite,pg_index,pg_sequence,pg_description,
                               pg_init_privs,pg_depend,pg_default_acl,pg_extension}'::text[] LOOP
        EXECUTE format('SELECT count(*) FROM pg_catalog.%I', catalog) INTO rows;
        RETURN NEXT;
    END LOOP;
END
$$;

CREATE TEMP TABLE before (catalog text, rows bigint);
DROP EXTENSION lead_stage;
INSERT INTO before SELECT * FROM pg_temp.catalogs();
CREATE EXTENSION lead_stage;
SELECT isnt((SELECT rows FROM pg_temp.catalogs() WHERE catalog = 'pg_proc'), (SELECT rows FROM before WHERE catalog = 'pg_proc'),
            'an extension shows in the catalogs');
DROP EXTENSION lead_stage;
SELECT is_empty('SELECT catalog, rows FROM pg_temp.catalogs() EXCEPT SELECT catalog, rows FROM before', 'dropped, it has left nothing there');

CREATE EXTENSION lead_stage;
CREATE SCHEMA crm;
CREATE TABLE crm.lead (id int PRIMARY KEY, size int);
INSERT INTO lead_stage.model (name) VALUES ('drop');
INSERT INTO lead_stage.rule (model, name, kind, condition, points) VALUES ('drop', 'big', 'fit', 'size > 10', 5);
SELECT lead_stage.attach('crm.lead', 'drop');
SELECT lead_stage.publish('drop');
INSERT INTO crm.lead VALUES (1, 20), (2, 5);

SELECT throws_ok('DROP EXTENSION lead_stage', '2BP01', NULL, 'refused while a table is attached');
SELECT throws_ok('DROP TYPE lead_stage CASCADE', '2BP01', NULL, 'its parts cannot be dropped by themselves');
SELECT throws_ok('DROP SCHEMA lead_stage CASCADE', '2BP01', NULL, 'nor its schema');
SELECT lead_stage.detach('crm.lead');
SELECT throws_ok('DROP EXTENSION lead_stage', '2BP01', NULL, 'refused while columns of its types are there');
SELECT lead_stage.attach('crm.lead', 'drop');

DROP EXTENSION lead_stage CASCADE;
SELECT columns_are('crm', 'lead', '{id,size,stage_since,stage_reason,fit_score,owner}'::text[], 'CASCADE drops the column of our type from leads, and no other');
SELECT results_eq('SELECT id, size, fit_score FROM crm.lead ORDER BY id', 'VALUES (1, 20, 5), (2, 5, 0)', 'the leads stay');
SELECT hasnt_column('crm', 'lead_history', 'from_stage', 'history loses its stages');
SELECT results_eq('SELECT lead_id, event FROM crm.lead_history ORDER BY id', $$VALUES (1, 'created'), (2, 'created')$$, 'its rows stay');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = ANY ('{crm.lead,crm.lead_history}'::regclass[]) AND NOT tgisinternal$$,
                'no trigger of ours stays');
SELECT is(ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v'), '{lead_signals}'::text[],
          'of the views only that one stays which needs nothing of ours');
SELECT lives_ok('INSERT INTO crm.lead (id, size) VALUES (3, 30); UPDATE crm.lead SET size = 1 WHERE id = 1; DELETE FROM crm.lead WHERE id = 2',
                'leads can be written as before');
SELECT lives_ok('CREATE EXTENSION lead_stage', 'the extension can be installed again');

SELECT * FROM finish();
ROLLBACK;
