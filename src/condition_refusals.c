/*
 * condition_refusals.c
 *	  What a condition must not do, though PostgreSQL's parser would allow it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "check_condition.h"

/* ---------- functions ---------- */

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

/* ---------- columns and constructs ---------- */

static const char *
role_of_column(ConditionCheck *check, const char *column)
{
	static const char *const roles[] = {"stage", "fit_score", "owner",
	"stage_since", "stage_reason"};

	for (int i = 0; i < lengthof(roles); i++)
	{
		char	   *name = lead_stage_jsonb_text(check->columns, roles[i]);

		if (name != NULL && strcmp(name, column) == 0)
			return roles[i];
	}
	return NULL;
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

/* ---------- words that move ---------- */

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

void
lead_stage_refuse_in_condition(ConditionCheck *check, Node *expr, Node *written)
{
	check_walker(expr, check);
	moving_literal_walker(expr, written);
}
