// SPDX-License-Identifier: Apache-2.0
// sets.* and optional values. Source: cel-go's extension "sets", and its optional types.
#include "manifests/cel/functions.h"

static bool has(struct cel_run *run, struct cel_list *list, struct cel_value item) {
  for (size_t i = 0; i < list->count; i++)
    if (cel_charge(run, 1) && cel_equal(cel_list_at(list, i, run->arena), item, run->arena))
      return true;
  return false;
}

static bool has_all(struct cel_run *run, struct cel_list *list, struct cel_list *items) {
  for (size_t i = 0; i < items->count; i++)
    if (!has(run, list, cel_list_at(items, i, run->arena)))
      return false;
  return true;
}

struct cel_value cel_fn_sets_contains(struct cel_run *run, const struct cel_value *args) {
  return cel_bool(has_all(run, args[0].list, args[1].list));
}

struct cel_value cel_fn_sets_equivalent(struct cel_run *run, const struct cel_value *args) {
  return cel_bool(has_all(run, args[0].list, args[1].list) &&
                  has_all(run, args[1].list, args[0].list));
}

struct cel_value cel_fn_sets_intersects(struct cel_run *run, const struct cel_value *args) {
  for (size_t i = 0; i < args[1].list->count; i++)
    if (has(run, args[0].list, cel_list_at(args[1].list, i, run->arena)))
      return cel_bool(true);
  return cel_bool(false);
}

// --- Optional values

struct cel_value cel_fn_optional_of(struct cel_run *run, const struct cel_value *args) {
  return cel_some(run->arena, args[0]);
}

static bool is_zero(struct cel_value value) {
  switch ((int)value.kind) {
  case CEL_NULL: return true;
  case CEL_BOOL: return !value.boolean;
  case CEL_INT:
  case CEL_DURATION: return value.integer == 0;
  case CEL_UINT: return value.uinteger == 0;
  case CEL_DOUBLE: return value.number == 0;
  case CEL_STRING:
  case CEL_BYTES: return value.text.len == 0;
  case CEL_LIST:
  case CEL_MAP: return cel_size(value) == 0;
  case CEL_OPTIONAL: return !value.inner;
  default: return false;
  }
}

struct cel_value cel_fn_optional_of_non_zero(struct cel_run *run, const struct cel_value *args) {
  return is_zero(args[0]) ? cel_none() : cel_some(run->arena, args[0]);
}

struct cel_value cel_fn_optional_none(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  (void)args;
  return cel_none();
}

struct cel_value cel_fn_optional_value(struct cel_run *run, const struct cel_value *args) {
  return args[0].inner ? *args[0].inner : cel_error(run->arena, "optional.none() dereference");
}

struct cel_value cel_fn_has_value(struct cel_run *run, const struct cel_value *args) {
  (void)run;
  return cel_bool(args[0].inner != NULL);
}

struct cel_value cel_fn_unwrap(struct cel_run *run, const struct cel_value *args) {
  struct cel_value list = cel_list_new(run->arena, args[0].list->count);
  size_t count = 0;
  for (size_t i = 0; i < args[0].list->count; i++) {
    struct cel_value item = cel_list_at(args[0].list, i, run->arena);
    if (item.kind != CEL_OPTIONAL)
      return cel_error(run->arena, "value is not optional");
    if (item.inner)
      list.list->items[count++] = *item.inner;
  }
  list.list->count = count;
  return list;
}
