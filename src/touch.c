/*
 * touch.c
 *	  The leads that a statement's activities touch, and what that does to
 *	  them.
 *
 * However many activities a statement writes, each lead's state is read and
 * written once, in key order.  The lead's lock comes first and protects its
 * state, so that what is read under it is what will be replaced; the lead's
 * row itself is written only if it has to move.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "activity.h"
#include "engagement.h"
#include "run_as.h"
#include "state.h"
#include "touch.h"
#include "transition.h"
#include "trig_lead.h"

/* How many leads one statement of ours locks, reads and writes. */
#define LEADS_AT_A_TIME		10000

static uint32 hash_keys(TouchedLeads *touched, const Datum *keys);
static bool equal_keys(TouchedLeads *touched, const Datum *a, const Datum *b);

#define SH_PREFIX touchedhash
#define SH_ELEMENT_TYPE TouchedLead
#define SH_KEY_TYPE Datum *
#define SH_KEY keys
#define SH_HASH_KEY(tb, key) hash_keys((tb)->private_data, key)
#define SH_EQUAL(tb, a, b) equal_keys((tb)->private_data, a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct TouchedLeads
{
	LeadTable  *leads;
	TimestampTz at;
	MemoryContext context;
	touchedhash_hash *hash;
	TypeCacheEntry **types;		/* of the key columns */
};

/* ---------- the set ---------- */

static uint32
hash_keys(TouchedLeads *touched, const Datum *keys)
{
	uint32		hash = 0;

	for (int i = 0; i < touched->leads->nkeys; i++)
	{
		TypeCacheEntry *type = touched->types[i];

		hash = hash_combine(hash, DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo,
																   type->typcollation,
																   keys[i])));
	}
	return murmurhash32(hash);
}

static bool
equal_keys(TouchedLeads *touched, const Datum *a, const Datum *b)
{
	for (int i = 0; i < touched->leads->nkeys; i++)
	{
		TypeCacheEntry *type = touched->types[i];

		if (!DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, type->typcollation,
											a[i], b[i])))
			return false;
	}
	return true;
}

TouchedLeads *
lead_stage_begin_touch(LeadTable *leads, TimestampTz at)
{
	TouchedLeads *touched = palloc0(sizeof(TouchedLeads));

	touched->leads = leads;
	touched->at = at;
	touched->context = CurrentMemoryContext;
	touched->types = palloc(sizeof(TypeCacheEntry *) * Max(leads->nkeys, 1));
	for (int i = 0; i < leads->nkeys; i++)
	{
		touched->types[i] = lookup_type_cache(TupleDescAttr(leads->desc, leads->keys[i] - 1)->atttypid,
											  TYPECACHE_HASH_PROC_FINFO |
											  TYPECACHE_EQ_OPR_FINFO |
											  TYPECACHE_CMP_PROC_FINFO);
		if (!OidIsValid(touched->types[i]->hash_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify a hash function for type %s",
							format_type_be(touched->types[i]->type_id))));
	}
	touched->hash = touchedhash_create(CurrentMemoryContext, 64, touched);
	return touched;
}

TouchedLead *
lead_stage_find_touched(TouchedLeads *touched, const Datum *keys)
{
	return touchedhash_lookup(touched->hash, unconstify(Datum *, keys));
}

static void
reset_counts(TouchedLeads *touched, TouchedLead *lead)
{
	ModelDef   *model = touched->leads->model;

	memset(lead->entries, 0, sizeof(LeadScoreEntry) * model->nengagements);
	for (int i = 0; i < model->nengagements; i++)
	{
		lead->entries[i].rule = model->engagements[i].id;
		lead->entries[i].half_life = model->engagements[i].half_life;
	}
	lead->last_touch = DT_NOBEGIN;
	lead->pending = 0;
	lead->pending_at = DT_NOEND;
}

TouchedLead *
lead_stage_touch_none(TouchedLeads *touched)
{
	TouchedLead *lead = palloc0(sizeof(TouchedLead));

	lead->entries = palloc(sizeof(LeadScoreEntry) *
						   Max(touched->leads->model->nengagements, 1));
	reset_counts(touched, lead);
	return lead;
}

TouchedLead *
lead_stage_touch(TouchedLeads *touched, const Datum *keys)
{
	LeadTable  *leads = touched->leads;
	MemoryContext oldcontext;
	TouchedLead *lead;
	bool		found;

	lead = touchedhash_insert(touched->hash, unconstify(Datum *, keys), &found);
	if (found)
		return lead;
	oldcontext = MemoryContextSwitchTo(touched->context);
	lead->keys = palloc(sizeof(Datum) * leads->nkeys);
	for (int i = 0; i < leads->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(leads->desc, leads->keys[i] - 1);

		lead->keys[i] = datumCopy(keys[i], att->attbyval, att->attlen);
	}
	lead->entries = palloc(sizeof(LeadScoreEntry) * Max(leads->model->nengagements, 1));
	lead->exists = false;
	lead->recount = false;
	reset_counts(touched, lead);
	MemoryContextSwitchTo(oldcontext);
	return lead;
}

void
lead_stage_add_touch(TouchedLeads *touched, TouchedLead *lead, TimestampTz at,
					 const int *rules, int nrules)
{
	if (at > touched->at)
	{
		lead->pending++;
		lead->pending_at = Min(lead->pending_at, at);
		return;
	}
	lead->last_touch = Max(lead->last_touch, at);
	for (int i = 0; i < nrules; i++)
		lead_stage_add_match(&lead->entries[rules[i]], at);
}

static int
compare_leads(const void *a, const void *b, void *arg)
{
	TouchedLeads *touched = arg;
	const TouchedLead *left = *(TouchedLead *const *) a;
	const TouchedLead *right = *(TouchedLead *const *) b;

	for (int i = 0; i < touched->leads->nkeys; i++)
	{
		TypeCacheEntry *type = touched->types[i];
		int			result = DatumGetInt32(FunctionCall2Coll(&type->cmp_proc_finfo,
															 type->typcollation,
															 left->keys[i], right->keys[i]));

		if (result != 0)
			return result;
	}
	return 0;
}

static TouchedLead **
in_key_order(TouchedLeads *touched, int *number)
{
	TouchedLead **list = palloc(sizeof(TouchedLead *) * Max(touched->hash->members, 1));
	touchedhash_iterator iterator;
	TouchedLead *lead;
	int			n = 0;

	touchedhash_start_iterate(touched->hash, &iterator);
	while ((lead = touchedhash_iterate(touched->hash, &iterator)) != NULL)
		list[n++] = lead;
	qsort_arg(list, n, sizeof(TouchedLead *), compare_leads, touched);
	*number = n;
	return list;
}

/* ---------- SQL over many leads ---------- */

void
lead_stage_touched_keys(LeadTable *leads, TouchedLead **chosen, int nchosen,
						Oid *types, Datum *values)
{
	Datum	   *column = palloc(sizeof(Datum) * Max(nchosen, 1));

	for (int i = 0; i < leads->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(leads->desc, leads->keys[i] - 1);

		for (int n = 0; n < nchosen; n++)
			column[n] = chosen[n]->keys[i];
		types[i] = get_array_type(att->atttypid);
		values[i] = PointerGetDatum(construct_array(column, nchosen, att->atttypid,
													att->attlen, att->attbyval,
													att->attalign));
	}
	pfree(column);
}

char *
lead_stage_unnested_keys(LeadTable *leads)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "ROWS FROM (");
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&text, ") AS k (");
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%sk%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoChar(&text, ')');
	return text.data;
}

static const char *
lead_column(LeadTable *leads, AttrNumber attno)
{
	return quote_identifier(NameStr(TupleDescAttr(leads->desc, attno - 1)->attname));
}

/* "alias.key OPERATOR(pg_catalog.=) k.k1 AND …" */
static char *
match_keys(LeadTable *leads, bool of_state)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < leads->nkeys; i++)
	{
		Oid			type = TupleDescAttr(leads->desc, leads->keys[i] - 1)->atttypid;
		const char *column = of_state ?
			quote_identifier(get_attname(leads->state, leads->state_scan[i].sk_attno, false)) :
			lead_column(leads, leads->keys[i]);

		if (i > 0)
			appendStringInfoString(&text, " AND ");
		generate_operator_clause(&text, psprintf("%s.%s", of_state ? "s" : "l", column), type,
								 leads->key_equals[i], psprintf("k.k%d", i + 1), type);
	}
	return text.data;
}

static char *
lead_keys(LeadTable *leads)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%sl.%s", i > 0 ? ", " : "",
						 lead_column(leads, leads->keys[i]));
	return text.data;
}

static char *
leads_name(LeadTable *leads)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(leads->root)),
									  get_rel_name(leads->root));
}

/*
 * Runs a statement of ours, planned once for each LeadTable, as the owner of
 * the table.  make_sql writes it.
 */
static void
run(LeadTable *leads, ActivityPlan which, char *(*make_sql) (LeadTable *leads),
	int nargs, Oid *types, Datum *values, const char *nulls)
{
	if (leads->plans[which] == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(make_sql(leads), nargs, types);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		leads->plans[which] = plan;
	}
	lead_stage_spi_plan_as(leads->owner_role, leads->plans[which], values, nulls);
}

static char *
lock_sql(LeadTable *leads)
{
	return psprintf("SELECT %s, l.%s, l.%s, l.%s FROM %s JOIN %s AS l ON %s ORDER BY %s FOR NO KEY UPDATE OF l",
					lead_keys(leads), lead_column(leads, leads->stage),
					lead_column(leads, leads->stage_since), lead_column(leads, leads->fit_score),
					lead_stage_unnested_keys(leads), leads_name(leads),
					match_keys(leads, false), lead_keys(leads));
}

static char *
read_sql(LeadTable *leads)
{
	return psprintf("SELECT %s, s.engagement_state, s.last_touch_at, s.hold_until, s.recheck_at FROM %s JOIN %s AS s ON %s",
					lead_stage_state_keys(leads, "s."), lead_stage_unnested_keys(leads),
					lead_stage_state_name(leads), match_keys(leads, true));
}

static char *
write_sql(LeadTable *leads)
{
	StringInfoData source;
	int			n = leads->nkeys;

	initStringInfo(&source);
	for (int i = 0; i < n + 3; i++)
		appendStringInfo(&source, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	return psprintf("INSERT INTO %s (%s, engagement_state, last_touch_at, recheck_at) "
					"SELECT * FROM ROWS FROM (%s) "
					"ON CONFLICT (%s) DO UPDATE SET engagement_state = EXCLUDED.engagement_state, "
					"last_touch_at = EXCLUDED.last_touch_at, recheck_at = EXCLUDED.recheck_at",
					lead_stage_state_name(leads), lead_stage_state_keys(leads, ""),
					source.data, lead_stage_state_keys(leads, ""));
}

static char *
judge_sql(LeadTable *leads)
{
	const char *since = lead_column(leads, leads->stage_since);

	return psprintf("UPDATE %s AS l SET %s = l.%s FROM %s WHERE %s",
					leads_name(leads), since, since,
					lead_stage_unnested_keys(leads), match_keys(leads, false));
}

/* ---------- what becomes of the leads ---------- */

static Datum
result_column(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static void
result_keys(LeadTable *leads, int row, Datum *keys)
{
	bool		isnull;

	for (int i = 0; i < leads->nkeys; i++)
		keys[i] = result_column(row, i + 1, &isnull);
}

static void
lock_leads(TouchedLeads *touched, TouchedLead **chosen, int nchosen)
{
	LeadTable  *leads = touched->leads;
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	Datum		keys[INDEX_MAX_KEYS];

	lead_stage_touched_keys(leads, chosen, nchosen, types, values);
	run(leads, PLAN_LOCK, lock_sql, leads->nkeys, types, values, NULL);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		TouchedLead *lead;
		bool		isnull;
		Datum		value;

		result_keys(leads, row, keys);
		lead = lead_stage_find_touched(touched, keys);
		if (lead == NULL)
			continue;
		lead->exists = true;
		value = result_column(row, leads->nkeys + 1, &isnull);
		lead->stage = isnull ? 0 : DatumGetLeadStage(value);
		value = result_column(row, leads->nkeys + 2, &isnull);
		lead->since = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
		value = result_column(row, leads->nkeys + 3, &isnull);
		lead->fit = isnull ? 0 : DatumGetInt32(value);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The state as it was, by place of the lead in chosen. */
static LeadState *
read_states(TouchedLeads *touched, TouchedLead **chosen, int nchosen)
{
	LeadTable  *leads = touched->leads;
	LeadState  *states = palloc(sizeof(LeadState) * Max(nchosen, 1));
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	Datum		keys[INDEX_MAX_KEYS];
	TouchedLead key_holder;
	TouchedLead *wanted = &key_holder;

	for (int i = 0; i < nchosen; i++)
		lead_stage_clear_state(&states[i]);
	lead_stage_touched_keys(leads, chosen, nchosen, types, values);
	run(leads, PLAN_READ, read_sql, leads->nkeys, types, values, NULL);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		TouchedLead **place;
		LeadState  *state;
		bool		isnull;
		Datum		value;

		result_keys(leads, row, keys);
		key_holder.keys = keys;
		place = bsearch_arg(&wanted, chosen, nchosen, sizeof(TouchedLead *),
							compare_leads, touched);
		if (place == NULL)
			continue;
		state = &states[place - chosen];
		value = result_column(row, leads->nkeys + 1, &isnull);
		if (!isnull)
			state->score = DatumGetLeadScorePCopy(value);
		value = result_column(row, leads->nkeys + 2, &isnull);
		if (!isnull)
			state->last_touch = DatumGetTimestampTz(value);
		value = result_column(row, leads->nkeys + 3, &isnull);
		if (!isnull)
			state->hold_until = DatumGetTimestampTz(value);
		value = result_column(row, leads->nkeys + 4, &isnull);
		if (!isnull)
			state->recheck_at = DatumGetTimestampTz(value);
	}
	SPI_freetuptable(SPI_tuptable);
	return states;
}

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

/* The lead's counts, on top of what is stored unless they are all there is. */
static LeadScore *
new_score(TouchedLeads *touched, TouchedLead *lead, const LeadScore *stored)
{
	ModelDef   *model = touched->leads->model;
	LeadScore  *score = lead_score_make(model->id, model->nengagements + 1);
	int			n = 0;

	for (int i = 0; i < model->nengagements; i++)
	{
		LeadScoreEntry entry = lead->entries[i];

		if (stored != NULL)
		{
			const LeadScoreEntry *before = lead_score_find(unconstify(LeadScore *, stored),
														   entry.rule);

			if (before != NULL)
				lead_stage_add_entry(&entry, before);
		}
		if (entry.matches > 0)
			score->entries[n++] = entry;
	}
	if (stored != NULL)
	{
		const LeadScoreEntry *before = lead_score_find(unconstify(LeadScore *, stored),
													   LEAD_SCORE_PENDING);

		if (before != NULL)
		{
			lead->pending += before->matches;
			lead->pending_at = Min(lead->pending_at, before->last_at);
		}
	}
	if (lead->pending > 0)
	{
		LeadScoreEntry *entry = &score->entries[n++];

		memset(entry, 0, sizeof(LeadScoreEntry));
		entry->rule = LEAD_SCORE_PENDING;
		entry->matches = lead->pending;
		entry->last_at = lead->pending_at;
	}
	SET_VARSIZE(score, LEAD_SCORE_SIZE(n));
	return n > 0 ? score : NULL;
}

LeadScore *
lead_stage_touched_score(TouchedLeads *touched, TouchedLead *lead)
{
	return new_score(touched, lead, NULL);
}

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
signal_seen(void *row, const SignalDef *signal)
{
	Outlook    *outlook = row;
	TimestampTz last = lead_stage_last_match(outlook->state->score, signal->rule);

	if (TIMESTAMP_IS_NOBEGIN(last) || last > outlook->at)
		return false;
	return signal->within == NULL ||
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												TimestampTzGetDatum(last),
												IntervalPGetDatum(signal->within))) >= outlook->at;
}

static TimestampTz
outlook_crossing(void *row, TimestampTz from, double threshold, bool below)
{
	Outlook    *outlook = row;

	return lead_stage_crossing(outlook->leads->model, outlook->state->score,
							   from, threshold, below);
}

static bool
signals_milestone(ModelDef *model, const TouchedLead *lead)
{
	for (int i = 0; i < model->nmilestones; i++)
		for (int r = 0; r < model->nengagements; r++)
			if (model->milestones[i].signal.rule == model->engagements[r].id &&
				lead->entries[r].matches > 0)
				return true;
	return false;
}

/*
 * When to look at the lead again, and whether to look at it now.
 */
static bool
look_ahead(TouchedLeads *touched, TouchedLead *lead, LeadState *state)
{
	ModelDef   *model = touched->leads->model;
	Outlook		outlook = {touched->leads, state, touched->at};
	RowOracle	oracle = {may_hold, no_instant, signal_seen, &outlook};
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

	if (signals_milestone(model, lead))
		return true;
	return state->hold_until <= touched->at &&
		lead_stage_next_move(model, &facts, &oracle, lead_stage_bit(lead->stage)) != NULL;
}

static void
write_states(TouchedLeads *touched, TouchedLead **chosen, int nchosen,
			 LeadState *states)
{
	LeadTable  *leads = touched->leads;
	int			n = leads->nkeys;
	Oid			score_type = leads->score_type;
	Oid			types[INDEX_MAX_KEYS + 3];
	Datum		values[INDEX_MAX_KEYS + 3];
	Datum	   *column = palloc(sizeof(Datum) * Max(nchosen, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(nchosen, 1));
	int			lower = 1;

	lead_stage_touched_keys(leads, chosen, nchosen, types, values);

	for (int i = 0; i < nchosen; i++)
	{
		column[i] = PointerGetDatum(states[i].score);
		nulls[i] = (states[i].score == NULL);
	}
	types[n] = get_array_type(score_type);
	values[n] = PointerGetDatum(construct_md_array(column, nulls, 1, &nchosen, &lower,
												   score_type, -1, false, TYPALIGN_DOUBLE));
	for (int i = 0; i < nchosen; i++)
	{
		column[i] = TimestampTzGetDatum(states[i].last_touch);
		nulls[i] = TIMESTAMP_IS_NOBEGIN(states[i].last_touch);
	}
	types[n + 1] = TIMESTAMPTZARRAYOID;
	values[n + 1] = PointerGetDatum(construct_md_array(column, nulls, 1, &nchosen, &lower,
													   TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL,
													   TYPALIGN_DOUBLE));
	for (int i = 0; i < nchosen; i++)
	{
		column[i] = TimestampTzGetDatum(states[i].recheck_at);
		nulls[i] = TIMESTAMP_IS_NOEND(states[i].recheck_at);
	}
	types[n + 2] = TIMESTAMPTZARRAYOID;
	values[n + 2] = PointerGetDatum(construct_md_array(column, nulls, 1, &nchosen, &lower,
													   TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL,
													   TYPALIGN_DOUBLE));
	run(leads, PLAN_WRITE, write_sql, n + 3, types, values, NULL);
}

/* The rules that this statement's activities matched, for the judgement. */
static ActivityMatches *
matches_of(TouchedLeads *touched, const TouchedLead *lead, const LeadScore *before)
{
	ModelDef   *model = touched->leads->model;
	ActivityMatches *matches = palloc(sizeof(ActivityMatches));

	matches->nrules = 0;
	matches->rules = palloc(sizeof(int) * Max(model->nengagements, 1));
	matches->last = palloc(sizeof(TimestampTz) * Max(model->nengagements, 1));
	matches->before = palloc(sizeof(TimestampTz) * Max(model->nengagements, 1));
	for (int i = 0; i < model->nengagements; i++)
	{
		if (lead->entries[i].matches == 0)
			continue;
		matches->rules[matches->nrules] = model->engagements[i].id;
		matches->last[matches->nrules] = lead->entries[i].last_at;
		matches->before[matches->nrules] = lead_stage_last_match(before, model->engagements[i].id);
		matches->nrules++;
	}
	return matches;
}

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
		run(touched->leads, PLAN_JUDGE, judge_sql, touched->leads->nkeys, types, values, NULL);
	}
	PG_FINALLY();
	{
		lead_stage_set_matches(previous_matches);
		lead_stage_restore_rescore(previous_mode);
	}
	PG_END_TRY();
}

/* Leads of which all is known, counted, stored and judged. */
static void
settle(TouchedLeads *touched, TouchedLead **chosen, int nchosen, bool judge)
{
	LeadTable  *leads = touched->leads;
	LeadState  *states = read_states(touched, chosen, nchosen);
	const LeadScore **before = palloc(sizeof(LeadScore *) * Max(nchosen, 1));
	bool	   *candidate = palloc(sizeof(bool) * Max(nchosen, 1));
	TouchedLead **anew = palloc(sizeof(TouchedLead *) * Max(nchosen, 1));
	int			nanew = 0;

	for (int i = 0; i < nchosen; i++)
	{
		if (!chosen[i]->recount && !is_current(leads, states[i].score))
			chosen[i]->recount = true;
		if (!chosen[i]->recount)
			continue;
		reset_counts(touched, chosen[i]);
		anew[nanew++] = chosen[i];
	}
	if (nanew > 0)
		lead_stage_count_all(leads, touched, anew, nanew);

	for (int i = 0; i < nchosen; i++)
	{
		TouchedLead *lead = chosen[i];

		before[i] = states[i].score;
		states[i].score = new_score(touched, lead, lead->recount ? NULL : states[i].score);
		states[i].last_touch = lead->recount ? lead->last_touch :
			Max(states[i].last_touch, lead->last_touch);
		candidate[i] = look_ahead(touched, lead, &states[i]);
	}
	write_states(touched, chosen, nchosen, states);
	for (int i = 0; judge && i < nchosen; i++)
		if (candidate[i])
			judge_lead(touched, chosen[i], matches_of(touched, chosen[i], before[i]));
}

void
lead_stage_end_touch(TouchedLeads *touched, bool judge)
{
	int			n;
	TouchedLead **list = in_key_order(touched, &n);

	if (n == 0)
		return;
	SPI_connect();
	for (int first = 0; first < n; first += LEADS_AT_A_TIME)
	{
		int			last = Min(first + LEADS_AT_A_TIME, n);
		int			nchosen = 0;
		TouchedLead **chosen = palloc(sizeof(TouchedLead *) * (last - first));

		lock_leads(touched, list + first, last - first);
		for (int i = first; i < last; i++)
			if (list[i]->exists)
				chosen[nchosen++] = list[i];
		if (nchosen > 0)
			settle(touched, chosen, nchosen, judge);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
}

void
lead_stage_recount_lead(LeadTable *leads, const Datum *keys, TimestampTz at)
{
	TouchedLeads *touched = lead_stage_begin_touch(leads, at);

	lead_stage_touch(touched, keys)->recount = true;
	lead_stage_end_touch(touched, false);
}
