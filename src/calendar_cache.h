/*
 * calendar_cache.h
 *	  The session's calendars, as lead_stage.calendar and its tables have them.
 */
#ifndef LEAD_STAGE_CALENDAR_CACHE_H
#define LEAD_STAGE_CALENDAR_CACHE_H

#include "bustime.h"

extern void lead_stage_init_calendar_cache(void);

/*
 * The calendar of that name; NULL, which is round the clock, for NULL and for
 * "always".  Raises 42704 if there is none.  It may be used until the next
 * look-up of the same name.
 */
extern BusinessCalendar *lead_stage_calendar(const text *name);

/* The same by name, without raising; false if there is none. */
extern bool lead_stage_find_calendar(const char *name, BusinessCalendar **calendar);

/*
 * Changes whenever any calendar may have changed: what was looked up before is
 * out of date then.  A statement that has just begun sees every change that
 * was committed before it.
 */
extern uint64 lead_stage_calendar_generation(void);

#endif							/* LEAD_STAGE_CALENDAR_CACHE_H */
