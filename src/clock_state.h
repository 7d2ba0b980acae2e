/*
 * clock_state.h
 *	  Open clocks as <leads>_state.sla holds them: an array of objects.
 */
#ifndef LEAD_STAGE_CLOCK_STATE_H
#define LEAD_STAGE_CLOCK_STATE_H

#include "utils/jsonb.h"
#include "sla.h"

/*
 * The *number of clocks in sla, in the current memory context.  NULL: none.  What is not of our form is left out.
 */
extern Clock *lead_stage_read_clocks(Jsonb *sla, int *number);

/* The open ones of them; NULL: none is. */
extern Jsonb *lead_stage_write_clocks(const Clock *clocks, int number);

#endif							/* LEAD_STAGE_CLOCK_STATE_H */
