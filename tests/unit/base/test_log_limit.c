// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/log_limit.h"
#include "manifests/base/bug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_what_passes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t now_ms;
    bool passes;
    uint64_t held;
  } cases[] = {
      {"a", 0, true, 0},      {"a", 10, false, 0},    {"a", 59999, false, 0}, {"a", 60000, true, 2},
      {"b", 60500, false, 0}, {"b", 61000, true, 1},  {"a", 61500, false, 0}, {"a", 62000, true, 1},
      {"a", 63000, false, 0}, {"a", 122000, true, 1},
  };
  struct log_limit limit = {0};
  assert_false(log_limit_over(&limit));
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    uint64_t held = 0;
    assert_int_equal(log_limit_pass(&limit, str_of(cases[i].text), cases[i].now_ms, 60000, &held),
                     cases[i].passes);
    assert_int_equal(held, cases[i].held);
  }
  assert_true(log_limit_over(&limit));
  assert_false(log_limit_over(&limit));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
