/*
 * route.c
 *	  Who gets a lead that enters a stage.
 *
 * A judgement only says whose turn it is; turns are taken when the row lands,
 * so a row that does not land, or is judged again, takes none.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "evaluate.h"
#include "judge_row.h"
#include "reps.h"
#include "route.h"
#include "turns.h"

/* ---------- a pool's next ---------- */

/*
 * A draft's pools, and those of examples, are nobody's turn in earnest: they
 * must not mix with the session's own.
 */
static PoolTurns *
turns_of(Judgement *judgement, const PoolDef *pool)
{
	const pg_uuid_t none = {0};

	return lead_stage_pool_turns(judgement->table->version == 0 ? &none : &judgement->table->binding,
								 pool, judgement->statement != 0);
}

/*
 * The next of a pool, or NULL if nobody is available.  Counting leads costs
 * something: it is done for whoever is about to get one, and for those who had
 * no room the last time.
 */
static Turn *
next_turn(Judgement *judgement, const PoolDef *pool)
{
	PoolTurns  *turns = turns_of(judgement, pool);
	Turn	   *turn = palloc(sizeof(Turn));
	bool	   *counted = palloc0(sizeof(bool) * Max(pool->nreps, 1));

	turn->turns = turns;
	turn->nreps = pool->nreps;
	turn->there = palloc0(sizeof(bool) * Max(pool->nreps, 1));
	for (int i = 0; i < pool->nreps; i++)
	{
		turn->there[i] = !lead_stage_is_away(judgement, pool, i);
		if (!turn->there[i] || !pool->reps[i].limited || lead_stage_was_there(turns, i))
			continue;
		counted[i] = true;
		turn->there[i] = lead_stage_has_room(judgement, &pool->reps[i]);
	}
	for (;;)
	{
		int			rep = lead_stage_whose_turn(turns, turn->there,
												judgement->turns, judgement->nturns);

		if (rep < 0)
			return NULL;
		if (!pool->reps[rep].limited || counted[rep] ||
			lead_stage_has_room(judgement, &pool->reps[rep]))
		{
			turn->rep = rep;
			return turn;
		}
		turn->there[rep] = false;
	}
}

static void
mean_turn(Judgement *judgement, const Turn *turn)
{
	if (judgement->turns == NULL)
		judgement->turns = palloc(sizeof(Turn));
	else
		judgement->turns = repalloc(judgement->turns,
									sizeof(Turn) * (judgement->nturns + 1));
	judgement->turns[judgement->nturns++] = *turn;
}

void
lead_stage_take_turns(Judgement *judgement, bool deleted)
{
	for (int i = 0; i < judgement->nturns; i++)
		lead_stage_take_turn(&judgement->turns[i]);
	lead_stage_count_landed(judgement, deleted);
}

/* ---------- the owner ---------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
set_owner(Judgement *judgement, const char *name)
{
	LeadTable  *table = judgement->table;

	lead_stage_set_column(judgement, table->owner,
						  name == NULL ? (Datum) 0 :
						  InputFunctionCall(&table->owner_in, unconstify(char *, name),
											table->owner_ioparam, table->owner_typmod),
						  name == NULL);
}

/* The row has another owner than before, because of a route or by hand. */
static void
note_owner(Judgement *judgement, const char *because, const char *reason)
{
	const char *owner = lead_stage_get_owner(judgement->table, judgement->row);
	const char *previous = judgement->owner;
	LeadEvent  *event;

	if (same_text(owner, previous))
		return;
	judgement->owner = owner;
	event = lead_stage_add_event(judgement, EVENT_OWNER);
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->previous_owner = previous;
	event->name = because;
	event->reason = reason;
}

/* What routes make of one or more moves. */
typedef struct Assignment
{
	const RouteDef *route;		/* NULL: none has said anything */
	Turn	   *turn;			/* of a pool */
	bool		nobody;			/* nobody of its pool is available */
} Assignment;

static bool
takes_away(const RouteDef *route, LeadStage from_stage)
{
	switch (route->reassign)
	{
		case REASSIGN_ALWAYS:
			return true;
		case REASSIGN_NEVER:
			return false;
		case REASSIGN_NEW_TEAM:
			break;
	}
	return from_stage != 0 &&
		!same_text(lead_stage_team_of(from_stage), lead_stage_team_of(route->stage));
}

/* A column that must not be null keeps the owner it has. */
static bool
may_have_no_owner(LeadTable *table)
{
	return !TupleDescAttr(table->desc, table->owner - 1)->attnotnull;
}

/* The first route whose condition holds assigns, if it has somebody to. */
static void
enter(Judgement *judgement, LeadStage from_stage, LeadStage to_stage, Assignment *assignment)
{
	LeadTable  *table = judgement->table;
	ModelDef   *model = table->model;
	const char *owner = lead_stage_get_owner(table, judgement->row);
	const RouteDef *nobody = NULL;

	lead_stage_set_column(judgement, table->stage, LeadStageGetDatum(to_stage), false);
	for (int i = 0; i < model->nroutes; i++)
	{
		const RouteDef *route = &model->routes[i];
		Turn	   *turn = NULL;

		if (route->stage != to_stage ||
			!lead_stage_condition_holds(judgement, route->condition))
			continue;
		if (owner != NULL && !takes_away(route, from_stage))
			return;
		if (route->assign_to == NULL && (turn = next_turn(judgement, route->pool)) == NULL)
		{
			if (nobody == NULL)
				nobody = route;
			continue;
		}
		assignment->route = route;
		assignment->turn = turn;
		assignment->nobody = false;
		set_owner(judgement, turn ? route->pool->reps[turn->rep].name : route->assign_to);
		return;
	}
	if (nobody == NULL || (owner != NULL && !may_have_no_owner(table)))
		return;
	assignment->route = nobody;
	assignment->turn = NULL;
	assignment->nobody = true;
	set_owner(judgement, NULL);
}

/*
 * One stage after the other, as if each were entered by itself; but whoever
 * would lose the lead again in the same breath never gets it, nor gives up a
 * turn for it.
 */
static void
follow_routes(Judgement *judgement, int first_event)
{
	Assignment	assignment = {NULL, NULL, false};
	int			last_event = judgement->nevents;

	for (int i = first_event; i < last_event; i++)
	{
		const LeadEvent *event = &judgement->events[i];

		if (event->kind == EVENT_STAGE || event->kind == EVENT_CREATED)
			enter(judgement, event->from_stage, event->to_stage, &assignment);
	}
	lead_stage_set_column(judgement, judgement->table->stage,
						  LeadStageGetDatum(judgement->stage), false);
	if (assignment.turn != NULL)
		mean_turn(judgement, assignment.turn);
	if (assignment.route != NULL)
		note_owner(judgement, assignment.route->name,
				   assignment.nobody ?
				   psprintf("Nobody in pool \"%s\" is available.", assignment.route->pool->name) : NULL);
}

void
lead_stage_judge_owner(Judgement *judgement, int first_event)
{
	LeadTable  *table = judgement->table;

	if (table->published && table->model->nroutes > 0 &&
		table->owner != InvalidAttrNumber && !judgement->owner_written)
		follow_routes(judgement, first_event);
	note_owner(judgement, NULL, NULL);
}

bool
lead_stage_assign_to(Judgement *judgement, const char *name_or_pool, const char *because)
{
	LeadTable  *table = judgement->table;
	const PoolDef *pool = lead_stage_find_pool(table->model, name_or_pool);
	Turn	   *turn;

	if (table->owner == InvalidAttrNumber)
		return false;
	if (pool != NULL)
	{
		turn = next_turn(judgement, pool);
		if (turn == NULL)
			return false;
		mean_turn(judgement, turn);
		name_or_pool = pool->reps[turn->rep].name;
	}
	set_owner(judgement, name_or_pool);
	note_owner(judgement, because, NULL);
	return true;
}
