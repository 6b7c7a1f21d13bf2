// SPDX-License-Identifier: Apache-2.0
// The counters of all workers, added up and written as text: for Prometheus and for /stats. Runs on
// the admin thread while the workers go on counting.
#pragma once

#include "manifests/base/buf.h"
#include "proxy/outlier_set.h"
#include "proxy/stats.h"

enum stats_reporter { STATS_SOURCE = 1, STATS_DESTINATION = 2 };

struct stats_text_input {
  struct stats *const *workers;
  size_t count;
  const struct proxy_table *table;    // for names of clusters and endpoints; may be NULL
  const struct outlier_set *outliers; // health of the endpoints; may be NULL
  unsigned reporters;                 // bits of enum stats_reporter
  bool tcp_for_http;                  // count upstream connections under istio_tcp_*
  bool is_live, is_draining;
  uint64_t uptime_s, access_log_dropped, table_version;
};

// Prometheus text format 0.0.4, Istio's metrics and Envoy's. 0 or RC_LIMIT.
int stats_text_prometheus(struct buf *out, const struct stats_text_input *input);
// Lines `name: value`, Envoy's names. Those that contain `filter` ("" for all); used_only: above
// zero.
int stats_text_plain(struct buf *out, const struct stats_text_input *input, struct str filter,
                     bool used_only);
