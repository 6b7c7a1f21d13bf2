// SPDX-License-Identifier: Apache-2.0
#include "proxy/retry_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct retry_policy policy_of(const char *on, uint32_t attempts) {
  struct retry_policy policy = retry_policy_default();
  struct err err;
  policy.on = 0;
  policy.attempts = attempts;
  assert_int_equal(retry_policy_parse_on(&policy, str_of(on), &err), 0);
  return policy;
}

static struct retry_event response(int status) {
  return (struct retry_event){
      .kind = RETRY_EVENT_RESPONSE, .status = status, .grpc_status = -1, .request_started = true};
}

static struct retry_event failure(enum retry_event_kind kind, bool started) {
  return (struct retry_event){.kind = kind, .grpc_status = -1, .request_started = started};
}

static void the_default_retries_what_never_reached_the_service(void **state) {
  (void)state;
  struct retry_policy policy = retry_policy_default();
  assert_int_equal(policy.attempts, 2);
  struct retry_event event = failure(RETRY_EVENT_CONNECT_FAILURE, false);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_YES);
  assert_int_equal(retry_decide(&policy, 1, &event), RETRY_YES);
  assert_int_equal(retry_decide(&policy, 2, &event), RETRY_LIMIT_EXCEEDED);
  event = failure(RETRY_EVENT_REFUSED_STREAM, true);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_YES);
  event = failure(RETRY_EVENT_RESET, true);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_NO);
  event = failure(RETRY_EVENT_PER_TRY_TIMEOUT, true);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_NO);
  event = response(503);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_NO); // since Istio 1.24
  event = response(200);
  event.grpc_status = 14;
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_YES);
}

// Each token, with what it takes and what it leaves.
static void tokens_mean_what_envoy_means(void **state) {
  (void)state;
  static const struct {
    const char *on;
    const char *takes; // letters: see below
  } cases[] = {
      {"5xx", "567CRrFT"},
      {"gateway-error", "67CRrFT"},
      {"reset", "CRrFT"},
      {"reset-before-request", "Cr"},
      {"connect-failure", "C"},
      {"refused-stream", "F"},
      {"retriable-4xx", "4"},
      {"retriable-status-codes", ""},
      {"418", "8"},
      {"connect-failure,418,reset-before-request", "8Cr"},
      {"retriable-headers", ""},
      {"http3-post-connect-failure", ""},
      {"cancelled", "a"},
      {"deadline-exceeded", "b"},
      {"resource-exhausted", "c"},
      {"internal", "d"},
      {"unavailable", "e"},
      {" 5xx , ,cancelled", "567CRrFTa"},
      {"", ""},
  };
  const struct {
    char letter;
    struct retry_event event;
  } events[] = {
      {'2', response(200)},
      {'4', response(409)},
      {'n', response(404)},
      {'8', response(418)},
      {'5', response(500)},
      {'6', response(502)},
      {'7', response(504)},
      {'C', failure(RETRY_EVENT_CONNECT_FAILURE, false)},
      {'R', failure(RETRY_EVENT_RESET, true)},
      {'r', failure(RETRY_EVENT_RESET, false)},
      {'F', failure(RETRY_EVENT_REFUSED_STREAM, true)},
      {'T', failure(RETRY_EVENT_PER_TRY_TIMEOUT, true)},
      {'a', {.kind = RETRY_EVENT_RESPONSE, .status = 200, .grpc_status = 1}},
      {'b', {.kind = RETRY_EVENT_RESPONSE, .status = 200, .grpc_status = 4}},
      {'c', {.kind = RETRY_EVENT_RESPONSE, .status = 200, .grpc_status = 8}},
      {'d', {.kind = RETRY_EVENT_RESPONSE, .status = 200, .grpc_status = 13}},
      {'e', {.kind = RETRY_EVENT_RESPONSE, .status = 200, .grpc_status = 14}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct retry_policy policy = policy_of(cases[i].on, 1);
    for (size_t j = 0; j < sizeof events / sizeof events[0]; j++) {
      bool want = str_find_char(str_of(cases[i].takes), events[j].letter) >= 0;
      if (retry_policy_wants(&policy, &events[j].event) != want)
        fail_msg("\"%s\" and event %c", cases[i].on, events[j].letter);
    }
  }
}

static void a_rate_limited_answer_needs_its_own_token(void **state) {
  (void)state;
  struct retry_policy policy = policy_of("5xx", 3);
  struct retry_event event = response(503);
  event.is_ratelimited = true;
  assert_false(retry_policy_wants(&policy, &event));
  policy = policy_of("5xx,envoy-ratelimited", 3);
  assert_true(retry_policy_wants(&policy, &event));
}

static void no_attempts_is_no_policy(void **state) {
  (void)state;
  struct retry_policy policy = policy_of("5xx", 0);
  struct retry_event event = response(503);
  assert_int_equal(retry_decide(&policy, 0, &event), RETRY_NO);
}

static void unknown_tokens_are_named(void **state) {
  (void)state;
  struct retry_policy policy = {0};
  struct err err;
  assert_int_equal(retry_policy_parse_on(&policy, STR("5xx,resets,42"), &err), RC_INVALID);
  assert_true(str_contains(str_of(err.msg), STR("resets")));
  assert_int_equal(policy.on, RETRY_ON_5XX);
  assert_int_equal(retry_policy_parse_on(&policy, STR("999"), &err), RC_INVALID);
}

static void every_token_has_its_name(void **state) {
  (void)state;
  struct err err;
  for (uint32_t bit = 0; bit < 16; bit++) {
    struct retry_policy policy = {0};
    const char *token = retry_on_token((enum retry_on)(1u << bit));
    assert_non_null(token);
    assert_int_equal(retry_policy_parse_on(&policy, str_of(token), &err), 0);
    assert_int_equal(policy.on, 1u << bit);
  }
  assert_null(retry_on_token((enum retry_on)3));
}

static void back_off_doubles_up_to_ten_times(void **state) {
  (void)state;
  struct retry_policy policy = retry_policy_default();
  static const int64_t longest[] = {25, 50, 100, 200, 250, 250, 250};
  for (uint32_t retry = 1; retry <= 7; retry++) {
    assert_int_equal(retry_backoff_ms(&policy, retry, 0), 0);
    assert_int_equal(retry_backoff_ms(&policy, retry, (uint64_t)longest[retry - 1] - 1),
                     longest[retry - 1] - 1);
    assert_int_equal(retry_backoff_ms(&policy, retry, (uint64_t)longest[retry - 1]), 0);
  }
  policy.backoff_ms = 1000;
  assert_int_equal(retry_backoff_ms(&policy, 1000000, 9999), 9999);
  assert_int_equal(retry_backoff_ms(&policy, 1000000, 10000), 0);
}

static void a_pause_may_have_a_least_length(void **state) {
  struct retry_policy policy = retry_policy_default();
  (void)state;
  policy.backoff_ms = 100;
  assert_int_equal(retry_backoff_ms(&policy, 1, 199), 99);
  policy.backoff_least_ms = 100;
  assert_int_equal(retry_backoff_ms(&policy, 1, 0), 100);
  assert_int_equal(retry_backoff_ms(&policy, 1, 199), 199);
  assert_int_equal(retry_backoff_ms(&policy, 2, 199), 299);
}

static void a_budget_is_a_share_with_a_floor(void **state) {
  (void)state;
  assert_int_equal(retry_budget_limit(20, 3, 0), 3);
  assert_int_equal(retry_budget_limit(20, 3, 19), 3); // 3.8
  assert_int_equal(retry_budget_limit(20, 3, 20), 4);
  assert_int_equal(retry_budget_limit(0, 0, 1000), 0);
  assert_int_equal(retry_budget_limit(100, 3, UINT64_MAX), UINT32_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_default_retries_what_never_reached_the_service),
      cmocka_unit_test(tokens_mean_what_envoy_means),
      cmocka_unit_test(a_rate_limited_answer_needs_its_own_token),
      cmocka_unit_test(no_attempts_is_no_policy),
      cmocka_unit_test(unknown_tokens_are_named),
      cmocka_unit_test(every_token_has_its_name),
      cmocka_unit_test(back_off_doubles_up_to_ten_times),
      cmocka_unit_test(a_pause_may_have_a_least_length),
      cmocka_unit_test(a_budget_is_a_share_with_a_floor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
