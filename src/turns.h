/*
 * turns.h
 *	  Whose turn it is in a pool: weighted turns, remembered by the session.
 *
 * While the same reps are there, each is at all times within one turn of his
 * share of the turns taken so far.
 */
#ifndef LEAD_STAGE_TURNS_H
#define LEAD_STAGE_TURNS_H

#include "utils/uuid.h"
#include "model_def.h"

/* One rep's place in a pool, in the order of the pool's reps. */
typedef struct RepTurn
{
	const char *name;
	int			weight;
	bool		there;			/* took part in the last turn */
	int64		taken;			/* turns in this run */
	int64		last;			/* when: the number of the turn */
	double		credit;			/* turns due to him, over all runs */
} RepTurn;

typedef struct PoolTurns PoolTurns;

/* A turn that somebody has in mind to take. */
typedef struct Turn
{
	PoolTurns  *turns;
	int			rep;
	int			nreps;
	bool	   *there;			/* who could have had it */
} Turn;

/* Registers the transaction callbacks; called once, from _PG_init. */
extern void lead_stage_init_turns(void);

/*
 * The session's turns in a pool of a binding, which live as long as the
 * session; those of a pool that has changed go on with whoever is still in it.
 * starts: the session's first turn in it may use up a number of the sequence
 * lead_stage.turn, by which sessions start at different places.
 */
extern PoolTurns *lead_stage_pool_turns(const pg_uuid_t *binding,
										const PoolDef *pool, bool starts);

/* Whether a rep took part in the last turn; true before there was any. */
extern bool lead_stage_was_there(PoolTurns *turns, int rep);

/*
 * Whose turn it is among those who are there, after the turns that are only
 * meant to be taken so far; -1: nobody is.
 */
extern int	lead_stage_whose_turn(PoolTurns *turns, const bool *there,
								  const Turn *meant, int nmeant);

/* Takes the turn; it is given back if the subtransaction is rolled back. */
extern void lead_stage_take_turn(const Turn *turn);

#endif							/* LEAD_STAGE_TURNS_H */
