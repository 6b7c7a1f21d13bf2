// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The counter of routing_does_not_allocate. Sanitizers bring an allocator of their own that must
// not be replaced.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif

static size_t allocations;
#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size) {
  allocations++;
  return __libc_realloc(ptr, size);
}
#endif

static const char *const versions[] = {"v1", "v2"};

static const char destination_rule[] =
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dr}\n"
    "spec:\n  host: agent\n  subsets:\n"
    "  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n"
    "  - {name: none, labels: {version: v9}}\n";

static void set_up(struct fixture *fixture) {
  fixture_init(fixture);
  fixture_add_service(fixture, "agent", "default", versions, 2);
  fixture_apply(fixture, destination_rule);
}

static void apply_weights(struct fixture *fixture, const char *routes) {
  struct buf yaml;
  buf_init(&yaml, 65536);
  (void)buf_addf(&yaml,
                 "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
                 "spec:\n  hosts: [agent]\n  http:\n  - route: [%s]\n",
                 routes);
  fixture_apply(fixture, buf_z(&yaml));
  buf_dispose(&yaml);
}

// How many of n requests go to each destination of the first route of "agent".
static void count(const struct proxy_table *table, uint64_t seed, size_t n, size_t *ret_counts,
                  size_t size) {
  struct test_request *request = test_request_new("GET agent /");
  struct route_worker worker;
  route_worker_init(&worker, seed);
  route_worker_fit(&worker, table);
  memset(ret_counts, 0, size * sizeof *ret_counts);
  for (size_t i = 0; i < n; i++) {
    struct route_decision decision;
    route_match(table, &request->request, &worker, &decision);
    size_t index = (size_t)(decision.destination - decision.route->destinations);
    assert_true(index < size);
    ret_counts[index]++;
  }
  route_worker_dispose(&worker);
  test_request_free(request);
}

// A low-discrepancy sequence: after n requests a share is off by a few requests, whatever n and the
// seed.
static void weights_hold_within_a_few_requests(void **state) {
  (void)state;
  static const unsigned weights[][2] = {{90, 10}, {50, 50}, {99, 1}, {999, 1}, {1, 2}, {7, 993}};
  for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
    struct fixture fixture;
    char routes[256];
    set_up(&fixture);
    (void)snprintf(routes, sizeof routes,
                   "{destination: {host: agent, subset: v1}, weight: %u}, "
                   "{destination: {host: agent, subset: v2}, weight: %u}",
                   weights[i][0], weights[i][1]);
    apply_weights(&fixture, routes);
    struct proxy_table *table = fixture_build(&fixture);
    for (uint64_t seed = 0; seed < 20; seed++) {
      size_t counts[2], n = 10000;
      count(table, seed, n, counts, 2);
      double want = (double)n * weights[i][1] / (weights[i][0] + weights[i][1]);
      if ((double)counts[1] < want - 4 || (double)counts[1] > want + 4)
        fail_msg("%u/%u: %zu of %zu, expected %.1f", weights[i][0], weights[i][1], counts[1], n,
                 want);
    }
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

// The sequence must not be even only as a whole: seen through any other request pattern it stays
// even, too.
static void a_subsequence_keeps_the_weights(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  apply_weights(&fixture, "{destination: {host: agent, subset: v1}, weight: 90}, "
                          "{destination: {host: agent, subset: v2}, weight: 10}");
  struct proxy_table *table = fixture_build(&fixture);
  struct test_request *request = test_request_new("GET agent /");
  struct route_worker worker;
  route_worker_init(&worker, 3);
  route_worker_fit(&worker, table);
  for (size_t step = 2; step < 40; step++) { // one client's requests are each step-th
    size_t canary = 0;
    for (size_t i = 0; i < 2000 * step; i++) {
      struct route_decision decision;
      route_match(table, &request->request, &worker, &decision);
      canary += i % step == 0 && str_eq(decision.destination->subset, STR("v2"));
    }
    assert_in_range(canary, 200 - 20, 200 + 20); // random draws would need 40
  }
  route_worker_dispose(&worker);
  test_request_free(request);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void weights_need_no_hundred_and_zero_gets_nothing(void **state) {
  (void)state;
  struct fixture fixture;
  size_t counts[2];
  set_up(&fixture);
  apply_weights(&fixture, "{destination: {host: agent, subset: v1}, weight: 3}, "
                          "{destination: {host: agent, subset: v2}, weight: 0}, "
                          "{destination: {host: agent}, weight: 1}");
  struct proxy_table *table = fixture_build(&fixture);
  count(table, 1, 4000, counts, 2);
  assert_in_range(counts[0], 2998, 3002);
  table_unref(table);
  apply_weights(&fixture, "{destination: {host: agent, subset: v2}, weight: 0}");
  table = fixture_build(&fixture);
  count(table, 1, 10, counts, 1); // a single one takes all, whatever its weight
  assert_int_equal(counts[0], 10);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void missing_destinations_keep_their_share(void **state) {
  (void)state;
  static const struct {
    const char *route, *want;
  } cases[] = {
      {"{destination: {host: agent, subset: v1}}",
       "outbound|8080|v1|agent.default.svc.cluster.local"},
      {"{destination: {host: agent}}", "outbound|8080||agent.default.svc.cluster.local"},
      {"{destination: {host: agent, port: {number: 8080}}}",
       "outbound|8080||agent.default.svc.cluster.local"},
      {"{destination: {host: agent, port: {number: 81}}}", "503 NC"},
      {"{destination: {host: agent, subset: v7}}", "503 NC"},
      {"{destination: {host: nobody}}", "503 NC"},
      {"{destination: {host: agent, subset: none}}",
       "outbound|8080|none|agent.default.svc.cluster.local"}, // the pick finds none: 503 UH
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    set_up(&fixture);
    apply_weights(&fixture, cases[i].route);
    struct proxy_table *table = fixture_build(&fixture);
    assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, cases[i].want);
    table_unref(table);
    fixture_dispose(&fixture);
  }
}

static void unknown_hosts_and_unmatched_requests(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  fixture_apply(&fixture, "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                          "metadata: {name: vs}\nspec:\n  hosts: [agent]\n  http:\n"
                          "  - match: [{uri: {prefix: /api}}]\n"
                          "    route: [{destination: {host: agent}}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  assert_string_equal(test_route(&fixture, table, "GET agent /api/x").ptr,
                      "outbound|8080||agent.default.svc.cluster.local");
  assert_string_equal(test_route(&fixture, table, "GET agent /").ptr, "404 NR");
  assert_string_equal(test_route(&fixture, table, "GET elsewhere /").ptr, "502");
  struct test_request *request = test_request_new("GET elsewhere /");
  struct route_worker worker;
  struct route_decision decision;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  route_match(table, &request->request, &worker, &decision);
  assert_true(str_eq(decision.cluster_name, STR("BlackHoleCluster")));
  assert_true(str_eq(decision.route_name, STR("block_all")));
  assert_true(str_eq(decision.service, STR("unknown")));
  assert_int_equal(decision.retry->attempts, 0);
  route_worker_dispose(&worker);
  test_request_free(request);
  table_unref(table);
  fixture_dispose(&fixture);
}

static void location(const struct proxy_table *table, const char *line, const char *want) {
  struct test_request *request = test_request_new(line);
  struct route_worker worker;
  struct route_decision decision;
  struct buf out;
  buf_init(&out, 4096);
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  route_match(table, &request->request, &worker, &decision);
  assert_int_equal(decision.kind, ROUTE_REDIRECT);
  assert_int_equal(route_location(&decision, &request->request, &out), 0);
  assert_string_equal(buf_z(&out), want);
  buf_dispose(&out);
  route_worker_dispose(&worker);
  test_request_free(request);
}

static void redirects(void **state) {
  (void)state;
  static const struct {
    const char *redirect, *line, *want;
  } cases[] = {
      {"{uri: /new/path}", "GET agent /foo?key=value", "http://agent/new/path?key=value"},
      {"{uri: '/new?x=1'}", "GET agent /foo?key=value", "http://agent/new?x=1"},
      {"{authority: other}", "GET agent:8080 /foo", "http://other/foo"},
      {"{scheme: https}", "GET agent /foo", "https://agent/foo"},
      {"{scheme: https}", "GET agent:80 /foo", "https://agent/foo"},
      {"{scheme: https, port: 8443}", "GET agent /foo", "https://agent:8443/foo"},
      {"{scheme: https, port: 443}", "GET agent /foo", "https://agent/foo"},
      {"{uri: /x}", "GET agent:8080 /foo", "http://agent:8080/x"},
      {"{scheme: https, derivePort: FROM_REQUEST_PORT}", "GET agent /foo",
       "https://agent:15001/foo"},
      {"{scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}", "GET agent:8080 /foo",
       "https://agent/foo"},
      {"{prefixRewrite: /new/}", "GET agent /foo/bar", "http://agent/new/bar"},
      {"{prefixRewrite: /new/}", "GET agent:8080 /foo/bar?a=b", "http://agent:8080/new/bar?a=b"},
      {"{scheme: https}", "GET agent:443 /foo", "https://agent/foo"},
      {"{scheme: https}", "GET agent:8080 /foo", "https://agent:8080/foo"},
      {"{scheme: https, port: 80}", "GET agent /foo", "https://agent:80/foo"},
      {"{port: 80}", "GET agent:8080 /foo", "http://agent/foo"},
      {"{port: 8080}", "GET agent /foo", "http://agent:8080/foo"},
      {"{uri: /x}", "GET agent:80 /foo", "http://agent:80/x"}, // as the client wrote it
      {"{derivePort: FROM_PROTOCOL_DEFAULT}", "GET agent:8080 /foo", "http://agent/foo"},
      {"{authority: 'other:81', uri: /x}", "GET agent:8080 /foo?a", "http://other:81/x?a"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct buf yaml;
    set_up(&fixture);
    buf_init(&yaml, 4096);
    (void)buf_addf(
        &yaml,
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
        "spec:\n  hosts: [agent]\n  http:\n  - match: [{uri: {prefix: /foo%s}}]\n"
        "    redirect: %s\n",
        str_contains(str_of(cases[i].redirect), STR("prefix")) ? "/" : "", cases[i].redirect);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    location(table, cases[i].line, cases[i].want);
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
}

// 304 and the like pass validation and make a route that does nothing.
static void other_statuses_are_no_redirects(void **state) {
  (void)state;
  static const int statuses[] = {300, 304, 305, 306, 310, 399};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    struct fixture fixture;
    set_up(&fixture);
    struct buf yaml;
    buf_init(&yaml, 4096);
    (void)buf_addf(
        &yaml,
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
        "spec:\n  hosts: [agent]\n  http:\n  - match: [{uri: {prefix: /foo}}]\n"
        "    redirect: {uri: /x, redirectCode: %d}\n",
        statuses[i]);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    assert_string_equal(test_route(&fixture, table, "GET agent /foo").ptr, "404 NR");
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
}

static void rewrites(void **state) {
  (void)state;
  static const struct {
    const char *http, *line, *want; //
  } cases[] = {
      {"match: [{uri: {prefix: /foo}}], rewrite: {uri: /}", "GET agent /foo/bar", "//bar"},
      {"match: [{uri: {prefix: /foo/}}], rewrite: {uri: /}", "GET agent /foo/bar", "/bar"},
      {"match: [{uri: {exact: /foo}}], rewrite: {uri: /x}", "GET agent /foo?a=b", "/x"},
      {"match: [{uri: {regex: '/f.*'}}], rewrite: {uri: /x}", "GET agent /foo/bar", "/x"},
      {"rewrite: {uri: /x/}", "GET agent /foo", "/x/foo"},
      {"match: [{uri: {prefix: /to/}}], rewrite: {uri: x}", "GET agent /to/y", "/xy"},
      {"rewrite: {uriRegexRewrite: {match: '^/to/', rewrite: ''}}", "GET agent /to/http://b/",
       "/http://b/"}, // not another host
      {"rewrite: {authority: other}", "GET agent /foo", ""},
      {"rewrite: {uriRegexRewrite: {match: '^/a/([^/]+)(/.*)$', rewrite: '\\2/b/\\1'}}",
       "GET agent /a/x/y", "/y/b/x"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct buf yaml;
    set_up(&fixture);
    buf_init(&yaml, 4096);
    (void)buf_addf(
        &yaml,
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
        "spec:\n  hosts: [agent]\n  http: [{%s, route: [{destination: {host: agent}}]}]\n",
        cases[i].http);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    struct test_request *request = test_request_new(cases[i].line);
    struct route_worker worker;
    struct route_decision decision;
    route_worker_init(&worker, 1);
    route_worker_fit(&worker, table);
    route_match(table, &request->request, &worker, &decision);
    bool is_host = str_contains(str_of(cases[i].http), STR("authority"));
    assert_int_equal(route_has_rewrite(&decision), !is_host);
    assert_true(str_eq(route_authority(&decision), is_host ? STR("other") : STR("")));
    struct str path, original;
    route_rewrite(&decision, &request->request, &worker, &path, &original);
    assert_true(str_eq(path, is_host ? request->request.path : str_of(cases[i].want)));
    bool has_query = request->request.query.ptr != NULL;
    assert_true(str_eq(original, has_query ? STR("/foo?a=b") : request->request.path));
    route_worker_dispose(&worker);
    test_request_free(request);
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
}

static void a_rewrite_that_explodes_is_refused(void **state) {
  (void)state;
  struct fixture fixture;
  char line[4100] = "GET agent /";
  set_up(&fixture);
  fixture_apply(&fixture,
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
                "spec:\n  hosts: [agent]\n  http:\n"
                "  - rewrite: {uriRegexRewrite: {match: 'a', rewrite: 'bbbbbbbbbb'}}\n"
                "    route: [{destination: {host: agent}}]\n");
  struct proxy_table *table = fixture_build(&fixture);
  memset(line + 11, 'a', 100);
  assert_string_equal(test_route(&fixture, table, line).ptr,
                      "outbound|8080||agent.default.svc.cluster.local");
  memset(line + 11, 'a', 4000);
  assert_string_equal(test_route(&fixture, table, line).ptr, "500");
  table_unref(table);
  fixture_dispose(&fixture);
}

static void header_operations_come_in_order(void **state) {
  (void)state;
  static const struct {
    const char *route, *names; // names of what is set, in order
    const char *authority;
  } cases[] = {
      {"[{destination: {host: agent}, headers: {request: {set: {b: '1'}}}}]", "ab", ""},
      {"[{destination: {host: agent}, weight: 1, headers: {request: {set: {b: '1'}}}}, "
       "{destination: {host: agent}, weight: 0}]",
       "ba", ""},
      {"[{destination: {host: agent}, headers: {request: {set: {b: '1', Host: x.example}}}}]", "ab",
       "x.example"},
      {"[{destination: {host: agent}}]", "a", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct buf yaml, names;
    set_up(&fixture);
    buf_init(&yaml, 4096);
    buf_init(&names, 4096);
    (void)buf_addf(
        &yaml,
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
        "spec:\n  hosts: [agent]\n  http:\n"
        "  - {headers: {request: {set: {A: '100%%%%'}}}, route: %s}\n",
        cases[i].route);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    struct test_request *request = test_request_new("GET agent /");
    struct route_worker worker;
    struct route_decision decision;
    const struct table_header_ops *ops[2];
    route_worker_init(&worker, 1);
    route_worker_fit(&worker, table);
    route_match(table, &request->request, &worker, &decision);
    size_t count = route_header_ops(&decision, false, ops);
    for (size_t j = 0; j < count; j++) {
      for (size_t k = 0; k < ops[j]->set_count; k++)
        (void)buf_add_str(&names, ops[j]->set[k].name);
    }
    assert_string_equal(buf_z(&names), cases[i].names);
    assert_true(str_eq_z(route_authority(&decision), cases[i].authority));
    assert_true(str_eq(decision.route->request_headers.set[0].value, STR("100%")));
    route_worker_dispose(&worker);
    test_request_free(request);
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
    buf_dispose(&names);
  }
}

static void timeouts_and_retries_come_with_the_decision(void **state) {
  (void)state;
  static const struct {
    const char *http;
    int64_t timeout_ms;
    uint32_t attempts, on;
  } cases[] = {
      {"timeout: 0.5s", 500, 2, RETRY_DEFAULT_ON},
      {"retries: {attempts: 3, perTryTimeout: 2s, retryOn: '5xx,reset'}", 0, 3,
       RETRY_ON_5XX | RETRY_ON_RESET},
      {"retries: {attempts: 3}", 0, 3, RETRY_DEFAULT_ON},
      {"retries: {attempts: 0}", 0, 0, RETRY_DEFAULT_ON},
      {"retries: {}", 0, 0, RETRY_DEFAULT_ON},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture fixture;
    struct buf yaml;
    set_up(&fixture);
    buf_init(&yaml, 4096);
    (void)buf_addf(
        &yaml,
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
        "spec:\n  hosts: [agent]\n  http: [{%s, route: [{destination: {host: agent}}]}]\n",
        cases[i].http);
    fixture_apply(&fixture, buf_z(&yaml));
    struct proxy_table *table = fixture_build(&fixture);
    const struct table_route *route = &table->hosts[0].routes[0];
    assert_int_equal(route->timeout_ms, cases[i].timeout_ms);
    assert_int_equal(route->retry.attempts, cases[i].attempts);
    assert_int_equal(route->retry.on, cases[i].on);
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
}

static void routing_does_not_allocate(void **state) {
  (void)state;
  struct fixture fixture;
  set_up(&fixture);
  fixture_apply(
      &fixture,
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\n"
      "spec:\n  hosts: [agent]\n  http:\n"
      "  - match: [{uri: {regex: '/v[0-9]+/never'}}, {headers: {x: {regex: 'a.*b'}}}]\n"
      "    route: [{destination: {host: agent}}]\n"
      "  - match: [{queryParams: {k: {exact: z}}}, {withoutHeaders: {x: {exact: 'a,b'}}}]\n"
      "    route: [{destination: {host: agent}}]\n"
      "  - route:\n"
      "    - {destination: {host: agent, subset: v1}, weight: 90}\n"
      "    - {destination: {host: agent, subset: v2}, weight: 10}\n");
  struct proxy_table *table = fixture_build(&fixture);
  struct test_request *request = test_request_new("GET agent.default:8080 /v1/x?k=v x:a x:b");
  struct route_worker worker;
  struct route_decision decision;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  route_match(table, &request->request, &worker, &decision); // buffers are made
  assert_true(!COUNTS_ALLOCATIONS || allocations > 0);       // the counter counts
  allocations = 0;
  for (size_t i = 0; i < 10000; i++)
    route_match(table, &request->request, &worker, &decision);
  assert_int_equal(allocations, 0);
  assert_int_equal(decision.kind, ROUTE_FORWARD);
  route_worker_dispose(&worker);
  test_request_free(request);
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_hold_within_a_few_requests),
      cmocka_unit_test(a_subsequence_keeps_the_weights),
      cmocka_unit_test(weights_need_no_hundred_and_zero_gets_nothing),
      cmocka_unit_test(missing_destinations_keep_their_share),
      cmocka_unit_test(unknown_hosts_and_unmatched_requests),
      cmocka_unit_test(redirects),
      cmocka_unit_test(other_statuses_are_no_redirects),
      cmocka_unit_test(rewrites),
      cmocka_unit_test(a_rewrite_that_explodes_is_refused),
      cmocka_unit_test(header_operations_come_in_order),
      cmocka_unit_test(timeouts_and_retries_come_with_the_decision),
      cmocka_unit_test(routing_does_not_allocate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
