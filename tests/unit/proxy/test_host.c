// SPDX-License-Identifier: Apache-2.0
#include "proxy/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct host_entry entries[] = {
    {STR("reviews.team1.svc.cluster.local"), 0},
    {STR("*.team1.svc.cluster.local"), 1},
    {STR("*.cluster.local"), 2},
    {STR("10.0.0.7"), 3},
    {STR("::1"), 4},
};

static int64_t find(const struct host_index *index, const char *authority) {
  uint32_t value;
  return host_index_find(index, str_of(authority), &value) ? (int64_t)value : -1;
}

static void the_most_specific_name_answers(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  const struct host_index *index = host_index_new(&arena, entries, 5);
  assert_int_equal(find(index, "reviews.team1.svc.cluster.local"), 0);
  assert_int_equal(find(index, "Reviews.TEAM1.svc.cluster.local:8080"), 0);
  assert_int_equal(find(index, "reviews.team1.svc.cluster.local."), 0);
  assert_int_equal(find(index, "ratings.team1.svc.cluster.local"), 1);
  assert_int_equal(find(index, "a.b.team1.svc.cluster.local"), 1);
  assert_int_equal(find(index, "ratings.team2.svc.cluster.local"), 2);
  assert_int_equal(find(index, "10.0.0.7:80"), 3);
  assert_int_equal(find(index, "[::1]:80"), 4);
  arena_dispose(&arena);
}

static void a_wildcard_needs_something_in_its_place(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  const struct host_index *index = host_index_new(&arena, entries, 5);
  assert_int_equal(find(index, "cluster.local"), -1);
  assert_int_equal(find(index, ".cluster.local"), -1);
  assert_int_equal(find(index, "elsewhere.example"), -1);
  assert_int_equal(find(index, ""), -1);
  char name[400];
  memset(name, 'a', sizeof name);
  memcpy(name + 380, ".cluster.local", 15);
  assert_int_equal(find(index, name), -1); // longer than any name
  arena_dispose(&arena);
}

static void star_takes_the_rest(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  const struct host_entry all[] = {{STR("*"), 7}, {STR("a.b"), 8}};
  const struct host_index *index = host_index_new(&arena, all, 2);
  assert_int_equal(find(index, "a.b"), 8);
  assert_int_equal(find(index, "b"), 7);
  assert_int_equal(find(index, "x.y.z:1"), 7);
  arena_dispose(&arena);
}

static void ports_are_split_off(void **state) {
  (void)state;
  static const struct {
    const char *authority, *name;
    uint16_t port;
  } cases[] = {{"a.b:80", "a.b", 80},
               {"a.b", "a.b", 0},
               {"[::1]:81", "::1", 81},
               {"[fe80::2]", "fe80::2", 0},
               {"a:99999", "a", 0},
               {"a:", "a", 0},
               {"a:+8", "a", 0},
               {"[::1", "[::1", 0},
               {"", "", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct str name;
    uint16_t port;
    host_split(str_of(cases[i].authority), &name, &port);
    assert_true(str_eq_z(name, cases[i].name));
    assert_int_equal(port, cases[i].port);
  }
}

static void only_short_names_are_expanded(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  static const struct {
    const char *name, *want;
  } cases[] = {{"reviews", "reviews.team1.svc.cluster.local"},
               {"Reviews", "reviews.team1.svc.cluster.local"},
               {"reviews.team2", "reviews.team2"},
               {"*", "*"},
               {"*.example.com", "*.example.com"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_string_equal(
        host_expand(&arena, str_of(cases[i].name), STR("team1"), STR("cluster.local")).ptr,
        cases[i].want);
  arena_dispose(&arena);
}

static void a_thousand_names_are_all_found(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct host_entry *many = ARENA_ARRAY(&arena, struct host_entry, 1000);
  for (uint32_t i = 0; i < 1000; i++)
    many[i] = (struct host_entry){arena_printf(&arena, "s%u.ns.svc.cluster.local", i), i};
  const struct host_index *index = host_index_new(&arena, many, 1000);
  for (uint32_t i = 0; i < 1000; i++)
    assert_int_equal(find(index, many[i].name.ptr), i);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_most_specific_name_answers),
      cmocka_unit_test(a_wildcard_needs_something_in_its_place),
      cmocka_unit_test(star_takes_the_rest),
      cmocka_unit_test(ports_are_split_off),
      cmocka_unit_test(only_short_names_are_expanded),
      cmocka_unit_test(a_thousand_names_are_all_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
