// SPDX-License-Identifier: Apache-2.0
// Istio's StringMatch: one of exact, prefix, regex; none means "is present".
#pragma once

#include "manifests/schema/field.h"

struct string_match {
  struct str exact, prefix, regex; // not given = NULL pointer
};
// An entry of a map such as headers: name -> StringMatch.
struct named_string_match {
  struct str key;
  struct string_match match;
};
extern const struct schema string_match_schema;        // empty prefix and regex are refused
extern const struct schema absent_string_match_schema; // of withoutHeaders: regex "*" is taken, too
extern const struct schema uri_string_match_schema;    // empty prefix is allowed
