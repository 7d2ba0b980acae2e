/*
 * touch.c
 *	  The leads that a statement's activities touch, and what is counted for
 *	  each of them.
 *
 * A hash of the keys, in which the leads themselves stand one after the other
 * in large pieces of memory: a statement may touch very many.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engagement.h"
#include "touch.h"

/* Memory for leads is taken in pieces: the first is small, as most statements. */
#define FIRST_ROOM		1024
#define LARGEST_ROOM	(256 * 1024)

typedef struct TouchedEntry
{
	const Datum *keys;
	TouchedLead *lead;
	uint32		hash;
	char		status;
} TouchedEntry;

static uint32 hash_keys(TouchedLeads *touched, const Datum *keys);
static bool equal_keys(TouchedLeads *touched, const Datum *a, const Datum *b);

#define SH_PREFIX touchedhash
#define SH_ELEMENT_TYPE TouchedEntry
#define SH_KEY_TYPE const Datum *
#define SH_KEY keys
#define SH_HASH_KEY(tb, key) hash_keys((tb)->private_data, key)
#define SH_EQUAL(tb, a, b) equal_keys((tb)->private_data, a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

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

static TypeCacheEntry *
key_type(Oid id)
{
	TypeCacheEntry *type = lookup_type_cache(id, TYPECACHE_HASH_PROC_FINFO |
											 TYPECACHE_EQ_OPR_FINFO | TYPECACHE_LT_OPR);

	if (!OidIsValid(type->hash_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s",
						format_type_be(id))));
	return type;
}

TouchedLeads *
lead_stage_begin_touch(LeadTable *leads, TimestampTz at)
{
	TouchedLeads *touched = palloc0(sizeof(TouchedLeads));

	touched->leads = leads;
	touched->first_from = touched->first = DT_NOEND;
	touched->at = at;
	touched->context = CurrentMemoryContext;
	touched->types = palloc(sizeof(TypeCacheEntry *) * Max(leads->nkeys, 1));
	touched->order = palloc0(sizeof(SortSupportData) * Max(leads->nkeys, 1));
	for (int i = 0; i < leads->nkeys; i++)
	{
		TypeCacheEntry *type = key_type(TupleDescAttr(leads->desc, leads->keys[i] - 1)->atttypid);

		touched->types[i] = type;
		touched->order[i].ssup_cxt = touched->context;
		touched->order[i].ssup_collation = type->typcollation;
		PrepareSortSupportFromOrderingOp(type->lt_opr, &touched->order[i]);
	}
	touched->hash = touchedhash_create(CurrentMemoryContext, 16, touched);
	return touched;
}

TouchedLead *
lead_stage_find_touched(TouchedLeads *touched, const Datum *keys)
{
	TouchedEntry *entry = touchedhash_lookup(touched->hash, keys);

	return entry ? entry->lead : NULL;
}

void
lead_stage_reset_counts(TouchedLeads *touched, TouchedLead *lead)
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

/* A lead with its key and counts in one piece. */
static TouchedLead *
make_lead(TouchedLeads *touched)
{
	Size		keys = MAXALIGN(sizeof(TouchedLead));
	Size		entries = keys + MAXALIGN(sizeof(Datum) * touched->leads->nkeys);
	Size		size = entries + MAXALIGN(sizeof(LeadScoreEntry) *
										  touched->leads->model->nengagements);
	TouchedLead *lead;

	if (touched->room_left < size)
	{
		touched->room_size = Min(Max(touched->room_size * 2, FIRST_ROOM), LARGEST_ROOM);
		touched->room_size = Max(touched->room_size, size);
		touched->room = MemoryContextAlloc(touched->context, touched->room_size);
		touched->room_left = touched->room_size;
	}
	lead = (TouchedLead *) touched->room;
	touched->room += size;
	touched->room_left -= size;

	memset(lead, 0, sizeof(TouchedLead));
	lead->keys = (Datum *) ((char *) lead + keys);
	lead->entries = (LeadScoreEntry *) ((char *) lead + entries);
	lead_stage_reset_counts(touched, lead);
	return lead;
}

TouchedLead *
lead_stage_touch_none(TouchedLeads *touched)
{
	return make_lead(touched);
}

TouchedLead *
lead_stage_touch(TouchedLeads *touched, const Datum *keys)
{
	LeadTable  *leads = touched->leads;
	MemoryContext oldcontext;
	TouchedEntry *entry;
	TouchedLead *lead;
	bool		found;

	entry = touchedhash_insert(touched->hash, keys, &found);
	if (found)
		return entry->lead;
	lead = make_lead(touched);
	oldcontext = MemoryContextSwitchTo(touched->context);
	for (int i = 0; i < leads->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(leads->desc, leads->keys[i] - 1);

		lead->keys[i] = datumCopy(keys[i], att->attbyval, att->attlen);
	}
	MemoryContextSwitchTo(oldcontext);
	entry->keys = lead->keys;
	entry->lead = lead;
	return lead;
}

void
lead_stage_recount_selected(TouchedLeads *touched)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		keys[INDEX_MAX_KEYS];
		bool		isnull;

		for (int i = 0; i < touched->leads->nkeys; i++)
			keys[i] = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									i + 1, &isnull);
		lead_stage_touch(touched, keys)->recount = true;
	}
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
	{
		lead_stage_add_match(&lead->entries[rules[i]], at);
		if (at >= touched->first_from && rules[i] == touched->first_rule)
			touched->first = Min(touched->first, at);
	}
}

static int
compare_leads(const void *a, const void *b, void *arg)
{
	TouchedLeads *touched = arg;
	const TouchedLead *left = *(TouchedLead *const *) a;
	const TouchedLead *right = *(TouchedLead *const *) b;

	for (int i = 0; i < touched->leads->nkeys; i++)
	{
		int			result = ApplySortComparator(left->keys[i], false, right->keys[i], false,
												 &touched->order[i]);

		if (result != 0)
			return result;
	}
	return 0;
}

TouchedLead **
lead_stage_in_key_order(TouchedLeads *touched, int *number)
{
	TouchedLead **list = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(TouchedLead *) *
												Max(touched->hash->members, 1));
	touchedhash_iterator iterator;
	TouchedEntry *entry;
	int			n = 0;

	touchedhash_start_iterate(touched->hash, &iterator);
	while ((entry = touchedhash_iterate(touched->hash, &iterator)) != NULL)
		list[n++] = entry->lead;
	qsort_arg(list, n, sizeof(TouchedLead *), compare_leads, touched);
	*number = n;
	return list;
}

LeadScore *
lead_stage_touched_score(TouchedLeads *touched, TouchedLead *lead, const LeadScore *stored)
{
	ModelDef   *model = touched->leads->model;
	LeadScore  *before_all = unconstify(LeadScore *, stored);
	LeadScore  *score = lead_score_make(model->id, model->nengagements + 1);
	const LeadScoreEntry *before;
	int			n = 0;

	for (int i = 0; i < model->nengagements; i++)
	{
		LeadScoreEntry entry = lead->entries[i];

		before = stored ? lead_score_find(before_all, entry.rule) : NULL;
		if (before != NULL)
			lead_stage_add_entry(&entry, before);
		if (entry.matches > 0)
			score->entries[n++] = entry;
	}
	before = stored ? lead_score_find(before_all, LEAD_SCORE_PENDING) : NULL;
	if (before != NULL)
	{
		lead->pending += before->matches;
		lead->pending_at = Min(lead->pending_at, before->last_at);
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
