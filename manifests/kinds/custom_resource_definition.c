// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/custom_resource_definition.h"

static const struct field crd_fields[] = {
    F_OBJECT(struct custom_resource_definition, metadata, "metadata", &object_meta_schema),
    F_JSON(struct custom_resource_definition, spec, "spec", .required = true,
           .doc = "The kind that is defined."),
    F_JSON(struct custom_resource_definition, status, "status", .read_only = true),
};
static const struct schema crd_schema =
    SCHEMA("CustomResourceDefinition", struct custom_resource_definition, crd_fields);

static const struct printer_column columns[] = {
    {.name = "Created At", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc custom_resource_definition_kind = {
    .group = "apiextensions.k8s.io",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "CustomResourceDefinition",
    .plural = "customresourcedefinitions",
    .singular = "customresourcedefinition",
    .short_names = (const char *const[]){"crd", "crds", NULL},
    .categories = (const char *const[]){"api-extensions", NULL},
    .builtin = true,
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &crd_schema,
    .doc = "Teaches the API server another kind.",
};
