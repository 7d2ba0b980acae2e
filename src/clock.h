/*
 * clock.h
 *	  What time it is for the rules.
 */
#ifndef LEAD_STAGE_CLOCK_H
#define LEAD_STAGE_CLOCK_H

#include "datatype/timestamp.h"

/* Defines lead_stage.now; called once, from _PG_init. */
extern void lead_stage_define_clock(void);

/* The transaction's time, or what lead_stage.now says. */
extern TimestampTz lead_stage_current_time(void);

/* True while lead_stage.now is set: time may then stand still or go back. */
extern bool lead_stage_clock_is_set(void);

/*
 * While a row is judged, lead_stage.now() in a condition is the instant the
 * row is judged for.  Returns the previous instant, to be put back by the
 * caller on every way out (DT_NOBEGIN: none).
 */
extern TimestampTz lead_stage_judge_at(TimestampTz instant);

#endif							/* LEAD_STAGE_CLOCK_H */
