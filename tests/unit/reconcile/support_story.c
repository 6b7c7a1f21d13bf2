// SPDX-License-Identifier: Apache-2.0
#include "support_story.h"

struct world *story_pair(struct story *story, const char *steps) {
  arena_init(&story->arena);
  world_init_pair(&story->world, &story->arena, 1, steps);
  return &story->world;
}

struct world *story_template(struct story *story, const char *steps) {
  arena_init(&story->arena);
  world_init_template(&story->world, &story->arena, 1, steps);
  return &story->world;
}

void story_end(struct story *story) {
  if (story->world.broken[0])
    fail_msg("%s", story->world.broken);
  arena_dispose(&story->arena);
}

void expect_phase(struct world *world, const char *phase) {
  if (world->broken[0])
    fail_msg("%s", world->broken);
  if (!str_eq_z(world_phase(world), phase))
    fail_msg("phase %s, expected %s; status %s", world_phase(world).ptr, phase,
             json_text(world->arena, json_get(world->rollout, "status")).ptr);
}

void run_to(struct world *world, const char *phase) {
  world_run(world, phase, 3 * HOUR, false);
  expect_phase(world, phase);
}

void settled(struct world *world, const char *phase) {
  run_to(world, phase);
  world_settle(world);
  world->now_ms += 6000; // what drains has drained
  world_settle(world);
  expect_phase(world, phase);
}

void run_to_share(struct world *world, int64_t parts) {
  for (int i = 0; i < 6000 && world_share(world, "v2") != parts; i++)
    world_run(world, "-", 1000, false);
  assert_int_equal(world_share(world, "v2"), parts);
}

struct json *parsed(struct world *world, const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), world->arena, &json, NULL), RC_OK);
  return json;
}

const struct json *story_condition(const struct world *world, const char *type) {
  JSON_EACH(condition, json_path(world->rollout, "status.conditions")) {
    if (str_eq_z(json_get_string(condition, "type"), type))
      return condition;
  }
  return NULL;
}

bool has_condition(const struct world *world, const char *type, const char *reason) {
  const struct json *condition = story_condition(world, type);
  return str_eq_z(json_get_string(condition, "status"), "True") &&
         (!reason || str_eq_z(json_get_string(condition, "reason"), reason));
}
