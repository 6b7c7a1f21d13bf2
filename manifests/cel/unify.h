// SPDX-License-Identifier: Apache-2.0
// Finding types that are still open: whether one type may stand where another is wanted, and what
// that says of the open ones in both. Source: the CEL language definition, "Gradual type checking".
#pragma once

#include "manifests/cel/type.h"

struct cel_lesson {
  unsigned param;
  const struct cel_type *before;
};

struct cel_unifier {
  struct arena *arena;
  const struct cel_type **found; // of each open type; NULL: nothing known yet
  size_t count, capacity;
  struct cel_lesson *trail; // what was learned, in order: what a failed attempt takes back
  size_t trail_count, trail_capacity;
};

void cel_unifier_init(struct cel_unifier *unifier, struct arena *arena);
const struct cel_type *cel_unify_open(struct cel_unifier *unifier);
// Whether `have` may stand where `want` is wanted. When not, nothing was learned.
bool cel_unify(struct cel_unifier *unifier, const struct cel_type *have,
               const struct cel_type *want);
// The whole of two lists, or nothing.
bool cel_unify_all(struct cel_unifier *unifier, const struct cel_type *const *have,
                   const struct cel_type *const *want, size_t count);
// With all that is known filled in; `close`: what is still open becomes dyn.
const struct cel_type *cel_unify_known(struct cel_unifier *unifier, const struct cel_type *type,
                                       bool close);
// The more general of two that go together.
const struct cel_type *cel_unify_general(const struct cel_type *a, const struct cel_type *b);
