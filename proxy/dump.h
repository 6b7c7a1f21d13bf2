// SPDX-License-Identifier: Apache-2.0
// A table as text for people and tools: /config_dump, /clusters, /listeners and `serin
// proxy-config`. Pure. What a worker knows of endpoints (requests, health) is asked from the
// caller.
#pragma once

#include "manifests/base/buf.h"
#include "proxy/table.h"

// Numbers of one endpoint; all zero where nothing is known.
struct dump_endpoint_stats {
  uint64_t cx_active, cx_total, cx_connect_fail;
  uint64_t rq_active, rq_total, rq_success, rq_error, rq_timeout;
  bool is_ejected;
  int64_t ejected_until_ms; // wall clock; it returns with the first sweep after that
};
typedef void (*dump_stats_fn)(void *ctx, const struct table_cluster *cluster,
                              const struct table_endpoint *endpoint,
                              struct dump_endpoint_stats *ret_stats);

// Why a listener is not open, "" when it is; NULL: all are.
struct dump_listening {
  const char *(*error)(void *ctx, const struct table_listener *listener);
  void *ctx;
};

// Each appends to `out` and returns 0 or RC_LIMIT. `stats` may be NULL.
int dump_config(struct buf *out, const struct proxy_table *table, struct str source,
                struct str last_error,
                const struct dump_listening
                    *listening); // JSON: all of the below, findings and unenforced fields
int dump_routes(struct buf *out, const struct proxy_table *table);    // JSON
int dump_endpoints(struct buf *out, const struct proxy_table *table); // JSON
int dump_listeners(struct buf *out, const struct proxy_table *table, bool json,
                   const struct dump_listening *listening);
// Envoy's lines `cluster::ip:port::stat::value`, or JSON.
int dump_clusters(struct buf *out, const struct proxy_table *table, bool json, dump_stats_fn stats,
                  void *ctx);
