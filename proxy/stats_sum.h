// SPDX-License-Identifier: Apache-2.0
// The counters of all workers brought together, for whoever shows them (stats_text.c,
// stats_plain.c). Only pointers are gathered; numbers are added up when they are written, so a
// reader that takes its time costs little memory. Runs on the admin thread while the workers go on
// counting.
#pragma once

#include "manifests/base/arena.h"
#include "proxy/outlier_set.h"
#include "proxy/stats.h"

enum stats_reporter { STATS_SOURCE = 1, STATS_DESTINATION = 2 };

struct breakers;

// What there is to show.
struct stats_view {
  struct stats *const *workers;
  size_t count;
  const struct proxy_table *table;    // for names of clusters and endpoints; may be NULL
  const struct outlier_set *outliers; // health of the endpoints; may be NULL
  struct breakers *breakers;          // connections and retries of the clusters; may be NULL
  unsigned reporters;                 // bits of enum stats_reporter
  bool tcp_for_http;                  // count upstream connections under istio_tcp_*
  bool is_live, is_draining;
  uint64_t uptime_s, access_log_dropped, access_log_written, table_version, tables;
  uint64_t memory_bytes; // resident
};

// Series of the same labels, one of each worker that has it.
struct stats_merged {
  const struct stats_base *base; // of any of them: the labels
  const struct stats_series *kind;
  const struct stats_series **series; // merged requests
  const struct stats_base **bases;    // merged connections
  size_t count;
};

struct stats_sum {
  struct arena arena;
  struct stats_merged *requests, *bases;
  size_t request_count, request_capacity, base_count, base_capacity;
};

void stats_sum_open(struct stats_sum *sum, const struct stats_view *view);
void stats_sum_close(struct stats_sum *sum);

struct stats_totals {
  uint64_t buckets[STATS_BUCKETS], count, sum;
};
void stats_sum_histogram(struct stats_totals *totals, const struct stats_histogram *one);
// The histogram at this offset of struct stats_series, of all workers.
void stats_sum_series(const struct stats_merged *merged, size_t offset, struct stats_totals *ret);
uint64_t stats_sum_requests(const struct stats_merged *merged);
// The counter at this offset of struct stats_base.
uint64_t stats_sum_base(const struct stats_merged *merged, size_t offset);
// The counter at this offset of struct stats_cluster, of struct stats.
uint64_t stats_sum_cluster(const struct stats_view *view, struct table_slot slot, size_t offset);
uint64_t stats_sum_worker(const struct stats_view *view, size_t offset);

// Each listening address once. Calls back with the address and the sum of this counter.
typedef void (*stats_listener_fn)(void *ctx, const char *address, uint64_t value);
void stats_sum_listeners(const struct stats_view *view, size_t offset, stats_listener_fn each,
                         void *ctx);

// The status codes of a cluster with their counts.
struct stats_code_total {
  unsigned status;
  uint64_t count;
};
#define STATS_CODE_TOTALS 64u
size_t stats_sum_codes(const struct stats_view *view, struct table_slot slot,
                       struct stats_code_total ret[STATS_CODE_TOTALS]);
void stats_sum_rq_time(const struct stats_view *view, struct table_slot slot,
                       struct stats_totals *ret);

// Rows of Envoy's scopes, made from the lists in stats.h.
struct stats_row {
  const char *name; // upstream_rq_total
  size_t offset;
  bool is_gauge;
};
extern const struct stats_row stats_cluster_rows[], stats_downstream_rows[];
extern const size_t stats_cluster_row_count, stats_downstream_row_count;

// Gauges of a cluster that nobody counts: they follow from the table and from who is ejected.
struct stats_derived {
  const char *name;
  uint64_t (*value)(const struct stats_view *view, const struct table_cluster *cluster);
};
extern const struct stats_derived stats_derived_rows[];
extern const size_t stats_derived_row_count;

// What the process says of itself.
struct stats_value {
  const char *scope, *name; // "server", "live"; metric envoy_server_live
  bool is_gauge;
  uint64_t value;
};
#define STATS_VALUES 16u
size_t stats_sum_server(const struct stats_view *view, struct stats_value ret[STATS_VALUES]);
