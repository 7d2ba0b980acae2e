/*
 * conditions.h
 *	  The compiled conditions of a model: taken from the signals view, run with
 *	  the rights of the table's owner.
 */
#ifndef LEAD_STAGE_CONDITIONS_H
#define LEAD_STAGE_CONDITIONS_H

#include "nodes/parsenodes.h"
#include "lead_table.h"

/* The view's column of that name as an expression over rel, whose attribute
 * numbers may differ from those of the table the view was made over; NULL if
 * the view has no such column.  A fresh copy in the current context. */
extern Expr *lead_stage_view_column(Query *view_query, Oid root,
									Relation rel, const char *column);

/* Fills table->conditions, ->reads and ->trusted from the signals view. */
extern void lead_stage_load_conditions(LeadTable *table, Query *view_query,
									   Relation rel);

/* Makes expression states for a statement, or for the session if everything
 * they reach is trusted; to be called with the owner's rights. */
extern void lead_stage_prepare_conditions(LeadTable *table, bool new_statement);

#endif							/* LEAD_STAGE_CONDITIONS_H */
