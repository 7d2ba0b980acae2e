/*
 * upsert.h
 *	  Rows that INSERT ... ON CONFLICT DO UPDATE proposes.
 */
#ifndef LEAD_STAGE_UPSERT_H
#define LEAD_STAGE_UPSERT_H

#include "executor/execdesc.h"
#include "fmgr.h"

/* Called when a statement has been started. */
extern void lead_stage_note_upsert(QueryDesc *query);

/*
 * Whether the row that a BEFORE INSERT trigger (its function's flinfo) was
 * given meets one that is there, so that the statement will update that one.
 * False if it need not, or if that cannot be told: in a statement that began
 * before this library was loaded.
 */
extern bool lead_stage_meets_row(FmgrInfo *flinfo, TupleTableSlot *proposed);

#endif							/* LEAD_STAGE_UPSERT_H */
