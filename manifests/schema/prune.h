// SPDX-License-Identifier: Apache-2.0
// Removes what a kind's schema does not know from a json tree, as an API server does before it
// stores an object.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// Every removed field becomes a warning with id "unknown-field" and its dotted path
// (spec.http[0].bogus) in `findings` (may be NULL). Returns how many went. Fields of wrong type are
// left for decode to refuse.
size_t kind_prune(const struct kind_desc *kind, struct json *json, struct arena *arena,
                  struct findings *findings);
size_t schema_prune(const struct schema *schema, struct json *json, struct str path,
                    struct arena *arena, struct findings *findings);
// Without removing anything: the first field outside the schema would be found by kind_prune.
size_t kind_unknown(const struct kind_desc *kind, const struct json *json, struct arena *arena,
                    struct findings *findings);
