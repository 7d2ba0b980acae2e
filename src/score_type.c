/*
 * score_type.c
 *	  The lead_score type: text and binary I/O, and the helpers by which other
 *	  C code builds and reads a value.
 *
 * Both forms of I/O are exact: doubles are written in the shortest form that
 * reads back as the same bits, times in UTC to the microsecond.  Neither looks
 * at a setting (extra_float_digits, DateStyle, TimeZone), so I/O is immutable
 * and a dump means the same everywhere.
 *
 * The text is {MODEL;RULE,MATCHES,WEIGHT,HALF_LIFE,LAST;...}, for example
 * {3;1,12,4.25,604800,2026-03-01T09:30:00Z;4,1,1,0,2026-02-27T16:00:00.5Z}.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "score_type.h"

/* First byte of the binary form, so that the form can change one day. */
#define BINARY_VERSION		1

/* Bytes of an entry in the binary form, which has no padding. */
#define BINARY_ENTRY_SIZE	36

PG_FUNCTION_INFO_V1(lead_score_in);
PG_FUNCTION_INFO_V1(lead_score_out);
PG_FUNCTION_INFO_V1(lead_score_recv);
PG_FUNCTION_INFO_V1(lead_score_send);

LeadScore *
lead_score_make(int32 model, int n)
{
	LeadScore  *score = palloc0(LEAD_SCORE_SIZE(n));

	SET_VARSIZE(score, LEAD_SCORE_SIZE(n));
	score->model = model;
	return score;
}

LeadScoreEntry *
lead_score_find(LeadScore *score, int32 rule)
{
	int			low = 0;
	int			high = LEAD_SCORE_COUNT(score);

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		LeadScoreEntry *entry = &score->entries[middle];

		if (entry->rule == rule)
			return entry;
		if (entry->rule < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Minus zero is refused too: it would be a second image of zero. */
static bool
is_amount(double value)
{
	return isfinite(value) && !signbit(value);
}

const char *
lead_score_valid_entry(const LeadScoreEntry *entry,
					   const LeadScoreEntry *previous)
{
	if (entry->rule < 1)
		return "A rule id must be at least 1.";
	if (previous && entry->rule <= previous->rule)
		return "Rule ids must be in ascending order, each only once.";
	if (entry->matches < 1)
		return "A number of matches must be at least 1.";
	if (!is_amount(entry->weight))
		return "A weight must be finite and not negative.";
	if (!is_amount(entry->half_life))
		return "A half-life must be finite and not negative.";
	if (!IS_VALID_TIMESTAMP(entry->last_at))
		return "A time must be within the range of timestamptz, and finite.";
	return NULL;
}

/* ---- text output ---- */

static void
append_double(StringInfo buf, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(buf, digits);
}

/* ISO 8601 in UTC; years before 1 count through 0 to negative ones. */
static void
append_time(StringInfo buf, TimestampTz at)
{
	int64		days = at / USECS_PER_DAY;
	int64		time = at % USECS_PER_DAY;
	int			year,
				month,
				day,
				fraction;

	if (time < 0)
	{
		time += USECS_PER_DAY;
		days--;
	}
	j2date((int) days + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	appendStringInfo(buf, "%s%04d-%02d-%02dT%02d:%02d:%02d",
					 year < 0 ? "-" : "", abs(year), month, day,
					 (int) (time / USECS_PER_HOUR),
					 (int) (time / USECS_PER_MINUTE % MINS_PER_HOUR),
					 (int) (time / USECS_PER_SEC % SECS_PER_MINUTE));
	fraction = (int) (time % USECS_PER_SEC);
	if (fraction != 0)
	{
		char		digits[7];
		int			n = 6;

		snprintf(digits, sizeof(digits), "%06d", fraction);
		while (digits[n - 1] == '0')
			n--;
		appendStringInfo(buf, ".%.*s", n, digits);
	}
	appendStringInfoChar(buf, 'Z');
}

Datum
lead_score_out(PG_FUNCTION_ARGS)
{
	LeadScore  *score = PG_GETARG_LEAD_SCORE_P(0);
	int			n = LEAD_SCORE_COUNT(score);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{%d", score->model);
	for (int i = 0; i < n; i++)
	{
		LeadScoreEntry *entry = &score->entries[i];

		appendStringInfo(&buf, ";%d," INT64_FORMAT ",",
						 entry->rule, entry->matches);
		append_double(&buf, entry->weight);
		appendStringInfoChar(&buf, ',');
		append_double(&buf, entry->half_life);
		appendStringInfoChar(&buf, ',');
		append_time(&buf, entry->last_at);
	}
	appendStringInfoChar(&buf, '}');
	PG_RETURN_CSTRING(buf.data);
}

/* ---- text input: each parser moves *p past what it read, or returns false ---- */

static void
skip_space(const char **p)
{
	while (**p == ' ' || **p == '\t' || **p == '\n' || **p == '\r')
		(*p)++;
}

static bool
parse_char(const char **p, char wanted)
{
	skip_space(p);
	if (**p != wanted)
		return false;
	(*p)++;
	skip_space(p);
	return true;
}

/* A whole number without sign, of min to max digits, not above limit. */
static bool
parse_digits(const char **p, int min, int max, int64 limit, int64 *result)
{
	int64		value = 0;
	int			n = 0;

	while (n < max && **p >= '0' && **p <= '9')
	{
		int			digit = **p - '0';

		if (value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
		(*p)++;
		n++;
	}
	*result = value;
	return n >= min;
}

/*
 * A decimal number.  strtod() also reads hexadecimal, "inf" and "nan", so it
 * gets to see only what is spelled like a number.  The backend's LC_NUMERIC is
 * always "C".
 */
static bool
parse_double(const char **p, double *result)
{
	size_t		length = strspn(*p, "0123456789.eE+-");
	char	   *end;

	if (**p < '0' || **p > '9')
		return false;
	*result = strtod(*p, &end);
	if (end != *p + length)
		return false;
	*p = end;
	return true;
}

static bool
parse_time(const char **p, TimestampTz *result)
{
	bool		before_year_0 = (**p == '-');
	int64		year,
				month,
				day,
				hour,
				minute,
				second,
				fraction = 0,
				days;
	int			y,
				m,
				d;

	if (before_year_0)
		(*p)++;
	if (!parse_digits(p, 4, 6, 999999, &year) || *(*p)++ != '-' ||
		!parse_digits(p, 2, 2, 12, &month) || *(*p)++ != '-' ||
		!parse_digits(p, 2, 2, 31, &day) || *(*p)++ != 'T' ||
		!parse_digits(p, 2, 2, 23, &hour) || *(*p)++ != ':' ||
		!parse_digits(p, 2, 2, 59, &minute) || *(*p)++ != ':' ||
		!parse_digits(p, 2, 2, 59, &second))
		return false;
	if (**p == '.')
	{
		const char *start = ++(*p);

		if (!parse_digits(p, 1, 6, 999999, &fraction))
			return false;
		for (int i = (int) (*p - start); i < 6; i++)
			fraction *= 10;
	}
	if (*(*p)++ != 'Z')
		return false;
	if (before_year_0)
		year = -year;

	/* The way back finds the days that a month does not have. */
	if (!IS_VALID_JULIAN((int) year, (int) month, (int) day))
		return false;
	days = date2j((int) year, (int) month, (int) day);
	j2date((int) days, &y, &m, &d);
	if (y != year || m != month || d != day)
		return false;
	days -= POSTGRES_EPOCH_JDATE;

	/* Julian days reach further than timestamptz, and so would overflow. */
	if (days < DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE - 1 ||
		days > TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return false;
	*result = days * USECS_PER_DAY + hour * USECS_PER_HOUR +
		minute * USECS_PER_MINUTE + second * USECS_PER_SEC + fraction;
	return true;
}

static bool
parse_entry(const char **p, LeadScoreEntry *entry)
{
	int64		rule;

	if (!parse_digits(p, 1, 10, PG_INT32_MAX, &rule) || !parse_char(p, ',') ||
		!parse_digits(p, 1, 19, PG_INT64_MAX, &entry->matches) || !parse_char(p, ',') ||
		!parse_double(p, &entry->weight) || !parse_char(p, ',') ||
		!parse_double(p, &entry->half_life) || !parse_char(p, ',') ||
		!parse_time(p, &entry->last_at))
		return false;
	entry->rule = (int32) rule;
	skip_space(p);
	return true;
}

/*
 * Reads a whole value.  Returns NULL and sets *detail if it is none; *detail
 * stays NULL where there is nothing more to say than the form.
 */
static LeadScore *
parse_score(const char *text, const char **detail)
{
	const char *p = text;
	LeadScore  *score;
	int64		model;
	int			room = 0;
	int			n = 0;

	*detail = NULL;
	for (const char *c = text; *c; c++)
		room += (*c == ';');
	if (room > LEAD_SCORE_MAX_ENTRIES)
	{
		*detail = "It has too many entries.";
		return NULL;
	}

	if (!parse_char(&p, '{') ||
		!parse_digits(&p, 1, 10, PG_INT32_MAX, &model))
		return NULL;
	if (model < 1)
	{
		*detail = "A model id must be at least 1.";
		return NULL;
	}
	score = lead_score_make((int32) model, room);
	while (parse_char(&p, ';'))
	{
		if (!parse_entry(&p, &score->entries[n]))
			return NULL;
		*detail = lead_score_valid_entry(&score->entries[n],
										 n > 0 ? &score->entries[n - 1] : NULL);
		if (*detail)
			return NULL;
		n++;
	}
	if (!parse_char(&p, '}') || *p != '\0')
		return NULL;
	return score;
}

Datum
lead_score_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	const char *detail;
	LeadScore  *score = parse_score(text, &detail);

	if (score == NULL)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						"lead_score", text),
				 detail ? errdetail("%s", detail) : 0,
				 errhint("A value is written as {model;rule,matches,weight,half_life,last;...}, with last as in 2026-01-31T09:30:00Z.")));

	PG_RETURN_LEAD_SCORE_P(score);
}

/* ---- binary ---- */

Datum
lead_score_send(PG_FUNCTION_ARGS)
{
	LeadScore  *score = PG_GETARG_LEAD_SCORE_P(0);
	int			n = LEAD_SCORE_COUNT(score);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, BINARY_VERSION);
	pq_sendint32(&buf, score->model);
	for (int i = 0; i < n; i++)
	{
		LeadScoreEntry *entry = &score->entries[i];

		pq_sendint32(&buf, entry->rule);
		pq_sendint64(&buf, entry->matches);
		pq_sendfloat8(&buf, entry->weight);
		pq_sendfloat8(&buf, entry->half_life);
		pq_sendint64(&buf, entry->last_at);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static void
refuse_binary(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", "lead_score"),
			 errdetail("%s", detail)));
}

/* Trusts nothing: the length is checked before a byte is read from it. */
Datum
lead_score_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor - 5;
	int			n = length / BINARY_ENTRY_SIZE;
	LeadScore  *score;
	int32		model;

	if (length < 0)
		refuse_binary("It is too short.");
	if (pq_getmsgbyte(buf) != BINARY_VERSION)
		refuse_binary("Its version number is not known.");
	if (length % BINARY_ENTRY_SIZE != 0)
		refuse_binary("Its length is not that of a whole number of entries.");
	if (n > LEAD_SCORE_MAX_ENTRIES)
		refuse_binary("It has too many entries.");
	model = (int32) pq_getmsgint(buf, 4);
	if (model < 1)
		refuse_binary("A model id must be at least 1.");

	score = lead_score_make(model, n);
	for (int i = 0; i < n; i++)
	{
		LeadScoreEntry *entry = &score->entries[i];
		const char *detail;

		entry->rule = (int32) pq_getmsgint(buf, 4);
		entry->matches = pq_getmsgint64(buf);
		entry->weight = pq_getmsgfloat8(buf);
		entry->half_life = pq_getmsgfloat8(buf);
		entry->last_at = pq_getmsgint64(buf);
		detail = lead_score_valid_entry(entry, i > 0 ? entry - 1 : NULL);
		if (detail)
			refuse_binary(detail);
	}
	PG_RETURN_LEAD_SCORE_P(score);
}
