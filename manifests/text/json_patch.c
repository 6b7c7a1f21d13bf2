// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/json_patch.h"

#include <stdint.h>

// One reference token with ~1 and ~0 undone.
static struct str unescape(struct arena *arena, struct str token) {
  if (str_find_char(token, '~') < 0)
    return token;
  char *to = arena_alloc(arena, token.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < token.len; i++) {
    if (token.ptr[i] == '~' && i + 1 < token.len &&
        (token.ptr[i + 1] == '0' || token.ptr[i + 1] == '1'))
      to[len++] = token.ptr[++i] == '0' ? '~' : '/';
    else
      to[len++] = token.ptr[i];
  }
  return (struct str){to, len};
}

struct str json_pointer_escape(struct arena *arena, struct str token) {
  char *to = arena_alloc(arena, token.len * 2 + 1);
  size_t len = 0;
  for (size_t i = 0; i < token.len; i++) {
    if (token.ptr[i] == '~' || token.ptr[i] == '/') {
      to[len++] = '~';
      to[len++] = token.ptr[i] == '~' ? '0' : '1';
    } else {
      to[len++] = token.ptr[i];
    }
  }
  return (struct str){to, len};
}

// An array index as Kubernetes' library takes it: a whole number, from the end when it is negative.
static bool parse_index(struct str token, size_t count, size_t *ret) {
  int64_t value;
  if (str_starts(token, STR("+")))
    token = str_slice(token, 1, token.len);
  if (!str_to_i64(token, &value) || value < -(int64_t)count)
    return false;
  *ret = (size_t)(value < 0 ? value + (int64_t)count : value);
  return true;
}

static struct json *step(struct json *json, struct str token) {
  size_t index;
  if (json && json->type == JSON_ARRAY)
    return parse_index(token, json->count, &index) ? json_at(json, index) : NULL;
  return json_get_s(json, token);
}

static struct json *walk(struct arena *arena, struct json *json, struct str pointer) {
  struct str token;
  if (pointer.len == 0)
    return json;
  if (pointer.ptr[0] != '/')
    return NULL;
  pointer = str_slice(pointer, 1, pointer.len);
  while (json && str_next(&pointer, '/', &token))
    json = step(json, unescape(arena, token));
  return json;
}

struct json *json_pointer(struct json *json, struct str pointer) {
  struct arena arena;
  arena_init(&arena);
  struct json *found = walk(&arena, json, pointer);
  arena_dispose(&arena);
  return found;
}

struct patcher {
  struct arena *arena;
  struct json *root; // an array of one: the document, so that "" can be replaced too
  size_t index;
  struct err *err;
};

static struct json *document(const struct patcher *p) {
  return p->root->child;
}

static int refuse(const struct patcher *p, int rc, struct str path, const char *why) {
  return err_set(p->err, rc, "JSON patch operation %zu at \"%.*s\": %s", p->index, STR_ARG(path),
                 why);
}

// Splits a pointer in the parent's node and the last token.
static int locate(const struct patcher *p, struct str path, struct json **ret_parent,
                  struct str *ret_token) {
  ptrdiff_t first = str_find_char(path, '/');
  if (first < 0)
    return refuse(p, RC_INVALID, path, "a path starts with \"/\"");
  path = str_slice(path, (size_t)first, path.len); // nobody asks what stands before it
  size_t cut = path.len;
  while (cut > 0 && path.ptr[cut - 1] != '/')
    cut--;
  *ret_parent = walk(p->arena, document(p), str_slice(path, 0, cut ? cut - 1 : 0));
  *ret_token = unescape(p->arena, str_slice(path, cut, path.len));
  if (!*ret_parent || ((*ret_parent)->type != JSON_OBJECT && (*ret_parent)->type != JSON_ARRAY))
    return refuse(p, RC_INVALID, path, "there is no such parent");
  return RC_OK;
}

static void set_document(const struct patcher *p, struct json *value) {
  json_replace(p->root, document(p), value);
}

static int add(const struct patcher *p, struct str path, struct json *value) {
  struct json *parent;
  struct str token;
  size_t index;
  int rc = locate(p, path, &parent, &token);
  if (rc != RC_OK)
    return rc;
  if (parent->type == JSON_OBJECT) {
    json_set(p->arena, parent, token, value);
    return RC_OK;
  }
  if (str_eq(token, STR("-")))
    index = parent->count;
  else if (!parse_index(token, parent->count + 1, &index) || index > parent->count)
    return refuse(p, RC_INVALID, path, "not an index of that list");
  json_insert(parent, index, value);
  return RC_OK;
}

static int take_away(const struct patcher *p, struct str path) {
  struct json *parent;
  struct str token;
  size_t index;
  int rc = locate(p, path, &parent, &token);
  if (rc != RC_OK)
    return rc;
  bool gone = parent->type == JSON_OBJECT
                  ? json_remove(parent, token)
                  : parse_index(token, parent->count, &index) && json_remove_at(parent, index);
  return gone ? RC_OK : refuse(p, RC_INVALID, path, "there is no such value");
}

static int replace(const struct patcher *p, struct str path, struct json *value) {
  struct json *parent, *old;
  struct str token;
  if (path.len == 0) { // Kubernetes' library does nothing when it is no document
    if (json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY))
      set_document(p, value);
    return RC_OK;
  }
  int rc = locate(p, path, &parent, &token);
  if (rc != RC_OK)
    return rc;
  old = step(parent, token);
  if (!old && parent->type == JSON_OBJECT) { // RFC 6902 refuses this; Kubernetes' library does not
    json_set(p->arena, parent, token, value);
    return RC_OK;
  }
  if (!old)
    return refuse(p, RC_INVALID, path, "there is no such value");
  json_replace(parent, old, value);
  return RC_OK;
}

// What a path names; NULL for a member that its object does not have.
static int look(const struct patcher *p, struct str path, struct json **ret_found) {
  struct json *parent;
  struct str token;
  int rc = locate(p, path, &parent, &token);
  if (rc != RC_OK)
    return rc;
  *ret_found = step(parent, token);
  return *ret_found || parent->type == JSON_OBJECT
             ? RC_OK
             : refuse(p, RC_INVALID, path, "there is no such value");
}

static int test(const struct patcher *p, struct str path, const struct json *value) {
  struct json *found = document(p);
  int rc = path.len ? look(p, path, &found) : RC_OK;
  if (rc != RC_OK)
    return rc;
  if (found ? json_equal(found, value) : json_is(value, JSON_NULL)) // absent is as good as null
    return RC_OK;
  struct str is = found ? json_text(p->arena, found) : STR("nothing"),
             want = json_text(p->arena, value);
  struct str why = arena_printf(p->arena, "test failed: expected %.*s, found %.*s",
                                STR_ARG(str_slice(want, 0, 200)), STR_ARG(str_slice(is, 0, 200)));
  return refuse(p, RC_INVALID, path, why.ptr);
}

static int copy_from(const struct patcher *p, struct str path, struct str from, bool move) {
  struct json *source;
  int rc = look(p, from, &source);
  if (rc != RC_OK)
    return rc;
  struct json *value = source ? json_dup(p->arena, source) : json_new_null(p->arena);
  if (move)
    rc = take_away(p, from);
  return rc == RC_OK ? add(p, path, value) : rc;
}

static int apply_one(const struct patcher *p, const struct json *operation) {
  struct json *op = json_get(operation, "op"), *path_node = json_get(operation, "path");
  struct json *value = json_get(operation, "value"), *from = json_get(operation, "from");
  struct str name = json_string(op), path = json_string(path_node);
  bool needs_from = str_eq(name, STR("move")) || str_eq(name, STR("copy"));
  if (!json_is(op, JSON_STRING) || !json_is(path_node, JSON_STRING))
    return refuse(p, RC_INVALID, path, "an operation needs \"op\" and \"path\"");
  if (!value)
    value = json_new_null(p->arena);
  if (needs_from && !json_is(from, JSON_STRING))
    return refuse(p, RC_INVALID, path, "\"from\" is missing");
  if (str_eq(name, STR("test")))
    return test(p, path, value);
  if (str_eq(name, STR("add")))
    return add(p, path, json_dup(p->arena, value));
  if (str_eq(name, STR("replace")))
    return replace(p, path, json_dup(p->arena, value));
  if (str_eq(name, STR("remove")))
    return take_away(p, path);
  if (needs_from)
    return copy_from(p, path, json_string(from), str_eq(name, STR("move")));
  return refuse(p, RC_INVALID, path, "\"op\" must be add, remove, replace, move, copy or test");
}

// What is no operation at all is found before the first one is done.
static int check_types(struct patcher *p, const struct json *patch) {
  static const char *const texts[] = {"op", "path", "from"};
  JSON_EACH(operation, json_is(patch, JSON_ARRAY) ? patch : NULL) {
    bool good = json_is(operation, JSON_OBJECT) || json_is(operation, JSON_NULL);
    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++) {
      const struct json *text = json_get(operation, texts[i]);
      good = !text || json_is(text, JSON_STRING) || json_is(text, JSON_NULL);
    }
    if (!good)
      return refuse(p, RC_PARSE, STR(""), "\"op\", \"path\" and \"from\" are strings");
    p->index++;
  }
  p->index = 0;
  return RC_OK;
}

int json_patch_apply(struct arena *arena, struct json **json, const struct json *patch,
                     struct err *err) {
  if (!json_is(patch, JSON_ARRAY) && !json_is(patch, JSON_NULL))
    return err_set(err, RC_PARSE, "a JSON patch is a list of operations");
  struct patcher p = {.arena = arena, .root = json_new_array(arena), .err = err};
  json_append(p.root, json_dup(arena, *json));
  int wrong = check_types(&p, patch);
  if (wrong)
    return wrong;
  JSON_EACH(operation, json_is(patch, JSON_ARRAY) ? patch : NULL) {
    int rc = apply_one(&p, operation);
    if (rc != RC_OK)
      return rc;
    p.index++;
  }
  struct json *result = document(&p);
  result->next = NULL;
  *json = result;
  return RC_OK;
}

struct json *json_merge_patch(struct arena *arena, const struct json *target,
                              const struct json *patch) {
  if (!json_is(patch, JSON_OBJECT))
    return json_dup(arena, patch);
  struct json *result =
      json_is(target, JSON_OBJECT) ? json_dup(arena, target) : json_new_object(arena);
  JSON_EACH(item, patch) {
    if (item->type == JSON_NULL)
      json_remove(result, item->key);
    else
      json_set(arena, result, item->key,
               json_merge_patch(arena, json_get_s(result, item->key), item));
  }
  return result;
}

struct json *json_merge_diff(struct arena *arena, const struct json *from, const struct json *to) {
  if (!json_is(from, JSON_OBJECT) || !json_is(to, JSON_OBJECT))
    return json_dup(arena, to);
  struct json *patch = json_new_object(arena);
  JSON_EACH(item, from)
    if (!json_get_s(to, item->key))
      json_set(arena, patch, item->key, json_new_null(arena));
  JSON_EACH(item, to) {
    const struct json *old = json_get_s(from, item->key);
    if (!json_equal(old, item))
      json_set(arena, patch, item->key, json_merge_diff(arena, old, item));
  }
  return patch;
}
