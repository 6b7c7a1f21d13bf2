// SPDX-License-Identifier: Apache-2.0
// What the workers share of each cluster's circuit breaker (docs/dataplane.md 3.2): numbers by
// cluster slot, open connections by endpoint slot, and who waits for a connection that the limit
// does not allow yet. A cluster without limits touches them only when a connection is opened or
// closed and when a retry is made, never per request. Blocks never move; all counters balance, so a
// slot that is given to another cluster starts at zero.
#pragma once

#include "proxy/stats.h"

#include <stdatomic.h>
#include <stdint.h>

#define BREAKER_NO_LIMIT UINT32_MAX
#define BREAKER_WORKERS_MAX 256u

struct breaker {
  atomic_bool counting;          // who changes `connections` and a host's number has it
  atomic_uint connections;       // open or being opened
  atomic_uint idle;              // of these without a request; only where connections are limited
  atomic_uint pending, requests; // only where the cluster has a limit
  atomic_uint retries;           // from the decision to the end of the try
  atomic_uint wanted_limit;      // that the last one who waits came up against
  atomic_bool was_limited;       // there has been a limit on connections
  _Atomic uint64_t waiting[BREAKER_WORKERS_MAX / 64]; // workers with requests that no connection is
                                                      // opened for: a bit each
};

struct breakers;

// Called with the ctx of a worker, from any thread: it looks at its waiting requests and at its
// idle connections soon.
typedef void (*breaker_wake_fn)(void *ctx);

struct breakers *breakers_new(unsigned worker_count);
void breakers_free(struct breakers *breakers); // NULL is fine
// Room for slots below these; by the one thread that publishes tables, before it does.
void breakers_fit(struct breakers *breakers, uint32_t cluster_slots, uint32_t endpoint_slots);
// Until breakers_detach has returned `wake` may be called.
void breakers_attach(struct breakers *breakers, unsigned worker, const struct stats *stats,
                     breaker_wake_fn wake, void *ctx);
void breakers_detach(struct breakers *breakers, unsigned worker);

// Slots beyond those that fit (a million) share the last one.
struct breaker *breaker_at(struct breakers *breakers, uint32_t cluster_slot);
atomic_uint *breaker_host_at(struct breakers *breakers, uint32_t endpoint_slot);

// One more unless there are `limit` already.
bool breaker_take(atomic_uint *count, uint32_t limit);
void breaker_give(atomic_uint *count);

// A connection may be opened: below the limit, or the first to this host. Undone by
// breaker_close_connection, which wakes one worker that waits for the place.
bool breaker_open_connection(struct breaker *breaker, atomic_uint *host, uint32_t limit);
void breaker_close_connection(struct breakers *breakers, struct breaker *breaker, atomic_uint *host,
                              unsigned worker);

// This worker has requests that wait for a place below `limit`, or no more. After breaker_wait it
// must try once more: a place that became free before is told to nobody.
void breaker_wait(struct breaker *breaker, unsigned worker, uint32_t limit);
void breaker_wait_no_more(struct breaker *breaker, unsigned worker);
bool breaker_is_wanted(const struct breaker *breaker); // by any worker
bool breaker_is_wanted_elsewhere(const struct breaker *breaker, unsigned worker);
// Whether an idle connection is in the way of somebody who waits. His limit counts: he may have an
// older configuration than the one who asks.
bool breaker_needs_place(const struct breaker *breaker);
// The next waiting worker, in turn after `worker`.
void breaker_wake_next(struct breakers *breakers, struct breaker *breaker, unsigned worker);
// The workers that do not wait themselves, but for `worker`, to give up an idle connection of the
// cluster. Nothing when there is none.
void breaker_wake_idle(struct breakers *breakers, struct breaker *breaker, unsigned worker);

// Active and waiting requests of a cluster, all workers together: what a retry budget is a share
// of.
uint64_t breakers_active(struct breakers *breakers, struct table_slot cluster);
