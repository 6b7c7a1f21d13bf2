// SPDX-License-Identifier: Apache-2.0
// How lists and maps are merged: what a schema may say of that.
#include "manifests/base/bug.h"
#include "operator/standalone/crd_check_state.h"
#include "operator/standalone/crd_validate.h"
#include "operator/standalone/crd_value.h"

static void check_map_keys(struct checker *c, const struct json *schema, struct str path) {
  const struct json *items = crd_check_as_schema(json_get(schema, "items"));
  const struct json *keys = json_get(schema, "x-kubernetes-list-map-keys");
  struct str item_path = crd_check_child(c, path, "items");
  if (!keys || !keys->count)
    crd_check_need(c, path, "x-kubernetes-list-map-keys",
                   "must not be empty if x-kubernetes-list-type is map");
  if (!items) {
    crd_check_need(c, path, "items", "must have a schema if x-kubernetes-list-type is map");
    return;
  }
  if (!str_eq_z(json_get_string(items, "type"), "object")) {
    crd_check_wrong(c, item_path, "type", json_get(items, "type"),
                    "must be object if parent array's x-kubernetes-list-type is map");
    return;
  }
  JSON_EACH(key, keys) {
    struct str name = json_string(key), at = crd_check_keyed(c, item_path, name);
    const struct json *property = json_get_s(json_get(items, "properties"), name);
    struct str type = json_get_string(property, "type");
    bool required = json_get(property, "default") != NULL;
    JSON_EACH(entry, json_get(items, "required"))
      required = required || str_eq(json_string(entry), name);
    if (!property)
      crd_check_wrong(c, path, "x-kubernetes-list-map-keys", keys,
                      "entries must all be names of item properties");
    else if (str_eq_z(type, "array") || str_eq_z(type, "object"))
      crd_check_wrong(c, at, "type", json_get(items, "type"),
                      "must be a scalar type if parent array's x-kubernetes-list-type is map");
    if (property && !required)
      crd_check_need(
          c, at, "default",
          "this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
          "required property");
    if (crd_flag(property, "nullable"))
      crd_check_forbid(c, at, "nullable",
                       "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
    JSON_EACH(other, keys)
      if (other != key && json_equal(other, key) && other->next == NULL)
        crd_check_wrong(c, path, "x-kubernetes-list-map-keys", keys,
                        "must not contain duplicate entries");
  }
}

static void check_set_items(struct checker *c, const struct json *schema, struct str path) {
  const struct json *items = json_get(schema, "items");
  struct str type = json_get_string(items, "type"), at = crd_check_child(c, path, "items");
  const struct json *list = json_get(items, "x-kubernetes-list-type");
  const char *why = "must be atomic as item of a list with x-kubernetes-list-type=set";
  if (str_eq_z(type, "array") && list && !str_eq_z(json_string(list), "atomic"))
    crd_check_wrong(c, at, "x-kubernetes-list-type", list, why);
  if (str_eq_z(type, "object") &&
      !str_eq_z(json_get_string(items, "x-kubernetes-map-type"), "atomic"))
    crd_add(c->findings, crd_check_child(c, at, "x-kubernetes-map-type"), "invalid",
            "Invalid value: null: %s", why);
}

static void check_extension_type(struct checker *c, const struct json *schema, struct str path,
                                 const char *extension, const char *want) {
  struct str type = json_get_string(schema, "type");
  const char *why = arena_printf(c->arena, "must be %s if %s is specified", want, extension).ptr;
  if (!json_get(schema, extension) || str_eq_z(type, want))
    return;
  if (type.len)
    crd_check_wrong(c, path, "type", json_get(schema, "type"), why);
  else
    crd_check_need(c, path, "type", why);
}

void crd_check_list_and_map_type(struct checker *c, const struct json *schema, struct str path) {
  struct str list = json_get_string(schema, "x-kubernetes-list-type");
  struct str map = json_get_string(schema, "x-kubernetes-map-type");
  const struct json *keys = json_get(schema, "x-kubernetes-list-map-keys");
  bool is_map = str_eq_z(list, "map"), is_set = str_eq_z(list, "set");
  check_extension_type(c, schema, path, "x-kubernetes-map-type", "object");
  check_extension_type(c, schema, path, "x-kubernetes-list-type", "array");
  if (map.len && !str_eq_z(map, "atomic") && !str_eq_z(map, "granular"))
    crd_add(c->findings, crd_check_child(c, path, "x-kubernetes-map-type"), "enum",
            "Unsupported value: \"%.*s\": supported values: \"atomic\", \"granular\"",
            STR_ARG(map));
  if (list.len && !is_map && !is_set && !str_eq_z(list, "atomic"))
    crd_add(c->findings, crd_check_child(c, path, "x-kubernetes-list-type"), "enum",
            "Unsupported value: \"%.*s\": supported values: \"atomic\", \"set\", \"map\"",
            STR_ARG(list));
  if (keys && keys->count && !list.len)
    crd_check_need(c, path, "x-kubernetes-list-type",
                   "must be map if x-kubernetes-list-map-keys is non-empty");
  else if (keys && keys->count && !is_map)
    crd_check_wrong(c, path, "x-kubernetes-list-type", json_get(schema, "x-kubernetes-list-type"),
                    "must be map if x-kubernetes-list-map-keys is non-empty");
  if ((is_map || is_set) && crd_flag(json_get(schema, "items"), "nullable"))
    crd_check_forbid(c, crd_check_child(c, path, "items"), "nullable",
                     arena_printf(c->arena,
                                  "cannot be nullable when x-kubernetes-list-type is %.*s",
                                  STR_ARG(list))
                         .ptr);
  if (is_map)
    check_map_keys(c, schema, path);
  if (is_set)
    check_set_items(c, schema, path);
}
