// SPDX-License-Identifier: Apache-2.0
#include "proxy/outlier_set.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "proxy/hash_ring.h"
#include "proxy/worker.h"

#include <pthread.h>

// Blocks never move, so that readers need no lock to find their way.
#define SET_BLOCK 256u
#define SET_BLOCKS 4096u

enum { ENDPOINT_EJECTED = 1, ENDPOINT_COUNTS = 2 };

struct shared_cluster {
  pthread_mutex_t mutex; // for all of it but `health`, and for its endpoints but their flags
  uint32_t generation;   // 0: not in use
  uint32_t ejected;
  int64_t next_sweep_ms;
  _Atomic uint64_t health; // outlier_set_health
  struct hash_ring *ring;  // of the healthy ones, or NULL
  uint64_t ring_of;        // signature of the whole ring it was made from
  _Atomic uint64_t ring_health;
};

struct shared_endpoint {
  atomic_uint flags;
  uint32_t generation;
  struct outlier_host host;
};

struct outlier_set {
  void (*changed)(void *ctx);
  void *ctx;
  _Atomic(struct shared_cluster *) clusters[SET_BLOCKS];
  _Atomic(struct shared_endpoint *) endpoints[SET_BLOCKS];
};

struct outlier_set *outlier_set_new(void (*changed)(void *ctx), void *ctx) {
  struct outlier_set *set = XNEW(struct outlier_set);
  set->changed = changed;
  set->ctx = ctx;
  return set;
}

void outlier_set_free(struct outlier_set *set) {
  if (!set)
    return;
  for (size_t i = 0; i < SET_BLOCKS; i++) {
    struct shared_cluster *clusters = atomic_load(&set->clusters[i]);
    for (size_t k = 0; clusters && k < SET_BLOCK; k++) {
      hash_ring_unref(clusters[k].ring);
      (void)pthread_mutex_destroy(&clusters[k].mutex);
    }
    xfree(clusters);
    xfree(atomic_load(&set->endpoints[i]));
  }
  xfree(set);
}

// NULL when the slot has no room: then nothing is ever ejected there.
static struct shared_cluster *cluster_at(const struct outlier_set *set, uint32_t index) {
  if (index / SET_BLOCK >= SET_BLOCKS)
    return NULL;
  struct shared_cluster *block =
      atomic_load_explicit(&set->clusters[index / SET_BLOCK], memory_order_acquire);
  return block ? block + index % SET_BLOCK : NULL;
}

static struct shared_endpoint *endpoint_at(const struct outlier_set *set, uint32_t index) {
  if (index / SET_BLOCK >= SET_BLOCKS)
    return NULL;
  struct shared_endpoint *block =
      atomic_load_explicit(&set->endpoints[index / SET_BLOCK], memory_order_acquire);
  return block ? block + index % SET_BLOCK : NULL;
}

static struct shared_cluster *cluster_need(struct outlier_set *set, uint32_t index) {
  if (index / SET_BLOCK < SET_BLOCKS && !cluster_at(set, index)) {
    struct shared_cluster *block = xcalloc(SET_BLOCK, sizeof(*block));
    for (size_t i = 0; i < SET_BLOCK; i++)
      BUG_ON(pthread_mutex_init(&block[i].mutex, NULL) != 0);
    atomic_store_explicit(&set->clusters[index / SET_BLOCK], block, memory_order_release);
  }
  return cluster_at(set, index);
}

static struct shared_endpoint *endpoint_need(struct outlier_set *set, uint32_t index) {
  if (index / SET_BLOCK < SET_BLOCKS && !endpoint_at(set, index))
    atomic_store_explicit(&set->endpoints[index / SET_BLOCK],
                          xcalloc(SET_BLOCK, sizeof(struct shared_endpoint)), memory_order_release);
  return endpoint_at(set, index);
}

// Holding the cluster's mutex. Release: who sees the new number sees the flags behind it.
static void publish_health(struct shared_cluster *cluster) {
  uint64_t old = atomic_load_explicit(&cluster->health, memory_order_relaxed);
  atomic_store_explicit(&cluster->health, ((old >> 32) + 1) << 32 | cluster->ejected,
                        memory_order_release);
}

static void publish_flags(struct shared_endpoint *endpoint) {
  unsigned flags = (endpoint->host.is_ejected ? ENDPOINT_EJECTED : 0u) |
                   (outlier_is_quiet(&endpoint->host) ? 0u : ENDPOINT_COUNTS);
  atomic_store_explicit(&endpoint->flags, flags, memory_order_relaxed);
}

static void endpoint_reset(struct shared_endpoint *endpoint, uint32_t generation) {
  endpoint->generation = generation;
  endpoint->host = (struct outlier_host){0};
  publish_flags(endpoint);
}

static void fit_cluster(struct outlier_set *set, const struct table_cluster *cluster,
                        int64_t now_ms) {
  struct shared_cluster *shared = cluster->outlier ? cluster_need(set, cluster->slot.index)
                                                   : cluster_at(set, cluster->slot.index);
  if (!shared || (!cluster->outlier && shared->generation == 0))
    return;
  pthread_mutex_lock(&shared->mutex);
  bool fresh = shared->generation != cluster->slot.generation;
  if (fresh)
    shared->next_sweep_ms = 0;
  shared->generation = cluster->outlier ? cluster->slot.generation : 0;
  shared->ejected = 0;
  for (size_t i = 0; cluster->outlier && i < cluster->endpoint_count; i++) {
    struct table_slot slot = cluster->endpoints[i].slot;
    struct shared_endpoint *endpoint = endpoint_need(set, slot.index);
    if (!endpoint)
      continue;
    if (fresh || endpoint->generation != slot.generation)
      endpoint_reset(endpoint, slot.generation);
    shared->ejected += endpoint->host.is_ejected;
  }
  int64_t latest = cluster->outlier ? now_ms + cluster->outlier->interval_ms : 0;
  if (shared->next_sweep_ms == 0 || shared->next_sweep_ms > latest)
    shared->next_sweep_ms = latest;
  publish_health(shared);
  pthread_mutex_unlock(&shared->mutex);
}

void outlier_set_fit(struct outlier_set *set, const struct proxy_table *table, int64_t now_ms) {
  for (size_t i = 0; i < table->cluster_count; i++)
    fit_cluster(set, &table->clusters[i], now_ms);
}

// True when somebody is back.
static bool sweep_cluster(struct outlier_set *set, const struct table_cluster *cluster,
                          struct shared_cluster *shared, int64_t now_ms) {
  bool changed = false;
  pthread_mutex_lock(&shared->mutex);
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    struct shared_endpoint *endpoint = endpoint_at(set, cluster->endpoints[i].slot.index);
    if (!endpoint)
      continue;
    bool back = outlier_sweep(cluster->outlier, &endpoint->host, &shared->ejected, now_ms);
    if (back)
      publish_flags(endpoint);
    changed |= back;
  }
  // A process that was held up does not make up for the sweeps it missed.
  shared->next_sweep_ms += cluster->outlier->interval_ms;
  if (shared->next_sweep_ms <= now_ms)
    shared->next_sweep_ms = now_ms + cluster->outlier->interval_ms;
  if (changed)
    publish_health(shared);
  pthread_mutex_unlock(&shared->mutex);
  return changed;
}

int64_t outlier_set_sweep(struct outlier_set *set, const struct proxy_table *table,
                          int64_t now_ms) {
  int64_t next_ms = 0;
  bool changed = false;
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    struct shared_cluster *shared = cluster->outlier ? cluster_at(set, cluster->slot.index) : NULL;
    if (!shared)
      continue;
    if (shared->next_sweep_ms <= now_ms) // only this thread writes it
      changed |= sweep_cluster(set, cluster, shared, now_ms);
    if (next_ms == 0 || shared->next_sweep_ms < next_ms)
      next_ms = shared->next_sweep_ms;
  }
  if (changed && set->changed)
    set->changed(set->ctx);
  return next_ms;
}

uint64_t outlier_set_health(const struct outlier_set *set, const struct table_cluster *cluster) {
  const struct shared_cluster *shared = cluster_at(set, cluster->slot.index);
  return shared ? atomic_load_explicit(&shared->health, memory_order_acquire) : 0;
}

bool outlier_set_is_ejected(const struct outlier_set *set, const struct table_endpoint *endpoint) {
  struct shared_endpoint *shared = endpoint_at(set, endpoint->slot.index);
  return shared && (atomic_load_explicit(&shared->flags, memory_order_relaxed) & ENDPOINT_EJECTED);
}

int64_t outlier_set_until_ms(struct outlier_set *set, const struct table_cluster *cluster,
                             const struct table_endpoint *endpoint) {
  struct shared_cluster *shared = cluster_at(set, cluster->slot.index);
  struct shared_endpoint *own = endpoint_at(set, endpoint->slot.index);
  int64_t until_ms = 0;
  if (!shared || !own || !cluster->outlier)
    return 0;
  pthread_mutex_lock(&shared->mutex);
  if (own->host.is_ejected && own->generation == endpoint->slot.generation)
    until_ms = outlier_until_ms(cluster->outlier, &own->host);
  pthread_mutex_unlock(&shared->mutex);
  return until_ms;
}

struct hash_ring *outlier_set_ring(struct outlier_set *set, const struct table_cluster *cluster,
                                   uint64_t health) {
  struct shared_cluster *shared = cluster_at(set, cluster->slot.index);
  struct hash_ring *ring = NULL;
  if (!shared || atomic_load_explicit(&shared->ring_health, memory_order_acquire) != health)
    return NULL;
  pthread_mutex_lock(&shared->mutex);
  if (shared->ring && shared->ring_of == cluster->ring->signature &&
      atomic_load_explicit(&shared->ring_health, memory_order_relaxed) == health)
    ring = hash_ring_ref(shared->ring);
  pthread_mutex_unlock(&shared->mutex);
  return ring;
}

// Made without holding the lock: a ring takes a while.
static struct hash_ring *make_ring(const struct outlier_set *set,
                                   const struct table_cluster *cluster) {
  struct hash_host *hosts = xcalloc(cluster->endpoint_count + 1, sizeof(*hosts));
  size_t count = 0;
  for (size_t i = 0; i < cluster->endpoint_count; i++) {
    const struct table_endpoint *endpoint = &cluster->endpoints[i];
    if (!outlier_set_is_ejected(set, endpoint) && table_is_first(cluster, endpoint))
      hosts[count++] = (struct hash_host){endpoint->key, endpoint->weight, (uint32_t)i};
  }
  struct hash_ring *ring =
      hash_ring_new(cluster->hash->is_maglev, cluster->hash->size, hosts, count);
  xfree(hosts);
  return ring;
}

void outlier_set_make_rings(struct outlier_set *set, const struct proxy_table *table) {
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    struct shared_cluster *shared =
        cluster->outlier && cluster->ring ? cluster_at(set, cluster->slot.index) : NULL;
    uint64_t health = shared ? atomic_load_explicit(&shared->health, memory_order_acquire) : 0;
    if (outlier_health_ejected(health) == 0 || (atomic_load(&shared->ring_health) == health &&
                                                shared->ring_of == cluster->ring->signature))
      continue;
    struct hash_ring *ring = make_ring(set, cluster);
    pthread_mutex_lock(&shared->mutex);
    struct hash_ring *old = shared->ring;
    shared->ring = ring;
    shared->ring_of = cluster->ring->signature;
    // Health that changed meanwhile has another number; the next call makes its ring.
    atomic_store_explicit(&shared->ring_health, health, memory_order_release);
    pthread_mutex_unlock(&shared->mutex);
    hash_ring_unref(old);
  }
}

static void count_effects(struct worker *worker, const struct table_cluster *cluster,
                          uint32_t effects) {
  struct stats_cluster *stats = stats_cluster(worker->stats, cluster->slot);
  const struct {
    uint32_t effect;
    stats_counter *counter;
  } rows[] = {
      {OUTLIER_DETECTED_5XX, &stats->outlier_detection_ejections_detected_consecutive_5xx},
      {OUTLIER_DETECTED_GATEWAY,
       &stats->outlier_detection_ejections_detected_consecutive_gateway_failure},
      {OUTLIER_DETECTED_LOCAL,
       &stats->outlier_detection_ejections_detected_consecutive_local_origin_failure},
      {OUTLIER_EJECTED_5XX, &stats->outlier_detection_ejections_enforced_consecutive_5xx},
      {OUTLIER_EJECTED_GATEWAY,
       &stats->outlier_detection_ejections_enforced_consecutive_gateway_failure},
      {OUTLIER_EJECTED_LOCAL,
       &stats->outlier_detection_ejections_enforced_consecutive_local_origin_failure},
      {OUTLIER_EJECTED, &stats->outlier_detection_ejections_enforced_total},
      {OUTLIER_OVERFLOW, &stats->outlier_detection_ejections_overflow},
  };
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    if (effects & rows[i].effect)
      stats_add(rows[i].counter, 1);
  }
}

static void report(struct worker *worker, const struct table_cluster *cluster,
                   struct shared_cluster *shared, struct shared_endpoint *endpoint,
                   uint32_t generation, enum outlier_event event, int status) {
  uint32_t effects = 0;
  pthread_mutex_lock(&shared->mutex);
  // A request of an old table may report on what is no longer watched.
  if (shared->generation == cluster->slot.generation && endpoint->generation == generation) {
    effects = outlier_step(cluster->outlier, &endpoint->host, &shared->ejected,
                           cluster->endpoint_count, event, status, clock_mono_ms());
    publish_flags(endpoint);
    if (effects & OUTLIER_EJECTED)
      publish_health(shared);
  }
  pthread_mutex_unlock(&shared->mutex);
  if (effects == 0)
    return;
  count_effects(worker, cluster, effects);
  struct outlier_set *set = worker->settings.outliers;
  if ((effects & OUTLIER_EJECTED) && set->changed)
    set->changed(set->ctx);
}

void outlier_report(struct worker *worker, const struct table_cluster *cluster,
                    const struct table_endpoint *endpoint, enum outlier_event event, int status) {
  const struct outlier_policy *policy = cluster->outlier;
  if (!policy || !worker->settings.outliers)
    return;
  struct shared_endpoint *own = endpoint_at(worker->settings.outliers, endpoint->slot.index);
  struct shared_cluster *shared = cluster_at(worker->settings.outliers, cluster->slot.index);
  if (!own || !shared)
    return;
  bool counts = atomic_load_explicit(&own->flags, memory_order_relaxed) & ENDPOINT_COUNTS;
  if (!counts && outlier_is_success(policy, event, status))
    return;
  report(worker, cluster, shared, own, endpoint->slot.generation, event, status);
}
