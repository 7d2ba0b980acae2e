/*
 * settle.c
 *	  What the activities counted for leads do to them.
 *
 * However many activities a statement writes, each lead's state is read and
 * written once, in key order.  The lead's lock comes first and protects its
 * state, so that what is read under it is what will be replaced; the lead's
 * row itself is written only if it has to move.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "activity.h"
#include "engagement.h"
#include "held_states.h"
#include "judge.h"
#include "one_lead.h"
#include "pending.h"
#include "settle.h"
#include "state.h"
#include "touch_sql.h"
#include "transition.h"
#include "trig_lead.h"

/* How many leads one statement of ours locks, reads and writes. */
#define LEADS_AT_A_TIME		10000

/* Leads that are settled together, in key order, by place. */
typedef struct Chosen
{
	int			n;
	TouchedLead **leads;
	LeadState  *before;			/* as it was stored */
	LeadState  *after;
	bool	   *candidate;		/* the lead may move */
} Chosen;

/* ---------- locking and reading ---------- */

static Datum
result_column(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static TimestampTz
result_time(int row, int column, TimestampTz otherwise)
{
	bool		isnull;
	Datum		value = result_column(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

static TouchedLead *
result_lead(TouchedLeads *touched, int row)
{
	Datum		keys[INDEX_MAX_KEYS];
	bool		isnull;

	for (int i = 0; i < touched->leads->nkeys; i++)
		keys[i] = result_column(row, i + 1, &isnull);
	return lead_stage_find_touched(touched, keys);
}

static void
lock_leads(TouchedLeads *touched, TouchedLead **list, int n)
{
	LeadTable  *leads = touched->leads;
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];

	lead_stage_touched_keys(leads, list, n, types, values);
	lead_stage_run_plan(leads, PLAN_LOCK, leads->nkeys, types, values);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		TouchedLead *lead = result_lead(touched, row);
		bool		isnull;
		Datum		value;

		if (lead == NULL)
			continue;
		lead->exists = true;
		value = result_column(row, leads->nkeys + 1, &isnull);
		lead->stage = isnull ? 0 : DatumGetLeadStage(value);
		lead->since = result_time(row, leads->nkeys + 2, DT_NOBEGIN);
		value = result_column(row, leads->nkeys + 3, &isnull);
		lead->fit = isnull ? 0 : DatumGetInt32(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

static void
read_states(TouchedLeads *touched, Chosen *chosen)
{
	LeadTable  *leads = touched->leads;
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];

	if (chosen->n == 1)
	{
		lead_stage_read_state(leads, chosen->leads[0]->keys, &chosen->before[0]);
		return;
	}
	lead_stage_touched_keys(leads, chosen->leads, chosen->n, types, values);
	lead_stage_run_plan(leads, PLAN_READ, leads->nkeys, types, values);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		TouchedLead *lead = result_lead(touched, row);
		LeadState  *state;
		bool		isnull;
		Datum		value;

		if (lead == NULL)
			continue;
		state = &chosen->before[lead->place];
		state->is_stored = true;
		value = result_column(row, leads->nkeys + 1, &isnull);
		if (!isnull)
			state->score = DatumGetLeadScorePCopy(value);
		state->last_touch = result_time(row, leads->nkeys + 2, DT_NOBEGIN);
		state->hold_until = result_time(row, leads->nkeys + 3, DT_NOBEGIN);
		state->recheck_at = result_time(row, leads->nkeys + 4, DT_NOEND);
		value = result_column(row, leads->nkeys + 5, &isnull);
		if (!isnull)
			state->sla_state = TextDatumGetCString(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

static Chosen
choose(TouchedLeads *touched, TouchedLead **list, int n)
{
	Chosen		chosen = {
		.leads = palloc(sizeof(TouchedLead *) * n),
		.before = palloc0(sizeof(LeadState) * n),
		.after = palloc(sizeof(LeadState) * n),
		.candidate = palloc0(sizeof(bool) * n),
	};

	for (int i = 0; i < n; i++)
	{
		if (!list[i]->exists)
			continue;
		list[i]->place = chosen.n;
		lead_stage_clear_state(&chosen.before[chosen.n]);
		chosen.leads[chosen.n++] = list[i];
	}
	return chosen;
}

/* ---------- counting ---------- */

/* Whether what is stored can simply be added to. */
static bool
is_current(LeadTable *leads, const LeadScore *score)
{
	ModelDef   *model = leads->model;

	if (score == NULL)
		return true;
	if (score->model != model->id)
		return false;
	for (int i = 0; i < model->nengagements; i++)
	{
		const LeadScoreEntry *entry = lead_score_find(unconstify(LeadScore *, score),
													  model->engagements[i].id);

		if (entry != NULL && entry->half_life != model->engagements[i].half_life)
			return false;
	}
	return true;
}

static void
count(TouchedLeads *touched, Chosen *chosen)
{
	LeadTable  *leads = touched->leads;
	TouchedLead **anew = palloc(sizeof(TouchedLead *) * chosen->n);
	int			nanew = 0;

	for (int i = 0; i < chosen->n; i++)
	{
		TouchedLead *lead = chosen->leads[i];

		if (!lead->recount && !is_current(leads, chosen->before[i].score))
			lead->recount = true;
		if (!lead->recount)
			continue;
		lead_stage_reset_counts(touched, lead);
		anew[nanew++] = lead;
	}
	if (nanew > 0)
		lead_stage_count_all(leads, touched, anew, nanew);

	for (int i = 0; i < chosen->n; i++)
	{
		TouchedLead *lead = chosen->leads[i];
		LeadState  *before = &chosen->before[i];
		LeadState  *after = &chosen->after[i];

		*after = *before;
		after->score = lead_stage_touched_score(touched, lead,
												lead->recount ? NULL : before->score);
		after->last_touch = lead->recount ? lead->last_touch :
			Max(before->last_touch, lead->last_touch);
	}
	pfree(anew);
}

/* ---------- looking ahead ---------- */

/* What the rules know of a lead without its row: conditions may well hold. */
typedef struct Outlook
{
	LeadTable  *leads;
	LeadState  *state;
	TimestampTz at;
} Outlook;

static bool
may_hold(void *row, int condition)
{
	return true;
}

static bool
no_instant(void *row, int expression, TimestampTz *value)
{
	*value = DT_NOBEGIN;
	return true;
}

static bool
outlook_signal(void *row, const SignalDef *signal)
{
	Outlook    *outlook = row;

	return lead_stage_signal_seen(outlook->state->score, signal, outlook->at);
}

static TimestampTz
outlook_crossing(void *row, TimestampTz from, double threshold, bool below)
{
	Outlook    *outlook = row;

	return lead_stage_crossing(outlook->leads->model, outlook->state->score,
							   from, threshold, below);
}

/* Whether a milestone fires: the first match of the stay is among the new. */
static bool
reaches_milestone(ModelDef *model, const TouchedLead *lead,
				  const LeadScore *before, const LeadScore *after)
{
	for (int i = 0; i < model->nmilestones; i++)
	{
		int			rule = model->milestones[i].signal.rule;

		if (rule != 0 && lead_stage_last_match(before, rule) < lead->since &&
			lead_stage_last_match(after, rule) >= lead->since)
			return true;
	}
	return false;
}

/* Whether a clock of the lead may be met: its signal is among the new. */
static bool
reaches_clock(ModelDef *model, const TouchedLead *lead, const LeadState *before,
			  const LeadState *after)
{
	if (before->sla_state == NULL || after->score == NULL)
		return false;
	for (int i = 0; i < model->nslas; i++)
	{
		int			rule = model->slas[i].met_signal.rule;
		const LeadScoreEntry *old = rule == 0 || before->score == NULL ? NULL :
			lead_score_find(before->score, rule);
		const LeadScoreEntry *new = rule == 0 ? NULL : lead_score_find(after->score, rule);

		if (new != NULL && new->last_at >= lead->since &&
			(old == NULL || memcmp(old, new, sizeof(LeadScoreEntry)) != 0))
			return true;
	}
	return false;
}

/*
 * When to look at the lead again, and whether to look at it now.
 */
static bool
look_ahead(TouchedLeads *touched, TouchedLead *lead, const LeadState *before,
		   LeadState *state)
{
	ModelDef   *model = touched->leads->model;
	Outlook		outlook = {touched->leads, state, touched->at};
	RowOracle	oracle = {may_hold, no_instant, outlook_signal, &outlook};
	LeadFacts	facts;
	TimestampTz next;

	facts.stage = lead->stage;
	facts.at = touched->at;
	facts.stage_since = TIMESTAMP_IS_NOBEGIN(lead->since) ? touched->at : lead->since;
	facts.last_touch = state->last_touch;
	facts.fit = lead->fit;
	facts.engagement = lead_stage_engagement(model, state->score, touched->at);

	next = lead_stage_next_recheck(model, &facts, &oracle, state->hold_until, outlook_crossing);
	next = Min(next, lead_stage_pending_at(state->score));
	if (state->recheck_at <= touched->at)
		return true;			/* something is due: the judgement stores the next */
	state->recheck_at = Min(state->recheck_at, next);

	if (reaches_milestone(model, lead, before->score, state->score) ||
		reaches_clock(model, lead, before, state))
		return true;
	return state->hold_until <= touched->at &&
		lead_stage_next_move(model, &facts, &oracle, lead_stage_bit(lead->stage)) != NULL;
}

/* Days and months are those of the model's time zone, as in a judgement. */
static void
look_ahead_of_all(TouchedLeads *touched, Chosen *chosen)
{
	pg_tz	   *time_zone = session_timezone;

	PG_TRY();
	{
		if (touched->leads->time_zone != NULL)
			session_timezone = touched->leads->time_zone;
		for (int i = 0; i < chosen->n; i++)
			chosen->candidate[i] = look_ahead(touched, chosen->leads[i],
											  &chosen->before[i], &chosen->after[i]);
	}
	PG_FINALLY();
	{
		session_timezone = time_zone;
	}
	PG_END_TRY();
}

/* ---------- writing ---------- */

static bool
same_score(const LeadScore *a, const LeadScore *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static bool
same_state(const LeadState *a, const LeadState *b)
{
	return a->last_touch == b->last_touch && a->recheck_at == b->recheck_at &&
		same_score(a->score, b->score);
}

static Datum
array_of_times(const LeadState **states, int n, bool rechecks)
{
	Datum	   *column = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		TimestampTz time = rechecks ? states[i]->recheck_at : states[i]->last_touch;

		column[i] = TimestampTzGetDatum(time);
		nulls[i] = TIMESTAMP_NOT_FINITE(time);
	}
	return PointerGetDatum(construct_md_array(column, nulls, 1, &n, &lower, TIMESTAMPTZOID,
											  8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
array_of_scores(const LeadState **states, int n, Oid type)
{
	Datum	   *column = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		column[i] = PointerGetDatum(states[i]->score);
		nulls[i] = (states[i]->score == NULL);
	}
	return PointerGetDatum(construct_md_array(column, nulls, 1, &n, &lower, type,
											  -1, false, TYPALIGN_DOUBLE));
}

/* Only what has changed, and no row where there is nothing to remember. */
static void
write_states(TouchedLeads *touched, Chosen *chosen)
{
	LeadTable  *leads = touched->leads;
	int			nkeys = leads->nkeys;
	Oid			types[INDEX_MAX_KEYS + 3];
	Datum		values[INDEX_MAX_KEYS + 3];
	TouchedLead **written = palloc(sizeof(TouchedLead *) * chosen->n);
	const LeadState **states = palloc(sizeof(LeadState *) * chosen->n);
	TouchedLead **forgotten = palloc(sizeof(TouchedLead *) * chosen->n);
	int			n = 0;
	int			nforgotten = 0;

	for (int i = 0; i < chosen->n; i++)
	{
		bool		nothing = lead_stage_says_nothing(&chosen->after[i]);

		if (nothing && chosen->before[i].is_stored)
			forgotten[nforgotten++] = chosen->leads[i];
		if (chosen->before[i].is_stored ? same_state(&chosen->before[i], &chosen->after[i]) : nothing)
			continue;
		states[n] = &chosen->after[i];
		written[n++] = chosen->leads[i];
	}
	if (chosen->n == 1)
	{
		if (n == 1)
			lead_stage_store_score(leads, written[0]->keys, states[0]);
		return;
	}
	if (n > 0)
	{
		lead_stage_touched_keys(leads, written, n, types, values);
		types[nkeys] = get_array_type(leads->score_type);
		values[nkeys] = array_of_scores(states, n, leads->score_type);
		types[nkeys + 1] = types[nkeys + 2] = TIMESTAMPTZARRAYOID;
		values[nkeys + 1] = array_of_times(states, n, false);
		values[nkeys + 2] = array_of_times(states, n, true);
		lead_stage_run_plan(leads, PLAN_WRITE, nkeys + 3, types, values);
	}
	if (nforgotten > 0)
	{
		lead_stage_touched_keys(leads, forgotten, nforgotten, types, values);
		lead_stage_run_plan(leads, PLAN_FORGET, nkeys, types, values);
	}
}

/* ---------- judging ---------- */

static void
judge_lead(TouchedLeads *touched, TouchedLead *lead, const ActivityMatches *matches)
{
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	const ActivityMatches *volatile previous_matches = lead_stage_set_matches(matches);
	Rescoring	previous_mode = lead_stage_set_rescore(RESCORE_JUDGE);

	lead_stage_touched_keys(touched->leads, &lead, 1, types, values);
	PG_TRY();
	{
		lead_stage_run_plan(touched->leads, PLAN_JUDGE, touched->leads->nkeys, types, values);
	}
	PG_FINALLY();
	{
		lead_stage_set_matches(previous_matches);
		lead_stage_restore_rescore(previous_mode);
	}
	PG_END_TRY();
}

static void
judge_leads(TouchedLeads *touched, Chosen *chosen)
{
	for (int i = 0; i < chosen->n; i++)
	{
		ActivityMatches matches;

		if (!chosen->candidate[i])
			continue;
		lead_stage_matches_between(touched->leads->model, chosen->before[i].score,
								   chosen->after[i].score, &matches);
		matches.knows_before = is_current(touched->leads, chosen->before[i].score);
		matches.score_before = chosen->before[i].score;
		matches.last_touch_before = chosen->before[i].last_touch;
		judge_lead(touched, chosen->leads[i], &matches);
	}
	lead_stage_flush_pending();
}

/* ---------- all of it ---------- */

static void
settle_some(TouchedLeads *touched, TouchedLead **list, int n, bool judge)
{
	Chosen		chosen;

	if (n > 1 || !lead_stage_lock_one(touched, list[0]))
		lock_leads(touched, list, n);
	chosen = choose(touched, list, n);
	if (chosen.n == 0)
		return;
	read_states(touched, &chosen);
	count(touched, &chosen);
	look_ahead_of_all(touched, &chosen);
	write_states(touched, &chosen);
	if (judge)
		judge_leads(touched, &chosen);
}

void
lead_stage_settle(TouchedLeads *touched, bool judge)
{
	int			n;
	TouchedLead **list = lead_stage_in_key_order(touched, &n);

	if (n == 0)
		return;
	lead_stage_write_held_states();
	SPI_connect();
	for (int first = 0; first < n; first += LEADS_AT_A_TIME)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "lead_stage settle",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext oldcontext = MemoryContextSwitchTo(context);

		settle_some(touched, list + first, Min(n - first, LEADS_AT_A_TIME), judge);
		MemoryContextSwitchTo(oldcontext);
		MemoryContextDelete(context);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
}

void
lead_stage_recount_lead(LeadTable *leads, const Datum *keys, TimestampTz at)
{
	TouchedLeads *touched = lead_stage_begin_touch(leads, at);

	lead_stage_touch(touched, keys)->recount = true;
	lead_stage_settle(touched, false);
}
