/*
 * engagement.h
 *	  What a lead's activities are worth at an instant: pure arithmetic over
 *	  its lead_score.
 */
#ifndef LEAD_STAGE_ENGAGEMENT_H
#define LEAD_STAGE_ENGAGEMENT_H

#include "model_def.h"
#include "score_type.h"

/*
 * The entry under this id stands for activities dated in the future: how many,
 * and in last_at when the first of them begins to count.
 */
#define LEAD_SCORE_PENDING		PG_INT32_MAX

/*
 * E(t) = Σ over categories min(cap, Σ over rules min(cap, points · weight(t))).
 * Points and caps are the model's, half-lives the score's own.  NULL score: 0.
 * An instant before the last activity is taken as that activity's time.
 */
extern double lead_stage_engagement(const ModelDef *model, const LeadScore *score,
									TimestampTz at);

/* What is left of an entry's weight at an instant. */
extern double lead_stage_weight(const LeadScoreEntry *entry, TimestampTz at);

/* Counts one more matching activity, in whatever order of time they come. */
extern void lead_stage_add_match(LeadScoreEntry *entry, TimestampTz at);

/* Adds what other has collected, of the same rule and half-life. */
extern void lead_stage_add_entry(LeadScoreEntry *entry, const LeadScoreEntry *other);

/*
 * The first instant after "from" at which engagement is below the threshold
 * (or, with below false, at least it), if nothing more happens; DT_NOEND if
 * that never comes.  Engagement must be on the other side at "from".
 */
extern TimestampTz lead_stage_crossing(const ModelDef *model, const LeadScore *score,
									   TimestampTz from, double threshold, bool below);

/* When an activity last matched the rule, or DT_NOBEGIN. */
extern TimestampTz lead_stage_last_match(const LeadScore *score, int rule);

/* Whether the rule had matched before an instant, within the signal's time. */
extern bool lead_stage_signal_seen(const LeadScore *score, const SignalDef *signal,
								   TimestampTz at);

/* When the first activity dated in the future begins to count, or DT_NOEND. */
extern TimestampTz lead_stage_pending_at(const LeadScore *score);

#endif							/* LEAD_STAGE_ENGAGEMENT_H */
