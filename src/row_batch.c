/*
 * row_batch.c
 *	  Rows of a table of ours that are written many at once.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "row_batch.h"

/* Whether a batch still takes rows, in the current subtransaction. */
static bool
takes_rows(const RowBatch *batch)
{
	return !batch->writing && batch->held.nest_level == GetCurrentTransactionNestLevel();
}

/* Partitions share what is beside their parent, and so a batch. */
static bool
goes_with(const RowBatch *batch, const LeadTable *table, Oid relid, int natts)
{
	return batch->relid == relid && batch->desc->natts == natts &&
		batch->held.table->owner_role == table->owner_role;
}

static RowBatch *
make_batch(dlist_head *list, LeadTable *table, Oid relid)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext, "lead_stage rows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	RowBatch   *batch = palloc0(sizeof(RowBatch));
	Relation	rel = table_open(relid, RowExclusiveLock);

	batch->relid = relid;
	batch->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	table_close(rel, NoLock);
	MemoryContextSwitchTo(oldcontext);

	lead_stage_hold_item(list, &batch->held, context, table);
	return batch;
}

RowBatch *
lead_stage_row_batch(dlist_head *list, LeadTable *table, Oid relid, int natts)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		RowBatch   *batch = dlist_container(RowBatch, held.node, iter.cur);

		if (takes_rows(batch) && goes_with(batch, table, relid, natts))
			return batch;
	}
	return make_batch(list, table, relid);
}

RowBatch *
lead_stage_any_row_batch(dlist_head *list)
{
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		RowBatch   *batch = dlist_container(RowBatch, held.node, iter.cur);

		if (takes_rows(batch))
			return batch;
	}
	return NULL;
}

TupleTableSlot *
lead_stage_next_row(RowBatch *batch)
{
	if (batch->nslots == batch->max_slots)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(batch->held.context);

		batch->slots[batch->max_slots++] =
			MakeSingleTupleTableSlot(batch->desc, &TTSOpsHeapTuple);
		MemoryContextSwitchTo(oldcontext);
	}
	return batch->slots[batch->nslots];
}

bool
lead_stage_row_added(RowBatch *batch)
{
	batch->bytes += ((HeapTupleTableSlot *) batch->slots[batch->nslots])->tuple->t_len;
	batch->nslots++;
	return batch->nslots == ROW_BATCH_ROWS || batch->bytes >= ROW_BATCH_BYTES;
}

void
lead_stage_empty_row_batch(RowBatch *batch)
{
	for (int i = 0; i < batch->nslots; i++)
		ExecClearTuple(batch->slots[i]);
	batch->nslots = 0;
	batch->bytes = 0;
}
