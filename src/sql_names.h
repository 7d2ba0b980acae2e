/*
 * sql_names.h
 *	  Names as they are written into SQL: quoted, and qualified.
 */
#ifndef LEAD_STAGE_SQL_NAMES_H
#define LEAD_STAGE_SQL_NAMES_H

#include "lead_table.h"

/* "schema.relation", in the current memory context. */
extern char *lead_stage_relation_name(Oid relid);

/* A column of the firing relation. */
extern const char *lead_stage_column_name(LeadTable *table, AttrNumber attno);

#endif							/* LEAD_STAGE_SQL_NAMES_H */
