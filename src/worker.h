/*
 * worker.h
 *	  The background worker: settings and registration.
 */
#ifndef LEAD_STAGE_WORKER_H
#define LEAD_STAGE_WORKER_H

/*
 * Defines lead_stage.databases and lead_stage.sweep_interval and, in
 * shared_preload_libraries, registers the launcher; called once, from
 * _PG_init.
 */
extern void lead_stage_define_worker(void);

/* lead_stage.sweep_interval, in milliseconds. */
extern int	lead_stage_sweep_interval;

#endif							/* LEAD_STAGE_WORKER_H */
