/*
 * sla.c
 *	  The clock of a policy.
 *
 * Knows nothing of rows, catalogs or SPI: calendars are handed in, and whether
 * to pause or what has met the clock is for the caller to find out.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "sla.h"

/* Pauses are few; who pauses all the time gives up some exactness. */
#define MAX_PAUSES		100

/* A warning never comes before the clock has begun to run. */
static TimestampTz
warning_of(BusinessCalendar *calendar, const Clock *clock, TimestampTz running_since)
{
	Interval	before;
	TimestampTz at;

	if (clock->warn_before == NULL)
		return DT_NOEND;
	before.month = 0;
	before.day = -clock->warn_before->day;
	before.time = -clock->warn_before->time;
	at = lead_stage_add_business_time(calendar, clock->due, &before);
	return Min(Max(at, running_since), clock->due);
}

void
lead_stage_start_clock(Clock *clock, const SlaDef *policy,
					   BusinessCalendar *calendar, TimestampTz start, bool repeated)
{
	memset(clock, 0, sizeof(Clock));
	clock->policy = policy->name;
	clock->stage = policy->stage;
	clock->start = start;
	clock->repeated = repeated;
	clock->target = policy->target;
	clock->calendar = policy->calendar;
	clock->warn_before = policy->warn_before;
	clock->escalate_to = policy->escalate_to;
	clock->breach_to = policy->breach_to;
	clock->due = lead_stage_add_business_time(calendar, start, policy->target);
	clock->warn_at = warning_of(calendar, clock, start);
	clock->stands_since = DT_NOEND;
	clock->is_new = true;
}

void
lead_stage_pause_clock(Clock *clock, BusinessCalendar *calendar, TimestampTz at)
{
	ClockPause *pauses = palloc(sizeof(ClockPause) * (clock->npauses + 1));
	int			first = 0;

	clock->left = Max(lead_stage_business_time_between(calendar, at, clock->due), 0);
	clock->paused = true;
	clock->due = DT_NOEND;
	clock->warn_at = DT_NOEND;

	/* The longest ago are joined: what ran between them is lost to elapsed. */
	if (clock->npauses >= MAX_PAUSES)
	{
		clock->pauses[1].since = clock->pauses[0].since;
		first = 1;
	}
	memcpy(pauses, clock->pauses + first, sizeof(ClockPause) * (clock->npauses - first));
	clock->npauses -= first;
	pauses[clock->npauses].since = at;
	pauses[clock->npauses].until = DT_NOEND;
	clock->npauses++;
	clock->pauses = pauses;
}

void
lead_stage_resume_clock(Clock *clock, BusinessCalendar *calendar, TimestampTz at)
{
	clock->due = lead_stage_add_working_time(calendar, at, clock->left);
	clock->warn_at = clock->warned ? DT_NOEND : warning_of(calendar, clock, at);
	clock->paused = false;
	clock->left = 0;
	if (clock->npauses > 0)
		clock->pauses[clock->npauses - 1].until = at;
}

void
lead_stage_reschedule_clock(Clock *clock, const SlaDef *policy, BusinessCalendar *calendar)
{
	Clock		then;

	lead_stage_start_clock(&then, policy, calendar, clock->start, clock->repeated);
	for (int i = 0; i < clock->npauses; i++)
	{
		/* by these terms it was overdue by then, and did not stand still */
		if (then.due <= clock->pauses[i].since)
			break;
		lead_stage_pause_clock(&then, calendar, clock->pauses[i].since);
		if (!TIMESTAMP_IS_NOEND(clock->pauses[i].until))
			lead_stage_resume_clock(&then, calendar, clock->pauses[i].until);
	}
	then.stage = clock->stage;
	then.breached = clock->breached;
	then.warned = clock->warned;
	if (then.warned)
		then.warn_at = DT_NOEND;
	then.is_new = false;
	*clock = then;
}

const Clock *
lead_stage_first_clock(const Clock *clocks, int number)
{
	const Clock *first = NULL;

	for (int i = 0; i < number; i++)
		if (clocks[i].end == CLOCK_OPEN && (first == NULL || clocks[i].due < first->due))
			first = &clocks[i];
	return first;
}

int64
lead_stage_clock_elapsed(const Clock *clock, BusinessCalendar *calendar, TimestampTz at)
{
	int64		elapsed = Max(lead_stage_business_time_between(calendar, clock->start, at), 0);

	for (int i = 0; i < clock->npauses; i++)
	{
		TimestampTz until = Min(clock->pauses[i].until, at);

		if (until > clock->pauses[i].since)
			elapsed -= lead_stage_business_time_between(calendar, clock->pauses[i].since, until);
	}
	return Max(elapsed, 0);
}

TimestampTz
lead_stage_clock_next(const Clock *clock)
{
	if (clock->breached || clock->paused || clock->end != CLOCK_OPEN)
		return DT_NOEND;
	return clock->warned ? clock->due : Min(clock->warn_at, clock->due);
}

bool
lead_stage_clock_is_met_at(const Clock *clock, TimestampTz at)
{
	return !TIMESTAMP_NOT_FINITE(at) &&
		(clock->repeated ? at > clock->start : at >= clock->start);
}

const char *
lead_stage_clock_state(const Clock *clock)
{
	if (clock->breached)
		return "breached";
	if (clock->paused)
		return "paused";
	return clock->warned ? "warned" : "open";
}
