// SPDX-License-Identifier: Apache-2.0
// What the fields of a Rollout choose: policies of the judge, deadlines, new revisions, decimals,
// verification without proxies, subsets, invalid specs.
#include "support_story.h"

#include <string.h>

#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"1m\",\"min\":\"10s\"}},"       \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},{\"decommission\":{}}" \
  "]"

static void analysis(struct world *world, const char *field, const char *value) {
  json_put_z(world->arena,
             json_need_object(world->arena, json_get(world->rollout, "spec"), "analysis"), field,
             value);
}

static void test_replicas_that_an_autoscaler_takes_back(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  run_to_share(world, 1000);
  world->ready_limit = 1;
  int asked = 0;
  int64_t end_ms = world->now_ms + 10 * MINUTE;
  while (world->now_ms < end_ms) { // of somebody who wants one
    world_run(world, "-", 1000, false);
    asked += world_replicas(world, "agent-v2") > 1;
    struct json *canary = world_deployment(world, STR("agent-v2"));
    json_put_int(world->arena, json_get(canary, "spec"), "replicas", 1);
    world_touch(world, canary);
  }
  assert_in_range(asked, 2, 16);
  assert_int_equal(world_share(world, "v2"), 1000);
  const char *told = world_status(world, "step.waitingFor").ptr;
  assert_non_null(strstr(told, "somebody takes added ones back"));
  world->ready_limit = 0;
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_on_failure_hold(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  analysis(world, "onFailure", "hold");
  run_to_share(world, 1000);
  world->outcome = OUTCOME_FAIL;
  run_to(world, "Holding");
  world_run(world, "Healthy", 10 * MINUTE, false);
  assert_int_equal(world_share(world, "v2"), 1000);
  assert_string_equal(world_status(world, "reason").ptr, "AnalysisFailed");
  world_act(world, "promote");
  run_to(world, "Healthy");
  story_end(&story);
}

static void no_answer(struct world *world, enum cause cause) {
  run_to_share(world, 1000);
  world->outcome = OUTCOME_INSUFFICIENT;
  world->cause = cause;
}

static void test_on_no_data_rollback(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  analysis(world, "onNoData", "rollback");
  no_answer(world, CAUSE_NO_TRAFFIC);
  run_to(world, "RolledBack");
  assert_string_equal(world_status(world, "failed.reason").ptr, "NoTraffic");
  story_end(&story);
}

static void test_on_no_data_promote(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  analysis(world, "onNoData", "promote");
  no_answer(world, CAUSE_NO_TRAFFIC);
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_on_inconclusive_rollback(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  analysis(world, "onInconclusive", "rollback");
  no_answer(world, CAUSE_UNDECIDED);
  run_to(world, "RolledBack");
  story_end(&story);
}

static void test_prometheus_away_is_said_before_the_time_is_up(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  no_answer(world, CAUSE_QUERY_ERROR);
  world_run(world, "Holding", 30000, false);
  assert_string_equal(world_phase(world).ptr, "Holding");
  assert_string_equal(world_status(world, "reason").ptr, "PrometheusAway");
  world->outcome = OUTCOME_PASS;
  world->cause = CAUSE_NONE;
  world_run(world, "-", 10000, false);
  assert_string_equal(world_phase(world).ptr, "Progressing");
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_on_deadline_rollback(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  json_put_z(world->arena, json_get(world->rollout, "spec"), "onDeadline", "rollback");
  json_put_z(world->arena, json_get(world->rollout, "spec"), "progressDeadline", "20m");
  no_answer(world, CAUSE_NO_TRAFFIC);
  run_to(world, "Holding");
  run_to(world, "RolledBack");
  assert_string_equal(world_status(world, "failed.reason").ptr, "ProgressDeadlineExceeded");
  assert_int_equal(world_share(world, "v2"), 0);
  story_end(&story);
}

static void test_a_new_revision_waits_in_the_queue(void **state) {
  (void)state;
  struct arena arena;
  struct world world;
  arena_init(&arena);
  world_init_template(&world, &arena, 1, STEPS);
  json_put_z(&arena, json_get(world.rollout, "spec"), "onNewRevision", "queue");
  run_to(&world, "Healthy");
  world_template(&world, "agent:2");
  run_to(&world, "Progressing");
  world_template(&world, "agent:3");
  run_to(&world, "Healthy");
  assert_string_equal(world_status(&world, "history.0.version").ptr, "2");
  assert_string_equal(world_status(&world, "history.0.result").ptr, "Promoted");
  world_run(&world, "-", 2 * MINUTE + 20000, false);
  run_to(&world, "Healthy");
  assert_string_equal(world_status(&world, "history.0.version").ptr, "3");
  assert_string_equal(world_status(&world, "history.0.result").ptr, "Promoted");
  assert_string_equal(world.broken, "");
  arena_dispose(&arena);
}

static void test_a_tenth_of_a_percent(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  json_put(world->arena, json_path(world->rollout, "spec.steps.1"), "setWeight",
           json_new_double(world->arena, 0.1));
  run_to_share(world, 10);
  assert_string_equal(world_status(world, "weight.canary").ptr, "0.1");
  assert_int_equal(json_int(json_path(world->service, "spec.http.1.route.0.weight"), 0), 999);
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_without_proxies_it_goes_on_after_half_a_minute(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world->proxies = 0;
  run_to_share(world, 1000);
  world_run(world, "-", 18000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "setWeight");
  world_run(world, "-", 20000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  assert_true(has_condition(world, "WeightUnverified", "NotAcknowledged"));
  story_end(&story);
}

static void test_without_proxies_the_measured_share_verifies(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world->proxies = 0;
  world->has_observed = true;
  world->observed = 9.2;
  world->seen = 1000;
  run_to_share(world, 1000);
  world_run(world, "-", 12000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  assert_false(has_condition(world, "WeightUnverified", "NotAcknowledged"));
  story_end(&story);
}

static void test_another_measured_share_does_not_verify(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world->proxies = 0;
  world->has_observed = true;
  world->observed = 9.2;
  world->seen = 100000; // 9.2 % of so many is not 10 %
  run_to_share(world, 1000);
  world_run(world, "-", 18000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "setWeight");
  world_run(world, "-", 20000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  assert_true(has_condition(world, "WeightUnverified", "NotAcknowledged"));
  story_end(&story);
}

static void test_a_missing_subset_gets_no_traffic(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  struct json *subsets = json_path(world->rule, "spec.subsets"),
              *v2 = json_dup(world->arena, json_at(subsets, 1));
  json_remove_at(subsets, 1);
  world_touch(world, world->rule);
  run_to(world, "Pending");
  world_settle(world);
  assert_true(has_condition(world, "Stalled", "SubsetNotFound"));
  assert_int_equal(world_share(world, "v2"), 0);
  json_append(subsets, v2);
  world_touch(world, world->rule);
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_an_older_service_stops_the_start(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  world->shadow = json_dup(world->arena, world->service);
  json_put_z(world->arena, json_get(world->shadow, "metadata"), "name", "older");
  json_put_z(world->arena, json_get(world->shadow, "metadata"), "creationTimestamp",
             "2025-01-01T00:00:00Z");
  run_to(world, "Pending");
  world_settle(world);
  assert_true(has_condition(world, "Stalled", "VirtualServiceShadowed"));
  world->shadow = NULL;
  run_to(world, "Healthy");
  story_end(&story);
}

static void test_an_invalid_spec_moves_nothing(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  run_to_share(world, 1000);
  json_remove(json_get(world->rollout, "spec"), STR("canary"));
  world_spec_changed(world);
  world_run(world, "-", 10 * MINUTE, false);
  assert_string_equal(world_status(world, "reason").ptr, "InvalidSpec");
  assert_int_equal(world_share(world, "v2"), 1000);
  world_act(world, "promote");
  world_settle(world);
  assert_string_equal(json_path_string(world->actions[0], "status.result").ptr, "Refused");
  world->outcome = OUTCOME_FAIL; // and is still put back
  world_run(world, "-", 20000, false);
  assert_int_equal(world_share(world, "v2"), 0);
  assert_string_equal(world_status(world, "failed.reason").ptr, "AnalysisFailed");
  story_end(&story);
}

static void test_a_restart_of_what_serves_is_no_release(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  run_to(world, "Healthy");
  struct json *pod = json_path(world_deployment(world, STR("agent-v2")), "spec.template.metadata");
  json_put_z(world->arena, json_need_object(world->arena, pod, "annotations"), "restartedAt",
             "now");
  world_ready(world);
  world_settle(world);
  assert_string_equal(world_phase(world).ptr, "Healthy");
  assert_int_equal(json_path(world->rollout, "status.history")->count, 1);
  story_end(&story);
}

static void test_a_canary_changed_in_place_starts_again(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  run_to_share(world, 1000);
  json_put_z(world->arena,
             json_path(world_deployment(world, STR("agent-v2")), "spec.template.spec.containers.0"),
             "image", "agent:v2b");
  world_ready(world);
  world_run(world, "-", 100, false);
  assert_string_equal(world_status(world, "history.0.result").ptr, "Superseded");
  run_to(world, "Healthy");
  assert_string_equal(world_status(world, "history.0.result").ptr, "Promoted");
  story_end(&story);
}

static void test_suspended(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  run_to_share(world, 1000);
  json_put_bool(world->arena, json_get(world->rollout, "spec"), "suspend", true);
  world_spec_changed(world);
  world_run(world, "Healthy", 30 * MINUTE, false);
  assert_int_equal(world_share(world, "v2"), 1000);
  world->outcome = OUTCOME_FAIL; // and still goes back
  run_to(world, "RolledBack");
  story_end(&story);
}

static void test_the_audit_trail_keeps_twenty(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, STEPS);
  for (int i = 0; i < 26; i++) {
    world_act(world, "resume");
    world->now_ms += 1000;
    world_settle(world);
  }
  assert_int_equal(world->actions_count, 20);
  for (size_t i = 0; i < world->actions_count; i++)
    assert_string_equal(json_path_string(world->actions[i], "status.result").ptr, "Refused");
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_replicas_that_an_autoscaler_takes_back),
      cmocka_unit_test(test_on_failure_hold),
      cmocka_unit_test(test_on_no_data_rollback),
      cmocka_unit_test(test_on_no_data_promote),
      cmocka_unit_test(test_on_inconclusive_rollback),
      cmocka_unit_test(test_prometheus_away_is_said_before_the_time_is_up),
      cmocka_unit_test(test_on_deadline_rollback),
      cmocka_unit_test(test_a_new_revision_waits_in_the_queue),
      cmocka_unit_test(test_a_tenth_of_a_percent),
      cmocka_unit_test(test_without_proxies_it_goes_on_after_half_a_minute),
      cmocka_unit_test(test_without_proxies_the_measured_share_verifies),
      cmocka_unit_test(test_another_measured_share_does_not_verify),
      cmocka_unit_test(test_a_missing_subset_gets_no_traffic),
      cmocka_unit_test(test_an_older_service_stops_the_start),
      cmocka_unit_test(test_an_invalid_spec_moves_nothing),
      cmocka_unit_test(test_a_restart_of_what_serves_is_no_release),
      cmocka_unit_test(test_a_canary_changed_in_place_starts_again),
      cmocka_unit_test(test_suspended),
      cmocka_unit_test(test_the_audit_trail_keeps_twenty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
