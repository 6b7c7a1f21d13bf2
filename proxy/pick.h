// SPDX-License-Identifier: Apache-2.0
// Which endpoint of a cluster gets a try (docs/dataplane.md 3.4, 2.6). Pure: what it knows of load
// and health it asks the caller, randomness is the caller's generator. Only ready endpoints are in
// a cluster.
#pragma once

#include "manifests/base/rng.h"
#include "proxy/table.h"

// What the worker knows of endpoints. `ctx` is the worker's.
struct pick_view {
  // Requests now active to the endpoint, all workers of this process together.
  uint32_t (*active)(void *ctx, const struct table_endpoint *endpoint);
  // Whether outlier detection has it out; NULL: none is.
  bool (*is_ejected)(void *ctx, const struct table_endpoint *endpoint);
  void *ctx;
};

#define PICK_TRIED_MAX 16

// Endpoints this request has tried, by slot index.
struct pick_tried {
  uint32_t slots[PICK_TRIED_MAX];
  uint32_t count; // beyond PICK_TRIED_MAX the oldest are forgotten
};

void pick_tried_add(struct pick_tried *tried, const struct table_endpoint *endpoint);

// The endpoint for the next try, or NULL when none is usable (answer route_reply_no_endpoint).
// `tried` may be NULL; a tried endpoint is avoided by picking up to 5 more times, as with
// retryIgnorePreviousHosts. `cursor` is the worker's place in this cluster's rotation: start it at
// a random number, keep it by cluster slot.
const struct table_endpoint *pick_endpoint(const struct table_cluster *cluster,
                                           const struct pick_view *view,
                                           const struct pick_tried *tried, struct rng *rng,
                                           uint32_t *cursor);
