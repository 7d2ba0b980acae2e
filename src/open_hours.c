/*
 * open_hours.c
 *	  When an office is open by its own clock.
 *
 * Sums over the week and up to each holiday are made once, so that every
 * question costs one binary search among the holidays, however far apart the
 * times are.
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "open_hours.h"

typedef struct Opening
{
	int64		from;			/* microseconds of the day */
	int64		until;			/* not included; at most 24 hours */
} Opening;

/* The hours of a date: openings in order, with closed time between them. */
typedef struct DayHours
{
	const Opening *openings;
	int			nopenings;
	int64		open;			/* their sum */
} DayHours;

typedef struct Holiday
{
	int32		day;
	DayHours	hours;
	int64		opened;			/* before it, in all */
	int64		open_days;
	int64		time_off;		/* what the holidays before it took away */
	int64		days_off;
} Holiday;

struct OpenHours
{
	DayHours	week[7];		/* Monday first */
	int64		week_opened[8]; /* from Monday to before that day */
	int			week_days[8];
	int			nholidays;
	int64		time_off;		/* what all holidays took away */
	int64		days_off;
	Holiday		holidays[FLEXIBLE_ARRAY_MEMBER];
};

/* 2000-01-03 was a Monday. */
#define FIRST_MONDAY 2

static inline int64
floor_div(int64 a, int64 b)
{
	return a >= 0 ? a / b : -((-(a + 1)) / b) - 1;
}

/* ---------- making them ---------- */

static int
compare_openings(const void *a, const void *b)
{
	int64		x = ((const Opening *) a)->from;
	int64		y = ((const Opening *) b)->from;

	return x < y ? -1 : x > y ? 1 : 0;
}

static int
compare_holidays(const void *a, const void *b)
{
	int32		x = ((const HolidayHours *) a)->day;
	int32		y = ((const HolidayHours *) b)->day;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Sorts the openings, joins those that touch, and leaves out empty ones. */
static DayHours
day_hours(Opening *openings, int n)
{
	DayHours	result = {openings, 0, 0};

	qsort(openings, n, sizeof(Opening), compare_openings);
	for (int i = 0; i < n; i++)
	{
		Opening    *last = result.nopenings > 0 ? &openings[result.nopenings - 1] : NULL;

		if (openings[i].from >= openings[i].until)
			continue;
		if (last != NULL && openings[i].from <= last->until)
			last->until = Max(last->until, openings[i].until);
		else
			openings[result.nopenings++] = openings[i];
	}
	for (int i = 0; i < result.nopenings; i++)
		result.open += openings[i].until - openings[i].from;
	return result;
}

static void
make_week(OpenHours *hours, const WeeklyHours *weekly, int nweekly)
{
	for (int d = 0; d < 7; d++)
	{
		/* Each shift may reach into two days. */
		Opening    *openings = palloc(sizeof(Opening) * (2 * nweekly + 1));
		int			n = 0;

		for (int i = 0; i < nweekly; i++)
		{
			bool		past_midnight = weekly[i].closes <= weekly[i].opens;

			if (weekly[i].dow - 1 == d)
			{
				openings[n].from = weekly[i].opens;
				openings[n++].until = past_midnight ? USECS_PER_DAY : weekly[i].closes;
			}
			if (past_midnight && weekly[i].dow % 7 == d)
			{
				openings[n].from = 0;
				openings[n++].until = weekly[i].closes;
			}
		}
		hours->week[d] = day_hours(openings, n);
		hours->week_opened[d + 1] = hours->week_opened[d] + hours->week[d].open;
		hours->week_days[d + 1] = hours->week_days[d] + (hours->week[d].open > 0);
	}
}

/* Where the day is in its week; its week is returned. */
static inline int64
week_of(int64 day, int *dow)
{
	int64		week = floor_div(day - FIRST_MONDAY, 7);

	*dow = (int) (day - FIRST_MONDAY - week * 7);
	return week;
}

/* How much would have opened before the day if there were no holidays. */
static inline int64
weekly_opened(const OpenHours *hours, int64 day)
{
	int			dow;
	int64		week = week_of(day, &dow);

	return week * hours->week_opened[7] + hours->week_opened[dow];
}

static inline int64
weekly_days(const OpenHours *hours, int64 day)
{
	int			dow;
	int64		week = week_of(day, &dow);

	return week * hours->week_days[7] + hours->week_days[dow];
}

OpenHours *
lead_stage_make_open_hours(const WeeklyHours *weekly, int nweekly,
						   const HolidayHours *holidays, int nholidays)
{
	OpenHours  *hours = palloc0(offsetof(OpenHours, holidays) + sizeof(Holiday) * nholidays);
	HolidayHours *sorted = palloc(sizeof(HolidayHours) * (nholidays + 1));

	make_week(hours, weekly, nweekly);

	memcpy(sorted, holidays, sizeof(HolidayHours) * nholidays);
	qsort(sorted, nholidays, sizeof(HolidayHours), compare_holidays);
	for (int i = 0; i < nholidays; i++)
	{
		Holiday    *holiday = &hours->holidays[hours->nholidays];
		Opening    *opening = palloc(sizeof(Opening));
		const DayHours *usual;
		int			dow;

		/* A date can be later than any timestamp. */
		if (sorted[i].day > END_TIMESTAMP / USECS_PER_DAY)
			break;

		opening->from = sorted[i].opens;
		opening->until = sorted[i].closes;
		holiday->day = sorted[i].day;
		holiday->hours = day_hours(opening, sorted[i].closed ? 0 : 1);

		(void) week_of(holiday->day, &dow);
		usual = &hours->week[dow];
		holiday->time_off = hours->time_off;
		holiday->days_off = hours->days_off;
		holiday->opened = weekly_opened(hours, holiday->day) - holiday->time_off;
		holiday->open_days = weekly_days(hours, holiday->day) - holiday->days_off;
		hours->time_off += usual->open - holiday->hours.open;
		hours->days_off += (usual->open > 0) - (holiday->hours.open > 0);
		hours->nholidays++;
	}
	pfree(sorted);
	return hours;
}

bool
lead_stage_open_weekly(const OpenHours *hours)
{
	return hours->week_opened[7] > 0;
}

bool
lead_stage_ever_open(const OpenHours *hours)
{
	if (lead_stage_open_weekly(hours))
		return true;
	for (int i = 0; i < hours->nholidays; i++)
	{
		if (hours->holidays[i].hours.open > 0)
			return true;
	}
	return false;
}

bool
lead_stage_holiday_range(const OpenHours *hours, int32 *first, int32 *last)
{
	if (hours->nholidays == 0)
		return false;
	*first = hours->holidays[0].day;
	*last = hours->holidays[hours->nholidays - 1].day;
	return true;
}

/* ---------- asking them ---------- */

/* How many holidays are before the day. */
static inline int
holidays_before(const OpenHours *hours, int64 day)
{
	int			low = 0;
	int			high = hours->nholidays;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (hours->holidays[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static inline int64
time_off_before(const OpenHours *hours, int nholidays)
{
	return nholidays < hours->nholidays ?
		hours->holidays[nholidays].time_off : hours->time_off;
}

static inline int64
days_off_before(const OpenHours *hours, int nholidays)
{
	return nholidays < hours->nholidays ?
		hours->holidays[nholidays].days_off : hours->days_off;
}

/* The hours of a date, given how many holidays are before it. */
static inline const DayHours *
hours_of(const OpenHours *hours, int64 day, int nholidays)
{
	int			dow;

	if (nholidays < hours->nholidays && hours->holidays[nholidays].day == day)
		return &hours->holidays[nholidays].hours;
	(void) week_of(day, &dow);
	return &hours->week[dow];
}

bool
lead_stage_open_at(const OpenHours *hours, int64 local)
{
	int64		day = floor_div(local, USECS_PER_DAY);
	int64		time = local - day * USECS_PER_DAY;
	const DayHours *today = hours_of(hours, day, holidays_before(hours, day));

	for (int i = 0; i < today->nopenings; i++)
	{
		if (time < today->openings[i].until)
			return time >= today->openings[i].from;
	}
	return false;
}

int64
lead_stage_opened(const OpenHours *hours, int64 local)
{
	int64		day = floor_div(local, USECS_PER_DAY);
	int64		time = local - day * USECS_PER_DAY;
	int			nholidays = holidays_before(hours, day);
	const DayHours *today = hours_of(hours, day, nholidays);
	int64		opened = weekly_opened(hours, day) - time_off_before(hours, nholidays);

	for (int i = 0; i < today->nopenings && time > today->openings[i].from; i++)
		opened += Min(time, today->openings[i].until) - today->openings[i].from;
	return opened;
}

/* The local time at which so much of the day, more than nothing, has opened. */
static int64
when_opened_on(int64 day, const DayHours *today, int64 opened)
{
	int			i = 0;

	Assert(opened > 0 && opened <= today->open);
	while (opened > today->openings[i].until - today->openings[i].from)
	{
		opened -= today->openings[i].until - today->openings[i].from;
		i++;
	}
	return day * USECS_PER_DAY + today->openings[i].from + opened;
}

int64
lead_stage_when_opened(const OpenHours *hours, int64 opened)
{
	int			low = 0;
	int			high = hours->nholidays;
	int64		week;
	int			dow = 0;

	/* How many holidays begin before it. */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (hours->holidays[middle].opened < opened)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
	{
		const Holiday *holiday = &hours->holidays[low - 1];

		if (opened - holiday->opened <= holiday->hours.open)
			return when_opened_on(holiday->day, &holiday->hours, opened - holiday->opened);
	}

	/* It is on a usual day, before the next holiday. */
	Assert(hours->week_opened[7] > 0);
	opened += time_off_before(hours, low);
	week = floor_div(opened - 1, hours->week_opened[7]);
	opened -= week * hours->week_opened[7];
	while (hours->week_opened[dow + 1] < opened)
		dow++;
	return when_opened_on(week * 7 + dow + FIRST_MONDAY, &hours->week[dow],
						  opened - hours->week_opened[dow]);
}

int64
lead_stage_open_days(const OpenHours *hours, int64 day)
{
	return weekly_days(hours, day) - days_off_before(hours, holidays_before(hours, day));
}

bool
lead_stage_nth_open_day(const OpenHours *hours, int64 n, int64 *day)
{
	int			low = 0;
	int			high = hours->nholidays;
	int64		week;
	int			dow = 0;

	/* How many holidays are not after it. */
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (hours->holidays[middle].open_days < n)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
	{
		const Holiday *holiday = &hours->holidays[low - 1];

		if (holiday->hours.open > 0 && holiday->open_days + 1 == n)
		{
			*day = holiday->day;
			return true;
		}
	}

	if (hours->week_days[7] == 0)
		return false;
	n += days_off_before(hours, low);
	week = floor_div(n - 1, hours->week_days[7]);
	n -= week * hours->week_days[7];
	while (hours->week_days[dow + 1] < n)
		dow++;
	*day = week * 7 + dow + FIRST_MONDAY;
	return true;
}
