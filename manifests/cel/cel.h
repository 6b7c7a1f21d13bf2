// SPDX-License-Identifier: Apache-2.0
// Expressions in CEL, the Common Expression Language, as Kubernetes' validation rules use it:
// compiled once against the types of their variables, evaluated any number of times within a
// budget. Knows nothing of Kubernetes' objects but the types it is given. Pure.
#pragma once

#include "manifests/cel/ast.h"
#include "manifests/cel/check.h"
#include "manifests/cel/run.h"

// Immutable; lives in the arena it was compiled in.
struct cel_program {
  struct cel_node *root;
  const struct cel_type *type; // of the result
  uint64_t variables;          // which are used: bit i
  size_t variable_count, slots;
};

// RC_INVALID with all that is wrong in *ret_issues, as the real API server shows it. The source is
// borrowed and must live as long as the program.
int cel_compile(struct str source, const struct cel_variable *variables, size_t count,
                struct arena *arena, struct cel_program *ret_program, struct str *ret_issues);

#define CEL_COST_MAX 1000000u      // of one evaluation, as in Kubernetes
#define CEL_MEMORY_MAX (32u << 20) // bytes one evaluation may take

// values: one for each variable. *ret_cost: what it took, also when it failed; more than
// CEL_COST_MAX: it was stopped. The result lives in `arena`.
struct cel_value cel_evaluate(const struct cel_program *program, const struct cel_value *values,
                              struct arena *arena, uint64_t *ret_cost);
