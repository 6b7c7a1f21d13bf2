// SPDX-License-Identifier: Apache-2.0
// Precedence of HTTPRoute matches: against a reference that applies the rules of the Gateway API
// one after the other, as the specification words them.
#include "proxy/route_rank.h"

#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MATCHES 24

// Keeps those that have the most of something.
static size_t keep_most(const struct route_rank **left, size_t count,
                        int64_t (*of)(const struct route_rank *rank)) {
  int64_t most = INT64_MIN;
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    most = of(left[i]) > most ? of(left[i]) : most;
  for (size_t i = 0; i < count; i++) {
    if (of(left[i]) == most)
      left[kept++] = left[i];
  }
  return kept;
}

static int64_t path_kind(const struct route_rank *rank) {
  return rank->path;
}
static int64_t path_len(const struct route_rank *rank) {
  return (int64_t)rank->path_len;
}
static int64_t method(const struct route_rank *rank) {
  return rank->has_method;
}
static int64_t headers(const struct route_rank *rank) {
  return (int64_t)rank->headers;
}
static int64_t queries(const struct route_rank *rank) {
  return (int64_t)rank->queries;
}
static int64_t age(const struct route_rank *rank) {
  return -rank->created_ms;
}
static int64_t early_rule(const struct route_rank *rank) {
  return -(int64_t)rank->rule;
}
static int64_t early_match(const struct route_rank *rank) {
  return -(int64_t)rank->match;
}

// The first of the routes in order of "{namespace}/{name}".
static size_t keep_first_name(const struct route_rank **left, size_t count) {
  struct str first = left[0]->route;
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    first = str_cmp(left[i]->route, first) < 0 ? left[i]->route : first;
  for (size_t i = 0; i < count; i++) {
    if (str_eq(left[i]->route, first))
      left[kept++] = left[i];
  }
  return kept;
}

static const struct route_rank *reference_first(const struct route_rank *items, const bool *used) {
  const struct route_rank *left[MATCHES];
  size_t count = 0;
  for (size_t i = 0; i < MATCHES; i++) {
    if (!used[i])
      left[count++] = &items[i];
  }
  int64_t (*const rules[])(const struct route_rank *) = {path_kind, path_len, method,
                                                         headers,   queries,  age};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    count = keep_most(left, count, rules[i]);
  count = keep_first_name(left, count);
  count = keep_most(left, count, early_rule);
  count = keep_most(left, count, early_match);
  assert_int_equal(count, 1);
  return left[0];
}

static int by_rank(const void *a, const void *b) {
  return route_rank_compare(a, b);
}

static void as_the_specification_words_it(void **state) {
  (void)state;
  static const struct str routes[] = {STR("a/x"), STR("a-b/x"), STR("a/y"), STR("b/a")};
  struct rng rng;
  rng_init(&rng, 20);
  for (size_t round = 0; round < 3000; round++) {
    struct route_rank items[MATCHES], sorted[MATCHES];
    bool used[MATCHES] = {false};
    for (size_t i = 0; i < MATCHES; i++) {
      uint64_t bits = rng_next(&rng);
      size_t route = bits >> 4 & 3;
      items[i] = (struct route_rank){.path = (enum route_rank_path)(bits % 3),
                                     .path_len = bits >> 8 & 1,
                                     .has_method = bits >> 10 & 1,
                                     .headers = bits >> 12 & 1,
                                     .queries = bits >> 14 & 1,
                                     .created_ms = route % 2, // of one route: the same
                                     .route = routes[route],
                                     .rule = (uint32_t)(bits >> 18 & 1),
                                     .match = (uint32_t)i};
    }
    memcpy(sorted, items, sizeof items);
    qsort(sorted, MATCHES, sizeof sorted[0], by_rank);
    for (size_t i = 0; i < MATCHES; i++) {
      const struct route_rank *first = reference_first(items, used);
      assert_int_equal(route_rank_compare(first, &sorted[i]), 0);
      used[first - items] = true;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_specification_words_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
