// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/namespace.h"

static const struct field spec_fields[] = {
    F_STRINGS(struct namespace_spec, finalizers, "finalizers"),
};
static const struct schema spec_schema =
    SCHEMA("NamespaceSpec", struct namespace_spec, spec_fields);

static const struct field status_fields[] = {
    F_STRING(struct namespace_status, phase, "phase", .doc = "Active or Terminating."),
    F_LIST(struct namespace_status, conditions, "conditions", &condition_schema,
           .merge_key = "type"),
};
static const struct schema status_schema =
    SCHEMA("NamespaceStatus", struct namespace_status, status_fields);

static const struct field namespace_fields[] = {
    F_OBJECT(struct namespace_, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct namespace_, spec, "spec", &spec_schema),
    F_OBJECT(struct namespace_, status, "status", &status_schema, .read_only = true),
};
static const struct schema namespace_schema =
    SCHEMA("Namespace", struct namespace_, namespace_fields);

static const struct printer_column columns[] = {
    {.name = "Status", .type = "string", .path = ".status.phase"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc namespace_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Namespace",
    .plural = "namespaces",
    .singular = "namespace",
    .short_names = (const char *const[]){"ns", NULL},
    .builtin = true,
    .has_status = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &namespace_schema,
    .doc = "Keeps the names of one team apart from those of others.",
};
