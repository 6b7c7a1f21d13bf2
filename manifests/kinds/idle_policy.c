// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/text/json.h"

#define META(T) F_OBJECT(T, metadata, "metadata", &object_meta_schema)
#define STATUS(T)                                                                                  \
  F_JSON(T, status, "status", .read_only = true, .doc = "What a controller would report.")

static const char *const v1[] = {"v1", NULL};

// --- HorizontalPodAutoscaler

struct scale_target {
  struct str api_version, kind, name;
};
struct autoscaler {
  struct object_meta metadata;
  struct autoscaler_spec {
    struct scale_target target;
    bool has_min_replicas;
    int64_t min_replicas, max_replicas;
    const struct json *metrics, *behavior;
  } spec;
  const struct json *status;
};
static const struct field target_fields[] = {
    F_STRING(struct scale_target, api_version, "apiVersion", .doc = "Group and version."),
    F_STRING(struct scale_target, kind, "kind", .required = true, .not_empty = true,
             .doc = "For example Deployment."),
    F_STRING(struct scale_target, name, "name", .required = true, .not_empty = true,
             .doc = "Its name."),
};
static const struct schema target_schema =
    SCHEMA("CrossVersionObjectReference", struct scale_target, target_fields);
static const struct field autoscaler_spec_fields[] = {
    F_OBJECT(struct autoscaler_spec, target, "scaleTargetRef", &target_schema, .required = true,
             .doc = "What is scaled."),
    F_INT_OPT(struct autoscaler_spec, min_replicas, "minReplicas", F_AT_LEAST(0), .fallback = "1",
              .doc = "The fewest Pods."),
    F_INT(struct autoscaler_spec, max_replicas, "maxReplicas", .required = true, F_AT_LEAST(1),
          .doc = "The most Pods."),
    F_JSON(struct autoscaler_spec, metrics, "metrics", .doc = "What it goes by."),
    F_JSON(struct autoscaler_spec, behavior, "behavior", .doc = "How fast it may go."),
};
static const struct schema autoscaler_spec_schema =
    SCHEMA("HorizontalPodAutoscalerSpec", struct autoscaler_spec, autoscaler_spec_fields);
static const struct field autoscaler_fields[] = {
    META(struct autoscaler),
    F_OBJECT(struct autoscaler, spec, "spec", &autoscaler_spec_schema, .required = true,
             .doc = "What is scaled, and how far."),
    STATUS(struct autoscaler),
};
static const struct schema autoscaler_schema =
    SCHEMA("HorizontalPodAutoscaler", struct autoscaler, autoscaler_fields);

const struct kind_desc horizontal_pod_autoscaler_kind = {
    .group = "autoscaling",
    .versions = (const char *const[]){"v2", NULL},
    .kind = "HorizontalPodAutoscaler",
    .plural = "horizontalpodautoscalers",
    .singular = "horizontalpodautoscaler",
    .short_names = (const char *const[]){"hpa", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .schema = &autoscaler_schema,
    .doc = "Scales a workload by what it uses.",
};

// autoscaling/v1 knows one measure only: the share of the CPU that is asked for.
struct autoscaler_v1 {
  struct object_meta metadata;
  struct autoscaler_v1_spec {
    struct scale_target target;
    bool has_min_replicas, has_cpu_percent;
    int64_t min_replicas, max_replicas, cpu_percent;
  } spec;
  const struct json *status;
};
static const struct field autoscaler_v1_spec_fields[] = {
    F_OBJECT(struct autoscaler_v1_spec, target, "scaleTargetRef", &target_schema, .required = true,
             .doc = "What is scaled."),
    F_INT_OPT(struct autoscaler_v1_spec, min_replicas, "minReplicas", F_AT_LEAST(0),
              .doc = "The fewest Pods."),
    F_INT(struct autoscaler_v1_spec, max_replicas, "maxReplicas", .required = true, F_AT_LEAST(1),
          .doc = "The most Pods."),
    F_INT_OPT(struct autoscaler_v1_spec, cpu_percent, "targetCPUUtilizationPercentage",
              F_AT_LEAST(1), .doc = "The share of the requested CPU that is aimed at."),
};
static const struct schema autoscaler_v1_spec_schema =
    SCHEMA("HorizontalPodAutoscalerSpec", struct autoscaler_v1_spec, autoscaler_v1_spec_fields);
static const struct field autoscaler_v1_fields[] = {
    META(struct autoscaler_v1),
    F_OBJECT(struct autoscaler_v1, spec, "spec", &autoscaler_v1_spec_schema, .required = true,
             .doc = "What is scaled, and how far."),
    STATUS(struct autoscaler_v1),
};
static const struct schema autoscaler_v1_schema =
    SCHEMA("HorizontalPodAutoscaler", struct autoscaler_v1, autoscaler_v1_fields);

#define CPU_PERCENT "targetCPUUtilizationPercentage"
#define OTHER_METRICS "autoscaling.alpha.kubernetes.io/metrics" // where v1 keeps what it cannot say

static bool is_cpu_share(const struct json *metric) {
  return str_eq_z(json_get_string(metric, "type"), "Resource") &&
         str_eq_z(json_path_string(metric, "resource.name"), "cpu") &&
         json_path(metric, "resource.target.averageUtilization") != NULL;
}

static void autoscaler_to_v1(struct json *object, struct arena *arena) {
  struct json *spec = json_get(object, "spec"), *metrics = json_get(spec, "metrics");
  struct json *rest = json_new_array(arena);
  JSON_EACH(metric, metrics) {
    if (is_cpu_share(metric) && !json_get(spec, CPU_PERCENT))
      json_put(arena, spec, CPU_PERCENT,
               json_dup(arena, json_path(metric, "resource.target.averageUtilization")));
    else
      json_append(rest, json_dup(arena, metric));
  }
  if (metrics)
    json_remove(spec, STR("metrics"));
  if (rest->count)
    json_put_string(
        arena, json_need_object(arena, json_need_object(arena, object, "metadata"), "annotations"),
        OTHER_METRICS, json_text(arena, rest));
}

static void autoscaler_from_v1(struct json *object, struct arena *arena) {
  struct json *spec = json_get(object, "spec"), *percent = json_get(spec, CPU_PERCENT);
  struct json *annotations = json_path(object, "metadata.annotations"), *rest = NULL;
  struct str kept = json_get_string(annotations, OTHER_METRICS);
  struct json *metrics = json_new_array(arena);
  if (percent) {
    struct json *metric = json_new_object(arena);
    json_put_z(arena, metric, "type", "Resource");
    struct json *resource = json_need_object(arena, metric, "resource");
    json_put_z(arena, resource, "name", "cpu");
    struct json *target = json_need_object(arena, resource, "target");
    json_put_z(arena, target, "type", "Utilization");
    json_put(arena, target, "averageUtilization", json_dup(arena, percent));
    json_append(metrics, metric);
    json_remove(spec, STR(CPU_PERCENT));
  }
  if (kept.len && json_parse(kept, arena, &rest, NULL) == 0) {
    JSON_EACH(metric, rest)
    json_append(metrics, json_dup(arena, metric));
    json_remove(annotations, STR(OTHER_METRICS));
  }
  if (metrics->count)
    json_put(arena, spec, "metrics", metrics);
}

const struct kind_desc horizontal_pod_autoscaler_v1_kind = {
    .group = "autoscaling",
    .versions = v1,
    .kind = "HorizontalPodAutoscaler",
    .plural = "horizontalpodautoscalers",
    .singular = "horizontalpodautoscaler",
    .short_names = (const char *const[]){"hpa", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .schema = &autoscaler_v1_schema,
    .alias_of = &horizontal_pod_autoscaler_kind,
    .to_alias = autoscaler_to_v1,
    .from_alias = autoscaler_from_v1,
    .doc = "Scales a workload by its use of the CPU.",
};

// --- PodDisruptionBudget

struct budget {
  struct object_meta metadata;
  struct budget_spec {
    struct int_or_string min_available, max_unavailable;
    struct label_selector *selector;
    struct str unhealthy_policy;
  } spec;
  const struct json *status;
};
static const struct field budget_spec_fields[] = {
    F_INT_OR_STRING(struct budget_spec, min_available, "minAvailable",
                    .doc = "Pods that must stay, as a number or share."),
    F_INT_OR_STRING(struct budget_spec, max_unavailable, "maxUnavailable",
                    .doc = "Pods that may be missing, as a number or share."),
    F_OPTIONAL(struct budget_spec, selector, "selector", &label_selector_schema,
               .replace_keys = true, .doc = "Which Pods count."),
    F_STRING(struct budget_spec, unhealthy_policy, "unhealthyPodEvictionPolicy",
             .doc = "IfHealthyBudget or AlwaysAllow."),
};
static const struct schema budget_spec_schema =
    SCHEMA("PodDisruptionBudgetSpec", struct budget_spec, budget_spec_fields);
static const struct field budget_fields[] = {
    META(struct budget),
    F_OBJECT(struct budget, spec, "spec", &budget_spec_schema,
             .doc = "How many Pods must stay when nodes are emptied."),
    STATUS(struct budget),
};
static const struct schema budget_schema =
    SCHEMA("PodDisruptionBudget", struct budget, budget_fields);

const struct kind_desc pod_disruption_budget_kind = {
    .group = "policy",
    .versions = v1,
    .kind = "PodDisruptionBudget",
    .plural = "poddisruptionbudgets",
    .singular = "poddisruptionbudget",
    .short_names = (const char *const[]){"pdb", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .has_generation = true,
    .schema = &budget_schema,
    .doc = "How many Pods may be missing at once.",
};

// --- ResourceQuota

struct quota {
  struct object_meta metadata;
  struct quota_spec {
    struct string_map hard;
    struct str *scopes;
    size_t scopes_count;
    const struct json *scope_selector;
  } spec;
  const struct json *status;
};
static const struct field quota_spec_fields[] = {
    F_STRING_MAP(struct quota_spec, hard, "hard", .numbers_too = true,
                 .doc = "The most of each thing."),
    F_STRINGS(struct quota_spec, scopes, "scopes", .doc = "Which Pods count."),
    F_JSON(struct quota_spec, scope_selector, "scopeSelector", .doc = "Which Pods count."),
};
static const struct schema quota_spec_schema =
    SCHEMA("ResourceQuotaSpec", struct quota_spec, quota_spec_fields);
static const struct field quota_fields[] = {
    META(struct quota),
    F_OBJECT(struct quota, spec, "spec", &quota_spec_schema, .doc = "The limits."),
    STATUS(struct quota),
};
static const struct schema quota_schema = SCHEMA("ResourceQuota", struct quota, quota_fields);

const struct kind_desc resource_quota_kind = {
    .group = "",
    .versions = v1,
    .kind = "ResourceQuota",
    .plural = "resourcequotas",
    .singular = "resourcequota",
    .short_names = (const char *const[]){"quota", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .schema = &quota_schema,
    .doc = "The most a namespace may use.",
};

// --- PersistentVolumeClaim

struct claim {
  struct object_meta metadata;
  struct claim_spec {
    struct str *access_modes;
    size_t access_modes_count;
    struct label_selector *selector;
    const struct json *resources, *data_source, *data_source_ref;
    struct str volume_name, volume_mode, storage_class_name, attributes_class;
  } spec;
  const struct json *status;
};
static const struct field claim_spec_fields[] = {
    F_STRINGS(struct claim_spec, access_modes, "accessModes", .doc = "How it is mounted."),
    F_OPTIONAL(struct claim_spec, selector, "selector", &label_selector_schema,
               .doc = "Which volumes will do."),
    F_JSON(struct claim_spec, resources, "resources", .doc = "How much."),
    F_STRING(struct claim_spec, volume_name, "volumeName", .doc = "The volume it is bound to."),
    F_STRING(struct claim_spec, volume_mode, "volumeMode", .fallback = "Filesystem",
             .doc = "Filesystem or Block."),
    F_STRING(struct claim_spec, storage_class_name, "storageClassName", .doc = "Its class."),
    F_STRING(struct claim_spec, attributes_class, "volumeAttributesClassName",
             .doc = "Its class of attributes."),
    F_JSON(struct claim_spec, data_source, "dataSource", .doc = "What it is filled from."),
    F_JSON(struct claim_spec, data_source_ref, "dataSourceRef", .doc = "What it is filled from."),
};
static const struct schema claim_spec_schema =
    SCHEMA("PersistentVolumeClaimSpec", struct claim_spec, claim_spec_fields);
static const struct field claim_fields[] = {
    META(struct claim),
    F_OBJECT(struct claim, spec, "spec", &claim_spec_schema, .doc = "What is asked for."),
    STATUS(struct claim),
};
static const struct schema claim_schema =
    SCHEMA("PersistentVolumeClaim", struct claim, claim_fields);

const struct kind_desc persistent_volume_claim_kind = {
    .group = "",
    .versions = v1,
    .kind = "PersistentVolumeClaim",
    .plural = "persistentvolumeclaims",
    .singular = "persistentvolumeclaim",
    .short_names = (const char *const[]){"pvc", NULL},
    .namespaced = true,
    .builtin = true,
    .idle = true,
    .has_status = true,
    .schema = &claim_schema,
    .doc = "Storage that is asked for.",
};

// --- PriorityClass

struct priority_class {
  struct object_meta metadata;
  int64_t value;
  bool global_default;
  struct str description, preemption_policy;
};
static const struct field priority_fields[] = {
    META(struct priority_class),
    F_INT(struct priority_class, value, "value", .doc = "Higher goes first."),
    F_BOOL(struct priority_class, global_default, "globalDefault",
           .doc = "Of Pods that name none."),
    F_STRING(struct priority_class, description, "description", .doc = "When to use it."),
    F_STRING(struct priority_class, preemption_policy, "preemptionPolicy",
             .fallback = "PreemptLowerPriority", .doc = "PreemptLowerPriority or Never."),
};
static const struct schema priority_schema =
    SCHEMA("PriorityClass", struct priority_class, priority_fields);

const struct kind_desc priority_class_kind = {
    .group = "scheduling.k8s.io",
    .versions = v1,
    .kind = "PriorityClass",
    .plural = "priorityclasses",
    .singular = "priorityclass",
    .short_names = (const char *const[]){"pc", NULL},
    .builtin = true,
    .idle = true,
    .has_generation = true,
    .schema = &priority_schema,
    .doc = "Which Pods go first.",
};
