/*
 * conditions.h
 *	  The compiled conditions of a model: taken from the signals view, run with
 *	  the rights of the table's owner.
 */
#ifndef LEAD_STAGE_CONDITIONS_H
#define LEAD_STAGE_CONDITIONS_H

#include "nodes/parsenodes.h"
#include "lead_table.h"

/* The range table index under which a view reads the leads table, or 0. */
extern int	lead_stage_leads_varno(Query *view_query, Oid root);

/* The view's column of that name as an expression over rel, whose attribute
 * numbers may differ from those of the table the view was made over; NULL if
 * the view has no such column.  A fresh copy in the current context. */
extern Expr *lead_stage_view_column(Query *view_query, Oid root,
									Relation rel, const char *column);

/* Whether the view is a plain selection from the root table, as ours are. */
extern bool lead_stage_reads_only(Query *view_query, Oid root);

/* Fills table->conditions, ->reads and ->trusted from the signals view. */
extern void lead_stage_load_conditions(LeadTable *table, Query *view_query,
									   Relation rel);

/* Makes one condition's state, to be called with the owner's rights: it may
 * run immutable functions, and raise as they do. */
extern void lead_stage_prepare_condition(LeadTable *table, int condition);

/* Undoes that for every condition. */
extern void lead_stage_forget_prepared(LeadTable *table);

#endif							/* LEAD_STAGE_CONDITIONS_H */
