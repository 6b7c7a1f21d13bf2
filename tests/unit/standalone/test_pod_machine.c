// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rng.h"
#include "operator/standalone/pod_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

// A machine under a clock of our own; `log` is what it asked for.
struct bench {
  struct arena arena;
  struct pod pod;
  struct pod_container containers[4], inits[4];
  struct pod_machine machine;
  int64_t now_ms;
  struct pod_actions actions;
};

static struct bench *bench_new(size_t containers, size_t inits) {
  static struct bench bench;
  bench = (struct bench){.now_ms = 1000};
  arena_init(&bench.arena);
  static const struct str names[] = {STR("a"), STR("b"), STR("c"), STR("d")};
  for (size_t i = 0; i < 4; i++) {
    bench.containers[i].name = names[i];
    bench.inits[i].name = names[i];
  }
  bench.pod.metadata.name = STR("p");
  bench.pod.spec = (struct pod_spec){.containers = bench.containers,
                                     .containers_count = containers,
                                     .init_containers = bench.inits,
                                     .init_containers_count = inits,
                                     .restart_policy = STR("Always"),
                                     .termination_grace_period_s = 30};
  pod_machine_init(&bench.machine, &bench.pod, &bench.arena);
  return &bench;
}

static void bench_free(struct bench *bench) {
  arena_dispose(&bench->arena);
}

static void step(struct bench *bench) {
  bench->actions = (struct pod_actions){.arena = &bench->arena};
  pod_machine_step(&bench->machine, bench->now_ms, &bench->actions);
}

static bool did(const struct bench *bench, enum pod_action_type type, size_t container) {
  for (size_t i = 0; i < bench->actions.count; i++)
    if (bench->actions.items[i].type == type && bench->actions.items[i].container == container)
      return true;
  return false;
}

static void run(struct bench *bench, size_t i) {
  step(bench);
  assert_true(did(bench, POD_DO_START, i));
  pod_machine_started(&bench->machine, i, bench->now_ms, bench->now_ms);
  step(bench);
}

static void end(struct bench *bench, size_t i, int64_t code) {
  struct pod_exit exit = {.code = code, .reason = STR("x"), .message = STR("")};
  pod_machine_exited(&bench->machine, i, bench->now_ms, &exit);
}

static void answer(struct bench *bench, size_t i, enum pod_probe_kind kind, bool ok) {
  bench->actions = (struct pod_actions){.arena = &bench->arena};
  pod_machine_probed(&bench->machine, i, kind, bench->now_ms, ok, STR("no"), &bench->actions);
}

static void inits_run_one_after_the_other(void **state) {
  (void)state;
  struct bench *b = bench_new(2, 2);
  step(b);
  assert_true(did(b, POD_DO_START, 0));
  assert_false(did(b, POD_DO_START, 1));
  assert_false(did(b, POD_DO_START, 2));
  pod_machine_started(&b->machine, 0, b->now_ms, 1);
  end(b, 0, 0);
  run(b, 1);
  assert_false(pod_machine_is_initialized(&b->machine));
  assert_string_equal(pod_machine_phase(&b->machine), "Pending");
  end(b, 1, 0);
  step(b);
  assert_true(did(b, POD_DO_START, 2) && did(b, POD_DO_START, 3));
  pod_machine_started(&b->machine, 2, b->now_ms, 1);
  assert_string_equal(pod_machine_phase(&b->machine), "Running");
  assert_false(pod_machine_is_ready(&b->machine));
  pod_machine_started(&b->machine, 3, b->now_ms, 1);
  assert_true(pod_machine_is_ready(&b->machine));
  bench_free(b);
}

static void a_failed_init_is_repeated_or_fails_the_pod(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 1);
  run(b, 0);
  end(b, 0, 1);
  step(b);
  assert_true(did(b, POD_DO_START, 0)); // the first restart is at once
  assert_int_equal(b->machine.items[0].attempt, 1);
  bench_free(b);
  b = bench_new(1, 1);
  b->pod.spec.restart_policy = STR("Never");
  run(b, 0);
  end(b, 0, 1);
  step(b);
  assert_int_equal(b->actions.count, 0);
  assert_string_equal(pod_machine_phase(&b->machine), "Failed");
  bench_free(b);
}

static void a_sidecar_starts_before_and_ends_after(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 1);
  b->inits[0].restart_policy = STR("Always");
  pod_machine_init(&b->machine, &b->pod, &b->arena);
  run(b, 0);
  assert_true(did(b, POD_DO_START, 1));
  pod_machine_started(&b->machine, 1, b->now_ms, 1);
  assert_true(pod_machine_is_ready(&b->machine));
  pod_machine_delete(&b->machine, b->now_ms, 5000);
  step(b);
  assert_true(did(b, POD_DO_TERM, 1));
  assert_false(did(b, POD_DO_TERM, 0));
  end(b, 1, 0);
  step(b);
  assert_true(did(b, POD_DO_TERM, 0));
  end(b, 0, 0);
  step(b);
  assert_true(did(b, POD_DO_FORGET, 0));
  bench_free(b);
}

static void back_off_grows_as_the_kubelets(void **state) {
  (void)state;
  static const int64_t want_s[] = {0, 10, 20, 40, 80, 160, 300, 300};
  struct bench *b = bench_new(1, 0);
  for (size_t i = 0; i < sizeof want_s / sizeof want_s[0]; i++) {
    run(b, 0);
    end(b, 0, 1);
    assert_int_equal(b->machine.items[0].backoff_ms, want_s[i] * 1000);
    step(b);
    assert_int_equal(did(b, POD_DO_START, 0), want_s[i] == 0);
    if (want_s[i] > 0) {
      assert_int_equal(pod_machine_due(&b->machine), b->now_ms + want_s[i] * 1000);
      b->now_ms += want_s[i] * 1000;
    } else {
      b->machine.items[0].state = POD_WAITING; // asked again by run()
    }
  }
  run(b, 0);
  b->now_ms += POD_BACKOFF_RESET_MS;
  end(b, 0, 1);
  assert_int_equal(b->machine.items[0].backoff_ms, 0);
  bench_free(b);
}

static void restart_policies(void **state) {
  (void)state;
  static const struct {
    struct str policy;
    int64_t code;
    bool restarts;
    const char *phase;
  } cases[] = {{STR("Always"), 0, true, "Running"},
               {STR("OnFailure"), 0, false, "Succeeded"},
               {STR("OnFailure"), 1, true, "Running"},
               {STR("Never"), 0, false, "Succeeded"},
               {STR("Never"), 1, false, "Failed"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bench *b = bench_new(1, 0);
    b->pod.spec.restart_policy = cases[i].policy;
    run(b, 0);
    end(b, 0, cases[i].code);
    assert_int_equal(b->machine.items[0].state == POD_WAITING, cases[i].restarts);
    assert_string_equal(pod_machine_phase(&b->machine), cases[i].phase);
    bench_free(b);
  }
}

static void readiness_follows_its_thresholds(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  struct pod_probe probe = {
      .period_s = 5, .success_threshold = 2, .failure_threshold = 2, .initial_delay_s = 3};
  b->containers[0].readiness_probe = &probe;
  run(b, 0);
  assert_false(did(b, POD_DO_PROBE, 0));
  assert_int_equal(pod_machine_due(&b->machine), b->now_ms + 3000);
  b->now_ms += 3000;
  step(b);
  assert_true(did(b, POD_DO_PROBE, 0));
  step(b);
  assert_false(did(b, POD_DO_PROBE, 0)); // one at a time
  answer(b, 0, POD_READINESS, true);
  assert_false(pod_machine_is_ready(&b->machine));
  b->now_ms += 5000;
  step(b);
  answer(b, 0, POD_READINESS, true);
  assert_true(pod_machine_is_ready(&b->machine));
  b->now_ms += 5000;
  step(b);
  answer(b, 0, POD_READINESS, false);
  assert_true(pod_machine_is_ready(&b->machine));
  b->now_ms += 5000;
  step(b);
  answer(b, 0, POD_READINESS, false);
  assert_false(pod_machine_is_ready(&b->machine));
  assert_int_equal(b->machine.items[0].state, POD_RUNNING); // never restarted for that
  bench_free(b);
}

static void first_readiness_is_asked_for_quickly(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  struct pod_probe probe = {.period_s = 10, .failure_threshold = 1};
  b->containers[0].readiness_probe = &probe;
  run(b, 0);
  int64_t began_ms = b->now_ms;
  for (int64_t delay = POD_PROBE_FAST_MS; delay < 10000; delay *= 2) {
    answer(b, 0, POD_READINESS, false);
    assert_int_equal(pod_machine_due(&b->machine), b->now_ms + delay);
    b->now_ms += delay;
    step(b);
    assert_true(did(b, POD_DO_PROBE, 0));
  }
  assert_true(b->now_ms - began_ms > 10000);
  answer(b, 0, POD_READINESS, true);
  assert_true(pod_machine_is_ready(&b->machine));
  bench_free(b);
}

// The quick retries must not use up the time a startup probe gives.
static void startup_probe_has_its_whole_time(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  struct pod_probe startup = {.period_s = 10, .failure_threshold = 3};
  struct pod_probe live = {.period_s = 1, .failure_threshold = 1};
  b->containers[0].startup_probe = &startup;
  b->containers[0].liveness_probe = &live;
  run(b, 0);
  int64_t began_ms = b->now_ms;
  while (b->machine.items[0].state == POD_RUNNING) {
    assert_int_equal(b->machine.items[0].probes[POD_LIVENESS].next_ms, -1);
    answer(b, 0, POD_STARTUP, false);
    if (b->machine.items[0].state != POD_RUNNING)
      break;
    b->now_ms = pod_machine_due(&b->machine);
    step(b);
  }
  assert_true(b->now_ms - began_ms >= 20000);
  assert_int_equal(b->machine.items[0].state, POD_STOPPING);
  bench_free(b);
}

static void liveness_restarts_with_grace(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  struct pod_probe live = {.period_s = 1, .failure_threshold = 2};
  b->containers[0].liveness_probe = &live;
  b->pod.spec.termination_grace_period_s = 7;
  run(b, 0);
  answer(b, 0, POD_LIVENESS, true);
  for (int i = 0; i < 2; i++) {
    b->now_ms += 1000;
    step(b);
    answer(b, 0, POD_LIVENESS, false);
  }
  assert_true(did(b, POD_DO_TERM, 0));
  assert_int_equal(pod_machine_due(&b->machine), b->now_ms + 7000);
  b->now_ms += 7000;
  step(b);
  assert_true(did(b, POD_DO_KILL, 0));
  step(b);
  assert_false(did(b, POD_DO_KILL, 0));
  end(b, 0, 137);
  step(b);
  assert_true(did(b, POD_DO_START, 0));
  bench_free(b);
}

static void pre_stop_runs_before_term(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  struct pod_lifecycle_handler handler = {0};
  struct pod_lifecycle lifecycle = {.pre_stop = &handler};
  b->containers[0].lifecycle = &lifecycle;
  run(b, 0);
  pod_machine_delete(&b->machine, b->now_ms, 1000);
  step(b);
  assert_true(did(b, POD_DO_PRE_STOP, 0));
  assert_false(did(b, POD_DO_TERM, 0));
  pod_machine_pre_stopped(&b->machine, 0);
  step(b);
  assert_true(did(b, POD_DO_TERM, 0));
  b->now_ms += 1000;
  step(b);
  assert_true(did(b, POD_DO_KILL, 0));
  bench_free(b);
}

static void a_deletion_can_be_hurried(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  run(b, 0);
  pod_machine_delete(&b->machine, b->now_ms, 30000);
  step(b);
  pod_machine_delete(&b->machine, b->now_ms, 0);
  step(b);
  assert_true(did(b, POD_DO_KILL, 0));
  bench_free(b);
}

static void a_blocked_start_waits_for_a_retry(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 0);
  step(b);
  pod_machine_blocked(&b->machine, 0, STR("ErrImageNotMapped"), STR("why"));
  step(b);
  assert_int_equal(b->actions.count, 0);
  assert_int_equal(pod_machine_due(&b->machine), -1);
  pod_machine_retry(&b->machine);
  run(b, 0);
  pod_machine_delete(&b->machine, b->now_ms, 0);
  step(b);
  end(b, 0, 0);
  step(b);
  assert_true(did(b, POD_DO_FORGET, 0));
  bench_free(b);
}

static void adoption_is_not_seen_from_outside(void **state) {
  (void)state;
  struct bench *b = bench_new(1, 1);
  struct pod_probe probe = {.period_s = 5};
  b->containers[0].readiness_probe = &probe;
  struct pod_exit exit = {.code = 0, .reason = STR("Completed")};
  pod_machine_adopt_exit(&b->machine, 0, 0, &exit);
  pod_machine_adopt_running(&b->machine, 1, 4, b->now_ms, 60000, 1, true, true);
  assert_true(pod_machine_is_ready(&b->machine));
  step(b);
  assert_false(did(b, POD_DO_START, 0) || did(b, POD_DO_START, 1));
  assert_int_equal(b->machine.items[1].attempt, 4);
  bench_free(b);
}

// Whatever happens in whatever order: never two running copies, every TERM has its KILL deadline,
// and once deleted the pod is forgotten exactly once, after all has ended.
static void random_lives_end(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 300; seed++) {
    struct rng rng;
    rng_init(&rng, seed);
    struct bench *b = bench_new(1 + rng_below(&rng, 3), rng_below(&rng, 3));
    struct pod_probe probe = {.period_s = 1, .failure_threshold = 2};
    for (size_t i = 0; i < b->pod.spec.init_containers_count; i++)
      b->inits[i].restart_policy = rng_below(&rng, 2) ? STR("Always") : STR_NULL;
    for (size_t i = 0; i < 3; i++) {
      b->containers[i].readiness_probe = rng_below(&rng, 2) ? &probe : NULL;
      b->containers[i].liveness_probe = rng_below(&rng, 2) ? &probe : NULL;
      b->containers[i].startup_probe = rng_below(&rng, 4) ? NULL : &probe;
    }
    pod_machine_init(&b->machine, &b->pod, &b->arena);
    bool alive[8] = {0}, wanted[8] = {0};
    size_t forgotten = 0;
    for (int turn = 0; turn < 400; turn++) {
      step(b);
      for (size_t i = 0; i < b->actions.count; i++) {
        const struct pod_action *action = &b->actions.items[i];
        if (action->type == POD_DO_START) {
          assert_false(alive[action->container] || wanted[action->container]);
          wanted[action->container] = true;
        } else if (action->type == POD_DO_KILL) {
          assert_true(alive[action->container]);
        } else if (action->type == POD_DO_FORGET) {
          forgotten++;
          for (size_t k = 0; k < b->machine.count; k++)
            assert_false(alive[k] || wanted[k]);
        }
      }
      for (size_t i = 0; i < b->machine.count; i++) {
        bool hard = turn > 300;
        if (wanted[i] && (hard || rng_below(&rng, 2))) {
          wanted[i] = false;
          alive[i] = true;
          pod_machine_started(&b->machine, i, b->now_ms, b->now_ms);
        } else if (alive[i] &&
                   (hard ? b->machine.items[i].state == POD_STOPPING : rng_below(&rng, 12) == 0)) {
          alive[i] = false;
          end(b, i, (int64_t)rng_below(&rng, 2));
        }
        for (int kind = 0; kind < POD_PROBE_KINDS; kind++)
          if (b->machine.items[i].probes[kind].in_flight && rng_below(&rng, 2))
            answer(b, i, (enum pod_probe_kind)kind, rng_below(&rng, 4) != 0);
      }
      if (turn == 290)
        pod_machine_delete(&b->machine, b->now_ms, 3000);
      b->now_ms += (int64_t)rng_below(&rng, 3000);
    }
    assert_int_equal(forgotten, 1);
    bench_free(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inits_run_one_after_the_other),
      cmocka_unit_test(a_failed_init_is_repeated_or_fails_the_pod),
      cmocka_unit_test(a_sidecar_starts_before_and_ends_after),
      cmocka_unit_test(back_off_grows_as_the_kubelets),
      cmocka_unit_test(restart_policies),
      cmocka_unit_test(readiness_follows_its_thresholds),
      cmocka_unit_test(first_readiness_is_asked_for_quickly),
      cmocka_unit_test(startup_probe_has_its_whole_time),
      cmocka_unit_test(liveness_restarts_with_grace),
      cmocka_unit_test(pre_stop_runs_before_term),
      cmocka_unit_test(a_deletion_can_be_hurried),
      cmocka_unit_test(a_blocked_start_waits_for_a_retry),
      cmocka_unit_test(adoption_is_not_seen_from_outside),
      cmocka_unit_test(random_lives_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
