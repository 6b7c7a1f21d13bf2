// SPDX-License-Identifier: Apache-2.0
// JSON as a tree in an arena: read, build, change, compare, write. json_parse.c is the only file
// that knows cJSON. YAML (yaml.h) gives the same tree, with line marks. A node belongs to one
// parent; its memory is the arena's.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/buf.h"
#include "manifests/base/err.h"

enum json_type {
  JSON_NULL,
  JSON_BOOL,
  JSON_INT,    // a whole number that fits
  JSON_DOUBLE, // finite
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT,
};

struct json {
  enum json_type type;
  int line;          // in the YAML source, from 1; 0 for JSON text and built trees
  struct str key;    // name within the parent object, NUL behind
  struct str source; // YAML plain scalars only: the text as written; else empty
  union {
    bool boolean;
    int64_t integer;
    double number;
    struct str string; // UTF-8, no NUL inside, NUL behind
  };
  struct json *child, *last; // of arrays and objects
  struct json *next;         // within the parent
  size_t count;              // children
};

// for (const struct json *item = list->child; item; item = item->next)
#define JSON_EACH(item, parent)                                                                    \
  for (struct json *item = (parent) ? (parent)->child : NULL; item; item = item->next)

// Reads one JSON text. Refused, with a message that names the byte: invalid UTF-8, "\u0000",
// trailing bytes, nesting over LIMIT_JSON_DEPTH, more than LIMIT_JSON_NODES values, text over
// LIMIT_JSON_BYTES. A duplicate key is kept twice (json_get finds the last); json_duplicate_key
// finds them.
int json_parse(struct str text, struct arena *arena, struct json **ret_json, struct err *err);
// The first duplicate key within any object of the tree, with its dotted path in `arena`; false
// when none.
bool json_duplicate_key(const struct json *json, struct arena *arena, struct str *ret_path);

// Reading. All take NULL and wrong types and then answer NULL, false or the fallback.
struct json *json_get(const struct json *object, const char *key);
struct json *json_get_s(const struct json *object, struct str key);
struct json *json_at(const struct json *array, size_t index);
// Walks "spec.template.metadata.labels"; a number is an index: "spec.http.0.route".
struct json *json_path(const struct json *json, const char *dotted);
struct str json_string(const struct json *json); // STR_NULL unless a string
struct str json_get_string(const struct json *object, const char *key);
struct str json_path_string(const struct json *json, const char *dotted);
bool json_is_true(const struct json *json);
int64_t json_int(const struct json *json, int64_t fallback); // whole JSON_DOUBLE count too
double json_number(const struct json *json, double fallback);
bool json_is(const struct json *json, enum json_type type);
const char *
json_type_name(enum json_type type); // "null" "boolean" "integer" "number" "string" "list" "object"

// Building. Strings and keys are copied into the arena.
struct json *json_new_null(struct arena *arena);
struct json *json_new_bool(struct arena *arena, bool value);
struct json *json_new_int(struct arena *arena, int64_t value);
struct json *json_new_double(struct arena *arena, double value);
struct json *json_new_string(struct arena *arena, struct str value);
struct json *json_new_z(struct arena *arena, const char *value);
struct json *json_new_array(struct arena *arena);
struct json *json_new_object(struct arena *arena);
// Sets or replaces (in place, keeping the order) and returns `value`.
struct json *json_set(struct arena *arena, struct json *object, struct str key, struct json *value);
// The same for a key that is known not to be there, which is not looked for.
struct json *json_add(struct arena *arena, struct json *object, struct str key, struct json *value);
struct json *json_put(struct arena *arena, struct json *object, const char *key,
                      struct json *value);
struct json *json_put_string(struct arena *arena, struct json *object, const char *key,
                             struct str value);
struct json *json_put_z(struct arena *arena, struct json *object, const char *key,
                        const char *value);
struct json *json_put_int(struct arena *arena, struct json *object, const char *key, int64_t value);
struct json *json_put_bool(struct arena *arena, struct json *object, const char *key, bool value);
// The child object or array `key`, made when absent or of another type.
struct json *json_need_object(struct arena *arena, struct json *object, const char *key);
struct json *json_need_array(struct arena *arena, struct json *object, const char *key);
void json_append(struct json *array, struct json *value);
// Puts value before `index` (index == count appends).
void json_insert(struct json *array, size_t index, struct json *value);
bool json_remove(struct json *object,
                 struct str key); // true when it was there (all of that name go); NULL has none
bool json_remove_at(struct json *array, size_t index);
// Puts `value` where `old` stands in `parent`, keeping old's key.
void json_replace(struct json *parent, struct json *old, struct json *value);
struct json *json_dup(struct arena *arena, const struct json *json); // deep; the copy has no parent

// Same value: objects without regard to order, 1 equals 1.0.
bool json_equal(const struct json *a, const struct json *b);
// Compact, keys in order; or indented by two spaces and with a newline at the end.
int json_write(struct buf *out, const struct json *json);
int json_write_pretty(struct buf *out, const struct json *json);
int json_write_string(struct buf *out, struct str s); // one quoted, escaped string
// json_write into the arena.
struct str json_text(struct arena *arena, const struct json *json);
// Keys sorted at every level, compact: the canonical form for hashes.
int json_write_canonical(struct buf *out, const struct json *json);
