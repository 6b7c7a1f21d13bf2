// SPDX-License-Identifier: Apache-2.0
// Structural schema -> type of CEL.
#include "operator/standalone/crd_rules.h"
#include "operator/standalone/crd_value.h"

static const struct cel_type *text_type(const struct json *schema) {
  struct str format = json_get_string(schema, "format");
  if (str_eq_z(format, "byte"))
    return cel_simple(CEL_BYTES);
  if (str_eq_z(format, "duration"))
    return cel_simple(CEL_DURATION);
  if (str_eq_z(format, "date") || str_eq_z(format, "date-time"))
    return cel_simple(CEL_TIMESTAMP);
  return cel_simple(CEL_STRING);
}

static const struct cel_type *list_type(const struct json *schema, struct str name,
                                        struct arena *arena) {
  const struct json *items = json_get(schema, "items");
  const struct json *keys = json_get(schema, "x-kubernetes-list-map-keys");
  struct str how = json_get_string(schema, "x-kubernetes-list-type");
  if (!json_is(items, JSON_OBJECT))
    return NULL;
  const struct cel_type *item =
      crd_rules_type(items, crd_flag(items, "x-kubernetes-embedded-resource"),
                     arena_printf(arena, "%.*s.@idx", STR_ARG(name)), arena);
  if (!item)
    return NULL;
  struct cel_type *type = ARENA_NEW(arena, struct cel_type);
  *type = (struct cel_type){.kind = CEL_LIST, .a = item};
  if (str_eq_z(how, "set"))
    type->merge = CEL_MERGE_SET;
  if (str_eq_z(how, "map") && json_is(keys, JSON_ARRAY)) {
    struct str *names = ARENA_ARRAY(arena, struct str, keys->count + 1);
    type->merge = CEL_MERGE_KEYS;
    JSON_EACH(key, keys)
      if (!cel_escape(json_string(key), arena, &names[type->key_count++]))
        names[type->key_count - 1] = json_string(key);
    type->keys = names;
  }
  return type;
}

static void put_field(struct cel_type *object, struct cel_field *fields, struct str key,
                      const struct cel_type *type, struct arena *arena) {
  struct str name;
  if (!type || !cel_escape(key, arena, &name))
    return;
  for (size_t i = 0; i < object->field_count; i++)
    if (str_eq(fields[i].name, name)) {
      fields[i].type = type;
      return;
    }
  fields[object->field_count++] = (struct cel_field){name, arena_str(arena, key), type};
}

static const struct cel_type *metadata_type(struct str name, struct arena *arena) {
  struct cel_type *type = ARENA_NEW(arena, struct cel_type);
  struct cel_field *fields = ARENA_ARRAY(arena, struct cel_field, 2);
  *type = (struct cel_type){.kind = CEL_OBJECT,
                            .name = arena_printf(arena, "%.*s.metadata", STR_ARG(name)),
                            .fields = fields};
  put_field(type, fields, STR("name"), cel_simple(CEL_STRING), arena);
  put_field(type, fields, STR("generateName"), cel_simple(CEL_STRING), arena);
  return type;
}

static const struct cel_type *object_type(const struct json *schema, bool is_resource,
                                          struct str name, struct arena *arena) {
  const struct json *more = json_get(schema, "additionalProperties");
  const struct json *properties = json_get(schema, "properties");
  if (json_is(more, JSON_OBJECT)) {
    const struct cel_type *value =
        crd_rules_type(more, crd_flag(more, "x-kubernetes-embedded-resource"),
                       arena_printf(arena, "%.*s.@elem", STR_ARG(name)), arena);
    return value ? cel_type_map(arena, cel_simple(CEL_STRING), value) : NULL;
  }
  struct cel_type *type = ARENA_NEW(arena, struct cel_type);
  size_t most = (json_is(properties, JSON_OBJECT) ? properties->count : 0) + 3;
  struct cel_field *fields = ARENA_ARRAY(arena, struct cel_field, most);
  *type = (struct cel_type){.kind = CEL_OBJECT, .name = name, .fields = fields};
  JSON_EACH(property, properties)
    put_field(type, fields, property->key,
              crd_rules_type(
                  property, crd_flag(property, "x-kubernetes-embedded-resource"),
                  arena_printf(arena, "%.*s.%.*s", STR_ARG(name), STR_ARG(property->key)), arena),
              arena);
  if (is_resource) {
    put_field(type, fields, STR("kind"), cel_simple(CEL_STRING), arena);
    put_field(type, fields, STR("apiVersion"), cel_simple(CEL_STRING), arena);
    put_field(type, fields, STR("metadata"), metadata_type(name, arena), arena);
  }
  return type;
}

const struct cel_type *crd_rules_type(const struct json *schema, bool is_resource, struct str name,
                                      struct arena *arena) {
  struct str type = json_get_string(schema, "type");
  if (crd_flag(schema, "x-kubernetes-int-or-string"))
    return cel_simple(CEL_DYN);
  if (str_eq_z(type, "array"))
    return list_type(schema, name, arena);
  if (str_eq_z(type, "object"))
    return object_type(schema, is_resource, name, arena);
  if (str_eq_z(type, "string"))
    return text_type(schema);
  if (str_eq_z(type, "boolean"))
    return cel_simple(CEL_BOOL);
  if (str_eq_z(type, "number"))
    return cel_simple(CEL_DOUBLE);
  return str_eq_z(type, "integer") ? cel_simple(CEL_INT) : NULL;
}
