// SPDX-License-Identifier: Apache-2.0
// The circuit breaker of a cluster as Envoy shows it: which limit is reached (0 or 1), how much is
// left. Computed when somebody asks; no worker keeps these.
#pragma once

#include "proxy/stats_sum.h"

// XX(name): gauges below circuit_breakers.default
#define STATS_BREAKER_MAP(XX)                                                                      \
  XX(cx_open)                                                                                      \
  XX(cx_pool_open)                                                                                 \
  XX(rq_pending_open)                                                                              \
  XX(rq_open)                                                                                      \
  XX(rq_retry_open)                                                                                \
  XX(remaining_cx)                                                                                 \
  XX(remaining_pending)                                                                            \
  XX(remaining_rq)                                                                                 \
  XX(remaining_retries)

#define XX(name)                                                                                   \
  uint64_t stats_breaker_##name(const struct stats_view *view, const struct table_cluster *cluster);
STATS_BREAKER_MAP(XX)
#undef XX
