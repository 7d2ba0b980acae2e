/*
 * touch_sql.c
 *	  The statements that we run over many leads and their states at once.
 *
 * Keys go in as arrays.  Every operator and name is qualified, so the plans
 * mean the same whatever the session's search_path.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "run_as.h"
#include "sql_names.h"
#include "state.h"
#include "touch_sql.h"

void
lead_stage_touched_keys(LeadTable *leads, TouchedLead **chosen, int nchosen,
						Oid *types, Datum *values)
{
	Datum	   *column = palloc(sizeof(Datum) * Max(nchosen, 1));

	for (int i = 0; i < leads->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(leads->desc, leads->keys[i] - 1);

		for (int n = 0; n < nchosen; n++)
			column[n] = chosen[n]->keys[i];
		types[i] = get_array_type(att->atttypid);
		values[i] = PointerGetDatum(construct_array(column, nchosen, att->atttypid,
													att->attlen, att->attbyval,
													att->attalign));
	}
	pfree(column);
}

char *
lead_stage_unnested_keys(LeadTable *leads)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "ROWS FROM (");
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&text, ") AS k (");
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%sk%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoChar(&text, ')');
	return text.data;
}

/* "alias.key OPERATOR(pg_catalog.=) k.k1 AND …" */
static char *
match_keys(LeadTable *leads, bool of_state)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < leads->nkeys; i++)
	{
		Oid			type = TupleDescAttr(leads->desc, leads->keys[i] - 1)->atttypid;
		const char *column = of_state ?
			quote_identifier(get_attname(leads->state, leads->state_scan[i].sk_attno, false)) :
			lead_stage_column_name(leads, leads->keys[i]);

		if (i > 0)
			appendStringInfoString(&text, " AND ");
		generate_operator_clause(&text, psprintf("%s.%s", of_state ? "s" : "l", column), type,
								 leads->key_equals[i], psprintf("k.k%d", i + 1), type);
	}
	return text.data;
}

static char *
lead_keys(LeadTable *leads)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < leads->nkeys; i++)
		appendStringInfo(&text, "%sl.%s", i > 0 ? ", " : "",
						 lead_stage_column_name(leads, leads->keys[i]));
	return text.data;
}

/* ---------- the statements ---------- */

static char *
lock_sql(LeadTable *leads)
{
	return psprintf("SELECT %s, l.%s, l.%s, l.%s FROM %s JOIN %s AS l ON %s ORDER BY %s FOR NO KEY UPDATE OF l",
					lead_keys(leads), lead_stage_column_name(leads, leads->stage),
					lead_stage_column_name(leads, leads->stage_since), lead_stage_column_name(leads, leads->fit_score),
					lead_stage_unnested_keys(leads), lead_stage_relation_name(leads->root),
					match_keys(leads, false), lead_keys(leads));
}

static char *
read_sql(LeadTable *leads)
{
	return psprintf("SELECT %s, s.engagement_state, s.last_touch_at, s.hold_until, s.recheck_at, s.sla_state FROM %s JOIN %s AS s ON %s",
					lead_stage_state_keys(leads, "s."), lead_stage_unnested_keys(leads),
					lead_stage_state_name(leads), match_keys(leads, true));
}

/* $n+1 to $n+3: engagement_state, last_touch_at, recheck_at */
static char *
write_sql(LeadTable *leads)
{
	StringInfoData source;
	int			n = leads->nkeys;

	initStringInfo(&source);
	for (int i = 0; i < n + 3; i++)
		appendStringInfo(&source, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	return psprintf("INSERT INTO %s (%s, engagement_state, last_touch_at, recheck_at) "
					"SELECT * FROM ROWS FROM (%s) "
					"ON CONFLICT (%s) DO UPDATE SET engagement_state = EXCLUDED.engagement_state, "
					"last_touch_at = EXCLUDED.last_touch_at, recheck_at = EXCLUDED.recheck_at",
					lead_stage_state_name(leads), lead_stage_state_keys(leads, ""),
					source.data, lead_stage_state_keys(leads, ""));
}

/* Rows of state that say nothing. */
static char *
forget_sql(LeadTable *leads)
{
	return psprintf("DELETE FROM %s AS s USING %s WHERE %s "
					"AND s.engagement_state IS NULL AND s.last_touch_at IS NULL "
					"AND s.hold_until IS NULL AND s.recheck_at IS NULL "
					"AND s.sla IS NULL AND s.sla_due IS NULL AND s.sla_state IS NULL",
					lead_stage_state_name(leads), lead_stage_unnested_keys(leads),
					match_keys(leads, true));
}

/* The judgement itself is the BEFORE trigger's. */
static char *
judge_sql(LeadTable *leads)
{
	const char *since = lead_stage_column_name(leads, leads->stage_since);

	return psprintf("UPDATE %s AS l SET %s = l.%s FROM %s WHERE %s",
					lead_stage_relation_name(leads->root), since, since,
					lead_stage_unnested_keys(leads), match_keys(leads, false));
}

void
lead_stage_run_plan(LeadTable *leads, ActivityPlan which,
					int nargs, Oid *types, Datum *values)
{
	static char *(*const make_sql[]) (LeadTable *leads) = {
		[PLAN_LOCK] = lock_sql,
		[PLAN_READ] = read_sql,
		[PLAN_WRITE] = write_sql,
		[PLAN_FORGET] = forget_sql,
		[PLAN_JUDGE] = judge_sql,
	};

	if (leads->plans[which] == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(make_sql[which] (leads), nargs, types);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		leads->plans[which] = plan;
	}
	lead_stage_spi_plan_as(leads->owner_role, leads->plans[which], values, NULL);
}
