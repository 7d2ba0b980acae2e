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
#include "utils/datum.h"
#include "utils/memutils.h"

#include "arrivals.h"
#include "held_items.h"
#include "held_states.h"
#include "pending.h"

typedef struct Arrival
{
	HeldItem	held;
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

void
lead_stage_hold_arrival(Judgement *judgement, const Datum *old_keys, const Datum *keys)
{
	LeadTable  *table = judgement->table;
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "lead_stage arrival",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	Arrival    *arrival = palloc0(sizeof(Arrival));

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

	lead_stage_hold_item(&arrivals, &arrival->held, context, table);
}

static Arrival *
first_arrival(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &arrivals)
	{
		Arrival    *arrival = dlist_container(Arrival, held.node, iter.cur);

		if (arrival->held.nest_level == GetCurrentTransactionNestLevel())
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
			lead_stage_add_pending(arrival->held.table, &arrival->events[i], arrival->keys);
		if (arrival->state != NULL)
			lead_stage_put_state(arrival->held.table, arrival->state, arrival->keys);
		if (arrival->state_changed)
			lead_stage_hold_state(arrival->held.table, arrival->keys, &arrival->new_state);
		lead_stage_drop_item(&arrival->held);
	}
}

void
lead_stage_init_arrivals(void)
{
	lead_stage_follow_transactions(&arrivals);
}
