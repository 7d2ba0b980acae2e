/*
 * touch.h
 *	  The leads that a statement's activities touch, and what is counted for
 *	  each of them.
 */
#ifndef LEAD_STAGE_TOUCH_H
#define LEAD_STAGE_TOUCH_H

#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "lead_table.h"
#include "score_type.h"

typedef struct TouchedLead
{
	Datum	   *keys;
	bool		exists;			/* the lead is there, and locked by us */
	bool		recount;		/* count all its activities, not only these */
	int			place;			/* among the leads that are settled together */
	LeadScoreEntry *entries;	/* by place of the rule in the model */
	TimestampTz last_touch;		/* DT_NOBEGIN: none counted */
	int64		pending;		/* activities dated in the future */
	TimestampTz pending_at;		/* the first of them */

	/* of the lead's row, once it is locked */
	LeadStage	stage;
	TimestampTz since;
	int			fit;
} TouchedLead;

struct touchedhash_hash;

typedef struct TouchedLeads
{
	LeadTable  *leads;
	TimestampTz at;				/* what is now */
	bool		contiguous;		/* all leads from the first to the last key */
	MemoryContext context;
	struct touchedhash_hash *hash;
	TypeCacheEntry **types;		/* of the key columns */
	SortSupport order;
	char	   *room;			/* where the next lead goes */
	Size		room_left;
	Size		room_size;

	/* to find the first activity that matched a rule */
	int			first_rule;		/* its place in the model */
	TimestampTz first_from;		/* DT_NOEND: nothing is to be found */
	TimestampTz first;			/* DT_NOEND: not yet found */
} TouchedLeads;

/* An empty set, in the current memory context; at: what is now. */
extern TouchedLeads *lead_stage_begin_touch(LeadTable *leads, TimestampTz at);

/* The lead with that key, which is copied when it is new. */
extern TouchedLead *lead_stage_touch(TouchedLeads *touched, const Datum *keys);
/* The leads whose keys SPI has just selected are to be counted anew. */
extern void lead_stage_recount_selected(TouchedLeads *touched);
/* A lead that is in no table, as examples have. */
extern TouchedLead *lead_stage_touch_none(TouchedLeads *touched);
/* NULL if it is not in the set. */
extern TouchedLead *lead_stage_find_touched(TouchedLeads *touched, const Datum *keys);

/* Forgets what was counted for the lead. */
extern void lead_stage_reset_counts(TouchedLeads *touched, TouchedLead *lead);

/* One activity, which matched the rules at those places. */
extern void lead_stage_add_touch(TouchedLeads *touched, TouchedLead *lead, TimestampTz at,
								 const int *rules, int nrules);

/* All of them, in the order of keys. */
extern TouchedLead **lead_stage_in_key_order(TouchedLeads *touched, int *number);

/*
 * The lead's counts, on top of a score that is stored (NULL: they are all
 * there is); NULL: none.
 */
extern LeadScore *lead_stage_touched_score(TouchedLeads *touched, TouchedLead *lead,
										   const LeadScore *stored);

#endif							/* LEAD_STAGE_TOUCH_H */
