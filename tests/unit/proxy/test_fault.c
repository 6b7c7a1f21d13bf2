// SPDX-License-Identifier: Apache-2.0
// Faults: the dice, and how an exchange waits for a delay.
#include "manifests/base/rng.h"
#include "proxy/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void nothing_is_hit_without_a_share(void **state) {
  const struct table_fault fault = {.delay_ms = 5, .abort_status = 503, .abort_grpc = -1};
  struct fault_verdict verdict;
  (void)state;
  fault_decide(&fault, 0, 0, &verdict);
  assert_int_equal(verdict.delay_ms, 0);
  assert_false(verdict.is_aborted);
}

static void a_draw_hits_below_the_share(void **state) {
  const struct table_fault fault = {.delay_share = 100000,
                                    .abort_share = 50000,
                                    .delay_ms = 5000,
                                    .abort_status = 503,
                                    .abort_grpc = -1};
  struct fault_verdict verdict;
  (void)state;
  fault_decide(&fault, 3000000 + 99999, 7000000 + 49999, &verdict);
  assert_int_equal(verdict.delay_ms, 5000);
  assert_true(verdict.is_aborted);
  assert_int_equal(verdict.reply.status, 503);
  assert_int_equal(verdict.reply.flags, EXCHANGE_FI);
  assert_string_equal(verdict.reply.body.ptr, "fault filter abort");
  assert_string_equal(verdict.reply.details.ptr, "fault_filter_abort");
  fault_decide(&fault, 100000, 50000, &verdict);
  assert_int_equal(verdict.delay_ms, 0);
  assert_false(verdict.is_aborted);
}

static void shares_are_right_in_the_long_run(void **state) {
  const struct table_fault fault = {.delay_share = 100000,
                                    .abort_share = 50000,
                                    .delay_ms = 1,
                                    .abort_status = 500,
                                    .abort_grpc = -1};
  struct rng rng;
  int delays = 0, aborts = 0;
  (void)state;
  rng_init(&rng, 7);
  for (int i = 0; i < 100000; i++) {
    struct fault_verdict verdict;
    uint64_t first = rng_next(&rng);
    fault_decide(&fault, first, rng_next(&rng), &verdict);
    delays += verdict.delay_ms > 0;
    aborts += verdict.is_aborted;
  }
  assert_in_range(delays, 9700, 10300); // three deviations are 285
  assert_in_range(aborts, 4790, 5210);
}

static struct exchange x;
static struct retry_policy retry;

static uint32_t step(enum exchange_event_kind kind, int64_t now, int64_t delay, int status) {
  struct exchange_event event = {.kind = kind, .now_ms = now, .delay_ms = delay, .grpc_status = -1};
  event.reply.status = status;
  return exchange_step(&x, &event);
}

static void begin(bool has_body) {
  retry = retry_policy_default();
  const struct exchange_policy policy = {.timeout_ms = 100,
                                         .idle_timeout_ms = 50,
                                         .client_idle_ms = 50,
                                         .retry = &retry,
                                         .is_idempotent = true};
  exchange_init(&x, &policy, has_body, 1000);
}

static void a_delay_comes_before_the_timers(void **state) {
  (void)state;
  begin(false);
  assert_int_equal(step(EXCHANGE_ON_BEGIN, 1000, 5000, 0), 0);
  assert_true(exchange_is_delayed(&x));
  assert_int_equal(exchange_deadline(&x), 6000); // neither the timeout nor an idle time
  assert_int_equal(step(EXCHANGE_ON_TIMER, 5999, 0, 0), 0);
  assert_int_equal(step(EXCHANGE_ON_TIMER, 6000, 0, 0), EXCHANGE_DO_CONNECT);
  assert_int_equal(step(EXCHANGE_ON_CONNECTED, 6001, 0, 0), EXCHANGE_DO_SEND_HEAD);
  assert_int_equal(exchange_deadline(&x), 6051); // idle
  x.active_ms = 6090;
  assert_int_equal(exchange_deadline(&x), 6100); // the route's timeout runs from the delay's end
  assert_int_equal(step(EXCHANGE_ON_TIMER, 6100, 0, 0),
                   EXCHANGE_DO_RESET_UPSTREAM | EXCHANGE_DO_REPLY);
  assert_int_equal(x.status, 504);
  assert_int_equal(x.flags, EXCHANGE_DI | EXCHANGE_UT);
}

static void an_upload_goes_on_during_a_delay(void **state) {
  (void)state;
  begin(true);
  assert_int_equal(step(EXCHANGE_ON_BEGIN, 1000, 30, 0), 0);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY, 1010, 0, 0), 0);
  assert_true(exchange_keeps_request(&x));
  assert_true(exchange_wants_request(&x));
  assert_int_equal(step(EXCHANGE_ON_REQUEST_END, 1020, 0, 0), 0);
  assert_int_equal(step(EXCHANGE_ON_TIMER, 1030, 0, 0), EXCHANGE_DO_CONNECT);
}

// What is too long to be kept waits with the client, and none of it is lost.
static void a_long_upload_waits_for_the_delay(void **state) {
  (void)state;
  begin(true);
  (void)step(EXCHANGE_ON_BEGIN, 1000, 30, 0);
  assert_int_equal(step(EXCHANGE_ON_COPY_LOST, 1010, 0, 0), 0);
  assert_false(exchange_wants_request(&x));
  assert_true(exchange_keeps_request(&x));
  assert_int_equal(step(EXCHANGE_ON_TIMER, 1030, 0, 0), EXCHANGE_DO_CONNECT);
  assert_true(exchange_wants_request(&x));
  assert_int_equal(step(EXCHANGE_ON_COPY_LOST, 1031, 0, 0), 0); // while it is connected as well
  assert_false(exchange_wants_request(&x));
  assert_int_equal(step(EXCHANGE_ON_CONNECTED, 1032, 0, 0), EXCHANGE_DO_SEND_HEAD);
  assert_int_equal(step(EXCHANGE_ON_UPSTREAM_READY, 1033, 0, 0), 0);
  assert_true(exchange_wants_request(&x));
}

static void an_answer_of_our_own_waits_as_well(void **state) {
  (void)state;
  begin(false);
  assert_int_equal(step(EXCHANGE_ON_LOCAL, 1000, 30, 418), 0);
  assert_int_equal(step(EXCHANGE_ON_TIMER, 1030, 0, 0), EXCHANGE_DO_REPLY);
  assert_int_equal(x.status, 418);
  assert_int_equal(x.retries, 0);
}

static void a_client_that_leaves_ends_the_delay(void **state) {
  (void)state;
  begin(false);
  (void)step(EXCHANGE_ON_BEGIN, 1000, 5000, 0);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_GONE, 1001, 0, 0), EXCHANGE_DO_FINISH);
  assert_int_equal(x.flags, EXCHANGE_DI | EXCHANGE_DC);
  assert_int_equal(exchange_deadline(&x), 0);
  assert_int_equal(step(EXCHANGE_ON_TIMER, 6000, 0, 0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_hit_without_a_share),
      cmocka_unit_test(a_draw_hits_below_the_share),
      cmocka_unit_test(shares_are_right_in_the_long_run),
      cmocka_unit_test(a_delay_comes_before_the_timers),
      cmocka_unit_test(an_upload_goes_on_during_a_delay),
      cmocka_unit_test(a_long_upload_waits_for_the_delay),
      cmocka_unit_test(an_answer_of_our_own_waits_as_well),
      cmocka_unit_test(a_client_that_leaves_ends_the_delay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
