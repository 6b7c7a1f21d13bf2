// SPDX-License-Identifier: Apache-2.0
// Which endpoint of a cluster gets a try (docs/dataplane.md 3.4, 2.6). Pure: what it knows of load,
// health and time it asks the caller, randomness is the caller's generator. Only ready endpoints
// are in a cluster. Clusters without weights, localities, warm-up and ejected endpoints are picked
// from as they are; for others each worker keeps a plan, made anew when table or health change.
#pragma once

#include "manifests/base/rng.h"
#include "proxy/table.h"

struct hash_ring;
struct pick_plan;

// What the worker knows of a cluster's endpoints. `ctx` is the worker's.
struct pick_view {
  // Requests now active to the endpoint, all workers of this process together.
  uint32_t (*active)(void *ctx, const struct table_endpoint *endpoint);
  // Whether outlier detection has it out; NULL: none is.
  bool (*is_ejected)(void *ctx, const struct table_endpoint *endpoint);
  void *ctx;
  uint64_t health;  // another number whenever is_ejected says something else of any
  uint64_t version; // of the table
  int64_t now_ms;   // steady; only looked at while endpoints warm up
};

#define PICK_TRIED_MAX 16

// Endpoints this request has tried, by slot index.
struct pick_tried {
  uint32_t slots[PICK_TRIED_MAX];
  uint32_t count; // beyond PICK_TRIED_MAX the oldest are forgotten
};

void pick_tried_add(struct pick_tried *tried, const struct table_endpoint *endpoint);

// The ring of the healthy ones last used: made of which whole ring, for which health.
struct pick_healthy {
  struct hash_ring *ring;
  uint64_t of, health;
};

// A worker's place in one cluster, by cluster slot: start the cursor at a random number.
struct pick_state {
  uint32_t cursor;
  struct pick_plan *plan;
  struct pick_healthy *healthy; // where a hashed cluster had ejections
};
void pick_state_dispose(struct pick_state *state);

struct pick_request {
  const struct pick_tried *tried; // avoided by picking up to 5 more times; may be NULL
  // Tries of a request with retryRemoteLocalities, else NULL: after every second one the priorities
  // tried so far are left out, until none is left.
  const struct pick_tried *remote;
  bool has_hash; // else a hashing cluster takes a random one
  uint64_t hash;
  const struct hash_ring *ring; // of the healthy ones; NULL: the cluster's own
};

// The endpoint for the next try, or NULL when none is usable (answer route_reply_no_endpoint).
// *ret_panic (may be NULL): too few are healthy, so health was not looked at.
const struct table_endpoint *pick_endpoint(const struct table_cluster *cluster,
                                           const struct pick_view *view,
                                           const struct pick_request *request, struct rng *rng,
                                           struct pick_state *state, bool *ret_panic);
