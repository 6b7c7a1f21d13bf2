// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/defaults.h"

#include "manifests/schema/scalar.h"

static void default_value(const struct field *row, struct json *json, struct arena *arena) {
  if (!row->schema)
    return;
  if (row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL) {
    schema_default(row->schema, json, arena);
  } else if ((row->type == FIELD_LIST && json_is(json, JSON_ARRAY)) ||
             (row->type == FIELD_MAP && json_is(json, JSON_OBJECT))) {
    JSON_EACH(item, json) {
      schema_default(row->schema, item, arena);
    }
  }
}

void schema_default(const struct schema *schema, struct json *json, struct arena *arena) {
  if (!json_is(json, JSON_OBJECT))
    return;
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    struct json *value = json_get(json, row->name);
    if ((!value || json_is(value, JSON_NULL)) && row->fallback)
      value = json_put(arena, json, row->name, scalar_default_json(row, arena));
    if (value)
      default_value(row, value, arena);
  }
}

void kind_default(const struct kind_desc *kind, struct json *json, struct arena *arena) {
  schema_default(kind->schema, json, arena);
}
