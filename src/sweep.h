/*
 * sweep.h
 *	  What falls due without a write: one table, one batch at a time, for who
 *	  decides about transactions himself.
 */
#ifndef LEAD_STAGE_SWEEP_H
#define LEAD_STAGE_SWEEP_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct SweepTable
{
	Oid			leads;
	Oid			state;
	Oid			owner;			/* of leads */
} SweepTable;

/*
 * The tables with a published model whose owner the current user is a member
 * of, by owner, as SweepTables in that memory context.  SPI must be connected.
 */
extern List *lead_stage_tables_to_sweep(MemoryContext context);

/*
 * Sweeps up to so many leads of a table and returns how many it dealt with;
 * none if it is not published any more, or (owner given) has another owner by
 * now.  A lead that cannot be judged is put off with a WARNING.  SPI must be
 * connected.  own_transaction: nobody else's work is in this transaction, so
 * deferred triggers can be fired here, where their errors concern one lead.
 */
extern int64 lead_stage_sweep_batch(Oid leads, Oid owner, int64 batch, bool own_transaction);

/*
 * When the table's next lead falls due, or DT_NOEND.  Reads with the rights of
 * the table's owner, restricted: nothing of his survives in the session.  SPI
 * must be connected.
 */
extern TimestampTz lead_stage_next_due(const SweepTable *table);

#endif							/* LEAD_STAGE_SWEEP_H */
