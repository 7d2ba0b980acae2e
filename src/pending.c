/*
 * pending.c
 *	  Events that happened, on their way to history.
 *
 * A batch belongs to one history and one subtransaction; it is written whole at
 * the end of the statement, or sooner when it is full, and a subtransaction
 * that is rolled back takes its own batches with it and no others.  An id is
 * given out when an event is taken, while the lead's row is locked, so the
 * ids of one lead are in the order of its events whenever they are written.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "arrivals.h"
#include "held_items.h"
#include "history.h"
#include "pending.h"

/* As many rows as COPY collects before it writes. */
#define MAX_PENDING_ROWS	1000
#define MAX_PENDING_BYTES	65535

typedef struct PendingBatch
{
	HeldItem	held;
	bool		writing;		/* on its way; takes no more events */
	TupleDesc	desc;
	int			nslots;			/* filled */
	int			max_slots;		/* made */
	Size		bytes;
	TupleTableSlot *slots[MAX_PENDING_ROWS];
} PendingBatch;

static dlist_head batches = DLIST_STATIC_INIT(batches);

/* Partitions share their parent's history, and so a batch. */
static bool
goes_with(const PendingBatch *batch, const LeadTable *table)
{
	return batch->held.table == table ||
		(batch->held.table->history == table->history &&
		 batch->held.table->owner_role == table->owner_role &&
		 batch->desc->natts == table->history_columns.natts);
}

/* The batch of the current subtransaction: for a table, or any (NULL). */
static PendingBatch *
find_batch(LeadTable *table)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	dlist_iter	iter;

	dlist_foreach(iter, &batches)
	{
		PendingBatch *batch = dlist_container(PendingBatch, held.node, iter.cur);

		if (batch->held.nest_level == nest_level && !batch->writing &&
			(table == NULL || goes_with(batch, table)))
			return batch;
	}
	return NULL;
}

static PendingBatch *
make_batch(LeadTable *table)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "lead_stage pending history",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	PendingBatch *batch = palloc0(sizeof(PendingBatch));
	Relation	history = table_open(table->history, RowExclusiveLock);

	batch->desc = CreateTupleDescCopy(RelationGetDescr(history));
	table_close(history, NoLock);
	MemoryContextSwitchTo(oldcontext);

	lead_stage_hold_item(&batches, &batch->held, context, table);
	return batch;
}

static void
write_batch(PendingBatch *batch)
{
	batch->writing = true;
	lead_stage_write_history(batch->held.table, batch->slots, batch->nslots);
	for (int i = 0; i < batch->nslots; i++)
		ExecClearTuple(batch->slots[i]);
	batch->nslots = 0;
	batch->bytes = 0;
	batch->writing = false;
}

void
lead_stage_add_pending(LeadTable *table, const LeadEvent *event, const Datum *keys)
{
	PendingBatch *batch = find_batch(table);
	TupleTableSlot *slot;
	MemoryContext oldcontext;

	if (batch == NULL)
		batch = make_batch(table);

	oldcontext = MemoryContextSwitchTo(batch->held.context);
	if (batch->nslots == batch->max_slots)
		batch->slots[batch->max_slots++] =
			MakeSingleTupleTableSlot(batch->desc, &TTSOpsHeapTuple);
	slot = batch->slots[batch->nslots];
	MemoryContextSwitchTo(oldcontext);

	lead_stage_history_row(table, event, keys, slot);
	batch->nslots++;
	batch->bytes += ((HeapTupleTableSlot *) slot)->tuple->t_len;

	if (batch->nslots == MAX_PENDING_ROWS || batch->bytes >= MAX_PENDING_BYTES)
		write_batch(batch);
}

bool
lead_stage_has_pending(void)
{
	return find_batch(NULL) != NULL || lead_stage_has_arrivals();
}

void
lead_stage_flush_pending(void)
{
	PendingBatch *batch;

	lead_stage_release_arrivals();
	while ((batch = find_batch(NULL)) != NULL)
	{
		write_batch(batch);
		lead_stage_drop_item(&batch->held);
	}
}

void
lead_stage_init_pending(void)
{
	lead_stage_follow_transactions(&batches);
}
