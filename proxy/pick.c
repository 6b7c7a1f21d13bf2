// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick.h"

// Envoy's host_selection_retry_max_attempts as Istio sets it: after this many the last pick is
// taken.
#define PICK_RETRY_MAX 5

void pick_tried_add(struct pick_tried *tried, const struct table_endpoint *endpoint) {
  tried->slots[tried->count % PICK_TRIED_MAX] = endpoint->slot.index;
  tried->count++;
}

static bool pick_is_tried(const struct pick_tried *tried, const struct table_endpoint *endpoint) {
  if (!tried)
    return false;
  uint32_t count = tried->count < PICK_TRIED_MAX ? tried->count : PICK_TRIED_MAX;
  for (uint32_t i = 0; i < count; i++) {
    if (tried->slots[i] == endpoint->slot.index)
      return true;
  }
  return false;
}

static bool pick_is_usable(const struct pick_view *view, const struct table_endpoint *endpoint) {
  return !view->is_ejected || !view->is_ejected(view->ctx, endpoint);
}

// The first usable endpoint from `start` on, around the ring; NULL when all are out.
static const struct table_endpoint *pick_usable_from(const struct table_cluster *cluster,
                                                     const struct pick_view *view, size_t start) {
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    const struct table_endpoint *endpoint =
        &cluster->endpoints[(start + i) % cluster->endpoint_count];
    if (pick_is_usable(view, endpoint))
      return endpoint;
  }
  return NULL;
}

// Uniform among the usable: draws again when it meets an ejected one, and only then walks, so that
// the neighbour of an ejected endpoint does not inherit all of its share.
static const struct table_endpoint *pick_random(const struct table_cluster *cluster,
                                                const struct pick_view *view, struct rng *rng) {
  for (int i = 0; i < 8; i++) {
    const struct table_endpoint *endpoint =
        &cluster->endpoints[rng_below(rng, cluster->endpoint_count)];
    if (pick_is_usable(view, endpoint))
      return endpoint;
  }
  return pick_usable_from(cluster, view, rng_below(rng, cluster->endpoint_count));
}

// Power of two choices, with replacement; a tie goes to the first draw.
static const struct table_endpoint *pick_least_request(const struct table_cluster *cluster,
                                                       const struct pick_view *view,
                                                       struct rng *rng) {
  const struct table_endpoint *first = pick_random(cluster, view, rng);
  const struct table_endpoint *second = pick_random(cluster, view, rng);
  if (!first || !second || first == second)
    return first ? first : second;
  return view->active(view->ctx, second) < view->active(view->ctx, first) ? second : first;
}

static const struct table_endpoint *pick_once(const struct table_cluster *cluster,
                                              const struct pick_view *view, struct rng *rng,
                                              uint32_t *cursor) {
  switch (cluster->balancer) {
  case TABLE_ROUND_ROBIN:
    return pick_usable_from(cluster, view, (*cursor)++ % cluster->endpoint_count);
  case TABLE_RANDOM: return pick_random(cluster, view, rng);
  case TABLE_LEAST_REQUEST: return pick_least_request(cluster, view, rng);
  }
  return NULL;
}

const struct table_endpoint *pick_endpoint(const struct table_cluster *cluster,
                                           const struct pick_view *view,
                                           const struct pick_tried *tried, struct rng *rng,
                                           uint32_t *cursor) {
  if (cluster->endpoint_count == 0)
    return NULL;
  const struct table_endpoint *endpoint = pick_once(cluster, view, rng, cursor);
  for (int i = 0; i < PICK_RETRY_MAX && endpoint && pick_is_tried(tried, endpoint); i++)
    endpoint = pick_once(cluster, view, rng, cursor);
  return endpoint;
}
