/*
 * run_as.c
 *	  SQL of our own that runs as the owner of a table.
 *
 * The security context is not restricted: what the statement queues for
 * commit (the user's deferred triggers) must still be queued.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "compat.h"
#include "run_as.h"

PG_FUNCTION_INFO_V1(lead_stage_execute_as);
PG_FUNCTION_INFO_V1(lead_stage_evaluate_as);

void
lead_stage_become(Oid role, int security_flags, Identity *self)
{
	GetUserIdAndSecContext(&self->user, &self->security_context);
	SetUserIdAndSecContext(role, self->security_context | security_flags);
}

void
lead_stage_be_again(const Identity *self)
{
	SetUserIdAndSecContext(self->user, self->security_context);
}

int
lead_stage_spi_as(Oid role, const char *sql, int nargs,
				  Oid *types, Datum *values, const char *nulls)
{
	Identity	self;
	int			result;

	lead_stage_become(role, LEAD_STAGE_AS_OWNER, &self);
	result = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);
	lead_stage_be_again(&self);
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args returned %s for: %s",
			 SPI_result_code_string(result), sql);
	return result;
}

int
lead_stage_spi_plan_as(Oid role, SPIPlanPtr plan, Datum *values, const char *nulls)
{
	Identity	self;
	int			result;

	lead_stage_become(role, LEAD_STAGE_AS_OWNER, &self);
	result = SPI_execute_plan(plan, values, nulls, false, 0);
	lead_stage_be_again(&self);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan returned %s", SPI_result_code_string(result));
	return result;
}

void
lead_stage_spi_query_as(Oid role, const char *sql, int nargs,
						Oid *types, Datum *values, DestReceiver *receiver)
{
	ParamListInfo params = makeParamList(nargs);
	SPIExecuteOptions options = {.params = params, .dest = receiver};
	Identity	self;
	int			result;

	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	lead_stage_become(role, LEAD_STAGE_AS_OWNER, &self);
	result = SPI_execute_extended(sql, &options);
	lead_stage_be_again(&self);
	if (result < 0)
		elog(ERROR, "SPI_execute_extended returned %s for: %s",
			 SPI_result_code_string(result), sql);
}

void
lead_stage_require_membership(Oid role, const char *what)
{
	Oid			user = GetUserId();

	if (has_privs_of_role(user, role) || member_can_set_role(user, role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be a member of role \"%s\" to %s",
					GetUserNameFromId(role, false), what)));
}

void
lead_stage_require_set_role(Oid role)
{
	if (!member_can_set_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be able to SET ROLE \"%s\"",
						GetUserNameFromId(role, false))));
}

/*
 * _execute_as(role regrole, sql text) → void
 *
 * What SET ROLE and the statement would do, but usable inside a function that
 * is itself SECURITY DEFINER.  Open to everybody, for it needs the same
 * membership that SET ROLE needs.
 */
Datum
lead_stage_execute_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(1));

	lead_stage_require_set_role(role);
	SPI_connect();
	lead_stage_spi_as(role, sql, 0, NULL, NULL, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * _evaluate_as(role regrole, query text) → text
 *
 * The one value of a query, as text.  For what a table's owner has written (a
 * column's default, a domain's check) and somebody else wants to know: it runs
 * with the owner's rights, as conditions do, and cannot leave anything behind.
 */
Datum
lead_stage_evaluate_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext context = CurrentMemoryContext;
	Identity	self;
	int			guc_level;
	char	   *value = NULL;

	lead_stage_require_set_role(role);
	SPI_connect();
	lead_stage_become(role, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS, &self);
	guc_level = NewGUCNestLevel();
	if (SPI_execute(query, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "not a query: %s", query);
	AtEOXact_GUC(false, guc_level);
	lead_stage_be_again(&self);
	if (SPI_processed == 1)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value != NULL)
		value = MemoryContextStrdup(context, value);
	SPI_finish();
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}
