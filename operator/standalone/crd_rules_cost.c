// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/crd_rules_cost.h"
#include "manifests/base/bug.h"
#include "operator/standalone/crd_value.h"

#define REQUEST_BYTES (3u << 20) // that one request may have
#define SLOTS_MAX 64u
#define DEPTH_MAX 40u

static uint64_t times(uint64_t a, uint64_t b) {
  return a && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}

static uint64_t plus(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

// --- Sizes of a schema's values

static bool is_type(const struct json *schema, const char *type) {
  return str_eq_z(json_get_string(schema, "type"), type);
}

static bool is_required(const struct json *schema, const struct json *property) {
  JSON_EACH(name, json_get(schema, "required"))
    if (str_eq(json_string(name), property->key))
      return !json_get(property, "default");
  return false;
}

// The bytes that the smallest value takes in a request.
static uint64_t least_bytes(const struct json *schema, unsigned depth) {
  uint64_t bytes = 2;
  if (crd_flag(schema, "x-kubernetes-int-or-string") || is_type(schema, "integer") ||
      is_type(schema, "number"))
    return 1;
  if (is_type(schema, "boolean"))
    return 4;
  if (is_type(schema, "string") && json_get(schema, "format"))
    return 22; // a time
  if (!is_type(schema, "object") || depth > DEPTH_MAX)
    return bytes;
  JSON_EACH(property, json_get(schema, "properties"))
    if (is_required(schema, property))
      bytes += property->key.len + least_bytes(property, depth + 1) + 4;
  return bytes;
}

static const struct json *items_of(const struct json *schema) {
  const struct json *items =
      json_get(schema, is_type(schema, "array") ? "items" : "additionalProperties");
  return json_is(items, JSON_OBJECT) ? items : NULL;
}

static const struct json *bound_of(const struct json *schema) {
  const struct json *most =
      json_get(schema, is_type(schema, "array") ? "maxItems" : "maxProperties");
  return json_is(most, JSON_INT) ? most : NULL;
}

// Items of a list or map; 0: it is neither.
static uint64_t most_items(const struct json *schema) {
  const struct json *items = items_of(schema), *most = bound_of(schema);
  if (!items)
    return 0;
  if (most)
    return most->integer < 0 ? 0 : (uint64_t)most->integer;
  return (REQUEST_BYTES - 2) / (least_bytes(items, 0) + (is_type(schema, "array") ? 1 : 6));
}

// Letters of a text; 0: it is none, or few.
static uint64_t most_letters(const struct json *schema) {
  const struct json *most = json_get(schema, "maxLength");
  if (!is_type(schema, "string") || json_get(schema, "format") || json_get(schema, "enum"))
    return 0;
  if (json_is(most, JSON_INT))
    return most->integer < 0 ? 0 : (uint64_t)most->integer;
  return REQUEST_BYTES - 2;
}

struct crd_rules_copies crd_rules_copies_below(struct crd_rules_copies copies,
                                               const struct json *schema) {
  const struct json *most = bound_of(schema);
  copies.unbounded = copies.unbounded || !most;
  if (most)
    copies.count = times(copies.count, most->integer < 0 ? 0 : (uint64_t)most->integer);
  return copies;
}

// --- Expressions

struct costing {
  const struct json *slots[SLOTS_MAX]; // the schemas of variables; NULL: unknown
};

// The schema of what an expression gives; NULL: not known.
static const struct json *schema_of(const struct costing *c, const struct cel_node *node) {
  const struct json *below = NULL;
  switch (node->kind) {
  case CEL_NODE_NAME:
    if (node->name.slot < 0 || node->name.slot >= (int)SLOTS_MAX)
      return NULL;
    return c->slots[node->name.slot];
  case CEL_NODE_SELECT:
    if (node->select.test || node->select.optional || node->select.qualified)
      return NULL;
    below = schema_of(c, node->select.operand);
    JSON_EACH(property, json_get(below, "properties"))
      if (str_eq(property->key, node->select.field))
        return property;
    return is_type(below, "object") ? items_of(below) : NULL;
  case CEL_NODE_CALL:
    if (!str_eq_z(node->call.name, "_[_]") || node->call.count < 1)
      return NULL;
    below = schema_of(c, node->call.args[0]);
    return below ? items_of(below) : NULL;
  case CEL_NODE_FOLD: // what a filter leaves is a list of the same
    if (node->fold.how != CEL_FOLD_LIST || node->fold.what)
      return NULL;
    below = schema_of(c, node->fold.range);
    return is_type(below, "array") ? below : NULL;
  case CEL_NODE_LITERAL:
  case CEL_NODE_ALL:
  case CEL_NODE_LIST:
  case CEL_NODE_MAP: break;
  }
  return NULL;
}

static uint64_t cost_of(struct costing *c, const struct cel_node *node);

static uint64_t letters_of(const struct costing *c, const struct cel_node *node) {
  const struct json *schema = schema_of(c, node);
  return schema ? most_letters(schema) : 0;
}

// Functions that go through all of a text: the one that they are called on, two that become one,
// the shorter one of two that are compared.
static uint64_t walk_of(const struct costing *c, const struct cel_node *call) {
  static const char *const walkers[] = {"matches", "contains", "lowerAscii", "upperAscii",
                                        "trim",    "replace",  "split"};
  struct cel_node *const *args = call->call.args;
  struct str name = call->call.name;
  if (call->call.count == 2 && !call->call.target) {
    uint64_t a = letters_of(c, args[0]), b = letters_of(c, args[1]);
    if (str_eq_z(name, "_+_"))
      return plus(a, b) / 10;
    if (str_eq_z(name, "_==_") || str_eq_z(name, "_!=_"))
      return (a < b ? a : b) / 10;
  }
  for (size_t i = 0; i < ARRAY_LEN(walkers); i++)
    if (str_eq_z(name, walkers[i]))
      return letters_of(c, call->call.target ? call->call.target : args[0]) / 10;
  return 0;
}

static uint64_t cost_of_call(struct costing *c, const struct cel_node *node) {
  uint64_t cost = walk_of(c, node);
  if (node->call.target)
    cost = plus(cost, cost_of(c, node->call.target));
  if (str_eq_z(node->call.name, "_?_:_") && node->call.count == 3) { // one of two
    uint64_t yes = cost_of(c, node->call.args[1]), no = cost_of(c, node->call.args[2]);
    return plus(cost_of(c, node->call.args[0]), yes > no ? yes : no);
  }
  for (size_t i = 0; i < node->call.count; i++)
    cost = plus(cost, cost_of(c, node->call.args[i]));
  return cost;
}

static uint64_t cost_of_fold(struct costing *c, const struct cel_node *node) {
  const struct json *range = schema_of(c, node->fold.range);
  const struct json *items = range ? items_of(range) : NULL;
  bool optional = node->fold.how == CEL_FOLD_OPT_MAP || node->fold.how == CEL_FOLD_OPT_FLAT_MAP;
  uint64_t cost = cost_of(c, node->fold.range), body = 1;
  for (size_t i = 0; i < node->fold.name_count; i++) {
    int slot = node->fold.slots[i];
    bool value =
        i + 1 == node->fold.name_count && (is_type(range, "array") || node->fold.name_count == 2);
    if (slot >= 0 && slot < (int)SLOTS_MAX)
      c->slots[slot] = value ? items : NULL; // the keys of a map have no schema
  }
  if (node->fold.when)
    body = plus(body, cost_of(c, node->fold.when));
  if (node->fold.what)
    body = plus(body, cost_of(c, node->fold.what));
  return plus(cost, times(body, items && !optional ? most_items(range) : 1));
}

static uint64_t cost_of(struct costing *c, const struct cel_node *node) {
  uint64_t cost = 0;
  switch (node->kind) {
  case CEL_NODE_LITERAL: return 0;
  case CEL_NODE_NAME: return 1;
  case CEL_NODE_SELECT:
    return node->select.qualified ? 0 : plus(1, cost_of(c, node->select.operand));
  case CEL_NODE_CALL: return cost_of_call(c, node);
  case CEL_NODE_ALL:
    for (size_t i = 0; i < node->all.count; i++)
      cost = plus(cost, cost_of(c, node->all.terms[i]));
    return cost;
  case CEL_NODE_LIST:
  case CEL_NODE_MAP:
    for (size_t i = 0; i < node->list.count; i++)
      cost = plus(cost, cost_of(c, node->list.items[i]));
    return cost;
  case CEL_NODE_FOLD: return cost_of_fold(c, node);
  }
  return 0;
}

uint64_t crd_rules_cost(const struct crd_rule *rule, const struct json *schema,
                        struct crd_rules_copies copies) {
  struct costing c = {.slots = {schema, schema}};
  if (!rule->program.root || rule->fault.ptr)
    return 0;
  uint64_t count = copies.unbounded ? REQUEST_BYTES / (least_bytes(schema, 0) + 1) : copies.count;
  return times(cost_of(&c, rule->program.root), count);
}
