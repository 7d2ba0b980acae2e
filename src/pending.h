/*
 * pending.h
 *	  Events that happened, on their way to history.
 */
#ifndef LEAD_STAGE_PENDING_H
#define LEAD_STAGE_PENDING_H

#include "event.h"
#include "lead_table.h"

/* Registers the transaction callbacks; called once, from _PG_init. */
extern void lead_stage_init_pending(void);

/*
 * Takes one event of a row that has landed.  keys are the lead's key values;
 * all is copied.  Writes what has piled up to history from time to time.
 */
extern void lead_stage_add_pending(LeadTable *table, const LeadEvent *event,
								   const Datum *keys);

/* Whether history of the current subtransaction waits to be written. */
extern bool lead_stage_has_pending(void);

/* Writes the events of the current subtransaction to history. */
extern void lead_stage_flush_pending(void);

#endif							/* LEAD_STAGE_PENDING_H */
