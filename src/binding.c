/*
 * binding.c
 *	  What is attached to what: reading lead_stage.binding and .version.
 *
 * Reads with the newest catalog snapshot, so that what publish committed is
 * seen by every statement that starts after it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "binding.h"

/* A table of ours, or InvalidOid while the extension is not installed. */
static Oid
our_relation(const char *name)
{
	Oid			namespace_id = get_namespace_oid("lead_stage", true);

	return OidIsValid(namespace_id) ?
		get_relname_relid(name, namespace_id) : InvalidOid;
}

/* From the relation, which is open: the catalog would be read for each name. */
static AttrNumber
column_number(Relation rel, const char *column)
{
	int			attno = SPI_fnumber(RelationGetDescr(rel), column);

	if (attno <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, RelationGetRelationName(rel))));
	return attno;
}

static Datum
column_value(Relation rel, HeapTuple tuple, const char *column, bool *isnull)
{
	return heap_getattr(tuple, column_number(rel, column), RelationGetDescr(rel), isnull);
}

static Oid
column_oid(Relation rel, HeapTuple tuple, const char *column)
{
	bool		isnull;
	Datum		value = column_value(rel, tuple, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static Binding *
binding_from_tuple(Relation rel, HeapTuple tuple)
{
	Binding    *binding = palloc0(sizeof(Binding));
	Datum		value;
	bool		isnull;

	value = column_value(rel, tuple, "id", &isnull);
	memcpy(&binding->id, DatumGetUUIDP(value), sizeof(pg_uuid_t));
	binding->leads = column_oid(rel, tuple, "leads");
	binding->history = column_oid(rel, tuple, "history");
	binding->state = column_oid(rel, tuple, "state");
	binding->live = column_oid(rel, tuple, "live");
	binding->signals = column_oid(rel, tuple, "signals");
	value = column_value(rel, tuple, "model", &isnull);
	binding->model = TextDatumGetCString(value);
	value = column_value(rel, tuple, "version", &isnull);
	binding->version = isnull ? 0 : DatumGetInt32(value);
	value = column_value(rel, tuple, "columns", &isnull);
	binding->columns = DatumGetJsonbPCopy(value);
	return binding;
}

static Binding *
scan_binding(const char *index, const char *column, RegProcedure equals, Datum value)
{
	Oid			relid = our_relation("binding");
	Oid			indexid = our_relation(index);
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Binding    *binding = NULL;

	if (!OidIsValid(relid))
		return NULL;
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, column_number(rel, column), BTEqualStrategyNumber,
				equals, value);
	scan = systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		binding = binding_from_tuple(rel, tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return binding;
}

Binding *
lead_stage_read_binding(const pg_uuid_t *id)
{
	return scan_binding("binding_pkey", "id", F_UUID_EQ, UUIDPGetDatum(id));
}

Binding *
lead_stage_find_binding(Oid leads)
{
	return scan_binding("binding_leads_key", "leads", F_OIDEQ,
						ObjectIdGetDatum(leads));
}

Binding *
lead_stage_require_binding(Oid leads)
{
	Binding    *binding = lead_stage_find_binding(leads);

	if (binding == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not attached to a model",
						get_rel_name(leads) ? get_rel_name(leads) : "?"),
				 errhint("Call lead_stage.attach() first.")));
	return binding;
}

static ActivityBinding *
activity_binding_from_tuple(Relation rel, HeapTuple tuple)
{
	ActivityBinding *binding = palloc0(sizeof(ActivityBinding));
	bool		isnull;

	memcpy(&binding->id, DatumGetUUIDP(column_value(rel, tuple, "id", &isnull)),
		   sizeof(pg_uuid_t));
	memcpy(&binding->binding, DatumGetUUIDP(column_value(rel, tuple, "binding", &isnull)),
		   sizeof(pg_uuid_t));
	binding->activities = column_oid(rel, tuple, "activities");
	binding->signals = column_oid(rel, tuple, "signals");
	binding->source = TextDatumGetCString(column_value(rel, tuple, "source", &isnull));
	binding->lead_key = DatumGetArrayTypePCopy(column_value(rel, tuple, "lead_key", &isnull));
	binding->at = TextDatumGetCString(column_value(rel, tuple, "at", &isnull));
	return binding;
}

static List *
scan_activity_bindings(const char *index, const char *column, const pg_uuid_t *id)
{
	Oid			relid = our_relation("activity_binding");
	Oid			indexid = index ? our_relation(index) : InvalidOid;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *bindings = NIL;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, column_number(rel, column), BTEqualStrategyNumber,
				F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		bindings = lappend(bindings, activity_binding_from_tuple(rel, tuple));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return bindings;
}

ActivityBinding *
lead_stage_read_activity_binding(const pg_uuid_t *id)
{
	List	   *bindings = scan_activity_bindings("activity_binding_pkey", "id", id);

	return bindings ? linitial(bindings) : NULL;
}

List *
lead_stage_activity_bindings(const pg_uuid_t *binding)
{
	return scan_activity_bindings(NULL, "binding", binding);
}

Jsonb *
lead_stage_read_definition(const char *model, int32 version)
{
	Oid			relid = our_relation("version");
	Oid			indexid = our_relation("version_pkey");
	Relation	rel;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Jsonb	   *definition = NULL;

	if (!OidIsValid(relid))
		return NULL;
	rel = table_open(relid, AccessShareLock);
	ScanKeyEntryInitialize(&keys[0], 0, column_number(rel, "model"),
						   BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(model));
	ScanKeyInit(&keys[1], column_number(rel, "version"), BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum(version));
	scan = systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = column_value(rel, tuple, "definition", &isnull);

		if (!isnull)
			definition = DatumGetJsonbPCopy(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return definition;
}

/* The name and the published version (0: none) of a model; false: it is gone. */
static bool
model_by_id(int32 model_id, char **name, int32 *version)
{
	Oid			relid = our_relation("model");
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	if (!OidIsValid(relid))
		return false;
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, column_number(rel, "id"), BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(model_id));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		bool		isnull;
		Datum		value = column_value(rel, tuple, "version", &isnull);

		*version = isnull ? 0 : DatumGetInt32(value);
		*name = TextDatumGetCString(column_value(rel, tuple, "name", &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

Jsonb *
lead_stage_published_definition(int32 model_id)
{
	char	   *name;
	int32		version;

	if (!model_by_id(model_id, &name, &version) || version == 0)
		return NULL;
	return lead_stage_read_definition(name, version);
}

void **
lead_stage_read_away(int32 model_id, const char *pool, const char **names, int nnames)
{
	void	  **away = palloc0(sizeof(void *) * Max(nnames, 1));
	Oid			relid = our_relation("rep");
	Oid			indexid = our_relation("rep_pkey");
	char	   *model;
	int32		version;
	Relation	rel;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(relid) || !model_by_id(model_id, &model, &version))
		return away;
	rel = table_open(relid, AccessShareLock);
	ScanKeyEntryInitialize(&keys[0], 0, column_number(rel, "model"),
						   BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(model));
	ScanKeyEntryInitialize(&keys[1], 0, column_number(rel, "pool"),
						   BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(pool));
	scan = systable_beginscan(rel, indexid, OidIsValid(indexid), NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		char	   *name = TextDatumGetCString(column_value(rel, tuple, "name", &isnull));
		Datum		value = column_value(rel, tuple, "away", &isnull);

		for (int i = 0; i < nnames && !isnull; i++)
			if (strcmp(names[i], name) == 0)
				away[i] = PG_DETOAST_DATUM_COPY(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return away;
}
