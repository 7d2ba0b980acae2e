/*
 * reps.h
 *	  Which of a pool's reps can take a lead now.
 */
#ifndef LEAD_STAGE_REPS_H
#define LEAD_STAGE_REPS_H

#include "judge.h"

/* Whether a rep is away at the instant the lead is judged for. */
extern bool lead_stage_is_away(Judgement *judgement, const PoolDef *pool, int rep);

/*
 * Whether a rep has fewer open leads in sales stages than he may have.  Those
 * that earlier rows of the same statement gave him count, the lead that is
 * being judged does not.
 */
extern bool lead_stage_has_room(Judgement *judgement, const RepDef *rep);

/* A row has landed, or is gone: keeps the counts of its statement right. */
extern void lead_stage_count_landed(Judgement *judgement, bool deleted);

/* A name as the owner column shows it: another form may mean the same. */
extern const char *lead_stage_owner_text(LeadTable *table, const char *name);

#endif							/* LEAD_STAGE_REPS_H */
