/*
 * worker_memory.h
 *	  What the launcher and its sweepers tell each other, in shared memory.
 *
 * It is there only if the library was preloaded, and starts empty after a
 * crash of the server.
 */
#ifndef LEAD_STAGE_WORKER_MEMORY_H
#define LEAD_STAGE_WORKER_MEMORY_H

#include "datatype/timestamp.h"

/* How many databases are swept at once: one that hangs does not stop all. */
#define MAX_SWEEPERS	2

/* The longest that what fails is left alone. */
#define MAX_BACKOFF_MS	(5 * 60 * 1000)

/* What a sweeper is started for; travels in bgw_extra. */
typedef struct SweeperOrder
{
	int			slot;
	uint64		number;			/* tells this order from earlier ones of the slot */
	Oid			database;
	Oid			after_owner;	/* sweep for an owner after this one */
} SweeperOrder;

/* What it found. */
typedef struct SweeperReport
{
	uint64		number;
	bool		done;			/* false: it ended before it could report */
	bool		more;			/* go on at once, after this owner */
	Oid			after_owner;
	TimestampTz next_due;		/* else: when to come again; DT_NOEND: nothing is due */
} SweeperReport;

/* Asks for the memory; called once, from _PG_init, when preloaded. */
extern void lead_stage_request_worker_memory(void);

extern uint64 lead_stage_next_order(int slot);
extern void lead_stage_report_sweep(const SweeperOrder *order, const SweeperReport *report);
extern SweeperReport lead_stage_sweep_report(int slot);

/*
 * A table whose sweep failed is left alone, twice as long each time, until it
 * succeeds.  Returns until when: DT_NOBEGIN if it may be swept.
 */
extern TimestampTz lead_stage_table_failed(Oid database, Oid table);
extern void lead_stage_table_succeeded(Oid database, Oid table);
extern TimestampTz lead_stage_table_retry_at(Oid database, Oid table);

/* 1 s after the first failure, then twice as long each time, up to the bound. */
extern TimestampTz lead_stage_retry_after(int failures);

#endif							/* LEAD_STAGE_WORKER_MEMORY_H */
