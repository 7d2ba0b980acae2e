/*
 * lead_table.c
 *	  The session's cache of LeadTables.
 *
 * An entry is built whole before it can be found; the invalidation callback
 * only clears its valid mark, and whoever still holds a stale entry keeps it
 * until the end of his statement.
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "binding.h"
#include "compat.h"
#include "conditions.h"
#include "lead_table.h"
#include "our_objects.h"

typedef struct LeadTableEntry
{
	Oid			relid;			/* hash key */
	LeadTable  *table;
} LeadTableEntry;

/* What to judge by in place of the published version. */
typedef struct Draft
{
	Jsonb	   *definition;
	Query	   *conditions;
} Draft;

static HTAB *lead_tables = NULL;

/* Counts invalidations, so that build() sees those that came too early. */
static uint64 invalidations = 0;

static void
invalidate_lead_tables(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	LeadTableEntry *entry;

	invalidations++;
	hash_seq_init(&status, lead_tables);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		LeadTable  *table = entry->table;

		if (!OidIsValid(relid) || relid == table->relid ||
			relid == table->root || relid == table->history ||
			relid == table->state || relid == table->live ||
			relid == table->signals)
			table->valid = false;
	}
}

void
lead_stage_init_lead_tables(void)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(LeadTableEntry);
	ctl.hcxt = CacheMemoryContext;
	lead_tables = hash_create("lead_stage tables", 16, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_lead_tables, (Datum) 0);
}

void
lead_stage_hold_table(LeadTable *table)
{
	table->users++;
}

/* A table that was replaced while it was held goes with its last holder. */
void
lead_stage_release_table(LeadTable *table)
{
	LeadTableEntry *entry;

	Assert(table->users > 0);
	if (--table->users > 0)
		return;
	entry = hash_search(lead_tables, &table->relid, HASH_FIND, NULL);
	if (entry == NULL || entry->table != table)
		MemoryContextDelete(table->context);
}

static void
end_of_context(void *table)
{
	lead_stage_release_table(table);
}

/* Until the context is reset or deleted. */
void
lead_stage_hold_table_in(LeadTable *table, MemoryContext context)
{
	MemoryContextCallback *end = MemoryContextAlloc(context, sizeof(*end));

	lead_stage_hold_table(table);
	end->func = end_of_context;
	end->arg = table;
	MemoryContextRegisterResetCallback(context, end);
}

/* ---------- where our columns are ---------- */

static AttrNumber
attno_or_zero(TupleDesc desc, const char *column, Oid type)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), column) == 0 &&
			(!OidIsValid(type) || att->atttypid == type))
			return att->attnum;
	}
	return InvalidAttrNumber;
}

static bool
plays_role(Oid type, const char *role)
{
	if (strcmp(role, "stage") == 0)
		return lead_stage_is_stage_type(type);
	if (strcmp(role, "stage_since") == 0)
		return type == TIMESTAMPTZOID;
	if (strcmp(role, "stage_reason") == 0)
		return type == TEXTOID || type == VARCHAROID;
	if (strcmp(role, "fit_score") == 0)
		return type == INT4OID;
	return true;				/* an owner is given in its text form */
}

/*
 * The column that plays a role: as the live view knows it, which follows
 * renames; without the view, by the name it was attached under.
 */
static AttrNumber
find_role_column(LeadTable *table, Binding *binding, Query *live, Relation rel,
				 const char *role)
{
	JsonbValue	value;
	const char *name = role;

	if (live != NULL)
	{
		Expr	   *expr = lead_stage_view_column(live, table->root, rel, role);

		if (expr != NULL && IsA(expr, Var) &&
			((Var *) expr)->varno == lead_stage_leads_varno(live, table->root))
			return ((Var *) expr)->varattno;
	}
	if (binding != NULL &&
		getKeyJsonValueFromContainer(&binding->columns->root, role,
									 strlen(role), &value) &&
		value.type == jbvString)
		name = pnstrdup(value.val.string.val, value.val.string.len);
	return attno_or_zero(RelationGetDescr(rel), name, InvalidOid);
}

/* Its type may have been changed while no view was there to forbid that. */
static AttrNumber
role_column(LeadTable *table, Binding *binding, Query *live, Relation rel,
			const char *role)
{
	AttrNumber	attno = find_role_column(table, binding, live, rel, role);
	Form_pg_attribute att;

	if (attno <= 0 || attno > table->desc->natts)
		return InvalidAttrNumber;
	att = TupleDescAttr(table->desc, attno - 1);
	if (plays_role(att->atttypid, role))
		return attno;
	if (binding == NULL)
		return InvalidAttrNumber;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of table \"%s\" is of type %s and cannot play the role %s",
					NameStr(att->attname), RelationGetRelationName(rel),
					format_type_be(att->atttypid), role),
			 errhint("Give it back the type it had when it was attached, or call lead_stage.detach().")));
}

static void
find_role_columns(LeadTable *table, Binding *binding, Query *live, Relation rel)
{
	table->stage = role_column(table, binding, live, rel, "stage");
	table->stage_since = role_column(table, binding, live, rel, "stage_since");
	table->stage_reason = role_column(table, binding, live, rel, "stage_reason");
	table->fit_score = role_column(table, binding, live, rel, "fit_score");
	table->owner = role_column(table, binding, live, rel, "owner");

	if (table->owner != InvalidAttrNumber)
	{
		Oid			type = TupleDescAttr(table->desc, table->owner - 1)->atttypid;
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(type, &function, &varlena);
		fmgr_info_cxt(function, &table->owner_out, table->context);
		getTypeInputInfo(type, &function, &table->owner_ioparam);
		fmgr_info_cxt(function, &table->owner_in, table->context);
		table->owner_typmod = TupleDescAttr(table->desc, table->owner - 1)->atttypmod;
		table->owner_is_text = (type == TEXTOID || type == VARCHAROID);
	}
	table->last_read = Max(Max(table->stage, table->stage_since),
						   Max(Max(table->stage_reason, table->fit_score),
							   table->owner));
}

/* The primary key's index, which rd_pkindex does not name if it is deferrable. */
static Oid
primary_key(Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		bool		primary;

		if (!HeapTupleIsValid(tuple))
			continue;
		primary = ((Form_pg_index) GETSTRUCT(tuple))->indisprimary;
		ReleaseSysCache(tuple);
		if (primary)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

/* The primary key's columns; a partition has them in another place. */
static void
find_key_columns(LeadTable *table, Relation rel)
{
	Relation	root = table_open(table->root, AccessShareLock);
	Oid			pkey = primary_key(root);

	if (!OidIsValid(pkey))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key",
						RelationGetRelationName(root)),
				 errhint("Put back the one it had when it was attached, or call lead_stage.detach().")));
	else
	{
		Relation	index = relation_open(pkey, AccessShareLock);

		table->nkeys = IndexRelationGetNumberOfKeyAttributes(index);
		table->key_is_deferrable = !index->rd_index->indimmediate;
		table->keys = palloc(sizeof(AttrNumber) * table->nkeys);
		table->key_equals = palloc(sizeof(Oid) * table->nkeys);
		for (int i = 0; i < table->nkeys; i++)
		{
			AttrNumber	attno = index->rd_index->indkey.values[i];
			char	   *name = NameStr(TupleDescAttr(RelationGetDescr(root),
													 attno - 1)->attname);

			table->keys[i] = attno_or_zero(RelationGetDescr(rel), name, InvalidOid);
			table->last_read = Max(table->last_read, table->keys[i]);
			table->key_equals[i] = get_opfamily_member(index->rd_opfamily[i],
													   index->rd_opcintype[i],
													   index->rd_opcintype[i],
													   BTEqualStrategyNumber);
		}
		relation_close(index, AccessShareLock);
	}
	table_close(root, NoLock);
}

/* ---------- where history and state are ---------- */

/*
 * A key column whose type was changed in leads only: values of one type are
 * never stored as those of another.
 */
static void
check_key_type(LeadTable *table, Relation rel, int key, AttrNumber attno)
{
	Form_pg_attribute theirs = TupleDescAttr(table->desc, table->keys[key] - 1);
	Form_pg_attribute ours = TupleDescAttr(RelationGetDescr(rel), attno - 1);

	if (theirs->atttypid == ours->atttypid)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of table \"%s\" is of type %s, but the key it holds is of type %s",
					NameStr(ours->attname), RelationGetRelationName(rel),
					format_type_be(ours->atttypid),
					format_type_be(theirs->atttypid)),
			 errhint("Change it too: ALTER TABLE %s ALTER COLUMN %s TYPE %s.",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)),
					 quote_identifier(NameStr(ours->attname)),
					 format_type_with_typemod(theirs->atttypid, theirs->atttypmod))));
}

/*
 * Scan keys for "the rows of one lead" of a table whose primary key begins
 * with the lead's key columns; values are filled in per use.
 */
static ScanKeyData *
lead_scan(LeadTable *table, Relation rel, Oid *indexid, AttrNumber **attnos)
{
	ScanKeyData *keys = palloc0(sizeof(ScanKeyData) * Max(table->nkeys, 1));
	Relation	index;

	RelationGetIndexList(rel);
	*indexid = rel->rd_pkindex;
	*attnos = palloc0(sizeof(AttrNumber) * Max(table->nkeys, 1));
	if (!OidIsValid(*indexid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key",
						RelationGetRelationName(rel)),
				 errhint("Put back the primary key that lead_stage.attach() made.")));

	index = relation_open(*indexid, AccessShareLock);
	if (IndexRelationGetNumberOfKeyAttributes(index) < table->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the primary key of table \"%s\" does not begin with that of table \"%s\"",
						RelationGetRelationName(rel), get_rel_name(table->root)),
				 errhint("Put back the primary key that lead_stage.attach() made.")));
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			equals = get_opfamily_member(index->rd_opfamily[i],
												 index->rd_opcintype[i],
												 index->rd_opcintype[i],
												 BTEqualStrategyNumber);

		(*attnos)[i] = index->rd_index->indkey.values[i];
		check_key_type(table, rel, i, (*attnos)[i]);
		ScanKeyEntryInitialize(&keys[i], 0, (*attnos)[i],
							   BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i],
							   get_opcode(equals), (Datum) 0);
	}
	relation_close(index, AccessShareLock);
	return keys;
}

static AttrNumber
stage_column(TupleDesc desc, const char *column)
{
	AttrNumber	attno = attno_or_zero(desc, column, InvalidOid);

	return attno != InvalidAttrNumber &&
		lead_stage_is_stage_type(TupleDescAttr(desc, attno - 1)->atttypid) ?
		attno : InvalidAttrNumber;
}

/*
 * We write into history and state past all privileges, so a binding must not
 * name another owner's tables.
 */
static Relation
open_beside(LeadTable *table, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);

	if (rel->rd_rel->relowner != table->owner_role)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" does not belong to the owner of table \"%s\"",
						RelationGetRelationName(rel), get_rel_name(table->root)),
				 errhint("Change its owner, too: ALTER TABLE %s OWNER TO %s.",
						 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
													RelationGetRelationName(rel)),
						 quote_identifier(GetUserNameFromId(table->owner_role, true)))));
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(rel))));
	return rel;
}

/* Whether one of the columns that events are written to. */
static bool
is_ours(LeadTable *table, AttrNumber attno)
{
	const HistoryColumns *columns = &table->history_columns;

	for (const AttrNumber *ours = &columns->id; ours <= &columns->evidence; ours++)
		if (*ours == attno)
			return true;
	for (int i = 0; i < table->nkeys; i++)
		if (columns->keys[i] == attno)
			return true;
	return false;
}

/* The defaults of columns that the owner gave history beside ours. */
static void
find_defaults(LeadTable *table, Relation rel)
{
	HistoryColumns *columns = &table->history_columns;

	columns->with_default = palloc(sizeof(AttrNumber) * columns->natts);
	columns->defaults = palloc(sizeof(Expr *) * columns->natts);
	for (AttrNumber attno = 1; attno <= columns->natts; attno++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attno - 1);
		Expr	   *value;

		if (att->attisdropped || att->attgenerated != '\0' || is_ours(table, attno))
			continue;
		value = (Expr *) build_column_default(rel, attno);
		if (value == NULL)
			continue;
		columns->with_default[columns->ndefaults] = attno;
		columns->defaults[columns->ndefaults++] = value;
	}
}

static void
find_history(LeadTable *table)
{
	Relation	rel = open_beside(table, table->history);
	TupleDesc	desc = RelationGetDescr(rel);
	HistoryColumns *columns = &table->history_columns;

	table->history_scan = lead_scan(table, rel, &table->history_index,
									&columns->keys);
	columns->natts = desc->natts;
	columns->id = attno_or_zero(desc, "id", INT8OID);
	columns->at = attno_or_zero(desc, "at", TIMESTAMPTZOID);
	columns->recorded_at = attno_or_zero(desc, "recorded_at", TIMESTAMPTZOID);
	columns->since = attno_or_zero(desc, "since", TIMESTAMPTZOID);
	columns->due = attno_or_zero(desc, "due", TIMESTAMPTZOID);
	columns->version = attno_or_zero(desc, "version", INT4OID);
	columns->fit_score = attno_or_zero(desc, "fit_score", INT4OID);
	columns->engagement = attno_or_zero(desc, "engagement", FLOAT4OID);
	columns->from_stage = stage_column(desc, "from_stage");
	columns->to_stage = stage_column(desc, "to_stage");
	columns->touched = attno_or_zero(desc, "touched", BOOLOID);
	columns->elapsed = attno_or_zero(desc, "elapsed", INTERVALOID);
	columns->event = attno_or_zero(desc, "event", TEXTOID);
	columns->name = attno_or_zero(desc, "name", TEXTOID);
	columns->owner = attno_or_zero(desc, "owner", TEXTOID);
	columns->previous_owner = attno_or_zero(desc, "previous_owner", TEXTOID);
	columns->reason = attno_or_zero(desc, "reason", TEXTOID);
	columns->role = attno_or_zero(desc, "role", TEXTOID);
	columns->actor = attno_or_zero(desc, "actor", TEXTOID);
	columns->evidence = attno_or_zero(desc, "evidence", VARBITOID);
	table->history_sequence = lead_stage_sequence_of(rel, columns->id, table->owner_role);
	find_defaults(table, rel);
	table_close(rel, AccessShareLock);

	if (columns->id == InvalidAttrNumber || columns->event == InvalidAttrNumber ||
		columns->from_stage == InvalidAttrNumber ||
		columns->to_stage == InvalidAttrNumber ||
		!OidIsValid(table->history_sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not a history that lead_stage.attach() made",
						get_rel_name(table->history))));
}

static void
find_state(LeadTable *table)
{
	Relation	rel = open_beside(table, table->state);
	TupleDesc	desc = RelationGetDescr(rel);
	StateColumns *columns = &table->state_columns;
	AttrNumber *attnos;

	table->state_in_use = RelationGetNumberOfBlocks(rel) > 0;
	table->state_scan = lead_scan(table, rel, &table->state_index, &attnos);
	columns->engagement_state = attno_or_zero(desc, "engagement_state", InvalidOid);
	columns->last_touch_at = attno_or_zero(desc, "last_touch_at", TIMESTAMPTZOID);
	columns->sla = attno_or_zero(desc, "sla", JSONBOID);
	columns->sla_due = attno_or_zero(desc, "sla_due", TIMESTAMPTZOID);
	columns->sla_state = attno_or_zero(desc, "sla_state", TEXTOID);
	columns->hold_until = attno_or_zero(desc, "hold_until", TIMESTAMPTZOID);
	columns->recheck_at = attno_or_zero(desc, "recheck_at", TIMESTAMPTZOID);
	columns->natts = desc->natts;
	if (columns->engagement_state != InvalidAttrNumber)
		table->score_type = TupleDescAttr(desc, columns->engagement_state - 1)->atttypid;
	if (columns->engagement_state == InvalidAttrNumber || columns->sla == InvalidAttrNumber ||
		columns->recheck_at == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not a state that lead_stage.attach() made",
						RelationGetRelationName(rel))));
	table_close(rel, AccessShareLock);
}

/* ---------- building an entry ---------- */

/*
 * Reading a zone's file is not for nothing in a session that writes one lead,
 * and most servers have one of these two names of one zone in use already.
 */
static pg_tz *
model_time_zone(const char *name)
{
	const char *in_use = pg_get_timezone_name(session_timezone);

	if (name == NULL)
		name = "UTC";
	if (strcmp(name, "UTC") == 0 && strcmp(in_use, "Etc/UTC") == 0)
		return session_timezone;
	return pg_tzset(name);
}

/*
 * Conditions run with the rights of the attached table's owner, so a trigger
 * that somebody put on a table of his own must not reach them.
 */
static void
check_same_owner(LeadTable *table, Relation rel)
{
	if (table->owner_role != rel->rd_rel->relowner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" cannot use the lead_stage binding of another owner's table",
						RelationGetRelationName(rel)),
				 errhint("Attach the table itself, or give a partition the owner of its parent.")));
}

/*
 * A view's query, or NULL if the view is gone, or is not one that we made for
 * this table (plain: a mere selection from it).  Locks the view.
 */
static Query *
open_view(LeadTable *table, Oid viewid, bool plain, Relation *view)
{
	Query	   *query;

	*view = OidIsValid(viewid) ? try_relation_open(viewid, AccessShareLock) : NULL;
	if (*view == NULL || (*view)->rd_rel->relkind != RELKIND_VIEW ||
		(*view)->rd_rel->relowner != table->owner_role)
		return NULL;
	query = get_view_query(*view);
	return !plain || lead_stage_reads_only(query, table->root) ? query : NULL;
}

/* Publish, which replaces the views, need not wait for open transactions. */
static void
close_view(Relation view)
{
	if (view != NULL)
		relation_close(view, AccessShareLock);
}

/*
 * Fills a bound table.  Returns false if a publish came between the reading of
 * the binding and the locking of its views.
 */
static bool
fill_bound(LeadTable *table, Binding *binding, Relation rel, const Draft *draft)
{
	Relation	live_view;
	Relation	signals_view;
	Query	   *live = open_view(table, binding->live, false, &live_view);
	Query	   *signals = open_view(table, binding->signals, true, &signals_view);
	Binding    *again = lead_stage_read_binding(&table->binding);
	bool		current = again != NULL &&
		again->version == binding->version &&
		again->live == binding->live && again->signals == binding->signals;

	if (current)
	{
		Jsonb	   *definition = NULL;

		find_role_columns(table, binding, live, rel);
		find_key_columns(table, rel);
		find_history(table);
		find_state(table);
		if (draft != NULL)
		{
			definition = draft->definition;
			signals = draft->conditions;
		}
		else if (binding->version != 0 && signals != NULL)
			definition = lead_stage_read_definition(binding->model,
													binding->version);
		if (definition != NULL)
		{
			table->version = draft ? 0 : binding->version;
			table->model = lead_stage_read_model(definition);
			/* what an earlier version began goes on: a clock, a hold */
			table->model->uses_state |= table->state_in_use;
			table->time_zone = model_time_zone(table->model->time_zone);
			lead_stage_load_conditions(table, signals, rel);
			table->published = true;
		}
	}
	close_view(live_view);
	close_view(signals_view);
	return current;
}

static void
warn_unknown_binding(Relation rel)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" has lead_stage triggers but is not attached",
					RelationGetRelationName(rel)),
			 errdetail("Its rows are stored unscored, and stage moves are refused."),
			 errhint("Attach it again with lead_stage.attach(), or drop the triggers.")));
}

static void
free_plans(void *arg)
{
	LeadTable  *table = arg;

	for (int i = 0; i < ACTIVITY_PLANS; i++)
		if (table->plans[i] != NULL)
			SPI_freeplan(table->plans[i]);
}

static LeadTable *
build(Relation rel, const pg_uuid_t *id, const Draft *draft)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "lead_stage table",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	LeadTable  *table = palloc0(sizeof(LeadTable));
	Binding    *binding;
	uint64		invalidations_before = invalidations;

	table->free_plans.func = free_plans;
	table->free_plans.arg = table;
	MemoryContextRegisterResetCallback(context, &table->free_plans);
	table->relid = RelationGetRelid(rel);
	table->binding = *id;
	table->context = context;
	table->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	do
	{
		binding = lead_stage_read_binding(id);
		table->bound = binding != NULL &&
			OidIsValid(lead_stage_relation_owner(binding->leads)) &&
			OidIsValid(binding->history) && OidIsValid(binding->state);
		if (!table->bound)
		{
			table->root = table->relid;
			table->owner_role = rel->rd_rel->relowner;
			find_role_columns(table, NULL, NULL, rel);
			warn_unknown_binding(rel);
			break;
		}
		table->root = binding->leads;
		table->history = binding->history;
		table->state = binding->state;
		table->live = binding->live;
		table->signals = binding->signals;
		table->owner_role = lead_stage_relation_owner(binding->leads);
		check_same_owner(table, rel);
	} while (!fill_bound(table, binding, rel, draft));

	table->row = MakeSingleTupleTableSlot(table->desc, &TTSOpsVirtual);
	table->old_row = MakeSingleTupleTableSlot(table->desc, &TTSOpsVirtual);
	table->econtext = CreateStandaloneExprContext();
	table->econtext->ecxt_scantuple = table->row;
	table->valid = (invalidations == invalidations_before);
	MemoryContextSwitchTo(oldcontext);
	if (draft == NULL)
		MemoryContextSetParent(context, CacheMemoryContext);
	return table;
}

LeadTable *
lead_stage_make_draft(Relation rel, const pg_uuid_t *binding,
					  Jsonb *definition, Query *conditions)
{
	Draft		draft = {definition, conditions};

	return build(rel, binding, &draft);
}

LeadTable *
lead_stage_known_table(Relation rel, const char *binding)
{
	Oid			relid = RelationGetRelid(rel);
	LeadTableEntry *entry = hash_search(lead_tables, &relid, HASH_FIND, NULL);
	pg_uuid_t  *id;

	if (entry == NULL || !entry->table->bound)
		return NULL;
	/* A cached plan runs without taking a lock that would tell of a publish. */
	AcceptInvalidationMessages();
	id = DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(binding)));
	if (memcmp(&entry->table->binding, id, sizeof(pg_uuid_t)) != 0)
		return NULL;
	return lead_stage_lead_table(rel, id);
}

LeadTable *
lead_stage_lead_table(Relation rel, const pg_uuid_t *binding)
{
	Oid			relid = RelationGetRelid(rel);
	LeadTableEntry *entry = hash_search(lead_tables, &relid, HASH_FIND, NULL);
	LeadTable  *table;
	bool		found;

	if (entry != NULL && entry->table->valid && entry->table->bound &&
		memcmp(&entry->table->binding, binding, sizeof(pg_uuid_t)) == 0)
		return entry->table;

	table = build(rel, binding, NULL);
	entry = hash_search(lead_tables, &relid, HASH_ENTER, &found);
	if (found && entry->table->users == 0)
		MemoryContextDelete(entry->table->context);
	entry->table = table;
	return table;
}

LeadTable *
lead_stage_statement_table(Relation rel, const char *binding, FmgrInfo *flinfo)
{
	LeadTable  *table = flinfo->fn_extra;
	pg_uuid_t  *id;

	if (table != NULL)
		return table;

	/* A cached plan runs without taking a lock that would tell of a publish. */
	AcceptInvalidationMessages();
	id = DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(binding)));
	table = lead_stage_lead_table(rel, id);
	table->new_statement = true;
	lead_stage_hold_table_in(table, flinfo->fn_mcxt);
	flinfo->fn_extra = table;
	return table;
}
