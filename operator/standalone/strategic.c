// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/strategic.h"
#include "manifests/base/limits.h"

#include <string.h>

#define ORDER "$setElementOrder/"
#define DELETE_FROM "$deleteFromPrimitiveList/"

struct merge {
  struct arena *arena;
  struct err *err;
};

static int merge_object(struct merge *m, const struct schema *schema, struct json *target,
                        const struct json *patch, int depth);

// What the field table knows of a member; schema may be NULL (free-form parts).
static const struct field *row_of(const struct schema *schema, struct str name) {
  return schema ? schema_find(schema, name) : NULL;
}

static bool is_directive(struct str key) {
  return key.len > 0 && key.ptr[0] == '$';
}

// A copy without nulls (they mean "delete" and have nothing to delete here) and without directives.
static struct json *clean_copy(struct arena *arena, const struct json *value) {
  struct json *copy = json_dup(arena, value);
  if (json_is(copy, JSON_OBJECT)) {
    struct json *object = json_new_object(arena);
    JSON_EACH(item, copy) {
      if (!json_is(item, JSON_NULL) && !is_directive(item->key))
        json_set(arena, object, arena_str(arena, item->key), clean_copy(arena, item));
    }
    return object;
  }
  if (json_is(copy, JSON_ARRAY)) {
    struct json *array = json_new_array(arena);
    JSON_EACH(item, copy) {
      if (!str_eq_z(json_get_string(item, "$patch"), "delete") || !json_is(item, JSON_OBJECT))
        json_append(array, clean_copy(arena, item));
    }
    return array;
  }
  return copy;
}

static struct json *find_item(const struct json *list, const char *key, const struct json *value) {
  JSON_EACH(item, list) {
    const struct json *have = json_get(item, key);
    if (have && value && json_equal(have, value))
      return item;
  }
  return NULL;
}

static size_t index_of(const struct json *list, const struct json *child) {
  size_t index = 0;
  JSON_EACH(item, list) {
    if (item == child)
      return index;
    index++;
  }
  return index;
}

static int merge_list_item(struct merge *m, const struct field *row, struct json *list,
                           const struct json *patch, int depth) {
  const char *key = row->merge_key;
  if (!json_is(patch, JSON_OBJECT))
    return err_set(m->err, RC_PARSE,
                   "the items of \"%s\" must be objects with the merge key \"%s\"", row->name, key);
  struct str directive = json_get_string(patch, "$patch");
  const struct json *value = json_get(patch, key);
  if (str_eq_z(directive, "replace"))
    return RC_OK; // handled for the list as a whole
  if (!value)
    return err_set(m->err, RC_PARSE, "map: %.*s does not contain declared merge key: %s",
                   STR_ARG(json_text(m->arena, patch)), key);
  struct json *item = find_item(list, key, value);
  if (str_eq_z(directive, "delete")) {
    for (; item; item = find_item(list, key, value))
      json_remove_at(list, index_of(list, item));
    return RC_OK;
  }
  if (directive.len && !str_eq_z(directive, "merge"))
    return err_set(m->err, RC_PARSE, "unknown patch type found: %.*s", STR_ARG(directive));
  if (item)
    return merge_object(m, row->schema, item, patch, depth + 1);
  json_append(list, clean_copy(m->arena, patch));
  return RC_OK;
}

static bool has_replace_item(const struct json *patch) {
  JSON_EACH(item, patch)
    if (str_eq_z(json_get_string(item, "$patch"), "replace"))
      return true;
  return false;
}

// Whether an entry of an order names this item of the list.
static bool is_named(const struct json *want, const struct json *item, const char *key) {
  const struct json *a = key ? json_get(want, key) : NULL, *b = key ? json_get(item, key) : NULL;
  return json_equal(a ? a : want, b ? b : item);
}

// Where the order names the item; its length when it does not.
static size_t rank(const struct json *order, const struct json *item, const char *key) {
  size_t index = 0;
  JSON_EACH(want, order) {
    if (is_named(want, item, key))
      return index;
    index++;
  }
  return index;
}

// The items that `order` names, in its order; the others are the server's: each stands before the
// first of those that it stood before in the list as it was (mergeSortedSlice does so: a foreign
// sidecar does not move at each apply).
static struct json *in_order(struct merge *m, const struct json *list, const struct json *order,
                             const struct json *was, const char *key) {
  struct json *sorted = json_new_array(m->arena);
  const struct json *foreign = list ? list->child : NULL;
  JSON_EACH(want, order) {
    const struct json *item = list ? list->child : NULL;
    while (item && !is_named(want, item, key))
      item = item->next;
    if (!item)
      continue;
    size_t place = rank(was, item, key);
    for (; foreign; foreign = foreign->next) {
      if (rank(order, foreign, key) < order->count)
        continue;
      if (place == was->count || rank(was, foreign, key) >= place)
        break;
      json_append(sorted, json_dup(m->arena, foreign));
    }
    json_append(sorted, json_dup(m->arena, item));
  }
  for (; foreign; foreign = foreign->next)
    if (rank(order, foreign, key) == order->count)
      json_append(sorted, json_dup(m->arena, foreign));
  return sorted;
}

static int merge_list(struct merge *m, const struct field *row, struct json *parent,
                      struct json *target, const struct json *patch, int depth) {
  bool keyed = row && row->merge_key && row->type == FIELD_LIST;
  bool set = row && row->is_set;
  if ((!keyed && !set) || !json_is(target, JSON_ARRAY) || has_replace_item(patch)) {
    struct json *copy = json_new_array(m->arena);
    JSON_EACH(item, patch)
      if (!str_eq_z(json_get_string(item, "$patch"), "replace"))
        json_append(copy, clean_copy(m->arena, item));
    json_set(m->arena, parent, patch->key, copy);
    return RC_OK;
  }
  const struct json *was = json_dup(m->arena, target);
  JSON_EACH(item, patch) {
    int rc = RC_OK;
    bool present = false;
    if (keyed) {
      rc = merge_list_item(m, row, target, item, depth);
    } else {
      JSON_EACH(have, target)
        present |= json_equal(have, item);
      if (!present)
        json_append(target, json_dup(m->arena, item));
    }
    if (rc)
      return rc;
  }
  json_set(m->arena, parent, patch->key,
           in_order(m, target, patch, was, keyed ? row->merge_key : NULL));
  return RC_OK;
}

// $setElementOrder. `was`: the list before the patch.
static void set_order(struct merge *m, const struct field *row, struct json *parent,
                      const struct json *order, const struct json *was) {
  struct str name = str_slice(order->key, sizeof(ORDER) - 1, order->key.len);
  struct json *list = json_get_s(parent, name);
  if (!json_is(list, JSON_ARRAY) || !json_is(order, JSON_ARRAY))
    return;
  const struct json *before = json_is(was, JSON_ARRAY) ? was : json_new_array(m->arena);
  json_set(m->arena, parent, arena_str(m->arena, name),
           in_order(m, list, order, before, row && row->merge_key ? row->merge_key : NULL));
}

static void delete_from(struct merge *m, struct json *parent, const struct json *values) {
  (void)m;
  struct str name = str_slice(values->key, sizeof(DELETE_FROM) - 1, values->key.len);
  struct json *list = json_get_s(parent, name);
  JSON_EACH(value, values) {
    size_t index = 0;
    for (struct json *item = list ? list->child : NULL, *next; item; item = next) {
      next = item->next;
      if (json_equal(item, value))
        json_remove_at(list, index);
      else
        index++;
    }
  }
}

// $retainKeys: all other members go.
static void retain_keys(struct json *target, const struct json *keys) {
  for (struct json *item = target->child, *next; item; item = next) {
    next = item->next;
    bool keep = false;
    JSON_EACH(key, keys)
      keep |= str_eq(json_string(key), item->key);
    if (!keep)
      json_remove(target, item->key);
  }
}

static int merge_member(struct merge *m, const struct schema *schema, struct json *target,
                        const struct json *patch, int depth) {
  const struct field *row = row_of(schema, patch->key);
  struct json *have = json_get_s(target, patch->key);
  if (json_is(patch, JSON_NULL)) {
    json_remove(target, patch->key);
    return RC_OK;
  }
  if (json_is(patch, JSON_ARRAY))
    return merge_list(m, row, target, have, patch, depth);
  if (!json_is(patch, JSON_OBJECT)) {
    json_set(m->arena, target, patch->key, json_dup(m->arena, patch));
    return RC_OK;
  }
  struct str directive = json_get_string(patch, "$patch");
  if (str_eq_z(directive, "delete")) {
    json_remove(target, patch->key);
    return RC_OK;
  }
  if (!json_is(have, JSON_OBJECT) || str_eq_z(directive, "replace")) {
    json_set(m->arena, target, patch->key, clean_copy(m->arena, patch));
    return RC_OK;
  }
  const struct schema *inner = row && row->type != FIELD_MAP ? row->schema : NULL;
  return merge_object(m, inner, have, patch, depth + 1);
}

static int merge_object(struct merge *m, const struct schema *schema, struct json *target,
                        const struct json *patch, int depth) {
  if (depth > LIMIT_JSON_DEPTH)
    return err_set(m->err, RC_LIMIT, "the patch is nested too deep");
  struct json *was = json_new_object(m->arena); // the lists whose order is given
  JSON_EACH(item, patch) {
    struct str name = str_slice(item->key, sizeof(ORDER) - 1, item->key.len);
    if (str_starts(item->key, STR(ORDER)) && json_get_s(target, name))
      json_set(m->arena, was, name, json_dup(m->arena, json_get_s(target, name)));
  }
  const struct json *keep = json_get(patch, "$retainKeys");
  if (json_is(keep, JSON_ARRAY))
    retain_keys(target, keep);
  JSON_EACH(item, patch) {
    if (str_starts(item->key, STR(DELETE_FROM)))
      delete_from(m, target, item);
    if (is_directive(item->key))
      continue;
    int rc = merge_member(m, schema, target, item, depth);
    if (rc)
      return rc;
  }
  JSON_EACH(item, patch) {
    if (!str_starts(item->key, STR(ORDER)))
      continue;
    struct str name = str_slice(item->key, sizeof(ORDER) - 1, item->key.len);
    set_order(m, row_of(schema, name), target, item, json_get_s(was, name));
  }
  return RC_OK;
}

int strategic_merge(const struct schema *schema, const struct json *target,
                    const struct json *patch, struct arena *arena, struct json **ret_result,
                    struct err *err) {
  struct merge m = {arena, err};
  if (!json_is(patch, JSON_OBJECT) || !json_is(target, JSON_OBJECT))
    return err_set(err, RC_PARSE, "a strategic merge patch must be an object");
  struct str directive = json_get_string(patch, "$patch");
  if (str_eq_z(directive, "replace")) {
    *ret_result = clean_copy(arena, patch);
    return RC_OK;
  }
  struct json *result = json_dup(arena, target);
  int rc = merge_object(&m, schema, result, patch, 0);
  if (!rc)
    *ret_result = result;
  return rc;
}
