// SPDX-License-Identifier: Apache-2.0
// Each manifest of examples/kagenti on top of one running service: what it means for a request.
#include "tests/unit/proxy/support_table.h"

#include "proxy/outlier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#define HOST "research-agent.team1.svc.cluster.local"
#define SUBSETS "04-destinationrule-subsets.yaml"

static struct str read_file(struct arena *arena, const char *path) {
  char part[65536];
  FILE *file = fopen(path, "rb");
  if (!file)
    fail_msg("cannot read %s", path);
  size_t len = fread(part, 1, sizeof part, file);
  assert_true(len > 0 && len < sizeof part);
  (void)fclose(file);
  return arena_str(arena, (struct str){part, len});
}

static void apply_file(struct fixture *fixture, const char *name) {
  struct str path = arena_printf(&fixture->arena, "%s/examples/kagenti/%s", SERIN_SOURCE_DIR, name);
  fixture_apply_text(fixture, read_file(&fixture->arena, path.ptr), path);
}

static struct proxy_table *table_with(struct fixture *fixture, const char *const *names,
                                      size_t count) {
  static const char *const versions[] = {"v1", "v2"};
  fixture_init(fixture);
  fixture_add_service(fixture, "research-agent", "team1", versions, 2);
  for (size_t i = 0; i < count; i++)
    apply_file(fixture, names[i]);
  return fixture_build(fixture);
}

static size_t count_of(const struct proxy_table *table, const char *line, const char *subset,
                       size_t n) {
  struct test_request *request = test_request_new(line);
  struct route_worker worker;
  size_t count = 0;
  route_worker_init(&worker, 5);
  route_worker_fit(&worker, table);
  for (size_t i = 0; i < n; i++) {
    struct route_decision decision;
    route_match(table, &request->request, &worker, &decision);
    count += decision.cluster && str_eq_z(decision.cluster->subset, subset);
  }
  route_worker_dispose(&worker);
  test_request_free(request);
  return count;
}

static void the_steps_of_the_canary_run(void **state) {
  (void)state;
  static const struct {
    const char *file;
    size_t canary; // of 1000
  } steps[] = {{"10-canary-step2-10-percent.yaml", 100},
               {"11-canary-step4-50-percent.yaml", 500},
               {"12-canary-step5-100-percent.yaml", 1000}};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    struct fixture fixture;
    const char *const files[] = {SUBSETS, steps[i].file};
    struct proxy_table *table = table_with(&fixture, files, 2);
    assert_int_equal(table->findings.errors, 0);
    size_t canary = count_of(table, "GET " HOST " /a2a/task", "v2", 1000);
    assert_in_range(canary, steps[i].canary - 3, steps[i].canary + 3);
    assert_int_equal(count_of(table, "GET " HOST " /", "v1", 1000) + canary, 1000);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void testers_go_to_the_canary(void **state) {
  (void)state;
  struct fixture fixture;
  const char *const files[] = {SUBSETS, "03-virtualservice-header-weight.yaml"};
  struct proxy_table *table = table_with(&fixture, files, 2);
  assert_int_equal(count_of(table, "GET " HOST " / x-user-type:beta-tester", "v2", 100), 100);
  assert_int_equal(count_of(table, "GET " HOST " / x-user-type:other", "v1", 100), 100);
  assert_int_equal(count_of(table, "GET " HOST " /", "v1", 100), 100);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void timeouts_and_retries(void **state) {
  (void)state;
  static const struct {
    const char *file;
    int64_t timeout_ms, per_try_ms;
    uint32_t attempts, on;
  } cases[] = {
      {"05-retries.yaml", 0, 2000, 3,
       RETRY_ON_5XX | RETRY_ON_RESET | RETRY_ON_REFUSED_STREAM | RETRY_ON_RETRIABLE_4XX},
      {"06-timeout.yaml", 10000, 0, 2, RETRY_DEFAULT_ON},
      {"18-timeout-and-retries.yaml", 15000, 5000, 3,
       RETRY_ON_5XX | RETRY_ON_RESET | RETRY_ON_REFUSED_STREAM},
      {"26-retry-safe.yaml", 0, 0, 3, RETRY_ON_5XX | RETRY_ON_RESET},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct proxy_table *table = table_with(&fixture, &cases[i].file, 1);
    const struct table_route *route = &table->hosts[0].routes[0];
    assert_int_equal(table->findings.errors, 0);
    assert_int_equal(route->timeout_ms, cases[i].timeout_ms);
    assert_int_equal(route->retry.per_try_timeout_ms, cases[i].per_try_ms);
    assert_int_equal(route->retry.attempts, cases[i].attempts);
    assert_int_equal(route->retry.on, cases[i].on);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void balancers_and_pools(void **state) {
  (void)state;
  static const struct {
    const char *file;
    enum table_balancer balancer;
    uint32_t max_requests;
  } cases[] = {
      {"07-connection-pool.yaml", TABLE_LEAST_REQUEST, 2},
      {"20-loadbalancer-round-robin.yaml", TABLE_ROUND_ROBIN, 0},
      {"21-loadbalancer-least-conn.yaml", TABLE_LEAST_REQUEST, 0},
      {"22-loadbalancer-random.yaml", TABLE_RANDOM, 0},
      {"23-loadbalancer-hash-header.yaml", TABLE_LEAST_REQUEST, 0},
      {"24-loadbalancer-hash-cookie.yaml", TABLE_LEAST_REQUEST, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct proxy_table *table = table_with(&fixture, &cases[i].file, 1);
    const struct table_cluster *cluster = table_find_cluster(table, STR("outbound|8080||" HOST));
    assert_non_null(cluster);
    assert_int_equal(table->findings.errors, 0);
    assert_int_equal(cluster->balancer, cases[i].balancer);
    assert_int_equal(cluster->hash != NULL, str_contains(str_of(cases[i].file), STR("hash")));
    assert_int_equal(cluster->max_requests_per_connection, cases[i].max_requests);
    assert_int_equal(cluster->connect_timeout_ms, 10000);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void outlier_detection_as_declared(void **state) {
  (void)state;
  static const char *const files[] = {"08-outlier-detection.yaml",
                                      "19-advanced-circuit-breaker.yaml"};
  for (size_t i = 0; i < 2; i++) {
    struct fixture fixture;
    struct proxy_table *table = table_with(&fixture, &files[i], 1);
    const struct table_cluster *cluster = table_find_cluster(table, STR("outbound|8080||" HOST));
    assert_non_null(cluster);
    assert_non_null(cluster->outlier);
    assert_true(cluster->outlier->consecutive_5xx > 0);
    assert_true(cluster->outlier->interval_ms > 0);
    assert_true(cluster->outlier->max_percent >= 10);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

// What is not enforced does not stop the rest, and is said.
static void what_comes_later_is_reported(void **state) {
  (void)state;
  static const char *const files[] = {"19-advanced-circuit-breaker.yaml"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    struct fixture fixture;
    struct proxy_table *table = table_with(&fixture, &files[i], 1);
    size_t said = 0;
    for (size_t j = 0; j < table->findings.count; j++)
      said += str_eq(table->findings.items[j].id, STR("not-enforced"));
    if (!said || table->findings.errors)
      fail_msg("%s: %zu not enforced, %zu errors", files[i], said, table->findings.errors);
    bool needs_subsets = str_contains(str_of(files[i]), STR("mirror"));
    assert_string_equal(test_route(&fixture, table, "GET " HOST " /").ptr,
                        needs_subsets ? "503 NC" : "outbound|8080||" HOST);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void together_one_keeps_the_host(void **state) {
  (void)state;
  struct fixture fixture;
  const char *const files[] = {SUBSETS, "05-retries.yaml", "06-timeout.yaml",
                               "10-canary-step2-10-percent.yaml", "18-timeout-and-retries.yaml"};
  struct proxy_table *table = table_with(&fixture, files, 5);
  size_t shadowed = 0;
  for (size_t i = 0; i < table->findings.count; i++)
    shadowed += str_eq(table->findings.items[i].id, STR("duplicate-host"));
  assert_int_equal(shadowed, 3);
  assert_true(str_eq(table->hosts[0].source, STR("VirtualService/team1/research-agent-canary")));
  assert_int_equal(count_of(table, "GET " HOST " /", "v2", 1000) / 10, 10);
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_steps_of_the_canary_run),
      cmocka_unit_test(testers_go_to_the_canary),
      cmocka_unit_test(timeouts_and_retries),
      cmocka_unit_test(balancers_and_pools),
      cmocka_unit_test(outlier_detection_as_declared),
      cmocka_unit_test(what_comes_later_is_reported),
      cmocka_unit_test(together_one_keeps_the_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
