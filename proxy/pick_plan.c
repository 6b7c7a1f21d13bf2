// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick_plan.h"

#include "manifests/base/alloc.h"

#include <math.h>
#include <string.h>

#define PLAN_SPARE 140       // Envoy's overprovisioning factor, percent
#define PLAN_SHARE 1000000.0 // what a share of 1 percent is divided into

struct plan_locality {
  uint32_t total, healthy;
};

struct plan_priority {
  uint32_t total, healthy;
  uint32_t available; // percent
  uint32_t load;      // percent of all requests
  bool is_panic;
};

struct plan_maker {
  const struct table_cluster *cluster;
  const struct pick_view *view;
  struct plan_priority priorities[TABLE_PRIORITIES_MAX];
  struct plan_locality *localities;
  size_t priority_count;
  struct pick_plan *plan;
};

static bool is_healthy(const struct plan_maker *maker, const struct table_endpoint *endpoint) {
  return !maker->view->is_ejected || !maker->view->is_ejected(maker->view->ctx, endpoint);
}

static uint32_t priority_of(const struct table_cluster *cluster,
                            const struct table_endpoint *endpoint) {
  return cluster->locality_count ? cluster->localities[endpoint->locality].priority : 0;
}

static bool is_out(const struct table_cluster *cluster, const struct table_endpoint *endpoint) {
  return cluster->locality_count > 0 && cluster->localities[endpoint->locality].is_out;
}

static void count_endpoints(struct plan_maker *maker) {
  const struct table_cluster *cluster = maker->cluster;
  maker->priority_count = 1;
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    const struct table_endpoint *endpoint = &cluster->endpoints[i];
    if (is_out(cluster, endpoint))
      continue;
    uint32_t priority = priority_of(cluster, endpoint);
    bool healthy = is_healthy(maker, endpoint);
    if (priority >= maker->priority_count)
      maker->priority_count = priority + 1;
    maker->priorities[priority].total++;
    maker->priorities[priority].healthy += healthy;
    if (cluster->locality_count) {
      maker->localities[endpoint->locality].total++;
      maker->localities[endpoint->locality].healthy += healthy;
    }
  }
}

static void share_load(struct plan_maker *maker) {
  uint32_t sum = 0;
  for (size_t i = 0; i < maker->priority_count; i++) {
    struct plan_priority *priority = &maker->priorities[i];
    uint32_t available = priority->total ? PLAN_SPARE * priority->healthy / priority->total : 0;
    priority->available = available < 100 ? available : 100;
    sum += priority->available;
  }
  uint32_t whole = sum < 100 ? sum : 100, left = 100;
  for (size_t i = 0; whole > 0 && i < maker->priority_count; i++) {
    struct plan_priority *priority = &maker->priorities[i];
    uint32_t load = priority->available * 100 / whole;
    priority->load = load < left ? load : left;
    left -= priority->load;
  }
  // What rounding left over, or, where nobody is healthy, everything: to the first that counts.
  size_t first = 0;
  while (whole > 0 && maker->priorities[first].load == 0)
    first++;
  maker->priorities[first].load += left;
  // Where the healthy ones are enough for all requests there is no panic, whatever the threshold.
  bool all_panic = true;
  uint32_t total = 0;
  for (size_t i = 0; i < maker->priority_count; i++) {
    struct plan_priority *priority = &maker->priorities[i];
    priority->is_panic =
        whole < 100 && 100.0 * priority->healthy / (priority->total ? priority->total : 1) <
                           maker->cluster->panic_percent;
    all_panic = all_panic && (priority->is_panic || priority->total == 0);
    total += priority->total;
  }
  for (size_t i = 0; all_panic && total > 0 && i < maker->priority_count; i++)
    maker->priorities[i].load = 100 * maker->priorities[i].total / total;
}

static struct pick_group *add_group(struct plan_maker *maker, uint32_t priority, double share) {
  struct pick_plan *plan = maker->plan;
  plan->groups = xrealloc(plan->groups, (plan->group_count + 1) * sizeof(*plan->groups));
  struct pick_group *group = &plan->groups[plan->group_count++];
  *group = (struct pick_group){.priority = priority,
                               .is_panic = maker->priorities[priority].is_panic,
                               .share = (uint64_t)(share * PLAN_SHARE)};
  group->endpoints = xcalloc(maker->cluster->endpoint_count, sizeof(*group->endpoints));
  plan->total_share += group->share;
  return group;
}

// All of a priority, or (locality >= 0) those of one of its localities.
static void fill_group(struct plan_maker *maker, struct pick_group *group, int64_t locality) {
  const struct table_cluster *cluster = maker->cluster;
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    const struct table_endpoint *endpoint = &cluster->endpoints[i];
    if (priority_of(cluster, endpoint) == group->priority && !is_out(cluster, endpoint) &&
        (locality < 0 || endpoint->locality == locality) &&
        (group->is_panic || is_healthy(maker, endpoint)))
      group->endpoints[group->count++] = endpoint;
  }
}

// A locality's part of its priority: its weight, less what too few healthy ones cannot carry.
static double locality_weight(const struct plan_maker *maker, size_t locality, uint32_t priority) {
  const struct table_locality *from = &maker->cluster->localities[locality];
  const struct plan_locality *count = &maker->localities[locality];
  if (from->priority != priority || from->weight == 0 || count->healthy == 0)
    return 0;
  return from->weight * fmin(1, PLAN_SPARE / 100.0 * count->healthy / count->total);
}

static void make_groups(struct plan_maker *maker, uint32_t priority) {
  const struct plan_priority *from = &maker->priorities[priority];
  const struct table_cluster *cluster = maker->cluster;
  double sum = 0;
  if (from->total == 0)
    return;
  if (from->load == 0) { // for retries that are to go elsewhere
    fill_group(maker, add_group(maker, priority, 0), -1);
    return;
  }
  for (size_t i = 0; !from->is_panic && i < cluster->locality_count; i++)
    sum += locality_weight(maker, i, priority);
  if (sum <= 0) {
    fill_group(maker, add_group(maker, priority, from->load), -1);
    return;
  }
  for (size_t i = 0; i < cluster->locality_count; i++) {
    double weight = locality_weight(maker, i, priority);
    if (weight > 0)
      fill_group(maker, add_group(maker, priority, from->load * weight / sum), (int64_t)i);
  }
}

double pick_plan_weight(const struct table_cluster *cluster, const struct pick_view *view,
                        const struct table_endpoint *endpoint) {
  double weight = endpoint->weight;
  int64_t age_ms = view->now_ms - endpoint->since_ms;
  if (cluster->warmup && age_ms < cluster->warmup->duration_ms) {
    double part = pow((double)(age_ms > 1 ? age_ms : 1) / (double)cluster->warmup->duration_ms,
                      1 / cluster->warmup->aggression);
    weight *= fmax(cluster->warmup->minimum, part);
  }
  if (cluster->balancer == TABLE_LEAST_REQUEST)
    weight /= view->active(view->ctx, endpoint) + 1.0;
  return weight > 1e-9 ? weight : 1e-9;
}

struct plan_weights {
  const struct plan_maker *maker;
  const struct pick_group *group;
};

static double weight_of(void *ctx, uint32_t index) {
  const struct plan_weights *weights = ctx;
  return pick_plan_weight(weights->maker->cluster, weights->maker->view,
                          weights->group->endpoints[index]);
}

static bool needs_schedule(const struct plan_maker *maker) {
  const struct table_cluster *cluster = maker->cluster;
  if (cluster->balancer == TABLE_RANDOM) // by definition without weights
    return false;
  return cluster->is_weighted ||
         (cluster->warmup && maker->view->now_ms < cluster->warmup->until_ms);
}

struct pick_plan *pick_plan_new(const struct table_cluster *cluster, const struct pick_view *view,
                                struct rng *rng) {
  struct plan_maker maker = {.cluster = cluster, .view = view, .plan = XNEW(struct pick_plan)};
  struct pick_plan *plan = maker.plan;
  plan->generation = cluster->slot.generation;
  plan->version = view->version;
  plan->health = view->health;
  plan->draw = rng_next(rng);
  maker.localities = xcalloc(cluster->locality_count + 1, sizeof(*maker.localities));
  count_endpoints(&maker);
  share_load(&maker);
  for (uint32_t i = 0; i < maker.priority_count; i++)
    make_groups(&maker, i);
  plan->is_scheduled = needs_schedule(&maker);
  if (cluster->warmup && view->now_ms < cluster->warmup->until_ms)
    plan->until_ms = cluster->warmup->until_ms;
  for (size_t i = 0; i < plan->group_count; i++) {
    struct pick_group *group = &plan->groups[i];
    group->cursor = (uint32_t)rng_next(rng);
    struct plan_weights weights = {&maker, group};
    if (plan->is_scheduled)
      pick_edf_init(&group->edf, (uint32_t)group->count, (uint32_t)rng_below(rng, group->count),
                    weight_of, &weights);
  }
  xfree(maker.localities);
  return plan;
}

void pick_plan_free(struct pick_plan *plan) {
  if (!plan)
    return;
  for (size_t i = 0; i < plan->group_count; i++) {
    pick_edf_dispose(&plan->groups[i].edf);
    xfree(plan->groups[i].endpoints);
  }
  xfree(plan->groups);
  xfree(plan);
}
