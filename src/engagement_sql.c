/*
 * engagement_sql.c
 *	  engagement(lead_score, at): a state's worth by what is published now.
 *
 * The state names its model by id; the points and caps published for that
 * model are read once a session, and again after a publish.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "binding.h"
#include "clock.h"
#include "engagement.h"
#include "engagement_sql.h"

PG_FUNCTION_INFO_V1(lead_stage_engagement_of);
PG_FUNCTION_INFO_V1(lead_stage_score_entries);

typedef struct PublishedModel
{
	int32		id;				/* hash key */
	MemoryContext context;		/* the definition's; NULL: none is published */
	ModelDef   *model;
} PublishedModel;

static HTAB *published = NULL;
static bool published_valid = false;

/* publish invalidates the relations it concerns; to look again is cheap. */
static void
invalidate_published(Datum arg, Oid relid)
{
	published_valid = false;
}

void
lead_stage_init_engagement(void)
{
	CacheRegisterRelcacheCallback(invalidate_published, (Datum) 0);
}

static void
forget_published(void)
{
	HASH_SEQ_STATUS status;
	PublishedModel *entry;

	if (published != NULL)
	{
		hash_seq_init(&status, published);
		while ((entry = hash_seq_search(&status)) != NULL)
			if (entry->context != NULL)
				MemoryContextDelete(entry->context);
		hash_destroy(published);
	}
	published = NULL;
}

static ModelDef *
find_published(int32 id)
{
	PublishedModel *entry;
	bool		found;
	Jsonb	   *definition;
	ModelDef   *model;
	MemoryContext context;
	MemoryContext oldcontext;

	if (!published_valid)
		forget_published();
	if (published == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(int32);
		ctl.entrysize = sizeof(PublishedModel);
		ctl.hcxt = CacheMemoryContext;
		published = hash_create("lead_stage published models", 16, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		published_valid = true;
	}
	entry = hash_search(published, &id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->model;

	context = AllocSetContextCreate(CurrentMemoryContext, "lead_stage published model",
									ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	definition = lead_stage_published_definition(id);
	model = definition ? lead_stage_read_model(definition) : NULL;
	MemoryContextSwitchTo(oldcontext);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry = hash_search(published, &id, HASH_ENTER, &found);
	entry->context = context;
	entry->model = model;
	return model;
}

/*
 * engagement(state lead_score, at timestamptz) → double precision
 */
Datum
lead_stage_engagement_of(PG_FUNCTION_ARGS)
{
	LeadScore  *score = PG_GETARG_LEAD_SCORE_P(0);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	ModelDef   *model = find_published(score->model);

	PG_RETURN_FLOAT8(model ? lead_stage_engagement(model, score, at) : 0);
}

/*
 * _score_entries(state lead_score, at timestamptz)
 *		→ SETOF (rule int, matches bigint, weight double precision, last_at timestamptz)
 */
Datum
lead_stage_score_entries(PG_FUNCTION_ARGS)
{
	LeadScore  *score = PG_GETARG_LEAD_SCORE_P(0);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < LEAD_SCORE_COUNT(score); i++)
	{
		const LeadScoreEntry *entry = &score->entries[i];
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		if (entry->rule == LEAD_SCORE_PENDING)
			continue;
		values[0] = Int32GetDatum(entry->rule);
		values[1] = Int64GetDatum(entry->matches);
		values[2] = Float8GetDatum(lead_stage_weight(entry, at));
		values[3] = TimestampTzGetDatum(entry->last_at);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
