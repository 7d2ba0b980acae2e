/*
 * memo.c
 *	  One memo for each statement that is writing leads.
 *
 * Between the BEFORE trigger and the landing of its row other code may run
 * that writes leads too (a policy's or a constraint's function, a trigger that
 * sorts after ours, an expression of ON CONFLICT), so statements are a stack:
 * they nest strictly, and each goes with the memory that its trigger functions
 * live in.  Thus no memo is ever taken for another statement's row, though the
 * next statement's memory be at the same address.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "event_time.h"
#include "held_states.h"
#include "memo.h"
#include "unconcerned.h"
#include "upsert.h"

typedef struct Statement
{
	struct Statement *outer;
	MemoryContext context;
	bool		event_queued;	/* and not fired yet */
	Memo		memo;
	MemoryContextCallback end;
} Statement;

static Statement *innermost = NULL;
static uint64 statements = 0;

/* Whether this library was loaded by a MERGE, which so began unseen. */
static bool loaded_by_merge = false;

static void note_unseen_merge(MemoryContext statement);

static void
end_of_statement(void *arg)
{
	for (Statement **link = &innermost; *link != NULL; link = &(*link)->outer)
	{
		if (*link == arg)
		{
			*link = (*link)->outer;
			break;
		}
	}
}

Memo *
lead_stage_statement_memo(MemoryContext context)
{
	Statement  *statement;

	if (innermost != NULL && innermost->context == context)
		return &innermost->memo;
	/* another statement must find what the one before has remembered */
	lead_stage_write_held_states();
	for (Statement **link = &innermost; *link != NULL; link = &(*link)->outer)
	{
		statement = *link;
		if (statement->context != context)
			continue;
		/* what is still above it has ended, though its memory is still there */
		*link = statement->outer;
		statement->outer = innermost;
		innermost = statement;
		return &statement->memo;
	}

	note_unseen_merge(context);
	statement = MemoryContextAllocZero(context, sizeof(Statement));
	statement->context = context;
	statement->outer = innermost;
	statement->memo.parent = context;
	statement->memo.statement = ++statements;
	statement->end.func = end_of_statement;
	statement->end.arg = statement;
	MemoryContextRegisterResetCallback(context, &statement->end);
	innermost = statement;
	return &statement->memo;
}

void
lead_stage_begin_memo(Memo *memo, MemoKind kind, LeadTable *table)
{
	if (memo->context == NULL)
		memo->context = AllocSetContextCreate(memo->parent,
											  "lead_stage memo",
											  ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(memo->context);
	memset(&memo->judgement, 0, sizeof(memo->judgement));
	memo->kind = kind;
	memo->table = table;
	memo->source = NULL;
	memo->subtransaction = GetCurrentSubTransactionId();
	memo->judgement.table = table;
	memo->judgement.statement = memo->statement;
	lead_stage_clear_state(&memo->judgement.state);
}

bool
lead_stage_memo_is_current(const Memo *memo)
{
	return memo->kind != MEMO_NONE &&
		memo->subtransaction == GetCurrentSubTransactionId();
}

Memo *
lead_stage_landing_memo(void)
{
	if (innermost == NULL || !lead_stage_memo_is_current(&innermost->memo))
		return NULL;
	return &innermost->memo;
}

Memo *
lead_stage_leaving_memo(int depth)
{
	for (Statement *statement = innermost; statement != NULL; statement = statement->outer)
	{
		Memo	   *memo = &statement->memo;

		if ((memo->kind == MEMO_LEFT || memo->kind == MEMO_ARRIVING) &&
			lead_stage_memo_is_current(memo) && memo->depth == depth)
			return memo;
	}
	return NULL;
}

bool
lead_stage_must_queue_event(void)
{
	bool		queued = innermost->event_queued;

	innermost->event_queued = true;
	return !queued;
}

/*
 * The events that are still queued find nothing to do, but what is taken from
 * now on needs one of its own: a COPY can share its memory with an earlier one.
 */
void
lead_stage_events_fired(void)
{
	for (Statement *statement = innermost; statement != NULL; statement = statement->outer)
		statement->event_queued = false;
}

/* The memory of a logical replication worker's message outlives a transaction. */
static void
end_of_transaction(XactEvent event, void *arg)
{
	loaded_by_merge = false;
	for (Statement *statement = innermost; statement != NULL; statement = statement->outer)
	{
		statement->memo.kind = MEMO_NONE;
		statement->memo.statement = ++statements;
		statement->event_queued = false;
	}
}

/* ---------- MERGE ---------- */

/*
 * The columns that a trigger is told to be set are, under MERGE, those of all
 * its actions together, and a trigger cannot see that it is under MERGE.
 */
typedef struct MergeStatement
{
	struct MergeStatement *outer;
	MemoryContext context;
	MemoryContextCallback end;
} MergeStatement;

static MergeStatement *innermost_merge = NULL;
static ExecutorStart_hook_type previous_executor_start = NULL;

static void
end_of_merge(void *arg)
{
	for (MergeStatement **link = &innermost_merge; *link != NULL; link = &(*link)->outer)
	{
		if (*link == arg)
		{
			*link = (*link)->outer;
			break;
		}
	}
}

/* MERGE, or since 17 a MERGE within WITH. */
static bool
has_merge(QueryDesc *query)
{
	ListCell   *lc;

	if (query->operation == CMD_MERGE)
		return true;
	foreach(lc, query->estate->es_auxmodifytables)
		if (lfirst_node(ModifyTableState, lc)->operation == CMD_MERGE)
			return true;
	return false;
}

/* The same, by the plan. */
static bool
plans_merge(PlannedStmt *statement)
{
	ListCell   *lc;

	if (statement->commandType == CMD_MERGE)
		return true;
	foreach(lc, statement->subplans)
		if (lfirst(lc) != NULL && IsA(lfirst(lc), ModifyTable) &&
			lfirst_node(ModifyTable, lc)->operation == CMD_MERGE)
			return true;
	return false;
}

static bool
portal_has_merge(Portal portal)
{
	ListCell   *lc;

	if (portal != NULL)
		foreach(lc, portal->stmts)
			if (plans_merge(lfirst_node(PlannedStmt, lc)))
				return true;
	return false;
}

static void
note_merge(MemoryContext context)
{
	MergeStatement *merge = MemoryContextAllocZero(context, sizeof(MergeStatement));

	merge->context = context;
	merge->outer = innermost_merge;
	merge->end.func = end_of_merge;
	merge->end.arg = merge;
	MemoryContextRegisterResetCallback(merge->context, &merge->end);
	innermost_merge = merge;
}

static void
statement_started(QueryDesc *query, int eflags)
{
	if (previous_executor_start)
		previous_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	if (has_merge(query))
		note_merge(query->estate->es_query_cxt);
	if (query->operation != CMD_SELECT)
		lead_stage_note_horizon(query->snapshot);
	lead_stage_note_upsert(query);
	lead_stage_spare_update(query);
}

bool
lead_stage_is_merge(MemoryContext statement)
{
	for (MergeStatement *merge = innermost_merge; merge != NULL; merge = merge->outer)
		if (merge->context == statement)
			return true;
	return false;
}

/* The first statement that writes leads after the library was loaded. */
static void
note_unseen_merge(MemoryContext statement)
{
	if (loaded_by_merge && !lead_stage_is_merge(statement))
		note_merge(statement);
	loaded_by_merge = false;
}

void
lead_stage_init_memos(void)
{
	loaded_by_merge = portal_has_merge(ActivePortal);
	RegisterXactCallback(end_of_transaction, NULL);
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = statement_started;
}
