/*
 * transition.h
 *	  Which moves a lead may make: pure rules over plain values.
 */
#ifndef LEAD_STAGE_TRANSITION_H
#define LEAD_STAGE_TRANSITION_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "model_def.h"

/* What the rules know of a lead at one instant. */
typedef struct LeadFacts
{
	LeadStage	stage;
	TimestampTz at;				/* the instant it is judged for */
	TimestampTz stage_since;
	TimestampTz last_touch;		/* DT_NOBEGIN: never touched */
	double		fit;
	double		engagement;
} LeadFacts;

/* How a rule asks for what only the row can tell. */
typedef struct RowOracle
{
	bool		(*holds) (void *row, int condition);
	/* false if the expression is null */
	bool		(*instant) (void *row, int expression, TimestampTz *value);
	bool		(*signal) (void *row, const SignalDef *signal);
	void	   *row;
} RowOracle;

/* Whether the transition leads from one stage to another at all. */
extern bool lead_stage_connects(const TransitionDef *transition,
								LeadStage from_stage, LeadStage to_stage);

/*
 * Whether all that the transition asks holds.  With unmet not NULL, goes on
 * after the first thing that does not, and appends one sentence for each.
 */
extern bool lead_stage_transition_holds(const TransitionDef *transition,
										const LeadFacts *facts,
										const RowOracle *oracle,
										StringInfo unmet);

/*
 * Whether every check that lies between two stages is answered with yes
 * (from < required_for ≤ to; a move down passes none).  unmet as above.
 */
extern bool lead_stage_criteria_hold(const ModelDef *model,
									 LeadStage from_stage, LeadStage to_stage,
									 const RowOracle *oracle,
									 StringInfo unmet);

/* Whether a reason is one that the transition takes; NULL: none was given. */
extern bool lead_stage_reason_fits(const TransitionDef *transition,
								   const char *reason);

/*
 * The first automatic transition the lead can take now without entering a
 * stage it has been in during this evaluation (a bit per lead_stage_bit), or
 * NULL.
 */
extern const TransitionDef *lead_stage_next_move(const ModelDef *model,
												 const LeadFacts *facts,
												 const RowOracle *oracle,
												 uint32 entered);

/*
 * When, after facts->at, time alone may open one of the automatic transitions
 * out of the lead's stage; DT_NOEND: never.  crossing tells when the lead's
 * engagement passes a threshold.
 */
extern TimestampTz lead_stage_next_recheck(const ModelDef *model,
										   const LeadFacts *facts,
										   const RowOracle *oracle,
										   TimestampTz hold_until,
										   TimestampTz (*crossing) (void *row, TimestampTz from,
																	double threshold, bool below));

#define lead_stage_bit(stage)	(UINT32_C(1) << ((stage) / 10))

#endif							/* LEAD_STAGE_TRANSITION_H */
