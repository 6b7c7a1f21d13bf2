// SPDX-License-Identifier: Apache-2.0
// Which overload a call means.
#include "manifests/base/buf.h"
#include "manifests/cel/check_state.h"
#include "manifests/cel/table.h"

#include <string.h>

#define ARGS_MAX 16u

struct call {
  const struct cel_type *types[ARGS_MAX]; // the one before the point first
  size_t count;
  bool member;
};

static void no_overload(struct cel_checker *c, const struct cel_node *node, struct str name,
                        const struct call *call) {
  struct buf text;
  buf_init(&text, 8192);
  if (call->member)
    buf_addf(&text, "%.*s.", STR_ARG(cel_check_text(c, call->types[0])));
  buf_add_char(&text, '(');
  for (size_t i = call->member; i < call->count; i++)
    buf_addf(&text, "%s%.*s", i > (size_t)call->member ? ", " : "",
             STR_ARG(cel_check_text(c, call->types[i])));
  buf_add_char(&text, ')');
  cel_issue_add(c->issues, node->at, "found no matching overload for '%.*s' applied to '%.*s'",
                STR_ARG(name), STR_ARG(buf_str(&text)));
  buf_dispose(&text);
}

// The type a row gives for these arguments; NULL: it does not take them.
static const struct cel_type *try_row(struct cel_checker *c, const struct cel_function *row,
                                      const struct call *call) {
  if (cel_function_is_member(row) != call->member || cel_function_args(row) != call->count)
    return NULL;
  const struct cel_type *open[2] = {NULL, NULL};
  for (size_t i = 0; i < 2; i++)
    if (strchr(row->signature, 'A' + (int)i))
      open[i] = cel_unify_open(&c->unifier);
  const struct cel_type *want[ARGS_MAX];
  const char *signature = row->signature + call->member;
  for (size_t i = 0; i < call->count; i++)
    want[i] = cel_signature_take(&signature, open, c->arena);
  if (!cel_unify_all(&c->unifier, call->types, want, call->count))
    return NULL;
  signature++; // ':'
  return cel_unify_known(&c->unifier, cel_signature_take(&signature, open, c->arena), false);
}

static const struct cel_type *resolve(struct cel_checker *c, struct cel_node *node, struct str name,
                                      const struct cel_function *rows, const struct call *call) {
  const struct cel_type *result = NULL;
  for (const struct cel_function *row = rows; row; row = cel_function_next(row)) {
    const struct cel_type *type = try_row(c, row, call);
    if (!type)
      continue;
    if (!result) {
      result = type;
      node->call.function = row;
      continue;
    }
    if (!cel_type_equal(result, type))
      result = cel_simple(CEL_DYN);
  }
  if (result)
    return result;
  no_overload(c, node, name, call);
  return cel_simple(CEL_ERROR);
}

static void undeclared(struct cel_checker *c, const struct cel_node *node, struct str name) {
  const char *missing = cel_function_missing(name);
  if (missing)
    cel_issue_add(c->issues, node->at, "%s", missing);
  else
    cel_issue_add(c->issues, node->at, "undeclared reference to '%.*s' (in container '')",
                  STR_ARG(name));
}

// "sets.contains(...)": a function whose name has points.
static const struct cel_function *find_qualified(struct cel_checker *c, struct cel_node *node,
                                                 struct str *name) {
  struct str front = cel_check_qualified(c, node->call.target);
  if (!front.ptr)
    return NULL;
  struct str whole = arena_printf(c->arena, "%.*s.%.*s", STR_ARG(front), STR_ARG(*name));
  const struct cel_function *rows = cel_function_find(whole);
  const char *missing = rows ? NULL : cel_function_missing(whole);
  if (rows || missing) {
    *name = whole;
    node->call.target = NULL;
  }
  return rows;
}

const struct cel_type *cel_check_call(struct cel_checker *c, struct cel_node *node) {
  struct call call = {0};
  struct str name = node->call.name;
  const struct cel_function *rows = NULL;
  const struct cel_type *first[ARGS_MAX];
  if (node->call.count >= ARGS_MAX) {
    cel_issue_add(c->issues, node->at, "no function takes %zu arguments", node->call.count);
    return cel_simple(CEL_ERROR);
  }
  for (size_t i = 0; i < node->call.count; i++)
    first[i] = cel_check_node(c, node->call.args[i]);
  if (node->call.target)
    rows = find_qualified(c, node, &name);
  if (node->call.target) {
    call.types[call.count++] = cel_check_node(c, node->call.target);
    call.member = true;
  }
  for (size_t i = 0; i < node->call.count; i++)
    call.types[call.count++] = first[i];
  if (!rows)
    rows = cel_function_find(name);
  if (!rows) {
    undeclared(c, node, name);
    return cel_simple(CEL_ERROR);
  }
  node->call.name = name;
  const struct cel_type *type = resolve(c, node, name, rows, &call);
  cel_check_constants(c, node);
  return type;
}
