/*
 * trig_truncate.c
 *	  What TRUNCATE does to the history of the leads it removes.
 *
 *	CREATE TRIGGER lead_stage_truncate BEFORE TRUNCATE
 *		ON leads FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._truncate('binding')
 *
 * Stands on every table that holds rows itself, so that no row is counted both
 * for a partition and its parent.  A lead with a clock, or of which something is
 * due, ends as by DELETE; of all others one statement records the end.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "lead_table.h"
#include "memo.h"
#include "notify.h"
#include "pending.h"
#include "run_as.h"
#include "settings.h"
#include "sql_names.h"
#include "state.h"
#include "trig_lead.h"

PG_FUNCTION_INFO_V1(lead_stage_truncate);

#define LEADS_AT_A_TIME		1000

static char *has_more_to_tell(LeadTable *table);

/* "l.column", or NULL where the table has none. */
static const char *
lead_column(LeadTable *table, AttrNumber attno)
{
	if (attno == InvalidAttrNumber)
		return "NULL";
	return psprintf("l.%s", lead_stage_column_name(table, attno));
}

/*
 * "The time of the last event of lead l": another transaction may have begun
 * after ours, and written the lead before it was locked.
 */
static char *
last_event(LeadTable *table)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(SELECT h.at FROM %s AS h WHERE ",
					 lead_stage_relation_name(table->history));
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			type = TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid;
		char	   *column = psprintf("h.%s",
									  quote_identifier(get_attname(table->history,
																   table->history_columns.keys[i],
																   false)));

		if (i > 0)
			appendStringInfoString(&sql, " AND ");
		generate_operator_clause(&sql, column, type, table->key_equals[i],
								 lead_column(table, table->keys[i]), type);
	}
	appendStringInfoString(&sql, " ORDER BY h.id DESC LIMIT 1)");
	return sql.data;
}

static char *
record_deletions(LeadTable *table)
{
	StringInfoData sql;
	StringInfoData key_names;

	initStringInfo(&key_names);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&key_names, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(get_attname(table->history,
													  table->history_columns.keys[i],
													  false)));
	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s (%s, ", lead_stage_relation_name(table->history), key_names.data);
	appendStringInfoString(&sql, "event, at, recorded_at, since, version, fit_score, from_stage, owner, role, actor) SELECT ");
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&sql, "%s, ", lead_column(table, table->keys[i]));
	appendStringInfo(&sql, "'deleted', GREATEST($1, %s, %s), $2, %s, $3, %s, %s, %s::pg_catalog.text, $4, $5 "
					 "FROM ONLY %s AS l WHERE %s IS NOT NULL AND NOT %s",
					 lead_column(table, table->stage_since),
					 last_event(table),
					 lead_column(table, table->stage_since),
					 lead_column(table, table->fit_score),
					 lead_column(table, table->stage),
					 lead_column(table, table->owner),
					 lead_stage_relation_name(table->relid),
					 lead_column(table, table->stage_since),
					 has_more_to_tell(table));
	if (lead_stage_notifies(table))
		appendStringInfo(&sql, " RETURNING id, at, %s", key_names.data);
	return sql.data;
}

static char *
forget_state(LeadTable *table)
{
	return psprintf("DELETE FROM %s AS s USING ONLY %s AS l WHERE %s",
					lead_stage_state_name(table), lead_stage_relation_name(table->relid),
					lead_stage_match_state(table));
}

/* ---------- leads of which there is more to tell ---------- */

static char *
has_more_to_tell(LeadTable *table)
{
	return psprintf("EXISTS (SELECT FROM %s AS s WHERE %s AND (s.sla IS NOT NULL OR s.recheck_at <= $1))",
					lead_stage_state_name(table), lead_stage_match_state(table));
}

static void
end_lead(LeadTable *table, Memo *memo, Relation rel, ItemPointer tid, TupleTableSlot *slot)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	if (!table_tuple_fetch_row_version(rel, tid, snapshot, slot))
		elog(ERROR, "failed to fetch a row that is truncated");
	lead_stage_end_truncated(table, memo, slot);
	ExecClearTuple(slot);
	UnregisterSnapshot(snapshot);
}

/* The table is locked against everybody: what is found stays as it is. */
static void
end_leads(LeadTable *table, Memo *memo, Relation rel, TimestampTz now)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(now)};
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Identity	self;
	Portal		cursor;
	SPITupleTable *leads;
	uint64		fetched;

	lead_stage_become(table->owner_role, LEAD_STAGE_AS_OWNER, &self);
	cursor = SPI_cursor_open_with_args(NULL,
									   psprintf("SELECT l.ctid FROM ONLY %s AS l WHERE %s IS NOT NULL AND %s",
												lead_stage_relation_name(table->relid),
												lead_column(table, table->stage_since),
												has_more_to_tell(table)),
									   1, types, values, NULL, true, CURSOR_OPT_NO_SCROLL);
	lead_stage_be_again(&self);
	do
	{
		lead_stage_become(table->owner_role, LEAD_STAGE_AS_OWNER, &self);
		SPI_cursor_fetch(cursor, true, LEADS_AT_A_TIME);
		lead_stage_be_again(&self);
		leads = SPI_tuptable;
		fetched = SPI_processed;
		for (uint64 i = 0; i < fetched; i++)
		{
			bool		isnull;
			Datum		tid = SPI_getbinval(leads->vals[i], leads->tupdesc, 1, &isnull);

			end_lead(table, memo, rel, (ItemPointer) DatumGetPointer(tid), slot);
			CHECK_FOR_INTERRUPTS();
		}
		SPI_freetuptable(leads);
	} while (fetched == LEADS_AT_A_TIME);
	SPI_cursor_close(cursor);
	ExecDropSingleTupleTableSlot(slot);
	lead_stage_flush_pending();
}

Datum
lead_stage_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	LeadTable  *table;
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID};
	Datum		values[5];
	char		nulls[] = {' ', ' ', ' ', ' ', ' '};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired by the trigger that lead_stage.attach() makes",
						"lead_stage._truncate")));
	table = lead_stage_statement_table(trigger->tg_relation,
									   trigger->tg_trigger->tgargs[0],
									   fcinfo->flinfo);
	if (!table->bound)
		return PointerGetDatum(NULL);

	values[0] = TimestampTzGetDatum(lead_stage_current_time());
	values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	values[2] = Int32GetDatum(table->version);
	nulls[2] = table->published ? ' ' : 'n';
	values[3] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	values[4] = CStringGetTextDatum(lead_stage_actor ? lead_stage_actor : "");
	nulls[4] = lead_stage_actor && lead_stage_actor[0] ? ' ' : 'n';

	SPI_connect();
	if (lead_stage_may_be_remembered(table))
		end_leads(table, lead_stage_statement_memo(fcinfo->flinfo->fn_mcxt), trigger->tg_relation,
				  DatumGetTimestampTz(values[0]));
	lead_stage_spi_as(table->owner_role, record_deletions(table), 5, types, values, nulls);
	if (lead_stage_notifies(table))
		lead_stage_notify_result(table, "deleted");
	lead_stage_spi_as(table->owner_role, forget_state(table), 0, NULL, NULL, NULL);
	SPI_finish();
	return PointerGetDatum(NULL);
}
