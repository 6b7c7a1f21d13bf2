// SPDX-License-Identifier: Apache-2.0
// The spec comes to name something else: from every form to every other, between releases, in the
// middle of one and at its end, killed at any action. All promises are looked at after every single
// action (support_world_check.c), and that somebody answers after every plan.
#include "support_world_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define HOUR (60 * MINUTE)

enum moment { IDLE, MIDDLE, AT_THE_END, AT_THE_START, FAILED, MOMENTS };

struct change {
  enum world_form from, to;
  enum moment when;
  bool gateway, crash, killed; // killed: from then on at two of three writes
  uint64_t seed;
};

static void check(const struct world *world, const struct change *change) {
  if (world->broken[0])
    fail_msg("from %d to %d, moment %d, gateway %d, crash %d, seed %llu: %s\n%s\n%s", change->from,
             change->to, change->when, change->gateway, change->crash,
             (unsigned long long)change->seed, world->broken,
             json_text(world->arena, json_get(world->service, "spec")).ptr,
             json_text(world->arena, json_get(world->rollout, "status")).ptr);
}

static void run(struct world *world, const struct change *change, const char *phase, int64_t ms) {
  int64_t end = world->now_ms + ms;
  while (world->now_ms < end && !str_eq_z(world_phase(world), phase) && !world->gone) {
    world_run(world, phase, 200, change->crash);
    world_check_served(world);
    check(world, change);
  }
}

static void runs_to_step(struct world *world, const struct change *change, const char *step) {
  for (int i = 0; i < 400 && !str_eq_z(world_status(world, "step.name"), step); i++)
    run(world, change, "-", 1000);
}

// Until the moment at which the spec is changed.
static void lead_up(struct world *world, const struct change *change) {
  if (change->when == AT_THE_START) {
    run(world, change, "-", (int64_t)change->seed * 2000);
    return;
  }
  if (change->from != WORLD_PAIR) {
    run(world, change, "Healthy", HOUR);
    if (change->when != IDLE)
      world_template(world, "agent:2");
  } else if (change->when == IDLE) {
    run(world, change, "Healthy", HOUR);
  }
  if (change->when == MIDDLE || change->when == FAILED) {
    run(world, change, "Progressing", HOUR);
    run(world, change, "-", (int64_t)(change->seed % 7) * 9000);
  }
  if (change->when == FAILED) {
    world->outcome = OUTCOME_FAIL;
    run(world, change, "RolledBack", HOUR);
    world->outcome = OUTCOME_PASS;
  }
  if (change->when == AT_THE_END) {
    runs_to_step(world, change, "decommission");
    run(world, change, "-", (int64_t)change->seed * 1500);
  }
}

static const char *other_than(const struct change *change) {
  return change->from == WORLD_WORKLOAD && change->to == WORLD_WORKLOAD ? "other" : "agent";
}

static void settles(struct world *world, const struct change *change) {
  world->sets_late = false;
  for (int i = 0; i < 10; i++) {
    run(world, change, "Healthy", HOUR);
    world->now_ms += 31000;
    world_ready(world);
    world_settle(world);
    world_check_served(world);
    check(world, change);
  }
}

static bool has_taken_up(const struct world *world, const struct change *change) {
  static const char *const fields[] = {
      [WORLD_PAIR] = "stable", [WORLD_TEMPLATE] = "template", [WORLD_WORKLOAD] = "workloadRef"};
  const struct json *taken = json_path(world->rollout, "status.taken.spec");
  return json_get(taken, fields[change->to]) && str_eq_z(world_phase(world), "Healthy") &&
         str_eq(json_path_string(taken, "workloadRef.name"),
                json_path_string(world->rollout, "spec.workloadRef.name")) &&
         !json_path(world->rollout, "status.former");
}

static void is_killed(struct world *world, const struct change *change) {
  uint64_t writes = change->seed;
  for (int i = 0; i < 40 && !has_taken_up(world, change); i++) {
    world_run_killed(world, "-", 50, &writes);
    world_check_served(world);
    check(world, change);
  }
  world->first_look = false;
  if (!has_taken_up(world, change))
    world_broken(world, "it never ends");
  check(world, change);
}

static size_t ours(const struct world *world) {
  size_t count = 0;
  for (size_t i = 0; i < world->deployments_count; i++)
    count += json_get_s(json_path(world->deployments[i], "metadata.labels"),
                        STR(ROLLOUT_OWNER_LABEL)) != NULL;
  return count;
}

// What routes call versions of ours.
static size_t names_of_ours(const struct world *world) {
  size_t count = 0;
  if (world->gateway) {
    for (size_t i = 0; i < world->services_count; i++)
      count += str_starts(json_path_string(world->services[i], "metadata.name"), STR("agent-"));
    return count;
  }
  JSON_EACH(subset, json_path(world->rule, "spec.subsets"))
    count += str_starts(json_get_string(subset, "name"), STR("agent-"));
  return count;
}

static bool is_paused(struct world *world, const char *name) {
  return json_is_true(json_path(world_deployment(world, str_of(name)), "spec.paused"));
}

static struct str mark_of(struct world *world, const char *name, const char *key) {
  return json_get_string(json_path(world_deployment(world, str_of(name)), "metadata.annotations"),
                         key);
}

static void is_taken_up(struct world *world, const struct change *change) {
  struct str stable = world_status(world, "stable.deployment");
  const char *original = other_than(change);
  assert_string_equal(world_phase(world).ptr, "Healthy");
  assert_null(json_path(world->rollout, "status.former"));
  assert_null(json_path(world->rollout, "status.taken.leavingAt"));
  assert_true(change->to == WORLD_WORKLOAD ? str_eq_z(stable, original)
              : change->to == WORLD_PAIR   ? str_eq_z(stable, "agent-v2")
                                           : str_starts(stable, STR("agent-")));
  assert_int_equal(ours(world), change->to == WORLD_TEMPLATE ? 1 : 0);
  assert_int_equal(names_of_ours(world), change->to == WORLD_TEMPLATE ? 1 : 0);
  if (change->to == WORLD_WORKLOAD) {
    assert_true(world_is_bare(world));
    assert_true(is_paused(world, original));
  } else {
    assert_int_equal(world_share(world, world_status(world, "stable.subset").ptr), 10000);
  }
}

// The Deployment of workloadRef runs on by itself, or says why it does not.
static void is_let_go(struct world *world, const struct change *change) {
  if (change->from != WORLD_WORKLOAD)
    return;
  bool left = mark_of(world, "agent", ROLLOUT_LEFT_PAUSED).len > 0;
  assert_int_equal(is_paused(world, "agent"), left);
  if (change->when == IDLE || change->when == AT_THE_START)
    assert_false(left);
  if (change->when == FAILED)
    assert_true(left);
}

static void tell(struct change *change) {
  struct arena arena;
  struct world world;
  arena_init(&arena);
  world_init(&world, &arena, change->seed, WORLD_SHORT_STEPS,
             (enum world_form)(change->from + (change->gateway ? WORLD_PAIR_GATEWAY : 0)));
  world_add_forms(&world);
  world.rolls_slowly = world.sets_late = change->crash;
  lead_up(&world, change);
  world_switch(&world, change->to, other_than(change));
  if (change->killed)
    is_killed(&world, change);
  run(&world, change, "-", 3000);
  settles(&world, change);
  is_taken_up(&world, change);
  is_let_go(&world, change);
  arena_dispose(&arena);
}

static void over_all(enum world_form from) {
  static const enum world_form forms[] = {WORLD_PAIR, WORLD_TEMPLATE, WORLD_WORKLOAD};
  // Where a sanitizer makes all slow, those that are killed alone.
  int variants = world_rounds(6) < 6 ? 2 : 6;
  for (uint64_t seed = 1; seed <= world_rounds(1); seed++)
    for (int when = 0; when < MOMENTS; when++)
      for (int to = 0; to < 3; to++)
        for (int i = 6 - variants; i < 6; i++) {
          struct change change = {.from = from,
                                  .to = forms[to],
                                  .when = (enum moment)when,
                                  .gateway = i % 2,
                                  .crash = i / 2 == 1,
                                  .killed = i / 2 == 2,
                                  .seed = seed + (uint64_t)to + (uint64_t)when};
          if (from != forms[to] || from == WORLD_WORKLOAD)
            tell(&change);
        }
}

static void test_a_pair_takes_another_form(void **state) {
  (void)state;
  over_all(WORLD_PAIR);
}

static void test_a_template_takes_another_form(void **state) {
  (void)state;
  over_all(WORLD_TEMPLATE);
}

static void test_a_workload_takes_another_form_or_deployment(void **state) {
  (void)state;
  over_all(WORLD_WORKLOAD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_pair_takes_another_form),
      cmocka_unit_test(test_a_template_takes_another_form),
      cmocka_unit_test(test_a_workload_takes_another_form_or_deployment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
