// SPDX-License-Identifier: Apache-2.0
#include "analysis/condition.h"
#include "support_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static void fails_beyond_the_limit_all_told(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "success", -1);
  stage.spec.success_condition = STR("result[0] >= 0.95");
  stage.settings.failure_limit = 3;
  for (int i = 0; i < 3; i++) { // a good one in between does not help
    stage_value(&stage, 60, .9);
    stage_value(&stage, 60, .99);
    assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  }
  stage_value(&stage, 60, .9); // Argo's "failureLimit 3" tolerates three
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  assert_non_null(strstr(stage_verdict(&stage).reason.ptr, "4 of 7 measurements failed"));
  stage_close(&stage);
}

static void nan_fails_a_success_condition_unless_it_says_otherwise(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "success", -1);
  stage.spec.success_condition = STR("result[0] >= 0.95");
  stage_value(&stage, 60, NAN);
  assert_int_equal(stage.state.counts.failures, 1);
  stage.spec.success_condition = STR("isNaN(result[0]) || result[0] >= 0.95");
  stage_value(&stage, 60, NAN);
  assert_int_equal(stage.state.counts.good, 1);
  stage_close(&stage);
}

static void an_error_holds_or_fails_as_asked(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "success", -1);
  stage.spec.failure_condition = STR("result[0] > 5");
  stage_value(&stage, 60, 1);
  for (int i = 0; i < 10; i++)
    stage_error(&stage, 60);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_QUERY_ERROR);
  stage_values(&stage, 60, NULL, 0); // nothing matched: no result[0]
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_NO_DATA);
  stage.settings.consecutive_error_limit = 4;
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  stage_value(&stage, 60, 1);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage.spec.failure_condition = STR("len(result) == 0");
  stage_values(&stage, 60, NULL, 0); // unless that is what is asked
  assert_int_equal(stage.state.counts.failures, 1);
  stage_close(&stage);
}

static void neither_good_nor_bad_is_inconclusive(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "latency", -1);
  stage.spec.success_condition = STR("result[0] < 10");
  stage.spec.failure_condition = STR("result[0] > 20");
  stage.settings.inconclusive_limit = 1;
  stage_value(&stage, 60, 15);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage_value(&stage, 60, 15);
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_UNDECIDED);
  assert_int_equal(stage.state.counts.inconclusive, 2);
  // Nor does `count` make a pass of what was never good.
  stage.settings.count = 2;
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_UNDECIDED);
  stage_close(&stage);
}

static void count_and_good_ones_in_a_row_end_it(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "queue", 40);
  stage.settings.count = 3;
  stage.settings.failure_limit = 1;
  stage.settings.initial_delay_ms = 120000;
  stage_value(&stage, 60, 100); // too early to count
  assert_int_equal(stage.state.counts.measurements, 0);
  stage_value(&stage, 60, 41);
  stage_value(&stage, 60, 40);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT);
  stage_value(&stage, 60, 40);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage_value(&stage, 60, 100); // done: not measured any more
  assert_int_equal(stage.state.counts.failures, 1);
  stage_close(&stage);

  stage_open(&stage, "condition", "queue", 40);
  stage.settings.consecutive_success_limit = 2;
  stage.settings.failure_limit = 1;
  const double values[] = {1, 41, 1, 1};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT);
    stage_value(&stage, 60, values[i]);
  }
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage_close(&stage);
}

static void built_in_metrics_give_shares_in_percent(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "condition", "error-rate", -1);
  stage.spec.failure_condition = STR("result[0] > 1 && result[0] > 2 * result[1]");
  stage_counts(&stage, 5, (struct tally){30, 30, 300, 0}); // too few to measure
  assert_int_equal(stage.state.counts.measurements, 0);
  stage_counts(&stage, 5, (struct tally){30, 0, 300, 0});
  assert_int_equal(stage.state.counts.failures, 1);
  stage_counts(&stage, 5, (struct tally){60, 3, 300, 15}); // stable is no better
  assert_int_equal(stage.state.counts.good, 1);
  struct metric_verdict verdict = stage_verdict(&stage);
  assert_true(verdict.is_share && verdict.requests == 120 && verdict.bad == 33);
  stage_close(&stage);
}

static void conditions_are_checked_beforehand(void **state) {
  (void)state;
  struct err err = {0};
  struct metric_spec spec = {.name = STR("q"), .kind = METRIC_CUSTOM};
  assert_int_equal(condition_check(&spec, &err), RC_INVALID);
  spec.success_condition = STR("result[0] >= 0.95");
  assert_int_equal(condition_check(&spec, &err), RC_OK);
  spec.failure_condition = STR("result[0] >");
  assert_int_equal(condition_check(&spec, &err), RC_PARSE);
  assert_non_null(strstr(err.msg, "failure condition of metric q"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fails_beyond_the_limit_all_told),
      cmocka_unit_test(nan_fails_a_success_condition_unless_it_says_otherwise),
      cmocka_unit_test(an_error_holds_or_fails_as_asked),
      cmocka_unit_test(neither_good_nor_bad_is_inconclusive),
      cmocka_unit_test(count_and_good_ones_in_a_row_end_it),
      cmocka_unit_test(built_in_metrics_give_shares_in_percent),
      cmocka_unit_test(conditions_are_checked_beforehand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
