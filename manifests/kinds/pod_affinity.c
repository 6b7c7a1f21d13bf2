// SPDX-License-Identifier: Apache-2.0
// Where a Pod may run: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"
#include "manifests/kinds/label_selector.h"

static const struct field node_selector_requirement_fields[] = {
    K_STRING("key", .required = true),
    K_STRING("operator", .required = true),
    K_STRINGS("values"),
};
static const struct schema node_selector_requirement_schema =
    KEPT_SCHEMA("NodeSelectorRequirement", node_selector_requirement_fields);

static const struct field node_selector_term_fields[] = {
    K_LIST("matchExpressions", &node_selector_requirement_schema),
    K_LIST("matchFields", &node_selector_requirement_schema),
};
static const struct schema node_selector_term_schema =
    KEPT_SCHEMA("NodeSelectorTerm", node_selector_term_fields, .atomic = true);

static const struct field node_selector_fields[] = {
    K_LIST("nodeSelectorTerms", &node_selector_term_schema, .required = true),
};
static const struct schema node_selector_schema =
    KEPT_SCHEMA("NodeSelector", node_selector_fields, .atomic = true);

static const struct field preferred_scheduling_term_fields[] = {
    K_INT("weight", F_INT32, .required = true),
    K_OBJECT("preference", &node_selector_term_schema, .required = true),
};
static const struct schema preferred_scheduling_term_schema =
    KEPT_SCHEMA("PreferredSchedulingTerm", preferred_scheduling_term_fields);

static const struct field node_affinity_fields[] = {
    K_OBJECT("requiredDuringSchedulingIgnoredDuringExecution", &node_selector_schema),
    K_LIST("preferredDuringSchedulingIgnoredDuringExecution", &preferred_scheduling_term_schema),
};
static const struct schema node_affinity_schema = KEPT_SCHEMA("NodeAffinity", node_affinity_fields);

static const struct field pod_affinity_term_fields[] = {
    K_OBJECT("labelSelector", &label_selector_schema),
    K_STRINGS("namespaces"),
    K_STRING("topologyKey", .required = true),
    K_OBJECT("namespaceSelector", &label_selector_schema),
    K_STRINGS("matchLabelKeys"),
    K_STRINGS("mismatchLabelKeys"),
};
static const struct schema pod_affinity_term_schema =
    KEPT_SCHEMA("PodAffinityTerm", pod_affinity_term_fields);

static const struct field weighted_pod_affinity_term_fields[] = {
    K_INT("weight", F_INT32, .required = true),
    K_OBJECT("podAffinityTerm", &pod_affinity_term_schema, .required = true),
};
static const struct schema weighted_pod_affinity_term_schema =
    KEPT_SCHEMA("WeightedPodAffinityTerm", weighted_pod_affinity_term_fields);

static const struct field pod_affinity_fields[] = {
    K_LIST("requiredDuringSchedulingIgnoredDuringExecution", &pod_affinity_term_schema),
    K_LIST("preferredDuringSchedulingIgnoredDuringExecution", &weighted_pod_affinity_term_schema),
};
static const struct schema pod_affinity_schema = KEPT_SCHEMA("PodAffinity", pod_affinity_fields);

static const struct schema pod_anti_affinity_schema =
    KEPT_SCHEMA("PodAntiAffinity", pod_affinity_fields);

static const struct field affinity_fields[] = {
    K_OBJECT("nodeAffinity", &node_affinity_schema),
    K_OBJECT("podAffinity", &pod_affinity_schema),
    K_OBJECT("podAntiAffinity", &pod_anti_affinity_schema),
};
const struct schema affinity_schema = KEPT_SCHEMA("Affinity", affinity_fields);

static const struct field toleration_fields[] = {
    K_STRING("key"),    K_STRING("operator"),           K_STRING("value"),
    K_STRING("effect"), K_INT_OPT("tolerationSeconds"),
};
const struct schema toleration_schema = KEPT_SCHEMA("Toleration", toleration_fields);

static const struct field topology_spread_constraint_fields[] = {
    K_INT("maxSkew", F_INT32, .required = true),
    K_STRING("topologyKey", .required = true),
    K_STRING("whenUnsatisfiable", .required = true),
    K_OBJECT("labelSelector", &label_selector_schema),
    K_INT_OPT("minDomains", F_INT32),
    K_STRING_OPT("nodeAffinityPolicy"),
    K_STRING_OPT("nodeTaintsPolicy"),
    K_STRINGS("matchLabelKeys"),
};
const struct schema topology_spread_constraint_schema =
    KEPT_SCHEMA("TopologySpreadConstraint", topology_spread_constraint_fields);
