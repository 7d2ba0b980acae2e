/*
 * reps.c
 *	  Which of a pool's reps can take a lead now.
 *
 * Who is away is read from lead_stage.rep itself, once a statement: it is a
 * fact of the day and takes effect without a publish.  Open leads are counted
 * once a statement for each rep who has a limit, and kept up from there by the
 * rows that land.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/multirangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "binding.h"
#include "judge_row.h"
#include "reps.h"
#include "run_as.h"
#include "sql_names.h"

/* Stages sal, sql and opportunity: sales has them, and they can move on. */
#define in_sales(stage)	((stage) >= LEAD_STAGE_SAL && (stage) < LEAD_STAGE_CUSTOMER)

/* ---------- away ---------- */

typedef struct PoolFacts
{
	struct PoolFacts *next;
	uint64		serial;			/* the pool's */
	uint64		statement;
	TimestampTz transaction;
	CommandId	command;
	MemoryContext context;
	MultirangeType **away;		/* by rep; NULL: never */
} PoolFacts;

static PoolFacts *all_facts = NULL;

/* Examples, previews and explain are no statements of their own. */
static bool
still_true(const PoolFacts *facts, const Judgement *judgement)
{
	if (facts->transaction != GetCurrentTransactionStartTimestamp() ||
		facts->statement != judgement->statement)
		return false;
	return judgement->statement != 0 || facts->command == GetCurrentCommandId(false);
}

/*
 * Nothing outlives its transaction, so what another one has learnt is written
 * over: each publish and each preview makes pools of new serial numbers.
 */
static PoolFacts *
facts_of(const PoolDef *pool)
{
	PoolFacts  *spare = NULL;

	for (PoolFacts *facts = all_facts; facts != NULL; facts = facts->next)
	{
		if (facts->serial == pool->serial)
			return facts;
		if (facts->transaction != GetCurrentTransactionStartTimestamp())
			spare = facts;
	}
	if (spare == NULL)
	{
		spare = MemoryContextAllocZero(TopMemoryContext, sizeof(PoolFacts));
		spare->context = AllocSetContextCreate(TopMemoryContext, "lead_stage pool",
											   ALLOCSET_SMALL_SIZES);
		spare->next = all_facts;
		all_facts = spare;
	}
	spare->serial = pool->serial;
	spare->transaction = 0;
	return spare;
}

bool
lead_stage_is_away(Judgement *judgement, const PoolDef *pool, int rep)
{
	PoolFacts  *facts = facts_of(pool);
	const MultirangeType *away;

	if (!still_true(facts, judgement))
	{
		const char **names = palloc(sizeof(char *) * Max(pool->nreps, 1));
		MemoryContext oldcontext;

		for (int i = 0; i < pool->nreps; i++)
			names[i] = pool->reps[i].name;
		facts->transaction = 0;
		MemoryContextReset(facts->context);
		oldcontext = MemoryContextSwitchTo(facts->context);
		facts->away = (MultirangeType **)
			lead_stage_read_away(judgement->table->model->id, pool->name,
								 names, pool->nreps);
		MemoryContextSwitchTo(oldcontext);
		facts->statement = judgement->statement;
		facts->command = GetCurrentCommandId(false);
		facts->transaction = GetCurrentTransactionStartTimestamp();
	}
	away = facts->away[rep];
	return away != NULL &&
		multirange_contains_elem_internal(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO),
										  away, TimestampTzGetDatum(judgement->at));
}

/* ---------- room ---------- */

typedef struct OpenCount
{
	struct OpenCount *next;
	pg_uuid_t	binding;
	const char *owner;
	uint64		statement;		/* 0: to be counted again */
	int64		count;
} OpenCount;

static OpenCount *all_counts = NULL;

static OpenCount *
count_of(LeadTable *table, const char *owner)
{
	OpenCount  *count = all_counts;

	while (count != NULL && (memcmp(&count->binding, &table->binding, sizeof(pg_uuid_t)) != 0 ||
							 strcmp(count->owner, owner) != 0))
		count = count->next;
	if (count != NULL)
		return count;
	count = MemoryContextAllocZero(TopMemoryContext, sizeof(OpenCount));
	count->binding = table->binding;
	count->owner = MemoryContextStrdup(TopMemoryContext, owner);
	count->next = all_counts;
	all_counts = count;
	return count;
}

/*
 * $1: the owner.  An index on owner serves it, also one only of these stages.
 */
static char *
count_sql(LeadTable *table)
{
	const char *const stages[] = {"sal", "sql", "opportunity"};
	Oid			owner = TupleDescAttr(table->desc, table->owner - 1)->atttypid;
	Oid			stage = TupleDescAttr(table->desc, table->stage - 1)->atttypid;
	Oid			equals = lookup_type_cache(owner, TYPECACHE_EQ_OPR)->eq_opr;
	Oid			stage_equals = lookup_type_cache(stage, TYPECACHE_EQ_OPR)->eq_opr;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*) FROM %s AS l WHERE ",
					 lead_stage_relation_name(table->root));
	if (OidIsValid(equals))
		generate_operator_clause(&sql, lead_stage_column_name(table, table->owner), owner, equals,
								 "$1", owner);
	else
		appendStringInfo(&sql, "%s::pg_catalog.text OPERATOR(pg_catalog.=) $1::pg_catalog.text",
						 lead_stage_column_name(table, table->owner));
	for (int i = 0; i < lengthof(stages); i++)
	{
		appendStringInfoString(&sql, i == 0 ? " AND (" : " OR ");
		generate_operator_clause(&sql, lead_stage_column_name(table, table->stage), stage, stage_equals,
								 psprintf("'%s'::%s", stages[i], format_type_be_qualified(stage)), stage);
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static int64
count_open(LeadTable *table, const char *name)
{
	Oid			type = TupleDescAttr(table->desc, table->owner - 1)->atttypid;
	Datum		value = InputFunctionCall(&table->owner_in, unconstify(char *, name),
										  table->owner_ioparam, table->owner_typmod);
	bool		isnull;
	int64		count;

	SPI_connect();
	if (table->plans[PLAN_COUNT_OPEN] == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(count_sql(table), 1, &type);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		table->plans[PLAN_COUNT_OPEN] = plan;
	}
	lead_stage_spi_plan_as(table->owner_role, table->plans[PLAN_COUNT_OPEN], &value, NULL);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return count;
}

const char *
lead_stage_owner_text(LeadTable *table, const char *name)
{
	Datum		value;

	if (table->owner_is_text)
		return name;
	value = InputFunctionCall(&table->owner_in, unconstify(char *, name),
							  table->owner_ioparam, table->owner_typmod);
	return OutputFunctionCall(&table->owner_out, value);
}

bool
lead_stage_has_room(Judgement *judgement, const RepDef *rep)
{
	LeadTable  *table = judgement->table;
	const char *owner = lead_stage_owner_text(table, rep->name);
	OpenCount  *count = count_of(table, owner);
	bool		his_already = judgement->owner_before != NULL &&
		in_sales(judgement->stage_before) && strcmp(judgement->owner_before, owner) == 0;

	if (judgement->statement == 0 || count->statement != judgement->statement)
	{
		count->statement = 0;
		count->count = count_open(table, rep->name);
		count->statement = judgement->statement;
	}
	return count->count - (his_already ? 1 : 0) < rep->max_open;
}

void
lead_stage_count_landed(Judgement *judgement, bool deleted)
{
	for (OpenCount *count = all_counts; count != NULL; count = count->next)
	{
		if (count->statement == 0 ||
			memcmp(&count->binding, &judgement->table->binding, sizeof(pg_uuid_t)) != 0)
			continue;
		if (count->statement != judgement->statement)
		{
			count->statement = 0;
			continue;
		}
		if (judgement->owner_before != NULL && in_sales(judgement->stage_before) &&
			strcmp(judgement->owner_before, count->owner) == 0)
			count->count--;
		if (!deleted && judgement->owner != NULL && in_sales(judgement->stage) &&
			strcmp(judgement->owner, count->owner) == 0)
			count->count++;
	}
}
