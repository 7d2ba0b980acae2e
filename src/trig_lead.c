/*
 * trig_lead.c
 *	  The triggers on a table of leads.
 *
 * The BEFORE trigger judges the row and leaves a memo of what happened.  Not
 * every row it sees lands (ON CONFLICT), so history cannot be written there.
 * The AFTER trigger's WHEN clause is evaluated once for each row that did
 * land, right after it and before the next: it takes the memo into the pending
 * batch, and is true only once per batch, so that one event is queued and
 * the trigger it fires, at the end of the statement, writes the batch whole.
 *
 *	CREATE TRIGGER "~lead_stage_judge" BEFORE INSERT OR UPDATE OR DELETE
 *		ON leads FOR EACH ROW EXECUTE FUNCTION lead_stage._judge('binding')
 *	CREATE TRIGGER "!lead_stage_record" AFTER INSERT OR UPDATE OR DELETE
 *		ON leads FOR EACH ROW WHEN (lead_stage._claim())
 *		EXECUTE FUNCTION lead_stage._record('binding')
 *
 * The names sort last among BEFORE and first among AFTER triggers: we judge
 * what will be stored, and have recorded it when the user's triggers look.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "activity.h"
#include "arrivals.h"
#include "clock.h"
#include "engagement.h"
#include "evaluate.h"
#include "event_time.h"
#include "held_states.h"
#include "judge.h"
#include "memo.h"
#include "pending.h"
#include "route.h"
#include "settle.h"
#include "state.h"
#include "trig_lead.h"
#include "upsert.h"

PG_FUNCTION_INFO_V1(lead_stage_judge_trigger);
PG_FUNCTION_INFO_V1(lead_stage_claim);
PG_FUNCTION_INFO_V1(lead_stage_record);

static Rescoring rescoring;
static const char *merged_with = NULL;
static const ActivityMatches *activity_matches = NULL;

/* Leads that were judged without anything to write into their rows. */
static uint64 left_alone = 0;

/* The trigger function, as it last fired in this session. */
static Oid	judge_function = InvalidOid;

/* How deep in triggers we are: the server does not export its own counter. */
static int
trigger_depth(void)
{
	return DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH));
}

Rescoring
lead_stage_set_rescore(RescoreMode mode)
{
	Rescoring	previous = rescoring;

	rescoring.mode = mode;
	rescoring.depth = trigger_depth() + 1;
	return previous;
}

void
lead_stage_restore_rescore(Rescoring previous)
{
	rescoring = previous;
}

/* What the user's own triggers write meanwhile is a write like any other. */
static RescoreMode
rescore_mode(void)
{
	return rescoring.mode != RESCORE_OFF && rescoring.depth == trigger_depth() ?
		rescoring.mode : RESCORE_OFF;
}

uint64
lead_stage_left_alone(void)
{
	return left_alone;
}

const char *
lead_stage_set_merge(const char *other)
{
	const char *previous = merged_with;

	merged_with = other;
	return previous;
}

const ActivityMatches *
lead_stage_set_matches(const ActivityMatches *matches)
{
	const ActivityMatches *previous = activity_matches;

	activity_matches = matches;
	return previous;
}

/* ---------- keys ---------- */

static void
copy_keys(LeadTable *table, TupleTableSlot *slot, Datum *keys)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, table->keys[i] - 1);
		bool		isnull;
		Datum		value = slot_getattr(slot, table->keys[i], &isnull);

		/* A null key never lands. */
		keys[i] = isnull ? (Datum) 0 : datumCopy(value, att->attbyval, att->attlen);
	}
}

static bool
same_keys(LeadTable *table, const Datum *a, const Datum *b)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, table->keys[i] - 1);

		if (!datumIsEqual(a[i], b[i], att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/* ---------- what happened ---------- */

/* The row has landed: what was decided has happened. */
static void
take_memo(Memo *memo)
{
	Judgement  *judgement = &memo->judgement;
	LeadTable  *table = memo->table;
	MemoKind	kind = memo->kind;
	bool		hold;

	memo->kind = MEMO_NONE;
	/* What it would have met was deleted just after we had found it. */
	if (kind == MEMO_PROPOSED)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent delete")));
	if (judgement->refusal.refused)
		lead_stage_raise_refusal(&judgement->refusal, table);
	if (!table->bound)
		return;
	lead_stage_take_turns(judgement, kind == MEMO_DELETE);
	hold = table->key_is_deferrable && (kind == MEMO_INSERT || judgement->key_changed);
	for (int i = 0; i < judgement->nevents; i++)
		if (!hold || judgement->events[i].under_old_key)
			lead_stage_add_pending(table, &judgement->events[i],
								   judgement->events[i].under_old_key ?
								   memo->old_keys : memo->keys);
	if (hold)
	{
		lead_stage_hold_arrival(judgement, kind == MEMO_INSERT ? NULL : memo->old_keys,
								memo->keys);
		return;
	}
	if (kind == MEMO_DELETE)
		lead_stage_delete_state(table, memo->keys);
	if (judgement->key_changed)
	{
		lead_stage_rekey_state(table, memo->old_keys, memo->keys);
		judgement->new_state.is_read = false;
	}
	if (judgement->state_changed)
		lead_stage_hold_state(table, memo->keys, &judgement->new_state);
}

/* ---------- BEFORE ---------- */

/* The row as written, where the judgement may change it. */
static void
take_row(LeadTable *table, TupleTableSlot *written)
{
	int			natts = table->desc->natts;

	slot_getallattrs(written);
	ExecClearTuple(table->row);
	memcpy(table->row->tts_values, written->tts_values, sizeof(Datum) * natts);
	memcpy(table->row->tts_isnull, written->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(table->row);
}

static HeapTuple
give_row(LeadTable *table)
{
	return heap_form_tuple(table->desc, table->row->tts_values,
						   table->row->tts_isnull);
}

static void
judge(LeadTable *table, Memo *memo)
{
	if (table->published)
		lead_stage_judge(&memo->judgement);
	else
		lead_stage_judge_unpublished(&memo->judgement);
}

/* The columns that EXCLUDED shows as we computed them. */
static void
get_proposals(LeadTable *table, TupleTableSlot *slot, Datum *values, bool *nulls)
{
	const AttrNumber attnos[LEAD_STAGE_PROPOSALS] = {table->stage,
	table->stage_since, table->stage_reason, table->owner};

	for (int i = 0; i < LEAD_STAGE_PROPOSALS; i++)
	{
		nulls[i] = true;
		if (attnos[i] != InvalidAttrNumber)
			values[i] = slot_getattr(slot, attnos[i], &nulls[i]);
		if (!nulls[i])
		{
			Form_pg_attribute att = TupleDescAttr(table->desc, attnos[i] - 1);

			values[i] = datumCopy(values[i], att->attbyval, att->attlen);
		}
	}
}

static HeapTuple
before_insert(LeadTable *table, TriggerData *trigger, Memo *memo, FmgrInfo *source)
{
	MemoryContext oldcontext;

	if (lead_stage_meets_row(source, trigger->tg_trigslot))
	{
		lead_stage_begin_memo(memo, MEMO_PROPOSED, table);
		return trigger->tg_trigtuple;
	}

	lead_stage_begin_memo(memo, MEMO_INSERT, table);
	memo->source = source;
	take_row(table, trigger->tg_trigslot);
	oldcontext = MemoryContextSwitchTo(memo->context);
	get_proposals(table, table->row, memo->proposed, memo->proposed_null);
	memo->judgement.row = table->row;
	memo->judgement.at = lead_stage_current_time();
	judge(table, memo);
	get_proposals(table, table->row, memo->computed, memo->computed_null);
	copy_keys(table, table->row, memo->keys);
	MemoryContextSwitchTo(oldcontext);
	return give_row(table);
}

static bool
is_updated(const Bitmapset *updated, AttrNumber attno)
{
	return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, updated);
}

static bool
is_set(TriggerData *trigger, AttrNumber attno)
{
	return attno != InvalidAttrNumber && is_updated(trigger->tg_updatedcols, attno);
}

static bool
sets_proposals(LeadTable *table, TriggerData *trigger)
{
	return is_set(trigger, table->stage) || is_set(trigger, table->stage_since) ||
		is_set(trigger, table->stage_reason) || is_set(trigger, table->owner);
}

/*
 * A row that was judged once comes to be judged again, as EXCLUDED of a conflict
 * or in another partition.  The application means what it proposed, so where a
 * column has the value that we computed, the proposal is put back: of those
 * that the update sets, or of all (NULL).
 */
static void
restore_proposals(LeadTable *table, TriggerData *update, const Memo *memo)
{
	TupleTableSlot *row = table->row;
	const AttrNumber attnos[LEAD_STAGE_PROPOSALS] = {table->stage,
	table->stage_since, table->stage_reason, table->owner};

	for (int i = 0; i < LEAD_STAGE_PROPOSALS; i++)
	{
		Form_pg_attribute att;
		int			n = attnos[i] - 1;

		if (attnos[i] == InvalidAttrNumber || (update != NULL && !is_set(update, attnos[i])) ||
			memo->computed_null[i] != row->tts_isnull[n])
			continue;
		att = TupleDescAttr(table->desc, n);
		if (!memo->computed_null[i] &&
			!datum_image_eq(memo->computed[i], row->tts_values[n], att->attbyval, att->attlen))
			continue;
		row->tts_isnull[n] = memo->proposed_null[i];
		if (!memo->proposed_null[i])
			row->tts_values[n] = datumCopy(memo->proposed[i], att->attbyval, att->attlen);
	}
}

static bool
differs(LeadTable *table, AttrNumber attno, TupleTableSlot *old, TupleTableSlot *new)
{
	Form_pg_attribute att;
	bool		old_null;
	bool		new_null;
	Datum		old_value;
	Datum		new_value;

	if (attno == InvalidAttrNumber)
		return false;
	old_value = slot_getattr(old, attno, &old_null);
	new_value = slot_getattr(new, attno, &new_null);
	if (old_null || new_null)
		return old_null != new_null;
	att = TupleDescAttr(table->desc, attno - 1);
	return !datumIsEqual(old_value, new_value, att->attbyval, att->attlen);
}

static bool
key_differs(LeadTable *table, TupleTableSlot *old, TupleTableSlot *new)
{
	for (int i = 0; i < table->nkeys; i++)
		if (differs(table, table->keys[i], old, new))
			return true;
	return false;
}

/* Whether the update touches anything that we read or keep. */
static bool
concerns_us(LeadTable *table, TupleTableSlot *old, TupleTableSlot *new)
{
	slot_getsomeattrs(old, table->last_read);
	slot_getsomeattrs(new, table->last_read);
	if (differs(table, table->stage, old, new) ||
		differs(table, table->stage_since, old, new) ||
		differs(table, table->fit_score, old, new) ||
		differs(table, table->owner, old, new))
		return true;
	for (int i = 0; i < table->nreads; i++)
		if (differs(table, table->reads[i], old, new))
			return true;
	return key_differs(table, old, new);
}

bool
lead_stage_may_concern(LeadTable *table, const Bitmapset *updated)
{
	const AttrNumber ours[] = {table->stage, table->stage_since,
	table->stage_reason, table->fit_score, table->owner};

	for (int i = 0; i < lengthof(ours); i++)
		if (ours[i] != InvalidAttrNumber && is_updated(updated, ours[i]))
			return true;
	for (int i = 0; i < table->nreads; i++)
		if (is_updated(updated, table->reads[i]))
			return true;
	for (int i = 0; i < table->nkeys; i++)
		if (is_updated(updated, table->keys[i]))
			return true;
	return false;
}

static TimestampTz
stored_since(LeadTable *table, TupleTableSlot *old)
{
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (table->stage_since != InvalidAttrNumber)
		value = slot_getattr(old, table->stage_since, &isnull);
	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

static bool
any_of_ours_differs(LeadTable *table, TupleTableSlot *old, TupleTableSlot *new)
{
	return differs(table, table->stage, old, new) ||
		differs(table, table->stage_since, old, new) ||
		differs(table, table->stage_reason, old, new) ||
		differs(table, table->fit_score, old, new) ||
		differs(table, table->owner, old, new);
}

/* Has activities count that have begun to since the lead was last looked at. */
static void
count_what_has_come(LeadTable *table, Judgement *judgement, const Datum *keys)
{
	ActivityMatches *matches;
	LeadScore  *before;

	if (lead_stage_pending_at(judgement->state.score) > judgement->at)
		return;
	before = judgement->state.score;
	lead_stage_recount_lead(table, keys, judgement->at);
	lead_stage_read_state(table, keys, &judgement->state);
	matches = palloc(sizeof(ActivityMatches));
	lead_stage_matches_between(table->model, before, judgement->state.score, matches);
	judgement->matches = matches;
}

static bool
remembers(LeadTable *table)
{
	return table->published && table->model->uses_state;
}

/* What the statement asks for, whatever comes of it. */
static void
note_request(LeadTable *table, TriggerData *trigger, Memo *memo, FmgrInfo *source,
			 RescoreMode mode, TupleTableSlot *row)
{
	Judgement  *judgement = &memo->judgement;
	bool		merge = lead_stage_is_merge(source->fn_mcxt);

	judgement->merged_with = mode != RESCORE_OFF ? merged_with : NULL;
	judgement->reason_written = is_set(trigger, table->stage_reason) &&
		(!merge || differs(table, table->stage_reason, trigger->tg_trigslot, row));
	judgement->owner_set = is_set(trigger, table->owner) &&
		!is_set(trigger, table->stage_since) && !merge;
	judgement->rejudge = (mode != RESCORE_OFF);
	judgement->adopt = (mode == RESCORE_ADOPT);
	judgement->matches = activity_matches;
	if (trigger->tg_relation->rd_rel->relispartition)
		get_proposals(table, row, memo->proposed, memo->proposed_null);
}

/* What becomes of table->row, where "old" is stored. */
static void
judge_update(LeadTable *table, Memo *memo, TupleTableSlot *old, HeapTuple stored)
{
	Judgement  *judgement = &memo->judgement;

	copy_keys(table, old, memo->old_keys);
	copy_keys(table, table->row, memo->keys);
	judgement->old = old;
	judgement->row = table->row;
	judgement->key_changed = key_differs(table, old, table->row);
	judgement->keys = memo->old_keys;
	if (remembers(table))
		lead_stage_read_state(table, memo->old_keys, &judgement->state);
	judgement->at = lead_stage_event_time(table, stored, &judgement->state, memo->old_keys,
										  stored_since(table, old));
	if (remembers(table))
		count_what_has_come(table, judgement, memo->old_keys);
	judge(table, memo);
}

/*
 * Whether who writes the lead next can tell by its state when the last event
 * was recorded, if there was one.
 */
static bool
leaves_a_trace(const Judgement *judgement)
{
	if (judgement->nevents == 0)
		return true;
	return judgement->merged_with == NULL && !lead_stage_says_nothing(&judgement->new_state) &&
		(judgement->state_changed ||
		 (judgement->state.is_stored && TransactionIdIsCurrentTransactionId(judgement->state.writer)));
}

static HeapTuple
before_update(LeadTable *table, TriggerData *trigger, Memo *memo, FmgrInfo *source)
{
	TupleTableSlot *old = trigger->tg_trigslot;
	Judgement  *judgement = &memo->judgement;
	MemoryContext oldcontext;
	bool		partition = trigger->tg_relation->rd_rel->relispartition;
	bool		proposals = memo->kind == MEMO_INSERT &&
		lead_stage_memo_is_current(memo) && memo->source == source &&
		sets_proposals(table, trigger);
	RescoreMode mode = rescore_mode();

	if (!proposals && mode == RESCORE_OFF &&
		!concerns_us(table, old, trigger->tg_newslot))
	{
		lead_stage_begin_memo(memo, MEMO_UPDATE, table);
		if (partition)
		{
			oldcontext = MemoryContextSwitchTo(memo->context);
			copy_keys(table, old, memo->old_keys);
			note_request(table, trigger, memo, source, mode, trigger->tg_newslot);
			get_proposals(table, trigger->tg_newslot, memo->computed, memo->computed_null);
			MemoryContextSwitchTo(oldcontext);
		}
		return trigger->tg_newtuple;
	}

	take_row(table, trigger->tg_newslot);
	if (proposals)
		restore_proposals(table, trigger, memo);
	lead_stage_begin_memo(memo, MEMO_UPDATE, table);
	oldcontext = MemoryContextSwitchTo(memo->context);
	note_request(table, trigger, memo, source, mode, table->row);
	judge_update(table, memo, old, trigger->tg_trigtuple);
	if (partition)
		get_proposals(table, table->row, memo->computed, memo->computed_null);
	MemoryContextSwitchTo(oldcontext);

	if (judgement->refusal.refused)
		lead_stage_raise_refusal(&judgement->refusal, table);
	if (judgement->rejudge && leaves_a_trace(judgement) &&
		!any_of_ours_differs(table, old, table->row))
	{
		/* Leave the row alone.  It is locked, and so its state. */
		left_alone++;
		take_memo(memo);
		return NULL;
	}
	return give_row(table);
}

bool
lead_stage_may_be_remembered(LeadTable *table)
{
	return table->bound && (table->state_in_use || remembers(table));
}

/* The end of a lead, in the memo. */
static void
judge_end(LeadTable *table, Memo *memo, TupleTableSlot *old, HeapTuple stored)
{
	Judgement  *judgement = &memo->judgement;
	MemoryContext oldcontext;

	lead_stage_begin_memo(memo, MEMO_DELETE, table);
	oldcontext = MemoryContextSwitchTo(memo->context);
	copy_keys(table, old, memo->keys);
	judgement->old = old;
	judgement->merged_with = rescore_mode() != RESCORE_OFF ? merged_with : NULL;
	if (lead_stage_may_be_remembered(table))
		lead_stage_read_state(table, memo->keys, &judgement->state);
	judgement->at = lead_stage_event_time(table, stored, &judgement->state, memo->keys,
										  stored_since(table, old));
	judgement->keys = memo->keys;
	lead_stage_judge_delete(judgement);
	MemoryContextSwitchTo(oldcontext);
}

static HeapTuple
before_delete(LeadTable *table, TriggerData *trigger, Memo *memo)
{
	TupleTableSlot *old = trigger->tg_trigslot;
	MemoryContext oldcontext;

	/* Half of a move to another partition is not the end of a lead. */
	if (memo->kind == MEMO_UPDATE && lead_stage_memo_is_current(memo) &&
		memo->table == table && trigger->tg_relation->rd_rel->relispartition)
	{
		Datum		keys[INDEX_MAX_KEYS];

		copy_keys(table, old, keys);
		if (same_keys(table, keys, memo->old_keys))
		{
			oldcontext = MemoryContextSwitchTo(memo->context);
			memo->kind = MEMO_LEAVING;
			memo->left = heap_copytuple(trigger->tg_trigtuple);
			memo->left_table = table;
			memo->depth = trigger_depth();
			MemoryContextSwitchTo(oldcontext);
			return trigger->tg_trigtuple;
		}
	}

	judge_end(table, memo, old, trigger->tg_trigtuple);
	return trigger->tg_trigtuple;
}

/* ---------- moves to another partition ---------- */

/* The row that left, with its columns in the order of that table. */
static TupleTableSlot *
row_that_left(const Memo *memo, LeadTable *table)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(table->desc, &TTSOpsHeapTuple);
	TupleConversionMap *map = convert_tuples_by_name(memo->left_table->desc, table->desc);

	ExecStoreHeapTuple(map ? execute_attr_map_tuple(memo->left, map) : memo->left,
					   slot, false);
	return slot;
}

/*
 * The second half of a move is an INSERT, and the user's triggers on the
 * partition may have changed the row since it was judged: it is judged again,
 * as what the statement and they together ask for.
 */
static HeapTuple
arrive(LeadTable *table, TriggerData *trigger, Memo *memo)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(memo->context);
	Judgement  *judgement = &memo->judgement;
	Judgement	asked = *judgement;
	TupleTableSlot *old = row_that_left(memo, table);
	bool		judged;

	memo->kind = MEMO_ARRIVING;
	memo->table = table;
	memset(judgement, 0, sizeof(*judgement));
	judgement->table = table;
	judgement->statement = memo->statement;
	judgement->merged_with = asked.merged_with;
	judgement->reason_written = asked.reason_written;
	judgement->owner_set = asked.owner_set;
	judgement->rejudge = asked.rejudge;
	judgement->adopt = asked.adopt;
	judgement->matches = asked.matches;
	lead_stage_clear_state(&judgement->state);

	take_row(table, trigger->tg_trigslot);
	restore_proposals(table, NULL, memo);
	judged = judgement->rejudge || concerns_us(table, old, table->row);
	if (judged)
		judge_update(table, memo, old, memo->left);
	MemoryContextSwitchTo(oldcontext);
	if (judgement->refusal.refused)
		lead_stage_raise_refusal(&judgement->refusal, table);
	return judged ? give_row(table) : trigger->tg_trigtuple;
}

/*
 * Whether that INSERT is what we wait for.  Only MERGE inserts rows of its own
 * between those that it moves.
 */
static bool
is_arrival(LeadTable *table, TriggerData *trigger, const Memo *memo, FmgrInfo *source)
{
	Datum		keys[INDEX_MAX_KEYS];

	if (memo->kind != MEMO_LEFT || !lead_stage_memo_is_current(memo) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		return false;
	if (!lead_stage_is_merge(source->fn_mcxt))
		return true;
	copy_keys(table, trigger->tg_trigslot, keys);
	return same_keys(table, keys, memo->keys);
}

/*
 * A trigger of the user's kept the row out of the partition it was moved to.
 * PostgreSQL has deleted it from the other all the same, and goes on.
 */
static void
end_lost_lead(Memo *memo)
{
	LeadTable  *table = memo->left_table;
	HeapTuple	stored = heap_copytuple(memo->left);
	TupleTableSlot *old = MakeSingleTupleTableSlot(table->desc, &TTSOpsHeapTuple);

	ExecStoreHeapTuple(stored, old, false);
	judge_end(table, memo, old, stored);
	take_memo(memo);
}

bool
lead_stage_is_judge(const Trigger *trigger)
{
	return trigger->tgnargs == 1 && OidIsValid(judge_function) &&
		trigger->tgfoid == judge_function;
}

Datum
lead_stage_judge_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	LeadTable  *table;
	Memo	   *memo;
	HeapTuple	result;
	bool		arrival;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired by the trigger that lead_stage.attach() makes",
						"lead_stage._judge")));

	judge_function = fcinfo->flinfo->fn_oid;
	table = lead_stage_statement_table(trigger->tg_relation,
									   trigger->tg_trigger->tgargs[0],
									   fcinfo->flinfo);
	lead_stage_forbid_while_judging(table);
	memo = lead_stage_statement_memo(fcinfo->flinfo->fn_mcxt);
	arrival = is_arrival(table, trigger, memo, fcinfo->flinfo);
	if (!arrival && lead_stage_memo_is_current(memo) &&
		(memo->kind == MEMO_LEFT || memo->kind == MEMO_ARRIVING))
		end_lost_lead(memo);
	if (table->stage == InvalidAttrNumber)
	{
		/* Restored without the binding, and nothing to guess it from. */
		memo->kind = MEMO_NONE;
		result = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
			trigger->tg_newtuple : trigger->tg_trigtuple;
	}
	else if (arrival)
		result = arrive(table, trigger, memo);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		result = before_insert(table, trigger, memo, fcinfo->flinfo);
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		result = before_update(table, trigger, memo, fcinfo->flinfo);
	else
		result = before_delete(table, trigger, memo);
	return PointerGetDatum(result);
}

/* ---------- AFTER ---------- */

void
lead_stage_end_truncated(LeadTable *table, Memo *memo, TupleTableSlot *row)
{
	bool		should_free;
	HeapTuple	stored = ExecFetchSlotHeapTuple(row, false, &should_free);

	judge_end(table, memo, row, stored);
	memo->kind = MEMO_NONE;
	lead_stage_take_turns(&memo->judgement, true);
	for (int i = 0; i < memo->judgement.nevents; i++)
		lead_stage_add_pending(table, &memo->judgement.events[i], memo->keys);
	if (should_free)
		heap_freetuple(stored);
}

/*
 * _claim() → boolean
 *
 * The WHEN clause of "!lead_stage_record".  Called from anywhere else it finds
 * no memo and does nothing.
 */
Datum
lead_stage_claim(PG_FUNCTION_ARGS)
{
	Memo	   *memo = lead_stage_landing_memo();

	if (memo == NULL)
		PG_RETURN_BOOL(false);
	if (memo->kind == MEMO_LEAVING)
	{
		memo->kind = MEMO_LEFT;
		/* The event that sees at the end of the statement whether it arrived. */
		PG_RETURN_BOOL(lead_stage_must_queue_event());
	}
	take_memo(memo);
	PG_RETURN_BOOL(lead_stage_has_pending() && lead_stage_must_queue_event());
}

Datum
lead_stage_record(PG_FUNCTION_ARGS)
{
	Memo	   *lost;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"lead_stage._record")));
	lost = lead_stage_leaving_memo(trigger_depth());
	if (lost != NULL)
		end_lost_lead(lost);
	lead_stage_events_fired();
	lead_stage_flush_pending();
	return PointerGetDatum(NULL);
}
