/*
 * judge_clocks.h
 *	  The SLA clocks of a lead that is being judged.
 */
#ifndef LEAD_STAGE_JUDGE_CLOCKS_H
#define LEAD_STAGE_JUDGE_CLOCKS_H

#include "judge.h"

/* Begins with the clocks that judgement->state remembers. */
extern void lead_stage_take_clocks(Judgement *judgement);

/*
 * The lead is about to leave its stage, which is told after this: its clocks are
 * met or cancelled as of that instant, if the row does not say that they were met
 * before.
 */
extern void lead_stage_leave_clocks(Judgement *judgement, LeadStage to_stage, TimestampTz at);

/*
 * Everything that happens to the clocks of judgement->row at judgement->at.
 * What a breach entails may move the lead and give it another owner.
 */
extern void lead_stage_judge_clocks(Judgement *judgement);

/* When a clock falls due next; DT_NOEND: none does. */
extern TimestampTz lead_stage_next_clock(Judgement *judgement);

/* The same, and when the row will say that one was met. */
extern TimestampTz lead_stage_next_clock_of_row(Judgement *judgement);

/* The lead is deleted. */
extern void lead_stage_cancel_clocks(Judgement *judgement);

/* Writes the clocks into judgement->new_state, if anything became of them. */
extern void lead_stage_keep_clocks(Judgement *judgement);

#endif							/* LEAD_STAGE_JUDGE_CLOCKS_H */
