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
	state->is_read = false;
	state->is_stored = false;
	state->writer = InvalidTransactionId;
}

bool
lead_stage_says_nothing(const LeadState *state)
{
	return state->score == NULL && TIMESTAMP_IS_NOBEGIN(state->last_touch) &&
		TIMESTAMP_IS_NOBEGIN(state->hold_until) && TIMESTAMP_IS_NOEND(state->recheck_at) &&
		state->sla == NULL && TIMESTAMP_IS_NOEND(state->sla_due) && state->sla_state == NULL;
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
	state->is_read = true;
	if (HeapTupleIsValid(tuple))
	{
		const StateColumns *columns = &table->state_columns;
		bool		isnull;
		Datum		value = get_value(tuple, rel, columns->engagement_state, &isnull);

		state->is_stored = true;
		state->writer = HeapTupleHeaderGetXmin(tuple->t_data);
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

char *
lead_stage_match_state(LeadTable *table)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			type = TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid;
		const char *in_state = quote_identifier(get_attname(table->state,
															table->state_scan[i].sk_attno, false));

		if (i > 0)
			appendStringInfoString(&text, " AND ");
		generate_operator_clause(&text, psprintf("s.%s", in_state), type, table->key_equals[i],
								 psprintf("l.%s", lead_stage_column_name(table, table->keys[i])), type);
	}
	return text.data;
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

/* ---------- one row ---------- */

/* A row in the making: what it has of each column, and which are said at all. */
typedef struct StateRow
{
	Datum	   *values;
	bool	   *nulls;
	bool	   *replaces;
} StateRow;

static StateRow
begin_row(TupleDesc desc)
{
	int			natts = desc->natts;
	StateRow	row = {
		.values = palloc0(sizeof(Datum) * natts),
		.nulls = palloc(sizeof(bool) * natts),
		.replaces = palloc0(sizeof(bool) * natts),
	};

	memset(row.nulls, true, sizeof(bool) * natts);
	return row;
}

static void
set_value(StateRow *row, AttrNumber attno, Datum value, bool isnull)
{
	if (attno == InvalidAttrNumber)
		return;
	row->values[attno - 1] = value;
	row->nulls[attno - 1] = isnull;
	row->replaces[attno - 1] = true;
}

static void
set_time(StateRow *row, AttrNumber attno, TimestampTz time)
{
	set_value(row, attno, TimestampTzGetDatum(time), TIMESTAMP_NOT_FINITE(time));
}

static void
set_keys(LeadTable *table, StateRow *row, const Datum *keys)
{
	for (int i = 0; i < table->nkeys; i++)
		set_value(row, table->state_scan[i].sk_attno, keys[i], false);
}

static void
set_score(LeadTable *table, StateRow *row, const LeadState *state)
{
	const StateColumns *columns = &table->state_columns;

	set_value(row, columns->engagement_state, PointerGetDatum(state->score), state->score == NULL);
	set_time(row, columns->last_touch_at, state->last_touch);
	set_time(row, columns->recheck_at, state->recheck_at);
}

/*
 * All but the score.  The caller keeps an earlier recheck that is stored, so
 * that most updates stay within their page; one that comes too soon finds
 * nothing due.
 */
static void
set_rest(LeadTable *table, StateRow *row, const LeadState *state)
{
	const StateColumns *columns = &table->state_columns;

	set_value(row, columns->sla, PointerGetDatum(state->sla), state->sla == NULL);
	set_time(row, columns->sla_due, state->sla_due);
	set_value(row, columns->sla_state,
			  state->sla_state ? CStringGetTextDatum(state->sla_state) : (Datum) 0,
			  state->sla_state == NULL);
	set_time(row, columns->hold_until, state->hold_until);
	set_time(row, columns->recheck_at, state->recheck_at);
}

void
lead_stage_state_row(LeadTable *table, const Datum *keys, const LeadState *state,
					 TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;
	StateRow	row = begin_row(slot->tts_tupleDescriptor);

	set_keys(table, &row, keys);
	set_rest(table, &row, state);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, row.values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, row.nulls, sizeof(bool) * natts);
	/* From here on the slot owns a copy of everything. */
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
}

/* ---------- writing ---------- */

/* <leads>_state, open for writing as its owner. */
typedef struct StateWriter
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *target;
	Identity	self;
} StateWriter;

static StateWriter
begin_writing(LeadTable *table)
{
	StateWriter writer;

	lead_stage_become(table->owner_role, SECURITY_LOCAL_USERID_CHANGE, &writer.self);
	writer.rel = table_open(table->state, RowExclusiveLock);
	writer.estate = CreateExecutorState();
	writer.target = makeNode(ResultRelInfo);
	InitResultRelInfo(writer.target, writer.rel, 0, NULL, 0);
	ExecOpenIndices(writer.target, false);
	return writer;
}

/* Whoever reads it next is to see what was written. */
static void
end_writing(StateWriter *writer)
{
	ExecCloseIndices(writer->target);
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	FreeExecutorState(writer->estate);
	table_close(writer->rel, NoLock);
	lead_stage_be_again(&writer->self);
	CommandCounterIncrement();
}

static void
insert_index_entries(StateWriter *writer, TupleTableSlot *slot, bool update,
					 TU_UpdateIndexes update_indexes)
{
	if (writer->target->ri_NumIndices > 0 && update_indexes != TU_None)
		ExecInsertIndexTuples(writer->target, slot, writer->estate, update, false, NULL, NIL,
							  only_summarizing(update_indexes));
	ResetPerTupleExprContext(writer->estate);
}

static void
insert_rows(StateWriter *writer, TupleTableSlot **slots, int nslots)
{
	for (int i = 0; i < nslots; i++)
		slots[i]->tts_tableOid = RelationGetRelid(writer->rel);
	if (nslots == 1)
		table_tuple_insert(writer->rel, slots[0], GetCurrentCommandId(true), 0, NULL);
	else if (nslots > 1)
		table_multi_insert(writer->rel, slots, nslots, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < nslots; i++)
		insert_index_entries(writer, slots[i], false, TU_All);
}

static void
update_row(StateWriter *writer, HeapTuple stored, HeapTuple tuple)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel),
													&TTSOpsHeapTuple);
	TU_UpdateIndexes update_indexes;

	ExecStoreHeapTuple(tuple, slot, false);
	slot->tts_tableOid = RelationGetRelid(writer->rel);
	simple_table_tuple_update(writer->rel, &stored->t_self, slot, GetActiveSnapshot(),
							  &update_indexes);
	insert_index_entries(writer, slot, true, update_indexes);
	ExecDropSingleTupleTableSlot(slot);
}

/* There is a row only where there is something to remember. */
static bool
is_empty(LeadTable *table, HeapTuple tuple)
{
	const StateColumns *columns = &table->state_columns;
	const AttrNumber attnos[] = {columns->engagement_state, columns->last_touch_at, columns->sla,
	columns->sla_due, columns->sla_state, columns->hold_until, columns->recheck_at};

	for (int i = 0; i < lengthof(attnos); i++)
		if (attnos[i] != InvalidAttrNumber && !heap_attisnull(tuple, attnos[i], NULL))
			return false;
	return true;
}

/* Replaces what the row says of a stored one; false: there is none. */
static bool
replace_row(LeadTable *table, StateWriter *writer, const Datum *keys, const StateRow *row)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = begin_scan(table, writer->rel, keys, snapshot);
	HeapTuple	stored = systable_getnext(scan);
	bool		found = HeapTupleIsValid(stored);

	if (found)
	{
		HeapTuple	tuple = heap_modify_tuple(stored, RelationGetDescr(writer->rel), row->values,
											  row->nulls, row->replaces);

		if (is_empty(table, tuple))
			simple_heap_delete(writer->rel, &stored->t_self);
		else
			update_row(writer, stored, tuple);
		heap_freetuple(tuple);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	return found;
}

/* What a slot made by lead_stage_state_row() holds, and its keys. */
static void
read_row(LeadTable *table, TupleTableSlot *slot, StateRow *row, Datum *keys)
{
	heap_deform_tuple(ExecFetchSlotHeapTuple(slot, false, NULL), slot->tts_tupleDescriptor,
					  row->values, row->nulls);
	for (int i = 0; i < table->nkeys; i++)
		keys[i] = row->values[table->state_scan[i].sk_attno - 1];
}

void
lead_stage_write_states(LeadTable *table, TupleTableSlot **slots, int nslots, bool is_new)
{
	StateWriter writer = begin_writing(table);
	StateRow	row = begin_row(RelationGetDescr(writer.rel));
	LeadState	nothing;
	Datum		keys[INDEX_MAX_KEYS];
	int			ninserts = 0;

	/* replaced is what lead_stage_state_row() says, whatever it is */
	lead_stage_clear_state(&nothing);
	set_rest(table, &row, &nothing);
	for (int i = 0; i < nslots; i++)
	{
		TupleTableSlot *slot = slots[i];

		if (!is_new)
		{
			read_row(table, slot, &row, keys);
			if (replace_row(table, &writer, keys, &row))
				continue;
		}
		if (is_empty(table, ExecFetchSlotHeapTuple(slot, false, NULL)))
			continue;
		slots[i] = slots[ninserts];
		slots[ninserts++] = slot;
	}
	insert_rows(&writer, slots, ninserts);
	end_writing(&writer);
}

static void
insert_row(StateWriter *writer, HeapTuple tuple)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel),
													&TTSOpsHeapTuple);

	ExecStoreHeapTuple(tuple, slot, false);
	insert_rows(writer, &slot, 1);
	ExecDropSingleTupleTableSlot(slot);
}

void
lead_stage_store_score(LeadTable *table, const Datum *keys, const LeadState *state)
{
	StateWriter writer = begin_writing(table);
	StateRow	row = begin_row(RelationGetDescr(writer.rel));

	set_score(table, &row, state);
	if (!replace_row(table, &writer, keys, &row))
	{
		HeapTuple	tuple;

		set_keys(table, &row, keys);
		tuple = heap_form_tuple(RelationGetDescr(writer.rel), row.values, row.nulls);
		if (!is_empty(table, tuple))
			insert_row(&writer, tuple);
	}
	end_writing(&writer);
}

/* ---------- another key ---------- */

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
	StateWriter writer = begin_writing(table);
	StateRow	row = begin_row(RelationGetDescr(writer.rel));

	set_keys(table, &row, keys);
	insert_row(&writer, heap_modify_tuple(taken, RelationGetDescr(writer.rel), row.values,
										  row.nulls, row.replaces));
	end_writing(&writer);
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
