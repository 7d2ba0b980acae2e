/*
 * activity.h
 *	  A table of activities: what its rows say of which lead.
 */
#ifndef LEAD_STAGE_ACTIVITY_H
#define LEAD_STAGE_ACTIVITY_H

#include "utils/jsonb.h"

#include "lead_table.h"
#include "touch.h"

/* Registers the invalidation callback; called once, from _PG_init. */
extern void lead_stage_init_activities(void);

typedef struct ActivityTable
{
	Oid			relid;			/* hash key: the firing relation */
	bool		valid;
	int			users;			/* statements that hold it */
	pg_uuid_t	id;
	pg_uuid_t	binding;
	MemoryContext context;
	Oid			leads;
	Oid			activities;
	Oid			signals;
	int32		version;		/* of the model that this was made for */

	LeadTable  *rows;			/* what evaluating conditions needs of a table */
	int			nkeys;
	ExprState **keys;			/* the lead's key, in the lead's own types */
	AttrNumber *key_columns;
	ExprState  *at;				/* timestamptz */
	int		   *rules;			/* place in the model, by condition */
	int			nalways;		/* rules without a condition, after the others */
	AttrNumber	at_column;

	/* of the row last evaluated */
	struct Judgement *judgement;
	int			nmatched;
	int		   *matched;
} ActivityTable;

/* The up-to-date ActivityTable of a relation that fired a trigger of that
 * binding; valid until the end of the statement.  NULL: not bound any more. */
extern ActivityTable *lead_stage_activity_table(Relation rel, const pg_uuid_t *binding);

/* Counts one activity for its lead, if it has one. */
extern void lead_stage_count_activity(ActivityTable *activities, TupleTableSlot *row,
									  TouchedLeads *touched);

/* The same for one of the leads that are being counted anew, and no other. */
extern void lead_stage_count_again(ActivityTable *activities, TupleTableSlot *row,
								   TouchedLeads *touched);

/* Notes that its lead must be counted anew. */
extern void lead_stage_recount_activity(ActivityTable *activities, TupleTableSlot *row,
										TouchedLeads *touched);

/* For whoever runs SQL, or code that others have written, while he has one. */
extern void lead_stage_hold_activities(ActivityTable *activities);
extern void lead_stage_release_activities(ActivityTable *activities);

/*
 * Counts all activities of the leads that are to be counted anew, in every
 * table attached to their table.  SPI must be connected, and the leads locked.
 */
extern void lead_stage_count_all(LeadTable *leads, TouchedLeads *touched,
								 TouchedLead **chosen, int nchosen);

/*
 * The first activity of a lead, from one instant to another, that matched an
 * engagement rule; false if there is none.
 */
extern bool lead_stage_first_touch(LeadTable *leads, const Datum *keys, int rule,
								   TimestampTz from, TimestampTz until, TimestampTz *first);

/*
 * What an example's activities add up to: [{"source": …, "at": …, columns}],
 * of which sources that are not attached count for nothing.
 */
extern LeadScore *lead_stage_example_score(LeadTable *leads, Jsonb *activities,
										   TimestampTz *last_touch);

#endif							/* LEAD_STAGE_ACTIVITY_H */
