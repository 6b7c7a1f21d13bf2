// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats.h"

#include "manifests/base/alloc.h"
#include "manifests/base/buf.h"
#include "manifests/base/exposition.h"

#include <stdio.h>
#include <string.h>

const double stats_bounds[STATS_BOUNDS] = {0.5,   1,      5,      10,      25,     50,    100,
                                           250,   500,    1000,   2500,    5000,   10000, 30000,
                                           60000, 300000, 600000, 1800000, 3600000};

static struct str or_else(struct str value, struct str fallback) {
  return value.len > 0 ? value : fallback;
}

// a="b",c="d" without braces.
static struct str label_text(const struct exposition_label *labels, size_t count) {
  struct buf text;
  buf_init(&text, 64u << 10);
  exposition_labels(&text, labels, count);
  struct str all = str_slice(buf_str(&text), 1, text.len > 0 ? text.len - 1 : 0);
  struct str copy = {xmemdup(all.len ? all.ptr : "", all.len + 1), all.len};
  buf_dispose(&text);
  return copy;
}

static struct stats_series *series_new(struct stats *stats, struct stats_base *base,
                                       const struct stats_sample *sample);

struct stats *stats_new(const struct stats_source *source) {
  struct stats *stats = XNEW(struct stats);
  struct str unknown = STR("unknown");
  const struct exposition_label labels[] = {
      {"source_workload", or_else(source->workload, unknown)},
      {"source_canonical_service",
       or_else(source->canonical_service, or_else(source->workload, unknown))},
      {"source_canonical_revision", or_else(source->canonical_revision, STR("latest"))},
      {"source_workload_namespace", or_else(source->workload_namespace, unknown)},
      {"source_principal", unknown},
      {"source_app", or_else(source->app, unknown)},
      {"source_version", or_else(source->version, unknown)},
      {"source_cluster", or_else(source->cluster, STR("Kubernetes"))},
  };
  stats->source_labels = label_text(labels, sizeof(labels) / sizeof(labels[0]));
  map_init(&stats->by_labels);
  stats->shared = stats_base(stats, NULL, unknown, unknown, unknown);
  struct stats_sample none = {.grpc_status = -1};
  stats->shared_series = series_new(stats, stats->shared, &none);
  return stats;
}

static void free_text(struct str text) {
  union {
    const char *in;
    void *out;
  } ptr = {text.ptr};
  xfree(ptr.out);
}

void stats_free(struct stats *stats) {
  if (!stats)
    return;
  struct stats_base *base = atomic_load(&stats->bases);
  while (base) {
    struct stats_base *next = atomic_load(&base->next);
    struct stats_series *series = atomic_load(&base->series);
    while (series) {
      struct stats_series *after = atomic_load(&series->next);
      xfree(series);
      series = after;
    }
    free_text(base->labels);
    xfree(base);
    base = next;
  }
  struct stats_listener *listener = atomic_load(&stats->listeners);
  while (listener) {
    struct stats_listener *next = atomic_load(&listener->next);
    xfree(listener);
    listener = next;
  }
  for (size_t i = 0; i < STATS_BLOCKS; i++) {
    xfree(atomic_load(&stats->clusters[i]));
    xfree(atomic_load(&stats->endpoints[i]));
  }
  free_text(stats->source_labels);
  map_dispose(&stats->by_labels);
  xfree(stats);
}

static const struct table_peer unknown_peer = {STR("unknown"), STR("unknown"), STR("unknown"),
                                               STR("unknown"), STR("unknown"), STR("latest"),
                                               STR("unknown")};

struct stats_base *stats_base(struct stats *stats, const struct table_peer *peer,
                              struct str service, struct str service_name,
                              struct str service_namespace) {
  if (!peer)
    peer = &unknown_peer;
  const struct exposition_label labels[] = {
      {"destination_workload", peer->workload},
      {"destination_workload_namespace", peer->workload_namespace},
      {"destination_principal", STR("unknown")},
      {"destination_app", peer->app},
      {"destination_version", peer->version},
      {"destination_service", service},
      {"destination_canonical_service", peer->canonical_service},
      {"destination_canonical_revision", peer->canonical_revision},
      {"destination_service_name", service_name},
      {"destination_service_namespace", service_namespace},
      {"destination_cluster", peer->cluster},
  };
  struct str own = label_text(labels, sizeof(labels) / sizeof(labels[0]));
  struct buf text;
  buf_init(&text, 128u << 10);
  (void)buf_addf(&text, "%.*s,%.*s", STR_ARG(stats->source_labels), STR_ARG(own));
  free_text(own);
  struct stats_base *base = map_get(&stats->by_labels, buf_str(&text));
  if (!base && stats->base_count >= STATS_BASES_MAX) {
    base = stats->shared;
  } else if (!base) {
    base = XNEW(struct stats_base);
    base->labels = (struct str){xmemdup(buf_z(&text), text.len + 1), text.len};
    atomic_store_explicit(&base->next, atomic_load_explicit(&stats->bases, memory_order_relaxed),
                          memory_order_relaxed);
    // Readers see the base only when it is complete.
    atomic_store_explicit(&stats->bases, base, memory_order_release);
    (void)map_put(&stats->by_labels, base->labels, base);
    stats->base_count++;
  }
  buf_dispose(&text);
  return base;
}

struct stats_listener *stats_listener(struct stats *stats, const char *host, uint16_t port) {
  char address[sizeof(((struct stats_listener *)0)->address)];
  (void)snprintf(address, sizeof(address), "%s_%u", host, port);
  struct stats_listener *first = atomic_load_explicit(&stats->listeners, memory_order_relaxed);
  struct stats_listener *listener = first;
  while (listener && strcmp(listener->address, address) != 0)
    listener = atomic_load_explicit(&listener->next, memory_order_relaxed);
  if (listener)
    return listener;
  listener = XNEW(struct stats_listener);
  memcpy(listener->address, address, sizeof(address));
  atomic_store_explicit(&listener->next, first, memory_order_relaxed);
  // Readers see it only when it is complete.
  atomic_store_explicit(&stats->listeners, listener, memory_order_release);
  return listener;
}

static bool is_series(const struct stats_series *series, const struct stats_sample *sample) {
  return series && series->status == sample->status && series->flags == sample->flags &&
         series->is_grpc == sample->is_grpc && series->grpc_status == sample->grpc_status;
}

static struct stats_series *series_find(const struct stats_base *base,
                                        const struct stats_sample *sample) {
  struct stats_series *series = atomic_load_explicit(&base->series, memory_order_relaxed);
  while (series && !is_series(series, sample))
    series = atomic_load_explicit(&series->next, memory_order_relaxed);
  return series;
}

// The bounds for whole numbers: 0.5 is passed by 1 and all above.
static const uint32_t whole_bounds[STATS_BOUNDS] = {
    0,    1,    5,     10,    25,    50,     100,    250,     500,    1000,
    2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

// The first bucket that a number of so many bits can be in; longer ones are beyond all bounds.
static const uint8_t first_bucket[] = {0,  1,  2,  2,  3,  4,  5,  6,  7,  8,  9, 10,
                                       10, 11, 12, 13, 14, 15, 15, 15, 16, 17, 18};

size_t stats_bucket(uint64_t value) {
  size_t bits = value == 0 ? 0 : 64 - (size_t)__builtin_clzll(value);
  size_t i = bits < sizeof(first_bucket) ? first_bucket[bits] : STATS_BOUNDS;
  while (i < STATS_BOUNDS && value > whole_bounds[i])
    i++;
  return i;
}

static void histogram_add(struct stats_histogram *histogram, uint64_t value) {
  stats_add(&histogram->buckets[stats_bucket(value)], 1);
  stats_add(&histogram->sum, value);
}

static struct stats_series *series_new(struct stats *stats, struct stats_base *base,
                                       const struct stats_sample *sample) {
  struct stats_series *series = XNEW(struct stats_series);
  series->status = sample->status;
  series->flags = sample->flags;
  series->is_grpc = sample->is_grpc;
  series->grpc_status = sample->grpc_status;
  atomic_store_explicit(&series->next, atomic_load_explicit(&base->series, memory_order_relaxed),
                        memory_order_relaxed);
  // Readers see the series only when it is complete.
  atomic_store_explicit(&base->series, series, memory_order_release);
  stats->series_count++;
  return series;
}

static struct stats_series *series_of(struct stats *stats, struct stats_base *base,
                                      const struct stats_sample *sample) {
  if (is_series(base->last, sample))
    return base->last;
  struct stats_series *series = series_find(base, sample);
  if (!series && stats->series_count >= STATS_SERIES_MAX) {
    stats_add(&stats->overflow, 1);
    return stats->shared_series;
  }
  if (!series)
    series = series_new(stats, base, sample);
  base->last = series;
  return series;
}

void stats_record(struct stats *stats, struct stats_base *base, const struct stats_sample *sample) {
  struct stats_series *series = series_of(stats, base, sample);
  stats_add(&series->requests, 1);
  histogram_add(&series->duration_ms, sample->duration_ms);
  histogram_add(&series->request_bytes, sample->request_bytes);
  histogram_add(&series->response_bytes, sample->response_bytes);
}

void stats_response(struct stats_cluster *cluster, unsigned status, int64_t time_ms) {
  stats_counter *classes[] = {&cluster->upstream_rq_2xx, &cluster->upstream_rq_3xx,
                              &cluster->upstream_rq_4xx, &cluster->upstream_rq_5xx};
  stats_add(&cluster->upstream_rq_completed, 1);
  stats_add(classes[status / 100 - 2], 1);
  if (time_ms >= 0)
    histogram_add(&cluster->rq_time_ms, (uint64_t)time_ms);
  for (size_t i = 0; i < STATS_CODES; i++) {
    struct stats_code *code = &cluster->codes[i];
    uint32_t have = atomic_load_explicit(&code->status, memory_order_relaxed);
    if (have == 0)
      atomic_store_explicit(&code->status, status, memory_order_relaxed);
    if (have == 0 || have == status) {
      stats_add(&code->count, 1);
      return;
    }
  }
}

static void reset_cluster(struct stats_cluster *item) {
#define XX(name) atomic_store_explicit(&item->name, 0, memory_order_relaxed);
  STATS_CLUSTER_MAP(XX)
  STATS_CLUSTER_GAUGE_MAP(XX)
#undef XX
  for (size_t i = 0; i < STATS_CODES; i++) {
    atomic_store_explicit(&item->codes[i].status, 0, memory_order_relaxed);
    atomic_store_explicit(&item->codes[i].count, 0, memory_order_relaxed);
  }
  for (size_t i = 0; i < STATS_BUCKETS; i++)
    atomic_store_explicit(&item->rq_time_ms.buckets[i], 0, memory_order_relaxed);
  atomic_store_explicit(&item->rq_time_ms.sum, 0, memory_order_relaxed);
}

// Slots beyond the blocks (a million) share the last entry.
static uint32_t clamp_slot(uint32_t index) {
  uint32_t last = STATS_BLOCK * STATS_BLOCKS - 1;
  return index < last ? index : last;
}

struct stats_cluster *stats_cluster(struct stats *stats, struct table_slot slot) {
  uint32_t index = clamp_slot(slot.index);
  _Atomic(struct stats_cluster *) *block = &stats->clusters[index / STATS_BLOCK];
  struct stats_cluster *items = atomic_load_explicit(block, memory_order_relaxed);
  if (!items) {
    items = xcalloc(STATS_BLOCK, sizeof(*items));
    atomic_store_explicit(block, items, memory_order_release);
  }
  struct stats_cluster *item = &items[index % STATS_BLOCK];
  if (atomic_load_explicit(&item->generation, memory_order_relaxed) != slot.generation) {
    reset_cluster(item);
    atomic_store_explicit(&item->generation, slot.generation, memory_order_release);
  }
  return item;
}

struct stats_endpoint *stats_endpoint(struct stats *stats, struct table_slot slot) {
  uint32_t index = clamp_slot(slot.index);
  _Atomic(struct stats_endpoint *) *block = &stats->endpoints[index / STATS_BLOCK];
  struct stats_endpoint *items = atomic_load_explicit(block, memory_order_relaxed);
  if (!items) {
    items = xcalloc(STATS_BLOCK, sizeof(*items));
    atomic_store_explicit(block, items, memory_order_release);
  }
  struct stats_endpoint *item = &items[index % STATS_BLOCK];
  if (atomic_load_explicit(&item->generation, memory_order_relaxed) != slot.generation) {
    stats_counter *all[] = {&item->cx_active, &item->cx_total,  &item->cx_connect_fail,
                            &item->rq_active, &item->rq_total,  &item->rq_success,
                            &item->rq_error,  &item->rq_timeout};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
      atomic_store_explicit(all[i], 0, memory_order_relaxed);
    atomic_store_explicit(&item->generation, slot.generation, memory_order_release);
  }
  return item;
}

const struct stats_cluster *stats_find_cluster(const struct stats *stats, struct table_slot slot) {
  uint32_t index = clamp_slot(slot.index);
  const struct stats_cluster *items =
      atomic_load_explicit(&stats->clusters[index / STATS_BLOCK], memory_order_acquire);
  if (!items || atomic_load_explicit(&items[index % STATS_BLOCK].generation,
                                     memory_order_acquire) != slot.generation)
    return NULL;
  return &items[index % STATS_BLOCK];
}

const struct stats_endpoint *stats_find_endpoint(const struct stats *stats,
                                                 struct table_slot slot) {
  uint32_t index = clamp_slot(slot.index);
  const struct stats_endpoint *items =
      atomic_load_explicit(&stats->endpoints[index / STATS_BLOCK], memory_order_acquire);
  if (!items || atomic_load_explicit(&items[index % STATS_BLOCK].generation,
                                     memory_order_acquire) != slot.generation)
    return NULL;
  return &items[index % STATS_BLOCK];
}
