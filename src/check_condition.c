/*
 * check_condition.c
 *	  What publish asks of every condition before it is compiled.
 *
 * The condition is analysed by PostgreSQL's own parser over the leads table
 * and handed back in canonical form, with every name qualified and every cast
 * that depends on a time zone bound to the model's: what the signals view is
 * then made of means the same in every session.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(lead_stage_check_condition);

/* How the condition names its table; the view is made with the same alias. */
#define TABLE_ALIAS "l"

typedef struct ConditionCheck
{
	Relation	rel;
	ParseNamespaceItem *item;
	Jsonb	   *columns;		/* role → column */
	Jsonb	   *guesses;		/* missing column → type to try */
	bool		may_read_ours;	/* stage, fit_score, owner */
	Const	   *time_zone;
} ConditionCheck;

/* ---------- names ---------- */

static char *
jsonb_text(Jsonb *object, const char *key)
{
	JsonbValue	value;

	if (object == NULL ||
		!getKeyJsonValueFromContainer(&object->root, key, strlen(key), &value) ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static const char *
role_of_column(ConditionCheck *check, const char *column)
{
	static const char *const roles[] = {"stage", "fit_score", "owner",
	"stage_since", "stage_reason"};

	for (int i = 0; i < lengthof(roles); i++)
	{
		char	   *name = jsonb_text(check->columns, roles[i]);

		if (name != NULL && strcmp(name, column) == 0)
			return roles[i];
	}
	return NULL;
}

/*
 * A name that is no column of the table may be a role whose column is called
 * otherwise there, or a column whose type publish is guessing.
 */
static Node *
resolve_name(ParseState *pstate, ColumnRef *ref, Node *var)
{
	ConditionCheck *check = pstate->p_ref_hook_state;
	char	   *name;
	char	   *column;
	char	   *type;

	if (var != NULL || list_length(ref->fields) != 1 ||
		!IsA(linitial(ref->fields), String))
		return NULL;
	name = strVal(linitial(ref->fields));

	column = jsonb_text(check->columns, name);
	if (column != NULL)
		return scanNSItemForColumn(pstate, check->item, 0, column, ref->location);

	type = jsonb_text(check->guesses, name);
	if (type != NULL)
	{
		Oid			type_oid;
		int32		typmod;

		parseTypeString(type, &type_oid, &typmod, false);
		return (Node *) makeNullConst(type_oid, -1, get_typcollation(type_oid));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation \"%s\" does not exist",
					name, RelationGetRelationName(check->rel)),
			 err_generic_string(PG_DIAG_COLUMN_NAME, name)));
}

/* ---------- what a condition must not do ---------- */

static void
refuse_function(const char *name, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("%s must not be used: %s", name, why),
			 hint ? errhint("%s", hint) : 0));
}

/* Built-in functions that ask the clock, the session or other relations. */
static const struct
{
	const char *name;
	char		kind;			/* c: clock, s: session, x: relations */
}			forbidden[] = {
	{"age", 'c'},				/* of one argument only; see below */
	{"current_database", 's'},
	{"current_query", 's'},
	{"current_role", 's'},
	{"current_schema", 's'},
	{"current_schemas", 's'},
	{"current_setting", 's'},
	{"current_user", 's'},
	{"database_to_xml", 'x'},
	{"database_to_xml_and_xmlschema", 'x'},
	{"database_to_xmlschema", 'x'},
	{"getpgusername", 's'},
	{"has_any_column_privilege", 's'},
	{"has_column_privilege", 's'},
	{"has_database_privilege", 's'},
	{"has_foreign_data_wrapper_privilege", 's'},
	{"has_function_privilege", 's'},
	{"has_language_privilege", 's'},
	{"has_parameter_privilege", 's'},
	{"has_schema_privilege", 's'},
	{"has_sequence_privilege", 's'},
	{"has_server_privilege", 's'},
	{"has_table_privilege", 's'},
	{"has_tablespace_privilege", 's'},
	{"has_type_privilege", 's'},
	{"inet_client_addr", 's'},
	{"inet_client_port", 's'},
	{"inet_server_addr", 's'},
	{"inet_server_port", 's'},
	{"now", 'c'},
	{"pg_backend_pid", 's'},
	{"pg_current_snapshot", 's'},
	{"pg_current_xact_id", 's'},
	{"pg_current_xact_id_if_assigned", 's'},
	{"pg_has_role", 's'},
	{"pg_my_temp_schema", 's'},
	{"pg_trigger_depth", 's'},
	{"row_security_active", 's'},
	{"schema_to_xml", 'x'},
	{"schema_to_xml_and_xmlschema", 'x'},
	{"schema_to_xmlschema", 'x'},
	{"session_user", 's'},
	{"statement_timestamp", 'c'},
	{"system_user", 's'},
	{"table_to_xml", 'x'},
	{"table_to_xml_and_xmlschema", 'x'},
	{"table_to_xmlschema", 'x'},
	{"transaction_timestamp", 'c'},
	{"txid_current", 's'},
	{"txid_current_if_assigned", 's'},
	{"txid_current_snapshot", 's'},
	{"user", 's'}
};

static void
refuse_clock(const char *name)
{
	refuse_function(name, "a lead is judged when it is written, not when the clock goes on",
					"Use lead_stage.now(), or the transition's own in_stage_for, idle_for or not_before.");
}

static void
refuse_session(const char *name)
{
	refuse_function(name, "the answer must not depend on who writes the lead",
					"Record what matters in a column of the lead.");
}

static bool
check_function(Oid funcid, void *context)
{
	char	   *name = get_func_name(funcid);

	if (name == NULL)
		return false;
	if (func_volatile(funcid) == PROVOLATILE_VOLATILE)
		refuse_function(psprintf("function %s()", name), "it is volatile",
						"A condition must give the same answer for the same row; mark the function STABLE or IMMUTABLE if it does.");
	if (funcid >= FirstUnpinnedObjectId)
		return false;
	for (int i = 0; i < lengthof(forbidden); i++)
	{
		if (strcmp(forbidden[i].name, name) != 0)
			continue;
		name = psprintf("function %s()", name);
		if (forbidden[i].kind == 'x')
			refuse_function(name, "a condition sees only the lead's own row", NULL);
		else if (forbidden[i].kind == 's')
			refuse_session(name);
		else if (strcmp(forbidden[i].name, "age") != 0 || get_func_nargs(funcid) == 1)
			refuse_clock(name);
	}
	return false;
}

static void
check_value_function(SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_DATE:
			refuse_clock("CURRENT_DATE");
			break;
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
			refuse_clock("CURRENT_TIME");
			break;
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			refuse_clock("CURRENT_TIMESTAMP");
			break;
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
			refuse_clock("LOCALTIME");
			break;
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			refuse_clock("LOCALTIMESTAMP");
			break;
		case SVFOP_CURRENT_CATALOG:
			refuse_session("CURRENT_CATALOG");
			break;
		case SVFOP_CURRENT_SCHEMA:
			refuse_session("CURRENT_SCHEMA");
			break;
		case SVFOP_SESSION_USER:
			refuse_session("SESSION_USER");
			break;
		case SVFOP_USER:
			refuse_session("USER");
			break;
		case SVFOP_CURRENT_ROLE:
			refuse_session("CURRENT_ROLE");
			break;
		default:
			refuse_session("CURRENT_USER");
			break;
	}
}

static void
check_column(ConditionCheck *check, Var *var)
{
	Form_pg_attribute att;
	const char *name;
	const char *role;

	if (var->varattno == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the whole row must not be used"),
				 errhint("Name the columns that matter.")));
	if (var->varattno < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("a system column must not be used"),
				 errhint("A row that is being written has none yet.")));

	att = TupleDescAttr(RelationGetDescr(check->rel), var->varattno - 1);
	name = NameStr(att->attname);
	if (att->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" is generated and must not be used", name),
				 errdetail("A generated column is computed after the lead is judged."),
				 errhint("Use its expression instead.")));

	role = role_of_column(check, name);
	if (role == NULL)
		return;
	if (!check->may_read_ours)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("a rule must not read column \"%s\"", name),
				 errdetail("Rules are what stage, owner and scores are made from.")));
	if (strcmp(role, "stage_since") == 0 || strcmp(role, "stage_reason") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" must not be used", name),
				 errhint("Use the transition's own in_stage_for for the time in a stage.")));
}

/*
 * IS DISTINCT FROM, NULLIF, CASE x WHEN and row comparisons have no place for
 * an operator's schema, so a dump of the signals view could not be restored.
 */
static void
check_operator(Oid operator, const char *construct)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Oid			namespace = PG_CATALOG_NAMESPACE;

	if (HeapTupleIsValid(tuple))
	{
		namespace = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
		ReleaseSysCache(tuple);
	}
	if (namespace != PG_CATALOG_NAMESPACE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must not be used with a type whose operators are outside pg_catalog",
						construct),
				 errdetail("PostgreSQL could not restore a dump of such a condition."),
				 errhint("Compare with = and IS NULL, or cast the value to text.")));
}

static void
check_constructs(Node *node)
{
	ListCell   *lc;

	if (IsA(node, DistinctExpr))
		check_operator(((DistinctExpr *) node)->opno, "IS DISTINCT FROM");
	else if (IsA(node, NullIfExpr))
		check_operator(((NullIfExpr *) node)->opno, "NULLIF");
	else if (IsA(node, RowCompareExpr))
	{
		foreach(lc, ((RowCompareExpr *) node)->opnos)
			check_operator(lfirst_oid(lc), "a row comparison");
	}
	else if (IsA(node, CaseExpr) && ((CaseExpr *) node)->arg != NULL)
	{
		foreach(lc, ((CaseExpr *) node)->args)
		{
			Node	   *when = (Node *) lfirst_node(CaseWhen, lc)->expr;

			if (IsA(when, OpExpr))
				check_operator(((OpExpr *) when)->opno, "CASE with a value after it");
		}
	}
}

static bool
check_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	check_constructs(node);
	if (IsA(node, Var))
		check_column(context, (Var *) node);
	else if (IsA(node, SQLValueFunction))
		check_value_function((SQLValueFunction *) node);
	check_functions_in_node(node, check_function, context);
	return expression_tree_walker(node, check_walker, context);
}

/*
 * 'today'::date and its kin were turned into the day of publishing; the words
 * are only to be seen in what was written.
 */
static void
refuse_moving_words(const char *literal)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};

	for (const char *text = literal; *text != '\0'; text++)
	{
		if (text > literal && isalnum((unsigned char) text[-1]))
			continue;
		for (int i = 0; i < lengthof(words); i++)
			if (pg_strncasecmp(text, words[i], strlen(words[i])) == 0 &&
				!isalnum((unsigned char) text[strlen(words[i])]))
				refuse_clock(psprintf("the literal '%s'", words[i]));
	}
}

/* A date or time, or an array or range of them. */
static bool
is_temporal(Oid type)
{
	Oid			element;

	type = getBaseType(type);
	element = get_element_type(type);
	if (!OidIsValid(element))
		element = get_multirange_range(type);
	if (!OidIsValid(element))
		element = get_range_subtype(type);
	if (OidIsValid(element))
		return is_temporal(element);
	return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID ||
		type == TIMEOID || type == TIMETZOID;
}

typedef struct WrittenLiteral
{
	int			location;
	const char *text;			/* NULL until found */
} WrittenLiteral;

static bool
find_literal_walker(Node *node, void *context)
{
	WrittenLiteral *literal = context;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
	{
		A_Const    *constant = (A_Const *) node;

		if (constant->location == literal->location && !constant->isnull &&
			IsA(&constant->val, String))
			literal->text = strVal(&constant->val);
		return literal->text != NULL;
	}
	return raw_expression_tree_walker(node, find_literal_walker, context);
}

static bool
moving_literal_walker(Node *node, void *raw_expression)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		Const	   *constant = (Const *) node;
		WrittenLiteral literal = {constant->location, NULL};

		if (!constant->constisnull && constant->location >= 0 &&
			is_temporal(constant->consttype) &&
			find_literal_walker(raw_expression, &literal))
			refuse_moving_words(literal.text);
		return false;
	}
	if (IsA(node, CoerceViaIO))
	{
		CoerceViaIO *cast = (CoerceViaIO *) node;

		if (is_temporal(cast->resulttype) && IsA(cast->arg, Const) &&
			exprType((Node *) cast->arg) == TEXTOID &&
			!((Const *) cast->arg)->constisnull)
			refuse_moving_words(TextDatumGetCString(((Const *) cast->arg)->constvalue));
	}
	return expression_tree_walker(node, moving_literal_walker, raw_expression);
}

/* ---------- time zones ---------- */

static Expr *
call(Oid funcid, Oid result, List *args)
{
	return (Expr *) makeFuncExpr(funcid, result, args, InvalidOid,
								 DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
}

/* timestamptz → the wall clock of the model's zone */
static Node *
local_time(ConditionCheck *check, Node *instant)
{
	return (Node *) call(F_TIMEZONE_TEXT_TIMESTAMPTZ, TIMESTAMPOID,
						 list_make2(copyObject(check->time_zone), instant));
}

/* a wall clock, or a date, in the model's zone → timestamptz */
static Node *
instant_of(ConditionCheck *check, Node *local)
{
	if (exprType(local) == DATEOID)
		local = (Node *) call(F_TIMESTAMP_DATE, TIMESTAMPOID, list_make1(local));
	return (Node *) call(F_TIMEZONE_TEXT_TIMESTAMP, TIMESTAMPTZOID,
						 list_make2(copyObject(check->time_zone), local));
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
bind_function(ConditionCheck *check, FuncExpr *function)
{
	Node	   *first = linitial(function->args);
	Node	   *second = list_length(function->args) > 1 ? lsecond(function->args) : NULL;

	switch (function->funcid)
	{
		case F_DATE_TIMESTAMPTZ:
			return (Node *) call(F_DATE_TIMESTAMP, DATEOID,
								 list_make1(local_time(check, first)));
		case F_TIME_TIMESTAMPTZ:
			return (Node *) call(F_TIME_TIMESTAMP, TIMEOID,
								 list_make1(local_time(check, first)));
		case F_TIMESTAMP_TIMESTAMPTZ:
			return local_time(check, first);
		case F_TIMESTAMPTZ_DATE:
		case F_TIMESTAMPTZ_TIMESTAMP:
			return instant_of(check, first);
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
			return (Node *) call(F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, TIMESTAMPTZOID,
								 list_make3(first, second,
											copyObject(check->time_zone)));
		case F_TO_CHAR_TIMESTAMPTZ_TEXT:
			return (Node *) call(F_TO_CHAR_TIMESTAMP_TEXT, TEXTOID,
								 list_make2(local_time(check, first), second));
		case F_EXTRACT_TEXT_TIMESTAMPTZ:
			if (is_local_field(first))
				return (Node *) call(F_EXTRACT_TEXT_TIMESTAMP, NUMERICOID,
									 list_make2(first, local_time(check, second)));
			break;
		case F_DATE_PART_TEXT_TIMESTAMPTZ:
			if (is_local_field(first))
				return (Node *) call(F_DATE_PART_TEXT_TIMESTAMP, FLOAT8OID,
									 list_make2(first, local_time(check, second)));
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
bind_operator(ConditionCheck *check, OpExpr *operator)
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
		left = instant_of(check, left);
	else
		right = instant_of(check, right);
	operator->opno = same;
	operator->opfuncid = InvalidOid;
	operator->args = list_make2(left, right);
	set_opfuncid(operator);
	return (Node *) operator;
}

/* NULLIF keeps the type of its first argument. */
static Node *
bind_nullif(ConditionCheck *check, OpExpr *nullif)
{
	Node	   *left = linitial(nullif->args);
	Node	   *right = lsecond(nullif->args);

	if (exprType(left) == TIMESTAMPTZOID && is_local_type(right))
		return bind_operator(check, nullif);
	if (is_local_type(left) && exprType(right) == TIMESTAMPTZOID)
	{
		nullif->opno = same_operator(nullif->opno, exprType(left), TIMESTAMPOID);
		nullif->opfuncid = InvalidOid;
		nullif->args = list_make2(left, local_time(check, right));
		set_opfuncid(nullif);
	}
	return (Node *) nullif;
}

/* x = ANY (array), and x IN (list) with types that differ. */
static Node *
bind_array_operator(ConditionCheck *check, ScalarArrayOpExpr *operator)
{
	Node	   *left = linitial(operator->args);
	Node	   *right = lsecond(operator->args);
	Oid			element = get_element_type(exprType(right));

	if (is_local_type(left) && element == TIMESTAMPTZOID)
		left = instant_of(check, left);
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
			lfirst(lc) = instant_of(check, lfirst(lc));
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
bind_row(ConditionCheck *check, RowCompareExpr *row)
{
	ListCell   *left;
	ListCell   *right;
	ListCell   *opno;

	forthree(left, row->largs, right, row->rargs, opno, row->opnos)
	{
		Node	   *a = lfirst(left);
		Node	   *b = lfirst(right);

		if (exprType(a) == TIMESTAMPTZOID && is_local_type(b))
			lfirst(right) = instant_of(check, b);
		else if (is_local_type(a) && exprType(b) == TIMESTAMPTZOID)
			lfirst(left) = instant_of(check, a);
		else
			continue;
		lfirst_oid(opno) = same_operator(lfirst_oid(opno), TIMESTAMPTZOID,
										 TIMESTAMPTZOID);
	}
	return (Node *) row;
}

static Node *
bind_time_zone(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, bind_time_zone, context);
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

/* ---------- analysis ---------- */

/* One bare expression, whatever else could be made of "SELECT " and it. */
static Node *
parse_expression(const char *source)
{
	List	   *statements = raw_parser(source, RAW_PARSE_DEFAULT);
	SelectStmt *select;
	ResTarget  *target;

	if (list_length(statements) == 1)
	{
		select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
		if (IsA(select, SelectStmt) && list_length(select->targetList) == 1 &&
			!select->distinctClause && !select->intoClause && !select->fromClause &&
			!select->whereClause && !select->groupClause && !select->havingClause &&
			!select->windowClause && !select->valuesLists && !select->sortClause &&
			!select->limitOffset && !select->limitCount && !select->lockingClause &&
			!select->withClause && select->op == SETOP_NONE)
		{
			target = linitial_node(ResTarget, select->targetList);
			/* a bare * is for target lists only; transformExpr trusts in that */
			if (target->name == NULL && target->indirection == NIL &&
				!(IsA(target->val, ColumnRef) &&
				  IsA(linitial(((ColumnRef *) target->val)->fields), A_Star)))
				return target->val;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("a condition must be one expression"),
			 errhint("Write what would stand after WHERE.")));
}

static Node *
analyse(ConditionCheck *check, const char *source, Node *raw_expression,
		Oid result_type)
{
	ParseState *pstate = make_parsestate(NULL);
	Node	   *expr;

	pstate->p_sourcetext = source;
	pstate->p_ref_hook_state = check;
	pstate->p_post_columnref_hook = resolve_name;
	check->item = addRangeTableEntryForRelation(pstate, check->rel, AccessShareLock,
												makeAlias(TABLE_ALIAS, NIL),
												false, true);
	addNSItemToQuery(pstate, check->item, false, true, true);

	expr = transformExpr(pstate, copyObject(raw_expression), EXPR_KIND_TRIGGER_WHEN);
	if (result_type == BOOLOID)
		expr = coerce_to_boolean(pstate, expr, "the condition");
	else
	{
		Oid			type = exprType(expr);
		Node	   *coerced = coerce_to_target_type(pstate, expr, type, result_type, -1,
													COERCION_ASSIGNMENT,
													COERCE_IMPLICIT_CAST, -1);

		if (coerced == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the expression must be of type %s, not type %s",
							format_type_be(result_type), format_type_be(type))));
		expr = coerced;
	}
	assign_expr_collations(pstate, expr);
	free_parsestate(pstate);
	return expr;
}

/*
 * Names are looked up in pg_catalog and the schema of the extension's types
 * only; the latter comes as a quoted identifier.
 */
static void
pin_settings(const char *type_schema, const char *time_zone)
{
	const char *path = psprintf("pg_catalog, %s, pg_temp", type_schema);

	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("TimeZone", time_zone, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("DateStyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("IntervalStyle", "postgres", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * _check_condition(leads regclass, condition text, result regtype,
 *					columns jsonb, may_read_ours boolean, time_zone text,
 *					type_schema text, guesses jsonb) → text
 *
 * The canonical form of a condition, its columns prefixed with the alias "l".
 * Raises what PostgreSQL's parser raises, and our own errors for what it would
 * allow.
 */
Datum
lead_stage_check_condition(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *source = psprintf("SELECT %s", text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Oid			result_type = PG_GETARG_OID(2);
	char	   *time_zone = text_to_cstring(PG_GETARG_TEXT_PP(5));
	ConditionCheck check;
	int			guc_level = NewGUCNestLevel();
	Node	   *raw_expression;
	Node	   *expr;
	char	   *canonical;

	check.columns = PG_GETARG_JSONB_P(3);
	check.may_read_ours = PG_GETARG_BOOL(4);
	check.guesses = PG_GETARG_JSONB_P(7);
	check.time_zone = makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
								CStringGetTextDatum(time_zone), false, false);
	pin_settings(text_to_cstring(PG_GETARG_TEXT_PP(6)), time_zone);
	check.rel = table_open(relid, AccessShareLock);

	raw_expression = parse_expression(source);
	expr = analyse(&check, source, raw_expression, result_type);
	check_walker(expr, &check);
	moving_literal_walker(expr, raw_expression);
	expr = bind_time_zone(expr, &check);

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	canonical = deparse_expression(expr, deparse_context_for(TABLE_ALIAS, relid),
								   true, false);
	table_close(check.rel, NoLock);
	AtEOXact_GUC(true, guc_level);
	PG_RETURN_TEXT_P(cstring_to_text(canonical));
}
