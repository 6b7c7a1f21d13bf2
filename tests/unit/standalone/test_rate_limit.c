// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int burst(struct rate_limit *limit, uint64_t client, int64_t now_ms) {
  int count = 0;
  while (rate_limit_take(limit, client, now_ms) == 0)
    count++;
  return count;
}

static void a_bucket_empties_and_fills(void **state) {
  struct rate_limit limit;
  (void)state;
  rate_limit_init(&limit, 10, 50);
  assert_int_equal(burst(&limit, 1, 1000), 50);
  assert_int_equal(rate_limit_take(&limit, 1, 1000), 100);
  assert_int_equal(rate_limit_take(&limit, 1, 1060), 40);
  assert_int_equal(rate_limit_take(&limit, 1, 1100), 0);
  assert_int_equal(burst(&limit, 1, 2100), 10);
  assert_int_equal(burst(&limit, 1, 1000000), 50);       // never more than a burst
  assert_int_equal(burst(&limit, 1, INT64_MAX / 2), 50); // nor an overflow
}

static void clients_do_not_share(void **state) {
  struct rate_limit limit;
  (void)state;
  rate_limit_init(&limit, 10, 5);
  for (uint64_t client = 1; client <= RATE_LIMIT_CLIENTS; client++)
    assert_int_equal(burst(&limit, client, 1000), 5);
  // More than there are buckets for: those share one.
  assert_int_equal(burst(&limit, 5000, 1000), 5);
  assert_int_equal(burst(&limit, 5001, 1000), 0);
  // Whoever was quiet gives his bucket up.
  assert_int_equal(burst(&limit, 6000, 2000), 5);
  assert_int_equal(burst(&limit, 6001, 2000), 5);
}

static void time_that_goes_back_takes_nothing(void **state) {
  struct rate_limit limit;
  (void)state;
  rate_limit_init(&limit, 1000, 3);
  assert_int_equal(rate_limit_take(&limit, 7, 1000), 0);
  assert_int_equal(rate_limit_take(&limit, 7, 500), 0);
  assert_int_equal(rate_limit_take(&limit, 7, 500), 0);
  assert_int_equal(rate_limit_take(&limit, 7, 500), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bucket_empties_and_fills),
      cmocka_unit_test(clients_do_not_share),
      cmocka_unit_test(time_that_goes_back_takes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
