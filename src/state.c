/*
 * state.c
 *	  What is remembered of a lead between writes, in <leads>_state.
 *
 * Reads and removals go by the primary key without planning; the rare writes
 * go through SPI.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "run_as.h"
#include "state.h"

/*
 * The state row of a lead, as it is now and not as the statement's snapshot
 * had it: the lead's lock, which we hold, may have been waited for.
 */
static SysScanDesc
begin_scan(LeadTable *table, Relation state, const Datum *keys, Snapshot snapshot)
{
	ScanKeyData scan_keys[INDEX_MAX_KEYS];

	memcpy(scan_keys, table->state_scan, sizeof(ScanKeyData) * table->nkeys);
	for (int i = 0; i < table->nkeys; i++)
		scan_keys[i].sk_argument = keys[i];
	return systable_beginscan(state, table->state_index, true, snapshot,
							  table->nkeys, scan_keys);
}

TimestampTz
lead_stage_read_hold(LeadTable *table, const Datum *keys)
{
	Relation	state = table_open(table->state, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, state, keys, snapshot);
	HeapTuple	tuple = systable_getnext(scan);
	AttrNumber	attno = get_attnum(table->state, "hold_until");
	TimestampTz until = DT_NOBEGIN;

	if (HeapTupleIsValid(tuple) && attno != InvalidAttrNumber)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, attno, RelationGetDescr(state),
										 &isnull);

		if (!isnull)
			until = DatumGetTimestampTz(value);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(state, AccessShareLock);
	return until;
}

void
lead_stage_delete_state(LeadTable *table, const Datum *keys)
{
	Relation	state = table_open(table->state, RowExclusiveLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, state, keys, snapshot);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		simple_heap_delete(state, &tuple->t_self);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(state, NoLock);
}

/* "k1, k2" or "$3, $4", in primary-key order. */
static char *
key_list(LeadTable *table, int first_parameter)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < table->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&list, ", ");
		if (first_parameter > 0)
			appendStringInfo(&list, "$%d", first_parameter + i);
		else
			appendStringInfoString(&list,
								   quote_identifier(get_attname(table->state,
																table->state_scan[i].sk_attno,
																false)));
	}
	return list.data;
}

/* "k1 OPERATOR(pg_catalog.=) $1 AND …", whatever the search_path. */
static char *
key_match(LeadTable *table, int first_parameter)
{
	StringInfoData clause;

	initStringInfo(&clause);
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			type = TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid;
		const char *column = quote_identifier(get_attname(table->state,
														  table->state_scan[i].sk_attno,
														  false));

		if (i > 0)
			appendStringInfoString(&clause, " AND ");
		generate_operator_clause(&clause, column, type, table->key_equals[i],
								 psprintf("$%d", first_parameter + i), type);
	}
	return clause.data;
}

static char *
state_name(LeadTable *table)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table->state)),
									  get_rel_name(table->state));
}

static void
add_keys(LeadTable *table, const Datum *keys, Oid *types, Datum *values, int at)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		types[at + i] = TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid;
		values[at + i] = keys[i];
	}
}

static void
execute(LeadTable *table, const char *sql, int nargs, Oid *types, Datum *values)
{
	SPI_connect();
	lead_stage_spi_as(table->owner_role, sql, nargs, types, values, NULL);
	SPI_finish();
}

void
lead_stage_write_hold(LeadTable *table, const Datum *keys, TimestampTz until)
{
	Oid			types[INDEX_MAX_KEYS + 1];
	Datum		values[INDEX_MAX_KEYS + 1];
	char	   *sql;
	int			nargs = table->nkeys;

	add_keys(table, keys, types, values, 0);
	if (TIMESTAMP_IS_NOBEGIN(until))
		sql = psprintf("UPDATE %s SET hold_until = NULL WHERE %s",
					   state_name(table), key_match(table, 1));
	else
	{
		types[nargs] = TIMESTAMPTZOID;
		values[nargs] = TimestampTzGetDatum(until);
		nargs++;
		sql = psprintf("INSERT INTO %s AS s (%s, hold_until, recheck_at) VALUES (%s, $%d, $%d) "
					   "ON CONFLICT (%s) DO UPDATE SET hold_until = EXCLUDED.hold_until, "
					   "recheck_at = LEAST(s.recheck_at, EXCLUDED.recheck_at)",
					   state_name(table), key_list(table, 0), key_list(table, 1),
					   nargs, nargs, key_list(table, 0));
	}
	execute(table, sql, nargs, types, values);
}

void
lead_stage_rekey_state(LeadTable *table, const Datum *old_keys, const Datum *new_keys)
{
	Oid			types[2 * INDEX_MAX_KEYS];
	Datum		values[2 * INDEX_MAX_KEYS];

	add_keys(table, old_keys, types, values, 0);
	add_keys(table, new_keys, types, values, table->nkeys);
	execute(table,
			psprintf("UPDATE %s SET (%s) = ROW(%s) WHERE %s",
					 state_name(table), key_list(table, 0),
					 key_list(table, table->nkeys + 1),
					 key_match(table, 1)),
			2 * table->nkeys, types, values);
}
