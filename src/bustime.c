/*
 * bustime.c
 *	  Business time: real elapsed time while an office is open.
 *
 * A calendar knows the spans of constant offset of its time zone, and how much
 * working time there was before each.  So working time until an instant is two
 * binary searches, and the instant of an amount of working time is too.
 *
 * Far from today the spans are not listed: zone rules repeat every 400 years,
 * which is a whole number of weeks, and where no holiday is, so does working
 * time.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bustime.h"
#include "compat.h"

/* From start to the next span's start the wall clock shows UTC + offset. */
typedef struct ZoneSpan
{
	TimestampTz start;
	int64		offset;			/* microseconds */
	int64		opened;			/* working time before start */
	int64		correction;		/* to what the hours alone say, within it */
} ZoneSpan;

/* A time of which the spans are known; working time is counted from 2000. */
typedef struct ZoneWindow
{
	ZoneSpan   *spans;
	int			nspans;
	TimestampTz start;
	TimestampTz end;
	int64		opened_at_start;
	int64		opened_at_end;
	int64		opened_first;	/* in its first 400 years */
	int64		opened_last;	/* in its last 400 years */
	int32	   *lost_days;		/* dates whose hours the zone skipped */
	int			nlost_days;
	bool		is_wide;
} ZoneWindow;

struct BusinessCalendar
{
	const char *name;
	pg_tz	   *zone;
	const OpenHours *hours;
	MemoryContext context;
	bool		ever_open;
	ZoneWindow	window;
};

#define DAYS_PER_PERIOD		INT64CONST(146097)
#define PERIOD				(DAYS_PER_PERIOD * USECS_PER_DAY)	/* 400 years */

/*
 * What nearly every call is about, 1970 to 2099, and a window whose first and
 * last 400 years repeat for ever: no zone has a listed transition before 1600
 * or rules that begin after 2800.
 */
#define NARROW_START		(INT64CONST(-10957) * USECS_PER_DAY)
#define NARROW_END			(INT64CONST(36525) * USECS_PER_DAY)
#define WIDE_START			(-2 * PERIOD)
#define WIDE_END			(3 * PERIOD)

/* No offset, nor all that offsets ever gained or lost, is that large. */
#define MAX_OFFSET			(2 * USECS_PER_DAY)

#define UNIX_TIME(t)		((pg_time_t) ((t) / USECS_PER_SEC + \
							 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY))
#define FROM_UNIX_TIME(s)	(((int64) (s) - \
							 (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) * USECS_PER_SEC)

static void
out_of_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range")));
}

/* ---------- the spans of a zone ---------- */

/* Lists the spans of [start, end), both whole seconds; their sums come later. */
static void
list_spans(ZoneWindow *window, pg_tz *zone, TimestampTz start, TimestampTz end)
{
	int			size = 320;
	pg_time_t	at = UNIX_TIME(start);

	window->start = start;
	window->end = end;
	window->spans = palloc(sizeof(ZoneSpan) * size);
	for (;;)
	{
		int64		offset = (int64) pg_localtime(&at, zone)->tm_gmtoff * USECS_PER_SEC;
		pg_time_t	next;
		pg_time_t	boundary;
		long		before_gmtoff;
		long		after_gmtoff;
		int			before_isdst;
		int			after_isdst;

		CHECK_FOR_INTERRUPTS();
		if (window->nspans == 0 || window->spans[window->nspans - 1].offset != offset)
		{
			if (window->nspans == size)
			{
				size *= 2;
				window->spans = repalloc_huge(window->spans, sizeof(ZoneSpan) * size);
			}
			window->spans[window->nspans].start = FROM_UNIX_TIME(at);
			window->spans[window->nspans].offset = offset;
			window->nspans++;
		}

		/*
		 * A second later, since at the last transition that is stored, as
		 * against repeated, the server says that there is none after it.
		 */
		next = at + 1;
		if (pg_next_dst_boundary(&next, &before_gmtoff, &before_isdst, &boundary,
								 &after_gmtoff, &after_isdst, zone) != 1 ||
			boundary >= UNIX_TIME(end))
			break;
		at = boundary;
	}
}

static inline TimestampTz
span_end(const ZoneWindow *window, int i)
{
	return i + 1 < window->nspans ? window->spans[i + 1].start : window->end;
}

/* The span an instant of the window is in. */
static inline const ZoneSpan *
span_at(const ZoneWindow *window, TimestampTz t)
{
	int			low = 0;
	int			high = window->nspans - 1;

	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (window->spans[middle].start <= t)
			low = middle;
		else
			high = middle - 1;
	}
	return &window->spans[low];
}

static inline int64
opened_in_window(const ZoneWindow *window, const OpenHours *hours, TimestampTz t)
{
	const ZoneSpan *span = span_at(window, t);

	return span->correction + lead_stage_opened(hours, t + span->offset);
}

/* Working time on a local date that begins or ends in or near the span. */
static int64
opened_on(const ZoneWindow *window, const OpenHours *hours, int64 day, int span)
{
	int64		opened = 0;

	for (int i = Max(span - 4, 0); i <= Min(span + 4, window->nspans - 1); i++)
	{
		int64		offset = window->spans[i].offset;
		int64		from = Max(window->spans[i].start + offset, day * USECS_PER_DAY);
		int64		until = Min(span_end(window, i) + offset, (day + 1) * USECS_PER_DAY);

		if (from < until)
			opened += lead_stage_opened(hours, until) - lead_stage_opened(hours, from);
	}
	return opened;
}

/*
 * A day is no open day if clocks skipped all of its hours; some zones skipped
 * a whole date.
 */
static void
find_lost_days(ZoneWindow *window, const OpenHours *hours)
{
	int			size = 8;

	window->lost_days = palloc(sizeof(int32) * size);
	for (int i = 1; i < window->nspans; i++)
	{
		int64		skipped_from = window->spans[i].start + window->spans[i - 1].offset;
		int64		skipped_until = window->spans[i].start + window->spans[i].offset;

		if (skipped_from >= skipped_until ||
			lead_stage_opened(hours, skipped_from) == lead_stage_opened(hours, skipped_until))
			continue;
		for (int64 day = skipped_from / USECS_PER_DAY - 1; day <= skipped_until / USECS_PER_DAY; day++)
		{
			if (lead_stage_open_days(hours, day) == lead_stage_open_days(hours, day + 1) ||
				opened_on(window, hours, day, i) > 0 ||
				(window->nlost_days > 0 && window->lost_days[window->nlost_days - 1] >= day))
				continue;
			if (window->nlost_days == size)
			{
				size *= 2;
				window->lost_days = repalloc(window->lost_days, sizeof(int32) * size);
			}
			window->lost_days[window->nlost_days++] = (int32) day;
		}
	}
}

static void
sum_spans(ZoneWindow *window, const OpenHours *hours)
{
	int64		opened = 0;
	int64		opened_at_2000;

	for (int i = 0; i < window->nspans; i++)
	{
		ZoneSpan   *span = &window->spans[i];
		int64		at_start = lead_stage_opened(hours, span->start + span->offset);

		span->opened = opened;
		span->correction = opened - at_start;
		opened += lead_stage_opened(hours, span_end(window, i) + span->offset) - at_start;
	}

	/* All windows count from the same instant. */
	opened_at_2000 = opened_in_window(window, hours, 0);
	for (int i = 0; i < window->nspans; i++)
	{
		window->spans[i].opened -= opened_at_2000;
		window->spans[i].correction -= opened_at_2000;
	}
	window->opened_at_start = -opened_at_2000;
	window->opened_at_end = opened - opened_at_2000;
}

static void
make_narrow_window(BusinessCalendar *calendar)
{
	list_spans(&calendar->window, calendar->zone, NARROW_START, NARROW_END);
	sum_spans(&calendar->window, calendar->hours);
	find_lost_days(&calendar->window, calendar->hours);
}

static void
make_wide_window(BusinessCalendar *calendar)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(calendar->context);
	ZoneWindow	window = {.is_wide = true};
	TimestampTz start = WIDE_START;
	TimestampTz end = WIDE_END;
	int32		first;
	int32		last;

	/* No holiday may be in what repeats.  Beyond the range nothing is asked. */
	if (lead_stage_holiday_range(calendar->hours, &first, &last))
	{
		while (start > MIN_TIMESTAMP && (start + PERIOD) / USECS_PER_DAY > (int64) first - 2)
			start -= PERIOD;
		while (end < END_TIMESTAMP && (end - PERIOD) / USECS_PER_DAY < (int64) last + 2)
			end = end < END_TIMESTAMP - PERIOD ? end + PERIOD : END_TIMESTAMP;
	}

	list_spans(&window, calendar->zone, start, end);
	sum_spans(&window, calendar->hours);
	find_lost_days(&window, calendar->hours);
	window.opened_first = opened_in_window(&window, calendar->hours, start + PERIOD) -
		window.opened_at_start;
	window.opened_last = window.opened_at_end -
		opened_in_window(&window, calendar->hours, end - PERIOD);

	pfree(calendar->window.spans);
	pfree(calendar->window.lost_days);
	calendar->window = window;
	MemoryContextSwitchTo(oldcontext);
}

BusinessCalendar *
lead_stage_make_calendar(MemoryContext context, const char *name,
						 pg_tz *zone, const OpenHours *hours)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	BusinessCalendar *calendar = palloc0(sizeof(BusinessCalendar));

	calendar->name = name;
	calendar->zone = zone;
	calendar->hours = hours;
	calendar->context = context;
	calendar->ever_open = lead_stage_ever_open(hours);
	make_narrow_window(calendar);
	MemoryContextSwitchTo(oldcontext);
	return calendar;
}

/*
 * The window for an instant, and by how many periods the instant must go
 * forward to be in it.
 */
static inline const ZoneWindow *
window_for(BusinessCalendar *calendar, TimestampTz t, int64 *periods)
{
	*periods = 0;
	if (likely(t >= calendar->window.start && t < calendar->window.end))
		return &calendar->window;

	if (!calendar->window.is_wide)
		make_wide_window(calendar);
	if (t < calendar->window.start)
		*periods = (calendar->window.start - t + PERIOD - 1) / PERIOD;
	else if (t >= calendar->window.end)
		*periods = -((t - calendar->window.end) / PERIOD + 1);
	return &calendar->window;
}

/* ---------- working time and instants ---------- */

static void
require_open_time(const BusinessCalendar *calendar)
{
	if (unlikely(!calendar->ever_open))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" has no open time", calendar->name),
				 errhint("Add its hours to lead_stage.calendar_hours.")));
}

/* Working time since 2000; grows with t. */
static inline int64
opened_until(BusinessCalendar *calendar, TimestampTz t)
{
	int64		periods;
	const ZoneWindow *window = window_for(calendar, t, &periods);
	int64		opened = opened_in_window(window, calendar->hours, t + periods * PERIOD);

	if (unlikely(periods != 0))
		opened -= periods * (periods > 0 ? window->opened_first : window->opened_last);
	return opened;
}

/* The earliest instant by which so much working time has been. */
static TimestampTz
when_opened(BusinessCalendar *calendar, int64 opened)
{
	const ZoneWindow *window = &calendar->window;
	int64		periods = 0;
	int			low = 0;
	int			high;
	TimestampTz result;

	if (opened <= window->opened_at_start || opened > window->opened_at_end)
	{
		int64		per_period;

		if (!window->is_wide)
			make_wide_window(calendar);
		if (opened > window->opened_at_end)
		{
			if (window->end == END_TIMESTAMP)
				out_of_range();
			per_period = window->opened_last;
			if (per_period > 0)
				periods = (opened - window->opened_at_end - 1) / per_period + 1;
		}
		else if (opened <= window->opened_at_start)
		{
			if (window->start <= MIN_TIMESTAMP)
				out_of_range();
			per_period = window->opened_first;
			if (per_period > 0)
				periods = -((window->opened_at_start - opened) / per_period + 1);
		}
		else
			per_period = 1;		/* it was only outside the narrow window */

		if (per_period == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("calendar \"%s\" has not enough open time", calendar->name),
					 errdetail("It is open on some holidays only."),
					 errhint("Add its hours to lead_stage.calendar_hours.")));
		if (periods > END_TIMESTAMP / PERIOD || periods < -END_TIMESTAMP / PERIOD)
			out_of_range();
		opened -= periods * per_period;
	}

	/* The last span before which it has not been. */
	high = window->nspans - 1;
	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (window->spans[middle].opened < opened)
			low = middle;
		else
			high = middle - 1;
	}
	result = lead_stage_when_opened(calendar->hours, opened - window->spans[low].correction) -
		window->spans[low].offset;

	if (unlikely(periods != 0) &&
		pg_add_s64_overflow(result, periods * PERIOD, &result))
		out_of_range();
	return result;
}

/* The latest instant by which no more working time has been. */
static TimestampTz
when_more_opens(BusinessCalendar *calendar, int64 opened)
{
	return when_opened(calendar, opened + 1) - 1;
}

static TimestampTz
in_range(TimestampTz t)
{
	if (!IS_VALID_TIMESTAMP(t))
		out_of_range();
	return t;
}

int64
lead_stage_business_time_between(BusinessCalendar *calendar,
								 TimestampTz from, TimestampTz until)
{
	int64		a = from;
	int64		b = until;
	int64		result;

	if (calendar != NULL)
	{
		require_open_time(calendar);
		a = opened_until(calendar, from);
		b = opened_until(calendar, until);
	}
	if (pg_sub_s64_overflow(b, a, &result))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("interval out of range")));
	return result;
}

TimestampTz
lead_stage_add_working_time(BusinessCalendar *calendar,
							TimestampTz start, int64 time)
{
	int64		opened;

	if (calendar == NULL)
	{
		if (pg_add_s64_overflow(start, time, &opened))
			out_of_range();
		return in_range(opened);
	}

	require_open_time(calendar);
	if (pg_add_s64_overflow(opened_until(calendar, start), time, &opened) ||
		opened < MIN_TIMESTAMP - MAX_OFFSET || opened > END_TIMESTAMP + MAX_OFFSET)
		out_of_range();
	return in_range(time > 0 ? when_opened(calendar, opened) :
					when_more_opens(calendar, opened));
}

TimestampTz
lead_stage_next_open(BusinessCalendar *calendar, TimestampTz at)
{
	return lead_stage_add_working_time(calendar, at, 0);
}

static inline int64
wall_clock(BusinessCalendar *calendar, TimestampTz t)
{
	int64		periods;
	const ZoneWindow *window = window_for(calendar, t, &periods);

	return t + span_at(window, t + periods * PERIOD)->offset;
}

bool
lead_stage_ever_opens(BusinessCalendar *calendar)
{
	return calendar == NULL || calendar->ever_open;
}

bool
lead_stage_is_open_at(BusinessCalendar *calendar, TimestampTz at)
{
	if (calendar == NULL)
		return true;
	require_open_time(calendar);
	return lead_stage_open_at(calendar->hours, wall_clock(calendar, at));
}

/* ---------- days ---------- */

/*
 * The instant at which the wall clock shows a time: the second one if it does
 * twice, and as much later as was skipped if it never does.  PostgreSQL does
 * the same when it adds days to a timestamptz.
 */
static TimestampTz
instant_of(BusinessCalendar *calendar, int64 local)
{
	int64		from_before;
	int64		from_after;
	int64		periods;
	const ZoneWindow *window;
	int			low = 0;
	int			high;
	int64		shifted;

	/* The spans around it must be in the window as well. */
	(void) window_for(calendar, local - MAX_OFFSET, &from_before);
	window = window_for(calendar, local + MAX_OFFSET, &from_after);
	periods = from_before > 0 ? from_before : Min(from_after, 0);
	shifted = local + periods * PERIOD;

	high = window->nspans - 1;
	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (window->spans[middle].start + window->spans[middle].offset <= shifted)
			low = middle;
		else
			high = middle - 1;
	}
	return local - window->spans[low].offset;
}

/* How many lost days are not after the day. */
static int
lost_days_until(const ZoneWindow *window, int64 day)
{
	int			low = 0;
	int			high = window->nlost_days;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (window->lost_days[middle] <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
day_in_range(int64 day)
{
	return day >= MIN_TIMESTAMP / USECS_PER_DAY - 1 && day <= END_TIMESTAMP / USECS_PER_DAY;
}

/* The same time on the wall, that many open days later or, if negative, earlier. */
static TimestampTz
add_open_days(BusinessCalendar *calendar, TimestampTz start, int32 days)
{
	int64		local = wall_clock(calendar, start);
	int64		time = local % USECS_PER_DAY;
	int64		today;
	int64		n;
	int64		day;
	int64		lost = 0;

	if (time < 0)
		time += USECS_PER_DAY;
	today = (local - time) / USECS_PER_DAY;
	n = days > 0 ? lead_stage_open_days(calendar->hours, today + 1) + days :
		lead_stage_open_days(calendar->hours, today) + days + 1;

	/* Days that were skipped on the way do not count, nor do those further on. */
	for (;;)
	{
		int64		lost_before = lost;
		int64		periods;
		const ZoneWindow *window;

		CHECK_FOR_INTERRUPTS();
		if (!lead_stage_nth_open_day(calendar->hours, days > 0 ? n + lost : n - lost, &day))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("calendar \"%s\" has not enough open days", calendar->name),
					 errdetail("It is open on some holidays only."),
					 errhint("Add its hours to lead_stage.calendar_hours.")));
		if (!day_in_range(day))
			out_of_range();

		(void) window_for(calendar, day * USECS_PER_DAY, &periods);
		window = &calendar->window;
		lost = days > 0 ? lost_days_until(window, day) - lost_days_until(window, today) :
			lost_days_until(window, today - 1) - lost_days_until(window, day - 1);
		if (lost == lost_before)
			break;
	}
	return in_range(instant_of(calendar, day * USECS_PER_DAY + time));
}

TimestampTz
lead_stage_add_business_time(BusinessCalendar *calendar,
							 TimestampTz start, const Interval *span)
{
	int64		days;

	if (INTERVAL_NOT_FINITE(span))
	{
		bool		goes_back = INTERVAL_IS_NOBEGIN(span);

		if (goes_back ? TIMESTAMP_IS_NOEND(start) : TIMESTAMP_IS_NOBEGIN(start))
			out_of_range();
		return goes_back ? DT_NOBEGIN : DT_NOEND;
	}
	if (span->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("business time cannot be counted in months"),
				 errhint("Use days, which are open days, or hours, minutes and seconds.")));
	if (TIMESTAMP_NOT_FINITE(start))
		return start;

	if (span->day != 0)
	{
		if (calendar != NULL)
		{
			require_open_time(calendar);
			start = add_open_days(calendar, start, span->day);
		}
		else
		{
			if (pg_mul_s64_overflow(span->day, USECS_PER_DAY, &days) ||
				pg_add_s64_overflow(start, days, &days))
				out_of_range();
			start = in_range(days);
		}
	}
	return lead_stage_add_working_time(calendar, start, span->time);
}
