/*
 * our_objects.c
 *	  Telling what is the extension's own, and what belongs to whom.
 *
 * What an object is a member of is known to pg_depend alone, which no catalog
 * cache covers.  A C function is known by its symbol: only a superuser can
 * make one, and so only he could pass off another as ours.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "lead_stage.h"
#include "our_objects.h"

/* The symbol of a C function begins with, or is. */
static bool
has_symbol(Oid function, const char *symbol, bool whole)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		has = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		bool		isnull;
		Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		char	   *name = isnull ? "" : TextDatumGetCString(source);

		has = whole ? strcmp(name, symbol) == 0 :
			strncmp(name, symbol, strlen(symbol)) == 0;
	}
	ReleaseSysCache(tuple);
	return has;
}

bool
lead_stage_is_our_c_function(Oid function)
{
	return has_symbol(function, "lead_stage_", false);
}

bool
lead_stage_is_stage_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			input = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_type) GETSTRUCT(tuple))->typtype == TYPTYPE_BASE &&
		((Form_pg_type) GETSTRUCT(tuple))->typlen == sizeof(LeadStage))
		input = ((Form_pg_type) GETSTRUCT(tuple))->typinput;
	ReleaseSysCache(tuple);
	return OidIsValid(input) && has_symbol(input, "lead_stage_in", true);
}

Oid
lead_stage_relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* The sequence of a default "nextval('…'::regclass)". */
static Oid
default_sequence(Relation rel, AttrNumber column)
{
	Node	   *value = build_column_default(rel, column);
	FuncExpr   *call = (FuncExpr *) value;
	Const	   *sequence;

	if (value == NULL || !IsA(value, FuncExpr) || call->funcid != F_NEXTVAL)
		return InvalidOid;
	sequence = linitial(call->args);
	return IsA(sequence, Const) && !sequence->constisnull ?
		DatumGetObjectId(sequence->constvalue) : InvalidOid;
}

Oid
lead_stage_sequence_of(Relation rel, AttrNumber column, Oid owner)
{
	Oid			sequence = column == InvalidAttrNumber ? InvalidOid :
		default_sequence(rel, column);
	List	   *owned;

	if (OidIsValid(sequence) && lead_stage_relation_owner(sequence) == owner)
		return sequence;
	owned = getOwnedSequences(RelationGetRelid(rel));
	return owned == NIL ? InvalidOid : linitial_oid(owned);
}
