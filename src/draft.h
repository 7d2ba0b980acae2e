/*
 * draft.h
 *	  Judging by a definition that has not been published.
 */
#ifndef LEAD_STAGE_DRAFT_H
#define LEAD_STAGE_DRAFT_H

#include "utils/jsonb.h"
#include "lead_table.h"

/*
 * A LeadTable for the attached table "rel", to judge by the definition, whose
 * conditions are the columns of the query "conditions"; made in the current
 * memory context.  Raises 42501 unless the caller is a member of the table's
 * owner, for the conditions run with its rights.
 */
extern LeadTable *lead_stage_draft_table(Relation rel, const pg_uuid_t *binding,
										 Jsonb *definition,
										 const char *conditions);

#endif							/* LEAD_STAGE_DRAFT_H */
