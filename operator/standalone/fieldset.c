// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/fieldset.h"
#include "manifests/base/limits.h"

#include <string.h>

struct fieldset *fieldset_new(struct arena *arena) {
  struct fieldset *set = ARENA_NEW(arena, struct fieldset);
  set->name = STR("");
  return set;
}

bool fieldset_is_empty(const struct fieldset *set) {
  return !set || (!set->is_member && set->count == 0);
}

// Where `name` is, or belongs.
static size_t position(const struct fieldset *set, struct str name, bool *ret_found) {
  size_t low = 0, high = set->count;
  *ret_found = false;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = str_cmp(set->items[middle]->name, name);
    if (order == 0) {
      *ret_found = true;
      return middle;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct fieldset *fieldset_find(const struct fieldset *set, struct str name) {
  bool found = false;
  size_t at = set ? position(set, name, &found) : 0;
  return found ? set->items[at] : NULL;
}

static void insert(struct fieldset *set, size_t at, struct fieldset *item, struct arena *arena) {
  (void)arena_push(arena, (void **)&set->items, &set->count, &set->capacity, sizeof(set->items[0]));
  memmove(&set->items[at + 1], &set->items[at], (set->count - 1 - at) * sizeof(set->items[0]));
  set->items[at] = item;
}

struct fieldset *fieldset_step(struct fieldset *set, struct str name, struct arena *arena) {
  bool found;
  size_t at = position(set, name, &found);
  if (found)
    return set->items[at];
  struct fieldset *item = fieldset_new(arena);
  item->name = name;
  insert(set, at, item, arena);
  return item;
}

// --- FieldsV1

bool fieldset_is_valid(const struct json *fields) {
  if (!json_is(fields, JSON_OBJECT))
    return false;
  JSON_EACH(item, fields) {
    bool name = str_eq_z(item->key, ".") || str_starts(item->key, STR("f:")) ||
                str_starts(item->key, STR("k:")) || str_starts(item->key, STR("v:")) ||
                str_starts(item->key, STR("i:"));
    if (!name || !fieldset_is_valid(item))
      return false;
  }
  return true;
}

static void read_into(struct fieldset *set, const struct json *fields, struct arena *arena) {
  JSON_EACH(item, fields) {
    if (str_eq_z(item->key, ".")) {
      set->is_member = true;
      continue;
    }
    struct fieldset *below = fieldset_step(set, item->key, arena);
    below->is_member = below->is_member || item->count == 0;
    read_into(below, item, arena);
  }
}

struct fieldset *fieldset_read(const struct json *fields, struct arena *arena) {
  struct fieldset *set = fieldset_new(arena);
  if (fields && !fieldset_is_valid(fields))
    return NULL;
  read_into(set, fields, arena);
  return set;
}

// A set has each name once.
struct json *fieldset_write(const struct fieldset *set, struct arena *arena) {
  struct json *fields = json_new_object(arena);
  for (size_t i = 0; set && i < set->count; i++) {
    const struct fieldset *item = set->items[i];
    if (fieldset_is_empty(item))
      continue;
    struct json *below = json_new_object(arena), *rest = fieldset_write(item, arena);
    if (item->is_member && rest->count)
      json_put(arena, below, ".", json_new_object(arena));
    for (struct json *part = rest->child, *next; part; part = next) {
      next = part->next;
      json_add(arena, below, part->key, part);
    }
    if (item->is_member || below->count)
      json_add(arena, fields, item->name, below);
  }
  return fields;
}

// --- Algebra

static struct fieldset *like(const struct fieldset *a, const struct fieldset *b,
                             struct arena *arena) {
  struct fieldset *set = fieldset_new(arena);
  set->name = a ? a->name : b ? b->name : STR("");
  return set;
}

static void keep(struct fieldset *set, struct fieldset *item, struct arena *arena) {
  if (!fieldset_is_empty(item))
    insert(set, set->count, item, arena); // in order already
}

struct fieldset *fieldset_union(const struct fieldset *a, const struct fieldset *b,
                                struct arena *arena) {
  struct fieldset *set = like(a, b, arena);
  size_t i = 0, k = 0, left = a ? a->count : 0, right = b ? b->count : 0;
  set->is_member = (a && a->is_member) || (b && b->is_member);
  while (i < left || k < right) {
    int order = i == left ? 1 : k == right ? -1 : str_cmp(a->items[i]->name, b->items[k]->name);
    const struct fieldset *x = order <= 0 ? a->items[i++] : NULL;
    const struct fieldset *y = order >= 0 ? b->items[k++] : NULL;
    keep(set, fieldset_union(x, y, arena), arena);
  }
  return set;
}

struct fieldset *fieldset_minus(const struct fieldset *a, const struct fieldset *b,
                                struct arena *arena) {
  struct fieldset *set = like(a, NULL, arena);
  set->is_member = a && a->is_member && !(b && b->is_member);
  for (size_t i = 0; a && i < a->count; i++)
    keep(set, fieldset_minus(a->items[i], fieldset_find(b, a->items[i]->name), arena), arena);
  return set;
}

struct fieldset *fieldset_both(const struct fieldset *a, const struct fieldset *b,
                               struct arena *arena) {
  struct fieldset *set = like(a, NULL, arena);
  set->is_member = a && b && a->is_member && b->is_member;
  for (size_t i = 0; a && b && i < a->count; i++) {
    const struct fieldset *other = fieldset_find(b, a->items[i]->name);
    if (other)
      keep(set, fieldset_both(a->items[i], other, arena), arena);
  }
  return set;
}

void fieldset_drop(struct fieldset *set, const char *const *names, bool below) {
  for (; set && *names; names++)
    set = fieldset_find(set, str_of(*names));
  if (!set)
    return;
  set->is_member = false;
  if (below)
    set->count = 0;
}

bool fieldset_same(const struct fieldset *a, const struct fieldset *b) {
  if (a->is_member != b->is_member || a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (!str_eq(a->items[i]->name, b->items[i]->name) || !fieldset_same(a->items[i], b->items[i]))
      return false;
  return true;
}

// --- Paths

// The step of a path that one name makes: .spec, [name="s1"], [="x"]
static struct str step(struct str name, struct arena *arena) {
  struct str rest = str_slice(name, 2, name.len);
  if (str_starts(name, STR("f:")))
    return arena_printf(arena, ".%.*s", STR_ARG(rest));
  if (str_starts(name, STR("v:")))
    return arena_printf(arena, "[=%.*s]", STR_ARG(rest));
  struct json *key = NULL;
  if (!str_starts(name, STR("k:")) || json_parse(rest, arena, &key, NULL))
    return STR("");
  struct str text = STR("");
  JSON_EACH(part, key) {
    struct str value = json_text(arena, part);
    text = arena_printf(arena, "%.*s%s%.*s=%.*s", STR_ARG(text), text.len ? "," : "",
                        STR_ARG(part->key), STR_ARG(value));
  }
  return arena_printf(arena, "[%.*s]", STR_ARG(text));
}

static void walk_paths(const struct fieldset *set, struct str prefix, int depth,
                       struct arena *arena, fieldset_path_fn fn, void *context) {
  for (int below = 0; below < 2; below++) { // members first, then what is below
    for (size_t i = 0; i < set->count; i++) {
      const struct fieldset *item = set->items[i];
      struct str part = step(item->name, arena);
      struct str path = arena_printf(arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(part));
      if (!below && item->is_member)
        fn(path, context);
      else if (below && item->count && depth < LIMIT_JSON_DEPTH)
        walk_paths(item, path, depth + 1, arena, fn, context);
    }
  }
}

void fieldset_paths(const struct fieldset *set, struct arena *arena, fieldset_path_fn fn,
                    void *context) {
  walk_paths(set, STR(""), 0, arena, fn, context);
}
