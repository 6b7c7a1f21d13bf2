// SPDX-License-Identifier: Apache-2.0
// connectionPool and retryBudget as clusters have them: what is not given is not limited, and
// blocks replace each other whole.
#include "support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NONE UINT32_MAX

static const char *const versions[] = {"v1"};

static const struct table_pool *pool_of(const struct proxy_table *table, const char *id) {
  const struct table_cluster *cluster = table_find_cluster(table, str_of(id));
  assert_non_null(cluster);
  return &cluster->pool;
}

static struct proxy_table *build(struct fixture *fixture, const char *policy, const char *subset) {
  char yaml[2048];
  fixture_init(fixture);
  fixture_add_service(fixture, "agent", "default", versions, 1);
  (void)snprintf(yaml, sizeof yaml,
                 "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\n"
                 "spec: {host: agent, trafficPolicy: %s, subsets: [{name: v1, labels: {version: "
                 "v1}%s%s}]}\n",
                 policy, *subset ? ", trafficPolicy: " : "", subset);
  fixture_apply(fixture, yaml);
  return fixture_build(fixture);
}

static void what_is_given_is_limited(void **state) {
  (void)state;
  static const struct {
    const char *policy;
    struct table_pool pool;
  } cases[] = {
      {"{connectionPool: {tcp: {maxConnections: 7}}}",
       {.is_limited = true,
        .max_connections = 7,
        .max_pending = NONE,
        .max_requests = NONE,
        .max_retries = NONE}},
      {"{connectionPool: {http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRetries: 3}}}",
       {.is_limited = true,
        .max_connections = NONE,
        .max_pending = 1,
        .max_requests = 2,
        .max_retries = 3}},
      {"{connectionPool: {http: {maxRetries: 3}}}", // looked at with retries only
       {.max_connections = NONE, .max_pending = NONE, .max_requests = NONE, .max_retries = 3}},
      {"{connectionPool: {tcp: {maxConnections: 0}, http: {http1MaxPendingRequests: 0}}}",
       {.max_connections = NONE, .max_pending = NONE, .max_requests = NONE, .max_retries = NONE}},
      {"{loadBalancer: {simple: RANDOM}}",
       {.max_connections = NONE, .max_pending = NONE, .max_requests = NONE, .max_retries = NONE}},
      {"{connectionPool: {tcp: {idleTimeout: 5s, maxConnectionDuration: 1h, tcpKeepalive: {probes: "
       "2, time: 1500ms, interval: 10ms}}}}",
       {.max_connections = NONE,
        .max_pending = NONE,
        .max_requests = NONE,
        .max_retries = NONE,
        .idle_timeout_ms = 5000,
        .max_duration_ms = 3600000,
        .has_keepalive = true,
        .keepalive_probes = 2,
        .keepalive_time_s = 1,
        .keepalive_interval_s = 1}},
      {"{connectionPool: {tcp: {idleTimeout: 5s}, http: {idleTimeout: 7s}}}",
       {.max_connections = NONE,
        .max_pending = NONE,
        .max_requests = NONE,
        .max_retries = NONE,
        .idle_timeout_ms = 7000}},
      {"{retryBudget: {}}",
       {.max_connections = NONE,
        .max_pending = NONE,
        .max_requests = NONE,
        .max_retries = NONE,
        .has_retry_budget = true,
        .budget_percent = 20,
        .budget_min = 3}},
      {"{retryBudget: {percent: 0, minRetryConcurrency: 0}}",
       {.max_connections = NONE,
        .max_pending = NONE,
        .max_requests = NONE,
        .max_retries = NONE,
        .has_retry_budget = true}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct proxy_table *table = build(&fixture, cases[i].policy, "");
    const struct table_pool *got = pool_of(table, "outbound|8080||agent.default.svc.cluster.local");
    const struct table_pool *want = &cases[i].pool;
    assert_int_equal(got->is_limited, want->is_limited);
    assert_int_equal(got->max_connections, want->max_connections);
    assert_int_equal(got->max_pending, want->max_pending);
    assert_int_equal(got->max_requests, want->max_requests);
    assert_int_equal(got->max_retries, want->max_retries);
    assert_int_equal(got->idle_timeout_ms, want->idle_timeout_ms);
    assert_int_equal(got->max_duration_ms, want->max_duration_ms);
    assert_int_equal(got->has_keepalive, want->has_keepalive);
    assert_int_equal(got->keepalive_probes, want->keepalive_probes);
    assert_int_equal(got->keepalive_time_s, want->keepalive_time_s);
    assert_int_equal(got->keepalive_interval_s, want->keepalive_interval_s);
    assert_int_equal(got->has_retry_budget, want->has_retry_budget);
    assert_true(got->budget_percent == want->budget_percent);
    assert_int_equal(got->budget_min, want->budget_min);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void a_subset_has_the_blocks_it_gives_whole(void **state) {
  (void)state;
  struct fixture fixture;
  struct proxy_table *table =
      build(&fixture,
            "{connectionPool: {tcp: {maxConnections: 5}, http: {maxRetries: 2}}, retryBudget: "
            "{percent: 50}}",
            "{connectionPool: {tcp: {maxConnections: 9}}}");
  const struct table_pool *subset =
      pool_of(table, "outbound|8080|v1|agent.default.svc.cluster.local");
  assert_int_equal(subset->max_connections, 9);
  assert_int_equal(subset->max_retries, NONE); // not inherited within the block
  assert_true(subset->has_retry_budget);       // a block of its own
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_given_is_limited),
      cmocka_unit_test(a_subset_has_the_blocks_it_gives_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
