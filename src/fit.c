/*
 * fit.c
 *	  The fit score: points of the rules that hold, with their caps.
 *
 * Pure arithmetic; explain shows the same numbers line by line.
 */
#include "postgres.h"

#include "fit.h"

static int
saturate(int64 sum)
{
	return (int) Max(Min(sum, PG_INT32_MAX), PG_INT32_MIN);
}

int
lead_stage_fit_score(const ModelDef *model, const bool *holds)
{
	int64		sum = 0;
	int64	   *category_sum = model->category_sums;

	for (int i = 0; i < model->ncategories; i++)
		category_sum[i] = 0;

	for (int i = 0; i < model->nrules; i++)
	{
		const RuleDef *rule = &model->rules[i];
		int			points = rule->points;

		if (!holds[i])
			continue;
		if (rule->capped)
			points = Min(points, rule->cap);
		if (rule->category >= 0)
			category_sum[rule->category] += points;
		else
			sum += points;
	}

	for (int i = 0; i < model->ncategories; i++)
	{
		const CategoryDef *category = &model->categories[i];

		sum += category->capped ?
			Min(category_sum[i], category->max_points) : category_sum[i];
	}
	return saturate(sum);
}
