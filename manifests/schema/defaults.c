// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/defaults.h"

#include "manifests/schema/scalar.h"

typedef void visit_fn(const struct schema *schema, struct json *json, struct arena *arena);

// The objects within a value.
static void visit_value(const struct field *row, struct json *json, struct arena *arena,
                        visit_fn *visit) {
  if (!row->schema || row->verbatim)
    return;
  if (row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL) {
    visit(row->schema, json, arena);
  } else if ((row->type == FIELD_LIST && json_is(json, JSON_ARRAY)) ||
             (row->type == FIELD_MAP && json_is(json, JSON_OBJECT))) {
    JSON_EACH(item, json) {
      visit(row->schema, item, arena);
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
    if (value && !row->bare_items)
      visit_value(row, value, arena, schema_default);
  }
}

void schema_undefault(const struct schema *schema, struct json *json, struct arena *arena) {
  if (!json_is(json, JSON_OBJECT))
    return;
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    struct json *value = json_get(json, row->name);
    if (!value)
      continue;
    visit_value(row, value, arena, schema_undefault);
    if (json_is(value, JSON_NULL) ||
        (row->fallback && json_equal(value, scalar_default_json(row, arena))))
      json_remove(json, str_of(row->name));
  }
}

static bool is_map(const struct field *row) {
  return row->type == FIELD_STRING_MAP || row->type == FIELD_INT_MAP || row->type == FIELD_MAP;
}

static bool is_number(const struct field *row) {
  return row->type == FIELD_INT || row->type == FIELD_DOUBLE || row->type == FIELD_PERCENT ||
         row->type == FIELD_QUANTITY;
}

// What Go would leave out; a value of another type is no such thing.
static bool is_zero(const struct field *row, const struct json *value) {
  if (row->required || row->fallback || row->presence != FIELD_NO_PRESENCE ||
      row->type == FIELD_INT_OR_STRING) // 0 is a value of it
    return false;
  switch (value->type) {
  case JSON_BOOL: return !value->boolean && row->type == FIELD_BOOL;
  case JSON_INT: return value->integer == 0 && is_number(row);
  case JSON_STRING: return value->string.len == 0 && !is_number(row) && row->type != FIELD_BOOL;
  case JSON_ARRAY:
    return value->count == 0 &&
           (row->type == FIELD_LIST || row->type == FIELD_STRINGS || row->type == FIELD_INTS);
  case JSON_OBJECT: return value->count == 0 && is_map(row);
  case JSON_NULL:
  case JSON_DOUBLE: break;
  }
  return false;
}

void schema_tidy(const struct schema *schema, struct json *json) {
  for (size_t i = 0; json_is(json, JSON_OBJECT) && i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    struct json *value = json_get(json, row->name);
    if (!value)
      continue;
    if (row->verbatim)
      continue;
    if (is_zero(row, value)) {
      json_remove(json, str_of(row->name));
    } else if (row->schema && (row->type == FIELD_LIST || row->type == FIELD_MAP)) {
      JSON_EACH(item, value)
        schema_tidy(row->schema, item);
    } else if (row->schema) {
      schema_tidy(row->schema, value);
    }
  }
}

void kind_default(const struct kind_desc *kind, struct json *json, struct arena *arena) {
  schema_default(kind->schema, json, arena);
}
