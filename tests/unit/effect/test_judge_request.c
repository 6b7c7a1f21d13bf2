// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_answer.h"

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

static const struct judge_param GOOD[] = {
    {STR("service"), STR("web.demo.svc.cluster.local")},
    {STR("canary"), STR("v2")},
    {STR("stable"), STR("v1")},
    {STR("metrics"), STR("error-rate=1%, latency-p95")},
    {STR("preset"), STR("strict")},
    {STR("minDetect"), STR("15s")},
    {STR("weight"), STR("10")},
};

static void parameters_become_a_question(void **state) {
  (void)state;
  struct judge_request request;
  struct err err = {0};
  assert_int_equal(judge_request_of(GOOD, 7, &arena, &request, &err), RC_OK);
  assert_string_equal(request.judge->name, "sequential");
  assert_int_equal(request.subject.metric_count, 2);
  assert_true(request.subject.metrics[0].has_limit && request.subject.metrics[0].limit == 1);
  assert_true(request.subject.metrics[0].tolerance.ratio == 1.1);
  assert_true(request.subject.metrics[1].quantile > 0.949 &&
              request.subject.metrics[1].quantile < 0.951);
  assert_int_equal(request.settings.min_detect_ms, 15000);
  assert_true(request.settings.weight == 10 && request.subject.interval_ms == 5000);
}

static void answers_fit_the_role(void **state) {
  (void)state;
  static const struct {
    enum judge_role role;
    enum outcome outcome;
    int status;
  } CASES[] = {
      {JUDGE_ARGO, OUTCOME_FAIL, 200},
      {JUDGE_ARGO, OUTCOME_PASS, 200},
      {JUDGE_FLAGGER_CHECK, OUTCOME_PASS, 200},
      {JUDGE_FLAGGER_CHECK, OUTCOME_INSUFFICIENT, 200},
      {JUDGE_FLAGGER_CHECK, OUTCOME_FAIL, 409},
      {JUDGE_FLAGGER_ROLLBACK, OUTCOME_FAIL, 200},
      {JUDGE_FLAGGER_ROLLBACK, OUTCOME_INSUFFICIENT, 409},
      {JUDGE_FLAGGER_ROLLBACK, OUTCOME_PASS, 409},
      {JUDGE_FLAGGER_GATE, OUTCOME_PASS, 200},
      {JUDGE_FLAGGER_GATE, OUTCOME_INSUFFICIENT, 409},
      {JUDGE_FLAGGER_GATE, OUTCOME_FAIL, 409},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    struct judge_call call = {.role = CASES[i].role, .run = STR("r")};
    struct verdict verdict = {.outcome = CASES[i].outcome, .reason = STR("because")};
    struct str body;
    assert_int_equal(judge_answer(&call, &verdict, &arena, &body), CASES[i].status);
    assert_true(str_contains(body, STR("because")));
    assert_true(str_contains(body, str_of(outcome_name(CASES[i].outcome))));
  }
}

static void flaggers_run_is_its_revision(void **state) {
  (void)state;
  struct json *body;
  struct judge_call call;
  struct err err = {0};
  assert_int_equal(
      json_parse(STR("{\"name\":\"web\",\"namespace\":\"demo\",\"phase\":\"Progressing\","
                     "\"checksum\":\"85d5\",\"metadata\":{\"as\":\"gate\",\"token\":\"t\","
                     "\"canary\":\"v2\"}}"),
                 &arena, &body, NULL),
      RC_OK);
  assert_int_equal(judge_call_flagger(body, &arena, &call, &err), RC_OK);
  assert_string_equal(call.run.ptr, "demo/web/85d5");
  assert_string_equal(call.token.ptr, "t");
  assert_true(call.role == JUDGE_FLAGGER_GATE && call.count == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(parameters_become_a_question),
      TEST(answers_fit_the_role),
      TEST(flaggers_run_is_its_revision),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
