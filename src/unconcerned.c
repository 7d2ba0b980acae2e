/*
 * unconcerned.c
 *	  UPDATEs that cannot concern us.
 *
 * For a table with a BEFORE ROW trigger the server locks and reads each row
 * before it updates it, and for one with an AFTER ROW trigger it reads the
 * old row again, whether or not the trigger then has anything to do.  Most
 * UPDATEs of a wide table set columns that no model reads, and which columns
 * an UPDATE sets is known before its first row.  The server keeps a copy of
 * the table's triggers for each statement, and from that copy ours are taken.
 *
 * This saves time and changes nothing else: a statement is spared only if the
 * trigger would find, for each row, that nothing of ours has changed.  Another
 * BEFORE trigger may change any column, so beside one ours fires always; and
 * so it does in a session that has not yet written a lead.
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "lead_table.h"
#include "trig_lead.h"
#include "unconcerned.h"

/* "~lead_stage_judge" among the triggers, if it is the only one that could change a row. */
static Trigger *
sole_before_update(TriggerDesc *triggers)
{
	Trigger    *ours = NULL;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (!TRIGGER_FOR_ROW(trigger->tgtype) || !TRIGGER_FOR_BEFORE(trigger->tgtype) ||
			!TRIGGER_FOR_UPDATE(trigger->tgtype) ||
			trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		if (!lead_stage_is_judge(trigger) || ours != NULL)
			return NULL;
		ours = trigger;
	}
	return ours;
}

/* Takes our AFTER ROW trigger out; returns whether another is left. */
static bool
drop_record(TriggerDesc *triggers, const Trigger *judge)
{
	bool		others = false;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (!TRIGGER_FOR_ROW(trigger->tgtype) || !TRIGGER_FOR_AFTER(trigger->tgtype) ||
			!TRIGGER_FOR_UPDATE(trigger->tgtype))
			continue;
		if (trigger->tgnargs == 1 && trigger->tgqual != NULL &&
			strcmp(trigger->tgargs[0], judge->tgargs[0]) == 0)
			trigger->tgenabled = TRIGGER_DISABLED;
		else
			others = true;
	}
	return others;
}

static void
spare_target(ResultRelInfo *target, EState *estate)
{
	TriggerDesc *triggers = target->ri_TrigDesc;
	Trigger    *judge;
	LeadTable  *table;

	if (triggers == NULL || !triggers->trig_update_before_row)
		return;
	judge = sole_before_update(triggers);
	if (judge == NULL)
		return;
	table = lead_stage_known_table(target->ri_RelationDesc, judge->tgargs[0]);
	if (table == NULL ||
		lead_stage_may_concern(table, ExecGetAllUpdatedCols(target, estate)))
		return;
	triggers->trig_update_before_row = false;
	triggers->trig_update_after_row = drop_record(triggers, judge);
}

static void
spare_statement(ModifyTableState *statement, EState *estate)
{
	if (statement->operation != CMD_UPDATE)
		return;
	for (int i = 0; i < statement->mt_nrels; i++)
		spare_target(&statement->resultRelInfo[i], estate);
}

void
lead_stage_spare_update(QueryDesc *query)
{
	EState	   *estate = query->estate;
	ListCell   *lc;

	if (IsA(query->planstate, ModifyTableState))
		spare_statement(castNode(ModifyTableState, query->planstate), estate);
	foreach(lc, estate->es_auxmodifytables)
		spare_statement(lfirst_node(ModifyTableState, lc), estate);
}
