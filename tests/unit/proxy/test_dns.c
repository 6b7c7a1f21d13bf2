// SPDX-License-Identifier: Apache-2.0
// The resolver here is ours: libuv finds these two functions before the C library's.
#include "proxy/dns.h"

#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

// Last bytes of the addresses 10.0.0.x it answers with, as decimal digits from the right; 0: the
// name is not known.
static atomic_uint answer;
static atomic_int questions;

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret);
void freeaddrinfo(struct addrinfo *list);

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret) {
  (void)name, (void)service, (void)hints;
  struct addrinfo *first = NULL;
  atomic_fetch_add(&questions, 1);
  for (unsigned rest = atomic_load(&answer); rest > 0; rest /= 10) {
    struct addrinfo *item = calloc(1, sizeof(*item) + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (void *)(item + 1);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x0a000000u + rest % 10);
    item->ai_family = AF_INET;
    item->ai_addr = (void *)address;
    item->ai_next = first;
    first = item;
  }
  *ret = first;
  return first ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) {
  while (list) {
    struct addrinfo *next = list->ai_next;
    free(list);
    list = next;
  }
}

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

// As a table is built: the addresses of one name, "10.0.0.1 10.0.0.2".
static void has(struct dns *dns, const char *want) {
  const struct str *addresses = NULL;
  char text[256] = "";
  size_t at = 0;
  dns_begin(dns);
  size_t count = dns_find(dns, STR("db.example"), &addresses);
  for (size_t i = 0; i < count; i++)
    at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i ? " " : "",
                           STR_ARG(addresses[i]));
  dns_end(dns);
  assert_string_equal(text, want);
}

static void ask_again(int times) {
  int before = atomic_load(&questions);
  while (atomic_load(&questions) < before + times)
    (void)uv_run(&loop, UV_RUN_ONCE);
}

static void answers_come_and_change_and_fail(void **state) {
  (void)state;
  struct dns *dns = start(1);
  atomic_store(&answer, 21);
  has(dns, "");
  assert_true(dns_is_pending(dns));
  while (changes < 1)
    (void)uv_run(&loop, UV_RUN_ONCE);
  assert_false(dns_is_pending(dns));
  has(dns, "10.0.0.2 10.0.0.1");
  atomic_store(&answer, 12); // the same in another order is no change
  ask_again(5);
  assert_int_equal(changes, 1);
  has(dns, "10.0.0.2 10.0.0.1");
  atomic_store(&answer, 132);
  while (changes < 2)
    (void)uv_run(&loop, UV_RUN_ONCE);
  has(dns, "10.0.0.1 10.0.0.3 10.0.0.2");
  atomic_store(&answer, 0); // no answer: the last one stays
  ask_again(5);
  assert_int_equal(changes, 2);
  has(dns, "10.0.0.1 10.0.0.3 10.0.0.2");
  atomic_store(&answer, 4);
  while (changes < 3)
    (void)uv_run(&loop, UV_RUN_ONCE);
  has(dns, "10.0.0.4");
  stop(dns);
}

static void a_name_that_is_not_wanted_is_forgotten(void **state) {
  (void)state;
  struct dns *dns = start(60000);
  atomic_store(&answer, 1);
  has(dns, "");
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
  atomic_store(&answer, 0);
  has(dns, "");
  while (dns_is_pending(dns))
    (void)uv_run(&loop, UV_RUN_ONCE);
  has(dns, "");
  assert_int_equal(changes, 0);
  stop(dns);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_come_and_change_and_fail),
      cmocka_unit_test(a_name_that_is_not_wanted_is_forgotten),
      cmocka_unit_test(closing_does_not_wait_for_the_interval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
