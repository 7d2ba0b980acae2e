/*
 * state.h
 *	  What is remembered of a lead between writes, in <leads>_state.
 *
 * A lead has a row there only while there is something to remember.  Keys are
 * the lead's primary-key values; callers hold the lead's row lock.
 */
#ifndef LEAD_STAGE_STATE_H
#define LEAD_STAGE_STATE_H

#include "lead_table.h"

/* Until when automatic moves are held off, or DT_NOBEGIN. */
extern TimestampTz lead_stage_read_hold(LeadTable *table, const Datum *keys);

/* DT_NOBEGIN: no longer. */
extern void lead_stage_write_hold(LeadTable *table, const Datum *keys,
								  TimestampTz until);

/* The lead is gone, or has another key. */
extern void lead_stage_delete_state(LeadTable *table, const Datum *keys);
extern void lead_stage_rekey_state(LeadTable *table, const Datum *old_keys,
								   const Datum *new_keys);

#endif							/* LEAD_STAGE_STATE_H */
