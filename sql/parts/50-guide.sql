-- 50-guide.sql
-- The definitions that marketing and sales share, as one Markdown document.
--
-- Everything is taken from one definition, so the text says what publish
-- compiles (the draft) or what judges leads (a version), and nothing else.
-- Whatever a modeller typed is escaped: it cannot break a table or be markup.

-- Text as a reader is to see it.  Underscores inside words are no markup.
CREATE FUNCTION lead_stage._md(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN regexp_replace(regexp_replace(regexp_replace(regexp_replace(replace(replace(regexp_replace(
               regexp_replace(btrim(regexp_replace(value, '\s+', ' ', 'g')), '([\\`*\[\]|~$])', '\\\1', 'g'),
               '&(?=#|\w+;)', '\\&', 'g'), '<', '&lt;'), '>', '&gt;'),
               '(^|\W)_', '\1\\_', 'g'), '_($|\W)', '\\_\1', 'g'),
               '^([#+=-])', '\\\1'), '^(\d+)([.)] )', '\1\\\2');
COMMENT ON FUNCTION lead_stage._md(text) IS 'text in Markdown, on one line';

-- A code span; in a table a bar would end the cell.
CREATE FUNCTION lead_stage._md_code(value text, in_table boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT f.fence || CASE WHEN c.code ~ '^`|`$' THEN ' ' || c.code || ' ' ELSE c.code END || f.fence
            FROM (SELECT CASE WHEN in_table THEN replace(t.text, '|', '\|') ELSE t.text END
                  FROM (SELECT btrim(regexp_replace(value, '\s*[\n\r]+\s*', ' ', 'g'))) AS t (text)) AS c (code)
                 -- Longer than the longest run of backticks inside.
                 CROSS JOIN LATERAL (SELECT repeat('`', 1 + coalesce(max(length(m[1])), 0))
                                     FROM regexp_matches(c.code, '(`+)', 'g') AS m) AS f (fence));
COMMENT ON FUNCTION lead_stage._md_code(text, boolean) IS 'a code span in Markdown';

-- A condition as a reader takes it: of a lone column it is said what it asks.
CREATE FUNCTION lead_stage._md_condition(condition text, in_table boolean DEFAULT false) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN lead_stage._md_code(condition, in_table)
           || CASE WHEN lower(btrim(condition)) IN ('true', 'false') THEN ''
                   WHEN btrim(condition) ~ '^("[^"]+"|[a-zA-Z_\u0080-\uffff][a-zA-Z0-9_\u0080-\uffff]*)$' THEN ' is true' ELSE '' END;
COMMENT ON FUNCTION lead_stage._md_condition(text, boolean) IS 'a condition in Markdown';

CREATE FUNCTION lead_stage._md_table(header text[], rows text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN '| ' || array_to_string(header, ' | ') || E' |\n|' || repeat(' --- |', cardinality(header)) || E'\n'
           || array_to_string(rows, E'\n') || E'\n';
COMMENT ON FUNCTION lead_stage._md_table(text[], text[]) IS 'a table in Markdown, of rows that _md_row made';

CREATE FUNCTION lead_stage._md_row(VARIADIC cells text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT '| ' || string_agg(coalesce(c.cell, '–'), ' | ' ORDER BY c.place) || ' |'
            FROM unnest(cells) WITH ORDINALITY AS c (cell, place));
COMMENT ON FUNCTION lead_stage._md_row(text[]) IS 'a row of a table in Markdown; a dash where there is nothing';

CREATE FUNCTION lead_stage._span_words(span text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET intervalstyle = 'postgres'
    RETURN (SELECT string_agg(format('%s %s', u.amount, u.unit) || CASE WHEN u.amount = 1 THEN '' ELSE 's' END, ' ' ORDER BY u.place)
            FROM (SELECT span::interval) AS s (span)
                 CROSS JOIN LATERAL (VALUES (1, extract(year FROM s.span), 'year'), (2, extract(month FROM s.span), 'month'),
                                            (3, extract(day FROM s.span), 'day'), (4, extract(hour FROM s.span), 'hour'),
                                            (5, extract(minute FROM s.span), 'minute'),
                                            (6, trim_scale(extract(second FROM s.span)), 'second')) AS u (place, amount, unit)
            WHERE u.amount <> 0);
COMMENT ON FUNCTION lead_stage._span_words(text) IS 'a period in words: 2 days 4 hours';

-- "a, b or c"
CREATE FUNCTION lead_stage._word_list(words text[], last text DEFAULT 'and') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN cardinality(words) < 2 THEN words[1]
                ELSE array_to_string(words[:cardinality(words) - 1], ', ') || ' ' || last || ' ' || words[cardinality(words)] END;
COMMENT ON FUNCTION lead_stage._word_list(text[], text) IS 'words as a list in a sentence';

-- The company's wording for a stage; null: what a transition from any open
-- stage starts from.
CREATE FUNCTION lead_stage._stage_words(definition jsonb, stage text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN stage IS NULL THEN 'any open stage'
                ELSE coalesce(lead_stage._md(definition #>> ARRAY['model', 'labels', stage]),
                              CASE WHEN stage IN ('mql', 'sal', 'sql') THEN upper(stage) ELSE initcap(stage) END) END;
COMMENT ON FUNCTION lead_stage._stage_words(jsonb, text) IS 'a stage as the company calls it';

-- "Marketing qualified (MQL)", once, where a stage has a section of its own.
CREATE FUNCTION lead_stage._stage_title(definition jsonb, stage text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN lead_stage._stage_words(definition, stage)
           || CASE WHEN upper(definition #>> ARRAY['model', 'labels', stage]) <> upper(stage) THEN format(' (%s)', upper(stage)) ELSE '' END;
COMMENT ON FUNCTION lead_stage._stage_title(jsonb, text) IS 'a stage as the company calls it, with its abbreviation';

-- Everything that a transition asks, one thing an element.
CREATE FUNCTION lead_stage._requirements(transition jsonb, in_table boolean DEFAULT false) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN array_remove(ARRAY[
        'a fit of at least ' || (transition ->> 'min_fit'),
        'an engagement of at least ' || (transition ->> 'min_engagement'),
        'fit and engagement together of at least ' || (transition ->> 'min_score'),
        'an engagement below ' || (transition ->> 'below_engagement'),
        'the activity ' || lead_stage._md_code(transition ->> 'signal', in_table) || ' has been seen'
            || coalesce(' within ' || lead_stage._span_words(transition ->> 'signal_within'), ''),
        lead_stage._span_words(transition ->> 'in_stage_for') || ' in the stage',
        lead_stage._span_words(transition ->> 'idle_for') || ' without any activity',
        'not before ' || lead_stage._md_code(transition ->> 'not_before', in_table),
        lead_stage._md_condition(transition ->> 'condition', in_table)], NULL);
COMMENT ON FUNCTION lead_stage._requirements(jsonb, boolean) IS 'what must hold for a transition, in words';

-- The criteria that a move needs: those between its two stages.
CREATE FUNCTION lead_stage._criteria_crossed(definition jsonb, from_stage text, to_stage text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT c.item ->> 'name'
        FROM jsonb_array_elements(definition -> 'criterion') WITH ORDINALITY AS c (item, place)
        WHERE (c.item ->> 'required_for')::@extschema@.lead_stage <= to_stage::@extschema@.lead_stage
              -- From any open stage: the lowest one may need them all.
              AND (c.item ->> 'required_for')::@extschema@.lead_stage > coalesce(from_stage, 'lead')::@extschema@.lead_stage
        ORDER BY c.place;
$$;
COMMENT ON FUNCTION lead_stage._criteria_crossed(jsonb, text, text) IS 'the criteria between two stages';

-- The most and the least that the enabled rules of a kind can give together;
-- infinite where nothing limits an activity.
CREATE FUNCTION lead_stage._score_range(definition jsonb, kind text, OUT lowest float8, OUT highest float8)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH rule AS (
        SELECT r.item ->> 'category' AS category,
               CASE WHEN (r.item ->> 'points')::int <= 0 THEN 0
                    WHEN _score_range.kind = 'fit' THEN (r.item ->> 'points')::float8
                    ELSE coalesce((r.item ->> 'cap')::float8, 'infinity') END AS highest,
               CASE WHEN (r.item ->> 'points')::int >= 0 THEN 0
                    WHEN _score_range.kind = 'fit' THEN (r.item ->> 'points')::float8
                    ELSE '-infinity' END AS lowest
            FROM jsonb_array_elements(definition -> 'rule') AS r (item)
            WHERE r.item ->> 'kind' = _score_range.kind AND coalesce((r.item ->> 'enabled')::bool, true)
    ), category AS (
        SELECT sum(r.lowest) AS lowest,
               least(sum(r.highest), (SELECT (c.item ->> 'max_points')::float8
                                   FROM jsonb_array_elements(definition -> 'category') AS c (item)
                                   WHERE c.item ->> 'name' = r.category)) AS highest
            FROM rule AS r GROUP BY r.category
    )
    SELECT coalesce(sum(c.lowest), 0), coalesce(sum(c.highest), 0) FROM category AS c;
$$;
COMMENT ON FUNCTION lead_stage._score_range(jsonb, text) IS 'the lowest and the highest score that the rules of a kind can give';

-- Whose a lead is that enters a stage, in the order in which routes are tried:
-- last, without a route, what is so where none applies.
CREATE FUNCTION lead_stage._stage_routes(definition jsonb, stage text) RETURNS TABLE (place bigint, route jsonb, owner text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.place, r.item, coalesce(lead_stage._md(r.item ->> 'assign_to'), 'pool ' || lead_stage._md(r.item ->> 'pool'))
        FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS r (item, place)
        WHERE r.item ->> 'stage' = stage
    UNION ALL
    SELECT 1000000, NULL, CASE stage WHEN 'lead' THEN 'whoever it is written with' ELSE 'whoever has it' END
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'route') AS r (item)
                          WHERE r.item ->> 'stage' = stage AND NOT r.item ? 'condition');
$$;
COMMENT ON FUNCTION lead_stage._stage_routes(jsonb, text) IS 'guide: who may get a lead that enters a stage';

CREATE FUNCTION lead_stage._stage_owners(definition jsonb, stage text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT lead_stage._word_list(array_agg(o.owner ORDER BY o.place), 'or')
            FROM (SELECT r.owner, min(r.place) AS place FROM lead_stage._stage_routes(definition, stage) AS r GROUP BY r.owner) AS o);
COMMENT ON FUNCTION lead_stage._stage_owners(jsonb, text) IS 'guide: whose the leads of a stage are';

-- The stages of this company: what no move leads to is none of them.
CREATE FUNCTION lead_stage._stages_in_use(definition jsonb) RETURNS TABLE (stage text, rank int, team text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT s.stage::text, s.rank, coalesce(s.team, 'closed')
        FROM lead_stage.stages() AS s
        WHERE s.stage = 'lead'
              OR EXISTS (SELECT FROM jsonb_array_elements(definition -> 'transition') AS t (item)
                         WHERE s.stage::text IN (t.item ->> 'to_stage', t.item ->> 'from_stage'))
              OR EXISTS (SELECT FROM jsonb_array_elements(definition -> 'sla') AS k (item) WHERE s.stage::text = k.item ->> 'breach_to')
        ORDER BY s.rank;
$$;
COMMENT ON FUNCTION lead_stage._stages_in_use(jsonb) IS 'guide: the stages that a model uses';

-- ---------------------------------------------------------------------------
-- The sections.

CREATE FUNCTION lead_stage._guide_stages(definition jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
BEGIN
    SELECT array_agg(lead_stage._md_row(
               lead_stage._stage_words(definition, s.stage), lead_stage._md_code(s.stage), s.team,
               concat_ws('; ', CASE s.stage WHEN 'lead' THEN 'every new lead' END,
               coalesce((SELECT string_agg(w.words, ', ' ORDER BY w.rank, w.words)
                            FROM (SELECT DISTINCT lead_stage._stage_words(definition, f.stage) || f.how AS words, coalesce(g.rank, 0) AS rank
                                  FROM (SELECT t.item ->> 'from_stage', ''
                                            FROM jsonb_array_elements(definition -> 'transition') AS t (item) WHERE t.item ->> 'to_stage' = s.stage
                                        UNION ALL
                                        SELECT k.item ->> 'stage', ' (promise broken)'
                                            FROM jsonb_array_elements(definition -> 'sla') AS k (item) WHERE k.item ->> 'breach_to' = s.stage) AS f (stage, how)
                                       LEFT JOIN lead_stage.stages() AS g ON g.stage::text = f.stage
                                  -- "any open stage" says it of all of them.
                                  WHERE NOT (coalesce(g.is_open, false) AND f.how = ''
                                             AND EXISTS (SELECT FROM jsonb_array_elements(definition -> 'transition') AS t (item)
                                                         WHERE t.item ->> 'to_stage' = s.stage AND NOT t.item ? 'from_stage'))) AS w),
                           CASE s.stage WHEN 'lead' THEN NULL ELSE 'no move' END)),
               lead_stage._stage_owners(definition, s.stage)) ORDER BY s.rank)
        INTO rows
        FROM lead_stage._stages_in_use(definition) AS s;
    RETURN E'## Stages\n\nFrom the lowest to the highest.\n\n'
           || lead_stage._md_table('{Stage,In the data,Team,Comes from,Belongs to}', rows);
END
$$;
COMMENT ON FUNCTION lead_stage._guide_stages(jsonb) IS 'guide: the stages';

-- What may be given as the reason of a move by hand; null: none is asked.
CREATE FUNCTION lead_stage._reasons(reasons jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN reasons = '[]' THEN 'in your own words'
                ELSE (SELECT string_agg(lead_stage._md(r.reason), '; ' ORDER BY r.place)
                      FROM jsonb_array_elements_text(reasons) WITH ORDINALITY AS r (reason, place)) END;
COMMENT ON FUNCTION lead_stage._reasons(jsonb) IS 'guide: the reasons of a move';

-- "How a lead becomes X": one item for each different set of requirements.
CREATE FUNCTION lead_stage._guide_ways(definition jsonb, stage text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    way record;
    checks text;
    text text := '';
    number int := 0;
BEGIN
    FOR way IN
        SELECT min(w.place) AS place, w.automatic, w.asks, w.reasons, w.checks, w.hold_for,
               lead_stage._word_list(array_agg(format('%s (%s)', lead_stage._stage_words(definition, w.from_stage),
                                                      lead_stage._md_code(w.name)) ORDER BY w.place), 'or') AS origins,
               -- Two notes are of two moves.
               CASE WHEN count(DISTINCT w.note) > 1
                    THEN array_agg(format('%s: *%s*', lead_stage._md_code(w.name), lead_stage._md(w.note)) ORDER BY w.place) FILTER (WHERE w.note ~ '\S')
                    ELSE ARRAY[min('*' || lead_stage._md(w.note) || '*')] END AS notes
            FROM (SELECT t.place, t.item ->> 'name', t.item ->> 'from_stage', nullif(btrim(t.item ->> 'note'), ''), t.item ->> 'hold_for',
                         coalesce((t.item ->> 'automatic')::bool, false), lead_stage._requirements(t.item), t.item -> 'reasons',
                         ARRAY(SELECT lead_stage._criteria_crossed(definition, t.item ->> 'from_stage', stage))
                      FROM jsonb_array_elements(definition -> 'transition') WITH ORDINALITY AS t (item, place)
                           -- Only what leads up: the other ways are about leaving.
                           JOIN lead_stage.stages() AS f ON f.stage::text = coalesce(t.item ->> 'from_stage', 'lead')
                           JOIN lead_stage.stages() AS g ON g.stage::text = t.item ->> 'to_stage'
                      WHERE t.item ->> 'to_stage' = _guide_ways.stage AND f.rank < g.rank)
                 AS w (place, name, from_stage, note, hold_for, automatic, asks, reasons, checks)
            GROUP BY w.automatic, w.asks, w.reasons, w.checks, w.hold_for
            ORDER BY 1
    LOOP
        number := number + 1;
        checks := lead_stage._word_list(ARRAY(SELECT lead_stage._md_code(c) FROM unnest(way.checks) AS c));
        text := text || format(E'%s. From %s, %s', number, way.origins,
                               CASE WHEN way.automatic THEN 'by itself' ELSE 'when somebody makes the move' END)
                || CASE WHEN way.asks = '{}' AND checks IS NULL THEN
                            CASE WHEN way.automatic THEN E', at once.\n' ELSE E'; nothing more is asked.\n' END
                        WHEN cardinality(way.asks) + (checks IS NOT NULL)::int = 1 THEN E', if this holds:\n'
                        ELSE E', if all of this holds:\n' END
                || coalesce((SELECT string_agg(format(E'   - %s\n', a.ask), '' ORDER BY a.place)
                             FROM unnest(way.asks) WITH ORDINALITY AS a (ask, place)), '')
                || coalesce('   - confirmed: ' || checks || E'\n', '')
                || coalesce(E'\n   The reason has to be given: ' || lead_stage._reasons(way.reasons) || E'.\n', '')
                || coalesce(E'\n   No automatic move touches it for ' || lead_stage._span_words(way.hold_for) || E' then.\n', '')
                || coalesce(E'\n   ' || nullif(array_to_string(way.notes, E'\\\n   '), '') || E'\n', '');
    END LOOP;
    RETURN CASE WHEN number = 0 THEN E'No move leads here.\n' ELSE text END;
END
$$;
COMMENT ON FUNCTION lead_stage._guide_ways(jsonb, text) IS 'guide: how a lead reaches a stage';

CREATE FUNCTION lead_stage._guide_bands(definition jsonb, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    -- A lowest band that takes every score there can be has no number; nor has
    -- one that begins so low that it is plainly meant for all the rest.
    RETURN (SELECT format(E'\nGrades: %s.%s\n',
                          string_agg(format('**%s** %s', b.label,
                                            CASE WHEN b.above IS NULL AND b.min_points <= b.lowest THEN 'every lead'
                                                 WHEN b.above IS NULL THEN format('from %s', b.min_points)
                                                 WHEN b.min_points <= b.lowest THEN format('below %s', b.above)
                                                 ELSE format('from %s, below %s', b.min_points, b.above) END), '; ' ORDER BY b.min_points DESC),
                          CASE WHEN min(b.min_points) > min(b.lowest) THEN format(' Below %s there is none.', min(b.min_points)) ELSE '' END)
            FROM (SELECT lead_stage._md(b.item ->> 'label') AS label, (b.item ->> 'min_points')::float8 AS min_points,
                         lag((b.item ->> 'min_points')::float8) OVER (ORDER BY (b.item ->> 'min_points')::float8 DESC) AS above,
                         greatest((lead_stage._score_range(definition, kind)).lowest, -1000) AS lowest
                  FROM jsonb_array_elements(definition -> 'band') AS b (item)
                  WHERE b.item ->> 'kind' = _guide_bands.kind) AS b
            HAVING count(*) > 0);
COMMENT ON FUNCTION lead_stage._guide_bands(jsonb, text) IS 'guide: the grades of a score';

CREATE FUNCTION lead_stage._guide_points(definition jsonb, kind text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
    caps text;
    has_groups boolean;
    has_notes boolean;
    range record;
    header text[];
BEGIN
    SELECT count(r.item ->> 'category') > 0, count(r.item ->> 'note') > 0 INTO has_groups, has_notes
        FROM jsonb_array_elements(definition -> 'rule') AS r (item)
        WHERE r.item ->> 'kind' = kind AND coalesce((r.item ->> 'enabled')::bool, true);
    SELECT array_agg('| ' || array_to_string(
               ARRAY[CASE WHEN (r.item ->> 'points')::int > 0 THEN '+' ELSE '' END || (r.item ->> 'points'),
                     lead_stage._md_code(r.item ->> 'name', true)]
               || CASE WHEN kind = 'fit' THEN '{}'::text[] ELSE ARRAY[lead_stage._md(r.item ->> 'source')] END
               || coalesce(lead_stage._md_condition(r.item ->> 'condition', true), CASE kind WHEN 'fit' THEN 'every lead' ELSE 'every activity' END)
               || CASE WHEN kind = 'fit' THEN '{}'::text[]
                       ELSE ARRAY[coalesce(r.item ->> 'cap', 'no limit'),
                                  coalesce(lead_stage._span_words(r.item ->> 'half_life'), 'never')] END
               || CASE WHEN has_groups THEN ARRAY[coalesce(lead_stage._md(r.item ->> 'category'), '–')] ELSE '{}'::text[] END
               || CASE WHEN has_notes THEN ARRAY[coalesce(lead_stage._md(r.item ->> 'note'), '–')] ELSE '{}'::text[] END,
               ' | ') || ' |' ORDER BY c.place NULLS LAST, (r.item ->> 'points')::int DESC, r.item ->> 'name' COLLATE "C")
        INTO rows
        FROM jsonb_array_elements(definition -> 'rule') AS r (item)
             LEFT JOIN LATERAL (SELECT c.place FROM jsonb_array_elements(definition -> 'category') WITH ORDINALITY AS c (item, place)
                                WHERE c.item ->> 'name' = r.item ->> 'category') AS c ON true
        WHERE r.item ->> 'kind' = kind AND coalesce((r.item ->> 'enabled')::bool, true);
    IF rows IS NULL THEN
        RETURN format(E'No %s rules.\n', kind);
    END IF;
    header := CASE kind WHEN 'fit' THEN '{Points,Rule,True of a lead if}'::text[]
                        ELSE '{Points each,Rule,Source,Counts an activity if,At most,Halves every}'::text[] END
              || CASE WHEN has_groups THEN '{Group}'::text[] ELSE '{}' END || CASE WHEN has_notes THEN '{Why}'::text[] ELSE '{}' END;

    SELECT string_agg(format('%s %s points', lead_stage._md(c.item ->> 'name'), c.item ->> 'max_points'), ', ' ORDER BY c.place) INTO caps
        FROM jsonb_array_elements(definition -> 'category') WITH ORDINALITY AS c (item, place)
        WHERE c.item ->> 'max_points' IS NOT NULL
              AND EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rule') AS r (item)
                          WHERE r.item ->> 'category' = c.item ->> 'name' AND r.item ->> 'kind' = kind
                                AND coalesce((r.item ->> 'enabled')::bool, true));
    range := lead_stage._score_range(definition, kind);
    RETURN lead_stage._md_table(header, rows)
           || coalesce(E'\nThe rules of a group count together for no more than this: ' || caps || E'.\n', '')
           || CASE WHEN kind = 'fit' THEN format(E'\nTogether a lead can have from %s to %s points.\n', range.lowest, range.highest)
                   WHEN range.highest < 'infinity' THEN format(E'\nTogether a lead can have at most %s points.\n', range.highest)
                   ELSE '' END
           || coalesce(lead_stage._guide_bands(definition, kind), '');
END
$$;
COMMENT ON FUNCTION lead_stage._guide_points(jsonb, text) IS 'guide: the rules of one kind, with their points';

CREATE FUNCTION lead_stage._guide_mql(definition jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format(E'## %s: marketing''s part\n\nA lead becomes %s in one of these ways:\n\n%s',
                  lead_stage._stage_title(definition, 'mql'), lead_stage._stage_words(definition, 'mql'),
                  lead_stage._guide_ways(definition, 'mql'))
           || E'\n### Fit: who they are\n\nThe points of every rule that is true of the lead, added up.\n\n'
           || lead_stage._guide_points(definition, 'fit')
           || CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rule') AS r (item) WHERE r.item ->> 'kind' = 'engagement')
                   THEN E'\n### Engagement: what they do\n\nThe points of every matching activity, fading with time.\n\n'
                        || lead_stage._guide_points(definition, 'engagement')
                   ELSE '' END
           || coalesce((SELECT E'\nBoth grades are read together: **' || lead_stage._md(f.label || e.label) || format('** is a fit of %s with an engagement of %s.', lead_stage._md(f.label), lead_stage._md(e.label)) || E'\n'
                        FROM (SELECT b.item ->> 'label' FROM jsonb_array_elements(definition -> 'band') AS b (item) WHERE b.item ->> 'kind' = 'fit'
                                  ORDER BY (b.item ->> 'min_points')::float8 DESC LIMIT 1) AS f (label)
                             CROSS JOIN (SELECT b.item ->> 'label' FROM jsonb_array_elements(definition -> 'band') AS b (item) WHERE b.item ->> 'kind' = 'engagement'
                                             ORDER BY (b.item ->> 'min_points')::float8 DESC LIMIT 1) AS e (label)), '');
COMMENT ON FUNCTION lead_stage._guide_mql(jsonb) IS 'guide: what makes an MQL';

-- What sales confirms; and for SQL, when it may be said.
CREATE FUNCTION lead_stage._guide_sql(definition jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
    name text := lead_stage._stage_words(definition, 'sql');
BEGIN
    SELECT array_agg(lead_stage._md_row(
               lead_stage._md(nullif(btrim(c.item ->> 'question'), '')), lead_stage._md_code(c.item ->> 'name', true),
               coalesce(lead_stage._md_condition(c.item ->> 'condition', true),
                        'activity ' || lead_stage._md_code(c.item ->> 'signal', true)
                        || ' seen' || coalesce(' within ' || lead_stage._span_words(c.item ->> 'signal_within'), '')),
               lead_stage._stage_words(definition, c.item ->> 'required_for'))
               ORDER BY (c.item ->> 'required_for')::@extschema@.lead_stage, c.place)
        INTO rows
        FROM jsonb_array_elements(definition -> 'criterion') WITH ORDINALITY AS c (item, place);
    RETURN format(E'## %s: confirmed by sales\n\n', lead_stage._stage_title(definition, 'sql'))
           || CASE WHEN rows IS NULL THEN E'No checks are defined.\n'
                   ELSE E'Every one of these must be confirmed before a lead can reach the stage named last, or go past it. Interest alone never replaces an answer.\n\n'
                        || lead_stage._md_table('{Ask,Check,Confirmed when,Before}', rows) END
           || format(E'\nA lead becomes %s in one of these ways:\n\n%s', name, lead_stage._guide_ways(definition, 'sql'));
END
$$;
COMMENT ON FUNCTION lead_stage._guide_sql(jsonb) IS 'guide: the checks that sales confirms';

-- A table of moves, of which "direction" says which: up, down or out.
CREATE FUNCTION lead_stage._guide_moves(definition jsonb, direction text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
BEGIN
    SELECT array_agg(CASE WHEN direction = 'up' THEN
               lead_stage._md_row(m.moves, m.name, m.made,
                   CASE WHEN m.item ->> 'to_stage' IN ('mql', 'sql') THEN 'what is said above'
                        ELSE coalesce(nullif(concat_ws('; ', nullif(array_to_string(lead_stage._requirements(m.item, true), '; '), ''),
                             'confirmed: ' || lead_stage._word_list(ARRAY(SELECT lead_stage._md_code(c, true)
                                 FROM lead_stage._criteria_crossed(definition, m.item ->> 'from_stage', m.item ->> 'to_stage') AS c)),
                             'a reason (' || lead_stage._reasons(m.item -> 'reasons') || ')'), ''), 'nothing more') END,
                   lead_stage._stage_owners(definition, m.item ->> 'to_stage'),
                   lead_stage._md(m.item ->> 'note'))
           ELSE lead_stage._md_row(m.moves, m.name, m.made,
                   coalesce(nullif(array_to_string(lead_stage._requirements(m.item, true), '; '), ''), 'nothing more'),
                   CASE WHEN m.made = 'by itself' THEN 'the name of the move'
                        ELSE coalesce(lead_stage._reasons(m.item -> 'reasons'), 'none asked') END,
                   lead_stage._span_words(m.item ->> 'hold_for'),
                   lead_stage._stage_owners(definition, m.item ->> 'to_stage'),
                   lead_stage._md(m.item ->> 'note')) END ORDER BY m.place)
        INTO rows
        FROM (SELECT t.item, t.place, lead_stage._md_code(t.item ->> 'name', true) AS name,
                     format('%s → %s', lead_stage._stage_words(definition, t.item ->> 'from_stage'),
                                       lead_stage._stage_words(definition, t.item ->> 'to_stage')) AS moves,
                     CASE WHEN (t.item ->> 'automatic')::bool THEN 'by itself' ELSE 'by hand' END AS made,
                     g.is_open, f.rank < g.rank AND f.is_open AND g.stage > 'nurture' AS goes_up
                  FROM jsonb_array_elements(definition -> 'transition') WITH ORDINALITY AS t (item, place)
                       JOIN lead_stage.stages() AS g ON g.stage::text = t.item ->> 'to_stage'
                       -- From any open stage: down to nurture, unless it is said otherwise.
                       JOIN lead_stage.stages() AS f ON f.stage::text = coalesce(t.item ->> 'from_stage', 'mql')) AS m
        WHERE CASE direction
                  WHEN 'up' THEN m.goes_up
                  WHEN 'down' THEN m.is_open AND NOT m.goes_up
                  ELSE NOT m.is_open AND NOT m.goes_up END;
    IF rows IS NULL THEN
        RETURN CASE direction WHEN 'up' THEN E'None.\n' WHEN 'down' THEN E'No move leads back.\n' ELSE E'No move leads out.\n' END;
    END IF;
    RETURN lead_stage._md_table(CASE direction WHEN 'up' THEN '{Move,Called,Made,Asks,Belongs then to,Meaning}'::text[]
                                               ELSE '{Move,Called,Made,Asks,Reason (one of),Left alone for,Belongs then to,Meaning}' END, rows);
END
$$;
COMMENT ON FUNCTION lead_stage._guide_moves(jsonb, text) IS 'guide: moves up, back, or out';

-- "from 2026-03-01 09:00 until 2026-03-04 00:00"
CREATE FUNCTION lead_stage._period_words(period tstzrange, zone text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN coalesce(nullif(concat_ws(' ', 'from ' || to_char(nullif(lower(period), '-infinity') AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'),
                                          'until ' || to_char(nullif(upper(period), 'infinity') AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI')), ''), 'at all');
COMMENT ON FUNCTION lead_stage._period_words(tstzrange, text) IS 'guide: when somebody is away';

CREATE FUNCTION lead_stage._guide_routes(definition jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
    text text := E'### Who gets the lead\n\n';
BEGIN
    IF definition -> 'route' = '[]' THEN
        RETURN text || E'No routes are defined: whoever writes the lead sets its owner.\n';
    END IF;
    SELECT array_agg(lead_stage._md_row(
               lead_stage._stage_words(definition, s.stage),
               CASE WHEN r.route IS NULL AND r.place > r.first THEN 'otherwise'
                    ELSE coalesce(lead_stage._md_condition(r.route ->> 'condition', true), 'always') END,
               r.owner,
               CASE WHEN (r.route ->> 'reassign')::bool THEN 'yes' WHEN NOT (r.route ->> 'reassign')::bool THEN 'no'
                    WHEN r.route IS NOT NULL THEN 'if the move changes team' END,
               coalesce(lead_stage._md_code(r.route ->> 'name', true), 'no route')) ORDER BY s.rank, r.place)
        INTO rows
        FROM lead_stage._stages_in_use(definition) AS s
             CROSS JOIN LATERAL (SELECT r.*, min(r.place) OVER () AS first FROM lead_stage._stage_routes(definition, s.stage) AS r) AS r;
    text := text || E'On entering the stage; of several, the first that applies. An owner that is written with the move always wins.\n\n'
            || lead_stage._md_table('{On entering,If,Belongs then to,Even if it has an owner,Route}', rows);
    SELECT array_agg(lead_stage._md_row(
               lead_stage._md(r.item ->> 'pool'), lead_stage._md(r.item ->> 'name'), coalesce(r.item ->> 'weight', '1'),
               coalesce(r.item ->> 'max_open', 'no limit'),
               CASE WHEN NOT (r.item ->> 'enabled')::bool THEN 'no'
                    ELSE coalesce((SELECT 'not ' || string_agg(lead_stage._period_words(p.period, definition #>> '{model,time_zone}'), ', ' ORDER BY p.period)
                                   FROM unnest((r.item ->> 'away')::tstzmultirange) AS p (period)), 'yes') END)
               ORDER BY r.place)
        INTO rows
        FROM jsonb_array_elements(definition -> 'rep') WITH ORDINALITY AS r (item, place);
    IF rows IS NOT NULL THEN
        text := text || E'\nIn a pool those who are there take turns, in proportion to their weights; somebody is away from the moment that it is entered, whatever the version. If nobody of a pool can '
                'take the lead, the next route that applies gives it away; if there is none, it is nobody''s, and waits among the table''s tasks.\n\n'
                || lead_stage._md_table('{Pool,Who,Weight,Most open leads,Takes turns}', rows);
    END IF;
    RETURN text;
END
$$;
COMMENT ON FUNCTION lead_stage._guide_routes(jsonb) IS 'guide: who gets a lead';

CREATE FUNCTION lead_stage._guide_calendars(definition jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    calendar jsonb;
    days text[] := '{Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday}';
    rows text[];
    text text := '';
BEGIN
    FOR calendar IN SELECT c.item FROM jsonb_array_elements(definition -> 'calendar') WITH ORDINALITY AS c (item, place) ORDER BY c.place LOOP
        -- Days with the same hours are one row.
        SELECT array_agg(lead_stage._md_row(d.names, d.hours) ORDER BY d.dow) INTO rows
            FROM (SELECT CASE WHEN count(*) > 2 AND max(h.dow) - min(h.dow) = count(*) - 1 THEN format('%s to %s', days[min(h.dow)], days[max(h.dow)])
                                   ELSE lead_stage._word_list(array_agg(days[h.dow] ORDER BY h.dow)) END AS names, h.hours, min(h.dow) AS dow
                      FROM (SELECT (h.item ->> 'dow')::int AS dow,
                                   string_agg(format('%s–%s', left(h.item ->> 'opens', 5), left(h.item ->> 'closes', 5)), ', '
                                              ORDER BY h.item ->> 'opens') AS hours
                                FROM jsonb_array_elements(calendar -> 'hours') AS h (item) GROUP BY 1) AS h
                      GROUP BY h.hours) AS d;
        text := text || format(E'\nCalendar **%s**, local time of %s:\n\n', lead_stage._md(calendar ->> 'name'), lead_stage._md(calendar ->> 'time_zone'))
                || coalesce(lead_stage._md_table('{Days,Open}', rows), E'Never open.\n');
        SELECT array_agg(lead_stage._md_row(h.item ->> 'day',
                   coalesce(left(h.item ->> 'opens', 5) || '–' || left(h.item ->> 'closes', 5), 'closed'),
                   lead_stage._md(h.item ->> 'note')) ORDER BY h.item ->> 'day')
            INTO rows
            FROM (SELECT h.item FROM jsonb_array_elements(calendar -> 'holiday') AS h (item)) AS h;
        IF rows IS NOT NULL THEN
            text := text || E'\n' || lead_stage._md_table('{Date,Open,Occasion}', rows);
        ELSE
            text := text || E'\nNo holidays are entered.\n';
        END IF;
    END LOOP;
    RETURN text;
END
$$;
COMMENT ON FUNCTION lead_stage._guide_calendars(jsonb) IS 'guide: the calendars that response times are counted in';

CREATE FUNCTION lead_stage._guide_slas(definition jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rows text[];
BEGIN
    SELECT array_agg(lead_stage._md_row(
               lead_stage._stage_words(definition, s.item ->> 'stage'),
               lead_stage._md_code(s.item ->> 'name', true),
               coalesce(lead_stage._md_condition(s.item ->> 'condition', true), 'every lead'),
               lead_stage._span_words(s.item ->> 'target'),
               CASE k.calendar WHEN 'always' THEN 'round the clock' ELSE 'working time, ' || lead_stage._md(k.calendar) END,
               coalesce('the time in ' || lead_stage._md_code(s.item ->> 'met_at', true) || ', or it moves up',
                        'activity ' || lead_stage._md_code(s.item ->> 'met_signal', true) || ' seen, or it moves up',
                        'it moves up')
                   || CASE WHEN (s.item ->> 'repeat')::bool THEN '; each time the next clock starts' ELSE '' END,
               coalesce(lead_stage._md_condition(s.item ->> 'pause_when', true), 'never'),
               coalesce(lead_stage._span_words(s.item ->> 'warn_before') || ' before', 'none'),
               concat_ws('; ', 'goes to ' || CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rep') AS r (item)
                                                               WHERE r.item ->> 'pool' = s.item ->> 'escalate_to') THEN 'pool ' ELSE '' END
                               || lead_stage._md(s.item ->> 'escalate_to'),
                         CASE WHEN NOT s.item ?| '{escalate_to,breach_to}' THEN 'counts as broken' END,
                         CASE WHEN s.item ->> 'breach_to' IS NOT NULL
                              THEN 'moves to ' || lead_stage._stage_words(definition, s.item ->> 'breach_to') END))
               ORDER BY st.rank, s.place)
        INTO rows
        FROM jsonb_array_elements(definition -> 'sla') WITH ORDINALITY AS s (item, place)
             JOIN lead_stage.stages() AS st ON st.stage::text = s.item ->> 'stage'
             CROSS JOIN LATERAL (SELECT coalesce(s.item ->> 'calendar', definition #>> '{model,calendar}', 'always')) AS k (calendar);
    IF rows IS NULL THEN
        RETURN E'No response times are promised.\n';
    END IF;
    RETURN E'A clock starts when a lead enters the stage, and stops when the awaited thing happens or the lead moves up; a move back or out ends it without a result. '
           'In working time an hour is an hour in which the calendar is open, and a day is the next open day at the same time.\n\n'
           || lead_stage._md_table('{In stage,Promise,For,Within,Counted in,Kept when,Paused while,Warning,If broken}', rows)
           || lead_stage._guide_calendars(definition);
END
$$;
COMMENT ON FUNCTION lead_stage._guide_slas(jsonb) IS 'guide: response times';

-- "6 days ago", of an activity's time.
CREATE FUNCTION lead_stage._when_words(at text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN at ~ '^-\d{1,5} (day|hour|minute)s?$' THEN lead_stage._span_words(substr(at, 2)) || ' ago'
                ELSE 'at ' || lead_stage._md(at) END;
COMMENT ON FUNCTION lead_stage._when_words(text) IS 'guide: when an example''s activity happens';

-- "role_type: nurse, region: UK"; null if there are none.
CREATE FUNCTION lead_stage._md_columns(columns jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT string_agg(format('%s: %s', lead_stage._md(c.key), coalesce(lead_stage._md(columns ->> c.key), 'nothing')), ', '
                              ORDER BY c.place)
            FROM jsonb_object_keys(columns) WITH ORDINALITY AS c (key, place));
COMMENT ON FUNCTION lead_stage._md_columns(jsonb) IS 'guide: the columns of an example';

-- "called: true, stage: Nurture, reason: no budget"
CREATE FUNCTION lead_stage._md_step(definition jsonb, step jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN concat_ws(', ', lead_stage._md_columns(step - '{stage,stage_reason}'::text[]),
                     CASE WHEN step ? 'stage' THEN 'stage: ' || lead_stage._stage_words(definition, lower(step ->> 'stage')) END,
                     'reason: ' || lead_stage._md(step ->> 'stage_reason'));
COMMENT ON FUNCTION lead_stage._md_step(jsonb, jsonb) IS 'guide: what a step of an example writes';

CREATE FUNCTION lead_stage._guide_examples(definition jsonb, qualify boolean) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    example jsonb;
    text text := '';
BEGIN
    FOR example IN
        SELECT e.item FROM jsonb_array_elements(definition -> 'example') WITH ORDINALITY AS e (item, place)
            WHERE ((e.item ->> 'expected')::@extschema@.lead_stage >= 'mql') = qualify
            ORDER BY (e.item ->> 'expected')::@extschema@.lead_stage DESC, e.place
    LOOP
        text := text || format(E'- **%s** ends as **%s**.', lead_stage._md(example ->> 'name'),
                               lead_stage._stage_words(definition, example ->> 'expected'))
                || coalesce(' ' || lead_stage._md(example ->> 'note'), '') || E'\n'
                || coalesce('  - Lead: ' || lead_stage._md_step(definition, nullif(example -> 'lead', '{}')) || E'\n', '')
                || coalesce((SELECT format(E'  - Activities: %s\n',
                                           string_agg(concat_ws(' ', lead_stage._md(a.item ->> 'source'), lead_stage._when_words(a.item ->> 'at'))
                                                      || coalesce(' (' || lead_stage._md_columns(a.item - '{source,at}'::text[]) || ')', ''),
                                                      '; ' ORDER BY a.place))
                             FROM jsonb_array_elements(example -> 'activities') WITH ORDINALITY AS a (item, place) HAVING count(*) > 0), '')
                || coalesce((SELECT string_agg(format(E'  - Then: %s\n', lead_stage._md_step(definition, s.item)), '' ORDER BY s.place)
                             FROM jsonb_array_elements(example -> 'steps') WITH ORDINALITY AS s (item, place)), '');
    END LOOP;
    RETURN CASE text WHEN '' THEN E'None.\n' ELSE text END;
END
$$;
COMMENT ON FUNCTION lead_stage._guide_examples(jsonb, boolean) IS 'guide: the examples that qualify, or those that do not';

-- What one version changed, a line each.
CREATE FUNCTION lead_stage._guide_changes(model text, a int, b int) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN (SELECT string_agg(format(E'  - %s %s %s', d.kind, lead_stage._md_code(d.name), d.change)
                              || CASE d.change WHEN 'changed' THEN
                                     ': ' || (SELECT string_agg(format('%s %s → %s', lead_stage._md(k.key),
                                                                       coalesce(lead_stage._md_code(d.before ->> k.key), 'nothing'),
                                                                       coalesce(lead_stage._md_code(d.after ->> k.key), 'nothing')), '; ' ORDER BY k.key)
                                              FROM jsonb_object_keys(d.before || d.after) AS k (key)
                                              WHERE d.before -> k.key IS DISTINCT FROM d.after -> k.key)
                                 ELSE '' END || E'\n', '')
            FROM lead_stage.diff_versions(model, a, b) AS d);
END
$$;
COMMENT ON FUNCTION lead_stage._guide_changes(text, int, int) IS 'guide: what changed between two versions';

CREATE FUNCTION lead_stage._guide_versions(model text, version int, zone text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    v record;
    text text := '';
    latest int;
BEGIN
    IF version IS NULL THEN
        SELECT max(x.version) INTO latest FROM lead_stage.version AS x WHERE x.model = _guide_versions.model;
        IF latest IS NOT NULL THEN
            text := E'- **Draft**, not published\n' || coalesce(lead_stage._guide_changes(model, latest, NULL),
                                                                format(E'  - the same as version %s\n', latest));
        END IF;
    END IF;
    FOR v IN SELECT x.version, x.note, x.published_by, x.published_at,
                    lag(x.version) OVER (ORDER BY x.version) AS previous
                 FROM lead_stage.version AS x
                 WHERE x.model = _guide_versions.model AND (version IS NULL OR x.version <= _guide_versions.version)
                 ORDER BY x.version DESC
    LOOP
        text := text || format(E'- **Version %s**, %s, by %s%s\n', v.version, to_char(v.published_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'),
                               lead_stage._md(v.published_by), coalesce(': ' || nullif(lead_stage._md(v.note), ''), ''))
                || CASE WHEN v.previous IS NULL THEN E'  - the first one\n'
                        ELSE coalesce(lead_stage._guide_changes(model, v.previous, v.version),
                                      format(E'  - the same as version %s\n', v.previous)) END;
    END LOOP;
    RETURN CASE text WHEN '' THEN E'Not published yet.\n' ELSE format(E'Times are local to %s.\n\n%s', lead_stage._md(zone), text) END;
END
$$;
COMMENT ON FUNCTION lead_stage._guide_versions(text, int, text) IS 'guide: the versions, with what each changed';

-- ---------------------------------------------------------------------------

-- VOLATILE, as export_model is: a draft just written is the one described.
CREATE FUNCTION lead_stage.guide(model text, version int DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    SET datestyle = 'ISO, YMD'
    SET extra_float_digits = 1
    SET intervalstyle = 'postgres'
    -- Few rows, for which the planner expects very many.
    SET jit = off
AS $$
#variable_conflict use_variable
DECLARE
    definition jsonb;
    zone text;
    published record;
    in_force int;
    standing text;
BEGIN
    PERFORM lead_stage._check_model(model);
    definition := lead_stage._definition(model, version);
    zone := coalesce(definition #>> '{model,time_zone}', 'UTC');
    SELECT m.version INTO in_force FROM lead_stage.model AS m WHERE m.name = model;
    IF version IS NULL THEN
        standing := CASE WHEN in_force IS NOT NULL AND NOT EXISTS (SELECT FROM lead_stage.diff_versions(model, in_force, NULL))
                         THEN format('**Draft**, the same as version %s, which is in force.', in_force)
                         ELSE '**Draft.** ' || coalesce('It is not in force; leads are judged by version ' || in_force || '.',
                                              'It is not in force, and no version has been published yet.') END;
    ELSE
        SELECT v.* INTO published FROM lead_stage.version AS v WHERE v.model = guide.model AND v.version = guide.version;
        standing := format('**Version %s**, published %s (%s) by %s.', version,
                           to_char(published.published_at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'), lead_stage._md(zone),
                           lead_stage._md(published.published_by))
                    || CASE WHEN in_force = version THEN ' In force.' ELSE coalesce(' Replaced: in force is version ' || in_force || '.', '') END;
    END IF;

    RETURN concat_ws(E'\n',
        format(E'# %s: definitions of a qualified lead\n', lead_stage._md(coalesce(definition #>> '{model,title}', model))),
        standing || format(E' Model %s.\n', lead_stage._md_code(model)),
        lead_stage._md(definition #>> '{model,description}') || E'\n',
        lead_stage._guide_stages(definition),
        lead_stage._guide_mql(definition),
        lead_stage._guide_sql(definition),
        E'## Hand-off\n\n### Steps forward\n',
        lead_stage._guide_moves(definition, 'up'),
        lead_stage._guide_routes(definition),
        E'## Response times\n',
        lead_stage._guide_slas(definition),
        E'## Going back: nurture and recycling\n\nA lead that is not ready goes back, with a reason that can be counted. "Left alone": no automatic move touches it for that long.\n',
        lead_stage._guide_moves(definition, 'down'),
        E'## Going out: disqualified and lost\n',
        lead_stage._guide_moves(definition, 'out'),
        E'## Milestones\n\nNoted in a lead''s history each time they become true.\n',
        coalesce((SELECT string_agg(format(E'- %s: %s%s\n', lead_stage._md_code(m.item ->> 'name'),
                                           coalesce(lead_stage._md_condition(m.item ->> 'condition'), 'activity ' || lead_stage._md_code(m.item ->> 'signal')),
                                           coalesce('. ' || lead_stage._md(m.item ->> 'note'), '')), '' ORDER BY m.place)
                  FROM jsonb_array_elements(definition -> 'milestone') WITH ORDINALITY AS m (item, place)), E'None.\n'),
        E'## Examples\n\nTried each time the model is published: it is refused unless every one ends as it says. A step that the rules refuse changes nothing.\n',
        E'### Leads that qualify\n',
        lead_stage._guide_examples(definition, true),
        E'### Leads that do not\n',
        lead_stage._guide_examples(definition, false),
        E'## How the rules are applied\n',
        format(E'- A move that the rules do not allow %s\n- A condition that cannot be computed for a lead %s\n- Dates and times in conditions are local to %s.\n',
               CASE definition #>> '{model,on_refused}' WHEN 'keep' THEN 'is not made; the rest of the change is saved, and the history notes it.'
                                                       ELSE 'is an error: nothing of the change is saved.' END,
               CASE definition #>> '{model,on_rule_error}' WHEN 'error' THEN 'is an error: the change is not saved.' ELSE 'counts as not true.' END,
               lead_stage._md(zone)),
        E'## Versions\n',
        lead_stage._guide_versions(model, version, zone),
        E'## Agreed\n',
        lead_stage._md_table('{For,Name,Date}', ARRAY[lead_stage._md_row('Marketing', '', ''), lead_stage._md_row('Sales', '', '')]));
END
$$;
COMMENT ON FUNCTION lead_stage.guide(text, int) IS
    'a model''s definitions in Markdown, for people: the draft, or a published version';
