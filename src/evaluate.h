/*
 * evaluate.h
 *	  Running a model's conditions: with whose rights, in which time zone, and
 *	  what happens when one raises.
 */
#ifndef LEAD_STAGE_EVALUATE_H
#define LEAD_STAGE_EVALUATE_H

#include "judge.h"

/*
 * Runs work(judgement) as the owner of the table, in the model's time zone, at
 * judgement->at.  work evaluates conditions with the functions below and must
 * have no other effect than on the judgement: when a condition raises and the
 * model skips such rules, reset and work are run again with it counted false.
 */
extern void lead_stage_as_owner(Judgement *judgement,
								void (*work) (Judgement *judgement));

/*
 * Raises while one of the table's conditions is being evaluated: what comes
 * from within it would tear the row being judged from under it.  To be called
 * before table->row is filled.
 */
extern void lead_stage_forbid_while_judging(LeadTable *table);

/* Whether a condition holds for judgement->row; null counts as false. */
extern bool lead_stage_condition_holds(void *judgement, int condition);

/* The same for judgement->old. */
extern bool lead_stage_condition_held(Judgement *judgement, int condition);

/* The value of a timestamptz expression; false if it is null. */
extern bool lead_stage_instant(void *judgement, int expression, TimestampTz *value);

#endif							/* LEAD_STAGE_EVALUATE_H */
