// SPDX-License-Identifier: Apache-2.0
// An assessment as the compact JSON that a Rollout's status keeps.
#pragma once

#include "analysis/assessment.h"

#define ASSESSMENT_VERSION 2

// {"v":2,...}, about 200 bytes a test. Evidence is kept to nine significant digits; counts are
// exact.
struct json *assessment_json(const struct assessment *state, struct arena *arena);
// Reads it back into a fresh state. NULL, an unknown version or a damaged value is RC_PARSE and
// leaves *state as after assessment_init(state, began_ms): the release is then judged from now on.
int assessment_from_json(struct assessment *state, const struct json *json, int64_t began_ms,
                         struct err *err);
