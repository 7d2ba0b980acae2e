/*
 * judge_stage.h
 *	  The fit score and the stage of a lead that is being judged.
 */
#ifndef LEAD_STAGE_JUDGE_STAGE_H
#define LEAD_STAGE_JUDGE_STAGE_H

#include "judge.h"
#include "transition.h"

/* Scores the row, and notes which rules hold. */
extern void lead_stage_judge_fit(Judgement *judgement);

/* What the rules may know of the lead, and how they ask its row. */
extern LeadFacts lead_stage_facts_now(Judgement *judgement);
extern RowOracle lead_stage_oracle_of(Judgement *judgement);

/* For lead_stage_next_recheck, of a judgement. */
extern TimestampTz lead_stage_next_crossing(void *arg, TimestampTz from, double threshold, bool below);

/* What arriving by a transition entails; NULL: by none. */
extern void lead_stage_arrive_by(Judgement *judgement, const TransitionDef *transition);

/* Takes the automatic transitions that are open, one after the other. */
extern void lead_stage_move_automatically(Judgement *judgement);

/* The application wrote another stage: moves or refuses.  Returns whether the
 * lead may go on by itself from where it is now. */
extern bool lead_stage_move_by_hand(Judgement *judgement, LeadStage to_stage, const char *reason);

#endif							/* LEAD_STAGE_JUDGE_STAGE_H */
