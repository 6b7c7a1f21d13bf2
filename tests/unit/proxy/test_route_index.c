// SPDX-License-Identifier: Apache-2.0
// The index leaves out nothing that a look at every route would find, and keeps the order.
#include "proxy/route_index.h"

#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static bool meets(const struct table_route *route, struct str path) {
  return string_match_value(&route->match.uri, path, NULL) == MATCH_YES;
}

static void check_path(const struct route_index *index, const struct table_route *routes,
                       size_t count, struct str path) {
  struct route_walk walk;
  size_t at = 0, given = 0;
  bool any = false;
  route_walk_begin(&walk, index, path, count);
  for (size_t want = 0; want < count; want++) {
    if (!meets(&routes[want], path))
      continue;
    // Every route that the path meets comes, and none out of order.
    do {
      size_t before = at;
      assert_true(route_walk_next(&walk, &at));
      assert_true(!any || at > before);
      any = true;
      given++;
    } while (at != want);
  }
  while (route_walk_next(&walk, &at))
    given++;
  assert_true(given <= count);
}

// Few letters and short texts, so that prefixes of prefixes and equal texts are common.
static struct str random_path(struct rng *rng, struct arena *arena, unsigned most) {
  char text[64];
  size_t len = 1 + rng_below(rng, most);
  text[0] = '/';
  for (size_t i = 1; i < len; i++)
    text[i] = "ab/"[rng_below(rng, 3)];
  return arena_str(arena, (struct str){text, len});
}

static struct table_route *random_routes(struct rng *rng, struct arena *arena, size_t count) {
  static const enum string_match_kind kinds[] = {STRING_MATCH_EXACT, STRING_MATCH_PREFIX,
                                                 STRING_MATCH_PATH_PREFIX, STRING_MATCH_NONE};
  struct table_route *routes = ARENA_ARRAY(arena, struct table_route, count);
  for (size_t i = 0; i < count; i++) {
    routes[i].match.uri = (struct string_matcher){.kind = kinds[rng_below(rng, 4)],
                                                  .ignore_case = rng_below(rng, 8) == 0,
                                                  .value = random_path(rng, arena, 8)};
    if (rng_below(rng, 20) == 0)
      routes[i].match.uri.value = STR("");
    if (routes[i].match.uri.kind == STRING_MATCH_NONE && rng_below(rng, 4))
      routes[i].match.uri.kind = STRING_MATCH_EXACT;
  }
  return routes;
}

static void the_same_routes_as_without(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 11);
  for (int world = 0; world < 300; world++) {
    struct arena arena;
    arena_init(&arena);
    size_t count = rng_below(&rng, 60);
    struct table_route *routes = random_routes(&rng, &arena, count);
    const struct route_index *index = route_index_new(&arena, routes, count);
    for (int i = 0; i < 100; i++)
      check_path(index, routes, count, random_path(&rng, &arena, 12));
    check_path(index, routes, count, STR(""));
    check_path(index, routes, count, STR("*"));
    arena_dispose(&arena);
  }
}

// Each is a prefix of the next: more of them than a walk holds.
static void a_path_with_too_many_prefixes_is_looked_up_one_by_one(void **state) {
  (void)state;
  static const char deep[] = "/////////////////////////////////////////////////";
  struct table_route routes[sizeof deep - 1] = {0};
  struct arena arena;
  arena_init(&arena);
  for (size_t i = 0; i < sizeof deep - 1; i++)
    routes[i].match.uri =
        (struct string_matcher){.kind = STRING_MATCH_PREFIX, .value = {deep, sizeof deep - 1 - i}};
  const struct route_index *index = route_index_new(&arena, routes, sizeof deep - 1);
  assert_non_null(index);
  for (size_t len = 0; len < sizeof deep; len++)
    check_path(index, routes, sizeof deep - 1, (struct str){deep, len});
  arena_dispose(&arena);
}

// Of ten thousand routes one path is shown a handful.
static void a_path_meets_few_of_many(void **state) {
  (void)state;
  enum { MANY = 10000 };
  struct arena arena;
  arena_init(&arena);
  struct table_route *routes = ARENA_ARRAY(&arena, struct table_route, MANY);
  for (int i = 0; i < MANY; i++)
    routes[i].match.uri =
        (struct string_matcher){.kind = i % 2 ? STRING_MATCH_PREFIX : STRING_MATCH_EXACT,
                                .value = arena_printf(&arena, "/service-%d", i)};
  const struct route_index *index = route_index_new(&arena, routes, MANY);
  struct route_walk walk;
  size_t at, given = 0;
  route_walk_begin(&walk, index, STR("/service-9999/a"), MANY);
  while (route_walk_next(&walk, &at))
    given++;
  assert_int_equal(given, 4); // /service-9, -99, -999 and -9999
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_routes_as_without),
      cmocka_unit_test(a_path_with_too_many_prefixes_is_looked_up_one_by_one),
      cmocka_unit_test(a_path_meets_few_of_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
