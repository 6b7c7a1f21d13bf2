// SPDX-License-Identifier: Apache-2.0
// One webhook call, without the call.
#include "operator/effect/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// The example of the Standard Webhooks specification.
static void signature_is_the_one_of_the_specification(void **state) {
  (void)state;
  struct arena arena;
  struct str key = STR_NULL;
  arena_init(&arena);
  assert_int_equal(webhook_key(STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), &arena, &key, NULL),
                   RC_OK);
  assert_int_equal(key.len, 24);
  struct str signature = webhook_signature(key, STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                           STR("{\"test\": 2432232314}"), &arena);
  assert_string_equal(signature.ptr, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  arena_dispose(&arena);
}

static void keys(void **state) {
  (void)state;
  struct arena arena;
  struct str key = STR_NULL;
  arena_init(&arena);
  assert_int_equal(webhook_key(STR("0123456789abcdef\n"), &arena, &key, NULL), RC_OK);
  assert_true(str_eq(key, STR("0123456789abcdef")));
  assert_int_equal(webhook_key(STR("short"), &arena, &key, NULL), RC_INVALID);
  assert_int_equal(webhook_key(STR("whsec_????"), &arena, &key, NULL), RC_INVALID);
  assert_int_equal(webhook_key(STR(""), &arena, &key, NULL), RC_INVALID);
  arena_dispose(&arena);
}

static void answers(void **state) {
  (void)state;
  static const struct {
    int status;
    enum webhook_answer answer;
  } rows[] = {{200, WEBHOOK_TAKEN},   {204, WEBHOOK_TAKEN},   {301, WEBHOOK_REFUSED},
              {307, WEBHOOK_REFUSED}, {400, WEBHOOK_REFUSED}, {401, WEBHOOK_REFUSED},
              {404, WEBHOOK_REFUSED}, {408, WEBHOOK_AGAIN},   {410, WEBHOOK_REFUSED},
              {425, WEBHOOK_AGAIN},   {429, WEBHOOK_AGAIN},   {500, WEBHOOK_AGAIN},
              {503, WEBHOOK_AGAIN}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *text;
    assert_int_equal(webhook_judge(rows[i].status, &text), rows[i].answer);
  }
}

static void waits_grow_and_are_bounded(void **state) {
  (void)state;
  int64_t before = 0;
  for (int tries = 1; tries < 100; tries++) {
    int64_t least = webhook_wait_ms(tries, 0, 0), most = webhook_wait_ms(tries, 0.999, 0);
    assert_in_range(least, 500, 30000);
    assert_in_range(most, least, 60000);
    assert_true(least >= before);
    before = least;
  }
  assert_int_equal(webhook_wait_ms(1, 0, 7000), 7000);
  assert_int_equal(webhook_wait_ms(1, 0, 86400000), 300000);
}

static void retry_after(void **state) {
  (void)state;
  assert_int_equal(webhook_retry_after_ms(STR("12")), 12000);
  assert_int_equal(webhook_retry_after_ms(STR("")), 0);
  assert_int_equal(webhook_retry_after_ms(STR("Wed, 21 Oct 2026 07:28:00 GMT")), 0);
  assert_int_equal(webhook_retry_after_ms(STR("-5")), 0);
  assert_int_equal(webhook_retry_after_ms(STR("18446744073709551615")), 300000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signature_is_the_one_of_the_specification),
      cmocka_unit_test(keys),
      cmocka_unit_test(answers),
      cmocka_unit_test(waits_grow_and_are_bounded),
      cmocka_unit_test(retry_after),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
