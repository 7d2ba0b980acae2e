/*
 * event_time.c
 *	  The instant that a write of a stored lead is recorded at.
 *
 * Events of one lead never go back in time, though transactions that began
 * earlier may write it later.  Looking up the last event costs an index probe
 * a row, so it is left out where nobody can have recorded one later than now:
 * what the session learnt in earlier transactions mostly tells.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "event_time.h"
#include "history.h"

/* Every transaction below xid was over by then. */
typedef struct Horizon
{
	TransactionId xid;
	TimestampTz at;
} Horizon;

static Horizon horizon = {InvalidTransactionId, DT_NOBEGIN};

/* What the current transaction has learnt, for the ones after it. */
static Horizon next_horizon = {InvalidTransactionId, DT_NOBEGIN};

/* The session's last transaction, and the latest instant it recorded. */
static Horizon own = {InvalidTransactionId, DT_NOBEGIN};

/* An instant later than its own time that this transaction had to record. */
static TimestampTz raised_to = DT_NOBEGIN;

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_ABORT && event != XACT_EVENT_COMMIT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT && !lead_stage_clock_is_set() &&
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		own.xid = GetTopTransactionIdIfAny();
		own.at = Max(GetCurrentTransactionStartTimestamp(), raised_to);
	}
	if (TransactionIdIsValid(next_horizon.xid))
	{
		/* Nothing else was under way when it began: now nothing older is. */
		if (event != XACT_EVENT_PREPARE && !lead_stage_clock_is_set() &&
			TransactionIdEquals(next_horizon.xid, GetTopTransactionIdIfAny()))
		{
			TransactionIdAdvance(next_horizon.xid);
			next_horizon.at = Max(GetCurrentTimestamp(), raised_to);
		}
		horizon = next_horizon;
	}
	next_horizon.xid = InvalidTransactionId;
	raised_to = DT_NOBEGIN;
}

void
lead_stage_init_event_time(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
}

void
lead_stage_note_horizon(Snapshot snapshot)
{
	if (TransactionIdIsValid(next_horizon.xid))
		return;
	next_horizon.xid = snapshot->xmin;
	next_horizon.at = GetCurrentTimestamp();
}

/* Whether all that the last writer of a row recorded is surely in the past. */
static bool
nothing_is_later(TransactionId writer)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	lead_stage_note_horizon(GetActiveSnapshot());
	if (TransactionIdIsCurrentTransactionId(writer))
		return TIMESTAMP_IS_NOBEGIN(raised_to);
	if (TransactionIdEquals(writer, own.xid))
		return own.at <= now;
	return TransactionIdIsValid(horizon.xid) && horizon.at <= now &&
		TransactionIdPrecedes(writer, horizon.xid);
}

TimestampTz
lead_stage_event_time(LeadTable *table, HeapTuple stored, const LeadState *state,
					  const Datum *keys, TimestampTz since)
{
	TimestampTz now = Max(lead_stage_current_time(), since);
	TimestampTz last;

	/* A lead without stage_since has no history yet. */
	if (!table->bound || TIMESTAMP_IS_NOBEGIN(since))
		return now;
	if (!lead_stage_clock_is_set() &&
		nothing_is_later(HeapTupleHeaderGetXmin(stored->t_data)) &&
		(!state->is_stored || nothing_is_later(state->writer)))
		return now;
	last = lead_stage_last_event_at(table, keys);
	if (last > now)
		raised_to = now = last;
	return now;
}
