/*
 * history.h
 *	  The rows of <leads>_history: how an event becomes one, and how many are
 *	  written at once.
 */
#ifndef LEAD_STAGE_HISTORY_H
#define LEAD_STAGE_HISTORY_H

#include "executor/tuptable.h"
#include "event.h"
#include "lead_table.h"

/*
 * Stores the event into a slot of history's row type, with the next id, and
 * has it notified if the model says so.
 */
extern void lead_stage_history_row(LeadTable *table, const LeadEvent *event,
								   const Datum *keys, TupleTableSlot *slot);

/* Inserts the rows with their index entries, as the table's owner. */
extern void lead_stage_write_history(LeadTable *table,
									 TupleTableSlot **slots, int nslots);

/*
 * Lets erase and prune_history remove rows; returns the previous setting, to
 * be put back by the caller on every way out.
 */
extern bool lead_stage_unguard_history(bool unguarded);

/* The time of the lead's last event, or DT_NOBEGIN. */
extern TimestampTz lead_stage_last_event_at(LeadTable *table, const Datum *keys);

#endif							/* LEAD_STAGE_HISTORY_H */
