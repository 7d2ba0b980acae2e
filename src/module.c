/*
 * module.c
 *	  The library's entry point.
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"

PG_MODULE_MAGIC_EXT(.name = "lead_stage", .version = LEAD_STAGE_VERSION);

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
}
