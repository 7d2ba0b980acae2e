-- 56-backtest.sql
-- Whether the points are any good: scores against what became of the leads.
--
-- Everything is read with the caller's rights, row-level security included,
-- and nothing is written.  A lead whose outcome is null is not known yet and
-- is left out.

-- The key of a lead in one of the views beside the table: its first columns.
CREATE FUNCTION lead_stage._same_key(leads regclass, view regclass) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN (SELECT string_agg(format('v.%I %s l.%I', a.attname, k.equals, k.name), ' AND ' ORDER BY k.place)
            FROM lead_stage._key_columns(leads) AS k
                 JOIN pg_attribute AS a ON a.attrelid = view AND a.attnum = k.place);
COMMENT ON FUNCTION lead_stage._same_key(regclass, regclass) IS 'SQL text that joins a view "v" to the leads table "l"';

-- What a caller gives as the outcome, in canonical form over the alias "l".
CREATE FUNCTION lead_stage._outcome(leads regclass, outcome text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bound lead_stage.binding;
    message text;
    advice text;
    state text;
BEGIN
    IF leads IS NULL THEN
        RAISE EXCEPTION 'the leads table must not be null'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF outcome IS NULL THEN
        RAISE EXCEPTION 'outcome must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Give a boolean expression over the lead, such as ''stage >= ''''sql''''''.';
    END IF;
    bound := lead_stage._binding(leads);
    IF bound.version IS NULL OR bound.live IS NULL THEN
        RAISE EXCEPTION 'table "%" has no published model', (SELECT c.relname FROM pg_class AS c WHERE c.oid = leads)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Call lead_stage.publish() or lead_stage.republish().';
    END IF;
    RETURN lead_stage._check_condition(leads, outcome, 'bool', lead_stage._current_columns(bound), true,
        coalesce((SELECT m.time_zone FROM lead_stage.model AS m WHERE m.name = bound.model), 'UTC'), lead_stage._type_schema());
EXCEPTION
    WHEN query_canceled OR insufficient_resources OR internal_error OR null_value_not_allowed OR object_not_in_prerequisite_state THEN
        RAISE;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, advice = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
        RAISE EXCEPTION 'invalid outcome: %',
                replace(replace(message, 'trigger WHEN conditions', 'conditions'), 'trigger WHEN condition', 'condition')
            USING ERRCODE = state,
                  HINT = coalesce(nullif(advice, ''), 'Give a boolean expression over the lead''s own columns.');
END
$$;
COMMENT ON FUNCTION lead_stage._outcome(regclass, text) IS 'the canonical form of an outcome, or the error that makes it unusable';

CREATE FUNCTION lead_stage._check_classes(outcome text, happened bigint, did_not bigint, unknown bigint, place text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF coalesce(happened, 0) = 0 OR coalesce(did_not, 0) = 0 THEN
        RAISE EXCEPTION 'outcome "%" does not tell leads apart', outcome
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Of the leads %s it is true for %s, false for %s and not known for %s.', place,
                                  coalesce(happened, 0), coalesce(did_not, 0), coalesce(unknown, 0)),
                  HINT = 'Scores can be compared with an outcome only where some leads have it and some do not.';
    END IF;
    IF unknown > 0 THEN
        RAISE NOTICE '% leads are left out, for their outcome is null', unknown;
    END IF;
END
$$;
COMMENT ON FUNCTION lead_stage._check_classes(text, bigint, bigint, bigint, text) IS 'raises an error unless an outcome has both classes';

-- The area under the curve of a column of a relation "scored" that also has
-- the boolean "outcome": the share of pairs of one lead with the outcome and
-- one without in which the first has the higher score, ties counting half.
CREATE FUNCTION lead_stage._auc_expression(score text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN format($sql$(SELECT sum(b.outcomes * (2 * b.below + b.others))::float8
                               / nullif(2 * sum(b.outcomes)::float8 * sum(b.others)::float8, 0)
                        FROM (SELECT g.outcomes, g.others, sum(g.others) OVER (ORDER BY g.score) - g.others AS below
                              FROM (SELECT s.%1$I AS score, count(*) FILTER (WHERE s.outcome) AS outcomes,
                                           count(*) FILTER (WHERE NOT s.outcome) AS others
                                    FROM scored AS s GROUP BY s.%1$I) AS g) AS b)$sql$, score);
COMMENT ON FUNCTION lead_stage._auc_expression(text) IS 'SQL text that computes the area under the curve of a score';

CREATE FUNCTION lead_stage._backtest(relation regclass, outcome text)
    RETURNS TABLE (band int, min_score float8, max_score float8, leads bigint, outcomes bigint, rate float8, lift float8, auc float8)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    expression text := lead_stage._outcome(relation, outcome);
    bound lead_stage.binding := lead_stage._binding(relation);
    one record;
    checked boolean := false;
BEGIN
    -- Leads of one score are never parted, so a band may be empty; the middle
    -- of a tie decides.
    FOR one IN EXECUTE format($sql$
        WITH lead AS (
            SELECT v.score_now AS score, (%1$s) AS outcome FROM %2$s AS l JOIN %3$s AS v ON %4$s
        ), scored AS MATERIALIZED (
            SELECT s.score, s.outcome FROM lead AS s
        ), score AS (
            SELECT s.score, count(*) AS leads, count(*) FILTER (WHERE s.outcome) AS outcomes
            FROM scored AS s WHERE s.outcome IS NOT NULL GROUP BY s.score
        ), placed AS (
            SELECT least(10, 1 + floor(10 * (sum(s.leads) OVER (ORDER BY s.score) - s.leads + (s.leads - 1) / 2.0)
                                       / sum(s.leads) OVER ()))::int AS band, s.*
            FROM score AS s
        ), total AS (
            SELECT count(*) FILTER (WHERE s.outcome) AS outcomes, count(*) FILTER (WHERE NOT s.outcome) AS others,
                   count(*) FILTER (WHERE s.outcome IS NULL) AS unknown
            FROM scored AS s
        )
        SELECT b.band, min(p.score) AS min_score, max(p.score) AS max_score,
               coalesce(sum(p.leads), 0)::bigint AS leads, coalesce(sum(p.outcomes), 0)::bigint AS outcomes,
               sum(p.outcomes)::float8 / sum(p.leads)::float8 AS rate,
               t.outcomes AS all_outcomes, t.others AS all_others, t.unknown, %5$s AS auc
        FROM generate_series(1, 10) AS b (band) CROSS JOIN total AS t LEFT JOIN placed AS p ON p.band = b.band
        GROUP BY b.band, t.outcomes, t.others, t.unknown ORDER BY b.band$sql$,
        expression, lead_stage._name(relation), lead_stage._name(bound.live),
        lead_stage._same_key(relation, bound.live), lead_stage._auc_expression('score'))
    LOOP
        IF NOT checked THEN
            PERFORM lead_stage._check_classes(outcome, one.all_outcomes, one.all_others, one.unknown, 'that you can see');
            checked := true;
        END IF;
        RETURN QUERY SELECT one.band, one.min_score, one.max_score, one.leads, one.outcomes, one.rate,
                            one.rate / (one.all_outcomes::float8 / (one.all_outcomes + one.all_others)), one.auc;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lead_stage._backtest(regclass, text) IS 'what backtest does';

-- PL/pgSQL allows no argument and column of one name.
CREATE FUNCTION lead_stage.backtest(leads regclass, outcome text)
    RETURNS TABLE (band int, min_score float8, max_score float8, leads bigint, outcomes bigint, rate float8, lift float8, auc float8)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT * FROM lead_stage._backtest($1, $2);
$$;
COMMENT ON FUNCTION lead_stage.backtest(regclass, text) IS
    'ten bands of the leads'' scores, the highest last, with how often an outcome happened in each, and the area under the curve';

-- ---------------------------------------------------------------------------

-- Fit as the engine adds it up, for points given as an object from rule to
-- points, over an array "held" of the conditions that hold.
CREATE FUNCTION lead_stage._fit_expression(definition jsonb, points jsonb) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN (SELECT coalesce(string_agg(CASE WHEN k.max_points IS NULL THEN c.sum ELSE format('least(%s, %s)', k.max_points, c.sum) END, ' + '), '0')
            FROM (SELECT r.item ->> 'category',
                         string_agg(format('CASE WHEN %L = ANY (l.held) THEN %s ELSE 0 END', 'fit_' || (r.item ->> 'name'),
                                           points ->> (r.item ->> 'name')), ' + ')
                      FROM jsonb_array_elements(definition -> 'rule') AS r (item)
                      WHERE points ? (r.item ->> 'name')
                      GROUP BY 1) AS c (category, sum)
                 LEFT JOIN (SELECT k.item ->> 'name', (k.item ->> 'max_points')::int
                            FROM jsonb_array_elements(definition -> 'category') AS k (item)) AS k (name, max_points)
                     ON k.name = c.category);
COMMENT ON FUNCTION lead_stage._fit_expression(jsonb, jsonb) IS 'SQL text that adds up the points of fit rules';

CREATE FUNCTION lead_stage._suggest_points(relation regclass, outcome text)
    RETURNS TABLE (rule text, points int, suggested int, leads bigint, outcomes bigint, rate float8, weight float8,
                   auc_now float8, auc_suggested float8)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, @extschema@, pg_temp
    -- The split must not depend on how a session writes a key.
    SET datestyle = 'ISO, YMD'
    SET timezone = 'UTC'
    SET extra_float_digits = 1
    SET intervalstyle = 'postgres'
    SET bytea_output = 'hex'
AS $$
#variable_conflict use_variable
DECLARE
    expression text := lead_stage._outcome(relation, outcome);
    bound lead_stage.binding := lead_stage._binding(relation);
    definition jsonb := (SELECT v.definition FROM lead_stage.version AS v WHERE v.model = bound.model AND v.version = bound.version);
    source text;
    counts record;
    now_points jsonb;
    new_points jsonb;
    weights jsonb;
    held_out record;
BEGIN
    SELECT coalesce(jsonb_object_agg(r.item ->> 'name', coalesce((r.item ->> 'points')::int, 0)), '{}') INTO now_points
        FROM jsonb_array_elements(definition -> 'rule') AS r (item)
        WHERE r.item ->> 'kind' = 'fit' AND coalesce((r.item ->> 'enabled')::bool, true);

    -- One lead in four, by a hash of its key, is kept out of the reckoning
    -- and used to see what it is worth.
    source := format($sql$
        lead AS MATERIALIZED (
            SELECT (%1$s) AS outcome, lead_stage._conditions_that_hold(%2$L, l) || %5$L::text[] AS held,
                   ('x' || substr(md5(concat_ws(E'\x1f', %3$s)), 1, 7))::bit(28)::int %% 4 = 0 AS held_out
            FROM %4$s AS l
        )$sql$, expression, relation::oid, lead_stage._each_key(relation, 'l.%1$I::text'),
        lead_stage._name(relation),
        -- Rules without a condition are not conditions: they always hold.
        (SELECT coalesce(array_agg('fit_' || (r.item ->> 'name')), '{}')
         FROM jsonb_array_elements(definition -> 'rule') AS r (item) WHERE r.item ->> 'condition' IS NULL));

    EXECUTE format($sql$
        WITH %s, total AS (
            SELECT count(*) FILTER (WHERE l.outcome) AS happened, count(*) FILTER (WHERE NOT l.outcome) AS did_not
            FROM lead AS l WHERE NOT l.held_out
        )
        SELECT t.happened, t.did_not, (SELECT count(*) FILTER (WHERE l.outcome IS NULL) FROM lead AS l) AS unknown,
               (SELECT coalesce(jsonb_object_agg(r.name, jsonb_build_array(r.happened, r.did_not)), '{}')
                FROM (SELECT k.name, count(l.outcome) FILTER (WHERE l.outcome) AS happened, count(l.outcome) FILTER (WHERE NOT l.outcome) AS did_not
                      FROM jsonb_object_keys($1) AS k (name)
                           LEFT JOIN lead AS l ON NOT l.held_out AND 'fit_' || k.name = ANY (l.held)
                      GROUP BY k.name) AS r) AS by_rule
        FROM total AS t$sql$, source) INTO counts USING now_points;
    PERFORM lead_stage._check_classes(outcome, counts.happened, counts.did_not, counts.unknown, 'to reckon with');

    -- The logarithm of the odds of the outcome with the rule over those
    -- without.  One lead of the average is added to both sides, so that what
    -- is rarely seen, or always, says little.
    SELECT coalesce(jsonb_object_agg(w.name, w.weight), '{}') INTO weights
        FROM (SELECT e.key, ln((e.happened + p.share) * (counts.did_not - e.did_not + 1 - p.share)
                               / ((e.did_not + 1 - p.share) * (counts.happened - e.happened + p.share)))
                  FROM (SELECT b.key, (b.value ->> 0)::float8, (b.value ->> 1)::float8 FROM jsonb_each(counts.by_rule) AS b) AS e (key, happened, did_not)
                       CROSS JOIN (SELECT counts.happened::float8 / (counts.happened + counts.did_not)) AS p (share)) AS w (name, weight);
    -- Ten points double the odds.
    SELECT coalesce(jsonb_object_agg(w.key, round(10 * w.value::float8 / ln(2::float8))::int), '{}') INTO new_points
        FROM jsonb_each(weights) AS w;

    EXECUTE format($sql$
        WITH %s, scored AS MATERIALIZED (
            SELECT l.outcome, %s AS score_now, %s AS score_suggested FROM lead AS l WHERE l.held_out AND l.outcome IS NOT NULL
        )
        SELECT %s AS auc_now, %s AS auc_suggested$sql$, source,
        lead_stage._fit_expression(definition, now_points), lead_stage._fit_expression(definition, new_points),
        lead_stage._auc_expression('score_now'), lead_stage._auc_expression('score_suggested')) INTO held_out;

    RETURN QUERY
        SELECT k.key, k.value::int, (new_points ->> k.key)::int, c.happened + c.did_not, c.happened,
               c.happened::float8 / nullif(c.happened + c.did_not, 0), (weights ->> k.key)::float8,
               held_out.auc_now, held_out.auc_suggested
            FROM jsonb_each(now_points) AS k
                 CROSS JOIN LATERAL (SELECT (counts.by_rule -> k.key ->> 0)::bigint, (counts.by_rule -> k.key ->> 1)::bigint) AS c (happened, did_not)
            ORDER BY (new_points ->> k.key)::int DESC, k.key COLLATE "C";
END
$$;
COMMENT ON FUNCTION lead_stage._suggest_points(regclass, text) IS 'what suggest_points does';

CREATE FUNCTION lead_stage.suggest_points(leads regclass, outcome text)
    RETURNS TABLE (rule text, points int, suggested int, leads bigint, outcomes bigint, rate float8, weight float8,
                   auc_now float8, auc_suggested float8)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 20
    SET search_path = pg_catalog, @extschema@, pg_temp
AS $$
    SELECT * FROM lead_stage._suggest_points($1, $2);
$$;
COMMENT ON FUNCTION lead_stage.suggest_points(regclass, text) IS
    'proposes points for the published fit rules from an outcome''s log-odds, with the area under the curve that held-out leads have now and would have; changes nothing';
