/*
 * open_hours.h
 *	  When an office is open by its own clock: a weekly pattern and holidays,
 *	  on a local time line that knows nothing of time zones.
 *
 * Local times are microseconds since 2000-01-01 00:00 on the wall, days are
 * PostgreSQL's dates.  A holiday replaces the hours of its date, midnight to
 * midnight, so every date has hours of its own and nothing else matters.
 */
#ifndef LEAD_STAGE_OPEN_HOURS_H
#define LEAD_STAGE_OPEN_HOURS_H

/* A row of lead_stage.calendar_hours; times in microseconds of the day. */
typedef struct WeeklyHours
{
	int			dow;			/* 1 = Monday … 7 = Sunday */
	int64		opens;
	int64		closes;			/* not later than opens: past midnight */
} WeeklyHours;

/* A row of lead_stage.holiday. */
typedef struct HolidayHours
{
	int32		day;
	bool		closed;			/* all day; else open from opens to closes */
	int64		opens;
	int64		closes;
} HolidayHours;

typedef struct OpenHours OpenHours;

/*
 * The rows may come in any order, and weekly hours may overlap; the result is
 * made in the current memory context and never changes.
 */
extern OpenHours *lead_stage_make_open_hours(const WeeklyHours *weekly, int nweekly,
											 const HolidayHours *holidays, int nholidays);

/* Whether there is any open time, and whether there is some in every week. */
extern bool lead_stage_ever_open(const OpenHours *hours);
extern bool lead_stage_open_weekly(const OpenHours *hours);

/* The first and last holiday; false if there is none. */
extern bool lead_stage_holiday_range(const OpenHours *hours, int32 *first, int32 *last);

extern bool lead_stage_open_at(const OpenHours *hours, int64 local);

/* Open time since some fixed moment, negative before it; grows with local. */
extern int64 lead_stage_opened(const OpenHours *hours, int64 local);

/*
 * The earliest local time by which so much has been open.  There must be one,
 * and it must be a time that a timestamp can hold.
 */
extern int64 lead_stage_when_opened(const OpenHours *hours, int64 opened);

/* How many days since that moment, without this one, have open time. */
extern int64 lead_stage_open_days(const OpenHours *hours, int64 day);

/* The open day that is the last of n; false if there is none. */
extern bool lead_stage_nth_open_day(const OpenHours *hours, int64 n, int64 *day);

#endif							/* LEAD_STAGE_OPEN_HOURS_H */
