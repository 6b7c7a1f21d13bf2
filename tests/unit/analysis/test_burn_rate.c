// SPDX-License-Identifier: Apache-2.0
#include "support_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static void both_windows_must_burn(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "burnRate", "error-rate", .1);
  for (int i = 0; i < 240; i++) // 20 min at 2 %: 20 times what is allowed
    stage_counts(&stage, 5, (struct tally){50, 1, 450, 0});
  struct metric_verdict verdict = stage_verdict(&stage);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assert_non_null(strstr(verdict.reason.ptr, "at 20 over 3600 s and at 20 over 300 s"));
  for (int i = 0; i < 84; i++) // over: the short window says so at once
    stage_counts(&stage, 5, (struct tally){50, 0, 450, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  stage_close(&stage);
}

static void a_short_spike_in_a_good_hour_is_no_fail(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "burnRate", "error-rate", .1);
  for (int i = 0; i < 660; i++)
    stage_counts(&stage, 5, (struct tally){50, 0, 450, 0});
  for (int i = 0; i < 24; i++)
    stage_counts(&stage, 5, (struct tally){50, 5, 450, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  for (int i = 0; i < 120; i++)
    stage_counts(&stage, 5, (struct tally){50, 5, 450, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  stage_close(&stage);
}

static void windows_and_factor_are_settings(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "burnRate", "error-rate", 1);
  stage.settings.long_ms = 60000;
  stage.settings.short_ms = 10000;
  stage.settings.burn_factor = 2;
  stage_counts(&stage, 5, (struct tally){40, 4, 0, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_INSUFFICIENT); // 50 requests are needed
  stage_counts(&stage, 5, (struct tally){40, 4, 0, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  for (int i = 0; i < 13; i++)
    stage_counts(&stage, 5, (struct tally){40, 0, 0, 0});
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  assert_true(stage_verdict(&stage).clean);
  stage_close(&stage);
}

static void custom_values_are_averaged(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "burnRate", "share", .01);
  stage_error(&stage, 60);
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_QUERY_ERROR);
  for (int i = 0; i < 10; i++)
    stage_value(&stage, 60, .002);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_PASS);
  for (int i = 0; i < 60; i++)
    stage_value(&stage, 60, .2);
  assert_int_equal(stage_verdict(&stage).outcome, OUTCOME_FAIL);
  stage_close(&stage);
}

static void without_a_limit_there_is_nothing_to_burn(void **state) {
  (void)state;
  struct stage stage;
  stage_open(&stage, "burnRate", "error-rate", -1);
  stage_counts(&stage, 5, (struct tally){500, 500, 0, 0});
  assert_int_equal(stage_verdict(&stage).cause, CAUSE_NO_CONTROL);
  stage_close(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_windows_must_burn),
      cmocka_unit_test(a_short_spike_in_a_good_hour_is_no_fail),
      cmocka_unit_test(windows_and_factor_are_settings),
      cmocka_unit_test(custom_values_are_averaged),
      cmocka_unit_test(without_a_limit_there_is_nothing_to_burn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
