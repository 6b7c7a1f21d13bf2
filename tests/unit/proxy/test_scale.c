// SPDX-License-Identifier: Apache-2.0
// A thousand Services, each with two versions, a VirtualService and a DestinationRule: all are
// routed right. What it costs is printed, not judged: the machine is not ours.
#include "tests/unit/proxy/support_table.h"

#include "proxy/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#define SERVICES 1000
#define REQUESTS 200000

static uint32_t no_load(void *ctx, const struct table_endpoint *endpoint) {
  (void)ctx;
  (void)endpoint;
  return 0;
}

// Processor time of this process: others' work on the machine does not show in it.
static double cpu_ms(void) {
  struct timespec now;
  assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fill(struct fixture *fixture) {
  static const char *const versions[] = {"v1", "v2"};
  for (int i = 0; i < SERVICES; i++) {
    char name[32];
    struct buf yaml;
    (void)snprintf(name, sizeof name, "s%d", i);
    fixture_add_service(fixture, name, "team1", versions, 2);
    buf_init(&yaml, 65536);
    (void)buf_addf(&yaml,
                   "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                   "metadata: {name: %s, namespace: team1}\nspec:\n  hosts: [%s]\n  http:\n"
                   "  - match: [{headers: {x-user-type: {exact: tester}}}, {uri: {regex: "
                   "'/v[0-9]+/beta/.*'}}]\n"
                   "    route: [{destination: {host: %s, subset: v2}}]\n"
                   "  - route:\n"
                   "    - {destination: {host: %s, subset: v1}, weight: 90}\n"
                   "    - {destination: {host: %s, subset: v2}, weight: 10}\n---\n"
                   "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
                   "metadata: {name: %s, namespace: team1}\nspec:\n  host: %s\n  subsets:\n"
                   "  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n",
                   name, name, name, name, name, name, name);
    fixture_apply_text(fixture, buf_str(&yaml), STR(""));
    buf_dispose(&yaml);
  }
}

static void every_service_is_routed(struct fixture *fixture, const struct proxy_table *table) {
  for (int i = 0; i < SERVICES; i += 37) {
    char line[128], want[128];
    (void)snprintf(line, sizeof line, "GET s%d.team1:8080 / x-user-type:tester", i);
    (void)snprintf(want, sizeof want, "outbound|8080|v2|s%d.team1.svc.cluster.local", i);
    assert_string_equal(test_route(fixture, table, line).ptr, want);
  }
}

static void measure(const struct proxy_table *table) {
  struct test_request *request =
      test_request_new("GET s500.team1.svc.cluster.local:8080 /a2a/task x-user-type:guest");
  const struct pick_view view = {.active = no_load};
  struct route_worker worker;
  struct rng rng;
  struct pick_state state = {0};
  const struct pick_request any = {0};
  size_t found = 0;
  rng_init(&rng, 1);
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  double start_ms = cpu_ms();
  for (int i = 0; i < REQUESTS; i++) {
    struct route_decision decision;
    route_match(table, &request->request, &worker, &decision);
    found += pick_endpoint(decision.cluster, &view, &any, &rng, &state, NULL) != NULL;
  }
  double taken_ms = cpu_ms() - start_ms;
  assert_int_equal(found, REQUESTS);
  print_message(
      "# route and pick: %.0f ns a request, with a header and a pattern that do not match\n",
      taken_ms * 1e6 / REQUESTS);
  route_worker_dispose(&worker);
  test_request_free(request);
}

static void a_thousand_services(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fill(&fixture);
  double start_ms = cpu_ms();
  struct proxy_table *table = fixture_build(&fixture);
  print_message("# table of %zu hosts, %zu clusters, %zu endpoints: %.1f ms, %zu KiB\n",
                table->host_count, table->cluster_count, table->endpoint_count, cpu_ms() - start_ms,
                table->arena.used / 1024);
  start_ms = cpu_ms();
  struct proxy_table *next = fixture_build(&fixture);
  print_message("# the next one: %.1f ms\n", cpu_ms() - start_ms);
  table_unref(next);
  assert_int_equal(table->host_count, SERVICES);
  assert_int_equal(table->cluster_count, 3 * SERVICES);
  assert_int_equal(table->endpoint_count, 4 * SERVICES);
  assert_int_equal(table->findings.errors, 0);
  every_service_is_routed(&fixture, table);
  measure(table);
  table_unref(table);
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_services)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
