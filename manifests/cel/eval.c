// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/eval.h"
#include "manifests/base/bug.h"
#include "manifests/cel/table.h"

#define ARGS_MAX 16u
#define LITERAL_COST 10u // of making a list
#define MAP_COST 30u     // of making a map

// --- Members

bool cel_member(struct cel_run *run, struct cel_value value, struct str name,
                struct cel_value *ret_value) {
  if (value.kind == CEL_MAP)
    return cel_map_find(value.map, cel_string(name), run->arena, ret_value);
  *ret_value = cel_error(run->arena, "no such overload");
  return true;
}

static struct cel_value eval_select(struct cel_run *run, const struct cel_node *node) {
  struct cel_value operand, found;
  if (node->select.qualified)
    return cel_type_value(node->select.constant);
  operand = cel_eval(run, node->select.operand);
  if (operand.kind == CEL_ERROR)
    return operand;
  if (!node->select.test && !cel_charge(run, 1))
    return cel_stopped();
  bool optional = node->select.optional || operand.kind == CEL_OPTIONAL;
  if (operand.kind == CEL_OPTIONAL) {
    if (!operand.inner)
      return node->select.test ? cel_bool(false) : operand;
    operand = *operand.inner;
  }
  bool is_there = cel_member(run, operand, node->select.field, &found);
  if (is_there && found.kind == CEL_ERROR)
    return found;
  if (node->select.test)
    return cel_bool(is_there);
  if (optional)
    return is_there ? cel_some(run->arena, found) : cel_none();
  return is_there ? found : cel_error(run->arena, "no such key: %.*s", STR_ARG(node->select.field));
}

// --- Literals

static struct cel_value eval_list(struct cel_run *run, const struct cel_node *node) {
  struct cel_value list = cel_list_new(run->arena, node->list.count);
  size_t count = 0;
  if (!cel_charge(run, LITERAL_COST))
    return cel_stopped();
  for (size_t i = 0; i < node->list.count; i++) {
    struct cel_value item = cel_eval(run, node->list.items[i]);
    if (item.kind == CEL_ERROR)
      return item;
    if (node->list.optional[i]) {
      if (item.kind != CEL_OPTIONAL)
        return cel_error(run->arena,
                         "cannot initialize optional list element from non-optional value");
      if (!item.inner)
        continue;
      item = *item.inner;
    }
    list.list->items[count++] = item;
  }
  list.list->count = count;
  return list;
}

static bool is_key(struct cel_value value) {
  return value.kind == CEL_STRING || value.kind == CEL_INT || value.kind == CEL_UINT ||
         value.kind == CEL_BOOL;
}

static struct cel_value eval_map(struct cel_run *run, const struct cel_node *node) {
  struct cel_value map = cel_map_new(run->arena, node->list.count / 2);
  if (!cel_charge(run, MAP_COST))
    return cel_stopped();
  for (size_t i = 0; i < node->list.count; i += 2) {
    struct cel_value key = cel_eval(run, node->list.items[i]);
    struct cel_value value = key.kind == CEL_ERROR ? key : cel_eval(run, node->list.items[i + 1]);
    if (value.kind == CEL_ERROR)
      return value;
    if (!is_key(key))
      return cel_error(run->arena, "unsupported key type");
    if (node->list.optional[i / 2]) {
      if (value.kind != CEL_OPTIONAL)
        return cel_error(run->arena, "cannot initialize optional entry from non-optional value");
      if (!value.inner)
        continue;
      value = *value.inner;
    }
    if (!cel_map_add(map.map, key, value, run->arena))
      return cel_error(run->arena, "Failed with repeated key");
  }
  return map;
}

// --- Calls

static uint64_t sum_of_items(struct cel_run *run, struct cel_value value) {
  uint64_t cost = 0;
  if (value.kind != CEL_LIST)
    return cel_text_cost(cel_size(value));
  for (size_t i = 0; i < value.list->count; i++) {
    struct cel_value item = cel_list_at(value.list, i, run->arena);
    bool text = item.kind == CEL_STRING || item.kind == CEL_BYTES;
    cost += text ? cel_text_cost(item.text.len) : 1;
  }
  return cost;
}

static uint64_t cost_of(struct cel_run *run, const struct cel_function *function,
                        const struct cel_value *args) {
  uint64_t a, b;
  switch (function->cost) {
  case CEL_COST_ONE: return 1;
  case CEL_COST_TEXT: return cel_text_cost(cel_size(args[0]));
  case CEL_COST_TEXT_2: return cel_text_cost(2 * cel_size(args[0]));
  case CEL_COST_LESS:
    a = cel_size(args[0]);
    b = cel_size(args[1]);
    return cel_text_cost(a < b ? a : b);
  case CEL_COST_SUM: return cel_text_cost(cel_size(args[0]) + cel_size(args[1]));
  case CEL_COST_REGEX: return cel_text_cost(1 + cel_size(args[0])) * ((cel_size(args[1]) + 3) / 4);
  case CEL_COST_SEARCH: return cel_text_cost(cel_size(args[0])) * cel_text_cost(cel_size(args[1]));
  case CEL_COST_ITEMS: return sum_of_items(run, args[0]);
  case CEL_COST_IN: return cel_size(args[1]);
  }
  return 1;
}

static struct cel_value conditional(struct cel_run *run, const struct cel_node *node) {
  struct cel_value condition = cel_eval(run, node->call.args[0]);
  if (condition.kind == CEL_ERROR)
    return condition;
  if (condition.kind != CEL_BOOL)
    return cel_error(run->arena, "no such overload");
  return cel_eval(run, node->call.args[condition.boolean ? 1 : 2]);
}

// a.or(b), a.orValue(b): b only when a has nothing.
static struct cel_value alternative(struct cel_run *run, const struct cel_node *node) {
  struct cel_value first = cel_eval(run, node->call.target);
  if (first.kind == CEL_ERROR)
    return first;
  if (first.kind != CEL_OPTIONAL)
    return cel_error(run->arena, "no such overload");
  if (!first.inner)
    return cel_eval(run, node->call.args[0]);
  return str_eq_z(node->call.name, "or") ? first : *first.inner;
}

static struct cel_value eval_call(struct cel_run *run, const struct cel_node *node) {
  const struct cel_function *function = node->call.function;
  struct cel_value args[ARGS_MAX] = {{0}}; // what is not given is of kind CEL_ERROR
  size_t count = 0;
  if (!function->call)
    return node->call.target ? alternative(run, node) : conditional(run, node);
  if (node->call.target)
    args[count++] = cel_eval(run, node->call.target);
  for (size_t i = 0; i < node->call.count; i++)
    args[count++] = cel_eval(run, node->call.args[i]);
  for (size_t i = 0; i < count; i++)
    if (args[i].kind == CEL_ERROR)
      return args[i];
  bool member = node->call.target != NULL;
  while (function &&
         (cel_function_is_member(function) != member || !cel_function_takes(function, args, count)))
    function = cel_function_next(function);
  if (!function)
    return cel_error(run->arena, "no such overload");
  if (!cel_charge(run, cost_of(run, function, args)))
    return cel_stopped();
  struct cel_value result = function->call(run, args);
  return run->stopped ? cel_stopped() : result;
}

// --- Logic

// One true (any) or false (all) decides, whatever else went wrong.
static struct cel_value eval_all(struct cel_run *run, const struct cel_node *node) {
  struct cel_value fault = {.kind = CEL_NULL};
  for (size_t i = 0; i < node->all.count; i++) {
    struct cel_value term = cel_eval(run, node->all.terms[i]);
    if (run->stopped)
      return cel_stopped();
    if (term.kind == CEL_BOOL && term.boolean == node->all.any)
      return term;
    if (term.kind != CEL_BOOL && fault.kind == CEL_NULL)
      fault = term.kind == CEL_ERROR ? term : cel_error(run->arena, "no such overload");
  }
  return fault.kind == CEL_ERROR ? fault : cel_bool(!node->all.any);
}

struct cel_value cel_eval(struct cel_run *run, const struct cel_node *node) {
  if (run->stopped)
    return cel_stopped();
  switch (node->kind) {
  case CEL_NODE_LITERAL: return node->literal;
  case CEL_NODE_NAME:
    if (node->name.slot < 0)
      return cel_type_value(node->name.constant);
    return cel_charge(run, 1) ? run->slots[node->name.slot] : cel_stopped();
  case CEL_NODE_SELECT: return eval_select(run, node);
  case CEL_NODE_CALL: return eval_call(run, node);
  case CEL_NODE_ALL: return eval_all(run, node);
  case CEL_NODE_LIST: return eval_list(run, node);
  case CEL_NODE_MAP: return eval_map(run, node);
  case CEL_NODE_FOLD: break;
  }
  return cel_eval_fold(run, node);
}
