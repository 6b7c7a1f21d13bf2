// SPDX-License-Identifier: Apache-2.0
// One line of a head at a time: which bytes may stand where.
#include "proxy/http1_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool field(const char *text, size_t len, char *line, struct str *name, struct str *value) {
  memcpy(line, text, len);
  return http1_line_field(line, len, name, value);
}

static bool is_token_byte(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

// Each byte at each place of values of many lengths, so that every path of the word-wise check is
// taken.
static void every_byte_of_a_value_is_checked(void **state) {
  char text[64], line[64];
  struct str name, value;
  (void)state;
  for (size_t len = 1; len <= 20; len++) {
    for (size_t at = 0; at < len; at++) {
      for (int c = 0; c < 256; c++) {
        memcpy(text, "n:", 2);
        memset(text + 2, 'v', len);
        text[2 + at] = (char)c;
        text[2 + len] = '\r';
        bool allowed = c == '\t' || (c >= ' ' && c != 0x7f);
        assert_int_equal(field(text, len + 3, line, &name, &value), allowed);
        if (allowed && c != ' ' && c != '\t')
          assert_int_equal(value.len, len);
      }
    }
  }
}

static void every_byte_of_a_name_is_checked(void **state) {
  char line[8];
  struct str name, value;
  (void)state;
  for (int c = 0; c < 256; c++) {
    char text[] = {'A', (char)c, 'B', ':', '1', '\r'};
    // A colon ends the name.
    assert_int_equal(field(text, sizeof(text), line, &name, &value), is_token_byte(c) || c == ':');
    if (is_token_byte(c))
      assert_true(name.len == 3 && name.ptr[0] == 'a' && name.ptr[2] == 'b');
  }
}

static void values_lose_the_spaces_around_them(void **state) {
  char line[64];
  struct str name, value;
  (void)state;
  assert_true(field("A: \t b c \t\r", 11, line, &name, &value));
  assert_true(str_eq(value, STR("b c")));
  assert_true(field("A:\r", 3, line, &name, &value));
  assert_int_equal(value.len, 0);
  assert_true(field("A: \t \r", 6, line, &name, &value));
  assert_int_equal(value.len, 0);
  assert_false(field("A", 1, line, &name, &value));
  assert_false(field("A:", 2, line, &name, &value));
  assert_false(field("A: b", 4, line, &name, &value)); // no CR
  assert_false(field(" A: b\r", 6, line, &name, &value));
}

static int status_of(const char *text) {
  struct head head;
  head_init(&head);
  return http1_line_status(text, strlen(text), &head).status ? 0 : head.status;
}

static void status_lines(void **state) {
  (void)state;
  assert_int_equal(status_of("HTTP/1.1 200 OK\r"), 200);
  assert_int_equal(status_of("HTTP/1.0 599 \r"), 599);
  assert_int_equal(status_of("HTTP/1.1 404\r"), 404);
  assert_int_equal(status_of("HTTP/1.1 200 \xff\r"), 200);
  static const char *const bad[] = {
      "HTTP/1.1 200 OK",   "HTTP/1.1 99 OK\r",  "HTTP/1.1 600 X\r",  "HTTP/1.1 2000\r",
      "HTTP/2 200 OK\r",   "HTTP/1.2 200 OK\r", "HTTP/1.1  200 X\r", "HTTP/1.1 200 a\001b\r",
      "http/1.1 200 OK\r", "HTTP/1.1\r",        "HTTP/1.1 20x OK\r", "\r"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_int_equal(status_of(bad[i]), 0);
}

// What can never be a head is known before its line ends.
static void beginnings(void **state) {
  (void)state;
  assert_true(http1_line_may_begin("G", 1, false));
  assert_false(http1_line_may_begin("\x16\x03\x01", 3, false)); // a TLS client
  assert_false(http1_line_may_begin("get", 3, false));
  assert_true(http1_line_may_begin("HT", 2, true));
  assert_true(http1_line_may_begin("HTTP/1.1 2", 10, true));
  assert_false(http1_line_may_begin("SSH-2.0", 7, true));
  assert_true(http1_line_may_hold("abc\tdef ghij\r", 13));
  assert_false(http1_line_may_hold("abc\rdef", 7));
  assert_false(http1_line_may_hold("abc\0def", 7));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_byte_of_a_value_is_checked),
      cmocka_unit_test(every_byte_of_a_name_is_checked),
      cmocka_unit_test(values_lose_the_spaces_around_them),
      cmocka_unit_test(status_lines),
      cmocka_unit_test(beginnings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
