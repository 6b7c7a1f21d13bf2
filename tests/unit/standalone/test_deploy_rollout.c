// SPDX-License-Identifier: Apache-2.0
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define ROLLING(surge, unavailable)                                                                \
  "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":" surge                             \
  ",\"maxUnavailable\":" unavailable "}}"

static struct str condition(const struct world *world, const char *type, const char *field) {
  return json_get_string(deploy_condition(world->deployment, type), field);
}

static int64_t status(const struct world *world, const char *field) {
  return json_int(json_get(json_get(world->deployment, "status"), field), 0);
}

static void all_ready(struct world *world) {
  for (size_t i = 0; i < world->pods.count; i++)
    if (deploy_pod_is_active(world->pods.items[i]) && !deploy_pod_is_ready(world->pods.items[i]))
      world_set_ready(world, world->pods.items[i], true);
}

// Runs until nothing is written any more.
static void settle(struct world *world) {
  for (int i = 0; i < 200; i++) {
    size_t writes = world_pass(world);
    world_reap(world);
    all_ready(world);
    world->now_ms += 100;
    if (writes == 0 && world_pass(world) == 0)
      return;
  }
  fail_msg("it never comes to rest");
}

static void the_first_version_comes_up(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 1);
  world_deploy(&world, 3, "v1", ROLLING("1", "0"));
  world_pass(&world);
  assert_int_equal(world.sets.count, 1);
  assert_int_equal(world.pods.count, 3);
  const struct json *set = world.sets.items[0];
  assert_true(str_starts(json_path_string(set, "metadata.name"), STR("web-")));
  assert_true(str_eq(
      json_get_string(json_path(set, "spec.selector.matchLabels"), DEPLOY_HASH_LABEL),
      json_get_string(json_path(world.pods.items[0], "metadata.labels"), DEPLOY_HASH_LABEL)));
  assert_true(str_eq(json_path_string(world.pods.items[0], "spec.nodeName"), STR("node")));
  assert_true(str_eq(condition(&world, "Available", "status"), STR("False")));
  assert_true(str_eq(condition(&world, "Progressing", "reason"), STR("NewReplicaSetCreated")));
  settle(&world);
  assert_true(str_eq(condition(&world, "Available", "status"), STR("True")));
  assert_true(str_eq(condition(&world, "Progressing", "reason"), STR("NewReplicaSetAvailable")));
  assert_int_equal(status(&world, "observedGeneration"), 1);
  assert_int_equal(status(&world, "availableReplicas"), 3);
  assert_true(
      str_eq(json_get_string(json_path(world.deployment, "metadata.annotations"), DEPLOY_REVISION),
             STR("1")));
  world_free(&world);
}

static void going_back_reuses_the_old_set(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 2);
  world_deploy(&world, 2, "v1", ROLLING("1", "0"));
  settle(&world);
  world_set_version(&world, "v2");
  settle(&world);
  assert_int_equal(world.sets.count, 2);
  // As `kubectl rollout undo` writes it: with what its own types add.
  world_set_version(&world, "v1");
  json_put(&world.arena, json_path(world.deployment, "spec.template.metadata"), "creationTimestamp",
           json_new_null(&world.arena));
  json_put(&world.arena, json_path(world.deployment, "spec.template.spec.containers.0"),
           "resources", json_new_object(&world.arena));
  settle(&world);
  assert_int_equal(world.sets.count, 2);
  assert_int_equal(json_int(json_path(world.sets.items[0], "spec.replicas"), -1), 2);
  assert_ptr_equal(world_newest_set(&world), world.sets.items[0]);
  assert_true(
      str_eq(json_get_string(json_path(world.deployment, "metadata.annotations"), DEPLOY_REVISION),
             STR("3")));
  world_free(&world);
}

static void history_is_limited(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 3);
  world_deploy(&world, 1, "v0", ROLLING("1", "0"));
  json_put_int(&world.arena, json_get(world.deployment, "spec"), "revisionHistoryLimit", 2);
  static const char *const versions[] = {"v1", "v2", "v3", "v4"};
  settle(&world);
  for (size_t i = 0; i < 4; i++) {
    world_set_version(&world, versions[i]);
    settle(&world);
  }
  assert_int_equal(world.sets.count, 3);
  world_free(&world);
}

static void recreate_waits_for_the_last_old_process(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 4);
  world_deploy(&world, 2, "v1", "{\"type\":\"Recreate\"}");
  settle(&world);
  world_set_version(&world, "v2");
  for (int i = 0; i < 5; i++)
    world_pass(&world);
  assert_int_equal(world_active(&world), 0);
  assert_int_equal(world.pods.count, 2); // still ending
  world_reap(&world);
  world_pass(&world);
  world_pass(&world);
  assert_int_equal(world_active(&world), 2);
  world_free(&world);
}

static void a_paused_deployment_scales_but_does_not_change_version(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 5);
  world_deploy(&world, 2, "v1", ROLLING("1", "0"));
  settle(&world);
  json_put_bool(&world.arena, json_get(world.deployment, "spec"), "paused", true);
  world_set_version(&world, "v2");
  world_set_replicas(&world, 4);
  settle(&world);
  assert_int_equal(world.sets.count, 1);
  assert_int_equal(world_active(&world), 4);
  json_remove(json_get(world.deployment, "spec"), STR("paused"));
  settle(&world);
  assert_int_equal(world.sets.count, 2);
  assert_int_equal(json_int(json_path(world_newest_set(&world), "spec.replicas"), -1), 4);
  world_free(&world);
}

static void no_progress_is_told_after_the_deadline(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 6);
  world_deploy(&world, 1, "v1", ROLLING("1", "0"));
  json_put_int(&world.arena, json_get(world.deployment, "spec"), "progressDeadlineSeconds", 60);
  for (int i = 0; i < 5; i++)
    world_pass(&world);
  struct deploy_actions actions = {.arena = &world.arena};
  (void)actions;
  world.now_ms += 59000;
  world_pass(&world);
  assert_true(str_eq(condition(&world, "Progressing", "status"), STR("True")));
  world.now_ms += 2000;
  world_pass(&world);
  assert_true(str_eq(condition(&world, "Progressing", "reason"), STR("ProgressDeadlineExceeded")));
  settle(&world); // it came up after all
  assert_true(str_eq(condition(&world, "Progressing", "reason"), STR("NewReplicaSetAvailable")));
  world_free(&world);
}

static void min_ready_seconds_delay_availability(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 7);
  world_deploy(&world, 1, "v1", ROLLING("1", "0"));
  json_put_int(&world.arena, json_get(world.deployment, "spec"), "minReadySeconds", 10);
  world_pass(&world);
  all_ready(&world);
  world_pass(&world);
  assert_int_equal(status(&world, "readyReplicas"), 1);
  assert_int_equal(status(&world, "availableReplicas"), 0);
  world.now_ms += 10000;
  world_pass(&world);
  assert_int_equal(status(&world, "availableReplicas"), 1);
  world_free(&world);
}

// Random versions, sizes and strategies, pods that become ready in any order, passes at any moment:
// never more pods than allowed, never fewer ready ones than promised while nothing but the rollout
// takes pods away, and in the end the wanted version alone.
static void random_rollouts_keep_their_bounds(void **state) {
  (void)state;
  static const struct {
    const char *strategy;
    int64_t surge, unavailable; // of 10 replicas; of others by share
  } strategies[] = {{ROLLING("1", "0"), 1, 0},
                    {ROLLING("0", "1"), 0, 1},
                    {ROLLING("\"25%\"", "\"25%\""), 3, 2},
                    {ROLLING("\"100%\"", "0"), 10, 0},
                    {ROLLING("3", "2"), 3, 2},
                    {ROLLING("0", "0"), 0, 1}};
  static const char *const versions[] = {"v1", "v2", "v3"};
  for (uint64_t seed = 0; seed < 120; seed++) {
    struct world world;
    world_init(&world, seed);
    size_t which = seed % 6;
    world_deploy(&world, 10, "v0", strategies[which].strategy);
    settle(&world);
    int64_t most = 10 + strategies[which].surge, least = 10 - strategies[which].unavailable;
    for (int turn = 0; turn < 120; turn++) {
      if (turn % 30 == 0 && turn < 90)
        world_set_version(&world, versions[rng_below(&world.rng, 3)]);
      world_pass(&world);
      if (world_active(&world) > most)
        fail_msg("seed %llu turn %d: %lld pods, at most %lld", (unsigned long long)seed, turn,
                 (long long)world_active(&world), (long long)most);
      if (world_ready(&world) < least)
        fail_msg("seed %llu turn %d: %lld ready, at least %lld", (unsigned long long)seed, turn,
                 (long long)world_ready(&world), (long long)least);
      if (rng_below(&world.rng, 2))
        world_reap(&world);
      for (size_t i = 0; i < world.pods.count; i++)
        if (deploy_pod_is_active(world.pods.items[i]) &&
            !deploy_pod_is_ready(world.pods.items[i]) && rng_below(&world.rng, 3) == 0)
          world_set_ready(&world, world.pods.items[i], true);
      world.now_ms += 50;
    }
    settle(&world);
    assert_int_equal(world_active(&world), 10);
    for (size_t i = 0; i < world.pods.count; i++)
      assert_true(
          str_eq(json_path_string(world.pods.items[i], "spec.containers.0.image"),
                 json_path_string(world.deployment, "spec.template.spec.containers.0.image")));
    assert_true(str_eq(condition(&world, "Progressing", "reason"), STR("NewReplicaSetAvailable")));
    world_free(&world);
  }
}

// Pods that die, sizes that change in the middle: it still comes to rest in the right state.
static void random_trouble_comes_to_rest(void **state) {
  (void)state;
  for (uint64_t seed = 1000; seed < 1060; seed++) {
    struct world world;
    world_init(&world, seed);
    world_deploy(&world, 4, "v0", ROLLING("\"25%\"", "\"25%\""));
    for (int turn = 0; turn < 80; turn++) {
      uint64_t dice = rng_below(&world.rng, 20);
      if (dice == 0)
        world_set_replicas(&world, (int64_t)rng_below(&world.rng, 9));
      else if (dice == 1)
        world_set_version(&world, rng_below(&world.rng, 2) ? "v1" : "v2");
      for (size_t i = 0; i < world.pods.count; i++)
        if (rng_below(&world.rng, 3) == 0)
          world_set_ready(&world, world.pods.items[i], rng_below(&world.rng, 6) != 0);
      world_pass(&world);
      if (rng_below(&world.rng, 3) == 0)
        world_reap(&world);
      world.now_ms += 500;
    }
    world_set_replicas(&world, 3);
    settle(&world);
    assert_int_equal(world_active(&world), 3);
    assert_int_equal(status(&world, "updatedReplicas"), 3);
    world_free(&world);
  }
}

static void shares_are_rounded_as_kubernetes_does(void **state) {
  (void)state;
  struct world world;
  world_init(&world, 8);
  assert_int_equal(deploy_share(world_parse(&world, "\"25%\""), 10, true, "0"), 3);
  assert_int_equal(deploy_share(world_parse(&world, "\"25%\""), 10, false, "0"), 2);
  assert_int_equal(deploy_share(world_parse(&world, "\"25%\""), 1, true, "0"), 1);
  assert_int_equal(deploy_share(world_parse(&world, "\"25%\""), 1, false, "0"), 0);
  assert_int_equal(deploy_share(world_parse(&world, "7"), 10, true, "0"), 7);
  assert_int_equal(deploy_share(NULL, 4, true, "25%"), 1);
  world_free(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_version_comes_up),
      cmocka_unit_test(going_back_reuses_the_old_set),
      cmocka_unit_test(history_is_limited),
      cmocka_unit_test(recreate_waits_for_the_last_old_process),
      cmocka_unit_test(a_paused_deployment_scales_but_does_not_change_version),
      cmocka_unit_test(no_progress_is_told_after_the_deadline),
      cmocka_unit_test(min_ready_seconds_delay_availability),
      cmocka_unit_test(random_rollouts_keep_their_bounds),
      cmocka_unit_test(random_trouble_comes_to_rest),
      cmocka_unit_test(shares_are_rounded_as_kubernetes_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
