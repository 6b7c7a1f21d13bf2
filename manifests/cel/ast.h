// SPDX-License-Identifier: Apache-2.0
// The tree of a parsed expression, in an arena. The parser makes it, the checker writes types and
// the slots of variables into it, the evaluator only reads it.
#pragma once

#include "manifests/cel/value.h"

struct cel_function;

enum cel_node_kind {
  CEL_NODE_LITERAL,
  CEL_NODE_NAME,
  CEL_NODE_SELECT, // a.b, a.?b, has(a.b)
  CEL_NODE_CALL,   // also operators: "_+_", "_[_]", "_?_:_"
  CEL_NODE_ALL,    // a && b && c, and || with `any`
  CEL_NODE_LIST,
  CEL_NODE_MAP,
  CEL_NODE_FOLD, // the macros over lists, maps and optionals
};

enum cel_fold {
  CEL_FOLD_ALL,
  CEL_FOLD_EXISTS,
  CEL_FOLD_EXISTS_ONE,
  CEL_FOLD_LIST,  // map, filter, transformList
  CEL_FOLD_MAP,   // transformMap
  CEL_FOLD_ENTRY, // transformMapEntry
  CEL_FOLD_OPT_MAP,
  CEL_FOLD_OPT_FLAT_MAP,
};

struct cel_node {
  enum cel_node_kind kind;
  uint32_t at;                 // byte in the source that messages point at
  const struct cel_type *type; // the checker's
  union {
    struct cel_value literal;
    struct {
      struct str name;
      bool absolute; // ".name": not a variable of a macro
      int slot;      // of the variable; -1: it is the type in `constant`
      const struct cel_type *constant;
    } name;
    struct {
      struct cel_node *operand;
      struct str field;
      bool test, optional, qualified; // qualified: not a member, but the type in `constant`
      const struct cel_type *constant;
    } select;
    struct {
      struct str name;
      struct cel_node *target; // NULL: a plain function
      struct cel_node **args;
      size_t count;
      const struct cel_function *function; // the first overload that may be meant
    } call;
    struct {
      struct cel_node **terms;
      size_t count;
      bool any;
    } all;
    struct {
      struct cel_node **items; // maps: key, value, key, value
      bool *optional;          // per item or entry
      size_t count;            // of items
    } list;
    struct {
      enum cel_fold how;
      struct str names[2];
      int slots[2];
      size_t name_count;
      struct cel_node *range, *when, *what; // when, what: may be NULL
    } fold;
  };
};
