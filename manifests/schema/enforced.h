// SPDX-License-Identifier: Apache-2.0
// The one list of what a manifest asks for and this build does not do. lint, the proxy at load and
// /config_dump, and the process runtime report it from here, so they cannot disagree.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/schema/kind.h"
#include "manifests/text/json.h"

// A warning with id "not-enforced" for each field (or enumeration value) given in `json` whose row
// says ENFORCED_NO; its children are not listed again. Returns how many.
size_t unenforced_report(const struct kind_desc *kind, const struct json *json, struct str file,
                         struct arena *arena, struct findings *findings);
