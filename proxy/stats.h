// SPDX-License-Identifier: Apache-2.0
// Counters of one worker. Only its own thread writes (relaxed stores, no locks, no
// read-modify-write); the admin thread reads at any time and adds the workers up (stats_text.c).
// Nothing is freed or set back while the process lives, so a reader needs no permission. Series are
// found by pointer: a table's endpoint leads to its label set (stats_base), that to the series of a
// status and flags.
#pragma once

#include "manifests/base/map.h"
#include "proxy/table.h"

#include <stdatomic.h>

// Upper bounds of the histograms, Istio's own (docs/dataplane.md 5.3); +Inf is one more.
#define STATS_BOUNDS 19
#define STATS_BUCKETS (STATS_BOUNDS + 1)
extern const double stats_bounds[STATS_BOUNDS];

// Caps against labels that peers choose; beyond them everything counts in one shared series.
#define STATS_BASES_MAX 4096u
#define STATS_SERIES_MAX 16384u

typedef _Atomic uint64_t stats_counter;

static inline void stats_add(stats_counter *counter, uint64_t n) {
  // One writer: a plain load and store, never a locked instruction.
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                        memory_order_relaxed);
}
static inline uint64_t stats_read(const stats_counter *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

struct stats_histogram {
  stats_counter buckets[STATS_BUCKETS]; // not cumulative
  stats_counter sum;
};

// Which bucket a number belongs to: that of the first bound it does not exceed.
size_t stats_bucket(uint64_t value);

// One combination of the labels that depend on the response.
struct stats_series {
  _Atomic(struct stats_series *) next;
  uint16_t status;
  int16_t grpc_status; // -1: none
  bool is_grpc;
  uint32_t flags; // bits of enum exchange_flag
  stats_counter requests;
  struct stats_histogram duration_ms, request_bytes, response_bytes;
};

// One combination of the labels that depend on who is asked.
struct stats_base {
  _Atomic(struct stats_base *) next;
  struct str labels; // source_workload ... destination_cluster, as text
  _Atomic(struct stats_series *) series;
  struct stats_series *last; // the worker's own shortcut
  // Of upstream connections. Sent: towards the client, received: from it, as Istio counts.
  stats_counter connections_opened, connections_closed, sent_bytes, received_bytes;
  stats_counter request_messages, response_messages; // gRPC
};

// Numbers of Envoy's cluster scope. XX(name)
#define STATS_CLUSTER_MAP(XX)                                                                      \
  XX(upstream_cx_total)                                                                            \
  XX(upstream_cx_http1_total)                                                                      \
  XX(upstream_cx_rx_bytes_total)                                                                   \
  XX(upstream_cx_tx_bytes_total)                                                                   \
  XX(upstream_cx_idle_timeout)                                                                     \
  XX(upstream_cx_destroy)                                                                          \
  XX(upstream_cx_connect_fail)                                                                     \
  XX(upstream_cx_connect_timeout)                                                                  \
  XX(upstream_cx_max_requests)                                                                     \
  XX(upstream_cx_max_duration_reached)                                                             \
  XX(upstream_cx_overflow)                                                                         \
  XX(upstream_rq_total)                                                                            \
  XX(upstream_rq_completed)                                                                        \
  XX(upstream_rq_pending_total)                                                                    \
  XX(upstream_rq_pending_overflow)                                                                 \
  XX(upstream_rq_pending_failure_eject)                                                            \
  XX(upstream_rq_cancelled)                                                                        \
  XX(upstream_rq_timeout)                                                                          \
  XX(upstream_rq_per_try_timeout)                                                                  \
  XX(upstream_rq_rx_reset)                                                                         \
  XX(upstream_rq_tx_reset)                                                                         \
  XX(upstream_rq_retry)                                                                            \
  XX(upstream_rq_retry_success)                                                                    \
  XX(upstream_rq_retry_limit_exceeded)                                                             \
  XX(upstream_rq_retry_overflow)                                                                   \
  XX(upstream_rq_retry_backoff_exponential)                                                        \
  XX(upstream_rq_2xx)                                                                              \
  XX(upstream_rq_3xx)                                                                              \
  XX(upstream_rq_4xx)                                                                              \
  XX(upstream_rq_5xx)                                                                              \
  XX(retry_or_shadow_abandoned)                                                                    \
  XX(lb_healthy_panic)                                                                             \
  XX(outlier_detection_ejections_enforced_total)                                                   \
  XX(outlier_detection_ejections_overflow)                                                         \
  XX(outlier_detection_ejections_detected_consecutive_5xx)                                         \
  XX(outlier_detection_ejections_enforced_consecutive_5xx)                                         \
  XX(outlier_detection_ejections_detected_consecutive_gateway_failure)                             \
  XX(outlier_detection_ejections_enforced_consecutive_gateway_failure)                             \
  XX(outlier_detection_ejections_detected_consecutive_local_origin_failure)                        \
  XX(outlier_detection_ejections_enforced_consecutive_local_origin_failure)                        \
  XX(upstream_stale_connection)

#define STATS_CLUSTER_GAUGE_MAP(XX)                                                                \
  XX(upstream_cx_active)                                                                           \
  XX(upstream_rq_active)                                                                           \
  XX(upstream_rq_pending_active)

// Responses of one status code, `upstream_rq_<code>` of Envoy. A cluster has few of them; those
// that find no place count in their class (2xx) only.
#define STATS_CODES 12u
struct stats_code {
  _Atomic uint32_t status; // 0: free
  stats_counter count;
};

struct stats_cluster {
  _Atomic uint32_t generation; // of the slot it counts for
#define XX(name) stats_counter name;
  STATS_CLUSTER_MAP(XX)
  STATS_CLUSTER_GAUGE_MAP(XX)
#undef XX
  struct stats_code codes[STATS_CODES];
  struct stats_histogram rq_time_ms; // upstream_rq_time: head sent to response complete
};

struct stats_endpoint {
  _Atomic uint32_t generation;
  stats_counter cx_active, cx_total, cx_connect_fail;
  stats_counter rq_active, rq_total, rq_success, rq_error, rq_timeout;
};

// Of the listeners. XX(name)
#define STATS_DOWNSTREAM_MAP(XX)                                                                   \
  XX(downstream_cx_total)                                                                          \
  XX(downstream_cx_destroy)                                                                        \
  XX(downstream_cx_protocol_error)                                                                 \
  XX(downstream_cx_rx_bytes_total)                                                                 \
  XX(downstream_cx_tx_bytes_total)                                                                 \
  XX(downstream_cx_overflow)                                                                       \
  XX(downstream_cx_idle_timeout)                                                                   \
  XX(downstream_cx_max_duration_reached)                                                           \
  XX(downstream_cx_drain_close)                                                                    \
  XX(downstream_rq_total)                                                                          \
  XX(downstream_rq_completed)                                                                      \
  XX(downstream_rq_1xx)                                                                            \
  XX(downstream_rq_2xx)                                                                            \
  XX(downstream_rq_3xx)                                                                            \
  XX(downstream_rq_4xx)                                                                            \
  XX(downstream_rq_5xx)                                                                            \
  XX(downstream_rq_rx_reset)                                                                       \
  XX(downstream_rq_tx_reset)                                                                       \
  XX(downstream_rq_header_timeout)                                                                 \
  XX(downstream_rq_timeout)                                                                        \
  XX(downstream_rq_too_large)                                                                      \
  XX(downstream_rq_overload_close)                                                                 \
  XX(route_pattern_limit)                                                                          \
  XX(no_route)                                                                                     \
  XX(rq_direct_response)                                                                           \
  XX(fault_delays_injected)                                                                        \
  XX(fault_aborts_injected)                                                                        \
  XX(cors_origin_valid)                                                                            \
  XX(cors_origin_invalid)

#define STATS_DOWNSTREAM_GAUGE_MAP(XX)                                                             \
  XX(downstream_cx_active)                                                                         \
  XX(downstream_rq_active)                                                                         \
  XX(fault_active_faults)

// Of one listening address. Made by the main thread, counted by the worker.
struct stats_listener {
  _Atomic(struct stats_listener *) next;
  char address[64]; // 127.0.0.1_8080, as Envoy tags it
  stats_counter downstream_cx_total, downstream_cx_active;
};

#define STATS_BLOCK 256u
#define STATS_BLOCKS 4096u

struct stats {
  _Atomic(struct stats_base *) bases; // newest first; grows only
  _Atomic(struct stats_listener *) listeners;
  struct map by_labels;     // the worker's own
  struct str source_labels; // labels 2 to 9, the same for all
  size_t base_count, series_count;
  stats_counter streams_drained, streams_draining;
  stats_counter overflow;             // requests counted in the shared series
  struct stats_base *shared;          // all labels unknown
  struct stats_series *shared_series; // for all that is over a cap; status 0
  _Atomic(struct stats_cluster *) clusters[STATS_BLOCKS];
  _Atomic(struct stats_endpoint *) endpoints[STATS_BLOCKS];
#define XX(name) stats_counter name;
  STATS_DOWNSTREAM_MAP(XX)
  STATS_DOWNSTREAM_GAUGE_MAP(XX)
#undef XX
};

// What the proxy says of itself in labels 2 to 9; empty values become "unknown" and "latest".
struct stats_source {
  struct str workload, workload_namespace, canonical_service, canonical_revision, app, version,
      cluster;
};

struct stats *stats_new(const struct stats_source *source);
void stats_free(struct stats *stats);

// The label set of an endpoint, or (endpoint NULL) of a request that reached none. The three
// service labels are never empty. Hashes text: ask once per endpoint and table, not per request.
struct stats_base *stats_base(struct stats *stats, const struct table_peer *peer,
                              struct str service, struct str service_name,
                              struct str service_namespace);

// The counters of an address, the same whenever it is opened again. By one thread only.
struct stats_listener *stats_listener(struct stats *stats, const char *host, uint16_t port);

struct stats_sample {
  uint16_t status;
  int16_t grpc_status; // -1: none
  bool is_grpc;
  uint32_t flags;
  uint64_t duration_ms, request_bytes, response_bytes;
};

void stats_record(struct stats *stats, struct stats_base *base, const struct stats_sample *sample);
// What a request to this cluster was answered with, 200 to 599: its code, its class, and (-1: no
// answer came from there) how long the backend took.
void stats_response(struct stats_cluster *cluster, unsigned status, int64_t time_ms);

// The counters of a slot, started anew when the slot belongs to another key now.
struct stats_cluster *stats_cluster(struct stats *stats, struct table_slot slot);
struct stats_endpoint *stats_endpoint(struct stats *stats, struct table_slot slot);
// For readers: NULL when nothing was counted for this slot yet.
const struct stats_cluster *stats_find_cluster(const struct stats *stats, struct table_slot slot);
const struct stats_endpoint *stats_find_endpoint(const struct stats *stats, struct table_slot slot);
