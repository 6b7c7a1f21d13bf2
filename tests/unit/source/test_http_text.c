// SPDX-License-Identifier: Apache-2.0
// Escapes, headers and hosts, without a connection.
#include "manifests/source/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_texts(void **state) {
  (void)state;
  struct arena arena = {0};
  assert_string_equal(http_escape(&arena, STR("a b/c=ü")).ptr, "a%20b%2Fc%3D%C3%BC");
  struct str rest = STR("Warning: one\r\nX: y\r\nwarning:two\r\n"), value;
  assert_true(http_next_header(&rest, "Warning", &value));
  assert_true(str_eq_z(value, "one"));
  assert_true(http_next_header(&rest, "Warning", &value));
  assert_true(str_eq_z(value, "two"));
  assert_false(http_next_header(&rest, "Warning", &value));
  arena_dispose(&arena);
}

static void test_the_host_of_a_url(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"https://Hooks.Slack.com/x", "hooks.slack.com"},
      {"https://example.com./", "example.com"},
      {"https://user@evil.com:1/", "evil.com"},
      {"https://good.com\\@evil.com/", "good.com\\@evil.com"},
      {"https://[FD00:EC2::254]/x", "[fd00:ec2::254]"},
      {"http://2130706433/", "127.0.0.1"},
      {"http://0x7f.1/", "127.0.0.1"},
      {"https://", ""},
      {"no url", ""},
  };
  struct arena arena = {0};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct str host = http_url_host(&arena, str_of(rows[i][0]));
    if (i != 3) // libcurl's versions differ in refusing it
      assert_true(str_eq_z(host, rows[i][1]));
    assert_false(str_eq_z(host, "good.com"));
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_texts),
      cmocka_unit_test(test_the_host_of_a_url),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
