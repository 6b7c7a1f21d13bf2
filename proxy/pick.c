// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick.h"

#include "manifests/base/alloc.h"
#include "proxy/hash_ring.h"
#include "proxy/pick_plan.h"

// Envoy's host_selection_retry_max_attempts as Istio sets it: after this many the last pick is
// taken.
#define PICK_RETRY_MAX 5
// 2^64 divided by the golden ratio, as in route.c: groups get their shares evenly.
#define PICK_GOLDEN 0x9E3779B97F4A7C15u

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

void pick_state_dispose(struct pick_state *state) {
  pick_plan_free(state->plan);
  if (state->healthy)
    hash_ring_unref(state->healthy->ring);
  xfree(state->healthy);
  state->plan = NULL;
  state->healthy = NULL;
}

// Power of two choices, with replacement; a tie goes to the first draw.
static const struct table_endpoint *pick_less(const struct pick_view *view,
                                              const struct table_endpoint *first,
                                              const struct table_endpoint *second) {
  if (first == second)
    return first;
  return view->active(view->ctx, second) < view->active(view->ctx, first) ? second : first;
}

// All endpoints are usable and alike.
static const struct table_endpoint *pick_plain(const struct table_cluster *cluster,
                                               const struct pick_view *view, struct rng *rng,
                                               uint32_t *cursor) {
  const struct table_endpoint *endpoints = cluster->endpoints;
  size_t count = cluster->endpoint_count;
  switch (cluster->balancer) {
  case TABLE_ROUND_ROBIN: return &endpoints[(*cursor)++ % count];
  case TABLE_RANDOM: return &endpoints[rng_below(rng, count)];
  case TABLE_LEAST_REQUEST:
    return pick_less(view, &endpoints[rng_below(rng, count)], &endpoints[rng_below(rng, count)]);
  }
  return NULL;
}

// Bits of the priorities that a retry is to stay away from.
static uint32_t pick_tried_priorities(const struct table_cluster *cluster,
                                      const struct pick_tried *remote) {
  uint32_t mask = 0, count = remote ? remote->count / 2 * 2 : 0;
  if (cluster->locality_count == 0)
    return 0;
  for (uint32_t i = 0; i < count && i < PICK_TRIED_MAX; i++) {
    for (size_t j = 0; j < cluster->endpoint_count; j++) {
      if (cluster->endpoints[j].slot.index == remote->slots[i])
        mask |= 1u << cluster->localities[cluster->endpoints[j].locality].priority;
    }
  }
  return mask;
}

// The share of a group, where priorities are left out: those that had none may be all there is.
static uint64_t pick_share(const struct pick_group *group, uint32_t without, bool any) {
  if (group->count == 0 || (without >> group->priority & 1))
    return 0;
  return any ? 1 : group->share;
}

static struct pick_group *pick_group_without(struct pick_plan *plan, uint32_t without) {
  for (int any = 0; any < 2; any++) {
    uint64_t total = 0;
    for (size_t i = 0; i < plan->group_count; i++)
      total += pick_share(&plan->groups[i], without, any);
    if (total == 0)
      continue;
    plan->draw += PICK_GOLDEN;
    uint64_t at = (uint64_t)(((unsigned __int128)plan->draw * total) >> 64);
    for (size_t i = 0; i < plan->group_count; i++) {
      uint64_t share = pick_share(&plan->groups[i], without, any);
      if (at < share)
        return &plan->groups[i];
      at -= share;
    }
  }
  return NULL;
}

static struct pick_group *pick_group_of(struct pick_plan *plan, uint32_t without) {
  struct pick_group *group = without ? pick_group_without(plan, without) : NULL;
  if (group || plan->group_count < 2)
    return group ? group : plan->group_count ? &plan->groups[0] : NULL;
  plan->draw += PICK_GOLDEN;
  uint64_t at = (uint64_t)(((unsigned __int128)plan->draw * plan->total_share) >> 64);
  size_t i = 0;
  while (i + 1 < plan->group_count && at >= plan->groups[i].share)
    at -= plan->groups[i++].share;
  return &plan->groups[i];
}

struct pick_weights {
  const struct table_cluster *cluster;
  const struct pick_view *view;
  const struct pick_group *group;
};

static double pick_weight(void *ctx, uint32_t index) {
  const struct pick_weights *weights = ctx;
  return pick_plan_weight(weights->cluster, weights->view, weights->group->endpoints[index]);
}

static const struct table_endpoint *pick_planned(const struct table_cluster *cluster,
                                                 const struct pick_view *view,
                                                 struct pick_plan *plan, uint32_t without,
                                                 struct rng *rng, bool *ret_panic) {
  struct pick_group *group = pick_group_of(plan, without);
  if (!group || group->count == 0)
    return NULL;
  *ret_panic = group->is_panic;
  if (plan->is_scheduled) {
    struct pick_weights weights = {cluster, view, group};
    return group->endpoints[pick_edf_next(&group->edf, pick_weight, &weights)];
  }
  switch (cluster->balancer) {
  case TABLE_ROUND_ROBIN: return group->endpoints[group->cursor++ % group->count];
  case TABLE_RANDOM: return group->endpoints[rng_below(rng, group->count)];
  case TABLE_LEAST_REQUEST:
    return pick_less(view, group->endpoints[rng_below(rng, group->count)],
                     group->endpoints[rng_below(rng, group->count)]);
  }
  return NULL;
}

static struct pick_plan *pick_plan_of(const struct table_cluster *cluster,
                                      const struct pick_view *view, struct rng *rng,
                                      struct pick_state *state) {
  struct pick_plan *plan = state->plan;
  if (plan && plan->version == view->version && plan->health == view->health &&
      plan->generation == cluster->slot.generation &&
      (plan->until_ms == 0 || view->now_ms < plan->until_ms))
    return plan;
  pick_plan_free(plan);
  return state->plan = pick_plan_new(cluster, view, rng);
}

static bool pick_needs_plan(const struct table_cluster *cluster, const struct pick_view *view) {
  return view->is_ejected || cluster->is_weighted || cluster->locality_count > 0 ||
         (cluster->warmup && cluster->warmup->until_ms > view->now_ms);
}

// The endpoint at the hash's place, or the next one from there on that is usable.
static const struct table_endpoint *pick_hashed(const struct table_cluster *cluster,
                                                const struct pick_view *view,
                                                const struct hash_ring *ring, uint64_t hash,
                                                uint32_t attempt) {
  uint32_t place = hash_ring_find(ring, hash, attempt);
  for (uint32_t i = 0; i < ring->count; i++, place = hash_ring_next(ring, place)) {
    const struct table_endpoint *endpoint = &cluster->endpoints[ring->owners[place]];
    if (!view->is_ejected || !view->is_ejected(view->ctx, endpoint))
      return endpoint;
  }
  return NULL;
}

static const struct table_endpoint *pick_by_hash(const struct table_cluster *cluster,
                                                 const struct pick_view *view,
                                                 const struct pick_request *request,
                                                 struct rng *rng) {
  const struct hash_ring *ring = request->ring ? request->ring : cluster->ring;
  if (ring->count == 0)
    return NULL;
  uint64_t hash = request->has_hash ? request->hash : rng_next(rng);
  const struct table_endpoint *endpoint = pick_hashed(cluster, view, ring, hash, 0);
  for (uint32_t i = 1; i <= PICK_RETRY_MAX && endpoint && pick_is_tried(request->tried, endpoint);
       i++)
    endpoint = pick_hashed(cluster, view, ring, hash, i);
  return endpoint;
}

static const struct table_endpoint *pick_alike(const struct table_cluster *cluster,
                                               const struct pick_view *view,
                                               const struct pick_request *request, struct rng *rng,
                                               struct pick_state *state) {
  const struct table_endpoint *endpoint = pick_plain(cluster, view, rng, &state->cursor);
  for (int i = 0; i < PICK_RETRY_MAX && pick_is_tried(request->tried, endpoint); i++)
    endpoint = pick_plain(cluster, view, rng, &state->cursor);
  return endpoint;
}

static const struct table_endpoint *pick_by_plan(const struct table_cluster *cluster,
                                                 const struct pick_view *view,
                                                 const struct pick_request *request,
                                                 struct rng *rng, struct pick_state *state,
                                                 bool *ret_panic) {
  struct pick_plan *plan = pick_plan_of(cluster, view, rng, state);
  uint32_t without = pick_tried_priorities(cluster, request->remote);
  const struct table_endpoint *endpoint =
      pick_planned(cluster, view, plan, without, rng, ret_panic);
  for (int i = 0; i < PICK_RETRY_MAX && endpoint && pick_is_tried(request->tried, endpoint); i++)
    endpoint = pick_planned(cluster, view, plan, without, rng, ret_panic);
  return endpoint;
}

// Few healthy ones and a threshold above that: the plan's rule, for hashing.
static bool pick_is_panic(const struct table_cluster *cluster, const struct pick_view *view,
                          struct rng *rng, struct pick_state *state) {
  if (!view->is_ejected || cluster->panic_percent == 0)
    return false;
  const struct pick_plan *plan = pick_plan_of(cluster, view, rng, state);
  return plan->group_count > 0 && plan->groups[0].is_panic;
}

const struct table_endpoint *pick_endpoint(const struct table_cluster *cluster,
                                           const struct pick_view *view,
                                           const struct pick_request *request, struct rng *rng,
                                           struct pick_state *state, bool *ret_panic) {
  bool panic = false;
  const struct table_endpoint *endpoint = NULL;
  if (cluster->endpoint_count == 0)
    return NULL;
  if (cluster->ring) {
    panic = pick_is_panic(cluster, view, rng, state);
    struct pick_view all = *view;
    struct pick_request plain = *request;
    all.is_ejected = NULL;
    plain.ring = NULL;
    endpoint = panic ? pick_by_hash(cluster, &all, &plain, rng)
                     : pick_by_hash(cluster, view, request, rng);
  }
  // The ring is of the first priority: when nobody of it is left, the others take over.
  if (!cluster->ring || (!endpoint && cluster->locality_count > 0))
    endpoint = pick_needs_plan(cluster, view)
                   ? pick_by_plan(cluster, view, request, rng, state, &panic)
                   : pick_alike(cluster, view, request, rng, state);
  if (ret_panic)
    *ret_panic = panic;
  return endpoint;
}
