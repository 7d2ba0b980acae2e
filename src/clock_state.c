/*
 * clock_state.c
 *	  Open clocks as <leads>_state.sla holds them.
 *
 * Times and intervals are in the form that a cast from text takes, so that the
 * views read them too; what is not set is left out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "clock_state.h"
#include "compat.h"

/* ---------- writing ---------- */

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

static void
push_text(JsonbParseState **state, const char *key, const char *text)
{
	if (text == NULL)
		return;
	push_string(state, WJB_KEY, key);
	push_string(state, WJB_VALUE, text);
}

static void
push_true(JsonbParseState **state, const char *key, bool holds)
{
	JsonbValue	value;

	if (!holds)
		return;
	push_string(state, WJB_KEY, key);
	value.type = jbvBool;
	value.val.boolean = true;
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* In UTC, whatever the session's zone. */
static char *
time_text(TimestampTz time)
{
	char	   *text = palloc(MAXDATELEN + 1);
	const int	utc = 0;

	return JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc);
}

static void
push_time(JsonbParseState **state, const char *key, TimestampTz time)
{
	if (!TIMESTAMP_NOT_FINITE(time))
		push_text(state, key, time_text(time));
}

static void
push_interval(JsonbParseState **state, const char *key, const Interval *interval)
{
	if (interval != NULL)
		push_text(state, key, DatumGetCString(DirectFunctionCall1(interval_out,
																  IntervalPGetDatum(interval))));
}

static void
push_working_time(JsonbParseState **state, const char *key, int64 time)
{
	Interval	interval = {0};

	interval.time = time;
	push_interval(state, key, &interval);
}

static void
push_pauses(JsonbParseState **state, const Clock *clock)
{
	if (clock->npauses == 0)
		return;
	push_string(state, WJB_KEY, "pauses");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < clock->npauses; i++)
	{
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		push_time(state, "since", clock->pauses[i].since);
		push_time(state, "until", clock->pauses[i].until);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_clock(JsonbParseState **state, const Clock *clock)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, "policy", clock->policy);
	push_text(state, "stage", lead_stage_label(clock->stage));
	push_time(state, "start", clock->start);
	push_true(state, "repeated", clock->repeated);
	push_interval(state, "target", clock->target);
	push_text(state, "calendar", clock->calendar);
	push_interval(state, "warn_before", clock->warn_before);
	push_text(state, "escalate_to", clock->escalate_to);
	if (clock->breach_to != 0)
		push_text(state, "breach_to", lead_stage_label(clock->breach_to));
	push_time(state, "due", clock->due);
	push_time(state, "warn_at", clock->warn_at);
	push_true(state, "warned", clock->warned);
	push_true(state, "breached", clock->breached);
	if (clock->paused)
	{
		push_true(state, "paused", true);
		push_working_time(state, "left", clock->left);
	}
	push_pauses(state, clock);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
lead_stage_write_clocks(const Clock *clocks, int number)
{
	JsonbParseState *state = NULL;
	JsonbValue *array;
	int			open = 0;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < number; i++)
	{
		if (clocks[i].end != CLOCK_OPEN)
			continue;
		push_clock(&state, &clocks[i]);
		open++;
	}
	array = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return open > 0 ? JsonbValueToJsonb(array) : NULL;
}

/* ---------- reading ---------- */

static char *
get_text(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(object, key, strlen(key), &value) ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static bool
get_true(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(object, key, strlen(key), &value) &&
		value.type == jbvBool && value.val.boolean;
}

static TimestampTz
get_time(JsonbContainer *object, const char *key, TimestampTz missing)
{
	char	   *text = get_text(object, key);

	if (text == NULL)
		return missing;
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid),
												   Int32GetDatum(-1)));
}

static Interval *
get_interval(JsonbContainer *object, const char *key)
{
	char	   *text = get_text(object, key);

	if (text == NULL)
		return NULL;
	return DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

static int64
get_working_time(JsonbContainer *object, const char *key, int64 missing)
{
	Interval   *interval = get_interval(object, key);

	return interval ? interval->time + interval->day * USECS_PER_DAY : missing;
}

static LeadStage
get_stage(JsonbContainer *object, const char *key)
{
	char	   *label = get_text(object, key);
	LeadStage	stage = 0;

	if (label != NULL)
		(void) lead_stage_from_label(label, &stage);
	return stage;
}

static void
read_pauses(JsonbContainer *object, Clock *clock)
{
	JsonbValue	value;
	JsonbContainer *array;
	int			n;

	if (!getKeyJsonValueFromContainer(object, "pauses", strlen("pauses"), &value) ||
		value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		return;
	array = value.val.binary.data;
	n = JsonContainerSize(array);
	clock->pauses = palloc(sizeof(ClockPause) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(array, i);
		ClockPause *pause = &clock->pauses[clock->npauses];

		if (item == NULL || item->type != jbvBinary ||
			!JsonContainerIsObject(item->val.binary.data))
			continue;
		pause->since = get_time(item->val.binary.data, "since", DT_NOEND);
		pause->until = get_time(item->val.binary.data, "until", DT_NOEND);
		clock->npauses++;
	}
}

static bool
read_clock(JsonbContainer *object, Clock *clock)
{
	memset(clock, 0, sizeof(Clock));
	clock->policy = get_text(object, "policy");
	clock->stage = get_stage(object, "stage");
	clock->start = get_time(object, "start", DT_NOEND);
	clock->repeated = get_true(object, "repeated");
	clock->target = get_interval(object, "target");
	clock->calendar = get_text(object, "calendar");
	clock->warn_before = get_interval(object, "warn_before");
	clock->escalate_to = get_text(object, "escalate_to");
	clock->breach_to = get_stage(object, "breach_to");
	clock->due = get_time(object, "due", DT_NOEND);
	clock->warn_at = get_time(object, "warn_at", DT_NOEND);
	clock->warned = get_true(object, "warned");
	clock->breached = get_true(object, "breached");
	clock->paused = get_true(object, "paused");
	clock->left = get_working_time(object, "left", 0);
	clock->stands_since = DT_NOEND;
	read_pauses(object, clock);
	return clock->policy != NULL && clock->target != NULL &&
		!TIMESTAMP_IS_NOEND(clock->start);
}

Clock *
lead_stage_read_clocks(Jsonb *sla, int *number)
{
	Clock	   *clocks;
	int			n;

	*number = 0;
	if (sla == NULL || !JB_ROOT_IS_ARRAY(sla))
		return NULL;
	n = JB_ROOT_COUNT(sla);
	clocks = palloc(sizeof(Clock) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(&sla->root, i);

		if (item != NULL && item->type == jbvBinary &&
			JsonContainerIsObject(item->val.binary.data) &&
			read_clock(item->val.binary.data, &clocks[*number]))
			(*number)++;
	}
	return clocks;
}
