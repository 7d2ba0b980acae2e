/*
 * sla.h
 *	  The clock of a policy: pure rules over plain values.
 *
 * A clock keeps the terms it was started with, and as its state only what
 * cannot be told from them again: its due instant while it runs, the working
 * time that is left while it stands still.
 */
#ifndef LEAD_STAGE_SLA_H
#define LEAD_STAGE_SLA_H

#include "datatype/timestamp.h"

#include "bustime.h"
#include "model_def.h"

/* One time that a clock stood still. */
typedef struct ClockPause
{
	TimestampTz since;
	TimestampTz until;			/* DT_NOEND: it still does */
} ClockPause;

typedef enum ClockEnd
{
	CLOCK_OPEN,
	CLOCK_MET,
	CLOCK_CANCELLED
} ClockEnd;

typedef struct Clock
{
	/* the terms */
	const char *policy;
	LeadStage	stage;
	TimestampTz start;
	bool		repeated;		/* it started when the one before was met */
	Interval   *target;
	const char *calendar;		/* NULL: round the clock */
	Interval   *warn_before;	/* NULL: no warning */
	const char *escalate_to;	/* NULL: nobody */
	LeadStage	breach_to;		/* 0: the lead stays */

	/* the state */
	TimestampTz due;			/* DT_NOEND while it stands still */
	TimestampTz warn_at;		/* DT_NOEND: no warning is to come */
	bool		warned;
	bool		breached;
	bool		paused;
	int64		left;			/* until due, while it stands still */
	int			npauses;		/* in the order of time */
	ClockPause *pauses;

	/* of the judgement at work */
	bool		is_new;			/* it has not been looked at since its start */
	ClockEnd	end;
	TimestampTz stands_since;	/* the clock before it stood still; DT_NOEND: it ran */
} Clock;

/*
 * Starts a clock of a policy.  Strings and intervals are the policy's.  Each
 * of these raises as bustime.h says if the calendar has no open time.
 */
extern void lead_stage_start_clock(Clock *clock, const SlaDef *policy,
								   BusinessCalendar *calendar, TimestampTz start,
								   bool repeated);

/* Stands still from an instant before its due; in the current context. */
extern void lead_stage_pause_clock(Clock *clock, BusinessCalendar *calendar, TimestampTz at);

/* Runs again: what was left is counted by the calendar as it is now. */
extern void lead_stage_resume_clock(Clock *clock, BusinessCalendar *calendar, TimestampTz at);

/*
 * As if it had been started by the policy, and had stood still when it did, by
 * the calendar as it is now.  What has happened stays: a warning, a breach.
 */
extern void lead_stage_reschedule_clock(Clock *clock, const SlaDef *policy,
										BusinessCalendar *calendar);

/* The open one that is due first, or NULL. */
extern const Clock *lead_stage_first_clock(const Clock *clocks, int number);

/* The working time that the clock ran until an instant. */
extern int64 lead_stage_clock_elapsed(const Clock *clock, BusinessCalendar *calendar,
									  TimestampTz at);

/* When it is to warn or is breached next; DT_NOEND: never, as things are. */
extern TimestampTz lead_stage_clock_next(const Clock *clock);

/* Whether an instant meets a clock: not before its start. */
extern bool lead_stage_clock_is_met_at(const Clock *clock, TimestampTz at);

/* "open", "warned", "paused" or "breached". */
extern const char *lead_stage_clock_state(const Clock *clock);

#endif							/* LEAD_STAGE_SLA_H */
