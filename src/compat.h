/*
 * compat.h
 *	  The newest server API, spelled for the older servers we build against.
 *
 * No other file tests PG_VERSION_NUM.
 */
#ifndef LEAD_STAGE_COMPAT_H
#define LEAD_STAGE_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "lead_stage needs PostgreSQL 15 or later"
#endif

/*
 * 16 brought soft input errors (before it every input error is raised), gave
 * DecodeDateTime a place for the details of an error, updates and
 * ExecInsertIndexTuples a flag for summarizing indexes, and build_attrmap_by_name one for missing
 * columns; it also tells roles one can become from roles one merely belongs
 * to, and gives check hooks their own allocator.
 */
#if PG_VERSION_NUM < 160000
#include "access/attmap.h"
#include "executor/executor.h"
#include "utils/acl.h"
#include "utils/datetime.h"

#define ereturn(context, dummy, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); return (dummy); } while (0)

typedef struct DateTimeErrorExtra
{
	const char *dtee_timezone;
} DateTimeErrorExtra;

#define DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp, extra) \
	((void) (extra), DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tzp))
#define ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters, summarizing) \
	ExecInsertIndexTuples(rri, slot, estate, update, nodup, conflict, arbiters)
#define build_attrmap_by_name(indesc, outdesc, missing_ok) \
	build_attrmap_by_name(indesc, outdesc)
#define member_can_set_role(member, role) is_member_of_role(member, role)
#define guc_malloc(elevel, size) malloc(size)

typedef bool TU_UpdateIndexes;
#define TU_None false
#define TU_All true
#define only_summarizing(update) ((void) (update), false)
#else
#define only_summarizing(update) ((update) == TU_Summarizing)
#endif

/* 16 moved VARSIZE() and its kin out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 17 brought infinite intervals. */
#if PG_VERSION_NUM < 170000
#define INTERVAL_NOT_FINITE(i) ((void) (i), false)
#define INTERVAL_IS_NOBEGIN(i) ((void) (i), false)
#endif

/* 18 brought a magic block that names the module and its version, and C11's
 * spelling of noreturn. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

/* 18 lets a row that is there already be left out of the search. */
#if PG_VERSION_NUM < 180000
#define check_index_constraints(target, slot, estate, met, arbiters) \
	ExecCheckIndexConstraints(target, slot, estate, met, arbiters)
#else
#include "executor/executor.h"

static inline bool
check_index_constraints(ResultRelInfo *target, TupleTableSlot *slot, EState *estate,
						ItemPointer met, List *arbiters)
{
	ItemPointerData none;

	ItemPointerSetInvalid(&none);
	return ExecCheckIndexConstraints(target, slot, estate, met, &none, arbiters);
}
#endif

#endif							/* LEAD_STAGE_COMPAT_H */
