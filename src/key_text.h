/*
 * key_text.h
 *	  A lead's primary key as people read it.
 */
#ifndef LEAD_STAGE_KEY_TEXT_H
#define LEAD_STAGE_KEY_TEXT_H

#include "lead_table.h"

/* "(id)=(42)", as PostgreSQL's own messages have it; palloc'd. */
extern char *lead_stage_key_text(LeadTable *table, TupleTableSlot *slot);

/* "42", or "7, north" for a key of several columns; palloc'd. */
extern char *lead_stage_key_values(LeadTable *table, TupleTableSlot *slot);

#endif							/* LEAD_STAGE_KEY_TEXT_H */
