/*
 * held_items.c
 *	  What a statement holds back until its end, by subtransaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "held_items.h"

void
lead_stage_hold_item(dlist_head *list, HeldItem *item, MemoryContext context, LeadTable *table)
{
	item->nest_level = GetCurrentTransactionNestLevel();
	item->written_level = 0;
	item->context = context;
	item->table = table;
	lead_stage_hold_table(table);
	dlist_push_tail(list, &item->node);
}

void
lead_stage_drop_item(HeldItem *item)
{
	dlist_delete(&item->node);
	lead_stage_release_table(item->table);
	MemoryContextDelete(item->context);
}

static void
end_of_transaction(XactEvent event, void *list)
{
	dlist_mutable_iter iter;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	dlist_foreach_modify(iter, (dlist_head *) list)
		lead_stage_drop_item(dlist_container(HeldItem, node, iter.cur));
}

/* A subtransaction within the item's own, in which it may have been written. */
static void
end_of_inner(HeldItem *item, SubXactEvent event, int nest_level)
{
	if (item->written_level < nest_level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		item->written_level = 0;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		item->written_level = nest_level - 1;
		if (item->written_level == item->nest_level)
			lead_stage_drop_item(item);
	}
}

/* What a subtransaction holds becomes its parent's, or never happened. */
static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *list)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, (dlist_head *) list)
	{
		HeldItem   *item = dlist_container(HeldItem, node, iter.cur);

		if (item->nest_level < nest_level)
			end_of_inner(item, event, nest_level);
		else if (event == SUBXACT_EVENT_ABORT_SUB)
			lead_stage_drop_item(item);
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
			item->nest_level = nest_level - 1;
	}
}

void
lead_stage_follow_transactions(dlist_head *list)
{
	RegisterXactCallback(end_of_transaction, list);
	RegisterSubXactCallback(end_of_subtransaction, list);
}
