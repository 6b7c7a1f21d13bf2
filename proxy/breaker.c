// SPDX-License-Identifier: Apache-2.0
#include "proxy/breaker.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <pthread.h>
#include <sched.h>

#define BLOCK 256u
#define BLOCKS 4096u

struct seat {
  _Atomic(const struct stats *) stats; // read without the lock
  breaker_wake_fn wake;
  void *ctx;
};

struct breakers {
  _Atomic(struct breaker *) clusters[BLOCKS];
  _Atomic(atomic_uint *) hosts[BLOCKS];
  pthread_mutex_t lock; // of the seats; only taken to wake and to come and go
  unsigned worker_count;
  struct seat *seats;
};

struct breakers *breakers_new(unsigned worker_count) {
  struct breakers *breakers = XNEW(struct breakers);
  BUG_ON(worker_count > BREAKER_WORKERS_MAX);
  BUG_ON(pthread_mutex_init(&breakers->lock, NULL) != 0);
  breakers->worker_count = worker_count;
  breakers->seats = xcalloc(worker_count, sizeof(*breakers->seats));
  return breakers;
}

void breakers_free(struct breakers *breakers) {
  if (!breakers)
    return;
  for (size_t i = 0; i < BLOCKS; i++) {
    xfree(atomic_load_explicit(&breakers->clusters[i], memory_order_relaxed));
    xfree(atomic_load_explicit(&breakers->hosts[i], memory_order_relaxed));
  }
  (void)pthread_mutex_destroy(&breakers->lock);
  xfree(breakers->seats);
  xfree(breakers);
}

void breakers_fit(struct breakers *breakers, uint32_t cluster_slots, uint32_t endpoint_slots) {
  for (uint32_t i = 0; i < BLOCKS && i * BLOCK < cluster_slots; i++) {
    if (!atomic_load_explicit(&breakers->clusters[i], memory_order_relaxed))
      atomic_store_explicit(&breakers->clusters[i], xcalloc(BLOCK, sizeof(struct breaker)),
                            memory_order_release);
  }
  for (uint32_t i = 0; i < BLOCKS && i * BLOCK < endpoint_slots; i++) {
    if (!atomic_load_explicit(&breakers->hosts[i], memory_order_relaxed))
      atomic_store_explicit(&breakers->hosts[i], xcalloc(BLOCK, sizeof(atomic_uint)),
                            memory_order_release);
  }
}

void breakers_attach(struct breakers *breakers, unsigned worker, const struct stats *stats,
                     breaker_wake_fn wake, void *ctx) {
  BUG_ON(worker >= breakers->worker_count);
  (void)pthread_mutex_lock(&breakers->lock);
  breakers->seats[worker].wake = wake;
  breakers->seats[worker].ctx = ctx;
  atomic_store(&breakers->seats[worker].stats, stats);
  (void)pthread_mutex_unlock(&breakers->lock);
}

void breakers_detach(struct breakers *breakers, unsigned worker) {
  (void)pthread_mutex_lock(&breakers->lock);
  breakers->seats[worker].wake = NULL; // its counters are read until the end
  (void)pthread_mutex_unlock(&breakers->lock);
}

static uint32_t clamp(uint32_t slot) {
  return slot < BLOCK * BLOCKS ? slot : BLOCK * BLOCKS - 1;
}

struct breaker *breaker_at(struct breakers *breakers, uint32_t cluster_slot) {
  uint32_t slot = clamp(cluster_slot);
  struct breaker *block =
      atomic_load_explicit(&breakers->clusters[slot / BLOCK], memory_order_acquire);
  BUG_ON(!block);
  return block + slot % BLOCK;
}

atomic_uint *breaker_host_at(struct breakers *breakers, uint32_t endpoint_slot) {
  uint32_t slot = clamp(endpoint_slot);
  atomic_uint *block = atomic_load_explicit(&breakers->hosts[slot / BLOCK], memory_order_acquire);
  BUG_ON(!block);
  return block + slot % BLOCK;
}

bool breaker_take(atomic_uint *count, uint32_t limit) {
  unsigned now = atomic_load(count);
  while (now < limit) {
    if (atomic_compare_exchange_weak(count, &now, now + 1))
      return true;
  }
  return false;
}

void breaker_give(atomic_uint *count) {
  unsigned before = atomic_fetch_sub(count, 1);
  BUG_ON(before == 0);
}

// Both numbers change as one, or two workers would each open the first connection of a host, one
// of them over the limit. For a few instructions, so nobody sleeps.
static void count_begin(struct breaker *breaker) {
  while (atomic_exchange_explicit(&breaker->counting, true, memory_order_acquire))
    (void)sched_yield();
}

static void count_end(struct breaker *breaker) {
  atomic_store_explicit(&breaker->counting, false, memory_order_release);
}

bool breaker_open_connection(struct breaker *breaker, atomic_uint *host, uint32_t limit) {
  count_begin(breaker);
  // A host without any connection would never get one: the limit gives way by one for each host.
  bool may = atomic_load(&breaker->connections) < limit || atomic_load(host) == 0;
  if (may) {
    (void)atomic_fetch_add(&breaker->connections, 1);
    (void)atomic_fetch_add(host, 1);
  }
  count_end(breaker);
  return may;
}

void breaker_close_connection(struct breakers *breakers, struct breaker *breaker, atomic_uint *host,
                              unsigned worker) {
  count_begin(breaker);
  breaker_give(host);
  breaker_give(&breaker->connections);
  count_end(breaker);
  breaker_wake_next(breakers, breaker, worker);
}

#define WORDS ARRAY_LEN(((struct breaker *)NULL)->waiting)

static uint64_t bit_of(unsigned worker) {
  return (uint64_t)1 << (worker % 64);
}

void breaker_wait(struct breaker *breaker, unsigned worker, uint32_t limit) {
  atomic_store(&breaker->wanted_limit, limit);
  (void)atomic_fetch_or(&breaker->waiting[worker / 64], bit_of(worker));
}

void breaker_wait_no_more(struct breaker *breaker, unsigned worker) {
  (void)atomic_fetch_and(&breaker->waiting[worker / 64], ~bit_of(worker));
}

bool breaker_is_wanted(const struct breaker *breaker) {
  for (size_t i = 0; i < WORDS; i++) {
    if (atomic_load(&breaker->waiting[i]) != 0)
      return true;
  }
  return false;
}

bool breaker_is_wanted_elsewhere(const struct breaker *breaker, unsigned worker) {
  for (size_t i = 0; i < WORDS; i++) {
    if (atomic_load(&breaker->waiting[i]) & ~(i == worker / 64 ? bit_of(worker) : 0))
      return true;
  }
  return false;
}

bool breaker_needs_place(const struct breaker *breaker) {
  return breaker_is_wanted(breaker) &&
         atomic_load(&breaker->connections) >= atomic_load(&breaker->wanted_limit);
}

static void wake(struct breakers *breakers, unsigned first, unsigned count) {
  (void)pthread_mutex_lock(&breakers->lock);
  for (unsigned i = first; i < first + count; i++) {
    if (breakers->seats[i].wake)
      breakers->seats[i].wake(breakers->seats[i].ctx);
  }
  (void)pthread_mutex_unlock(&breakers->lock);
}

void breaker_wake_next(struct breakers *breakers, struct breaker *breaker, unsigned worker) {
  if (!breaker_is_wanted(breaker))
    return;
  for (unsigned i = 1; i <= breakers->worker_count; i++) {
    unsigned next = (worker + i) % breakers->worker_count;
    if (atomic_load(&breaker->waiting[next / 64]) & bit_of(next)) {
      wake(breakers, next, 1);
      return;
    }
  }
}

void breaker_wake_idle(struct breakers *breakers, struct breaker *breaker, unsigned worker) {
  if (atomic_load(&breaker->idle) == 0)
    return;
  for (unsigned i = 0; i < breakers->worker_count; i++) {
    if (i != worker && !(atomic_load(&breaker->waiting[i / 64]) & bit_of(i)))
      wake(breakers, i, 1);
  }
}

uint64_t breakers_active(struct breakers *breakers, struct table_slot cluster) {
  uint64_t active = 0;
  for (unsigned i = 0; i < breakers->worker_count; i++) {
    const struct stats *all = atomic_load(&breakers->seats[i].stats);
    const struct stats_cluster *stats = all ? stats_find_cluster(all, cluster) : NULL;
    if (stats)
      active +=
          stats_read(&stats->upstream_rq_active) + stats_read(&stats->upstream_rq_pending_active);
  }
  return active;
}
