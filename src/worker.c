/*
 * worker.c
 *	  The background worker: its settings, and the launcher, which waits for
 *	  the next due moment of each database and has it swept.
 *
 * A process can connect to one database in its life.  So the launcher connects
 * to none, where it is in nobody's way, and starts a sweeper (sweeper.c) in the
 * database that is due.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "compat.h"
#include "worker.h"
#include "worker_memory.h"

/* The launcher is started again so long after an error, in seconds. */
#define RESTART_TIME	10

/* No database is visited more often, whatever sweep_interval says. */
#define MIN_PAUSE_MS	100

PGDLLEXPORT pg_noreturn void lead_stage_launcher_main(Datum main_arg);

int			lead_stage_sweep_interval = 60000;
static char *databases_setting = NULL;

/* A database to sweep. */
typedef struct Watched
{
	Oid			database;
	NameData	name;
	bool		listed;			/* false: not any more; forgotten once it is idle */
	TimestampTz due;			/* of the next visit */
	Oid			after_owner;
	int			failures;		/* visits that ended without a report, in a row */
	int			slot;			/* of the sweeper that is at it; -1: none */
	uint64		number;
	BackgroundWorkerHandle *sweeper;
} Watched;

static List *watched = NIL;		/* in TopMemoryContext */

/* ---------- settings ---------- */

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		good = SplitIdentifierString(copy, ',', &names);

	if (!good)
	{
		GUC_check_errdetail("List syntax is invalid.");
		GUC_check_errhint("Separate names of databases by commas; put those with capitals or special characters in double quotes.");
	}
	list_free(names);
	pfree(copy);
	return good;
}

static void
register_launcher(void)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* On a standby it waits for the promotion. */
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_TIME;
	strlcpy(worker.bgw_library_name, "lead_stage", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "lead_stage_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "lead_stage launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "lead_stage launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

void
lead_stage_define_worker(void)
{
	DefineCustomStringVariable("lead_stage.databases",
							   "The databases that the background worker sweeps.",
							   "A list of names; \"*\": all that can be connected to but templates; empty: none.",
							   &databases_setting,
							   "*",
							   PGC_SIGHUP,
							   GUC_LIST_INPUT,
							   check_databases, NULL, NULL);

	DefineCustomIntVariable("lead_stage.sweep_interval",
							"The longest that the background worker sleeps before it looks again.",
							"It wakes earlier for what it knows to fall due.",
							&lead_stage_sweep_interval,
							60000, 1, INT_MAX,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	/* pg_upgrade moves files under a server that must not write. */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	lead_stage_request_worker_memory();
	register_launcher();
}

/* ---------- which databases ---------- */

static Watched *
find_watched(Oid database)
{
	ListCell   *lc;

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);

		if (entry->database == database)
			return entry;
	}
	return NULL;
}

static void
watch(Form_pg_database database)
{
	Watched    *entry = find_watched(database->oid);

	if (entry == NULL)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(TopMemoryContext);

		entry = palloc0(sizeof(Watched));
		entry->database = database->oid;
		entry->due = GetCurrentTimestamp();
		entry->slot = -1;
		watched = lappend(watched, entry);
		MemoryContextSwitchTo(oldcontext);
	}
	entry->name = database->datname;
	entry->listed = true;
}

/* Takes the database's name off the list; returns whether it was there. */
static bool
take_name(List **names, const char *name)
{
	ListCell   *lc;

	foreach(lc, *names)
	{
		if (strcmp(lfirst(lc), name) == 0)
		{
			*names = foreach_delete_current(*names, lc);
			return true;
		}
	}
	return false;
}

static void
watch_listed(List **names, bool all)
{
	Relation	rel = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(rel, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		bool		named = take_name(names, NameStr(database->datname));

		/* what an interrupted DROP DATABASE left allows no connection either */
		if (database->datallowconn && database->datconnlimit >= -1 &&
			(named || (all && !database->datistemplate)))
			watch(database);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Finds the databases of the setting.  Those that are missing are told once. */
static void
find_databases(bool tell_missing)
{
	List	   *names;
	bool		all;
	ListCell   *lc;

	foreach(lc, watched)
		((Watched *) lfirst(lc))->listed = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	if (!SplitIdentifierString(pstrdup(databases_setting), ',', &names))
		names = NIL;
	all = take_name(&names, "*");
	watch_listed(&names, all);
	if (tell_missing)
	{
		foreach(lc, names)
			ereport(LOG,
					(errmsg("database \"%s\" of \"lead_stage.databases\" does not exist",
							(char *) lfirst(lc))));
	}
	CommitTransactionCommand();

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);

		if (entry->listed || entry->slot >= 0)
			continue;
		watched = foreach_delete_current(watched, lc);
		pfree(entry);
	}
}

/* ---------- sweepers ---------- */

static int
free_slot(void)
{
	bool		taken[MAX_SWEEPERS] = {false};
	ListCell   *lc;

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);

		if (entry->slot >= 0)
			taken[entry->slot] = true;
	}
	for (int i = 0; i < MAX_SWEEPERS; i++)
	{
		if (!taken[i])
			return i;
	}
	return -1;
}

static void
failed(Watched *entry)
{
	entry->failures++;
	entry->after_owner = InvalidOid;
	entry->due = lead_stage_retry_after(entry->failures);
}

static void
start_sweeper(Watched *entry, int slot)
{
	BackgroundWorker worker = {0};
	SweeperOrder order = {.slot = slot, .database = entry->database,
	.after_owner = entry->after_owner};
	MemoryContext oldcontext;

	StaticAssertStmt(sizeof(order) <= BGW_EXTRALEN, "the order fits into bgw_extra");
	order.number = lead_stage_next_order(slot);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "lead_stage", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "lead_stage_sweeper_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, BGW_MAXLEN, "lead_stage sweeper of %s", NameStr(entry->name));
	strlcpy(worker.bgw_type, "lead_stage sweeper", BGW_MAXLEN);
	memcpy(worker.bgw_extra, &order, sizeof(order));
	worker.bgw_notify_pid = MyProcPid;

	oldcontext = MemoryContextSwitchTo(TopMemoryContext);
	if (RegisterDynamicBackgroundWorker(&worker, &entry->sweeper))
	{
		entry->slot = slot;
		entry->number = order.number;
	}
	else
	{
		if (entry->failures == 0)
			ereport(LOG,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no background worker is free to sweep database \"%s\"",
							NameStr(entry->name)),
					 errhint("You might need to increase \"%s\".", "max_worker_processes")));
		failed(entry);
	}
	MemoryContextSwitchTo(oldcontext);
}

/* The sweeper has ended: when is the next? */
static void
take_report(Watched *entry)
{
	SweeperReport report = lead_stage_sweep_report(entry->slot);
	TimestampTz now = GetCurrentTimestamp();

	pfree(entry->sweeper);
	entry->sweeper = NULL;
	entry->slot = -1;
	if (report.number != entry->number || !report.done)
	{
		failed(entry);
		return;
	}
	entry->failures = 0;
	entry->after_owner = report.more ? report.after_owner : InvalidOid;
	entry->due = now;
	if (!report.more)
	{
		entry->due = Min(report.next_due,
						 TimestampTzPlusMilliseconds(now, lead_stage_sweep_interval));
		entry->due = Max(entry->due, TimestampTzPlusMilliseconds(now, MIN_PAUSE_MS));
	}
}

static void
take_reports(void)
{
	ListCell   *lc;

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);
		pid_t		pid;

		if (entry->slot >= 0 &&
			GetBackgroundWorkerPid(entry->sweeper, &pid) == BGWH_STOPPED)
			take_report(entry);
	}
}

/* The one that has been due for the longest, or else will be first. */
static Watched *
next_idle(void)
{
	Watched    *first = NULL;
	ListCell   *lc;

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);

		if (entry->listed && entry->slot < 0 && (first == NULL || entry->due < first->due))
			first = entry;
	}
	return first;
}

static void
start_due(void)
{
	TimestampTz now = GetCurrentTimestamp();

	for (;;)
	{
		Watched    *entry = next_idle();
		int			slot = free_slot();

		if (entry == NULL || slot < 0 || entry->due > now)
			break;
		start_sweeper(entry, slot);
	}
}

/* ---------- the launcher ---------- */

/* sweep_interval was changed: nobody sleeps longer than that now. */
static void
shorten_sleep(void)
{
	TimestampTz latest = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 lead_stage_sweep_interval);
	ListCell   *lc;

	foreach(lc, watched)
	{
		Watched    *entry = lfirst(lc);

		if (entry->failures == 0)
			entry->due = Min(entry->due, latest);
	}
}

/* For pg_stat_activity; returns how long to sleep. */
static long
report_sleep(TimestampTz look_again)
{
	Watched    *next = next_idle();
	char		text[NAMEDATALEN + 100];
	TimestampTz until = look_again;

	if (next == NULL)
		strlcpy(text, "waiting for a database to sweep", sizeof(text));
	else
		snprintf(text, sizeof(text), "waiting to sweep database %s at %s",
				 NameStr(next->name), timestamptz_to_str(next->due));
	pgstat_report_activity(STATE_IDLE, text);
	/* With no slot free, one that ends will wake us. */
	if (next != NULL && free_slot() >= 0)
		until = Min(until, next->due);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
}

/*
 * Entry point of the process.
 */
void
lead_stage_launcher_main(Datum main_arg)
{
	TimestampTz look_again;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("lead_stage");

	find_databases(true);
	look_again = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lead_stage_sweep_interval);
	for (;;)
	{
		bool		reload = ConfigReloadPending;

		CHECK_FOR_INTERRUPTS();
		if (reload)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			shorten_sleep();
		}
		take_reports();
		/* databases come and go */
		if (reload || look_again <= GetCurrentTimestamp())
		{
			find_databases(reload);
			look_again = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 lead_stage_sweep_interval);
		}
		start_due();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 report_sleep(look_again), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
