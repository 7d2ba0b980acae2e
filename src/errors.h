/*
 * errors.h
 *	  The SQLSTATEs of our own: only what a caller must be able to tell from
 *	  every other error.  Everything else uses PostgreSQL's codes.
 */
#ifndef LEAD_STAGE_ERRORS_H
#define LEAD_STAGE_ERRORS_H

/* An attempt to change or remove history. */
#define ERRCODE_LEAD_STAGE_HISTORY_IS_APPEND_ONLY MAKE_SQLSTATE('L','S','0','0','1')

#endif							/* LEAD_STAGE_ERRORS_H */
