// SPDX-License-Identifier: Apache-2.0
#include "support_original.h"

struct arena arena;
struct world world;

int original_begin(void **state) {
  (void)state;
  arena_init(&arena);
  world_init_workload(&world, &arena, 7, STEPS);
  world_run(&world, "Healthy", HOUR, false);
  world_settle(&world);
  return 0;
}

int original_end(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

struct json *original(void) {
  return world_deployment(&world, STR("agent"));
}

bool is_paused(void) {
  return json_is_true(json_path(original(), "spec.paused"));
}

void runs(const char *phase) {
  world_run(&world, phase, HOUR, false);
  if (world.broken[0])
    fail_msg("%s", world.broken);
  assert_string_equal(world_phase(&world).ptr, phase);
}

void runs_to_step(const char *step) {
  for (int i = 0; i < 400 && !str_eq_z(world_status(&world, "step.name"), step); i++)
    world_run(&world, "-", 1000, false);
  assert_string_equal(world_status(&world, "step.name").ptr, step);
}

void settles(void) {
  for (int i = 0; i < 5; i++) {
    world.now_ms += 31000;
    world_settle(&world);
    world_ready(&world);
  }
  if (world.broken[0])
    fail_msg("%s", world.broken);
}

void is_as_found(void) {
  assert_string_equal(json_text(&arena, json_path(world.service, "spec.http.1.route")).ptr,
                      "[{\"destination\":{\"host\":\"agent\"}}]");
  assert_int_equal(json_path(world.rule, "spec.subsets")->count, 3);
  assert_int_equal(world.deployments_count, 1);
}

int64_t releases(void) {
  return json_int(json_path(world.rollout, "status.releaseNumber"), 0);
}

void go_away(void) {
  json_put_z(&arena, json_get(world.rollout, "metadata"), "deletionTimestamp",
             "2026-01-01T00:10:00Z");
  world_touch(&world, world.rollout);
  world_run(&world, "-", HOUR, false);
  assert_true(world.gone);
  if (world.broken[0])
    fail_msg("%s", world.broken);
}
