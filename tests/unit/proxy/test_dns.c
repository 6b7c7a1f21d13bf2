// SPDX-License-Identifier: Apache-2.0
// With the system's resolver and names it answers without a network.
#include "proxy/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static uv_loop_t loop;
static int changes;
static bool closed;

static void on_changed(void *ctx) {
  (void)ctx;
  changes++;
}

static void on_closed(void *ctx) {
  (void)ctx;
  closed = true;
}

static struct dns *start(int64_t interval_ms) {
  changes = 0;
  closed = false;
  assert_int_equal(uv_loop_init(&loop), 0);
  return dns_new(&loop, interval_ms, on_changed, NULL);
}

static void stop(struct dns *dns) {
  dns_close(dns, on_closed, NULL);
  (void)uv_run(&loop, UV_RUN_DEFAULT);
  assert_true(closed);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_name_is_found_once_and_kept(void **state) {
  (void)state;
  struct dns *dns = start(1);
  const struct str *addresses = NULL;
  dns_begin(dns);
  assert_int_equal(dns_find(dns, STR("localhost"), &addresses), 0);
  assert_true(dns_is_pending(dns));
  dns_end(dns);
  while (changes == 0)
    (void)uv_run(&loop, UV_RUN_ONCE);
  assert_false(dns_is_pending(dns));
  dns_begin(dns);
  size_t count = dns_find(dns, STR("localhost"), &addresses);
  dns_end(dns);
  bool found = false;
  for (size_t i = 0; i < count; i++)
    found |= str_eq(addresses[i], STR("127.0.0.1")) || str_eq(addresses[i], STR("::1"));
  assert_true(found);
  // Asked again and again, the same answer is no change.
  for (int i = 0; i < 20; i++)
    (void)uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(changes, 1);
  stop(dns);
}

static void a_name_that_is_not_wanted_is_forgotten(void **state) {
  (void)state;
  struct dns *dns = start(60000);
  const struct str *addresses = NULL;
  dns_begin(dns);
  (void)dns_find(dns, STR("localhost"), &addresses);
  dns_end(dns);
  (void)uv_run(&loop, UV_RUN_NOWAIT); // asked for
  dns_begin(dns);
  dns_end(dns);
  assert_false(dns_is_pending(dns));
  int before = changes; // it may have been quick
  stop(dns);            // while the question may still run
  assert_int_equal(changes, before);
}

static void closing_does_not_wait_for_the_interval(void **state) {
  (void)state;
  struct dns *dns = start(60000);
  const struct str *addresses = NULL;
  dns_begin(dns);
  (void)dns_find(dns, STR("no-such-name.invalid"), &addresses);
  dns_end(dns);
  while (dns_is_pending(dns))
    (void)uv_run(&loop, UV_RUN_ONCE);
  dns_begin(dns);
  assert_int_equal(dns_find(dns, STR("no-such-name.invalid"), &addresses), 0);
  dns_end(dns);
  assert_int_equal(changes, 0);
  stop(dns);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_is_found_once_and_kept),
      cmocka_unit_test(a_name_that_is_not_wanted_is_forgotten),
      cmocka_unit_test(closing_does_not_wait_for_the_interval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
