// SPDX-License-Identifier: Apache-2.0
// Releases through an HTTPRoute: what its parents say, Services of versions; and a route or a
// Deployment that two Rollouts name.
#include "support_story.h"

#include <stdio.h>

#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"1m\",\"min\":\"30s\"}},"       \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"30s\",\"min\":\"30s\"}},{\"decommission\":{}}" \
  "]"

static struct str condition(const struct world *world, const char *type, const char *field) {
  return json_get_string(story_condition(world, type), field);
}

static void set_parent(struct world *world, const char *condition_type, const char *status,
                       int64_t generation) {
  json_put(world->arena, world->service, "status",
           parsed(world,
                  arena_printf(world->arena,
                               "{\"parents\":[{\"parentRef\":{\"name\":\"gw\"},\"controllerName\":"
                               "\"example.com/gw\",\"conditions\":[{\"type\":\"%s\",\"status\":"
                               "\"%s\",\"observedGeneration\":%lld,\"reason\":\"NoReason\","
                               "\"message\":\"words\"}]}]}",
                               condition_type, status, (long long)generation)
                      .ptr));
  json_put_int(world->arena, json_get(world->service, "metadata"), "generation", 7);
  world_touch(world, world->service);
}

// --- parents ---

static void test_a_route_that_is_refused_stalls(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world_through_gateway(world);
  set_parent(world, "Accepted", "False", 7);
  world_run(world, "-", 120000, false);
  assert_int_equal(world_share(world, "v2"), 0);
  assert_string_equal(condition(world, "Stalled", "reason").ptr, "RouteNotAccepted");
  assert_true(str_contains(condition(world, "Stalled", "message"), STR("example.com/gw")));
  set_parent(world, "Accepted", "True", 7);
  run_to_share(world, 1000);
  assert_string_equal(condition(world, "Stalled", "status").ptr, "False");
  story_end(&story);
}

static void test_a_refusal_does_not_keep_traffic_on_the_canary(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world_through_gateway(world);
  run_to_share(world, 1000);
  set_parent(world, "ResolvedRefs", "False", 7);
  world->outcome = OUTCOME_FAIL;
  world_run(world, "RolledBack", HOUR, false);
  assert_int_equal(world_share(world, "v2"), 0);
  story_end(&story);
}

static void test_the_parents_of_another_gateway_verify(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world_through_gateway(world);
  world->proxies = 0;
  set_parent(world, "Accepted", "True", 6); // it has not seen the newest
  run_to_share(world, 1000);
  world_run(world, "-", 18000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "setWeight");
  assert_true(str_contains(world_status(world, "step.waitingFor"), STR("parents")));
  set_parent(world, "Accepted", "True", 7);
  world_run(world, "-", 6000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  assert_string_equal(condition(world, "WeightUnverified", "status").ptr, "False");
  story_end(&story);
}

static void test_without_a_word_the_step_goes_on_unverified(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world_through_gateway(world);
  world->proxies = 0;
  run_to_share(world, 1000);
  world_run(world, "-", 20000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "setWeight");
  world_run(world, "-", 20000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  assert_string_equal(condition(world, "WeightUnverified", "status").ptr, "True");
  story_end(&story);
}

// --- Services ---

static void test_a_missing_service_gets_no_traffic(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world_through_gateway(world);
  world->services_count--; // v2
  world_run(world, "-", 120000, false);
  assert_int_equal(world_share(world, "v2"), 0);
  assert_string_equal(condition(world, "Stalled", "reason").ptr, "ServiceNotFound");
  story_end(&story);
}

static void test_each_version_has_a_service(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, STEPS);
  world_through_gateway(world);
  world_run(world, "Healthy", HOUR, false);
  assert_int_equal(world->services_count, 2);
  const struct json *first = world->services[1];
  struct str name = json_path_string(first, "metadata.name");
  assert_int_equal(world_share(world, name.ptr), 10000);
  assert_string_equal(json_path_string(first, "spec.selector.app").ptr, "agent");
  assert_true(json_get(json_path(first, "spec.selector"), ROLLOUT_HASH_LABEL) != NULL);
  assert_null(json_path(first, "spec.ports.0.nodePort")); // the user's is the user's
  // The user's Service gets another port: so do ours.
  json_put_int(world->arena, json_path(world->services[0], "spec.ports.0"), "targetPort", 9090);
  world_touch(world, world->services[0]);
  world_settle(world);
  assert_int_equal(json_int(json_path(first, "spec.ports.0.targetPort"), 0), 9090);
  world_template(world, "agent:2");
  world_run(world, "Progressing", HOUR, false);
  assert_int_equal(world->services_count, 3);
  world_run(world, "Healthy", HOUR, false);
  world->now_ms += 60000;
  world_settle(world);
  assert_int_equal(world->services_count, 2);
  assert_false(str_eq(json_path_string(world->services[1], "metadata.name"), name));
  story_end(&story);
}

// --- two Rollouts ---

static void set_rival(struct world *world, const char *at, const char *spec) {
  world->rival =
      parsed(world, arena_printf(world->arena,
                                 "{\"metadata\":{\"name\":\"rival\",\"namespace\":\"team1\","
                                 "\"creationTimestamp\":\"%s\"},\"spec\":{%s}}",
                                 at, spec)
                        .ptr);
}

#define OTHER_PAIR                                                                                 \
  "\"stable\":{\"deployment\":\"x\",\"subset\":\"x\"},\"canary\":{\"deployment\":\"y\","           \
  "\"subset\":\"y\"},"
#define SAME_ROUTE "\"traffic\":{\"virtualService\":{\"name\":\"vs\"},\"destinationRule\":\"dr\"}"
#define OTHER_ROUTE                                                                                \
  "\"traffic\":{\"virtualService\":{\"name\":\"vs\"},\"destinationRule\":\"other\"}"
#define BEFORE "2025-01-01T00:00:00Z"
#define AFTER "2027-01-01T00:00:00Z"

static void born(struct world *world) {
  json_put_z(world->arena, json_get(world->rollout, "metadata"), "creationTimestamp",
             "2026-01-01T00:00:00Z");
}

static void expect_stalled(struct world *world, const char *reason) {
  struct str route = json_text(world->arena, world->service);
  world_run(world, "-", 300000, false);
  assert_true(str_eq(route, json_text(world->arena, world->service)));
  assert_string_equal(condition(world, "Stalled", "reason").ptr, reason);
  assert_true(str_contains(condition(world, "Stalled", "message"), STR("rival and agent")));
  assert_int_equal(world_replicas(world, "agent-v2"), 1);
}

static void test_the_younger_of_two_on_one_route_moves_nothing(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  born(world);
  set_rival(world, BEFORE, OTHER_PAIR SAME_ROUTE);
  expect_stalled(world, "RouteClaimed");
  world->rival = NULL; // it is gone
  world_run(world, "Healthy", HOUR, false);
  assert_string_equal(world_phase(world).ptr, "Healthy");
  story_end(&story);
}

static void test_the_younger_of_two_on_one_deployment_moves_nothing(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  born(world);
  set_rival(world, BEFORE,
            "\"stable\":{\"deployment\":\"x\",\"subset\":\"x\"},\"canary\":{\"deployment\":"
            "\"agent-v2\",\"subset\":\"y\"}," OTHER_ROUTE);
  expect_stalled(world, "DeploymentClaimed");
  story_end(&story);
}

static void test_the_older_goes_on(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  born(world);
  set_rival(world, AFTER, OTHER_PAIR SAME_ROUTE);
  world_run(world, "Healthy", HOUR, false);
  assert_string_equal(world_phase(world).ptr, "Healthy");
  story_end(&story);
}

static void test_another_service_of_the_same_object_is_no_rival(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  born(world);
  set_rival(world, BEFORE, OTHER_PAIR OTHER_ROUTE);
  world_run(world, "Healthy", HOUR, false);
  assert_string_equal(world_phase(world).ptr, "Healthy");
  story_end(&story);
}

static void test_a_claim_in_the_middle_holds_and_a_rollback_goes_on(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  born(world);
  run_to_share(world, 1000);
  set_rival(world, BEFORE, OTHER_PAIR SAME_ROUTE);
  world_run(world, "-", 300000, false);
  assert_int_equal(world_share(world, "v2"), 1000);
  assert_string_equal(world_phase(world).ptr, "Holding");
  world->outcome = OUTCOME_FAIL;
  world_run(world, "-", 60000, false);
  assert_int_equal(world_share(world, "v2"), 0);
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_route_that_is_refused_stalls),
      cmocka_unit_test(test_a_refusal_does_not_keep_traffic_on_the_canary),
      cmocka_unit_test(test_the_parents_of_another_gateway_verify),
      cmocka_unit_test(test_without_a_word_the_step_goes_on_unverified),
      cmocka_unit_test(test_a_missing_service_gets_no_traffic),
      cmocka_unit_test(test_each_version_has_a_service),
      cmocka_unit_test(test_the_younger_of_two_on_one_route_moves_nothing),
      cmocka_unit_test(test_the_younger_of_two_on_one_deployment_moves_nothing),
      cmocka_unit_test(test_the_older_goes_on),
      cmocka_unit_test(test_another_service_of_the_same_object_is_no_rival),
      cmocka_unit_test(test_a_claim_in_the_middle_holds_and_a_rollback_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
