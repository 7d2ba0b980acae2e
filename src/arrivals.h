/*
 * arrivals.h
 *	  Leads that came to a key which another may still have to leave.
 */
#ifndef LEAD_STAGE_ARRIVALS_H
#define LEAD_STAGE_ARRIVALS_H

#include "judge.h"

/* Registers the transaction callbacks; called once, from _PG_init. */
extern void lead_stage_init_arrivals(void);

/*
 * Keeps what a judgement says of the lead under its new key, and its state,
 * until the statement's end; all is copied.  old_keys is NULL for an insert.
 */
extern void lead_stage_hold_arrival(Judgement *judgement, const Datum *old_keys,
									const Datum *keys);

/* Whether any wait in the current subtransaction. */
extern bool lead_stage_has_arrivals(void);

/* Hands them all on, in the order in which they came. */
extern void lead_stage_release_arrivals(void);

#endif							/* LEAD_STAGE_ARRIVALS_H */
