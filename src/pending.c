/*
 * pending.c
 *	  Events that happened, on their way to history.
 *
 * An id is given out when an event is taken, while the lead's row is locked, so
 * the ids of one lead are in the order of its events whenever they are written.
 */
#include "postgres.h"

#include "arrivals.h"
#include "held_states.h"
#include "history.h"
#include "pending.h"
#include "row_batch.h"

static dlist_head batches = DLIST_STATIC_INIT(batches);

static void
write_batch(RowBatch *batch)
{
	batch->writing = true;
	lead_stage_write_history(batch->held.table, batch->slots, batch->nslots);
	lead_stage_empty_row_batch(batch);
	batch->writing = false;
}

void
lead_stage_add_pending(LeadTable *table, const LeadEvent *event, const Datum *keys)
{
	RowBatch   *batch = lead_stage_row_batch(&batches, table, table->history,
											 table->history_columns.natts);

	lead_stage_history_row(table, event, keys, lead_stage_next_row(batch));
	if (lead_stage_row_added(batch))
		write_batch(batch);
}

bool
lead_stage_has_pending(void)
{
	return lead_stage_any_row_batch(&batches) != NULL || lead_stage_has_arrivals() ||
		lead_stage_holds_states();
}

void
lead_stage_flush_pending(void)
{
	RowBatch   *batch;

	lead_stage_release_arrivals();
	lead_stage_write_held_states();
	while ((batch = lead_stage_any_row_batch(&batches)) != NULL)
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
