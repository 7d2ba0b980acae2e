/*
 * held_items.h
 *	  What a statement holds back until its end, by subtransaction.
 *
 * An item belongs to the subtransaction that made it.  It becomes the parent's
 * when that commits, and goes with it when it is rolled back; whatever is left
 * goes with the transaction.  One that was written within an inner
 * subtransaction goes when all those have committed, and is as before when
 * one is rolled back.
 */
#ifndef LEAD_STAGE_HELD_ITEMS_H
#define LEAD_STAGE_HELD_ITEMS_H

#include "lib/ilist.h"
#include "lead_table.h"

/* The first member of whatever is held; the item lives in its context. */
typedef struct HeldItem
{
	dlist_node	node;
	int			nest_level;
	int			written_level;	/* where an outer one's was written; 0: not yet */
	MemoryContext context;
	LeadTable  *table;
} HeldItem;

/*
 * Puts an item of the current subtransaction at the end of a list.  context,
 * in which the item was made, is the list's from now on; the table is held.
 */
extern void lead_stage_hold_item(dlist_head *list, HeldItem *item,
								 MemoryContext context, LeadTable *table);

/* Takes the item off its list and frees its context. */
extern void lead_stage_drop_item(HeldItem *item);

/* Has the list follow transactions; called once for each, from _PG_init. */
extern void lead_stage_follow_transactions(dlist_head *list);

#endif							/* LEAD_STAGE_HELD_ITEMS_H */
