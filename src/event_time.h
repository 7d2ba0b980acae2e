/*
 * event_time.h
 *	  The instant that a write of a stored lead is recorded at.
 */
#ifndef LEAD_STAGE_EVENT_TIME_H
#define LEAD_STAGE_EVENT_TIME_H

#include "access/htup.h"
#include "utils/snapshot.h"
#include "lead_table.h"
#include "state.h"

/* Registers the transaction callback; called once, from _PG_init. */
extern void lead_stage_init_event_time(void);

/*
 * Learns, once a transaction, what was over when that snapshot was taken: it
 * spares the transactions after it looking up history.
 */
extern void lead_stage_note_horizon(Snapshot snapshot);

/*
 * The transaction's time, but never before the lead's last event: stored is
 * the lead's row, locked, state what is remembered of it (whoever records an
 * event writes one of the two), and since the time it entered its stage.
 */
extern TimestampTz lead_stage_event_time(LeadTable *table, HeapTuple stored,
										 const LeadState *state, const Datum *keys,
										 TimestampTz since);

#endif							/* LEAD_STAGE_EVENT_TIME_H */
