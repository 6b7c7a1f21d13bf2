// SPDX-License-Identifier: Apache-2.0
// The types of an expression, found before it runs: unknown names and members, calls nobody takes.
// Source: the CEL language definition, "Gradual type checking"; messages as cel-go gives them.
#pragma once

#include "manifests/cel/ast.h"
#include "manifests/cel/issue.h"

struct cel_variable {
  const char *name;
  const struct cel_type *type;
};

struct cel_checked {
  size_t slots;       // of variables of macros
  uint64_t variables; // which of the given are used: bit i
};

#define CEL_VARIABLES_MAX 64u
#define CEL_CHECK_DEPTH_MAX 400u

// Faults go into issues; the tree may be evaluated when there are none.
void cel_check(struct cel_node *root, const struct cel_variable *variables, size_t count,
               struct cel_issues *issues, struct cel_checked *ret_checked);
