/*
 * stage_type.c
 *	  The lead_stage type: its vocabulary, text and binary I/O, and the
 *	  functions that describe it.
 *
 * The vocabulary below is the only place that knows which stages exist.  I/O
 * depends on nothing but that table (no catalog, no setting, no locale), which
 * is what allows it to be immutable.
 */
#include "postgres.h"

#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "lead_stage.h"

typedef struct StageInfo
{
	LeadStage	code;
	bool		is_open;
	const char *label;
	const char *team;			/* NULL: nobody works on it any more */
} StageInfo;

/* In order of code.  A code on disk keeps its meaning for ever. */
static const StageInfo stages[] = {
	{LEAD_STAGE_DISQUALIFIED, false, "disqualified", NULL},
	{LEAD_STAGE_LOST, false, "lost", NULL},
	{LEAD_STAGE_LEAD, true, "lead", "marketing"},
	{LEAD_STAGE_NURTURE, true, "nurture", "marketing"},
	{LEAD_STAGE_MQL, true, "mql", "marketing"},
	{LEAD_STAGE_SAL, true, "sal", "sales"},
	{LEAD_STAGE_SQL, true, "sql", "sales"},
	{LEAD_STAGE_OPPORTUNITY, true, "opportunity", "sales"},
	{LEAD_STAGE_CUSTOMER, false, "customer", "sales"},
};

PG_FUNCTION_INFO_V1(lead_stage_in);
PG_FUNCTION_INFO_V1(lead_stage_out);
PG_FUNCTION_INFO_V1(lead_stage_recv);
PG_FUNCTION_INFO_V1(lead_stage_send);
PG_FUNCTION_INFO_V1(lead_stage_stages);
PG_FUNCTION_INFO_V1(lead_stage_rank);
PG_FUNCTION_INFO_V1(lead_stage_team);

/* Finds what is known about a stored code, or NULL. */
static const StageInfo *
find_stage(LeadStage stage)
{
	for (int i = 0; i < lengthof(stages); i++)
	{
		if (stages[i].code == stage)
			return &stages[i];
	}
	return NULL;
}

const char *
lead_stage_label(LeadStage stage)
{
	const StageInfo *info = find_stage(stage);

	return info ? info->label : NULL;
}

/*
 * Only ASCII letters fold: pg_strcasecmp() asks the locale about other bytes,
 * and some locales fold one of those to a letter that our labels contain.
 */
bool
lead_stage_from_label(const char *label, LeadStage *stage)
{
	for (int i = 0; i < lengthof(stages); i++)
	{
		const char *want = stages[i].label;
		const char *have = label;

		while (*want && (char) pg_ascii_tolower((unsigned char) *have) == *want)
		{
			want++;
			have++;
		}
		if (*want == '\0' && *have == '\0')
		{
			*stage = stages[i].code;
			return true;
		}
	}
	return false;
}

bool
lead_stage_is_open(LeadStage stage)
{
	const StageInfo *info = find_stage(stage);

	return info && info->is_open;
}

/*
 * The text of any stored byte, palloc'd.  One that this version does not know
 * (written by a newer one, or damaged) is shown in a form that input refuses,
 * so that a table which holds it can still be read and repaired.
 */
static char *
stage_to_cstring(LeadStage stage)
{
	const char *label = lead_stage_label(stage);

	return label ? pstrdup(label) : psprintf("unknown(%d)", (int) stage);
}

/* The hint of a refused label; palloc'd. */
static char *
valid_values_hint(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(stages); i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", stages[i].label);
	return buf.data;
}

Datum
lead_stage_in(PG_FUNCTION_ARGS)
{
	char	   *label = PG_GETARG_CSTRING(0);
	LeadStage	stage;

	if (!lead_stage_from_label(label, &stage))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"lead_stage", label),
				 errhint("Valid values are: %s.", valid_values_hint())));

	PG_RETURN_LEAD_STAGE(stage);
}

Datum
lead_stage_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(stage_to_cstring(PG_GETARG_LEAD_STAGE(0)));
}

/* As enums do, the wire carries the label: codes are nobody else's business. */
Datum
lead_stage_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	LeadStage	stage;
	char	   *label;
	int			nbytes;

	label = pq_getmsgtext(buf, buf->len - buf->cursor, &nbytes);
	if (!lead_stage_from_label(label, &stage))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"lead_stage", label),
				 errhint("Valid values are: %s.", valid_values_hint())));
	pfree(label);

	PG_RETURN_LEAD_STAGE(stage);
}

Datum
lead_stage_send(PG_FUNCTION_ARGS)
{
	char	   *label = stage_to_cstring(PG_GETARG_LEAD_STAGE(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendtext(&buf, label, strlen(label));
	pfree(label);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* stages() -> (stage, rank, team, is_open), in order */
Datum
lead_stage_stages(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(stages); i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};

		values[0] = LeadStageGetDatum(stages[i].code);
		values[1] = Int16GetDatum((int16) (i + 1));
		if (stages[i].team)
			values[2] = CStringGetTextDatum(stages[i].team);
		else
		{
			values[2] = (Datum) 0;
			nulls[2] = true;
		}
		values[3] = BoolGetDatum(stages[i].is_open);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Place in the vocabulary, from 1; null for a byte that is not in it. */
Datum
lead_stage_rank(PG_FUNCTION_ARGS)
{
	const StageInfo *info = find_stage(PG_GETARG_LEAD_STAGE(0));

	if (info == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT16((int16) (info - stages + 1));
}

Datum
lead_stage_team(PG_FUNCTION_ARGS)
{
	const StageInfo *info = find_stage(PG_GETARG_LEAD_STAGE(0));

	if (info == NULL || info->team == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(info->team));
}

const char *
lead_stage_team_of(LeadStage stage)
{
	const StageInfo *info = find_stage(stage);

	return info == NULL ? NULL : info->team;
}
