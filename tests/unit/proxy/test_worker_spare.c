// SPDX-License-Identifier: Apache-2.0
// What a worker keeps: the last one first, never more than the limit, and no more than was needed
// lately.
#include "proxy/worker_spare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int things[WORKER_SPARES_KEPT + 10];
static unsigned disposed;
static void *last_disposed;

static void dispose(void *item) {
  disposed++;
  last_disposed = item;
}

static struct worker_spare spare;

static void begin(unsigned count) {
  spare = (struct worker_spare){.dispose = dispose};
  disposed = 0;
  for (unsigned i = 0; i < count; i++)
    worker_spare_put(&spare, &things[i], 1);
}

static void the_last_one_is_taken_first(void **state) {
  (void)state;
  begin(3);
  assert_ptr_equal(worker_spare_take(&spare), &things[2]);
  assert_ptr_equal(worker_spare_take(&spare), &things[1]);
  worker_spare_put(&spare, &things[2], 1);
  assert_ptr_equal(worker_spare_take(&spare), &things[2]);
  assert_ptr_equal(worker_spare_take(&spare), &things[0]);
  assert_null(worker_spare_take(&spare));
  assert_int_equal(disposed, 0);
}

static void the_oldest_goes_when_it_is_full(void **state) {
  (void)state;
  begin(WORKER_SPARES_KEPT + 1);
  assert_int_equal(disposed, 1);
  assert_ptr_equal(last_disposed, &things[0]);
  assert_int_equal(spare.count, WORKER_SPARES_KEPT);
  worker_spare_free_all(&spare);
  assert_int_equal(disposed, WORKER_SPARES_KEPT + 1);
}

static void what_nobody_needed_goes(void **state) {
  (void)state;
  begin(100); // a crowd, all back
  int64_t now = 1;
  for (int round = 0; round < 3; round++) { // and then seven at a time
    void *taken[7];
    now += WORKER_SPARE_PERIOD_MS;
    for (int i = 0; i < 7; i++)
      taken[i] = worker_spare_take(&spare);
    for (int i = 0; i < 7; i++)
      worker_spare_put(&spare, taken[i], now);
  }
  assert_int_equal(spare.count, 7);
  assert_int_equal(disposed, 93);
  assert_ptr_equal(last_disposed, &things[92]); // those in use were the last ones
  worker_spare_free_all(&spare);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_one_is_taken_first),
      cmocka_unit_test(the_oldest_goes_when_it_is_full),
      cmocka_unit_test(what_nobody_needed_goes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
