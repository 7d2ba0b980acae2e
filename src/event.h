/*
 * event.h
 *	  One event in a lead's life, on its way to history.
 */
#ifndef LEAD_STAGE_EVENT_H
#define LEAD_STAGE_EVENT_H

#include "datatype/timestamp.h"
#include "utils/varbit.h"
#include "lead_stage.h"

typedef enum LeadEventKind
{
	EVENT_CREATED,
	EVENT_STAGE,
	EVENT_OWNER,
	EVENT_MILESTONE,
	EVENT_REFUSED,
	EVENT_SLA_STARTED,
	EVENT_SLA_WARNED,
	EVENT_SLA_PAUSED,
	EVENT_SLA_RESUMED,
	EVENT_SLA_MET,
	EVENT_SLA_BREACHED,
	EVENT_SLA_CANCELLED,
	EVENT_REKEYED,
	EVENT_MERGED,
	EVENT_DELETED
} LeadEventKind;

/* Strings may be NULL; stages are 0 and times DT_NOBEGIN where there is none. */
typedef struct LeadEvent
{
	LeadEventKind kind;
	bool		under_old_key;	/* rekeyed: belongs to the key that was left */
	LeadStage	from_stage;
	LeadStage	to_stage;
	TimestampTz at;
	TimestampTz since;			/* entry into from_stage */
	TimestampTz due;			/* of a clock */
	bool		has_elapsed;
	int64		elapsed;		/* working time, in microseconds */
	const char *name;
	const char *reason;
	const char *owner;
	const char *previous_owner;
	bool		has_fit;
	int			fit;
	bool		has_engagement;
	float4		engagement;
	bool		touched;		/* there was an activity during the stay */
	VarBit	   *evidence;
} LeadEvent;

#endif							/* LEAD_STAGE_EVENT_H */
