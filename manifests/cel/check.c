// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/check.h"
#include "manifests/base/buf.h"
#include "manifests/base/bug.h"
#include "manifests/cel/check_state.h"

struct str cel_check_text(struct cel_checker *c, const struct cel_type *type) {
  return cel_type_text(cel_unify_known(&c->unifier, type, true), c->arena);
}

static const struct cel_type *known(struct cel_checker *c, const struct cel_type *type) {
  return cel_unify_known(&c->unifier, type, false);
}

static bool is_open(const struct cel_type *type) {
  return type->kind == CEL_DYN || type->kind == CEL_ERROR || type->kind == CEL_PARAM;
}

static void undeclared(struct cel_checker *c, uint32_t at, struct str name) {
  cel_issue_add(c->issues, at, "undeclared reference to '%.*s' (in container '')", STR_ARG(name));
}

static void mismatch(struct cel_checker *c, uint32_t at, const struct cel_type *want,
                     const struct cel_type *have) {
  cel_issue_add(c->issues, at, "expected type '%.*s' but found '%.*s'",
                STR_ARG(cel_check_text(c, want)), STR_ARG(cel_check_text(c, have)));
}

// --- Names

static const struct cel_type *check_name(struct cel_checker *c, struct cel_node *node) {
  struct str name = node->name.name;
  for (const struct cel_scope *s = node->name.absolute ? NULL : c->scope; s; s = s->outer)
    if (str_eq(s->name, name)) {
      node->name.slot = s->slot;
      return s->type;
    }
  for (size_t i = 0; i < c->variable_count; i++)
    if (str_eq_z(name, c->variables[i].name)) {
      c->checked->variables |= 1ull << i;
      node->name.slot = (int)i;
      return c->variables[i].type;
    }
  node->name.slot = -1;
  node->name.constant = cel_type_named(name);
  if (node->name.constant)
    return cel_type_type(c->arena, node->name.constant);
  undeclared(c, node->at, name);
  return cel_simple(CEL_ERROR);
}

static bool is_variable(const struct cel_checker *c, struct str name) {
  for (const struct cel_scope *s = c->scope; s; s = s->outer)
    if (str_eq(s->name, name))
      return true;
  for (size_t i = 0; i < c->variable_count; i++)
    if (str_eq_z(name, c->variables[i].name))
      return true;
  return false;
}

struct str cel_check_qualified(struct cel_checker *c, const struct cel_node *node) {
  if (node->kind == CEL_NODE_NAME)
    return is_variable(c, node->name.name) ? STR_NULL : node->name.name;
  if (node->kind != CEL_NODE_SELECT || node->select.test || node->select.optional)
    return STR_NULL;
  struct str front = cel_check_qualified(c, node->select.operand);
  if (!front.ptr)
    return STR_NULL;
  return arena_printf(c->arena, "%.*s.%.*s", STR_ARG(front), STR_ARG(node->select.field));
}

// --- Members

static const struct cel_type *type_of_field(struct cel_checker *c, const struct cel_node *node,
                                            const struct cel_type *target) {
  switch ((int)target->kind) {
  case CEL_MAP: return target->b;
  case CEL_OBJECT: {
    const struct cel_field *field = cel_type_field(target, node->select.field);
    if (field)
      return field->type;
    cel_issue_add(c->issues, node->at, "undefined field '%.*s'", STR_ARG(node->select.field));
    return cel_simple(CEL_ERROR);
  }
  case CEL_PARAM:
    (void)cel_unify(&c->unifier, cel_simple(CEL_DYN), target);
    return cel_simple(CEL_DYN);
  default:
    if (!is_open(target))
      cel_issue_add(c->issues, node->at, "type '%.*s' does not support field selection",
                    STR_ARG(cel_check_text(c, target)));
    return cel_simple(CEL_DYN);
  }
}

static const struct cel_type *check_select(struct cel_checker *c, struct cel_node *node) {
  struct str qualified = cel_check_qualified(c, node);
  node->select.constant = qualified.ptr ? cel_type_named(qualified) : NULL;
  if (node->select.constant) {
    node->select.qualified = true;
    return cel_type_type(c->arena, node->select.constant);
  }
  const struct cel_type *target = known(c, cel_check_node(c, node->select.operand));
  bool optional = target->kind == CEL_OPTIONAL;
  if (optional)
    target = known(c, target->a);
  const struct cel_type *type = type_of_field(c, node, target);
  if (node->select.test)
    return cel_simple(CEL_BOOL);
  type = known(c, type);
  return optional || node->select.optional ? cel_type_optional(c->arena, type) : type;
}

// --- Literals

// What items of one list have in common; a fault when they are of different types.
static const struct cel_type *join(struct cel_checker *c, const struct cel_node *node,
                                   const struct cel_type *before, const struct cel_type *now) {
  if (!before)
    return now;
  if (cel_unify(&c->unifier, before, now))
    return cel_unify_general(before, now);
  mismatch(c, node->at, before, now);
  return cel_simple(CEL_ERROR);
}

static const struct cel_type *item_type(struct cel_checker *c, struct cel_node *node,
                                        bool optional) {
  const struct cel_type *type = cel_check_node(c, node);
  if (!optional)
    return type;
  const struct cel_type *now = known(c, type);
  if (now->kind == CEL_OPTIONAL)
    return now->a;
  if (!is_open(now))
    mismatch(c, node->at, cel_type_optional(c->arena, now), now);
  return now;
}

static const struct cel_type *check_list(struct cel_checker *c, struct cel_node *node) {
  const struct cel_type *joined = NULL;
  for (size_t i = 0; i < node->list.count; i++)
    joined = join(c, node->list.items[i], joined,
                  item_type(c, node->list.items[i], node->list.optional[i]));
  return cel_type_list(c->arena, joined ? joined : cel_unify_open(&c->unifier));
}

static const struct cel_type *check_map(struct cel_checker *c, struct cel_node *node) {
  const struct cel_type *keys = NULL, *values = NULL;
  for (size_t i = 0; i < node->list.count; i += 2) {
    struct cel_node *key = node->list.items[i], *value = node->list.items[i + 1];
    keys = join(c, key, keys, cel_check_node(c, key));
    values = join(c, value, values, item_type(c, value, node->list.optional[i / 2]));
  }
  if (!keys) {
    keys = cel_unify_open(&c->unifier);
    values = cel_unify_open(&c->unifier);
  }
  return cel_type_map(c->arena, keys, values);
}

static const struct cel_type *check_all(struct cel_checker *c, struct cel_node *node) {
  for (size_t i = 0; i < node->all.count; i++) {
    const struct cel_type *type = cel_check_node(c, node->all.terms[i]);
    if (!cel_unify(&c->unifier, type, cel_simple(CEL_BOOL)))
      mismatch(c, node->all.terms[i]->at, cel_simple(CEL_BOOL), type);
  }
  return cel_simple(CEL_BOOL);
}

// --- Macros

// The types of the variables of a macro over `range`.
static void variable_types(struct cel_checker *c, const struct cel_node *node,
                           const struct cel_type *range, const struct cel_type *types[2]) {
  bool two = node->fold.name_count == 2;
  bool optional = node->fold.how == CEL_FOLD_OPT_MAP || node->fold.how == CEL_FOLD_OPT_FLAT_MAP;
  types[0] = types[1] = cel_simple(CEL_DYN);
  if (optional) {
    const struct cel_type *inner = cel_unify_open(&c->unifier);
    if (!cel_unify(&c->unifier, range, cel_type_optional(c->arena, inner)))
      cel_issue_add(c->issues, node->at,
                    "found no matching overload for 'hasValue' applied to '%.*s.()'",
                    STR_ARG(cel_check_text(c, range)));
    types[0] = known(c, inner);
  } else if (range->kind == CEL_LIST) {
    types[0] = two ? cel_simple(CEL_INT) : range->a;
    types[1] = range->a;
  } else if (range->kind == CEL_MAP) {
    types[0] = range->a;
    types[1] = range->b;
  } else if (is_open(range)) {
    (void)cel_unify(&c->unifier, cel_simple(CEL_DYN), range);
  } else {
    cel_issue_add(c->issues, node->fold.range->at,
                  "expression of type '%.*s' cannot be range of a comprehension (must be list, "
                  "map, or dynamic)",
                  STR_ARG(cel_check_text(c, range)));
    types[0] = types[1] = cel_simple(CEL_ERROR);
  }
}

static const struct cel_type *fold_result(struct cel_checker *c, const struct cel_node *node,
                                          const struct cel_type *const types[2],
                                          const struct cel_type *what) {
  const struct cel_type *open;
  switch (node->fold.how) {
  case CEL_FOLD_ALL:
  case CEL_FOLD_EXISTS:
  case CEL_FOLD_EXISTS_ONE: return cel_simple(CEL_BOOL);
  case CEL_FOLD_LIST: return cel_type_list(c->arena, what ? what : types[0]);
  case CEL_FOLD_MAP: return cel_type_map(c->arena, types[0], what);
  case CEL_FOLD_ENTRY:
    open = cel_type_map(c->arena, cel_unify_open(&c->unifier), cel_unify_open(&c->unifier));
    if (!cel_unify(&c->unifier, what, open))
      mismatch(c, node->fold.what->at, open, what);
    return known(c, open);
  case CEL_FOLD_OPT_MAP: return cel_type_optional(c->arena, what);
  case CEL_FOLD_OPT_FLAT_MAP: break;
  }
  open = cel_type_optional(c->arena, cel_unify_open(&c->unifier));
  if (!cel_unify(&c->unifier, what, open))
    mismatch(c, node->fold.what->at, open, what);
  return known(c, open);
}

static const struct cel_type *check_fold(struct cel_checker *c, struct cel_node *node) {
  const struct cel_type *range = known(c, cel_check_node(c, node->fold.range)), *types[2];
  struct cel_scope *outer = c->scope, scopes[2];
  size_t slots = c->slots;
  variable_types(c, node, range, types);
  for (size_t i = 0; i < node->fold.name_count; i++) {
    node->fold.slots[i] = (int)(c->variable_count + c->slots++);
    scopes[i] = (struct cel_scope){node->fold.names[i], types[i], node->fold.slots[i], c->scope};
    c->scope = &scopes[i];
  }
  if (c->slots > c->checked->slots)
    c->checked->slots = c->slots;
  if (node->fold.when) {
    const struct cel_type *when = cel_check_node(c, node->fold.when);
    if (!cel_unify(&c->unifier, cel_simple(CEL_BOOL), when))
      mismatch(c, node->fold.when->at, cel_simple(CEL_BOOL), when);
  }
  const struct cel_type *what = node->fold.what ? cel_check_node(c, node->fold.what) : NULL;
  c->scope = outer;
  c->slots = slots;
  return fold_result(c, node, types, what);
}

// --- All

static const struct cel_type *check_kind(struct cel_checker *c, struct cel_node *node) {
  switch (node->kind) {
  case CEL_NODE_LITERAL: return cel_simple(node->literal.kind);
  case CEL_NODE_NAME: return check_name(c, node);
  case CEL_NODE_SELECT: return check_select(c, node);
  case CEL_NODE_CALL: return cel_check_call(c, node);
  case CEL_NODE_ALL: return check_all(c, node);
  case CEL_NODE_LIST: return check_list(c, node);
  case CEL_NODE_MAP: return check_map(c, node);
  case CEL_NODE_FOLD: break;
  }
  return check_fold(c, node);
}

const struct cel_type *cel_check_node(struct cel_checker *c, struct cel_node *node) {
  if (c->depth >= CEL_CHECK_DEPTH_MAX) {
    if (c->depth++ == CEL_CHECK_DEPTH_MAX)
      cel_issue_add(c->issues, node->at, "expression recursion limit exceeded: %u",
                    CEL_CHECK_DEPTH_MAX);
    c->depth--;
    return cel_simple(CEL_ERROR);
  }
  c->depth++;
  node->type = check_kind(c, node);
  c->depth--;
  return node->type;
}

void cel_check(struct cel_node *root, const struct cel_variable *variables, size_t count,
               struct cel_issues *issues, struct cel_checked *ret_checked) {
  struct cel_checker c = {.issues = issues,
                          .arena = issues->arena,
                          .variables = variables,
                          .variable_count = count,
                          .checked = ret_checked};
  BUG_ON(count > CEL_VARIABLES_MAX);
  *ret_checked = (struct cel_checked){0};
  cel_unifier_init(&c.unifier, issues->arena);
  root->type = cel_unify_known(&c.unifier, cel_check_node(&c, root), true);
}
