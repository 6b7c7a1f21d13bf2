// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/json.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/text/utf8.h"

#include <math.h>
#include <string.h>

static struct json *node_new(struct arena *arena, enum json_type type) {
  struct json *node = ARENA_NEW(arena, struct json);
  node->type = type;
  return node;
}

struct json *json_new_null(struct arena *arena) {
  return node_new(arena, JSON_NULL);
}

struct json *json_new_bool(struct arena *arena, bool value) {
  struct json *node = node_new(arena, JSON_BOOL);
  node->boolean = value;
  return node;
}

struct json *json_new_int(struct arena *arena, int64_t value) {
  struct json *node = node_new(arena, JSON_INT);
  node->integer = value;
  return node;
}

struct json *json_new_double(struct arena *arena, double value) {
  struct json *node = node_new(arena, JSON_DOUBLE);
  node->number = value;
  return node;
}

struct json *json_new_string(struct arena *arena, struct str value) {
  struct json *node = node_new(arena, JSON_STRING);
  node->string = arena_str(arena, value);
  return node;
}

struct json *json_new_z(struct arena *arena, const char *value) {
  return json_new_string(arena, str_of(value));
}

struct json *json_new_array(struct arena *arena) {
  return node_new(arena, JSON_ARRAY);
}

struct json *json_new_object(struct arena *arena) {
  return node_new(arena, JSON_OBJECT);
}

// --- looking up ---

struct json *json_get_s(const struct json *object, struct str key) {
  struct json *found = NULL;
  if (object && object->type == JSON_OBJECT)
    JSON_EACH(item, object)
      if (str_eq(item->key, key))
        found = item; // the last of a duplicate key wins, as in Go
  return found;
}

struct json *json_get(const struct json *object, const char *key) {
  return json_get_s(object, str_of(key));
}

struct json *json_at(const struct json *array, size_t index) {
  if (array && array->type == JSON_ARRAY)
    JSON_EACH(item, array)
      if (index-- == 0)
        return item;
  return NULL;
}

struct json *json_path(const struct json *json, const char *dotted) {
  struct str rest = str_of(dotted), part;
  struct json *at = NULL;
  while (str_next(&rest, '.', &part)) {
    uint64_t index;
    at = json && json->type == JSON_ARRAY ? str_to_u64(part, &index) ? json_at(json, index) : NULL
                                          : json_get_s(json, part);
    if (!at)
      return NULL;
    json = at;
  }
  return at;
}

struct str json_string(const struct json *json) {
  return json && json->type == JSON_STRING ? json->string : STR_NULL;
}

struct str json_get_string(const struct json *object, const char *key) {
  return json_string(json_get(object, key));
}

struct str json_path_string(const struct json *json, const char *dotted) {
  return json_string(json_path(json, dotted));
}

bool json_is_true(const struct json *json) {
  return json && json->type == JSON_BOOL && json->boolean;
}

int64_t json_int(const struct json *json, int64_t fallback) {
  if (!json)
    return fallback;
  if (json->type == JSON_INT)
    return json->integer;
  if (json->type == JSON_DOUBLE && json->number == floor(json->number) && fabs(json->number) < 9e18)
    return (int64_t)json->number;
  return fallback;
}

double json_number(const struct json *json, double fallback) {
  if (!json)
    return fallback;
  return json->type == JSON_INT      ? (double)json->integer
         : json->type == JSON_DOUBLE ? json->number
                                     : fallback;
}

bool json_is(const struct json *json, enum json_type type) {
  return json && json->type == type;
}

const char *json_type_name(enum json_type type) {
  static const char *const names[] = {"null",   "boolean", "integer", "number",
                                      "string", "list",    "object"};
  return names[type];
}

// --- changing ---

void json_append(struct json *array, struct json *value) {
  value->next = NULL;
  if (array->last)
    array->last->next = value;
  else
    array->child = value;
  array->last = value;
  array->count++;
}

void json_insert(struct json *array, size_t index, struct json *value) {
  BUG_ON(index > array->count);
  if (index == array->count) {
    json_append(array, value);
    return;
  }
  struct json **at = &array->child;
  while (index--)
    at = &(*at)->next;
  value->next = *at;
  *at = value;
  array->count++;
}

// Takes *at out of the parent's chain; `before` is the node in front of it or NULL.
static void unlink_node(struct json *parent, struct json *before, struct json *node) {
  if (before)
    before->next = node->next;
  else
    parent->child = node->next;
  if (parent->last == node)
    parent->last = before;
  parent->count--;
}

bool json_remove(struct json *object, struct str key) {
  bool found = false;
  struct json *before = NULL;
  for (struct json *item = object ? object->child : NULL, *next; item; item = next) {
    next = item->next;
    if (str_eq(item->key, key)) {
      unlink_node(object, before, item);
      found = true;
    } else {
      before = item;
    }
  }
  return found;
}

bool json_remove_at(struct json *array, size_t index) {
  struct json *before = NULL;
  JSON_EACH(item, array) {
    if (index-- == 0) {
      unlink_node(array, before, item);
      return true;
    }
    before = item;
  }
  return false;
}

void json_replace(struct json *parent, struct json *old, struct json *value) {
  struct json **at = &parent->child;
  while (*at && *at != old)
    at = &(*at)->next;
  BUG_ON(!*at);
  value->key = old->key;
  value->next = old->next;
  *at = value;
  if (parent->last == old)
    parent->last = value;
}

struct json *json_add(struct arena *arena, struct json *object, struct str key,
                      struct json *value) {
  BUG_ON(object->type != JSON_OBJECT);
  value->key = arena_str(arena, key);
  json_append(object, value);
  return value;
}

struct json *json_set(struct arena *arena, struct json *object, struct str key,
                      struct json *value) {
  BUG_ON(object->type != JSON_OBJECT);
  struct json *old = json_get_s(object, key);
  if (old == value)
    return value;
  if (!old)
    return json_add(arena, object, key, value);
  json_replace(object, old, value);
  return value;
}

struct json *json_put(struct arena *arena, struct json *object, const char *key,
                      struct json *value) {
  return json_set(arena, object, str_of(key), value);
}

struct json *json_put_string(struct arena *arena, struct json *object, const char *key,
                             struct str value) {
  return json_put(arena, object, key, json_new_string(arena, value));
}

struct json *json_put_z(struct arena *arena, struct json *object, const char *key,
                        const char *value) {
  return json_put(arena, object, key, json_new_z(arena, value));
}

struct json *json_put_int(struct arena *arena, struct json *object, const char *key,
                          int64_t value) {
  return json_put(arena, object, key, json_new_int(arena, value));
}

struct json *json_put_bool(struct arena *arena, struct json *object, const char *key, bool value) {
  return json_put(arena, object, key, json_new_bool(arena, value));
}

static struct json *need(struct arena *arena, struct json *object, const char *key,
                         enum json_type type) {
  struct json *child = json_get(object, key);
  return json_is(child, type) ? child : json_put(arena, object, key, node_new(arena, type));
}

struct json *json_need_object(struct arena *arena, struct json *object, const char *key) {
  return need(arena, object, key, JSON_OBJECT);
}

struct json *json_need_array(struct arena *arena, struct json *object, const char *key) {
  return need(arena, object, key, JSON_ARRAY);
}

struct json *json_dup(struct arena *arena, const struct json *json) {
  struct json *copy = node_new(arena, json->type);
  copy->line = json->line;
  if (json->key.ptr)
    copy->key = arena_str(arena, json->key);
  if (json->source.ptr)
    copy->source = arena_str(arena, json->source);
  switch (json->type) {
  case JSON_NULL: break;
  case JSON_BOOL: copy->boolean = json->boolean; break;
  case JSON_INT: copy->integer = json->integer; break;
  case JSON_DOUBLE: copy->number = json->number; break;
  case JSON_STRING: copy->string = arena_str(arena, json->string); break;
  case JSON_ARRAY:
  case JSON_OBJECT:
    JSON_EACH(item, json)
      json_append(copy, json_dup(arena, item));
    break;
  }
  return copy;
}

// --- comparing ---

static bool is_number(const struct json *json) {
  return json->type == JSON_INT || json->type == JSON_DOUBLE;
}

static bool equal_objects(const struct json *a, const struct json *b) {
  if (a->count != b->count)
    return false;
  // Trees written by the same code have the same order: compare in step first, search only where
  // that fails.
  const struct json *other = b->child;
  JSON_EACH(item, a) {
    const struct json *match =
        other && str_eq(other->key, item->key) ? other : json_get_s(b, item->key);
    if (!match || !json_equal(item, match))
      return false;
    other = other ? other->next : NULL;
  }
  return true;
}

bool json_equal(const struct json *a, const struct json *b) {
  if (a == b)
    return true;
  if (!a || !b)
    return false;
  if (is_number(a) && is_number(b))
    return a->type == JSON_INT && b->type == JSON_INT ? a->integer == b->integer
                                                      : json_number(a, 0) == json_number(b, 0);
  if (a->type != b->type)
    return false;
  switch (a->type) {
  case JSON_NULL: return true;
  case JSON_BOOL: return a->boolean == b->boolean;
  case JSON_STRING: return str_eq(a->string, b->string);
  case JSON_OBJECT: return equal_objects(a, b);
  case JSON_ARRAY: {
    const struct json *other = b->child;
    JSON_EACH(item, a) {
      if (!other || !json_equal(item, other))
        return false;
      other = other->next;
    }
    return !other;
  }
  case JSON_INT:
  case JSON_DOUBLE: break; // handled above
  }
  return false;
}
