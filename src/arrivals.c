/*
 * arrivals.c
 *	  Leads that came to a key which another may still have to leave.
 *
 * Under a deferrable primary key two leads may have the same key until the
 * statement's end: UPDATE ... SET id = id + 1, an exchange of two keys, or an
 * INSERT of a key that is deleted after it.  The story of the one that leaves
 * has to end before that of the one that comes begins, and a state has to be
 * taken away before another can take its place.  So departures are recorded
 * at once, and arrivals when the statement has ended.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "lib/ilist.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "arrivals.h"
#include "pending.h"

typedef struct Arrival
{
	dlist_node	node;
	MemoryContext context;
	LeadTable  *table;
	int			nest_level;
	Datum	   *keys;
	int			nevents;
	LeadEvent  *events;
	HeapTuple	state;			/* as it was under the old key, or NULL */
	bool		state_changed;
	LeadState	new_state;
} Arrival;

static dlist_head arrivals = DLIST_STATIC_INIT(arrivals);

static char *
copy_string(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

static void *
copy_varlena(const void *value)
{
	void	   *copy;

	if (value == NULL)
		return NULL;
	copy = palloc(VARSIZE_ANY(value));
	return memcpy(copy, value, VARSIZE_ANY(value));
}

static void
copy_event(LeadEvent *to, const LeadEvent *from)
{
	*to = *from;
	to->name = copy_string(from->name);
	to->reason = copy_string(from->reason);
	to->owner = copy_string(from->owner);
	to->previous_owner = copy_string(from->previous_owner);
	to->evidence = copy_varlena(from->evidence);
}

static void
copy_state(LeadState *to, const LeadState *from)
{
	*to = *from;
	to->score = copy_varlena(from->score);
	to->sla = copy_varlena(from->sla);
	to->sla_state = copy_string(from->sla_state);
}

static void
drop_arrival(Arrival *arrival)
{
	dlist_delete(&arrival->node);
	lead_stage_release_table(arrival->table);
	MemoryContextDelete(arrival->context);
}

void
lead_stage_hold_arrival(Judgement *judgement, const Datum *old_keys, const Datum *keys)
{
	LeadTable  *table = judgement->table;
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "lead_stage arrival",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	Arrival    *arrival = palloc0(sizeof(Arrival));

	arrival->context = context;
	arrival->table = table;
	arrival->nest_level = GetCurrentTransactionNestLevel();
	arrival->keys = palloc(sizeof(Datum) * table->nkeys);
	for (int i = 0; i < table->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, table->keys[i] - 1);

		arrival->keys[i] = datumCopy(keys[i], att->attbyval, att->attlen);
	}
	arrival->events = palloc(sizeof(LeadEvent) * Max(judgement->nevents, 1));
	for (int i = 0; i < judgement->nevents; i++)
		if (!judgement->events[i].under_old_key)
			copy_event(&arrival->events[arrival->nevents++], &judgement->events[i]);
	arrival->state_changed = judgement->state_changed;
	copy_state(&arrival->new_state, &judgement->new_state);
	if (old_keys != NULL)
		arrival->state = lead_stage_take_state(table, old_keys);
	MemoryContextSwitchTo(oldcontext);

	lead_stage_hold_table(table);
	dlist_push_tail(&arrivals, &arrival->node);
}

static Arrival *
first_arrival(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &arrivals)
	{
		Arrival    *arrival = dlist_container(Arrival, node, iter.cur);

		if (arrival->nest_level == GetCurrentTransactionNestLevel())
			return arrival;
	}
	return NULL;
}

bool
lead_stage_has_arrivals(void)
{
	return first_arrival() != NULL;
}

void
lead_stage_release_arrivals(void)
{
	Arrival    *arrival;

	while ((arrival = first_arrival()) != NULL)
	{
		for (int i = 0; i < arrival->nevents; i++)
			lead_stage_add_pending(arrival->table, &arrival->events[i], arrival->keys);
		if (arrival->state != NULL)
			lead_stage_put_state(arrival->table, arrival->state, arrival->keys);
		if (arrival->state_changed)
			lead_stage_store_state(arrival->table, arrival->keys, &arrival->new_state);
		drop_arrival(arrival);
	}
}

/* ---------- the end of a transaction or subtransaction ---------- */

static void
end_of_transaction(XactEvent event, void *arg)
{
	dlist_mutable_iter iter;

	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	dlist_foreach_modify(iter, &arrivals)
		drop_arrival(dlist_container(Arrival, node, iter.cur));
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &arrivals)
	{
		Arrival    *arrival = dlist_container(Arrival, node, iter.cur);

		if (arrival->nest_level < nest_level)
			continue;
		if (event == SUBXACT_EVENT_ABORT_SUB)
			drop_arrival(arrival);
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
			arrival->nest_level = nest_level - 1;
	}
}

void
lead_stage_init_arrivals(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}
