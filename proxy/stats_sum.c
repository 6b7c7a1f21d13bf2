// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats_sum.h"

#include "manifests/base/bug.h"
#include "manifests/base/map.h"
#include "proxy/stats_breaker.h"

#include <string.h>

const struct stats_row stats_cluster_rows[] = {
#define XX(name) {#name, offsetof(struct stats_cluster, name), false},
    STATS_CLUSTER_MAP(XX)
#undef XX
#define XX(name) {#name, offsetof(struct stats_cluster, name), true},
        STATS_CLUSTER_GAUGE_MAP(XX)
#undef XX
};
const size_t stats_cluster_row_count = ARRAY_LEN(stats_cluster_rows);

const struct stats_row stats_downstream_rows[] = {
#define XX(name) {#name, offsetof(struct stats, name), false},
    STATS_DOWNSTREAM_MAP(XX)
#undef XX
#define XX(name) {#name, offsetof(struct stats, name), true},
        STATS_DOWNSTREAM_GAUGE_MAP(XX)
#undef XX
};
const size_t stats_downstream_row_count = ARRAY_LEN(stats_downstream_rows);

static uint32_t ejected(const struct stats_view *view, const struct table_cluster *cluster) {
  return view->outliers && cluster->outlier
             ? outlier_health_ejected(outlier_set_health(view->outliers, cluster))
             : 0;
}

static uint64_t derive_total(const struct stats_view *view, const struct table_cluster *cluster) {
  (void)view;
  return cluster->endpoint_count;
}

static uint64_t derive_healthy(const struct stats_view *view, const struct table_cluster *cluster) {
  uint32_t out = ejected(view, cluster);
  return cluster->endpoint_count > out ? cluster->endpoint_count - out : 0;
}

static uint64_t derive_ejected(const struct stats_view *view, const struct table_cluster *cluster) {
  return ejected(view, cluster);
}

const struct stats_derived stats_derived_rows[] = {
    {"membership_total", derive_total},
    {"membership_healthy", derive_healthy},
    {"outlier_detection_ejections_active", derive_ejected},
#define XX(name) {"circuit_breakers_default_" #name, stats_breaker_##name},
    STATS_BREAKER_MAP(XX)
#undef XX
};
const size_t stats_derived_row_count = ARRAY_LEN(stats_derived_rows);

static uint64_t read_at(const void *base, size_t offset) {
  return stats_read((const stats_counter *)(const void *)((const char *)base + offset));
}

struct gather {
  struct stats_sum *sum;
  const struct stats_view *view;
  struct map bases, series; // key -> 1 + index
};

static struct stats_merged *slot_of(struct gather *g, struct map *map, struct str key,
                                    bool is_series) {
  struct stats_sum *sum = g->sum;
  uintptr_t index = (uintptr_t)map_get(map, key);
  void *items = is_series ? sum->requests : sum->bases;
  if (index == 0) {
    size_t *count = is_series ? &sum->request_count : &sum->base_count;
    struct stats_merged *merged =
        arena_push(&sum->arena, &items, count,
                   is_series ? &sum->request_capacity : &sum->base_capacity, sizeof(*merged));
    if (is_series)
      sum->requests = items;
    else
      sum->bases = items;
    (void)map_put(map, key, (void *)*count);
    return merged;
  }
  return (struct stats_merged *)items + (index - 1);
}

static void add_base(struct gather *g, const struct stats_base *base) {
  struct stats_merged *merged = slot_of(g, &g->bases, base->labels, false);
  if (!merged->base) {
    merged->base = base;
    merged->bases = ARENA_ARRAY(&g->sum->arena, const struct stats_base *, g->view->count);
  }
  merged->bases[merged->count++] = base;
  // Series of equal bases are found by the first base's address: its text is long.
  const struct stats_base *first = merged->base;
  const struct stats_series *series = atomic_load_explicit(&base->series, memory_order_acquire);
  for (; series; series = atomic_load_explicit(&series->next, memory_order_acquire)) {
    if (stats_read(&series->requests) == 0) // the shared series, mostly
      continue;
    struct str key =
        arena_printf(&g->sum->arena, "%p|%u|%d|%d|%u", (const void *)first, series->status,
                     series->grpc_status, series->is_grpc, series->flags);
    struct stats_merged *of = slot_of(g, &g->series, key, true);
    if (!of->base) {
      of->base = first;
      of->kind = series;
      of->series = ARENA_ARRAY(&g->sum->arena, const struct stats_series *, g->view->count);
    }
    of->series[of->count++] = series;
  }
}

void stats_sum_open(struct stats_sum *sum, const struct stats_view *view) {
  struct gather gather = {.sum = sum, .view = view};
  *sum = (struct stats_sum){0};
  arena_init(&sum->arena);
  map_init(&gather.bases);
  map_init(&gather.series);
  for (size_t w = 0; w < view->count; w++) {
    const struct stats_base *base =
        atomic_load_explicit(&view->workers[w]->bases, memory_order_acquire);
    for (; base; base = atomic_load_explicit(&base->next, memory_order_acquire))
      add_base(&gather, base);
  }
  map_dispose(&gather.bases);
  map_dispose(&gather.series);
}

void stats_sum_close(struct stats_sum *sum) {
  arena_dispose(&sum->arena);
}

void stats_sum_histogram(struct stats_totals *totals, const struct stats_histogram *one) {
  for (size_t i = 0; i < STATS_BUCKETS; i++) {
    uint64_t count = stats_read(&one->buckets[i]);
    totals->buckets[i] += count;
    totals->count += count;
  }
  totals->sum += stats_read(&one->sum);
}

void stats_sum_series(const struct stats_merged *merged, size_t offset, struct stats_totals *ret) {
  *ret = (struct stats_totals){0};
  for (size_t i = 0; i < merged->count; i++) {
    const char *at = (const char *)merged->series[i] + offset;
    stats_sum_histogram(ret, (const struct stats_histogram *)(const void *)at);
  }
}

uint64_t stats_sum_requests(const struct stats_merged *merged) {
  uint64_t value = 0;
  for (size_t i = 0; i < merged->count; i++)
    value += stats_read(&merged->series[i]->requests);
  return value;
}

uint64_t stats_sum_base(const struct stats_merged *merged, size_t offset) {
  uint64_t value = 0;
  for (size_t i = 0; i < merged->count; i++)
    value += read_at(merged->bases[i], offset);
  return value;
}

uint64_t stats_sum_cluster(const struct stats_view *view, struct table_slot slot, size_t offset) {
  uint64_t value = 0;
  for (size_t w = 0; w < view->count; w++) {
    const struct stats_cluster *cluster = stats_find_cluster(view->workers[w], slot);
    if (cluster)
      value += read_at(cluster, offset);
  }
  return value;
}

uint64_t stats_sum_worker(const struct stats_view *view, size_t offset) {
  uint64_t value = 0;
  for (size_t w = 0; w < view->count; w++)
    value += read_at(view->workers[w], offset);
  return value;
}

static const struct stats_listener *find_listener(const struct stats *stats, const char *address) {
  const struct stats_listener *one = atomic_load_explicit(&stats->listeners, memory_order_acquire);
  while (one && strcmp(one->address, address) != 0)
    one = atomic_load_explicit(&one->next, memory_order_acquire);
  return one;
}

void stats_sum_listeners(const struct stats_view *view, size_t offset, stats_listener_fn each,
                         void *ctx) {
  for (size_t w = 0; w < view->count; w++) {
    const struct stats_listener *one =
        atomic_load_explicit(&view->workers[w]->listeners, memory_order_acquire);
    for (; one; one = atomic_load_explicit(&one->next, memory_order_acquire)) {
      uint64_t value = 0;
      bool seen = false;
      for (size_t v = 0; v < view->count; v++) {
        const struct stats_listener *same = find_listener(view->workers[v], one->address);
        seen = seen || (same && v < w); // an earlier worker has it: it was told already
        value += same ? read_at(same, offset) : 0;
      }
      if (!seen)
        each(ctx, one->address, value);
    }
  }
}

static size_t add_code(struct stats_code_total *list, size_t count, unsigned status,
                       uint64_t value) {
  size_t i = 0;
  while (i < count && list[i].status < status)
    i++;
  if (i < count && list[i].status == status) {
    list[i].count += value;
    return count;
  }
  if (count == STATS_CODE_TOTALS)
    return count;
  for (size_t k = count; k > i; k--)
    list[k] = list[k - 1];
  list[i] = (struct stats_code_total){status, value};
  return count + 1;
}

size_t stats_sum_codes(const struct stats_view *view, struct table_slot slot,
                       struct stats_code_total ret[STATS_CODE_TOTALS]) {
  size_t count = 0;
  for (size_t w = 0; w < view->count; w++) {
    const struct stats_cluster *cluster = stats_find_cluster(view->workers[w], slot);
    for (size_t i = 0; cluster && i < STATS_CODES; i++) {
      unsigned status = atomic_load_explicit(&cluster->codes[i].status, memory_order_relaxed);
      if (status > 0)
        count = add_code(ret, count, status, stats_read(&cluster->codes[i].count));
    }
  }
  return count;
}

void stats_sum_rq_time(const struct stats_view *view, struct table_slot slot,
                       struct stats_totals *ret) {
  *ret = (struct stats_totals){0};
  for (size_t w = 0; w < view->count; w++) {
    const struct stats_cluster *cluster = stats_find_cluster(view->workers[w], slot);
    if (cluster)
      stats_sum_histogram(ret, &cluster->rq_time_ms);
  }
}

size_t stats_sum_server(const struct stats_view *view, struct stats_value ret[STATS_VALUES]) {
  const struct proxy_table *table = view->table;
  const struct stats_value rows[] = {
      {"envoy_server", "live", true, view->is_live},
      // 0 live, 1 draining, 2 before the first configuration.
      {"envoy_server", "state", true,
       view->is_draining ? 1
       : view->is_live   ? 0
                         : 2},
      {"envoy_server", "uptime", true, view->uptime_s},
      {"envoy_server", "concurrency", true, view->count},
      {"envoy_server", "memory_physical_size", true, view->memory_bytes},
      {"envoy_server", "total_connections", true,
       stats_sum_worker(view, offsetof(struct stats, downstream_cx_active))},
      {"envoy_cluster_manager", "active_clusters", true, table ? table->cluster_count : 0},
      {"envoy_listener_manager", "total_listeners_active", true, table ? table->listener_count : 0},
      {"serin_proxy", "draining", true, view->is_draining},
      {"serin_proxy", "table_version", true, view->table_version},
      {"serin_proxy", "tables", true, view->tables},
      {"serin_proxy", "series_overflow_total", false,
       stats_sum_worker(view, offsetof(struct stats, overflow))},
      {"serin_proxy", "streams_draining", true,
       stats_sum_worker(view, offsetof(struct stats, streams_draining))},
      {"serin_proxy", "streams_drained_total", false,
       stats_sum_worker(view, offsetof(struct stats, streams_drained))},
      {"serin_proxy", "access_log_dropped_total", false, view->access_log_dropped},
      {"serin_proxy", "access_log_lines_total", false, view->access_log_written},
  };
  _Static_assert(ARRAY_LEN(rows) <= STATS_VALUES, "STATS_VALUES is too small");
  for (size_t i = 0; i < ARRAY_LEN(rows); i++)
    ret[i] = rows[i];
  return ARRAY_LEN(rows);
}
