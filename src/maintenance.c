/*
 * maintenance.c
 *	  The few ways round an append-only history: retention, privacy erasure,
 *	  and the joining of two leads.
 *
 * The statements are made here and not handed in, so that nothing but these
 * can take rows out of a history.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "binding.h"
#include "clock.h"
#include "history.h"
#include "lead_table.h"
#include "notify.h"
#include "run_as.h"
#include "sql_names.h"
#include "trig_lead.h"

PG_FUNCTION_INFO_V1(lead_stage_prune_history);
PG_FUNCTION_INFO_V1(lead_stage_erase_lead);
PG_FUNCTION_INFO_V1(lead_stage_merge_leads);

static LeadTable *
open_own_table(Oid relid, const char *what)
{
	Binding    *binding = lead_stage_require_binding(relid);
	Relation	rel = table_open(relid, AccessShareLock);
	LeadTable  *table = lead_stage_lead_table(rel, &binding->id);

	lead_stage_hold_table_in(table, CurrentMemoryContext);
	table_close(rel, NoLock);
	lead_stage_require_membership(table->owner_role, what);
	return table;
}

/* "h.k1, h.k2": the key columns of a relation, in primary-key order. */
static char *
key_names(LeadTable *table, const AttrNumber *attnos, Oid relid, const char *alias)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&list, "%s%s%s", i > 0 ? ", " : "", alias,
						 quote_identifier(get_attname(relid, attnos[i], false)));
	return list.data;
}

/* "a.k OPERATOR(pg_catalog.=) b.k AND …", or "… $1[1]::type" without b. */
static char *
key_match(LeadTable *table, const AttrNumber *attnos, Oid relid, const char *alias,
		  const char *other)
{
	StringInfoData clause;

	initStringInfo(&clause);
	for (int i = 0; i < table->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, table->keys[i] - 1);
		char	   *column = psprintf("%s%s", alias,
									  quote_identifier(get_attname(relid, attnos[i], false)));
		char	   *value = other ?
			psprintf("%s%s", other, quote_identifier(get_attname(relid, attnos[i], false))) :
			psprintf("$1[%d]::%s", i + 1,
					 format_type_extended(att->atttypid, att->atttypmod,
										  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));

		if (i > 0)
			appendStringInfoString(&clause, " AND ");
		generate_operator_clause(&clause, column, att->atttypid, table->key_equals[i],
								 value, att->atttypid);
	}
	return clause.data;
}

/* Runs a statement as the owner, with history open to removal if asked. */
static uint64
execute(LeadTable *table, bool unguarded, const char *sql, int nargs,
		Oid *types, Datum *values)
{
	volatile bool previous = lead_stage_unguard_history(unguarded);

	PG_TRY();
	{
		lead_stage_spi_as(table->owner_role, sql, nargs, types, values, NULL);
	}
	PG_FINALLY();
	{
		lead_stage_unguard_history(previous);
	}
	PG_END_TRY();
	return SPI_processed;
}

/*
 * _prune_history(leads regclass, before timestamptz) → bigint
 *
 * Removes the rows before an instant and leaves, for each lead that was there
 * then, one row that opens its story in the stage it was in.
 */
Datum
lead_stage_prune_history(PG_FUNCTION_ARGS)
{
	LeadTable  *table = open_own_table(PG_GETARG_OID(0), "prune a history");
	const AttrNumber *keys = table->history_columns.keys;
	const char *history = lead_stage_relation_name(table->history);
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		values[] = {PG_GETARG_DATUM(1)};
	Datum		removed;
	bool		isnull;
	char	   *sql;

	sql = psprintf("WITH last AS MATERIALIZED ("
				   "SELECT DISTINCT ON (%2$s) h.*, "
				   "CASE WHEN h.event IN ('created', 'stage', 'rekeyed') THEN h.to_stage "
				   "WHEN h.event NOT IN ('deleted', 'erased') THEN h.from_stage END AS stage, "
				   "CASE WHEN h.event IN ('created', 'stage') THEN h.at ELSE h.since END AS entered "
				   "FROM %1$s AS h WHERE h.at < $1 ORDER BY %2$s, h.id DESC), "
				   "opened AS (UPDATE %1$s AS h SET event = 'created', name = 'pruned', at = l.entered, "
				   "from_stage = NULL, to_stage = l.stage, since = NULL, due = NULL, touched = NULL, "
				   "elapsed = NULL, previous_owner = NULL, reason = NULL, actor = NULL "
				   "FROM last AS l WHERE %3$s AND h.id = l.id AND l.stage IS NOT NULL AND l.event <> 'created'), "
				   "gone AS (DELETE FROM %1$s AS h USING last AS l "
				   "WHERE %3$s AND (h.id < l.id OR (h.id = l.id AND l.stage IS NULL)) RETURNING 1) "
				   "SELECT count(*) FROM gone",
				   history, key_names(table, keys, table->history, "h."),
				   key_match(table, keys, table->history, "h.", "l."));
	SPI_connect();
	execute(table, true, sql, 1, types, values);
	removed = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	PG_RETURN_DATUM(removed);
}

/* The key columns of leads by their names, for statements over leads. */
static char *
lead_match(LeadTable *table)
{
	return key_match(table, table->keys, table->relid, "l.", NULL);
}

/*
 * _erase_lead(leads regclass, key text[]) → bigint
 *
 * Removes the lead, what is remembered of it and its whole history, and leaves
 * a tombstone that says no more than that it was erased.  Returns how many
 * rows of history are gone.
 */
Datum
lead_stage_erase_lead(PG_FUNCTION_ARGS)
{
	LeadTable  *table = open_own_table(PG_GETARG_OID(0), "erase a lead");
	const AttrNumber *keys = table->history_columns.keys;
	Oid			types[] = {TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(1),
		TimestampTzGetDatum(lead_stage_current_time()),
		TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
	CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false))};
	uint64		removed;
	StringInfoData parts;

	SPI_connect();
	execute(table, false, psprintf("DELETE FROM %s AS l WHERE %s",
								   lead_stage_relation_name(table->root), lead_match(table)),
			1, types, values);
	removed = execute(table, true,
					  psprintf("DELETE FROM %s AS h WHERE %s", lead_stage_relation_name(table->history),
							   key_match(table, keys, table->history, "h.", NULL)),
					  1, types, values);
	if (removed > 0)
	{
		initStringInfo(&parts);
		for (int i = 0; i < table->nkeys; i++)
		{
			Form_pg_attribute att = TupleDescAttr(table->desc, table->keys[i] - 1);

			appendStringInfo(&parts, "$1[%d]::%s, ", i + 1,
							 format_type_extended(att->atttypid, att->atttypmod,
												  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		}
		execute(table, false,
				psprintf("INSERT INTO %s (%s, at, recorded_at, event, role) VALUES (%s$2, $3, 'erased', $4) "
						 "RETURNING id, at, %s",
						 lead_stage_relation_name(table->history), key_names(table, keys, table->history, ""),
						 parts.data, key_names(table, keys, table->history, "")),
				4, types, values);
		if (lead_stage_notifies(table))
			lead_stage_notify_result(table, "erased");
	}
	SPI_finish();
	PG_RETURN_INT64((int64) removed);
}

/* Updates or deletes one lead while the trigger knows whom it is merged with. */
static uint64
write_merged(LeadTable *table, const char *sql, Datum key, const char *other)
{
	Oid			types[] = {TEXTARRAYOID};
	Datum		values[] = {key};
	const char *volatile previous_merge = lead_stage_set_merge(other);
	Rescoring	previous_mode = lead_stage_set_rescore(RESCORE_JUDGE);
	volatile uint64 written = 0;

	PG_TRY();
	{
		lead_stage_spi_as(table->owner_role, sql, 1, types, values, NULL);
		written = SPI_processed;
	}
	PG_FINALLY();
	{
		lead_stage_set_merge(previous_merge);
		lead_stage_restore_rescore(previous_mode);
	}
	PG_END_TRY();
	return written;
}

static char *
key_as_text(Datum key)
{
	return TextDatumGetCString(OidFunctionCall2(F_ARRAY_TO_STRING_ANYARRAY_TEXT, key,
												CStringGetTextDatum(", ")));
}

static void
lead_not_found(LeadTable *table, Datum key)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("table \"%s\" has no lead with the key (%s)",
					get_rel_name(table->root), key_as_text(key))));
}

/*
 * _merge_leads(leads regclass, winner text[], loser text[]) → void
 *
 * Deletes the loser and judges the winner again; history says of both with
 * whom.  What else references the loser was checked by the caller.
 */
Datum
lead_stage_merge_leads(PG_FUNCTION_ARGS)
{
	LeadTable  *table = open_own_table(PG_GETARG_OID(0), "merge leads");
	Datum		winner = PG_GETARG_DATUM(1);
	Datum		loser = PG_GETARG_DATUM(2);
	const char *leads = lead_stage_relation_name(table->root);
	const char *since = quote_identifier(NameStr(TupleDescAttr(table->desc,
															   table->stage_since - 1)->attname));

	SPI_connect();
	if (write_merged(table, psprintf("DELETE FROM %s AS l WHERE %s", leads, lead_match(table)),
					 loser, key_as_text(winner)) == 0)
		lead_not_found(table, loser);
	if (write_merged(table, psprintf("UPDATE %s AS l SET %s = l.%s WHERE %s",
									 leads, since, since, lead_match(table)),
					 winner, key_as_text(loser)) == 0)
		lead_not_found(table, winner);
	SPI_finish();
	PG_RETURN_VOID();
}
