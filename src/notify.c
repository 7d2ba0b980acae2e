/*
 * notify.c
 *	  Events told to whoever listens, where the model asks for it.
 *
 * A notification is a hint: it says which row of history to read, and as much
 * of it as fits.  What it says is never a reason for a write to fail.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "notify.h"
#include "settings.h"
#include "sql_names.h"

#define CHANNEL		"lead_stage"

/* What NOTIFY takes, and we promise. */
#define MAX_PAYLOAD	(Min(8000, BLCKSZ - NAMEDATALEN - 128) - 1)

/* How much of each text is sent; the next where the whole is too long. */
static const int text_limits[] = {MAX_PAYLOAD, 500, 100};

/* One payload that is being written. */
typedef struct Payload
{
	StringInfoData json;
	int			limit;			/* of each text, in bytes */
	bool		truncated;
} Payload;

static void
add_name(Payload *payload, const char *name)
{
	appendStringInfo(&payload->json, "%s\"%s\":", payload->json.len > 1 ? "," : "", name);
}

static void
add_string(Payload *payload, const char *text)
{
	int			length = strlen(text);

	if (length > payload->limit)
	{
		length = pg_mbcliplen(text, length, payload->limit);
		payload->truncated = true;
	}
	escape_json(&payload->json, pnstrdup(text, length));
}

static void
add_text(Payload *payload, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	add_name(payload, name);
	add_string(payload, text);
}

static void
add_number(Payload *payload, const char *name, int64 number)
{
	add_name(payload, name);
	appendStringInfo(&payload->json, INT64_FORMAT, number);
}

/* In UTC, whatever the session's time zone. */
static void
add_time(Payload *payload, const char *name, TimestampTz time)
{
	char		text[MAXDATELEN + 1];
	const int	utc = 0;

	if (TIMESTAMP_NOT_FINITE(time))
		return;
	add_text(payload, name, JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, &utc));
}

static void
add_stage(Payload *payload, const char *name, LeadStage stage)
{
	if (stage != 0)
		add_text(payload, name, lead_stage_label(stage));
}

/* A key that is cut off would name another lead: then none is given. */
static void
add_key(Payload *payload, int nkeys, char **keys)
{
	for (int i = 0; i < nkeys; i++)
	{
		if (strlen(keys[i]) > payload->limit)
		{
			payload->truncated = true;
			return;
		}
	}
	add_name(payload, "key");
	for (int i = 0; i < nkeys; i++)
	{
		appendStringInfoChar(&payload->json, i == 0 ? '[' : ',');
		escape_json(&payload->json, keys[i]);
	}
	appendStringInfoChar(&payload->json, ']');
}

static void
add_details(Payload *payload, LeadTable *table, const LeadEvent *event)
{
	add_time(payload, "due", event->due);
	add_stage(payload, "from_stage", event->from_stage);
	add_stage(payload, "to_stage", event->to_stage);
	add_text(payload, "name", event->name);
	add_text(payload, "owner", event->owner);
	add_text(payload, "previous_owner", event->previous_owner);
	add_text(payload, "reason", event->reason);
	add_text(payload, "actor", lead_stage_actor);
	add_number(payload, "version", table->version);
}

/* limit 0: only what says which row of history it is. */
static char *
make_payload(LeadTable *table, int64 id, const char *kind, const LeadEvent *event,
			 char **keys, int limit)
{
	Payload		payload = {.limit = limit > 0 ? limit : MAX_PAYLOAD, .truncated = limit == 0};

	initStringInfo(&payload.json);
	appendStringInfoChar(&payload.json, '{');
	add_text(&payload, "leads",
			 lead_stage_relation_name(table->root));
	add_number(&payload, "id", id);
	add_text(&payload, "event", kind);
	add_time(&payload, "at", event->at);
	if (limit > 0)
	{
		add_key(&payload, table->nkeys, keys);
		add_details(&payload, table, event);
	}
	if (payload.truncated)
	{
		add_name(&payload, "truncated");
		appendStringInfoString(&payload.json, "true");
	}
	appendStringInfoChar(&payload.json, '}');
	return payload.json.data;
}

static void
send_event(LeadTable *table, int64 id, const char *kind, const LeadEvent *event, char **keys)
{
	for (int i = 0; i <= lengthof(text_limits); i++)
	{
		char	   *payload = make_payload(table, id, kind, event, keys,
										   i < lengthof(text_limits) ? text_limits[i] : 0);

		if (strlen(payload) <= MAX_PAYLOAD)
		{
			Async_Notify(CHANNEL, payload);
			return;
		}
	}
}

void
lead_stage_notify_event(LeadTable *table, int64 id, const char *kind,
						const LeadEvent *event, const Datum *keys)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "lead_stage notification",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	char	   *texts[INDEX_MAX_KEYS];

	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(table->desc, table->keys[i] - 1)->atttypid,
						  &output, &varlena);
		texts[i] = OidOutputFunctionCall(output, keys[i]);
	}
	send_event(table, id, kind, event, texts);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(context);
}

void
lead_stage_notify_result(LeadTable *table, const char *kind)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;

	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[row];
		LeadEvent	event = {.due = DT_NOBEGIN, .since = DT_NOBEGIN};
		char	   *texts[INDEX_MAX_KEYS];
		bool		isnull;

		event.at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull));
		for (int i = 0; i < table->nkeys; i++)
			texts[i] = SPI_getvalue(tuple, desc, 3 + i);
		send_event(table, DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull)), kind, &event, texts);
		CHECK_FOR_INTERRUPTS();
	}
}
