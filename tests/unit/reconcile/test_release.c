// SPDX-License-Identifier: Apache-2.0
// Releases of a pair from begin to end, told as stories.
#include "manifests/schema/defaults.h"
#include "operator/reconcile/snapshot.h"
#include "support_story.h"

static void test_a_good_pair_is_promoted(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  settled(world, "Healthy");
  assert_int_equal(world_share(world, "v2"), 10000);
  assert_int_equal(world_replicas(world, "agent-v1"), 0);
  assert_int_equal(world_replicas(world, "agent-v2"), 4);
  assert_string_equal(world_status(world, "history.0.result").ptr, "Promoted");
  assert_string_equal(world_status(world, "stable.deployment").ptr, "agent-v2");
  assert_int_equal(json_path(world->rollout, "metadata.finalizers")->count, 0);
  // Nothing starts again by itself.
  world->now_ms += HOUR;
  world_settle(world);
  expect_phase(world, "Healthy");
  assert_int_equal(json_path(world->rollout, "status.history")->count, 1);
  story_end(&story);
}

static void test_a_bad_canary_is_put_back_and_stays_back(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world->outcome = OUTCOME_FAIL;
  settled(world, "RolledBack");
  assert_int_equal(world_share(world, "v2"), 0);
  assert_string_equal(world_status(world, "failed.reason").ptr, "AnalysisFailed");
  assert_int_equal(world_replicas(world, "agent-v1"), 4);
  world->outcome = OUTCOME_PASS;
  world->now_ms += HOUR;
  world_settle(world);
  expect_phase(world, "RolledBack");
  world_act(world, "retry");
  settled(world, "Healthy");
  story_end(&story);
}

// A newer CRD lets the API server fill in more of the spec, in Rollouts that were there before.
static void fill_in_defaults(struct world *world) {
  kind_default(&rollout_kind, world->rollout, world->arena);
  world_touch(world, world->rollout);
}

static void test_defaults_of_a_newer_crd_start_nothing(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  fill_in_defaults(world);
  world_settle(world);
  assert_int_equal(world_share(world, "v2"), 1000); // else the release began again from 0
  world->outcome = OUTCOME_FAIL;
  settled(world, "RolledBack");
  schema_undefault(rollout_kind.schema, world->rollout, world->arena); // and with the older one
  world_touch(world, world->rollout);
  world->outcome = OUTCOME_PASS;
  world->now_ms += HOUR;
  world_settle(world);
  expect_phase(world, "RolledBack"); // else the failed version was tried again
  story_end(&story);
}

// What an operator of the version before wrote: the hash of the spec as the server gave it.
static void test_a_hash_of_an_older_operator_is_understood(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->outcome = OUTCOME_FAIL;
  settled(world, "RolledBack");
  static const char *const parts[] = {"stable", "canary", "traffic", "steps", "analysis"};
  struct json *spec = json_new_object(world->arena);
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    const struct json *part = json_get(json_get(world->rollout, "spec"), parts[i]);
    if (part)
      json_put(world->arena, spec, parts[i], json_dup(world->arena, part));
  }
  struct str hash = arena_printf(world->arena, "v1-%s", snapshot_hash(spec, world->arena).ptr);
  json_put_string(world->arena, json_path(world->rollout, "status.failed"), "specHash", hash);
  world_touch(world, world->rollout);
  world->outcome = OUTCOME_PASS;
  world->now_ms += HOUR;
  world_settle(world);
  expect_phase(world, "RolledBack");
  story_end(&story);
}

static void test_a_changed_spec_tries_again(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world->outcome = OUTCOME_FAIL;
  settled(world, "RolledBack");
  world->outcome = OUTCOME_PASS;
  json_put_bool(world->arena, json_get(world->rollout, "spec"), "suspend", false);
  world_spec_changed(world);
  world_settle(world);
  expect_phase(world, "RolledBack");
  json_put(world->arena, json_get(world->rollout, "spec"), "analysis",
           json_new_object(world->arena));
  world_spec_changed(world);
  settled(world, "Healthy");
  story_end(&story);
}

static void test_abort_and_its_answer(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world_act(world, "abort");
  settled(world, "Aborted");
  assert_int_equal(world_share(world, "v2"), 0);
  assert_string_equal(json_path_string(world->actions[0], "status.result").ptr, "Done");
  assert_string_equal(world_status(world, "history.0.who").ptr, "ann");
  world_act(world, "abort");
  world_settle(world);
  assert_string_equal(json_path_string(world->actions[1], "status.result").ptr, "Refused");
  story_end(&story);
}

#define PAUSED                                                                                     \
  "[{\"deploy\":{}},{\"setWeight\":20},{\"pause\":{}},{\"setWeight\":100},{\"decommission\":{"     \
  "\"action\":\"delete\"}}]"

static void test_a_pause_waits_for_promote(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, PAUSED);
  run_to(world, "Paused");
  world_run(world, "Healthy", 30 * MINUTE, false);
  expect_phase(world, "Paused");
  world_act(world, "promote");
  settled(world, "Healthy");
  assert_int_equal(world_replicas(world, "agent-v1"), -1);
  story_end(&story);
}

static void test_paused_by_a_person_still_goes_back(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world_act(world, "pause");
  run_to(world, "Paused");
  world_run(world, "Healthy", 40 * MINUTE, false);
  expect_phase(world, "Paused");
  assert_int_equal(world_share(world, "v2"), 1000);
  world->outcome = OUTCOME_FAIL;
  settled(world, "RolledBack");
  story_end(&story);
}

static void test_promote_full_bakes(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world_act(world, "promoteFull");
  run_to_share(world, 10000);
  assert_int_equal(world_replicas(world, "agent-v1"), 4);
  world->outcome = OUTCOME_FAIL; // in the bake
  settled(world, "RolledBack");
  assert_int_equal(world_share(world, "v2"), 0);
  story_end(&story);
}

static void test_few_replicas_hold_the_weight(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->ready_limit = 1;
  run_to_share(world, 1000);
  world_run(world, "-", 50 * MINUTE, false);
  assert_int_equal(world_share(world, "v2"), 1000);
  assert_string_equal(world_status(world, "reason").ptr, "CapacityShort");
  world->ready_limit = 0;
  settled(world, "Healthy");
  story_end(&story);
}

static void test_lost_replicas_take_the_weight_down(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 5000);
  world->ready_limit = 1;
  world_ready(world);
  world_run(world, "-", 15000, false);
  assert_int_equal(world_share(world, "v2"), 1000);
  world->never_ready = true;
  world_ready(world);
  world_settle(world);
  assert_int_equal(world_share(world, "v2"), 0);
  world->never_ready = false;
  world->ready_limit = 0;
  settled(world, "Healthy");
  story_end(&story);
}

static void test_replicas_that_never_come_end_the_release(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->never_ready = true;
  settled(world, "RolledBack");
  assert_string_equal(world_status(world, "failed.reason").ptr, "DeployTimeout");
  assert_int_equal(world_share(world, "v1"), 10000);
  story_end(&story);
}

static void test_no_traffic_holds(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->outcome = OUTCOME_INSUFFICIENT;
  world->cause = CAUSE_NO_TRAFFIC;
  run_to(world, "Holding");
  assert_string_equal(world_status(world, "reason").ptr, "NoTraffic");
  world_run(world, "Healthy", 10 * MINUTE, false);
  expect_phase(world, "Holding");
  world->outcome = OUTCOME_PASS;
  world->cause = CAUSE_NONE;
  settled(world, "Healthy");
  story_end(&story);
}

static void test_prometheus_away_holds_and_goes_on(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world->no_judge = true;
  world_run(world, "Healthy", 30 * MINUTE, false);
  expect_phase(world, "Holding");
  assert_int_equal(world_share(world, "v2"), 1000);
  world->no_judge = false;
  world->outcome = OUTCOME_INSUFFICIENT;
  world->cause = CAUSE_QUERY_ERROR;
  world_run(world, "Healthy", 10 * MINUTE, false);
  expect_phase(world, "Holding");
  world->outcome = OUTCOME_PASS;
  world->cause = CAUSE_NONE;
  settled(world, "Healthy");
  story_end(&story);
}

static void test_somebody_else_is_put_right_at_once(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  world_run(world, "-", 20000, false);
  for (int i = 0; i < 4; i++) {
    world_set_route(world, 100, 0);
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    assert_int_equal(plan->actions[0].kind, PLAN_PATCH_ROUTE);
    world_apply(world, plan, plan->count);
    arena_dispose(&arena);
    assert_int_equal(world_share(world, "v2"), 1000);
    world->now_ms += 1000;
    world_settle(world);
  }
  assert_true(has_condition(world, "Contended", NULL));
  settled(world, "Healthy");
  story_end(&story);
}

static void test_unverified_weights_go_on_after_a_while(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->proxies_lag = true;
  run_to_share(world, 1000);
  world_run(world, "-", 20000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "setWeight");
  world_run(world, "-", 15000, false);
  assert_string_equal(world_status(world, "step.name").ptr, "monitor");
  settled(world, "Healthy");
  story_end(&story);
}

static void test_deletion_puts_the_traffic_back(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 5000);
  json_put_z(world->arena, json_get(world->rollout, "metadata"), "deletionTimestamp",
             "2026-01-01T00:10:00Z");
  world_touch(world, world->rollout);
  world_settle(world);
  assert_true(world->gone);
  assert_int_equal(world_share(world, "v2"), 0);
  story_end(&story);
}

// What is told of the end is in the plan's status, which is written nowhere.
static void test_deletion_in_a_release_is_told(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world->notify_default = true;
  run_to_share(world, 5000);
  json_put_z(world->arena, json_get(world->rollout, "metadata"), "deletionTimestamp",
             "2026-01-01T00:10:00Z");
  world_touch(world, world->rollout);
  const struct plan *plan = world_plan(world, world->arena);
  assert_true(plan->leaves);
  assert_int_equal(plan->status->notices_count, 1);
  const struct rollout_notice *notice = &plan->status->notices[0];
  assert_int_equal(notice->event, ROLLOUT_EVENT_ABORTED);
  assert_string_equal(notice->reason.ptr, "DeletedInRelease");
  assert_true(str_eq_z(notice->weight, "50"));
  const struct plan *again = world_plan(world, world->arena); // the same notice has the same number
  assert_int_equal(again->status->notices[0].number, notice->number);
  story_end(&story);
}

static void test_a_stable_that_does_not_serve_stops_the_start(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world_set_route(world, 60, 40);
  run_to(world, "Pending");
  world_settle(world);
  assert_string_equal(world_status(world, "reason").ptr, "StableNotServing");
  assert_int_equal(world_share(world, "v2"), 4000);
  assert_int_equal(world->events, 1);
  story_end(&story);
}

static void test_what_is_done_already_is_adopted(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  world_ready(world);
  world_set_route(world, 0, 100);
  settled(world, "Healthy");
  assert_int_equal(world_share(world, "v2"), 10000);
  assert_null(json_path(world->rollout, "status.history"));
  story_end(&story);
}

static void test_the_next_pair_and_undo(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  settled(world, "Healthy");
  world_act(world, "undo");
  world_ready(world);
  world_settle(world);
  assert_string_equal(json_path_string(world->rollout, "spec.canary.deployment").ptr, "agent-v1");
  settled(world, "Healthy");
  assert_int_equal(world_share(world, "v1"), 10000);
  story_end(&story);
}

static void test_hands_off_looks_on(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, NULL);
  run_to_share(world, 1000);
  struct json *metadata = json_get(world->service, "metadata");
  json_put_z(world->arena, json_need_object(world->arena, metadata, "annotations"),
             "serin.dev/hands-off", "true");
  world_touch(world, world->service);
  struct str before = json_text(world->arena, world->service);
  world_run(world, "-", 20 * MINUTE, false);
  assert_true(str_eq(before, json_text(world->arena, world->service)));
  assert_string_equal(world_status(world, "reason").ptr, "HandsOff");
  json_remove(metadata, STR("annotations"));
  world_touch(world, world->service);
  settled(world, "Healthy");
  story_end(&story);
}

static void test_stalled_after_the_deadline(void **state) {
  (void)state;
  struct story story;
  struct world *world = story_pair(&story, PAUSED);
  run_to(world, "Paused");
  world_run(world, "-", 2 * HOUR, false);
  assert_true(has_condition(world, "Stalled", "ProgressDeadlineExceeded"));
  story_end(&story);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_good_pair_is_promoted),
      cmocka_unit_test(test_a_bad_canary_is_put_back_and_stays_back),
      cmocka_unit_test(test_defaults_of_a_newer_crd_start_nothing),
      cmocka_unit_test(test_a_hash_of_an_older_operator_is_understood),
      cmocka_unit_test(test_a_changed_spec_tries_again),
      cmocka_unit_test(test_abort_and_its_answer),
      cmocka_unit_test(test_a_pause_waits_for_promote),
      cmocka_unit_test(test_paused_by_a_person_still_goes_back),
      cmocka_unit_test(test_promote_full_bakes),
      cmocka_unit_test(test_few_replicas_hold_the_weight),
      cmocka_unit_test(test_lost_replicas_take_the_weight_down),
      cmocka_unit_test(test_replicas_that_never_come_end_the_release),
      cmocka_unit_test(test_no_traffic_holds),
      cmocka_unit_test(test_prometheus_away_holds_and_goes_on),
      cmocka_unit_test(test_somebody_else_is_put_right_at_once),
      cmocka_unit_test(test_unverified_weights_go_on_after_a_while),
      cmocka_unit_test(test_deletion_puts_the_traffic_back),
      cmocka_unit_test(test_deletion_in_a_release_is_told),
      cmocka_unit_test(test_a_stable_that_does_not_serve_stops_the_start),
      cmocka_unit_test(test_what_is_done_already_is_adopted),
      cmocka_unit_test(test_the_next_pair_and_undo),
      cmocka_unit_test(test_hands_off_looks_on),
      cmocka_unit_test(test_stalled_after_the_deadline),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
