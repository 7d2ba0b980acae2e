/*
 * engagement.c
 *	  What a lead's activities are worth at an instant.
 *
 * A rule's weight is kept as of its latest match; since 2^(-a/h) · 2^(-b/h) =
 * 2^(-(a+b)/h), that one number decays as all its activities do, and adding
 * them in any order gives the same sum.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engagement.h"

static double
seconds_between(TimestampTz from, TimestampTz to)
{
	return (double) (to - from) / USECS_PER_SEC;
}

double
lead_stage_weight(const LeadScoreEntry *entry, TimestampTz at)
{
	if (entry->half_life == 0 || at <= entry->last_at)
		return entry->weight;
	return entry->weight * exp2(-seconds_between(entry->last_at, at) / entry->half_life);
}

/*
 * The sum at an instant, and in *slope a bound on how fast it can change from
 * then on, in points a second (caps only ever slow it).
 */
static double
sum_at(const ModelDef *model, const LeadScore *score, TimestampTz at, double *slope)
{
	double		sum = 0;
	double	   *categories = model->category_weights;
	int			next = 0;

	*slope = 0;
	if (score == NULL)
		return 0;
	for (int i = 0; i < model->ncategories; i++)
		categories[i] = 0;
	for (int i = 0; i < LEAD_SCORE_COUNT(score); i++)
	{
		const LeadScoreEntry *entry = &score->entries[i];
		const EngagementDef *rule;
		double		points;

		/* both lists are in the order of rule ids */
		while (next < model->nengagements && model->engagements[next].id < entry->rule)
			next++;
		if (next == model->nengagements || model->engagements[next].id != entry->rule)
			continue;
		rule = &model->engagements[next];
		points = rule->points * lead_stage_weight(entry, at);
		if (entry->half_life > 0)
			*slope += fabs(points) * M_LN2 / entry->half_life;
		if (rule->capped)
			points = Min(points, rule->cap);
		if (rule->category >= 0)
			categories[rule->category] += points;
		else
			sum += points;
	}
	for (int i = 0; i < model->ncategories; i++)
		sum += model->categories[i].capped ?
			Min(categories[i], model->categories[i].max_points) : categories[i];
	return sum;
}

double
lead_stage_engagement(const ModelDef *model, const LeadScore *score, TimestampTz at)
{
	double		slope;

	return sum_at(model, score, at, &slope);
}

void
lead_stage_add_entry(LeadScoreEntry *entry, const LeadScoreEntry *other)
{
	if (entry->matches == 0)
	{
		entry->weight = other->weight;
		entry->last_at = other->last_at;
	}
	else
	{
		TimestampTz last_at = Max(entry->last_at, other->last_at);

		entry->weight = lead_stage_weight(entry, last_at) + lead_stage_weight(other, last_at);
		entry->last_at = last_at;
	}
	entry->matches += other->matches;
}

void
lead_stage_add_match(LeadScoreEntry *entry, TimestampTz at)
{
	LeadScoreEntry one = {.matches = 1, .weight = 1, .half_life = entry->half_life,
	.last_at = at};

	lead_stage_add_entry(entry, &one);
}

/*
 * From an instant t the sum cannot reach the threshold sooner than the distance
 * divided by the steepest slope; stepping by that never steps over the first
 * crossing and comes as near to it as the clock can tell.
 */
TimestampTz
lead_stage_crossing(const ModelDef *model, const LeadScore *score,
					TimestampTz from, double threshold, bool below)
{
	TimestampTz at = from;

	for (;;)
	{
		double		slope;
		double		sum = sum_at(model, score, at, &slope);
		double		distance = below ? sum - threshold : threshold - sum;
		double		step;

		if (below ? sum < threshold : sum >= threshold)
			return at;
		if (slope <= 0)
			return DT_NOEND;
		/* nearer than the arithmetic can tell is no distance to creep along */
		distance = Max(distance, fabs(sum) * DBL_EPSILON);
		step = ceil(distance / slope * USECS_PER_SEC);
		if (step < 1)
			step = 1;
		if (step > (double) (END_TIMESTAMP - at))
			return DT_NOEND;
		at += (TimestampTz) step;
	}
}

TimestampTz
lead_stage_last_match(const LeadScore *score, int rule)
{
	const LeadScoreEntry *entry;

	if (score == NULL)
		return DT_NOBEGIN;
	entry = lead_score_find(unconstify(LeadScore *, score), rule);
	return entry ? entry->last_at : DT_NOBEGIN;
}

bool
lead_stage_signal_seen(const LeadScore *score, const SignalDef *signal, TimestampTz at)
{
	TimestampTz last = lead_stage_last_match(score, signal->rule);

	if (TIMESTAMP_IS_NOBEGIN(last) || last > at)
		return false;
	return signal->within == NULL ||
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												TimestampTzGetDatum(last),
												IntervalPGetDatum(signal->within))) >= at;
}

TimestampTz
lead_stage_pending_at(const LeadScore *score)
{
	TimestampTz at = lead_stage_last_match(score, LEAD_SCORE_PENDING);

	return TIMESTAMP_IS_NOBEGIN(at) ? DT_NOEND : at;
}
