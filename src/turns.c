/*
 * turns.c
 *	  Whose turn it is in a pool: weighted turns, remembered by the session.
 *
 * A run is a sequence of turns with the same reps there.  In it the n-th turn
 * of a rep with share r must come after the (n-1)/r-th turn of the run and no
 * later than the n/r-th: then he is always within one turn of his share.  Of
 * those who may have the next turn, the one who must have it soonest gets it;
 * that never fails, as for periodic tasks on one processor (unit tasks with
 * windows, by earliest deadline; any rep may open a run, for no window ends
 * with its first turn unless there is one rep only).  The first turns of a
 * session are drawn by lot instead, within the same windows.
 *
 * When somebody comes or goes a new run begins, and is opened by the rep to
 * whom most is due from all runs before.  Whoever is away is due nothing for
 * that time, so nobody comes back to a pile of leads.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "common/pg_prng.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "turns.h"

/* What is put back when a subtransaction is rolled back. */
typedef struct TurnState
{
	bool		started;
	bool		fresh;			/* the next turn opens a run */
	int			opener;			/* who is to open the first one */
	int64		run;			/* turns taken in this run */
	int64		clock;			/* turns taken ever */
	int			nreps;
	RepTurn		reps[FLEXIBLE_ARRAY_MEMBER];
} TurnState;

typedef struct SavedState
{
	struct SavedState *outer;
	int			nest_level;
	TurnState  *state;
} SavedState;

struct PoolTurns
{
	struct PoolTurns *next;
	pg_uuid_t	binding;
	const char *pool;
	uint64		serial;			/* of the PoolDef it was last made to fit */
	List	   *names;			/* reps' names, kept for the session */
	TurnState  *state;
	SavedState *saved;			/* as they were, innermost level first */
};

#define GOLDEN_RATIO	0.61803398874989484820

/* How many turns of a session are drawn, and how far weights may differ then:
 * it takes looking ahead. */
#define DRAWN_TURNS		64
#define MAX_DRAWN_RATIO	100

static PoolTurns *all_turns = NULL;

#define state_size(nreps)	(offsetof(TurnState, reps) + sizeof(RepTurn) * (nreps))

static TurnState *
copy_state(MemoryContext context, const TurnState *state)
{
	TurnState  *copy = MemoryContextAlloc(context, state_size(state->nreps));

	memcpy(copy, state, state_size(state->nreps));
	return copy;
}

/* ---------- the rule ---------- */

static int64
weight_there(const TurnState *state)
{
	int64		weight = 0;

	for (int i = 0; i < state->nreps; i++)
		if (state->reps[i].there)
			weight += state->reps[i].weight;
	return weight;
}

/* Whoever is there from now on: a change ends the run. */
static void
let_in(TurnState *state, const bool *there)
{
	bool		change = !state->started;

	for (int i = 0; i < state->nreps; i++)
	{
		change |= state->reps[i].there != there[i];
		state->reps[i].there = there[i];
	}
	state->started = true;
	if (!change)
		return;
	state->fresh = true;
	state->run = 0;
	for (int i = 0; i < state->nreps; i++)
		state->reps[i].taken = 0;
}

/* Whether more is due to a rep than to another; else, who has waited longer. */
static bool
comes_before(const RepTurn *rep, double credit, const RepTurn *other, double other_credit)
{
	if (fabs(credit - other_credit) > 1e-9)
		return credit > other_credit;
	return rep->last < other->last;
}

static int
most_due(const TurnState *state, int64 weight)
{
	int			best = -1;
	double		best_credit = 0;

	for (int i = 0; i < state->nreps; i++)
	{
		const RepTurn *rep = &state->reps[i];
		double		credit = rep->credit + (double) rep->weight / weight;

		if (!rep->there)
			continue;
		if (best < 0 || comes_before(rep, credit, &state->reps[best], best_credit))
		{
			best = i;
			best_credit = credit;
		}
	}
	return best;
}

static int
earliest_deadline(const TurnState *state, int64 weight)
{
	int			best = -1;
	int64		best_deadline = 0;

	for (int i = 0; i < state->nreps; i++)
	{
		const RepTurn *rep = &state->reps[i];
		int64		deadline;

		if (!rep->there || rep->taken * weight >= (state->run + 1) * rep->weight)
			continue;
		deadline = ((rep->taken + 1) * weight + rep->weight - 1) / rep->weight;
		if (best < 0 || deadline < best_deadline ||
			(deadline == best_deadline &&
			 comes_before(rep, rep->credit, &state->reps[best], state->reps[best].credit)))
		{
			best = i;
			best_deadline = deadline;
		}
	}
	return best;
}

/*
 * Whether all others can still have their turns in time if one rep gets the
 * next: up to any turn to come, no more may be due than there are turns.
 * Looks ahead to where nobody has had more than is due.
 */
static bool
leaves_enough(const TurnState *state, int64 weight, int taker)
{
	for (int64 turn = state->run + 1;; turn++)
	{
		int64		needed = 0;
		bool		ahead = false;

		for (int i = 0; i < state->nreps; i++)
		{
			const RepTurn *rep = &state->reps[i];
			int64		due;

			if (!rep->there)
				continue;
			due = turn * rep->weight / weight - rep->taken - (i == taker ? 1 : 0);
			needed += Max(due, 0);
			ahead |= due < 0;
		}
		if (needed > turn - (state->run + 1))
			return false;
		if (!ahead)
			return true;
	}
}

/*
 * By earliest deadline heavy reps come first, and sessions that take few turns
 * would never get to the light ones.  So the first turns are drawn: each rep
 * with the chance that evens out what sessions give him on average, among those
 * who may have the turn and leave the others theirs.
 */
static int
drawn(const TurnState *state, int64 weight)
{
	int			best = -1;
	double		sum = 0;

	for (int i = 0; i < state->nreps; i++)
	{
		const RepTurn *rep = &state->reps[i];
		double		share = (double) rep->weight / weight;
		double		lag = state->run * share - rep->taken;
		double		chance = lag >= 0 ? share / (1 - lag) : lag + share;

		if (!rep->there || rep->taken * weight >= (state->run + 1) * rep->weight ||
			!leaves_enough(state, weight, i))
			continue;
		sum += chance;
		if (best < 0 || pg_prng_double(&pg_global_prng_state) * sum < chance)
			best = i;
	}
	return best;
}

/* Where the order of turns makes a difference to short sessions. */
static bool
is_to_be_drawn(const TurnState *state)
{
	int			lightest = 0;
	int			heaviest = 0;

	if (state->clock >= DRAWN_TURNS)
		return false;
	for (int i = 0; i < state->nreps; i++)
	{
		if (!state->reps[i].there)
			continue;
		heaviest = Max(heaviest, state->reps[i].weight);
		lightest = lightest == 0 ? state->reps[i].weight : Min(lightest, state->reps[i].weight);
	}
	return heaviest > lightest && heaviest <= lightest * MAX_DRAWN_RATIO;
}

static int
pick(const TurnState *state)
{
	int64		weight = weight_there(state);

	if (weight == 0)
		return -1;
	if (!state->fresh)
	{
		int			rep = is_to_be_drawn(state) ? drawn(state, weight) : -1;

		return rep >= 0 ? rep : earliest_deadline(state, weight);
	}
	if (state->opener >= 0 && state->reps[state->opener].there)
		return state->opener;
	return most_due(state, weight);
}

static void
advance(TurnState *state, int taker)
{
	int64		weight = weight_there(state);
	bool		even = true;

	for (int i = 0; i < state->nreps; i++)
		if (state->reps[i].there)
			state->reps[i].credit += (double) state->reps[i].weight / weight;
	state->reps[taker].credit -= 1;
	state->reps[taker].taken++;
	state->reps[taker].last = ++state->clock;
	state->run++;
	state->fresh = false;
	state->opener = -1;

	/* Where everybody has just what is due, count from there. */
	for (int i = 0; i < state->nreps && even; i++)
		even = !state->reps[i].there ||
			state->reps[i].taken * weight == state->run * state->reps[i].weight;
	if (!even)
		return;
	state->run = 0;
	for (int i = 0; i < state->nreps; i++)
		state->reps[i].taken = 0;
}

/* ---------- where a session starts ---------- */

/*
 * Sessions that take few turns must not all begin with the same rep.  Multiples
 * of the golden ratio fall evenly into the reps' shares, however many they are.
 */
static double
starting_point(bool starts)
{
	Oid			schema = get_namespace_oid("lead_stage", true);
	Oid			sequence = OidIsValid(schema) ? get_relname_relid("turn", schema) : InvalidOid;
	double		point;

	if (!starts || !OidIsValid(sequence) || get_rel_relkind(sequence) != RELKIND_SEQUENCE)
		return pg_prng_double(&pg_global_prng_state);
	point = nextval_internal(sequence, false) * GOLDEN_RATIO;
	return point - floor(point);
}

static void
choose_opener(TurnState *state, bool starts)
{
	int64		weight = 0;
	double		place;
	int			opener = 0;

	for (int i = 0; i < state->nreps; i++)
		weight += state->reps[i].weight;
	place = starting_point(starts) * weight;
	while (opener < state->nreps - 1 && place >= state->reps[opener].weight)
		place -= state->reps[opener++].weight;
	state->opener = opener;
	/* the others follow in the order of the pool */
	for (int i = 0; i < state->nreps; i++)
		state->reps[i].last = (i - opener + state->nreps) % state->nreps - state->nreps;
}

/* ---------- a session's pools ---------- */

static const char *
keep_name(PoolTurns *turns, const char *name)
{
	ListCell   *lc;
	MemoryContext oldcontext;

	foreach(lc, turns->names)
		if (strcmp(lfirst(lc), name) == 0)
			return lfirst(lc);
	oldcontext = MemoryContextSwitchTo(TopMemoryContext);
	turns->names = lappend(turns->names, pstrdup(name));
	MemoryContextSwitchTo(oldcontext);
	return llast(turns->names);
}

static bool
fits(const TurnState *state, const PoolDef *pool)
{
	if (state->nreps != pool->nreps)
		return false;
	for (int i = 0; i < pool->nreps; i++)
		if (state->reps[i].weight != pool->reps[i].weight ||
			strcmp(state->reps[i].name, pool->reps[i].name) != 0)
			return false;
	return true;
}

/* Whoever stays keeps what is due to him; a new run begins. */
static void
make_fit(PoolTurns *turns, const PoolDef *pool)
{
	TurnState  *before = turns->state;
	TurnState  *state;

	turns->serial = pool->serial;
	if (before != NULL && fits(before, pool))
		return;
	state = MemoryContextAllocZero(TopMemoryContext, state_size(pool->nreps));
	state->opener = -1;
	state->fresh = true;
	state->nreps = pool->nreps;
	if (before != NULL)
		state->clock = before->clock;
	for (int i = 0; i < pool->nreps; i++)
	{
		RepTurn    *rep = &state->reps[i];

		rep->name = keep_name(turns, pool->reps[i].name);
		rep->weight = pool->reps[i].weight;
		rep->last = state->clock;
		for (int j = 0; before != NULL && before->started && j < before->nreps; j++)
		{
			if (before->reps[j].name != rep->name)
				continue;
			rep->credit = before->reps[j].credit;
			rep->last = before->reps[j].last;
			rep->there = before->reps[j].there;
			state->started = true;
		}
	}
	turns->state = state;
	if (before != NULL)
		pfree(before);
}

PoolTurns *
lead_stage_pool_turns(const pg_uuid_t *binding, const PoolDef *pool, bool starts)
{
	PoolTurns  *turns = all_turns;

	while (turns != NULL && (memcmp(&turns->binding, binding, sizeof(pg_uuid_t)) != 0 ||
							 strcmp(turns->pool, pool->name) != 0))
		turns = turns->next;
	if (turns == NULL)
	{
		turns = MemoryContextAllocZero(TopMemoryContext, sizeof(PoolTurns));
		turns->binding = *binding;
		turns->pool = MemoryContextStrdup(TopMemoryContext, pool->name);
		turns->next = all_turns;
		all_turns = turns;
	}
	if (turns->serial != pool->serial)
		make_fit(turns, pool);
	if (!turns->state->started && turns->state->opener < 0 && pool->nreps > 0)
		choose_opener(turns->state, starts);
	return turns;
}

bool
lead_stage_was_there(PoolTurns *turns, int rep)
{
	return !turns->state->started || turns->state->reps[rep].there;
}

int
lead_stage_whose_turn(PoolTurns *turns, const bool *there, const Turn *meant, int nmeant)
{
	TurnState  *state = copy_state(CurrentMemoryContext, turns->state);
	int			rep;

	for (int i = 0; i < nmeant; i++)
	{
		if (meant[i].turns != turns)
			continue;
		let_in(state, meant[i].there);
		advance(state, meant[i].rep);
	}
	let_in(state, there);
	rep = pick(state);
	pfree(state);
	return rep;
}

/* ---------- taking one, and giving it back ---------- */

/* Once for each level of subtransactions that takes a turn. */
static void
save_state(PoolTurns *turns)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	SavedState *saved;

	if (turns->saved != NULL && turns->saved->nest_level == nest_level)
		return;
	saved = MemoryContextAlloc(TopMemoryContext, sizeof(SavedState));
	saved->outer = turns->saved;
	saved->nest_level = nest_level;
	saved->state = copy_state(TopMemoryContext, turns->state);
	turns->saved = saved;
}

void
lead_stage_take_turn(const Turn *turn)
{
	PoolTurns  *turns = turn->turns;

	/* the pool was published anew meanwhile, in a statement within this one */
	if (turns->state->nreps != turn->nreps)
		return;
	save_state(turns);
	let_in(turns->state, turn->there);
	advance(turns->state, turn->rep);
}

static void
forget_saved(PoolTurns *turns)
{
	SavedState *saved = turns->saved;

	turns->saved = saved->outer;
	if (saved->state != NULL)
		pfree(saved->state);
	pfree(saved);
}

static void
put_back(PoolTurns *turns)
{
	pfree(turns->state);
	turns->state = turns->saved->state;
	turns->saved->state = NULL;
	turns->serial = 0;			/* it may be of another version's pool */
	forget_saved(turns);
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	for (PoolTurns *turns = all_turns; turns != NULL; turns = turns->next)
		while (turns->saved != NULL)
		{
			if (event == XACT_EVENT_ABORT)
				put_back(turns);
			else
				forget_saved(turns);
		}
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	int			nest_level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (PoolTurns *turns = all_turns; turns != NULL; turns = turns->next)
	{
		if (event == SUBXACT_EVENT_ABORT_SUB)
			while (turns->saved != NULL && turns->saved->nest_level >= nest_level)
				put_back(turns);
		else if (turns->saved != NULL && turns->saved->nest_level >= nest_level)
		{
			/* the parent's, unless it has one of before */
			if (turns->saved->outer != NULL &&
				turns->saved->outer->nest_level == nest_level - 1)
				forget_saved(turns);
			else
				turns->saved->nest_level = nest_level - 1;
		}
	}
}

void
lead_stage_init_turns(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}
