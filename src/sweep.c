/*
 * sweep.c
 *	  What falls due without a write: leads whose recheck has come.
 *
 * A swept lead is judged by the trigger like one that was written, which does
 * what has fallen due at its own instant.  Rows that somebody else is writing
 * are skipped: their writer does the same first.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "binding.h"
#include "clock.h"
#include "lead_table.h"
#include "pending.h"
#include "run_as.h"
#include "settings.h"
#include "sql_names.h"
#include "state.h"
#include "sweep.h"
#include "trig_lead.h"

PG_FUNCTION_INFO_V1(lead_stage_sweep);

/* How long a lead that cannot be judged is left alone. */
#define PUT_OFF		"5 minutes"

/*
 * Takes the lock that the sweep needs here, where waiting for it in vain is the
 * table's failure and not that of a lead.
 */
static LeadTable *
open_table(Oid relid)
{
	Binding    *binding = lead_stage_find_binding(relid);
	Relation	rel = binding ? try_table_open(relid, RowExclusiveLock) : NULL;
	LeadTable  *table;

	if (rel == NULL)
		return NULL;
	table = lead_stage_lead_table(rel, &binding->id);
	table_close(rel, NoLock);
	return table->published ? table : NULL;
}

/* "l.key OPERATOR(pg_catalog.=) d.key AND …" */
static char *
match_due(LeadTable *table)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			type = TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid;
		const char *column = lead_stage_column_name(table, table->keys[i]);

		if (i > 0)
			appendStringInfoString(&text, " AND ");
		generate_operator_clause(&text, psprintf("l.%s", column), type, table->key_equals[i],
								 psprintf("d.%s", column), type);
	}
	return text.data;
}

/* $1: now, $2: how many */
static char *
sweep_sql(LeadTable *table)
{
	StringInfoData keys;
	const char *leads = lead_stage_relation_name(table->root);
	const char *since = lead_stage_column_name(table, table->stage_since);

	initStringInfo(&keys);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&keys, "%sl.%s", i > 0 ? ", " : "", lead_stage_column_name(table, table->keys[i]));
	return psprintf("WITH due AS MATERIALIZED ("
					"SELECT %s FROM %s AS s JOIN %s AS l ON %s "
					"WHERE s.recheck_at <= $1 ORDER BY s.recheck_at LIMIT $2 "
					"FOR NO KEY UPDATE OF l SKIP LOCKED), "
					"judged AS (UPDATE %s AS l SET %s = l.%s FROM due AS d WHERE %s RETURNING 1) "
					"SELECT (SELECT pg_catalog.count(*) FROM due), (SELECT pg_catalog.count(*) FROM judged)",
					keys.data, lead_stage_state_name(table), leads, lead_stage_match_state(table),
					leads, since, since, match_due(table));
}

static int64
sweep_leads(LeadTable *table, int64 limit)
{
	Oid			types[] = {TIMESTAMPTZOID, INT8OID};
	Datum		values[] = {TimestampTzGetDatum(lead_stage_current_time()),
	Int64GetDatum(limit)};
	Rescoring	previous = lead_stage_set_rescore(RESCORE_JUDGE);
	const bool	enforce = lead_stage_enforce;
	const uint64 left_alone = lead_stage_left_alone();
	HeapTuple	row;
	int64		due;
	int64		judged;
	bool		isnull;

	/* an import that goes on in this session does not concern what is due */
	lead_stage_enforce = true;
	PG_TRY();
	{
		lead_stage_spi_as(table->owner_role, sweep_sql(table), 2, types, values, NULL);
	}
	PG_FINALLY();
	{
		lead_stage_enforce = enforce;
		lead_stage_restore_rescore(previous);
	}
	PG_END_TRY();
	lead_stage_flush_pending();
	row = SPI_tuptable->vals[0];
	due = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
	judged = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	/* It would be due again at once, and for ever. */
	if (judged + (int64) (lead_stage_left_alone() - left_alone) < due)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a trigger of table \"%s\" kept a lead from being updated",
						get_rel_name(table->root))));
	return due;
}

/*
 * The first lead that is due, and that nobody has locked, cannot be judged: it
 * must not stop the others.
 */
static void
put_off(LeadTable *table)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(lead_stage_current_time())};
	const char *state = lead_stage_state_name(table);

	lead_stage_spi_as(table->owner_role,
					  psprintf("UPDATE %s SET recheck_at = $1 + pg_catalog.interval '" PUT_OFF "' "
							   "WHERE ctid = (SELECT s.ctid FROM %s AS s JOIN %s AS l ON %s "
							   "WHERE s.recheck_at <= $1 ORDER BY s.recheck_at LIMIT 1 "
							   "FOR NO KEY UPDATE OF l SKIP LOCKED)",
							   state, state, lead_stage_relation_name(table->root), lead_stage_match_state(table)),
					  1, types, values, NULL);
}

/*
 * Sweeps up to so many leads in a subtransaction.  Returns how many, or -1 if
 * an error undid it; the error becomes a WARNING if one lead alone was tried.
 */
static int64
try_sweep(LeadTable *table, int64 limit, bool own_transaction)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int64 swept = -1;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		swept = sweep_leads(table, limit);
		/*
		 * At commit they would run as whoever sweeps, before 18, and an error
		 * of theirs would undo the whole batch, again and again.
		 */
		if (own_transaction && swept > 0)
			lead_stage_spi_as(table->owner_role, "SET CONSTRAINTS ALL IMMEDIATE", 0, NULL, NULL, NULL);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		MemoryContextSwitchTo(context);
		if (category == MAKE_SQLSTATE('5', '7', '0', '0', '0') ||
			category == MAKE_SQLSTATE('5', '3', '0', '0', '0') ||
			category == MAKE_SQLSTATE('X', 'X', '0', '0', '0'))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (limit == 1)
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("a lead of table \"%s\" could not be swept and is put off for " PUT_OFF,
							get_rel_name(table->root)),
					 errdetail("%s", error->message)));
		swept = -1;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return swept;
}

int64
lead_stage_sweep_batch(Oid leads, Oid owner, int64 batch, bool own_transaction)
{
	LeadTable  *table = open_table(leads);
	int64		swept;

	if (table == NULL || (OidIsValid(owner) && table->owner_role != owner))
		return 0;
	lead_stage_hold_table(table);
	swept = try_sweep(table, batch, own_transaction);
	if (swept < 0)
	{
		/* one at a time, so that only those that fail are left out */
		for (swept = 0; swept < batch; swept++)
		{
			int64		one = try_sweep(table, 1, own_transaction);

			if (one == 0)
				break;
			if (one < 0)
				put_off(table);
		}
	}
	lead_stage_release_table(table);
	return swept;
}

List *
lead_stage_tables_to_sweep(MemoryContext context)
{
	List	   *tables = NIL;
	MemoryContext oldcontext;

	if (SPI_execute("SELECT b.leads::pg_catalog.oid, b.state::pg_catalog.oid, c.relowner "
					"FROM lead_stage.binding AS b "
					"JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) b.leads "
					"JOIN pg_catalog.pg_class AS s ON s.oid OPERATOR(pg_catalog.=) b.state "
					"WHERE b.version IS NOT NULL AND pg_catalog.pg_has_role(c.relowner, 'MEMBER') "
					"ORDER BY c.relowner, c.oid", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read lead_stage.binding");
	oldcontext = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		SweepTable *table = palloc(sizeof(SweepTable));
		bool		isnull;

		table->leads = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));
		table->state = DatumGetObjectId(SPI_getbinval(row, desc, 2, &isnull));
		table->owner = DatumGetObjectId(SPI_getbinval(row, desc, 3, &isnull));
		tables = lappend(tables, table);
	}
	MemoryContextSwitchTo(oldcontext);
	return tables;
}

TimestampTz
lead_stage_next_due(const SweepTable *table)
{
	const char *name;
	char	   *sql;
	Oid			user;
	int			security_context;
	int			guc_level;
	TimestampTz due = DT_NOEND;

	/* It may be dropped at any time until it is locked. */
	LockRelationOid(table->state, AccessShareLock);
	name = get_rel_name(table->state);
	if (name == NULL)
		return due;
	sql = psprintf("SELECT pg_catalog.min(recheck_at)::pg_catalog.timestamptz FROM %s",
				   quote_qualified_identifier(get_namespace_name(get_rel_namespace(table->state)), name));
	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(table->owner, security_context | SECURITY_RESTRICTED_OPERATION |
						   SECURITY_NOFORCE_RLS);
	guc_level = NewGUCNestLevel();
	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "not a query: %s", sql);
	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(user, security_context);
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			due = DatumGetTimestampTz(value);
	}
	return due;
}

/*
 * CALL sweep(batch int)
 *
 * In a transaction of its own, commits after every batch and goes on until
 * nothing is due; inside one, does a single batch for each table.
 */
Datum
lead_stage_sweep(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !((CallContext *) fcinfo->context)->atomic);
	int64		batch;
	int64		total = 0;
	MemoryContext context = CurrentMemoryContext;
	List	   *tables;
	ListCell   *lc;

	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be at least 1")));
	batch = PG_GETARG_INT32(0);

	SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
	tables = lead_stage_tables_to_sweep(context);
	foreach(lc, tables)
	{
		SweepTable *table = lfirst(lc);
		int64		swept;

		do
		{
			swept = lead_stage_sweep_batch(table->leads, InvalidOid, batch, !atomic);
			total += swept;
			if (!atomic)
				SPI_commit();
			CHECK_FOR_INTERRUPTS();
		} while (swept == batch && !atomic);
	}
	SPI_finish();
	if (atomic)
		ereport(NOTICE,
				(errmsg("swept one batch of each table without committing: " INT64_FORMAT " leads", total),
				 errhint("Outside a transaction block sweep goes on until nothing is due, and commits each batch.")));
	PG_RETURN_VOID();
}
