/*
 * condition_zone.c
 *	  Binds what a condition says about dates to the model's time zone.
 *
 * A cast between timestamptz and date or timestamp follows the session's
 * TimeZone; here it becomes the AT TIME ZONE that says which one is meant.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "check_condition.h"

static Expr *
call(Oid funcid, Oid result, List *args)
{
	return (Expr *) makeFuncExpr(funcid, result, args, InvalidOid,
								 DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
}

/* timestamptz → the wall clock of the model's zone */
static Node *
local_time(Const *time_zone, Node *instant)
{
	return (Node *) call(F_TIMEZONE_TEXT_TIMESTAMPTZ, TIMESTAMPOID,
						 list_make2(copyObject(time_zone), instant));
}

/* a wall clock, or a date, in the model's zone → timestamptz */
static Node *
instant_of(Const *time_zone, Node *local)
{
	if (exprType(local) == DATEOID)
		local = (Node *) call(F_TIMESTAMP_DATE, TIMESTAMPOID, list_make1(local));
	return (Node *) call(F_TIMEZONE_TEXT_TIMESTAMP, TIMESTAMPTZOID,
						 list_make2(copyObject(time_zone), local));
}

/* epoch and the zone's own fields are the same, or meaningless, locally */
static bool
is_local_field(Node *field)
{
	Const	   *constant = (Const *) field;
	char	   *name;

	if (!IsA(field, Const) || constant->constisnull)
		return false;
	name = TextDatumGetCString(constant->constvalue);
	return pg_strcasecmp(name, "epoch") != 0 &&
		pg_strncasecmp(name, "timezone", 8) != 0;
}

static Node *
bind_function(Const *time_zone, FuncExpr *function)
{
	Node	   *first = linitial(function->args);
	Node	   *second = list_length(function->args) > 1 ? lsecond(function->args) : NULL;

	switch (function->funcid)
	{
		case F_DATE_TIMESTAMPTZ:
			return (Node *) call(F_DATE_TIMESTAMP, DATEOID,
								 list_make1(local_time(time_zone, first)));
		case F_TIME_TIMESTAMPTZ:
			return (Node *) call(F_TIME_TIMESTAMP, TIMEOID,
								 list_make1(local_time(time_zone, first)));
		case F_TIMESTAMP_TIMESTAMPTZ:
			return local_time(time_zone, first);
		case F_TIMESTAMPTZ_DATE:
		case F_TIMESTAMPTZ_TIMESTAMP:
			return instant_of(time_zone, first);
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
			return (Node *) call(F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, TIMESTAMPTZOID,
								 list_make3(first, second,
											copyObject(time_zone)));
		case F_TO_CHAR_TIMESTAMPTZ_TEXT:
			return (Node *) call(F_TO_CHAR_TIMESTAMP_TEXT, TEXTOID,
								 list_make2(local_time(time_zone, first), second));
		case F_EXTRACT_TEXT_TIMESTAMPTZ:
			if (is_local_field(first))
				return (Node *) call(F_EXTRACT_TEXT_TIMESTAMP, NUMERICOID,
									 list_make2(first, local_time(time_zone, second)));
			break;
		case F_DATE_PART_TEXT_TIMESTAMPTZ:
			if (is_local_field(first))
				return (Node *) call(F_DATE_PART_TEXT_TIMESTAMP, FLOAT8OID,
									 list_make2(first, local_time(time_zone, second)));
			break;
		default:
			break;
	}
	return (Node *) function;
}

static bool
is_local_type(Node *node)
{
	Oid			type = exprType(node);

	return type == DATEOID || type == TIMESTAMPOID;
}

/* The operator of that name in pg_catalog. */
static Oid
same_operator(Oid opno, Oid left, Oid right)
{
	return OpernameGetOprid(list_make2(makeString("pg_catalog"),
									   makeString(get_opname(opno))),
							left, right);
}

/*
 * A timestamptz compared with a date or timestamp: both become instants.  Also
 * of IS DISTINCT FROM, which is the same node by another tag.
 */
static Node *
bind_operator(Const *time_zone, OpExpr *operator)
{
	Node	   *left = linitial(operator->args);
	Node	   *right = list_length(operator->args) > 1 ? lsecond(operator->args) : NULL;
	Oid			same;

	if (right == NULL ||
		!((exprType(left) == TIMESTAMPTZOID && is_local_type(right)) ||
		  (exprType(right) == TIMESTAMPTZOID && is_local_type(left))))
		return (Node *) operator;
	same = same_operator(operator->opno, TIMESTAMPTZOID, TIMESTAMPTZOID);
	if (!OidIsValid(same))
		return (Node *) operator;
	if (is_local_type(left))
		left = instant_of(time_zone, left);
	else
		right = instant_of(time_zone, right);
	operator->opno = same;
	operator->opfuncid = InvalidOid;
	operator->args = list_make2(left, right);
	set_opfuncid(operator);
	return (Node *) operator;
}

/* NULLIF keeps the type of its first argument. */
static Node *
bind_nullif(Const *time_zone, OpExpr *nullif)
{
	Node	   *left = linitial(nullif->args);
	Node	   *right = lsecond(nullif->args);

	if (exprType(left) == TIMESTAMPTZOID && is_local_type(right))
		return bind_operator(time_zone, nullif);
	if (is_local_type(left) && exprType(right) == TIMESTAMPTZOID)
	{
		nullif->opno = same_operator(nullif->opno, exprType(left), TIMESTAMPOID);
		nullif->opfuncid = InvalidOid;
		nullif->args = list_make2(left, local_time(time_zone, right));
		set_opfuncid(nullif);
	}
	return (Node *) nullif;
}

/* x = ANY (array), and x IN (list) with types that differ. */
static Node *
bind_array_operator(Const *time_zone, ScalarArrayOpExpr *operator)
{
	Node	   *left = linitial(operator->args);
	Node	   *right = lsecond(operator->args);
	Oid			element = get_element_type(exprType(right));

	if (is_local_type(left) && element == TIMESTAMPTZOID)
		left = instant_of(time_zone, left);
	else if (exprType(left) == TIMESTAMPTZOID &&
			 (element == DATEOID || element == TIMESTAMPOID))
	{
		ArrayExpr  *array = (ArrayExpr *) right;
		ListCell   *lc;

		if (!IsA(right, ArrayExpr) || array->multidims)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a timestamp with time zone must not be compared with an array of %s",
							format_type_be(element)),
					 errhint("Cast the array to timestamptz[], or the other side to %s.",
							 format_type_be(element))));
		foreach(lc, array->elements)
			lfirst(lc) = instant_of(time_zone, lfirst(lc));
		array->element_typeid = TIMESTAMPTZOID;
		array->array_typeid = get_array_type(TIMESTAMPTZOID);
	}
	else
		return (Node *) operator;
	operator->opno = same_operator(operator->opno, TIMESTAMPTZOID, TIMESTAMPTZOID);
	operator->opfuncid = InvalidOid;
	operator->args = list_make2(left, right);
	set_sa_opfuncid(operator);
	return (Node *) operator;
}

/* (a, b) < (c, d): each pair by itself.  Both operators are of one family. */
static Node *
bind_row(Const *time_zone, RowCompareExpr *row)
{
	ListCell   *left;
	ListCell   *right;
	ListCell   *opno;

	forthree(left, row->largs, right, row->rargs, opno, row->opnos)
	{
		Node	   *a = lfirst(left);
		Node	   *b = lfirst(right);

		if (exprType(a) == TIMESTAMPTZOID && is_local_type(b))
			lfirst(right) = instant_of(time_zone, b);
		else if (is_local_type(a) && exprType(b) == TIMESTAMPTZOID)
			lfirst(left) = instant_of(time_zone, a);
		else
			continue;
		lfirst_oid(opno) = same_operator(lfirst_oid(opno), TIMESTAMPTZOID,
										 TIMESTAMPTZOID);
	}
	return (Node *) row;
}

static Node *
bind_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, bind_mutator, context);
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->args != NIL)
		return bind_function(context, (FuncExpr *) node);
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr))
		return bind_operator(context, (OpExpr *) node);
	if (IsA(node, NullIfExpr))
		return bind_nullif(context, (OpExpr *) node);
	if (IsA(node, RowCompareExpr))
		return bind_row(context, (RowCompareExpr *) node);
	if (IsA(node, ScalarArrayOpExpr))
		return bind_array_operator(context, (ScalarArrayOpExpr *) node);
	return node;
}

Node *
lead_stage_bind_time_zone(Node *expr, Const *time_zone)
{
	return bind_mutator(expr, time_zone);
}

static Node *
local_text_mutator(Node *node, void *context)
{
	CoerceViaIO *cast;

	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, local_text_mutator, context);
	if (!IsA(node, CoerceViaIO))
		return node;
	cast = (CoerceViaIO *) node;
	if (exprType((Node *) cast->arg) == TIMESTAMPTZOID &&
		(cast->resulttype == TEXTOID || cast->resulttype == VARCHAROID))
	{
		cast->arg = (Expr *) local_time(context, (Node *) cast->arg);
		cast->coerceformat = COERCE_EXPLICIT_CAST;
	}
	return node;
}

Node *
lead_stage_write_local_time(Node *expr, Const *time_zone)
{
	return local_text_mutator(expr, time_zone);
}
