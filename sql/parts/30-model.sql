-- 30-model.sql
-- The configuration tables: a model is a draft made of rows that anybody can
-- edit with plain SQL, and nothing in them takes effect until publish.
--
-- What a constraint can say is said by a constraint; what needs the leads
-- table (columns, types, examples) is said by publish.
--
-- There are no circular foreign keys: pg_dump restores the rows of these
-- tables in foreign-key order.  The triggers keep what they are given when
-- it is not null, so a restore brings back the ids as they were.

-- Checks used by several tables.  They return null, which a CHECK takes for
-- true, when there is nothing to check.

CREATE FUNCTION lead_stage._is_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- One line: messages that list problems print one name a line.
    RETURN name ~ '[^[:space:]]' AND name !~ '[\x01-\x1f\x7f]' AND char_length(name) <= 40;
COMMENT ON FUNCTION lead_stage._is_name(text)
    IS 'whether a name can be given to a part of a model: one line, not blank, at most 40 characters';

CREATE FUNCTION lead_stage._is_text(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN value ~ '[^[:space:]]';
COMMENT ON FUNCTION lead_stage._is_text(text)
    IS 'whether a text holds anything but white space';

CREATE FUNCTION lead_stage._is_period(span interval) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN isfinite(span) AND span > '0';
COMMENT ON FUNCTION lead_stage._is_period(interval)
    IS 'whether an interval is positive and finite';

CREATE FUNCTION lead_stage._is_exact_period(span interval) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- A month has no length of its own: 30 days can be written as such.
    RETURN isfinite(span) AND span > '0' AND extract(year FROM span) = 0 AND extract(month FROM span) = 0;
COMMENT ON FUNCTION lead_stage._is_exact_period(interval)
    IS 'whether an interval is positive, finite and free of months and years';

CREATE FUNCTION lead_stage._is_number(value double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN value > '-infinity' AND value < 'infinity';
COMMENT ON FUNCTION lead_stage._is_number(double precision)
    IS 'whether a threshold is finite and not NaN';

CREATE FUNCTION lead_stage._is_text_list(list text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN coalesce(array_ndims(list), 1) = 1
       AND NOT EXISTS (SELECT FROM unnest(list) AS e WHERE e IS NULL OR e !~ '[^[:space:]]');
COMMENT ON FUNCTION lead_stage._is_text_list(text[])
    IS 'whether an array is a plain list without null or blank elements';

CREATE FUNCTION lead_stage._is_labels(labels jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Not one expression: jsonb_each refuses what is not an object.
    IF jsonb_typeof(labels) <> 'object' THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (SELECT FROM jsonb_each(labels) AS e
                       WHERE jsonb_typeof(e.value) <> 'string'
                          OR (e.value #>> '{}') !~ '[^[:space:]]'
                          OR e.key NOT IN (SELECT s.stage::text FROM lead_stage.stages() AS s));
END
$$;
COMMENT ON FUNCTION lead_stage._is_labels(jsonb)
    IS 'whether a JSON object maps stages to their wording';

CREATE FUNCTION lead_stage._is_object_list(list jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN jsonb_typeof(list) = 'array' AND NOT jsonb_path_exists(list, 'strict $[*] ? (@.type() != "object")');
COMMENT ON FUNCTION lead_stage._is_object_list(jsonb)
    IS 'whether a JSON value is an array of objects';

-- Calendars: shared by models, each with an owner of its own.

CREATE TABLE lead_stage.calendar (
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    owner text NOT NULL DEFAULT CURRENT_USER,
    CONSTRAINT calendar_pkey PRIMARY KEY (name),
    CONSTRAINT calendar_owner_check CHECK (lead_stage._is_text(owner)),
    -- "always" means round the clock wherever a calendar is named.
    CONSTRAINT calendar_name_check CHECK (lead_stage._is_name(name) AND name <> 'always'),
    CONSTRAINT calendar_time_zone_check CHECK (pg_catalog.timezone(time_zone, timestamptz '2000-01-01 00:00+00') IS NOT NULL)
);
COMMENT ON TABLE lead_stage.calendar IS 'business hours: a name, a time zone, and in calendar_hours and holiday when it is open';
COMMENT ON COLUMN lead_stage.calendar.name IS 'what models and functions call it; "always" is taken (round the clock)';
COMMENT ON COLUMN lead_stage.calendar.time_zone IS 'the zone of its local times, as in pg_timezone_names';
COMMENT ON COLUMN lead_stage.calendar.owner IS 'the role whose members may change it';

CREATE TABLE lead_stage.calendar_hours (
    calendar text NOT NULL,
    dow integer NOT NULL,
    opens time NOT NULL,
    closes time NOT NULL,
    CONSTRAINT calendar_hours_pkey PRIMARY KEY (calendar, dow, opens),
    CONSTRAINT calendar_hours_calendar_fkey FOREIGN KEY (calendar)
        REFERENCES lead_stage.calendar (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT calendar_hours_dow_check CHECK (dow BETWEEN 1 AND 7),
    CONSTRAINT calendar_hours_opens_check CHECK (opens < '24:00')
);
COMMENT ON TABLE lead_stage.calendar_hours IS 'the weekly open intervals of a calendar, several a day if need be';
COMMENT ON COLUMN lead_stage.calendar_hours.calendar IS 'the calendar';
COMMENT ON COLUMN lead_stage.calendar_hours.dow IS 'the weekday it opens on: 1 = Monday … 7 = Sunday';
COMMENT ON COLUMN lead_stage.calendar_hours.opens IS 'local time it opens';
COMMENT ON COLUMN lead_stage.calendar_hours.closes IS 'local time it closes; not later than opens: past midnight; 24:00 is the end of the day';

CREATE TABLE lead_stage.holiday (
    calendar text NOT NULL,
    day date NOT NULL,
    opens time,
    closes time,
    note text,
    CONSTRAINT holiday_pkey PRIMARY KEY (calendar, day),
    CONSTRAINT holiday_calendar_fkey FOREIGN KEY (calendar)
        REFERENCES lead_stage.calendar (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT holiday_day_check CHECK (isfinite(day)),
    -- A holiday is a date, midnight to midnight: its hours cannot leave it.
    CONSTRAINT holiday_hours_check CHECK ((opens IS NULL) = (closes IS NULL) AND (opens < closes) IS NOT FALSE)
);
COMMENT ON TABLE lead_stage.holiday IS 'local dates on which a calendar is closed, or open in other hours only';
COMMENT ON COLUMN lead_stage.holiday.calendar IS 'the calendar';
COMMENT ON COLUMN lead_stage.holiday.day IS 'the local date, midnight to midnight';
COMMENT ON COLUMN lead_stage.holiday.opens IS 'if set: open on this date, and only from then';
COMMENT ON COLUMN lead_stage.holiday.closes IS 'if set: until then; null with opens: closed all day';
COMMENT ON COLUMN lead_stage.holiday.note IS 'which holiday it is';

-- The model.

CREATE SEQUENCE lead_stage.model_id_seq AS integer;
COMMENT ON SEQUENCE lead_stage.model_id_seq IS 'numbers for model.id';

CREATE TABLE lead_stage.model (
    name text NOT NULL,
    id integer NOT NULL,
    title text,
    description text,
    owner text NOT NULL DEFAULT CURRENT_USER,
    labels jsonb NOT NULL DEFAULT '{}',
    time_zone text NOT NULL DEFAULT 'UTC',
    calendar text,
    on_refused text NOT NULL DEFAULT 'error',
    on_rule_error text NOT NULL DEFAULT 'skip',
    notify boolean NOT NULL DEFAULT false,
    next_rule_id integer NOT NULL DEFAULT 1,
    version integer,
    CONSTRAINT model_pkey PRIMARY KEY (name),
    CONSTRAINT model_id_key UNIQUE (id),
    CONSTRAINT model_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT model_id_check CHECK (id > 0),
    CONSTRAINT model_owner_check CHECK (lead_stage._is_text(owner)),
    CONSTRAINT model_labels_check CHECK (lead_stage._is_labels(labels)),
    CONSTRAINT model_time_zone_check CHECK (pg_catalog.timezone(time_zone, timestamptz '2000-01-01 00:00+00') IS NOT NULL),
    CONSTRAINT model_calendar_check CHECK (lead_stage._is_name(calendar)),
    CONSTRAINT model_on_refused_check CHECK (on_refused IN ('error', 'keep')),
    CONSTRAINT model_on_rule_error_check CHECK (on_rule_error IN ('skip', 'error')),
    CONSTRAINT model_next_rule_id_check CHECK (next_rule_id > 0),
    CONSTRAINT model_version_check CHECK (version > 0)
);
COMMENT ON TABLE lead_stage.model IS 'a set of qualification definitions; the rows of the other tables that name it are its draft';
COMMENT ON COLUMN lead_stage.model.name IS 'what functions call it; can be changed at any time';
COMMENT ON COLUMN lead_stage.model.id IS 'its number, which it keeps for life; stored engagement states refer to it';
COMMENT ON COLUMN lead_stage.model.title IS 'a heading for people';
COMMENT ON COLUMN lead_stage.model.description IS 'what it is for';
COMMENT ON COLUMN lead_stage.model.owner IS 'the role whose members may change and publish it';
COMMENT ON COLUMN lead_stage.model.labels IS 'the company''s wording: an object from stage to label';
COMMENT ON COLUMN lead_stage.model.time_zone IS 'the zone for casts in conditions that depend on one, instead of the session''s';
COMMENT ON COLUMN lead_stage.model.calendar IS 'the calendar of SLAs that name none; null or "always": round the clock';
COMMENT ON COLUMN lead_stage.model.on_refused IS 'a refused stage move is an error, or the row is saved and the stage kept: error, keep';
COMMENT ON COLUMN lead_stage.model.on_rule_error IS 'a condition that fails at run time counts as false with a warning, or is an error: skip, error';
COMMENT ON COLUMN lead_stage.model.notify IS 'whether each history event is also sent with NOTIFY';
COMMENT ON COLUMN lead_stage.model.next_rule_id IS 'the number the next new rule gets; only grows';
COMMENT ON COLUMN lead_stage.model.version IS 'the published version; null: never published';

-- Scoring.

CREATE TABLE lead_stage.category (
    model text NOT NULL,
    name text NOT NULL,
    max_points integer,
    CONSTRAINT category_pkey PRIMARY KEY (model, name),
    CONSTRAINT category_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT category_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT category_max_points_check CHECK (max_points > 0)
);
COMMENT ON TABLE lead_stage.category IS 'groups of rules that together give at most so many points';
COMMENT ON COLUMN lead_stage.category.model IS 'the model';
COMMENT ON COLUMN lead_stage.category.name IS 'what rules call it';
COMMENT ON COLUMN lead_stage.category.max_points IS 'the most its rules can add up to; null: no limit';

CREATE TABLE lead_stage.band (
    model text NOT NULL,
    kind text NOT NULL,
    label text NOT NULL,
    min_points double precision NOT NULL,
    CONSTRAINT band_pkey PRIMARY KEY (model, kind, label),
    CONSTRAINT band_min_points_key UNIQUE (model, kind, min_points),
    CONSTRAINT band_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT band_kind_check CHECK (kind IN ('fit', 'engagement')),
    CONSTRAINT band_label_check CHECK (lead_stage._is_name(label)),
    CONSTRAINT band_min_points_check CHECK (lead_stage._is_number(min_points))
);
COMMENT ON TABLE lead_stage.band IS 'named ranges of the two scores, read together as a grade such as A2';
COMMENT ON COLUMN lead_stage.band.model IS 'the model';
COMMENT ON COLUMN lead_stage.band.kind IS 'the score it divides: fit, engagement';
COMMENT ON COLUMN lead_stage.band.label IS 'the name of the range, such as A or 1';
COMMENT ON COLUMN lead_stage.band.min_points IS 'the lowest score in it; it ends where the next one begins';

CREATE TABLE lead_stage.rule (
    model text NOT NULL,
    name text NOT NULL,
    id integer NOT NULL,
    kind text NOT NULL,
    source text,
    condition text,
    points integer NOT NULL DEFAULT 0,
    cap integer,
    half_life interval,
    category text,
    enabled boolean NOT NULL DEFAULT true,
    note text,
    CONSTRAINT rule_pkey PRIMARY KEY (model, name),
    CONSTRAINT rule_id_key UNIQUE (model, id),
    CONSTRAINT rule_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT rule_category_fkey FOREIGN KEY (model, category)
        REFERENCES lead_stage.category (model, name) ON UPDATE CASCADE,
    CONSTRAINT rule_name_check CHECK (lead_stage._is_name(name)),
    -- History keeps one bit a rule, at the place of its id.
    CONSTRAINT rule_id_check CHECK (id BETWEEN 1 AND 32767),
    CONSTRAINT rule_kind_check CHECK (kind IN ('fit', 'engagement')),
    CONSTRAINT rule_source_check CHECK (CASE kind WHEN 'fit' THEN source IS NULL
                                                  ELSE coalesce(lead_stage._is_text(source), false) END),
    CONSTRAINT rule_condition_check CHECK (lead_stage._is_text(condition)),
    -- With at most 32767 rules the sum of all always fits an integer.
    CONSTRAINT rule_points_check CHECK (points BETWEEN -10000 AND 10000),
    CONSTRAINT rule_cap_check CHECK (cap IS NULL OR (cap > 0 AND kind = 'engagement')),
    CONSTRAINT rule_half_life_check CHECK (half_life IS NULL
                                           OR (lead_stage._is_exact_period(half_life) AND kind = 'engagement'))
);
COMMENT ON TABLE lead_stage.rule IS 'scoring rules: fit rules judge the lead, engagement rules the activities of one source; an engagement rule is also a signal';
COMMENT ON COLUMN lead_stage.rule.model IS 'the model';
COMMENT ON COLUMN lead_stage.rule.name IS 'its name; a rename keeps its id, so its past still counts';
COMMENT ON COLUMN lead_stage.rule.id IS 'its number within the model, given when it is made and never given again; history and engagement states refer to it';
COMMENT ON COLUMN lead_stage.rule.kind IS 'fit or engagement';
COMMENT ON COLUMN lead_stage.rule.source IS 'engagement: the activity source it reads';
COMMENT ON COLUMN lead_stage.rule.condition IS 'boolean expression over the lead (fit) or the activity (engagement); null: always';
COMMENT ON COLUMN lead_stage.rule.points IS 'points it gives, per activity if engagement; may be negative; 0: a signal only';
COMMENT ON COLUMN lead_stage.rule.cap IS 'engagement: the most this rule can give; null: no limit';
COMMENT ON COLUMN lead_stage.rule.half_life IS 'engagement: time after which an activity counts half; null: no decay';
COMMENT ON COLUMN lead_stage.rule.category IS 'the group whose limit it shares';
COMMENT ON COLUMN lead_stage.rule.enabled IS 'false: not counted';
COMMENT ON COLUMN lead_stage.rule.note IS 'why it is there';

-- The checks of sales, and the moves.

CREATE TABLE lead_stage.criterion (
    model text NOT NULL,
    name text NOT NULL,
    required_for @extschema@.lead_stage NOT NULL DEFAULT 'sql',
    question text,
    condition text,
    signal text,
    signal_within interval,
    position integer,
    CONSTRAINT criterion_pkey PRIMARY KEY (model, name),
    CONSTRAINT criterion_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT criterion_signal_fkey FOREIGN KEY (model, signal)
        REFERENCES lead_stage.rule (model, name) ON UPDATE CASCADE,
    CONSTRAINT criterion_name_check CHECK (lead_stage._is_name(name)),
    -- A move up passes the criteria above where it starts; none starts below lead.
    CONSTRAINT criterion_required_for_check CHECK (required_for > 'lead'),
    CONSTRAINT criterion_condition_check CHECK (lead_stage._is_text(condition)),
    CONSTRAINT criterion_condition_or_signal_check CHECK ((condition IS NULL) <> (signal IS NULL)),
    CONSTRAINT criterion_signal_within_check CHECK (signal_within IS NULL
                                                    OR (lead_stage._is_period(signal_within) AND signal IS NOT NULL))
);
COMMENT ON TABLE lead_stage.criterion IS 'what must be true of a lead before it can reach a stage: the sales checks';
COMMENT ON COLUMN lead_stage.criterion.model IS 'the model';
COMMENT ON COLUMN lead_stage.criterion.name IS 'its name';
COMMENT ON COLUMN lead_stage.criterion.required_for IS 'the stage that cannot be reached, nor passed, without it';
COMMENT ON COLUMN lead_stage.criterion.question IS 'what to ask the lead';
COMMENT ON COLUMN lead_stage.criterion.condition IS 'boolean expression over the lead; this or signal';
COMMENT ON COLUMN lead_stage.criterion.signal IS 'an engagement rule that must have matched; this or condition';
COMMENT ON COLUMN lead_stage.criterion.signal_within IS 'how long ago at most; null: ever';
COMMENT ON COLUMN lead_stage.criterion.position IS 'order of listing; nulls last, then by name';

CREATE TABLE lead_stage.transition (
    model text NOT NULL,
    name text NOT NULL,
    from_stage @extschema@.lead_stage,
    to_stage @extschema@.lead_stage NOT NULL,
    position integer,
    automatic boolean NOT NULL DEFAULT false,
    min_fit integer,
    min_engagement double precision,
    min_score double precision,
    below_engagement double precision,
    signal text,
    signal_within interval,
    idle_for interval,
    in_stage_for interval,
    not_before text,
    condition text,
    reasons text[],
    hold_for interval,
    note text,
    CONSTRAINT transition_pkey PRIMARY KEY (model, name),
    CONSTRAINT transition_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT transition_signal_fkey FOREIGN KEY (model, signal)
        REFERENCES lead_stage.rule (model, name) ON UPDATE CASCADE,
    CONSTRAINT transition_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT transition_to_stage_check CHECK (from_stage <> to_stage),
    CONSTRAINT transition_min_engagement_check CHECK (lead_stage._is_number(min_engagement)),
    CONSTRAINT transition_min_score_check CHECK (lead_stage._is_number(min_score)),
    CONSTRAINT transition_below_engagement_check CHECK (lead_stage._is_number(below_engagement)),
    -- Both set, one must be able to satisfy both.
    CONSTRAINT transition_engagement_range_check CHECK (min_engagement < below_engagement),
    CONSTRAINT transition_signal_within_check CHECK (signal_within IS NULL
                                                    OR (lead_stage._is_period(signal_within) AND signal IS NOT NULL)),
    CONSTRAINT transition_idle_for_check CHECK (lead_stage._is_period(idle_for)),
    CONSTRAINT transition_in_stage_for_check CHECK (lead_stage._is_period(in_stage_for)),
    CONSTRAINT transition_not_before_check CHECK (lead_stage._is_text(not_before)),
    CONSTRAINT transition_condition_check CHECK (lead_stage._is_text(condition)),
    CONSTRAINT transition_reasons_check CHECK (lead_stage._is_text_list(reasons)),
    CONSTRAINT transition_hold_for_check CHECK (lead_stage._is_period(hold_for))
);
COMMENT ON TABLE lead_stage.transition IS 'the moves between stages; all that is set in a row must hold';
COMMENT ON COLUMN lead_stage.transition.model IS 'the model';
COMMENT ON COLUMN lead_stage.transition.name IS 'its name, kept in the history of every move it makes';
COMMENT ON COLUMN lead_stage.transition.from_stage IS 'where it starts; null: any open stage but to_stage';
COMMENT ON COLUMN lead_stage.transition.to_stage IS 'where it leads';
COMMENT ON COLUMN lead_stage.transition.position IS 'order in which moves are tried; nulls last, then by name';
COMMENT ON COLUMN lead_stage.transition.automatic IS 'made as soon as it holds; false: only when somebody writes the stage';
COMMENT ON COLUMN lead_stage.transition.min_fit IS 'least fit score';
COMMENT ON COLUMN lead_stage.transition.min_engagement IS 'least engagement';
COMMENT ON COLUMN lead_stage.transition.min_score IS 'least sum of the two';
COMMENT ON COLUMN lead_stage.transition.below_engagement IS 'engagement must be less';
COMMENT ON COLUMN lead_stage.transition.signal IS 'an engagement rule that must have matched';
COMMENT ON COLUMN lead_stage.transition.signal_within IS 'how long ago at most; null: ever';
COMMENT ON COLUMN lead_stage.transition.idle_for IS 'time without a touch since the lead came to the stage or was last touched';
COMMENT ON COLUMN lead_stage.transition.in_stage_for IS 'time since the lead came to the stage';
COMMENT ON COLUMN lead_stage.transition.not_before IS 'expression of type timestamptz: not until then';
COMMENT ON COLUMN lead_stage.transition.condition IS 'boolean expression over the lead; null: always';
COMMENT ON COLUMN lead_stage.transition.reasons IS 'a move by hand must give stage_reason: one of these; {}: any text; null: none asked';
COMMENT ON COLUMN lead_stage.transition.hold_for IS 'no automatic move for that long after arriving this way';
COMMENT ON COLUMN lead_stage.transition.note IS 'why it is there';

-- Who gets the lead.

CREATE TABLE lead_stage.route (
    model text NOT NULL,
    name text NOT NULL,
    stage @extschema@.lead_stage NOT NULL,
    position integer,
    condition text,
    assign_to text,
    pool text,
    reassign boolean,
    CONSTRAINT route_pkey PRIMARY KEY (model, name),
    CONSTRAINT route_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT route_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT route_condition_check CHECK (lead_stage._is_text(condition)),
    CONSTRAINT route_assign_to_check CHECK (lead_stage._is_text(assign_to)),
    CONSTRAINT route_pool_check CHECK (lead_stage._is_name(pool)),
    CONSTRAINT route_assign_to_or_pool_check CHECK ((assign_to IS NULL) <> (pool IS NULL))
);
COMMENT ON TABLE lead_stage.route IS 'who gets a lead that enters a stage: the first route that matches';
COMMENT ON COLUMN lead_stage.route.model IS 'the model';
COMMENT ON COLUMN lead_stage.route.name IS 'its name';
COMMENT ON COLUMN lead_stage.route.stage IS 'the stage entered';
COMMENT ON COLUMN lead_stage.route.position IS 'order in which routes are tried; nulls last, then by name';
COMMENT ON COLUMN lead_stage.route.condition IS 'boolean expression over the lead; null: always';
COMMENT ON COLUMN lead_stage.route.assign_to IS 'the owner''s name; this or pool';
COMMENT ON COLUMN lead_stage.route.pool IS 'the pool of reps to take turns; this or assign_to';
COMMENT ON COLUMN lead_stage.route.reassign IS 'null: an owner stays unless the move changes team; true: always assign; false: never take a lead from its owner';

CREATE TABLE lead_stage.rep (
    model text NOT NULL,
    pool text NOT NULL,
    name text NOT NULL,
    weight integer NOT NULL DEFAULT 1,
    max_open integer,
    away tstzmultirange,
    enabled boolean NOT NULL DEFAULT true,
    CONSTRAINT rep_pkey PRIMARY KEY (model, pool, name),
    CONSTRAINT rep_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT rep_pool_check CHECK (lead_stage._is_name(pool)),
    -- The name is what the owner column gets: an e-mail address can be long.
    CONSTRAINT rep_name_check CHECK (lead_stage._is_text(name)),
    CONSTRAINT rep_weight_check CHECK (weight BETWEEN 1 AND 1000),
    CONSTRAINT rep_max_open_check CHECK (max_open >= 0)
);
COMMENT ON TABLE lead_stage.rep IS 'the people a pool deals leads to';
COMMENT ON COLUMN lead_stage.rep.model IS 'the model';
COMMENT ON COLUMN lead_stage.rep.pool IS 'the pool';
COMMENT ON COLUMN lead_stage.rep.name IS 'what is written into the owner column';
COMMENT ON COLUMN lead_stage.rep.weight IS 'the share of turns';
COMMENT ON COLUMN lead_stage.rep.max_open IS 'most open leads in sales stages to own; null: no limit';
COMMENT ON COLUMN lead_stage.rep.away IS 'when to be left out, at once and without a publish; null: never';
COMMENT ON COLUMN lead_stage.rep.enabled IS 'false: gets no leads';

-- Where in a pool's order a session starts; a number is used up by a session's
-- first turn in a pool, never again.
CREATE SEQUENCE lead_stage.turn;
COMMENT ON SEQUENCE lead_stage.turn IS 'makes sessions start with different reps';

-- Clocks and milestones.

CREATE TABLE lead_stage.sla (
    model text NOT NULL,
    name text NOT NULL,
    stage @extschema@.lead_stage NOT NULL,
    condition text,
    target interval NOT NULL,
    calendar text,
    met_at text,
    met_signal text,
    repeat boolean NOT NULL DEFAULT false,
    pause_when text,
    warn_before interval,
    escalate_to text,
    breach_to @extschema@.lead_stage,
    CONSTRAINT sla_pkey PRIMARY KEY (model, name),
    CONSTRAINT sla_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT sla_met_signal_fkey FOREIGN KEY (model, met_signal)
        REFERENCES lead_stage.rule (model, name) ON UPDATE CASCADE,
    CONSTRAINT sla_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT sla_condition_check CHECK (lead_stage._is_text(condition)),
    CONSTRAINT sla_target_check CHECK (lead_stage._is_exact_period(target)),
    CONSTRAINT sla_calendar_check CHECK (lead_stage._is_name(calendar)),
    CONSTRAINT sla_met_at_check CHECK (lead_stage._is_text(met_at)),
    CONSTRAINT sla_met_at_or_met_signal_check CHECK (met_at IS NULL OR met_signal IS NULL),
    CONSTRAINT sla_repeat_check CHECK (NOT repeat OR met_at IS NOT NULL OR met_signal IS NOT NULL),
    CONSTRAINT sla_pause_when_check CHECK (lead_stage._is_text(pause_when)),
    -- Open days and working hours compare only where the days are equal.
    CONSTRAINT sla_warn_before_check CHECK (lead_stage._is_exact_period(warn_before)
                                            AND (warn_before < target
                                                 OR extract(day FROM warn_before) <> extract(day FROM target))),
    CONSTRAINT sla_escalate_to_check CHECK (lead_stage._is_text(escalate_to)),
    CONSTRAINT sla_breach_to_check CHECK (breach_to <> stage)
);
COMMENT ON TABLE lead_stage.sla IS 'clocks that start when a lead enters a stage, in business time';
COMMENT ON COLUMN lead_stage.sla.model IS 'the model';
COMMENT ON COLUMN lead_stage.sla.name IS 'its name';
COMMENT ON COLUMN lead_stage.sla.stage IS 'the stage that starts it';
COMMENT ON COLUMN lead_stage.sla.condition IS 'boolean expression over the lead; null: always';
COMMENT ON COLUMN lead_stage.sla.target IS 'time allowed: hours and minutes are working time, days are open days';
COMMENT ON COLUMN lead_stage.sla.calendar IS 'the calendar; null: the model''s; "always": round the clock';
COMMENT ON COLUMN lead_stage.sla.met_at IS 'expression of type timestamptz: when the awaited thing happened; this or met_signal';
COMMENT ON COLUMN lead_stage.sla.met_signal IS 'an engagement rule whose first match meets it; this or met_at';
COMMENT ON COLUMN lead_stage.sla.repeat IS 'once met, the next clock starts at that instant';
COMMENT ON COLUMN lead_stage.sla.pause_when IS 'boolean expression over the lead: the clock stands while it is true';
COMMENT ON COLUMN lead_stage.sla.warn_before IS 'business time before the due instant at which to warn';
COMMENT ON COLUMN lead_stage.sla.escalate_to IS 'who becomes the owner when it is breached: a name or a pool';
COMMENT ON COLUMN lead_stage.sla.breach_to IS 'the stage a lead goes to when it is breached';

CREATE TABLE lead_stage.milestone (
    model text NOT NULL,
    name text NOT NULL,
    condition text,
    signal text,
    note text,
    CONSTRAINT milestone_pkey PRIMARY KEY (model, name),
    CONSTRAINT milestone_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT milestone_signal_fkey FOREIGN KEY (model, signal)
        REFERENCES lead_stage.rule (model, name) ON UPDATE CASCADE,
    CONSTRAINT milestone_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT milestone_condition_check CHECK (lead_stage._is_text(condition)),
    CONSTRAINT milestone_condition_or_signal_check CHECK ((condition IS NULL) <> (signal IS NULL))
);
COMMENT ON TABLE lead_stage.milestone IS 'events worth a line in the history that are no change of stage';
COMMENT ON COLUMN lead_stage.milestone.model IS 'the model';
COMMENT ON COLUMN lead_stage.milestone.name IS 'its name; reports look for "meeting_booked"';
COMMENT ON COLUMN lead_stage.milestone.condition IS 'boolean expression over the lead: an event each time it becomes true; this or signal';
COMMENT ON COLUMN lead_stage.milestone.signal IS 'an engagement rule: an event at its first match during each stay in a stage; this or condition';
COMMENT ON COLUMN lead_stage.milestone.note IS 'what it tells';

-- Examples: publish runs them, the guide prints them.

CREATE TABLE lead_stage.example (
    model text NOT NULL,
    name text NOT NULL,
    lead jsonb NOT NULL DEFAULT '{}',
    activities jsonb NOT NULL DEFAULT '[]',
    steps jsonb NOT NULL DEFAULT '[]',
    expected @extschema@.lead_stage NOT NULL,
    note text,
    CONSTRAINT example_pkey PRIMARY KEY (model, name),
    CONSTRAINT example_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT example_name_check CHECK (lead_stage._is_name(name)),
    CONSTRAINT example_lead_check CHECK (jsonb_typeof(lead) = 'object'),
    CONSTRAINT example_activities_check CHECK (lead_stage._is_object_list(activities)),
    CONSTRAINT example_steps_check CHECK (lead_stage._is_object_list(steps))
);
COMMENT ON TABLE lead_stage.example IS 'leads that qualify and leads that do not: publish fails unless each ends in its expected stage';
COMMENT ON COLUMN lead_stage.example.model IS 'the model';
COMMENT ON COLUMN lead_stage.example.name IS 'its name';
COMMENT ON COLUMN lead_stage.example.lead IS 'the columns it is inserted with; the others take their defaults';
COMMENT ON COLUMN lead_stage.example.activities IS 'array of objects: source, at (a time, or an interval from now) and the activity''s columns';
COMMENT ON COLUMN lead_stage.example.steps IS 'array of objects: updates made one after the other; one that is refused changes nothing';
COMMENT ON COLUMN lead_stage.example.expected IS 'the stage it must end in';
COMMENT ON COLUMN lead_stage.example.note IS 'what it shows';

-- What has been published.

CREATE SEQUENCE lead_stage.version_seq AS integer;
COMMENT ON SEQUENCE lead_stage.version_seq IS 'numbers for version.version, shared by all models';

CREATE TABLE lead_stage.version (
    model text NOT NULL,
    version integer NOT NULL DEFAULT pg_catalog.nextval('lead_stage.version_seq'),
    definition jsonb NOT NULL,
    note text,
    published_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    published_by text NOT NULL DEFAULT SESSION_USER,
    CONSTRAINT version_pkey PRIMARY KEY (model, version),
    CONSTRAINT version_version_key UNIQUE (version),
    CONSTRAINT version_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT version_version_check CHECK (version > 0),
    CONSTRAINT version_definition_check CHECK (jsonb_typeof(definition) = 'object')
);
COMMENT ON TABLE lead_stage.version IS 'every definition ever published, as export_model wrote it; rows never change';
COMMENT ON COLUMN lead_stage.version.model IS 'the model';
COMMENT ON COLUMN lead_stage.version.version IS 'its number, which no other version of any model has';
COMMENT ON COLUMN lead_stage.version.definition IS 'the whole model; import_model takes it back';
COMMENT ON COLUMN lead_stage.version.note IS 'what changed, as told to publish';
COMMENT ON COLUMN lead_stage.version.published_at IS 'when';
COMMENT ON COLUMN lead_stage.version.published_by IS 'by which session user';

-- What is attached.

CREATE TABLE lead_stage.binding (
    id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    leads regclass NOT NULL,
    model text NOT NULL,
    version integer,
    columns jsonb NOT NULL DEFAULT '{}',
    added text[] NOT NULL DEFAULT '{}',
    history regclass,
    state regclass,
    live regclass,
    signals regclass,
    CONSTRAINT binding_pkey PRIMARY KEY (id),
    CONSTRAINT binding_leads_key UNIQUE (leads),
    -- No cascade on delete: a model in use stays.
    CONSTRAINT binding_model_fkey FOREIGN KEY (model)
        REFERENCES lead_stage.model (name) ON UPDATE CASCADE,
    CONSTRAINT binding_version_fkey FOREIGN KEY (model, version)
        REFERENCES lead_stage.version (model, version) ON UPDATE CASCADE,
    CONSTRAINT binding_columns_check CHECK (jsonb_typeof(columns) = 'object'),
    CONSTRAINT binding_added_check CHECK (lead_stage._is_text_list(added))
);
COMMENT ON TABLE lead_stage.binding IS 'the leads tables that models are attached to; written by attach, detach and publish';
COMMENT ON COLUMN lead_stage.binding.id IS 'what the triggers on the table carry';
COMMENT ON COLUMN lead_stage.binding.leads IS 'the leads table';
COMMENT ON COLUMN lead_stage.binding.model IS 'the model attached to it';
COMMENT ON COLUMN lead_stage.binding.version IS 'the version compiled for it; null: none';
COMMENT ON COLUMN lead_stage.binding.columns IS 'an object from role (stage, stage_since, stage_reason, fit_score, owner) to column name';
COMMENT ON COLUMN lead_stage.binding.added IS 'the columns that attach added';
COMMENT ON COLUMN lead_stage.binding.history IS 'its history table';
COMMENT ON COLUMN lead_stage.binding.state IS 'its state table';
COMMENT ON COLUMN lead_stage.binding.live IS 'its live view';
COMMENT ON COLUMN lead_stage.binding.signals IS 'its compiled conditions; null: none';

CREATE TABLE lead_stage.activity_binding (
    id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    binding uuid NOT NULL,
    activities regclass NOT NULL,
    source text NOT NULL,
    lead_key text[] NOT NULL,
    at text NOT NULL,
    signals regclass,
    CONSTRAINT activity_binding_pkey PRIMARY KEY (id),
    CONSTRAINT activity_binding_activities_key UNIQUE (activities),
    CONSTRAINT activity_binding_source_key UNIQUE (binding, source),
    CONSTRAINT activity_binding_binding_fkey FOREIGN KEY (binding)
        REFERENCES lead_stage.binding (id) ON DELETE CASCADE,
    CONSTRAINT activity_binding_source_check CHECK (lead_stage._is_text(source)),
    CONSTRAINT activity_binding_lead_key_check CHECK (lead_stage._is_text_list(lead_key) AND cardinality(lead_key) > 0),
    CONSTRAINT activity_binding_at_check CHECK (lead_stage._is_text(at))
);
COMMENT ON TABLE lead_stage.activity_binding IS 'the activity tables that feed an attached leads table; written by attach_activity';
COMMENT ON COLUMN lead_stage.activity_binding.id IS 'what the triggers on the table carry';
COMMENT ON COLUMN lead_stage.activity_binding.binding IS 'the leads table it feeds';
COMMENT ON COLUMN lead_stage.activity_binding.activities IS 'the activity table';
COMMENT ON COLUMN lead_stage.activity_binding.source IS 'what engagement rules call it';
COMMENT ON COLUMN lead_stage.activity_binding.lead_key IS 'its columns that hold the lead''s key, in primary-key order';
COMMENT ON COLUMN lead_stage.activity_binding.at IS 'its column that holds the time of the activity';
COMMENT ON COLUMN lead_stage.activity_binding.signals IS 'its compiled conditions; null: none';

-- Numbers that are given once.

CREATE FUNCTION lead_stage._model_numbers() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
-- BEFORE INSERT OR UPDATE ON lead_stage.model FOR EACH ROW; writes id and
-- next_rule_id.
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.id := OLD.id;
        NEW.next_rule_id := greatest(OLD.next_rule_id, NEW.next_rule_id);
    ELSIF NEW.id IS NULL THEN
        -- An imported model may have brought a number the sequence has not
        -- come to yet.
        LOOP
            NEW.id := nextval('lead_stage.model_id_seq');
            EXIT WHEN NOT EXISTS (SELECT FROM lead_stage.model AS m WHERE m.id = NEW.id);
        END LOOP;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lead_stage._model_numbers() IS 'trigger: gives a model its number, once';

CREATE TRIGGER model_numbers BEFORE INSERT OR UPDATE ON lead_stage.model
    FOR EACH ROW EXECUTE FUNCTION lead_stage._model_numbers();

CREATE FUNCTION lead_stage._rule_number() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
-- BEFORE INSERT OR UPDATE OF id, model ON lead_stage.rule FOR EACH ROW;
-- writes id, and model.next_rule_id.
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- A model that was renamed is not there under its old name: the rule
        -- has not moved.
        IF NEW.model = OLD.model
           OR NOT EXISTS (SELECT FROM lead_stage.model AS m WHERE m.name = OLD.model) THEN
            NEW.id := OLD.id;
            RETURN NEW;
        END IF;
        NEW.id := NULL;
    END IF;

    IF NEW.id IS NULL THEN
        UPDATE lead_stage.model AS m SET next_rule_id = m.next_rule_id + 1
            WHERE m.name = NEW.model
            RETURNING m.next_rule_id - 1 INTO NEW.id;
        -- No such model, or somebody else's: leave it to the foreign key or
        -- the policy to say so, not to a null id.
        NEW.id := coalesce(NEW.id, 1);
    ELSE
        UPDATE lead_stage.model AS m SET next_rule_id = NEW.id + 1
            WHERE m.name = NEW.model AND m.next_rule_id <= NEW.id;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lead_stage._rule_number() IS 'trigger: gives a rule its number, once';

CREATE TRIGGER rule_number BEFORE INSERT OR UPDATE OF id, model ON lead_stage.rule
    FOR EACH ROW EXECUTE FUNCTION lead_stage._rule_number();

CREATE FUNCTION lead_stage._version_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
-- BEFORE UPDATE ON lead_stage.version FOR EACH ROW.  The name of its model
-- is all that changes, with the model.
BEGIN
    IF (NEW.version, NEW.definition, NEW.note, NEW.published_at, NEW.published_by)
       IS DISTINCT FROM (OLD.version, OLD.definition, OLD.note, OLD.published_at, OLD.published_by) THEN
        RAISE EXCEPTION 'version % of model "%" is published and cannot be changed', OLD.version, OLD.model
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Change the draft and publish it as a new version.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lead_stage._version_unchanged() IS 'trigger: refuses changes to what was published';

CREATE TRIGGER version_unchanged BEFORE UPDATE ON lead_stage.version
    FOR EACH ROW EXECUTE FUNCTION lead_stage._version_unchanged();
