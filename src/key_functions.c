/*
 * key_functions.c
 *	  The public functions that take a lead's key as VARIADIC "any".
 *
 * Only C functions can; each hands the key on as text[] to the SQL function
 * that does the work.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(lead_stage_explain);
PG_FUNCTION_INFO_V1(lead_stage_rescore_lead);
PG_FUNCTION_INFO_V1(lead_stage_erase);

/* The arguments from the first-th on, in their text form. */
static Datum
key_argument(FunctionCallInfo fcinfo, int first)
{
	Datum	   *args;
	Oid		   *types;
	bool	   *nulls;
	int			nargs = extract_variadic_args(fcinfo, first, true,
											  &args, &types, &nulls);
	ArrayBuildState *key = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	for (int i = 0; i < nargs; i++)
	{
		Oid			output;
		bool		varlena;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a lead's key must not be null")));
		getTypeOutputInfo(types[i], &output, &varlena);
		accumArrayResult(key,
						 CStringGetTextDatum(OidOutputFunctionCall(output, args[i])),
						 false, TEXTOID, CurrentMemoryContext);
	}
	return makeArrayResult(key, CurrentMemoryContext);
}

/* Runs a query of ours over (leads regclass, key text[]). */
static void
query_for_key(FunctionCallInfo fcinfo, const char *sql)
{
	Oid			types[] = {REGCLASSOID, TEXTARRAYOID};
	Datum		values[2];

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the leads table must not be null")));
	values[0] = PG_GETARG_DATUM(0);
	values[1] = key_argument(fcinfo, 1);
	SPI_connect();
	if (SPI_execute_with_args(sql, 2, types, values, NULL, false, 0) < 0)
		elog(ERROR, "query failed: %s", sql);
}

/*
 * explain(leads regclass, VARIADIC key "any")
 *		→ SETOF (kind, name, holds, points, detail)
 */
Datum
lead_stage_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext oldcontext;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		!(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	oldcontext = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = CreateTupleDescCopy(desc);
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(oldcontext);

	query_for_key(fcinfo, "SELECT * FROM lead_stage._explain($1, $2)");
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}

/*
 * rescore_lead(leads regclass, VARIADIC key "any") → boolean
 */
Datum
lead_stage_rescore_lead(PG_FUNCTION_ARGS)
{
	bool		isnull;
	Datum		found;

	query_for_key(fcinfo, "SELECT lead_stage._rescore_lead($1, $2)");
	found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	PG_RETURN_DATUM(found);
}

/*
 * erase(leads regclass, VARIADIC key "any") → bigint
 */
Datum
lead_stage_erase(PG_FUNCTION_ARGS)
{
	bool		isnull;
	Datum		removed;

	query_for_key(fcinfo, "SELECT lead_stage._erase($1, $2)");
	removed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	PG_RETURN_DATUM(removed);
}
