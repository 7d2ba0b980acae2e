/*
 * trig_lead.h
 *	  What others ask of the trigger on leads.
 */
#ifndef LEAD_STAGE_TRIG_LEAD_H
#define LEAD_STAGE_TRIG_LEAD_H

#include "utils/reltrigger.h"
#include "memo.h"

typedef enum RescoreMode
{
	RESCORE_OFF,
	RESCORE_JUDGE,				/* judge every row written, changed or not */
	RESCORE_ADOPT				/* and take the stage of unknown rows as given */
} RescoreMode;

typedef struct Rescoring
{
	RescoreMode mode;
	int			depth;			/* of triggers fired by the rescoring statement */
} Rescoring;

/*
 * Sets how the statement run next judges the leads it updates; returns what
 * was set before, to be put back by the caller on every way out.
 */
extern Rescoring lead_stage_set_rescore(RescoreMode mode);
extern void lead_stage_restore_rescore(Rescoring previous);

/*
 * The activities that make us judge a lead, or NULL.  Returns the previous
 * value, to be put back on every way out.
 */
extern const ActivityMatches *lead_stage_set_matches(const ActivityMatches *matches);

/*
 * While leads are merged: the key of the other one, as history names it, or
 * NULL.  Returns the previous value, to be put back on every way out.
 */
extern const char *lead_stage_set_merge(const char *other);

/*
 * How many leads this session has judged, in a rescore or a sweep, and whose
 * rows it then left as they were.
 */
extern uint64 lead_stage_left_alone(void);

/*
 * Whether <leads>_state may know a lead that ends: clocks end with their lead,
 * whether or not a model is published.
 */
extern bool lead_stage_may_be_remembered(LeadTable *table);

/*
 * Tells what a DELETE of the row would, where no trigger fires for it; what is
 * remembered of the lead is left to the caller, and so are the pending events.
 * The memo is of the statement that removes it.
 */
extern void lead_stage_end_truncated(LeadTable *table, Memo *memo, TupleTableSlot *row);

/* Whether it is a trigger "~lead_stage_judge"; false if none has fired yet. */
extern bool lead_stage_is_judge(const Trigger *trigger);

/*
 * Whether an UPDATE that sets these columns (as the executor numbers them) may
 * change what the model reads or we keep.  What rescores sets stage_since.
 */
extern bool lead_stage_may_concern(LeadTable *table, const Bitmapset *updated);

#endif							/* LEAD_STAGE_TRIG_LEAD_H */
