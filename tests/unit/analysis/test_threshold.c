// SPDX-License-Identifier: Apache-2.0
#include "analysis/threshold.h"
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
static const struct judge_settings SETTINGS = {.failure_limit = 2, .min_requests = 50};

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

static void near(double value, double expected) {
  if (fabs(value - expected) > 1e-6 * fmax(1, fabs(expected)))
    fail_msg("%.9g, expected %.9g", value, expected);
}

static void evidence_is_the_tail_of_poisson(void **state) {
  (void)state;
  near(threshold_evidence(1, 1), 0);                             // not more than expected
  near(threshold_evidence(1, 0.1), -log10(1 - exp(-0.1)));       // P(X >= 1)
  near(threshold_evidence(2, 0.1), -log10(1 - 1.1 * exp(-0.1))); // P(X >= 2)
  near(threshold_evidence(3, 1), -log10(1 - 2.5 * exp(-1)));     // P(X >= 3)
  near(threshold_evidence(0, 0), 0);
  near(threshold_evidence(5, 0), 99);
  near(threshold_evidence(1000, 1), 99);
  double before = 0;
  for (double x = 10; x < 60; x++) { // grows with x
    double now = threshold_evidence(x, 10);
    assert_true(now >= before);
    before = now;
  }
  assert_true(threshold_evidence(1e9 + 1e5, 1e9) > 2); // ends, and soon
}

static struct judge_scene scene_of(const struct metric_state *state,
                                   const struct metric_spec *spec) {
  return (struct judge_scene){.settings = &SETTINGS,
                              .specs = spec,
                              .metrics = (struct metric_state *)(uintptr_t)state,
                              .count = 1,
                              .in_step = true};
}

static void measure(struct metric_state *state, const struct metric_spec *spec) {
  struct judge_scene scene = scene_of(state, spec);
  judge_threshold.measure(&scene, 0);
}

static struct metric_spec errors_spec(bool relative, double limit) {
  struct metric_spec spec;
  assert_true(metric_builtin(STR("error-rate"), &spec));
  spec.relative = relative;
  spec.has_limit = limit >= 0;
  spec.limit = limit;
  return spec;
}

static struct metric_state errors_state(const struct metric_spec *spec) {
  struct metric_state state = {.name = spec->name};
  if (spec->relative)
    state.tests[state.test_count++] = (struct test_state){0};
  if (spec->has_limit)
    state.tests[state.test_count++] = (struct test_state){.absolute = true};
  return state;
}

static void feed(struct metric_state *state, const struct metric_spec *spec, struct tally more) {
  for (size_t i = 0; i < state->test_count; i++) {
    struct tally *tallies[] = {&state->tests[i].step, &state->tests[i].block};
    for (size_t t = 0; t < 2; t++) {
      tallies[t]->n_c += more.n_c;
      tallies[t]->x_c += more.x_c;
      tallies[t]->n_s += more.n_s;
      tallies[t]->x_s += more.x_s;
    }
  }
  measure(state, spec);
}

static struct metric_verdict decide(const struct metric_state *state,
                                    const struct metric_spec *spec) {
  struct metric_verdict verdict = {.name = spec->name, .outcome = OUTCOME_INSUFFICIENT};
  struct judge_scene scene = scene_of(state, spec);
  judge_threshold.decide(&scene, 0, &arena, &verdict);
  return verdict;
}

static void needs_fifty_requests(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(true, -1);
  struct metric_state metric = errors_state(&spec);
  feed(&metric, &spec, (struct tally){49, 49, 450, 0});
  assert_int_equal(metric.counts.measurements, 0);
  struct metric_verdict verdict = decide(&metric, &spec);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_FEW_REQUESTS);
  feed(&metric, &spec, (struct tally){1, 1, 0, 0});
  assert_int_equal(metric.counts.measurements, 1);
  assert_int_equal(metric.counts.failures, 1);
}

static void fails_beyond_the_limit_of_failures_only(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(true, -1);
  struct metric_state metric = errors_state(&spec);
  for (int i = 1; i <= 3; i++) {
    feed(&metric, &spec, (struct tally){50, 10, 450, 1});
    assert_int_equal(decide(&metric, &spec).outcome, i == 3 ? OUTCOME_FAIL : OUTCOME_INSUFFICIENT);
  }
  struct metric_verdict verdict = decide(&metric, &spec);
  assert_true(verdict.requests == 150 && verdict.bad == 30);
  near(verdict.canary, 20);
  assert_string_equal(
      verdict.reason.ptr,
      "30 of 150 canary requests failed (20%), tolerated 0.42%, as stable had 3 of 1350; 3 failed "
      "in a row, 2 tolerated");
}

static void a_good_measurement_starts_again(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(false, 10);
  struct metric_state metric = errors_state(&spec);
  feed(&metric, &spec, (struct tally){50, 25, 0, 0});
  feed(&metric, &spec, (struct tally){50, 25, 0, 0});
  assert_int_equal(metric.counts.failures, 2);
  feed(&metric, &spec, (struct tally){5000, 0, 0, 0});
  assert_int_equal(metric.counts.failures, 0);
  assert_int_equal(decide(&metric, &spec).outcome, OUTCOME_PASS);
}

static void a_quiet_block_after_a_burst_is_no_failure_and_no_pass(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(true, -1);
  struct metric_state metric = errors_state(&spec);
  feed(&metric, &spec, (struct tally){50, 20, 450, 0});
  feed(&metric, &spec, (struct tally){50, 0, 450, 0});
  assert_int_equal(metric.counts.failures, 1);
  struct metric_verdict verdict = decide(&metric, &spec);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_UNDECIDED);
  assert_false(verdict.clean);
}

static void a_common_incident_fails_nobody(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(true, 1);
  struct metric_state metric = errors_state(&spec);
  for (int i = 0; i < 20; i++)
    feed(&metric, &spec, (struct tally){50, 5, 450, 45});
  assert_int_equal(metric.counts.failures, 0);
  struct metric_verdict verdict = decide(&metric, &spec);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_SHARED);
}

static void without_stable_the_last_reference_or_the_limit_decides(void **state) {
  (void)state;
  struct metric_spec spec = errors_spec(true, -1);
  struct metric_state metric = errors_state(&spec);
  feed(&metric, &spec, (struct tally){500, 0, 3, 0});
  struct metric_verdict verdict = decide(&metric, &spec);
  assert_int_equal(verdict.cause, CAUSE_NO_CONTROL);
  metric.tests[0].ref_n = 1000;
  metric.tests[0].ref_x = 1;
  verdict = decide(&metric, &spec);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assert_true(str_contains(verdict.reason, STR("in its last step with traffic")));
  spec = errors_spec(true, 1);
  metric = errors_state(&spec);
  feed(&metric, &spec, (struct tally){500, 0, 0, 0});
  verdict = decide(&metric, &spec);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assert_string_equal(verdict.limit.ptr, "1%");
}

static void custom_values_are_compared_with_the_limit(void **state) {
  (void)state;
  struct metric_spec spec = {
      .name = STR("q"), .kind = METRIC_CUSTOM, .has_limit = true, .limit = 40};
  struct metric_state metric = {.name = spec.name};
  metric.reading = (struct prom_reading){.kind = READING_VALUE, .value = 40};
  measure(&metric, &spec);
  assert_int_equal(decide(&metric, &spec).outcome, OUTCOME_PASS);
  metric.reading.value = 41;
  for (int i = 0; i < 3; i++)
    measure(&metric, &spec);
  assert_int_equal(decide(&metric, &spec).outcome, OUTCOME_FAIL);
  const struct {
    enum prom_reading_kind kind;
    enum cause cause;
  } cases[] = {{READING_NO_DATA, CAUSE_NO_DATA},
               {READING_ERROR, CAUSE_QUERY_ERROR},
               {READING_NAN, CAUSE_NAN},
               {READING_MANY, CAUSE_MANY_SERIES}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct metric_state other = {.name = spec.name,
                                 .reading = {.kind = cases[i].kind, .why = STR("w")}};
    measure(&other, &spec);
    struct metric_verdict verdict = decide(&other, &spec);
    assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
    assert_int_equal(verdict.cause, cases[i].cause);
    assert_int_equal(other.counts.measurements, 0);
  }
}

static double draw(struct rng *rng, double n, double share) {
  double x = 0;
  for (int i = 0; i < (int)n; i++)
    x += rng_double(rng) < share;
  return x;
}

// What the defaults promise, simulated: 10 minutes at 10 % of 50 requests/s, one measurement every
// 10 s.
static int simulate(double canary, double stable, int *ret_passes) {
  struct rng rng;
  rng_init(&rng, 11);
  int failed = 0;
  *ret_passes = 0;
  struct metric_spec spec = errors_spec(true, -1);
  for (int run = 0; run < 300; run++) {
    arena_reset(&arena);
    struct metric_state metric = errors_state(&spec);
    bool rolled_back = false;
    for (int i = 0; i < 60 && !rolled_back; i++) {
      feed(&metric, &spec,
           (struct tally){50, draw(&rng, 50, canary), 450, draw(&rng, 450, stable)});
      rolled_back = decide(&metric, &spec).outcome == OUTCOME_FAIL;
    }
    failed += rolled_back;
    *ret_passes += decide(&metric, &spec).outcome == OUTCOME_PASS;
  }
  return failed;
}

static void healthy_canaries_stay_and_bad_ones_go(void **state) {
  (void)state;
  int passes = 0;
  assert_true(simulate(0.001, 0.001, &passes) <= 3); // of 300
  assert_true(passes >= 270);
  assert_true(simulate(0.005, 0.005, &passes) <= 3);
  assert_true(passes >= 270);
  assert_true(simulate(0.05, 0.001, &passes) >= 297);
  assert_int_equal(passes, 0);
  assert_true(simulate(0.02, 0.001, &passes) >= 290);
}

// As Flagger counts: a window's plain share, failures never forgotten.
static void windows_and_failures_that_add_up(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "threshold", "error-rate", 1);
  stage.spec.relative = false;
  stage.state.tests[0] = stage.state.tests[1];
  stage.state.test_count = 1;
  stage.settings =
      (struct judge_settings){.failure_limit = 1, .counts_all = true, .measure_window_ms = 60000};
  const double bad[] = {2, 0, 2}; // of 12 x 10 requests a minute: 1.7 %
  for (int minute = 0; minute < 3; minute++) {
    assert_true(stage_verdict(&stage).outcome != OUTCOME_FAIL);
    for (int i = 0; i < 12; i++)
      stage_counts(&stage, 5, (struct tally){10, i < bad[minute], 90, 0});
    assert_int_equal(stage.state.counts.measurements, minute + 1);
  }
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  for (int i = 0; i < 24; i++) // no traffic is no failure
    stage_counts(&stage, 5, (struct tally){0});
  assert_int_equal(stage.state.counts.measurements, 3);
  stage_close(&stage);
}

static void judges_are_found_or_refused(void **state) {
  (void)state;
  struct err err = {0};
  assert_string_equal(judge_find(STR(""), &err)->name, "sequential");
  assert_ptr_equal(judge_find(STR("threshold"), &err), &judge_threshold);
  assert_string_equal(judge_find(STR("condition"), &err)->name, "condition");
  assert_string_equal(judge_find(STR("burnRate"), &err)->name, "burnRate");
  assert_string_equal(judge_find(STR("rank"), &err)->name, "rank");
  assert_null(judge_find(STR("oracle"), &err));
  assert_int_equal(err.rc, RC_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(evidence_is_the_tail_of_poisson, setup, teardown),
      cmocka_unit_test_setup_teardown(needs_fifty_requests, setup, teardown),
      cmocka_unit_test_setup_teardown(fails_beyond_the_limit_of_failures_only, setup, teardown),
      cmocka_unit_test_setup_teardown(a_good_measurement_starts_again, setup, teardown),
      cmocka_unit_test_setup_teardown(a_quiet_block_after_a_burst_is_no_failure_and_no_pass, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_common_incident_fails_nobody, setup, teardown),
      cmocka_unit_test_setup_teardown(without_stable_the_last_reference_or_the_limit_decides, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(custom_values_are_compared_with_the_limit, setup, teardown),
      cmocka_unit_test_setup_teardown(healthy_canaries_stay_and_bad_ones_go, setup, teardown),
      cmocka_unit_test_setup_teardown(windows_and_failures_that_add_up, setup, teardown),
      cmocka_unit_test_setup_teardown(judges_are_found_or_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
