/*
 * evaluate.c
 *	  Running a model's conditions.
 *
 * Whoever writes, the conditions run with the rights of the table's owner:
 * a superuser's write must not run a model author's code as superuser.  User
 * id, time zone and clock are put back on every way out.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "conditions.h"
#include "evaluate.h"
#include "key_text.h"

static Datum
evaluate(Judgement *judgement, int condition, TupleTableSlot *slot, bool *isnull)
{
	LeadTable  *table = judgement->table;
	Datum		value;

	judgement->evaluating = condition;
	judgement->evaluating_old = (slot == judgement->old);
	table->econtext->ecxt_scantuple = slot;
	value = ExecEvalExprSwitchContext(table->states[condition],
									  table->econtext, isnull);
	judgement->evaluating = NO_CONDITION;
	return value;
}

/* What raised counts as false, each of the two rows for itself. */
static bool
holds_for(Judgement *judgement, int condition, TupleTableSlot *slot,
		  const bool *failed)
{
	Datum		value;
	bool		isnull;

	if (condition == NO_CONDITION)
		return true;
	/* What could not even be prepared raised for both. */
	if (failed[condition] || judgement->table->states[condition] == NULL)
		return false;
	value = evaluate(judgement, condition, slot, &isnull);
	return !isnull && DatumGetBool(value);
}

bool
lead_stage_condition_holds(void *arg, int condition)
{
	Judgement  *judgement = arg;

	return holds_for(judgement, condition, judgement->row,
					 judgement->table->condition_failed);
}

bool
lead_stage_condition_held(Judgement *judgement, int condition)
{
	return holds_for(judgement, condition, judgement->old,
					 judgement->table->condition_failed_before);
}

bool
lead_stage_instant(void *arg, int expression, TimestampTz *value)
{
	Judgement  *judgement = arg;
	Datum		result;
	bool		isnull;

	if (judgement->table->condition_failed[expression])
		return false;
	result = evaluate(judgement, expression, judgement->row, &isnull);
	if (isnull)
		return false;
	*value = DatumGetTimestampTz(result);
	return true;
}

/* What must never be mistaken for a rule's own error. */
static bool
may_be_skipped(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category != MAKE_SQLSTATE('5', '7', '0', '0', '0') &&
		category != MAKE_SQLSTATE('5', '3', '0', '0', '0') &&
		category != MAKE_SQLSTATE('X', 'X', '0', '0', '0');
}

static void
warn_skipped(Judgement *judgement, int condition, ErrorData *error)
{
	LeadTable  *table = judgement->table;

	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("condition \"%s\" of model \"%s\" failed and counts as false",
					(char *) list_nth(table->model->condition_names, condition),
					table->model->name),
			 errdetail("%s; the row is %s.", error->message,
					   lead_stage_key_text(table, judgement->row))));
}

/* Whose error it is, where errors are not skipped. */
static void
name_condition(void *arg)
{
	Judgement  *judgement = arg;

	if (judgement->evaluating != NO_CONDITION)
		errcontext("condition \"%s\" of model \"%s\"",
				   (char *) list_nth(judgement->table->model->condition_names,
									 judgement->evaluating),
				   judgement->table->model->name);
}

/*
 * What the answer must not depend on: set by hand, for a GUC's way would cost
 * more than the conditions.
 */
typedef struct Surroundings
{
	Oid			user;
	int			security_context;
	pg_tz	   *time_zone;
	int			date_style;
	int			date_order;
	int			interval_style;
	TimestampTz instant;
	int			guc_level;
} Surroundings;

static void
enter_owner(Judgement *judgement, Surroundings *saved)
{
	LeadTable  *table = judgement->table;

	GetUserIdAndSecContext(&saved->user, &saved->security_context);
	saved->time_zone = session_timezone;
	saved->date_style = DateStyle;
	saved->date_order = DateOrder;
	saved->interval_style = IntervalStyle;
	saved->guc_level = 0;

	SetUserIdAndSecContext(table->owner_role,
						   saved->security_context | SECURITY_RESTRICTED_OPERATION);
	if (table->time_zone != NULL)
		session_timezone = table->time_zone;
	DateStyle = USE_ISO_DATES;
	DateOrder = DATEORDER_YMD;
	IntervalStyle = INTSTYLE_POSTGRES;
	saved->instant = lead_stage_judge_at(judgement->at);

	/* Only code beyond initdb's own looks names up. */
	if (!table->trusted)
	{
		saved->guc_level = NewGUCNestLevel();
		(void) set_config_option("search_path", "pg_catalog, pg_temp",
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
}

static void
put_back_formats(const Surroundings *saved)
{
	lead_stage_judge_at(saved->instant);
	session_timezone = saved->time_zone;
	DateStyle = saved->date_style;
	DateOrder = saved->date_order;
	IntervalStyle = saved->interval_style;
}

static void
leave_owner(const Surroundings *saved)
{
	put_back_formats(saved);
	if (saved->guc_level != 0)
		AtEOXact_GUC(true, saved->guc_level);
	SetUserIdAndSecContext(saved->user, saved->security_context);
}

/* A condition that cannot be prepared fails as one that raises does. */
static void
prepare_conditions(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	bool		all = true;

	if (table->new_statement && !table->trusted)
		lead_stage_forget_prepared(table);
	table->new_statement = false;
	if (table->prepared)
		return;
	for (int i = 0; i < table->nconditions; i++)
	{
		if (table->states[i] != NULL)
			continue;
		if (table->condition_failed[i])
		{
			all = false;
			continue;
		}
		judgement->evaluating = i;
		judgement->evaluating_old = false;
		lead_stage_prepare_condition(table, i);
		judgement->evaluating = NO_CONDITION;
	}
	table->prepared = all;
}

/*
 * One attempt.  Returns false if a condition raised and is to be skipped.
 * Built-in code that is only run can hold no resource when it raises, so
 * putting back our own state is enough; to prepare it takes some, and so may
 * other code: that is done in a subtransaction.
 */
static bool
attempt(Judgement *judgement, void (*work) (Judgement *judgement))
{
	LeadTable  *table = judgement->table;
	const volatile bool skip = table->published && !table->model->raise_rule_errors;
	const volatile bool subtransaction = skip &&
		!(table->trusted && table->prepared);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resource_owner = CurrentResourceOwner;
	volatile bool done = false;
	Surroundings saved;
	ErrorContextCallback callback;

	if (subtransaction)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
	}
	enter_owner(judgement, &saved);
	table->judging = true;
	PG_TRY();
	{
		callback.callback = name_condition;
		callback.arg = judgement;
		callback.previous = error_context_stack;
		error_context_stack = &callback;
		prepare_conditions(judgement);
		work(judgement);
		error_context_stack = callback.previous;
		done = true;
	}
	PG_CATCH();
	{
		int			condition = judgement->evaluating;
		bool		skipped = skip && condition != NO_CONDITION &&
			may_be_skipped(geterrcode());
		ErrorData  *error;

		table->judging = false;
		put_back_formats(&saved);
		if (!skipped && !subtransaction)
			PG_RE_THROW();

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* Whoever catches the error ends only the subtransaction he began. */
		if (subtransaction)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = resource_owner;
		}
		else
			leave_owner(&saved);
		if (!skipped)
			ReThrowError(error);

		/* The row as it was had its warning when it was written. */
		if (judgement->evaluating_old)
			table->condition_failed_before[condition] = true;
		else
		{
			warn_skipped(judgement, condition, error);
			table->condition_failed[condition] = true;
		}
		return false;
	}
	PG_END_TRY();
	table->judging = false;
	leave_owner(&saved);
	if (subtransaction)
	{
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = resource_owner;
	}
	return done;
}

void
lead_stage_forbid_while_judging(LeadTable *table)
{
	if (table->judging)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot write table \"%s\" from within one of its model's conditions",
						get_rel_name(table->relid))));
}

void
lead_stage_as_owner(Judgement *judgement, void (*work) (Judgement *judgement))
{
	LeadTable  *table = judgement->table;

	lead_stage_forbid_while_judging(table);
	ResetExprContext(table->econtext);
	judgement->evaluating = NO_CONDITION;
	if (table->some_failed)
	{
		memset(table->condition_failed, 0, sizeof(bool) * table->nconditions);
		memset(table->condition_failed_before, 0, sizeof(bool) * table->nconditions);
	}
	table->some_failed = false;
	while (!attempt(judgement, work))
		table->some_failed = true;
}
