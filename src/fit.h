/*
 * fit.h
 *	  The fit score: points of the rules that hold, with their caps.
 */
#ifndef LEAD_STAGE_FIT_H
#define LEAD_STAGE_FIT_H

#include "model_def.h"

/*
 * Σ points of the true fit rules, each at most its cap and each category at
 * most its own.  holds[i] says whether model->rules[i] holds.  The sum
 * saturates at the limits of int.
 */
extern int	lead_stage_fit_score(const ModelDef *model, const bool *holds);

#endif							/* LEAD_STAGE_FIT_H */
