/*
 * judge_clocks.c
 *	  The SLA clocks of a lead that is being judged.
 *
 * A clock keeps the terms it started with; what meets it and what makes it
 * stand still is what the published policy of its name says.  Each of its
 * events bears the instant it is about, but none is earlier than the lead's
 * event before.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "activity.h"
#include "calendar_cache.h"
#include "clock.h"
#include "clock_state.h"
#include "engagement.h"
#include "evaluate.h"
#include "history.h"
#include "judge_clocks.h"
#include "judge_row.h"
#include "judge_stage.h"
#include "route.h"
#include "settings.h"

/* The published policy that a clock was started by; NULL: it is gone. */
static const SlaDef *
policy_of(Judgement *judgement, const Clock *clock)
{
	ModelDef   *model = judgement->table->model;

	for (int i = 0; i < model->nslas; i++)
		if (strcmp(model->slas[i].name, clock->policy) == 0)
			return &model->slas[i];
	return NULL;
}

/*
 * A calendar that is gone or has no open time must not keep leads from being
 * written.
 */
static bool
can_count(const char *policy, const char *name, BusinessCalendar **calendar)
{
	if (lead_stage_find_calendar(name, calendar) && lead_stage_ever_opens(*calendar))
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("policy \"%s\" cannot count time", policy),
			 errdetail("Calendar \"%s\" is gone or has no open time.", name)));
	return false;
}

static void
append_clock(Judgement *judgement, const Clock *clock)
{
	Clock	   *clocks = palloc(sizeof(Clock) * (judgement->nclocks + 1));

	if (judgement->nclocks > 0)
		memcpy(clocks, judgement->clocks, sizeof(Clock) * judgement->nclocks);
	clocks[judgement->nclocks++] = *clock;
	judgement->clocks = clocks;
	judgement->clocks_changed = true;
}

void
lead_stage_take_clocks(Judgement *judgement)
{
	judgement->clocks = lead_stage_read_clocks(judgement->state.sla, &judgement->nclocks);
	judgement->clocks_changed = false;
	judgement->last_end = CLOCK_OPEN;
	judgement->entered = false;
}

/* ---------- events ---------- */

/*
 * When what is known of an earlier instant only now takes its place in the
 * lead's history.
 */
static TimestampTz
place_in_history(Judgement *judgement, TimestampTz at)
{
	TimestampTz last = judgement->since;

	if (at >= judgement->at)
		return at;
	if (judgement->nevents > 0)
		last = judgement->events[judgement->nevents - 1].at;
	else if (judgement->keys != NULL && judgement->table->bound)
		last = Max(last, lead_stage_last_event_at(judgement->table, judgement->keys));
	return Min(Max(at, last), judgement->at);
}

static LeadEvent *
add_clock_event(Judgement *judgement, LeadEventKind kind, const Clock *clock, TimestampTz at)
{
	TimestampTz now = judgement->at;
	TimestampTz instant = at;
	BusinessCalendar *calendar;
	LeadEvent  *event;

	if (judgement->nevents > 0)
		at = Max(at, judgement->events[judgement->nevents - 1].at);
	judgement->at = at;
	event = lead_stage_add_event(judgement, kind);
	judgement->at = now;
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->name = clock->policy;
	if (!TIMESTAMP_IS_NOEND(clock->due))
		event->due = clock->due;
	event->has_elapsed = kind != EVENT_SLA_STARTED &&
		lead_stage_find_calendar(clock->calendar, &calendar) && lead_stage_ever_opens(calendar);
	if (event->has_elapsed)
		event->elapsed = lead_stage_clock_elapsed(clock, calendar, instant);
	judgement->clocks_changed = true;
	return event;
}

/* Met by what happened at an instant, or cancelled then. */
static void
end_clock(Judgement *judgement, Clock *clock, ClockEnd end, TimestampTz at)
{
	LeadEvent  *event = add_clock_event(judgement,
										end == CLOCK_MET ? EVENT_SLA_MET : EVENT_SLA_CANCELLED,
										clock, place_in_history(judgement, at));
	BusinessCalendar *calendar;

	clock->end = end;
	judgement->last_end = end;
	if (end == CLOCK_CANCELLED)
		return;
	event->reason = at <= clock->due ? "in time" : "late";
	if (event->has_elapsed && lead_stage_find_calendar(clock->calendar, &calendar))
		event->elapsed = lead_stage_clock_elapsed(clock, calendar, at);
}

/* ---------- what has met a clock ---------- */

/*
 * The first activity since the clock's start that matched its signal.  What is
 * remembered of the lead tells whether there is one; which it is, only the
 * activities themselves.  Those of an example are in no table.
 */
static bool
was_signalled(Judgement *judgement, const Clock *clock, int rule, TimestampTz *at)
{
	TimestampTz last = lead_stage_last_match(judgement->state.score, rule);
	TimestampTz from = clock->repeated ? clock->start + 1 : clock->start;

	if (TIMESTAMP_IS_NOBEGIN(last) || last < from)
		return false;
	if (judgement->keys != NULL)
		return lead_stage_first_touch(judgement->table, judgement->keys, rule, from,
									  judgement->at, at);
	*at = last;
	return last <= judgement->at;
}

/*
 * The instant, not later than now, at which a clock was met as far as the row
 * or the lead's activities tell.
 */
static bool
was_met(Judgement *judgement, const Clock *clock, TimestampTz *at)
{
	const SlaDef *policy = policy_of(judgement, clock);

	if (policy == NULL)
		return false;
	if (policy->met_at != NO_CONDITION)
		return lead_stage_instant(judgement, policy->met_at, at) &&
			lead_stage_clock_is_met_at(clock, *at) && *at <= judgement->at;
	if (policy->met_signal.rule != 0)
		return was_signalled(judgement, clock, policy->met_signal.rule, at);
	return false;
}

/* ---------- what falls due ---------- */

TimestampTz
lead_stage_next_clock(Judgement *judgement)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < judgement->nclocks; i++)
		next = Min(next, lead_stage_clock_next(&judgement->clocks[i]));
	return next;
}

TimestampTz
lead_stage_next_clock_of_row(Judgement *judgement)
{
	TimestampTz next = lead_stage_next_clock(judgement);

	for (int i = 0; i < judgement->nclocks; i++)
	{
		Clock	   *clock = &judgement->clocks[i];
		const SlaDef *policy = policy_of(judgement, clock);
		TimestampTz at;

		if (clock->end == CLOCK_OPEN && policy != NULL && policy->met_at != NO_CONDITION &&
			lead_stage_instant(judgement, policy->met_at, &at) && at > judgement->at &&
			lead_stage_clock_is_met_at(clock, at))
			next = Min(next, at);
	}
	return next;
}

/* What a breach entails: another stage, then another owner. */
static void
suffer_breach(Judgement *judgement, Clock *clock)
{
	TimestampTz now = judgement->at;
	LeadStage	from_stage = judgement->stage;
	LeadStage	to_stage = clock->breach_to;
	const char *escalate_to = clock->escalate_to;
	const char *policy = clock->policy;
	int			first_event = judgement->nevents;

	judgement->at = Max(Min(clock->due, now), judgement->since);
	lead_stage_judge_at(judgement->at);
	if (to_stage != 0 && to_stage != from_stage)
	{
		/* What nobody did has not met the clock, wherever it leads. */
		end_clock(judgement, clock, CLOCK_CANCELLED, judgement->at);
		lead_stage_move_to(judgement, to_stage, judgement->at, policy, policy);
		lead_stage_arrive_by(judgement, NULL);
		if (to_stage > from_stage)
			lead_stage_move_automatically(judgement);
	}
	if (escalate_to == NULL || !lead_stage_assign_to(judgement, escalate_to, policy))
		lead_stage_judge_owner(judgement, first_event);
	judgement->at = now;
	lead_stage_judge_at(now);
}

/*
 * Warns and breaches, at their instants, up to one; inclusive: that one too.
 */
static void
advance(Judgement *judgement, Clock *clock, TimestampTz until, bool inclusive)
{
	if (clock->end != CLOCK_OPEN || clock->paused || clock->breached)
		return;
	if (!clock->warned && !TIMESTAMP_IS_NOEND(clock->warn_at) &&
		(clock->warn_at < until || (inclusive && clock->warn_at == until)))
	{
		clock->warned = true;
		add_clock_event(judgement, EVENT_SLA_WARNED, clock, clock->warn_at);
	}
	if (clock->due < until || (inclusive && clock->due == until))
	{
		clock->breached = true;
		add_clock_event(judgement, EVENT_SLA_BREACHED, clock, clock->due);
	}
}

/*
 * Everything of one instant.  What is broken then has been broken, before
 * anything that this entails.
 */
static void
fall_due(Judgement *judgement, TimestampTz at)
{
	int			nclocks = judgement->nclocks;
	bool	   *broken = palloc0(sizeof(bool) * nclocks);

	for (int i = 0; i < nclocks; i++)
	{
		Clock	   *clock = &judgement->clocks[i];

		if (lead_stage_clock_next(clock) != at)
			continue;
		advance(judgement, clock, at, true);
		broken[i] = clock->breached;
	}
	for (int i = 0; i < nclocks; i++)
		if (broken[i] && judgement->clocks[i].end == CLOCK_OPEN)
			suffer_breach(judgement, &judgement->clocks[i]);
	pfree(broken);
}

void
lead_stage_leave_clocks(Judgement *judgement, LeadStage to_stage, TimestampTz at)
{
	judgement->entered = true;
	for (int i = 0; i < judgement->nclocks; i++)
	{
		Clock	   *clock = &judgement->clocks[i];
		TimestampTz met;

		if (clock->end != CLOCK_OPEN)
			continue;
		/* An import tells a lead's past: what fell due in it did so. */
		if (!lead_stage_enforce)
			advance(judgement, clock, at, false);
		if (was_met(judgement, clock, &met) && met <= at)
			end_clock(judgement, clock, CLOCK_MET, met);
		else
			end_clock(judgement, clock, to_stage > clock->stage ? CLOCK_MET : CLOCK_CANCELLED, at);
	}
}

/* ---------- a clock's own doings ---------- */

static bool
should_pause(Judgement *judgement, const Clock *clock)
{
	const SlaDef *policy = policy_of(judgement, clock);

	return policy != NULL && policy->pause_when != NO_CONDITION && !clock->breached &&
		lead_stage_condition_holds(judgement, policy->pause_when);
}

static void
pause_clock(Judgement *judgement, Clock *clock, TimestampTz at)
{
	BusinessCalendar *calendar;

	if (!can_count(clock->policy, clock->calendar, &calendar))
		return;
	add_clock_event(judgement, EVENT_SLA_PAUSED, clock, at);
	lead_stage_pause_clock(clock, calendar, at);
}

static void
resume_clock(Judgement *judgement, Clock *clock, TimestampTz at)
{
	BusinessCalendar *calendar;

	if (!can_count(clock->policy, clock->calendar, &calendar))
		return;
	lead_stage_resume_clock(clock, calendar, at);
	add_clock_event(judgement, EVENT_SLA_RESUMED, clock, at);
}

static void
start_clock(Judgement *judgement, const SlaDef *policy, TimestampTz start, bool repeated,
			TimestampTz stands_since)
{
	BusinessCalendar *calendar;
	Clock		clock;

	if (!can_count(policy->name, policy->calendar, &calendar))
		return;
	lead_stage_start_clock(&clock, policy, calendar, start, repeated);
	clock.stands_since = stands_since;
	append_clock(judgement, &clock);
	add_clock_event(judgement, EVENT_SLA_STARTED, &clock, place_in_history(judgement, start));
}

/* The clocks of the stage in which the lead has come to rest. */
static void
start_clocks(Judgement *judgement)
{
	ModelDef   *model = judgement->table->model;
	int			nbefore = judgement->nclocks;

	for (int i = 0; i < model->nslas; i++)
	{
		const SlaDef *policy = &model->slas[i];
		bool		runs = false;

		for (int n = 0; n < nbefore; n++)
			runs |= judgement->clocks[n].end == CLOCK_OPEN &&
				strcmp(judgement->clocks[n].policy, policy->name) == 0;
		if (!runs && policy->stage == judgement->stage &&
			lead_stage_condition_holds(judgement, policy->condition))
			start_clock(judgement, policy, judgement->since, false, DT_NOEND);
	}
}

/* Keeps the clocks that are open; what is of another stage is no promise any more. */
static void
drop_ended(Judgement *judgement)
{
	int			kept = 0;

	for (int i = 0; i < judgement->nclocks; i++)
	{
		Clock	   *clock = &judgement->clocks[i];

		if (clock->end == CLOCK_OPEN && clock->stage != judgement->stage)
			end_clock(judgement, clock, CLOCK_CANCELLED, judgement->at);
		if (clock->end == CLOCK_OPEN)
			judgement->clocks[kept++] = *clock;
	}
	judgement->nclocks = kept;
}

/*
 * A new clock may stand still from its start on.  One that began before this
 * write was known of goes on from what the clock before it did: the row says
 * only what holds from now on.
 */
static void
begin_clock(Judgement *judgement, Clock *clock)
{
	TimestampTz stands_since = clock->stands_since;

	clock->is_new = false;
	if (clock->start >= judgement->at)
		stands_since = should_pause(judgement, clock) ? clock->start : DT_NOEND;
	if (stands_since >= clock->due)
		return;
	advance(judgement, clock, stands_since, true);
	pause_clock(judgement, clock, stands_since);
}

/*
 * Ends a clock that has been met, and starts the next if it is a rolling one.
 * What a breach before that would have entailed is left out: nobody knew.
 */
static void
meet_clock(Judgement *judgement, int i)
{
	Clock	   *clock = &judgement->clocks[i];
	const SlaDef *policy = policy_of(judgement, clock);
	TimestampTz stands_since;
	TimestampTz met;

	if (clock->end != CLOCK_OPEN || !was_met(judgement, clock, &met))
		return;
	if (clock->is_new && clock->stands_since < met)
		begin_clock(judgement, clock);
	stands_since = clock->paused ? Max(clock->pauses[clock->npauses - 1].since, met) :
		clock->stands_since;
	advance(judgement, clock, met, false);
	end_clock(judgement, clock, CLOCK_MET, met);
	if (policy != NULL && policy->repeat)
		start_clock(judgement, policy, met, true, stands_since);
}

/*
 * Warns and breaches, in the order of time.  Returns false if the lead has gone
 * to another stage over it.
 */
static bool
advance_clocks(Judgement *judgement)
{
	TimestampTz next;

	for (int i = 0; i < judgement->nclocks; i++)
		if (judgement->clocks[i].end == CLOCK_OPEN && judgement->clocks[i].is_new)
			begin_clock(judgement, &judgement->clocks[i]);
	while (lead_stage_enforce && (next = lead_stage_next_clock(judgement)) <= judgement->at)
	{
		fall_due(judgement, next);
		if (judgement->entered)
			return false;
	}
	return true;
}

/* Lets a clock run again or stand still, as the row says from now on. */
static bool
run_clock(Judgement *judgement, int i)
{
	Clock	   *clock = &judgement->clocks[i];

	if (clock->end != CLOCK_OPEN)
		return true;
	if (clock->paused && !should_pause(judgement, clock))
	{
		resume_clock(judgement, clock, judgement->at);
		return advance_clocks(judgement);
	}
	if (!clock->paused && clock->due > judgement->at && should_pause(judgement, clock))
		pause_clock(judgement, clock, judgement->at);
	return true;
}

void
lead_stage_judge_clocks(Judgement *judgement)
{
	bool		again;

	if (judgement->nclocks == 0 && judgement->table->model->nslas == 0)
		return;
	do
	{
		drop_ended(judgement);
		if (judgement->entered)
			start_clocks(judgement);
		judgement->entered = false;
		/* what happened before comes first; more may be added meanwhile */
		for (int i = 0; i < judgement->nclocks; i++)
			meet_clock(judgement, i);
		again = !advance_clocks(judgement);
		for (int i = 0; i < judgement->nclocks && !again; i++)
			again = !run_clock(judgement, i);
	} while (again);
	drop_ended(judgement);
}

void
lead_stage_cancel_clocks(Judgement *judgement)
{
	for (int i = 0; i < judgement->nclocks; i++)
	{
		Clock	   *clock = &judgement->clocks[i];

		advance(judgement, clock, judgement->at, true);
		end_clock(judgement, clock, CLOCK_CANCELLED, judgement->at);
	}
}

/* ---------- what is remembered ---------- */

void
lead_stage_keep_clocks(Judgement *judgement)
{
	LeadState  *state = &judgement->new_state;
	const Clock *first = lead_stage_first_clock(judgement->clocks, judgement->nclocks);

	if (!judgement->clocks_changed)
		return;
	state->sla = lead_stage_write_clocks(judgement->clocks, judgement->nclocks);
	state->sla_due = first ? first->due : DT_NOEND;
	state->sla_state = first ? lead_stage_clock_state(first) :
		judgement->last_end == CLOCK_MET ? "met" : NULL;
	judgement->state_changed = true;
}
