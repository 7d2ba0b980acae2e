/*
 * run_as.h
 *	  SQL of our own that runs as the owner of a table.
 */
#ifndef LEAD_STAGE_RUN_AS_H
#define LEAD_STAGE_RUN_AS_H

#include "executor/spi.h"
#include "miscadmin.h"

/* An owner sees all his rows, FORCE ROW LEVEL SECURITY or not. */
#define LEAD_STAGE_AS_OWNER (SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS)

/* Who the backend acts as. */
typedef struct Identity
{
	Oid			user;
	int			security_context;
} Identity;

/*
 * Acts as that role until lead_stage_be_again, with these SECURITY_ flags of
 * miscadmin.h more; remembers in self who it was.  The end of a transaction or
 * subtransaction that fails in between restores it too.
 */
extern void lead_stage_become(Oid role, int security_flags, Identity *self);
extern void lead_stage_be_again(const Identity *self);

/*
 * Runs one statement through SPI as that role, past FORCE ROW LEVEL SECURITY,
 * as the server's own foreign-key checks do; SPI must be connected.  Returns
 * SPI's result code; an unexpected one has been raised.
 */
extern int	lead_stage_spi_as(Oid role, const char *sql, int nargs,
							  Oid *types, Datum *values, const char *nulls);

/* The same for a statement that is planned already. */
extern int	lead_stage_spi_plan_as(Oid role, SPIPlanPtr plan, Datum *values,
								   const char *nulls);

/* The same for a query whose rows go to a receiver of the caller's. */
extern void lead_stage_spi_query_as(Oid role, const char *sql, int nargs,
									Oid *types, Datum *values, DestReceiver *receiver);

/* Raises 42501 unless the current user is a member of the role. */
extern void lead_stage_require_membership(Oid role, const char *what);

/*
 * Raises 42501 unless the current user may become the role.  For running what
 * the caller hands in: since 16 one can inherit a role's privileges without
 * the right to become it, and so without its attributes.
 */
extern void lead_stage_require_set_role(Oid role);

#endif							/* LEAD_STAGE_RUN_AS_H */
