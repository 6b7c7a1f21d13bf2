// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ENDPOINTS 5

static struct table_endpoint endpoints[ENDPOINTS];
static uint32_t loads[ENDPOINTS];
static bool ejected[ENDPOINTS];

static uint32_t active(void *ctx, const struct table_endpoint *endpoint) {
  (void)ctx;
  return loads[endpoint->slot.index];
}

static bool is_ejected(void *ctx, const struct table_endpoint *endpoint) {
  (void)ctx;
  return ejected[endpoint->slot.index];
}

static const struct pick_view view = {.active = active, .is_ejected = is_ejected};

static struct table_cluster cluster_of(enum table_balancer balancer, size_t count) {
  for (uint32_t i = 0; i < ENDPOINTS; i++) {
    endpoints[i].slot = (struct table_slot){i, 1};
    loads[i] = 0;
    ejected[i] = false;
  }
  return (struct table_cluster){
      .endpoints = endpoints, .endpoint_count = count, .balancer = balancer};
}

static void count_picks(const struct table_cluster *cluster, size_t n, size_t *ret_counts) {
  struct rng rng;
  uint32_t cursor = 17;
  rng_init(&rng, 42);
  for (size_t i = 0; i < ENDPOINTS; i++)
    ret_counts[i] = 0;
  for (size_t i = 0; i < n; i++) {
    const struct table_endpoint *endpoint = pick_endpoint(cluster, &view, NULL, &rng, &cursor);
    assert_non_null(endpoint);
    ret_counts[endpoint->slot.index]++;
  }
}

static void nothing_is_picked_from_nothing(void **state) {
  (void)state;
  struct rng rng;
  uint32_t cursor = 0;
  rng_init(&rng, 1);
  static const enum table_balancer all[] = {TABLE_LEAST_REQUEST, TABLE_ROUND_ROBIN, TABLE_RANDOM};
  for (size_t i = 0; i < 3; i++) {
    struct table_cluster cluster = cluster_of(all[i], 0);
    assert_null(pick_endpoint(&cluster, &view, NULL, &rng, &cursor));
    cluster = cluster_of(all[i], ENDPOINTS);
    for (size_t j = 0; j < ENDPOINTS; j++)
      ejected[j] = true;
    assert_null(pick_endpoint(&cluster, &view, NULL, &rng, &cursor));
    ejected[3] = false;
    for (size_t j = 0; j < 50; j++)
      assert_ptr_equal(pick_endpoint(&cluster, &view, NULL, &rng, &cursor), &endpoints[3]);
  }
}

static void round_robin_is_exact(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_ROUND_ROBIN, ENDPOINTS);
  count_picks(&cluster, 1000, counts);
  for (size_t i = 0; i < ENDPOINTS; i++)
    assert_int_equal(counts[i], 200);
}

static void random_is_even(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_RANDOM, ENDPOINTS);
  count_picks(&cluster, 50000, counts);
  double chi_square = 0;
  for (size_t i = 0; i < ENDPOINTS; i++)
    chi_square += ((double)counts[i] - 10000) * ((double)counts[i] - 10000) / 10000;
  assert_true(chi_square < 18.5); // 4 degrees of freedom, 0.1 %
}

static void an_ejected_endpoint_leaves_its_share_to_all(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_RANDOM, ENDPOINTS);
  ejected[2] = true;
  count_picks(&cluster, 40000, counts);
  assert_int_equal(counts[2], 0);
  for (size_t i = 0; i < ENDPOINTS; i++)
    assert_true(i == 2 || (counts[i] > 9600 && counts[i] < 10400));
}

// Two draws with replacement, the less loaded wins: the most loaded of n gets 1/n^2, the least
// (2n-1)/n^2.
static void least_request_is_the_power_of_two_choices(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_LEAST_REQUEST, ENDPOINTS);
  for (uint32_t i = 0; i < ENDPOINTS; i++)
    loads[i] = i;
  count_picks(&cluster, 25000, counts);
  for (size_t i = 0; i < ENDPOINTS; i++) {
    double want = 1000.0 * (double)(2 * (ENDPOINTS - i) - 1);
    assert_true((double)counts[i] > want * 0.9 && (double)counts[i] < want * 1.1);
  }
}

static void a_retry_avoids_what_was_tried(void **state) {
  (void)state;
  struct rng rng;
  uint32_t cursor = 0;
  rng_init(&rng, 7);
  static const enum table_balancer all[] = {TABLE_LEAST_REQUEST, TABLE_ROUND_ROBIN, TABLE_RANDOM};
  for (size_t i = 0; i < 3; i++) {
    struct table_cluster cluster = cluster_of(all[i], ENDPOINTS);
    size_t again = 0;
    for (size_t j = 0; j < 1000; j++) {
      struct pick_tried tried = {0};
      const struct table_endpoint *first = pick_endpoint(&cluster, &view, &tried, &rng, &cursor);
      pick_tried_add(&tried, first);
      again += pick_endpoint(&cluster, &view, &tried, &rng, &cursor) == first;
    }
    assert_true(again <= 5); // (1/5)^6 for random draws; never for a rotation
  }
  struct table_cluster one = cluster_of(TABLE_RANDOM, 1);
  struct pick_tried tried = {0};
  pick_tried_add(&tried, &endpoints[0]);
  assert_ptr_equal(pick_endpoint(&one, &view, &tried, &rng, &cursor), &endpoints[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_picked_from_nothing),
      cmocka_unit_test(round_robin_is_exact),
      cmocka_unit_test(random_is_even),
      cmocka_unit_test(an_ejected_endpoint_leaves_its_share_to_all),
      cmocka_unit_test(least_request_is_the_power_of_two_choices),
      cmocka_unit_test(a_retry_avoids_what_was_tried),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
