/*
 * lead_table.h
 *	  All that a session knows of one table that leads are written to: where
 *	  our columns are, the compiled model, and where history goes.
 *
 * There is one LeadTable for each firing relation, a partition having its own;
 * it is made once a session and again after anything it was made from changes.
 */
#ifndef LEAD_STAGE_LEAD_TABLE_H
#define LEAD_STAGE_LEAD_TABLE_H

#include "access/skey.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "pgtime.h"
#include "utils/relcache.h"
#include "utils/uuid.h"
#include "model_def.h"

/* Where each of history's columns is; 0: the column is gone. */
typedef struct HistoryColumns
{
	AttrNumber	id,
				at,
				recorded_at,
				since,
				due,
				version,
				fit_score,
				engagement,
				from_stage,
				to_stage,
				touched,
				elapsed,
				event,
				name,
				owner,
				previous_owner,
				reason,
				role,
				actor,
				evidence;
	AttrNumber *keys;			/* in primary-key order */
	int			natts;
	int			ndefaults;		/* columns of the owner's own that have one */
	AttrNumber *with_default;
	Expr	  **defaults;
} HistoryColumns;

/* Where each of state's columns is; 0: the column is gone. */
typedef struct StateColumns
{
	AttrNumber	engagement_state,
				last_touch_at,
				sla,
				sla_due,
				sla_state,
				hold_until,
				recheck_at;
	int			natts;
} StateColumns;

/* What we run over leads and state, planned once. */
typedef enum ActivityPlan
{
	PLAN_LOCK,
	PLAN_READ,
	PLAN_WRITE,
	PLAN_FORGET,
	PLAN_JUDGE,
	PLAN_COUNT_OPEN,
	ACTIVITY_PLANS
} ActivityPlan;

typedef struct LeadTable
{
	Oid			relid;			/* hash key: the firing relation */
	pg_uuid_t	binding;
	MemoryContext context;		/* everything here lives in it */
	bool		valid;			/* cleared when something we rest on changes */
	int			users;			/* statements and pending history that hold it */

	bool		bound;			/* the binding is known */
	bool		published;		/* there is a model to judge by */
	Oid			root;			/* the table that was attached */
	Oid			owner_role;		/* whose rights conditions run with */
	Oid			history;
	Oid			state;
	Oid			live;
	Oid			signals;
	Oid			history_sequence;

	/* columns of the firing relation */
	TupleDesc	desc;
	AttrNumber	stage;
	AttrNumber	stage_since;
	AttrNumber	stage_reason;
	AttrNumber	fit_score;
	AttrNumber	owner;
	bool		owner_is_text;
	FmgrInfo	owner_out;
	FmgrInfo	owner_in;
	Oid			owner_ioparam;
	int32		owner_typmod;
	int			nkeys;
	AttrNumber *keys;
	bool		key_is_deferrable;	/* two leads may have one key for a moment */
	Oid		   *key_equals;		/* the primary key's own = operators */
	int			nreads;			/* columns that some condition reads */
	AttrNumber *reads;
	AttrNumber	last_read;		/* the rightmost column we ever look at */

	/* the model */
	int32		version;
	ModelDef   *model;
	pg_tz	   *time_zone;
	int			nconditions;
	Expr	  **conditions;
	ExprState **states;			/* of a statement, or of the session if trusted */
	bool		some_failed;
	bool	   *condition_failed;	/* raised for the row that is judged */
	bool	   *condition_failed_before;	/* raised for the row as it was */
	bool	   *rule_holds;		/* per fit rule of the row being judged */
	bool		trusted;		/* reaches nothing beyond initdb's own */
	bool		prepared;		/* every condition has its state */
	bool		new_statement;	/* untrusted states are to be made anew */
	bool		judging;		/* a row is being judged right now */
	ExprContext *econtext;
	MemoryContext states_context;
	TupleTableSlot *row;		/* the row being judged, as it will be */
	TupleTableSlot *old_row;	/* the stored row, where what is due changes it */

	SPIPlanPtr	plans[ACTIVITY_PLANS];
	MemoryContextCallback free_plans;
	Oid			score_type;

	HistoryColumns history_columns;
	ScanKeyData *history_scan;	/* equality on the key columns of history */
	Oid			history_index;
	bool		state_in_use;	/* something may be remembered of a lead */
	StateColumns state_columns;
	ScanKeyData *state_scan;
	Oid			state_index;
} LeadTable;

/* Registers the invalidation callbacks; called once, from _PG_init. */
extern void lead_stage_init_lead_tables(void);

/*
 * The up-to-date LeadTable of a relation that fired a trigger of the binding.
 * Raises 42501 if the relation has another owner than the attached table.
 */
extern LeadTable *lead_stage_lead_table(Relation rel, const pg_uuid_t *binding);

/* The same, but NULL where this session has never had one. */
extern LeadTable *lead_stage_known_table(Relation rel, const char *binding);

/* The same for the statement that the trigger function's flinfo belongs to:
 * looked up at its first row and kept until its end. */
extern LeadTable *lead_stage_statement_table(Relation rel, const char *binding,
											 FmgrInfo *flinfo);

/*
 * One made in the current memory context, for the caller alone, that judges
 * by a definition that is not published; "conditions" stands for the signals
 * view.
 */
extern LeadTable *lead_stage_make_draft(Relation rel, const pg_uuid_t *binding,
										Jsonb *definition, Query *conditions);

/* For whoever runs SQL while he has a table: without a holder it is freed by
 * the next lookup after something it rests on changed. */
extern void lead_stage_hold_table(LeadTable *table);
extern void lead_stage_release_table(LeadTable *table);
extern void lead_stage_hold_table_in(LeadTable *table, MemoryContext context);

#endif							/* LEAD_STAGE_LEAD_TABLE_H */
