// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/fieldset_typed.h"
#include "operator/standalone/fieldset_schema.h"

static bool is_empty_map(const struct json *value) {
  return json_is(value, JSON_NULL) || (json_is(value, JSON_OBJECT) && value->count == 0);
}

// --- The fields of a value

static void add_fields(struct fieldset *set, const struct json *schema, const struct json *value,
                       struct arena *arena) {
  enum shape shape = shape_of(schema, value);
  struct shape_index index;
  if (shape == SHAPE_LEAF) {
    set->is_member = true;
    return;
  }
  if (shape == SHAPE_MAP) {
    JSON_EACH(item, json_is(value, JSON_OBJECT) ? value : NULL) {
      bool declared;
      const struct json *below = shape_member(schema, item->key, &declared);
      struct fieldset *step = fieldset_step(set, shape_field_name(item->key, arena), arena);
      add_fields(step, below, item, arena);
      if (!declared || is_empty_map(item))
        step->is_member = true;
    }
    return;
  }
  shape_index_list(schema, shape, value, arena, &index);
  for (size_t i = 0; i < index.count; i++) {
    struct fieldset *step = fieldset_step(set, index.entries[i].name, arena);
    if (index.entries[i].times == 1)
      add_fields(step, shape_items(schema), index.entries[i].item, arena);
    step->is_member = true;
  }
}

struct fieldset *typed_fields(const struct json *schema, const struct json *value,
                              struct arena *arena) {
  struct fieldset *set = fieldset_new(arena);
  add_fields(set, schema, value, arena);
  return set;
}

// --- The difference of two values

struct diff {
  struct arena *arena;
  struct fieldset *added, *modified, *removed; // at the place of the two values
};

static struct diff below(struct diff d, struct str name) {
  return (struct diff){d.arena, fieldset_step(d.added, name, d.arena),
                       fieldset_step(d.modified, name, d.arena),
                       fieldset_step(d.removed, name, d.arena)};
}

static void compare(struct diff d, const struct json *schema, const struct json *a,
                    const struct json *b);

static void compare_leaf(struct diff d, const struct json *a, const struct json *b) {
  if (!a)
    d.added->is_member = true;
  else if (!b)
    d.removed->is_member = true;
  else if (!json_equal(a, b))
    d.modified->is_member = true;
}

static void compare_maps(struct diff d, const struct json *schema, const struct json *a,
                         const struct json *b) {
  bool declared;
  JSON_EACH(item, json_is(b, JSON_OBJECT) ? b : NULL)
    compare(below(d, shape_field_name(item->key, d.arena)),
            shape_member(schema, item->key, &declared), json_get_s(a, item->key), item);
  JSON_EACH(item, json_is(a, JSON_OBJECT) ? a : NULL)
    if (!json_get_s(b, item->key))
      compare(below(d, shape_field_name(item->key, d.arena)),
              shape_member(schema, item->key, &declared), item, NULL);
}

static void compare_items(struct diff d, const struct json *items, struct str name,
                          const struct shape_entry *a, const struct shape_entry *b) {
  struct diff at = below(d, name);
  bool many_a = a && a->times > 1, many_b = b && b->times > 1;
  if (!many_a && !many_b) {
    compare(at, items, a ? a->item : NULL, b ? b->item : NULL);
  } else if (many_a && many_b) {
    if (a->times != b->times || !json_equal(a->item, b->item))
      at.modified->is_member = true;
  } else if (many_a) { // no longer twice
    if (b)
      compare(at, items, NULL, b->item);
    at.removed->is_member = true;
  } else {
    if (a)
      compare(at, items, a->item, NULL);
    at.added->is_member = true;
  }
}

static void compare_lists(struct diff d, const struct json *schema, enum shape shape,
                          const struct json *a, const struct json *b) {
  struct shape_index left, right;
  shape_index_list(schema, shape, a, d.arena, &left);
  shape_index_list(schema, shape, b, d.arena, &right);
  for (size_t i = 0; i < right.count; i++)
    compare_items(d, shape_items(schema), right.entries[i].name,
                  shape_find(&left, right.entries[i].name), &right.entries[i]);
  for (size_t i = 0; i < left.count; i++)
    if (!shape_find(&right, left.entries[i].name))
      compare_items(d, shape_items(schema), left.entries[i].name, &left.entries[i], NULL);
}

static bool has_nothing(const struct json *value) {
  return !value || value->count == 0;
}

static void compare(struct diff d, const struct json *schema, const struct json *a,
                    const struct json *b) {
  enum shape shape = shape_of(schema, b ? b : a);
  bool same =
      !a || !b || shape_of(schema, a) == shape || json_is(a, JSON_NULL) || json_is(b, JSON_NULL);
  if (json_is(b, JSON_NULL) && a)
    shape = shape_of(schema, a);
  if (!same || shape == SHAPE_LEAF || (has_nothing(a) && has_nothing(b))) {
    compare_leaf(d, a, b);
    return;
  }
  if (shape == SHAPE_MAP)
    compare_maps(d, schema, a, b);
  else
    compare_lists(d, schema, shape, a, b);
  if (!a)
    d.added->is_member = true;
  else if (!b)
    d.removed->is_member = true;
}

static struct fieldset *tidy(const struct fieldset *set, struct arena *arena) {
  return fieldset_union(set, NULL, arena); // drops steps that led to nothing
}

struct typed_change typed_compare(const struct json *schema, const struct json *a,
                                  const struct json *b, struct arena *arena) {
  struct diff d = {arena, fieldset_new(arena), fieldset_new(arena), fieldset_new(arena)};
  compare(d, schema, a, b);
  return (struct typed_change){tidy(d.added, arena), tidy(d.modified, arena),
                               tidy(d.removed, arena)};
}

// --- Taking fields out

struct json *typed_remove(const struct json *schema, const struct json *value,
                          const struct fieldset *set, struct arena *arena) {
  enum shape shape = shape_of(schema, value);
  bool object = json_is(value, JSON_OBJECT);
  if ((!object && !json_is(value, JSON_ARRAY)) || fieldset_is_empty(set))
    return json_dup(arena, value);
  struct json *rest = object ? json_new_object(arena) : json_new_array(arena);
  if (shape == SHAPE_LEAF) // nothing of it can go without the rest
    return json_new_null(arena);
  JSON_EACH(item, value) {
    bool declared;
    struct str name =
        object ? shape_field_name(item->key, arena) : shape_item_name(schema, shape, item, arena);
    const struct json *inner =
        object ? shape_member(schema, item->key, &declared) : shape_items(schema);
    const struct fieldset *below = fieldset_find(set, name);
    if (below && below->is_member)
      continue;
    struct json *left = typed_remove(inner, item, below, arena);
    if (object)
      json_set(arena, rest, item->key, left);
    else
      json_append(rest, left);
  }
  return rest->count ? rest : json_new_null(arena);
}

struct fieldset *typed_ensure(const struct json *schema, const struct fieldset *set,
                              struct arena *arena) {
  struct fieldset *all = fieldset_new(arena);
  all->name = set->name;
  all->is_member = set->is_member;
  for (size_t i = 0; i < set->count; i++) {
    const struct fieldset *item = set->items[i];
    bool declared = false;
    const struct json *below = NULL;
    if (str_starts(item->name, STR("f:")))
      below = shape_member(schema, str_slice(item->name, 2, item->name.len), &declared);
    else if (str_starts(item->name, STR("k:")))
      below = shape_items(schema);
    struct fieldset *copy = typed_ensure(below, item, arena);
    copy->is_member = copy->is_member || (declared && item->count);
    *fieldset_step(all, item->name, arena) = *copy;
  }
  return all;
}

struct fieldset *typed_reconcile(const struct json *schema, const struct json *value,
                                 const struct fieldset *set, struct arena *arena) {
  enum shape shape = shape_of(schema, value);
  bool composite = json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY);
  struct fieldset *now = fieldset_new(arena);
  now->name = set->name;
  now->is_member = set->is_member;
  if (!composite || !schema)
    return fieldset_union(set, NULL, arena);
  if (shape == SHAPE_LEAF) { // was owned in parts, is one now
    now->is_member = now->is_member || set->count;
    return now;
  }
  struct shape_index index = {0};
  if (shape != SHAPE_MAP)
    shape_index_list(schema, shape, value, arena, &index);
  for (size_t i = 0; i < set->count; i++) {
    const struct fieldset *item = set->items[i];
    struct str name = str_slice(item->name, 2, item->name.len);
    bool declared, field = str_starts(item->name, STR("f:"));
    const struct shape_entry *entry = shape_find(&index, item->name);
    const struct json *below = field ? json_get_s(value, name) : entry ? entry->item : NULL;
    const struct json *inner = field ? shape_member(schema, name, &declared) : shape_items(schema);
    *fieldset_step(now, item->name, arena) = *typed_reconcile(inner, below, item, arena);
  }
  return now;
}
