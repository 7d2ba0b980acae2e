/*
 * bustime_sql.c
 *	  Business time as SQL functions.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "calendar_cache.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(lead_stage_add_business_time_sql);
PG_FUNCTION_INFO_V1(lead_stage_business_time_between_sql);
PG_FUNCTION_INFO_V1(lead_stage_is_open_sql);
PG_FUNCTION_INFO_V1(lead_stage_next_open_sql);

/* The calendar of the call before: nearly always the one of this call too. */
typedef struct LastCalendar
{
	BusinessCalendar *calendar;
	uint64		generation;
	int			length;
	int			size;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} LastCalendar;

static BusinessCalendar *
calendar_argument(FunctionCallInfo fcinfo)
{
	LastCalendar *last = fcinfo->flinfo->fn_extra;
	uint64		generation = lead_stage_calendar_generation();
	text	   *name;
	int			length;

	if (PG_ARGISNULL(0))
		return NULL;
	name = PG_GETARG_TEXT_PP(0);
	length = VARSIZE_ANY_EXHDR(name);
	if (last != NULL && last->generation == generation && last->length == length &&
		memcmp(last->name, VARDATA_ANY(name), length) == 0)
		return last->calendar;

	if (last == NULL || last->size < length)
	{
		last = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt,
								  offsetof(LastCalendar, name) + Max(length, 64));
		last->size = Max(length, 64);
		fcinfo->flinfo->fn_extra = last;
	}
	last->generation = 0;
	last->calendar = lead_stage_calendar(name);
	last->length = length;
	memcpy(last->name, VARDATA_ANY(name), length);

	/* Of before the look-up: if one was changed meanwhile, the next call looks again. */
	last->generation = generation;
	return last->calendar;
}

/*
 * lead_stage.add_business_time(calendar text, start timestamptz, span interval) → timestamptz
 */
Datum
lead_stage_add_business_time_sql(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(lead_stage_add_business_time(calendar_argument(fcinfo),
													   PG_GETARG_TIMESTAMPTZ(1),
													   PG_GETARG_INTERVAL_P(2)));
}

/*
 * lead_stage.business_time_between(calendar text, a timestamptz, b timestamptz) → interval
 */
Datum
lead_stage_business_time_between_sql(PG_FUNCTION_ARGS)
{
	BusinessCalendar *calendar;
	TimestampTz a;
	TimestampTz b;
	Interval   *result;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	a = PG_GETARG_TIMESTAMPTZ(1);
	b = PG_GETARG_TIMESTAMPTZ(2);
	calendar = calendar_argument(fcinfo);
	if (TIMESTAMP_NOT_FINITE(a) || TIMESTAMP_NOT_FINITE(b))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("cannot subtract infinite timestamps")));
	result = palloc0(sizeof(Interval));
	result->time = lead_stage_business_time_between(calendar, a, b);
	PG_RETURN_INTERVAL_P(result);
}

/*
 * lead_stage.is_open(calendar text, at timestamptz) → boolean
 */
Datum
lead_stage_is_open_sql(PG_FUNCTION_ARGS)
{
	BusinessCalendar *calendar;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	calendar = calendar_argument(fcinfo);

	/* No clock shows infinity. */
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(lead_stage_is_open_at(calendar, PG_GETARG_TIMESTAMPTZ(1)));
}

/*
 * lead_stage.next_open(calendar text, at timestamptz) → timestamptz
 */
Datum
lead_stage_next_open_sql(PG_FUNCTION_ARGS)
{
	BusinessCalendar *calendar;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	calendar = calendar_argument(fcinfo);
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	PG_RETURN_TIMESTAMPTZ(lead_stage_next_open(calendar, PG_GETARG_TIMESTAMPTZ(1)));
}
