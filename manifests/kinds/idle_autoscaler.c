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
static const struct field target_fields[] = {
    F_STRING(struct scale_target, api_version, "apiVersion", .doc = "Group and version."),
    F_STRING(struct scale_target, kind, "kind", .required = true, .doc = "For example Deployment."),
    F_STRING(struct scale_target, name, "name", .required = true, .doc = "Its name."),
};
static const struct schema target_schema =
    SCHEMA("CrossVersionObjectReference", struct scale_target, target_fields);
struct metric_target {
  struct str type;
  bool has_average_utilization;
  int64_t average_utilization;
  double value, average_value;
};
static const struct field metric_target_fields[] = {
    F_STRING(struct metric_target, type, "type", .doc = "Utilization, Value or AverageValue."),
    F_INT_OPT(struct metric_target, average_utilization, "averageUtilization",
              .doc = "Percent of what was asked for."),
    F_QUANTITY(struct metric_target, value, "value", .doc = "The whole value."),
    F_QUANTITY(struct metric_target, average_value, "averageValue", .doc = "For each Pod."),
};
static const struct schema metric_target_schema =
    SCHEMA("MetricTarget", struct metric_target, metric_target_fields);
struct metric_name {
  struct str name;
  struct label_selector *selector;
};
static const struct field metric_name_fields[] = {
    F_STRING(struct metric_name, name, "name", .doc = "Its name."),
    F_OPTIONAL(struct metric_name, selector, "selector", &label_selector_schema,
               .doc = "Its labels."),
};
static const struct schema metric_name_schema =
    SCHEMA("MetricIdentifier", struct metric_name, metric_name_fields);
struct metric_source {
  struct str name, container;
  struct metric_name metric;
  struct scale_target object;
  struct metric_target target;
};
#define TARGET                                                                                     \
  F_OBJECT(struct metric_source, target, "target", &metric_target_schema,                          \
           .doc = "What is aimed at.")
#define METRIC                                                                                     \
  F_OBJECT(struct metric_source, metric, "metric", &metric_name_schema, .doc = "Which metric.")
static const struct field resource_fields[] = {
    F_STRING(struct metric_source, name, "name", .doc = "cpu, memory."), TARGET};
static const struct schema resource_schema =
    SCHEMA("ResourceMetricSource", struct metric_source, resource_fields);
static const struct field container_fields[] = {
    F_STRING(struct metric_source, name, "name", .doc = "cpu, memory."),
    F_STRING(struct metric_source, container, "container", .doc = "Of which container."), TARGET};
static const struct schema container_schema =
    SCHEMA("ContainerResourceMetricSource", struct metric_source, container_fields);
static const struct field pods_fields[] = {METRIC, TARGET};
static const struct schema pods_schema =
    SCHEMA("PodsMetricSource", struct metric_source, pods_fields);
static const struct schema external_schema =
    SCHEMA("ExternalMetricSource", struct metric_source, pods_fields);
static const struct field object_fields[] = {
    F_OBJECT(struct metric_source, object, "describedObject", &target_schema, .doc = "Of what."),
    METRIC, TARGET};
static const struct schema object_schema =
    SCHEMA("ObjectMetricSource", struct metric_source, object_fields);
struct metric {
  struct str type;
  struct metric_source *resource, *container, *pods, *object, *external;
};
static const struct field metric_fields[] = {
    F_STRING(struct metric, type, "type",
             .doc = "ContainerResource, External, Object, Pods or Resource."),
    F_OPTIONAL(struct metric, resource, "resource", &resource_schema, .doc = "What Pods use."),
    F_OPTIONAL(struct metric, container, "containerResource", &container_schema,
               .doc = "What one container uses."),
    F_OPTIONAL(struct metric, pods, "pods", &pods_schema, .doc = "A metric of each Pod."),
    F_OPTIONAL(struct metric, object, "object", &object_schema, .doc = "A metric of an object."),
    F_OPTIONAL(struct metric, external, "external", &external_schema, .doc = "Any other metric."),
};
static const struct schema metric_schema = SCHEMA("MetricSpec", struct metric, metric_fields);

struct autoscaler {
  struct object_meta metadata;
  struct autoscaler_spec {
    struct scale_target target;
    bool has_min_replicas;
    int64_t min_replicas, max_replicas;
    struct metric *metrics;
    size_t metrics_count;
    const struct json *behavior;
  } spec;
  const struct json *status;
};
static const struct field autoscaler_spec_fields[] = {
    F_OBJECT(struct autoscaler_spec, target, "scaleTargetRef", &target_schema, .required = true,
             .doc = "What is scaled."),
    F_INT_OPT(struct autoscaler_spec, min_replicas, "minReplicas", F_AT_LEAST(0), .fallback = "1",
              .doc = "The fewest Pods."),
    F_INT(struct autoscaler_spec, max_replicas, "maxReplicas", .required = true, F_AT_LEAST(1),
          .doc = "The most Pods."),
    F_LIST(struct autoscaler_spec, metrics, "metrics", &metric_schema, .doc = "What it goes by."),
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
