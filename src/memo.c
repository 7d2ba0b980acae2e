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
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "memo.h"

typedef struct Statement
{
	struct Statement *outer;
	MemoryContext context;
	bool		event_queued;	/* and not fired yet */
	Memo		memo;
	MemoryContextCallback end;
} Statement;

static Statement *innermost = NULL;

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

	statement = MemoryContextAllocZero(context, sizeof(Statement));
	statement->context = context;
	statement->outer = innermost;
	statement->memo.parent = context;
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
	memo->judgement.hold_until = DT_NOBEGIN;
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
	for (Statement *statement = innermost; statement != NULL; statement = statement->outer)
	{
		statement->memo.kind = MEMO_NONE;
		statement->event_queued = false;
	}
}

void
lead_stage_init_memos(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
}
