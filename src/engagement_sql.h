/*
 * engagement_sql.h
 *	  The published models that engagement() knows.
 */
#ifndef LEAD_STAGE_ENGAGEMENT_SQL_H
#define LEAD_STAGE_ENGAGEMENT_SQL_H

/* Registers the invalidation callback; called once, from _PG_init. */
extern void lead_stage_init_engagement(void);

#endif							/* LEAD_STAGE_ENGAGEMENT_SQL_H */
