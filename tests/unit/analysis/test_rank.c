// SPDX-License-Identifier: Apache-2.0
#include "analysis/rank_test.h"
#include "manifests/base/bug.h"
#include "support_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static void near(double value, double expected, double off) {
  if (!(fabs(value - expected) <= off))
    fail_msg("%.9g, expected %.9g", value, expected);
}

// What R's wilcox.test(conf.int=TRUE, exact=FALSE) does, by hand: the shift at which the corrected,
// standardized statistic is +-z.
static void the_shift_is_that_of_wilcoxon(void **state) {
  (void)state;
  const double a[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const double b[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  struct rank_shift shift;
  assert_true(rank_shift(a, 9, b, 9, .95, &shift));
  near(shift.estimate, .56, .02);
  assert_true(shift.low < 0 && shift.low > -.5 && shift.high > .8 && shift.high < 1.3);
  struct rank_shift wider;
  assert_true(rank_shift(a, 9, b, 9, .98, &wider));
  assert_true(wider.low <= shift.low && wider.high >= shift.high);
  struct rank_shift turned; // canary and stable changed places
  assert_true(rank_shift(b, 9, a, 9, .95, &turned));
  near(turned.estimate, -shift.estimate, 1e-6);
  near(turned.low, -shift.high, 3e-4);
}

static void nothing_to_compare_is_a_pass(void **state) {
  (void)state;
  const double same[] = {2, 2, 2}, zeros[] = {0, 0, 0, 0, 0, 0}, few[] = {0, 0, 0, 0, 0, 3};
  struct rank_shift shift;
  assert_false(rank_shift(same, 3, same, 3, .98, &shift));
  assert_false(rank_shift(same, 0, same, 3, .98, &shift));
  assert_int_equal(rank_classify(same, 3, same, 3, .98, .25, 1), RANK_PASS);
  assert_int_equal(rank_classify(same, 0, same, 3, .98, .25, 1), RANK_NO_DATA);
  // Series full of zeros have no power.
  assert_int_equal(rank_classify(few, 6, zeros, 6, .98, .25, 1), RANK_PASS);
}

static void high_and_low_are_told_apart(void **state) {
  (void)state;
  double low[20], high[20], little[20];
  for (int i = 0; i < 20; i++) {
    low[i] = 1 + .01 * i;
    high[i] = 2 + .01 * i;
    little[i] = 1.3 + .01 * i;
  }
  assert_int_equal(rank_classify(high, 20, low, 20, .98, .25, 1), RANK_HIGH);
  assert_int_equal(rank_classify(low, 20, high, 20, .98, .25, 1), RANK_LOW);
  assert_int_equal(rank_classify(low, 20, low, 20, .98, .25, 1), RANK_PASS);
  // The ratio of the means must be at least as allowed.
  assert_int_equal(rank_classify(little, 20, low, 20, .98, .25, 1.5), RANK_PASS);
  assert_int_equal(rank_classify(little, 20, low, 20, .98, .25, 1.2), RANK_HIGH);
}

static void minutes_are_compared(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "rank", "error-rate", -1);
  for (int i = 0; i < 4 * 12; i++)
    stage_counts(&stage, 5, (struct tally){100, 5 + i % 3, 900, 9 + i % 5});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT); // 4 points
  for (int i = 0; i < 8 * 12; i++)
    stage_counts(&stage, 5, (struct tally){100, 5 + i % 3, 900, 9 + i % 5});
  struct metric_verdict verdict = stage_verdict(&stage);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assert_non_null(strstr(verdict.reason.ptr, "higher than stable over 12 points; score 0"));
  stage_close(&stage);
  stage_open(&stage, "rank", "error-rate", -1);
  for (int i = 0; i < 12 * 12; i++)
    stage_counts(&stage, 5, (struct tally){100, i % 3, 900, 9 + i % 5});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage_close(&stage);
}

static void custom_values_need_stables_beside_them(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "rank", "cpu", -1);
  for (int i = 0; i < 10; i++)
    stage_value(&stage, 60, 2 + .1 * i);
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_NO_CONTROL);
  stage.spec.stable_query = STR("cpu");
  for (int i = 0; i < 10; i++) {
    stage.state.stable_reading = (struct prom_reading){.kind = READING_VALUE, .value = 1 + .1 * i};
    stage_value(&stage, 60, 2 + .1 * i);
  }
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  stage_close(&stage);
}

static void the_score_weighs_metrics(void **state) {
  (void)state;
  struct arena arena = {0};
  struct series_point bad[10], good[10];
  for (int i = 0; i < 10; i++) {
    bad[i] = (struct series_point){i, 2 + .1 * i, 1 + .1 * i};
    good[i] = (struct series_point){i, 1 + .1 * i, 1 + .1 * i};
  }
  struct metric_spec specs[5] = {{.name = STR("a"), .weight = 1},
                                 {.name = STR("b"), .weight = 4},
                                 {.name = STR("c"), .weight = 5}};
  struct metric_state metrics[3] = {{.series = {.points = bad, .count = 10}},
                                    {.series = {.points = good, .count = 10}},
                                    {.series = {.points = good, .count = 10}}};
  struct judge_settings settings = {0};
  struct judge_scene scene = {
      .settings = &settings, .specs = specs, .metrics = metrics, .count = 3};
  struct metric_verdict verdict = {.outcome = OUTCOME_INSUFFICIENT};
  const struct judge *judge = judge_find(STR("rank"), NULL);
  judge->decide(&scene, 0, &arena, &verdict); // 90: between marginal and pass
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_UNDECIDED);
  specs[0].critical = true;
  judge->decide(&scene, 0, &arena, &verdict);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  specs[0].critical = false;
  specs[0].weight = 4;
  verdict = (struct metric_verdict){.outcome = OUTCOME_INSUFFICIENT};
  judge->decide(&scene, 0, &arena, &verdict); // 9 of 13: below 75
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_shift_is_that_of_wilcoxon),
      cmocka_unit_test(nothing_to_compare_is_a_pass),
      cmocka_unit_test(high_and_low_are_told_apart),
      cmocka_unit_test(minutes_are_compared),
      cmocka_unit_test(custom_values_need_stables_beside_them),
      cmocka_unit_test(the_score_weighs_metrics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
