/*
 * held_states.h
 *	  What is to be remembered of leads, on its way to <leads>_state.
 *
 * A statement writes each lead once and does not look at what it has
 * remembered of it, so rows can wait until its end.  Whoever else reads or
 * writes <leads>_state has them written first.
 */
#ifndef LEAD_STAGE_HELD_STATES_H
#define LEAD_STAGE_HELD_STATES_H

#include "state.h"

/* Registers the transaction callbacks; called once, from _PG_init. */
extern void lead_stage_init_held_states(void);

/*
 * Takes what is to be remembered of a lead, all but what activities have added
 * up to; all is copied.  Writes what has piled up from time to time.
 */
extern void lead_stage_hold_state(LeadTable *table, const Datum *keys,
								  const LeadState *state);

/* Whether any of the current subtransaction wait to be written. */
extern bool lead_stage_holds_states(void);

/* Writes all that wait, those of outer subtransactions too. */
extern void lead_stage_write_held_states(void);

#endif							/* LEAD_STAGE_HELD_STATES_H */
