// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_check.h"
#include "manifests/kinds/rollout.h"
#include "manifests/text/percent.h"

#include <math.h>

#define HISTORY_LIMIT_DEFAULT 10 // what the field says

void rollout_check_workload_ref(const void *object, struct check *check) {
  const struct rollout_workload_ref *ref = object;
  if (!str_eq_z(ref->api_version, "apps/v1"))
    check_error(check, "unsupported", "apiVersion", "expected apps/v1, found \"%.*s\"",
                STR_ARG(ref->api_version));
  if (!str_eq_z(ref->kind, "Deployment"))
    check_error(check, "unsupported", "kind", "expected Deployment, found \"%.*s\"",
                STR_ARG(ref->kind));
}

void rollout_check_step(const void *object, struct check *check) {
  const struct rollout_step *step = object;
  int given = (step->deploy != NULL) + step->has_set_weight + (step->monitor != NULL) +
              (step->pause != NULL) + (step->decommission != NULL);
  if (step->set_header_route)
    check_error(check, "unsupported", "setHeaderRoute", "is not supported by this version");
  if (step->set_mirror)
    check_error(check, "unsupported", "setMirror", "is not supported by this version");
  if (given > 1)
    check_error(
        check, "one-of", "",
        "a step has exactly one of deploy, setWeight, monitor, pause, decommission; %d are given",
        given);
  if (given == 0 && !step->set_header_route && !step->set_mirror)
    check_error(check, "one-of", "",
                "a step needs one of deploy, setWeight, monitor, pause, decommission");
  if (step->has_set_weight &&
      fabs(step->set_weight * 100.0 - nearbyint(step->set_weight * 100.0)) > 1e-6)
    check_error(check, "precision", "setWeight", "at most two decimals are kept; found %g",
                step->set_weight);
}

void rollout_check_deploy(const void *object, struct check *check) {
  const struct rollout_deploy_step *deploy = object;
  double percent;
  if (!deploy->replicas.is_set)
    return;
  if (!deploy->replicas.is_string) {
    if (deploy->replicas.integer < 1)
      check_error(check, "range", "replicas", "expected at least 1, found %lld",
                  (long long)deploy->replicas.integer);
    return;
  }
  if (str_eq_z(deploy->replicas.text, "proportional"))
    return;
  if (!str_ends(deploy->replicas.text, STR("%")) ||
      !percent_parse(deploy->replicas.text, &percent) || percent <= 0 || percent > 100)
    check_error(check, "format", "replicas",
                "expected proportional, a number, or a percentage up to 100%%; found \"%.*s\"",
                STR_ARG(deploy->replicas.text));
}

// What a form leaves alone.
static void check_unused(const struct rollout_spec *spec, struct check *check) {
  bool pair = spec->stable && spec->canary;
  if (pair && spec->config_tracking == ROLLOUT_TRACK_ALL)
    check_warn(check, "no-effect", "configTracking",
               "counts with template and workloadRef alone: the Deployments of a pair keep the "
               "content that they name");
  if (!spec->pod_template && spec->revision_history_limit != HISTORY_LIMIT_DEFAULT)
    check_warn(check, "no-effect", "revisionHistoryLimit",
               "counts with template alone: of other forms no Deployments are kept for undo");
}

static void check_form(const struct rollout_spec *spec, struct check *check) {
  bool pair = spec->stable || spec->canary;
  bool template = spec->pod_template || spec->selector || spec->has_replicas;
  if (pair + template + (spec->workload_ref != NULL) > 1)
    check_error(check, "one-of", "",
                "two forms at once: stable and canary name two Deployments, replicas, selector and "
                "template describe one, workloadRef names one; keep one form");
  else if (!pair && !template && !spec->workload_ref)
    check_error(check, "required", "",
                "says nothing to release: give workloadRef, or stable and canary, or replicas, "
                "selector and template");
  if (pair && !template) {
    if (!spec->stable)
      check_error(check, "required", "stable", "is required beside canary");
    if (!spec->canary)
      check_error(check, "required", "canary", "is required beside stable");
  }
  if (template && !pair) {
    if (!spec->pod_template)
      check_error(check, "required", "template", "is required beside selector and replicas");
    if (!spec->selector)
      check_error(check, "required", "selector", "is required beside template");
  }
  if (spec->stable && spec->canary && str_eq(spec->stable->deployment, spec->canary->deployment))
    check_error(check, "same", "canary.deployment", "is the same Deployment as stable's, \"%.*s\"",
                STR_ARG(spec->stable->deployment));
  rollout_check_names(spec, check);
  check_unused(spec, check);
}

// Also where traffic is left out: its own check is not asked then.
static void check_routes(const struct rollout_traffic *traffic, struct check *check) {
  if (!traffic->virtual_service && !traffic->virtual_services_count && !traffic->http_route &&
      !traffic->grpc_route)
    check_error(check, "required", "traffic",
                "names no route: give virtualService (or virtualServices) with destinationRule, "
                "httpRoute, or grpcRoute");
}

static void check_template(const struct rollout_spec *spec, struct check *check) {
  if (!spec->selector || !spec->pod_template)
    return;
  const struct json *match = json_get(spec->selector, "matchLabels");
  const struct json *labels = json_path(spec->pod_template, "metadata.labels");
  if (json_get(spec->selector, "matchExpressions"))
    check_error(check, "unsupported", "selector.matchExpressions",
                "is not supported; use matchLabels");
  if (!match || match->count == 0)
    check_error(check, "required", "selector.matchLabels", "needs at least one label");
  JSON_EACH(label, match) {
    const struct json *value = json_get_s(labels, label->key);
    if (!value || !json_equal(value, label))
      check_error(check, "mismatch", "template.metadata.labels",
                  "does not have the selector's label %.*s", STR_ARG(label->key));
  }
  const struct json *containers = json_path(spec->pod_template, "spec.containers");
  if (!containers || containers->count == 0)
    check_error(check, "required", "template.spec.containers", "needs at least one container");
}

static void check_steps(const struct rollout_spec *spec, struct check *check) {
  int64_t weight = 0;
  for (size_t i = 0; i < spec->steps_count; i++) {
    const struct rollout_step *step = &spec->steps[i];
    enum rollout_step_kind kind = rollout_step_kind(step);
    if (kind == ROLLOUT_STEP_DECOMMISSION && i + 1 < spec->steps_count)
      check_error(check, "order", check_index(check, "steps", i, ".decommission"),
                  "must be the last step");
    if (kind == ROLLOUT_STEP_DECOMMISSION && weight != ROLLOUT_FULL)
      check_error(
          check, "order", check_index(check, "steps", i, ".decommission"),
          "takes the old version away while it still has traffic; put setWeight: 100 before it");
    if (kind == ROLLOUT_STEP_MONITOR && weight == 0)
      check_warn(check, "order", check_index(check, "steps", i, ".monitor"),
                 "watches a canary that has no traffic yet");
    if (kind == ROLLOUT_STEP_MONITOR && step->monitor->min_ms > step->monitor->duration_ms)
      check_warn(check, "range", check_index(check, "steps", i, ".monitor.min"),
                 "is longer than duration; the duration counts");
    if (kind == ROLLOUT_STEP_SET_WEIGHT)
      weight = rollout_step_parts(step);
  }
  const struct rollout_step *last = spec->steps_count ? &spec->steps[spec->steps_count - 1] : NULL;
  if (spec->workload_ref && last && !last->decommission)
    check_error(check, "incomplete", "steps",
                "must end with decommission: {} when workloadRef is given: there the Deployment "
                "takes the new version over from the canary");
  if (spec->workload_ref && last && last->decommission &&
      last->decommission->action != ROLLOUT_DECOMMISSION_SCALE_DOWN)
    check_error(check, "unsupported",
                check_index(check, "steps", spec->steps_count - 1, ".decommission.action"),
                "does not apply to workloadRef: its Deployment stays and takes the new version "
                "over; leave action out");
  if (spec->steps_count > 0 && weight != ROLLOUT_FULL)
    check_error(check, "incomplete", "steps", "must reach setWeight: 100; the last weight is %g",
                (double)weight / 100.0);
}

void rollout_check_spec(const void *object, struct check *check) {
  const struct rollout_spec *spec = object;
  check_form(spec, check);
  check_routes(&spec->traffic, check);
  check_template(spec, check);
  check_steps(spec, check);
  for (size_t i = 0; i < spec->analysis.metrics_count; i++)
    for (size_t j = 0; j < i; j++)
      if (str_eq(spec->analysis.metrics[i].name, spec->analysis.metrics[j].name))
        check_error(check, "duplicate", check_index(check, "analysis.metrics", i, ".name"),
                    "\"%.*s\" is listed twice", STR_ARG(spec->analysis.metrics[i].name));
  for (size_t i = 0; i < spec->analysis.metric_sets_count; i++)
    check_unique(check, check_index(check, "analysis.metricSets", i, ".args"), ".name",
                 spec->analysis.metric_sets[i].args, spec->analysis.metric_sets[i].args_count,
                 sizeof *spec->analysis.metric_sets[i].args,
                 offsetof(struct rollout_argument, name));
  check_unique(check, "notifications", ".name", spec->notifications, spec->notifications_count,
               sizeof *spec->notifications, offsetof(struct rollout_notification, name));
  check_unique(check, "analysis.metricSets", ".name", spec->analysis.metric_sets,
               spec->analysis.metric_sets_count, sizeof *spec->analysis.metric_sets,
               offsetof(struct rollout_metric_set_ref, name));
  bool monitors = false;
  for (size_t i = 0; i < spec->steps_count; i++)
    monitors = monitors || spec->steps[i].monitor;
  rollout_check_metrics(&spec->analysis, monitors, check);
}
