/*
 * our_objects.h
 *	  Telling what is the extension's own, and what belongs to whom.
 *
 * These read nothing but the session's catalog caches, for each session asks
 * before it writes its first lead.
 */
#ifndef LEAD_STAGE_OUR_OBJECTS_H
#define LEAD_STAGE_OUR_OBJECTS_H

#include "utils/relcache.h"

/* Whether a function is one of this library's. */
extern bool lead_stage_is_our_c_function(Oid function);

/* Whether a type is lead_stage itself, not a domain over it. */
extern bool lead_stage_is_stage_type(Oid type);

/* InvalidOid if the relation is gone. */
extern Oid	lead_stage_relation_owner(Oid relid);

/*
 * The sequence that a column takes its default from, if that role owns it, else
 * the first that the relation owns; InvalidOid if there is none.
 */
extern Oid	lead_stage_sequence_of(Relation rel, AttrNumber column, Oid owner);

#endif							/* LEAD_STAGE_OUR_OBJECTS_H */
