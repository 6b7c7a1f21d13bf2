// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/lease.h"

static const struct field spec_fields[] = {
    F_STRING(struct lease_spec, holder_identity, "holderIdentity", .doc = "Who holds it."),
    F_INT(struct lease_spec, lease_duration_s, "leaseDurationSeconds", F_AT_LEAST(1),
          .doc = "Seconds after renewTime until others may take it."),
    F_MICRO_TIME(struct lease_spec, acquire_time_ms, "acquireTime"),
    F_MICRO_TIME(struct lease_spec, renew_time_ms, "renewTime"),
    F_INT(struct lease_spec, lease_transitions, "leaseTransitions"),
    F_STRING(struct lease_spec, strategy, "strategy"),
    F_STRING(struct lease_spec, preferred_holder, "preferredHolder"),
};
static const struct schema spec_schema = SCHEMA("LeaseSpec", struct lease_spec, spec_fields);

static const struct field lease_fields[] = {
    F_OBJECT(struct lease, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct lease, spec, "spec", &spec_schema, .doc = "The lease."),
};
static const struct schema lease_schema = SCHEMA("Lease", struct lease, lease_fields);

static const struct printer_column columns[] = {
    {.name = "Holder", .type = "string", .path = ".spec.holderIdentity"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc lease_kind = {
    .group = "coordination.k8s.io",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Lease",
    .plural = "leases",
    .singular = "lease",
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &lease_schema,
    .doc = "Says who of several acts, or that somebody is alive.",
};
