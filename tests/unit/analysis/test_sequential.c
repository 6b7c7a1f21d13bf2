// SPDX-License-Identifier: Apache-2.0
#include "analysis/assessment_json.h"
#include "analysis/draw.h"
#include "analysis/replay.h"
#include "analysis/sequential_words.h"
#include "manifests/base/rng.h"
#include "support_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

// An assessment driven by counts, as assessment_update does it with Prometheus' replies.
struct world {
  struct assessment state;
  struct metric_spec specs[3];
  struct subject subject;
  struct judge_settings settings;
  struct rng rng;
  int64_t now_ms;
};

static void world_open(struct world *world, size_t metrics, double limit) {
  *world = (struct world){.settings = {.weight = 10}, .now_ms = 0};
  rng_init(&world->rng, 7);
  assert_true(metric_builtin(STR("error-rate"), &world->specs[0]));
  assert_true(metric_builtin(STR("latency-p99"), &world->specs[1]));
  world->specs[0].has_limit = limit > 0;
  world->specs[0].limit = limit;
  world->subject = (struct subject){
      .metrics = world->specs, .metric_count = metrics, .canary = STR("v2"), .stable = STR("v1")};
  assessment_init(&world->state, 0);
  struct stable_history history = {.known = true, .seconds = 800, .requests = {80000, 80}};
  histogram_add(&history.durations, 250, 78400);
  histogram_add(&history.durations, 500, 79900);
  histogram_add(&history.durations, INFINITY, 80000);
  assessment_seed(&world->state, &world->subject, &world->settings, &history);
}

static void count(struct tally *tally, const struct tally *more) {
  tally->n_c += more->n_c;
  tally->x_c += more->x_c;
  tally->n_s += more->n_s;
  tally->x_s += more->x_s;
}

// One scrape of 5 s.
static void feed(struct world *world, const struct tally *errors, const struct tally *slow) {
  struct assessment *state = &world->state;
  struct judge_scene scene = {.settings = &world->settings,
                              .specs = world->specs,
                              .metrics = state->metrics,
                              .count = state->metric_count,
                              .from_ms = world->now_ms,
                              .to_ms = world->now_ms + 5000,
                              .step_began_ms = state->step_began_ms,
                              .in_step = true,
                              .arena = &state->arena};
  world->now_ms += 5000;
  bool warm = scene.from_ms >= state->step_began_ms + world->settings.warmup_ms;
  for (size_t m = 0; m < scene.count; m++)
    for (size_t i = 0; i < state->metrics[m].test_count && (m == 0 || warm); i++) {
      count(&state->metrics[m].tests[i].block, m ? slow : errors);
      count(&state->metrics[m].tests[i].step, m ? slow : errors);
    }
  count(&state->step, errors);
  state->answered = state->series = state->scraped = true;
  state->watermark_ms = state->newest_ms = world->now_ms;
  for (size_t m = 0; m < scene.count; m++)
    judge_sequential.measure(&scene, m);
}

static struct verdict verdict_of(const struct world *world) {
  return assessment_verdict(&world->state, &world->subject, &judge_sequential, &world->settings,
                            world->now_ms, &arena);
}

static double bad(struct rng *rng, double n, double rate) {
  double x = 0;
  for (double i = 0; i < n; i++)
    x += rng_double(rng) < rate;
  return x;
}

static struct tally random_tally(struct world *world, double n_c, double n_s, double canary,
                                 double stable) {
  return (struct tally){n_c, bad(&world->rng, n_c, canary), n_s, bad(&world->rng, n_s, stable)};
}

// Runs until the outcome is not insufficient; the seconds it took.
static int64_t run(struct world *world, double canary, double stable, int64_t most_s,
                   struct verdict *ret_verdict) {
  int64_t began = world->now_ms;
  do {
    struct tally errors = random_tally(world, 250, 2250, canary, stable);
    struct tally slow = random_tally(world, 250, 2250, .018, .018);
    feed(world, &errors, &slow);
    *ret_verdict = verdict_of(world);
  } while (ret_verdict->outcome == OUTCOME_INSUFFICIENT && world->now_ms - began < most_s * 1000);
  return (world->now_ms - began) / 1000;
}

static void a_bad_canary_fails_at_once_and_says_why(void **state) {
  (void)state;
  struct world world;
  struct verdict verdict;
  world_open(&world, 2, 0);
  int64_t seconds = run(&world, .05, .001, 600, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assert_int_equal(seconds, 30); // the burst guard's time
  assert_true(verdict.has_evidence && verdict.evidence >= 2 && verdict.evidence_need == 2);
  assert_int_equal(verdict.metrics[0].outcome, OUTCOME_FAIL);
  assert_non_null(strstr(verdict.reason.ptr, "a chance of at most 1 in"));
  assert_non_null(strstr(verdict.reason.ptr, "tolerated 0.1"));
  assessment_dispose(&world.state);
}

static void a_good_canary_passes_early(void **state) {
  (void)state;
  struct world world;
  struct verdict verdict;
  world_open(&world, 2, 0);
  int64_t seconds = run(&world, .001, .001, 600, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assert_true(verdict.may_end_early && verdict.clean && seconds < 120);
  for (size_t i = 0; i < 2; i++)
    assert_true(verdict.metrics[i].pass_evidence >= verdict.metrics[i].pass_need);
  assessment_dispose(&world.state);
}

static void nothing_passes_before_the_minimum(void **state) {
  (void)state;
  struct world world;
  struct verdict verdict;
  world_open(&world, 1, 0);
  world.settings.min_step_ms = 200000;
  int64_t seconds = run(&world, .0005, .001, 600, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assert_int_equal(seconds, 200);
  assessment_dispose(&world.state);
}

static void latency_waits_for_the_warm_up(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 2, 0);
  world.settings.warmup_ms = 60000;
  struct tally errors = {250, 0, 2250, 2}, slow = {250, 250, 2250, 40};
  int64_t failed = 0;
  while (!failed && world.now_ms < 300000) {
    feed(&world, &errors, &slow);
    if (verdict_of(&world).outcome == OUTCOME_FAIL)
      failed = world.now_ms;
    if (world.now_ms <= 60000)
      assert_false(world.state.metrics[1].tests[0].has_evidence);
  }
  assert_int_equal(failed, 90000);
  assert_non_null(strstr(verdict_of(&world).reason.ptr, "took over"));
  assessment_dispose(&world.state);
}

static void a_step_keeps_the_evidence_against_and_not_for(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  for (int i = 0; i < 3; i++) {
    struct tally errors = {250, 4, 2250, 2};
    feed(&world, &errors, &errors);
  }
  struct test_evidence *evidence = &world.state.metrics[0].tests[0].evidence;
  double against = evidence->against.decades;
  assert_true(against > .5 && evidence->decades_for != 0);
  assessment_step(&world.state, world.now_ms);
  assert_true(evidence->against.decades == against && evidence->decades_for == 0);
  assert_true(fabs(evidence->against.v[0] - .2) < 1e-12);
  assessment_dispose(&world.state);
}

static void a_limit_broken_by_both_is_shared(void **state) {
  (void)state;
  struct world world;
  struct verdict verdict;
  world_open(&world, 1, 1);
  run(&world, .05, .05, 300, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_SHARED);
  assert_false(verdict.clean);
  assert_non_null(strstr(verdict.reason.ptr, "stable breaks it too"));
  assessment_dispose(&world.state);
  world_open(&world, 1, 1); // unless the limit is to stand alone
  world.settings.limit_alone = true;
  assert_true(run(&world, .05, .05, 300, &verdict) <= 60);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assessment_dispose(&world.state);
}

static void a_limit_waits_for_twenty_requests(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 1);
  struct test_evidence *evidence = &world.state.metrics[0].tests[1].evidence;
  struct tally two = {2, 1, 2, 0};
  for (int i = 0; i < 9; i++) {
    feed(&world, &two, &two);
    assert_true(fabs(evidence->against.decades) < 1e-12);
  }
  assert_true(evidence->pending_n == 18 && evidence->pending_x == 9);
  feed(&world, &two, &two);
  assert_true(evidence->against.decades > .1 && evidence->pending_n == 0);
  assessment_dispose(&world.state);
}

static void run_at_hundred(struct world *world, double canary, struct verdict *ret_verdict) {
  for (int i = 0; i < 60; i++) { // a step with stable traffic first
    struct tally errors = random_tally(world, 250, 250, .001, .001);
    feed(world, &errors, &errors);
  }
  assessment_step(&world->state, world->now_ms);
  world->settings.weight = 100;
  for (int i = 0; i < 60; i++) {
    struct tally errors = random_tally(world, 500, 0, canary, 0);
    feed(world, &errors, &errors);
    *ret_verdict = verdict_of(world);
    if (ret_verdict->outcome == OUTCOME_FAIL)
      return;
  }
}

static void the_hundred_percent_step_is_watched_against_the_last_reference(void **state) {
  (void)state;
  struct world world;
  struct verdict verdict;
  world_open(&world, 1, 0);
  run_at_hundred(&world, .05, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assert_non_null(strstr(verdict.reason.ptr, "in its last step, which is not now"));
  assessment_dispose(&world.state);
  world_open(&world, 1, 0);
  run_at_hundred(&world, .001, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assessment_dispose(&world.state);
}

static void without_control_and_reference_nothing_is_decided(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  world.settings.weight = 100;
  for (int i = 0; i < 60; i++) {
    struct tally errors = {500, 250, 0, 0};
    feed(&world, &errors, &errors);
  }
  struct verdict verdict = verdict_of(&world);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_NO_CONTROL);
  assert_false(verdict.clean);
  assessment_dispose(&world.state);
  world_open(&world, 1, 1); // a limit decides alone
  world.settings.weight = 100;
  for (int i = 0; i < 60; i++) {
    struct tally errors = {500, 50, 0, 0};
    feed(&world, &errors, &errors);
  }
  assert_int_equal(verdict_of(&world).outcome, OUTCOME_FAIL);
  assessment_dispose(&world.state);
}

static void versions_scraped_at_different_times_are_put_together(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  int64_t failed = 0;
  for (int i = 0; i < 60 && !failed; i++) { // canary and stable in turns
    struct tally canary = {500, 25, 0, 0}, stable = {0, 0, 4500, 5};
    feed(&world, i % 2 ? &stable : &canary, &stable);
    if (verdict_of(&world).outcome == OUTCOME_FAIL)
      failed = world.now_ms;
  }
  assert_true(failed > 0 && failed <= 70000);
  assessment_dispose(&world.state);
}

static void a_value_over_its_limit_for_long_fails(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  world.specs[0] = (struct metric_spec){
      .name = STR("queue"), .kind = METRIC_CUSTOM, .has_limit = true, .limit = 40};
  assessment_seed(&world.state, &world.subject, &world.settings, &(struct stable_history){0});
  struct metric_state *metric = &world.state.metrics[0];
  const struct tally none = {0};
  metric->reading = (struct prom_reading){.kind = READING_VALUE, .value = 10};
  for (int i = 0; i < 20; i++)
    feed(&world, &none, &none);
  assert_int_equal(verdict_of(&world).outcome, OUTCOME_PASS);
  metric->reading.value = 41;
  feed(&world, &none, &none);
  assert_true(verdict_of(&world).outcome != OUTCOME_FAIL); // one glitch
  int64_t began = world.now_ms;
  while (verdict_of(&world).outcome != OUTCOME_FAIL && world.now_ms < began + 300000)
    feed(&world, &none, &none);
  assert_true(world.now_ms - began >= 15000 && world.now_ms - began <= 90000);
  metric->reading = (struct prom_reading){.kind = READING_NAN, .why = STR("NaN")};
  world.state.metrics[0].gauge.decades = 0;
  assert_int_equal(verdict_of(&world).cause, CAUSE_NAN);
  assessment_dispose(&world.state);
}

static void what_is_to_be_expected_is_told(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  struct tally errors = {25, 0, 225, 0};
  for (int i = 0; i < 4; i++)
    feed(&world, &errors, &errors);
  struct verdict verdict = verdict_of(&world);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_true(verdict.needed_requests > 500 && verdict.needed_requests < 3000);
  // 25 canary requests in 5 s.
  assert_true(fabs((double)verdict.expected_ms / 1000 - verdict.needed_requests / 5) < 2);
  assessment_dispose(&world.state);
  // Design: 1,700 canary requests to pass at 0.1 %, weight 10 %, phi 2.
  struct line accept = {1.5, .005}, tolerance = {1.25, .0005};
  struct rates healthy = {.001, .001}, bad_one = {.05, .001};
  double pass = expected_to_pass(&accept, &healthy, 9, 2, 0, -log10(.05));
  assert_true(pass > 1500 && pass < 1900);
  double fail = expected_to_fail(&tolerance, &bad_one, 9, 0, 2.22);
  assert_true(fail > 60 && fail < 130);
  assert_true(isinf(expected_to_fail(&tolerance, &healthy, 9, 0, 2.22)));
}

static void weights_do_not_depend_on_what_was_seen(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 2, 1);
  struct judge_scene scene = {.settings = &world.settings,
                              .specs = world.specs,
                              .metrics = world.state.metrics,
                              .count = 2};
  struct test_state relative = {0}, limit = {.absolute = true};
  double sum = sequential_weight(&scene, 0, &relative) + sequential_weight(&scene, 0, &limit) +
               2 * sequential_weight(&scene, 1, &relative);
  assert_true(fabs(sum - 1) < 1e-12);
  assert_true(fabs(sequential_weight(&scene, 0, &relative) - .6 / 1.2) < 1e-12);
  scene.metrics = (struct metric_state[2]){0};
  assert_true(fabs(sequential_combined(&scene)) < 1e-12); // nothing seen: wealth 1
  assessment_dispose(&world.state);
}

// The operator restarts between any two updates: at most the ninth digit differs.
static void a_restart_changes_nothing(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct world worlds[2];
    struct rng restarts;
    rng_init(&restarts, seed);
    for (int w = 0; w < 2; w++) {
      world_open(&worlds[w], 2, 1);
      rng_init(&worlds[w].rng, seed);
      worlds[w].settings.warmup_ms = 20000;
    }
    for (int i = 0; i < 80; i++) {
      for (int w = 0; w < 2; w++) {
        struct tally errors = random_tally(&worlds[w], 50, 450, .004, .002);
        struct tally slow = random_tally(&worlds[w], 50, 450, .02, .018);
        feed(&worlds[w], &errors, &slow);
        if (i == 40)
          assessment_step(&worlds[w].state, worlds[w].now_ms);
      }
      if (rng_below(&restarts, 3) == 0) {
        struct str text = json_text(&arena, assessment_json(&worlds[1].state, &arena));
        struct json *json = NULL;
        assert_int_equal(json_parse(text, &arena, &json, NULL), 0);
        assessment_dispose(&worlds[1].state);
        assert_int_equal(assessment_from_json(&worlds[1].state, json, 0, NULL), 0);
        worlds[1].state.answered = worlds[1].state.series = worlds[1].state.scraped = true;
        assert_string_equal(json_text(&arena, assessment_json(&worlds[1].state, &arena)).ptr,
                            text.ptr);
      }
      struct verdict verdicts[] = {verdict_of(&worlds[0]), verdict_of(&worlds[1])};
      assert_int_equal(verdicts[0].outcome, verdicts[1].outcome);
      assert_true(fabs(verdicts[0].evidence - verdicts[1].evidence) < 1e-6);
      for (size_t m = 0; m < 2; m++)
        assert_true(fabs(verdicts[0].metrics[m].pass_evidence -
                         verdicts[1].metrics[m].pass_evidence) < 1e-6);
      arena_reset(&arena);
    }
    assessment_dispose(&worlds[0].state);
    assessment_dispose(&worlds[1].state);
  }
}

// `serin analyze --replay` and a release are judged the same.
static void a_replay_agrees_with_a_release(void **state) {
  (void)state;
  struct world world;
  struct replay replay;
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  struct replay_counts before = {
      .tests = {{0, 0, 80000, 80}, {0, 0, 80000, 1600}, {0, 0, 80000, 100}}};
  world_open(&world, 2, 0);
  world.settings.warmup_ms = 60000;
  replay_init(&replay, &rules, 2);
  replay_learn(&replay, &before, true);
  for (int i = 1; i <= 120; i++) {
    struct tally errors = random_tally(&world, 50, 450, .006, .001);
    struct tally slow = random_tally(&world, 50, 450, .03, .018); // of both boundaries
    struct replay_counts counts = {.at_s = 5 * i, .tests = {errors, slow, slow}};
    feed(&world, &errors, &slow);
    struct verdict verdict = verdict_of(&world);
    struct replay_tick tick = replay_next(&replay, &counts);
    assert_true(fabs(verdict.evidence - tick.combined) < 1e-9);
    assert_int_equal(verdict.outcome == OUTCOME_FAIL, tick.decision == REPLAY_FAIL);
    const struct test_state *tests = world.state.metrics[1].tests;
    assert_true(fabs(tests[0].evidence.decades_for - tick.pass[1]) < 1e-9);
    assert_true(fabs(tests[1].evidence.against.decades - tick.against[2]) < 1e-9);
    arena_reset(&arena);
  }
  assessment_dispose(&world.state);
}

static void a_canary_without_its_share_is_told_and_decides_nothing(void **state) {
  (void)state;
  struct world world;
  world_open(&world, 1, 0);
  struct tally fair = {50, 0, 450, 0}, none_left = {25, 0, 475, 0};
  for (int i = 0; i < 20; i++)
    feed(&world, &fair, &fair);
  assert_true(verdict_of(&world).share_decades < 0);
  for (int i = 0; i < 20; i++)
    feed(&world, &none_left, &none_left);
  assert_true(verdict_of(&world).share_decades > 3);
  assert_true(verdict_of(&world).outcome != OUTCOME_FAIL);
  world.settings.weight = 100; // then it says nothing
  assert_true(verdict_of(&world).share_decades == 0);
  assessment_dispose(&world.state);
}

static void presets_are_found_and_applied(void **state) {
  (void)state;
  struct err err = {0};
  struct metric_spec spec, custom = {.kind = METRIC_CUSTOM};
  assert_true(metric_builtin(STR("error-rate"), &spec));
  struct tolerance before = spec.tolerance;
  judge_preset_apply(judge_preset_find(STR(""), &err), &spec);
  assert_true(spec.tolerance.ratio == before.ratio && spec.tolerance.percent == before.percent);
  judge_preset_apply(judge_preset_find(STR("strict"), &err), &spec);
  assert_true(spec.tolerance.ratio == 1.1 && spec.tolerance.percent == .01);
  judge_preset_apply(judge_preset_find(STR("tolerant"), &err), &custom);
  assert_true(custom.tolerance.ratio == 0);
  assert_null(judge_preset_find(STR("lenient"), &err));
  assert_int_equal(err.rc, RC_INVALID);
  assert_non_null(strstr(err.msg, "default, strict or tolerant"));
}

// A slow burst guard holds evidence back: what is told beside it must not contradict the numbers.
static void a_slow_guard_is_neither_promoted_nor_promised_soon(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "sequential", "error-rate", -1);
  stage.settings.min_detect_ms = 300000;
  for (int i = 0; i < 5; i++)
    stage_counts(&stage, 5, (struct tally){200, 8, 600, 0});
  struct metric_verdict verdict = stage_verdict(&stage);
  assert_true(verdict.outcome == OUTCOME_INSUFFICIENT && verdict.evidence < 0.5);
  assert_false(str_contains(verdict.reason, STR("-0.0/")));
  assert_false(verdict.clean); // 4 % of 1000 requests
  assert_int_equal(verdict.cause, CAUSE_UNDECIDED);
  struct verdict whole = stage_conclude(&stage);
  assert_true(whole.expected_ms > 150000 && whole.expected_ms < 330000);
  assert_true(whole.needed_requests > 6000 && whole.needed_requests < 14000); // 40 a second
  stage_close(&stage);
}

// One error in about every second scrape, far over what is tolerated.
static void many_short_scrapes_find_what_few_long_ones_find(void **state) {
  (void)state;
  static const int64_t DETECT_MS[] = {10000, 30000, 300000};
  static const double SCRAPE_S[] = {1, 2, 5};
  for (size_t d = 0; d < 3; d++) {
    for (size_t s = 0; s < 3; s++) {
      struct stage stage;
      struct rng rng;
      double seconds = 0, limit_s = 4.0 * (double)DETECT_MS[d] / 1000;
      rng_init(&rng, 7 + d + s);
      stage_open(&stage, "sequential", "error-rate", -1);
      stage.settings.min_detect_ms = DETECT_MS[d];
      stage.settings.scrape_ms = (int64_t)(SCRAPE_S[s] * 1000);
      while (stage_verdict(&stage).outcome != OUTCOME_FAIL && seconds < limit_s) {
        double n = 40 * SCRAPE_S[s];
        double x = draw_binomial(&rng, n, 0.02);
        stage_counts(&stage, SCRAPE_S[s], (struct tally){n, x, 3 * n, 0});
        seconds += SCRAPE_S[s];
      }
      assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
      assert_true(seconds * 1000 >= (double)DETECT_MS[d] * 0.8);
      stage_close(&stage);
    }
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slow_guard_is_neither_promoted_nor_promised_soon),
      cmocka_unit_test(many_short_scrapes_find_what_few_long_ones_find),
      TEST(a_bad_canary_fails_at_once_and_says_why),
      TEST(a_good_canary_passes_early),
      TEST(nothing_passes_before_the_minimum),
      TEST(latency_waits_for_the_warm_up),
      TEST(a_step_keeps_the_evidence_against_and_not_for),
      TEST(a_limit_broken_by_both_is_shared),
      TEST(a_limit_waits_for_twenty_requests),
      TEST(the_hundred_percent_step_is_watched_against_the_last_reference),
      TEST(without_control_and_reference_nothing_is_decided),
      TEST(versions_scraped_at_different_times_are_put_together),
      TEST(a_value_over_its_limit_for_long_fails),
      TEST(what_is_to_be_expected_is_told),
      TEST(weights_do_not_depend_on_what_was_seen),
      TEST(a_restart_changes_nothing),
      TEST(a_replay_agrees_with_a_release),
      TEST(a_canary_without_its_share_is_told_and_decides_nothing),
      TEST(presets_are_found_and_applied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
