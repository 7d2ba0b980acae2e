/*
 * settings.h
 *	  The session settings that writes look at.
 */
#ifndef LEAD_STAGE_SETTINGS_H
#define LEAD_STAGE_SETTINGS_H

/* Who acts, as the application says per request; "" if it does not say. */
extern char *lead_stage_actor;

/* Off: imports may write any stage, and stage_since is taken as given. */
extern bool lead_stage_enforce;

#endif							/* LEAD_STAGE_SETTINGS_H */
