// SPDX-License-Identifier: Apache-2.0
#include "analysis/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static struct metric_verdict metric(enum outcome outcome, enum cause cause) {
  return (struct metric_verdict){.name = STR("m"),
                                 .outcome = outcome,
                                 .cause = cause,
                                 .clean = outcome == OUTCOME_PASS,
                                 .reason = STR("r")};
}

static void the_gravest_metric_speaks(void **state) {
  (void)state;
  struct metric_verdict metrics[] = {
      metric(OUTCOME_PASS, CAUSE_NONE), metric(OUTCOME_INSUFFICIENT, CAUSE_QUERY_ERROR),
      metric(OUTCOME_INSUFFICIENT, CAUSE_FEW_REQUESTS), metric(OUTCOME_FAIL, CAUSE_NONE)};
  metrics[3].name = STR("bad");
  struct verdict verdict = verdict_fold(metrics, 1, &arena);
  assert_int_equal(verdict.outcome, OUTCOME_PASS);
  assert_true(verdict.clean);
  verdict = verdict_fold(metrics, 3, &arena);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_QUERY_ERROR);
  assert_false(verdict.clean);
  verdict = verdict_fold(metrics, 4, &arena);
  assert_int_equal(verdict.outcome, OUTCOME_FAIL);
  assert_string_equal(verdict.reason.ptr, "bad: r");
  verdict = verdict_fold(NULL, 0, &arena);
  assert_int_equal(verdict.outcome, OUTCOME_INSUFFICIENT);
  assert_int_equal(verdict.cause, CAUSE_NO_CONTROL);
}

static enum decision decide(enum outcome outcome, enum cause cause, bool clean, bool time_is_up,
                            struct verdict_policy policy) {
  struct verdict verdict = {.outcome = outcome, .cause = cause, .clean = clean};
  return verdict_decide(&verdict, &policy, time_is_up);
}

static void policies_decide_when_the_time_is_up(void **state) {
  (void)state;
  const struct verdict_policy defaults = {0}, strict = {.on_inconclusive = ON_INCONCLUSIVE_HOLD},
                              brave = {.on_failure = ON_FAILURE_HOLD,
                                       .on_no_data = ON_NO_DATA_PROMOTE,
                                       .on_inconclusive = ON_INCONCLUSIVE_ROLLBACK};
  assert_int_equal(decide(OUTCOME_FAIL, CAUSE_NONE, false, false, defaults), DECISION_ROLLBACK);
  assert_int_equal(decide(OUTCOME_FAIL, CAUSE_NONE, false, true, brave), DECISION_HOLD);
  assert_int_equal(decide(OUTCOME_PASS, CAUSE_NONE, true, false, defaults), DECISION_CONTINUE);
  assert_int_equal(decide(OUTCOME_PASS, CAUSE_NONE, true, true, defaults), DECISION_PASS);
  for (int cause = CAUSE_FEW_REQUESTS; cause <= CAUSE_QUERY_ERROR; cause++)
    assert_int_equal(decide(OUTCOME_INSUFFICIENT, (enum cause)cause, true, false, brave),
                     DECISION_CONTINUE);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_UNDECIDED, true, true, defaults),
                   DECISION_PASS);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_UNDECIDED, false, true, defaults),
                   DECISION_HOLD);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_UNDECIDED, true, true, strict),
                   DECISION_HOLD);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_UNDECIDED, true, true, brave),
                   DECISION_ROLLBACK);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_NO_TRAFFIC, false, true, defaults),
                   DECISION_HOLD);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_NO_TRAFFIC, false, true, brave),
                   DECISION_PASS);
  // Never promoted blind, whatever the policies say.
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_QUERY_ERROR, true, true, brave),
                   DECISION_HOLD);
  assert_int_equal(decide(OUTCOME_INSUFFICIENT, CAUSE_STALE, true, true, brave), DECISION_HOLD);
}

static void an_early_pass_needs_a_judge_that_allows_it(void **state) {
  (void)state;
  struct verdict verdict = {.outcome = OUTCOME_PASS, .may_end_early = true};
  struct verdict_policy policy = {0};
  assert_int_equal(verdict_decide(&verdict, &policy, false), DECISION_PASS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_gravest_metric_speaks, setup, teardown),
      cmocka_unit_test_setup_teardown(policies_decide_when_the_time_is_up, setup, teardown),
      cmocka_unit_test_setup_teardown(an_early_pass_needs_a_judge_that_allows_it, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
