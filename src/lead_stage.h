/*
 * lead_stage.h
 *	  The stage type as other C code sees it: one byte, passed by value.
 *
 * Stored codes are spaced so that a stage can be added between two others
 * without touching what is on disk; a code is never reused.
 */
#ifndef LEAD_STAGE_H
#define LEAD_STAGE_H

#include "fmgr.h"

typedef uint8 LeadStage;

#define LEAD_STAGE_DISQUALIFIED	10
#define LEAD_STAGE_LOST			20
#define LEAD_STAGE_LEAD			30
#define LEAD_STAGE_NURTURE		40
#define LEAD_STAGE_MQL			50
#define LEAD_STAGE_SAL			60
#define LEAD_STAGE_SQL			70
#define LEAD_STAGE_OPPORTUNITY	80
#define LEAD_STAGE_CUSTOMER		90

#define DatumGetLeadStage(X)	((LeadStage) DatumGetChar(X))
#define LeadStageGetDatum(X)	CharGetDatum((char) (X))
#define PG_GETARG_LEAD_STAGE(n)	DatumGetLeadStage(PG_GETARG_DATUM(n))
#define PG_RETURN_LEAD_STAGE(x)	return LeadStageGetDatum(x)

/* The label of a stored code, or NULL if no stage has that code. */
extern const char *lead_stage_label(LeadStage stage);

/* Finds a stage by its label, in any case; false if there is none. */
extern bool lead_stage_from_label(const char *label, LeadStage *stage);

/* Open stages are those a lead can still move on from: lead to opportunity. */
extern bool lead_stage_is_open(LeadStage stage);

/* Who works leads in a stage: "marketing", "sales", or NULL: nobody. */
extern const char *lead_stage_team_of(LeadStage stage);

#endif							/* LEAD_STAGE_H */
