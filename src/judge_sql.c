/*
 * judge_sql.c
 *	  The engine as SQL functions call it: running a model's examples, and
 *	  telling which conditions hold for a row.
 *
 * Nothing is written; rows are composite values.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "activity.h"
#include "binding.h"
#include "clock.h"
#include "conditions.h"
#include "draft.h"
#include "evaluate.h"
#include "judge.h"
#include "run_as.h"

PG_FUNCTION_INFO_V1(lead_stage_run_example);
PG_FUNCTION_INFO_V1(lead_stage_conditions_that_hold);
PG_FUNCTION_INFO_V1(lead_stage_explain_transitions);
PG_FUNCTION_INFO_V1(lead_stage_invalidate);
PG_FUNCTION_INFO_V1(lead_stage_lead_score);
PG_FUNCTION_INFO_V1(lead_stage_lead_clocks);
PG_FUNCTION_INFO_V1(lead_stage_column_behind);

/* The up-to-date table, whose model must be published.  Keeps rel locked. */
static LeadTable *
published_table(Oid relid, Relation *rel)
{
	Binding    *binding = lead_stage_require_binding(relid);
	LeadTable  *table;

	*rel = table_open(relid, AccessShareLock);
	table = lead_stage_lead_table(*rel, &binding->id);
	lead_stage_hold_table_in(table, CurrentMemoryContext);
	if (!table->published)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no published model",
						RelationGetRelationName(*rel)),
				 errhint("Call lead_stage.publish() or lead_stage.republish().")));
	lead_stage_forbid_while_judging(table);
	return table;
}

static void
fill_slot(TupleTableSlot *slot, HeapTupleHeader row, Oid rowtype)
{
	HeapTupleData tuple;

	if (HeapTupleHeaderGetTypeId(row) != rowtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row is of type %s, not %s",
						format_type_be(HeapTupleHeaderGetTypeId(row)),
						format_type_be(rowtype))));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor,
					  slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
}

/* The stored row with the columns of one step written into it. */
static HeapTupleHeader
apply_step(HeapTupleHeader stored, Oid rowtype, Datum step)
{
	Oid			types[] = {rowtype, JSONBOID};
	Datum		values[] = {PointerGetDatum(stored), step};
	Datum		row;
	bool		isnull;
	MemoryContext oldcontext = CurrentMemoryContext;
	HeapTupleHeader result;

	SPI_connect();
	if (SPI_execute_with_args("SELECT pg_catalog.jsonb_populate_record($1, $2)",
							  2, types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not apply a step of an example");
	row = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	MemoryContextSwitchTo(oldcontext);
	result = DatumGetHeapTupleHeaderCopy(row);
	SPI_finish();
	return result;
}

static bool
names_column(Jsonb *step, LeadTable *table, AttrNumber attno)
{
	JsonbValue	value;
	char	   *name;

	if (attno == InvalidAttrNumber)
		return false;
	name = NameStr(TupleDescAttr(table->desc, attno - 1)->attname);
	return getKeyJsonValueFromContainer(&step->root, name, strlen(name), &value) != NULL;
}

static HeapTupleHeader
row_as_datum(LeadTable *table, Relation rel)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), table->row->tts_values,
										table->row->tts_isnull);

	return (HeapTupleHeader) DatumGetPointer(heap_copy_tuple_as_datum(tuple, RelationGetDescr(rel)));
}

typedef struct ExampleRun
{
	LeadTable  *table;
	Relation	rel;
	Oid			rowtype;
	TupleTableSlot *old;
	HeapTupleHeader row;		/* as stored so far; NULL before the insert */
	LeadState	state;
	StringInfoData refusals;
} ExampleRun;

/* One write of an example; a refused one changes nothing. */
static void
run_write(ExampleRun *run, HeapTupleHeader written, bool reason_written, int number)
{
	Judgement	judgement;

	memset(&judgement, 0, sizeof(judgement));
	judgement.table = run->table;
	judgement.at = lead_stage_current_time();
	judgement.state = run->state;
	judgement.reason_written = reason_written;
	fill_slot(run->table->row, written, run->rowtype);
	judgement.row = run->table->row;
	if (run->row != NULL)
	{
		fill_slot(run->old, run->row, run->rowtype);
		judgement.old = run->old;
	}
	lead_stage_judge(&judgement);

	for (int i = 0; i < judgement.nevents; i++)
		if (judgement.events[i].kind == EVENT_REFUSED)
			appendStringInfo(&run->refusals, "%sstep %d was refused: %s",
							 run->refusals.len > 0 ? "; " : "", number,
							 judgement.events[i].reason);
	if (judgement.refusal.refused)
	{
		appendStringInfo(&run->refusals, "%sstep %d was refused: %s",
						 run->refusals.len > 0 ? "; " : "", number,
						 judgement.refusal.detail);
		return;
	}
	run->state = judgement.new_state;
	run->row = row_as_datum(run->table, run->rel);
}

static Datum
text_or_null(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/*
 * _run_example(leads regclass, lead record, steps jsonb, activities jsonb,
 *				definition jsonb, conditions text,
 *				OUT stage text, OUT refusals text)
 *
 * By the published version, or by the definition if that is not null.
 * The stage in which a lead ends that is inserted as given and then updated
 * step by step; null if the insert itself is refused.
 */
Datum
lead_stage_run_example(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	HeapTupleHeader lead = PG_GETARG_HEAPTUPLEHEADER(1);
	ExampleRun	run;
	TupleDesc	result;
	Datum		values[2];
	bool		nulls[2];
	const char *stage = NULL;

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(4) || PG_ARGISNULL(5))
		run.table = published_table(relid, &run.rel);
	else
	{
		Binding    *binding = lead_stage_require_binding(relid);

		run.rel = table_open(relid, AccessShareLock);
		run.table = lead_stage_draft_table(run.rel, &binding->id, PG_GETARG_JSONB_P(4),
										   text_to_cstring(PG_GETARG_TEXT_PP(5)));
	}
	lead_stage_require_membership(run.table->owner_role, "run a model's examples");
	run.rowtype = run.rel->rd_rel->reltype;
	run.old = MakeSingleTupleTableSlot(run.table->desc, &TTSOpsVirtual);
	run.row = NULL;
	lead_stage_clear_state(&run.state);
	initStringInfo(&run.refusals);

	/* a draft's engagement rules are not compiled */
	if (!PG_ARGISNULL(3) && PG_ARGISNULL(4))
		run.state.score = lead_stage_example_score(run.table, PG_GETARG_JSONB_P(3),
												   &run.state.last_touch);
	run_write(&run, lead, true, 0);
	if (run.row != NULL && !PG_ARGISNULL(2))
	{
		JsonbContainer *steps = &PG_GETARG_JSONB_P(2)->root;

		for (int i = 0; i < JsonContainerSize(steps); i++)
		{
			Jsonb	   *step = JsonbValueToJsonb(getIthJsonbValueFromContainer(steps, i));

			run_write(&run, apply_step(run.row, run.rowtype, JsonbPGetDatum(step)),
					  names_column(step, run.table, run.table->stage_reason), i + 1);
		}
	}
	if (run.row != NULL)
	{
		bool		isnull;

		fill_slot(run.old, run.row, run.rowtype);
		stage = lead_stage_label(DatumGetLeadStage(slot_getattr(run.old,
																run.table->stage,
																&isnull)));
	}
	ExecDropSingleTupleTableSlot(run.old);
	table_close(run.rel, NoLock);

	values[0] = text_or_null(stage);
	nulls[0] = (stage == NULL);
	values[1] = text_or_null(run.refusals.data);
	nulls[1] = (run.refusals.len == 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result, values, nulls)));
}

/*
 * A judgement of a row as it stands, for whoever may read the table.
 */
static Relation
judge_as_it_stands(Oid relid, HeapTupleHeader lead, Judgement *judgement)
{
	Relation	rel;

	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
	memset(judgement, 0, sizeof(Judgement));
	judgement->table = published_table(relid, &rel);
	judgement->at = lead_stage_current_time();
	judgement->row = judgement->table->row;
	fill_slot(judgement->row, lead, rel->rd_rel->reltype);
	lead_stage_clear_state(&judgement->state);
	if (judgement->table->model->uses_state)
	{
		Datum		keys[INDEX_MAX_KEYS];
		bool		isnull;

		for (int i = 0; i < judgement->table->nkeys; i++)
		{
			keys[i] = slot_getattr(judgement->row, judgement->table->keys[i], &isnull);
			if (isnull)
				return rel;
		}
		lead_stage_read_state(judgement->table, keys, &judgement->state);
	}
	return rel;
}

/*
 * _conditions_that_hold(leads regclass, lead record) → text[]
 *
 * The names, as in the signals view, of the conditions that hold for a row as
 * the engine sees it: null and raising ones do not.
 */
Datum
lead_stage_conditions_that_hold(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	HeapTupleHeader lead = PG_GETARG_HEAPTUPLEHEADER(1);
	Relation	rel;
	LeadTable  *table;
	Judgement	judgement;
	bool	   *holds;
	ArrayBuildState *names = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	rel = judge_as_it_stands(relid, lead, &judgement);
	table = judgement.table;
	holds = lead_stage_evaluate_all(&judgement);
	for (int i = 0; i < table->nconditions; i++)
		if (holds[i])
			accumArrayResult(names,
							 CStringGetTextDatum(list_nth(table->model->condition_names, i)),
							 false, TEXTOID, CurrentMemoryContext);
	table_close(rel, NoLock);
	PG_RETURN_DATUM(makeArrayResult(names, CurrentMemoryContext));
}

/*
 * _explain_transitions(leads regclass, lead record)
 *		→ SETOF (name text, to_stage lead_stage, holds boolean, detail text)
 *
 * The transitions that lead out of the row's stage, and what each still lacks.
 */
Datum
lead_stage_explain_transitions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Judgement	judgement;
	Relation	rel;
	int			nways;
	TransitionCheck *ways;

	InitMaterializedSRF(fcinfo, 0);
	rel = judge_as_it_stands(PG_GETARG_OID(0), PG_GETARG_HEAPTUPLEHEADER(1), &judgement);
	ways = lead_stage_check_transitions(&judgement, &nways);
	for (int i = 0; i < nways; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = CStringGetTextDatum(ways[i].transition->name);
		values[1] = LeadStageGetDatum(ways[i].transition->to_stage);
		values[2] = BoolGetDatum(ways[i].holds);
		values[3] = text_or_null(ways[i].unmet);
		nulls[3] = (ways[i].unmet == NULL);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	table_close(rel, NoLock);
	return (Datum) 0;
}

/*
 * _invalidate(leads regclass) → void
 */
Datum
lead_stage_invalidate(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/*
 * _column_behind(leads regclass, view regclass, view_column text) → text
 *
 * The column of leads that a view shows under a name, or null.
 */
Datum
lead_stage_column_behind(PG_FUNCTION_ARGS)
{
	Oid			leads = PG_GETARG_OID(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Relation	view = try_relation_open(PG_GETARG_OID(1), AccessShareLock);
	Relation	rel = try_relation_open(leads, AccessShareLock);
	Expr	   *expr = NULL;
	char	   *column = NULL;

	if (view != NULL && rel != NULL && view->rd_rel->relkind == RELKIND_VIEW)
		expr = lead_stage_view_column(get_view_query(view), leads, rel, name);
	if (expr != NULL && IsA(expr, Var))
		column = get_attname(leads, ((Var *) expr)->varattno, true);
	if (view != NULL)
		relation_close(view, AccessShareLock);
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	if (column == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(column));
}

/*
 * _lead_score(leads regclass, lead record) → lead_score
 *
 * What the activities of the lead add up to, or null.
 */
Datum
lead_stage_lead_score(PG_FUNCTION_ARGS)
{
	Judgement	judgement;
	Relation	rel = judge_as_it_stands(PG_GETARG_OID(0), PG_GETARG_HEAPTUPLEHEADER(1),
										 &judgement);

	table_close(rel, NoLock);
	if (judgement.state.score == NULL)
		PG_RETURN_NULL();
	PG_RETURN_LEAD_SCORE_P(judgement.state.score);
}

/*
 * _lead_clocks(leads regclass, lead record) → jsonb
 *
 * The lead's open SLA clocks, or null.
 */
Datum
lead_stage_lead_clocks(PG_FUNCTION_ARGS)
{
	Judgement	judgement;
	Relation	rel = judge_as_it_stands(PG_GETARG_OID(0), PG_GETARG_HEAPTUPLEHEADER(1),
										 &judgement);

	table_close(rel, NoLock);
	if (judgement.state.sla == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(judgement.state.sla);
}
