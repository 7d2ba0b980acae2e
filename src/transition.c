/*
 * transition.c
 *	  Which moves a lead may make.
 *
 * Knows nothing of tuples, catalogs or SPI; what depends on the row is asked
 * through a RowOracle, and only when everything cheaper already holds.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "transition.h"

bool
lead_stage_connects(const TransitionDef *transition,
					LeadStage from_stage, LeadStage to_stage)
{
	if (transition->to_stage != to_stage || from_stage == to_stage)
		return false;
	if (transition->from_any_open)
		return lead_stage_is_open(from_stage);
	return transition->from_stage == from_stage;
}

static TimestampTz
after(TimestampTz start, Interval *span)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(start),
												   IntervalPGetDatum(span)));
}

static char *
span_text(Interval *span)
{
	return DatumGetCString(DirectFunctionCall1(interval_out,
											   IntervalPGetDatum(span)));
}

/* Notes one thing that does not hold; returns whether to go on looking. */
static bool
fails(StringInfo unmet, bool *holds)
{
	*holds = false;
	if (unmet == NULL)
		return true;
	if (unmet->len > 0)
		appendStringInfoChar(unmet, '\n');
	return false;
}

static bool
scores_hold(const TransitionDef *transition, const LeadFacts *facts,
			StringInfo unmet)
{
	bool		holds = true;
	const struct
	{
		bool		asked;
		bool		reached;
		const char *what;
		double		needed;
		double		actual;
	}			checks[] = {
		{transition->has_min_fit, facts->fit >= transition->min_fit,
		"a fit score of at least", transition->min_fit, facts->fit},
		{transition->has_min_engagement,
			facts->engagement >= transition->min_engagement,
		"an engagement of at least", transition->min_engagement, facts->engagement},
		{transition->has_min_score,
			facts->fit + facts->engagement >= transition->min_score,
			"a score of at least", transition->min_score,
		facts->fit + facts->engagement},
		{transition->has_below_engagement,
			facts->engagement < transition->below_engagement,
		"an engagement below", transition->below_engagement, facts->engagement}
	};

	for (int i = 0; i < lengthof(checks); i++)
	{
		if (!checks[i].asked || checks[i].reached)
			continue;
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "Transition \"%s\" needs %s %g; it is %g.",
						 transition->name, checks[i].what,
						 checks[i].needed, checks[i].actual);
	}
	return holds;
}

static bool
times_hold(const TransitionDef *transition, const LeadFacts *facts,
		   StringInfo unmet)
{
	bool		holds = true;

	if (transition->in_stage_for &&
		after(facts->stage_since, transition->in_stage_for) > facts->at)
	{
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "Transition \"%s\" needs %s in the stage.",
						 transition->name, span_text(transition->in_stage_for));
	}
	if (transition->idle_for &&
		after(Max(facts->last_touch, facts->stage_since),
			  transition->idle_for) > facts->at)
	{
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "Transition \"%s\" needs %s without activity.",
						 transition->name, span_text(transition->idle_for));
	}
	return holds;
}

static bool
row_holds(const TransitionDef *transition, const LeadFacts *facts,
		  const RowOracle *oracle, StringInfo unmet)
{
	bool		holds = true;
	TimestampTz not_before;

	if (transition->not_before != NO_CONDITION &&
		(!oracle->instant(oracle->row, transition->not_before, &not_before) ||
		 not_before > facts->at))
	{
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "Transition \"%s\" must not be made yet (not_before).",
						 transition->name);
	}
	if (!oracle->holds(oracle->row, transition->condition))
	{
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "The condition of transition \"%s\" is not met.",
						 transition->name);
	}
	return holds;
}

static bool
signal_holds(const TransitionDef *transition, const RowOracle *oracle, StringInfo unmet)
{
	bool		holds = true;

	if (transition->signal.rule != 0 &&
		!oracle->signal(oracle->row, &transition->signal) &&
		!fails(unmet, &holds))
		appendStringInfo(unmet, "The activity that transition \"%s\" waits for has not been seen.",
						 transition->name);
	return holds;
}

bool
lead_stage_transition_holds(const TransitionDef *transition,
							const LeadFacts *facts, const RowOracle *oracle,
							StringInfo unmet)
{
	bool		holds = scores_hold(transition, facts, unmet);

	/* Cheap things first; once one fails, go on only to report the others. */
	if (holds || unmet)
		holds &= times_hold(transition, facts, unmet);
	if (holds || unmet)
		holds &= signal_holds(transition, oracle, unmet);
	if (holds || unmet)
		holds &= row_holds(transition, facts, oracle, unmet);
	return holds;
}

bool
lead_stage_criteria_hold(const ModelDef *model,
						 LeadStage from_stage, LeadStage to_stage,
						 const RowOracle *oracle, StringInfo unmet)
{
	bool		holds = true;

	for (int i = 0; i < model->ncriteria; i++)
	{
		const CriterionDef *criterion = &model->criteria[i];

		if (criterion->required_for <= from_stage ||
			criterion->required_for > to_stage)
			continue;
		if (criterion->signal.rule != 0 ?
			oracle->signal(oracle->row, &criterion->signal) :
			oracle->holds(oracle->row, criterion->condition))
			continue;
		if (fails(unmet, &holds))
			return false;
		appendStringInfo(unmet, "Criterion \"%s\" is not met", criterion->name);
		if (criterion->question)
			appendStringInfo(unmet, ": %s", criterion->question);
		else
			appendStringInfoChar(unmet, '.');
	}
	return holds;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

bool
lead_stage_reason_fits(const TransitionDef *transition, const char *reason)
{
	if (!transition->asks_reason)
		return true;
	if (reason == NULL || is_blank(reason))
		return false;
	if (transition->nreasons == 0)
		return true;
	for (int i = 0; i < transition->nreasons; i++)
		if (strcmp(transition->reasons[i], reason) == 0)
			return true;
	return false;
}

const TransitionDef *
lead_stage_next_move(const ModelDef *model, const LeadFacts *facts,
					 const RowOracle *oracle, uint32 entered)
{
	for (int i = 0; i < model->ntransitions; i++)
	{
		const TransitionDef *transition = &model->transitions[i];

		if (transition->automatic &&
			(entered & lead_stage_bit(transition->to_stage)) == 0 &&
			lead_stage_connects(transition, facts->stage, transition->to_stage) &&
			lead_stage_transition_holds(transition, facts, oracle, NULL) &&
			lead_stage_criteria_hold(model, facts->stage, transition->to_stage,
									 oracle, NULL))
			return transition;
	}
	return NULL;
}

/* The earlier of two instants, of which the second counts only after now. */
static TimestampTz
sooner(TimestampTz next, TimestampTz candidate, TimestampTz now)
{
	return candidate > now ? Min(next, candidate) : next;
}

TimestampTz
lead_stage_next_recheck(const ModelDef *model, const LeadFacts *facts,
						const RowOracle *oracle, TimestampTz hold_until,
						TimestampTz (*crossing) (void *row, TimestampTz from,
												 double threshold, bool below))
{
	TimestampTz next = DT_NOEND;
	double		score = facts->fit + facts->engagement;

	for (int i = 0; i < model->ntransitions; i++)
	{
		const TransitionDef *transition = &model->transitions[i];
		TimestampTz instant;

		if (!transition->automatic ||
			!lead_stage_connects(transition, facts->stage, transition->to_stage))
			continue;
		next = sooner(next, hold_until, facts->at);
		if (transition->in_stage_for)
			next = sooner(next, after(facts->stage_since, transition->in_stage_for), facts->at);
		if (transition->idle_for)
			next = sooner(next, after(Max(facts->last_touch, facts->stage_since),
									  transition->idle_for), facts->at);
		if (transition->not_before != NO_CONDITION &&
			oracle->instant(oracle->row, transition->not_before, &instant))
			next = sooner(next, instant, facts->at);
		if (transition->has_below_engagement &&
			facts->engagement >= transition->below_engagement)
			next = sooner(next, crossing(oracle->row, facts->at,
										 transition->below_engagement, true), facts->at);
		if (transition->has_min_engagement &&
			facts->engagement < transition->min_engagement)
			next = sooner(next, crossing(oracle->row, facts->at,
										 transition->min_engagement, false), facts->at);
		if (transition->has_min_score && score < transition->min_score)
			next = sooner(next, crossing(oracle->row, facts->at,
										 transition->min_score - facts->fit, false), facts->at);
	}
	return next;
}
