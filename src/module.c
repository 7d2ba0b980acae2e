/*
 * module.c
 *	  What happens when the library is loaded: settings and callbacks.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "calendar_cache.h"
#include "activity.h"
#include "arrivals.h"
#include "clock.h"
#include "compat.h"
#include "engagement_sql.h"
#include "event_time.h"
#include "held_states.h"
#include "lead_table.h"
#include "memo.h"
#include "pending.h"
#include "settings.h"
#include "turns.h"
#include "worker.h"

PG_MODULE_MAGIC_EXT(.name = "lead_stage", .version = LEAD_STAGE_VERSION);

char	   *lead_stage_actor = NULL;
bool		lead_stage_enforce = true;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	lead_stage_define_clock();

	DefineCustomStringVariable("lead_stage.actor",
							   "The application's user on whose behalf leads are written.",
							   "Copied to history's column actor; empty: none.",
							   &lead_stage_actor,
							   "",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);

	DefineCustomBoolVariable("lead_stage.enforce",
							 "Whether stage moves must follow the published model.",
							 "Off for imports: any stage goes, and stage_since is taken as given.",
							 &lead_stage_enforce,
							 true,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	lead_stage_define_worker();

	MarkGUCPrefixReserved("lead_stage");

	lead_stage_init_calendar_cache();
	lead_stage_init_lead_tables();
	lead_stage_init_activities();
	lead_stage_init_engagement();
	lead_stage_init_pending();
	lead_stage_init_held_states();
	lead_stage_init_arrivals();
	lead_stage_init_memos();
	lead_stage_init_event_time();
	lead_stage_init_turns();
}
