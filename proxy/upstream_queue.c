// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream_queue.h"

#include "proxy/worker.h"

static void count_waiting(struct upstream_pool *pool, const struct upstream_user *user, int by) {
  struct stats_cluster *stats = stats_cluster(pool->worker->stats, user->cluster->slot);
  pool->waiting_count += (unsigned)by;
  stats_add(&stats->upstream_rq_pending_active, (uint64_t)by);
  if (by > 0)
    stats_add(&stats->upstream_rq_pending_total, 1);
}

void upstream_queue_add(struct upstream_pool *pool, struct upstream_user *user) {
  user->waits = pool;
  user->next = NULL;
  user->prev = pool->waiting_last;
  if (user->prev)
    user->prev->next = user;
  else
    pool->waiting = user;
  pool->waiting_last = user;
  count_waiting(pool, user, 1);
}

void upstream_queue_remove(struct upstream_pool *pool, struct upstream_user *user) {
  if (user->prev)
    user->prev->next = user->next;
  else
    pool->waiting = user->next;
  if (user->next)
    user->next->prev = user->prev;
  else
    pool->waiting_last = user->prev;
  user->next = user->prev = NULL;
  user->waits = NULL;
  count_waiting(pool, user, -1);
  if (user->counts_pending)
    breaker_give(&pool->breaker->pending);
  user->counts_pending = false;
}

static bool is_blocked_elsewhere(const struct worker *worker, const struct upstream_pool *but) {
  for (const struct upstream_pool *p = worker->blocked_pools; p; p = p->blocked_next) {
    if (p != but && p->breaker == but->breaker)
      return true;
  }
  return false;
}

static void blocked_add(struct upstream_pool *pool) {
  struct worker *worker = pool->worker;
  pool->is_blocked = true;
  pool->blocked_next = worker->blocked_pools;
  if (pool->blocked_next)
    pool->blocked_next->blocked_place = &pool->blocked_next;
  pool->blocked_place = &worker->blocked_pools;
  worker->blocked_pools = pool;
}

void upstream_queue_unlist(struct upstream_pool *pool) {
  pool->is_blocked = false;
  *pool->blocked_place = pool->blocked_next;
  if (pool->blocked_next)
    pool->blocked_next->blocked_place = pool->blocked_place;
}

void upstream_queue_block(struct upstream_pool *pool, uint32_t limit) {
  if (!pool->is_blocked)
    blocked_add(pool);
  breaker_wait(pool->breaker, pool->worker->index, limit);
}

// Its requests have what they need. Whoever was woken for them and finds nothing to do must not be
// the end of the chain.
static void unblock(struct upstream_pool *pool) {
  upstream_queue_unlist(pool);
  if (is_blocked_elsewhere(pool->worker, pool))
    return;
  breaker_wait_no_more(pool->breaker, pool->worker->index);
  breaker_wake_next(pool->worker->settings.breakers, pool->breaker, pool->worker->index);
}

void upstream_queue_serve_blocked(struct upstream_pool *pool) {
  if (pool->is_blocked && pool->waiting_count <= pool->connecting)
    unblock(pool);
}
