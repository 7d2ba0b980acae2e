/*
 * history.c
 *	  The rows of <leads>_history: how an event becomes one, and how many are
 *	  written at once.
 *
 * Rows go straight into the heap and its indexes, as COPY's do: the writing
 * role needs no right on history, and nothing is planned.  This is the one
 * place that knows where history is.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "errors.h"
#include "history.h"
#include "notify.h"
#include "run_as.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(lead_stage_guard_history);

static const char *const event_names[] = {
	[EVENT_CREATED] = "created",
	[EVENT_STAGE] = "stage",
	[EVENT_OWNER] = "owner",
	[EVENT_MILESTONE] = "milestone",
	[EVENT_REFUSED] = "refused",
	[EVENT_SLA_STARTED] = "sla_started",
	[EVENT_SLA_WARNED] = "sla_warned",
	[EVENT_SLA_PAUSED] = "sla_paused",
	[EVENT_SLA_RESUMED] = "sla_resumed",
	[EVENT_SLA_MET] = "sla_met",
	[EVENT_SLA_BREACHED] = "sla_breached",
	[EVENT_SLA_CANCELLED] = "sla_cancelled",
	[EVENT_REKEYED] = "rekeyed",
	[EVENT_MERGED] = "merged",
	[EVENT_DELETED] = "deleted"
};

/* ---------- one row ---------- */

/* The session user's name: what a role cannot forge, and seldom changes. */
static const char *
session_role(void)
{
	static Oid	known = InvalidOid;
	static char name[NAMEDATALEN];
	Oid			role = GetSessionUserId();

	if (role != known)
	{
		strlcpy(name, GetUserNameFromId(role, false), sizeof(name));
		known = role;
	}
	return name;
}

static void
store(TupleTableSlot *slot, AttrNumber attno, Datum value)
{
	if (attno == InvalidAttrNumber)
		return;
	slot->tts_values[attno - 1] = value;
	slot->tts_isnull[attno - 1] = false;
}

static void
store_text(TupleTableSlot *slot, AttrNumber attno, const char *text)
{
	if (text != NULL)
		store(slot, attno, CStringGetTextDatum(text));
}

static void
store_time(TupleTableSlot *slot, AttrNumber attno, TimestampTz time)
{
	if (!TIMESTAMP_IS_NOBEGIN(time))
		store(slot, attno, TimestampTzGetDatum(time));
}

static void
store_stage(TupleTableSlot *slot, AttrNumber attno, LeadStage stage)
{
	if (stage != 0)
		store(slot, attno, LeadStageGetDatum(stage));
}

void
lead_stage_history_row(LeadTable *table, const LeadEvent *event,
					   const Datum *keys, TupleTableSlot *slot)
{
	const HistoryColumns *columns = &table->history_columns;
	int64		id = nextval_internal(table->history_sequence, false);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * columns->natts);

	store(slot, columns->id, Int64GetDatum(id));
	for (int i = 0; i < table->nkeys; i++)
		store(slot, columns->keys[i], keys[i]);
	store_time(slot, columns->at, event->at);
	store_time(slot, columns->recorded_at, GetCurrentTransactionStartTimestamp());
	store_time(slot, columns->since, event->since);
	store_time(slot, columns->due, event->due);
	if (event->has_elapsed)
	{
		Interval   *elapsed = palloc0(sizeof(Interval));

		elapsed->time = event->elapsed;
		store(slot, columns->elapsed, IntervalPGetDatum(elapsed));
	}
	if (table->published)
		store(slot, columns->version, Int32GetDatum(table->version));
	if (event->has_fit)
		store(slot, columns->fit_score, Int32GetDatum(event->fit));
	if (event->has_engagement)
		store(slot, columns->engagement, Float4GetDatum(event->engagement));
	if (event->touched)
		store(slot, columns->touched, BoolGetDatum(true));
	store_stage(slot, columns->from_stage, event->from_stage);
	store_stage(slot, columns->to_stage, event->to_stage);
	store_text(slot, columns->event, event_names[event->kind]);
	store_text(slot, columns->name, event->name);
	store_text(slot, columns->owner, event->owner);
	store_text(slot, columns->previous_owner, event->previous_owner);
	store_text(slot, columns->reason, event->reason);
	store_text(slot, columns->role, session_role());
	if (lead_stage_actor != NULL && lead_stage_actor[0] != '\0')
		store_text(slot, columns->actor, lead_stage_actor);
	if (event->evidence != NULL)
		store(slot, columns->evidence, VarBitPGetDatum(event->evidence));

	/* From here on the slot owns a copy of everything. */
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);

	if (lead_stage_notifies(table))
		lead_stage_notify_event(table, id, event_names[event->kind], event, keys);
}

/* ---------- many rows ---------- */

/*
 * History that the owner gave triggers or constraints of his own: those see
 * each row as they would under INSERT.
 */
static bool
insert_checked(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	TriggerDesc *triggers = target->ri_TrigDesc;
	TupleConstr *constr = target->ri_RelationDesc->rd_att->constr;

	if (triggers && triggers->trig_insert_before_row &&
		!ExecBRInsertTriggers(estate, target, slot))
		return false;
	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(target, estate, slot, CMD_INSERT);
	if (constr)
		ExecConstraints(target, slot, estate);
	return true;
}

/* Columns that the owner gave history beside ours take their defaults. */
static void
fill_defaults(const HistoryColumns *columns, TupleTableSlot **slots, int nslots, EState *estate)
{
	ExprState **states = palloc(sizeof(ExprState *) * columns->ndefaults);
	ExprContext *econtext = GetPerTupleExprContext(estate);
	Datum	   *values = palloc(sizeof(Datum) * columns->natts);
	bool	   *nulls = palloc(sizeof(bool) * columns->natts);

	for (int i = 0; i < columns->ndefaults; i++)
		states[i] = ExecPrepareExpr(columns->defaults[i], estate);
	for (int row = 0; row < nslots; row++)
	{
		TupleTableSlot *slot = slots[row];
		MemoryContext oldcontext = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));

		heap_deform_tuple(ExecFetchSlotHeapTuple(slot, false, NULL),
						  slot->tts_tupleDescriptor, values, nulls);
		for (int i = 0; i < columns->ndefaults; i++)
		{
			AttrNumber	attno = columns->with_default[i];

			values[attno - 1] = ExecEvalExpr(states[i], econtext, &nulls[attno - 1]);
		}
		ExecForceStoreHeapTuple(heap_form_tuple(slot->tts_tupleDescriptor, values, nulls),
								slot, false);
		ExecMaterializeSlot(slot);
		MemoryContextSwitchTo(oldcontext);
		ResetPerTupleExprContext(estate);
	}
}

static void
write_rows(LeadTable *table, Relation history, TupleTableSlot **slots, int nslots)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TriggerDesc *triggers;
	bool		after;
	int			kept = 0;

	if (table->history_columns.ndefaults > 0)
		fill_defaults(&table->history_columns, slots, nslots, estate);
	InitResultRelInfo(target, history, 0, NULL, 0);
	ExecOpenIndices(target, false);
	triggers = target->ri_TrigDesc;
	after = triggers && triggers->trig_insert_after_row;
	if (after)
		AfterTriggerBeginQuery();

	for (int i = 0; i < nslots; i++)
	{
		TupleTableSlot *slot = slots[i];

		slot->tts_tableOid = RelationGetRelid(history);
		if (!insert_checked(target, slot, estate))
			continue;
		slots[i] = slots[kept];
		slots[kept++] = slot;
	}
	if (kept == 1)
		table_tuple_insert(history, slots[0], GetCurrentCommandId(true), 0, NULL);
	else if (kept > 1)
		table_multi_insert(history, slots, kept, GetCurrentCommandId(true), 0, NULL);

	for (int i = 0; i < kept; i++)
	{
		List	   *recheck = NIL;

		if (target->ri_NumIndices > 0)
			recheck = ExecInsertIndexTuples(target, slots[i], estate, false,
											false, NULL, NIL, false);
		if (after)
			ExecARInsertTriggers(estate, target, slots[i], recheck, NULL);
		ResetPerTupleExprContext(estate);
	}

	if (after)
	{
		AfterTriggerEndQuery(estate);
		ExecCloseResultRelations(estate);
	}
	ExecCloseIndices(target);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
}

void
lead_stage_write_history(LeadTable *table, TupleTableSlot **slots, int nslots)
{
	Relation	history;
	Identity	self;

	if (nslots == 0)
		return;
	lead_stage_become(table->owner_role, SECURITY_LOCAL_USERID_CHANGE, &self);
	history = table_open(table->history, RowExclusiveLock);
	write_rows(table, history, slots, nslots);
	table_close(history, NoLock);
	lead_stage_be_again(&self);
}

/* ---------- looking back ---------- */

TimestampTz
lead_stage_last_event_at(LeadTable *table, const Datum *keys)
{
	Relation	history = table_open(table->history, AccessShareLock);
	Relation	index = index_open(table->history_index, AccessShareLock);
	ScanKeyData scan_keys[INDEX_MAX_KEYS];
	SysScanDesc scan;
	HeapTuple	tuple;
	TimestampTz at = DT_NOBEGIN;

	memcpy(scan_keys, table->history_scan, sizeof(ScanKeyData) * table->nkeys);
	for (int i = 0; i < table->nkeys; i++)
		scan_keys[i].sk_argument = keys[i];
	/* Whatever is committed by now: the lead's lock may have been waited for. */
	scan = systable_beginscan_ordered(history, index, SnapshotSelf,
									  table->nkeys, scan_keys);
	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(tuple) && table->history_columns.at != InvalidAttrNumber)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, table->history_columns.at,
										 RelationGetDescr(history), &isnull);

		if (!isnull)
			at = DatumGetTimestampTz(value);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(history, AccessShareLock);
	return at;
}

/* ---------- append-only ---------- */

static bool history_unguarded = false;

bool
lead_stage_unguard_history(bool unguarded)
{
	bool		previous = history_unguarded;

	history_unguarded = unguarded;
	return previous;
}

/*
 * CREATE TRIGGER ... BEFORE UPDATE OR DELETE OR TRUNCATE ON <leads>_history
 * FOR EACH STATEMENT EXECUTE FUNCTION lead_stage._guard_history()
 */
Datum
lead_stage_guard_history(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"lead_stage._guard_history")));
	if (history_unguarded)
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_LEAD_STAGE_HISTORY_IS_APPEND_ONLY),
			 errmsg("history \"%s\" is append-only",
					RelationGetRelationName(trigger->tg_relation)),
			 errdetail("Rows of a lead's history are never changed or removed."),
			 errhint("Correct the lead itself; the correction becomes an event of its own.")));
	return PointerGetDatum(NULL);
}
