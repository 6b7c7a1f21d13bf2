// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/field.h"

#include <string.h>

struct str string_map_get(const struct string_map *map, struct str key) {
  for (size_t i = 0; i < map->count; i++)
    if (str_eq(map->items[i].key, key))
      return map->items[i].value;
  return STR_NULL;
}

struct str string_map_get_z(const struct string_map *map, const char *key) {
  return string_map_get(map, str_of(key));
}

bool string_map_includes(const struct string_map *map, const struct string_map *wanted) {
  for (size_t i = 0; i < wanted->count; i++) {
    struct str value = string_map_get(map, wanted->items[i].key);
    if (!value.ptr || !str_eq(value, wanted->items[i].value))
      return false;
  }
  return true;
}

const struct field *schema_find(const struct schema *schema, struct str name) {
  for (size_t i = 0; i < schema->count; i++)
    if (str_eq_z(name, schema->fields[i].name))
      return &schema->fields[i];
  return NULL;
}

// How far apart two names may be and still be a slip of the pen.
static size_t slip(struct str name) {
  return name.len < 4 ? 1 : name.len < 9 ? 2 : 3;
}

// Keeps the nearer of *best and `candidate`; *distance starts above what is allowed.
static void nearer(struct str name, const char *candidate, const char **best, size_t *distance) {
  struct str other = str_of(candidate);
  size_t d = str_eq_nocase(name, other) ? 0 : str_distance(name, other, *distance);
  if (d < *distance) {
    *distance = d;
    *best = candidate;
  }
}

const char *schema_nearest(const struct schema *schema, struct str name) {
  const char *best = NULL;
  size_t distance = slip(name) + 1;
  for (size_t i = 0; i < schema->count; i++)
    nearer(name, schema->fields[i].name, &best, &distance);
  return best;
}

int enum_find(const struct enum_value *values, struct str name) {
  if (str_is_empty(name))
    return 0;
  for (int i = 1; values[i].name; i++)
    if (str_eq_z(name, values[i].name))
      return i;
  return 0;
}

const char *enum_nearest(const struct enum_value *values, struct str name) {
  const char *best = NULL;
  size_t distance = slip(name) + 1;
  for (int i = 1; values[i].name; i++)
    nearer(name, values[i].name, &best, &distance);
  return best;
}

const char *enum_name(const struct enum_value *values, int value) {
  for (int i = 0; values[i].name; i++)
    if (i == value)
      return values[i].name;
  return "";
}
