// SPDX-License-Identifier: Apache-2.0
// The spec comes to name something else than what was taken: what is told and kept of it, and what
// people do meanwhile. (From every form to every other: test_promises_switch.c.)
#include "support_original.h"
#include "operator/reconcile/taken.h"

static struct json *parse(const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), &arena, &json, NULL), RC_OK);
  return json;
}

static const struct json *spec(void) {
  return json_get(world.rollout, "spec");
}

static bool has_event(const char *reason) {
  JSON_EACH(decision, json_path(world.rollout, "status.decisions"))
    if (str_eq_z(json_get_string(decision, "reason"), reason))
      return true;
  return false;
}

static struct str annotation(const char *name) {
  return json_get_string(json_path(original(), "metadata.annotations"), name);
}

// --- what is kept ---

static void test_what_was_taken_is_in_status_before_it_is_touched(void **state) {
  (void)state;
  assert_true(json_equal(json_path(world.rollout, "status.taken.spec"), taken_of(spec(), &arena)));
  arena_dispose(&arena);
  arena_init(&arena);
  world_init_workload(&world, &arena, 7, STEPS);
  for (int i = 0; i < 50 && !is_paused(); i++) {
    struct arena plans;
    arena_init(&plans);
    const struct plan *plan = world_plan(&world, &plans);
    if (plan->count > 0 && plan->actions[0].kind == PLAN_PAUSE)
      assert_non_null(json_path(world.rollout, "status.taken.spec.workloadRef"));
    (void)world_apply(&world, plan, 1);
    world.now_ms += 100;
    world_ready(&world);
    arena_dispose(&plans);
  }
  assert_true(is_paused());
}

static const struct json *with(const char *status, const char *fields) {
  return parse(arena_printf(&arena, "{\"spec\":%s,\"status\":%s}", fields, status).ptr);
}

#define WEB "{\"workloadRef\":{\"name\":\"web\"},\"traffic\":{\"a\":1}}"
#define API "{\"workloadRef\":{\"name\":\"api\"},\"traffic\":{\"a\":1},\"steps\":[{\"deploy\":{}}]}"
#define PAIR                                                                                       \
  "{\"stable\":{\"deployment\":\"a\"},\"canary\":{\"deployment\":\"b\"},\"traffic\":{\"a\":2}}"

static void test_which_rollout_is_acted_on(void **state) {
  const struct json *acted_on, *rollout;
  (void)state;
  rollout = with("{}", WEB);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_SAME);
  assert_ptr_equal(acted_on, rollout);
  // Another Deployment; the step that ends a release is its last one.
  rollout = with("{\"taken\":{\"spec\":" WEB "}}", API);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_FORM);
  assert_string_equal(json_path_string(acted_on, "spec.workloadRef.name").ptr, "web");
  assert_non_null(json_path(acted_on, "spec.steps.0.decommission"));
  // Another form, and other routes with it; nothing of the new form is left in it.
  rollout =
      with("{\"taken\":{\"spec\":" WEB "},\"step\":{\"name\":\"decommission\",\"index\":2}}", PAIR);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_FORM);
  assert_null(json_path(acted_on, "spec.stable"));
  assert_int_equal(json_int(json_path(acted_on, "spec.traffic.a"), 0), 1);
  assert_non_null(json_path(acted_on, "spec.steps.2.decommission"));
  // A pair may name its Deployments anew.
  rollout = with("{\"taken\":{\"spec\":" PAIR "}}",
                 "{\"stable\":{\"deployment\":\"b\"},\"canary\":{\"deployment\":\"c\"},"
                 "\"traffic\":{\"a\":2}}");
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_SAME);
  // Other routes count while a release runs on the old ones.
  rollout = with(
      "{\"taken\":{\"spec\":{\"workloadRef\":{\"name\":\"web\"},\"traffic\":{\"a\":3}}}}", WEB);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_SAME);
  rollout = with("{\"release\":{\"id\":\"x\"},\"taken\":{\"spec\":{\"workloadRef\":{\"name\":"
                 "\"web\"},\"traffic\":{\"a\":3}}}}",
                 WEB);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_ROUTES);
  assert_int_equal(json_int(json_path(acted_on, "spec.traffic.a"), 0), 3);
}

static void test_a_status_of_an_older_operator_tells_its_deployment(void **state) {
  const struct json *acted_on, *rollout;
  (void)state;
  rollout = with("{\"workload\":{\"uid\":\"1\"},\"stable\":{\"deployment\":\"web\",\"subset\":"
                 "\"web-5d\"}}",
                 API);
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_FORM);
  assert_string_equal(json_path_string(acted_on, "spec.workloadRef.name").ptr, "web");
  rollout = with("{\"stable\":{\"deployment\":\"a\",\"subset\":\"v1\"}}", API); // a pair was it
  assert_int_equal(taken_apply(rollout, &arena, &acted_on), TAKEN_SAME);
}

// --- what happens ---

static void test_it_is_told(void **state) {
  (void)state;
  world_add_forms(&world);
  world_switch(&world, WORLD_WORKLOAD, "other");
  world_settle(&world);
  assert_true(has_event("FormChanged"));
  assert_true(has_event("LetGo"));
  assert_false(is_paused());
  assert_int_equal(annotation(ROLLOUT_PAUSED_FOR).len, 0);
  assert_string_equal(world_status(&world, "stable.deployment").ptr, "other");
  assert_string_equal(world_status(&world, "taken.spec.workloadRef.name").ptr, "other");
}

static void test_in_the_middle_the_traffic_goes_back_first(void **state) {
  (void)state;
  world_add_forms(&world);
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  assert_int_equal(world_split(&world).canary, 1000);
  struct str canary = world_canary(&world);
  world_switch(&world, WORLD_PAIR, NULL);
  struct arena plans;
  arena_init(&plans);
  const struct plan *plan = world_plan(&world, &plans);
  assert_int_equal(plan->actions[0].kind, PLAN_LOWER_ROUTE);
  (void)world_apply(&world, plan, 1);
  assert_int_equal(world_share(&world, canary.ptr), 0);
  arena_dispose(&plans);
  assert_true(is_paused());
  world_run(&world, "-", 2 * MINUTE, false);
  assert_string_equal(world_status(&world, "history.1.reason").ptr, "ReleaseLeft");
  assert_string_equal(world_status(&world, "history.1.result").ptr, "Superseded");
  assert_true(annotation(ROLLOUT_LEFT_PAUSED).len > 0); // as onDelete has it
}

static void test_what_on_delete_said_when_it_was_taken_counts(void **state) {
  (void)state;
  json_put_z(&arena, json_path(world.rollout, "spec.workloadRef"), "onDelete", "putBack");
  world_spec_changed(&world);
  world_settle(&world);
  world_add_forms(&world);
  world_image(&world, "agent:2");
  world.outcome = OUTCOME_FAIL;
  runs("RolledBack");
  world_switch(&world, WORLD_WORKLOAD, "other");
  world_run(&world, "-", MINUTE, false);
  assert_false(is_paused());
  assert_string_equal(json_path_string(original(), "spec.template.spec.containers.0.image").ptr,
                      "agent:1");
}

static void test_a_wrong_spec_lets_go_of_nothing(void **state) {
  (void)state;
  json_remove(json_path(world.rollout, "spec"), STR("workloadRef"));
  world_spec_changed(&world);
  world_run(&world, "-", MINUTE, false);
  assert_string_equal(world_status(&world, "reason").ptr, "InvalidSpec");
  assert_true(is_paused());
  json_put(&arena, json_get(world.rollout, "spec"), "workloadRef", parse("{\"name\":\"agent\"}"));
  world_spec_changed(&world);
  runs("Healthy");
  assert_true(is_paused());
  assert_int_equal(releases(), 0);
}

static void test_somebody_elses_mark_is_left(void **state) {
  (void)state;
  world_add_forms(&world);
  json_put_z(&arena, json_path(original(), "metadata.annotations"), ROLLOUT_PAUSED_FOR, "another");
  world_touch(&world, original());
  world_switch(&world, WORLD_WORKLOAD, "other");
  world_run(&world, "-", MINUTE, false);
  assert_true(is_paused());
  assert_string_equal(world_status(&world, "stable.deployment").ptr, "other");
}

static void test_deleted_while_it_changes(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  world_switch(&world, WORLD_WORKLOAD, "other");
  world_run(&world, "-", 2000, false);
  go_away();
  is_as_found();
}

static void test_the_deployment_is_gone_already(void **state) {
  (void)state;
  world_add_forms(&world);
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  for (size_t i = 0; i < world.deployments_count; i++)
    if (world.deployments[i] == original())
      world.deployments[i] = world.deployments[--world.deployments_count];
  world.sets_count = 0;
  world_switch(&world, WORLD_WORKLOAD, "other");
  world_run(&world, "Healthy", HOUR, false);
  settles();
  assert_string_equal(world_status(&world, "stable.deployment").ptr, "other");
}

static void test_verbs_wait(void **state) {
  (void)state;
  world_add_forms(&world);
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  world_switch(&world, WORLD_PAIR, NULL);
  struct str name = world_act(&world, "undo");
  world_step(&world, false);
  for (size_t i = 0; i < world.actions_count; i++)
    if (str_eq(json_path_string(world.actions[i], "metadata.name"), name))
      assert_string_equal(json_path_string(world.actions[i], "status.result").ptr, "Refused");
}

// A release runs on the routes that spec named when it began.
static void test_other_routes_in_the_middle(void **state) {
  (void)state;
  world_image(&world, "agent:2");
  runs_to_step("monitor");
  struct str canary = world_canary(&world);
  json_put_z(&arena, json_path(world.rollout, "spec.traffic.virtualService"), "name", "elsewhere");
  world_spec_changed(&world);
  world_step(&world, false);
  assert_int_equal(world_share(&world, canary.ptr), 0);
  assert_true(world_replicas(&world, canary.ptr) > 0);
  world_run(&world, "-", 2 * MINUTE, false);
  assert_string_equal(world_status(&world, "history.0.reason").ptr, "SpecChanged");
  assert_string_equal(world_status(&world, "reason").ptr, "RouteNotFound");
}

// What served before goes only when its traffic is gone, however long that takes.
static void test_no_traffic_no_former(void **state) {
  (void)state;
  arena_dispose(&arena);
  arena_init(&arena);
  world_init_template(&world, &arena, 7, STEPS);
  runs("Healthy");
  world_add_forms(&world);
  struct str former = world_status(&world, "stable.deployment");
  world_switch(&world, WORLD_WORKLOAD, "agent");
  json_put_bool(&arena, json_get(world.rollout, "spec"), "suspend", true);
  world_run(&world, "-", HOUR, false);
  assert_int_equal(world_replicas(&world, former.ptr), 3);
  assert_int_equal(world_share(&world, former.ptr), 10000);
  json_put_bool(&arena, json_get(world.rollout, "spec"), "suspend", false);
  world_run(&world, "-", 2 * MINUTE, false);
  assert_int_equal(world_replicas(&world, former.ptr), -1);
  assert_true(world_is_bare(&world));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_what_was_taken_is_in_status_before_it_is_touched),
      TEST(test_which_rollout_is_acted_on),
      TEST(test_a_status_of_an_older_operator_tells_its_deployment),
      TEST(test_it_is_told),
      TEST(test_in_the_middle_the_traffic_goes_back_first),
      TEST(test_what_on_delete_said_when_it_was_taken_counts),
      TEST(test_a_wrong_spec_lets_go_of_nothing),
      TEST(test_somebody_elses_mark_is_left),
      TEST(test_deleted_while_it_changes),
      TEST(test_the_deployment_is_gone_already),
      TEST(test_verbs_wait),
      TEST(test_other_routes_in_the_middle),
      TEST(test_no_traffic_no_former),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
