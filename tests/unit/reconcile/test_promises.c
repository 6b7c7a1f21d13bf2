// SPDX-License-Identifier: Apache-2.0
// Promises of the state machine, one by one, over random worlds of every form (pair, template and
// workloadRef, through VirtualServices and HTTPRoutes). 1, 2, 4, 5, 7 and 10 are looked at after
// every single action (support_world_check.c); 6 is in test_promises_crash.c, and anything at any
// time in test_promises_any.c.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)

static void check(const struct world *world, enum world_form form, uint64_t seed) {
  if (world->broken[0])
    fail_msg("form %d, seed %llu: %s", form, (unsigned long long)seed, world->broken);
}

// A property, over so many worlds of each form.
static void over_all_forms(uint64_t count,
                           void (*property)(struct world *, enum world_form, uint64_t)) {
  for (int form = 0; form < WORLD_FORMS; form++)
    for (uint64_t seed = 1; seed <= world_rounds(count); seed++) {
      struct arena arena;
      struct world world;
      arena_init(&arena);
      world_init(&world, &arena, seed, WORLD_SHORT_STEPS, (enum world_form)form);
      if (world_names_versions(&world)) { // what serves is there first
        world_run(&world, "Healthy", HOUR, false);
        world_template(&world, "agent:2");
      }
      property(&world, (enum world_form)form, seed);
      check(&world, (enum world_form)form, seed);
      arena_dispose(&arena);
    }
}

static void some_time(struct world *world, uint64_t seconds) {
  world_run(world, "-", (int64_t)rng_below(&world->rng, seconds) * 1000, false);
}

// --- 6: so is the same plan twice ---

static void planned_again(struct world *world, enum world_form form, uint64_t seed) {
  some_time(world, 100);
  world_settle(world);
  if (world_step(world, false) != 0)
    fail_msg("form %d, seed %llu: something is left to do", form, (unsigned long long)seed);
}

static void test_6_the_same_plan_twice_is_harmless(void **state) {
  (void)state;
  over_all_forms(6, planned_again);
}

// --- 3: taking traffic away has no precondition ---

static void spoil(struct world *world) { // everything that must not matter
  world->proxies_lag = rng_below(&world->rng, 2);
  world->never_ready = rng_below(&world->rng, 2);
  struct json *stable = world_deployment(world, world_status(world, "stable.deployment"));
  if (stable && rng_below(&world->rng, 2))
    json_put_int(world->arena, json_get(stable, "status"), "readyReplicas",
                 (int64_t)rng_below(&world->rng, 2));
  if (world->is_workload && rng_below(&world->rng, 3) == 0)
    world_unpause(world);
  world->sets_late = rng_below(&world->rng, 2);
  if (rng_below(&world->rng, 4) == 0)
    world->deployments_count = 0;
  if (rng_below(&world->rng, 3) == 0)
    json_put_bool(world->arena, json_get(world->rollout, "spec"), "suspend", true);
  if (rng_below(&world->rng, 3) == 0)
    world_act(world, "pause");
}

// First of all; then only what keeps a Deployment from starting something comes before status.
static void traffic_first(struct world *world, enum world_form form, uint64_t seed) {
  world_run(world, "Progressing", HOUR, false);
  world_run(world, "-", 5000, false);
  some_time(world, 60);
  if (world_split(world).canary == 0 || !str_eq_z(world_phase(world), "Progressing"))
    return;
  struct str canary = world_canary(world);
  struct arena arena;
  arena_init(&arena);
  spoil(world);
  world->now_ms += 5000;
  if (rng_below(&world->rng, 2))
    world->outcome = OUTCOME_FAIL;
  else
    world_act(world, "abort");
  struct plan *plan = world_plan(world, &arena);
  if (plan->count < 2 || plan->actions[0].kind != PLAN_LOWER_ROUTE)
    fail_msg("form %d, seed %llu: the traffic does not come first", form, (unsigned long long)seed);
  (void)world_apply(world, plan, 1);
  assert_int_equal(world_share(world, canary.ptr), 0);
  size_t next = plan->actions[1].kind == PLAN_PAUSE ? 2 : 1;
  if (plan->actions[next].kind != PLAN_STATUS)
    fail_msg("form %d, seed %llu: before the status it is to %s", form, (unsigned long long)seed,
             plan_action_text(plan->actions[next].kind));
  arena_dispose(&arena);
}

static void test_3_a_bad_verdict_moves_the_traffic_first(void **state) {
  (void)state;
  over_all_forms(30, traffic_first);
}

// --- 11: somebody else's writes are put right in the very next plan ---

static void put_right(struct world *world, enum world_form form, uint64_t seed) {
  some_time(world, 200);
  world_settle(world);
  struct str text = json_text(world->arena, json_get(world->service, "spec"));
  struct world_split before = world_split(world), after;
  world_foreign_write(world);
  world_step(world, false);
  after = world_split(world);
  if (after.canary != before.canary || after.stable != before.stable ||
      after.is_bare != before.is_bare)
    fail_msg("form %d, seed %llu: %s became %s", form, (unsigned long long)seed, text.ptr,
             json_text(world->arena, json_get(world->service, "spec")).ptr);
}

static void test_11_a_foreign_write_is_put_right(void **state) {
  (void)state;
  over_all_forms(20, put_right);
}

// --- 9 and 8: no answer never promotes ---

static void never_blind(struct world *world, enum world_form form, uint64_t seed) {
  static const enum cause causes[] = {CAUSE_QUERY_ERROR, CAUSE_STALE, CAUSE_NO_DATA,
                                      CAUSE_NO_TRAFFIC};
  (void)form;
  world_run(world, "Progressing", HOUR, false);
  some_time(world, 20);
  int64_t share = world_split(world).canary;
  world->outcome = OUTCOME_INSUFFICIENT;
  world->cause = causes[seed % 4];
  world->no_judge = seed % 5 == 0;
  world_run(world, "-", 12 * MINUTE, false);
  // A step may have been over already; not one more.
  assert_true(world_split(world).canary <= (share == 0 ? 1000 : share <= 1000 ? 5000 : 10000));
  assert_false(str_eq_z(world_phase(world), "Healthy"));
  if (str_eq_z(world_phase(world), "Holding"))
    assert_true(world_status(world, "reason").len > 0);
  world->outcome = OUTCOME_PASS;
  world->cause = CAUSE_NONE;
  world->no_judge = false;
  world_run(world, "Healthy", HOUR, false);
  assert_string_equal(world_phase(world).ptr, "Healthy");
}

static void test_9_never_promoted_blind(void **state) {
  (void)state;
  over_all_forms(5, never_blind);
}

// --- 12: what failed stays back ---

static void stays_back(struct world *world, enum world_form form, uint64_t seed) {
  world_run(world, "Progressing", HOUR, false);
  world_run(world, "-", 8000, false);
  struct str canary = world_canary(world);
  world->outcome = OUTCOME_FAIL;
  world_run(world, "RolledBack", HOUR, true);
  assert_string_equal(world_phase(world).ptr, "RolledBack");
  world->outcome = OUTCOME_PASS;
  int64_t number = json_int(json_path(world->rollout, "status.releaseNumber"), 0);
  for (int i = 0; i < 30; i++) {
    world->now_ms += (int64_t)rng_below(&world->rng, 100000);
    if (rng_below(&world->rng, 3) == 0)
      world_foreign_write(world);
    if (rng_below(&world->rng, 3) == 0)
      world_ready(world);
    if (rng_below(&world->rng, 5) == 0)
      world_spec_changed(world); // a generation with nothing in it
    bool resumed = world->is_workload && rng_below(&world->rng, 6) == 0;
    if (resumed) // and is paused again before its controller looks
      world_unpause(world);
    world_step(world, !resumed && rng_below(&world->rng, 2));
  }
  world->first_look = false;
  world_settle(world);
  assert_int_equal(json_int(json_path(world->rollout, "status.releaseNumber"), 0), number);
  if (world_share(world, canary.ptr) != 0)
    fail_msg("form %d, seed %llu: what failed has traffic", form, (unsigned long long)seed);
}

static void test_12_a_failed_release_stays_back(void **state) {
  (void)state;
  over_all_forms(12, stays_back);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_6_the_same_plan_twice_is_harmless),
      cmocka_unit_test(test_3_a_bad_verdict_moves_the_traffic_first),
      cmocka_unit_test(test_11_a_foreign_write_is_put_right),
      cmocka_unit_test(test_9_never_promoted_blind),
      cmocka_unit_test(test_12_a_failed_release_stays_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
