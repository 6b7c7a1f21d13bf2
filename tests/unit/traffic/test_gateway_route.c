// SPDX-License-Identifier: Apache-2.0
// HTTPRoute and GRPCRoute as routers.
#include "manifests/base/rng.h"
#include "manifests/text/json_patch.h"
#include "operator/traffic/router_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

// Single quotes stand for double ones.
static struct json *parse(const char *text) {
  struct json *json = NULL;
  struct err err = {0};
  struct str copy = arena_strz(&arena, text);
  for (char *at = (char *)(uintptr_t)copy.ptr; *at; at++)
    *at = *at == '\'' ? '"' : *at;
  if (json_parse(copy, &arena, &json, &err) != RC_OK)
    fail_msg("%s in %s", err.msg, text);
  return json;
}

static struct json *route(const char *rules) {
  return parse(arena_printf(&arena,
                            "{'metadata':{'name':'web','namespace':'team1','generation':4,"
                            "'creationTimestamp':'2026-01-02T00:00:00Z'},'spec':{'parentRefs':"
                            "[{'name':'gw'}],'hostnames':['a.example'],'rules':%s}}",
                            rules)
                   .ptr);
}

static struct route_target target_of(const struct json *object) {
  return (struct route_target){.ref = {.router = &http_route_router, .name = STR("web")},
                               .object = object,
                               .ns = STR("team1"),
                               .host = STR("web-v1"),
                               .stable = STR("web-v1"),
                               .canary = STR("web-v2")};
}

static struct json *apply(const struct json *object, const struct json *patch) {
  struct json *copy = json_dup(&arena, object);
  struct err err = {0};
  if (patch && json_patch_apply(&arena, &copy, patch, &err) != RC_OK)
    fail_msg("%s", err.msg);
  return copy;
}

static void expect_rules(const struct json *object, const char *rules) {
  if (!json_equal(json_path(object, "spec.rules"), parse(rules)))
    fail_msg("got %s, wanted %s", json_text(&arena, json_path(object, "spec.rules")).ptr, rules);
}

static void set(const char *before, int64_t parts, enum route_drop drop, const char *after) {
  struct json *object = route(before);
  struct route_target target = target_of(object);
  expect_rules(apply(object, router_patch(&target, parts, drop, &arena)), after);
}

static enum route_problem problem_of(const struct route_target *target) {
  struct route_split split;
  router_read(target, &arena, &split);
  assert_int_equal(split.message.len > 0, split.problem != ROUTE_FINE);
  return split.problem;
}

#define V1(w) "{'name':'web-v1','port':80,'weight':" #w "}"
#define V2(w) "{'name':'web-v2','port':80,'weight':" #w "}"
#define FILTER "'filters':[{'type':'RequestHeaderModifier'}]"

static void test_weights_are_written_with_all_else_kept(void **state) {
  (void)state;
  set("[{'timeouts':{'request':'2s'},'backendRefs':[{'name':'web-v1','port':80," FILTER "}]}]",
      1000, ROUTE_DROP_NONE,
      "[{'timeouts':{'request':'2s'},'backendRefs':[{'name':'web-v1','port':80," FILTER
      ",'weight':90},{'name':'web-v2','port':80," FILTER ",'weight':10}]}]");
  set("[{'backendRefs':[" V1(100) "," V2(0) "]}]", 10, ROUTE_DROP_NONE,
      "[{'backendRefs':[" V1(999) "," V2(1) "]}]");
  set("[{'backendRefs':[" V1(0) "," V2(100) "]}]", 10000, ROUTE_DROP_STABLE,
      "[{'backendRefs':[" V2(100) "]}]");
}

static void test_what_gives_the_share_already_stays(void **state) {
  (void)state;
  struct json *object = route("[{'backendRefs':[{'name':'web-v1','port':80}]}]");
  struct route_target target = target_of(object);
  assert_null(router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  target.object = route("[{'backendRefs':[" V1(9) "," V2(1) "]}]");
  assert_null(router_patch(&target, 1000, ROUTE_DROP_NONE, &arena));
  target.object = route("[{'backendRefs':[" V1(1) "," V2(0) "]}]");
  assert_null(router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
}

static void test_other_backends_keep_their_share(void **state) {
  (void)state;
  // The same name of another namespace or kind is another backend.
  set("[{'backendRefs':[" V1(80) ",{'name':'web-v2','namespace':'team2','weight':10},"
                                 "{'name':'web-v2','kind':'ServiceImport','group':'multicluster.x-"
                                 "k8s.io','weight':10}]}]",
      2500, ROUTE_DROP_NONE,
      "[{'backendRefs':[" V1(60) ",{'name':'web-v2','namespace':'team2','weight':10},"
                                 "{'name':'web-v2','kind':'ServiceImport','group':'multicluster.x-"
                                 "k8s.io','weight':10}," V2(20) "]}]");
}

#define BETA "{'matches':[{'headers':[{'name':'x-beta','value':'1'}]}],'backendRefs':[" V2(1) "]}"

static void test_a_rule_for_the_canary_alone_is_left_alone(void **state) {
  (void)state;
  set("[" BETA ",{'backendRefs':[" V1(1) "]}]", 5000, ROUTE_DROP_NONE,
      "[" BETA ",{'backendRefs':[" V1(50) "," V2(50) "]}]");
}

static void test_several_rules_need_names(void **state) {
  (void)state;
  struct json *object =
      route("[{'name':'api','backendRefs':[" V1(1) "]},{'backendRefs':[" V1(1) "]}]");
  struct route_target target = target_of(object);
  assert_int_equal(problem_of(&target), ROUTE_AMBIGUOUS);
  assert_null(router_patch(&target, 1000, ROUTE_DROP_NONE, &arena));
  struct str names[] = {STR("api"), STR("1")};
  target.ref.routes = names;
  target.ref.routes_count = 1;
  assert_int_equal(problem_of(&target), ROUTE_FINE);
  expect_rules(
      apply(object, router_patch(&target, 5000, ROUTE_DROP_NONE, &arena)),
      "[{'name':'api','backendRefs':[" V1(50) "," V2(50) "]},{'backendRefs':[" V1(1) "]}]");
  target.ref.routes_count = 2;
  expect_rules(apply(object, router_patch(&target, 5000, ROUTE_DROP_NONE, &arena)),
               "[{'name':'api','backendRefs':[" V1(50) "," V2(50) "]},{'backendRefs':[" V1(
                   50) "," V2(50) "]}]");
  names[1] = STR("none");
  assert_int_equal(problem_of(&target), ROUTE_MISSING);
}

static void test_an_ambiguity_does_not_keep_traffic_on_the_canary(void **state) {
  (void)state;
  set("[{'backendRefs':[" V1(90) "," V2(10) "]},{'backendRefs':[" V1(1) "]}]", 0, ROUTE_DROP_NONE,
      "[{'backendRefs':[" V1(100) "," V2(0) "]},{'backendRefs':[" V1(1) "]}]");
}

static void test_problems_are_told(void **state) {
  (void)state;
  static const struct {
    const char *rules;
    enum route_problem problem;
  } cases[] = {
      {"[]", ROUTE_MISSING},
      {"[{'backendRefs':[{'name':'other'}]}]", ROUTE_MISSING},
      {"[{'backendRefs':[" V1(1) "," V1(1) "]}]", ROUTE_AMBIGUOUS},
      {"[{'backendRefs':[" V1(0) ",{'name':'other'}]}]", ROUTE_WEIGHTLESS},
      {"[{'backendRefs':[" V1(1000001) "]}]", ROUTE_WEIGHTLESS},
      {"[{'backendRefs':[" V1(0) "," V2(0) "]}]", ROUTE_FINE},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct route_target target = target_of(route(cases[i].rules));
    assert_int_equal(problem_of(&target), cases[i].problem);
  }
}

static void test_a_version_takes_the_place_of_the_users_service(void **state) {
  (void)state;
  struct json *object = route("[{'backendRefs':[{'name':'web','port':80}]}]");
  struct route_target target = target_of(object);
  target.host = STR("web");
  target.takes_bare = true;
  target.canary = STR_NULL;
  object = apply(object, router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  expect_rules(object, "[{'backendRefs':[{'name':'web-v1','port':80}]}]");
  // And back, as it was found.
  target.object = object;
  target.stable = STR_NULL;
  struct str old[] = {STR("web-v1")};
  target.old = old;
  target.old_count = 1;
  object = apply(object, router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  expect_rules(object, "[{'backendRefs':[{'name':'web','port':80}]}]");
}

static void test_a_guard_stops_a_stale_patch(void **state) {
  (void)state;
  struct json *after = route("[{'backendRefs':[" V2(10) "," V1(90) "]}]");
  struct route_target target = target_of(route("[{'backendRefs':[" V1(90) "," V2(10) "]}]"));
  const struct json *patch = router_patch(&target, 5000, ROUTE_DROP_NONE, &arena);
  assert_int_not_equal(json_patch_apply(&arena, &after, patch, NULL), RC_OK);
}

// --- what the parents say ---

static struct json *with_parents(const char *parents) {
  struct json *object = route("[{'backendRefs':[" V1(1) "]}]"), *status = json_new_object(&arena);
  json_put(&arena, status, "parents", parse(parents));
  json_put(&arena, object, "status", status);
  return object;
}

#define PARENT(controller, type, status, generation)                                               \
  "{'parentRef':{'name':'gw'},'controllerName':'" controller "','conditions':[{'type':'" type      \
  "','status':'" status "','observedGeneration':" #generation                                      \
  ",'reason':'NotAllowedByListeners','message':'no listener'}]}"

static void test_a_parent_that_refuses_is_told(void **state) {
  (void)state;
  struct str message = STR_NULL;
  struct route_target target =
      target_of(with_parents("[" PARENT("x/gw", "Accepted", "False", 4) "]"));
  assert_string_equal(router_refusal(&target, &arena, &message), "RouteNotAccepted");
  assert_true(str_contains(message, STR("Gateway gw (controller x/gw)")));
  assert_true(str_contains(message, STR("NotAllowedByListeners: no listener")));
  target.object = with_parents("[" PARENT("x/gw", "ResolvedRefs", "False", 4) "]");
  assert_string_equal(router_refusal(&target, &arena, &message), "RouteRefsNotResolved");
  target.object = with_parents("[" PARENT("x/gw", "Accepted", "False", 3) "]"); // of before
  assert_null(router_refusal(&target, &arena, &message));
}

static void test_the_newest_generation_counts(void **state) {
  (void)state;
  static const struct {
    const char *parents;
    enum route_word word, with_ours;
  } cases[] = {
      {"[]", ROUTE_SAYS_NOTHING, ROUTE_SAYS_NOTHING},
      {"[" PARENT("x/gw", "Accepted", "True", 4) "]", ROUTE_IN_FORCE, ROUTE_IN_FORCE},
      {"[" PARENT("x/gw", "Accepted", "True", 3) "]", ROUTE_NOT_YET, ROUTE_NOT_YET},
      {"[" PARENT("serin.dev/gateway-controller", "Accepted", "True", 3) "]", ROUTE_SAYS_NOTHING,
       ROUTE_NOT_YET},
      {"[" PARENT("x/gw", "Accepted", "True", 4) "," PARENT("y/gw", "Accepted", "True", 2) "]",
       ROUTE_NOT_YET, ROUTE_NOT_YET},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct route_target target = target_of(with_parents(cases[i].parents));
    assert_int_equal(router_word(&target, false), cases[i].word);
    assert_int_equal(router_word(&target, true), cases[i].with_ours);
  }
}

// --- shadows ---

#define OTHER(name, at, rest)                                                                      \
  "{'metadata':{'name':'" name "','namespace':'team2','creationTimestamp':'" at "'},'spec':{"      \
  "'hostnames':['A.example'],'parentRefs':[{'name':'gw','namespace':'team1'}]," rest "}}"
#define RULE(matches) "'rules':[{'matches':[" matches "],'backendRefs':[{'name':'x'}]}]"

static bool is_shadowed(const char *rules, const char *other) {
  struct route_target target = target_of(route(rules));
  const struct json *others[] = {target.object, parse(other)};
  return router_shadow(&target, others, 2, &arena) == others[1];
}

static void test_an_equal_match_of_an_older_route_shadows(void **state) {
  (void)state;
  const char *api =
      "[{'matches':[{'path':{'type':'PathPrefix','value':'/api'}}],'backendRefs':[" V1(1) "]}]";
  assert_true(
      is_shadowed(api, OTHER("old", "2026-01-01T00:00:00Z", RULE("{'path':{'value':'/api'}}"))));
  assert_false(
      is_shadowed(api, OTHER("young", "2026-01-03T00:00:00Z", RULE("{'path':{'value':'/api'}}"))));
  assert_false(is_shadowed(
      api, OTHER("longer", "2026-01-01T00:00:00Z", RULE("{'path':{'value':'/api/v2'}}"))));
  assert_false(is_shadowed(
      api, OTHER("get", "2026-01-01T00:00:00Z", RULE("{'method':'GET','path':{'value':'/api'}}"))));
  // No matches is everything below /.
  assert_true(is_shadowed("[{'backendRefs':[" V1(1) "]}]",
                          OTHER("old", "2026-01-01T00:00:00Z", RULE("{'path':{'value':'/'}}"))));
  // Of the same age the first by namespace and name: ours is team1/web.
  assert_false(is_shadowed("[{'backendRefs':[" V1(1) "]}]",
                           OTHER("a", "2026-01-02T00:00:00Z", RULE("{'path':{'value':'/'}}"))));
  assert_false(is_shadowed("[{'backendRefs':[" V1(1) "]}]",
                           "{'metadata':{'name':'o','namespace':'team1','creationTimestamp':"
                           "'2026-01-01T00:00:00Z'},'spec':{'parentRefs':[{'name':'other'}],"
                           "'hostnames':['a.example'],'rules':[{}]}}"));
}

static void test_grpc_matches(void **state) {
  (void)state;
  struct json *ours =
      route("[{'matches':[{'method':{'service':'s','method':'M'}}],'backendRefs':[" V1(1) "]}]");
  struct route_target target = target_of(ours);
  target.ref.router = &grpc_route_router;
  const struct json *same[] = {
      parse(OTHER("old", "2026-01-01T00:00:00Z", RULE("{'method':{'service':'s','method':'M'}}")))};
  const struct json *less[] = {
      parse(OTHER("old", "2026-01-01T00:00:00Z", RULE("{'method':{'service':'s'}}")))};
  assert_ptr_equal(router_shadow(&target, same, 1, &arena), same[0]);
  assert_null(router_shadow(&target, less, 1, &arena));
}

// --- properties ---

static struct str random_rule(struct rng *rng, bool huge) {
  static const char *const names[] = {"web-v1", "web-v2", "old", "x"};
  struct buf out;
  bool used[4] = {false};
  size_t count = 1 + rng_below(rng, 4);
  buf_init(&out, 4096);
  buf_add_z(&out, "{\"timeouts\":{\"request\":\"1s\"},\"backendRefs\":[");
  for (size_t i = 0; i < count; i++) {
    size_t kind = rng_below(rng, 4);
    if (used[kind] && kind < 2)
      kind = 3;
    used[kind] = true;
    buf_addf(&out, "%s{\"name\":\"%s\"", i ? "," : "", names[kind]);
    if (rng_below(rng, 4))
      buf_addf(&out, ",\"weight\":%d", (int)rng_below(rng, huge ? 1000001 : 120));
    if (rng_below(rng, 2))
      buf_addf(&out, ",\"port\":%d", 80 + (int)rng_below(rng, 2));
    if (rng_below(rng, 3) == 0)
      buf_addf(&out, ",\"filters\":[{\"type\":\"URLRewrite\",\"n\":%d}]", (int)rng_below(rng, 9));
    buf_add_z(&out, "}");
  }
  buf_add_z(&out, "]}");
  struct str text = arena_str(&arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

// The rule without what is ours, and the others' shares of the whole, as text.
static struct str rest_of(const struct json *object) {
  struct json *copy = json_dup(&arena, object);
  struct json *rule = json_path(copy, "spec.rules.0"), *list = json_get(rule, "backendRefs");
  double sum = 0;
  JSON_EACH(item, list) {
    sum += json_number(json_get(item, "weight"), 1);
  }
  for (size_t i = list->count; i-- > 0;) {
    struct json *item = json_at(list, i);
    if (!str_eq_z(json_get_string(item, "name"), "x"))
      json_remove_at(list, i);
    else
      json_put_int(
          &arena, item, "weight",
          (int64_t)(1e6 * json_number(json_get(item, "weight"), 1) / (sum > 0 ? sum : 1) + 0.5));
  }
  return json_text(&arena, copy);
}

static int64_t largest(const struct json *object) {
  int64_t max = 0;
  JSON_EACH(item, json_path(object, "spec.rules.0.backendRefs")) {
    int64_t weight = json_int(json_get(item, "weight"), 1);
    max = weight > max ? weight : max;
  }
  return max;
}

static void check_patch(struct rng *rng, bool huge) {
  struct json *object = route(arena_printf(&arena, "[%s]", random_rule(rng, huge).ptr).ptr);
  struct route_target target = target_of(object);
  struct str old[] = {STR("old")};
  struct route_split split;
  int64_t parts =
      rng_below(rng, 3) ? (int64_t)rng_below(rng, 101) * 100 : (int64_t)rng_below(rng, 10001);
  enum route_drop drop = rng_below(rng, 4) == 0 ? ROUTE_DROP_STABLE : ROUTE_DROP_NONE;
  parts = drop == ROUTE_DROP_STABLE ? 10000 : parts;
  target.old = old;
  target.old_count = 1;
  target.ref.router = rng_below(rng, 2) ? &http_route_router : &grpc_route_router;
  router_read(&target, &arena, &split);
  struct json *patch = router_patch(&target, parts, drop, &arena);
  if (split.problem != ROUTE_FINE) {
    assert_null(patch);
    return;
  }
  struct json *after = apply(object, patch);
  int64_t sum = 0;
  JSON_EACH(item, json_path(object, "spec.rules.0.backendRefs")) {
    sum += json_int(json_get(item, "weight"), 1);
  }
  if (sum > 0 && !huge) // where all weights were 0 there was no share to keep
    assert_string_equal(rest_of(object).ptr, rest_of(after).ptr);
  assert_true(largest(after) <= 1000000);
  target.object = after;
  router_read(&target, &arena, &split);
  assert_true(split.canary_max <= parts);
  // Exact, but where a share of one beside others of many would need weights above 1,000,000.
  if (!huge)
    assert_true(split.canary_min + 2 >= parts);
  assert_null(router_patch(&target, parts, drop, &arena));
}

static void test_any_patch_touches_only_ours(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 11);
  for (int i = 0; i < 4000; i++) {
    check_patch(&rng, i % 2);
    arena_reset(&arena);
  }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_weights_are_written_with_all_else_kept),
      TEST(test_what_gives_the_share_already_stays),
      TEST(test_other_backends_keep_their_share),
      TEST(test_a_rule_for_the_canary_alone_is_left_alone),
      TEST(test_several_rules_need_names),
      TEST(test_an_ambiguity_does_not_keep_traffic_on_the_canary),
      TEST(test_problems_are_told),
      TEST(test_a_version_takes_the_place_of_the_users_service),
      TEST(test_a_guard_stops_a_stale_patch),
      TEST(test_a_parent_that_refuses_is_told),
      TEST(test_the_newest_generation_counts),
      TEST(test_an_equal_match_of_an_older_route_shadows),
      TEST(test_grpc_matches),
      TEST(test_any_patch_touches_only_ours),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
