// SPDX-License-Identifier: Apache-2.0
// Releases in the template form from begin to end, told as stories.
#include "support_story.h"

static void test_template_first_second_and_undo(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, NULL);
  settled(world, "Healthy");
  assert_int_equal(world->deployments_count, 1);
  struct str first = world_status(world, "stable.deployment");
  assert_int_equal(world_replicas(world, first.ptr), 3);
  assert_int_equal(world_share(world, first.ptr), 10000);
  world_template(world, "agent:2");
  run_to(world, "Progressing");
  settled(world, "Healthy");
  struct str second = world_status(world, "stable.deployment");
  assert_false(str_eq(first, second));
  assert_int_equal(world_replicas(world, first.ptr), 0);
  assert_int_equal(world_replicas(world, second.ptr), 3);
  assert_int_equal(world_share(world, second.ptr), 10000);
  assert_int_equal(json_path(world->rule, "spec.subsets")->count,
                   4); // three of the user's, one of ours
  world_act(world, "undo");
  world_settle(world);
  run_to(world, "Progressing");
  settled(world, "Healthy");
  assert_string_equal(world_status(world, "stable.deployment").ptr, first.ptr);
  assert_int_equal(world->deployments_count, 2);
  story_end(&story);
}

static void test_template_failed_canary_is_scaled_down(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, NULL);
  settled(world, "Healthy");
  world_template(world, "agent:2");
  run_to(world, "Progressing");
  world->outcome = OUTCOME_FAIL;
  struct str canary = world_status(world, "canary.deployment");
  settled(world, "RolledBack");
  assert_true(world_replicas(world, canary.ptr) > 0);
  world->now_ms += 31000;
  world_settle(world);
  assert_int_equal(world_replicas(world, canary.ptr), 0);
  assert_int_equal(json_path(world->rule, "spec.subsets")->count, 4);
  expect_phase(world, "RolledBack");
  story_end(&story);
}

static void test_template_newer_version_supersedes(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, NULL);
  settled(world, "Healthy");
  struct str first = world_status(world, "stable.deployment");
  world_template(world, "agent:2");
  run_to(world, "Progressing");
  world_run(world, "-", MINUTE, false);
  world_template(world, "agent:3");
  world_run(world, "-", 2 * MINUTE, false);
  settled(world, "Healthy");
  assert_string_equal(world_status(world, "history.0.result").ptr, "Promoted");
  assert_string_equal(world_status(world, "history.0.version").ptr, "3");
  assert_string_equal(world_status(world, "history.1.result").ptr, "Superseded");
  assert_int_equal(world_replicas(world, first.ptr), 0);
  world->now_ms += 31000;
  world_settle(world);
  int64_t running = 0;
  for (size_t i = 0; i < world->deployments_count; i++)
    running += json_int(json_path(world->deployments[i], "spec.replicas"), 1);
  assert_int_equal(running, 3);
  story_end(&story);
}

static void test_template_back_to_stable_is_no_release(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, NULL);
  settled(world, "Healthy");
  struct str first = world_status(world, "stable.deployment");
  world_template(world, "agent:2");
  run_to(world, "Progressing");
  world_template(world, "agent:1");
  settled(world, "Healthy");
  assert_int_equal(world_share(world, first.ptr), 10000);
  assert_int_equal(json_path(world->rollout, "status.history")->count, 2);
  story_end(&story);
}

// An older CRD let a template through that the present one would refuse, and a Deployment takes.
static void test_template_of_an_older_crd_is_released(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_template(&story, NULL);
  settled(world, "Healthy");
  struct json *container = json_path(world->rollout, "spec.template.spec.containers.0");
  json_put(world->arena, container, "env",
           parsed(world, "[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"}]"));
  world_spec_changed(world);
  run_to(world, "Progressing");
  settled(world, "Healthy");
  assert_string_equal(world_status(world, "history.0.result").ptr, "Promoted");
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_template_first_second_and_undo),
      cmocka_unit_test(test_template_failed_canary_is_scaled_down),
      cmocka_unit_test(test_template_newer_version_supersedes),
      cmocka_unit_test(test_template_back_to_stable_is_no_release),
      cmocka_unit_test(test_template_of_an_older_crd_is_released),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
