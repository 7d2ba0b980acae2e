/*
 * draft.c
 *	  Judging by a definition that has not been published.
 *
 * What publish would write into the signals view is analysed here without a
 * view: nothing is created, locked against writers or written, and no session
 * judges by it but for the one query.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "binding.h"
#include "clock.h"
#include "draft.h"
#include "evaluate.h"
#include "history.h"
#include "judge.h"
#include "run_as.h"
#include "state.h"

PG_FUNCTION_INFO_V1(lead_stage_judge_draft);
PG_FUNCTION_INFO_V1(lead_stage_contradicts);

/* Kept for the query that calls us, in its function's memory context. */
typedef struct DraftCall
{
	Jsonb	   *definition;
	text	   *conditions;
	LeadTable  *table;
	Oid			rowtype;
	TupleTableSlot *old;
} DraftCall;

static Query *
analyse_conditions(const char *conditions)
{
	List	   *statements = raw_parser(conditions, RAW_PARSE_DEFAULT);
	Query	   *query = NULL;

	if (list_length(statements) == 1 &&
		IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		query = parse_analyze_fixedparams(linitial_node(RawStmt, statements),
										  conditions, NULL, 0, NULL);
	if (query == NULL || query->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the conditions of a draft must be one query")));
	return query;
}

LeadTable *
lead_stage_draft_table(Relation rel, const pg_uuid_t *binding,
					   Jsonb *definition, const char *conditions)
{
	LeadTable  *table;

	lead_stage_require_set_role(rel->rd_rel->relowner);
	table = lead_stage_make_draft(rel, binding, definition,
								  analyse_conditions(conditions));
	if (!table->published)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" was detached meanwhile",
						RelationGetRelationName(rel))));
	return table;
}

static bool
same_varlena(void *a, void *b)
{
	return VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0;
}

static DraftCall *
begin_call(FunctionCallInfo fcinfo, Oid relid, Jsonb *definition, text *conditions)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	DraftCall  *call = palloc0(sizeof(DraftCall));
	Binding    *binding = lead_stage_require_binding(relid);
	Relation	rel = table_open(relid, AccessShareLock);

	call->definition = (Jsonb *) DatumGetPointer(PointerGetDatum(pg_detoast_datum_copy((struct varlena *) definition)));
	call->conditions = (text *) pg_detoast_datum_copy((struct varlena *) conditions);
	call->table = lead_stage_draft_table(rel, &binding->id, call->definition,
										 text_to_cstring(conditions));
	call->table->new_statement = true;
	call->rowtype = rel->rd_rel->reltype;
	call->old = MakeSingleTupleTableSlot(call->table->desc, &TTSOpsVirtual);
	table_close(rel, NoLock);
	MemoryContextSwitchTo(oldcontext);
	fcinfo->flinfo->fn_extra = call;
	return call;
}

static void
fill_slots(DraftCall *call, HeapTupleHeader lead)
{
	TupleTableSlot *slots[] = {call->old, call->table->row};
	HeapTupleData tuple;

	if (HeapTupleHeaderGetTypeId(lead) != call->rowtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row is of type %s, not %s",
						format_type_be(HeapTupleHeaderGetTypeId(lead)),
						format_type_be(call->rowtype))));
	tuple.t_len = HeapTupleHeaderGetDatumLength(lead);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = lead;
	for (int i = 0; i < lengthof(slots); i++)
	{
		ExecClearTuple(slots[i]);
		heap_deform_tuple(&tuple, call->table->desc,
						  slots[i]->tts_values, slots[i]->tts_isnull);
		ExecStoreVirtualTuple(slots[i]);
	}
}

/* As a rescore in this transaction would judge the stored row. */
static void
rejudge(DraftCall *call, Judgement *judgement)
{
	LeadTable  *table = call->table;
	Datum		keys[INDEX_MAX_KEYS];
	bool		isnull = true;
	Datum		since = (Datum) 0;

	memset(judgement, 0, sizeof(Judgement));
	judgement->table = table;
	judgement->old = call->old;
	judgement->row = table->row;
	judgement->rejudge = true;
	judgement->keys = keys;
	lead_stage_clear_state(&judgement->state);
	judgement->at = lead_stage_current_time();

	for (int i = 0; i < table->nkeys; i++)
		keys[i] = slot_getattr(call->old, table->keys[i], &isnull);
	isnull = true;
	if (table->stage_since != InvalidAttrNumber)
		since = slot_getattr(call->old, table->stage_since, &isnull);
	if (!isnull)
	{
		judgement->at = Max(judgement->at, DatumGetTimestampTz(since));
		judgement->at = Max(judgement->at, lead_stage_last_event_at(table, keys));
	}
	if (table->model->uses_state)
		lead_stage_read_state(table, keys, &judgement->state);
	lead_stage_judge(judgement);
}

/*
 * _judge_draft(leads regclass, lead record, definition jsonb, conditions text,
 *				OUT stage text, OUT fit_score int, OUT held text[])
 *
 * Where a stored lead would be if the definition were published and the lead
 * rescored, its fit score then, and the names of the fit rules that hold.
 */
Datum
lead_stage_judge_draft(PG_FUNCTION_ARGS)
{
	HeapTupleHeader lead = PG_GETARG_HEAPTUPLEHEADER(1);
	Jsonb	   *definition = PG_GETARG_JSONB_P(2);
	text	   *conditions = PG_GETARG_TEXT_PP(3);
	DraftCall  *call = fcinfo->flinfo->fn_extra;
	ArrayBuildState *held = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	Judgement	judgement;
	TupleDesc	result;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (call == NULL || !same_varlena(call->definition, definition) ||
		!same_varlena(call->conditions, conditions))
		call = begin_call(fcinfo, PG_GETARG_OID(0), definition, conditions);

	fill_slots(call, lead);
	rejudge(call, &judgement);
	for (int i = 0; i < call->table->model->nrules; i++)
		if (call->table->rule_holds[i])
			accumArrayResult(held, CStringGetTextDatum(call->table->model->rules[i].name),
							 false, TEXTOID, CurrentMemoryContext);

	values[0] = CStringGetTextDatum(lead_stage_label(judgement.stage));
	values[1] = Int32GetDatum(judgement.fit);
	values[2] = makeArrayResult(held, CurrentMemoryContext);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}

/*
 * _contradicts(leads regclass, conditions text) → boolean
 *
 * Whether the columns of a query over the leads table can be seen not to be
 * true all at once, by what the planner knows of operators.  It computes
 * constants, which is code of whoever wrote the conditions: so as the owner.
 */
Datum
lead_stage_contradicts(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	Query	   *query;
	Identity	self;
	List	   *clauses = NIL;
	ListCell   *lc;
	bool		contradicts = false;

	lead_stage_require_membership(rel->rd_rel->relowner, "check a model's conditions");
	query = analyse_conditions(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	lead_stage_become(rel->rd_rel->relowner, SECURITY_RESTRICTED_OPERATION, &self);
	foreach(lc, query->targetList)
	{
		Node	   *clause = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (exprType(clause) != BOOLOID)
			continue;
		clause = eval_const_expressions(NULL, clause);
		clause = (Node *) canonicalize_qual((Expr *) clause, false);
		clauses = list_concat(clauses, make_ands_implicit((Expr *) clause));
	}
	lead_stage_be_again(&self);

	foreach(lc, clauses)
	{
		Node	   *clause = lfirst(lc);

		if (IsA(clause, Const) &&
			(((Const *) clause)->constisnull || !DatumGetBool(((Const *) clause)->constvalue)))
			contradicts = true;
		else if (contain_mutable_functions(clause))
			clauses = foreach_delete_current(clauses, lc);
	}
	if (!contradicts)
		contradicts = predicate_refuted_by(clauses, clauses, false);
	table_close(rel, NoLock);
	PG_RETURN_BOOL(contradicts);
}
