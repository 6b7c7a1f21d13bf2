// SPDX-License-Identifier: Apache-2.0
#include "proxy/pick.h"

#include "proxy/hash_ring.h"

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

static struct pick_view view = {.active = active, .is_ejected = is_ejected, .version = 1};

static struct pick_state place;

// With a state that begins anew.
static const struct table_endpoint *pick(const struct table_cluster *cluster,
                                         const struct pick_tried *tried, struct rng *rng) {
  const struct pick_request request = {.tried = tried};
  return pick_endpoint(cluster, &view, &request, rng, &place, NULL);
}

static void start(uint32_t cursor) {
  pick_state_dispose(&place);
  place.cursor = cursor;
  view.health++;
}

static struct table_cluster cluster_of(enum table_balancer balancer, size_t count) {
  for (uint32_t i = 0; i < ENDPOINTS; i++) {
    endpoints[i] = (struct table_endpoint){.slot = {i, 1}, .weight = 1};
    loads[i] = 0;
    ejected[i] = false;
  }
  view.is_ejected = NULL;
  view.now_ms = 0;
  start(0);
  return (struct table_cluster){
      .endpoints = endpoints, .endpoint_count = count, .balancer = balancer};
}

static void count_picks(const struct table_cluster *cluster, size_t n, size_t *ret_counts) {
  struct rng rng;
  start(17);
  rng_init(&rng, 42);
  for (size_t i = 0; i < ENDPOINTS; i++)
    ret_counts[i] = 0;
  for (size_t i = 0; i < n; i++) {
    const struct table_endpoint *endpoint = pick(cluster, NULL, &rng);
    assert_non_null(endpoint);
    ret_counts[endpoint->slot.index]++;
  }
}

static void nothing_is_picked_from_nothing(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 1);
  static const enum table_balancer all[] = {TABLE_LEAST_REQUEST, TABLE_ROUND_ROBIN, TABLE_RANDOM};
  for (size_t i = 0; i < 3; i++) {
    struct table_cluster cluster = cluster_of(all[i], 0);
    assert_null(pick(&cluster, NULL, &rng));
    cluster = cluster_of(all[i], ENDPOINTS);
    view.is_ejected = is_ejected;
    for (size_t j = 0; j < ENDPOINTS; j++)
      ejected[j] = true;
    assert_null(pick(&cluster, NULL, &rng));
    ejected[3] = false;
    view.health++;
    for (size_t j = 0; j < 50; j++)
      assert_ptr_equal(pick(&cluster, NULL, &rng), &endpoints[3]);
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
  view.is_ejected = is_ejected;
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
  rng_init(&rng, 7);
  static const enum table_balancer all[] = {TABLE_LEAST_REQUEST, TABLE_ROUND_ROBIN, TABLE_RANDOM};
  for (size_t i = 0; i < 3; i++) {
    struct table_cluster cluster = cluster_of(all[i], ENDPOINTS);
    size_t again = 0;
    for (size_t j = 0; j < 1000; j++) {
      struct pick_tried tried = {0};
      const struct table_endpoint *first = pick(&cluster, &tried, &rng);
      pick_tried_add(&tried, first);
      again += pick(&cluster, &tried, &rng) == first;
    }
    assert_true(again <= 5); // (1/5)^6 for random draws; never for a rotation
  }
  struct table_cluster one = cluster_of(TABLE_RANDOM, 1);
  struct pick_tried tried = {0};
  pick_tried_add(&tried, &endpoints[0]);
  assert_ptr_equal(pick(&one, &tried, &rng), &endpoints[0]);
}

static void weights_are_shares(void **state) {
  (void)state;
  static const enum table_balancer all[] = {TABLE_ROUND_ROBIN, TABLE_LEAST_REQUEST};
  static const uint32_t weights[] = {1, 2, 3, 4, 10};
  for (size_t i = 0; i < 2; i++) {
    size_t counts[ENDPOINTS];
    struct table_cluster cluster = cluster_of(all[i], ENDPOINTS);
    cluster.is_weighted = true;
    for (size_t j = 0; j < ENDPOINTS; j++)
      endpoints[j].weight = weights[j];
    count_picks(&cluster, 2000, counts);
    for (size_t j = 0; j < ENDPOINTS; j++)
      assert_in_range(counts[j], 100 * weights[j] - 1, 100 * weights[j] + 1);
  }
}

// Evenly spread, not in bursts: of any ten picks in a row 3:1 is right to one.
static void a_schedule_is_smooth(void **state) {
  (void)state;
  struct rng rng;
  struct table_cluster cluster = cluster_of(TABLE_ROUND_ROBIN, 2);
  cluster.is_weighted = true;
  endpoints[0].weight = 3;
  rng_init(&rng, 3);
  for (int i = 0; i < 50; i++) {
    int first = 0;
    for (int j = 0; j < 8; j++)
      first += pick(&cluster, NULL, &rng) == &endpoints[0];
    assert_in_range(first, 5, 7);
  }
}

// LEAST_REQUEST with weights: weight / (active + 1).
static void load_takes_from_a_weight(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_LEAST_REQUEST, 2);
  cluster.is_weighted = true;
  endpoints[0].weight = 4;
  loads[0] = 3;
  endpoints[1].weight = 3;
  count_picks(&cluster, 4000, counts);
  assert_in_range(counts[0], 995, 1005);
  cluster = cluster_of(TABLE_RANDOM, 2); // no weights by definition
  endpoints[0].weight = 9;
  count_picks(&cluster, 4000, counts);
  assert_in_range(counts[0], 1850, 2150);
}

static void new_endpoints_are_spared(void **state) {
  (void)state;
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_ROUND_ROBIN, 2);
  struct table_warmup warmup = {.duration_ms = 10000, .minimum = 0.1, .until_ms = 10000};
  cluster.warmup = &warmup;
  endpoints[0].since_ms = -100000;
  static const struct {
    int64_t now_ms;
    double aggression, part;
  } rows[] = {{10, 1, 0.1}, {2500, 1, 0.25}, {5000, 1, 0.5}, {2500, 2, 0.5}, {10000, 1, 1}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    view.now_ms = rows[i].now_ms;
    warmup.aggression = rows[i].aggression;
    count_picks(&cluster, 1100, counts);
    double want = 1100 * rows[i].part / (1 + rows[i].part);
    assert_true((double)counts[1] > want - 3 && (double)counts[1] < want + 3);
  }
}

static void panic_is_below_the_threshold(void **state) {
  (void)state;
  static const struct {
    size_t out;
    uint32_t threshold;
    bool panic;
  } rows[] = {{1, 50, false},
              {3, 40, false},
              {3, 41, true},
              {4, 21, true},
              {4, 20, false},
              {1, 90, false}, // 80 % are enough for all requests: no panic whatever
                              // the threshold
              {2, 61, true},
              {5, 1, true}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct rng rng;
    struct table_cluster cluster = cluster_of(TABLE_ROUND_ROBIN, ENDPOINTS);
    size_t seen_out = 0;
    cluster.panic_percent = rows[i].threshold;
    view.is_ejected = is_ejected;
    for (size_t j = 0; j < rows[i].out; j++)
      ejected[j] = true;
    rng_init(&rng, 5);
    for (size_t j = 0; j < 100; j++) {
      bool panic = false;
      const struct pick_request request = {0};
      const struct table_endpoint *endpoint =
          pick_endpoint(&cluster, &view, &request, &rng, &place, &panic);
      assert_int_equal(panic, rows[i].panic);
      seen_out += endpoint && ejected[endpoint->slot.index];
    }
    assert_int_equal(seen_out, rows[i].panic ? 100 * rows[i].out / ENDPOINTS : 0);
  }
}

static void localities_share_by_weight(void **state) {
  (void)state;
  static const struct table_locality localities[] = {{STR("a"), 0, 80, false},
                                                     {STR("b"), 0, 20, false}};
  size_t counts[ENDPOINTS];
  struct table_cluster cluster = cluster_of(TABLE_LEAST_REQUEST, ENDPOINTS);
  cluster.localities = localities;
  cluster.locality_count = 2;
  for (size_t i = 2; i < ENDPOINTS; i++)
    endpoints[i].locality = 1;
  count_picks(&cluster, 10000, counts);
  assert_in_range(counts[0] + counts[1], 7990, 8010);
  // Half of a is out: it carries 1.4 * 1/2 of its weight.
  ejected[0] = true;
  view.is_ejected = is_ejected;
  count_picks(&cluster, 10000, counts);
  assert_int_equal(counts[0], 0);
  assert_in_range(counts[1], 10000 * 56 / 76 - 15, 10000 * 56 / 76 + 15);
}

// A priority takes what its healthy ones can carry with 40 % to spare; the rest fails over.
static void the_next_priority_takes_what_is_left(void **state) {
  (void)state;
  static const struct table_locality localities[] = {{STR("near"), 0, 0, false},
                                                     {STR("far"), 1, 0, false}};
  static const struct { size_t out, near; } rows[] = {{0, 10000}, {1, 9300}, {2, 4600}, {3, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t counts[ENDPOINTS];
    struct table_cluster cluster = cluster_of(TABLE_RANDOM, ENDPOINTS);
    cluster.localities = localities;
    cluster.locality_count = 2;
    endpoints[3].locality = endpoints[4].locality = 1;
    view.is_ejected = is_ejected;
    for (size_t j = 0; j < rows[i].out; j++)
      ejected[j] = true;
    count_picks(&cluster, 10000, counts);
    size_t near = counts[0] + counts[1] + counts[2];
    assert_in_range(near + 10, rows[i].near, rows[i].near + 20);
  }
}

// retryRemoteLocalities: after every second try the priorities tried are left out.
static void retries_may_go_far(void **state) {
  (void)state;
  static const struct table_locality localities[] = {{STR("near"), 0, 0, false},
                                                     {STR("far"), 1, 0, false}};
  struct rng rng;
  struct table_cluster cluster = cluster_of(TABLE_RANDOM, ENDPOINTS);
  cluster.localities = localities;
  cluster.locality_count = 2;
  endpoints[4].locality = 1;
  rng_init(&rng, 9);
  for (uint32_t tries = 0; tries < 6; tries++) {
    struct pick_tried tried = {0};
    const struct pick_request request = {.remote = &tried};
    for (uint32_t i = 0; i < tries; i++)
      pick_tried_add(&tried, &endpoints[i < 3 ? i : 4]); // the third and fourth: 2 and the far one
    for (int i = 0; i < 100; i++) {
      const struct table_endpoint *endpoint =
          pick_endpoint(&cluster, &view, &request, &rng, &place, NULL);
      assert_int_equal(endpoint == &endpoints[4], tries == 2 || tries == 3);
    }
  }
}

// A hash finds the same endpoint again; a tried one gives way to the next place.
static void a_hash_decides(void **state) {
  (void)state;
  struct rng rng;
  struct hash_host hosts[ENDPOINTS];
  static const char *const keys[] = {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80",
                                     "10.0.0.5:80"};
  struct table_cluster cluster = cluster_of(TABLE_LEAST_REQUEST, ENDPOINTS);
  for (uint32_t i = 0; i < ENDPOINTS; i++)
    hosts[i] = (struct hash_host){str_of(keys[i]), 1, i};
  cluster.ring = hash_ring_new(false, 1024, hosts, ENDPOINTS);
  rng_init(&rng, 11);
  for (uint64_t i = 0; i < 1000; i++) {
    struct pick_request request = {.has_hash = true, .hash = i * 0x9E3779B97F4A7C15u};
    const struct table_endpoint *first =
        pick_endpoint(&cluster, &view, &request, &rng, &place, NULL);
    assert_ptr_equal(first, pick_endpoint(&cluster, &view, &request, &rng, &place, NULL));
    assert_ptr_equal(
        first, &endpoints[cluster.ring->owners[hash_ring_find(cluster.ring, request.hash, 0)]]);
    view.is_ejected = is_ejected;
    ejected[first->slot.index] = true;
    view.health++;
    assert_ptr_not_equal(first, pick_endpoint(&cluster, &view, &request, &rng, &place, NULL));
    ejected[first->slot.index] = false;
    view.is_ejected = NULL;
  }
  hash_ring_unref(cluster.ring);
}

static int leave(void **state) {
  (void)state;
  pick_state_dispose(&place);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_picked_from_nothing),
      cmocka_unit_test(round_robin_is_exact),
      cmocka_unit_test(random_is_even),
      cmocka_unit_test(an_ejected_endpoint_leaves_its_share_to_all),
      cmocka_unit_test(least_request_is_the_power_of_two_choices),
      cmocka_unit_test(a_retry_avoids_what_was_tried),
      cmocka_unit_test(weights_are_shares),
      cmocka_unit_test(a_schedule_is_smooth),
      cmocka_unit_test(load_takes_from_a_weight),
      cmocka_unit_test(new_endpoints_are_spared),
      cmocka_unit_test(panic_is_below_the_threshold),
      cmocka_unit_test(localities_share_by_weight),
      cmocka_unit_test(the_next_priority_takes_what_is_left),
      cmocka_unit_test(retries_may_go_far),
      cmocka_unit_test(a_hash_decides),
  };
  return cmocka_run_group_tests(tests, NULL, leave);
}
