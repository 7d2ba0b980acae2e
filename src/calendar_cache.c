/*
 * calendar_cache.c
 *	  The session's calendars, as lead_stage.calendar and its tables have them.
 *
 * Whoever changes one of the three tables invalidates the relation
 * lead_stage.calendar, in every session, when and if he commits; in his own
 * after each command, and again when he rolls back.  All calendars are read
 * anew then, when they are next asked for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "calendar_cache.h"
#include "compat.h"

/* A calendar's name has at most 40 characters. */
#define MAX_NAME_SIZE (40 * 4 + 1)

typedef struct CalendarEntry
{
	char		name[MAX_NAME_SIZE];	/* hash key */
	uint64		generation;
	MemoryContext context;
	BusinessCalendar *calendar;
} CalendarEntry;

PG_FUNCTION_INFO_V1(lead_stage_calendar_changed);

static HTAB *calendars = NULL;
static uint64 generation = 1;

/* lead_stage.calendar, once a calendar has been looked for in it. */
static Oid	calendar_relid = InvalidOid;

static void
invalidate_calendars(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == calendar_relid)
		generation++;
}

void
lead_stage_init_calendar_cache(void)
{
	HASHCTL		ctl;

	ctl.keysize = MAX_NAME_SIZE;
	ctl.entrysize = sizeof(CalendarEntry);
	ctl.hcxt = CacheMemoryContext;
	calendars = hash_create("lead_stage calendars", 16, &ctl,
							HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate_calendars, (Datum) 0);
}

uint64
lead_stage_calendar_generation(void)
{
	static TimestampTz current_statement = 0;

	/*
	 * A statement that locks no table, and whose transaction is already under
	 * way, would not hear of what others committed.
	 */
	if (current_statement != GetCurrentStatementStartTimestamp())
	{
		AcceptInvalidationMessages();
		current_statement = GetCurrentStatementStartTimestamp();
	}
	return generation;
}

/* ---------- reading the tables ---------- */

static Oid
our_relation(const char *name)
{
	return get_relname_relid(name, get_namespace_oid("lead_stage", false));
}

/* A scan of the rows of a calendar in one of the tables. */
typedef struct CalendarScan
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
} CalendarScan;

static CalendarScan
begin_scan(const char *table, const char *index, const char *column,
		   const char *name, Snapshot snapshot)
{
	CalendarScan result = {0};
	Oid			indexid = our_relation(index);
	ScanKeyData key;

	result.rel = table_open(our_relation(table), AccessShareLock);
	ScanKeyEntryInitialize(&key, 0, get_attnum(RelationGetRelid(result.rel), column),
						   BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(name));
	result.scan = systable_beginscan(result.rel, indexid, OidIsValid(indexid),
									 snapshot, 1, &key);
	return result;
}

static bool
next_row(CalendarScan *scan)
{
	scan->tuple = systable_getnext(scan->scan);
	return HeapTupleIsValid(scan->tuple);
}

static void
end_scan(CalendarScan *scan)
{
	systable_endscan(scan->scan);
	table_close(scan->rel, AccessShareLock);
}

static Datum
column_value(CalendarScan *scan, const char *column, bool *isnull)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(scan->rel), column);

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, RelationGetRelationName(scan->rel))));
	return heap_getattr(scan->tuple, attno, RelationGetDescr(scan->rel), isnull);
}

static int64
time_value(CalendarScan *scan, const char *column)
{
	bool		isnull;
	Datum		value = column_value(scan, column, &isnull);

	return isnull ? 0 : DatumGetTimeADT(value);
}

/*
 * A name of pg_timezone_names; or else, since AT TIME ZONE takes them too, an
 * abbreviation, which stands for an offset.
 */
static pg_tz *
find_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL)
	{
		Datum		local = DirectFunctionCall2(timestamptz_zone,
												CStringGetTextDatum(name),
												TimestampTzGetDatum(0));

		zone = pg_tzset_offset(-(long) (DatumGetTimestamp(local) / USECS_PER_SEC));
	}
	return zone;
}

/* Its zone, or NULL if there is no such calendar. */
static pg_tz *
read_zone(const char *name, Snapshot snapshot)
{
	CalendarScan scan = begin_scan("calendar", "calendar_pkey", "name", name, snapshot);
	pg_tz	   *zone = NULL;

	if (next_row(&scan))
	{
		bool		isnull;
		Datum		value = column_value(&scan, "time_zone", &isnull);

		zone = find_zone(TextDatumGetCString(value));
	}
	end_scan(&scan);
	return zone;
}

static OpenHours *
read_hours(const char *name, Snapshot snapshot)
{
	CalendarScan scan;
	int			nweekly = 0;
	int			nholidays = 0;
	int			size = 16;
	WeeklyHours *weekly = palloc(sizeof(WeeklyHours) * size);
	HolidayHours *holidays;
	OpenHours  *hours;
	bool		isnull;

	scan = begin_scan("calendar_hours", "calendar_hours_pkey", "calendar", name, snapshot);
	while (next_row(&scan))
	{
		if (nweekly == size)
			weekly = repalloc(weekly, sizeof(WeeklyHours) * (size *= 2));
		weekly[nweekly].dow = DatumGetInt32(column_value(&scan, "dow", &isnull));
		weekly[nweekly].opens = time_value(&scan, "opens");
		weekly[nweekly].closes = time_value(&scan, "closes");
		nweekly++;
	}
	end_scan(&scan);

	size = 16;
	holidays = palloc(sizeof(HolidayHours) * size);
	scan = begin_scan("holiday", "holiday_pkey", "calendar", name, snapshot);
	while (next_row(&scan))
	{
		if (nholidays == size)
			holidays = repalloc(holidays, sizeof(HolidayHours) * (size *= 2));
		holidays[nholidays].day = DatumGetDateADT(column_value(&scan, "day", &isnull));
		(void) column_value(&scan, "opens", &holidays[nholidays].closed);
		holidays[nholidays].opens = time_value(&scan, "opens");
		holidays[nholidays].closes = time_value(&scan, "closes");
		nholidays++;
	}
	end_scan(&scan);

	hours = lead_stage_make_open_hours(weekly, nweekly, holidays, nholidays);
	pfree(weekly);
	pfree(holidays);
	return hours;
}

/*
 * Reads a calendar, or returns NULL.  All three tables are seen as of the same
 * moment: the newest one, since the cache outlives every snapshot.
 */
static BusinessCalendar *
read_calendar(const char *name, MemoryContext context)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	Snapshot	snapshot;
	BusinessCalendar *calendar = NULL;
	pg_tz	   *zone;

	calendar_relid = our_relation("calendar");
	snapshot = RegisterSnapshot(GetCatalogSnapshot(calendar_relid));
	zone = read_zone(name, snapshot);
	if (zone != NULL)
		calendar = lead_stage_make_calendar(context, pstrdup(name), zone,
											read_hours(name, snapshot));
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(oldcontext);
	return calendar;
}

/* ---------- looking one up ---------- */

static bool
is_always(const char *name)
{
	return strcmp(name, "always") == 0;
}

bool
lead_stage_find_calendar(const char *name, BusinessCalendar **calendar)
{
	uint64		current = lead_stage_calendar_generation();
	CalendarEntry *entry;
	MemoryContext context;
	bool		found;

	*calendar = NULL;
	if (name == NULL || is_always(name))
		return true;
	if (strlen(name) >= MAX_NAME_SIZE)
		return false;
	entry = hash_search(calendars, name, HASH_FIND, NULL);
	if (entry != NULL && entry->generation == current)
	{
		*calendar = entry->calendar;
		return true;
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "lead_stage calendar",
									ALLOCSET_SMALL_SIZES);
	*calendar = read_calendar(name, context);
	if (*calendar == NULL)
	{
		MemoryContextDelete(context);
		return false;
	}

	/* If one was changed while we read, the entry is out of date already. */
	entry = hash_search(calendars, name, HASH_ENTER, &found);
	if (found)
		MemoryContextDelete(entry->context);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->calendar = *calendar;
	entry->generation = current;
	return true;
}

BusinessCalendar *
lead_stage_calendar(const text *name_text)
{
	char	   *name = name_text ? text_to_cstring(name_text) : NULL;
	BusinessCalendar *calendar;

	if (!lead_stage_find_calendar(name, &calendar))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar \"%s\" does not exist", name),
				 errhint("Add it to lead_stage.calendar, or use \"always\".")));
	if (name != NULL)
		pfree(name);
	return calendar;
}

/*
 * lead_stage._calendar_changed() → trigger
 *
 * AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW, since logical replication
 * fires no other, and AFTER TRUNCATE, on the three tables of calendars.
 */
Datum
lead_stage_calendar_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"_calendar_changed")));
	CacheInvalidateRelcacheByRelid(our_relation("calendar"));
	PG_RETURN_POINTER(NULL);
}
