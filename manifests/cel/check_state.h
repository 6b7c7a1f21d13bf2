// SPDX-License-Identifier: Apache-2.0
// Inside of the checker: check.c walks, check_call.c finds overloads, check_literal.c looks at
// constant arguments.
#pragma once

#include "manifests/cel/check.h"
#include "manifests/cel/unify.h"

struct cel_scope {
  struct str name;
  const struct cel_type *type;
  int slot;
  struct cel_scope *outer;
};

struct cel_checker {
  struct cel_issues *issues;
  struct arena *arena;
  struct cel_unifier unifier;
  const struct cel_variable *variables;
  size_t variable_count;
  struct cel_scope *scope; // variables of macros, the innermost first
  struct cel_checked *checked;
  size_t slots; // in use
  unsigned depth;
};

const struct cel_type *cel_check_node(struct cel_checker *checker, struct cel_node *node);
const struct cel_type *cel_check_call(struct cel_checker *checker, struct cel_node *node);
// "a.b.c" when the node is only names and points; STR_NULL: it is not.
struct str cel_check_qualified(struct cel_checker *checker, const struct cel_node *node);
// Constant patterns, durations and times that could never be read.
void cel_check_constants(struct cel_checker *checker, const struct cel_node *call);
// What is known of a type, for messages.
struct str cel_check_text(struct cel_checker *checker, const struct cel_type *type);
