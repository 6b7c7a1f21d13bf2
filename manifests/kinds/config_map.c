// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/config_map.h"

#include "manifests/schema/format.h"

static const struct field config_map_fields[] = {
    F_OBJECT(struct config_map, metadata, "metadata", &object_meta_schema),
    F_BOOL(struct config_map, immutable, "immutable"),
    F_STRING_MAP(struct config_map, data, "data", .format = &format_config_key,
                 .doc = "Texts by key."),
    F_STRING_MAP(struct config_map, binary_data, "binaryData", .format = &format_config_key,
                 .doc = "Bytes by key, in base64."),
};
static const struct schema config_map_schema =
    SCHEMA("ConfigMap", struct config_map, config_map_fields);

static const struct printer_column columns[] = {
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc config_map_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "ConfigMap",
    .plural = "configmaps",
    .singular = "configmap",
    .short_names = (const char *const[]){"cm", NULL},
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &config_map_schema,
    .doc = "Settings for Pods.",
};
