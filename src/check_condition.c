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
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "check_condition.h"

PG_FUNCTION_INFO_V1(lead_stage_check_condition);

/* How the condition names its table; the view is made with the same alias. */
#define TABLE_ALIAS "l"

/* ---------- names ---------- */

char *
lead_stage_jsonb_text(Jsonb *object, const char *key)
{
	JsonbValue	value;

	if (object == NULL ||
		!getKeyJsonValueFromContainer(&object->root, key, strlen(key), &value) ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
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

	column = lead_stage_jsonb_text(check->columns, name);
	if (column != NULL)
		return scanNSItemForColumn(pstate, check->item, 0, column, ref->location);

	type = lead_stage_jsonb_text(check->guesses, name);
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
	lead_stage_refuse_in_condition(&check, expr, raw_expression);
	expr = lead_stage_bind_time_zone(expr, check.time_zone);
	/* What is read, not judged. */
	if (result_type == TEXTOID)
		expr = lead_stage_write_local_time(expr, check.time_zone);

	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	canonical = deparse_expression(expr, deparse_context_for(TABLE_ALIAS, relid),
								   true, false);
	table_close(check.rel, NoLock);
	AtEOXact_GUC(true, guc_level);
	PG_RETURN_TEXT_P(cstring_to_text(canonical));
}
