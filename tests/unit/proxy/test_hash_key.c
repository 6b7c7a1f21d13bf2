// SPDX-License-Identifier: Apache-2.0
#include "proxy/hash_key.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <xxhash.h>

static struct head head;
static struct sockaddr_in peer;

static uint64_t hash(const char *text) {
  return XXH64(text, strlen(text), 0);
}

static void check(enum table_hash_key key, const char *name, bool makes, bool trusts,
                  enum hash_found want, uint64_t want_hash) {
  const struct table_hash policy = {.key = key, .name = str_of(name), .makes_cookie = makes};
  union {
    const struct sockaddr_in *v4;
    const struct sockaddr *any;
  } address = {&peer};
  const struct hash_request request = {&head, address.any, trusts};
  uint64_t got = 0;
  assert_int_equal(hash_key_find(&policy, &request, &got), want);
  if (want == HASH_FOUND)
    assert_true(got == want_hash);
}

static void headers_in_any_order(void **state) {
  (void)state;
  head_init(&head);
  check(TABLE_HASH_HEADER, "x-user-id", false, false, HASH_NONE, 0);
  (void)head_add_name(&head, STR("x-user-id"), STR("ann"));
  check(TABLE_HASH_HEADER, "x-user-id", false, false, HASH_FOUND, 0xb41beba40346ebe);
  head_init(&head);
  (void)head_add_name(&head, STR("x-user-id"), STR("b"));
  (void)head_add_name(&head, STR("x-other"), STR("c"));
  (void)head_add_name(&head, STR("x-user-id"), STR("a"));
  check(TABLE_HASH_HEADER, "x-user-id", false, false, HASH_FOUND, 0x76d9a1916ddca8e6);
}

static void cookies_with_and_without_quotes(void **state) {
  (void)state;
  head_init(&head);
  check(TABLE_HASH_COOKIE, "sid", false, false, HASH_NONE, 0);
  check(TABLE_HASH_COOKIE, "sid", true, false, HASH_MAKE_COOKIE, 0);
  (void)head_add_name(&head, STR("cookie"), STR("a=1; xsid=no"));
  (void)head_add_name(&head, STR("cookie"), STR("b=2; sid=s3cret; sid=other"));
  check(TABLE_HASH_COOKIE, "sid", true, false, HASH_FOUND, 0x3e3bc3f5d32f7ed5);
  head_init(&head);
  (void)head_add_name(&head, STR("cookie"), STR("sid=\"s3cret\""));
  check(TABLE_HASH_COOKIE, "sid", true, false, HASH_FOUND, 0x3e3bc3f5d32f7ed5);
  check(TABLE_HASH_COOKIE, "SID", true, false, HASH_MAKE_COOKIE, 0);
}

static void the_first_query_parameter(void **state) {
  (void)state;
  head_init(&head);
  check(TABLE_HASH_QUERY, "user", false, false, HASH_NONE, 0);
  head.query = STR("x=1&user=ann&user=bob");
  check(TABLE_HASH_QUERY, "user", false, false, HASH_FOUND, hash("ann"));
  head.query = STR("user=%20ann");
  check(TABLE_HASH_QUERY, "user", false, false, HASH_FOUND, hash("%20ann")); // as it came
  check(TABLE_HASH_QUERY, "use", false, false, HASH_NONE, 0);
}

static void the_address_of_the_client(void **state) {
  (void)state;
  head_init(&head);
  peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  check(TABLE_HASH_SOURCE_IP, "", false, true, HASH_FOUND, 0xc08b1587df65b7a7);
  (void)head_add_name(&head, STR("x-forwarded-for"), STR("1.2.3.4, 10.1.2.3"));
  check(TABLE_HASH_SOURCE_IP, "", false, true, HASH_FOUND, 0x43bc2967acb25af4);
  check(TABLE_HASH_SOURCE_IP, "", false, false, HASH_FOUND, 0xc08b1587df65b7a7);
  head_init(&head);
  (void)head_add_name(&head, STR("x-forwarded-for"), STR("10.1.2.3, unknown"));
  check(TABLE_HASH_SOURCE_IP, "", false, true, HASH_FOUND, 0xc08b1587df65b7a7);
}

static void a_made_cookie_is_of_the_connection(void **state) {
  (void)state;
  char text[17];
  uint64_t got;
  struct str value = hash_key_cookie(STR("127.0.0.1:15001"), STR("127.0.0.1:4711"), text, &got);
  assert_true(str_eq(value, STR("fd0202f352e2acff")));
  assert_true(got == 0xa340e7ce61e58fc7);
  // Two equal keys do not cancel each other out.
  assert_true(hash_key_combine(5, 5) == 15);
  assert_true(hash_key_combine(1ull << 63, 0) == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(headers_in_any_order),
      cmocka_unit_test(cookies_with_and_without_quotes),
      cmocka_unit_test(the_first_query_parameter),
      cmocka_unit_test(the_address_of_the_client),
      cmocka_unit_test(a_made_cookie_is_of_the_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
