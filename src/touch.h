/*
 * touch.h
 *	  The leads that a statement's activities touch, and what that does to
 *	  them.
 */
#ifndef LEAD_STAGE_TOUCH_H
#define LEAD_STAGE_TOUCH_H

#include "lead_table.h"
#include "score_type.h"

typedef struct TouchedLead
{
	uint32		hash;
	char		status;
	Datum	   *keys;
	bool		exists;			/* the lead is there, and locked by us */
	bool		recount;		/* count all its activities, not only these */
	LeadScoreEntry *entries;	/* by place of the rule in the model */
	TimestampTz last_touch;		/* DT_NOBEGIN: none counted */
	int64		pending;		/* activities dated in the future */
	TimestampTz pending_at;		/* the first of them */

	/* of the lead's row, once it is locked */
	LeadStage	stage;
	TimestampTz since;
	int			fit;
} TouchedLead;

typedef struct TouchedLeads TouchedLeads;

/* An empty set, in the current memory context; at: what is now. */
extern TouchedLeads *lead_stage_begin_touch(LeadTable *leads, TimestampTz at);

/* The lead with that key, which is copied when it is new. */
extern TouchedLead *lead_stage_touch(TouchedLeads *touched, const Datum *keys);
/* A lead that is in no table, as examples have. */
extern TouchedLead *lead_stage_touch_none(TouchedLeads *touched);
extern TouchedLead *lead_stage_find_touched(TouchedLeads *touched, const Datum *keys);

/* One activity, which matched the rules at those places. */
extern void lead_stage_add_touch(TouchedLeads *touched, TouchedLead *lead, TimestampTz at,
								 const int *rules, int nrules);

/*
 * Locks the leads in key order, writes each one's state once, and judges those
 * whose stage may change (if asked).  Everything as the owner of the table.
 */
extern void lead_stage_end_touch(TouchedLeads *touched, bool judge);

/* Counts one lead, which is locked, anew. */
extern void lead_stage_recount_lead(LeadTable *leads, const Datum *keys, TimestampTz at);

/* The counts of a lead that nothing is stored of; NULL: none. */
extern LeadScore *lead_stage_touched_score(TouchedLeads *touched, TouchedLead *lead);

/* The keys of the chosen leads as arrays, one per key column, for SQL. */
extern void lead_stage_touched_keys(LeadTable *leads, TouchedLead **chosen, int nchosen,
									Oid *types, Datum *values);

/* "unnest($1, $2) AS k (k1, k2)". */
extern char *lead_stage_unnested_keys(LeadTable *leads);

#endif							/* LEAD_STAGE_TOUCH_H */
