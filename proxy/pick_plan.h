// SPDX-License-Identifier: Apache-2.0
// The endpoints of a cluster in groups with shares, for clusters with ejected endpoints,
// localities, unequal weights or a warm-up. As Envoy: a priority is used as far as it is healthy
// (with 40 % to spare), the rest goes to the next; within a priority localities share by weight and
// health; in panic health does not count. Pure; kept by pick.c.
#pragma once

#include "proxy/pick.h"
#include "proxy/pick_edf.h"

struct pick_group {
  const struct table_endpoint **endpoints;
  size_t count;
  uint64_t share;
  uint32_t priority;
  bool is_panic;
  uint32_t cursor;
  struct pick_edf edf; // where is_scheduled
};

struct pick_plan {
  uint32_t generation; // of the cluster's slot
  uint64_t version, health;
  int64_t until_ms;  // when it must be made anew; 0: never
  bool is_scheduled; // groups have an edf: weights or a warm-up
  struct pick_group *groups;
  size_t group_count;
  uint64_t total_share, draw;
};

struct pick_plan *pick_plan_new(const struct table_cluster *cluster, const struct pick_view *view,
                                struct rng *rng);
void pick_plan_free(struct pick_plan *plan); // NULL is fine

// An endpoint's weight for the schedule: with warm-up, and for LEAST_REQUEST by its load.
double pick_plan_weight(const struct table_cluster *cluster, const struct pick_view *view,
                        const struct table_endpoint *endpoint);
