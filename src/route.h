/*
 * route.h
 *	  Who gets a lead that enters a stage.
 */
#ifndef LEAD_STAGE_ROUTE_H
#define LEAD_STAGE_ROUTE_H

#include "judge.h"

/*
 * Assigns by the routes of the stages that were entered by the events from
 * first_event on, and records it if the row's owner is another than before.
 */
extern void lead_stage_judge_owner(Judgement *judgement, int first_event);

/*
 * Gives the lead to the next of the pool of that name or, if the model has no
 * such pool, to whoever is so called; "because" is history's name for it.
 * False, and nothing done, if nobody of the pool is available.
 */
extern bool lead_stage_assign_to(Judgement *judgement, const char *name_or_pool,
								 const char *because);

/* The row has landed: the turns that its judgement gave are taken. */
extern void lead_stage_take_turns(Judgement *judgement, bool deleted);

#endif							/* LEAD_STAGE_ROUTE_H */
