// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/metric_sets.h"
#include "analysis/judge.h"
#include "analysis/template.h"

struct expansion {
  struct rollout_metric *metrics;
  size_t count;
  struct arena *arena;
};

static bool has_metric(const struct expansion *expansion, struct str name) {
  for (size_t i = 0; i < expansion->count; i++)
    if (str_eq(expansion->metrics[i].name, name))
      return true;
  return false;
}

static int add(struct expansion *expansion, const struct rollout_metric *metric, struct err *err) {
  if (expansion->count == JUDGE_METRICS_MAX)
    return err_set(err, RC_INVALID, "more than %d metrics, those of the MetricSets counted",
                   JUDGE_METRICS_MAX);
  expansion->metrics[expansion->count++] = *metric;
  return RC_OK;
}

static const struct metric_set *find_set(const struct metric_sets *sets, struct str name) {
  for (size_t i = 0; sets && i < sets->count; i++)
    if (str_eq(sets->items[i]->metadata.name, name))
      return sets->items[i];
  return NULL;
}

// The set's arguments with the Rollout's values, or their own.
static int bind(const struct metric_set *set, const struct rollout_metric_set_ref *ref,
                struct template_arg *args, struct err *err) {
  const struct metric_set_spec *spec = &set->spec;
  for (size_t i = 0; i < spec->args_count; i++)
    args[i] = (struct template_arg){spec->args[i].name, spec->args[i].value};
  for (size_t r = 0; r < ref->args_count; r++) {
    size_t i = 0;
    while (i < spec->args_count && !str_eq(spec->args[i].name, ref->args[r].name))
      i++;
    if (i == spec->args_count)
      return err_set(err, RC_INVALID, "MetricSet %.*s has no argument %.*s", STR_ARG(ref->name),
                     STR_ARG(ref->args[r].name));
    args[i].value = ref->args[r].value;
  }
  for (size_t i = 0; i < spec->args_count; i++)
    if (!args[i].value.ptr)
      return err_set(err, RC_INVALID, "argument %.*s of MetricSet %.*s has no value",
                     STR_ARG(args[i].name), STR_ARG(ref->name));
  return RC_OK;
}

static int fill(struct rollout_metric *metric, const struct template_arg *args, size_t count,
                struct arena *arena, struct err *err) {
  struct str limit = rollout_metric_limit(metric, arena);
  struct str *texts[] = {&metric->query, &metric->stable_query, &metric->success_condition,
                         &metric->failure_condition, &limit};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    int rc = template_arguments(*texts[i], args, count, arena, texts[i], err);
    if (rc != RC_OK)
      return rc;
  }
  if (limit.len)
    metric->limit = (struct int_or_string){.is_set = true, .is_string = true, .text = limit};
  return RC_OK;
}

static int add_set(struct expansion *expansion, const struct rollout_metric_set_ref *ref,
                   const struct metric_sets *sets, struct err *err) {
  const struct metric_set *set = find_set(sets, ref->name);
  if (!set)
    return err_set(err, RC_NOT_FOUND, "MetricSet %.*s does not exist", STR_ARG(ref->name));
  struct template_arg *args =
      ARENA_ARRAY(expansion->arena, struct template_arg, set->spec.args_count + 1);
  int rc = bind(set, ref, args, err);
  for (size_t i = 0; i < set->spec.metrics_count && rc == RC_OK; i++) {
    struct rollout_metric metric = set->spec.metrics[i];
    if (has_metric(expansion, metric.name)) // the Rollout's own, or an earlier set's
      continue;
    rc = fill(&metric, args, set->spec.args_count, expansion->arena, err);
    if (rc != RC_OK)
      return err_wrap(err, rc, "metric %.*s of MetricSet %.*s", STR_ARG(metric.name),
                      STR_ARG(ref->name));
    rc = add(expansion, &metric, err);
  }
  return rc;
}

int metric_sets_expand(const struct rollout *rollout, const struct metric_sets *sets,
                       struct arena *arena, struct rollout_metric **ret_metrics, size_t *ret_count,
                       struct err *err) {
  const struct rollout_analysis *analysis = &rollout->spec.analysis;
  struct expansion expansion = {
      .metrics = ARENA_ARRAY(arena, struct rollout_metric, JUDGE_METRICS_MAX), .arena = arena};
  int rc = RC_OK;
  for (size_t i = 0; i < analysis->metrics_count && rc == RC_OK; i++)
    rc = add(&expansion, &analysis->metrics[i], err);
  for (size_t i = 0; i < analysis->metric_sets_count && rc == RC_OK; i++)
    rc = add_set(&expansion, &analysis->metric_sets[i], sets, err);
  if (rc != RC_OK)
    return rc;
  *ret_metrics = expansion.metrics;
  *ret_count = expansion.count;
  return RC_OK;
}
