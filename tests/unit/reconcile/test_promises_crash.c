// SPDX-License-Identifier: Apache-2.0
// Promise 6 of the state machine: a crash between any two effects is harmless, in every form.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)

static void check(const struct world *world, uint64_t seed) {
  if (world->broken[0])
    fail_msg("seed %llu: %s", (unsigned long long)seed, world->broken);
}

enum tale { TALE_GOOD, TALE_BAD, TALE_ABORT, TALE_SUPERSEDE, TALE_DELETE, TALE_COUNT };

struct ending {
  struct str phase, result, text;
  int64_t replicas, names;
};

static void make_bad(struct world *world, enum tale tale) {
  if (tale == TALE_BAD)
    world->outcome = OUTCOME_FAIL;
  if (tale == TALE_ABORT)
    world_act(world, "abort");
  if (tale == TALE_SUPERSEDE)
    world_template(world, "agent:3");
  if (tale == TALE_DELETE) {
    json_put_z(world->arena, json_get(world->rollout, "metadata"), "deletionTimestamp",
               "2026-01-01T00:10:00Z");
    world_touch(world, world->rollout);
  }
}

static const char *end_phase(enum tale tale) {
  return tale == TALE_BAD ? "RolledBack" : tale == TALE_ABORT ? "Aborted" : "Healthy";
}

// Of the DestinationRule, or Services of versions.
static int64_t names_count(const struct world *world) {
  return world->gateway ? (int64_t)world->services_count
                        : (int64_t)json_path(world->rule, "spec.subsets")->count;
}

static struct ending tell(struct arena *arena, enum tale tale, enum world_form form, uint64_t seed,
                          bool crash) {
  struct world world;
  world_init(&world, arena, seed, WORLD_SHORT_STEPS, form);
  world.rolls_slowly = world.sets_late = crash;
  if (world_names_versions(&world)) {
    world_run(&world, "Healthy", HOUR, crash);
    world_template(&world, "agent:2");
  }
  // Somewhere in the middle it happens.
  world_run(&world, "Progressing", HOUR, crash);
  world_run(&world, "-", (int64_t)(seed % 7) * 9000, crash);
  make_bad(&world, tale);
  if (tale == TALE_SUPERSEDE)
    world_run(&world, "-", 5000, crash);
  world_run(&world, end_phase(tale), 3 * HOUR, crash);
  if (!world.gone)
    world_settle(&world);
  world.sets_late = false;
  for (int i = 0; i < 5 && !world.gone; i++) {
    world.now_ms += 31000; // old ones are scaled down
    world_ready(&world);
    world_settle(&world);
  }
  check(&world, seed);
  // Each decision was told once. (The last ones of a deleted Rollout have no status to be in.)
  int64_t decided = json_int(json_path(world.rollout, "status.decisionNumber"), 0);
  if (!world.gone && (int64_t)world.events != decided)
    fail_msg("tale %d, form %d, seed %llu: %lld of %lld decisions were told", tale, form,
             (unsigned long long)seed, (long long)world.events, (long long)decided);
  int64_t replicas = 0;
  for (size_t i = 0; i < world.deployments_count; i++)
    replicas += json_int(json_path(world.deployments[i], "spec.replicas"), 1);
  return (struct ending){.phase = world.gone ? STR("gone") : world_phase(&world),
                         .result = world_status(&world, "history.0.result"),
                         .text = json_text(arena, json_get(world.service, "spec")),
                         .replicas = replicas,
                         .names = names_count(&world)};
}

static void compare(enum tale tale, enum world_form form, uint64_t seed) {
  struct arena arena;
  arena_init(&arena);
  struct ending straight = tell(&arena, tale, form, seed, false);
  struct ending crashed = tell(&arena, tale, form, seed, true);
  bool same = str_eq(straight.phase, crashed.phase) && str_eq(straight.result, crashed.result) &&
              str_eq(straight.text, crashed.text) && straight.replicas == crashed.replicas &&
              straight.names == crashed.names;
  if (!same)
    fail_msg("tale %d, form %d, seed %llu:\n %s %s %lld replicas %lld subsets %s\n %s %s %lld "
             "replicas %lld subsets %s",
             tale, form, (unsigned long long)seed, straight.phase.ptr,
             straight.result.ptr ? straight.result.ptr : "", (long long)straight.replicas,
             (long long)straight.names, straight.text.ptr, crashed.phase.ptr,
             crashed.result.ptr ? crashed.result.ptr : "", (long long)crashed.replicas,
             (long long)crashed.names, crashed.text.ptr);
  arena_dispose(&arena);
}

static void crashes_change_no_ending(enum world_form form) {
  for (uint64_t seed = 1; seed <= world_rounds(3); seed++)
    for (int tale = 0; tale < TALE_COUNT; tale++)
      if (tale != TALE_SUPERSEDE || (form != WORLD_PAIR && form != WORLD_PAIR_GATEWAY))
        compare((enum tale)tale, form, seed);
}

static void test_6_crashes_change_no_ending(void **state) {
  (void)state;
  for (int form = 0; form < WORLD_FORMS; form++)
    crashes_change_no_ending((enum world_form)form);
}

// --- and one that always comes back ---

static void ends_all_the_same(enum world_form form, uint64_t offset) {
  struct arena arena;
  struct world world;
  uint64_t writes = offset;
  arena_init(&arena);
  world_init(&world, &arena, 1, WORLD_SHORT_STEPS, form);
  if (world_names_versions(&world)) {
    world_run_killed(&world, "Healthy", 3000, &writes);
    world_template(&world, "agent:2");
  }
  world_run_killed(&world, "Progressing", 3000, &writes);
  world_run_killed(&world, "Healthy", 3000, &writes);
  check(&world, offset);
  if (!str_eq_z(world_phase(&world), "Healthy"))
    fail_msg("form %d, offset %llu: it never ends: %s", form, (unsigned long long)offset,
             world_status(&world, "step.waitingFor").ptr);
  arena_dispose(&arena);
}

static void test_6_killed_at_two_of_three_writes(void **state) {
  (void)state;
  for (int form = 0; form < WORLD_FORMS; form++)
    for (uint64_t offset = 0; offset < 3; offset++)
      ends_all_the_same((enum world_form)form, offset);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_6_crashes_change_no_ending),
      cmocka_unit_test(test_6_killed_at_two_of_three_writes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
