/*
 * unconcerned.h
 *	  UPDATEs that cannot concern us.
 */
#ifndef LEAD_STAGE_UNCONCERNED_H
#define LEAD_STAGE_UNCONCERNED_H

#include "executor/execdesc.h"

/*
 * Called when a statement has been started, with everything opened and no row
 * read: where it is an UPDATE that sets no column which its leads table's
 * model reads or we keep, our row triggers are left out for its duration.
 */
extern void lead_stage_spare_update(QueryDesc *query);

#endif							/* LEAD_STAGE_UNCONCERNED_H */
