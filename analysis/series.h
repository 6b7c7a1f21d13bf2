// SPDX-License-Identifier: Apache-2.0
// What judges over time keep: a metric's measurements of the last while, one a slot of fixed
// length.
#pragma once

#include "analysis/judge.h"

// Adds the block to the slot under way; true when the slot was full with it: its counts are moved
// to *ret_slot, and the next slot begins at to_ms. The caller pushes a point for it.
bool series_count(struct series *series, const struct tally *block, int64_t from_ms, int64_t to_ms,
                  int64_t slot_ms, struct tally *ret_slot);
// Appends; the oldest makes room. `arena` lives as long as the metric.
void series_push(struct series *series, struct series_point point, struct arena *arena);
const struct series_point *series_at(const struct series *series, size_t index); // 0: the oldest
