// SPDX-License-Identifier: Apache-2.0
// One table follows another: slots keep their numbers, and any thread may drop the last reference.
#include "tests/unit/proxy/support_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

static const char *const versions[] = {"v1", "v2"};

static const struct table_cluster *cluster(const struct proxy_table *table, const char *id) {
  const struct table_cluster *found = table_find_cluster(table, str_of(id));
  if (!found)
    fail_msg("no cluster %s", id);
  return found;
}

static void slots_survive_a_new_table(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "middle", "default", versions, 2);
  struct proxy_table *first = fixture_build(&fixture);
  const char *id = "outbound|8080||middle.default.svc.cluster.local";
  struct table_slot slot = cluster(first, id)->slot;
  struct table_slot endpoint = cluster(first, id)->endpoints[1].slot;
  fixture_add_service(&fixture, "before", "default", versions, 2); // sorts before it
  fixture_add_service(&fixture, "z", "default", versions, 2);
  struct proxy_table *second = fixture_build(&fixture);
  assert_int_equal(cluster(second, id)->slot.index, slot.index);
  assert_int_equal(cluster(second, id)->slot.generation, slot.generation);
  assert_int_equal(cluster(second, id)->endpoints[1].slot.index, endpoint.index);
  assert_int_equal(cluster(second, id)->endpoints[1].slot.generation, endpoint.generation);
  assert_true(second->cluster_slots >= 3 && second->endpoint_slots >= 6);
  table_unref(first);
  table_unref(second);
  fixture_dispose(&fixture);
}

static void a_slot_is_given_on_only_when_nobody_holds_it(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "gone", "default", versions, 1);
  struct proxy_table *old = fixture_build(&fixture);
  struct table_slot gone = cluster(old, "outbound|8080||gone.default.svc.cluster.local")->slot;
  config_set_mark(&fixture.set);
  fixture_add_service(&fixture, "new1", "default", versions, 1);
  assert_true(config_set_sweep(&fixture.set));
  struct proxy_table *second = fixture_build(&fixture); // a request still holds the old one
  struct table_slot new1 = cluster(second, "outbound|8080||new1.default.svc.cluster.local")->slot;
  assert_int_not_equal(new1.index, gone.index);
  table_unref(old);
  fixture_add_service(&fixture, "new2", "default", versions, 1);
  struct proxy_table *third = fixture_build(&fixture);
  struct table_slot new2 = cluster(third, "outbound|8080||new2.default.svc.cluster.local")->slot;
  assert_int_equal(new2.index, gone.index); // so numbers stay small
  assert_int_not_equal(new2.generation, gone.generation);
  assert_int_equal(third->cluster_slots, 2);
  table_unref(second);
  table_unref(third);
  fixture_dispose(&fixture);
}

static void *drop(void *data) {
  struct proxy_table *table = data;
  for (int i = 0; i < 10000; i++)
    table_unref(table_ref(table));
  table_unref(table);
  return NULL;
}

static void tables_may_be_dropped_from_any_thread(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  fixture_add_service(&fixture, "agent", "default", versions, 2);
  for (int round = 0; round < 5; round++) {
    struct proxy_table *table = fixture_build(&fixture);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, drop, table_ref(table)), 0);
    table_unref(table);
    for (int i = 0; i < 4; i++)
      assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  fixture_dispose(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slots_survive_a_new_table),
      cmocka_unit_test(a_slot_is_given_on_only_when_nobody_holds_it),
      cmocka_unit_test(tables_may_be_dropped_from_any_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
