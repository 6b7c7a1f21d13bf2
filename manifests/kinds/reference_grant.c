// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/reference_grant.h"

#include "manifests/schema/format.h"

static const struct field from_fields[] = {
    F_STRING(struct reference_grant_from, group, "group", .required = true, F_RANGE(0, 253),
             F_ENFORCED, .doc = "Group of what refers."),
    F_STRING(struct reference_grant_from, kind, "kind", .required = true, .not_empty = true,
             .format = &format_kind, F_ENFORCED, .doc = "Kind of what refers."),
    F_STRING(struct reference_grant_from, namespace_, "namespace", .required = true,
             .not_empty = true, .format = &format_dns_label, F_ENFORCED,
             .doc = "Namespace of what refers."),
};
static const struct schema from_schema =
    SCHEMA("ReferenceGrantFrom", struct reference_grant_from, from_fields);

static const struct field to_fields[] = {
    F_STRING(struct reference_grant_to, group, "group", .required = true, F_RANGE(0, 253),
             F_ENFORCED, .doc = "Group of the target; empty for Services and Secrets."),
    F_STRING(struct reference_grant_to, kind, "kind", .required = true, .not_empty = true,
             .format = &format_kind, F_ENFORCED, .doc = "Kind of the target."),
    F_STRING(struct reference_grant_to, name, "name", F_RANGE(1, 253), F_ENFORCED,
             .doc = "Name of the target; default all."),
};
static const struct schema to_schema =
    SCHEMA("ReferenceGrantTo", struct reference_grant_to, to_fields);

static const struct field spec_fields[] = {
    F_LIST(struct reference_grant_spec, from, "from", &from_schema, .required = true,
           F_RANGE(1, 16), .doc = "Who may refer."),
    F_LIST(struct reference_grant_spec, to, "to", &to_schema, .required = true, F_RANGE(1, 16),
           .doc = "To what, in this namespace."),
};
static const struct schema spec_schema =
    SCHEMA("ReferenceGrantSpec", struct reference_grant_spec, spec_fields);

static const struct field reference_grant_fields[] = {
    F_OBJECT(struct reference_grant, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct reference_grant, spec, "spec", &spec_schema, .required = true,
             .doc = "The grant."),
};
static const struct schema reference_grant_schema =
    SCHEMA("ReferenceGrant", struct reference_grant, reference_grant_fields);

static const struct printer_column columns[] = {
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc reference_grant_kind = {
    .group = "gateway.networking.k8s.io",
    .versions = (const char *const[]){"v1beta1", "v1", NULL},
    .kind = "ReferenceGrant",
    .plural = "referencegrants",
    .singular = "referencegrant",
    .short_names = (const char *const[]){"refgrant", NULL},
    .categories = (const char *const[]){"gateway-api", NULL},
    .namespaced = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &reference_grant_schema,
    .doc = "Allows objects of other namespaces to refer to things of this one.",
};
