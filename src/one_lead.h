/*
 * one_lead.h
 *	  Locking a single lead without a statement of SQL.
 */
#ifndef LEAD_STAGE_ONE_LEAD_H
#define LEAD_STAGE_ONE_LEAD_H

#include "touch.h"

/*
 * What "SELECT stage, since, fit … FOR NO KEY UPDATE" would do and find out:
 * lead->exists and what is known of its row.  False if the table of leads is
 * one that only SQL can find a lead in (a partitioned one).
 */
extern bool lead_stage_lock_one(TouchedLeads *touched, TouchedLead *lead);

#endif							/* LEAD_STAGE_ONE_LEAD_H */
