/*
 * rescore.c
 *	  Judging leads that nobody wrote.
 *
 * The leads are updated, as their table's owner, with the trigger told to
 * judge them although nothing changed; a row for which that makes no
 * difference is not written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "binding.h"
#include "clock.h"
#include "lead_table.h"
#include "pending.h"
#include "run_as.h"
#include "settle.h"
#include "trig_lead.h"

PG_FUNCTION_INFO_V1(lead_stage_rescore_batch);

static Oid
table_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Counts the activities of the batch's leads, if any are attached. */
static void
recount(Oid relid, const char *keys_sql, Datum key, const char *nulls)
{
	Binding    *binding = lead_stage_require_binding(relid);
	Relation	rel = table_open(relid, AccessShareLock);
	LeadTable  *leads = lead_stage_lead_table(rel, &binding->id);
	Oid			type = TEXTARRAYOID;
	TouchedLeads *touched;

	lead_stage_hold_table_in(leads, CurrentMemoryContext);
	table_close(rel, NoLock);
	if (keys_sql == NULL || !leads->published ||
		lead_stage_activity_bindings(&binding->id) == NIL)
		return;
	touched = lead_stage_begin_touch(leads, lead_stage_current_time());
	touched->contiguous = true;
	SPI_connect();
	lead_stage_spi_as(leads->owner_role, keys_sql, 1, &type, &key, nulls);
	lead_stage_recount_selected(touched);
	SPI_finish();
	lead_stage_settle(touched, false);
}

/*
 * _rescore_batch(leads regclass, update_sql text, key text[], adopt boolean,
 *				  keys_sql text) → record (done bigint, last text[])
 *
 * Runs a statement that updates leads and returns one row: how many leads it
 * looked at and the last key; $1 is key.  keys_sql returns the batch's keys,
 * locked, so that their activities are counted first.
 */
Datum
lead_stage_rescore_batch(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			type = TEXTARRAYOID;
	Datum		key = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);
	const char *nulls = PG_ARGISNULL(2) ? "n" : " ";
	bool		adopt = PG_GETARG_BOOL(3);
	Oid			owner = table_owner(relid);
	Rescoring	previous;
	TupleDesc	desc;
	Datum		values[2];
	bool		isnull[2];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	lead_stage_require_binding(relid);
	lead_stage_require_membership(owner, "rescore leads");

	recount(relid, PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4)),
			key, nulls);
	SPI_connect();
	previous = lead_stage_set_rescore(adopt ? RESCORE_ADOPT : RESCORE_JUDGE);
	PG_TRY();
	{
		lead_stage_spi_as(owner, sql, 1, &type, &key, nulls);
	}
	PG_FINALLY();
	{
		lead_stage_restore_rescore(previous);
	}
	PG_END_TRY();
	lead_stage_flush_pending();
	if (SPI_processed != 1 || SPI_tuptable == NULL)
		elog(ERROR, "a batch of rescore must return one row");
	for (int i = 0; i < 2; i++)
	{
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								  i + 1, &isnull[i]);
		if (i == 1 && !isnull[i])
			values[i] = SPI_datumTransfer(values[i], false, -1);
	}
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, isnull)));
}
