// SPDX-License-Identifier: Apache-2.0
// Earliest deadline first: a schedule in which each of n items has its share by weight, evenly
// spread, though weights may change from pick to pick (Envoy's EdfScheduler). Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pick_edf_item {
  double deadline;
  uint64_t order; // of two with one deadline the one that waits longer
  uint32_t index;
};

struct pick_edf {
  struct pick_edf_item *heap;
  uint32_t count;
  uint64_t next_order;
};

// The weight of an item now, above 0.
typedef double (*pick_edf_weight)(void *ctx, uint32_t index);

// `skip`: how many picks to make at once, so that workers are not in step.
void pick_edf_init(struct pick_edf *edf, uint32_t count, uint32_t skip, pick_edf_weight weight,
                   void *ctx);
void pick_edf_dispose(struct pick_edf *edf);
// The next one; it is put in again with its weight of now. There must be one.
uint32_t pick_edf_next(struct pick_edf *edf, pick_edf_weight weight, void *ctx);
