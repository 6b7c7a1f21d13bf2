// SPDX-License-Identifier: Apache-2.0
// Shared counters of a cluster: limits that several threads together never pass, and who is woken.
#include "manifests/base/bug.h"
#include "proxy/breaker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static unsigned woken[4];

static void on_wake(void *ctx) {
  (*(unsigned *)ctx)++;
}

static struct breakers *make(unsigned workers) {
  struct breakers *breakers = breakers_new(workers);
  breakers_fit(breakers, 300, 300);
  memset(woken, 0, sizeof(woken));
  for (unsigned i = 0; i < workers; i++)
    breakers_attach(breakers, i, NULL, on_wake, &woken[i]);
  return breakers;
}

static void the_limit_gives_way_for_a_host_without_connection(void **state) {
  (void)state;
  struct breakers *breakers = make(2);
  struct breaker *breaker = breaker_at(breakers, 299);
  atomic_uint *one = breaker_host_at(breakers, 0), *two = breaker_host_at(breakers, 299);
  assert_true(breaker_open_connection(breaker, one, 2));
  assert_true(breaker_open_connection(breaker, one, 2));
  assert_false(breaker_open_connection(breaker, one, 2));
  assert_true(breaker_open_connection(breaker, two, 2)); // its first
  assert_false(breaker_open_connection(breaker, two, 2));
  assert_int_equal(atomic_load(&breaker->connections), 3);
  breaker_close_connection(breakers, breaker, two, 0);
  assert_false(breaker_open_connection(breaker, one, 2)); // still at the limit
  breaker_close_connection(breakers, breaker, one, 0);
  assert_true(breaker_open_connection(breaker, one, 2));
  assert_int_equal(woken[0] + woken[1], 0); // nobody waited
  breakers_free(breakers);
}

static void a_free_place_wakes_one_in_turn(void **state) {
  (void)state;
  struct breakers *breakers = make(4);
  struct breaker *breaker = breaker_at(breakers, 7), *other = breaker_at(breakers, 8);
  atomic_uint *host = breaker_host_at(breakers, 7);
  for (int i = 0; i < 3; i++)
    assert_true(breaker_open_connection(breaker, host, 3));
  breaker_wait(breaker, 1, 3);
  breaker_wait(breaker, 3, 3);
  assert_true(breaker_needs_place(breaker));
  assert_false(breaker_needs_place(other));
  assert_true(breaker_is_wanted_elsewhere(breaker, 1));
  assert_false(breaker_is_wanted(other));
  breaker_close_connection(breakers, breaker, host, 0);
  breaker_close_connection(breakers, breaker, host, 1);
  breaker_close_connection(breakers, breaker, host, 3);
  assert_false(breaker_needs_place(breaker));
  assert_int_equal(woken[0], 0);
  assert_int_equal(woken[1], 2); // after 0, and after 3
  assert_int_equal(woken[2], 0);
  assert_int_equal(woken[3], 1);
  breaker_wait_no_more(breaker, 3);
  assert_false(breaker_is_wanted_elsewhere(breaker, 1));
  breaker_wait_no_more(breaker, 1);
  assert_false(breaker_is_wanted(breaker));
  breaker_wake_idle(breakers, breaker, 1); // none is idle
  assert_int_equal(woken[0], 0);
  (void)atomic_fetch_add(&breaker->idle, 1);
  breaker_wait(breaker, 2, 3);
  breaker_wake_idle(breakers, breaker, 1);
  assert_int_equal(woken[0], 1);
  assert_int_equal(woken[1], 2); // who asks
  assert_int_equal(woken[2], 0); // who waits, too
  assert_int_equal(woken[3], 2);
  breaker_wait_no_more(breaker, 2);
  breakers_detach(breakers, 0);
  breaker_wake_idle(breakers, breaker, 1);
  assert_int_equal(woken[0], 1);
  assert_int_equal(woken[2], 1);
  breakers_free(breakers);
}

#define THREADS 4
#define ROUNDS 20000
#define LIMIT 3

struct racer {
  struct breakers *breakers;
  bool connects; // opens connections to one host; else it makes requests
  atomic_uint *highest;
  unsigned index;
  unsigned taken;
};

static atomic_uint *counter(const struct racer *racer) {
  struct breaker *breaker = breaker_at(racer->breakers, 1);
  return racer->connects ? &breaker->connections : &breaker->requests;
}

static bool take(const struct racer *racer) {
  if (!racer->connects)
    return breaker_take(counter(racer), LIMIT);
  return breaker_open_connection(breaker_at(racer->breakers, 1),
                                 breaker_host_at(racer->breakers, 1), 1);
}

static void give(const struct racer *racer) {
  if (!racer->connects)
    breaker_give(counter(racer));
  else
    breaker_close_connection(racer->breakers, breaker_at(racer->breakers, 1),
                             breaker_host_at(racer->breakers, 1), racer->index);
}

static void *race(void *arg) {
  struct racer *racer = arg;
  for (int i = 0; i < ROUNDS; i++) {
    if (!take(racer))
      continue;
    racer->taken++;
    unsigned now = atomic_load(counter(racer)), high = atomic_load(racer->highest);
    while (now > high && !atomic_compare_exchange_weak(racer->highest, &high, now))
      ;
    give(racer);
  }
  return NULL;
}

static void never_more_than(unsigned limit, bool connects) {
  struct breakers *breakers = make(4);
  atomic_uint highest = 0;
  pthread_t threads[THREADS];
  struct racer racers[THREADS];
  unsigned taken = 0;
  for (unsigned i = 0; i < THREADS; i++) {
    racers[i] = (struct racer){breakers, connects, &highest, i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    (void)pthread_join(threads[i], NULL);
    taken += racers[i].taken;
  }
  assert_true(taken > 0);
  assert_in_range(atomic_load(&highest), 1, limit);
  assert_int_equal(atomic_load(counter(&racers[0])), 0);
  breakers_free(breakers);
}

static void threads_never_pass_a_limit(void **state) {
  (void)state;
  never_more_than(LIMIT, false);
}

// The first connection of a host may pass a limit that others have used up, but only one is first.
static void one_of_many_threads_opens_the_first_connection(void **state) {
  (void)state;
  never_more_than(1, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_limit_gives_way_for_a_host_without_connection),
      cmocka_unit_test(a_free_place_wakes_one_in_turn),
      cmocka_unit_test(threads_never_pass_a_limit),
      cmocka_unit_test(one_of_many_threads_opens_the_first_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
