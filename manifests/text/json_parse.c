// SPDX-License-Identifier: Apache-2.0
// The one file that knows the parser.
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/text/json.h"
#include "manifests/text/utf8.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 // 2^53: beyond it a double skips integers

struct convert {
  struct arena *arena;
  size_t nodes;
  struct err *err;
  struct str rest; // of the text, behind the last number that was converted
};

static int convert_node(struct convert *c, const cJSON *from, int depth, struct json **ret);

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

static int by_key(const void *a, const void *b) {
  const struct json *const *x = a, *const *y = b;
  return str_cmp((*x)->key, (*y)->key);
}

// One of the keys that this object has twice; NULL: none. Sorted, for a peer chooses how many.
static const struct json *key_twice(const struct json *object, struct arena *arena) {
  size_t count = 0;
  const struct json **sorted = ARENA_ARRAY(arena, const struct json *, object->count + 1);
  JSON_EACH(item, object)
    sorted[count++] = item;
  qsort(sorted, count, sizeof(const struct json *), by_key);
  for (size_t i = 1; i < count; i++)
    if (str_eq(sorted[i - 1]->key, sorted[i]->key))
      return sorted[i];
  return NULL;
}

bool json_duplicate_key(const struct json *json, struct arena *arena, struct str *ret_path) {
  size_t index = 0;
  const struct json *twice =
      json->type == JSON_OBJECT && json->count > 1 ? key_twice(json, arena) : NULL;
  if (twice) {
    *ret_path = arena_str(arena, twice->key);
    return true;
  }
  JSON_EACH(item, json) {
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
