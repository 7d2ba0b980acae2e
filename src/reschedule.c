/*
 * reschedule.c
 *	  What open clocks would be under the terms that are published now.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "binding.h"
#include "calendar_cache.h"
#include "clock_state.h"
#include "lead_table.h"

PG_FUNCTION_INFO_V1(lead_stage_rescheduled);

static LeadTable *
open_table(Oid relid)
{
	Binding    *binding = lead_stage_require_binding(relid);
	Relation	rel = table_open(relid, AccessShareLock);
	LeadTable  *table = lead_stage_lead_table(rel, &binding->id);

	lead_stage_hold_table_in(table, CurrentMemoryContext);
	table_close(rel, NoLock);
	return table;
}

/* A clock whose policy or calendar is gone goes on as it does. */
static void
reschedule(ModelDef *model, Clock *clock)
{
	BusinessCalendar *calendar;

	for (int i = 0; i < model->nslas; i++)
	{
		const SlaDef *policy = &model->slas[i];

		if (strcmp(policy->name, clock->policy) == 0 &&
			lead_stage_find_calendar(policy->calendar, &calendar) &&
			lead_stage_ever_opens(calendar))
			lead_stage_reschedule_clock(clock, policy, calendar);
	}
}

/*
 * _rescheduled(leads regclass, sla jsonb, OUT sla jsonb, OUT sla_due timestamptz,
 *				OUT sla_state text, OUT next timestamptz)
 *
 * The clocks that a lead's state remembers, under the published terms and with
 * the calendars as they are; next: when the first of them falls due.
 */
Datum
lead_stage_rescheduled(PG_FUNCTION_ARGS)
{
	LeadTable  *table = open_table(PG_GETARG_OID(0));
	int			nclocks;
	Clock	   *clocks = lead_stage_read_clocks(PG_GETARG_JSONB_P(1), &nclocks);
	const Clock *first;
	TimestampTz next = DT_NOEND;
	Jsonb	   *sla;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	int			guc_level = NewGUCNestLevel();

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	/* as a judgement writes them */
	(void) set_config_option("IntervalStyle", "postgres", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < nclocks; i++)
	{
		if (table->published)
			reschedule(table->model, &clocks[i]);
		next = Min(next, lead_stage_clock_next(&clocks[i]));
	}
	sla = lead_stage_write_clocks(clocks, nclocks);
	AtEOXact_GUC(true, guc_level);
	if (sla == NULL)
		PG_RETURN_NULL();

	first = lead_stage_first_clock(clocks, nclocks);
	values[0] = JsonbPGetDatum(sla);
	values[1] = TimestampTzGetDatum(first->due);
	nulls[1] = TIMESTAMP_IS_NOEND(first->due);
	values[2] = CStringGetTextDatum(lead_stage_clock_state(first));
	values[3] = TimestampTzGetDatum(next);
	nulls[3] = TIMESTAMP_IS_NOEND(next);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
