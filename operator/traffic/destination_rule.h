// SPDX-License-Identifier: Apache-2.0
// Subsets of a DestinationRule, added and removed by guarded JSON Patch. Pure.
#pragma once

#include "manifests/text/json.h"

bool dr_has_subset(const struct json *rule, struct str name);
// Adds the subset, or gives it these labels alone; NULL when it has them already.
struct json *dr_patch_add(const struct json *rule, struct str name, const struct json *labels,
                          struct arena *arena);
// NULL when it is not there.
struct json *dr_patch_remove(const struct json *rule, struct str name, struct arena *arena);
