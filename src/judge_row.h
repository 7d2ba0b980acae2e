/*
 * judge_row.h
 *	  What a judgement reads and writes: our columns of the row, and events.
 */
#ifndef LEAD_STAGE_JUDGE_ROW_H
#define LEAD_STAGE_JUDGE_ROW_H

#include "judge.h"

/* Makes one slot a virtual copy of another, whose values it goes on pointing to. */
extern void lead_stage_copy_row(TupleTableSlot *from, TupleTableSlot *to);

/* A column's value in a slot; null where the table has no such column. */
extern Datum lead_stage_get_column(TupleTableSlot *slot, AttrNumber attno, bool *isnull);
extern LeadStage lead_stage_get_stage(LeadTable *table, TupleTableSlot *slot);
extern TimestampTz lead_stage_get_since(LeadTable *table, TupleTableSlot *slot);
extern const char *lead_stage_get_reason(LeadTable *table, TupleTableSlot *slot);
extern const char *lead_stage_get_owner(LeadTable *table, TupleTableSlot *slot);

/* Writes a column of the row being judged, if the table has it. */
extern void lead_stage_set_column(Judgement *judgement, AttrNumber attno, Datum value, bool isnull);
extern void lead_stage_set_stage(Judgement *judgement, LeadStage stage, TimestampTz since);
extern void lead_stage_set_reason(Judgement *judgement, const char *reason);

/* Gives a column back the value that is stored. */
extern void lead_stage_keep_column(Judgement *judgement, AttrNumber attno);

/* What the lead's activities are worth at the instant it is judged for. */
extern double lead_stage_engagement_now(Judgement *judgement);

/* Events happen in the order they are added; more may be filled in. */
extern LeadEvent *lead_stage_add_event(Judgement *judgement, LeadEventKind kind);
extern LeadEvent *lead_stage_add_created(Judgement *judgement, LeadStage stage, TimestampTz at);
extern void lead_stage_add_refused(Judgement *judgement, LeadStage wanted, const char *name, const char *why);
extern void lead_stage_add_rekeyed(Judgement *judgement);
extern void lead_stage_add_merged(Judgement *judgement, bool gone);

/* The lead leaves its stage for another. */
extern void lead_stage_move_to(Judgement *judgement, LeadStage to_stage, TimestampTz at, const char *name, const char *reason);

#endif							/* LEAD_STAGE_JUDGE_ROW_H */
