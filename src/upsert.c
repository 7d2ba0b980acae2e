/*
 * upsert.c
 *	  Rows that INSERT ... ON CONFLICT DO UPDATE proposes.
 *
 * In DO UPDATE, EXCLUDED is the row as the BEFORE INSERT triggers left it, and
 * an application that writes COALESCE(EXCLUDED.owner, lead.owner) means the
 * owner that it proposed, not the one that a route would have given to a lead
 * that never comes about.  So the conflict is looked for here, before the row
 * is judged, as the server will look for it right after; a row that meets
 * another is left as it was proposed.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "upsert.h"

/* A statement under way that may update where it cannot insert. */
typedef struct UpsertStatement
{
	struct UpsertStatement *outer;
	EState	   *estate;
	MemoryContextCallback end;
} UpsertStatement;

static UpsertStatement *innermost = NULL;

static void
end_of_upsert(void *arg)
{
	for (UpsertStatement **link = &innermost; *link != NULL; link = &(*link)->outer)
	{
		if (*link == arg)
		{
			*link = (*link)->outer;
			break;
		}
	}
}

static bool
is_upsert(PlanState *state)
{
	return IsA(state, ModifyTableState) &&
		((ModifyTable *) state->plan)->onConflictAction == ONCONFLICT_UPDATE;
}

void
lead_stage_note_upsert(QueryDesc *query)
{
	EState	   *estate = query->estate;
	bool		found = is_upsert(query->planstate);
	UpsertStatement *statement;
	ListCell   *lc;

	foreach(lc, estate->es_auxmodifytables)
		found = found || is_upsert(lfirst(lc));
	if (!found)
		return;
	statement = MemoryContextAllocZero(estate->es_query_cxt, sizeof(UpsertStatement));
	statement->estate = estate;
	statement->outer = innermost;
	statement->end.func = end_of_upsert;
	statement->end.arg = statement;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &statement->end);
	innermost = statement;
}

/* The target whose trigger function that is. */
static ResultRelInfo *
find_target(List *targets, FmgrInfo *flinfo)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		ResultRelInfo *target = lfirst(lc);

		if (target->ri_TrigFunctions != NULL &&
			flinfo >= target->ri_TrigFunctions &&
			flinfo < target->ri_TrigFunctions + target->ri_TrigDesc->numtriggers)
			return target;
	}
	return NULL;
}

bool
lead_stage_meets_row(FmgrInfo *flinfo, TupleTableSlot *proposed)
{
	for (UpsertStatement *statement = innermost; statement != NULL; statement = statement->outer)
	{
		EState	   *estate = statement->estate;
		ResultRelInfo *target;
		TupleConstr *constr;
		ItemPointerData met;

		if (estate->es_query_cxt != flinfo->fn_mcxt)
			continue;
		target = find_target(estate->es_opened_result_relations, flinfo);
		if (target == NULL)
			target = find_target(estate->es_tuple_routing_result_relations, flinfo);
		if (target == NULL || target->ri_onConflict == NULL ||
			target->ri_NumIndices == 0)
			return false;
		/* Generated columns, which an index may cover, are not computed yet. */
		constr = RelationGetDescr(target->ri_RelationDesc)->constr;
		if (constr != NULL && constr->has_generated_stored)
			return false;
		return !check_index_constraints(target, proposed, estate, &met,
										target->ri_onConflictArbiterIndexes);
	}
	return false;
}
