// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/fieldset.h"
#include "manifests/base/limits.h"

#include <string.h>

// How a value is owned.
enum shape {
  SHAPE_LEAF,   // as a whole
  SHAPE_STRUCT, // member by member
  SHAPE_MAP,    // list of objects by key
  SHAPE_SET,    // list of scalars, each on its own
};

static const char *keys_of(const struct field *row) {
  return row->map_keys ? row->map_keys : row->merge_key;
}

static enum shape shape_of(const struct field *row, const struct json *value) {
  if (json_is(value, JSON_OBJECT))
    return value->count ? SHAPE_STRUCT : SHAPE_LEAF;
  if (!json_is(value, JSON_ARRAY) || !row || value->count > FIELDSET_ITEMS_MAX)
    return SHAPE_LEAF;
  if (row->type == FIELD_STRINGS && row->is_set)
    return SHAPE_SET;
  return row->type == FIELD_LIST && keys_of(row) ? SHAPE_MAP : SHAPE_LEAF;
}

// The schema of a row's value, or of its items.
static const struct schema *inner(const struct field *row) {
  if (!row)
    return NULL;
  bool typed = row->type == FIELD_OBJECT || row->type == FIELD_OPTIONAL || row->type == FIELD_LIST;
  return typed ? row->schema : NULL;
}

static const struct field *member(const struct schema *schema, struct str name) {
  return schema ? schema_find(schema, name) : NULL;
}

// Maps of structs have one schema for all members: their row stands for each member.
static const struct field *member_of(const struct field *row, struct str name) {
  return member(inner(row), name);
}

// {"containerPort":80,"protocol":"TCP"}: keys sorted, defaults filled in.
static struct json *item_key(const struct field *row, const struct json *item,
                             struct arena *arena) {
  struct json *key = json_new_object(arena);
  struct str names = str_of(keys_of(row)), name;
  while (str_next(&names, ',', &name)) {
    const struct json *value = json_get_s(item, name);
    const struct field *field = member(row->schema, name);
    if (value)
      json_set(arena, key, arena_str(arena, name), json_dup(arena, value));
    else if (field && field->fallback)
      json_set(arena, key, arena_str(arena, name), json_new_z(arena, field->fallback));
  }
  return key;
}

static struct str item_name(const struct field *row, const struct json *item, struct arena *arena) {
  struct buf text;
  buf_init(&text, LIMIT_OBJECT_BYTES);
  buf_add_z(&text, "k:");
  json_write_canonical(&text, item_key(row, item, arena));
  struct str name = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return name;
}

static struct str value_name(const struct json *value, struct arena *arena) {
  struct str text = json_text(arena, value);
  return arena_printf(arena, "v:%.*s", STR_ARG(text));
}

static struct str member_name(struct str name, struct arena *arena) {
  return arena_printf(arena, "f:%.*s", STR_ARG(name));
}

static struct json *set_of(const struct field *row, const struct json *value, struct arena *arena) {
  struct json *set = json_new_object(arena);
  enum shape shape = shape_of(row, value);
  if (shape == SHAPE_LEAF)
    return set;
  JSON_EACH(item, value) {
    if (shape == SHAPE_STRUCT) {
      if (!json_is(item, JSON_NULL))
        json_set(arena, set, member_name(item->key, arena),
                 set_of(member_of(row, item->key), item, arena));
    } else if (shape == SHAPE_SET) {
      json_set(arena, set, value_name(item, arena), json_new_object(arena));
    } else {
      struct field as_item = {.type = FIELD_OBJECT, .schema = row->schema};
      struct json *child = set_of(&as_item, item, arena);
      json_put(arena, child, ".", json_new_object(arena));
      json_set(arena, set, item_name(row, item, arena), child);
    }
  }
  return set;
}

struct json *fieldset_of(const struct schema *schema, const struct json *value,
                         struct arena *arena) {
  struct field root = {.type = FIELD_OBJECT, .schema = schema};
  return set_of(&root, value, arena);
}

static const struct json *find_named(const struct field *row, enum shape shape,
                                     const struct json *list, struct str name,
                                     struct arena *arena) {
  JSON_EACH(item, list) {
    struct str have = shape == SHAPE_SET ? value_name(item, arena) : item_name(row, item, arena);
    if (str_eq(have, name))
      return item;
  }
  return NULL;
}

struct diff {
  struct arena *arena;
  struct json *changed, *removed;
};

static void diff_value(struct diff d, const struct field *row, const struct json *a,
                       const struct json *b);

// Walks one pair of children; the sub-sets are kept only where something is in them.
static void diff_child(struct diff d, const struct field *row, struct str name,
                       const struct json *a, const struct json *b, bool item) {
  struct json *leaf = json_new_object(d.arena);
  if (!a || !b) {
    struct json *set = set_of(row, a ? a : b, d.arena);
    if (item)
      json_put(d.arena, set, ".", leaf);
    json_set(d.arena, a ? d.removed : d.changed, name, set);
    return;
  }
  enum shape shape = shape_of(row, b);
  if (shape != shape_of(row, a) || shape == SHAPE_LEAF) {
    if (!json_equal(a, b))
      json_set(d.arena, d.changed, name, set_of(row, b, d.arena));
    return;
  }
  struct diff below = {d.arena, json_new_object(d.arena), json_new_object(d.arena)};
  diff_value(below, row, a, b);
  if (below.changed->count)
    json_set(d.arena, d.changed, name, below.changed);
  if (below.removed->count)
    json_set(d.arena, d.removed, name, below.removed);
}

static void diff_value(struct diff d, const struct field *row, const struct json *a,
                       const struct json *b) {
  enum shape shape = shape_of(row, b);
  const struct json *sides[2] = {b, a};
  struct field as_item = {.type = FIELD_OBJECT, .schema = row ? row->schema : NULL};
  for (int side = 0; side < 2; side++) {
    JSON_EACH(item, sides[side]) {
      const struct json *other;
      struct str name;
      const struct field *below = &as_item;
      if (shape == SHAPE_STRUCT) {
        name = member_name(item->key, d.arena);
        other = json_get_s(sides[!side], item->key);
        below = member_of(row, item->key);
      } else {
        name = shape == SHAPE_SET ? value_name(item, d.arena) : item_name(row, item, d.arena);
        other = find_named(row, shape, sides[!side], name, d.arena);
      }
      if (side == 0)
        diff_child(d, below, name, other, item, shape == SHAPE_MAP);
      else if (!other) // what both have was seen from b's side
        diff_child(d, below, name, item, NULL, shape == SHAPE_MAP);
    }
  }
}

struct json *fieldset_changed(const struct schema *schema, const struct json *a,
                              const struct json *b, struct arena *arena,
                              struct json **ret_removed) {
  struct diff d = {arena, json_new_object(arena), json_new_object(arena)};
  struct field root = {.type = FIELD_OBJECT, .schema = schema};
  diff_value(d, &root, a, b);
  *ret_removed = d.removed;
  return d.changed;
}

bool fieldset_is_empty(const struct json *set) {
  return !set || set->count == 0;
}

bool fieldset_is_valid(const struct json *set) {
  if (!json_is(set, JSON_OBJECT))
    return false;
  JSON_EACH(item, set) {
    bool name = str_eq_z(item->key, ".") || str_starts(item->key, STR("f:")) ||
                str_starts(item->key, STR("k:")) || str_starts(item->key, STR("v:"));
    if (!name || !fieldset_is_valid(item))
      return false;
  }
  return true;
}

struct json *fieldset_union(const struct json *a, const struct json *b, struct arena *arena) {
  struct json *set = a ? json_dup(arena, a) : json_new_object(arena);
  JSON_EACH(item, b) {
    const struct json *have = json_get_s(set, item->key);
    json_set(arena, set, item->key,
             have ? fieldset_union(have, item, arena) : json_dup(arena, item));
  }
  return set;
}

struct json *fieldset_minus(const struct json *a, const struct json *b, struct arena *arena) {
  struct json *set = json_new_object(arena);
  JSON_EACH(item, a) {
    const struct json *other = json_get_s(b, item->key);
    if (!other) {
      json_set(arena, set, item->key, json_dup(arena, item));
    } else if (item->count && other->count) {
      struct json *rest = fieldset_minus(item, other, arena);
      if (rest->count)
        json_set(arena, set, item->key, rest);
    } // a leaf on either side stands for all below
  }
  return set;
}

struct json *fieldset_both(const struct json *a, const struct json *b, struct arena *arena) {
  struct json *set = json_new_object(arena);
  JSON_EACH(item, a) {
    const struct json *other = json_get_s(b, item->key);
    if (!other)
      continue;
    if (!item->count || !other->count) {
      json_set(arena, set, item->key, json_dup(arena, item->count ? item : other));
      continue;
    }
    struct json *both = fieldset_both(item, other, arena);
    if (both->count)
      json_set(arena, set, item->key, both);
  }
  return set;
}

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

static void walk_paths(const struct json *set, struct str prefix, int depth, struct arena *arena,
                       fieldset_path_fn fn, void *context) {
  JSON_EACH(item, set) {
    struct str part = step(item->key, arena);
    struct str path = arena_printf(arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(part));
    bool itself = str_eq_z(item->key, ".");
    if (item->count == 0 && !(itself && set->count > 1))
      fn(path, context);
    else if (!itself && depth < LIMIT_JSON_DEPTH)
      walk_paths(item, path, depth + 1, arena, fn, context);
  }
}

void fieldset_paths(const struct json *set, struct arena *arena, fieldset_path_fn fn,
                    void *context) {
  walk_paths(set, STR(""), 0, arena, fn, context);
}

static struct json *merge_value(const struct field *row, const struct json *live,
                                const struct json *body, struct arena *arena);

static struct json *merge_struct(const struct field *row, const struct json *live,
                                 const struct json *body, struct arena *arena) {
  struct json *merged = json_dup(arena, live);
  JSON_EACH(item, body) {
    if (json_is(item, JSON_NULL))
      continue;
    const struct json *have = json_get_s(merged, item->key);
    json_set(arena, merged, item->key, merge_value(member_of(row, item->key), have, item, arena));
  }
  return merged;
}

static struct json *merge_list(const struct field *row, enum shape shape, const struct json *live,
                               const struct json *body, struct arena *arena) {
  struct json *merged = json_dup(arena, live);
  struct field as_item = {.type = FIELD_OBJECT, .schema = row->schema};
  JSON_EACH(item, body) {
    struct str name = shape == SHAPE_SET ? value_name(item, arena) : item_name(row, item, arena);
    const struct json *found = find_named(row, shape, merged, name, arena);
    struct json *have = NULL;
    JSON_EACH(candidate, merged)
    if (candidate == found)
      have = candidate;
    if (!have)
      json_append(merged, json_dup(arena, item));
    else if (shape == SHAPE_MAP)
      json_replace(merged, have, merge_struct(&as_item, have, item, arena));
  }
  return merged;
}

static struct json *merge_value(const struct field *row, const struct json *live,
                                const struct json *body, struct arena *arena) {
  enum shape shape = shape_of(row, body);
  if (!live || shape == SHAPE_LEAF || live->type != body->type)
    return json_dup(arena, body);
  return shape == SHAPE_STRUCT ? merge_struct(row, live, body, arena)
                               : merge_list(row, shape, live, body, arena);
}

struct json *fieldset_merge(const struct schema *schema, const struct json *live,
                            const struct json *body, struct arena *arena) {
  struct field root = {.type = FIELD_OBJECT, .schema = schema};
  return merge_value(&root, live, body, arena);
}

static void remove_from(const struct field *row, struct json *value, const struct json *set,
                        struct arena *arena) {
  if (json_is(value, JSON_OBJECT)) {
    JSON_EACH(item, set) {
      struct str name = str_slice(item->key, 2, item->key.len);
      struct json *have = str_starts(item->key, STR("f:")) ? json_get_s(value, name) : NULL;
      if (have && item->count == 0)
        json_remove(value, name);
      else if (have)
        remove_from(member_of(row, name), have, item, arena);
    }
    return;
  }
  enum shape shape = shape_of(row, value);
  if (shape != SHAPE_MAP && shape != SHAPE_SET)
    return;
  struct field as_item = {.type = FIELD_OBJECT, .schema = row->schema};
  size_t index = 0;
  for (struct json *item = value->child, *next; item; item = next) {
    next = item->next;
    struct str name = shape == SHAPE_SET ? value_name(item, arena) : item_name(row, item, arena);
    const struct json *below = json_get_s(set, name);
    if (below && (shape == SHAPE_SET || json_get(below, "."))) {
      json_remove_at(value, index);
      continue;
    }
    if (below)
      remove_from(&as_item, item, below, arena);
    index++;
  }
}

void fieldset_remove(const struct schema *schema, struct json *object, const struct json *set,
                     struct arena *arena) {
  struct field root = {.type = FIELD_OBJECT, .schema = schema};
  remove_from(&root, object, set, arena);
}
