// SPDX-License-Identifier: Apache-2.0
// What a new table of 10,000 routes and 10,000 endpoints costs: the thread that builds it, and the
// worker that takes it. Times are printed, not judged: the machine is not ours. What is judged is
// that a worker's work on taking a table does not grow with the table.
#include "tests/unit/proxy/support_table.h"

#include "manifests/base/bug.h"
#include "proxy/breaker.h"
#include "proxy/table_ids.h"
#include "proxy/table_live.h"
#include "proxy/upstream_pool.h"
#include "proxy/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#define SERVICES 1000
#define ROUTES 10 // of each
#define RELOADS 20

static double thread_ms(void) {
  struct timespec now;
  assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void add_service(struct fixture *fixture, int number) {
  static const char *const versions[] = {"v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"};
  char name[32];
  struct buf yaml;
  (void)snprintf(name, sizeof name, "s%d", number);
  fixture_add_service(fixture, name, "team1", versions, ARRAY_LEN(versions));
  buf_init(&yaml, 65536);
  (void)buf_addf(
      &yaml,
      "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
      "metadata: {name: %s, namespace: team1}\nspec:\n  host: %s\n  subsets:\n"
      "  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n---\n"
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
      "metadata: {name: %s, namespace: team1}\nspec:\n  hosts: [%s]\n  http:\n",
      name, name, name, name);
  for (int i = 0; i < ROUTES; i++)
    (void)buf_addf(&yaml,
                   "  - match: [{uri: {prefix: /api/%d/}}]\n"
                   "    route:\n"
                   "    - {destination: {host: %s, subset: v1}, weight: 90}\n"
                   "    - {destination: {host: %s, subset: v2}, weight: 10}\n",
                   i, name, name);
  fixture_apply_text(fixture, buf_str(&yaml), STR(""));
  buf_dispose(&yaml);
}

static uint64_t took_version;

static void on_took(void *ctx, unsigned index, uint64_t version) {
  (void)ctx, (void)index;
  took_version = version;
}

static void on_done(void *ctx, unsigned index) {
  (void)ctx, (void)index;
}

// A turn of the loop; its processor time goes into *most.
static void turn(struct worker *worker, double *most) {
  double start = thread_ms();
  (void)uv_run(&worker->loop, UV_RUN_NOWAIT);
  double took = thread_ms() - start;
  *most = took > *most ? took : *most;
}

// Publishes and runs the loop until the worker has nothing more to do for it. Returns the turns.
static unsigned take(struct worker *worker, struct proxy_table *table, double *most) {
  unsigned turns = 0;
  uint64_t version = table->version;
  worker_publish(worker, table);
  while (took_version != version || worker->sweep.pools_left) {
    turn(worker, most);
    turns++;
  }
  return turns;
}

static void ignore(void *ctx) {
  (void)ctx;
}

struct bench {
  struct fixture fixture;
  struct worker_limits limits;
  struct worker_settings settings;
  struct worker *worker;
  struct table_grave grave;
};

static struct proxy_table *build(struct bench *bench, double *ret_ms) {
  double start = thread_ms();
  struct proxy_table *table = fixture_build(&bench->fixture);
  *ret_ms = thread_ms() - start;
  upstream_load_fit(bench->settings.load, table->endpoint_slots);
  breakers_fit(bench->settings.breakers, table->cluster_slots, table->endpoint_slots);
  return table;
}

static void open_bench(struct bench *bench) {
  struct stats_source source = {.workload = STR("test")};
  struct err err;
  fixture_init(&bench->fixture);
  for (int i = 0; i < SERVICES; i++)
    add_service(&bench->fixture, i);
  bench->grave = (struct table_grave){.wake = ignore};
  bench->settings = (struct worker_settings){.limits = &bench->limits,
                                             .load = upstream_load_new(),
                                             .breakers = breakers_new(1),
                                             .grave = &bench->grave,
                                             .seed = 1};
  bench->worker = worker_new(0, &bench->settings, &source);
  assert_int_equal(worker_open(bench->worker, on_took, on_done, NULL, &err), 0);
}

static void close_bench(struct bench *bench) {
  worker_stop(bench->worker);
  (void)uv_run(&bench->worker->loop, UV_RUN_DEFAULT);
  worker_free(bench->worker);
  table_grave_clear(&bench->grave);
  upstream_load_free(bench->settings.load);
  breakers_free(bench->settings.breakers);
  fixture_dispose(&bench->fixture);
}

static void ten_thousand_routes(void **state) {
  static struct bench bench;
  double built_ms, most = 0;
  (void)state;
  open_bench(&bench);
  struct proxy_table *table = build(&bench, &built_ms);
  assert_int_equal(table->host_count, SERVICES);
  assert_int_equal(table->endpoint_count, SERVICES * 10);
  print_message("# %d routes, %zu endpoints: built in %.1f ms, %zu KiB\n", SERVICES * ROUTES,
                table->endpoint_count, built_ms, table->arena.used / 1024);
  struct proxy_table *first = table_ref(table);
  unsigned turns = take(bench.worker, table, &most);
  // Nothing was asked for yet, so there is nothing to look through.
  assert_int_equal(bench.worker->pool_count, 0);
  assert_in_range(turns, 1, 3);
  print_message("# the first one taken: %.3f ms\n", most);
  // Every endpoint has been asked once.
  for (size_t i = 0; i < first->cluster_count; i++) {
    for (size_t k = 0; k < first->clusters[i].endpoint_count; k++)
      (void)upstream_pool_of(bench.worker, &first->clusters[i], &first->clusters[i].endpoints[k]);
  }
  uint32_t pools = bench.worker->pool_count;
  assert_true(pools >= SERVICES * 10);
  double worst = 0, sum_ms = 0;
  for (int i = 0; i < RELOADS; i++) {
    table = build(&bench, &built_ms);
    sum_ms += built_ms;
    most = 0;
    turns = take(bench.worker, table, &most);
    worst = most > worst ? most : worst;
    assert_true(turns >= pools / 1024); // a little at a time
    table_unref(first);
    first = table_ref(table);
    table_grave_clear(&bench.grave); // the other thread's
  }
  print_message("# %d reloads: built in %.1f ms each; the longest turn of the worker %.3f ms\n",
                RELOADS, sum_ms / RELOADS, worst);
  table_unref(first);
  close_bench(&bench);
}

// ---- what is live ----

static const char routes[] =
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
    "metadata: {name: a, namespace: team1}\nspec:\n  hosts: [a]\n  http:\n"
    "  - route:\n"
    "    - {destination: {host: a, subset: v1}, weight: %d}\n"
    "    - {destination: {host: a, subset: v2}, weight: %d}\n---\n"
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
    "metadata: {name: a, namespace: team1}\nspec:\n  host: a\n  subsets:\n"
    "  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n";

static struct proxy_table *weighted(struct fixture *fixture, int v1, int v2) {
  char text[1024];
  (void)snprintf(text, sizeof text, routes, v1, v2);
  fixture_apply(fixture, text);
  return fixture_build(fixture);
}

static struct table_slot slot_of(const struct proxy_table *table, const char *id) {
  const struct table_cluster *cluster = table_find_cluster(table, str_of(id));
  assert_non_null(cluster);
  assert_int_equal(cluster->endpoint_count, 1);
  return cluster->endpoints[0].slot;
}

static void what_has_traffic_is_known(void **state) {
  static const char *const versions[] = {"v1", "v2"};
  struct fixture fixture;
  (void)state;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "a", "team1", versions, 2);
  struct proxy_table *table = weighted(&fixture, 90, 10);
  struct table_slot v1 = slot_of(table, "outbound|8080|v1|a.team1.svc.cluster.local");
  struct table_slot v2 = slot_of(table, "outbound|8080|v2|a.team1.svc.cluster.local");
  assert_true(table_live_at(table, v1)->in_use);
  assert_true(table_live_at(table, v2)->in_use);
  assert_string_equal(table->clusters[table_live_at(table, v2)->cluster].id.ptr,
                      "outbound|8080|v2|a.team1.svc.cluster.local");
  struct proxy_table *next = weighted(&fixture, 0, 100);
  assert_false(table_live_at(next, v1)->in_use);
  assert_true(table_live_at(next, v2)->in_use);
  v2.generation++;
  assert_null(table_live_at(next, v2));
  v2.index = 4711;
  assert_null(table_live_at(next, v2));
  table_unref(table);
  table_unref(next);
  fixture_dispose(&fixture);
}

static int woken;

static void wake(void *ctx) {
  (void)ctx;
  woken++;
}

static void the_last_reference_goes_to_the_grave(void **state) {
  struct fixture fixture;
  struct table_grave grave = {.wake = wake};
  (void)state;
  fixture_init(&fixture);
  struct proxy_table *a = table_ref(fixture_build(&fixture)), *b = fixture_build(&fixture);
  table_unref_to(a, &grave);
  assert_int_equal(woken, 0);
  table_unref_to(a, &grave);
  table_unref_to(b, &grave);
  assert_int_equal(woken, 2);
  assert_ptr_equal(atomic_load(&grave.dead), b);
  table_grave_clear(&grave); // a leak or a second free is the sanitizer's to find
  assert_null(atomic_load(&grave.dead));
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_has_traffic_is_known),
      cmocka_unit_test(the_last_reference_goes_to_the_grave),
      cmocka_unit_test(ten_thousand_routes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
