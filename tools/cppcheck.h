/*
 * cppcheck.h
 *	  What cppcheck is told of the server's macros, whose headers it does not
 *	  read.  Their meaning for control flow and nothing else.
 */
#define pg_noreturn __attribute__((noreturn))
#define PG_MODULE_MAGIC_EXT(...)
#define foreach(cell, list) \
	for (cell = list_head(list); cell; cell = lnext(list, cell))
#define dlist_foreach(iter, list) \
	for (iter.cur = dlist_next(list); iter.cur; iter.cur = dlist_next(list))
#define dlist_foreach_modify(iter, list) dlist_foreach(iter, list)
