/*
 * binding.h
 *	  What is attached to what: reading lead_stage.binding and .version.
 *
 * These tables are read the way the server reads its catalogs, without SPI: a
 * write by a role that may do nothing but INSERT must find its model too.
 */
#ifndef LEAD_STAGE_BINDING_H
#define LEAD_STAGE_BINDING_H

#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

typedef struct Binding
{
	pg_uuid_t	id;
	Oid			leads;			/* as attached: the table or partition root */
	Oid			history;
	Oid			state;
	Oid			live;
	Oid			signals;		/* InvalidOid: not published */
	char	   *model;
	int32		version;		/* 0: not published */
	Jsonb	   *columns;		/* role → column */
} Binding;

/* NULL if there is none; made in the current memory context. */
extern Binding *lead_stage_read_binding(const pg_uuid_t *id);
extern Binding *lead_stage_find_binding(Oid leads);

/* What is attached to a leads table as activities. */
typedef struct ActivityBinding
{
	pg_uuid_t	id;
	pg_uuid_t	binding;		/* of the leads table */
	Oid			activities;		/* as attached: the table or partition root */
	Oid			signals;
	char	   *source;
	ArrayType  *lead_key;		/* its columns, in the order of the lead's key */
	char	   *at;
} ActivityBinding;

/* NULL if there is none. */
extern ActivityBinding *lead_stage_read_activity_binding(const pg_uuid_t *id);

/* All of a leads table, in no particular order. */
extern List *lead_stage_activity_bindings(const pg_uuid_t *binding);

/* The definition published as that version, or NULL. */
extern Jsonb *lead_stage_read_definition(const char *model, int32 version);

/* The definition published now of the model with that id, or NULL. */
extern Jsonb *lead_stage_published_definition(int32 model_id);

/*
 * When the reps of a pool are away, as lead_stage.rep says now: a multirange
 * for each of the names, or NULL.  Made in the current memory context.
 */
extern void **lead_stage_read_away(int32 model_id, const char *pool,
								   const char **names, int nnames);

/* Raises 55000 unless the table is attached. */
extern Binding *lead_stage_require_binding(Oid leads);

#endif							/* LEAD_STAGE_BINDING_H */
