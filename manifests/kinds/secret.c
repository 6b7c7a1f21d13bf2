// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/secret.h"

#include "manifests/schema/check.h"
#include "manifests/schema/format.h"

static void check_secret(const void *object, struct check *check) {
  const struct secret *secret = object;
  for (size_t i = 0; i < secret->data.count; i++)
    if (!format_base64.is_valid(secret->data.items[i].value))
      check_error(check, "bad-value",
                  arena_printf(check->arena, "data.%.*s", STR_ARG(secret->data.items[i].key)).ptr,
                  "is not base64; plain text belongs into stringData");
}

static const struct field secret_fields[] = {
    F_OBJECT(struct secret, metadata, "metadata", &object_meta_schema),
    F_BOOL(struct secret, immutable, "immutable"),
    F_STRING_MAP(struct secret, data, "data", .secret = true, .format = &format_config_key,
                 .doc = "Bytes by key, in base64."),
    F_STRING_MAP(struct secret, string_data, "stringData", .secret = true,
                 .format = &format_config_key, .doc = "Texts by key; moved into data."),
    F_STRING(struct secret, type, "type", .fallback = "Opaque"),
};
static const struct schema secret_schema =
    SCHEMA("Secret", struct secret, secret_fields, .check = check_secret);

static const struct printer_column columns[] = {
    {.name = "Type", .type = "string", .path = ".type"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
};

const struct kind_desc secret_kind = {
    .group = "",
    .versions = (const char *const[]){"v1", NULL},
    .kind = "Secret",
    .plural = "secrets",
    .singular = "secret",
    .namespaced = true,
    .builtin = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &secret_schema,
    .doc = "Settings for Pods that others must not see.",
};
