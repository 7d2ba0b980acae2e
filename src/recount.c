/*
 * recount.c
 *	  All activities of some leads, counted from their tables.
 *
 * The rows go from the executor straight into the counts; none is kept.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "activity.h"
#include "binding.h"
#include "run_as.h"
#include "sql_names.h"
#include "touch_sql.h"

/* ---------- the query ---------- */

/*
 * The operator that compares a column of activities with the lead's key and
 * can use an index on that column, or InvalidOid.
 */
static Oid
key_operator(Oid column, Oid key, int strategy)
{
	TypeCacheEntry *type = lookup_type_cache(key, TYPECACHE_BTREE_OPFAMILY);
	Oid			operator;

	if (!OidIsValid(type->btree_opf))
		return InvalidOid;
	operator = get_opfamily_member(type->btree_opf, column, type->btree_opintype, strategy);
	if (!OidIsValid(operator) && IsBinaryCoercible(column, type->btree_opintype))
		operator = get_opfamily_member(type->btree_opf, type->btree_opintype,
									   type->btree_opintype, strategy);
	return operator;
}

static Oid
lead_key_type(LeadTable *leads, int i)
{
	return TupleDescAttr(leads->desc, leads->keys[i] - 1)->atttypid;
}

static Form_pg_attribute
key_column(ActivityTable *activities, int i)
{
	return TupleDescAttr(activities->rows->desc, activities->key_columns[i] - 1);
}

/* "a.column operator value", the value being of the lead's key's type. */
static void
append_comparison(StringInfo sql, ActivityTable *activities, LeadTable *leads,
				  int i, int strategy, const char *value)
{
	Form_pg_attribute att = key_column(activities, i);
	Oid			key = lead_key_type(leads, i);
	Oid			operator = key_operator(att->atttypid, key, strategy);
	char	   *column = psprintf("a.%s", quote_identifier(NameStr(att->attname)));

	if (OidIsValid(operator))
		generate_operator_clause(sql, column, att->atttypid, operator, value, key);
	else
		appendStringInfo(sql, "%s OPERATOR(pg_catalog.=) %s::%s", column, value,
						 format_type_extended(att->atttypid, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

static char *
select_by_keys(ActivityTable *activities, LeadTable *leads)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT a.* FROM %s JOIN %s AS a ON ",
					 lead_stage_unnested_keys(leads), lead_stage_relation_name(activities->relid));
	for (int i = 0; i < leads->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&sql, " AND ");
		append_comparison(&sql, activities, leads, i, BTEqualStrategyNumber,
						  psprintf("k.k%d", i + 1));
	}
	return sql.data;
}

/* Many leads with nobody between them are found by one scan of a range. */
static bool
has_range(ActivityTable *activities, LeadTable *leads, TouchedLeads *touched, int nchosen)
{
	return touched->contiguous && leads->nkeys == 1 && nchosen > 1 &&
		OidIsValid(key_operator(key_column(activities, 0)->atttypid, lead_key_type(leads, 0),
								BTGreaterEqualStrategyNumber));
}

static char *
select_by_range(ActivityTable *activities, LeadTable *leads)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT a.* FROM %s AS a WHERE ", lead_stage_relation_name(activities->relid));
	append_comparison(&sql, activities, leads, 0, BTGreaterEqualStrategyNumber, "$1");
	appendStringInfoString(&sql, " AND ");
	append_comparison(&sql, activities, leads, 0, BTLessEqualStrategyNumber, "$2");
	return sql.data;
}

/* ---------- its rows ---------- */

typedef struct CountReceiver
{
	DestReceiver pub;
	ActivityTable *activities;
	TouchedLeads *touched;
	TupleTableSlot *row;		/* the row with the table's dropped columns, if any */
	MemoryContext context;		/* of one row's evaluation */
} CountReceiver;

static void
start_counting(DestReceiver *self, int operation, TupleDesc desc)
{
}

/* Columns that were dropped are not in the result. */
static TupleTableSlot *
with_dropped_columns(TupleTableSlot *slot, TupleTableSlot *row)
{
	slot_getallattrs(slot);
	ExecClearTuple(row);
	for (int i = 0, column = 0; i < row->tts_tupleDescriptor->natts; i++)
	{
		row->tts_isnull[i] = true;
		if (TupleDescAttr(row->tts_tupleDescriptor, i)->attisdropped)
			continue;
		row->tts_values[i] = slot->tts_values[column];
		row->tts_isnull[i] = slot->tts_isnull[column++];
	}
	return ExecStoreVirtualTuple(row);
}

static bool
count_row(TupleTableSlot *slot, DestReceiver *self)
{
	CountReceiver *receiver = (CountReceiver *) self;
	MemoryContext oldcontext = MemoryContextSwitchTo(receiver->context);

	if (receiver->row != NULL)
		slot = with_dropped_columns(slot, receiver->row);
	lead_stage_count_again(receiver->activities, slot, receiver->touched);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextReset(receiver->context);
	return true;
}

static void
end_counting(DestReceiver *self)
{
}

static void
count_selected(ActivityTable *activities, LeadTable *leads, TouchedLeads *touched,
			   TouchedLead **chosen, int nchosen)
{
	CountReceiver receiver = {
		.pub = {count_row, start_counting, end_counting, end_counting, DestNone},
		.activities = activities,
		.touched = touched,
		.context = AllocSetContextCreate(CurrentMemoryContext, "lead_stage activity",
										 ALLOCSET_SMALL_SIZES),
	};
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	TupleDesc	desc = activities->rows->desc;
	int			nargs = leads->nkeys;
	char	   *sql;

	for (int i = 0; i < desc->natts; i++)
		if (receiver.row == NULL && TupleDescAttr(desc, i)->attisdropped)
			receiver.row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	if (has_range(activities, leads, touched, nchosen))
	{
		sql = select_by_range(activities, leads);
		nargs = 2;
		types[0] = types[1] = lead_key_type(leads, 0);
		values[0] = chosen[0]->keys[0];
		values[1] = chosen[nchosen - 1]->keys[0];
	}
	else
	{
		sql = select_by_keys(activities, leads);
		lead_stage_touched_keys(leads, chosen, nchosen, types, values);
	}
	lead_stage_spi_query_as(activities->rows->owner_role, sql, nargs, types, values,
							&receiver.pub);
	if (receiver.row != NULL)
		ExecDropSingleTupleTableSlot(receiver.row);
	MemoryContextDelete(receiver.context);
}

static void
count_held(ActivityTable *activities, LeadTable *leads, TouchedLeads *touched,
		   TouchedLead **chosen, int nchosen)
{
	lead_stage_hold_activities(activities);
	PG_TRY();
	{
		count_selected(activities, leads, touched, chosen, nchosen);
	}
	PG_FINALLY();
	{
		lead_stage_release_activities(activities);
	}
	PG_END_TRY();
}

void
lead_stage_count_all(LeadTable *leads, TouchedLeads *touched,
					 TouchedLead **chosen, int nchosen)
{
	ListCell   *lc;

	foreach(lc, lead_stage_activity_bindings(&leads->binding))
	{
		ActivityBinding *binding = lfirst(lc);
		Relation	rel = try_relation_open(binding->activities, AccessShareLock);
		ActivityTable *activities;

		if (rel == NULL)
			continue;
		activities = lead_stage_activity_table(rel, &binding->id);
		relation_close(rel, NoLock);
		if (activities == NULL)
			continue;
		count_held(activities, leads, touched, chosen, nchosen);
	}
}

bool
lead_stage_first_touch(LeadTable *leads, const Datum *keys, int rule, TimestampTz from,
					   TimestampTz until, TimestampTz *first)
{
	ModelDef   *model = leads->model;
	TouchedLeads *touched = lead_stage_begin_touch(leads, until);
	TouchedLead *lead = lead_stage_touch(touched, keys);

	for (int i = 0; i < model->nengagements; i++)
		if (model->engagements[i].id == rule)
		{
			touched->first_rule = i;
			touched->first_from = from;
		}
	lead->exists = lead->recount = true;
	SPI_connect();
	lead_stage_count_all(leads, touched, &lead, 1);
	SPI_finish();
	*first = touched->first;
	return !TIMESTAMP_IS_NOEND(*first);
}
