/*
 * one_lead.c
 *	  Locking a single lead without a statement of SQL.
 *
 * Most statements bring one activity, and to plan and run SQL for it would
 * take longer than to do it.  A lead is found by the primary key in a snapshot
 * of this moment, and then locked in its latest version, whoever had to be
 * waited for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "one_lead.h"

/* InvalidOid if there is none that can be relied on at any time. */
static Oid
primary_key_index(Relation rel)
{
	list_free(RelationGetIndexList(rel));
	return rel->rd_pkindex;
}

static bool
find_lead(LeadTable *leads, Relation rel, Oid index, const Datum *keys,
		  Snapshot snapshot, ItemPointer tid)
{
	ScanKeyData scan_keys[INDEX_MAX_KEYS];
	SysScanDesc scan;
	HeapTuple	tuple;

	/* the key of leads and that of state compare alike */
	memcpy(scan_keys, leads->state_scan, sizeof(ScanKeyData) * leads->nkeys);
	for (int i = 0; i < leads->nkeys; i++)
	{
		scan_keys[i].sk_attno = leads->keys[i];
		scan_keys[i].sk_argument = keys[i];
	}
	scan = systable_beginscan(rel, index, true, snapshot, leads->nkeys, scan_keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		*tid = tuple->t_self;
	systable_endscan(scan);
	return HeapTupleIsValid(tuple);
}

/* The version that was locked may have another key than the one found. */
static bool
has_its_key(TouchedLeads *touched, TouchedLead *lead, TupleTableSlot *slot)
{
	Datum		keys[INDEX_MAX_KEYS];
	bool		isnull;

	for (int i = 0; i < touched->leads->nkeys; i++)
		keys[i] = slot_getattr(slot, touched->leads->keys[i], &isnull);
	return lead_stage_find_touched(touched, keys) == lead;
}

static void
take_facts(LeadTable *leads, TouchedLead *lead, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, leads->stage, &isnull);

	lead->exists = true;
	lead->stage = isnull ? 0 : DatumGetLeadStage(value);
	value = slot_getattr(slot, leads->stage_since, &isnull);
	lead->since = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	value = slot_getattr(slot, leads->fit_score, &isnull);
	lead->fit = isnull ? 0 : DatumGetInt32(value);
}

static void
lock_lead(TouchedLeads *touched, TouchedLead *lead, Relation rel, Oid index)
{
	LeadTable  *leads = touched->leads;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ItemPointerData tid;
	TM_FailureData failure;

	if (find_lead(leads, rel, index, lead->keys, snapshot, &tid))
	{
		TM_Result	result = table_tuple_lock(rel, &tid, snapshot, slot,
											  GetCurrentCommandId(false),
											  LockTupleNoKeyExclusive, LockWaitBlock,
											  TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS |
											  TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
											  &failure);

		if (result != TM_Ok && result != TM_Deleted && result != TM_SelfModified)
			elog(ERROR, "unexpected table_tuple_lock status: %u", result);
		if (result == TM_Ok && (!failure.traversed || has_its_key(touched, lead, slot)))
			take_facts(leads, lead, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
}

bool
lead_stage_lock_one(TouchedLeads *touched, TouchedLead *lead)
{
	LeadTable  *leads = touched->leads;
	Relation	rel;
	Oid			index;

	if (leads->relid != leads->root)
		return false;
	rel = table_open(leads->root, RowShareLock);
	index = rel->rd_rel->relkind == RELKIND_RELATION ? primary_key_index(rel) : InvalidOid;
	if (OidIsValid(index))
	{
		/* see what this statement and its triggers have written */
		CommandCounterIncrement();
		lock_lead(touched, lead, rel, index);
	}
	table_close(rel, NoLock);
	return OidIsValid(index);
}
