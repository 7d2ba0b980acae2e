/*
 * state.c
 *	  What is remembered of a lead between writes, in <leads>_state.
 *
 * Rows are found by the primary key and written without planning; only the
 * rare change of a key goes through SPI.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "run_as.h"
#include "sql_names.h"
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
	state->sla = NULL;
	state->sla_due = DT_NOEND;
	state->sla_state = NULL;
}

static Datum
get_value(HeapTuple tuple, Relation state, AttrNumber attno, bool *isnull)
{
	*isnull = true;
	return attno != InvalidAttrNumber ?
		heap_getattr(tuple, attno, RelationGetDescr(state), isnull) : (Datum) 0;
}

static void
get_time(HeapTuple tuple, Relation state, AttrNumber attno, TimestampTz *time)
{
	bool		isnull;
	Datum		value = get_value(tuple, state, attno, &isnull);

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
		const StateColumns *columns = &table->state_columns;
		bool		isnull;
		Datum		value = get_value(tuple, rel, columns->engagement_state, &isnull);

		if (!isnull)
			state->score = DatumGetLeadScorePCopy(value);
		value = get_value(tuple, rel, columns->sla, &isnull);
		if (!isnull)
			state->sla = DatumGetJsonbPCopy(value);
		value = get_value(tuple, rel, columns->sla_state, &isnull);
		if (!isnull)
			state->sla_state = TextDatumGetCString(value);
		get_time(tuple, rel, columns->last_touch_at, &state->last_touch);
		get_time(tuple, rel, columns->hold_until, &state->hold_until);
		get_time(tuple, rel, columns->recheck_at, &state->recheck_at);
		get_time(tuple, rel, columns->sla_due, &state->sla_due);
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
	return lead_stage_relation_name(table->state);
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

/* ---------- writing ---------- */

static void
set_value(AttrNumber attno, Datum value, bool isnull, Datum *values, bool *nulls, bool *replaces)
{
	if (attno == InvalidAttrNumber)
		return;
	values[attno - 1] = value;
	nulls[attno - 1] = isnull;
	replaces[attno - 1] = true;
}

/* Either what activities have added up to, or all the rest. */
static HeapTuple
state_tuple(LeadTable *table, TupleDesc desc, HeapTuple stored, const Datum *keys,
			const LeadState *state, bool score)
{
	const StateColumns *columns = &table->state_columns;
	Datum		values[MaxHeapAttributeNumber];
	bool		nulls[MaxHeapAttributeNumber];
	bool		replaces[MaxHeapAttributeNumber];

	memset(values, 0, sizeof(Datum) * desc->natts);
	memset(nulls, true, sizeof(bool) * desc->natts);
	memset(replaces, false, sizeof(bool) * desc->natts);
	if (score)
	{
		set_value(columns->engagement_state, PointerGetDatum(state->score), state->score == NULL,
				  values, nulls, replaces);
		set_value(columns->last_touch_at, TimestampTzGetDatum(state->last_touch),
				  TIMESTAMP_IS_NOBEGIN(state->last_touch), values, nulls, replaces);
	}
	else
	{
		set_value(columns->sla, PointerGetDatum(state->sla), state->sla == NULL,
				  values, nulls, replaces);
		set_value(columns->sla_due, TimestampTzGetDatum(state->sla_due),
				  TIMESTAMP_IS_NOEND(state->sla_due), values, nulls, replaces);
		set_value(columns->sla_state,
				  state->sla_state ? CStringGetTextDatum(state->sla_state) : (Datum) 0,
				  state->sla_state == NULL, values, nulls, replaces);
		set_value(columns->hold_until, TimestampTzGetDatum(state->hold_until),
				  TIMESTAMP_IS_NOBEGIN(state->hold_until), values, nulls, replaces);
	}
	set_value(columns->recheck_at, TimestampTzGetDatum(state->recheck_at),
			  TIMESTAMP_IS_NOEND(state->recheck_at), values, nulls, replaces);
	if (stored != NULL)
		return heap_modify_tuple(stored, desc, values, nulls, replaces);
	for (int i = 0; i < table->nkeys; i++)
		set_value(table->state_scan[i].sk_attno, keys[i], false, values, nulls, replaces);
	return heap_form_tuple(desc, values, nulls);
}

/* As an INSERT or UPDATE would, but without planning one. */
static void
write_tuple(Relation rel, HeapTuple stored, HeapTuple tuple)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
	TU_UpdateIndexes update_indexes = TU_All;

	InitResultRelInfo(target, rel, 0, NULL, 0);
	ExecOpenIndices(target, false);
	ExecStoreHeapTuple(tuple, slot, false);
	slot->tts_tableOid = RelationGetRelid(rel);
	if (stored != NULL)
		simple_table_tuple_update(rel, &stored->t_self, slot, GetActiveSnapshot(), &update_indexes);
	else
		simple_table_tuple_insert(rel, slot);
	if (update_indexes != TU_None && target->ri_NumIndices > 0)
		ExecInsertIndexTuples(target, slot, estate, stored != NULL, false, NULL, NIL,
							  only_summarizing(update_indexes));
	ExecCloseIndices(target);
	ExecDropSingleTupleTableSlot(slot);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
}

static bool
says_nothing(const LeadState *state)
{
	return state->score == NULL && TIMESTAMP_IS_NOBEGIN(state->last_touch) &&
		TIMESTAMP_IS_NOBEGIN(state->hold_until) && TIMESTAMP_IS_NOEND(state->recheck_at) &&
		state->sla == NULL && TIMESTAMP_IS_NOEND(state->sla_due) && state->sla_state == NULL;
}

/* A row only where there is something to remember. */
static void
store(LeadTable *table, const Datum *keys, const LeadState *state, bool score)
{
	Relation	rel = table_open(table->state, RowExclusiveLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, rel, keys, snapshot);
	HeapTuple	stored = systable_getnext(scan);
	Oid			user;
	int			security_context;

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(table->owner_role, security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (!says_nothing(state))
		write_tuple(rel, stored, state_tuple(table, RelationGetDescr(rel), stored, keys,
											 state, score));
	else if (stored != NULL)
		simple_heap_delete(rel, &stored->t_self);
	SetUserIdAndSecContext(user, security_context);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	/* whoever reads it next is to see it */
	CommandCounterIncrement();
}

/*
 * The caller keeps an earlier recheck that is stored, so that most updates stay
 * within their page; one that comes too soon finds nothing due.
 */
void
lead_stage_store_state(LeadTable *table, const Datum *keys, const LeadState *state)
{
	store(table, keys, state, false);
}

void
lead_stage_store_score(LeadTable *table, const Datum *keys, const LeadState *state)
{
	store(table, keys, state, true);
}

HeapTuple
lead_stage_take_state(LeadTable *table, const Datum *keys)
{
	Relation	rel = table_open(table->state, RowExclusiveLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, rel, keys, snapshot);
	HeapTuple	tuple = systable_getnext(scan);
	HeapTuple	taken = NULL;

	if (HeapTupleIsValid(tuple))
	{
		taken = heap_copytuple(tuple);
		simple_heap_delete(rel, &tuple->t_self);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return taken;
}

void
lead_stage_put_state(LeadTable *table, HeapTuple taken, const Datum *keys)
{
	Relation	rel = table_open(table->state, RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(rel);
	Datum		values[MaxHeapAttributeNumber];
	bool		nulls[MaxHeapAttributeNumber];
	bool		replaces[MaxHeapAttributeNumber];
	Oid			user;
	int			security_context;

	memset(replaces, false, sizeof(bool) * desc->natts);
	for (int i = 0; i < table->nkeys; i++)
		set_value(table->state_scan[i].sk_attno, keys[i], false, values, nulls, replaces);
	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(table->owner_role, security_context | SECURITY_LOCAL_USERID_CHANGE);
	write_tuple(rel, NULL, heap_modify_tuple(taken, desc, values, nulls, replaces));
	SetUserIdAndSecContext(user, security_context);
	table_close(rel, NoLock);
	/* what is stored next finds it */
	CommandCounterIncrement();
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
