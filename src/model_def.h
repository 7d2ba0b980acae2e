/*
 * model_def.h
 *	  A published model as plain C values.
 *
 * Conditions are not here: an object names the condition it has by its place
 * in the list of expressions that compile.c makes (NO_CONDITION: always
 * true).
 */
#ifndef LEAD_STAGE_MODEL_DEF_H
#define LEAD_STAGE_MODEL_DEF_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "lead_stage.h"

#define NO_CONDITION	(-1)

typedef struct CategoryDef
{
	const char *name;
	bool		capped;
	int			max_points;
} CategoryDef;

/* A fit rule; engagement rules are judged where activities are written. */
typedef struct RuleDef
{
	int			id;
	const char *name;
	int			points;
	bool		capped;
	int			cap;
	int			category;		/* index into categories, -1: none */
	int			condition;
} RuleDef;

/* An engagement rule, in the order of ids. */
typedef struct EngagementDef
{
	int			id;
	const char *name;
	const char *source;
	int			points;
	bool		capped;
	int			cap;
	int			category;
	double		half_life;		/* seconds; 0: no decay */
	bool		has_condition;
} EngagementDef;

/* A matching activity, at most so long ago; rule 0: none is asked for. */
typedef struct SignalDef
{
	int			rule;
	Interval   *within;
} SignalDef;

typedef struct CriterionDef
{
	const char *name;
	const char *question;
	LeadStage	required_for;
	int			condition;
	SignalDef	signal;
} CriterionDef;

typedef struct TransitionDef
{
	const char *name;
	bool		from_any_open;
	LeadStage	from_stage;
	LeadStage	to_stage;
	bool		automatic;
	bool		has_min_fit;
	bool		has_min_engagement;
	bool		has_min_score;
	bool		has_below_engagement;
	double		min_fit;
	double		min_engagement;
	double		min_score;
	double		below_engagement;
	Interval   *idle_for;
	Interval   *in_stage_for;
	Interval   *hold_for;
	SignalDef	signal;
	int			condition;
	int			not_before;		/* an expression of type timestamptz */
	bool		asks_reason;
	int			nreasons;		/* 0: any text will do */
	const char **reasons;
} TransitionDef;

typedef struct MilestoneDef
{
	const char *name;
	int			condition;
	SignalDef	signal;
} MilestoneDef;

/* Whoever a pool deals leads to; those who are not enabled are left out. */
typedef struct RepDef
{
	const char *name;
	int			weight;
	bool		limited;
	int			max_open;
} RepDef;

typedef struct PoolDef
{
	const char *name;
	uint64		serial;			/* no two definitions read have the same */
	int			nreps;
	RepDef	   *reps;
} PoolDef;

/* When a route takes a lead away from the owner it has. */
typedef enum Reassign
{
	REASSIGN_NEW_TEAM,
	REASSIGN_ALWAYS,
	REASSIGN_NEVER
} Reassign;

typedef struct RouteDef
{
	const char *name;
	LeadStage	stage;
	int			condition;
	const char *assign_to;		/* this or pool */
	PoolDef    *pool;
	Reassign	reassign;
} RouteDef;

/* A clock that starts when a lead enters a stage. */
typedef struct SlaDef
{
	const char *name;
	LeadStage	stage;
	int			condition;
	Interval   *target;
	const char *calendar;		/* NULL: round the clock */
	int			met_at;			/* an expression of type timestamptz */
	SignalDef	met_signal;
	bool		repeat;
	int			pause_when;		/* NO_CONDITION: it never stands still */
	Interval   *warn_before;	/* NULL: no warning */
	const char *escalate_to;
	LeadStage	breach_to;		/* 0: the lead stays */
} SlaDef;

typedef struct ModelDef
{
	int			id;
	const char *name;
	const char *time_zone;
	bool		keep_refused;	/* on_refused = keep */
	bool		raise_rule_errors;	/* on_rule_error = error */
	bool		notify;			/* events are sent with NOTIFY too */
	bool		uses_state;		/* moves depend on time or on activities */
	int			ncategories;
	CategoryDef *categories;
	int64	   *category_sums;	/* room to add up one row in */
	double	   *category_weights;	/* and one lead_score */
	int			nrules;
	int			max_rule_id;
	RuleDef    *rules;
	int			nengagements;
	EngagementDef *engagements;
	int			ncriteria;
	CriterionDef *criteria;
	int			ntransitions;
	TransitionDef *transitions;
	int			nroutes;
	RouteDef   *routes;
	int			npools;
	PoolDef    *pools;
	int			nmilestones;
	MilestoneDef *milestones;
	int			nslas;
	SlaDef	   *slas;
	List	   *condition_names;	/* column of the signals view, by condition */
} ModelDef;

/*
 * Reads the definition that publish stored.  The result, made in the current
 * memory context, does not point into the jsonb.  Raises 22023 if the
 * definition is not of the documented form.
 */
extern ModelDef *lead_stage_read_model(Jsonb *definition);

/* The pool of that name, or NULL. */
extern PoolDef *lead_stage_find_pool(const ModelDef *model, const char *name);

#endif							/* LEAD_STAGE_MODEL_DEF_H */
