/*
 * stage_ops.c
 *	  Comparison, hashing, index support and aggregates of lead_stage.
 *
 * Everything here orders stored bytes as unsigned numbers, known to this
 * version or not: an index must stay in order whatever a table holds.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/sortsupport.h"

#include "lead_stage.h"

PG_FUNCTION_INFO_V1(lead_stage_eq);
PG_FUNCTION_INFO_V1(lead_stage_ne);
PG_FUNCTION_INFO_V1(lead_stage_lt);
PG_FUNCTION_INFO_V1(lead_stage_le);
PG_FUNCTION_INFO_V1(lead_stage_gt);
PG_FUNCTION_INFO_V1(lead_stage_ge);
PG_FUNCTION_INFO_V1(lead_stage_cmp);
PG_FUNCTION_INFO_V1(lead_stage_sortsupport);
PG_FUNCTION_INFO_V1(lead_stage_hash);
PG_FUNCTION_INFO_V1(lead_stage_hash_extended);
PG_FUNCTION_INFO_V1(lead_stage_smaller);
PG_FUNCTION_INFO_V1(lead_stage_larger);

Datum
lead_stage_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) == PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) != PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) < PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) <= PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) > PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) >= PG_GETARG_LEAD_STAGE(1));
}

Datum
lead_stage_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_LEAD_STAGE(0) -
					(int32) PG_GETARG_LEAD_STAGE(1));
}

/*
 * A comparator of our own, as smallint has, although tuplesort has a quicksort
 * specialised for ssup_datum_unsigned_cmp(): that one pays where keys differ.
 * Among nine values most comparisons are ties, and before PostgreSQL 17 it
 * compares a tie's first key once more.
 */
static int
lead_stage_fastcmp(Datum x, Datum y, SortSupport ssup)
{
	return (int) DatumGetLeadStage(x) - (int) DatumGetLeadStage(y);
}

Datum
lead_stage_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = lead_stage_fastcmp;
	PG_RETURN_VOID();
}

Datum
lead_stage_hash(PG_FUNCTION_ARGS)
{
	return hash_uint32((uint32) PG_GETARG_LEAD_STAGE(0));
}

Datum
lead_stage_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_uint32_extended((uint32) PG_GETARG_LEAD_STAGE(0),
								PG_GETARG_INT64(1));
}

Datum
lead_stage_smaller(PG_FUNCTION_ARGS)
{
	LeadStage	a = PG_GETARG_LEAD_STAGE(0);
	LeadStage	b = PG_GETARG_LEAD_STAGE(1);

	PG_RETURN_LEAD_STAGE(Min(a, b));
}

Datum
lead_stage_larger(PG_FUNCTION_ARGS)
{
	LeadStage	a = PG_GETARG_LEAD_STAGE(0);
	LeadStage	b = PG_GETARG_LEAD_STAGE(1);

	PG_RETURN_LEAD_STAGE(Max(a, b));
}
