// SPDX-License-Identifier: Apache-2.0
// The connectionPool and retryBudget blocks of a cluster's policy.
#include "proxy/table_parts.h"

#define POOL_CONNECT_TIMEOUT_MS 10000 // Istio's meshConfig.connectTimeout
#define POOL_BUDGET_PERCENT 20
#define POOL_BUDGET_MIN 3

// Zero in a manifest is "not given", never "none".
static uint32_t pool_limit(int64_t declared) {
  return declared > 0 && declared < UINT32_MAX ? (uint32_t)declared : UINT32_MAX;
}

// The kernel counts in seconds; less than one is one.
static int pool_seconds(int64_t ms) {
  int64_t seconds = ms > 0 && ms < 1000 ? 1 : ms / 1000;
  return seconds < INT32_MAX ? (int)seconds : INT32_MAX;
}

static void pool_set_tcp(struct table_cluster *cluster, const struct dr_tcp_pool *tcp) {
  struct table_pool *pool = &cluster->pool;
  if (tcp->connect_timeout_ms > 0)
    cluster->connect_timeout_ms = tcp->connect_timeout_ms;
  pool->max_connections = pool_limit(tcp->max_connections);
  pool->max_duration_ms = tcp->max_connection_duration_ms;
  pool->idle_timeout_ms = tcp->idle_timeout_ms;
  if (!tcp->tcp_keepalive)
    return;
  pool->has_keepalive = true;
  pool->keepalive_probes = (int)tcp->tcp_keepalive->probes;
  pool->keepalive_time_s = pool_seconds(tcp->tcp_keepalive->time_ms);
  pool->keepalive_interval_s = pool_seconds(tcp->tcp_keepalive->interval_ms);
}

static void pool_set_http(struct table_cluster *cluster, const struct dr_http_pool *http) {
  struct table_pool *pool = &cluster->pool;
  pool->max_pending = pool_limit(http->http1_max_pending_requests);
  pool->max_requests = pool_limit(http->http2_max_requests);
  pool->max_retries = pool_limit(http->max_retries);
  if (http->idle_timeout_ms > 0)
    pool->idle_timeout_ms = http->idle_timeout_ms;
  if (http->max_requests_per_connection > 0 && http->max_requests_per_connection <= UINT32_MAX)
    cluster->max_requests_per_connection = (uint32_t)http->max_requests_per_connection;
}

void table_make_pool(const struct dr_connection_pool *declared,
                     const struct dr_retry_budget *budget, struct table_cluster *cluster) {
  struct table_pool *pool = &cluster->pool;
  *pool = (struct table_pool){.max_connections = UINT32_MAX,
                              .max_pending = UINT32_MAX,
                              .max_requests = UINT32_MAX,
                              .max_retries = UINT32_MAX};
  cluster->connect_timeout_ms = POOL_CONNECT_TIMEOUT_MS;
  if (declared && declared->tcp)
    pool_set_tcp(cluster, declared->tcp);
  if (declared && declared->http)
    pool_set_http(cluster, declared->http);
  pool->is_limited = pool->max_connections != UINT32_MAX || pool->max_pending != UINT32_MAX ||
                     pool->max_requests != UINT32_MAX;
  if (!budget)
    return;
  pool->has_retry_budget = true;
  pool->budget_percent = budget->has_percent ? budget->percent : POOL_BUDGET_PERCENT;
  pool->budget_min =
      budget->has_min_retry_concurrency ? (uint32_t)budget->min_retry_concurrency : POOL_BUDGET_MIN;
}
