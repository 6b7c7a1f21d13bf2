// SPDX-License-Identifier: Apache-2.0
// Habits of Rollouts: steps without evidence, limits that cannot be measured, routes that are not
// clear.
#include "manifests/kinds/deployment.h"
#include "manifests/kinds/destination_rule.h"
#include "manifests/kinds/lint_rules.h"
#include "manifests/kinds/metric_set.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/rollout.h"
#include "manifests/kinds/virtual_service.h"
#include "manifests/schema/decode.h"
#include "manifests/text/duration.h"

#define LAST_BUCKET_MS 3600000 // of istio_request_duration_milliseconds
#define SCRAPE_MS 5000         // how often `serin up` has Prometheus scrape

static void check_steps(const struct rollout_spec *spec, struct check *check) {
  bool monitored = false, first = true;
  for (size_t i = 0; i < spec->steps_count; i++) {
    const struct rollout_step *step = &spec->steps[i];
    if (step->monitor && !first)
      monitored = true;
    if (step->monitor && step->monitor->duration_ms < 2 * SCRAPE_MS)
      check_warn(
          check, "short-window", check_index(check, "spec.steps", i, ".monitor.duration"),
          "is shorter than two scrapes of Prometheus (every 5s), so nothing can be measured");
    if (!step->has_set_weight)
      continue;
    bool full = rollout_step_parts(step) >= ROLLOUT_FULL;
    if (full && first)
      check_warn(check, "all-at-once", check_index(check, "spec.steps", i, ".setWeight"),
                 "all traffic moves at once; begin with a small share, such as setWeight: 10");
    else if (full && !monitored)
      check_warn(check, "no-analysis", check_index(check, "spec.steps", i, ".setWeight"),
                 "no monitor step before 100 %%: nothing is measured while there is a stable "
                 "version to compare with");
    first = false;
  }
}

static void check_limit(const struct rollout_metric *metric, size_t index, struct check *check) {
  int64_t limit_ms = 0;
  if (!str_starts(metric->name, STR("latency-p")) || metric->query.len || !metric->limit.is_set)
    return;
  if (!metric->limit.is_string)
    limit_ms = metric->limit.integer;
  else if (!duration_parse(metric->limit.text, &limit_ms))
    return;
  if (limit_ms >= LAST_BUCKET_MS)
    check_warn(check, "limit-beyond-buckets",
               check_index(check, "spec.analysis.metrics", index, ".limit"),
               "is not below the last bucket of the histogram (1h), so it can never be exceeded");
}

// The shortest range of a query, "[30s]"; 0 when it has none in seconds, minutes or hours.
static int64_t shortest_window(struct str query) {
  int64_t shortest = 0;
  for (size_t i = 0; i < query.len; i++) {
    if (query.ptr[i] != '[')
      continue;
    size_t end = i + 1;
    while (end < query.len && query.ptr[end] != ']' && query.ptr[end] != ':')
      end++;
    int64_t ms = 0;
    if (duration_parse(str_trim(str_slice(query, i + 1, end)), &ms) && ms > 0 &&
        (!shortest || ms < shortest))
      shortest = ms;
  }
  return shortest;
}

static void check_metrics(const struct rollout_spec *spec, struct check *check) {
  for (size_t i = 0; i < spec->analysis.metrics_count; i++) {
    const struct rollout_metric *metric = &spec->analysis.metrics[i];
    check_limit(metric, i, check);
    int64_t window = shortest_window(metric->query);
    if (window && window < 2 * SCRAPE_MS)
      check_warn(check, "short-window", check_index(check, "spec.analysis.metrics", i, ".query"),
                 "a range of %.*s is shorter than two scrapes of Prometheus (every 5s), so there "
                 "is nothing to calculate with",
                 STR_ARG(duration_format(check->arena, window)));
  }
}

static bool gives(const struct rollout_metric_set_ref *ref, struct str name) {
  for (size_t i = 0; i < ref->args_count; i++)
    if (str_eq(ref->args[i].name, name))
      return true;
  return false;
}

static bool declares(const struct metric_set_spec *set, struct str name) {
  for (size_t i = 0; i < set->args_count; i++)
    if (str_eq(set->args[i].name, name))
      return true;
  return false;
}

// A MetricSet that is not among the files may be in the cluster: only one that is here is compared.
static void check_sets(struct lint *lint, const struct lint_object *object, struct check *check) {
  const struct rollout_analysis *analysis =
      &((const struct rollout *)object->object)->spec.analysis;
  for (size_t i = 0; i < analysis->metric_sets_count; i++) {
    const struct rollout_metric_set_ref *ref = &analysis->metric_sets[i];
    const struct lint_object *found = lint_find(lint, &metric_set_kind, object->ns, ref->name);
    const struct metric_set *set = found ? found->object : NULL;
    const char *place = check_index(check, "spec.analysis.metricSets", i, "");
    for (size_t a = 0; set && a < set->spec.args_count; a++)
      if (!set->spec.args[a].value.ptr && !gives(ref, set->spec.args[a].name))
        check_error(check, "missing-argument", place, "MetricSet %.*s needs the argument %.*s",
                    STR_ARG(ref->name), STR_ARG(set->spec.args[a].name));
    for (size_t a = 0; set && a < ref->args_count; a++)
      if (!declares(&set->spec, ref->args[a].name))
        check_error(check, "unknown-argument", place, "MetricSet %.*s has no argument %.*s",
                    STR_ARG(ref->name), STR_ARG(ref->args[a].name));
  }
}

static bool names_subset(const struct vs_http *http, struct str subset) {
  for (size_t i = 0; i < http->route_count; i++)
    if (str_eq(http->route[i].destination.subset, subset))
      return true;
  return false;
}

static bool has_route(const struct virtual_service *vs, struct str name) {
  for (size_t i = 0; i < vs->spec.http_count; i++)
    if (str_eq(vs->spec.http[i].name, name))
      return true;
  return false;
}

static void check_route(struct lint *lint, const struct lint_object *object, struct check *check) {
  const struct rollout_spec *spec = &((const struct rollout *)object->object)->spec;
  const struct rollout_virtual_service_ref *ref = spec->traffic.virtual_service;
  if (!ref)
    return;
  const struct lint_object *found = lint_find(lint, &virtual_service_kind, object->ns, ref->name);
  if (!found)
    return;
  const struct virtual_service *vs = found->object;
  for (size_t i = 0; i < ref->routes_count; i++)
    if (!has_route(vs, ref->routes[i]))
      check_warn(check, "unknown-route",
                 check_index(check, "spec.traffic.virtualService.routes", i, ""),
                 "%.*s has no http route of this name", STR_ARG(lint_title(lint, found)));
  if (ref->routes_count || vs->spec.http_count < 2 || !spec->stable)
    return;
  size_t candidates = 0;
  for (size_t i = 0; i < vs->spec.http_count; i++)
    candidates += names_subset(&vs->spec.http[i], spec->stable->subset);
  if (!candidates)
    check_warn(check, "ambiguous-route", "spec.traffic.virtualService.routes",
               "none of the %zu http routes of %.*s names the stable subset \"%.*s\"; say which "
               "are meant",
               vs->spec.http_count, STR_ARG(lint_title(lint, found)),
               STR_ARG(spec->stable->subset));
}

static bool has_subset(const struct destination_rule *rule, struct str name) {
  for (size_t i = 0; i < rule->spec.subsets_count; i++)
    if (str_eq(rule->spec.subsets[i].name, name))
      return true;
  return false;
}

static void check_version(struct lint *lint, const struct lint_object *rule,
                          const struct rollout_version_ref *version, const char *field,
                          struct check *check) {
  if (version && !has_subset(rule->object, version->subset))
    check_warn(check, "unknown-subset", field, "%.*s has no subset \"%.*s\"",
               STR_ARG(lint_title(lint, rule)), STR_ARG(version->subset));
}

// A Deployment takes a name twice, with a warning; in a Rollout names are keys, as server-side
// apply has them.
static void check_env(const struct pod_container *containers, size_t count, const char *list,
                      struct check *check) {
  for (size_t i = 0; i < count; i++)
    check_unique(check, check_index(check, list, i, ".env"), ".name", containers[i].env,
                 containers[i].env_count, sizeof(struct pod_env), offsetof(struct pod_env, name));
}

// The template is kept as json in a Rollout; here it is judged as the Pods that it will make.
static void check_template(struct lint *lint, const struct lint_object *object,
                           struct check *check) {
  const struct json *spec = json_get(object->json, "spec");
  const struct decode_options options = {.file = object->file};
  struct pod_template template_ = {.metadata = {.generation = 0}};
  struct label_selector selector = {.match_expressions_count = 0};
  if (json_get(spec, "template"))
    (void)schema_decode(&pod_template_schema, json_get(spec, "template"), &options,
                        STR("spec.template"), lint->arena, lint->findings, &template_);
  check_env(template_.spec.containers, template_.spec.containers_count,
            "spec.template.spec.containers", check);
  check_env(template_.spec.init_containers, template_.spec.init_containers_count,
            "spec.template.spec.initContainers", check);
  if (json_get(spec, "selector"))
    (void)schema_decode(&label_selector_schema, json_get(spec, "selector"), &options,
                        STR("spec.selector"), lint->arena, lint->findings, &selector);
}

static bool names_host(const struct vs_http *http) {
  for (size_t i = 0; i < http->route_count; i++)
    if (str_is_empty(http->route[i].destination.subset))
      return true;
  return false;
}

// Workload form: what Git says and what the operator makes of it must not be at odds.
static void check_workload(struct lint *lint, const struct lint_object *object,
                           struct check *check) {
  const struct rollout_spec *spec = &((const struct rollout *)object->object)->spec;
  const struct rollout_virtual_service_ref *ref = spec->traffic.virtual_service;
  if (!spec->workload_ref)
    return;
  const struct lint_object *workload =
      lint_find(lint, &deployment_kind, object->ns, spec->workload_ref->name);
  if (workload && json_path(workload->json, "spec.paused"))
    check_warn(check, "paused-by-git", "spec.workloadRef.name",
               "%.*s says spec.paused itself, which the operator sets: leave it out there, or "
               "each apply is put right again",
               STR_ARG(lint_title(lint, workload)));
  const struct lint_object *found =
      ref ? lint_find(lint, &virtual_service_kind, object->ns, ref->name) : NULL;
  const struct virtual_service *vs = found ? found->object : NULL;
  bool any = !vs;
  for (size_t i = 0; vs && i < vs->spec.http_count; i++)
    any |= names_host(&vs->spec.http[i]);
  if (!any)
    check_warn(check, "subset-in-route", "spec.traffic.virtualService.name",
               "every route of %.*s names a subset: with workloadRef it names the host alone "
               "between releases, and subsets come and go with a release",
               STR_ARG(lint_title(lint, found)));
}

void lint_rollout(struct lint *lint, const struct lint_object *object) {
  const struct rollout_spec *spec = &((const struct rollout *)object->object)->spec;
  struct check check = lint_check(lint, object);
  check_template(lint, object, &check);
  check_steps(spec, &check);
  check_metrics(spec, &check);
  check_sets(lint, object, &check);
  check_route(lint, object, &check);
  check_workload(lint, object, &check);
  const struct lint_object *rule =
      lint_find(lint, &destination_rule_kind, object->ns, spec->traffic.destination_rule);
  if (!rule)
    return;
  check_version(lint, rule, spec->stable, "spec.stable.subset", &check);
  check_version(lint, rule, spec->canary, "spec.canary.subset", &check);
}
