/*
 * state.h
 *	  What is remembered of a lead between writes, in <leads>_state.
 *
 * A lead has a row there only while there is something to remember.  Keys are
 * the lead's primary-key values; callers hold the lead's row lock.
 */
#ifndef LEAD_STAGE_STATE_H
#define LEAD_STAGE_STATE_H

#include "lead_table.h"
#include "score_type.h"
#include "utils/jsonb.h"

typedef struct LeadState
{
	LeadScore  *score;			/* NULL: no activity yet */
	TimestampTz last_touch;		/* DT_NOBEGIN: never */
	TimestampTz hold_until;		/* DT_NOBEGIN: automatic moves are not held off */
	TimestampTz recheck_at;		/* DT_NOEND: nothing falls due */
	Jsonb	   *sla;			/* open clocks; NULL: none */
	TimestampTz sla_due;		/* DT_NOEND: none runs */
	const char *sla_state;		/* NULL: never any, or the last was cancelled */
	bool		is_read;		/* else nobody has looked whether there is a row */
	bool		is_stored;		/* there is, */
	TransactionId writer;		/* and who wrote it last */
} LeadState;

/* Nothing remembered; and whether that is so. */
extern void lead_stage_clear_state(LeadState *state);
extern bool lead_stage_says_nothing(const LeadState *state);

/* What is remembered of a lead now; in the current memory context. */
extern void lead_stage_read_state(LeadTable *table, const Datum *keys, LeadState *state);

/*
 * A row of <leads>_state with all but what activities have added up to, into a
 * slot of its row type; and the rows of many leads at once, written as the
 * table's owner.  What is stored keeps what activities have added up to; new
 * says that none of the leads has a row.
 */
extern void lead_stage_state_row(LeadTable *table, const Datum *keys,
								 const LeadState *state, TupleTableSlot *slot);
extern void lead_stage_write_states(LeadTable *table, TupleTableSlot **slots, int nslots,
									bool is_new);

/* Remembers what activities have added up to, and recheck_at; the rest of the
 * state is what is stored. */
extern void lead_stage_store_score(LeadTable *table, const Datum *keys,
								   const LeadState *state);

/* "schema.leads_state", and its key columns, for SQL. */
extern char *lead_stage_state_name(LeadTable *table);
extern char *lead_stage_state_keys(LeadTable *table, const char *prefix);

/* "s.key OPERATOR(pg_catalog.=) l.key AND …", for state as s and leads as l. */
extern char *lead_stage_match_state(LeadTable *table);

/*
 * The lead is gone, or has another key: at once, or taken away (a copy in the
 * current memory context, NULL if there is none) and later put under that key.
 */
extern void lead_stage_delete_state(LeadTable *table, const Datum *keys);
extern HeapTuple lead_stage_take_state(LeadTable *table, const Datum *keys);
extern void lead_stage_put_state(LeadTable *table, HeapTuple taken, const Datum *keys);
extern void lead_stage_rekey_state(LeadTable *table, const Datum *old_keys,
								   const Datum *new_keys);

#endif							/* LEAD_STAGE_STATE_H */
