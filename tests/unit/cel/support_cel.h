// SPDX-License-Identifier: Apache-2.0
// Expressions against what they give.
#pragma once

#include "manifests/cel/cel.h"

// The text of an expression's value, "error: why", or "refused: all that is wrong"; in `arena`.
struct str cel_outcome(const char *source, const struct cel_variable *variables,
                       const struct cel_value *values, size_t count, struct arena *arena);
// Fails unless every expression gives `true`.
void assert_all_true(const char *const *sources, size_t count);

struct cel_case {
  const char *source, *outcome; // refused: a part of the outcome is enough
};
void assert_outcomes(const struct cel_case *cases, size_t count);
