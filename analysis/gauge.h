// SPDX-License-Identifier: Apache-2.0
// A custom metric's last reading, as all judges tell it: its number, or what was wrong with the
// query.
#pragma once

#include "analysis/judge.h"

// Value and limit into the verdict.
void gauge_numbers(const struct metric_state *state, const struct metric_spec *spec,
                   struct arena *arena, struct metric_verdict *verdict);
// When there is no value: insufficient, with cause and reason, and true.
bool gauge_trouble(const struct metric_state *state, struct arena *arena,
                   struct metric_verdict *verdict);
