-- 52-lint.sql
-- The usual mistakes of a model, found before its leads find them.
--
-- Most are seen in the draft alone.  What needs the leads table (contradictions
-- by type, rules that never or always hold) runs the draft's conditions with the
-- table owner's rights, so it is done only for who may publish.
--
-- Function bodies here are text: pg_upgrade creates functions before operator
-- classes, without which a UNION or GROUP BY of stages cannot be parsed.

-- Whether two conditions can be seen to exclude each other as they are
-- written; without a table nothing is known of types.
CREATE FUNCTION lead_stage._contradict_as_written(a text, b text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (WITH side AS (
                SELECT s.n, lower(btrim(c.text)) AS text
                    FROM (VALUES (1, a), (2, b)) AS s (n, condition)
                         CROSS JOIN LATERAL regexp_split_to_table(s.condition,
                             -- Only what is plainly a list of conditions.
                             CASE WHEN s.condition ~* '\mor\M|\mbetween\M|[()]' THEN '\A\Z.' ELSE '(?i)\s+and\s+' END) AS c (text)
            ), part AS (
                SELECT s.n, s.text, regexp_replace(s.text, '^not\s+\(?\s*(.*?)\s*\)?$', '\1') AS negated, s.text ~ '^not\M' AS is_negation,
                       (regexp_match(s.text, '^(\w+)\s+is\s+null$'))[1] AS null_column,
                       coalesce((regexp_match(s.text, '^(\w+)\s+is\s+not\s+null$'))[1],
                                (regexp_match(s.text, '^(\w+)\s*(?:=|<>|!=|<=|>=|<|>)'))[1]) AS known_column,
                       regexp_match(s.text, '^(\w+)\s*(=|<>|!=|<=|>=|<|>)\s*(-?\d{1,15}(?:\.\d{1,15})?|''[^'']*'')$') AS compared
                    FROM side AS s
            )
            SELECT coalesce(bool_or(
                       (x.is_negation AND NOT y.is_negation AND x.negated = btrim(y.text, '()'))
                       OR (x.null_column = y.known_column)
                       OR (x.compared[1] = y.compared[1] AND x.compared[2] = '='
                           AND ((y.compared[2] = '=' AND x.compared[3] <> y.compared[3])
                                OR (y.compared[2] IN ('<>', '!=') AND x.compared[3] = y.compared[3])))
                       OR CASE WHEN x.compared[1] = y.compared[1] AND x.compared[3] !~ '''' AND y.compared[3] !~ ''''
                                    AND x.compared[2] IN ('>', '>=', '=') AND y.compared[2] IN ('<', '<=', '=')
                               THEN x.compared[3]::numeric > y.compared[3]::numeric
                                    OR (x.compared[3]::numeric = y.compared[3]::numeric AND (x.compared[2] = '>' OR y.compared[2] = '<'))
                               ELSE false END), false)
                FROM part AS x CROSS JOIN part AS y);
END
$$;
COMMENT ON FUNCTION lead_stage._contradict_as_written(text, text) IS 'whether two conditions plainly exclude each other';

CREATE FUNCTION lead_stage._contradicts(leads regclass, conditions text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'lead_stage_contradicts'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lead_stage._contradicts(regclass, text) IS
    'whether the columns of a query over a leads table cannot all be true, as far as the planner can tell';

-- The transitions of a definition, with their stages as such and what they lack.
CREATE FUNCTION lead_stage._lint_moves(definition jsonb,
    OUT place int, OUT name text, OUT item jsonb, OUT from_stage @extschema@.lead_stage, OUT to_stage @extschema@.lead_stage,
    OUT automatic boolean, OUT asks_nothing boolean, OUT criteria text[])
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT t.place::int, t.item ->> 'name', t.item, (t.item ->> 'from_stage')::@extschema@.lead_stage, (t.item ->> 'to_stage')::@extschema@.lead_stage,
           coalesce((t.item ->> 'automatic')::bool, false),
           NOT t.item ?| '{min_fit,min_engagement,min_score,below_engagement,signal,idle_for,in_stage_for,not_before,condition}'::text[],
           -- As _criteria_crossed, which would be planned for each of them.
           ARRAY(SELECT c.item ->> 'name' FROM jsonb_array_elements(definition -> 'criterion') AS c (item)
                 WHERE (c.item ->> 'required_for')::@extschema@.lead_stage <= (t.item ->> 'to_stage')::@extschema@.lead_stage
                       AND (c.item ->> 'required_for')::@extschema@.lead_stage > coalesce(t.item ->> 'from_stage', 'lead')::@extschema@.lead_stage)
        FROM jsonb_array_elements(definition -> 'transition') WITH ORDINALITY AS t (item, place);
$$;
COMMENT ON FUNCTION lead_stage._lint_moves(jsonb) IS 'lint: the transitions of a definition';

-- The stages that a lead can come to.
CREATE FUNCTION lead_stage._reachable(definition jsonb) RETURNS SETOF @extschema@.lead_stage
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH RECURSIVE reached AS (
        SELECT 'lead'::@extschema@.lead_stage AS stage
        UNION
        SELECT m.to_stage
            FROM reached AS r
                 JOIN lead_stage._lint_moves(definition) AS m
                     ON m.from_stage = r.stage OR (m.from_stage IS NULL AND r.stage BETWEEN 'lead' AND 'opportunity')
    )
    SELECT r.stage FROM reached AS r;
$$;
COMMENT ON FUNCTION lead_stage._reachable(jsonb) IS 'lint: the stages that moves lead to';

CREATE FUNCTION lead_stage._lint_stages(definition jsonb)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    -- What makes an SQL.
    SELECT 'error', 'model', 'it has no criteria for sql: nothing that sales confirms stands between an MQL and an SQL',
           'Add criteria with required_for ''sql'': need, service, timeline, decision, next step.'
        WHERE EXISTS (SELECT FROM lead_stage._lint_moves(definition) AS m WHERE m.to_stage >= 'sql')
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'criterion') AS c (item)
                              WHERE c.item ->> 'required_for' IN ('sal', 'sql'))
    UNION ALL
    SELECT CASE WHEN m.item ? 'condition' THEN 'warning' ELSE 'error' END, format('transition "%s"', m.name),
           CASE WHEN m.item ?| '{condition,min_fit,not_before}' THEN format('it makes %s by itself, with nothing that sales confirms', m.to_stage)
                ELSE format('engagement alone makes %s: it is automatic and no criterion stands before it', m.to_stage) END,
           'Let people make this move, or add criteria with required_for ''sql''.'
        FROM lead_stage._lint_moves(definition) AS m
        WHERE m.automatic AND m.to_stage >= 'sql' AND coalesce(m.from_stage, 'lead') < 'sql' AND m.criteria = '{}'
    UNION ALL
    SELECT 'note', 'model', 'no move leads to sql', 'Add a transition to sql, with criteria.'
        WHERE NOT EXISTS (SELECT FROM lead_stage._reachable(definition) AS r (stage) WHERE r.stage = 'sql')
    UNION ALL
    -- Ways there and back.
    SELECT 'warning', format('stage "%s"', u.stage), 'no move leads there from "lead"',
           format('Add a transition to it, or remove what names it: %s.', string_agg(DISTINCT u.what, ', '))
        FROM (SELECT t.item ->> 'from_stage', format('transition "%s"', t.item ->> 'name') FROM jsonb_array_elements(definition -> 'transition') AS t (item)
              UNION ALL SELECT s.item ->> 'stage', format('sla "%s"', s.item ->> 'name') FROM jsonb_array_elements(definition -> 'sla') AS s (item)
              UNION ALL SELECT r.item ->> 'stage', format('route "%s"', r.item ->> 'name') FROM jsonb_array_elements(definition -> 'route') AS r (item)
              UNION ALL SELECT e.item ->> 'expected', format('example "%s"', e.item ->> 'name') FROM jsonb_array_elements(definition -> 'example') AS e (item))
             AS u (stage, what)
        WHERE u.stage IS NOT NULL AND u.stage::@extschema@.lead_stage NOT IN (SELECT lead_stage._reachable(definition))
              AND u.stage::@extschema@.lead_stage NOT IN
                  (SELECT (s.item ->> 'breach_to')::@extschema@.lead_stage FROM jsonb_array_elements(definition -> 'sla') AS s (item) WHERE s.item ? 'breach_to')
        GROUP BY u.stage
    UNION ALL
    SELECT 'warning', format('stage "%s"', r.stage), 'no move leads out of it: its leads stay for ever', 'Add a transition from it.'
        FROM lead_stage._reachable(definition) AS r (stage)
        WHERE r.stage BETWEEN 'lead' AND 'opportunity'
              AND NOT EXISTS (SELECT FROM lead_stage._lint_moves(definition) AS m
                              WHERE m.from_stage = r.stage OR (m.from_stage IS NULL AND m.to_stage <> r.stage))
    UNION ALL
    SELECT 'warning', format('stage "%s"', r.stage), 'there is no recycle path: a lead that is not ready cannot go back to nurture',
           'Add a transition to nurture, with reasons and hold_for.'
        FROM lead_stage._reachable(definition) AS r (stage)
        WHERE r.stage IN ('mql', 'sal', 'sql')
              AND NOT EXISTS (SELECT FROM lead_stage._lint_moves(definition) AS m
                              WHERE coalesce(m.from_stage, r.stage) = r.stage AND m.to_stage BETWEEN 'lead' AND 'nurture')
    UNION ALL
    SELECT 'note', 'model', 'no move leads to disqualified: a poor fit can never leave', 'Add a transition to disqualified, with reasons.'
        WHERE NOT EXISTS (SELECT FROM lead_stage._reachable(definition) AS r (stage) WHERE r.stage = 'disqualified')
    UNION ALL
    SELECT 'warning', format('transition "%s"', m.name),
           format('transition "%s" can lead straight back at the next write, for nothing holds the lead in %s',
                  min(u.name ORDER BY u.place), m.to_stage),
           'Set hold_for, or let the way back wait (in_stage_for, idle_for, not_before).'
        FROM lead_stage._lint_moves(definition) AS m
             JOIN lead_stage._lint_moves(definition) AS u
                 ON u.automatic AND coalesce(u.from_stage, m.to_stage) = m.to_stage AND u.to_stage > m.to_stage
                    AND NOT u.item ?| '{in_stage_for,idle_for,not_before}'
                    -- Not before the interest is back.
                    AND NOT coalesce((u.item ->> 'min_engagement')::float8 >= (m.item ->> 'below_engagement')::float8, false)
                    AND NOT coalesce(lead_stage._contradict_as_written(u.item ->> 'condition', m.item ->> 'condition'), false)
        WHERE m.to_stage BETWEEN 'lead' AND 'opportunity' AND coalesce(m.from_stage, 'opportunity') > m.to_stage AND NOT m.item ? 'hold_for'
        GROUP BY m.name, m.to_stage
    UNION ALL
    SELECT 'warning', format('transition "%s"', m.name), format('it asks for no reason: reports cannot say why leads go to %s', m.to_stage),
           'List the reasons, or set reasons to ''{}'' for any text.'
        FROM lead_stage._lint_moves(definition) AS m
        WHERE NOT m.automatic AND NOT m.item ? 'reasons'
              AND (m.to_stage IN ('disqualified', 'lost')
                   OR (m.to_stage <= 'nurture' AND coalesce(m.from_stage, 'opportunity') > 'nurture'))
    UNION ALL
    SELECT 'warning', format('transition "%s"', m.name), 'it is automatic and asks nothing: no lead ever rests in the stage it starts from',
           'Set a threshold, a condition or a time, or leave out the stage.'
        FROM lead_stage._lint_moves(definition) AS m
        WHERE m.automatic AND m.asks_nothing AND m.criteria = '{}'
    UNION ALL
    SELECT 'warning', format('transition "%s"', m.name), format('it is never tried: transition "%s" comes first and always holds', min(u.name ORDER BY u.place)),
           'Change their positions, or set a condition on the first.'
        FROM lead_stage._lint_moves(definition) AS m
             JOIN lead_stage._lint_moves(definition) AS u
                 ON u.automatic AND u.asks_nothing AND u.criteria = '{}' AND u.place < m.place
                    AND (u.from_stage = m.from_stage OR (u.from_stage IS NULL AND m.from_stage BETWEEN 'lead' AND 'opportunity' AND m.from_stage <> u.to_stage))
        WHERE m.automatic GROUP BY m.name
    UNION ALL
    SELECT 'note', 'model', format('two stages are called "%s"', l.value), 'Give each stage a label of its own.'
        FROM jsonb_each_text(coalesce(definition #> '{model,labels}', '{}')) AS l GROUP BY l.value HAVING count(*) > 1;
$$;
COMMENT ON FUNCTION lead_stage._lint_stages(jsonb) IS 'lint: stages, moves and criteria';

CREATE FUNCTION lead_stage._lint_scores(definition jsonb)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH rule AS (
        SELECT r.item ->> 'name' AS name, r.item ->> 'kind' AS kind, coalesce((r.item ->> 'points')::int, 0) AS points, r.item,
               (SELECT (c.item ->> 'max_points')::int FROM jsonb_array_elements(definition -> 'category') AS c (item)
                WHERE c.item ->> 'name' = r.item ->> 'category') AS max_points
            FROM jsonb_array_elements(definition -> 'rule') AS r (item)
            WHERE coalesce((r.item ->> 'enabled')::bool, true)
    ), range AS (
        SELECT f.lowest AS fit_low, f.highest AS fit_high, e.lowest AS engagement_low, e.highest AS engagement_high
            FROM lead_stage._score_range(definition, 'fit') AS f CROSS JOIN lead_stage._score_range(definition, 'engagement') AS e
    ), threshold AS (
        SELECT m.name, t.what, t.value, t.low, t.high
            FROM lead_stage._lint_moves(definition) AS m CROSS JOIN range AS r
                 CROSS JOIN LATERAL (VALUES
                     ('a fit', (m.item ->> 'min_fit')::float8, r.fit_low, r.fit_high),
                     ('an engagement', (m.item ->> 'min_engagement')::float8, r.engagement_low, r.engagement_high),
                     ('a score', (m.item ->> 'min_score')::float8, r.fit_low + r.engagement_low, r.fit_high + r.engagement_high)) AS t (what, value, low, high)
    )
    SELECT 'error', format('transition "%s"', t.name), format('no lead can reach %s of %s: the rules give at most %s', t.what, t.value, t.high),
           'Lower the threshold, or add rules or raise points and caps.'
        FROM threshold AS t WHERE t.value > t.high
    UNION ALL
    SELECT 'note', format('transition "%s"', t.name), format('every lead has %s of %s: the rules give at least %s', t.what, t.value, t.low),
           'Raise the threshold, or leave it out.'
        FROM threshold AS t WHERE t.value <= t.low
    UNION ALL
    SELECT 'error', format('transition "%s"', m.name), format('no engagement is below %s: no rule takes points away', m.item ->> 'below_engagement'),
           'Raise below_engagement.'
        FROM lead_stage._lint_moves(definition) AS m CROSS JOIN range AS r WHERE (m.item ->> 'below_engagement')::float8 <= r.engagement_low
    UNION ALL
    SELECT 'warning', format('transition "%s"', m.name), format('a single rule clears its thresholds: %s', string_agg(format('"%s"', r.name), ', ' ORDER BY r.name)),
           'Raise the threshold above what one sign gives, or ask for fit and engagement both.'
        FROM lead_stage._lint_moves(definition) AS m
             JOIN rule AS r ON r.points > 0
             CROSS JOIN LATERAL (SELECT least(r.points, r.max_points, (r.item ->> 'cap')::int) AS points) AS p
        WHERE m.automatic AND m.to_stage >= 'mql' AND coalesce(m.from_stage, 'lead') < m.to_stage AND m.criteria = '{}'
              AND NOT m.item ?| '{condition,signal,not_before,in_stage_for,idle_for}'
              AND greatest((m.item ->> 'min_fit')::float8, (m.item ->> 'min_engagement')::float8, (m.item ->> 'min_score')::float8) > 0
              AND coalesce((m.item ->> 'min_fit')::float8 <= CASE r.kind WHEN 'fit' THEN p.points ELSE 0 END, true)
              AND coalesce((m.item ->> 'min_engagement')::float8 <= CASE r.kind WHEN 'fit' THEN 0 ELSE p.points END, true)
              AND coalesce((m.item ->> 'min_score')::float8 <= p.points, true)
        GROUP BY m.name
    UNION ALL
    SELECT 'warning', format('rule "%s"', r.name), 'its points never decay: what a lead did years ago counts as if it were today', 'Set half_life, such as ''30 days''.'
        FROM rule AS r WHERE r.kind = 'engagement' AND r.points > 0 AND NOT r.item ? 'half_life'
    UNION ALL
    SELECT 'warning', format('rule "%s"', r.name), format('it gives %s points, but its category at most %s', r.points, r.max_points),
           'Lower its points, or raise the category''s max_points.'
        FROM rule AS r WHERE r.points > r.max_points
    UNION ALL
    SELECT 'note', format('rule "%s"', r.name), 'it has no condition: every lead gets its points', 'Set a condition, or remove the rule.'
        FROM rule AS r WHERE r.kind = 'fit' AND NOT r.item ? 'condition'
    UNION ALL
    SELECT 'note', format('rule "%s"', r.name), 'it gives no points and nothing uses it', 'Give it points, use it as a signal, or remove it.'
        FROM rule AS r
        WHERE r.points = 0
              AND NOT EXISTS (SELECT FROM (VALUES ('criterion', 'signal'), ('transition', 'signal'), ('milestone', 'signal'), ('sla', 'met_signal')) AS k (kind, property)
                                   CROSS JOIN LATERAL jsonb_array_elements(definition -> k.kind) AS i (item)
                              WHERE i.item ->> k.property = r.name)
    UNION ALL
    SELECT 'note', format('rule "%s"', r.name), format('it has the condition of rule "%s"', o.name), 'Make one rule of them.'
        FROM rule AS r JOIN rule AS o ON o.name < r.name AND o.kind = r.kind AND o.item ->> 'condition' = r.item ->> 'condition'
                                         AND o.item ->> 'source' IS NOT DISTINCT FROM r.item ->> 'source'
    UNION ALL
    SELECT 'note', format('category "%s"', c.item ->> 'name'), 'no rule is in it', 'Remove it, or put rules into it.'
        FROM jsonb_array_elements(definition -> 'category') AS c (item)
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rule') AS r (item) WHERE r.item ->> 'category' = c.item ->> 'name')
    UNION ALL
    SELECT 'warning', format('band "%s %s"', b.item ->> 'kind', b.item ->> 'label'),
           format('no lead can reach %s: the rules give at most %s', b.item ->> 'min_points', h.high), 'Lower min_points.'
        FROM jsonb_array_elements(definition -> 'band') AS b (item) CROSS JOIN range AS r
             CROSS JOIN LATERAL (SELECT CASE b.item ->> 'kind' WHEN 'fit' THEN r.fit_high ELSE r.engagement_high END AS high) AS h
        WHERE (b.item ->> 'min_points')::float8 > h.high;
$$;
COMMENT ON FUNCTION lead_stage._lint_scores(jsonb) IS 'lint: rules, thresholds, categories and bands';

CREATE FUNCTION lead_stage._lint_service(definition jsonb)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT 'warning', format('sla "%s"', s.item ->> 'name'), 'it has no calendar, and neither has the model: the clock runs at night and on holidays',
           'Name a calendar, or write ''always'' if round the clock is meant.'
        FROM jsonb_array_elements(definition -> 'sla') AS s (item)
        WHERE NOT s.item ? 'calendar' AND definition #> '{model,calendar}' IS NULL
    UNION ALL
    SELECT 'warning', format('sla "%s"', s.item ->> 'name'), format('it has no owner: no route gives %s leads to anybody, and nothing happens when it is broken', s.item ->> 'stage'),
           'Add a route for the stage, or set escalate_to or breach_to.'
        FROM jsonb_array_elements(definition -> 'sla') AS s (item)
        WHERE NOT s.item ?| '{escalate_to,breach_to}'
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'route') AS r (item) WHERE r.item ->> 'stage' = s.item ->> 'stage')
    UNION ALL
    -- Pools.
    SELECT CASE WHEN bool_or(r.item IS NOT NULL AND coalesce((r.item ->> 'enabled')::bool, true)) THEN 'warning' ELSE 'error' END, format('pool "%s"', p.pool),
           CASE WHEN bool_or(coalesce((r.item ->> 'enabled')::bool, true)) THEN 'all of its enabled reps are away, or have no weight'
                ELSE 'none of its reps is enabled' END || format('; it is used by %s', string_agg(DISTINCT p.route, ', ')),
           'Add or enable a rep in lead_stage.rep with this pool.'
        FROM (SELECT x.item ->> 'pool', format('route "%s"', x.item ->> 'name') FROM jsonb_array_elements(definition -> 'route') AS x (item) WHERE x.item ? 'pool')
                 AS p (pool, route)
             JOIN jsonb_array_elements(definition -> 'rep') AS r (item) ON r.item ->> 'pool' = p.pool
        GROUP BY p.pool
        HAVING NOT coalesce(bool_or(r.item IS NOT NULL AND coalesce((r.item ->> 'enabled')::bool, true) AND coalesce((r.item ->> 'weight')::int, 1) > 0
                                    AND NOT coalesce((r.item ->> 'away')::tstzmultirange @> lead_stage.now(), false)), false)
    UNION ALL
    SELECT 'warning', format('rep "%s %s"', r.item ->> 'pool', r.item ->> 'name'), 'a weight of zero: this rep never gets a turn', 'Give a weight of at least 1, or set enabled to false.'
        FROM jsonb_array_elements(definition -> 'rep') AS r (item) WHERE (r.item ->> 'weight')::int <= 0 AND coalesce((r.item ->> 'enabled')::bool, true)
    UNION ALL
    SELECT 'note', format('pool "%s"', r.item ->> 'pool'), 'no route uses it', 'Name it in a route, or in an SLA''s escalate_to.'
        FROM jsonb_array_elements(definition -> 'rep') AS r (item)
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'route') AS x (item) WHERE x.item ->> 'pool' = r.item ->> 'pool')
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'sla') AS s (item) WHERE s.item ->> 'escalate_to' = r.item ->> 'pool')
        GROUP BY r.item ->> 'pool'
    UNION ALL
    -- Routes.
    SELECT 'warning', format('stage "%s"', r.item ->> 'stage'), 'every route to it has a condition: a lead that meets none has no new owner', 'Add a last route without a condition.'
        FROM jsonb_array_elements(definition -> 'route') AS r (item)
        GROUP BY r.item ->> 'stage' HAVING bool_and(r.item ? 'condition')
    UNION ALL
    SELECT 'warning', format('route "%s"', r.item ->> 'name'), format('it is never tried: route "%s" comes first and always holds', min(o.item ->> 'name' ORDER BY o.place)),
           'Change their positions, or set a condition on the first.'
        FROM jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS r (item, place)
             JOIN jsonb_array_elements(definition -> 'route') WITH ORDINALITY AS o (item, place)
                 ON o.item ->> 'stage' = r.item ->> 'stage' AND o.place < r.place AND o.item ? 'assign_to' AND NOT o.item ? 'condition'
        GROUP BY r.item ->> 'name'
    UNION ALL
    SELECT 'note', format('stage "%s"', n.stage), 'no route to it: such a lead is nobody''s, or stays with whoever had it', CASE n.stage WHEN 'sql' THEN 'Add a route to whoever sells.' ELSE 'Add a route, to marketing for instance.' END
        FROM unnest('{nurture,disqualified,sql}'::text[]) AS n (stage)
        WHERE definition -> 'route' <> '[]' AND n.stage::@extschema@.lead_stage IN (SELECT lead_stage._reachable(definition))
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'route') AS r (item) WHERE r.item ->> 'stage' = n.stage)
    UNION ALL
    -- What is written down.
    SELECT 'note', format('criterion "%s"', c.item ->> 'name'), 'it has no question: a refused move cannot say what to ask', 'Write the question that sales asks the lead.'
        FROM jsonb_array_elements(definition -> 'criterion') AS c (item) WHERE coalesce(c.item ->> 'question', '') !~ '\S'
    UNION ALL
    SELECT 'warning', 'model', 'it has no examples: nobody can see what the rules mean, and publish cannot try them', 'Add leads that qualify and leads that do not to lead_stage.example.'
        WHERE definition -> 'example' = '[]'
    UNION ALL
    SELECT 'note', format('example "%s"', x.item ->> 'name'), 'it has no note: the guide cannot say why such a lead ends there', 'Write in its note what decides.'
        FROM jsonb_array_elements(definition -> 'example') AS x (item) WHERE coalesce(x.item ->> 'note', '') !~ '\S'
    UNION ALL
    SELECT 'note', 'model', format('no example ends %s', e.what), 'Add one to lead_stage.example.'
        FROM (VALUES ('in sql or higher', true), ('below mql', false)) AS e (what, qualifies)
        WHERE definition -> 'example' <> '[]'
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(definition -> 'example') AS x (item)
                              WHERE CASE WHEN e.qualifies THEN (x.item ->> 'expected')::@extschema@.lead_stage >= 'sql'
                                         ELSE (x.item ->> 'expected')::@extschema@.lead_stage < 'mql' END);
$$;
COMMENT ON FUNCTION lead_stage._lint_service(jsonb) IS 'lint: promises, routes, pools and examples';

-- Conditions that had better hold together, each pair with what is wrong if
-- they cannot.
CREATE FUNCTION lead_stage._lint_pairs(definition jsonb,
    OUT severity text, OUT object text, OUT problem text, OUT advice text, OUT a text, OUT b text, OUT may_read_ours boolean)
    RETURNS SETOF record
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    WITH criterion AS (
        SELECT c.item ->> 'name' AS name, c.item ->> 'condition' AS condition, (c.item ->> 'required_for')::@extschema@.lead_stage AS required_for
            FROM jsonb_array_elements(definition -> 'criterion') AS c (item) WHERE c.item ? 'condition'
    )
    SELECT 'warning', format('criterion "%s"', c.name),
           format('it contradicts transition "%s": a lead cannot be an MQL by this and meet the criterion of an SQL', m.name),
           'Make the two agree, unless the lead is meant to change between them.', m.item ->> 'condition', c.condition, true
        FROM lead_stage._lint_moves(definition) AS m CROSS JOIN criterion AS c
        WHERE m.to_stage = 'mql' AND c.required_for IN ('sal', 'sql') AND m.item ? 'condition'
    UNION ALL
    SELECT 'warning', format('transition "%s"', n.name), format('it contradicts transition "%s", which makes the MQLs it is for', m.name),
           'Make the two agree, unless the lead is meant to change between them.', m.item ->> 'condition', n.item ->> 'condition', true
        FROM lead_stage._lint_moves(definition) AS m CROSS JOIN lead_stage._lint_moves(definition) AS n
        WHERE m.to_stage = 'mql' AND n.from_stage = 'mql' AND n.to_stage IN ('sal', 'sql') AND m.item ? 'condition' AND n.item ? 'condition'
    UNION ALL
    SELECT 'error', format('criterion "%s"', d.name), format('it contradicts criterion "%s": no lead can ever meet both', c.name),
           'Change one of them.', c.condition, d.condition, true
        FROM criterion AS c JOIN criterion AS d ON c.name < d.name AND c.required_for = d.required_for
    UNION ALL
    SELECT 'error', format('transition "%s"', m.name), format('its condition contradicts criterion "%s", so it can never be made', c.name),
           'Change one of them.', m.item ->> 'condition', c.condition, true
        FROM lead_stage._lint_moves(definition) AS m JOIN criterion AS c ON c.name = ANY (m.criteria)
        WHERE m.item ? 'condition'
    UNION ALL
    SELECT 'warning', format('%s "%s"', k.kind, k.name), 'its condition can never be true', 'Change it, or remove it.', k.condition, 'true', k.may_read_ours
        FROM lead_stage._conditions(definition) AS k WHERE k.property = 'condition' AND k.condition <> 'true'
    UNION ALL
    SELECT 'warning', format('sla "%s"', s.item ->> 'name'), 'pause_when implies that the clock never started: it contradicts the condition',
           'Change pause_when to what can happen while the clock runs.', s.item ->> 'condition', s.item ->> 'pause_when', true
        FROM jsonb_array_elements(definition -> 'sla') AS s (item) WHERE s.item ?& '{condition,pause_when}'
    UNION ALL
    SELECT 'warning', format('sla "%s"', s.item ->> 'name'), 'pause_when implies that the clock never started: it is false in the stage that the SLA is about',
           'Change pause_when to what can happen while the clock runs.', format('stage = %L', s.item ->> 'stage'), s.item ->> 'pause_when', true
        FROM jsonb_array_elements(definition -> 'sla') AS s (item) WHERE s.item ? 'pause_when';
$$;
COMMENT ON FUNCTION lead_stage._lint_pairs(jsonb) IS 'lint: conditions that must not exclude each other';

-- Reps who are not there, and still have open leads: a queue that nobody works.
CREATE FUNCTION lead_stage._lint_left_behind(leads regclass, definition jsonb, columns jsonb)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    absent jsonb;
    open_leads jsonb;
BEGIN
    -- By name: whoever is there in one pool is there.
    SELECT jsonb_object_agg(a.name, a.what) INTO absent
        FROM (SELECT r.item ->> 'name' AS name,
                     jsonb_build_array(min(r.item ->> 'pool'), bool_or(coalesce((r.item ->> 'enabled')::bool, true))) AS what
                  FROM jsonb_array_elements(definition -> 'rep') AS r (item)
                  GROUP BY 1
                  HAVING NOT bool_or(coalesce((r.item ->> 'enabled')::bool, true)
                                     AND NOT coalesce((r.item ->> 'away')::tstzmultirange @> lead_stage.now(), false))) AS a;
    IF absent IS NULL THEN
        RETURN;
    END IF;
    open_leads := lead_stage._evaluate_as(lead_stage._owner(leads), format($sql$
        SELECT jsonb_object_agg(c.name, c.leads)
        FROM (SELECT n.name, count(*) AS leads
              FROM jsonb_object_keys(%L::jsonb) AS n (name) JOIN %s AS l ON l.%I::text = n.name::%s::text
              WHERE l.%I OPERATOR(@extschema@.>=) 'lead' AND l.%5$I OPERATOR(@extschema@.<=) 'opportunity' GROUP BY n.name) AS c$sql$,
        absent, lead_stage._name(leads), columns ->> 'owner',
        (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a WHERE a.attrelid = leads AND a.attname = columns ->> 'owner'),
        columns ->> 'stage'))::jsonb;
    RETURN QUERY
        SELECT CASE WHEN (a.value ->> 1)::bool THEN 'note' ELSE 'warning' END, format('rep "%s %s"', a.value ->> 0, a.key),
               format('%s, and still has %s open leads of %s', CASE WHEN (a.value ->> 1)::bool THEN 'away' ELSE 'not enabled' END,
                      open_leads ->> a.key, lead_stage._name(leads)),
               format('Give them to somebody who is there: UPDATE %s SET %I = …', lead_stage._name(leads), columns ->> 'owner')
            FROM jsonb_each(absent) AS a WHERE open_leads ? a.key;
END
$$;
COMMENT ON FUNCTION lead_stage._lint_left_behind(regclass, jsonb, jsonb) IS 'lint: open leads of reps who are not there';

-- What only a leads table can tell.
CREATE FUNCTION lead_stage._lint_table(leads regclass, definition jsonb)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    -- Rules that raise are counted below, not told one by one.
    SET client_min_messages = error
AS $$
#variable_conflict use_variable
DECLARE
    columns jsonb := lead_stage._current_columns(lead_stage._binding(leads));
    zone text := coalesce(definition #>> '{model,time_zone}', 'UTC');
    -- Fewer leads say nothing about a rule.
    enough constant int := 20;
    pair record;
    facts jsonb;
    total bigint;
    message text;
BEGIN
    FOR pair IN SELECT DISTINCT p.severity, p.object, p.problem, p.advice, p.a, p.b, p.may_read_ours FROM lead_stage._lint_pairs(definition) AS p LOOP
        IF lead_stage._contradicts(leads, format('SELECT %s, %s FROM %s AS l',
               lead_stage._check_condition(leads, pair.a, 'bool', columns, pair.may_read_ours, zone, lead_stage._type_schema()),
               lead_stage._check_condition(leads, pair.b, 'bool', columns, pair.may_read_ours, zone, lead_stage._type_schema()),
               lead_stage._name(leads))) THEN
            RETURN QUERY SELECT pair.severity, pair.object, pair.problem, pair.advice;
        END IF;
    END LOOP;

    RETURN QUERY
        SELECT 'warning', format('table %s', lead_stage._name(leads)), format('%s of its leads in stages that have routes are nobody''s', u.leads),
               format('See them in %s where state is ''unassigned''; give them to somebody.', lead_stage._beside(leads, 'tasks'))
            FROM (SELECT lead_stage._evaluate_as(lead_stage._owner(leads),
                      format('SELECT count(*) FROM %s AS l WHERE l.%I IS NULL AND l.%I OPERATOR(@extschema@.=) ANY (%L::@extschema@.lead_stage[])',
                             lead_stage._name(leads), columns ->> 'owner', columns ->> 'stage',
                             ARRAY(SELECT DISTINCT (r.item ->> 'stage')::@extschema@.lead_stage FROM jsonb_array_elements(definition -> 'route') AS r (item))))::bigint) AS u (leads)
            WHERE u.leads > 0;
    RETURN QUERY SELECT d.severity, d.object, d.problem, d.advice FROM lead_stage._lint_left_behind(leads, definition, columns) AS d;
    RETURN QUERY
        SELECT 'note', format('table %s', lead_stage._name(leads)),
               format('some reps have a limit of open leads, and column "%s" has no index to count them by', columns ->> 'owner'),
               format('CREATE INDEX ON %s (%I) WHERE %I IN (''sal'', ''sql'', ''opportunity'');', lead_stage._name(leads), columns ->> 'owner', columns ->> 'stage')
            WHERE EXISTS (SELECT FROM jsonb_array_elements(definition -> 'rep') AS r (item) WHERE r.item ? 'max_open' AND coalesce((r.item ->> 'enabled')::bool, true))
                  AND NOT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                                  WHERE i.indrelid = leads AND i.indisvalid AND a.attname = columns ->> 'owner');

    facts := lead_stage._evaluate_as(lead_stage._owner(leads), format($sql$
        WITH judged AS MATERIALIZED (
            SELECT lead_stage._judge_draft(%1$L, l, %2$L, %3$L) AS d FROM %4$s AS l
        )
        SELECT jsonb_build_object('leads', (SELECT count(*) FROM judged), 'fit', (SELECT max((j.d).fit_score) FROM judged AS j),
                   'held', (SELECT coalesce(jsonb_object_agg(h.name, h.leads), '{}')
                            FROM (SELECT u.name, count(*) AS leads FROM judged AS j CROSS JOIN LATERAL unnest((j.d).held) AS u (name) GROUP BY u.name) AS h))$sql$,
        leads::oid, definition, lead_stage._draft_conditions(leads, definition), lead_stage._name(leads)))::jsonb;
    total := (facts ->> 'leads')::bigint;
    IF total < enough THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'warning', format('rule "%s"', r.item ->> 'name'),
               CASE h.leads WHEN 0 THEN format('it holds for none of the %s leads of %s', total, lead_stage._name(leads))
                            ELSE format('it holds for every one of the %s leads of %s', total, lead_stage._name(leads)) END,
               CASE h.leads WHEN 0 THEN 'Compare its condition with what the columns really contain.' ELSE 'It tells no leads apart: make it stricter, or remove it.' END
            FROM jsonb_array_elements(definition -> 'rule') AS r (item)
                 CROSS JOIN LATERAL (SELECT coalesce((facts -> 'held' ->> (r.item ->> 'name'))::bigint, 0)) AS h (leads)
            -- A rule without a condition is noted anyway.
            WHERE r.item ->> 'kind' = 'fit' AND coalesce((r.item ->> 'enabled')::bool, true) AND r.item ? 'condition'
                  AND h.leads IN (0, total);
    RETURN QUERY
        SELECT 'warning', format('transition "%s"', m.name),
               format('none of the %s leads of %s reaches its fit of %s: the best has %s', total, lead_stage._name(leads), m.item ->> 'min_fit', facts ->> 'fit'),
               'Lower min_fit, or look at the rules that never hold.'
            FROM lead_stage._lint_moves(definition) AS m
            WHERE (m.item ->> 'min_fit')::int > (facts ->> 'fit')::int;
EXCEPTION
    WHEN query_canceled OR insufficient_resources OR internal_error THEN
        RAISE;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
        RETURN QUERY SELECT 'warning', format('table %s', lead_stage._name(leads)), format('its leads cannot be judged by the draft: %s', message),
                            'Mend the condition that raises the error.';
END
$$;
COMMENT ON FUNCTION lead_stage._lint_table(regclass, jsonb) IS 'lint: what only a leads table can tell';

-- VOLATILE, as export_model is: a draft just written is the one looked at.
CREATE FUNCTION lead_stage.lint(model text)
    RETURNS TABLE (severity text, object text, problem text, advice text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
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
    bound record;
    found_rows jsonb := '[]';
    problems text[];
BEGIN
    PERFORM lead_stage._check_model(model);
    definition := lead_stage.export_model(model);
    problems := ARRAY(SELECT lead_stage._definition_problems(definition));
    FOR bound IN SELECT b.leads FROM lead_stage.binding AS b JOIN pg_class AS c ON c.oid = b.leads WHERE b.model = lint.model ORDER BY b.leads::oid LOOP
        IF NOT (lead_stage._may_edit_model(model) AND lead_stage._owns_table(bound.leads)) THEN
            found_rows := found_rows || jsonb_build_array(jsonb_build_array('note', format('table %s', lead_stage._name(bound.leads)),
                'its leads were not looked at: that takes membership in the owners of the model and of the table', 'Let somebody who may publish call lint.'));
        ELSIF EXISTS (SELECT FROM lead_stage._table_problems(bound.leads, definition, lead_stage._current_columns(lead_stage._binding(bound.leads)))) THEN
            found_rows := found_rows || (SELECT jsonb_agg(jsonb_build_array('error', split_part(p.problem, ': ', 1), format('table %s: %s', lead_stage._name(bound.leads),
                                                   substr(p.problem, length(split_part(p.problem, ': ', 1)) + 3)), 'Mend it; publish refuses it.'))
                                         FROM lead_stage._table_problems(bound.leads, definition, lead_stage._current_columns(lead_stage._binding(bound.leads))) AS p);
        ELSIF problems = '{}' THEN
            found_rows := found_rows || (SELECT coalesce(jsonb_agg(jsonb_build_array(t.severity, t.object, t.problem, t.advice)), '[]')
                                         FROM lead_stage._lint_table(bound.leads, definition) AS t);
        END IF;
    END LOOP;

    RETURN QUERY
        SELECT f.severity, f.object, f.problem, f.advice
            FROM (SELECT 'error', split_part(p, ': ', 1), substr(p, length(split_part(p, ': ', 1)) + 3), 'Mend it; publish refuses it.'
                      FROM unnest(problems) AS p
                  UNION SELECT s.* FROM lead_stage._lint_stages(definition) AS s
                  UNION SELECT s.* FROM lead_stage._lint_scores(definition) AS s
                  UNION SELECT s.* FROM lead_stage._lint_service(definition) AS s
                  UNION SELECT p.severity, p.object, p.problem, p.advice FROM lead_stage._lint_pairs(definition) AS p
                            WHERE lead_stage._contradict_as_written(p.a, p.b)
                  UNION SELECT r.item ->> 0, r.item ->> 1, r.item ->> 2, r.item ->> 3 FROM jsonb_array_elements(found_rows) AS r (item))
                 AS f (severity, object, problem, advice)
            ORDER BY array_position('{error,warning,note}'::text[], f.severity), f.object COLLATE "C", f.problem COLLATE "C";
END
$$;
COMMENT ON FUNCTION lead_stage.lint(text) IS
    'the usual mistakes in a model''s draft, and on the leads tables it is attached to; changes nothing';
