// SPDX-License-Identifier: Apache-2.0
// Which objects are meant, by their labels.
#pragma once

#include "manifests/schema/field.h"

struct label_requirement {
  struct str key;
  struct str operator_; // In NotIn Exists DoesNotExist
  struct str *values;
  size_t values_count;
};
struct label_selector {
  struct string_map match_labels;
  struct label_requirement *match_expressions;
  size_t match_expressions_count;
};
extern const struct schema label_selector_schema;

// Kubernetes' meaning: all parts must hold; an empty selector matches everything.
bool label_selector_matches(const struct label_selector *selector, const struct string_map *labels);
