/*
 * conditions.c
 *	  The compiled conditions of a model.
 *
 * Publish wrote every condition into the signals view, so PostgreSQL itself
 * tracks what they depend on, follows renames and carries them through a dump.
 * Here the analysed expressions are taken back out of the view's query.
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "conditions.h"
#include "our_objects.h"

/* The range table index under which a view's query reads the leads table. */
int
lead_stage_leads_varno(Query *query, Oid root)
{
	ListCell   *lc;
	int			varno = 0;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		varno++;
		if (rte->rtekind == RTE_RELATION && rte->relid == root)
			return varno;
	}
	return 0;
}

/*
 * Whether a view is a plain selection from the leads table, as we make them:
 * only then can its columns be computed from one row.
 */
bool
lead_stage_reads_only(Query *query, Oid root)
{
	Node	   *from;

	if (query->commandType != CMD_SELECT || query->hasAggs ||
		query->hasWindowFuncs || query->hasTargetSRFs || query->hasSubLinks ||
		query->hasDistinctOn || query->groupClause != NIL ||
		query->setOperations != NULL || query->cteList != NIL ||
		list_length(query->jointree->fromlist) != 1)
		return false;
	from = linitial(query->jointree->fromlist);
	return IsA(from, RangeTblRef) &&
		((RangeTblRef *) from)->rtindex == lead_stage_leads_varno(query, root);
}

Expr *
lead_stage_view_column(Query *view_query, Oid root, Relation rel, const char *column)
{
	int			varno = lead_stage_leads_varno(view_query, root);
	ListCell   *lc;

	foreach(lc, view_query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);
		Node	   *expr;

		if (target->resjunk || strcmp(target->resname, column) != 0)
			continue;
		expr = copyObject((Node *) target->expr);
		if (RelationGetRelid(rel) != root && varno != 0)
		{
			/* A write straight into a partition has not locked its parent. */
			Relation	root_rel = table_open(root, AccessShareLock);
			AttrMap    *map = build_attrmap_by_name(RelationGetDescr(rel),
													RelationGetDescr(root_rel),
													false);
			bool		whole_row;

			expr = map_variable_attnos(expr, varno, 0, map, InvalidOid, &whole_row);
			table_close(root_rel, NoLock);
		}
		return (Expr *) expr;
	}
	return NULL;
}

/*
 * A type whose support functions are initdb's or ours.  Built-in functions
 * that take any array, range or record call the functions of its elements.
 */
static bool
type_is_trusted(Oid type)
{
	Oid			element;

	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		type = getBaseType(element);
	return type < FirstUnpinnedObjectId || type_is_enum(type) ||
		lead_stage_is_stage_type(type) ||
		getExtensionOfObject(TypeRelationId, type) ==
		get_extension_oid("lead_stage", true);
}

static bool
function_is_untrusted(Oid funcid, void *context)
{
	return funcid >= FirstUnpinnedObjectId &&
		!lead_stage_is_our_c_function(funcid) &&
		getExtensionOfObject(ProcedureRelationId, funcid) !=
		get_extension_oid("lead_stage", true);
}

static bool
reaches_untrusted(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain))
		return true;
	if (check_functions_in_node(node, function_is_untrusted, NULL))
		return true;
	if (!IsA(node, List) && !type_is_trusted(exprType(node)))
		return true;
	return expression_tree_walker(node, reaches_untrusted, context);
}

static void
note_reads(LeadTable *table, Bitmapset *attnos)
{
	int			i = -1;

	table->reads = palloc(sizeof(AttrNumber) * Max(bms_num_members(attnos), 1));
	while ((i = bms_next_member(attnos, i)) >= 0)
	{
		AttrNumber	attno = i + FirstLowInvalidHeapAttributeNumber;

		/* ours are compared anyway */
		if (attno <= 0 || attno == table->stage || attno == table->owner ||
			attno == table->fit_score)
			continue;
		table->reads[table->nreads++] = attno;
		table->last_read = Max(table->last_read, attno);
	}
}

void
lead_stage_load_conditions(LeadTable *table, Query *view_query, Relation rel)
{
	ListCell   *lc;
	int			i = 0;
	int			varno = lead_stage_leads_varno(view_query, table->root);
	Bitmapset  *attnos = NULL;

	table->nconditions = list_length(table->model->condition_names);
	table->conditions = palloc0(sizeof(Expr *) * Max(table->nconditions, 1));
	table->states = palloc0(sizeof(ExprState *) * Max(table->nconditions, 1));
	table->condition_failed = palloc0(sizeof(bool) * Max(table->nconditions, 1));
	table->condition_failed_before = palloc0(sizeof(bool) * Max(table->nconditions, 1));
	table->rule_holds = palloc0(sizeof(bool) * Max(table->model->nrules, 1));
	table->states_context = AllocSetContextCreate(table->context,
												  "lead_stage conditions",
												  ALLOCSET_SMALL_SIZES);
	table->trusted = true;

	foreach(lc, table->model->condition_names)
	{
		const char *name = lfirst(lc);
		Expr	   *expr = lead_stage_view_column(view_query, table->root, rel, name);

		if (expr == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of view \"%s\" does not exist",
							name, get_rel_name(table->signals)),
					 errhint("Publish the model again.")));
		if (exprType((Node *) expr) != BOOLOID &&
			exprType((Node *) expr) != TIMESTAMPTZOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of view \"%s\" is of type %s",
							name, get_rel_name(table->signals),
							format_type_be(exprType((Node *) expr))),
					 errhint("Publish the model again.")));
		pull_varattnos((Node *) expr, varno, &attnos);
		if (reaches_untrusted((Node *) expr, NULL))
			table->trusted = false;
		table->conditions[i++] = expr;
	}
	note_reads(table, attnos);
}

void
lead_stage_prepare_condition(LeadTable *table, int condition)
{
	/* What fails half-way goes with the caller's context. */
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "lead_stage condition",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	Expr	   *expr = copyObject(table->conditions[condition]);

	table->states[condition] = ExecInitExpr(expression_planner(expr), NULL);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextSetParent(context, table->states_context);
}

void
lead_stage_forget_prepared(LeadTable *table)
{
	table->prepared = false;
	memset(table->states, 0, sizeof(ExprState *) * table->nconditions);
	MemoryContextReset(table->states_context);
}
