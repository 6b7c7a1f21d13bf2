// SPDX-License-Identifier: Apache-2.0
// Label and field selectors, as the query parameters labelSelector and fieldSelector write them.
// Pure. Source: k8s.io/apimachinery pkg/labels, pkg/fields.
#pragma once

#include "manifests/text/json.h"

enum selector_op {
  SELECTOR_EQUALS, // also `in`: any of the values
  SELECTOR_NOT,    // also `notin`: none of the values; an absent key matches
  SELECTOR_EXISTS,
  SELECTOR_ABSENT,
  SELECTOR_GREATER,
  SELECTOR_LESS,
};

struct selector_term {
  enum selector_op op;
  struct str key;
  struct str *values;
  size_t count;
};

struct selector {
  struct selector_term *terms;
  size_t count;
};

#define SELECTOR_MAX_BYTES 16384u
#define SELECTOR_MAX_TERMS 256u

// "app=a,tier in (x,y),!z,n>3". The empty text matches everything. RC_PARSE, or RC_LIMIT.
int selector_parse_labels(struct str text, struct arena *arena, struct selector *ret_selector,
                          struct err *err);
// "metadata.name=x,status.phase!=Running". Only = == and !=.
int selector_parse_fields(struct str text, struct arena *arena, struct selector *ret_selector,
                          struct err *err);
bool selector_is_empty(const struct selector *selector);
// labels: an object of strings, or NULL.
bool selector_match_labels(const struct selector *selector, const struct json *labels);
// object: the whole API object; keys are dotted paths, an absent value counts as "".
bool selector_match_fields(const struct selector *selector, const struct json *object);
// The value that `metadata.name` must have, or STR_NULL when the selector does not say.
struct str selector_exact(const struct selector *selector, const char *key);
