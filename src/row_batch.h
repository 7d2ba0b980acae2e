/*
 * row_batch.h
 *	  Rows of a table of ours that are written many at once.
 *
 * A batch belongs to one table and one subtransaction; it is written whole at
 * the end of the statement, or sooner when it is full.  A subtransaction that
 * is rolled back takes its own batches with it and no others.
 */
#ifndef LEAD_STAGE_ROW_BATCH_H
#define LEAD_STAGE_ROW_BATCH_H

#include "executor/tuptable.h"
#include "held_items.h"

/* As many rows as COPY collects before it writes. */
#define ROW_BATCH_ROWS	1000
#define ROW_BATCH_BYTES	65535

typedef struct RowBatch
{
	HeldItem	held;
	Oid			relid;
	bool		writing;		/* on its way; takes no more rows */
	TupleDesc	desc;
	int			nslots;			/* filled */
	int			max_slots;		/* made */
	Size		bytes;
	TupleTableSlot *slots[ROW_BATCH_ROWS];
} RowBatch;

/*
 * The current subtransaction's batch of rows for a table beside the leads,
 * which we know to have so many columns; made at need and put on the list.
 */
extern RowBatch *lead_stage_row_batch(dlist_head *list, LeadTable *table, Oid relid,
									  int natts);

/* Any batch of the current subtransaction that takes rows, or NULL. */
extern RowBatch *lead_stage_any_row_batch(dlist_head *list);

/*
 * The slot that the next row is stored into, which has to own what it holds;
 * and the row's entry into the batch.  True says that the batch is full.
 */
extern TupleTableSlot *lead_stage_next_row(RowBatch *batch);
extern bool lead_stage_row_added(RowBatch *batch);

/* The rows have been written: the batch takes others. */
extern void lead_stage_empty_row_batch(RowBatch *batch);

#endif							/* LEAD_STAGE_ROW_BATCH_H */
