// SPDX-License-Identifier: Apache-2.0
// What the sequential judge says of its evidence: outcome, numbers, one sentence, and when a
// decision is to be expected.
#pragma once

#include "analysis/sequential.h"

void sequential_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                       struct metric_verdict *ret_verdict);
void sequential_conclude(const struct judge_scene *scene, struct arena *arena,
                         struct verdict *verdict);

// Canary requests that are expected to be needed until evidence that stands at `have` decades is at
// `need`, if canary and stable go on at `rates` with `stable_per_canary` requests; INFINITY when it
// would not get there.
double expected_to_fail(const struct line *tolerance, const struct rates *rates,
                        double stable_per_canary, double have, double need);
double expected_to_pass(const struct line *accept, const struct rates *rates,
                        double stable_per_canary, double phi, double have, double need);
