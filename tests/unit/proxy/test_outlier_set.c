// SPDX-License-Identifier: Apache-2.0
// The state that workers share: through tables, and from several threads at once.
#include "tests/unit/proxy/support_table.h"

#include "proxy/hash_ring.h"
#include "proxy/outlier_set.h"
#include "proxy/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#define NETWORKING "apiVersion: networking.istio.io/v1\n"
#define ENTRY(endpoints)                                                                           \
  NETWORKING                                                                                       \
  "kind: ServiceEntry\nmetadata: {name: a, namespace: team1}\nspec: {hosts: [a.example], "         \
  "resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [" endpoints "]}\n"
#define RULE(policy)                                                                               \
  NETWORKING                                                                                       \
  "kind: DestinationRule\nmetadata: {name: a, namespace: team1}\nspec: {host: a.example, "         \
  "trafficPolicy: {" policy "}}\n"
#define DETECT                                                                                     \
  "outlierDetection: {consecutive5xxErrors: 3, maxEjectionPercent: 100, interval: 1s, "            \
  "baseEjectionTime: 30s}"

struct scene {
  struct fixture fixture;
  struct proxy_table *table;
  struct outlier_set *set;
  struct worker worker;
  int changes;
};

static void on_changed(void *ctx) {
  struct scene *scene = ctx;
  scene->changes++;
}

static void take(struct scene *scene, int64_t now_ms) {
  struct proxy_table *table = fixture_build(&scene->fixture);
  table_unref(scene->table);
  scene->table = table;
  outlier_set_fit(scene->set, table, now_ms);
}

static void enter(struct scene *scene, const char *yaml) {
  static const struct stats_source source = {0};
  *scene = (struct scene){0};
  fixture_init(&scene->fixture);
  fixture_apply(&scene->fixture, yaml);
  scene->set = outlier_set_new(on_changed, scene);
  scene->worker.stats = stats_new(&source);
  scene->worker.settings.outliers = scene->set;
  take(scene, 0);
}

static void leave(struct scene *scene) {
  table_unref(scene->table);
  fixture_dispose(&scene->fixture);
  stats_free(scene->worker.stats);
  outlier_set_free(scene->set);
}

static const struct table_cluster *cluster_of(const struct scene *scene) {
  return table_find_cluster(scene->table, STR("outbound|80||a.example"));
}

static uint32_t ejected(const struct scene *scene) {
  return outlier_health_ejected(outlier_set_health(scene->set, cluster_of(scene)));
}

static void break_it(struct scene *scene, size_t endpoint, int times) {
  const struct table_cluster *cluster = cluster_of(scene);
  for (int i = 0; i < times; i++)
    outlier_report(&scene->worker, cluster, &cluster->endpoints[endpoint], OUTLIER_RESPONSE, 500);
}

static void an_ejection_is_seen_and_ends(void **state) {
  (void)state;
  struct scene scene;
  enter(&scene, ENTRY("{address: 10.0.0.1}, {address: 10.0.0.2}") "---\n" RULE(DETECT));
  const struct table_cluster *cluster = cluster_of(&scene);
  uint64_t before = outlier_set_health(scene.set, cluster);
  break_it(&scene, 0, 2);
  outlier_report(&scene.worker, cluster, &cluster->endpoints[0], OUTLIER_RESPONSE, 200);
  break_it(&scene, 0, 2);
  assert_int_equal(ejected(&scene), 0);
  assert_true(outlier_set_health(scene.set, cluster) == before);
  break_it(&scene, 0, 1);
  assert_int_equal(ejected(&scene), 1);
  assert_int_equal(scene.changes, 1);
  assert_true(outlier_set_is_ejected(scene.set, &cluster->endpoints[0]));
  assert_false(outlier_set_is_ejected(scene.set, &cluster->endpoints[1]));
  int64_t until_ms = outlier_set_until_ms(scene.set, cluster, &cluster->endpoints[0]);
  assert_int_equal(outlier_set_until_ms(scene.set, cluster, &cluster->endpoints[1]), 0);
  assert_int_equal(outlier_set_sweep(scene.set, scene.table, until_ms - 1), until_ms + 999);
  assert_int_equal(ejected(&scene), 1);
  assert_int_equal(outlier_set_sweep(scene.set, scene.table, until_ms + 999), until_ms + 1999);
  assert_int_equal(ejected(&scene), 0);
  assert_int_equal(scene.changes, 2);
  leave(&scene);
}

static void tables_come_and_go(void **state) {
  (void)state;
  struct scene scene;
  enter(&scene, ENTRY("{address: 10.0.0.1}, {address: 10.0.0.2}") "---\n" RULE(DETECT));
  break_it(&scene, 0, 3);
  take(&scene, 10);
  assert_int_equal(ejected(&scene), 1); // nothing changed
  assert_true(outlier_set_is_ejected(scene.set, &cluster_of(&scene)->endpoints[0]));
  fixture_apply(&scene.fixture, ENTRY("{address: 10.0.0.2}, {address: 10.0.0.3}"));
  take(&scene, 20);
  assert_int_equal(ejected(&scene), 0); // it is gone
  break_it(&scene, 1, 3);
  assert_int_equal(ejected(&scene), 1);
  fixture_apply(&scene.fixture, RULE("loadBalancer: {simple: RANDOM}"));
  take(&scene, 30);
  assert_int_equal(ejected(&scene), 0); // nobody watches any more
  assert_int_equal(outlier_set_sweep(scene.set, scene.table, 40), 0);
  break_it(&scene, 1, 9);
  assert_int_equal(ejected(&scene), 0);
  fixture_apply(&scene.fixture, RULE(DETECT));
  take(&scene, 50);
  assert_int_equal(ejected(&scene), 0); // begun anew
  assert_int_equal(outlier_set_sweep(scene.set, scene.table, 50), 1050);
  leave(&scene);
}

static void a_ring_of_the_healthy(void **state) {
  (void)state;
  struct scene scene;
  enter(&scene, ENTRY("{address: 10.0.0.1}, {address: 10.0.0.2}, {address: 10.0.0.3}") "---\n" RULE(
                    DETECT ", loadBalancer: {consistentHash: {useSourceIp: true}}"));
  const struct table_cluster *cluster = cluster_of(&scene);
  uint64_t health = outlier_set_health(scene.set, cluster);
  assert_null(outlier_set_ring(scene.set, cluster, health));
  break_it(&scene, 1, 3);
  health = outlier_set_health(scene.set, cluster);
  assert_null(outlier_set_ring(scene.set, cluster, health)); // not made yet
  outlier_set_make_rings(scene.set, scene.table);
  struct hash_ring *ring = outlier_set_ring(scene.set, cluster, health);
  assert_non_null(ring);
  assert_int_equal(ring->count, 1024);
  for (uint32_t i = 0; i < ring->count; i++)
    assert_int_not_equal(ring->owners[i], 1);
  hash_ring_unref(ring);
  break_it(&scene, 0, 3);
  assert_null(outlier_set_ring(scene.set, cluster, health + 1)); // of another health
  leave(&scene);
}

struct thread {
  struct scene *scene;
  struct worker worker;
  pthread_t id;
  uint64_t seed;
};

static void *hammer(void *arg) {
  struct thread *thread = arg;
  const struct table_cluster *cluster = cluster_of(thread->scene);
  struct rng rng;
  rng_init(&rng, thread->seed);
  for (int i = 0; i < 20000; i++) {
    const struct table_endpoint *endpoint =
        &cluster->endpoints[rng_below(&rng, cluster->endpoint_count)];
    if (!outlier_set_is_ejected(thread->scene->set, endpoint))
      outlier_report(&thread->worker, cluster, endpoint, OUTLIER_RESPONSE,
                     rng_below(&rng, 4) ? 200 : 503);
    (void)outlier_set_health(thread->scene->set, cluster);
  }
  return NULL;
}

static void threads_agree(void **state) {
  (void)state;
  static const struct stats_source source = {0};
  struct scene scene;
  struct thread threads[4];
  enter(&scene, ENTRY("{address: 10.0.0.1}, {address: 10.0.0.2}, {address: 10.0.0.3}, {address: "
                      "10.0.0.4}") "---\n" RULE("outlierDetection: {consecutive5xxErrors: 2, "
                                                "maxEjectionPercent: 50, interval: 1ms, "
                                                "baseEjectionTime: 1ms}"));
  outlier_set_free(scene.set);
  scene.set = outlier_set_new(NULL, NULL);
  outlier_set_fit(scene.set, scene.table, 0);
  for (size_t i = 0; i < 4; i++) {
    threads[i] = (struct thread){.scene = &scene, .seed = i + 1};
    threads[i].worker.stats = stats_new(&source);
    threads[i].worker.settings.outliers = scene.set;
    assert_int_equal(pthread_create(&threads[i].id, NULL, hammer, &threads[i]), 0);
  }
  int64_t now_ms = (int64_t)1 << 40; // later than any ejection: each sweep lets all return
  for (int i = 0; i < 200; i++) {
    (void)outlier_set_sweep(scene.set, scene.table, now_ms + i * 10);
    assert_true(ejected(&scene) <= 2);
  }
  uint64_t enforced = 0;
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(threads[i].id, NULL), 0);
    const struct stats_cluster *stats =
        stats_find_cluster(threads[i].worker.stats, cluster_of(&scene)->slot);
    enforced += stats ? stats_read(&stats->outlier_detection_ejections_enforced_total) : 0;
    stats_free(threads[i].worker.stats);
  }
  assert_true(enforced >= 2);
  uint32_t out = 0;
  for (size_t i = 0; i < 4; i++)
    out += outlier_set_is_ejected(scene.set, &cluster_of(&scene)->endpoints[i]);
  assert_int_equal(out, ejected(&scene));
  leave(&scene);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_ejection_is_seen_and_ends),
      cmocka_unit_test(tables_come_and_go),
      cmocka_unit_test(a_ring_of_the_healthy),
      cmocka_unit_test(threads_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
