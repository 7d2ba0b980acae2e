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

void
lead_stage_clear_state(LeadState *state)
{
	state->score = NULL;
	state->last_touch = DT_NOBEGIN;
	state->hold_until = DT_NOBEGIN;
	state->recheck_at = DT_NOEND;
}

static void
get_time(HeapTuple tuple, Relation state, const char *column, TimestampTz *time)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(state), column);
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (attno != InvalidAttrNumber)
		value = heap_getattr(tuple, attno, RelationGetDescr(state), &isnull);
	if (!isnull)
		*time = DatumGetTimestampTz(value);
}

void
lead_stage_read_state(LeadTable *table, const Datum *keys, LeadState *state)
{
	Relation	rel = table_open(table->state, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, rel, keys, snapshot);
	HeapTuple	tuple = systable_getnext(scan);

	lead_stage_clear_state(state);
	if (HeapTupleIsValid(tuple))
	{
		AttrNumber	attno = get_attnum(table->state, "engagement_state");
		bool		isnull = true;
		Datum		value = (Datum) 0;

		if (attno != InvalidAttrNumber)
			value = heap_getattr(tuple, attno, RelationGetDescr(rel), &isnull);
		if (!isnull)
			state->score = DatumGetLeadScorePCopy(value);
		get_time(tuple, rel, "last_touch_at", &state->last_touch);
		get_time(tuple, rel, "hold_until", &state->hold_until);
		get_time(tuple, rel, "recheck_at", &state->recheck_at);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
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

char *
lead_stage_state_keys(LeadTable *table, const char *prefix)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&list, "%s%s%s", i > 0 ? ", " : "", prefix,
						 quote_identifier(get_attname(table->state,
													  table->state_scan[i].sk_attno, false)));
	return list.data;
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

char *
lead_stage_state_name(LeadTable *table)
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

/*
 * The caller keeps an earlier recheck that is stored, so that most updates stay
 * within their page; one that comes too soon finds nothing due.
 */
void
lead_stage_store_times(LeadTable *table, const Datum *keys, const LeadState *state)
{
	Oid			types[INDEX_MAX_KEYS + 2];
	Datum		values[INDEX_MAX_KEYS + 2];
	char		nulls[INDEX_MAX_KEYS + 2];
	int			nkeys = table->nkeys;
	char	   *sql;

	memset(nulls, ' ', sizeof(nulls));
	add_keys(table, keys, types, values, 0);
	types[nkeys] = types[nkeys + 1] = TIMESTAMPTZOID;
	values[nkeys] = TimestampTzGetDatum(state->hold_until);
	values[nkeys + 1] = TimestampTzGetDatum(state->recheck_at);
	if (TIMESTAMP_IS_NOBEGIN(state->hold_until))
		nulls[nkeys] = 'n';
	if (TIMESTAMP_IS_NOEND(state->recheck_at))
		nulls[nkeys + 1] = 'n';
	sql = psprintf("INSERT INTO %s (%s, hold_until, recheck_at) VALUES (%s, $%d, $%d) "
				   "ON CONFLICT (%s) DO UPDATE SET hold_until = EXCLUDED.hold_until, "
				   "recheck_at = EXCLUDED.recheck_at",
				   lead_stage_state_name(table), key_list(table, 0), key_list(table, 1),
				   nkeys + 1, nkeys + 2, key_list(table, 0));
	SPI_connect();
	lead_stage_spi_as(table->owner_role, sql, nkeys + 2, types, values, nulls);
	SPI_finish();
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
					 lead_stage_state_name(table), key_list(table, 0),
					 key_list(table, table->nkeys + 1),
					 key_match(table, 1)),
			2 * table->nkeys, types, values);
}
