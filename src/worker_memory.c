/*
 * worker_memory.c
 *	  What the launcher and its sweepers tell each other, in shared memory.
 *
 * All of it may be lost at any time without harm: what is due is in the
 * tables, and a sweep that is made once too often finds nothing.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "worker_memory.h"

/* If more tables than that fail at once, some are tried again sooner. */
#define MAX_FAILED_TABLES	64

typedef struct FailedTable
{
	Oid			database;		/* InvalidOid: free */
	Oid			table;
	int			failures;
	TimestampTz retry_at;
} FailedTable;

typedef struct WorkerMemory
{
	uint64		last_number;
	SweeperReport reports[MAX_SWEEPERS];
	FailedTable failed[MAX_FAILED_TABLES];
} WorkerMemory;

static WorkerMemory *memory = NULL;
static LWLock *lock = NULL;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerMemory)));
	RequestNamedLWLockTranche("lead_stage", 1);
}

static void
startup(void)
{
	bool		found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct("lead_stage", sizeof(WorkerMemory), &found);
	if (!found)
		memset(memory, 0, sizeof(WorkerMemory));
	lock = &GetNamedLWLockTranche("lead_stage")->lock;
	LWLockRelease(AddinShmemInitLock);
}

void
lead_stage_request_worker_memory(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

/* ---------- orders and reports ---------- */

uint64
lead_stage_next_order(int slot)
{
	uint64		number;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	number = ++memory->last_number;
	memset(&memory->reports[slot], 0, sizeof(SweeperReport));
	memory->reports[slot].number = number;
	LWLockRelease(lock);
	return number;
}

void
lead_stage_report_sweep(const SweeperOrder *order, const SweeperReport *report)
{
	SweeperReport *slot = &memory->reports[order->slot];

	LWLockAcquire(lock, LW_EXCLUSIVE);
	/* A launcher that was restarted may have given the slot to another. */
	if (slot->number == order->number)
	{
		*slot = *report;
		slot->number = order->number;
		slot->done = true;
	}
	LWLockRelease(lock);
}

SweeperReport
lead_stage_sweep_report(int slot)
{
	SweeperReport report;

	LWLockAcquire(lock, LW_SHARED);
	report = memory->reports[slot];
	LWLockRelease(lock);
	return report;
}

/* ---------- tables that fail ---------- */

TimestampTz
lead_stage_retry_after(int failures)
{
	/* Beyond 2^9 seconds the bound is reached anyway. */
	int			ms = 1000 << Min(Max(failures - 1, 0), 9);

	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Min(ms, MAX_BACKOFF_MS));
}

/* The table's entry, or NULL; with the lock held. */
static FailedTable *
find_failed(Oid database, Oid table)
{
	for (int i = 0; i < MAX_FAILED_TABLES; i++)
	{
		if (memory->failed[i].database == database && memory->failed[i].table == table)
			return &memory->failed[i];
	}
	return NULL;
}

/* A free entry, or that of the table which is tried again first. */
static FailedTable *
take_entry(void)
{
	FailedTable *first = &memory->failed[0];

	for (int i = 0; i < MAX_FAILED_TABLES; i++)
	{
		FailedTable *entry = &memory->failed[i];

		if (!OidIsValid(entry->database))
			return entry;
		if (entry->retry_at < first->retry_at)
			first = entry;
	}
	return first;
}

TimestampTz
lead_stage_table_failed(Oid database, Oid table)
{
	FailedTable *entry;
	TimestampTz retry_at;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	entry = find_failed(database, table);
	if (entry == NULL)
	{
		entry = take_entry();
		entry->database = database;
		entry->table = table;
		entry->failures = 0;
	}
	entry->failures++;
	entry->retry_at = retry_at = lead_stage_retry_after(entry->failures);
	LWLockRelease(lock);
	return retry_at;
}

void
lead_stage_table_succeeded(Oid database, Oid table)
{
	FailedTable *entry;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	entry = find_failed(database, table);
	if (entry != NULL)
		memset(entry, 0, sizeof(FailedTable));
	LWLockRelease(lock);
}

TimestampTz
lead_stage_table_retry_at(Oid database, Oid table)
{
	FailedTable *entry;
	TimestampTz retry_at = DT_NOBEGIN;

	LWLockAcquire(lock, LW_SHARED);
	entry = find_failed(database, table);
	if (entry != NULL && entry->retry_at > GetCurrentTimestamp())
		retry_at = entry->retry_at;
	LWLockRelease(lock);
	return retry_at;
}
