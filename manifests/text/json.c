// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/json.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/text/utf8.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 // 2^53: beyond it a double skips integers

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

// --- reading text ---

struct convert {
  struct arena *arena;
  size_t nodes;
  struct err *err;
  struct str rest; // of the text, behind the last number that was converted
};

// cJSON keeps doubles only. Numbers come in the order in which they stand in the text, so the text
// of the next one is found there: the first digit or minus that is in no string.
static struct str next_number(struct convert *c) {
  const char *at = c->rest.ptr, *end = at + c->rest.len;
  for (bool in_string = false; at < end; at++) {
    if (*at == '"')
      in_string = !in_string;
    else if (in_string && *at == '\\')
      at++;
    else if (!in_string && (*at == '-' || (*at >= '0' && *at <= '9')))
      break;
  }
  const char *from = at;
  while (at < end && memchr("+-.0123456789eE", *at, 15))
    at++;
  c->rest = (struct str){at, (size_t)(end - at)};
  return (struct str){from, (size_t)(at - from)};
}

static int convert_number(struct convert *c, double value, struct json **ret) {
  struct str text = next_number(c);
  int64_t whole;
  if (!isfinite(value))
    return err_set(c->err, RC_PARSE, "JSON number out of range");
  if (str_to_i64(text, &whole)) // written without a point or exponent
    *ret = json_new_int(c->arena, whole);
  else if (value == floor(value) && fabs(value) <= WHOLE_MAX)
    *ret = json_new_int(c->arena, (int64_t)value);
  else
    *ret = json_new_double(c->arena, value);
  return RC_OK;
}

static int convert_node(struct convert *c, const cJSON *from, int depth, struct json **ret);

static int convert_children(struct convert *c, const cJSON *from, int depth, struct json *to) {
  for (const cJSON *item = from->child; item; item = item->next) {
    struct json *child;
    int rc = convert_node(c, item, depth + 1, &child);
    if (rc != RC_OK)
      return rc;
    if (to->type == JSON_OBJECT)
      child->key = arena_strz(c->arena, item->string);
    json_append(to, child);
  }
  return RC_OK;
}

static int convert_node(struct convert *c, const cJSON *from, int depth, struct json **ret) {
  if (depth > LIMIT_JSON_DEPTH)
    return err_set(c->err, RC_LIMIT, "JSON nested deeper than %d levels", LIMIT_JSON_DEPTH);
  if (++c->nodes > LIMIT_JSON_NODES)
    return err_set(c->err, RC_LIMIT, "JSON with more than %u values", LIMIT_JSON_NODES);
  switch (from->type & 0xff) {
  case cJSON_False: *ret = json_new_bool(c->arena, false); return RC_OK;
  case cJSON_True: *ret = json_new_bool(c->arena, true); return RC_OK;
  case cJSON_NULL: *ret = json_new_null(c->arena); return RC_OK;
  case cJSON_String: *ret = json_new_z(c->arena, from->valuestring); return RC_OK;
  case cJSON_Number: return convert_number(c, from->valuedouble, ret);
  case cJSON_Array: *ret = json_new_array(c->arena); return convert_children(c, from, depth, *ret);
  case cJSON_Object:
    *ret = json_new_object(c->arena);
    return convert_children(c, from, depth, *ret);
  default: return err_set(c->err, RC_PARSE, "JSON value of unknown type");
  }
}

// cJSON would cut a string at an escaped NUL; an escaped backslash before the u must not be
// mistaken for it.
static bool find_escaped_nul(struct str text, size_t *ret_at) {
  for (size_t i = 0; i + 5 < text.len; i++) {
    if (text.ptr[i] != '\\')
      continue;
    if (memcmp(text.ptr + i, "\\u0000", 6) == 0) {
      *ret_at = i;
      return true;
    }
    i++;
  }
  return false;
}

static int check_text(struct str text, struct err *err) {
  size_t at;
  if (text.len > LIMIT_JSON_BYTES)
    return err_set(err, RC_LIMIT, "JSON of %zu bytes, over the limit of %u", text.len,
                   LIMIT_JSON_BYTES);
  if (!utf8_valid(text, &at))
    return err_set(err, RC_PARSE, "JSON is not valid UTF-8 at byte %zu", at);
  if (text.len && memchr(text.ptr, '\0', text.len))
    return err_set(err, RC_PARSE, "JSON contains a NUL byte");
  if (find_escaped_nul(text, &at))
    return err_set(err, RC_PARSE,
                   "JSON contains \\u0000 at byte %zu, which no string here may hold", at);
  return RC_OK;
}

int json_parse(struct str text, struct arena *arena, struct json **ret_json, struct err *err) {
  int rc = check_text(text, err);
  if (rc != RC_OK)
    return rc;
  if (str_is_empty(str_trim(text)))
    return err_set(err, RC_PARSE, "expected JSON, found nothing");
  const char *end = NULL;
  cJSON *root = cJSON_ParseWithLengthOpts(text.ptr, text.len, &end, false);
  if (!root) {
    size_t at = end ? (size_t)(end - text.ptr) : 0;
    struct str near = str_slice(text, at, at + 24);
    return err_set(err, RC_PARSE, "not JSON at byte %zu, near \"%.*s\"", at, STR_ARG(near));
  }
  struct str rest = str_trim(str_slice(text, (size_t)(end - text.ptr), text.len));
  if (rest.len)
    rc = err_set(err, RC_PARSE, "JSON is followed by more: \"%.*s\"",
                 (int)(rest.len < 24 ? rest.len : 24), rest.ptr);
  else
    rc = convert_node(&(struct convert){.arena = arena, .err = err, .rest = text}, root, 0,
                      ret_json);
  cJSON_Delete(root);
  return rc;
}

bool json_duplicate_key(const struct json *json, struct arena *arena, struct str *ret_path) {
  size_t index = 0;
  JSON_EACH(item, json) {
    if (json->type == JSON_OBJECT && json_get_s(json, item->key) != item) {
      *ret_path = arena_str(arena, item->key);
      return true;
    }
    struct str below;
    if (json_duplicate_key(item, arena, &below)) {
      *ret_path = json->type == JSON_OBJECT
                      ? arena_printf(arena, "%.*s.%.*s", STR_ARG(item->key), STR_ARG(below))
                      : arena_printf(arena, "[%zu].%.*s", index, STR_ARG(below));
      return true;
    }
    index++;
  }
  return false;
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

struct json *json_set(struct arena *arena, struct json *object, struct str key,
                      struct json *value) {
  BUG_ON(object->type != JSON_OBJECT);
  struct json *old = json_get_s(object, key);
  if (old == value)
    return value;
  if (old) {
    json_replace(object, old, value);
  } else {
    value->key = arena_str(arena, key);
    json_append(object, value);
  }
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
