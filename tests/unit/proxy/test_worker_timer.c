// SPDX-License-Identifier: Apache-2.0
// Deadlines that move: the timer fires at the last one wanted, once, and not when it is switched
// off.
#include "manifests/base/bug.h"
#include "proxy/worker_timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uv_loop_t loop;
static struct worker_timer timer;
static int fired;
static uint64_t fired_at;

static void on_fire(struct worker_timer *t) {
  fired++;
  fired_at = uv_now(t->timer.loop);
}

static void open_timer(void) {
  fired = 0;
  assert_int_equal(uv_loop_init(&loop), 0);
  worker_timer_init(&timer, &loop, on_fire);
}

static void close_timer(void) {
  worker_timer_close(&timer, NULL);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void it_fires_at_the_last_time_wanted(void **state) {
  (void)state;
  open_timer();
  uint64_t start = uv_now(&loop);
  for (uint64_t i = 1; i <= 20; i++)
    worker_timer_set(&timer, start + i);
  assert_int_equal(timer.armed_ms, start + 1); // moving it later touched nothing but the field
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(fired, 1);
  assert_true(fired_at >= start + 20);
  close_timer();
}

static void an_earlier_time_counts_at_once(void **state) {
  (void)state;
  open_timer();
  uint64_t start = uv_now(&loop);
  worker_timer_set(&timer, start + 3600000);
  worker_timer_set(&timer, start + 5);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(fired, 1);
  close_timer();
}

static void switched_off_it_does_not_fire(void **state) {
  (void)state;
  open_timer();
  worker_timer_set(&timer, uv_now(&loop) + 1);
  worker_timer_set(&timer, 0);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(fired, 0);
  worker_timer_set(&timer, uv_now(&loop) + 1); // and may be used again
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(fired, 1);
  close_timer();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_fires_at_the_last_time_wanted),
      cmocka_unit_test(an_earlier_time_counts_at_once),
      cmocka_unit_test(switched_off_it_does_not_fire),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
