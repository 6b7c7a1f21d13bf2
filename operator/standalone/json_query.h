// SPDX-License-Identifier: Apache-2.0
// The part of JSONPath that printer columns use: .a.b, ['key'], [0], [?(@.type=="Ready")]. Pure.
#pragma once

#include "manifests/text/json.h"

// The first value found; NULL when there is none or the path is not understood.
const struct json *json_query(const struct json *json, struct str path);
