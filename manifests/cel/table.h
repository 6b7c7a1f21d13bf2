// SPDX-License-Identifier: Apache-2.0
// All functions and operators an expression may call: one row for each overload. Source: the CEL
// language definition, "List of standard definitions"; cel-spec's extensions strings, sets,
// optional; Kubernetes' documentation, "CEL in Kubernetes", and k8s.io/apiserver pkg/cel/library.
#pragma once

#include "manifests/cel/value.h"

struct cel_run;

typedef struct cel_value (*cel_fn)(struct cel_run *run, const struct cel_value *args);

// What a call costs, by the sizes of its arguments, as Kubernetes counts: a tenth for each
// character that is looked at.
enum cel_cost {
  CEL_COST_ONE,
  CEL_COST_TEXT,   // the first argument, once
  CEL_COST_TEXT_2, // ... twice
  CEL_COST_LESS,   // the shorter of two
  CEL_COST_SUM,    // both
  CEL_COST_REGEX,  // the text times the pattern
  CEL_COST_SEARCH, // the text times what is searched
  CEL_COST_ITEMS,  // each item of the first argument, and its text
  CEL_COST_IN,     // each item of the second
};

// Signatures are letters: what it takes, ':', what it gives; '.' in front: the first is what stands
// before the point of a call. b bool, i int, u uint, d double, s string, y bytes, n duration,
// t timestamp, L list of, M map from to, T type of, O optional, * any, U url, P ip, C cidr,
// Q quantity, V semver, A B open types, the same wherever they stand.
struct cel_function {
  const char *name, *signature;
  cel_fn call; // NULL: the evaluator does it itself
  enum cel_cost cost;
};

// The first row of a name, NULL: no such function. Rows of one name stand together; the last of
// them is followed by another name.
const struct cel_function *cel_function_find(struct str name);
const struct cel_function *cel_function_next(const struct cel_function *function);
bool cel_function_is_member(const struct cel_function *function);
size_t cel_function_args(const struct cel_function *function); // with the one before the point
// Whether values of these kinds can be its arguments.
bool cel_function_takes(const struct cel_function *function, const struct cel_value *args,
                        size_t count);
// Functions that Kubernetes has and this table has not: a word on it, NULL: none.
const char *cel_function_missing(struct str name);

// Reads one type off a signature. open: the types of A and B, made by the caller.
const struct cel_type *cel_signature_take(const char **signature,
                                          const struct cel_type *const open[2],
                                          struct arena *arena);
