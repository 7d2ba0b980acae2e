/*
 * memo.h
 *	  What the BEFORE trigger decided, until the row has landed.
 */
#ifndef LEAD_STAGE_MEMO_H
#define LEAD_STAGE_MEMO_H

#include "fmgr.h"
#include "judge.h"
#include "pg_config_manual.h"

typedef enum MemoKind
{
	MEMO_NONE,
	MEMO_INSERT,
	MEMO_PROPOSED,				/* an insert that will become an update; not judged */
	MEMO_UPDATE,
	MEMO_DELETE,
	/* a row that moves to another partition is deleted here, inserted there */
	MEMO_LEAVING,
	MEMO_LEFT,
	MEMO_ARRIVING
} MemoKind;

/* Our columns that an application may give, and find again in EXCLUDED. */
#define LEAD_STAGE_PROPOSALS	4

/* One statement's memo: of the row that it is about to land. */
typedef struct Memo
{
	MemoKind	kind;
	SubTransactionId subtransaction;
	uint64		statement;		/* its number in this session */
	LeadTable  *table;
	Judgement	judgement;
	Datum		keys[INDEX_MAX_KEYS];
	Datum		old_keys[INDEX_MAX_KEYS];
	MemoryContext parent;		/* the statement's */
	MemoryContext context;		/* what the memo points to lives here; made at need */

	/*
	 * Of an insert: what ON CONFLICT's EXCLUDED is to mean.  Of an update of a
	 * partition: what is to be judged should the row move to another.
	 */
	FmgrInfo   *source;			/* tells a statement's targets apart */
	Datum		proposed[LEAD_STAGE_PROPOSALS];
	bool		proposed_null[LEAD_STAGE_PROPOSALS];
	Datum		computed[LEAD_STAGE_PROPOSALS];
	bool		computed_null[LEAD_STAGE_PROPOSALS];

	/* of a move to another partition */
	HeapTuple	left;			/* the stored row, from where it leaves */
	LeadTable  *left_table;
	int			depth;			/* of triggers, as it leaves */
} Memo;

/* Registers callback and hook; called once, from _PG_init. */
extern void lead_stage_init_memos(void);

/* The memo of the statement whose trigger functions live in that context. */
extern Memo *lead_stage_statement_memo(MemoryContext statement);

/* Replaces whatever it holds: a row that never landed is of no account. */
extern void lead_stage_begin_memo(Memo *memo, MemoKind kind, LeadTable *table);

/* Whether it speaks of a row that may still land. */
extern bool lead_stage_memo_is_current(const Memo *memo);

/* The memo of the statement that is landing a row right now, or NULL. */
extern Memo *lead_stage_landing_memo(void);

/* That of a statement at that depth whose row left a partition and has not
 * landed in another, or NULL. */
extern Memo *lead_stage_leaving_memo(int depth);

/*
 * Whether that statement must queue the event that writes history: true once,
 * and again after lead_stage_events_fired().
 */
extern bool lead_stage_must_queue_event(void);
extern void lead_stage_events_fired(void);

/*
 * Whether the statement whose trigger functions live in that context is a
 * MERGE.  One that is run by a function and loads this library is not seen.
 */
extern bool lead_stage_is_merge(MemoryContext statement);

#endif							/* LEAD_STAGE_MEMO_H */
