// SPDX-License-Identifier: Apache-2.0
#include "operator/traffic/destination_rule.h"

static const struct json *find(const struct json *rule, struct str name, size_t *ret_index) {
  size_t index = 0;
  JSON_EACH(subset, json_path(rule, "spec.subsets")) {
    if (str_eq(json_get_string(subset, "name"), name)) {
      *ret_index = index;
      return subset;
    }
    index++;
  }
  return NULL;
}

static void op(struct json *patch, const char *what, struct str path, struct json *value,
               struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "op", what);
  json_put_string(arena, json, "path", path);
  if (value)
    json_put(arena, json, "value", value);
  json_append(patch, json);
}

bool dr_has_subset(const struct json *rule, struct str name) {
  size_t index;
  return find(rule, name, &index) != NULL;
}

static bool has_labels(const struct json *subset, const struct json *labels) {
  JSON_EACH(label, labels) {
    if (!json_get_s(json_get(subset, "labels"), label->key) ||
        !json_equal(json_get_s(json_get(subset, "labels"), label->key), label))
      return false;
  }
  return true;
}

struct json *dr_patch_add(const struct json *rule, struct str name, const struct json *labels,
                          struct arena *arena) {
  size_t index;
  const struct json *found = find(rule, name, &index), *subsets = json_path(rule, "spec.subsets");
  struct json *patch = json_new_array(arena), *subset = json_new_object(arena);
  if (found && has_labels(found, labels))
    return NULL;
  if (found) {
    op(patch, "test", arena_printf(arena, "/spec/subsets/%zu/name", index),
       json_new_string(arena, name), arena);
    op(patch, "add", arena_printf(arena, "/spec/subsets/%zu/labels", index),
       json_dup(arena, labels), arena);
    return patch;
  }
  json_put_string(arena, subset, "name", name);
  json_put(arena, subset, "labels", json_dup(arena, labels));
  op(patch, "test", STR("/spec/host"), json_new_string(arena, json_path_string(rule, "spec.host")),
     arena);
  if (json_is(subsets, JSON_ARRAY)) {
    op(patch, "test", STR("/spec/subsets"), json_dup(arena, subsets), arena);
    op(patch, "add", STR("/spec/subsets/-"), subset, arena);
  } else {
    struct json *list = json_new_array(arena);
    json_append(list, subset);
    op(patch, "add", STR("/spec/subsets"), list, arena);
  }
  return patch;
}

struct json *dr_patch_remove(const struct json *rule, struct str name, struct arena *arena) {
  size_t index;
  if (!find(rule, name, &index))
    return NULL;
  struct json *patch = json_new_array(arena);
  op(patch, "test", arena_printf(arena, "/spec/subsets/%zu/name", index),
     json_new_string(arena, name), arena);
  op(patch, "remove", arena_printf(arena, "/spec/subsets/%zu", index), NULL, arena);
  return patch;
}
