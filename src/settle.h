/*
 * settle.h
 *	  What the activities counted for leads do to them.
 */
#ifndef LEAD_STAGE_SETTLE_H
#define LEAD_STAGE_SETTLE_H

#include "touch.h"

/*
 * Locks the leads in key order, writes each one's state once, and judges those
 * whose stage may change (if asked).  Everything as the owner of the table.
 */
extern void lead_stage_settle(TouchedLeads *touched, bool judge);

/* Counts one lead, which is locked, anew. */
extern void lead_stage_recount_lead(LeadTable *leads, const Datum *keys, TimestampTz at);

#endif							/* LEAD_STAGE_SETTLE_H */
