/*
 * touch_sql.h
 *	  The statements that we run over many leads and their states at once.
 */
#ifndef LEAD_STAGE_TOUCH_SQL_H
#define LEAD_STAGE_TOUCH_SQL_H

#include "touch.h"

/* The keys of the chosen leads as arrays, one per key column, for $1 and on. */
extern void lead_stage_touched_keys(LeadTable *leads, TouchedLead **chosen, int nchosen,
									Oid *types, Datum *values);

/* "ROWS FROM (unnest($1), …) AS k (k1, …)", the keys as rows. */
extern char *lead_stage_unnested_keys(LeadTable *leads);

/*
 * Runs a statement as the owner of leads; SPI is connected and has its result.
 * It is planned once for each LeadTable.
 */
extern void lead_stage_run_plan(LeadTable *leads, ActivityPlan which,
								int nargs, Oid *types, Datum *values);

#endif							/* LEAD_STAGE_TOUCH_SQL_H */
