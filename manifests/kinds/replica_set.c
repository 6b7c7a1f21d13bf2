// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/replica_set.h"

#include "manifests/kinds/workload_check.h"
#include "manifests/schema/check.h"

static void check_spec(const void *object, struct check *check) {
  const struct replica_set_spec *spec = object;
  workload_check_selector(&spec->selector, &spec->template_, check);
}

static const struct field spec_fields[] = {
    F_INT(struct replica_set_spec, replicas, "replicas", F_AT_LEAST(0), .fallback = "1",
          .doc = "How many Pods."),
    F_INT(struct replica_set_spec, min_ready_s, "minReadySeconds", F_AT_LEAST(0)),
    F_OBJECT(struct replica_set_spec, selector, "selector", &label_selector_schema,
             .required = true, .doc = "Which Pods are its own."),
    F_OBJECT(struct replica_set_spec, template_, "template", &pod_template_schema, .required = true,
             .doc = "What the Pods are like."),
};
static const struct schema spec_schema =
    SCHEMA("ReplicaSetSpec", struct replica_set_spec, spec_fields, .check = check_spec);

static const struct field status_fields[] = {
    F_INT(struct replica_set_status, replicas, "replicas", .fallback = "0"),
    F_INT(struct replica_set_status, fully_labeled_replicas, "fullyLabeledReplicas"),
    F_INT(struct replica_set_status, ready_replicas, "readyReplicas"),
    F_INT(struct replica_set_status, available_replicas, "availableReplicas"),
    F_INT(struct replica_set_status, terminating_replicas, "terminatingReplicas"),
    F_INT(struct replica_set_status, observed_generation, "observedGeneration"),
    F_LIST(struct replica_set_status, conditions, "conditions", &condition_schema,
           .merge_key = "type"),
};
static const struct schema status_schema =
    SCHEMA("ReplicaSetStatus", struct replica_set_status, status_fields);

static const struct field replica_set_fields[] = {
    F_OBJECT(struct replica_set, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct replica_set, spec, "spec", &spec_schema, .required = true,
             .doc = "What should run."),
    F_OBJECT(struct replica_set, status, "status", &status_schema, .read_only = true,
             .doc = "What does run."),
};
static const struct schema replica_set_schema =
    SCHEMA("ReplicaSet", struct replica_set, replica_set_fields);

static const struct printer_column columns[] = {
    {.name = "Desired", .type = "integer", .path = ".spec.replicas"},
    {.name = "Current", .type = "integer", .path = ".status.replicas"},
    {.name = "Ready", .type = "integer", .path = ".status.readyReplicas"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc replica_set_kind = {
    .group = "apps",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "ReplicaSet",
    .plural = "replicasets",
    .singular = "replicaset",
    .short_names = (const char *const[]){"rs", NULL},
    .categories = (const char *const[]){"all", NULL},
    .namespaced = true,
    .builtin = true,
    .has_status = true,
    .has_generation = true,
    .scale_spec = ".spec.replicas",
    .scale_status = ".status.replicas",
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &replica_set_schema,
    .doc = "A number of equal Pods of one template; made by Deployments.",
};
