// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/encode.h"

#include "manifests/schema/scalar.h"

static const void *member(const void *object, uint16_t offset) {
  return (const char *)object + offset;
}

static struct json *encode_list(const struct field *row, const void *object, size_t count,
                                struct arena *arena) {
  struct json *list = json_new_array(arena);
  const char *items = *(const void *const *)member(object, row->offset);
  for (size_t i = 0; i < count; i++)
    json_append(list, schema_encode(row->schema, items + i * row->element_size, arena));
  return list;
}

static struct json *encode_map(const struct field *row, const void *object, size_t count,
                               struct arena *arena) {
  struct json *map = json_new_object(arena);
  const char *items = *(const void *const *)member(object, row->offset);
  for (size_t i = 0; i < count; i++) {
    const char *element = items + i * row->element_size;
    json_set(arena, map, *(const struct str *)(const void *)element,
             schema_encode(row->schema, element + row->value_offset, arena));
  }
  return map;
}

static struct json *encode_array(const struct field *row, const void *object, struct arena *arena) {
  size_t count = *(const size_t *)member(object, row->count);
  if (count == 0 && !row->required)
    return NULL;
  if (row->type == FIELD_LIST)
    return encode_list(row, object, count, arena);
  if (row->type == FIELD_MAP)
    return encode_map(row, object, count, arena);
  struct json *list = json_new_array(arena);
  const void *items = *(const void *const *)member(object, row->offset);
  for (size_t i = 0; i < count; i++)
    json_append(list, row->type == FIELD_STRINGS
                          ? json_new_string(arena, ((const struct str *)items)[i])
                          : json_new_int(arena, ((const int64_t *)items)[i]));
  return list;
}

static struct json *encode_string_map(const struct string_map *map, struct arena *arena) {
  if (!map->count)
    return NULL;
  struct json *object = json_new_object(arena);
  for (size_t i = 0; i < map->count; i++)
    json_set(arena, object, map->items[i].key, json_new_string(arena, map->items[i].value));
  return object;
}

static struct json *encode_int_map(const struct int_map *map, struct arena *arena) {
  if (!map->count)
    return NULL;
  struct json *object = json_new_object(arena);
  for (size_t i = 0; i < map->count; i++)
    json_set(arena, object, map->items[i].key, json_new_int(arena, map->items[i].value));
  return object;
}

static struct json *encode_embedded(const struct field *row, const void *value,
                                    struct arena *arena) {
  struct json *object = schema_encode(row->schema, value, arena);
  return object->count || row->required ? object : NULL;
}

static struct json *encode_field(const struct field *row, const void *object, struct arena *arena) {
  const void *value = member(object, row->offset);
  if (row->type == FIELD_JSON || row->kept) {
    const struct json *json = *(const struct json *const *)value;
    return json ? json_dup(arena, json) : NULL;
  }
  if (scalar_is(row->type))
    return scalar_write(row, object, arena);
  if (row->type == FIELD_OBJECT)
    return encode_embedded(row, value, arena);
  if (row->type == FIELD_OPTIONAL) {
    const void *pointed = *(const void *const *)value;
    return pointed ? schema_encode(row->schema, pointed, arena) : NULL;
  }
  if (row->type == FIELD_STRING_MAP)
    return encode_string_map(value, arena);
  if (row->type == FIELD_INT_MAP)
    return encode_int_map(value, arena);
  return encode_array(row, object, arena);
}

// An older name of a field that has a row of its own: the first of the rows writes the member.
static bool is_alias(const struct schema *schema, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (schema->fields[i].offset == schema->fields[index].offset &&
        schema->fields[i].type == schema->fields[index].type && scalar_is(schema->fields[i].type))
      return true;
  return false;
}

struct json *schema_encode(const struct schema *schema, const void *object, struct arena *arena) {
  struct json *json = json_new_object(arena);
  for (size_t i = 0; i < schema->count; i++) {
    struct json *value =
        is_alias(schema, i) ? NULL : encode_field(&schema->fields[i], object, arena);
    if (value)
      json_put(arena, json, schema->fields[i].name, value);
  }
  return json;
}

struct json *kind_encode(const struct kind_desc *kind, const void *object, struct str version,
                         struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_string(arena, json, "apiVersion", kind_api_version(kind, version, arena));
  json_put_z(arena, json, "kind", kind->kind);
  for (size_t i = 0; i < kind->schema->count; i++) {
    struct json *value = encode_field(&kind->schema->fields[i], object, arena);
    if (value)
      json_put(arena, json, kind->schema->fields[i].name, value);
  }
  return json;
}
