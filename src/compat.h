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

/* 16 brought soft input errors; before it every input error is raised. */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); return (dummy); } while (0)
#endif

/* 16 moved VARSIZE() and its kin out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 brought a magic block that names the module and its version. */
#if PG_VERSION_NUM < 180000
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

#endif							/* LEAD_STAGE_COMPAT_H */
