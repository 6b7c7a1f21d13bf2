// SPDX-License-Identifier: Apache-2.0
// The connections of a worker to each endpoint, the requests that wait for one, and the cluster's
// connectionPool limits (docs/dataplane.md 3.2). Pools outlive tables, so a new configuration loses
// no connection, and those to endpoints that are gone end with their exchange. A request that finds
// no idle connection waits in its pool's queue, oldest first; a connection that becomes ready, new
// or again, takes the oldest. Where the connection limit leaves a request without a connection to
// hope for, the worker is noted in the shared breaker and woken when a place is free, and idle
// connections of the cluster are given up for it, in whatever worker they are.
#pragma once

#include "proxy/breaker.h"
#include "proxy/upstream.h"

struct upstream_pool {
  struct worker *worker;
  uint32_t index, generation; // of the endpoint's slot
  struct upstream *idle;      // last used first
  unsigned idle_count, connecting;
  struct breaker *breaker;
  atomic_uint *host; // connections to this endpoint, all workers
  struct upstream_user *waiting, *waiting_last;
  unsigned waiting_count;
  unsigned handed;          // connections that own requests took over while other workers waited
  bool is_limited;          // the cluster has had a connection limit
  uint32_t max_connections; // the last one seen
  struct upstream_pool *limited_next;                  // all limited ones of the worker
  bool is_blocked;                                     // more requests wait than connections come
  struct upstream_pool *blocked_next, **blocked_place; // those of the worker
  // The label set of the endpoint in the table of that version.
  struct stats_base *base;
  uint64_t base_version;
};

enum upstream_answer {
  UPSTREAM_READY,   // *ret_upstream serves the user
  UPSTREAM_WAITS,   // ops->connected or ops->failed follows
  UPSTREAM_REFUSED, // *ret_reason says why
};

// A connection for one try: an idle one unless `fresh`, else one that is to come. `check`: look
// first whether the idle one was closed meanwhile. Never calls back from inside.
enum upstream_answer upstream_pool_ask(struct upstream_user *user, bool fresh, bool check,
                                       struct upstream **ret_upstream,
                                       enum exchange_reason *ret_reason);
// The user's try is over, in whatever way: it waits no more and its request is not counted any
// longer. Before or after the connection is let go; at most once is enough.
void upstream_pool_leave(struct upstream_user *user);
// The end of a turn of one of the pool's connections: requests that wait get what is ready.
void upstream_pool_settle(struct upstream_pool *pool);
// A connection attempt came to nothing: those who waited for it hear of it.
void upstream_pool_fail(struct upstream_pool *pool, enum exchange_reason reason);
// Another worker has left a place or asks for one.
void upstream_pool_wake(struct worker *worker);

// For upstream.c: the connection is idle now, is taken, is gone.
void upstream_pool_put(struct upstream *upstream);
void upstream_pool_take(struct upstream *upstream);
void upstream_pool_closed(struct upstream *upstream);

struct upstream_pool *upstream_pool_of(struct worker *worker, const struct table_cluster *cluster,
                                       const struct table_endpoint *endpoint);
// The label set of the endpoint that this pool is of, in the table of that version: looked up once
// for each table.
struct stats_base *upstream_pool_base(struct upstream_pool *pool,
                                      const struct table_cluster *cluster,
                                      const struct table_endpoint *endpoint, uint64_t version);
// Nobody will ask for it again: the endpoint is gone or the worker drains.
bool upstream_pool_is_gone(const struct upstream_pool *pool);
// The worker has a new table: idle connections of this slot are closed when it does not have the
// endpoint, limits are noted when it does.
void upstream_pool_sweep(struct worker *worker, uint32_t index);
void upstream_close_idle(struct worker *worker);
void upstream_pool_free_all(struct worker *worker); // after the loop has ended
