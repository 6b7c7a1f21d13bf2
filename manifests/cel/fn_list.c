// SPDX-License-Identifier: Apache-2.0
// Functions of lists and maps. Source: CEL language definition; Kubernetes' list library.
#include "manifests/cel/functions.h"

#include <string.h>

struct cel_value cel_fn_size(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_int((int64_t)cel_size(args[0]));
}

struct cel_value cel_fn_in_list(struct cel_run *run, const struct cel_value *args) {
  for (size_t i = 0; i < args[1].list->count; i++)
    if (cel_equal(cel_list_at(args[1].list, i, run->arena), args[0], run->arena))
      return cel_bool(true);
  return cel_bool(false);
}

struct cel_value cel_fn_in_map(struct cel_run *run, const struct cel_value *args) {
  struct cel_value found;
  return cel_bool(cel_map_find(args[1].map, args[0], run->arena, &found));
}

// --- Elements

static bool as_index(struct cel_value value, int64_t *ret_index) {
  if (value.kind == CEL_UINT)
    *ret_index = value.uinteger > INT64_MAX ? INT64_MAX : (int64_t)value.uinteger;
  else if (value.kind == CEL_DOUBLE && value.number >= 0 && value.number < 1e15 &&
           value.number == (double)(int64_t)value.number)
    *ret_index = (int64_t)value.number;
  else if (value.kind == CEL_INT)
    *ret_index = value.integer;
  else
    return false;
  return true;
}

// CEL_ERROR with empty text: nothing there.
static struct cel_value look_up(struct cel_run *run, struct cel_value of, struct cel_value key) {
  struct cel_value found = {.kind = CEL_ERROR, .text = STR_NULL};
  int64_t index;
  if (of.kind == CEL_MAP)
    (void)cel_map_find(of.map, key, run->arena, &found);
  else if (of.kind != CEL_LIST || !as_index(key, &index))
    return cel_error(run->arena, "no such overload");
  else if (index >= 0 && (uint64_t)index < of.list->count)
    return cel_list_at(of.list, (size_t)index, run->arena);
  return found;
}

static struct cel_value not_there(struct cel_run *run, struct cel_value of, struct cel_value key) {
  struct buf text;
  buf_init(&text, 1024);
  cel_show(&text, key, run->arena);
  struct cel_value error =
      cel_error(run->arena, of.kind == CEL_LIST ? "index out of bounds: %.*s" : "no such key: %.*s",
                STR_ARG(buf_str(&text)));
  buf_dispose(&text);
  return error;
}

struct cel_value cel_fn_element(struct cel_run *run, const struct cel_value *args) {
  bool optional = args[0].kind == CEL_OPTIONAL;
  if (optional && !args[0].inner)
    return args[0];
  struct cel_value of = optional ? *args[0].inner : args[0];
  struct cel_value found = look_up(run, of, args[1]);
  if (found.kind == CEL_ERROR && found.text.len == 0)
    return optional ? cel_none() : not_there(run, of, args[1]);
  return optional && found.kind != CEL_ERROR ? cel_some(run->arena, found) : found;
}

struct cel_value cel_fn_optional_element(struct cel_run *run, const struct cel_value *args) {
  if (args[0].kind == CEL_OPTIONAL && !args[0].inner)
    return args[0];
  struct cel_value found =
      look_up(run, args[0].kind == CEL_OPTIONAL ? *args[0].inner : args[0], args[1]);
  if (found.kind == CEL_ERROR)
    return found.text.len ? found : cel_none();
  return cel_some(run->arena, found);
}

static struct cel_value end_of(struct cel_run *run, struct cel_list *list, bool last) {
  if (list->count == 0)
    return cel_none();
  return cel_some(run->arena, cel_list_at(list, last ? list->count - 1 : 0, run->arena));
}

struct cel_value cel_fn_first(struct cel_run *run, const struct cel_value *args) {
  return end_of(run, args[0].list, false);
}

struct cel_value cel_fn_last(struct cel_run *run, const struct cel_value *args) {
  return end_of(run, args[0].list, true);
}

// --- Adding lists

static bool same_identity(struct cel_run *run, const struct cel_type *type, struct cel_value a,
                          struct cel_value b) {
  if (type->merge == CEL_MERGE_SET)
    return cel_equal(a, b, run->arena);
  for (size_t i = 0; i < type->key_count; i++) {
    struct cel_value x, y, key = cel_string(type->keys[i]);
    if (a.kind != CEL_MAP || b.kind != CEL_MAP || !cel_map_find(a.map, key, run->arena, &x) ||
        !cel_map_find(b.map, key, run->arena, &y) || !cel_equal(x, y, run->arena))
      return false;
  }
  return true;
}

// Items of a set are there once; items of a map replace those of their keys.
static size_t merge_item(struct cel_run *run, const struct cel_type *type, struct cel_value *items,
                         size_t count, struct cel_value item) {
  bool merges = type && type->kind == CEL_LIST && type->merge != CEL_MERGE_NONE;
  for (size_t i = 0; merges && i < count && cel_charge(run, 1); i++)
    if (same_identity(run, type, items[i], item)) {
      items[i] = item;
      return count;
    }
  items[count] = item;
  return count + 1;
}

struct cel_value cel_fn_add_lists(struct cel_run *run, const struct cel_value *args) {
  struct cel_list *a = args[0].list, *b = args[1].list, *sum;
  size_t count = a->count + b->count;
  if (count > run->memory_limit / sizeof(struct cel_value))
    return cel_stopped();
  struct cel_value *items = cel_room(run, count * sizeof *items);
  if (!items)
    return cel_stopped();
  for (count = 0; count < a->count; count++)
    items[count] = cel_list_at(a, count, run->arena);
  for (size_t i = 0; i < b->count && !run->stopped; i++)
    count = merge_item(run, a->type, items, count, cel_list_at(b, i, run->arena));
  sum = ARENA_NEW(run->arena, struct cel_list);
  *sum = (struct cel_list){.count = count, .items = items, .type = a->type};
  return (struct cel_value){.kind = CEL_LIST, .list = sum};
}

// --- Searching and sums

static struct cel_value index_from(struct cel_run *run, const struct cel_value *args, bool last) {
  size_t count = args[0].list->count;
  for (size_t i = 0; i < count; i++) {
    size_t at = last ? count - 1 - i : i;
    if (cel_equal(cel_list_at(args[0].list, at, run->arena), args[1], run->arena))
      return cel_int((int64_t)at);
  }
  return cel_int(-1);
}

struct cel_value cel_fn_list_index_of(struct cel_run *run, const struct cel_value *args) {
  return index_from(run, args, false);
}

struct cel_value cel_fn_list_last_index_of(struct cel_run *run, const struct cel_value *args) {
  return index_from(run, args, true);
}

struct cel_value cel_fn_is_sorted(struct cel_run *run, const struct cel_value *args) {
  for (size_t i = 1; i < args[0].list->count; i++) {
    int order;
    if (!cel_order(cel_list_at(args[0].list, i - 1, run->arena),
                   cel_list_at(args[0].list, i, run->arena), &order))
      return cel_error(run->arena, "no such overload");
    if (order > 0)
      return cel_bool(false);
  }
  return cel_bool(true);
}

static struct cel_value extreme(struct cel_run *run, struct cel_list *list, int sign,
                                const char *name) {
  if (list->count == 0)
    return cel_error(run->arena, "%s called on empty list", name);
  struct cel_value best = cel_list_at(list, 0, run->arena);
  for (size_t i = 1; i < list->count; i++) {
    struct cel_value item = cel_list_at(list, i, run->arena);
    int order;
    if (!cel_order(item, best, &order))
      return cel_error(run->arena, "no such overload");
    if (sign > 0 ? order > 0 : order < 0)
      best = item;
  }
  return best;
}

struct cel_value cel_fn_max(struct cel_run *run, const struct cel_value *args) {
  return extreme(run, args[0].list, 1, "max");
}

struct cel_value cel_fn_min(struct cel_run *run, const struct cel_value *args) {
  return extreme(run, args[0].list, -1, "min");
}

static cel_fn adding(enum cel_kind kind) {
  switch ((int)kind) {
  case CEL_INT: return cel_fn_add_ints;
  case CEL_UINT: return cel_fn_add_uints;
  case CEL_DOUBLE: return cel_fn_add_doubles;
  case CEL_DURATION: return cel_fn_add_durations;
  default: return NULL;
  }
}

// zero: of an empty list.
static struct cel_value sum(struct cel_run *run, struct cel_list *list, struct cel_value zero) {
  struct cel_value pair[2] = {zero};
  for (size_t i = 0; i < list->count && pair[0].kind != CEL_ERROR; i++) {
    pair[1] = cel_list_at(list, i, run->arena);
    if (i == 0) {
      pair[0] = pair[1];
      continue;
    }
    cel_fn add = pair[1].kind == pair[0].kind ? adding(pair[0].kind) : NULL;
    pair[0] = add ? add(run, pair) : cel_error(run->arena, "no such overload");
  }
  return pair[0];
}

struct cel_value cel_fn_sum_ints(struct cel_run *run, const struct cel_value *args) {
  return sum(run, args[0].list, cel_int(0));
}

struct cel_value cel_fn_sum_uints(struct cel_run *run, const struct cel_value *args) {
  return sum(run, args[0].list, cel_uint(0));
}

struct cel_value cel_fn_sum_doubles(struct cel_run *run, const struct cel_value *args) {
  return sum(run, args[0].list, cel_double(0));
}

struct cel_value cel_fn_sum_durations(struct cel_run *run, const struct cel_value *args) {
  return sum(run, args[0].list, cel_duration(0));
}
