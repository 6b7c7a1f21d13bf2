// SPDX-License-Identifier: Apache-2.0
// The workload form in particular (the promises are in test_promises.c), and what the template form
// keeps of old versions.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"30s\",\"min\":\"10s\"}},"      \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},{\"decommission\":{}}" \
  "]"

static struct arena arena;
static struct world world;

static int begin(void **state) {
  (void)state;
  arena_init(&arena);
  world_init_workload(&world, &arena, 7, STEPS);
  world_run(&world, "Healthy", HOUR, false);
  world_settle(&world);
  return 0;
}

static int end(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static struct json *original(void) {
  return world_deployment(&world, STR("agent"));
}

static bool is_paused(void) {
  return json_is_true(json_path(original(), "spec.paused"));
}

static void runs(const char *phase) {
  world_run(&world, phase, HOUR, false);
  if (world.broken[0])
    fail_msg("%s", world.broken);
  assert_string_equal(world_phase(&world).ptr, phase);
}

static void runs_to_step(const char *step) {
  for (int i = 0; i < 400 && !str_eq_z(world_status(&world, "step.name"), step); i++)
    world_run(&world, "-", 1000, false);
  assert_string_equal(world_status(&world, "step.name").ptr, step);
}

static void settles(void) {
  for (int i = 0; i < 5; i++) {
    world.now_ms += 31000;
    world_settle(&world);
    world_ready(&world);
  }
  if (world.broken[0])
    fail_msg("%s", world.broken);
}

static void is_as_found(void) {
  assert_string_equal(json_text(&arena, json_path(world.service, "spec.http.1.route")).ptr,
                      "[{\"destination\":{\"host\":\"agent\"}}]");
  assert_int_equal(json_path(world.rule, "spec.subsets")->count, 3);
  assert_int_equal(world.deployments_count, 1);
}

static int64_t releases(void) {
  return json_int(json_path(world.rollout, "status.releaseNumber"), 0);
}

static void go_away(void) {
  json_put_z(&arena, json_get(world.rollout, "metadata"), "deletionTimestamp",
             "2026-01-01T00:10:00Z");
  world_touch(&world, world.rollout);
  world_run(&world, "-", HOUR, false);
  assert_true(world.gone);
  if (world.broken[0])
    fail_msg("%s", world.broken);
}

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

static void test_leaving_rolls_nothing_out(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  world.outcome = OUTCOME_FAIL;
  runs("RolledBack");
  go_away();
  is_as_found();
  assert_true(is_paused()); // its template is not what its pods run
  assert_string_equal(world.last_event.ptr, "LeftPaused");
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
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
      TEST(test_leaving_rolls_nothing_out),
      TEST(test_leaving_in_the_middle),
      TEST(test_leaving_while_it_takes_over),
      TEST(test_a_deployment_that_is_gone_is_said),
      TEST(test_old_versions_beyond_the_limit_go),
      TEST(test_a_template_rollout_that_goes_takes_the_canarys_subset_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
