// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "operator/effect/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NS STR("team1")

static struct json *parsed(const char *text, struct arena *arena) {
  struct json *json;
  assert_int_equal(json_parse(str_of(text), arena, &json, NULL), RC_OK);
  return json;
}

static bool has(const struct term_set *set, uint64_t term) {
  for (size_t i = 0; i < set->count; i++)
    if (set->items[i] == term)
      return true;
  return false;
}

static void test_what_a_rollout_is_about(void **state) {
  (void)state;
  struct arena arena = {0};
  struct term_set set = {0};
  const struct json *rollout =
      parsed("{\"metadata\":{\"namespace\":\"team1\",\"name\":\"agent\"},\"spec\":{"
             "\"stable\":{\"deployment\":\"agent-v1\"},\"workloadRef\":{\"name\":\"agent-main\"},"
             "\"traffic\":{\"virtualService\":{\"name\":\"route\"},\"destinationRule\":\"rule\"},"
             "\"steps\":[{\"deploy\":{\"name\":\"in-a-step\"}}],"
             "\"template\":{\"spec\":{\"containers\":[{\"name\":\"container\",\"envFrom\":[{"
             "\"configMapRef\":{\"name\":\"settings\"}}]}],"
             "\"volumes\":[{\"name\":\"vol\",\"secret\":{\"secretName\":\"keys\"}}]}},"
             "\"analysis\":{\"metricSets\":[{\"name\":\"shared\"}]}},"
             "\"status\":{\"phase\":\"Healthy\",\"canary\":{\"deployment\":\"agent-v2\"},"
             "\"history\":[{\"result\":\"old-one\"}]}}",
             &arena);
  reference_of_rollout(rollout, &arena, &set);
  static const char *const yes[] = {"agent-v1", "agent-main", "route",  "rule",
                                    "settings", "keys",       "shared", "agent-v2"};
  static const char *const no[] = {"in-a-step", "container", "vol", "Healthy", "old-one", "agent"};
  for (size_t i = 0; i < ARRAY_LEN(yes); i++)
    assert_true(has(&set, reference_name(NS, str_of(yes[i]))));
  for (size_t i = 0; i < ARRAY_LEN(no); i++)
    assert_false(has(&set, reference_name(NS, str_of(no[i]))));
  assert_true(has(&set, reference_owner(NS, STR("agent"))));
  assert_false(has(&set, reference_name(STR("team2"), STR("route"))));
  arena_dispose(&arena);
}

static void test_what_finds_an_object(void **state) {
  (void)state;
  static const struct {
    const char *more, *owner, *host;
  } cases[] = {
      {"\"spec\":{\"rollout\":\"agent\"}", "agent", NULL},
      {"\"spec\":{\"hosts\":[\"web\"]}", NULL, "web.team1.svc.cluster.local"},
      {"\"spec\":{\"hostnames\":[\"web.test\"]}", NULL, "web.test"},
      {"\"spec\":{}", NULL, NULL},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct arena arena = {0};
    struct term_set set = {0};
    reference_of_object(parsed(arena_printf(&arena,
                                            "{\"metadata\":{\"namespace\":\"team1\","
                                            "\"name\":\"x\"},%s}",
                                            cases[i].more)
                                   .ptr,
                               &arena),
                        &arena, &set);
    assert_true(has(&set, reference_name(NS, STR("x"))));
    if (cases[i].owner)
      assert_true(has(&set, reference_owner(NS, str_of(cases[i].owner))));
    if (cases[i].host)
      assert_true(has(&set, reference_host(str_of(cases[i].host))));
    assert_int_equal(set.count, 1 + (cases[i].owner != NULL) + (cases[i].host != NULL));
    arena_dispose(&arena);
  }
}

static void test_owned_objects(void **state) {
  (void)state;
  struct arena arena = {0};
  struct term_set set = {0};
  reference_of_object(parsed("{\"metadata\":{\"namespace\":\"team1\",\"name\":\"d\",\"labels\":{"
                             "\"serin.dev/rollout\":\"agent\"},\"ownerReferences\":[{\"kind\":"
                             "\"Rollout\",\"name\":\"other\"},{\"kind\":\"ReplicaSet\",\"name\":"
                             "\"third\"}]}}",
                             &arena),
                      &arena, &set);
  assert_true(has(&set, reference_owner(NS, STR("agent"))));
  assert_true(has(&set, reference_owner(NS, STR("other"))));
  assert_false(has(&set, reference_owner(NS, STR("third"))));
  arena_dispose(&arena);
}

// The table against a plain list, through many random changes.
#define OWNERS 40
#define TERMS 6
static void test_the_table_is_exact(void **state) {
  (void)state;
  struct term_index index = {0};
  struct term_list lists[OWNERS] = {0};
  uint64_t model[OWNERS][TERMS] = {0};
  size_t counts[OWNERS] = {0};
  struct rng rng;
  rng_init(&rng, 7);
  for (int turn = 0; turn < 3000; turn++) {
    size_t at = (size_t)rng_below(&rng, OWNERS);
    counts[at] = (size_t)rng_below(&rng, TERMS + 1);
    for (size_t i = 0; i < counts[at]; i++)
      model[at][i] = rng_below(&rng, 30) << 58 | rng_below(&rng, 3); // many in one bucket
    term_index_set(&index, &lists[at], &lists[at], model[at], counts[at]);
    uint64_t term = rng_below(&rng, 30) << 58 | rng_below(&rng, 3);
    bool expected[OWNERS] = {0}, found[OWNERS] = {0};
    for (size_t o = 0; o < OWNERS; o++)
      for (size_t i = 0; i < counts[o]; i++)
        expected[o] |= model[o][i] == term;
    struct term_list *item;
    for (struct term_iter it = term_begin(&index, term); (item = term_each(&it));) {
      assert_false(found[item - lists]); // once
      found[item - lists] = true;
    }
    assert_memory_equal(expected, found, sizeof found);
  }
  for (size_t o = 0; o < OWNERS; o++)
    term_index_set(&index, &lists[o], NULL, NULL, 0);
  assert_int_equal(index.count, 0);
  term_index_dispose(&index);
}

static void test_routes_that_meet(void **state) {
  (void)state;
#define ROUTE(name, hosts)                                                                         \
  "{\"metadata\":{\"namespace\":\"team1\",\"name\":\"" name                                        \
  "\"},\"spec\":{\"parentRefs\":[{\"name\":\"gw\"}]" hosts "}}"
  static const char *const routes[] = {ROUTE("a", ",\"hostnames\":[\"x\"]"),
                                       ROUTE("b", ",\"hostnames\":[\"y\"]"), ROUTE("c", "")};
  static const bool meets[3][3] = {{true, false, true}, {false, true, true}, {true, true, true}};
  struct arena arena = {0};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++) {
      struct term_set rivals = {0}, found_by = {0};
      bool met = false;
      reference_of_rivals(parsed(routes[i], &arena), &arena, &rivals);
      reference_of_route(parsed(routes[j], &arena), &arena, &found_by);
      for (size_t k = 0; k < found_by.count; k++)
        met |= has(&rivals, found_by.items[k]);
      assert_int_equal(met, meets[i][j]);
    }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_a_rollout_is_about), cmocka_unit_test(test_what_finds_an_object),
      cmocka_unit_test(test_owned_objects),           cmocka_unit_test(test_routes_that_meet),
      cmocka_unit_test(test_the_table_is_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
