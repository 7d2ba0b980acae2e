/*
 * judge_stage.c
 *	  The fit score and the stage of a lead that is being judged.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engagement.h"
#include "evaluate.h"
#include "fit.h"
#include "judge_row.h"
#include "judge_stage.h"

/* ---------- fit ---------- */

void
lead_stage_judge_fit(Judgement *judgement)
{
	LeadTable  *table = judgement->table;
	ModelDef   *model = table->model;
	int			bits = 0;

	for (int i = 0; i < model->nrules; i++)
	{
		table->rule_holds[i] =
			lead_stage_condition_holds(judgement, model->rules[i].condition);
		if (table->rule_holds[i])
			bits = Max(bits, model->rules[i].id);
	}
	judgement->fit = lead_stage_fit_score(model, table->rule_holds);
	lead_stage_set_column(judgement, table->fit_score, Int32GetDatum(judgement->fit), false);

	/* The evidence ends with the last rule that holds: bit n is rule n. */
	judgement->evidence = NULL;
	if (bits > 0)
	{
		VarBit	   *evidence = palloc0(VARBITTOTALLEN(bits));

		SET_VARSIZE(evidence, VARBITTOTALLEN(bits));
		VARBITLEN(evidence) = bits;
		for (int i = 0; i < model->nrules; i++)
		{
			int			bit = model->rules[i].id - 1;

			if (table->rule_holds[i])
				VARBITS(evidence)[bit / BITS_PER_BYTE] |= HIGHBIT >> (bit % BITS_PER_BYTE);
		}
		judgement->evidence = evidence;
	}
}

/* ---------- stage ---------- */

LeadFacts
lead_stage_facts_now(Judgement *judgement)
{
	LeadFacts	facts;

	facts.stage = judgement->stage;
	facts.at = judgement->at;
	facts.stage_since = judgement->since;
	facts.last_touch = judgement->state.last_touch;
	facts.fit = judgement->fit;
	facts.engagement = lead_stage_engagement_now(judgement);
	return facts;
}

static bool
signal_holds(void *arg, const SignalDef *signal)
{
	Judgement  *judgement = arg;

	return lead_stage_signal_seen(judgement->state.score, signal, judgement->at);
}

TimestampTz
lead_stage_next_crossing(void *arg, TimestampTz from, double threshold, bool below)
{
	Judgement  *judgement = arg;

	return lead_stage_crossing(judgement->table->model, judgement->state.score,
							   from, threshold, below);
}

RowOracle
lead_stage_oracle_of(Judgement *judgement)
{
	RowOracle	oracle = {lead_stage_condition_holds, lead_stage_instant,
	signal_holds, judgement};

	return oracle;
}

void
lead_stage_arrive_by(Judgement *judgement, const TransitionDef *transition)
{
	TimestampTz until = DT_NOBEGIN;

	if (transition != NULL && transition->hold_for != NULL)
		until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														TimestampTzGetDatum(judgement->at),
														IntervalPGetDatum(transition->hold_for)));
	judgement->new_state.hold_until = until;
}

void
lead_stage_move_automatically(Judgement *judgement)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	uint32		entered = lead_stage_bit(judgement->stage);

	while (judgement->new_state.hold_until <= judgement->at)
	{
		LeadFacts	facts = lead_stage_facts_now(judgement);
		const TransitionDef *transition =
			lead_stage_next_move(model, &facts, &oracle, entered);

		if (transition == NULL)
			return;
		lead_stage_move_to(judgement, transition->to_stage, judgement->at,
				transition->name, transition->name);
		lead_stage_arrive_by(judgement, transition);
		entered |= lead_stage_bit(transition->to_stage);
	}
}

/* "nurture, mql": where the model lets a lead go from a stage. */
static char *
ways_out(ModelDef *model, LeadStage from_stage)
{
	StringInfoData text;
	uint32		listed = 0;

	initStringInfo(&text);
	for (int i = 0; i < model->ntransitions; i++)
	{
		LeadStage	to_stage = model->transitions[i].to_stage;

		if (!lead_stage_connects(&model->transitions[i], from_stage, to_stage) ||
			(listed & lead_stage_bit(to_stage)))
			continue;
		listed |= lead_stage_bit(to_stage);
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
						 lead_stage_label(to_stage));
	}
	return text.len > 0 ? text.data : NULL;
}

static char *
reasons_hint(const TransitionDef *transition)
{
	StringInfoData text;

	if (transition->nreasons == 0)
		return pstrdup("Set the reason in the same statement as the stage.");
	initStringInfo(&text);
	appendStringInfoString(&text, "Set one of these reasons in the same statement as the stage: ");
	for (int i = 0; i < transition->nreasons; i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? ", " : "", transition->reasons[i]);
	appendStringInfoChar(&text, '.');
	return text.data;
}

/* Collects, for the message, everything that stands in the way. */
static void
explain_refusal(Judgement *judgement, LeadStage to_stage)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	LeadFacts	facts = lead_stage_facts_now(judgement);
	Refusal    *refusal = &judgement->refusal;
	StringInfoData unmet;
	int			ways = 0;

	initStringInfo(&unmet);
	for (int i = 0; i < model->ntransitions; i++)
	{
		if (!lead_stage_connects(&model->transitions[i], judgement->stage, to_stage))
			continue;
		ways++;
		lead_stage_transition_holds(&model->transitions[i], &facts, &oracle, &unmet);
	}
	if (ways == 0)
	{
		char	   *targets = ways_out(model, judgement->stage);

		appendStringInfo(&unmet, "Model \"%s\" has no transition from \"%s\" to \"%s\".",
						 model->name, lead_stage_label(judgement->stage),
						 lead_stage_label(to_stage));
		refusal->hint = targets ?
			psprintf("From \"%s\" a lead can go to: %s.",
					 lead_stage_label(judgement->stage), targets) :
			psprintf("No transition leaves \"%s\".", lead_stage_label(judgement->stage));
	}
	else
		refusal->hint = "Record what is missing on the lead first, in the same or an earlier statement, then move it.";
	lead_stage_criteria_hold(model, judgement->stage, to_stage, &oracle, &unmet);
	refusal->detail = unmet.data;
}

static void
refuse(Judgement *judgement, LeadStage to_stage, const TransitionDef *wants_reason)
{
	Refusal    *refusal = &judgement->refusal;

	refusal->refused = true;
	refusal->from_stage = judgement->stage;
	refusal->to_stage = to_stage;
	refusal->reason = (wants_reason != NULL);
	if (wants_reason != NULL)
	{
		refusal->detail = psprintf("Transition \"%s\" asks for a reason.",
								   wants_reason->name);
		refusal->hint = reasons_hint(wants_reason);
	}
	else
		explain_refusal(judgement, to_stage);

	if (judgement->table->model->keep_refused)
	{
		lead_stage_add_refused(judgement, to_stage, NULL, refusal->detail);
		refusal->refused = false;
	}
}

/*
 * The application wrote another stage.  Returns whether the lead may go on by
 * itself from where it is now.
 */
bool
lead_stage_move_by_hand(Judgement *judgement, LeadStage to_stage, const char *reason)
{
	ModelDef   *model = judgement->table->model;
	RowOracle	oracle = lead_stage_oracle_of(judgement);
	LeadFacts	facts = lead_stage_facts_now(judgement);
	LeadStage	from_stage = judgement->stage;
	int			wants_reason = -1;

	if (lead_stage_criteria_hold(model, from_stage, to_stage, &oracle, NULL))
	{
		for (int i = 0; i < model->ntransitions; i++)
		{
			const TransitionDef *transition = &model->transitions[i];

			if (!lead_stage_connects(transition, from_stage, to_stage) ||
				!lead_stage_transition_holds(transition, &facts, &oracle, NULL))
				continue;
			if (!lead_stage_reason_fits(transition, reason))
			{
				if (wants_reason < 0)
					wants_reason = i;
				continue;
			}
			lead_stage_move_to(judgement, to_stage, judgement->at, transition->name, reason);
			lead_stage_arrive_by(judgement, transition);
			return to_stage > from_stage;
		}
	}
	refuse(judgement, to_stage, wants_reason < 0 ? NULL : &model->transitions[wants_reason]);
	return false;
}
