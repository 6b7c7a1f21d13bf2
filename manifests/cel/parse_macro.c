// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/cel/parse_state.h"

// `what` and `when`: which argument they are, counted from the end of the names; -1: none.
struct macro {
  const char *name;
  size_t args, names;
  enum cel_fold how;
  int when, what;
};

static const struct macro macros[] = {
    {"all", 2, 1, CEL_FOLD_ALL, 0, -1},
    {"all", 3, 2, CEL_FOLD_ALL, 0, -1},
    {"exists", 2, 1, CEL_FOLD_EXISTS, 0, -1},
    {"exists", 3, 2, CEL_FOLD_EXISTS, 0, -1},
    {"exists_one", 2, 1, CEL_FOLD_EXISTS_ONE, 0, -1},
    {"exists_one", 3, 2, CEL_FOLD_EXISTS_ONE, 0, -1},
    {"existsOne", 3, 2, CEL_FOLD_EXISTS_ONE, 0, -1},
    {"filter", 2, 1, CEL_FOLD_LIST, 0, -1},
    {"map", 2, 1, CEL_FOLD_LIST, -1, 0},
    {"map", 3, 1, CEL_FOLD_LIST, 0, 1},
    {"transformList", 3, 2, CEL_FOLD_LIST, -1, 0},
    {"transformList", 4, 2, CEL_FOLD_LIST, 0, 1},
    {"transformMap", 3, 2, CEL_FOLD_MAP, -1, 0},
    {"transformMap", 4, 2, CEL_FOLD_MAP, 0, 1},
    {"transformMapEntry", 3, 2, CEL_FOLD_ENTRY, -1, 0},
    {"transformMapEntry", 4, 2, CEL_FOLD_ENTRY, 0, 1},
    {"optMap", 2, 1, CEL_FOLD_OPT_MAP, -1, 0},
    {"optFlatMap", 2, 1, CEL_FOLD_OPT_FLAT_MAP, -1, 0},
};

static struct cel_node *has(struct cel_parser *parser, struct cel_node *call) {
  struct cel_node *field = call->call.args[0];
  if (field->kind != CEL_NODE_SELECT || field->select.test) {
    cel_parse_fail(parser, field->at, "invalid argument to has() macro");
    return NULL;
  }
  field->select.test = true;
  field->at = call->at;
  return field;
}

static bool take_name(struct cel_parser *parser, const struct cel_node *arg, struct str *ret_name) {
  if (arg->kind != CEL_NODE_NAME || arg->name.absolute) {
    cel_parse_fail(parser, arg->at, "argument must be a simple name");
    return false;
  }
  if (str_eq_z(arg->name.name, "__result__")) {
    cel_parse_fail(parser, arg->at, "iteration variable overwrites accumulator variable");
    return false;
  }
  *ret_name = arg->name.name;
  return true;
}

static struct cel_node *expand(struct cel_parser *parser, struct cel_node *call,
                               const struct macro *macro) {
  struct cel_node *fold = cel_node_new(parser, CEL_NODE_FOLD, call->at);
  if (!fold)
    return NULL;
  fold->fold.how = macro->how;
  fold->fold.range = call->call.target;
  fold->fold.name_count = macro->names;
  for (size_t i = 0; i < macro->names; i++)
    if (!take_name(parser, call->call.args[i], &fold->fold.names[i]))
      return NULL;
  if (macro->names == 2 && str_eq(fold->fold.names[0], fold->fold.names[1])) {
    cel_parse_fail(parser, call->call.args[1]->at, "duplicate variable name: %.*s",
                   STR_ARG(fold->fold.names[1]));
    return NULL;
  }
  struct cel_node **rest = call->call.args + macro->names;
  fold->fold.when = macro->when >= 0 ? rest[macro->when] : NULL;
  fold->fold.what = macro->what >= 0 ? rest[macro->what] : NULL;
  return fold;
}

struct cel_node *cel_parse_macro(struct cel_parser *parser, struct cel_node *call) {
  if (!call || parser->failed)
    return NULL;
  if (!call->call.target)
    return str_eq_z(call->call.name, "has") && call->call.count == 1 ? has(parser, call) : call;
  for (size_t i = 0; i < ARRAY_LEN(macros); i++)
    if (str_eq_z(call->call.name, macros[i].name) && call->call.count == macros[i].args)
      return expand(parser, call, &macros[i]);
  return call;
}
