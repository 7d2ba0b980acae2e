/*
 * activity.c
 *	  A table of activities: what its rows say of which lead.
 *
 * The conditions of a source's engagement rules are taken from the signals
 * view of the activities, as those about leads are from theirs, and run with
 * the rights of the table's owner.  Statement triggers read the statement's
 * rows from its transition tables:
 *
 *	CREATE TRIGGER lead_stage_insert AFTER INSERT ON activities
 *		REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
 *		EXECUTE FUNCTION lead_stage._count_activities('activity binding')
 *
 * and likewise for UPDATE (both tables), DELETE (the old one) and TRUNCATE.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "activity.h"
#include "binding.h"
#include "clock.h"
#include "conditions.h"
#include "evaluate.h"
#include "judge.h"
#include "run_as.h"
#include "settle.h"
#include "sql_names.h"

PG_FUNCTION_INFO_V1(lead_stage_count_activities);

typedef struct ActivityEntry
{
	Oid			relid;
	ActivityTable *activities;
} ActivityEntry;

static HTAB *activity_tables = NULL;

static void
invalidate_activities(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	ActivityEntry *entry;

	hash_seq_init(&status, activity_tables);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		ActivityTable *activities = entry->activities;

		if (!OidIsValid(relid) || relid == activities->relid ||
			relid == activities->activities || relid == activities->leads ||
			relid == activities->signals)
			activities->valid = false;
	}
}

void
lead_stage_init_activities(void)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(ActivityEntry);
	ctl.hcxt = CacheMemoryContext;
	activity_tables = hash_create("lead_stage activities", 16, &ctl,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_activities, (Datum) 0);
}

/* ---------- building ---------- */

static AttrNumber
column_of(Relation rel, const char *name)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(rel), name);

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel)),
				 errhint("Call lead_stage.attach_activity() again with the column's new name.")));
	return attno;
}

/* A column as a value of another type, as an assignment would make it. */
static ExprState *
converted_column(Relation rel, AttrNumber attno, Oid type, int32 typmod)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attno - 1);
	Node	   *expr = (Node *) makeVar(1, attno, att->atttypid, att->atttypmod,
										att->attcollation, 0);

	expr = coerce_to_target_type(NULL, expr, att->atttypid, type, typmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expr == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" cannot be converted to type %s",
						NameStr(att->attname), RelationGetRelationName(rel),
						format_type_be(type))));
	return ExecInitExpr(expression_planner((Expr *) expr), NULL);
}

/*
 * A LeadTable of the activities themselves, as far as conditions and their
 * warnings need one.
 */
static LeadTable *
rows_table(Relation rel, ActivityBinding *binding, LeadTable *leads, MemoryContext context)
{
	LeadTable  *rows = palloc0(sizeof(LeadTable));
	ModelDef   *model = palloc0(sizeof(ModelDef));

	*model = *leads->model;
	model->name = pstrdup(leads->model->name);
	model->nrules = 0;
	model->condition_names = NIL;
	for (int i = 0; i < leads->model->nengagements; i++)
	{
		EngagementDef *rule = &leads->model->engagements[i];

		if (strcmp(rule->source, binding->source) == 0 && rule->has_condition)
			model->condition_names = lappend(model->condition_names,
											 psprintf("engagement_%s", rule->name));
	}
	rows->relid = RelationGetRelid(rel);
	rows->root = binding->activities;
	rows->signals = binding->signals;
	rows->context = context;
	rows->published = true;
	rows->owner_role = rel->rd_rel->relowner;
	rows->time_zone = leads->time_zone;
	rows->model = model;
	rows->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	rows->row = MakeSingleTupleTableSlot(rows->desc, &TTSOpsVirtual);
	rows->econtext = CreateStandaloneExprContext();
	return rows;
}

static void
load_rules(ActivityTable *activities, ActivityBinding *binding, LeadTable *leads)
{
	ModelDef   *model = leads->model;
	int			n = 0;

	activities->rules = palloc(sizeof(int) * Max(model->nengagements, 1));
	activities->matched = palloc(sizeof(int) * Max(model->nengagements, 1));
	for (int i = 0; i < model->nengagements; i++)
		if (strcmp(model->engagements[i].source, binding->source) == 0 &&
			model->engagements[i].has_condition)
			activities->rules[n++] = i;
	for (int i = 0; i < model->nengagements; i++)
		if (strcmp(model->engagements[i].source, binding->source) == 0 &&
			!model->engagements[i].has_condition)
			activities->rules[n + activities->nalways++] = i;
}

static void
load_columns(ActivityTable *activities, ActivityBinding *binding, LeadTable *leads, Relation rel)
{
	Datum	   *names;
	int			nnames;

	deconstruct_array(binding->lead_key, TEXTOID, -1, false, TYPALIGN_INT,
					  &names, NULL, &nnames);
	activities->nkeys = leads->nkeys;
	activities->keys = palloc(sizeof(ExprState *) * Max(nnames, 1));
	activities->key_columns = palloc(sizeof(AttrNumber) * Max(nnames, 1));
	for (int i = 0; i < Min(nnames, leads->nkeys); i++)
	{
		Form_pg_attribute key = TupleDescAttr(leads->desc, leads->keys[i] - 1);

		activities->key_columns[i] = column_of(rel, TextDatumGetCString(names[i]));
		activities->keys[i] = converted_column(rel, activities->key_columns[i],
											   key->atttypid, key->atttypmod);
	}
	activities->at_column = column_of(rel, binding->at);
	activities->at = converted_column(rel, activities->at_column, TIMESTAMPTZOID, -1);
}

/* What a trigger says on a table of somebody else's must not count. */
static void
check_same_owner(Relation rel, Oid bound)
{
	Relation	root = try_relation_open(bound, AccessShareLock);

	if (root == NULL || root->rd_rel->relowner != rel->rd_rel->relowner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" cannot use the lead_stage binding of another owner's table",
						RelationGetRelationName(rel)),
				 errhint("Attach the table itself, or give a partition the owner of its parent.")));
	relation_close(root, AccessShareLock);
}

static ActivityTable *
build(Relation rel, ActivityBinding *binding, LeadTable *leads)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "lead_stage activities",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	ActivityTable *activities = palloc0(sizeof(ActivityTable));
	Relation	view = try_relation_open(binding->signals, AccessShareLock);

	activities->relid = RelationGetRelid(rel);
	activities->id = binding->id;
	activities->binding = binding->binding;
	activities->context = context;
	activities->leads = leads->root;
	activities->activities = binding->activities;
	activities->signals = binding->signals;
	activities->version = leads->version;
	activities->rows = rows_table(rel, binding, leads, context);
	activities->judgement = palloc0(sizeof(Judgement));
	activities->judgement->table = activities->rows;
	activities->judgement->activities = activities;
	load_rules(activities, binding, leads);
	load_columns(activities, binding, leads, rel);
	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the signals view of table \"%s\" is gone",
						RelationGetRelationName(rel)),
				 errhint("Publish the model again.")));
	lead_stage_load_conditions(activities->rows, get_view_query(view), rel);
	relation_close(view, NoLock);
	activities->valid = true;
	MemoryContextSwitchTo(oldcontext);
	MemoryContextSetParent(context, CacheMemoryContext);
	return activities;
}

/* A table of leads, or NULL unless it is published. */
static LeadTable *
open_leads(Oid relid, const pg_uuid_t *id)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	LeadTable  *leads;

	if (rel == NULL)
		return NULL;
	leads = lead_stage_lead_table(rel, id);
	relation_close(rel, NoLock);
	return leads->published ? leads : NULL;
}

ActivityTable *
lead_stage_activity_table(Relation rel, const pg_uuid_t *id)
{
	Oid			relid = RelationGetRelid(rel);
	ActivityEntry *entry = hash_search(activity_tables, &relid, HASH_FIND, NULL);
	ActivityBinding *binding;
	Binding    *bound;
	ActivityTable *activities;
	LeadTable  *leads;
	bool		found;

	if (entry != NULL && entry->activities->valid &&
		memcmp(&entry->activities->id, id, sizeof(pg_uuid_t)) == 0)
		return entry->activities;

	binding = lead_stage_read_activity_binding(id);
	bound = binding ? lead_stage_read_binding(&binding->binding) : NULL;
	leads = bound ? open_leads(bound->leads, &bound->id) : NULL;
	if (leads == NULL || !OidIsValid(binding->signals))
		return NULL;
	check_same_owner(rel, binding->activities);
	activities = build(rel, binding, leads);
	entry = hash_search(activity_tables, &relid, HASH_ENTER, &found);
	if (found && entry->activities->users == 0)
		MemoryContextDelete(entry->activities->context);
	entry->activities = activities;
	return activities;
}

void
lead_stage_hold_activities(ActivityTable *activities)
{
	activities->users++;
	activities->rows->new_statement = true;
}

/* One that was replaced while it was held goes with its last holder. */
void
lead_stage_release_activities(ActivityTable *activities)
{
	ActivityEntry *entry;

	if (--activities->users > 0)
		return;
	entry = hash_search(activity_tables, &activities->relid, HASH_FIND, NULL);
	if (entry == NULL || entry->activities != activities)
		MemoryContextDelete(activities->context);
}

/* ---------- one row ---------- */

static void
match_rules(Judgement *judgement)
{
	ActivityTable *activities = judgement->activities;
	int			n = activities->rows->nconditions;

	activities->nmatched = 0;
	for (int i = 0; i < n; i++)
		if (lead_stage_condition_holds(judgement, i))
			activities->matched[activities->nmatched++] = activities->rules[i];
	for (int i = 0; i < activities->nalways; i++)
		activities->matched[activities->nmatched++] = activities->rules[n + i];
}

/* The lead's key and the time; false if the row speaks of no lead. */
static bool
lead_of(ActivityTable *activities, TupleTableSlot *row, Datum *keys, TimestampTz *at)
{
	ExprContext *econtext = activities->rows->econtext;
	bool		isnull;

	ResetExprContext(econtext);
	econtext->ecxt_scantuple = row;
	for (int i = 0; i < activities->nkeys; i++)
	{
		keys[i] = ExecEvalExprSwitchContext(activities->keys[i], econtext, &isnull);
		if (isnull)
			return false;
	}
	*at = DatumGetTimestampTz(ExecEvalExprSwitchContext(activities->at, econtext, &isnull));
	return !isnull && !TIMESTAMP_NOT_FINITE(*at);
}

/* One judgement serves all rows of a statement, for it is large. */
static void
evaluate_row(ActivityTable *activities, TupleTableSlot *row, TimestampTz at)
{
	Judgement  *judgement = activities->judgement;

	judgement->row = row;
	judgement->at = at;
	lead_stage_as_owner(judgement, match_rules);
}

void
lead_stage_count_activity(ActivityTable *activities, TupleTableSlot *row,
						  TouchedLeads *touched)
{
	Datum		keys[INDEX_MAX_KEYS];
	TimestampTz at;
	TouchedLead *lead;

	if (!lead_of(activities, row, keys, &at))
		return;
	lead = lead_stage_touch(touched, keys);
	evaluate_row(activities, row, touched->at);
	lead_stage_add_touch(touched, lead, at, activities->matched, activities->nmatched);
}

void
lead_stage_count_again(ActivityTable *activities, TupleTableSlot *row,
					   TouchedLeads *touched)
{
	Datum		keys[INDEX_MAX_KEYS];
	TimestampTz at;
	TouchedLead *lead;

	if (!lead_of(activities, row, keys, &at))
		return;
	lead = lead_stage_find_touched(touched, keys);
	if (lead == NULL || !lead->recount || !lead->exists)
		return;
	evaluate_row(activities, row, touched->at);
	lead_stage_add_touch(touched, lead, at, activities->matched, activities->nmatched);
}

void
lead_stage_recount_activity(ActivityTable *activities, TupleTableSlot *row,
							TouchedLeads *touched)
{
	Datum		keys[INDEX_MAX_KEYS];
	TimestampTz at;

	if (lead_of(activities, row, keys, &at))
		lead_stage_touch(touched, keys)->recount = true;
}

/* ---------- examples ---------- */

static ActivityTable *
activities_of_source(LeadTable *leads, const char *source)
{
	ListCell   *lc;

	foreach(lc, lead_stage_activity_bindings(&leads->binding))
	{
		ActivityBinding *binding = lfirst(lc);
		ActivityTable *activities;
		Relation	rel;

		if (strcmp(binding->source, source) != 0)
			continue;
		rel = table_open(binding->activities, AccessShareLock);
		activities = lead_stage_activity_table(rel, &binding->id);
		table_close(rel, NoLock);
		return activities;
	}
	return NULL;
}

static char *
item_text(Jsonb *item, const char *key)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&item->root, key, strlen(key), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* The item as a row of the table; it lives as long as SPI's result does. */
static void
example_row(ActivityTable *activities, Jsonb *item, TupleTableSlot *slot)
{
	Oid			types[] = {JSONBOID};
	Datum		values[] = {JsonbPGetDatum(item)};
	Oid			relid = activities->activities;

	lead_stage_spi_as(activities->rows->owner_role,
					  psprintf("SELECT (pg_catalog.jsonb_populate_record(NULL::%s, $1)).*",
							   lead_stage_relation_name(relid)),
					  1, types, values, NULL);
	/* columns that were dropped are not in the result */
	ExecClearTuple(slot);
	for (int i = 0, column = 1; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_isnull[i] = true;
		if (!TupleDescAttr(slot->tts_tupleDescriptor, i)->attisdropped)
			slot->tts_values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
												column++, &slot->tts_isnull[i]);
	}
	ExecStoreVirtualTuple(slot);
}

static void
count_example(LeadTable *leads, TouchedLeads *touched, TouchedLead *lead, Jsonb *item)
{
	char	   *source = item_text(item, "source");
	char	   *at = item_text(item, "at");
	ActivityTable *activities = source ? activities_of_source(leads, source) : NULL;

	if (activities == NULL || at == NULL)
		return;
	activities->rows->new_statement = true;
	example_row(activities, item, activities->rows->row);
	evaluate_row(activities, activities->rows->row, touched->at);
	lead_stage_add_touch(touched, lead,
						 DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
																 CStringGetDatum(at),
																 ObjectIdGetDatum(InvalidOid),
																 Int32GetDatum(-1))),
						 activities->matched, activities->nmatched);
	SPI_freetuptable(SPI_tuptable);
}

LeadScore *
lead_stage_example_score(LeadTable *leads, Jsonb *items, TimestampTz *last_touch)
{
	TouchedLeads *touched = lead_stage_begin_touch(leads, lead_stage_current_time());
	TouchedLead *lead = lead_stage_touch_none(touched);

	SPI_connect();
	for (int i = 0; i < JsonContainerSize(&items->root); i++)
		count_example(leads, touched, lead,
					  JsonbValueToJsonb(getIthJsonbValueFromContainer(&items->root, i)));
	SPI_finish();
	*last_touch = lead->last_touch;
	return lead_stage_touched_score(touched, lead, NULL);
}

/* ---------- the statement trigger ---------- */

static void
for_each_row(ActivityTable *activities, Relation rel, Tuplestorestate *rows,
			 TouchedLeads *touched, bool recount)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		if (recount)
			lead_stage_recount_activity(activities, slot, touched);
		else
			lead_stage_count_activity(activities, slot, touched);
		CHECK_FOR_INTERRUPTS();
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Every lead that has a state loses what the truncated table gave it. */
static void
touch_all(LeadTable *leads, TouchedLeads *touched)
{
	SPI_connect();
	lead_stage_spi_as(leads->owner_role,
					  psprintf("SELECT %s FROM %s AS s WHERE s.engagement_state IS NOT NULL OR s.last_touch_at IS NOT NULL",
							   lead_stage_state_keys(leads, "s."), lead_stage_state_name(leads)),
					  0, NULL, NULL, NULL);
	lead_stage_recount_selected(touched);
	SPI_finish();
}

static void
touch_leads(TriggerData *trigger, ActivityTable *activities, LeadTable *leads)
{
	Relation	rel = trigger->tg_relation;
	TouchedLeads *touched = lead_stage_begin_touch(leads, lead_stage_current_time());

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		touch_all(leads, touched);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		for_each_row(activities, rel, trigger->tg_newtable, touched, false);
	else
	{
		for_each_row(activities, rel, trigger->tg_oldtable, touched, true);
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			for_each_row(activities, rel, trigger->tg_newtable, touched, true);
	}
	lead_stage_settle(touched, true);
}

Datum
lead_stage_count_activities(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	ActivityTable *activities;
	LeadTable  *leads;
	pg_uuid_t  *id;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired by the trigger that lead_stage.attach_activity() makes",
						"lead_stage._count_activities")));
	id = DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(trigger->tg_trigger->tgargs[0])));
	activities = lead_stage_activity_table(trigger->tg_relation, id);
	leads = activities ? open_leads(activities->leads, &activities->binding) : NULL;
	if (leads == NULL)
		return PointerGetDatum(NULL);

	lead_stage_hold_activities(activities);
	lead_stage_hold_table(leads);
	PG_TRY();
	{
		touch_leads(trigger, activities, leads);
	}
	PG_FINALLY();
	{
		lead_stage_release_table(leads);
		lead_stage_release_activities(activities);
	}
	PG_END_TRY();
	return PointerGetDatum(NULL);
}
