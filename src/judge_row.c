/*
 * judge_row.c
 *	  What a judgement reads and writes: our columns of the row, and events.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "engagement.h"
#include "judge_clocks.h"
#include "judge_row.h"
#include "key_text.h"

/* ---------- the row's columns ---------- */

void
lead_stage_copy_row(TupleTableSlot *from, TupleTableSlot *to)
{
	int			natts = to->tts_tupleDescriptor->natts;

	slot_getallattrs(from);
	ExecClearTuple(to);
	memcpy(to->tts_values, from->tts_values, sizeof(Datum) * natts);
	memcpy(to->tts_isnull, from->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(to);
}

Datum
lead_stage_get_column(TupleTableSlot *slot, AttrNumber attno, bool *isnull)
{
	if (attno == InvalidAttrNumber)
	{
		*isnull = true;
		return (Datum) 0;
	}
	return slot_getattr(slot, attno, isnull);
}

LeadStage
lead_stage_get_stage(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = lead_stage_get_column(slot, table->stage, &isnull);

	return isnull ? 0 : DatumGetLeadStage(value);
}

TimestampTz
lead_stage_get_since(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = lead_stage_get_column(slot, table->stage_since, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

const char *
lead_stage_get_reason(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = lead_stage_get_column(slot, table->stage_reason, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

const char *
lead_stage_get_owner(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = lead_stage_get_column(slot, table->owner, &isnull);

	if (isnull)
		return NULL;
	if (table->owner_is_text)
		return TextDatumGetCString(value);
	return OutputFunctionCall(&table->owner_out, value);
}

void
lead_stage_set_column(Judgement *judgement, AttrNumber attno, Datum value, bool isnull)
{
	if (attno == InvalidAttrNumber)
		return;
	judgement->row->tts_values[attno - 1] = value;
	judgement->row->tts_isnull[attno - 1] = isnull;
}

void
lead_stage_set_stage(Judgement *judgement, LeadStage stage, TimestampTz since)
{
	judgement->stage = stage;
	judgement->since = since;
	lead_stage_set_column(judgement, judgement->table->stage, LeadStageGetDatum(stage), false);
	lead_stage_set_column(judgement, judgement->table->stage_since,
			   TimestampTzGetDatum(since), TIMESTAMP_IS_NOBEGIN(since));
}

void
lead_stage_set_reason(Judgement *judgement, const char *reason)
{
	lead_stage_set_column(judgement, judgement->table->stage_reason,
			   reason ? CStringGetTextDatum(reason) : (Datum) 0, reason == NULL);
}

/* Gives a column back the value that is stored. */
void
lead_stage_keep_column(Judgement *judgement, AttrNumber attno)
{
	bool		isnull;
	Datum		value = lead_stage_get_column(judgement->old, attno, &isnull);

	lead_stage_set_column(judgement, attno, value, isnull);
}

/* ---------- events ---------- */

double
lead_stage_engagement_now(Judgement *judgement)
{
	if (judgement->state.score == NULL)
		return 0;
	return lead_stage_engagement(judgement->table->model, judgement->state.score,
								 judgement->at);
}

void
lead_stage_matches_between(const ModelDef *model, const LeadScore *before,
						   const LeadScore *after, ActivityMatches *matches)
{
	int			n = Max(model->nengagements, 1);

	matches->nrules = 0;
	matches->knows_before = false;
	matches->rules = palloc(sizeof(int) * n);
	matches->last = palloc(sizeof(TimestampTz) * n);
	matches->before = palloc(sizeof(TimestampTz) * n);
	for (int i = 0; i < model->nengagements; i++)
	{
		int			rule = model->engagements[i].id;
		TimestampTz last = lead_stage_last_match(after, rule);
		TimestampTz last_before = lead_stage_last_match(before, rule);

		if (last <= last_before)
			continue;
		matches->rules[matches->nrules] = rule;
		matches->last[matches->nrules] = last;
		matches->before[matches->nrules] = last_before;
		matches->nrules++;
	}
}

LeadEvent *
lead_stage_add_event(Judgement *judgement, LeadEventKind kind)
{
	LeadEvent  *event;

	if (judgement->nevents == judgement->max_events)
	{
		judgement->max_events = judgement->max_events ? judgement->max_events * 2 : 4;
		if (judgement->events == NULL)
			judgement->events = palloc(sizeof(LeadEvent) * judgement->max_events);
		else
			judgement->events = repalloc(judgement->events,
										 sizeof(LeadEvent) * judgement->max_events);
	}
	event = &judgement->events[judgement->nevents++];
	memset(event, 0, sizeof(LeadEvent));
	event->kind = kind;
	event->at = judgement->at;
	event->since = DT_NOBEGIN;
	event->due = DT_NOBEGIN;
	event->owner = judgement->owner;
	event->touched = !TIMESTAMP_IS_NOBEGIN(judgement->since) &&
		judgement->state.last_touch >= judgement->since &&
		!TIMESTAMP_IS_NOBEGIN(judgement->state.last_touch);
	event->has_engagement = judgement->state.score != NULL && judgement->table->published;
	if (event->has_engagement)
		event->engagement = (float4) lead_stage_engagement_now(judgement);
	event->has_fit = judgement->table->published;
	event->fit = judgement->fit;
	return event;
}

LeadEvent *
lead_stage_add_created(Judgement *judgement, LeadStage stage, TimestampTz at)
{
	LeadEvent  *event = lead_stage_add_event(judgement, EVENT_CREATED);

	event->to_stage = stage;
	event->at = at;
	event->evidence = judgement->evidence;
	judgement->entered = true;
	return event;
}

void
lead_stage_add_refused(Judgement *judgement, LeadStage wanted, const char *name, const char *why)
{
	LeadEvent  *event = lead_stage_add_event(judgement, EVENT_REFUSED);

	event->from_stage = judgement->stage;
	event->to_stage = wanted;
	event->since = judgement->since;
	event->name = name;
	event->reason = why;
	event->evidence = judgement->evidence;
}

/* The key changed: its story ends under the old key and goes on under the new. */
void
lead_stage_add_rekeyed(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadEvent  *event;

	event = lead_stage_add_event(judgement, EVENT_REKEYED);
	event->under_old_key = true;
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->reason = lead_stage_key_values(table, judgement->row);

	event = lead_stage_add_event(judgement, EVENT_REKEYED);
	event->to_stage = judgement->stage;
	event->since = judgement->since;
	event->reason = lead_stage_key_values(table, judgement->old);
}

/* Said of both leads, each under its own key. */
void
lead_stage_add_merged(Judgement *judgement, bool gone)
{
	LeadEvent  *event = lead_stage_add_event(judgement, EVENT_MERGED);

	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->name = gone ? "into" : "from";
	event->reason = judgement->merged_with;
}

/* The lead leaves its stage for another. */
void
lead_stage_move_to(Judgement *judgement, LeadStage to_stage, TimestampTz at,
		const char *name, const char *reason)
{
	LeadEvent  *event;

	lead_stage_leave_clocks(judgement, to_stage, at);
	event = lead_stage_add_event(judgement, EVENT_STAGE);
	event->from_stage = judgement->stage;
	event->to_stage = to_stage;
	event->since = judgement->since;
	event->at = at;
	event->name = name;
	event->reason = reason;
	event->evidence = judgement->evidence;
	lead_stage_set_stage(judgement, to_stage, at);
	lead_stage_set_reason(judgement, reason);
}
