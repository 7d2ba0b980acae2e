/*
 * sql_names.c
 *	  Names as they are written into SQL: quoted, and qualified.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "sql_names.h"

char *
lead_stage_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

const char *
lead_stage_column_name(LeadTable *table, AttrNumber attno)
{
	return quote_identifier(NameStr(TupleDescAttr(table->desc, attno - 1)->attname));
}
