// SPDX-License-Identifier: Apache-2.0
// What the judges without a model of their own read off a built-in metric: the one test they go by,
// and its numbers in a verdict.
#pragma once

#include "analysis/judge.h"

// The limit's test, else the first comparison with stable; NULL when nothing was counted yet.
struct test_state *share_test(struct metric_state *state);
// Shares in percent, requests and limit of the step.
void share_numbers(const struct test_state *test, const struct metric_spec *spec,
                   struct arena *arena, struct metric_verdict *verdict);
double share_percent(double x, double n); // 0 for n 0
// "failed" or "took over 250ms".
struct str share_words(const struct test_state *test, const struct metric_spec *spec,
                       struct arena *arena);
