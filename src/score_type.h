/*
 * score_type.h
 *	  The lead_score type as other C code sees it: what a lead's activities
 *	  have added up to, per engagement rule.
 *
 * On disk: the varlena header, the model's id, then the entries, 40 bytes each,
 * aligned as double.  There is no count; the length says it.  The rule kept:
 * entries are in ascending order of rule id, each id once, and every field is
 * within the bounds that lead_score_valid_entry() checks.  Whoever builds a
 * value keeps that rule; input, text or binary, refuses whatever breaks it.
 */
#ifndef LEAD_STAGE_SCORE_TYPE_H
#define LEAD_STAGE_SCORE_TYPE_H

#include "datatype/timestamp.h"
#include "fmgr.h"

/* What the activities that matched one rule have added up to. */
typedef struct LeadScoreEntry
{
	int32		rule;			/* rule id within the model, >= 1 */
	int32		unused;			/* 0: equal values have equal bytes */
	int64		matches;		/* activities that matched, >= 1 */
	double		weight;			/* sum of 2^(-age / half_life) as of last_at */
	double		half_life;		/* seconds; 0: no decay */
	TimestampTz last_at;		/* the latest activity that matched */
} LeadScoreEntry;

typedef struct LeadScore
{
	int32		vl_len_;		/* varlena header; use SET_VARSIZE */
	int32		model;			/* model id, >= 1 */
	LeadScoreEntry entries[FLEXIBLE_ARRAY_MEMBER];
} LeadScore;

#define LEAD_SCORE_SIZE(n) \
	(offsetof(LeadScore, entries) + (Size) (n) * sizeof(LeadScoreEntry))
#define LEAD_SCORE_COUNT(score) \
	((int) ((VARSIZE(score) - offsetof(LeadScore, entries)) / sizeof(LeadScoreEntry)))

/* Far beyond any model; keeps a value well below PostgreSQL's 1 GB. */
#define LEAD_SCORE_MAX_ENTRIES	1000000

/*
 * The detoasted value.  It may point into the tuple, so it is read only;
 * the _COPY form is the caller's own.
 */
#define DatumGetLeadScoreP(X)		((LeadScore *) PG_DETOAST_DATUM(X))
#define DatumGetLeadScorePCopy(X)	((LeadScore *) PG_DETOAST_DATUM_COPY(X))
#define PG_GETARG_LEAD_SCORE_P(n)	DatumGetLeadScoreP(PG_GETARG_DATUM(n))
#define PG_RETURN_LEAD_SCORE_P(x)	PG_RETURN_POINTER(x)

/* A new value, palloc'd and zeroed, with room for n entries. */
extern LeadScore *lead_score_make(int32 model, int n);

/* The entry of a rule, or NULL. */
extern LeadScoreEntry *lead_score_find(LeadScore *score, int32 rule);

/* NULL if an entry may follow previous (or come first), else what is wrong. */
extern const char *lead_score_valid_entry(const LeadScoreEntry *entry,
										  const LeadScoreEntry *previous);

#endif							/* LEAD_STAGE_SCORE_TYPE_H */
