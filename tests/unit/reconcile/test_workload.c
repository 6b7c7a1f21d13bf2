// SPDX-License-Identifier: Apache-2.0
// The workload form in particular (the promises are in test_promises.c, going away in
// test_leaving.c), and what the template form keeps of old versions.
#include "support_original.h"

static void test_adoption_starts_nothing(void **state) {
  (void)state;
  assert_true(is_paused());
  assert_int_equal(releases(), 0);
  assert_int_equal(world.sets_count, 1);
  is_as_found();
  go_away();
  assert_null(json_path(original(), "spec.paused"));
  assert_null(json_get(json_path(original(), "metadata.annotations"), ROLLOUT_PAUSED_FOR));
}

static void test_a_deployment_that_was_paused_stays_so(void **state) {
  (void)state;
  world_init_workload(&world, &arena, 7, STEPS);
  json_put_bool(&arena, json_get(original(), "spec"), "paused", true);
  runs("Healthy");
  world_settle(&world);
  go_away();
  assert_true(is_paused());
}

static void test_a_new_image_is_taken_over(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  assert_true(is_paused());
  assert_int_equal(world.sets_count, 1); // the Deployment itself has not moved
  runs("Healthy");
  settles();
  is_as_found();
  assert_true(is_paused());
  assert_int_equal(json_int(json_path(world.sets[1], "spec.replicas"), 0), 4);
}

static void test_a_deployment_that_shrank_gets_its_traffic_back_in_shares(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("decommission");
  json_put_int(&arena, json_get(original(), "spec"), "replicas", 1); // its autoscaler, at no load
  int64_t least = 10000, shares = 0;
  for (int i = 0; i < 600 && !str_eq_z(world_phase(&world), "Healthy"); i++) {
    world_run(&world, "Healthy", 1000, false);
    struct str subset = world_status(&world, "stable.subset");
    int64_t back = world_share(&world, subset.ptr);
    if (back > 0 && back < 10000 && back != least) {
      least = back;
      shares++;
    }
  }
  assert_string_equal(world_phase(&world).ptr, "Healthy");
  assert_int_equal(shares, 2); // 25 %, 50 %, all
}

static void test_a_newer_template_in_the_take_over_is_released_too(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("decommission");
  world.rolls_slowly = true;
  for (int i = 0; i < 1000 && is_paused(); i++)
    world_run(&world, "-", 1, false);
  assert_false(is_paused());
  world_image(&world, "agent:3"); // the world checks that it is not let roll unreleased
  runs("Healthy");
  assert_int_equal(releases(), 1);
  assert_true(str_starts(world_status(&world, "stable.deployment"), STR("agent-")));
  world_run(&world, "Progressing", HOUR, false);
  runs("Healthy");
  settles();
  assert_string_equal(world_status(&world, "stable.version").ptr, "3");
  is_as_found();
}

static void test_a_template_that_is_taken_back_ends_the_release(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  world_image(&world, "agent:1");
  runs("Healthy");
  settles();
  assert_string_equal(world_status(&world, "history.0.result").ptr, "Superseded");
  assert_int_equal(world.sets_count, 1);
  is_as_found();
}

static void test_what_rolled_by_itself_is_said(void **state) {
  (void)state;
  world.rolls_slowly = true;
  world_image(&world, "agent:2");
  world_unpause(&world);
  world_ready(&world); // the Deployment's controller was faster
  world_settle(&world);
  assert_true(is_paused());
  const struct json *condition = NULL;
  JSON_EACH(item, json_path(world.rollout, "status.conditions"))
    if (str_eq_z(json_get_string(item, "type"), "RolledOutside"))
      condition = item;
  assert_string_equal(json_get_string(condition, "status").ptr, "True");
  assert_non_null(strstr(json_get_string(condition, "message").ptr, "1 of 4 pods"));
  runs("Healthy"); // and the release goes its way with those that are left
  settles();
  is_as_found();
}

static void test_what_rolled_away_completely_is_taken_as_it_is(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  world_unpause(&world);
  world_ready(&world);
  world_settle(&world);
  assert_int_equal(releases(), 0);
  assert_string_equal(world_phase(&world).ptr, "Healthy");
  assert_string_equal(world_status(&world, "stable.version").ptr, "2");
  assert_true(is_paused());
}

static void test_undo_puts_the_template_back(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  world.outcome = OUTCOME_FAIL;
  runs("RolledBack");
  settles();
  world_act(&world, "undo");
  world_settle(&world);
  assert_string_equal(json_path_string(original(), "spec.template.spec.containers.0.image").ptr,
                      "agent:1");
  runs("Healthy");
  assert_int_equal(releases(), 1);
}

static void test_a_deployment_that_is_gone_is_said(void **state) {
  (void)state;
  world.deployments_count = 0;
  world_settle(&world);
  assert_string_equal(world_status(&world, "reason").ptr, "WorkloadNotFound");
  go_away(); // a namespace that goes is not held up
}

// --- template form ---

static void test_old_versions_beyond_the_limit_go(void **state) {
  (void)state;
  world_init_template(&world, &arena, 7, STEPS);
  json_put_int(&arena, json_get(world.rollout, "spec"), "revisionHistoryLimit", 2);
  for (int i = 1; i <= 5; i++) {
    world_template(&world, arena_printf(&arena, "agent:%d", i).ptr);
    world_run(&world, i == 1 ? "Healthy" : "Progressing", HOUR, false);
    runs("Healthy");
    settles();
  }
  assert_int_equal(world.deployments_count, 3); // what serves, and two to go back to
  assert_int_equal(json_int(json_path(world.rollout, "status.replicas"), 0), 3);
  assert_string_equal(world_status(&world, "selector").ptr, "app=agent");
}

static void test_a_template_rollout_that_goes_takes_the_canarys_subset_along(void **state) {
  (void)state;
  world_init_template(&world, &arena, 7, STEPS);
  runs("Healthy");
  world_template(&world, "agent:2");
  runs_to_step("monitor");
  struct str canary = world_status(&world, "canary.subset");
  go_away();
  assert_int_equal(json_path(world.rule, "spec.subsets")->count, 4); // three of others, the stable
  assert_null(strstr(json_text(&arena, world.rule).ptr, canary.ptr));
  assert_null(strstr(json_text(&arena, world.service).ptr, canary.ptr));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_adoption_starts_nothing),
      TEST(test_a_deployment_that_was_paused_stays_so),
      TEST(test_a_new_image_is_taken_over),
      TEST(test_a_deployment_that_shrank_gets_its_traffic_back_in_shares),
      TEST(test_a_newer_template_in_the_take_over_is_released_too),
      TEST(test_a_template_that_is_taken_back_ends_the_release),
      TEST(test_what_rolled_by_itself_is_said),
      TEST(test_what_rolled_away_completely_is_taken_as_it_is),
      TEST(test_undo_puts_the_template_back),
      TEST(test_a_deployment_that_is_gone_is_said),
      TEST(test_old_versions_beyond_the_limit_go),
      TEST(test_a_template_rollout_that_goes_takes_the_canarys_subset_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
