// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/label_selector.h"
#include "manifests/kinds/pod.h"
#include "manifests/kinds/rollout_check.h"
#include "manifests/text/percent.h"

#include <math.h>

#define VALUE(n, d)                                                                                \
  { .name = n, .doc = d }
#define NOT_GIVEN                                                                                  \
  { .name = "" }
#define END                                                                                        \
  { .name = NULL }

// --- spec ---

static const struct field version_ref_fields[] = {
    F_STRING(struct rollout_version_ref, deployment, "deployment", .required = true,
             .not_empty = true, F_RANGE(1, 253), .doc = "Name of the Deployment of this version."),
    F_STRING(struct rollout_version_ref, subset, "subset", F_RANGE(0, 253),
             .doc = "Name of its subset in the DestinationRule. Not given with httpRoute and "
                    "grpcRoute, which name Services."),
};
static const struct schema version_ref_schema =
    SCHEMA("RolloutVersion", struct rollout_version_ref, version_ref_fields);

static const struct enum_value on_delete_values[] = {
    NOT_GIVEN,
    VALUE("keepPaused", "It stays paused, and an annotation says why and how to resume it."),
    VALUE("putBack", "The template that its pods run goes back into it, and it is resumed."),
    VALUE("roll", "It is resumed, and so rolls to its template at once."),
    END,
};

static const struct field workload_ref_fields[] = {
    F_STRING(struct rollout_workload_ref, api_version, "apiVersion", .fallback = "apps/v1",
             .doc = "apps/v1."),
    F_STRING(struct rollout_workload_ref, kind, "kind", .fallback = "Deployment",
             .doc = "Deployment."),
    F_STRING(struct rollout_workload_ref, name, "name", .required = true, .not_empty = true,
             .doc = "Name of the Deployment, in the Rollout's namespace."),
    F_ENUM(struct rollout_workload_ref, on_delete, "onDelete", on_delete_values,
           .fallback = "keepPaused",
           .doc = "When the Rollout is deleted while the Deployment's template is not what its "
                  "pods run: a release failed, or was not over."),
};
static const struct schema workload_ref_schema =
    SCHEMA("RolloutWorkloadRef", struct rollout_workload_ref, workload_ref_fields,
           .check = rollout_check_workload_ref);

static const struct enum_value decommission_values[] = {
    NOT_GIVEN,
    VALUE("scaleDown", "Scale the old version to 0 replicas."),
    VALUE("delete", "Delete the old version's Deployment."),
    VALUE("none", "Leave the old version as it is, without traffic."),
    END,
};

static const struct field deploy_fields[] = {
    F_INT_OR_STRING(
        struct rollout_deploy_step, replicas, "replicas", .fallback = "proportional",
        .doc = "proportional: what the next weight needs; N; or N% of the stable's replicas."),
    F_DURATION(struct rollout_deploy_step, timeout_ms, "timeout", .fallback = "10m",
               F_AT_LEAST(1000),
               .doc = "The release is rolled back when the replicas are not ready by then."),
};
static const struct schema_rule deploy_rules[] = {
    {"!has(self.replicas) || (type(self.replicas) == int ? self.replicas >= 1 : "
     "self.replicas == 'proportional' || string(self.replicas).matches("
     "'^(100([.]0+)?|[1-9][0-9]?([.][0-9]+)?|0[.][0-9]*[1-9][0-9]*)%$'))",
     "replicas: expected proportional, a number from 1 on, or a percentage up to 100%"},
};
static const struct schema deploy_schema =
    SCHEMA("RolloutDeploy", struct rollout_deploy_step, deploy_fields,
           .check = rollout_check_deploy, S_RULES(deploy_rules));

static const struct field monitor_fields[] = {
    F_DURATION(struct rollout_monitor_step, duration_ms, "duration", .fallback = "10m",
               F_AT_LEAST(1), .doc = "Longest time to watch the canary at this weight."),
    F_DURATION(struct rollout_monitor_step, min_ms, "min", .fallback = "1m",
               .doc = "Shortest time, also when the evidence already says pass. At most the "
                      "duration counts."),
};
static const struct schema monitor_schema =
    SCHEMA("RolloutMonitor", struct rollout_monitor_step, monitor_fields);

static const struct field pause_fields[] = {
    F_DURATION_OPT(struct rollout_pause_step, duration_ms, "duration", F_AT_LEAST(1),
                   .doc = "How long. Left out: until promoted by a person."),
};
static const struct schema pause_schema =
    SCHEMA("RolloutPause", struct rollout_pause_step, pause_fields);

static const struct field decommission_fields[] = {
    F_ENUM(struct rollout_decommission_step, action, "action", decommission_values,
           .fallback = "scaleDown", .doc = "What becomes of the old version's Deployment."),
};
static const struct schema decommission_schema =
    SCHEMA("RolloutDecommission", struct rollout_decommission_step, decommission_fields);

static const struct field step_fields[] = {
    F_OPTIONAL(struct rollout_step, deploy, "deploy", &deploy_schema,
               .doc = "Bring up the canary's replicas, without traffic."),
    F_PERCENT_OPT(struct rollout_step, set_weight, "setWeight", F_RANGE(0, 100),
                  .doc = "Share of the traffic for the canary in percent, at most two decimals."),
    F_OPTIONAL(struct rollout_step, monitor, "monitor", &monitor_schema,
               .doc = "Watch the canary; the release goes on when the judge says pass."),
    F_OPTIONAL(struct rollout_step, pause, "pause", &pause_schema,
               .doc = "Wait, for a time or until promoted."),
    F_OPTIONAL(struct rollout_step, decommission, "decommission", &decommission_schema,
               .doc = "Remove the old version, after its last request. Last step only."),
    F_JSON(struct rollout_step, set_header_route, "setHeaderRoute",
           .doc = "Refused by this version."),
    F_JSON(struct rollout_step, set_mirror, "setMirror", .doc = "Refused by this version."),
};
static const struct schema step_schema =
    SCHEMA("RolloutStep", struct rollout_step, step_fields, .check = rollout_check_step,
           .doc = "One step; exactly one of its fields is given.", .one_property = true);

static const struct enum_value new_revision_values[] = {
    NOT_GIVEN,
    VALUE("supersede", "The running release ends; the new version starts at once."),
    VALUE("queue", "The running release ends first."),
    END,
};

static const struct enum_value config_tracking_values[] = {
    NOT_GIVEN,
    VALUE("configMaps",
          "A change of a ConfigMap that the pod template refers to is a new version."),
    VALUE("all", "Of Secrets, too; the operator needs rights for these."),
    VALUE("none", "Only the pod template counts."),
    END,
};

// The default steps. Kept as text, so that they are written into stored objects and shown by
// `explain`.
#define DEFAULT_STEPS                                                                              \
  "[{\"deploy\":{\"replicas\":\"proportional\",\"timeout\":\"10m\"}},"                             \
  "{\"setWeight\":10},{\"monitor\":{\"duration\":\"10m\",\"min\":\"1m\"}},"                        \
  "{\"setWeight\":50},{\"monitor\":{\"duration\":\"10m\",\"min\":\"1m\"}},"                        \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"5m\",\"min\":\"5m\"}},"                        \
  "{\"decommission\":{\"action\":\"scaleDown\"}}]"

static const struct field spec_fields[] = {
    F_OPTIONAL(struct rollout_spec, stable, "stable", &version_ref_schema,
               .doc = "Pair form: the version that serves. Its Deployment's manifest is never "
                      "edited, only scaled "
                      "or deleted by decommission."),
    F_OPTIONAL(struct rollout_spec, canary, "canary", &version_ref_schema,
               .doc = "Pair form: the version that is released."),
    F_INT_OPT(struct rollout_spec, replicas, "replicas", F_RANGE(0, 100000),
              .doc = "Template form: replicas of the version that serves. Left out: 1."),
    F_INT(struct rollout_spec, revision_history_limit, "revisionHistoryLimit", .fallback = "10",
          F_RANGE(0, 1000),
          .doc = "Template form: versions without traffic whose Deployments are kept, with 0 "
                 "replicas, for undo."),
    F_KEPT_OBJECT(struct rollout_spec, selector, "selector", &label_selector_schema,
                  .verbatim = true,
                  .doc = "Template form: a LabelSelector with matchLabels, as in a Deployment."),
    // A default here would be a change of every template, and so start releases.
    F_KEPT_OBJECT(
        struct rollout_spec, pod_template, "template", &pod_template_schema, .verbatim = true,
        .doc = "Template form: a PodTemplateSpec, as in a Deployment. A change starts a release."),
    F_OPTIONAL(struct rollout_spec, workload_ref, "workloadRef", &workload_ref_schema,
               .doc = "Workload form: one Deployment whose template somebody else changes. It is "
                      "paused by the operator; a new template runs beside it as the canary."),
    F_ENUM(struct rollout_spec, config_tracking, "configTracking", config_tracking_values,
           .fallback = "configMaps",
           .doc = "Template and workload form: whose content is part of a version. Each version "
                  "keeps a copy of its own; the annotation serin.dev/config-tracking: disabled on "
                  "a ConfigMap or Secret leaves that one out."),
    F_OBJECT(struct rollout_spec, traffic, "traffic", &rollout_traffic_schema,
             .doc = "Who splits the traffic."),
    F_LIST(struct rollout_spec, steps, "steps", &step_schema, .fallback = DEFAULT_STEPS,
           .bare_items = true, .not_empty = true, F_RANGE(1, 100),
           .doc = "The way from 0 to 100 %."),
    F_OBJECT(struct rollout_spec, analysis, "analysis", &rollout_analysis_schema,
             .doc = "How the canary is judged."),
    F_DURATION(struct rollout_spec, progress_deadline_ms, "progressDeadline", .fallback = "1h",
               F_AT_LEAST(1000), .doc = "Without progress for that long the release is Stalled."),
    F_ENUM(struct rollout_spec, on_deadline, "onDeadline", rollout_failure_values,
           .fallback = "hold",
           .doc = "What happens to a stalled release. A pause waits for a person and is never "
                  "rolled back by it."),
    F_ENUM(struct rollout_spec, on_new_revision, "onNewRevision", new_revision_values,
           .fallback = "supersede", .doc = "What a new version does to a running release."),
    F_LIST(struct rollout_spec, notifications, "notifications", &rollout_notification_schema,
           .bare_items = true, .merge_key = "name", F_RANGE(0, 8),
           .doc =
               "Who is told when it pauses, holds, stalls, is rolled back or promoted. Left out: "
               "the operator's default, where it has one."),
    F_BOOL(struct rollout_spec, suspend, "suspend",
           .doc =
               "Nothing moves forward. Traffic is still taken from a failing or aborted canary."),
};
static const struct schema_rule spec_rules[] = {
    {"has(self.traffic)", "traffic is required: who splits the traffic"},
    {"[has(self.stable) || has(self.canary), has(self.template) || has(self.selector) || "
     "has(self.replicas), has(self.workloadRef)].filter(given, given).size() == 1",
     "say what is released in one form: stable and canary; or replicas, selector and template; or "
     "workloadRef"},
    {"has(self.stable) == has(self.canary)", "stable and canary are given together"},
    {"has(self.template) == has(self.selector)", "selector and template are given together"},
    {"!has(self.stable) || !has(self.canary) || self.stable.deployment != self.canary.deployment",
     "canary.deployment is the same Deployment as stable's"},
    {"!has(self.stable) || !has(self.canary) || !has(self.stable.subset) || "
     "!has(self.canary.subset) || self.stable.subset != self.canary.subset",
     "canary.subset is the same subset as stable's"},
    {"!has(self.stable) || !has(self.canary) || !has(self.traffic) || "
     "has(self.traffic.httpRoute) || has(self.traffic.grpcRoute) || "
     "(has(self.stable.subset) && self.stable.subset != '' && has(self.canary.subset) && "
     "self.canary.subset != '')",
     "stable.subset and canary.subset are required beside a VirtualService"},
    {"!has(self.traffic) || !has(self.traffic.httpRoute) || "
     "has(self.stable) == has(self.traffic.httpRoute.canaryService)",
     "httpRoute.canaryService is given with stable and canary, and only then"},
    {"!has(self.traffic) || !has(self.traffic.grpcRoute) || "
     "has(self.stable) == has(self.traffic.grpcRoute.canaryService)",
     "grpcRoute.canaryService is given with stable and canary, and only then"},
    {"!has(self.steps) || !self.steps.exists(s, has(s.decommission)) || "
     "(self.steps.filter(s, has(s.decommission)).size() == 1 && "
     "has(self.steps[size(self.steps) - 1].decommission))",
     "decommission must be the last step"},
};
static const struct schema spec_schema = SCHEMA("RolloutSpec", struct rollout_spec, spec_fields,
                                                .check = rollout_check_spec, S_RULES(spec_rules));

static const struct field rollout_fields[] = {
    F_OBJECT(struct rollout, metadata, "metadata", &object_meta_schema, .required = true),
    F_OBJECT(struct rollout, spec, "spec", &spec_schema, .required = true,
             .doc = "What is wanted."),
    F_OBJECT(struct rollout, status, "status", &rollout_status_schema, .read_only = true,
             .doc = "Where the release stands; written by the operator."),
};
static const struct schema rollout_schema = SCHEMA("Rollout", struct rollout, rollout_fields);

static const char *const versions[] = {"v1alpha1", NULL};
static const char *const short_names[] = {"sro", NULL};
static const char *const categories[] = {"serin", NULL};
static const struct printer_column columns[] = {
    {.name = "Phase", .type = "string", .path = ".status.phase", .doc = "Where the release stands"},
    {.name = "Step", .type = "string", .path = ".status.step.name", .doc = "The step it is at"},
    {.name = "Weight",
     .type = "string",
     .path = ".status.weight.canary",
     .doc = "Percent of the traffic for the canary"},
    {.name = "Waiting for",
     .type = "string",
     .path = ".status.step.waitingFor",
     .doc = "What it waits for"},
    {.name = "Observed",
     .type = "string",
     .path = ".status.weight.observed",
     .priority = 1,
     .doc = "Share as measured"},
    {.name = "Message",
     .type = "string",
     .path = ".status.message",
     .priority = 1,
     .doc = "Last word of the operator"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc rollout_kind = {
    .group = "serin.dev",
    .versions = versions,
    .kind = "Rollout",
    .plural = "rollouts",
    .singular = "rollout",
    .short_names = short_names,
    .categories = categories,
    .namespaced = true,
    .ours = true,
    .has_status = true,
    .has_generation = true,
    .scale_spec = ".spec.replicas",
    .scale_status = ".status.replicas",
    .scale_selector = ".status.selector",
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
    .schema = &rollout_schema,
    .doc = "A Rollout takes a new version of a service from 0 to 100 % of the traffic in steps, "
           "watches it, and puts the "
           "traffic back by itself when the new version is worse.",
};

// --- reading ---

enum rollout_form rollout_form(const struct rollout_spec *spec) {
  if (spec->stable && spec->canary)
    return ROLLOUT_FORM_PAIR;
  if (spec->workload_ref)
    return ROLLOUT_FORM_WORKLOAD;
  return spec->pod_template ? ROLLOUT_FORM_TEMPLATE : ROLLOUT_FORM_NONE;
}

enum rollout_step_kind rollout_step_kind(const struct rollout_step *step) {
  if (step->deploy)
    return ROLLOUT_STEP_DEPLOY;
  if (step->has_set_weight)
    return ROLLOUT_STEP_SET_WEIGHT;
  if (step->monitor)
    return ROLLOUT_STEP_MONITOR;
  if (step->pause)
    return ROLLOUT_STEP_PAUSE;
  return step->decommission ? ROLLOUT_STEP_DECOMMISSION : ROLLOUT_STEP_NONE;
}

const char *rollout_step_name(enum rollout_step_kind kind) {
  static const char *const names[] = {"",        "deploy", "setWeight",
                                      "monitor", "pause",  "decommission"};
  return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "";
}

int64_t rollout_step_parts(const struct rollout_step *step) {
  return (int64_t)llround(step->set_weight * 100.0);
}

int64_t rollout_deploy_replicas(const struct rollout_deploy_step *deploy, int64_t stable_replicas) {
  double percent;
  if (!deploy || !deploy->replicas.is_set)
    return -1;
  if (!deploy->replicas.is_string)
    return deploy->replicas.integer;
  if (str_eq_z(deploy->replicas.text, "proportional") ||
      !percent_parse(deploy->replicas.text, &percent))
    return -1;
  return (int64_t)ceil(percent * (double)stable_replicas / 100.0 - 1e-9);
}

const char *rollout_phase_name(enum rollout_phase phase) {
  return enum_name(rollout_phase_values, (int)phase);
}

bool rollout_phase_is_final(enum rollout_phase phase) {
  return phase == ROLLOUT_HEALTHY || phase == ROLLOUT_ROLLED_BACK || phase == ROLLOUT_ABORTED ||
         phase == ROLLOUT_DEGRADED;
}

const struct rollout_condition *rollout_condition_find(const struct rollout_status *status,
                                                       const char *type) {
  for (size_t i = 0; i < status->conditions_count; i++)
    if (str_eq_z(status->conditions[i].type, type))
      return &status->conditions[i];
  return NULL;
}
