/*
 * sweeper.c
 *	  The process that the launcher starts in a database: it sweeps for one
 *	  owner of tables, says when to come again, and ends.
 *
 * It connects as a superuser, so it runs nothing that a user has written but
 * with the rights of the table's owner, commit included, and serves no other
 * owner afterwards: a session can keep traces (settings, temporary tables) of
 * what ran in it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "sweep.h"
#include "worker.h"
#include "worker_memory.h"

#define SWEEP_BATCH		1000

/*
 * How long a sweeper goes on: DROP DATABASE and CREATE DATABASE ... TEMPLATE
 * wait 5 seconds for the others to leave.
 */
#define MAX_LIFE_MS		2000

/* How soon leads that others had locked are tried again. */
#define LOCKED_RETRY_MS	5000

PGDLLEXPORT pg_noreturn void lead_stage_sweeper_main(Datum main_arg);

/* A table to sweep, and what is known of it. */
typedef struct DueTable
{
	SweepTable	table;
	TimestampTz due;			/* of its next lead; DT_NOEND: none */
	bool		left_alone;		/* it failed; due is when it is tried again */
} DueTable;

/* ---------- transactions ---------- */

static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * Whatever runs in between, the deferred triggers of the commit too, has the
 * rights of the session user, who is the table's owner by then, and cannot
 * change them.
 */
static void
begin_as_owner(void)
{
	begin();
	SetUserIdAndSecContext(GetSessionUserId(), SECURITY_LOCAL_USERID_CHANGE);
}

static void
commit_as_owner(void)
{
	commit();
	SetUserIdAndSecContext(GetSessionUserId(), 0);
}

static void
become(Oid owner)
{
	begin();
	SetSessionAuthorization(owner, superuser_arg(owner));
	commit();
}

/* ---------- the session ---------- */

static void
set_unless_missing(const char *name, const char *value)
{
	if (GetConfigOption(name, true, false) != NULL)
		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Settings of the database are meant for applications. */
static void
prepare_session(void)
{
	set_unless_missing("statement_timeout", "0");
	set_unless_missing("transaction_timeout", "0");
	set_unless_missing("idle_in_transaction_session_timeout", "0");
	set_unless_missing("lock_timeout", "2s");
	set_unless_missing("default_transaction_isolation", "read committed");
	set_unless_missing("default_transaction_read_only", "off");
	SetConfigOption("application_name", "lead_stage", PGC_USERSET, PGC_S_SESSION);
}

/* ---------- what is due ---------- */

static TimestampTz
due_of(const SweepTable *table, bool *left_alone)
{
	TimestampTz retry_at = lead_stage_table_retry_at(MyDatabaseId, table->leads);

	*left_alone = !TIMESTAMP_IS_NOBEGIN(retry_at);
	return *left_alone ? retry_at : lead_stage_next_due(table);
}

static void
look_again(DueTable *due)
{
	begin_as_owner();
	due->due = due_of(&due->table, &due->left_alone);
	commit_as_owner();
}

/* Whether the extension is there, and stays until the end of the transaction. */
static bool
installed(void)
{
	Oid			namespace_id = get_namespace_oid("lead_stage", true);
	Oid			bindings;

	if (!OidIsValid(get_extension_oid("lead_stage", true)) || !OidIsValid(namespace_id))
		return false;
	bindings = get_relname_relid("binding", namespace_id);
	if (!OidIsValid(bindings))
		return false;
	LockRelationOid(bindings, AccessShareLock);
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(bindings));
}

static void
failed(DueTable *due)
{
	due->due = lead_stage_table_failed(MyDatabaseId, due->table.leads);
	due->left_alone = true;
}

/* When the table is due; an error is the table's alone. */
static void
look_at(DueTable *due)
{
	PG_TRY();
	{
		begin();
		due->due = due_of(&due->table, &due->left_alone);
		commit();
	}
	PG_CATCH();
	{
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		failed(due);
	}
	PG_END_TRY();
}

/* The tables of this database, by owner: nothing of their owners has run yet. */
static List *
read_tables(void)
{
	List	   *tables;
	List	   *result = NIL;
	ListCell   *lc;

	begin();
	if (!installed())
	{
		commit();
		return NIL;
	}
	tables = lead_stage_tables_to_sweep(TopMemoryContext);
	commit();

	foreach(lc, tables)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(TopMemoryContext);
		DueTable   *due = palloc0(sizeof(DueTable));

		due->table = *(SweepTable *) lfirst(lc);
		result = lappend(result, due);
		MemoryContextSwitchTo(oldcontext);
		look_at(due);
	}
	return result;
}

static bool
is_due(const DueTable *due)
{
	/* The clock of the rules, which somebody may have set for the database. */
	return !due->left_alone && due->due <=
		(lead_stage_clock_is_set() ? lead_stage_current_time() : GetCurrentTimestamp());
}

/* The first owner after that one who has a table to sweep. */
static Oid
owner_after(List *tables, Oid after)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		DueTable   *due = lfirst(lc);

		if (due->table.owner > after && is_due(due))
			return due->table.owner;
	}
	return InvalidOid;
}

/* When to come again. */
static TimestampTz
next_visit(List *tables)
{
	TimestampTz next = DT_NOEND;
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;

	foreach(lc, tables)
	{
		DueTable   *due = lfirst(lc);
		TimestampTz at = due->due;

		if (is_due(due))
			at = TimestampTzPlusMilliseconds(now, Min(LOCKED_RETRY_MS, lead_stage_sweep_interval));
		else if (!due->left_alone && lead_stage_clock_is_set())
			continue;			/* no telling when that will be */
		next = Min(next, at);
	}
	return next;
}

/* ---------- sweeping ---------- */

static void
show_activity(Oid leads)
{
	const char *name = get_rel_name(leads);
	char	   *text = name == NULL ? pstrdup("sweep") :
		psprintf("sweep of %s",
				 quote_qualified_identifier(get_namespace_name(get_rel_namespace(leads)), name));

	pgstat_report_activity(STATE_RUNNING, text);
}

static void
name_table(void *arg)
{
	errcontext("sweep of the leads table with OID %u", ((DueTable *) arg)->table.leads);
}

/* Returns false if time was up before the table was done. */
static bool
sweep_table(DueTable *due, TimestampTz until)
{
	int64		swept;

	do
	{
		begin_as_owner();
		show_activity(due->table.leads);
		swept = lead_stage_sweep_batch(due->table.leads, due->table.owner, SWEEP_BATCH, true);
		commit_as_owner();
		CHECK_FOR_INTERRUPTS();
		if (swept == SWEEP_BATCH && GetCurrentTimestamp() >= until)
			return false;
	} while (swept == SWEEP_BATCH);

	look_again(due);
	lead_stage_table_succeeded(MyDatabaseId, due->table.leads);
	return true;
}

/* The same; an error is the table's alone. */
static bool
try_sweep_table(DueTable *due, TimestampTz until)
{
	volatile bool finished = true;
	ErrorContextCallback *outer = error_context_stack;
	ErrorContextCallback context = {.previous = outer, .callback = name_table, .arg = due};

	PG_TRY();
	{
		error_context_stack = &context;
		finished = sweep_table(due, until);
		error_context_stack = outer;
	}
	PG_CATCH();
	{
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		SetUserIdAndSecContext(GetSessionUserId(), 0);
		failed(due);
	}
	PG_END_TRY();
	return finished;
}

/* Returns false if time was up. */
static bool
sweep_for(Oid owner, List *tables)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAX_LIFE_MS);
	ListCell   *lc;

	become(owner);
	foreach(lc, tables)
	{
		DueTable   *due = lfirst(lc);

		if (due->table.owner != owner || !is_due(due))
			continue;
		if (!try_sweep_table(due, until) || GetCurrentTimestamp() >= until)
			return false;
	}
	return true;
}

/*
 * Entry point of the process, which bgw_extra gives a SweeperOrder.
 */
void
lead_stage_sweeper_main(Datum main_arg)
{
	SweeperOrder order;
	SweeperReport report = {.next_due = DT_NOEND};
	List	   *tables;
	Oid			owner;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(order.database, InvalidOid, 0);
	prepare_session();

	pgstat_report_activity(STATE_RUNNING, "looking for what is due");
	tables = read_tables();
	owner = owner_after(tables, order.after_owner);
	if (OidIsValid(owner))
	{
		bool		finished = sweep_for(owner, tables);

		report.after_owner = finished ? owner : order.after_owner;
		report.more = !finished || OidIsValid(owner_after(tables, owner));
	}
	if (!report.more)
		report.next_due = next_visit(tables);
	lead_stage_report_sweep(&order, &report);
	proc_exit(0);
}
