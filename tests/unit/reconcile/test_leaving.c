// SPDX-License-Identifier: Apache-2.0
// Workload form: the Rollout goes, before, during and after a release.
#include "support_original.h"

static struct str annotation(const char *name) {
  return json_get_string(json_path(original(), "metadata.annotations"), name);
}

static struct str image(void) {
  return json_path_string(original(), "spec.template.spec.containers.0.image");
}

static void fails(void) {
  world_image(&world, "agent:2");
  world.outcome = OUTCOME_FAIL;
  runs("RolledBack");
}

static void on_delete(const char *what) {
  json_put_z(&arena, json_path(world.rollout, "spec.workloadRef"), "onDelete", what);
}

static void test_leaving_rolls_nothing_out(void **state) {
  (void)state;
  fails();
  go_away();
  is_as_found();
  assert_true(is_paused()); // its template is not what its pods run
  assert_string_equal(world.last_event.ptr, "LeftPaused");
  assert_non_null(strstr(annotation(ROLLOUT_LEFT_PAUSED).ptr,
                         "its template (2) was not released, its pods run 1"));
  // Another Rollout takes it up, and knows that it was not its owner who paused it.
  world.gone = false;
  struct json *fresh = json_dup(&arena, world.rollout);
  json_remove(json_get(fresh, "metadata"), STR("deletionTimestamp"));
  json_remove(fresh, STR("status"));
  world.rollout = fresh;
  world_settle(&world);
  assert_int_equal(annotation(ROLLOUT_LEFT_PAUSED).len, 0);
  world.outcome = OUTCOME_PASS;
  runs("Healthy");
  settles();
  go_away();
  assert_false(is_paused());
}

static void test_leaving_puts_the_template_back_where_that_is_asked(void **state) {
  (void)state;
  on_delete("putBack");
  fails();
  go_away();
  is_as_found();
  assert_false(is_paused());
  assert_string_equal(image().ptr, "agent:1");
  assert_string_equal(world.last_event.ptr, "LeftPutBack");
  assert_int_equal(annotation(ROLLOUT_PAUSED_FOR).len, 0);
  world_ready(&world);
  assert_int_equal(world.sets_count, 1); // nothing rolled
}

static void test_leaving_rolls_where_that_is_asked(void **state) {
  (void)state;
  on_delete("roll");
  fails();
  go_away();
  is_as_found();
  assert_false(is_paused());
  assert_string_equal(image().ptr, "agent:2");
  assert_string_equal(world.last_event.ptr, "LeftRolling");
}

static void newer_while_the_canary_serves(void) {
  world_image(&world, "agent:2");
  runs_to_step("decommission");
  world_image(&world, "agent:3");
  runs("Healthy"); // the canary goes on serving
  world_run(&world, "Progressing", HOUR, false);
  assert_true(str_starts(world_status(&world, "stable.deployment"), STR("agent-")));
}

static void test_leaving_while_a_canary_serves_hands_its_version_back(void **state) {
  (void)state;
  newer_while_the_canary_serves();
  go_away();
  is_as_found();
  assert_false(is_paused());
  assert_string_equal(image().ptr, "agent:2"); // what serves, and not what was not released
}

static void test_leaving_while_a_canary_serves_rolls_where_that_is_asked(void **state) {
  (void)state;
  on_delete("roll");
  newer_while_the_canary_serves();
  go_away();
  is_as_found();
  assert_false(is_paused());
  assert_string_equal(image().ptr, "agent:3");
}

static void test_another_deployment_is_meant(void **state) {
  (void)state;
  struct json *other = json_dup(&arena, original());
  json_put_z(&arena, json_get(other, "metadata"), "name", "other");
  json_put_z(&arena, json_get(other, "metadata"), "uid", "uid-other");
  json_remove(json_get(other, "metadata"), STR("annotations"));
  json_remove(json_get(other, "spec"), STR("paused"));
  world_touch(&world, other);
  world.deployments[world.deployments_count++] = other;
  json_put_z(&arena, json_path(world.rollout, "spec.workloadRef"), "name", "other");
  world_spec_changed(&world);
  world_settle(&world);
  assert_false(is_paused());
  assert_int_equal(annotation(ROLLOUT_PAUSED_FOR).len, 0);
}

static void test_leaving_in_the_middle(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  go_away();
  is_as_found();
  assert_int_equal(world.sets_count, 1);
}

static void test_leaving_while_it_takes_over(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("decommission");
  world.rolls_slowly = true;
  world_run(&world, "-", 10000, false);
  go_away();
  is_as_found();
  assert_false(is_paused());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_leaving_rolls_nothing_out),
      TEST(test_leaving_puts_the_template_back_where_that_is_asked),
      TEST(test_leaving_rolls_where_that_is_asked),
      TEST(test_leaving_while_a_canary_serves_hands_its_version_back),
      TEST(test_leaving_while_a_canary_serves_rolls_where_that_is_asked),
      TEST(test_another_deployment_is_meant),
      TEST(test_leaving_in_the_middle),
      TEST(test_leaving_while_it_takes_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
