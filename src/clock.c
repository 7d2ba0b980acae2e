/*
 * clock.c
 *	  What time it is for the rules: the transaction's time, unless the GUC
 *	  lead_stage.now replays another.
 *
 * No other file asks the server for the time an event happened at; history's
 * recorded_at alone is always the real one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(lead_stage_now);

static char *now_setting = NULL;
static TimestampTz replayed_now = DT_NOBEGIN;
static TimestampTz judged_at = DT_NOBEGIN;

static bool check_now(char **newval, void **extra, GucSource source);
static void assign_now(const char *newval, void *extra);

void
lead_stage_define_clock(void)
{
	DefineCustomStringVariable("lead_stage.now",
							   "The instant that rules and history take as now.",
							   "Empty: the transaction's time. For replays and tests; history keeps the real time in recorded_at.",
							   &now_setting,
							   "",
							   PGC_SUSET,
							   0,
							   check_now,
							   assign_now,
							   NULL);
}

TimestampTz
lead_stage_current_time(void)
{
	if (!TIMESTAMP_IS_NOBEGIN(judged_at))
		return judged_at;
	if (!TIMESTAMP_IS_NOBEGIN(replayed_now))
		return replayed_now;
	return GetCurrentTransactionStartTimestamp();
}

bool
lead_stage_clock_is_set(void)
{
	return !TIMESTAMP_IS_NOBEGIN(replayed_now);
}

TimestampTz
lead_stage_judge_at(TimestampTz instant)
{
	TimestampTz previous = judged_at;

	judged_at = instant;
	return previous;
}

/*
 * lead_stage.now() → timestamptz
 */
Datum
lead_stage_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(lead_stage_current_time());
}

/*
 * A GUC check hook must not raise, and timestamptz_in raises before 16; so the
 * text is decoded with the parser underneath it, as core does for
 * recovery_target_time.
 */
static bool
check_now(char **newval, void **extra, GucSource source)
{
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		workbuf[MAXDATELEN + MAXDATEFIELDS];
	int			nf;
	int			dtype;
	int			tz;
	fsec_t		fsec;
	struct pg_tm tt;
	DateTimeErrorExtra decode_extra;
	TimestampTz instant = DT_NOBEGIN;

	if (**newval != '\0')
	{
		if (ParseDateTime(*newval, workbuf, sizeof(workbuf),
						  field, ftype, MAXDATEFIELDS, &nf) != 0 ||
			DecodeDateTime(field, ftype, nf, &dtype, &tt, &fsec, &tz,
						   &decode_extra) != 0 ||
			dtype != DTK_DATE ||
			tm2timestamp(&tt, fsec, &tz, &instant) != 0)
		{
			GUC_check_errdetail("\"%s\" is not a point in time.", *newval);
			GUC_check_errhint("Use for example \"2026-03-01 09:00+00\", or an empty string for the transaction's time.");
			return false;
		}
	}

	*extra = guc_malloc(LOG, sizeof(TimestampTz));
	if (*extra == NULL)
		return false;
	*((TimestampTz *) *extra) = instant;
	return true;
}

static void
assign_now(const char *newval, void *extra)
{
	replayed_now = extra ? *((TimestampTz *) extra) : DT_NOBEGIN;
}
