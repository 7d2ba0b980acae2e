/*
 * notify.h
 *	  Events told to whoever listens, where the model asks for it.
 */
#ifndef LEAD_STAGE_NOTIFY_H
#define LEAD_STAGE_NOTIFY_H

#include "event.h"
#include "lead_table.h"

/* Whether the table's model has its events sent. */
#define lead_stage_notifies(table) ((table)->published && (table)->model->notify)

/*
 * Queues one event, history's row of that id, to be sent when the transaction
 * commits; with the subtransaction, if that is undone, it is forgotten.
 */
extern void lead_stage_notify_event(LeadTable *table, int64 id, const char *kind,
									const LeadEvent *event, const Datum *keys);

/*
 * The same for rows that a statement wrote: its result, in SPI_tuptable, has
 * id, at and the key columns.
 */
extern void lead_stage_notify_result(LeadTable *table, const char *kind);

#endif							/* LEAD_STAGE_NOTIFY_H */
