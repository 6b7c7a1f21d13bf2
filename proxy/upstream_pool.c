// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream_pool.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/table_live.h"
#include "proxy/upstream_queue.h"
#include "proxy/worker.h"

#include <string.h>

// So many connections in a row stay with a worker's own requests while those of others wait.
#define HANDED_MAX 32u

static struct breakers *breakers_of(const struct upstream_pool *pool) {
  return pool->worker->settings.breakers;
}

static void count_idle(struct upstream *u) {
  u->counts_idle = u->pool->is_limited;
  if (u->counts_idle)
    (void)atomic_fetch_add(&u->pool->breaker->idle, 1);
}

// From now on its idle connections are given up for requests that wait elsewhere.
static void mark_limited(struct upstream_pool *pool) {
  if (pool->is_limited)
    return;
  pool->is_limited = true;
  pool->limited_next = pool->worker->limited_pools;
  pool->worker->limited_pools = pool;
  for (struct upstream *u = pool->idle; u; u = u->idle_next)
    count_idle(u);
}

static void pool_begin(struct upstream_pool *pool, const struct table_cluster *cluster,
                       const struct table_endpoint *endpoint) {
  struct breakers *breakers = breakers_of(pool);
  BUG_ON(pool->waiting || pool->is_blocked);
  while (pool->idle)
    upstream_reset(pool->idle);
  if (pool->connecting > 0)
    upstream_drop_connecting(pool);
  pool->generation = endpoint->slot.generation;
  pool->breaker = breaker_at(breakers, cluster->slot.index);
  pool->host = breaker_host_at(breakers, endpoint->slot.index);
  pool->base = NULL;
  pool->base_version = 0;
  pool->max_connections = BREAKER_NO_LIMIT;
  if (atomic_load(&pool->breaker->was_limited))
    mark_limited(pool);
}

struct upstream_pool *upstream_pool_of(struct worker *worker, const struct table_cluster *cluster,
                                       const struct table_endpoint *endpoint) {
  struct table_slot slot = endpoint->slot;
  if (slot.index >= worker->pool_count) {
    uint32_t count = slot.index + 64;
    worker->pools = xrealloc(worker->pools, count * sizeof(struct upstream_pool *));
    while (worker->pool_count < count)
      worker->pools[worker->pool_count++] = NULL;
  }
  struct upstream_pool *pool = worker->pools[slot.index];
  if (!pool) {
    pool = worker->pools[slot.index] = XNEW(struct upstream_pool);
    pool->worker = worker;
    pool->index = slot.index;
  }
  if (pool->generation != slot.generation)
    pool_begin(pool, cluster, endpoint);
  return pool;
}

// ---- connections ----

struct stats_base *upstream_pool_base(struct upstream_pool *pool,
                                      const struct table_cluster *cluster,
                                      const struct table_endpoint *endpoint, uint64_t version) {
  if (pool->base_version == version && pool->base)
    return pool->base;
  const struct table_service *service = cluster->service;
  pool->base = stats_base(pool->worker->stats, &endpoint->peer, service->fqdn, service->name,
                          service->namespace_);
  pool->base_version = version;
  return pool->base;
}

void upstream_pool_put(struct upstream *u) {
  struct upstream_pool *pool = u->pool;
  u->idle_prev = NULL;
  u->idle_next = pool->idle;
  if (u->idle_next)
    u->idle_next->idle_prev = u;
  pool->idle = u;
  pool->idle_count++;
  count_idle(u);
}

void upstream_pool_take(struct upstream *u) {
  struct upstream_pool *pool = u->pool;
  if (u->idle_prev)
    u->idle_prev->idle_next = u->idle_next;
  else
    pool->idle = u->idle_next;
  if (u->idle_next)
    u->idle_next->idle_prev = u->idle_prev;
  u->idle_next = u->idle_prev = NULL;
  pool->idle_count--;
  if (u->counts_idle)
    breaker_give(&pool->breaker->idle);
  u->counts_idle = false;
}

void upstream_pool_closed(struct upstream *u) {
  struct upstream_pool *pool = u->pool;
  breaker_close_connection(breakers_of(pool), pool->breaker, pool->host, pool->worker->index);
}

// Idle connections in the way of requests that wait for a place. One at a time: the place that it
// leaves is taken before the next is given up.
static void give_up_idle(struct upstream_pool *pool) {
  if (pool->idle && breaker_needs_place(pool->breaker))
    upstream_reset(pool->idle);
}

// The same for the other endpoints of the cluster.
static void give_up_idle_of_cluster(const struct upstream_pool *pool) {
  for (struct upstream_pool *p = pool->worker->limited_pools; p; p = p->limited_next) {
    if (p->breaker == pool->breaker)
      give_up_idle(p);
  }
}

static void note_limit(struct upstream_pool *pool, const struct table_cluster *cluster) {
  uint32_t before = pool->max_connections;
  pool->max_connections = cluster->pool.max_connections;
  if (pool->max_connections == before)
    return;
  if (pool->max_connections != BREAKER_NO_LIMIT) {
    atomic_store(&pool->breaker->was_limited, true);
    mark_limited(pool);
  }
  give_up_idle(pool); // others may have asked before this worker knew of a limit
}

// A place for one connection more; without one the pool is blocked.
static bool take_place(struct upstream_pool *pool, const struct upstream_user *user) {
  uint32_t limit = user->cluster->pool.max_connections;
  if (breaker_open_connection(pool->breaker, pool->host, limit))
    return true;
  upstream_queue_block(pool, limit);
  // A place that became free just before is told to nobody.
  if (breaker_open_connection(pool->breaker, pool->host, limit))
    return true;
  // Others who wait have given up theirs: to wake each other would go round and round.
  give_up_idle_of_cluster(pool);
  breaker_wake_idle(breakers_of(pool), pool->breaker, pool->worker->index);
  return false;
}

// As many attempts as requests wait, if the limit allows it. 0, or RC_IO when a socket cannot even
// be made.
static int connect_waiting(struct upstream_pool *pool, enum exchange_reason *ret_reason) {
  while (pool->connecting < pool->waiting_count) {
    const struct upstream_user *user = pool->waiting_last;
    note_limit(pool, user->cluster);
    if (!take_place(pool, user))
      return 0;
    if (!upstream_open(pool, user, ret_reason)) {
      breaker_close_connection(breakers_of(pool), pool->breaker, pool->host, pool->worker->index);
      return RC_IO;
    }
    pool->connecting++;
  }
  upstream_queue_serve_blocked(pool);
  return 0;
}

static struct upstream *find_idle(struct upstream_pool *pool, bool check) {
  while (pool->idle) {
    struct upstream *u = pool->idle;
    if (!check || upstream_is_still_open(u))
      return u;
    upstream_reset(u);
  }
  return NULL;
}

// False: the cluster has as many requests as it may.
static bool attach(struct upstream_user *user, struct upstream *u) {
  const struct table_pool *limits = &user->cluster->pool;
  if (limits->is_limited) {
    struct breaker *breaker = u->pool->breaker;
    if (!breaker_take(&breaker->requests, limits->max_requests))
      return false;
    user->request = breaker;
  }
  upstream_begin(u, user);
  return true;
}

static void count_overflow(const struct upstream_user *user) {
  stats_add(&stats_cluster(user->worker->stats, user->cluster->slot)->upstream_rq_pending_overflow,
            1);
}

enum upstream_answer upstream_pool_ask(struct upstream_user *user, bool fresh, bool check,
                                       struct upstream **ret_upstream,
                                       enum exchange_reason *ret_reason) {
  struct upstream_pool *pool = upstream_pool_of(user->worker, user->cluster, user->endpoint);
  const struct table_pool *limits = &user->cluster->pool;
  user->waits = NULL;
  user->request = NULL;
  user->counts_pending = false;
  user->fresh = fresh;
  *ret_reason = EXCHANGE_REASON_OVERFLOW;
  // What is ready belongs to those who wait already, if any do.
  struct upstream *u = fresh || pool->waiting ? NULL : find_idle(pool, check);
  if (u && attach(user, u)) {
    *ret_upstream = u;
    return UPSTREAM_READY;
  }
  if (u || (limits->is_limited && !breaker_take(&pool->breaker->pending, limits->max_pending))) {
    count_overflow(user);
    return UPSTREAM_REFUSED;
  }
  user->counts_pending = limits->is_limited;
  upstream_queue_add(pool, user);
  if (connect_waiting(pool, ret_reason) == 0) {
    if (pool->is_blocked)
      stats_add(&stats_cluster(user->worker->stats, user->cluster->slot)->upstream_cx_overflow, 1);
    return UPSTREAM_WAITS;
  }
  upstream_queue_remove(pool, user);
  upstream_queue_serve_blocked(pool);
  return UPSTREAM_REFUSED;
}

void upstream_pool_leave(struct upstream_user *user) {
  struct upstream_pool *pool = user->waits;
  if (pool) {
    stats_add(&stats_cluster(user->worker->stats, user->cluster->slot)->upstream_rq_cancelled, 1);
    upstream_queue_remove(pool, user);
    upstream_queue_serve_blocked(pool);
  }
  if (user->request)
    breaker_give(&user->request->requests);
  user->request = NULL;
}

// ---- turns ----

static struct upstream *ready_for(const struct upstream_pool *pool,
                                  const struct upstream_user *user) {
  struct upstream *u = pool->idle;
  while (u && user->fresh && u->served > 0)
    u = u->idle_next;
  return u;
}

static void serve(struct upstream_pool *pool) {
  struct upstream_user *user = pool->waiting, *next;
  for (; user && pool->idle; user = next) {
    next = user->next;
    struct upstream *u = ready_for(pool, user);
    if (!u)
      continue;
    upstream_queue_remove(pool, user);
    if (attach(user, u)) {
      user->ops->connected(user, u, u->served > 1);
    } else {
      count_overflow(user);
      user->ops->failed(user, EXCHANGE_REASON_OVERFLOW);
    }
    user->ops->flush(user);
    next = pool->waiting; // anything may have changed
  }
}

// Without this a busy worker could keep the cluster's connections to itself.
static bool must_share(struct upstream_pool *pool) {
  if (!pool->idle || !pool->waiting ||
      !breaker_is_wanted_elsewhere(pool->breaker, pool->worker->index))
    return false;
  if (++pool->handed < HANDED_MAX)
    return false;
  pool->handed = 0;
  return true;
}

static void try_connect(struct upstream_pool *pool) {
  enum exchange_reason reason;
  if (connect_waiting(pool, &reason) != 0)
    upstream_pool_fail(pool, reason);
}

void upstream_pool_settle(struct upstream_pool *pool) {
  if (pool->is_limited && must_share(pool))
    upstream_reset(pool->idle);
  if (pool->waiting)
    serve(pool);
  upstream_queue_serve_blocked(pool);
  if (pool->is_limited)
    give_up_idle(pool);
  if (pool->waiting)
    try_connect(pool);
}

void upstream_pool_fail(struct upstream_pool *pool, enum exchange_reason reason) {
  // Those for whom no other attempt is under way: trying again one by one would let the last wait
  // for the sum of all time-outs.
  unsigned count =
      pool->waiting_count > pool->connecting ? pool->waiting_count - pool->connecting : 0;
  for (; count > 0 && pool->waiting; count--) {
    struct upstream_user *user = pool->waiting;
    upstream_queue_remove(pool, user);
    stats_add(
        &stats_cluster(pool->worker->stats, user->cluster->slot)->upstream_rq_pending_failure_eject,
        1);
    user->ops->failed(user, reason);
    user->ops->flush(user);
  }
  upstream_queue_serve_blocked(pool);
}

void upstream_pool_wake(struct worker *worker) {
  for (struct upstream_pool *p = worker->limited_pools; p; p = p->limited_next)
    give_up_idle(p);
  struct upstream_pool *todo = worker->blocked_pools;
  worker->blocked_pools = NULL;
  if (todo)
    todo->blocked_place = &todo;
  for (struct upstream_pool *p = todo; p; p = p->blocked_next)
    breaker_wait_no_more(p->breaker, worker->index);
  while (todo) {
    struct upstream_pool *pool = todo;
    upstream_queue_unlist(pool);
    try_connect(pool);     // blocks it again where that is so
    if (!pool->is_blocked) // perhaps the place was not needed here
      breaker_wake_next(worker->settings.breakers, pool->breaker, worker->index);
  }
}

// ---- all of a worker ----

static const struct table_live *live_of(const struct upstream_pool *pool) {
  struct table_slot slot = {pool->index, pool->generation};
  return table_live_at(pool->worker->table, slot);
}

bool upstream_pool_is_gone(const struct upstream_pool *pool) {
  const struct worker *worker = pool->worker;
  return worker->draining || (worker->table && !live_of(pool));
}

void upstream_pool_sweep(struct worker *worker, uint32_t index) {
  struct upstream_pool *pool = worker->pools[index];
  const struct table_live *live = pool ? live_of(pool) : NULL;
  if (live)
    note_limit(pool, &worker->table->clusters[live->cluster]);
  while (pool && pool->idle && !live)
    upstream_reset(pool->idle);
}

void upstream_close_idle(struct worker *worker) {
  for (uint32_t i = 0; i < worker->pool_count; i++) {
    while (worker->pools[i] && worker->pools[i]->idle)
      upstream_reset(worker->pools[i]->idle);
  }
}

void upstream_pool_free_all(struct worker *worker) {
  for (uint32_t i = 0; i < worker->pool_count; i++)
    xfree(worker->pools[i]);
  xfree(worker->pools);
  worker->pools = NULL;
  worker->pool_count = 0;
}
