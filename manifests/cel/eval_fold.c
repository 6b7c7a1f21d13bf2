// SPDX-License-Identifier: Apache-2.0
// The macros: all, exists, exists_one, map, filter and those with two variables, optMap.
#include "manifests/base/bug.h"
#include "manifests/cel/eval.h"

#define STEP_COST 3u    // of going on to the next item
#define APPEND_COST 12u // of adding an item to a list
#define COLLECT_MIN 16u

struct fold {
  struct cel_run *run;
  const struct cel_node *node;
  struct cel_value range;
  size_t count;
  // What is collected.
  struct cel_value *items;
  struct cel_value *keys;
  size_t collected, capacity;
  size_t holding;         // exists_one
  struct cel_value fault; // CEL_NULL: none
};

static void set_variables(struct fold *f, size_t index) {
  struct cel_run *run = f->run;
  const int *slots = f->node->fold.slots;
  bool two = f->node->fold.name_count == 2;
  if (f->range.kind == CEL_LIST) {
    struct cel_value item = cel_list_at(f->range.list, index, run->arena);
    run->slots[slots[0]] = two ? cel_int((int64_t)index) : item;
    if (two)
      run->slots[slots[1]] = item;
    return;
  }
  run->slots[slots[0]] = cel_map_key(f->range.map, index);
  if (two)
    run->slots[slots[1]] = cel_map_value(f->range.map, index, run->arena);
}

static bool grow(struct fold *f) {
  if (f->collected < f->capacity)
    return true;
  size_t capacity = f->capacity ? f->capacity * 2 : COLLECT_MIN;
  struct cel_value *items = cel_room(f->run, capacity * sizeof *items);
  struct cel_value *keys =
      f->node->fold.how == CEL_FOLD_LIST ? f->keys : cel_room(f->run, capacity * sizeof *keys);
  if (!items || (!keys && f->node->fold.how != CEL_FOLD_LIST))
    return false;
  for (size_t i = 0; i < f->collected; i++) {
    items[i] = f->items[i];
    if (keys)
      keys[i] = f->keys[i];
  }
  f->items = items;
  f->keys = keys;
  f->capacity = capacity;
  return true;
}

static bool collect(struct fold *f, struct cel_value key, struct cel_value value) {
  if (!cel_charge(f->run, APPEND_COST) || !grow(f))
    return false;
  if (f->keys)
    f->keys[f->collected] = key;
  f->items[f->collected++] = value;
  return true;
}

static bool collect_entries(struct fold *f, struct cel_value entries) {
  if (entries.kind != CEL_MAP) {
    f->fault = cel_error(f->run->arena, "no such overload");
    return false;
  }
  for (size_t i = 0; i < cel_map_count(entries.map, f->run->arena); i++)
    if (!collect(f, cel_map_key(entries.map, i), cel_map_value(entries.map, i, f->run->arena)))
      return false;
  return true;
}

// False: the walk is over.
static bool transform(struct fold *f) {
  const struct cel_node *node = f->node;
  struct cel_value first = f->run->slots[node->fold.slots[0]];
  struct cel_value value = node->fold.what ? cel_eval(f->run, node->fold.what) : first;
  if (value.kind == CEL_ERROR) {
    f->fault = value;
    return false;
  }
  if (node->fold.how == CEL_FOLD_ENTRY)
    return collect_entries(f, value);
  return collect(f, first, value);
}

static bool step(struct fold *f) {
  const struct cel_node *node = f->node;
  if (!cel_charge(f->run, STEP_COST))
    return false;
  if (!node->fold.when)
    return transform(f);
  struct cel_value when = cel_eval(f->run, node->fold.when);
  if (when.kind != CEL_BOOL && when.kind != CEL_ERROR)
    when = cel_error(f->run->arena, "no such overload");
  bool quantifier = node->fold.how == CEL_FOLD_ALL || node->fold.how == CEL_FOLD_EXISTS;
  if (when.kind == CEL_ERROR) {
    if (f->fault.kind == CEL_NULL)
      f->fault = when;
    return quantifier;
  }
  if (quantifier) {
    bool decides = when.boolean == (node->fold.how == CEL_FOLD_EXISTS);
    f->holding += decides;
    return !decides;
  }
  if (node->fold.how == CEL_FOLD_EXISTS_ONE) {
    f->holding += when.boolean;
    return true;
  }
  return !when.boolean || transform(f);
}

static struct cel_value collected_list(struct fold *f) {
  struct cel_list *list = ARENA_NEW(f->run->arena, struct cel_list);
  *list = (struct cel_list){.count = f->collected, .items = f->items};
  if (!list->items)
    list->items = ARENA_NEW(f->run->arena, struct cel_value);
  return (struct cel_value){.kind = CEL_LIST, .list = list};
}

static struct cel_value collected_map(struct fold *f) {
  struct cel_value map = cel_map_new(f->run->arena, f->collected);
  for (size_t i = 0; i < f->collected; i++)
    if (!cel_map_add(map.map, f->keys[i], f->items[i], f->run->arena)) {
      struct buf key;
      buf_init(&key, 1024);
      cel_show(&key, f->keys[i], f->run->arena);
      struct cel_value fault = cel_error(f->run->arena, "insert failed: key %.*s already exists",
                                         STR_ARG(buf_str(&key)));
      buf_dispose(&key);
      return fault;
    }
  return map;
}

static struct cel_value result_of(struct fold *f) {
  enum cel_fold how = f->node->fold.how;
  if (f->run->stopped)
    return cel_stopped();
  if ((how == CEL_FOLD_ALL || how == CEL_FOLD_EXISTS) && f->holding)
    return cel_bool(how == CEL_FOLD_EXISTS);
  if (f->fault.kind == CEL_ERROR)
    return f->fault;
  if (how == CEL_FOLD_ALL || how == CEL_FOLD_EXISTS)
    return cel_bool(how == CEL_FOLD_ALL);
  if (how == CEL_FOLD_EXISTS_ONE)
    return cel_bool(f->holding == 1);
  return how == CEL_FOLD_LIST ? collected_list(f) : collected_map(f);
}

static struct cel_value over_optional(struct cel_run *run, const struct cel_node *node,
                                      struct cel_value range) {
  if (range.kind != CEL_OPTIONAL)
    return cel_error(run->arena, "no such overload");
  if (!range.inner)
    return range;
  run->slots[node->fold.slots[0]] = *range.inner;
  struct cel_value value = cel_eval(run, node->fold.what);
  if (value.kind == CEL_ERROR || node->fold.how == CEL_FOLD_OPT_FLAT_MAP)
    return value;
  return cel_some(run->arena, value);
}

struct cel_value cel_eval_fold(struct cel_run *run, const struct cel_node *node) {
  struct cel_value range = cel_eval(run, node->fold.range);
  struct fold f = {.run = run, .node = node, .range = range, .fault = {.kind = CEL_NULL}};
  if (range.kind == CEL_ERROR)
    return range;
  if (node->fold.how == CEL_FOLD_OPT_MAP || node->fold.how == CEL_FOLD_OPT_FLAT_MAP)
    return over_optional(run, node, range);
  if (range.kind == CEL_LIST)
    f.count = range.list->count;
  else if (range.kind == CEL_MAP)
    f.count = cel_map_count(range.map, run->arena);
  else
    return cel_error(run->arena, "no such overload");
  for (size_t i = 0; i < f.count; i++) {
    set_variables(&f, i);
    if (!step(&f))
      break;
  }
  return result_of(&f);
}
