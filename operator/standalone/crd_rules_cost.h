// SPDX-License-Identifier: Apache-2.0
// What a rule may cost at worst, at least: a bound from below of the estimate by which a real
// server refuses definitions, so that nothing is refused here that is accepted there. It counts the
// items that macros walk over and the texts that functions walk through, as large as one request
// can make them where the schema does not bound them. Pure. Source: k8s.io/apiserver
// pkg/cel/common/schemas.go, cel-go checker/cost.go.
#pragma once

#include "operator/standalone/crd_rules_state.h"

// From here on a real server names no number any more: a hundred times what a whole definition may
// cost.
#define CRD_RULES_COST_REFUSED 10000000000u

// How often a schema's values may be there, in one object.
struct crd_rules_copies {
  uint64_t count;
  bool unbounded; // a list or map around it has no bound: count says nothing
};

struct crd_rules_copies crd_rules_copies_below(struct crd_rules_copies copies,
                                               const struct json *schema);
uint64_t crd_rules_cost(const struct crd_rule *rule, const struct json *schema,
                        struct crd_rules_copies copies);
