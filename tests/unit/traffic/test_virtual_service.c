// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rng.h"
#include "manifests/text/json_patch.h"
#include "operator/traffic/router.h"
#include "operator/traffic/router_row.h"
#include "operator/traffic/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOST "research-agent.team1.svc.cluster.local"

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {0};
  if (json_parse(str_of(text), arena, &json, &err) != RC_OK)
    fail_msg("%s in %s", err.msg, text);
  return json;
}

static struct json *service(struct arena *arena, const char *http) {
  return parse(
      arena,
      arena_printf(arena,
                   "{\"metadata\":{\"name\":\"vs\",\"namespace\":\"team1\"},\"spec\":{\"hosts\":"
                   "[\"" HOST "\"],\"http\":%s}}",
                   http)
          .ptr);
}

static struct route_target target_of(const struct json *object) {
  return (struct route_target){.ref = {.router = &virtual_service_router, .name = STR("vs")},
                               .object = object,
                               .ns = STR("team1"),
                               .host = STR(HOST),
                               .stable = STR("v1"),
                               .canary = STR("v2")};
}

static struct json *apply(struct arena *arena, const struct json *object,
                          const struct json *patch) {
  struct json *copy = json_dup(arena, object);
  struct err err = {0};
  if (patch && json_patch_apply(arena, &copy, patch, &err) != RC_OK)
    fail_msg("%s", err.msg);
  return copy;
}

static void expect_http(struct arena *arena, const struct json *object, const char *http) {
  struct str got = json_text(arena, json_path(object, "spec.http"));
  struct json *wanted = parse(arena, http);
  if (!json_equal(json_path(object, "spec.http"), wanted))
    fail_msg("got %s, wanted %s", got.ptr, http);
}

#define V1(w) "{\"destination\":{\"host\":\"" HOST "\",\"subset\":\"v1\"},\"weight\":" #w "}"
#define V2(w) "{\"destination\":{\"host\":\"" HOST "\",\"subset\":\"v2\"},\"weight\":" #w "}"

static void set(const char *before, int64_t parts, enum route_drop drop, const char *after) {
  struct arena arena;
  arena_init(&arena);
  struct json *object = service(&arena, before);
  struct route_target target = target_of(object);
  object = apply(&arena, object, router_patch(&target, parts, drop, &arena));
  expect_http(&arena, object, after);
  arena_dispose(&arena);
}

static void test_a_missing_canary_is_added(void **state) {
  (void)state;
  set("[{\"route\":[" V1(100) "],\"timeout\":\"2s\"}]", 1000, ROUTE_DROP_NONE,
      "[{\"route\":[" V1(90) "," V2(10) "],\"timeout\":\"2s\"}]");
}

static void test_a_missing_canary_at_zero_is_not_added(void **state) {
  (void)state;
  set("[{\"route\":[" V1(100) "]}]", 0, ROUTE_DROP_NONE, "[{\"route\":[" V1(100) "]}]");
}

static void test_a_missing_stable_is_added(void **state) {
  (void)state;
  set("[{\"route\":[" V2(100) "]}]", 0, ROUTE_DROP_NONE, "[{\"route\":[" V2(0) "," V1(100) "]}]");
}

#define ONLY_V2 "{\"destination\":{\"host\":\"" HOST "\",\"subset\":\"v2\"}}"

static void test_a_weight_left_out_is_written_when_it_matters(void **state) {
  (void)state;
  set("[{\"route\":[" ONLY_V2 "]}]", 10000, ROUTE_DROP_NONE,
      "[{\"route\":[" V2(100) "," V1(0) "]}]");
  set("[{\"route\":[" ONLY_V2 "]}]", 10000, ROUTE_DROP_STABLE, "[{\"route\":[" ONLY_V2 "]}]");
}

static void test_decimals_scale_up_and_down_again(void **state) {
  (void)state;
  set("[{\"route\":[" V1(100) "]}]", 10, ROUTE_DROP_NONE, "[{\"route\":[" V1(999) "," V2(1) "]}]");
  set("[{\"route\":[" V1(999) "," V2(1) "]}]", 1000, ROUTE_DROP_NONE,
      "[{\"route\":[" V1(90) "," V2(10) "]}]");
}

#define OTHER(w) "{\"destination\":{\"host\":\"other\",\"subset\":\"v2\"},\"weight\":" #w "}"

static void test_other_destinations_keep_their_share(void **state) {
  (void)state;
  set("[{\"route\":[" V1(80) "," OTHER(20) "]}]", 1000, ROUTE_DROP_NONE,
      "[{\"route\":[" V1(72) "," OTHER(20) "," V2(8) "]}]");
}

static void test_stable_is_taken_out_at_the_end(void **state) {
  (void)state;
  set("[{\"route\":[" V1(0) "," V2(100) "]}]", 10000, ROUTE_DROP_STABLE,
      "[{\"route\":[" V2(100) "]}]");
}

#define HEADER                                                                                     \
  "{\"match\":[{\"headers\":{\"x-user-type\":{\"exact\":\"beta\"}}}],\"route\":[" V2(100) "]}"

static void test_a_route_for_the_canary_alone_is_left_alone(void **state) {
  (void)state;
  set("[" HEADER ",{\"route\":[" V1(100) "]}]", 5000, ROUTE_DROP_NONE,
      "[" HEADER ",{\"route\":[" V1(50) "," V2(50) "]}]");
}

static void test_named_routes(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct json *object = service(&arena, "[{\"name\":\"a\",\"route\":[" V1(
                                            100) "]},{\"name\":\"b\",\"route\":[" V1(100) "]}]");
  struct route_target target = target_of(object);
  struct str names[] = {STR("b")};
  target.ref.routes = names;
  target.ref.routes_count = 1;
  object = apply(&arena, object, router_patch(&target, 2500, ROUTE_DROP_NONE, &arena));
  expect_http(&arena, object,
              "[{\"name\":\"a\",\"route\":[" V1(100) "]},{\"name\":\"b\",\"route\":[" V1(75) "," V2(
                  25) "]}]");
  target.ref.routes_count = 1;
  names[0] = STR("c");
  struct route_split split;
  router_read(&target, &arena, &split);
  assert_int_equal(split.problem, ROUTE_MISSING);
  assert_null(router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  arena_dispose(&arena);
}

static void test_problems_are_told(void **state) {
  (void)state;
  static const struct {
    const char *http;
    enum route_problem problem;
  } cases[] = {
      {"[]", ROUTE_MISSING},
      {"[{\"route\":[" OTHER(100) "]}]", ROUTE_MISSING},
      {"[{\"route\":[" V1(50) "," V1(50) "]}]", ROUTE_AMBIGUOUS},
      {"[{\"route\":[" V1(0) "," OTHER(100) "]}]", ROUTE_WEIGHTLESS},
      {"[{\"route\":[" V1(0) "," V2(0) "]}]", ROUTE_FINE},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    arena_init(&arena);
    struct route_target target = target_of(service(&arena, cases[i].http));
    struct route_split split;
    router_read(&target, &arena, &split);
    assert_int_equal(split.problem, cases[i].problem);
    assert_int_equal(split.message.len > 0, split.problem != ROUTE_FINE);
    arena_dispose(&arena);
  }
}

static void test_a_bare_destination_becomes_stable(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct json *object =
      service(&arena, "[{\"route\":[{\"destination\":{\"host\":\"research-agent\"}}]}]");
  struct route_target target = target_of(object);
  target.takes_bare = true;
  object = apply(&arena, object, router_patch(&target, 1000, ROUTE_DROP_NONE, &arena));
  expect_http(&arena, object,
              "[{\"route\":[{\"destination\":{\"host\":\"research-agent\",\"subset\":\"v1\"},"
              "\"weight\":90},"
              "{\"destination\":{\"host\":\"research-agent\",\"subset\":\"v2\"},\"weight\":10}]}]");
  arena_dispose(&arena);
}

static void test_a_guard_stops_a_stale_patch(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct json *before = service(&arena, "[{\"route\":[" V1(90) "," V2(10) "]}]");
  struct json *after = service(&arena, "[{\"route\":[" V2(10) "," V1(90) "]}]");
  struct route_target target = target_of(before);
  const struct json *patch = router_patch(&target, 5000, ROUTE_DROP_NONE, &arena);
  assert_int_not_equal(json_patch_apply(&arena, &after, patch, NULL), RC_OK);
  arena_dispose(&arena);
}

static void test_the_oldest_mesh_service_shadows(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
#define VS(name, at, rest)                                                                         \
  "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"team1\",\"creationTimestamp\":\"" at       \
  "\"},\"spec\":{\"hosts\":[\"research-agent\"]" rest "}}"
  const struct json *ours = parse(&arena, VS("vs", "2026-01-02T00:00:00Z", ""));
  const struct json *others[] = {
      parse(&arena, VS("younger", "2026-01-03T00:00:00Z", "")),
      parse(&arena, VS("gateway", "2026-01-01T00:00:00Z", ",\"gateways\":[\"istio-system/gw\"]")),
      ours,
      parse(&arena, VS("old", "2026-01-01T12:00:00Z", "")),
  };
  struct route_target target = target_of(ours);
  assert_ptr_equal(router_shadow(&target, others, 4, &arena), others[3]);
  assert_null(router_shadow(&target, others, 3, &arena));
  arena_dispose(&arena);
}

static void test_tls_and_tcp_routes(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
#define TLS(host, list)                                                                            \
  "{\"match\":[{\"port\":443,\"sniHosts\":[\"" host "\"]}],\"route\":[" list "]}"
  struct json *object = service(&arena, "[{\"route\":[" V1(100) "]}]");
  json_put(&arena, json_get(object, "spec"), "tls",
           parse(&arena, "[" TLS("a", V1(100)) "," TLS("b", V1(100)) "]"));
  json_put(&arena, json_get(object, "spec"), "tcp",
           parse(&arena, "[{\"match\":[{\"port\":9000}],\"route\":[" V1(100) "]}]"));
  struct route_target target = target_of(object);
  struct route_split split;
  router_read(&target, &arena, &split); // none is named: all that name the stable
  assert_int_equal(split.routes, 4);
  struct str host = STR("b");
  const struct rollout_l4_ref tls = {.port = 443, .sni_hosts = &host, .sni_hosts_count = 1},
                              tcp = {.port = 9000}, other = {.port = 9001};
  target.ref.tls = &tls;
  target.ref.tls_count = 1;
  target.ref.tcp = &tcp;
  target.ref.tcp_count = 1;
  object = apply(&arena, object, router_patch(&target, 1000, ROUTE_DROP_NONE, &arena));
  struct json *wanted = parse(&arena, "[" TLS("a", V1(100)) "," TLS("b", V1(90) "," V2(10)) "]");
  assert_true(json_equal(json_path(object, "spec.tls"), wanted));
  wanted = parse(&arena, "[{\"match\":[{\"port\":9000}],\"route\":[" V1(90) "," V2(10) "]}]");
  assert_true(json_equal(json_path(object, "spec.tcp"), wanted));
  expect_http(&arena, object, "[{\"route\":[" V1(100) "]}]");
  target.ref.tcp = &other;
  router_read(&target, &arena, &split);
  assert_int_equal(split.problem, ROUTE_MISSING);
  arena_dispose(&arena);
}

static void test_without_a_version_the_host_is_the_stable(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
#define BARE "{\"destination\":{\"host\":\"" HOST "\"}}"
  struct json *object = service(&arena, "[{\"route\":[" V1(90) "," V2(10) "]}]");
  struct route_target target = target_of(object);
  struct str old[] = {STR("v1"), STR("v2")};
  target.takes_bare = true;
  target.stable = target.canary = STR_NULL;
  target.old = old;
  target.old_count = 2;
  object = apply(&arena, object, router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  expect_http(&arena, object, "[{\"route\":[" BARE "]}]");
  target.object = object;
  assert_null(router_patch(&target, 0, ROUTE_DROP_NONE, &arena));
  target.canary = STR("v2");
  target.old_count = 1;
  object = apply(&arena, object, router_patch(&target, 2500, ROUTE_DROP_NONE, &arena));
  expect_http(&arena, object,
              "[{\"route\":[{\"destination\":{\"host\":\"" HOST "\"},\"weight\":75}," V2(25) "]}]");
  arena_dispose(&arena);
}

static void test_how_many_requests_tell_a_share(void **state) {
  (void)state;
  assert_false(weights_agree(1000, 9, 90));       // too few
  assert_true(weights_agree(1000, 95, 1000));     //
  assert_false(weights_agree(1000, 150, 1000));   // five standard deviations
  assert_false(weights_agree(1000, 0, 1000));     //
  assert_false(weights_agree(100, 0, 200));       // one in a hundred may be none of two hundred
  assert_true(weights_agree(100, 12, 1000));      //
  assert_true(weights_agree(10000, 999, 1000));   //
  assert_false(weights_agree(10000, 900, 1000));  //
  assert_true(weights_agree(0, 0, 1000));         //
  assert_false(weights_agree(5000, 9200, 20000)); //
}

// --- properties ---

static struct str random_route(struct rng *rng, struct arena *arena, bool *ret_has_stable) {
  static const char *const kinds[] = {"v1", "v2", "old", "x"};
  struct buf out;
  buf_init(&out, 4096);
  bool used[4] = {false};
  size_t count = 1 + rng_below(rng, 4);
  buf_add_z(&out, "{\"route\":[");
  for (size_t i = 0; i < count; i++) {
    size_t kind = rng_below(rng, 4);
    if (used[kind] && kind < 2)
      kind = 3;
    used[kind] = true;
    buf_addf(&out, "%s{\"destination\":{\"host\":\"" HOST "\",\"subset\":\"%s\"},\"weight\":%d}",
             i ? "," : "", kinds[kind], (int)rng_below(rng, 120));
  }
  buf_addf(&out, "],\"retries\":{\"attempts\":%d}}", (int)rng_below(rng, 5));
  *ret_has_stable = used[0] || used[2];
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

// The route without what is ours, with shares instead of weights, as text.
static struct str rest_of(const struct json *object, struct arena *arena) {
  struct json *copy = json_dup(arena, object);
  JSON_EACH(route, json_path(copy, "spec.http")) {
    double sum = 0;
    JSON_EACH(item, json_get(route, "route")) {
      sum += json_number(json_get(item, "weight"), 0);
    }
    struct json *list = json_get(route, "route");
    for (size_t i = list->count; i-- > 0;) {
      struct json *item = json_at(list, i);
      if (!str_eq_z(json_path_string(item, "destination.subset"), "x"))
        json_remove_at(list, i);
      else
        json_put_int(
            arena, item, "weight",
            (int64_t)(1e6 * json_number(json_get(item, "weight"), 0) / (sum > 0 ? sum : 1) + 0.5));
    }
  }
  return json_text(arena, copy);
}

static void check_patch(struct rng *rng, struct arena *arena) {
  bool serves;
  struct json *object =
      service(arena, arena_printf(arena, "[%s]", random_route(rng, arena, &serves).ptr).ptr);
  struct route_target target = target_of(object);
  struct str old[] = {STR("old")};
  target.old = old;
  target.old_count = 1;
  int64_t parts =
      rng_below(rng, 3) ? (int64_t)rng_below(rng, 101) * 100 : (int64_t)rng_below(rng, 10001);
  enum route_drop drop = rng_below(rng, 4) == 0 ? ROUTE_DROP_STABLE : ROUTE_DROP_NONE;
  if (drop == ROUTE_DROP_STABLE)
    parts = 10000;
  struct route_split split;
  router_read(&target, arena, &split);
  struct json *patch = router_patch(&target, parts, drop, arena);
  if (split.problem != ROUTE_FINE) {
    assert_null(patch);
    return;
  }
  struct json *after = apply(arena, object, patch);
  // Where all weights were 0 there was no share to keep.
  int64_t sum = 0;
  JSON_EACH(item, json_path(object, "spec.http.0.route")) {
    sum += json_int(json_get(item, "weight"), 0);
  }
  if (sum > 0)
    assert_string_equal(rest_of(object, arena).ptr, rest_of(after, arena).ptr);
  target.object = after;
  router_read(&target, arena, &split);
  assert_int_equal(split.canary_max, parts);
  assert_int_equal(split.canary_min, parts);
  assert_null(router_patch(&target, parts, drop, arena));
}

static void test_any_patch_is_exact_and_touches_only_ours(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 7);
  for (int i = 0; i < 5000; i++) {
    struct arena arena;
    arena_init(&arena);
    check_patch(&rng, &arena);
    arena_dispose(&arena);
  }
}

static void test_weights_sum_to_a_hundred_where_exact(void **state) {
  (void)state;
  for (int64_t parts = 0; parts <= 10000; parts++) {
    int64_t stable, canary;
    weights_split(parts, 100, NULL, 0, &stable, &canary);
    assert_int_equal(weights_parts(stable, canary), parts);
    assert_int_equal(stable + canary, parts % 100 == 0 ? 100 : parts % 10 == 0 ? 1000 : 10000);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_missing_canary_is_added),
      cmocka_unit_test(test_a_missing_canary_at_zero_is_not_added),
      cmocka_unit_test(test_a_missing_stable_is_added),
      cmocka_unit_test(test_a_weight_left_out_is_written_when_it_matters),
      cmocka_unit_test(test_decimals_scale_up_and_down_again),
      cmocka_unit_test(test_other_destinations_keep_their_share),
      cmocka_unit_test(test_stable_is_taken_out_at_the_end),
      cmocka_unit_test(test_a_route_for_the_canary_alone_is_left_alone),
      cmocka_unit_test(test_named_routes),
      cmocka_unit_test(test_problems_are_told),
      cmocka_unit_test(test_a_bare_destination_becomes_stable),
      cmocka_unit_test(test_a_guard_stops_a_stale_patch),
      cmocka_unit_test(test_the_oldest_mesh_service_shadows),
      cmocka_unit_test(test_tls_and_tcp_routes),
      cmocka_unit_test(test_without_a_version_the_host_is_the_stable),
      cmocka_unit_test(test_how_many_requests_tell_a_share),
      cmocka_unit_test(test_any_patch_is_exact_and_touches_only_ours),
      cmocka_unit_test(test_weights_sum_to_a_hundred_where_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
