/*
 * model_def.c
 *	  Reads a published definition (jsonb) into plain C values.
 *
 * The definition was validated by publish; what is checked here is only that
 * nothing can make us read past it.  Objects come in evaluation order.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "model_def.h"

#define MAX_RULE_ID		100000

pg_noreturn static void
malformed(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid \"%s\" in a published model", key),
			 errhint("Publish the model again.")));
}

static JsonbValue *
get_key(JsonbContainer *object, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), value);
}

static const char *
get_text(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!get_key(object, key, &value) || value.type == jbvNull)
		return NULL;
	if (value.type != jbvString)
		malformed(key);
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static const char *
get_name(JsonbContainer *object)
{
	const char *name = get_text(object, "name");

	if (name == NULL)
		malformed("name");
	return name;
}

static bool
get_bool(JsonbContainer *object, const char *key, bool missing)
{
	JsonbValue	value;

	if (!get_key(object, key, &value) || value.type == jbvNull)
		return missing;
	if (value.type != jbvBool)
		malformed(key);
	return value.val.boolean;
}

/* False if the key is absent or null. */
static bool
get_number(JsonbContainer *object, const char *key, double *number)
{
	JsonbValue	value;

	*number = 0;
	if (!get_key(object, key, &value) || value.type == jbvNull)
		return false;
	if (value.type != jbvNumeric)
		malformed(key);
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8,
												 NumericGetDatum(value.val.numeric)));
	return true;
}

static bool
get_int(JsonbContainer *object, const char *key, int *number)
{
	double		value;
	bool		found = get_number(object, key, &value);

	*number = (int) value;
	return found;
}

static Interval *
get_interval(JsonbContainer *object, const char *key)
{
	const char *text = get_text(object, key);

	if (text == NULL)
		return NULL;
	return DatumGetIntervalP(DirectFunctionCall3(interval_in,
												 CStringGetDatum(text),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

static bool
get_stage(JsonbContainer *object, const char *key, LeadStage *stage)
{
	const char *label = get_text(object, key);

	*stage = 0;
	if (label == NULL)
		return false;
	if (!lead_stage_from_label(label, stage))
		malformed(key);
	return true;
}

/* The array under a key: its container and length (0 if there is none). */
static JsonbContainer *
get_array(JsonbContainer *object, const char *key, int *length)
{
	JsonbValue	value;

	*length = 0;
	if (!get_key(object, key, &value) || value.type == jbvNull)
		return NULL;
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		malformed(key);
	*length = JsonContainerSize(value.val.binary.data);
	return value.val.binary.data;
}

static JsonbContainer *
get_object(JsonbContainer *array, int i, const char *key)
{
	JsonbValue *value = getIthJsonbValueFromContainer(array, i);

	if (value == NULL || value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		malformed(key);
	return value->val.binary.data;
}

/*
 * The condition an object has under a key: registered under the name of its
 * column in the signals view.
 */
static int
get_condition(ModelDef *model, JsonbContainer *object, const char *key,
			  const char *kind, const char *name, const char *suffix)
{
	if (get_text(object, key) == NULL)
		return NO_CONDITION;
	model->condition_names = lappend(model->condition_names,
									 psprintf("%s_%s%s", kind, name, suffix));
	return list_length(model->condition_names) - 1;
}

static void
read_categories(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "category", &n);

	model->ncategories = n;
	model->categories = palloc0(sizeof(CategoryDef) * Max(n, 1));
	model->category_sums = palloc0(sizeof(int64) * Max(n, 1));
	model->category_weights = palloc0(sizeof(double) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "category");
		CategoryDef *category = &model->categories[i];

		category->name = get_name(object);
		category->capped = get_int(object, "max_points", &category->max_points);
	}
}

static int
find_category(ModelDef *model, const char *name)
{
	if (name != NULL)
		for (int i = 0; i < model->ncategories; i++)
			if (strcmp(model->categories[i].name, name) == 0)
				return i;
	return -1;
}

static void
read_rules(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "rule", &n);

	model->rules = palloc0(sizeof(RuleDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "rule");
		RuleDef    *rule = &model->rules[model->nrules];
		const char *kind = get_text(object, "kind");

		if (kind == NULL || strcmp(kind, "fit") != 0 ||
			!get_bool(object, "enabled", true))
			continue;
		rule->name = get_name(object);
		/* every event holds that many bits */
		if (!get_int(object, "id", &rule->id) || rule->id < 1 ||
			rule->id > MAX_RULE_ID)
			malformed("id");
		get_int(object, "points", &rule->points);
		rule->capped = get_int(object, "cap", &rule->cap);
		rule->category = find_category(model, get_text(object, "category"));
		rule->condition = get_condition(model, object, "condition",
										"fit", rule->name, "");
		model->max_rule_id = Max(model->max_rule_id, rule->id);
		model->nrules++;
	}
}

static int
by_id(const void *a, const void *b)
{
	return ((const EngagementDef *) a)->id - ((const EngagementDef *) b)->id;
}

static void
read_engagements(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "rule", &n);

	model->engagements = palloc0(sizeof(EngagementDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "rule");
		EngagementDef *rule = &model->engagements[model->nengagements];
		const char *kind = get_text(object, "kind");
		Interval   *half_life;

		if (kind == NULL || strcmp(kind, "engagement") != 0 ||
			!get_bool(object, "enabled", true))
			continue;
		rule->name = get_name(object);
		if (!get_int(object, "id", &rule->id) || rule->id < 1)
			malformed("id");
		rule->source = get_text(object, "source");
		get_int(object, "points", &rule->points);
		rule->capped = get_int(object, "cap", &rule->cap);
		rule->category = find_category(model, get_text(object, "category"));
		half_life = get_interval(object, "half_life");
		rule->half_life = half_life == NULL ? 0 :
			(half_life->day * (double) USECS_PER_DAY + half_life->time) / USECS_PER_SEC;
		rule->has_condition = get_text(object, "condition") != NULL;
		model->nengagements++;
	}
	qsort(model->engagements, model->nengagements, sizeof(EngagementDef), by_id);
	model->uses_state |= model->nengagements > 0;
}

static SignalDef
get_signal(ModelDef *model, JsonbContainer *object, const char *key)
{
	SignalDef	signal = {0, NULL};
	const char *name = get_text(object, key);

	if (name == NULL)
		return signal;
	signal.within = get_interval(object, "signal_within");
	for (int i = 0; i < model->nengagements; i++)
		if (strcmp(model->engagements[i].name, name) == 0)
			signal.rule = model->engagements[i].id;
	if (signal.rule == 0)
		malformed(key);
	return signal;
}

static void
read_criteria(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "criterion", &n);

	model->ncriteria = n;
	model->criteria = palloc0(sizeof(CriterionDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "criterion");
		CriterionDef *criterion = &model->criteria[i];

		criterion->name = get_name(object);
		criterion->question = get_text(object, "question");
		if (!get_stage(object, "required_for", &criterion->required_for))
			malformed("required_for");
		criterion->signal = get_signal(model, object, "signal");
		criterion->condition = get_condition(model, object, "condition",
											 "criterion", criterion->name, "");
	}
}

static void
read_reasons(TransitionDef *transition, JsonbContainer *object)
{
	int			n;
	JsonbContainer *array = get_array(object, "reasons", &n);

	transition->asks_reason = (array != NULL);
	transition->nreasons = n;
	transition->reasons = palloc0(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		if (value == NULL || value->type != jbvString)
			malformed("reasons");
		transition->reasons[i] = pnstrdup(value->val.string.val,
										  value->val.string.len);
	}
}

static void
read_transitions(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "transition", &n);

	model->ntransitions = n;
	model->transitions = palloc0(sizeof(TransitionDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "transition");
		TransitionDef *transition = &model->transitions[i];

		transition->name = get_name(object);
		transition->from_any_open = !get_stage(object, "from_stage",
											   &transition->from_stage);
		if (!get_stage(object, "to_stage", &transition->to_stage))
			malformed("to_stage");
		transition->automatic = get_bool(object, "automatic", false);
		transition->has_min_fit =
			get_number(object, "min_fit", &transition->min_fit);
		transition->has_min_engagement =
			get_number(object, "min_engagement", &transition->min_engagement);
		transition->has_min_score =
			get_number(object, "min_score", &transition->min_score);
		transition->has_below_engagement =
			get_number(object, "below_engagement", &transition->below_engagement);
		transition->idle_for = get_interval(object, "idle_for");
		transition->in_stage_for = get_interval(object, "in_stage_for");
		transition->hold_for = get_interval(object, "hold_for");
		transition->signal = get_signal(model, object, "signal");
		transition->condition = get_condition(model, object, "condition",
											  "transition", transition->name, "");
		transition->not_before = get_condition(model, object, "not_before",
											   "transition", transition->name,
											   "_not_before");
		read_reasons(transition, object);
		model->uses_state |= transition->hold_for != NULL ||
			(transition->automatic &&
			 (transition->in_stage_for != NULL || transition->idle_for != NULL ||
			  transition->not_before != NO_CONDITION));
	}
}

PoolDef *
lead_stage_find_pool(const ModelDef *model, const char *name)
{
	for (int i = 0; i < model->npools; i++)
		if (strcmp(model->pools[i].name, name) == 0)
			return &model->pools[i];
	return NULL;
}

/* The reps come in the order of their pools. */
static void
read_pools(ModelDef *model, JsonbContainer *root)
{
	static uint64 serial = 0;
	int			n;
	JsonbContainer *array = get_array(root, "rep", &n);
	RepDef	   *reps = palloc0(sizeof(RepDef) * Max(n, 1));

	model->pools = palloc0(sizeof(PoolDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "rep");
		const char *name = get_text(object, "pool");
		PoolDef    *pool;
		RepDef	   *rep;

		if (name == NULL)
			malformed("pool");
		if (model->npools == 0 || strcmp(model->pools[model->npools - 1].name, name) != 0)
		{
			pool = &model->pools[model->npools++];
			pool->name = name;
			pool->serial = ++serial;
			pool->reps = &reps[i];
		}
		pool = &model->pools[model->npools - 1];
		if (!get_bool(object, "enabled", true))
			continue;
		rep = &pool->reps[pool->nreps];
		rep->name = get_name(object);
		if (!get_int(object, "weight", &rep->weight))
			rep->weight = 1;
		if (rep->weight < 1)
			malformed("weight");
		rep->limited = get_int(object, "max_open", &rep->max_open);
		pool->nreps++;
	}
}

static void
read_routes(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "route", &n);

	model->nroutes = n;
	model->routes = palloc0(sizeof(RouteDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "route");
		RouteDef   *route = &model->routes[i];
		const char *pool = get_text(object, "pool");

		route->name = get_name(object);
		if (!get_stage(object, "stage", &route->stage))
			malformed("stage");
		route->assign_to = get_text(object, "assign_to");
		if (pool != NULL)
			route->pool = lead_stage_find_pool(model, pool);
		if (route->assign_to == NULL && route->pool == NULL)
			malformed("pool");
		route->reassign = get_bool(object, "reassign", false) ? REASSIGN_ALWAYS :
			get_bool(object, "reassign", true) ? REASSIGN_NEW_TEAM : REASSIGN_NEVER;
		route->condition = get_condition(model, object, "condition",
										 "route", route->name, "");
	}
}

static void
read_milestones(ModelDef *model, JsonbContainer *root)
{
	int			n;
	JsonbContainer *array = get_array(root, "milestone", &n);

	model->milestones = palloc0(sizeof(MilestoneDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "milestone");
		MilestoneDef *milestone = &model->milestones[model->nmilestones];

		milestone->name = get_name(object);
		milestone->signal = get_signal(model, object, "signal");
		milestone->condition = get_condition(model, object, "condition",
											 "milestone", milestone->name, "");
		model->nmilestones++;
	}
}

/* The calendar is the policy's own, else the model's. */
static void
read_slas(ModelDef *model, JsonbContainer *root, JsonbContainer *settings)
{
	int			n;
	JsonbContainer *array = get_array(root, "sla", &n);

	model->slas = palloc0(sizeof(SlaDef) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = get_object(array, i, "sla");
		SlaDef	   *sla = &model->slas[model->nslas];

		sla->name = get_name(object);
		if (!get_stage(object, "stage", &sla->stage))
			malformed("stage");
		sla->target = get_interval(object, "target");
		if (sla->target == NULL)
			malformed("target");
		sla->calendar = get_text(object, "calendar");
		if (sla->calendar == NULL)
			sla->calendar = get_text(settings, "calendar");
		if (sla->calendar != NULL && strcmp(sla->calendar, "always") == 0)
			sla->calendar = NULL;
		sla->condition = get_condition(model, object, "condition", "sla", sla->name, "");
		sla->met_at = get_condition(model, object, "met_at", "sla", sla->name, "_met_at");
		sla->pause_when = get_condition(model, object, "pause_when", "sla", sla->name,
										"_pause_when");
		sla->met_signal = get_signal(model, object, "met_signal");
		sla->repeat = get_bool(object, "repeat", false);
		sla->warn_before = get_interval(object, "warn_before");
		sla->escalate_to = get_text(object, "escalate_to");
		get_stage(object, "breach_to", &sla->breach_to);
		model->nslas++;
	}
	model->uses_state |= model->nslas > 0;
}

ModelDef *
lead_stage_read_model(Jsonb *definition)
{
	ModelDef   *model = palloc0(sizeof(ModelDef));
	JsonbContainer *root = &definition->root;
	JsonbContainer *settings;
	JsonbValue	value;
	const char *setting;

	if (!JB_ROOT_IS_OBJECT(definition) ||
		!get_key(root, "model", &value) || value.type != jbvBinary ||
		!JsonContainerIsObject(value.val.binary.data))
		malformed("model");
	settings = value.val.binary.data;

	model->name = get_name(settings);
	get_int(settings, "id", &model->id);
	model->time_zone = get_text(settings, "time_zone");
	setting = get_text(settings, "on_refused");
	model->keep_refused = setting && strcmp(setting, "keep") == 0;
	setting = get_text(settings, "on_rule_error");
	model->raise_rule_errors = setting && strcmp(setting, "error") == 0;

	model->notify = get_bool(settings, "notify", false);

	read_categories(model, root);
	read_rules(model, root);
	read_engagements(model, root);
	read_criteria(model, root);
	read_transitions(model, root);
	read_pools(model, root);
	read_routes(model, root);
	read_milestones(model, root);
	read_slas(model, root, settings);
	return model;
}
