// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/deployment.h"

#include "manifests/kinds/workload_check.h"
#include "manifests/schema/check.h"

static const struct field rolling_fields[] = {
    F_INT_OR_STRING(struct deployment_rolling_update, max_unavailable, "maxUnavailable",
                    .fallback = "25%", .doc = "Pods that may be missing, as a number or share."),
    F_INT_OR_STRING(struct deployment_rolling_update, max_surge, "maxSurge", .fallback = "25%",
                    .doc = "Pods that may be too many, as a number or share."),
};
static const struct schema rolling_schema =
    SCHEMA("RollingUpdateDeployment", struct deployment_rolling_update, rolling_fields);

static void check_strategy(const void *object, struct check *check) {
  const struct deployment_strategy *strategy = object;
  if (strategy->type == DEPLOYMENT_RECREATE && strategy->rolling_update)
    check_error(check, "one-of", "rollingUpdate", "does not belong to type Recreate");
}

static const struct field strategy_fields[] = {
    F_ENUM(struct deployment_strategy, type, "type",
           ((const struct enum_value[]){{.name = ""},
                                        {.name = "Recreate", .doc = "stop all, then start"},
                                        {.name = "RollingUpdate", .doc = "a few at a time"},
                                        {.name = NULL}}),
           .fallback = "RollingUpdate", .doc = "How Pods are replaced."),
    F_OPTIONAL(struct deployment_strategy, rolling_update, "rollingUpdate", &rolling_schema),
};
static const struct schema strategy_schema = SCHEMA(
    "DeploymentStrategy", struct deployment_strategy, strategy_fields, .check = check_strategy);

static void check_spec(const void *object, struct check *check) {
  const struct deployment_spec *spec = object;
  workload_check_selector(&spec->selector, &spec->template_, check);
}

static const struct field spec_fields[] = {
    F_INT(struct deployment_spec, replicas, "replicas", F_AT_LEAST(0), .fallback = "1",
          .doc = "How many Pods."),
    F_OBJECT(struct deployment_spec, selector, "selector", &label_selector_schema, .required = true,
             .doc = "Which Pods are its own; must match the template's labels."),
    F_OBJECT(struct deployment_spec, template_, "template", &pod_template_schema, .required = true,
             .doc = "What the Pods are like."),
    F_OBJECT(struct deployment_spec, strategy, "strategy", &strategy_schema, .fallback = "{}",
             .replace_keys = true, .doc = "How Pods are replaced."),
    F_INT(struct deployment_spec, min_ready_s, "minReadySeconds", F_AT_LEAST(0),
          .doc = "Seconds a Pod must be ready to count as available."),
    F_INT(struct deployment_spec, revision_history_limit, "revisionHistoryLimit", F_AT_LEAST(0),
          .fallback = "10", .doc = "Old ReplicaSets that are kept."),
    F_BOOL(struct deployment_spec, paused, "paused", .doc = "Changes wait."),
    F_INT(struct deployment_spec, progress_deadline_s, "progressDeadlineSeconds", F_AT_LEAST(1),
          .fallback = "600", .doc = "Seconds without progress until it is called failed."),
};
static const struct schema spec_schema =
    SCHEMA("DeploymentSpec", struct deployment_spec, spec_fields, .check = check_spec);

static const struct field status_fields[] = {
    F_INT(struct deployment_status, observed_generation, "observedGeneration"),
    F_INT(struct deployment_status, replicas, "replicas"),
    F_INT(struct deployment_status, updated_replicas, "updatedReplicas"),
    F_INT(struct deployment_status, ready_replicas, "readyReplicas"),
    F_INT(struct deployment_status, available_replicas, "availableReplicas"),
    F_INT(struct deployment_status, unavailable_replicas, "unavailableReplicas"),
    F_INT(struct deployment_status, terminating_replicas, "terminatingReplicas"),
    F_LIST(struct deployment_status, conditions, "conditions", &condition_schema,
           .merge_key = "type"),
    F_INT_OPT(struct deployment_status, collision_count, "collisionCount"),
};
static const struct schema status_schema =
    SCHEMA("DeploymentStatus", struct deployment_status, status_fields);

static const struct field deployment_fields[] = {
    F_OBJECT(struct deployment, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct deployment, spec, "spec", &spec_schema, .required = true,
             .doc = "What should run."),
    F_OBJECT(struct deployment, status, "status", &status_schema, .read_only = true,
             .doc = "What does run."),
};
static const struct schema deployment_schema =
    SCHEMA("Deployment", struct deployment, deployment_fields);

static const struct printer_column columns[] = {
    {.name = "Ready", .type = "integer", .path = ".status.readyReplicas"},
    {.name = "Up-to-date", .type = "integer", .path = ".status.updatedReplicas"},
    {.name = "Available", .type = "integer", .path = ".status.availableReplicas"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc deployment_kind = {
    .group = "apps",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Deployment",
    .plural = "deployments",
    .singular = "deployment",
    .short_names = (const char *const[]){"deploy", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .has_status = true,
    .has_generation = true,
    .scale_spec = ".spec.replicas",
    .scale_status = ".status.replicas",
    .scale_selector = ".status.selector",
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &deployment_schema,
    .doc = "A number of equal Pods, replaced step by step when their template changes.",
};
