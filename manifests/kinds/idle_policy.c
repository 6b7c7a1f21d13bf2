// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/idle.h"
#include "manifests/kinds/pod_parts.h"
#include "manifests/kinds/object_meta.h"
#include "manifests/text/json.h"

#define META(T) F_OBJECT(T, metadata, "metadata", &object_meta_schema)
#define STATUS(T)                                                                                  \
  F_JSON(T, status, "status", .read_only = true, .doc = "What a controller would report.")

static const char *const v1[] = {"v1", NULL};

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
    F_KEPT_OBJECT(struct claim_spec, resources, "resources", &volume_resource_requirements_schema,
                  .doc = "How much."),
    F_STRING(struct claim_spec, volume_name, "volumeName", .doc = "The volume it is bound to."),
    F_STRING(struct claim_spec, volume_mode, "volumeMode", .fallback = "Filesystem",
             .doc = "Filesystem or Block."),
    F_STRING(struct claim_spec, storage_class_name, "storageClassName", .doc = "Its class."),
    F_STRING(struct claim_spec, attributes_class, "volumeAttributesClassName",
             .doc = "Its class of attributes."),
    F_KEPT_OBJECT(struct claim_spec, data_source, "dataSource",
                  &typed_local_object_reference_schema, .doc = "What it is filled from."),
    F_KEPT_OBJECT(struct claim_spec, data_source_ref, "dataSourceRef",
                  &typed_object_reference_schema, .doc = "What it is filled from."),
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
