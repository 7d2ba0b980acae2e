/*
 * held_states.c
 *	  What is to be remembered of leads, on its way to <leads>_state.
 *
 * A batch of an outer subtransaction may have to be written within an inner
 * one.  It is kept until that has committed, and is written again should it
 * be rolled back.
 */
#include "postgres.h"

#include "access/xact.h"

#include "held_states.h"
#include "row_batch.h"

/* Leads that are known to have no row yet, and all others. */
static dlist_head new_states = DLIST_STATIC_INIT(new_states);
static dlist_head changed_states = DLIST_STATIC_INIT(changed_states);

static void
write_batch(RowBatch *batch, bool is_new)
{
	batch->writing = true;
	lead_stage_write_states(batch->held.table, batch->slots, batch->nslots, is_new);
	batch->writing = false;
}

void
lead_stage_hold_state(LeadTable *table, const Datum *keys, const LeadState *state)
{
	bool		is_new = state->is_read && !state->is_stored;
	RowBatch   *batch = lead_stage_row_batch(is_new ? &new_states : &changed_states, table,
											 table->state, table->state_columns.natts);

	lead_stage_state_row(table, keys, state, lead_stage_next_row(batch));
	if (lead_stage_row_added(batch))
	{
		write_batch(batch, is_new);
		lead_stage_empty_row_batch(batch);
	}
}

bool
lead_stage_holds_states(void)
{
	return lead_stage_any_row_batch(&new_states) != NULL ||
		lead_stage_any_row_batch(&changed_states) != NULL;
}

static void
write_all(dlist_head *list, bool is_new)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, list)
	{
		RowBatch   *batch = dlist_container(RowBatch, held.node, iter.cur);

		if (batch->writing || batch->held.written_level != 0)
			continue;
		write_batch(batch, is_new);
		if (batch->held.nest_level == nest_level)
			lead_stage_drop_item(&batch->held);
		else
			batch->held.written_level = nest_level;
	}
}

void
lead_stage_write_held_states(void)
{
	write_all(&new_states, true);
	write_all(&changed_states, false);
}

void
lead_stage_init_held_states(void)
{
	lead_stage_follow_transactions(&new_states);
	lead_stage_follow_transactions(&changed_states);
}
