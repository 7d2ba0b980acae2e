/*
 * bustime.h
 *	  Business time: real elapsed time while an office is open.
 *
 * Pure rules over plain values: the only outside knowledge is PostgreSQL's own
 * time-zone data.  An instant is open if the office's wall clock then shows an
 * open time, so a skipped hour does not exist and a repeated one counts twice.
 */
#ifndef LEAD_STAGE_BUSTIME_H
#define LEAD_STAGE_BUSTIME_H

#include "datatype/timestamp.h"
#include "pgtime.h"

#include "open_hours.h"

/* A null calendar is open round the clock, and its days are those of UTC. */
typedef struct BusinessCalendar BusinessCalendar;

/*
 * Makes a calendar in the memory context, which it later also uses for what it
 * learns about its zone.  Name and hours are kept, not copied.
 */
extern BusinessCalendar *lead_stage_make_calendar(MemoryContext context, const char *name,
												  pg_tz *zone, const OpenHours *hours);

/*
 * Each of these raises 22023 for a calendar without any open time, and 22008
 * if a result is out of range.  Instants must be finite unless it says
 * otherwise; working time is in microseconds.
 */

/* Signed: negative if from is after until. */
extern int64 lead_stage_business_time_between(BusinessCalendar *calendar,
											  TimestampTz from, TimestampTz until);

/*
 * More than 0: the earliest instant with so much working time since start.
 * Less: the latest instant with so much until start.  0: start if it is open,
 * else the next opening.
 */
extern TimestampTz lead_stage_add_working_time(BusinessCalendar *calendar,
											   TimestampTz start, int64 time);

/*
 * First the days of the span, open ones, at the same time on the wall; then
 * its time.  Months raise 22023; infinite values are treated as core does.
 */
extern TimestampTz lead_stage_add_business_time(BusinessCalendar *calendar,
												TimestampTz start, const Interval *span);

/* False for one without any open time. */
extern bool lead_stage_ever_opens(BusinessCalendar *calendar);

extern bool lead_stage_is_open_at(BusinessCalendar *calendar, TimestampTz at);

/* at if it is open, else the next opening. */
extern TimestampTz lead_stage_next_open(BusinessCalendar *calendar, TimestampTz at);

#endif							/* LEAD_STAGE_BUSTIME_H */
