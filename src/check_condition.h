/*
 * check_condition.h
 *	  A condition while publish checks it.
 */
#ifndef LEAD_STAGE_CHECK_CONDITION_H
#define LEAD_STAGE_CHECK_CONDITION_H

#include "nodes/primnodes.h"
#include "parser/parse_node.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"

typedef struct ConditionCheck
{
	Relation	rel;
	ParseNamespaceItem *item;
	Jsonb	   *columns;		/* role → column */
	Jsonb	   *guesses;		/* missing column → type to try */
	bool		may_read_ours;	/* stage, fit_score, owner */
	Const	   *time_zone;
} ConditionCheck;

/* The string under that key, in the current memory context; NULL: none. */
extern char *lead_stage_jsonb_text(Jsonb *object, const char *key);

/*
 * Raises 42P17, 42P10 or 0A000 for what PostgreSQL's parser lets pass and a
 * condition must not do: read the clock, the session, other rows, or columns
 * that have no value yet.  written is the parser's raw form of expr.
 */
extern void lead_stage_refuse_in_condition(ConditionCheck *check, Node *expr, Node *written);

/*
 * The expression with every cast that depends on a time zone bound to the
 * given one.  Changes nothing it is given but what it returns.
 */
extern Node *lead_stage_bind_time_zone(Node *expr, Const *time_zone);

/*
 * The expression with every instant that it casts to text written as the wall
 * clock of the given zone shows it, without an offset.
 */
extern Node *lead_stage_write_local_time(Node *expr, Const *time_zone);

#endif							/* LEAD_STAGE_CHECK_CONDITION_H */
