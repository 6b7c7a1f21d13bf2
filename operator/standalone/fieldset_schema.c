// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/fieldset_schema.h"

#include <stdlib.h>
#include <string.h>

static enum shape shape_of_list(const struct json *schema) {
  struct str type = json_get_string(schema, "x-kubernetes-list-type");
  const struct json *keys = json_get(schema, "x-kubernetes-list-map-keys");
  if (str_eq_z(type, "map") && keys && keys->count)
    return SHAPE_KEYS;
  return str_eq_z(type, "set") ? SHAPE_SET : SHAPE_LEAF;
}

static enum shape shape_of_map(const struct json *schema) {
  return str_eq_z(json_get_string(schema, "x-kubernetes-map-type"), "atomic") ? SHAPE_LEAF
                                                                              : SHAPE_MAP;
}

enum shape shape_of(const struct json *schema, const struct json *value) {
  struct str type = json_get_string(schema, "type");
  if (json_is(value, JSON_OBJECT))
    return shape_of_map(schema);
  if (json_is(value, JSON_ARRAY))
    return shape_of_list(schema);
  if (value && !json_is(value, JSON_NULL))
    return SHAPE_LEAF;
  // Null takes the form its schema has.
  if (str_eq_z(type, "array"))
    return shape_of_list(schema);
  return type.len == 0 || str_eq_z(type, "object") ? shape_of_map(schema) : SHAPE_LEAF;
}

const struct json *shape_member(const struct json *schema, struct str name, bool *ret_declared) {
  const struct json *own = json_get_s(json_get(schema, "properties"), name);
  *ret_declared = own != NULL;
  if (own)
    return own;
  const struct json *other = json_get(schema, "additionalProperties");
  return json_is(other, JSON_OBJECT) ? other : NULL;
}

const struct json *shape_items(const struct json *schema) {
  const struct json *items = json_get(schema, "items");
  return json_is(items, JSON_OBJECT) ? items : NULL;
}

struct str shape_field_name(struct str name, struct arena *arena) {
  return arena_printf(arena, "f:%.*s", STR_ARG(name));
}

// {"containerPort":80,"protocol":"TCP"}: defaults filled in.
static struct json *keys_of(const struct json *schema, const struct json *item,
                            struct arena *arena) {
  struct json *key = json_new_object(arena);
  JSON_EACH(name, json_get(schema, "x-kubernetes-list-map-keys")) {
    const struct json *property =
        json_get_s(json_get(shape_items(schema), "properties"), json_string(name));
    const struct json *value = json_get_s(item, json_string(name));
    if (!value)
      value = json_get(property, "default");
    if (value)
      json_set(arena, key, json_string(name), json_dup(arena, value));
  }
  return key;
}

struct str shape_item_name(const struct json *schema, enum shape shape, const struct json *item,
                           struct arena *arena) {
  struct buf text;
  const struct json *value = shape == SHAPE_KEYS ? keys_of(schema, item, arena) : item;
  if (shape == SHAPE_KEYS && value->count == 0)
    return STR_NULL;
  buf_init(&text, SIZE_MAX / 4);
  buf_add_z(&text, shape == SHAPE_KEYS ? "k:" : "v:");
  json_write_canonical(&text, value);
  struct str name = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return name;
}

static int by_name(const void *a, const void *b) {
  const struct shape_entry *x = a, *y = b;
  return str_cmp(x->name, y->name);
}

void shape_index_list(const struct json *schema, enum shape shape, const struct json *list,
                      struct arena *arena, struct shape_index *ret_index) {
  size_t length = json_is(list, JSON_ARRAY) ? list->count : 0, kept = 0;
  struct shape_index index = {.names = ARENA_ARRAY(arena, struct str, length + 1)};
  JSON_EACH(item, length ? list : NULL) {
    struct shape_entry *entry =
        arena_push(arena, (void **)&index.entries, &index.count, &index.capacity, sizeof(*entry));
    *entry = (struct shape_entry){
        .name = shape_item_name(schema, shape, item, arena), .item = item, .times = 1};
    index.names[index.count - 1] = entry->name;
  }
  if (index.count > 1)
    qsort(index.entries, index.count, sizeof(index.entries[0]), by_name);
  for (size_t i = 0; i < index.count; i++) {
    if (kept && str_eq(index.entries[kept - 1].name, index.entries[i].name))
      index.entries[kept - 1].times++;
    else
      index.entries[kept++] = index.entries[i];
  }
  index.count = kept;
  *ret_index = index;
}

struct shape_entry *shape_find(const struct shape_index *index, struct str name) {
  struct shape_entry key = {.name = name};
  return index->count ? bsearch(&key, index->entries, index->count, sizeof(key), by_name) : NULL;
}
