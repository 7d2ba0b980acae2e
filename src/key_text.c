/*
 * key_text.c
 *	  A lead's primary key as people read it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "key_text.h"

char *
lead_stage_key_values(LeadTable *table, TupleTableSlot *slot)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < table->nkeys; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, table->keys[i], &isnull);
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid,
						  &output, &varlena);
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 isnull ? "null" : OidOutputFunctionCall(output, value));
	}
	return text.data;
}

char *
lead_stage_key_text(LeadTable *table, TupleTableSlot *slot)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '(');
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 NameStr(TupleDescAttr(table->desc, table->keys[i] - 1)->attname));
	appendStringInfo(&text, ")=(%s)", lead_stage_key_values(table, slot));
	return text.data;
}
