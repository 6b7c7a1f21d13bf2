// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_breaker.h"

#include "proxy/breaker.h"
#include "proxy/retry_policy.h"

struct use {
  uint64_t count, limit;
};

// What the workers count of every cluster, limits or not.
static uint64_t sum(const struct stats_view *view, const struct table_cluster *cluster,
                    size_t offset) {
  return stats_sum_cluster(view, cluster->slot, offset);
}

#define SUM(view, cluster, name) sum((view), (cluster), offsetof(struct stats_cluster, name))

static const struct breaker *breaker_of(const struct stats_view *view,
                                        const struct table_cluster *cluster) {
  return view->breakers ? breaker_at(view->breakers, cluster->slot.index) : NULL;
}

static struct use connections(const struct stats_view *view, const struct table_cluster *cluster) {
  const struct breaker *breaker = breaker_of(view, cluster);
  return (struct use){breaker ? atomic_load(&breaker->connections) : 0,
                      cluster->pool.max_connections};
}

static struct use pending(const struct stats_view *view, const struct table_cluster *cluster) {
  return (struct use){SUM(view, cluster, upstream_rq_pending_active), cluster->pool.max_pending};
}

static struct use requests(const struct stats_view *view, const struct table_cluster *cluster) {
  return (struct use){SUM(view, cluster, upstream_rq_active), cluster->pool.max_requests};
}

static struct use retries(const struct stats_view *view, const struct table_cluster *cluster) {
  const struct table_pool *pool = &cluster->pool;
  const struct breaker *breaker = breaker_of(view, cluster);
  uint64_t active = requests(view, cluster).count + pending(view, cluster).count;
  return (struct use){breaker ? atomic_load(&breaker->retries) : 0,
                      pool->has_retry_budget
                          ? retry_budget_limit(pool->budget_percent, pool->budget_min, active)
                          : pool->max_retries};
}

static uint64_t is_open(struct use use) {
  return use.count >= use.limit;
}

static uint64_t remaining(struct use use) {
  return use.limit > use.count ? use.limit - use.count : 0;
}

#define ROW(name, what, how)                                                                       \
  uint64_t stats_breaker_##name(const struct stats_view *view,                                     \
                                const struct table_cluster *cluster) {                             \
    return how(what(view, cluster));                                                               \
  }

ROW(cx_open, connections, is_open)
ROW(rq_pending_open, pending, is_open)
ROW(rq_open, requests, is_open)
ROW(rq_retry_open, retries, is_open)
ROW(remaining_cx, connections, remaining)
ROW(remaining_pending, pending, remaining)
ROW(remaining_rq, requests, remaining)
ROW(remaining_retries, retries, remaining)

// The number of pools has no limit.
uint64_t stats_breaker_cx_pool_open(const struct stats_view *view,
                                    const struct table_cluster *cluster) {
  (void)view, (void)cluster;
  return 0;
}
