/*
 * judge.h
 *	  The order of a write: what becomes of one lead's row.
 */
#ifndef LEAD_STAGE_JUDGE_H
#define LEAD_STAGE_JUDGE_H

#include "nodes/bitmapset.h"
#include "event.h"
#include "lead_table.h"
#include "sla.h"
#include "state.h"

/* Why a move was refused, for the error that may have to wait. */
typedef struct Refusal
{
	bool		refused;
	bool		reason;			/* the reason, not the move, was wanting */
	LeadStage	from_stage;
	LeadStage	to_stage;
	const char *detail;
	const char *hint;
} Refusal;

/*
 * The engagement rules that the activities of one statement matched: when
 * last, and when last before.
 */
typedef struct ActivityMatches
{
	int			nrules;
	int		   *rules;
	TimestampTz *last;
	TimestampTz *before;

	/* what was remembered of the lead before them, if that still counts */
	bool		knows_before;
	const LeadScore *score_before;
	TimestampTz last_touch_before;
} ActivityMatches;

/* Those whose last match is later in one score than in the other. */
extern void lead_stage_matches_between(const ModelDef *model, const LeadScore *before,
									   const LeadScore *after, ActivityMatches *matches);

/* What one write asks, and what the rules make of it. */
typedef struct Judgement
{
	/* in */
	LeadTable  *table;
	TupleTableSlot *old;		/* the stored row; NULL on insert */
	TupleTableSlot *row;		/* table->row: as written, then as it will be */
	bool		key_changed;
	bool		reason_written; /* the statement sets stage_reason */
	bool		rejudge;		/* rescore: judge though nothing changed */
	bool		adopt;			/* rescore: the row's stage is where it stands */
	bool		owner_set;		/* the statement sets owner, changed or not */
	uint64		statement;		/* tells statements apart; 0: none will write it */
	struct ActivityTable *activities;	/* whose row it is, if not a lead's */
	const ActivityMatches *matches; /* of the activities that led here, or NULL */
	const Datum *keys;			/* of the stored row, if there is one */
	const char *merged_with;	/* the key of the lead it is merged with, or NULL */
	TimestampTz at;
	LeadState	state;			/* what is remembered of the lead */

	/* out, in the memory context given to lead_stage_judge */
	int			nevents;
	LeadEvent  *events;
	Refusal		refusal;
	bool		state_changed;
	LeadState	new_state;		/* what to remember */
	int			nturns;			/* turns in pools, taken when the row lands */
	struct Turn *turns;
	LeadStage	stage_before;	/* as stored; 0 on insert */
	const char *owner_before;

	/* while at work */
	Datum		written[5];		/* our columns as written, to begin again with */
	bool		written_null[5];
	bool	   *holds;
	int			nchecks;
	struct TransitionCheck *checks;
	int			max_events;
	int			evaluating;		/* the condition being evaluated */
	bool		evaluating_old; /* for the row as it was */
	LeadStage	stage;
	TimestampTz since;
	const char *owner;			/* at the last event, for the next */
	bool		owner_written;	/* by the application: routes leave it alone */
	int			fit;
	VarBit	   *evidence;
	int			nclocks;
	Clock	   *clocks;			/* open ones, and those that have just ended */
	bool		clocks_changed;
	bool		entered;		/* the stage, since clocks were judged last */
	ClockEnd	last_end;		/* how the last clock to end did */
} Judgement;

/*
 * Judges a row whose model is published, with the rights of the table's owner
 * and in the model's time zone, and writes our columns into judgement->row.
 * Conditions that raise count as false with a WARNING, or raise, as the model
 * says.  Never raises a refusal: that is in judgement->refusal.
 */
extern void lead_stage_judge(Judgement *judgement);

/* The same for a table without a published model: nothing is scored, and no
 * stage moves. */
extern void lead_stage_judge_unpublished(Judgement *judgement);

/* The events of a lead that is deleted; changes no row. */
extern void lead_stage_judge_delete(Judgement *judgement);

/* Raises 23514 as the refusal says, for a row of that table. */
extern void lead_stage_raise_refusal(const Refusal *refusal, LeadTable *table);

/* What every condition says of judgement->row as it stands: one bool each. */
extern bool *lead_stage_evaluate_all(Judgement *judgement);

/* A transition out of the row's stage, and what it lacks (NULL: nothing). */
typedef struct TransitionCheck
{
	const TransitionDef *transition;
	bool		holds;
	const char *unmet;
} TransitionCheck;

extern TransitionCheck *lead_stage_check_transitions(Judgement *judgement, int *number);

#endif							/* LEAD_STAGE_JUDGE_H */
