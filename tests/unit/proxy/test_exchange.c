// SPDX-License-Identifier: Apache-2.0
// The state machine of a request: what it asks for after each event. What holds after any sequence
// of them is in test_exchange_model.c.
#include "manifests/base/bug.h"
#include "proxy/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RESET_UP EXCHANGE_DO_RESET_UPSTREAM
#define CONNECT EXCHANGE_DO_CONNECT
#define SEND_HEAD EXCHANGE_DO_SEND_HEAD
#define FORWARD EXCHANGE_DO_FORWARD_REQUEST
#define END_REQUEST EXCHANGE_DO_END_REQUEST
#define RESPOND EXCHANGE_DO_SEND_RESPONSE
#define END_RESPONSE EXCHANGE_DO_END_RESPONSE
#define REPLY EXCHANGE_DO_REPLY
#define RELEASE EXCHANGE_DO_RELEASE_UPSTREAM
#define CUT EXCHANGE_DO_RESET_CLIENT
#define FINISH EXCHANGE_DO_FINISH

static struct exchange x;
static struct retry_policy retry;
static int64_t now;

static void begin(bool has_body, bool is_idempotent, int64_t timeout_ms, int64_t per_try_ms) {
  retry = retry_policy_default();
  retry.per_try_timeout_ms = per_try_ms;
  now = 1000;
  struct exchange_policy policy = {.timeout_ms = timeout_ms,
                                   .per_try_timeout_ms = per_try_ms,
                                   .idle_timeout_ms = 60000,
                                   .client_idle_ms = 30000,
                                   .retry = &retry,
                                   .is_idempotent = is_idempotent};
  exchange_init(&x, &policy, has_body, now);
}

static uint32_t step(enum exchange_event_kind kind) {
  struct exchange_event event = {.kind = kind, .now_ms = now, .grpc_status = -1, .rnd = 5};
  return exchange_step(&x, &event);
}

static uint32_t connected(bool reused) {
  struct exchange_event event = {
      .kind = EXCHANGE_ON_CONNECTED, .now_ms = now, .reused = reused, .grpc_status = -1};
  return exchange_step(&x, &event);
}

static uint32_t response_head(int status) {
  struct exchange_event event = {.kind = EXCHANGE_ON_RESPONSE_HEAD,
                                 .now_ms = now,
                                 .status = status,
                                 .grpc_status = -1,
                                 .rnd = 5};
  return exchange_step(&x, &event);
}

static uint32_t reset(enum exchange_reason reason, bool request_started, bool response_started) {
  struct exchange_event event = {.kind = EXCHANGE_ON_UPSTREAM_RESET,
                                 .now_ms = now,
                                 .reason = reason,
                                 .request_started = request_started,
                                 .response_started = response_started,
                                 .grpc_status = -1,
                                 .rnd = 5};
  return exchange_step(&x, &event);
}

static uint32_t connect_failed(enum exchange_reason reason) {
  struct exchange_event event = {.kind = EXCHANGE_ON_CONNECT_FAILED,
                                 .now_ms = now,
                                 .reason = reason,
                                 .grpc_status = -1,
                                 .rnd = 5};
  return exchange_step(&x, &event);
}

static void assert_flags(const char *expected) {
  char out[64];
  struct str text = exchange_flags_text(x.flags, out);
  assert_int_equal(text.len, strlen(expected));
  assert_memory_equal(text.ptr, expected, text.len);
}

static void a_small_request_goes_through(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  assert_int_equal(step(EXCHANGE_ON_BEGIN), CONNECT);
  assert_int_equal(connected(true), SEND_HEAD);
  assert_int_equal(response_head(200), RESPOND);
  assert_int_equal(step(EXCHANGE_ON_RESPONSE_BODY), EXCHANGE_DO_FORWARD_RESPONSE);
  assert_int_equal(step(EXCHANGE_ON_RESPONSE_END), END_RESPONSE | RELEASE);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), FINISH);
  assert_int_equal(x.status, 200);
  assert_int_equal(x.tries, 1);
  assert_flags("-");
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), 0);
}

static void a_body_is_streamed_once_connected(void **state) {
  (void)state;
  begin(true, false, 0, 0);
  assert_int_equal(step(EXCHANGE_ON_BEGIN), CONNECT);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), 0); // kept by the owner
  assert_true(exchange_keeps_request(&x));
  assert_int_equal(connected(false), SEND_HEAD);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), FORWARD);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_END), END_REQUEST);
  assert_int_equal(response_head(201), RESPOND);
  assert_false(exchange_keeps_request(&x));
}

static void an_early_answer_ends_the_upload(void **state) {
  (void)state;
  begin(true, false, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), FORWARD);
  assert_int_equal(response_head(413), RESPOND);
  assert_true(x.cut);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), FORWARD);
  assert_int_equal(step(EXCHANGE_ON_RESPONSE_END), RESET_UP | END_RESPONSE);
  assert_false(exchange_wants_request(&x));
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), 0);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), FINISH);
}

static void a_local_answer_needs_no_upstream(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  struct exchange_event event = {.kind = EXCHANGE_ON_LOCAL,
                                 .now_ms = now,
                                 .reply = {404, EXCHANGE_NR, STR_NULL, STR("route_not_found")}};
  assert_int_equal(exchange_step(&x, &event), REPLY);
  assert_int_equal(x.reply.status, 404);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), FINISH);
  assert_flags("NR");
}

static void connect_failures_are_retried_with_pauses(void **state) {
  (void)state;
  begin(false, false, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  assert_int_equal(connect_failed(EXCHANGE_REASON_REMOTE_CONNECT), 0);
  assert_int_equal(x.try, EXCHANGE_TRY_BACKOFF);
  assert_int_equal(exchange_deadline(&x), 1005); // 5 mod 25
  assert_int_equal(step(EXCHANGE_ON_TIMER), 0);  // too early
  now = 1005;
  assert_int_equal(step(EXCHANGE_ON_TIMER), CONNECT);
  (void)connect_failed(EXCHANGE_REASON_REMOTE_CONNECT);
  now = 1100;
  assert_int_equal(step(EXCHANGE_ON_TIMER), CONNECT);
  assert_int_equal(connect_failed(EXCHANGE_REASON_REMOTE_CONNECT), REPLY);
  assert_int_equal(x.status, 503);
  assert_int_equal(x.tries, 3);
  assert_flags("UF,URX");
  assert_true(str_contains(x.reply.body, STR("retried and the latest reset reason: remote")));
}

static void a_stale_connection_is_replaced(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), CONNECT);
  assert_true(x.fresh);
  assert_int_equal(connected(false), SEND_HEAD);
  assert_int_equal(x.tries, 1);
  // Bytes that the answer before left behind are no answer to this one; once.
  begin(false, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_PROTOCOL, true, true), CONNECT);
  assert_int_equal(connected(false), SEND_HEAD);
  assert_int_equal(reset(EXCHANGE_REASON_PROTOCOL, true, true), REPLY);
  assert_flags("UPE");
  begin(false, false, 0, 0); // a POST may have been done
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_PROTOCOL, true, true), REPLY);
  begin(false, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), CONNECT);
  (void)connected(false);
  // The new one is no kept connection: its end is the backend's doing.
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), REPLY);
  assert_flags("UC");
}

static void what_may_have_been_done_is_not_repeated(void **state) {
  (void)state;
  begin(false, false, 0, 0); // a POST
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), REPLY);
  begin(false, false, 0, 0); // of which no byte was sent
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, false, false), CONNECT);
  begin(false, true, 0, 0); // a GET whose answer had begun
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, true), REPLY);
  begin(true, true, 0, 0); // a PUT too long to be kept
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true);
  (void)step(EXCHANGE_ON_COPY_LOST);
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), REPLY);
}

static void the_route_timeout_answers_504(void **state) {
  (void)state;
  begin(true, true, 300, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = 5000; // a slow upload is not covered
  assert_int_equal(step(EXCHANGE_ON_TIMER), 0);
  (void)step(EXCHANGE_ON_REQUEST_END);
  assert_int_equal(exchange_deadline(&x), 5300);
  now = 5300;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_int_equal(x.status, 504);
  assert_flags("UT");
}

static void a_timeout_in_the_body_cuts(void **state) {
  (void)state;
  begin(false, true, 300, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  (void)response_head(200);
  now = 1300;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | CUT | FINISH);
  assert_int_equal(x.status, 200);
  assert_flags("UT");
  assert_true(x.cut);
}

static void a_try_timeout_follows_the_policy(void **state) {
  (void)state;
  begin(false, true, 0, 100);
  retry.on = RETRY_ON_5XX;
  retry.attempts = 1;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = 1100;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP);
  now = 1105;
  assert_int_equal(step(EXCHANGE_ON_TIMER), CONNECT);
  (void)connected(false);
  now = 1205;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_flags("URX,UT");
}

static void a_bad_answer_is_retried_when_asked(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  retry.on = RETRY_ON_5XX;
  retry.attempts = 1;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_int_equal(response_head(500), RESET_UP);
  now = 1010;
  assert_int_equal(step(EXCHANGE_ON_TIMER), CONNECT);
  (void)connected(false);
  assert_int_equal(response_head(500), RESPOND);
  assert_int_equal(x.status, 500);
  assert_flags("URX");
}

static void nothing_is_retried_after_an_interim_head(void **state) {
  (void)state;
  begin(true, true, 0, 0);
  retry.on = RETRY_ON_5XX;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  struct exchange_event event = {.kind = EXCHANGE_ON_INTERIM, .now_ms = now, .status = 100};
  assert_int_equal(exchange_step(&x, &event), EXCHANGE_DO_FORWARD_INTERIM);
  assert_int_equal(response_head(500), RESPOND);
}

static void a_client_that_leaves_ends_all(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_GONE), RESET_UP | FINISH);
  assert_int_equal(x.status, 0);
  assert_flags("DC");
}

static void another_protocol_is_a_tunnel(void **state) {
  (void)state;
  begin(false, true, 300, 0);
  x.policy.may_tunnel = true;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_int_equal(response_head(101), RESPOND);
  assert_true(x.tunnel && x.cut);
  assert_true(exchange_wants_request(&x) && exchange_wants_response(&x));
  assert_int_equal(exchange_deadline(&x), 61000); // idle only: the route's timeout is off
  assert_int_equal(step(EXCHANGE_ON_REQUEST_BODY), FORWARD);
  assert_int_equal(step(EXCHANGE_ON_RESPONSE_BODY), EXCHANGE_DO_FORWARD_RESPONSE);
  assert_int_equal(step(EXCHANGE_ON_REQUEST_END), RESET_UP | END_RESPONSE);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), FINISH);
  assert_int_equal(x.status, 101);
  assert_flags("-");
}

static void full_buffers_stop_the_other_side(void **state) {
  (void)state;
  begin(true, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_true(exchange_wants_request(&x));
  (void)step(EXCHANGE_ON_UPSTREAM_FULL);
  assert_false(exchange_wants_request(&x));
  (void)step(EXCHANGE_ON_UPSTREAM_READY);
  assert_true(exchange_wants_request(&x));
  (void)step(EXCHANGE_ON_CLIENT_FULL);
  assert_false(exchange_wants_response(&x));
  (void)step(EXCHANGE_ON_CLIENT_READY);
  assert_true(exchange_wants_response(&x));
}

static void silence_has_an_end(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = exchange_deadline(&x);
  assert_int_equal(now, 61000);
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_int_equal(x.status, 504);
  assert_flags("SI");
  begin(true, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = exchange_deadline(&x);
  assert_int_equal(now, 31000);
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_int_equal(x.status, 408);
  begin(false, true, 0, 0); // a client that does not read its answer
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  (void)response_head(200);
  (void)step(EXCHANGE_ON_CLIENT_FULL);
  now = exchange_deadline(&x);
  assert_int_equal(now, 31000);
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | CUT | FINISH);
}

static void a_request_without_end_is_answered_408(void **state) {
  (void)state;
  begin(true, true, 0, 0);
  x.policy.request_timeout_ms = 5000;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = 5900;
  (void)step(EXCHANGE_ON_REQUEST_BODY); // a further byte is no new chance
  assert_int_equal(exchange_deadline(&x), 6000);
  now = 6000;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_int_equal(x.status, 408);
  assert_true(str_eq(x.details, STR("request_overall_timeout")));
  assert_true(x.cut);
  begin(true, true, 0, 0); // not once the answer runs
  x.policy.request_timeout_ms = 5000;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  (void)response_head(200);
  assert_true(exchange_deadline(&x) > 6000);
}

static void a_broken_request_says_why(void **state) {
  (void)state;
  struct exchange_event event = {.kind = EXCHANGE_ON_REQUEST_FAULT,
                                 .reply = {413, 0, STR("Payload Too Large"), STR("too_large")}};
  begin(true, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  event.now_ms = now;
  assert_int_equal(exchange_step(&x, &event), RESET_UP | REPLY);
  assert_int_equal(x.status, 413);
  assert_true(x.cut);
}

static uint32_t copy_lost(void) {
  return step(EXCHANGE_ON_COPY_LOST);
}

static void a_body_too_long_in_a_pause_is_507(void **state) {
  (void)state;
  begin(true, true, 0, 0);
  (void)step(EXCHANGE_ON_BEGIN);
  assert_int_equal(copy_lost(), 0); // the connection that comes takes what is held
  assert_false(x.copy_lost);
  (void)connect_failed(EXCHANGE_REASON_REMOTE_CONNECT);
  assert_int_equal(x.try, EXCHANGE_TRY_BACKOFF);
  assert_int_equal(copy_lost(), REPLY);
  assert_int_equal(x.status, 507);
  assert_true(x.cut && x.copy_lost);
  assert_int_equal(step(EXCHANGE_ON_CLIENT_DRAINED), FINISH);
  begin(true, true, 0, 0); // with a try in flight it is only not kept
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_true(exchange_keeps_request(&x));
  assert_int_equal(copy_lost(), 0);
  assert_false(exchange_keeps_request(&x));
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, true, false), REPLY);
}

static void a_body_is_kept_only_for_tries_that_may_come(void **state) {
  (void)state;
  begin(true, false, 0, 0);
  retry.attempts = 0;
  (void)step(EXCHANGE_ON_BEGIN);
  assert_true(exchange_keeps_request(&x)); // for the first
  (void)connected(false);
  assert_false(exchange_keeps_request(&x));
  begin(true, false, 0, 0);
  retry.attempts = 0;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(true); // it may turn out closed
  assert_true(exchange_keeps_request(&x));
  assert_int_equal(reset(EXCHANGE_REASON_TERMINATED, false, false), CONNECT);
  (void)connected(false);
  assert_false(exchange_keeps_request(&x));
}

static int allowed;

static bool take_retry(void *ctx) {
  (void)ctx;
  return allowed-- > 0;
}

static void a_cluster_bears_so_many_retries(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  retry.on = RETRY_ON_5XX;
  retry.attempts = 3;
  x.policy.take_retry = take_retry;
  allowed = 1;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  assert_int_equal(response_head(500), RESET_UP);
  now = exchange_deadline(&x);
  assert_int_equal(step(EXCHANGE_ON_TIMER), CONNECT);
  (void)connected(false);
  assert_int_equal(response_head(500), RESPOND); // the failure is passed on
  assert_flags("UO");
  assert_true(x.retry_overflow && !x.retry_limit && !x.retry_success);
}

static void an_overflow_is_not_tried_again(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  retry.on = UINT32_MAX;
  (void)step(EXCHANGE_ON_BEGIN);
  assert_int_equal(connect_failed(EXCHANGE_REASON_OVERFLOW), REPLY);
  assert_int_equal(x.status, 503);
  assert_flags("UO");
  assert_true(str_eq(x.details, STR("upstream_reset_before_response_started{overflow}")));
}

static void a_retry_that_ends_well_is_noted(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  retry.on = RETRY_ON_5XX;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  (void)response_head(500);
  assert_false(x.retry_success);
  now = exchange_deadline(&x);
  (void)step(EXCHANGE_ON_TIMER);
  (void)connected(false);
  assert_int_equal(response_head(404), RESPOND); // nothing that is retried
  assert_true(x.retry_success);
  assert_int_equal(x.retries, 1);
}

static void a_try_is_told_its_time(void **state) {
  (void)state;
  begin(false, true, 0, 0);
  assert_int_equal(exchange_try_budget(&x, now), 0);
  begin(false, true, 0, 30);
  assert_int_equal(exchange_try_budget(&x, now), 30);
  begin(false, true, 100, 30);
  assert_int_equal(exchange_try_budget(&x, now), 30);
  begin(false, true, 100, 300);
  retry.on = RETRY_ON_5XX;
  assert_int_equal(exchange_try_budget(&x, now + 5), 100); // of the first try
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now += 40;
  (void)response_head(500);
  assert_int_equal(exchange_try_budget(&x, now), 60);
  assert_int_equal(exchange_try_budget(&x, now + 500), 1); // 0 would mean for ever
}

static void a_client_may_want_timeouts_to_look_like_success(void **state) {
  (void)state;
  begin(false, true, 300, 0);
  x.policy.timeout_is_204 = true;
  (void)step(EXCHANGE_ON_BEGIN);
  (void)connected(false);
  now = 1300;
  assert_int_equal(step(EXCHANGE_ON_TIMER), RESET_UP | REPLY);
  assert_int_equal(x.status, 204);
  assert_int_equal(x.reply.body.len, 0);
  assert_flags("UT");
}

static void flags_have_names(void **state) {
  char out[64];
  (void)state;
  assert_int_equal(exchange_flag_find(STR("NR")), EXCHANGE_NR);
  assert_int_equal(exchange_flag_find(STR("")), 0);
  struct str text = exchange_flags_text(EXCHANGE_URX | EXCHANGE_UF, out);
  assert_memory_equal(text.ptr, "UF,URX", 6);
  (void)exchange_flags_text(UINT32_MAX, out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_request_goes_through),
      cmocka_unit_test(a_body_is_streamed_once_connected),
      cmocka_unit_test(an_early_answer_ends_the_upload),
      cmocka_unit_test(a_local_answer_needs_no_upstream),
      cmocka_unit_test(connect_failures_are_retried_with_pauses),
      cmocka_unit_test(a_stale_connection_is_replaced),
      cmocka_unit_test(what_may_have_been_done_is_not_repeated),
      cmocka_unit_test(the_route_timeout_answers_504),
      cmocka_unit_test(a_timeout_in_the_body_cuts),
      cmocka_unit_test(a_try_timeout_follows_the_policy),
      cmocka_unit_test(a_bad_answer_is_retried_when_asked),
      cmocka_unit_test(nothing_is_retried_after_an_interim_head),
      cmocka_unit_test(a_client_that_leaves_ends_all),
      cmocka_unit_test(another_protocol_is_a_tunnel),
      cmocka_unit_test(full_buffers_stop_the_other_side),
      cmocka_unit_test(silence_has_an_end),
      cmocka_unit_test(a_request_without_end_is_answered_408),
      cmocka_unit_test(a_broken_request_says_why),
      cmocka_unit_test(a_body_too_long_in_a_pause_is_507),
      cmocka_unit_test(a_body_is_kept_only_for_tries_that_may_come),
      cmocka_unit_test(a_cluster_bears_so_many_retries),
      cmocka_unit_test(an_overflow_is_not_tried_again),
      cmocka_unit_test(a_retry_that_ends_well_is_noted),
      cmocka_unit_test(a_try_is_told_its_time),
      cmocka_unit_test(a_client_may_want_timeouts_to_look_like_success),
      cmocka_unit_test(flags_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
