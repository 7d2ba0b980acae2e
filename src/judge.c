/*
 * judge.c
 *	  The order of a write: fit score, stage, milestones, owner, SLA clocks.
 *
 * Works on plain values and the row's slot; writes nothing anywhere else, so
 * that a judgement can be thrown away and made again.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "clock.h"
#include "engagement.h"
#include "evaluate.h"
#include "history.h"
#include "judge_clocks.h"
#include "judge_row.h"
#include "judge_stage.h"
#include "route.h"
#include "settings.h"

/* A copy of stage_since that went through an application's milliseconds. */
#define STALE_TOLERANCE		INT64CONST(1000)	/* microseconds */

/* ---------- milestones ---------- */

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
		event = lead_stage_add_event(judgement, EVENT_MILESTONE);
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
			LeadEvent  *event = lead_stage_add_event(judgement, EVENT_MILESTONE);

			event->from_stage = judgement->stage;
			event->since = judgement->since;
			event->name = milestone->name;
		}
	}
}

/* ---------- a whole write ---------- */

/* A null stage is no move: the column says so, in PostgreSQL's own words. */
static void
require_stage(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	const char *column;

	if (lead_stage_get_stage(table, judgement->row) != 0)
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
		lead_stage_set_column(judgement, ours[i], judgement->written[i],
				   judgement->written_null[i]);
	judgement->nevents = 0;
	judgement->nturns = 0;
	judgement->refusal.refused = false;
	judgement->state_changed = false;
	judgement->new_state = judgement->state;
	judgement->row = table->row;
	lead_stage_take_clocks(judgement);
}

static void
judge_insert(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadStage	wanted = lead_stage_get_stage(table, judgement->row);
	TimestampTz since = lead_stage_get_since(table, judgement->row);
	const char *reason = lead_stage_get_reason(table, judgement->row);
	bool		goes_on = true;

	judgement->owner = lead_stage_get_owner(table, judgement->row);
	judgement->owner_written = !lead_stage_enforce || judgement->owner != NULL;
	if (!lead_stage_enforce)
	{
		lead_stage_set_stage(judgement, wanted,
				  TIMESTAMP_NOT_FINITE(since) ? judgement->at : since);
		lead_stage_judge_fit(judgement);
		(void) lead_stage_add_created(judgement, wanted, judgement->since);
		lead_stage_judge_clocks(judgement);
	}
	else
	{
		lead_stage_set_stage(judgement, LEAD_STAGE_LEAD, judgement->at);
		lead_stage_judge_fit(judgement);
		(void) lead_stage_add_created(judgement, LEAD_STAGE_LEAD, judgement->at);
		if (wanted != LEAD_STAGE_LEAD)
			goes_on = lead_stage_move_by_hand(judgement, wanted, reason);
		if (goes_on)
			lead_stage_move_automatically(judgement);
	}
	judge_milestones(judgement);
	if (!judgement->refusal.refused)
		lead_stage_judge_owner(judgement, 0);
	lead_stage_judge_clocks(judgement);
}

/*
 * A full-row save of a copy that was read before the last move would undo that
 * move; such a write says nothing about stage, reason and owner.
 */
static bool
is_stale(Judgement *judgement)
{
	TimestampTz stored = lead_stage_get_since(judgement->table, judgement->old);
	TimestampTz written = lead_stage_get_since(judgement->table, judgement->row);

	return lead_stage_enforce && !TIMESTAMP_IS_NOBEGIN(stored) &&
		!TIMESTAMP_IS_NOBEGIN(written) &&
		written / STALE_TOLERANCE < stored / STALE_TOLERANCE;
}

static bool
changes_owner(Judgement *judgement)
{
	const char *written = lead_stage_get_owner(judgement->table, judgement->row);
	const char *stored = judgement->owner_before;

	return written == NULL || stored == NULL ? written != stored :
		strcmp(written, stored) != 0;
}

/*
 * Setting the owner to who it was counts as well, unless all of our columns are
 * set: then it is a full-row save, which means nothing by it.
 */
static bool
owner_is_written(Judgement *judgement)
{
	bool		isnull;

	(void) lead_stage_get_column(judgement->row, judgement->table->owner, &isnull);
	return !lead_stage_enforce ||
		(!isnull && (judgement->owner_set || changes_owner(judgement)));
}

/* The columns that what fell due has changed, in the row being written. */
static void
take_over(Judgement *judgement, TupleTableSlot *row, bool moved, const char *owner_before)
{
	LeadTable  *table = judgement->table;
	bool		isnull;
	Datum		owner = lead_stage_get_column(table->old_row, table->owner, &isnull);

	judgement->row = row;
	lead_stage_set_stage(judgement, judgement->stage, judgement->since);
	if (moved)
		lead_stage_set_reason(judgement, lead_stage_get_reason(table, table->old_row));
	if (judgement->owner != owner_before && !changes_owner(judgement))
		lead_stage_set_column(judgement, table->owner, owner, isnull);
}

/* Everything that falls due at an instant, on the row as it is stored. */
static void
do_what_is_due(Judgement *judgement)
{
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	LeadFacts	facts;
	int			first_event = judgement->nevents;

	lead_stage_judge_at(judgement->at);
	lead_stage_move_automatically(judgement);
	lead_stage_judge_owner(judgement, first_event);
	lead_stage_judge_clocks(judgement);
	facts = lead_stage_facts_now(judgement);
	judgement->new_state.recheck_at =
		Min(lead_stage_next_recheck(judgement->table->model, &facts, &oracle,
									judgement->new_state.hold_until, lead_stage_next_crossing),
			lead_stage_next_clock_of_row(judgement));
}

/*
 * What has fallen due by now happens first, each thing at its own instant and
 * judged on the row as it is stored, and before the activities that are just
 * being counted were known.  So a write at the very instant finds what a sweep
 * then would have left.
 */
static void
catch_up(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadState	state = judgement->state;
	TupleTableSlot *row = judgement->row;
	TimestampTz now = judgement->at;
	const char *owner = judgement->owner;
	LeadStage	stage = judgement->stage;
	TimestampTz since = judgement->since;

	lead_stage_copy_row(judgement->old, table->old_row);
	judgement->row = table->old_row;
	judgement->owner_written = false;
	if (judgement->matches != NULL && judgement->matches->knows_before)
	{
		judgement->state.score = unconstify(LeadScore *, judgement->matches->score_before);
		judgement->state.last_touch = judgement->matches->last_touch_before;
	}
	lead_stage_judge_fit(judgement);

	while (judgement->new_state.recheck_at <= now)
	{
		judgement->at = Max(judgement->new_state.recheck_at, judgement->since);
		do_what_is_due(judgement);
		if (judgement->at >= now)
			break;
		CHECK_FOR_INTERRUPTS();
	}

	judgement->at = now;
	judgement->state.score = state.score;
	judgement->state.last_touch = state.last_touch;
	lead_stage_judge_at(now);
	take_over(judgement, row, judgement->stage != stage || judgement->since != since, owner);
}

/* What to remember, and when to look at the lead again. */
static void
judge_state(Judgement *judgement)
{
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	LeadFacts	facts;
	LeadState  *state = &judgement->new_state;
	TimestampTz next;

	if (!judgement->table->model->uses_state)
		return;
	lead_stage_keep_clocks(judgement);
	if (state->hold_until <= judgement->at)
		state->hold_until = DT_NOBEGIN;
	next = lead_stage_next_clock_of_row(judgement);
	state->recheck_at = judgement->state.recheck_at;

	/* what is due stays due while moves are not enforced */
	if (lead_stage_enforce || judgement->state.recheck_at > judgement->at)
	{
		facts = lead_stage_facts_now(judgement);
		next = Min(next, lead_stage_next_recheck(judgement->table->model, &facts, &oracle,
												 state->hold_until, lead_stage_next_crossing));
		next = Min(next, lead_stage_pending_at(state->score));

		/* an earlier recheck that is stored may stay: it will find nothing due */
		if (state->recheck_at <= judgement->at)
			state->recheck_at = next;
	}
	state->recheck_at = Min(state->recheck_at, next);
	judgement->state_changed |= state->recheck_at != judgement->state.recheck_at ||
		state->hold_until != judgement->state.hold_until;
}

/*
 * When an import says that a known lead moved, but never before its last
 * event: a history that went back in time could not be read.
 */
static TimestampTz
imported_since(Judgement *judgement, TimestampTz stored, TimestampTz written)
{
	LeadTable  *table = judgement->table;
	Datum		keys[INDEX_MAX_KEYS];

	if (TIMESTAMP_IS_NOBEGIN(written) || written == stored)
		return judgement->at;
	if (TIMESTAMP_IS_NOBEGIN(stored) || !table->bound)
		return written;
	for (int i = 0; i < table->nkeys; i++)
	{
		bool		isnull;

		keys[i] = slot_getattr(judgement->old, table->keys[i], &isnull);
	}
	return Max(written, lead_stage_last_event_at(table, keys));
}

static void
judge_update(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadStage	stored = lead_stage_get_stage(table, judgement->old);
	LeadStage	wanted = lead_stage_get_stage(table, judgement->row);
	TimestampTz stored_since = lead_stage_get_since(table, judgement->old);
	TimestampTz written_since = lead_stage_get_since(table, judgement->row);
	bool		unknown = TIMESTAMP_IS_NOBEGIN(stored_since);
	bool		stale = is_stale(judgement);

	/* Where a lead stands that history does not know yet, an import may say. */
	bool		adopt = unknown && (judgement->adopt || !lead_stage_enforce);
	const char *reason = judgement->reason_written ?
		lead_stage_get_reason(table, judgement->row) : NULL;
	bool		goes_on = true;
	bool		owner_written;
	int			first_event;

	judgement->owner = lead_stage_get_owner(table, judgement->old);
	judgement->owner_before = judgement->owner;
	judgement->stage_before = stored;
	owner_written = !stale && owner_is_written(judgement);

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
		lead_stage_keep_column(judgement, table->stage_reason);
		lead_stage_keep_column(judgement, table->owner);
	}
	lead_stage_set_stage(judgement, stored, unknown && !adopt ? judgement->at : stored_since);
	if (!unknown && lead_stage_enforce && judgement->state.recheck_at <= judgement->at)
	{
		catch_up(judgement);
		for (int i = 0; i < judgement->nevents; i++)
			judgement->events[i].under_old_key = judgement->key_changed;
		if (wanted == stored)
			wanted = judgement->stage;
		stored = judgement->stage;
	}
	lead_stage_judge_fit(judgement);

	if (unknown)
		lead_stage_add_created(judgement, stored, judgement->since)->under_old_key =
			judgement->key_changed;
	if (adopt)
		lead_stage_judge_clocks(judgement);
	if (judgement->key_changed)
		lead_stage_add_rekeyed(judgement);
	first_event = judgement->nevents;

	if (!lead_stage_enforce)
	{
		if (wanted != stored)
		{
			lead_stage_move_to(judgement, wanted,
					imported_since(judgement, stored_since, written_since),
					NULL, reason);
			lead_stage_arrive_by(judgement, NULL);
		}
	}
	else
	{
		if (stale && wanted != stored)
			lead_stage_add_refused(judgement, wanted, "stale",
						"The row was written from a copy older than its last move.");
		else if (wanted != stored)
			goes_on = lead_stage_move_by_hand(judgement, wanted, reason);
		if (goes_on)
			lead_stage_move_automatically(judgement);
	}
	judge_milestones(judgement);
	judgement->owner_written = owner_written;
	if (!judgement->refusal.refused)
		lead_stage_judge_owner(judgement, first_event);
	lead_stage_judge_clocks(judgement);
	if (judgement->merged_with != NULL)
		lead_stage_add_merged(judgement, false);
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
		judgement->written[i] = lead_stage_get_column(judgement->row, ours[i],
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
	LeadStage	wanted = lead_stage_get_stage(table, judgement->row);
	TimestampTz since = DT_NOBEGIN;

	require_stage(judgement);
	if (judgement->old != NULL)
	{
		stored = lead_stage_get_stage(table, judgement->old);
		since = lead_stage_get_since(table, judgement->old);
		judgement->owner = lead_stage_get_owner(table, judgement->old);
		lead_stage_keep_column(judgement, table->fit_score);
	}
	else
	{
		judgement->owner = lead_stage_get_owner(table, judgement->row);
		lead_stage_set_column(judgement, table->fit_score, (Datum) 0, true);
	}

	if (!lead_stage_enforce && table->bound && wanted != stored &&
		!TIMESTAMP_IS_NOBEGIN(since))
	{
		/* A lead that has a history goes on having one. */
		TimestampTz written = lead_stage_get_since(table, judgement->row);

		judgement->stage = stored;
		judgement->since = since;
		lead_stage_move_to(judgement, wanted,
				!TIMESTAMP_IS_NOBEGIN(written) && written != since ?
				written : judgement->at, NULL,
				judgement->reason_written ? lead_stage_get_reason(table, judgement->row) : NULL);
		stored = judgement->stage;
		since = judgement->since;
	}
	else if (!lead_stage_enforce)
	{
		if (wanted != stored || TIMESTAMP_IS_NOBEGIN(since))
			since = lead_stage_get_since(table, judgement->row);
		stored = wanted;
		if (table->bound && judgement->old == NULL && !TIMESTAMP_IS_NOBEGIN(since))
			(void) lead_stage_add_created(judgement, stored, since);
	}
	else if (wanted != stored)
		refuse_unpublished(judgement, stored, wanted);
	lead_stage_set_stage(judgement, stored, since);

	if (table->bound && judgement->old != NULL && !TIMESTAMP_IS_NOBEGIN(since))
	{
		if (judgement->key_changed)
			lead_stage_add_rekeyed(judgement);
		lead_stage_judge_owner(judgement, judgement->nevents);
	}
}

/* ---------- the end of a lead ---------- */

/* What fell due before it was deleted has happened, whether or not one swept. */
static void
catch_up_with_deleted(Judgement *judgement)
{
	LeadTable  *table = judgement->table;

	lead_stage_copy_row(judgement->old, table->row);
	judgement->row = table->row;
	judgement->new_state = judgement->state;
	lead_stage_set_stage(judgement, judgement->stage, judgement->since);
	catch_up(judgement);
}

void
lead_stage_judge_delete(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	LeadEvent  *event;
	bool		isnull;
	Datum		fit = lead_stage_get_column(judgement->old, table->fit_score, &isnull);
	bool		unknown;

	if (!table->bound)
		return;
	judgement->stage = lead_stage_get_stage(table, judgement->old);
	judgement->since = lead_stage_get_since(table, judgement->old);
	judgement->owner = lead_stage_get_owner(table, judgement->old);
	judgement->owner_before = judgement->owner;
	judgement->stage_before = judgement->stage;
	unknown = TIMESTAMP_IS_NOBEGIN(judgement->since);
	if (unknown)
	{
		judgement->since = judgement->at;
		lead_stage_add_created(judgement, judgement->stage, judgement->at)->has_fit = false;
	}
	lead_stage_take_clocks(judgement);
	if (!unknown && table->published && lead_stage_enforce &&
		judgement->state.recheck_at <= judgement->at)
		lead_stage_as_owner(judgement, catch_up_with_deleted);
	if (judgement->merged_with != NULL)
		lead_stage_add_merged(judgement, true);
	lead_stage_cancel_clocks(judgement);
	event = lead_stage_add_event(judgement, EVENT_DELETED);
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
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	bool		isnull;
	Datum		fit = lead_stage_get_column(judgement->row, table->fit_score, &isnull);
	LeadFacts	facts;

	judgement->stage = lead_stage_get_stage(table, judgement->row);
	judgement->since = lead_stage_get_since(table, judgement->row);
	if (TIMESTAMP_IS_NOBEGIN(judgement->since))
		judgement->since = judgement->at;
	judgement->fit = isnull ? 0 : DatumGetInt32(fit);
	facts = lead_stage_facts_now(judgement);
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
