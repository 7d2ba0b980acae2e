/*
 * activity.h
 *	  A table of activities: what its rows say of which lead.
 */
#ifndef LEAD_STAGE_ACTIVITY_H
#define LEAD_STAGE_ACTIVITY_H

#include "lead_table.h"
#include "touch.h"
#include "utils/jsonb.h"

/* Registers the invalidation callback; called once, from _PG_init. */
extern void lead_stage_init_activities(void);

typedef struct ActivityTable ActivityTable;

/* The up-to-date ActivityTable of a relation that fired a trigger of that
 * binding; valid until the end of the statement.  NULL: not bound any more. */
extern ActivityTable *lead_stage_activity_table(Relation rel, const pg_uuid_t *binding);

/* Counts one activity for its lead, if it has one. */
extern void lead_stage_count_activity(ActivityTable *activities, TupleTableSlot *row,
									  TouchedLeads *touched);

/* Notes that its lead must be counted anew. */
extern void lead_stage_recount_activity(ActivityTable *activities, TupleTableSlot *row,
										TouchedLeads *touched);

/*
 * Counts all activities of the leads that are to be counted anew, in every
 * table attached to their table, as of an instant.  SPI must be connected, and
 * the leads locked.
 */
extern void lead_stage_count_all(LeadTable *leads, TouchedLeads *touched,
								 TouchedLead **chosen, int nchosen);

/*
 * What an example's activities add up to: [{"source": …, "at": …, columns}],
 * of which sources that are not attached count for nothing.
 */
extern LeadScore *lead_stage_example_score(LeadTable *leads, Jsonb *activities,
										   TimestampTz *last_touch);

#endif							/* LEAD_STAGE_ACTIVITY_H */
