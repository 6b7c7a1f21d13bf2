// SPDX-License-Identifier: Apache-2.0
// Subsets of a DestinationRule, added and removed by guarded JSON Patch. Pure.
#pragma once

#include "manifests/text/json.h"

bool dr_has_subset(const struct json *rule, struct str name);
// NULL when the subset is there already. Its one label is {label: value}.
struct json *dr_patch_add(const struct json *rule, struct str name, const char *label,
                          struct str value, struct arena *arena);
// NULL when it is not there.
struct json *dr_patch_remove(const struct json *rule, struct str name, struct arena *arena);
// The value of `label` in the subset's labels; empty when absent.
struct str dr_subset_label(const struct json *rule, struct str name, const char *label);
