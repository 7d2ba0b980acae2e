-- The configuration tables refuse every row that no look at a leads table is
-- needed to refuse, and take those on the right side of each limit.
CREATE ROLE regress_modeller;
SET ROLE regress_modeller;

INSERT INTO lead_stage.model (name) VALUES ('m');
INSERT INTO lead_stage.category (model, name) VALUES ('m', 'c');
INSERT INTO lead_stage.rule (model, name, kind, source) VALUES ('m', 'sig', 'engagement', 'web');
INSERT INTO lead_stage.calendar (name) VALUES ('office');
CREATE TEMP TABLE leads (id int PRIMARY KEY);
CREATE TEMP TABLE activities (id int PRIMARY KEY);
INSERT INTO lead_stage.binding (id, leads, model) VALUES ('00000000-0000-0000-0000-000000000001', 'leads', 'm');

-- What a statement comes to, without a trace of it.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    constr text;
    col text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION USING ERRCODE = 'XXACC';
EXCEPTION
    WHEN SQLSTATE 'XXACC' THEN
        RETURN 'accepted';
    WHEN not_null_violation THEN
        GET STACKED DIAGNOSTICS constr = TABLE_NAME, col = COLUMN_NAME;
        RETURN constr || '.' || col || ' not null';
    WHEN integrity_constraint_violation THEN
        GET STACKED DIAGNOSTICS constr = CONSTRAINT_NAME;
        RETURN constr;
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE TEMP TABLE attempt (n int GENERATED ALWAYS AS IDENTITY, target text, assigned text, outcome text);

-- One row each: the table and what is different from a good row of it.
CREATE PROCEDURE pg_temp.try(target text, VARIADIC changes text[]) LANGUAGE plpgsql AS $$
DECLARE
    good jsonb := (jsonb_build_object(
        'model', '{"name": "''n''"}',
        'category', '{"model": "''m''", "name": "''n''"}',
        'band', '{"model": "''m''", "kind": "''fit''", "label": "''A''", "min_points": "1"}',
        'rule', '{"model": "''m''", "name": "''n''", "kind": "''fit''"}',
        'criterion', '{"model": "''m''", "name": "''n''", "condition": "''true''"}',
        'transition', '{"model": "''m''", "name": "''n''", "from_stage": "''lead''", "to_stage": "''mql''"}',
        'route', '{"model": "''m''", "name": "''n''", "stage": "''mql''", "assign_to": "''ann''"}',
        'rep', '{"model": "''m''", "pool": "''p''", "name": "''n''"}',
        'sla', '{"model": "''m''", "name": "''n''", "stage": "''sql''", "target": "''8 hours''"}',
        'milestone', '{"model": "''m''", "name": "''n''", "condition": "''true''"}',
        'example', '{"model": "''m''", "name": "''n''", "expected": "''lead''"}',
        'calendar', '{"name": "''n''"}',
        'calendar_hours', '{"calendar": "''office''", "dow": "1", "opens": "''9:00''", "closes": "''17:00''"}',
        'holiday', '{"calendar": "''office''", "day": "''2026-12-25''"}',
        'version', '{"model": "''m''", "definition": "''{}''"}',
        'binding', '{"leads": "''activities''", "model": "''m''"}',
        'activity_binding', '{"binding": "''00000000-0000-0000-0000-000000000001''", "activities": "''activities''", "source": "''web''", "lead_key": "''{lead_id}''", "at": "''at''"}'
        ) ->> target)::jsonb;
    change text;
BEGIN
    FOREACH change IN ARRAY changes LOOP
        INSERT INTO attempt (target, assigned, outcome)
        SELECT target, change, pg_temp.outcome(format('INSERT INTO lead_stage.%I (%s) VALUES (%s)', target,
                                                      string_agg(quote_ident(key), ', '), string_agg(value, ', ')))
        FROM jsonb_each_text(good || (SELECT coalesce(jsonb_object_agg(btrim(split_part(c, '=', 1)), btrim(substr(c, strpos(c, '=') + 1))), '{}')
                                      FROM regexp_split_to_table(change, ' & ') AS c WHERE c <> ''));
    END LOOP;
END
$$;

-- '' is the good row itself.
CALL pg_temp.try('model', '', 'name=NULL', 'name=''''', 'name=''  ''', 'name=repeat(''ü'', 40)', 'name=repeat(''ü'', 41)',
    'name=E''a\nb''', 'name=E''a\tb''', 'name=''it''''s "quoted"; DROP TABLE x --''', 'id=0', 'id=-1', 'owner=NULL', 'owner=''''',
    'labels=NULL', 'labels=''{"mql": "MQL reviewed"}''', 'labels=''{"MQL": "x"}''', 'labels=''{"warm": "x"}''', 'labels=''{"mql": 1}''',
    'labels=''{"mql": null}''', 'labels=''{"mql": " "}''', 'labels=''[]''', 'labels=''"mql"''', 'time_zone=NULL',
    'time_zone=''Europe/Berlin''', 'time_zone=''Mars/Olympus''', 'calendar=''always''', 'calendar='' ''', 'on_refused=NULL',
    'on_refused=''keep''', 'on_refused=''skip''', 'on_rule_error=NULL', 'on_rule_error=''error''', 'on_rule_error=''keep''',
    'notify=NULL', 'next_rule_id=NULL', 'next_rule_id=0', 'version=1', 'version=0');
CALL pg_temp.try('category', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name='' ''', 'name=''c''', 'max_points=1', 'max_points=0');
CALL pg_temp.try('band', '', 'model=NULL', 'model=''gone''', 'kind=NULL', 'kind=''score''', 'label=NULL', 'label=''''',
    'min_points=NULL', 'min_points=''infinity''', 'min_points=''NaN''', 'min_points=-0.5');
CALL pg_temp.try('rule', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'name=''sig''', 'id=1', 'id=0', 'id=32767', 'id=32768',
    'kind=NULL', 'kind=''score''', 'source=''web''', 'kind=''engagement''', 'kind=''engagement'' & source='' ''',
    'kind=''engagement'' & source=''a table with a name of more than forty characters''', 'condition='' ''', 'points=NULL',
    'points=-10000', 'points=10000', 'points=10001', 'points=-10001', 'cap=5', 'kind=''engagement'' & source=''web'' & cap=0',
    'kind=''engagement'' & source=''web'' & cap=1', 'half_life=''1 day''', 'kind=''engagement'' & source=''web'' & half_life=''30 days''',
    'kind=''engagement'' & source=''web'' & half_life=''1 month''', 'kind=''engagement'' & source=''web'' & half_life=''1 year''',
    'kind=''engagement'' & source=''web'' & half_life=''0''', 'kind=''engagement'' & source=''web'' & half_life=''-1 day''',
    'kind=''engagement'' & source=''web'' & half_life=''1 mon -30 days''', 'category=''c''', 'category=''gone''', 'enabled=NULL');
CALL pg_temp.try('criterion', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'required_for=NULL', 'required_for=''mql''',
    'required_for=''lead''', 'required_for=''lost''', 'condition=NULL', 'condition='' ''', 'condition=NULL & signal=''sig''', 'signal=''sig''',
    'condition=NULL & signal=''gone''', 'signal_within=''1 day''', 'condition=NULL & signal=''sig'' & signal_within=''3 months''',
    'condition=NULL & signal=''sig'' & signal_within=''0''');
CALL pg_temp.try('transition', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'name=repeat(''x'', 41)', 'from_stage=NULL',
    'from_stage=''mql''', 'to_stage=NULL', 'automatic=NULL', 'min_fit=-5', 'min_engagement=''NaN''', 'min_engagement=2.5',
    'min_score=''-infinity''', 'below_engagement=''infinity''', 'min_engagement=5 & below_engagement=5', 'min_engagement=4 & below_engagement=5',
    'signal=''sig''', 'signal=''gone''', 'signal_within=''1 day''', 'signal=''sig'' & signal_within=''1 day''', 'signal=''sig'' & signal_within=''-1 day''',
    'idle_for=''2 months''', 'idle_for=''0''', 'in_stage_for=''-1 day''', 'not_before=''''', 'condition=''''', 'reasons=''{}''',
    'reasons=''{a,b}''', 'reasons=''{a,NULL}''', 'reasons=''{a," "}''', 'reasons=''{{a},{b}}''', 'hold_for=''30 days''', 'hold_for=''0''');
CALL pg_temp.try('route', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'stage=NULL', 'condition='' ''', 'assign_to=NULL',
    'assign_to='' ''', 'pool=''p''', 'assign_to=NULL & pool=''p''', 'assign_to=NULL & pool='' ''', 'reassign=false');
CALL pg_temp.try('rep', '', 'model=NULL', 'model=''gone''', 'pool=NULL', 'pool=''''', 'name=NULL', 'name='' ''',
    'name=''a.very.long.name@an.even.longer.company.example''', 'weight=NULL', 'weight=0', 'weight=1000', 'weight=1001', 'max_open=0', 'max_open=-1',
    'away=''{[2026-01-01,2026-02-01)}''', 'enabled=NULL');
CALL pg_temp.try('sla', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'stage=NULL', 'condition=''''', 'target=NULL', 'target=''0''',
    'target=''1 month''', 'target=''2 days 4 hours''', 'calendar=''always''', 'calendar=''''', 'met_at=''x''', 'met_at=''''', 'met_signal=''sig''',
    'met_signal=''gone''', 'met_at=''x'' & met_signal=''sig''', 'repeat=NULL', 'repeat=true', 'repeat=true & met_at=''x''',
    'repeat=true & met_signal=''sig''', 'pause_when=''''', 'warn_before=''1 hour''', 'warn_before=''8 hours''', 'warn_before=''0''',
    'warn_before=''1 month''', 'target=''1 day'' & warn_before=''4 hours''', 'target=''26 hours'' & warn_before=''2 days''',
    'target=''2 days'' & warn_before=''2 days''', 'escalate_to='' ''', 'breach_to=''nurture''', 'breach_to=''sql''');
CALL pg_temp.try('milestone', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'condition=NULL', 'condition='' ''',
    'condition=NULL & signal=''sig''', 'signal=''sig''', 'condition=NULL & signal=''gone''');
CALL pg_temp.try('example', '', 'model=NULL', 'model=''gone''', 'name=NULL', 'name=''''', 'lead=NULL', 'lead=''[]''', 'lead=''{"a": null}''',
    'activities=NULL', 'activities=''{}''', 'activities=''[1]''', 'activities=''[{}]''', 'steps=NULL', 'steps=''{}''', 'steps=''[[{}]]''',
    'steps=''[{"stage": "sql"}]''', 'expected=NULL');
CALL pg_temp.try('calendar', '', 'name=NULL', 'name=''always''', 'name=''''', 'name=''office''', 'time_zone=NULL', 'time_zone=''nowhere''', 'owner=NULL');
CALL pg_temp.try('calendar_hours', '', 'calendar=NULL', 'calendar=''gone''', 'dow=NULL', 'dow=0', 'dow=7', 'dow=8', 'opens=NULL', 'opens=''24:00''',
    'closes=NULL', 'closes=''24:00''', 'closes=''2:00''', 'opens=''0:00'' & closes=''0:00''');
CALL pg_temp.try('holiday', '', 'calendar=NULL', 'calendar=''gone''', 'day=NULL', 'day=''infinity''', 'opens=''9:00''', 'closes=''9:00''',
    'opens=''9:00'' & closes=''12:00''', 'opens=''9:00'' & closes=''9:00''', 'opens=''22:00'' & closes=''2:00''');
CALL pg_temp.try('version', '', 'model=NULL', 'model=''gone''', 'definition=NULL', 'definition=''[]''');
CALL pg_temp.try('binding', '', 'leads=NULL', 'leads=''leads''', 'model=NULL', 'model=''gone''', 'version=77', 'columns=NULL', 'columns=''[]''',
    'added=NULL', 'added=''{NULL}''', 'id=NULL', 'id=''00000000-0000-0000-0000-000000000001''');
CALL pg_temp.try('activity_binding', '', 'id=NULL', 'binding=NULL', 'binding=gen_random_uuid()', 'activities=NULL', 'source=NULL', 'source='' ''',
    'lead_key=NULL', 'lead_key=''{}''', 'lead_key=''{NULL}''', 'at=NULL', 'at=''''');

-- What only an administrator can try.
RESET ROLE;
GRANT ALL ON attempt TO regress_modeller;
CALL pg_temp.try('version', 'version=0', 'version=NULL', 'published_at=NULL', 'published_by=NULL');
CALL pg_temp.try('model', 'id=(SELECT id FROM lead_stage.model WHERE name = ''m'')', 'owner=NULL', 'owner='' ''');
CALL pg_temp.try('calendar', 'owner=NULL', 'owner='' ''');

SELECT target, assigned, outcome FROM attempt ORDER BY n;

-- No constraint was forgotten above, except uniqueness where it takes two
-- rows to see it.  A wrong time zone is an error of its own.
SELECT c.conname
FROM pg_constraint AS c
WHERE c.connamespace = 'lead_stage'::regnamespace AND c.contype IN ('c', 'f')
  AND NOT EXISTS (SELECT FROM attempt AS a WHERE a.outcome = c.conname)
ORDER BY 1;
-- Triggers fill these before anybody could see a null.
SELECT c.relname, a.attname
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'lead_stage'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull
  AND NOT EXISTS (SELECT FROM attempt AS t WHERE t.outcome = c.relname || '.' || a.attname || ' not null')
ORDER BY 1, 2;

-- What it takes two rows to see.
SET ROLE regress_modeller;
INSERT INTO lead_stage.band VALUES ('m', 'fit', 'A', 1);
INSERT INTO lead_stage.criterion (model, name, condition) VALUES ('m', 'n', 'true');
INSERT INTO lead_stage.transition (model, name, to_stage) VALUES ('m', 'n', 'mql');
INSERT INTO lead_stage.route (model, name, stage, assign_to) VALUES ('m', 'n', 'mql', 'ann');
INSERT INTO lead_stage.rep (model, pool, name) VALUES ('m', 'p', 'n');
INSERT INTO lead_stage.sla (model, name, stage, target) VALUES ('m', 'n', 'sql', '1 day');
INSERT INTO lead_stage.milestone (model, name, condition) VALUES ('m', 'n', 'true');
INSERT INTO lead_stage.example (model, name, expected) VALUES ('m', 'n', 'lead');
INSERT INTO lead_stage.calendar_hours VALUES ('office', 1, '9:00', '12:00'), ('office', 1, '13:00', '17:00');
INSERT INTO lead_stage.holiday VALUES ('office', '2026-12-25');
INSERT INTO lead_stage.activity_binding (binding, activities, source, lead_key, at)
    VALUES ('00000000-0000-0000-0000-000000000001', 'activities', 'web', '{lead_id}', 'at');
TRUNCATE attempt;
CALL pg_temp.try('band', '', 'label=''B''', 'kind=''engagement''', 'label=''B'' & min_points=0');
CALL pg_temp.try('criterion', '');
CALL pg_temp.try('transition', '');
CALL pg_temp.try('route', '');
CALL pg_temp.try('rep', '', 'pool=''q''');
CALL pg_temp.try('sla', '');
CALL pg_temp.try('milestone', '');
CALL pg_temp.try('example', '');
CALL pg_temp.try('calendar_hours', '', 'opens=''8:00''');
CALL pg_temp.try('holiday', '');
CALL pg_temp.try('activity_binding', '', 'activities=''leads''', 'activities=''leads'' & source=''calls''');
SELECT target, assigned, outcome FROM attempt ORDER BY n;

-- A signal and a category in use stay; their renames are followed.
DELETE FROM lead_stage.criterion;
INSERT INTO lead_stage.criterion (model, name, signal) VALUES ('m', 'n', 'sig');
UPDATE lead_stage.transition SET signal = 'sig';
UPDATE lead_stage.milestone SET signal = 'sig', condition = NULL;
UPDATE lead_stage.sla SET met_signal = 'sig';
UPDATE lead_stage.rule SET category = 'c';
UPDATE lead_stage.rule SET name = 'Signal "é"' WHERE name = 'sig';
UPDATE lead_stage.category SET name = 'Cat''s' WHERE name = 'c';
SELECT c.signal, t.signal, s.met_signal, l.signal, r.category
FROM lead_stage.criterion c, lead_stage.transition t, lead_stage.sla s, lead_stage.milestone l, lead_stage.rule r;
SELECT pg_temp.outcome('DELETE FROM lead_stage.category');
SELECT pg_temp.outcome('DELETE FROM lead_stage.rule');

-- So does a model in use; its parts follow its name, and go with it.
UPDATE lead_stage.model SET name = 'renamed';
SELECT DISTINCT model FROM (
    SELECT model FROM lead_stage.category UNION ALL SELECT model FROM lead_stage.band UNION ALL SELECT model FROM lead_stage.rule
    UNION ALL SELECT model FROM lead_stage.criterion UNION ALL SELECT model FROM lead_stage.transition
    UNION ALL SELECT model FROM lead_stage.route UNION ALL SELECT model FROM lead_stage.rep UNION ALL SELECT model FROM lead_stage.sla
    UNION ALL SELECT model FROM lead_stage.milestone UNION ALL SELECT model FROM lead_stage.example
    UNION ALL SELECT model FROM lead_stage.binding) AS part;
SELECT pg_temp.outcome('DELETE FROM lead_stage.model');
DELETE FROM lead_stage.binding;
SELECT count(*) AS activity_bindings FROM lead_stage.activity_binding;
DELETE FROM lead_stage.model;
SELECT count(*) AS parts FROM (
    SELECT model FROM lead_stage.category UNION ALL SELECT model FROM lead_stage.band UNION ALL SELECT model FROM lead_stage.rule
    UNION ALL SELECT model FROM lead_stage.criterion UNION ALL SELECT model FROM lead_stage.transition
    UNION ALL SELECT model FROM lead_stage.route UNION ALL SELECT model FROM lead_stage.rep UNION ALL SELECT model FROM lead_stage.sla
    UNION ALL SELECT model FROM lead_stage.milestone UNION ALL SELECT model FROM lead_stage.example) AS part;
UPDATE lead_stage.calendar SET name = 'hq';
SELECT DISTINCT calendar FROM (SELECT calendar FROM lead_stage.calendar_hours UNION ALL SELECT calendar FROM lead_stage.holiday) AS part;
DELETE FROM lead_stage.calendar;
SELECT count(*) AS parts FROM (SELECT calendar FROM lead_stage.calendar_hours UNION ALL SELECT calendar FROM lead_stage.holiday) AS part;

RESET ROLE;
DROP TABLE leads, activities, attempt;
DROP OWNED BY regress_modeller;
DROP ROLE regress_modeller;
