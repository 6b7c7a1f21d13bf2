// SPDX-License-Identifier: Apache-2.0
// What an operator before this one wrote, in tests/golden/upgrade: a new one starts no release from
// it, moves no traffic and makes no Deployment; one that ran goes on where it was.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct json *load(struct arena *arena, const char *name) {
  static char text[1 << 16];
  char path[256];
  struct json *json = NULL;
  (void)snprintf(path, sizeof path, "%s/tests/golden/upgrade/%s.json", SERIN_SOURCE_DIR, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t len = fread(text, 1, sizeof text, file);
  fclose(file);
  assert_int_equal(json_parse((struct str){text, len}, arena, &json, NULL), RC_OK);
  return json;
}

static void begin(struct world *world, struct arena *arena, const char *name) {
  struct json *stored = load(arena, name);
  *world = (struct world){.arena = arena,
                          .now_ms = json_int(json_get(stored, "now"), 0),
                          .revision = 100000,
                          .rollout = json_get(stored, "rollout"),
                          .service = json_get(stored, "service"),
                          .rule = json_get(stored, "rule"),
                          .proxies = 2,
                          .outcome = OUTCOME_PASS,
                          .first_look = true,
                          .just_started = true};
  rng_init(&world->rng, 7);
  JSON_EACH(item, json_get(stored, "deployments"))
    world->deployments[world->deployments_count++] = item;
}

static int64_t releases(const struct world *world) {
  return json_int(json_path(world->rollout, "status.releaseNumber"), 0);
}

static void stays(const char *name) {
  struct arena arena;
  struct world world;
  arena_init(&arena);
  begin(&world, &arena, name);
  int64_t before = releases(&world);
  struct str phase = world_phase(&world), route = json_text(&arena, world.service);
  size_t deployments = world.deployments_count;
  for (int i = 0; i < 5; i++) {
    world_settle(&world);
    world.now_ms += 61000;
    world.just_started = false;
  }
  if (world.broken[0])
    fail_msg("%s: %s", name, world.broken);
  assert_int_equal(releases(&world), before);
  assert_string_equal(world_phase(&world).ptr, phase.ptr);
  assert_string_equal(json_text(&arena, world.service).ptr, route.ptr);
  assert_int_equal(world.deployments_count, deployments);
  arena_dispose(&arena);
}

static void goes_on(const char *name) {
  struct arena arena;
  struct world world;
  arena_init(&arena);
  begin(&world, &arena, name);
  int64_t before = releases(&world);
  world_run(&world, "Healthy", 7200000, false);
  if (world.broken[0])
    fail_msg("%s: %s", name, world.broken);
  assert_string_equal(world_phase(&world).ptr, "Healthy");
  assert_int_equal(releases(&world), before);
  arena_dispose(&arena);
}

static void test_what_serves_stays(void **state) {
  (void)state;
  stays("pair-healthy");
  stays("template-healthy");
}

static void test_what_failed_is_not_tried_again(void **state) {
  (void)state;
  stays("pair-rolledback");
  stays("template-rolledback");
}

static void test_what_runs_goes_on(void **state) {
  (void)state;
  goes_on("pair-progressing");
  goes_on("template-progressing");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_serves_stays),
      cmocka_unit_test(test_what_failed_is_not_tried_again),
      cmocka_unit_test(test_what_runs_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
