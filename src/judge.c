/*
 * judge.c
 *	  The order of a write: fit score, stage, milestones, owner.
 *
 * Works on plain values and the row's slot; writes nothing anywhere else, so
 * that a judgement can be thrown away and made again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/varbit.h"

#include "clock.h"
#include "engagement.h"
#include "evaluate.h"
#include "fit.h"
#include "judge.h"
#include "key_text.h"
#include "settings.h"
#include "transition.h"

/* A copy of stage_since that went through an application's milliseconds. */
#define STALE_TOLERANCE		INT64CONST(1000)	/* microseconds */

/* ---------- the row's columns ---------- */

static Datum
get_column(TupleTableSlot *slot, AttrNumber attno, bool *isnull)
{
	if (attno == InvalidAttrNumber)
	{
		*isnull = true;
		return (Datum) 0;
	}
	return slot_getattr(slot, attno, isnull);
}

static LeadStage
get_stage(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = get_column(slot, table->stage, &isnull);

	return isnull ? 0 : DatumGetLeadStage(value);
}

static TimestampTz
get_since(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = get_column(slot, table->stage_since, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

static const char *
get_reason(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = get_column(slot, table->stage_reason, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static const char *
get_owner(LeadTable *table, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = get_column(slot, table->owner, &isnull);

	if (isnull)
		return NULL;
	if (table->owner_is_text)
		return TextDatumGetCString(value);
	return OutputFunctionCall(&table->owner_out, value);
}

static void
set_column(Judgement *judgement, AttrNumber attno, Datum value, bool isnull)
{
	if (attno == InvalidAttrNumber)
		return;
	judgement->row->tts_values[attno - 1] = value;
	judgement->row->tts_isnull[attno - 1] = isnull;
}

static void
set_stage(Judgement *judgement, LeadStage stage, TimestampTz since)
{
	judgement->stage = stage;
	judgement->since = since;
	set_column(judgement, judgement->table->stage, LeadStageGetDatum(stage), false);
	set_column(judgement, judgement->table->stage_since,
			   TimestampTzGetDatum(since), TIMESTAMP_IS_NOBEGIN(since));
}

static void
set_reason(Judgement *judgement, const char *reason)
{
	set_column(judgement, judgement->table->stage_reason,
			   reason ? CStringGetTextDatum(reason) : (Datum) 0, reason == NULL);
}

/* Gives a column back the value that is stored. */
static void
keep_column(Judgement *judgement, AttrNumber attno)
{
	bool		isnull;
	Datum		value = get_column(judgement->old, attno, &isnull);

	set_column(judgement, attno, value, isnull);
}

/* ---------- events ---------- */

static double
engagement_now(Judgement *judgement)
{
	if (judgement->state.score == NULL)
		return 0;
	return lead_stage_engagement(judgement->table->model, judgement->state.score,
								 judgement->at);
}

static LeadEvent *
add_event(Judgement *judgement, LeadEventKind kind)
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
	event->owner = judgement->owner;
	event->touched = !TIMESTAMP_IS_NOBEGIN(judgement->since) &&
		judgement->state.last_touch >= judgement->since &&
		!TIMESTAMP_IS_NOBEGIN(judgement->state.last_touch);
	event->has_engagement = judgement->state.score != NULL && judgement->table->published;
	if (event->has_engagement)
		event->engagement = (float4) engagement_now(judgement);
	event->has_fit = judgement->table->published;
	event->fit = judgement->fit;
	return event;
}

static LeadEvent *
add_created(Judgement *judgement, LeadStage stage, TimestampTz at)
{
	LeadEvent  *event = add_event(judgement, EVENT_CREATED);

	event->to_stage = stage;
	event->at = at;
	event->evidence = judgement->evidence;
	return event;
}

static void
add_refused(Judgement *judgement, LeadStage wanted, const char *name, const char *why)
{
	LeadEvent  *event = add_event(judgement, EVENT_REFUSED);

	event->from_stage = judgement->stage;
	event->to_stage = wanted;
	event->since = judgement->since;
	event->name = name;
	event->reason = why;
	event->evidence = judgement->evidence;
}

/* The key changed: its story ends under the old key and goes on under the new. */
static void
add_rekeyed(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadEvent  *event;

	event = add_event(judgement, EVENT_REKEYED);
	event->under_old_key = true;
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->reason = lead_stage_key_values(table, judgement->row);

	event = add_event(judgement, EVENT_REKEYED);
	event->to_stage = judgement->stage;
	event->since = judgement->since;
	event->reason = lead_stage_key_values(table, judgement->old);
}

/* Said of both leads, each under its own key. */
static void
add_merged(Judgement *judgement, bool gone)
{
	LeadEvent  *event = add_event(judgement, EVENT_MERGED);

	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->name = gone ? "into" : "from";
	event->reason = judgement->merged_with;
}

/* The lead leaves its stage for another. */
static void
move_to(Judgement *judgement, LeadStage to_stage, TimestampTz at,
		const char *name, const char *reason)
{
	LeadEvent  *event = add_event(judgement, EVENT_STAGE);

	event->from_stage = judgement->stage;
	event->to_stage = to_stage;
	event->since = judgement->since;
	event->at = at;
	event->name = name;
	event->reason = reason;
	event->evidence = judgement->evidence;
	set_stage(judgement, to_stage, at);
	set_reason(judgement, reason);
}

/* ---------- fit ---------- */

static void
judge_fit(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	ModelDef   *model = table->model;
	int			bits = 0;

	for (int i = 0; i < model->nrules; i++)
	{
		table->rule_holds[i] =
			lead_stage_condition_holds(judgement, model->rules[i].condition);
		if (table->rule_holds[i])
			bits = Max(bits, model->rules[i].id);
	}
	judgement->fit = lead_stage_fit_score(model, table->rule_holds);
	set_column(judgement, table->fit_score, Int32GetDatum(judgement->fit), false);

	/* The evidence ends with the last rule that holds: bit n is rule n. */
	judgement->evidence = NULL;
	if (bits > 0)
	{
		VarBit	   *evidence = palloc0(VARBITTOTALLEN(bits));

		SET_VARSIZE(evidence, VARBITTOTALLEN(bits));
		VARBITLEN(evidence) = bits;
		for (int i = 0; i < model->nrules; i++)
		{
			int			bit = model->rules[i].id - 1;

			if (table->rule_holds[i])
				VARBITS(evidence)[bit / BITS_PER_BYTE] |= HIGHBIT >> (bit % BITS_PER_BYTE);
		}
		judgement->evidence = evidence;
	}
}

/* ---------- stage ---------- */

static LeadFacts
facts_now(Judgement *judgement)
{
	LeadFacts	facts;

	facts.stage = judgement->stage;
	facts.at = judgement->at;
	facts.stage_since = judgement->since;
	facts.last_touch = judgement->state.last_touch;
	facts.fit = judgement->fit;
	facts.engagement = engagement_now(judgement);
	return facts;
}

static bool
signal_holds(void *arg, const SignalDef *signal)
{
	Judgement  *judgement = arg;
	TimestampTz last = lead_stage_last_match(judgement->state.score, signal->rule);

	if (TIMESTAMP_IS_NOBEGIN(last) || last > judgement->at)
		return false;
	return signal->within == NULL ||
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												TimestampTzGetDatum(last),
												IntervalPGetDatum(signal->within))) >= judgement->at;
}

static TimestampTz
crossing(void *arg, TimestampTz from, double threshold, bool below)
{
	Judgement  *judgement = arg;

	return lead_stage_crossing(judgement->table->model, judgement->state.score,
							   from, threshold, below);
}

static RowOracle
oracle_of(Judgement *judgement)
{
	RowOracle	oracle = {lead_stage_condition_holds, lead_stage_instant,
	signal_holds, judgement};

	return oracle;
}

static void
arrive_by(Judgement *judgement, const TransitionDef *transition)
{
	TimestampTz until = DT_NOBEGIN;

	if (transition != NULL && transition->hold_for != NULL)
		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														TimestampTzGetDatum(judgement->at),
														IntervalPGetDatum(transition->hold_for)));
	judgement->new_state.hold_until = until;
}

static void
move_automatically(Judgement *judgement)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = oracle_of(judgement);
	uint32		entered = lead_stage_bit(judgement->stage);

	while (judgement->new_state.hold_until <= judgement->at)
	{
		LeadFacts	facts = facts_now(judgement);
		const TransitionDef *transition =
			lead_stage_next_move(model, &facts, &oracle, entered);

		if (transition == NULL)
			return;
		move_to(judgement, transition->to_stage, judgement->at,
				transition->name, transition->name);
		arrive_by(judgement, transition);
		entered |= lead_stage_bit(transition->to_stage);
	}
}

/* "nurture, mql": where the model lets a lead go from a stage. */
static char *
ways_out(ModelDef *model, LeadStage from_stage)
{
	StringInfoData text;
	uint32		listed = 0;

	initStringInfo(&text);
	for (int i = 0; i < model->ntransitions; i++)
	{
		LeadStage	to_stage = model->transitions[i].to_stage;

		if (!lead_stage_connects(&model->transitions[i], from_stage, to_stage) ||
			(listed & lead_stage_bit(to_stage)))
			continue;
		listed |= lead_stage_bit(to_stage);
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
						 lead_stage_label(to_stage));
	}
	return text.len > 0 ? text.data : NULL;
}

static char *
reasons_hint(const TransitionDef *transition)
{
	StringInfoData text;

	if (transition->nreasons == 0)
		return pstrdup("Set the reason in the same statement as the stage.");
	initStringInfo(&text);
	appendStringInfoString(&text, "Set one of these reasons in the same statement as the stage: ");
	for (int i = 0; i < transition->nreasons; i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? ", " : "", transition->reasons[i]);
	appendStringInfoChar(&text, '.');
	return text.data;
}

/* Collects, for the message, everything that stands in the way. */
static void
explain_refusal(Judgement *judgement, LeadStage to_stage)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = oracle_of(judgement);
	LeadFacts	facts = facts_now(judgement);
	Refusal    *refusal = &judgement->refusal;
	StringInfoData unmet;
	int			ways = 0;

	initStringInfo(&unmet);
	for (int i = 0; i < model->ntransitions; i++)
	{
		if (!lead_stage_connects(&model->transitions[i], judgement->stage, to_stage))
			continue;
		ways++;
		lead_stage_transition_holds(&model->transitions[i], &facts, &oracle, &unmet);
	}
	if (ways == 0)
	{
		char	   *targets = ways_out(model, judgement->stage);

		appendStringInfo(&unmet, "Model \"%s\" has no transition from \"%s\" to \"%s\".",
						 model->name, lead_stage_label(judgement->stage),
						 lead_stage_label(to_stage));
		refusal->hint = targets ?
			psprintf("From \"%s\" a lead can go to: %s.",
					 lead_stage_label(judgement->stage), targets) :
			psprintf("No transition leaves \"%s\".", lead_stage_label(judgement->stage));
	}
	else
		refusal->hint = "Record what is missing on the lead first, in the same or an earlier statement, then move it.";
	lead_stage_criteria_hold(model, judgement->stage, to_stage, &oracle, &unmet);
	refusal->detail = unmet.data;
}

static void
refuse(Judgement *judgement, LeadStage to_stage, const TransitionDef *wants_reason)
{
	Refusal    *refusal = &judgement->refusal;

	refusal->refused = true;
	refusal->from_stage = judgement->stage;
	refusal->to_stage = to_stage;
	refusal->reason = (wants_reason != NULL);
	if (wants_reason != NULL)
	{
		refusal->detail = psprintf("Transition \"%s\" asks for a reason.",
								   wants_reason->name);
		refusal->hint = reasons_hint(wants_reason);
	}
	else
		explain_refusal(judgement, to_stage);

	if (judgement->table->model->keep_refused)
	{
		add_refused(judgement, to_stage, NULL, refusal->detail);
		refusal->refused = false;
	}
}

/*
 * The application wrote another stage.  Returns whether the lead may go on by
 * itself from where it is now.
 */
static bool
move_by_hand(Judgement *judgement, LeadStage to_stage, const char *reason)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = oracle_of(judgement);
	LeadFacts	facts = facts_now(judgement);
	LeadStage	from_stage = judgement->stage;
	const TransitionDef *wants_reason = NULL;

	if (lead_stage_criteria_hold(model, from_stage, to_stage, &oracle, NULL))
	{
		for (int i = 0; i < model->ntransitions; i++)
		{
			const TransitionDef *transition = &model->transitions[i];

			if (!lead_stage_connects(transition, from_stage, to_stage) ||
				!lead_stage_transition_holds(transition, &facts, &oracle, NULL))
				continue;
			if (!lead_stage_reason_fits(transition, reason))
			{
				if (wants_reason == NULL)
					wants_reason = transition;
				continue;
			}
			move_to(judgement, to_stage, judgement->at, transition->name, reason);
			arrive_by(judgement, transition);
			return to_stage > from_stage;
		}
	}
	refuse(judgement, to_stage, wants_reason);
	return false;
}

/* ---------- milestones and owner ---------- */

/*
 * A milestone that an activity signals fires with the first one that matches
 * during a stay; the activities just written say which those are.
 */
static void
add_signalled(Judgement *judgement, const MilestoneDef *milestone)
{
	const ActivityMatches *matches = judgement->matches;

	if (matches == NULL)
		return;
	for (int i = 0; i < matches->nrules; i++)
	{
		LeadEvent  *event;

		if (matches->rules[i] != milestone->signal.rule ||
			matches->before[i] >= judgement->since ||
			matches->last[i] < judgement->since || matches->last[i] > judgement->at)
			continue;
		event = add_event(judgement, EVENT_MILESTONE);
		event->from_stage = judgement->stage;
		event->since = judgement->since;
		event->name = milestone->name;
	}
}

static void
judge_milestones(Judgement *judgement)
{
	ModelDef   *model = judgement->table->model;

	for (int i = 0; i < model->nmilestones; i++)
	{
		const MilestoneDef *milestone = &model->milestones[i];

		if (milestone->signal.rule != 0)
			add_signalled(judgement, milestone);
		else if (lead_stage_condition_holds(judgement, milestone->condition) &&
			(judgement->old == NULL ||
			 !lead_stage_condition_held(judgement, milestone->condition)))
		{
			LeadEvent  *event = add_event(judgement, EVENT_MILESTONE);

			event->from_stage = judgement->stage;
			event->since = judgement->since;
			event->name = milestone->name;
		}
	}
}

static void
judge_owner(Judgement *judgement)
{
	const char *owner = get_owner(judgement->table, judgement->row);
	const char *previous = judgement->owner;
	LeadEvent  *event;

	if ((owner == NULL && previous == NULL) ||
		(owner != NULL && previous != NULL && strcmp(owner, previous) == 0))
		return;
	judgement->owner = owner;
	event = add_event(judgement, EVENT_OWNER);
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->previous_owner = previous;
}

/* ---------- a whole write ---------- */

/* A null stage is no move: the column says so, in PostgreSQL's own words. */
static void
require_stage(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	const char *column;

	if (get_stage(table, judgement->row) != 0)
		return;
	column = NameStr(TupleDescAttr(table->desc, table->stage - 1)->attname);
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
					column, get_rel_name(table->relid)),
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(get_rel_namespace(table->relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(table->relid)),
			 err_generic_string(PG_DIAG_COLUMN_NAME, column)));
}

static void
start_over(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	const AttrNumber ours[] = {table->stage, table->stage_since,
	table->stage_reason, table->fit_score, table->owner};

	for (int i = 0; i < lengthof(ours); i++)
		set_column(judgement, ours[i], judgement->written[i],
				   judgement->written_null[i]);
	judgement->nevents = 0;
	judgement->refusal.refused = false;
	judgement->state_changed = false;
	judgement->new_state = judgement->state;
	judgement->row = table->row;
}

static void
judge_insert(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadStage	wanted = get_stage(table, judgement->row);
	TimestampTz since = get_since(table, judgement->row);
	const char *reason = get_reason(table, judgement->row);
	bool		goes_on = true;

	judgement->owner = get_owner(table, judgement->row);
	if (!lead_stage_enforce)
	{
		set_stage(judgement, wanted,
				  TIMESTAMP_NOT_FINITE(since) ? judgement->at : since);
		judge_fit(judgement);
		(void) add_created(judgement, wanted, judgement->since);
	}
	else
	{
		set_stage(judgement, LEAD_STAGE_LEAD, judgement->at);
		judge_fit(judgement);
		(void) add_created(judgement, LEAD_STAGE_LEAD, judgement->at);
		if (wanted != LEAD_STAGE_LEAD)
			goes_on = move_by_hand(judgement, wanted, reason);
		if (goes_on)
			move_automatically(judgement);
	}
	judge_milestones(judgement);
}

/*
 * A full-row save of a copy that was read before the last move would undo that
 * move; such a write says nothing about stage, reason and owner.
 */
static bool
is_stale(Judgement *judgement)
{
	TimestampTz stored = get_since(judgement->table, judgement->old);
	TimestampTz written = get_since(judgement->table, judgement->row);

	return lead_stage_enforce && !TIMESTAMP_IS_NOBEGIN(stored) &&
		!TIMESTAMP_IS_NOBEGIN(written) &&
		written / STALE_TOLERANCE < stored / STALE_TOLERANCE;
}

/*
 * What has fallen due before this write happens first, each thing at its own
 * instant and judged on the row as it is stored.
 */
static void
catch_up(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	TupleTableSlot *row = judgement->row;
	TimestampTz now = judgement->at;
	int			natts = table->desc->natts;
	int			nevents = judgement->nevents;

	slot_getallattrs(judgement->old);
	ExecClearTuple(table->old_row);
	memcpy(table->old_row->tts_values, judgement->old->tts_values, sizeof(Datum) * natts);
	memcpy(table->old_row->tts_isnull, judgement->old->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(table->old_row);
	judgement->row = table->old_row;
	judge_fit(judgement);

	while (judgement->new_state.recheck_at <= now)
	{
		RowOracle	oracle = oracle_of(judgement);
		LeadFacts	facts;

		judgement->at = Max(judgement->new_state.recheck_at, judgement->since);
		lead_stage_judge_at(judgement->at);
		move_automatically(judgement);
		facts = facts_now(judgement);
		judgement->new_state.recheck_at =
			lead_stage_next_recheck(table->model, &facts, &oracle,
									judgement->new_state.hold_until, crossing);
		CHECK_FOR_INTERRUPTS();
	}

	judgement->row = row;
	judgement->at = now;
	lead_stage_judge_at(now);
	set_stage(judgement, judgement->stage, judgement->since);
	if (judgement->nevents > nevents)
		set_reason(judgement, get_reason(table, table->old_row));
}

/* What to remember, and when to look at the lead again. */
static void
judge_state(Judgement *judgement)
{
	RowOracle	oracle = oracle_of(judgement);
	LeadFacts	facts;
	LeadState  *state = &judgement->new_state;
	TimestampTz next;

	/* what is due stays due while moves are not enforced */
	if (!judgement->table->model->uses_state ||
		(!lead_stage_enforce && judgement->state.recheck_at <= judgement->at))
		return;
	facts = facts_now(judgement);
	next = lead_stage_next_recheck(judgement->table->model, &facts, &oracle,
								   state->hold_until, crossing);
	next = Min(next, lead_stage_pending_at(state->score));

	/* an earlier recheck that is stored may stay: it will find nothing due */
	state->recheck_at = judgement->state.recheck_at;
	if (state->recheck_at <= judgement->at || next < state->recheck_at)
		state->recheck_at = next;
	judgement->state_changed = state->recheck_at != judgement->state.recheck_at ||
		state->hold_until != judgement->state.hold_until;
}

static void
judge_update(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadStage	stored = get_stage(table, judgement->old);
	LeadStage	wanted = get_stage(table, judgement->row);
	TimestampTz stored_since = get_since(table, judgement->old);
	TimestampTz written_since = get_since(table, judgement->row);
	bool		unknown = TIMESTAMP_IS_NOBEGIN(stored_since);
	bool		stale = is_stale(judgement);

	/* Where a lead stands that history does not know yet, an import may say. */
	bool		adopt = unknown && (judgement->adopt || !lead_stage_enforce);
	const char *reason = judgement->reason_written ?
		get_reason(table, judgement->row) : NULL;
	bool		goes_on = true;

	judgement->owner = get_owner(table, judgement->old);

	/* What the application wrote into our columns is a wish, not a fact. */
	if (adopt)
	{
		stored = wanted;
		stored_since = TIMESTAMP_NOT_FINITE(written_since) ? judgement->at : written_since;
		/* What happens to it now does not happen before it came there. */
		judgement->at = Max(judgement->at, stored_since);
	}
	else if (judgement->adopt || judgement->rejudge)
		wanted = stored;
	else if (stale)
	{
		keep_column(judgement, table->stage_reason);
		keep_column(judgement, table->owner);
	}
	set_stage(judgement, stored, unknown && !adopt ? judgement->at : stored_since);
	if (!unknown && lead_stage_enforce && judgement->state.recheck_at <= judgement->at)
	{
		catch_up(judgement);
		if (wanted == stored)
			wanted = judgement->stage;
		stored = judgement->stage;
	}
	judge_fit(judgement);

	if (unknown)
		add_created(judgement, stored, judgement->since)->under_old_key =
			judgement->key_changed;
	if (judgement->key_changed)
		add_rekeyed(judgement);

	if (!lead_stage_enforce)
	{
		if (wanted != stored)
		{
			move_to(judgement, wanted,
					!TIMESTAMP_IS_NOBEGIN(written_since) && written_since != stored_since ?
					written_since : judgement->at,
					NULL, reason);
			arrive_by(judgement, NULL);
		}
		else if (!adopt && !judgement->rejudge && !TIMESTAMP_IS_NOBEGIN(written_since))
			set_stage(judgement, stored, written_since);
	}
	else
	{
		if (stale && wanted != stored)
			add_refused(judgement, wanted, "stale",
						"The row was written from a copy older than its last move.");
		else if (wanted != stored)
			goes_on = move_by_hand(judgement, wanted, reason);
		if (goes_on)
			move_automatically(judgement);
	}
	judge_milestones(judgement);
	judge_owner(judgement);
	if (judgement->merged_with != NULL)
		add_merged(judgement, false);
}

static void
judge_whole(Judgement *judgement)
{
	start_over(judgement);
	if (judgement->old == NULL)
		judge_insert(judgement);
	else
		judge_update(judgement);
	if (!judgement->refusal.refused)
		judge_state(judgement);
}

void
lead_stage_judge(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	const AttrNumber ours[] = {table->stage, table->stage_since,
	table->stage_reason, table->fit_score, table->owner};

	require_stage(judgement);
	for (int i = 0; i < lengthof(ours); i++)
		judgement->written[i] = get_column(judgement->row, ours[i],
										   &judgement->written_null[i]);
	lead_stage_as_owner(judgement, judge_whole);
}

/* ---------- without a published model ---------- */

static void
refuse_unpublished(Judgement *judgement, LeadStage from_stage, LeadStage to_stage)
{
	LeadTable  *table = judgement->table;
	Refusal    *refusal = &judgement->refusal;

	refusal->refused = true;
	refusal->from_stage = from_stage;
	refusal->to_stage = to_stage;
	refusal->detail = psprintf("Table \"%s\" has no published model, and without one no stage moves.",
							   get_rel_name(table->root));
	refusal->hint = table->bound ?
		"Call lead_stage.publish() or lead_stage.republish()." :
		"Call lead_stage.attach() and lead_stage.publish().";
}

void
lead_stage_judge_unpublished(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadStage	stored = LEAD_STAGE_LEAD;
	LeadStage	wanted = get_stage(table, judgement->row);
	TimestampTz since = DT_NOBEGIN;

	require_stage(judgement);
	if (judgement->old != NULL)
	{
		stored = get_stage(table, judgement->old);
		since = get_since(table, judgement->old);
		judgement->owner = get_owner(table, judgement->old);
		keep_column(judgement, table->fit_score);
	}
	else
	{
		judgement->owner = get_owner(table, judgement->row);
		set_column(judgement, table->fit_score, (Datum) 0, true);
	}

	if (!lead_stage_enforce && table->bound && wanted != stored &&
		!TIMESTAMP_IS_NOBEGIN(since))
	{
		/* A lead that has a history goes on having one. */
		TimestampTz written = get_since(table, judgement->row);

		judgement->stage = stored;
		judgement->since = since;
		move_to(judgement, wanted,
				!TIMESTAMP_IS_NOBEGIN(written) && written != since ?
				written : judgement->at, NULL,
				judgement->reason_written ? get_reason(table, judgement->row) : NULL);
		stored = judgement->stage;
		since = judgement->since;
	}
	else if (!lead_stage_enforce)
	{
		if (wanted != stored || TIMESTAMP_IS_NOBEGIN(since))
			since = get_since(table, judgement->row);
		stored = wanted;
		if (table->bound && judgement->old == NULL && !TIMESTAMP_IS_NOBEGIN(since))
			(void) add_created(judgement, stored, since);
	}
	else if (wanted != stored)
		refuse_unpublished(judgement, stored, wanted);
	set_stage(judgement, stored, since);

	if (table->bound && judgement->old != NULL && !TIMESTAMP_IS_NOBEGIN(since))
	{
		if (judgement->key_changed)
			add_rekeyed(judgement);
		judge_owner(judgement);
	}
}

/* ---------- the end of a lead ---------- */

void
lead_stage_judge_delete(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadEvent  *event;
	bool		isnull;
	Datum		fit = get_column(judgement->old, table->fit_score, &isnull);
	bool		unknown;

	if (!table->bound)
		return;
	judgement->stage = get_stage(table, judgement->old);
	judgement->since = get_since(table, judgement->old);
	judgement->owner = get_owner(table, judgement->old);
	unknown = TIMESTAMP_IS_NOBEGIN(judgement->since);
	if (unknown)
	{
		judgement->since = judgement->at;
		add_created(judgement, judgement->stage, judgement->at)->has_fit = false;
	}
	if (judgement->merged_with != NULL)
		add_merged(judgement, true);
	event = add_event(judgement, EVENT_DELETED);
	event->from_stage = judgement->stage;
	event->since = judgement->since;
	event->has_fit = !isnull;
	event->fit = isnull ? 0 : DatumGetInt32(fit);
}

/* ---------- for the outside ---------- */

static void
evaluate_all(Judgement *judgement)
{
	for (int i = 0; i < judgement->table->nconditions; i++)
	{
		TimestampTz instant;

		if (exprType((Node *) judgement->table->conditions[i]) == BOOLOID)
			judgement->holds[i] = lead_stage_condition_holds(judgement, i);
		else
			judgement->holds[i] = lead_stage_instant(judgement, i, &instant) &&
				instant <= judgement->at;
	}
}

bool *
lead_stage_evaluate_all(Judgement *judgement)
{
	judgement->holds = palloc0(sizeof(bool) * Max(judgement->table->nconditions, 1));
	lead_stage_as_owner(judgement, evaluate_all);
	return judgement->holds;
}

static void
check_transitions(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	ModelDef   *model = table->model;
	RowOracle	oracle = oracle_of(judgement);
	bool		isnull;
	Datum		fit = get_column(judgement->row, table->fit_score, &isnull);
	LeadFacts	facts;

	judgement->stage = get_stage(table, judgement->row);
	judgement->since = get_since(table, judgement->row);
	if (TIMESTAMP_IS_NOBEGIN(judgement->since))
		judgement->since = judgement->at;
	judgement->fit = isnull ? 0 : DatumGetInt32(fit);
	facts = facts_now(judgement);
	judgement->nchecks = 0;
	for (int i = 0; i < model->ntransitions; i++)
	{
		const TransitionDef *transition = &model->transitions[i];
		TransitionCheck *check = &judgement->checks[judgement->nchecks];
		StringInfoData unmet;

		if (!lead_stage_connects(transition, facts.stage, transition->to_stage))
			continue;
		initStringInfo(&unmet);
		check->transition = transition;
		check->holds = lead_stage_transition_holds(transition, &facts, &oracle, &unmet);
		if (!lead_stage_criteria_hold(model, facts.stage, transition->to_stage,
									  &oracle, &unmet))
			check->holds = false;
		check->unmet = unmet.len > 0 ? unmet.data : NULL;
		judgement->nchecks++;
	}
}

TransitionCheck *
lead_stage_check_transitions(Judgement *judgement, int *number)
{
	judgement->checks = palloc0(sizeof(TransitionCheck) *
								Max(judgement->table->model->ntransitions, 1));
	lead_stage_as_owner(judgement, check_transitions);
	*number = judgement->nchecks;
	return judgement->checks;
}

void
lead_stage_raise_refusal(const Refusal *refusal, LeadTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 refusal->reason ?
			 errmsg("moving a lead from \"%s\" to \"%s\" needs a reason",
					lead_stage_label(refusal->from_stage),
					lead_stage_label(refusal->to_stage)) :
			 errmsg("lead cannot move from \"%s\" to \"%s\"",
					lead_stage_label(refusal->from_stage),
					lead_stage_label(refusal->to_stage)),
			 refusal->detail && refusal->detail[0] ?
			 errdetail("%s", refusal->detail) : 0,
			 refusal->hint ? errhint("%s", refusal->hint) : 0,
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(get_rel_namespace(table->root))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(table->root)),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								refusal->reason ? "lead_stage_reason" :
								"lead_stage_transition")));
}
