// SPDX-License-Identifier: Apache-2.0
// Whole releases as the list of what is done, one line an action, against tests/golden/reconcile.
// REFRESH=1 writes the files anew.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"1m\",\"min\":\"30s\"}},"       \
  "{\"setWeight\":50},{\"pause\":{}},{\"setWeight\":100},{\"monitor\":{\"duration\":\"30s\","      \
  "\"min\":\"30s\"}},{\"decommission\":{}}]"

struct story {
  struct arena arena;
  struct world world;
  struct buf out;
  int64_t began_ms;
};

static void say(struct story *story, const char *what) {
  (void)buf_addf(&story->out, "%9.3f s  -- %s\n",
                 (double)(story->world.now_ms - story->began_ms) / 1000.0, what);
}

static void tell(struct story *story, const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_action *action = &plan->actions[i];
    (void)buf_addf(&story->out, "%9.3f s  %s %.*s: %.*s\n",
                   (double)(story->world.now_ms - story->began_ms) / 1000.0,
                   plan_action_text(action->kind), STR_ARG(action->name), STR_ARG(action->why));
  }
}

// Plans, does and writes down, until the phase (and then until nothing is left to do at that
// moment).
static void run_to(struct story *story, const char *phase, int64_t limit_ms) {
  struct world *world = &story->world;
  int64_t end = world->now_ms + limit_ms;
  while (world->now_ms < end) {
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    tell(story, plan);
    (void)world_apply(world, plan, plan->count);
    int64_t wait = plan->count > 0 ? 1 : plan->requeue_after_ms;
    bool there = plan->count == 0 && str_eq_z(world_phase(world), phase);
    arena_dispose(&arena);
    if (there)
      return;
    world->now_ms += wait > 5000 ? 5000 : wait > 0 ? wait : 1;
    world_ready(world);
  }
}

static void begin(struct story *story, bool template) {
  arena_init(&story->arena);
  buf_init(&story->out, 1 << 20);
  if (template)
    world_init_template(&story->world, &story->arena, 1, STEPS);
  else
    world_init_pair(&story->world, &story->arena, 1, STEPS);
  story->began_ms = story->world.now_ms;
}

static struct str read_file(struct arena *arena, const char *path) {
  struct buf text;
  buf_init(&text, 1 << 20);
  FILE *file = fopen(path, "rb");
  char block[4096];
  size_t got;
  while (file && (got = fread(block, 1, sizeof(block), file)) > 0)
    (void)buf_add(&text, block, got);
  if (file)
    fclose(file);
  struct str copy = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return copy;
}

static void end(struct story *story, const char *name) {
  struct str path =
      arena_printf(&story->arena, "%s/tests/golden/reconcile/%s.txt", SERIN_SOURCE_DIR, name);
  if (story->world.broken[0])
    fail_msg("%s", story->world.broken);
  if (getenv("REFRESH")) {
    FILE *file = fopen(path.ptr, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(story->out.ptr, 1, story->out.len, file), story->out.len);
    fclose(file);
  }
  struct str wanted = read_file(&story->arena, path.ptr);
  if (!str_eq(wanted, buf_str(&story->out)))
    fail_msg("%s differs; REFRESH=1 writes it anew. Now:\n%s", path.ptr, buf_z(&story->out));
  buf_dispose(&story->out);
  arena_dispose(&story->arena);
}

static void test_promoted(void **state) {
  (void)state;
  struct story story;
  begin(&story, false);
  run_to(&story, "Paused", 600000);
  say(&story, "a person promotes");
  world_act(&story.world, "promote");
  run_to(&story, "Healthy", 600000);
  end(&story, "promoted");
}

static void test_rolled_back(void **state) {
  (void)state;
  struct story story;
  begin(&story, false);
  run_to(&story, "Progressing", 600000);
  run_to(&story, "-", 10000);
  say(&story, "the canary turns bad");
  story.world.outcome = OUTCOME_FAIL;
  run_to(&story, "RolledBack", 600000);
  run_to(&story, "-", 40000);
  end(&story, "rolled_back");
}

static void test_aborted_while_contended(void **state) {
  (void)state;
  struct story story;
  begin(&story, false);
  run_to(&story, "Paused", 600000);
  say(&story, "somebody else writes 100/0");
  world_set_route(&story.world, 100, 0);
  run_to(&story, "Paused", 600000);
  say(&story, "a person aborts");
  world_act(&story.world, "abort");
  run_to(&story, "Aborted", 600000);
  end(&story, "aborted");
}

static void test_template(void **state) {
  (void)state;
  struct story story;
  begin(&story, true);
  run_to(&story, "Healthy", 600000);
  say(&story, "a new image");
  world_template(&story.world, "agent:2");
  run_to(&story, "Paused", 600000);
  say(&story, "a person promotes");
  world_act(&story.world, "promote");
  run_to(&story, "Healthy", 600000);
  run_to(&story, "-", 10000);
  end(&story, "template");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_promoted),
      cmocka_unit_test(test_rolled_back),
      cmocka_unit_test(test_aborted_while_contended),
      cmocka_unit_test(test_template),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
