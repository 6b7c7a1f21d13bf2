// SPDX-License-Identifier: Apache-2.0
// Header values with variables: what they become, and what is refused when the table is built.
#include "manifests/base/bug.h"
#include "manifests/kinds/header_time.h"
#include "proxy/header_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;
static struct head request, response;

static struct str text(void *ctx, enum header_command command, char *out) {
  (void)ctx;
  (void)out;
  if (command == HEADER_TEXT_PROTOCOL)
    return STR("HTTP/1.1");
  if (command == HEADER_TEXT_STREAM_ID)
    return STR("the-id");
  if (command == HEADER_TEXT_RESPONSE_CODE)
    return STR("503");
  return command == HEADER_TEXT_UPSTREAM_HOST ? STR("") : STR("text");
}

static const char *expand_into(const char *format, const struct head *answer, size_t room) {
  static char out[256];
  struct table_header header = {.name = STR("x")};
  struct err err;
  struct header_format_view view = {.request = &request,
                                    .response = answer,
                                    .scheme = STR("https"),
                                    .start_ms = 1769688000123,
                                    .text = text};
  if (header_format_compile(&arena, str_of(format), HEADER_FORMAT_PERCENT, &header, &err))
    fail_msg("%s: %s", format, err.msg);
  if (!header.format)
    return header.value.len ? header.value.ptr : "";
  size_t len = header_format_write(header.format, &view, out, room);
  if (len == SIZE_MAX)
    return "(too long)";
  out[len] = '\0';
  return out;
}

static const char *expand(const char *format) {
  return expand_into(format, &response, 255);
}

static void setup(void) {
  arena_init(&arena);
  head_init(&request);
  head_init(&response);
  request.method = STR("GET");
  request.authority = STR("shop:8080");
  request.path = STR("/a");
  request.query = STR("b=c");
  (void)head_add_name(&request, STR("x-user"), STR("ann"));
  (void)head_add_name(&request, STR("x-many"), STR("one"));
  (void)head_add_name(&request, STR("x-many"), STR("two"));
  (void)head_add_name(&response, STR("x-build"), STR("7"));
}

static void literal_text_stays(void **state) {
  static const struct {
    const char *format, *want;
  } cases[] = {{"", ""},
               {"plain", "plain"},
               {"100%%", "100%"},
               {"%%x%%", "%x%"},
               {"${UUID}", "${UUID}"},
               {"a\tb", "a\tb"},
               {"%%PROTOCOL%%", "%PROTOCOL%"}};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct table_header header = {.name = STR("x")};
    assert_int_equal(header_format_compile(&arena, str_of(cases[i].format), HEADER_FORMAT_PERCENT,
                                           &header, NULL),
                     0);
    assert_null(header.format); // nothing is computed for a request
    assert_true(str_eq_z(header.value, cases[i].want));
  }
}

static void commands_are_replaced(void **state) {
  static const struct {
    const char *format, *want;
  } cases[] = {{"%PROTOCOL%", "HTTP/1.1"},
               {"<%PROTOCOL%|%PROTOCOL%>100%%", "<HTTP/1.1|HTTP/1.1>100%"},
               {"%REQ(X-User)%", "ann"},
               {"%REQ(x-none)%", ""},
               {"%REQ(x-none?x-user)%", "ann"},
               {"%REQ(x-user?x-many)%", "ann"},
               {"%REQ(x-many)%", "one,two"},
               {"%REQ(x-many):5%", "one,t"},
               {"%REQ(:path)%", "/a?b=c"},
               {"%REQ(:method)% %REQ(:authority)% %REQ(:scheme)%", "GET shop:8080 https"},
               {"%REQ(x-envoy-original-path?:path)%", "/a?b=c"},
               {"%RESP(x-build)%/%RESP(:status)%", "7/503"},
               {"%UPSTREAM_HOST%", ""},
               {"%START_TIME%", "2026-01-29T12:00:00.123Z"},
               {"%START_TIME(%s.%3f)%", "1769688000.123"},
               {"%START_TIME(%Y/%m/%d %H:%M:%S.%6f)%", "2026/01/29 12:00:00.123000"},
               {"%RESPONSE_CODE:2%", "50"}};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++)
    assert_string_equal(expand(cases[i].format), cases[i].want);
  assert_string_equal(expand_into("%RESP(x-build?x-other)%", NULL, 255), "");
  assert_string_equal(expand_into("%RESP(:status)%", NULL, 255), "");
}

static void every_listed_command_is_known(void **state) {
  static const char *const names[] = {"DOWNSTREAM_REMOTE_ADDRESS",
                                      "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
                                      "DOWNSTREAM_LOCAL_ADDRESS",
                                      "PROTOCOL",
                                      "START_TIME",
                                      "REQ(X?Y):9",
                                      "RESP(X)",
                                      "HOSTNAME",
                                      "UPSTREAM_HOST",
                                      "UPSTREAM_CLUSTER",
                                      "RESPONSE_CODE",
                                      "RESPONSE_FLAGS",
                                      "ROUTE_NAME",
                                      "UNIQUE_ID",
                                      "DURATION"};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    char format[64] = "%";
    struct table_header header = {.name = STR("x")};
    strncat(format, names[i], 50);
    strncat(format, "%", 2);
    assert_int_equal(
        header_format_compile(&arena, str_of(format), HEADER_FORMAT_PERCENT, &header, NULL), 0);
    assert_non_null(header.format);
    assert_true(str_eq_z(header_format_source(header.format), format));
  }
}

static void what_cannot_be_is_refused(void **state) {
  static const struct {
    const char *format, *why;
  } cases[] = {{"100%", "lone %"},
               {"50% off", "lone %"},
               {"%REQ(x", "lone %"},
               {"%REQ(x)", "lone %"},
               {"%PROTOCOL", "lone %"},
               {"%%%", "lone %"},
               {"%lower%", "lone %"},
               {"%REQ%", "not a header name"},
               {"%REQ()%", "not a header name"},
               {"%REQ(x?)%", "not a header name"},
               {"%REQ(a b)%", "not a header name"},
               {"%REQ(:status)%", "not a header name"},
               {"%RESP(:path)%", "not a header name"},
               {"%REQ(x):0%", "expected a length"},
               {"%REQ(x):y%", "expected a length"},
               {"%PROTOCOL(x)%", "takes no argument"},
               {"%START_TIME(%Q)%", "no form of time"},
               {"%UPSTREAM_METADATA(a)%", "unknown command"},
               {"%NOBODY%", "unknown command"},
               {"a\r\nb", "cannot stand in a header"},
               {"a\nb", "cannot stand in a header"},
               {"\x7f", "cannot stand in a header"}};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct table_header header = {.name = STR("x")};
    struct err err = {0};
    assert_int_equal(header_format_compile(&arena, str_of(cases[i].format), HEADER_FORMAT_PERCENT,
                                           &header, &err),
                     RC_INVALID);
    if (!strstr(err.msg, cases[i].why))
      fail_msg("%s: %s", cases[i].format, err.msg);
  }
  struct table_header header = {.name = STR("x")};
  assert_int_equal(
      header_format_compile(&arena, (struct str){"a\0b", 3}, HEADER_FORMAT_UUID, &header, NULL),
      RC_INVALID);
}

static void a_value_that_does_not_fit_is_no_value(void **state) {
  (void)state;
  assert_string_equal(expand_into("%REQ(x-many)%", &response, 6), "(too long)");
  assert_string_equal(expand_into("%REQ(x-many)%", &response, 7), "one,two");
}

static void uuid_is_the_request_id(void **state) {
  struct table_header header = {.name = STR("x-request-id")};
  (void)state;
  assert_int_equal(header_format_compile(&arena, STR("${UUID}"),
                                         HEADER_FORMAT_UUID | HEADER_FORMAT_PERCENT, &header, NULL),
                   0);
  assert_non_null(header.format);
  assert_true(header.replaces);
  struct header_format_view view = {.request = &request, .text = text};
  char out[16];
  assert_int_equal(header_format_write(header.format, &view, out, sizeof(out)), 6);
  assert_memory_equal(out, "the-id", 6);
  // Anything else stays, and so does all of it when it is switched off; % is plain text there.
  static const char *const plain[] = {"${UUID}x", "${uuid}", "${HOST}", "100%", "%PROTOCOL%"};
  for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
    header = (struct table_header){.name = STR("x-request-id")};
    assert_int_equal(
        header_format_compile(&arena, str_of(plain[i]), HEADER_FORMAT_UUID, &header, NULL), 0);
    assert_null(header.format);
    assert_true(str_eq_z(header.value, plain[i]));
    assert_false(header.replaces);
  }
  assert_int_equal(header_format_compile(&arena, STR("${UUID}"), 0, &header, NULL), 0);
  assert_true(str_eq_z(header.value, "${UUID}"));
}

static void times_are_those_of_the_calendar(void **state) {
  static const struct {
    int64_t seconds;
    const char *want;
  } cases[] = {
      {0, "Thu 01 Jan 1970 001 00:00:00"},          {951782399, "Mon 28 Feb 2000 059 23:59:59"},
      {951782400, "Tue 29 Feb 2000 060 00:00:00"},  {951868800, "Wed 01 Mar 2000 061 00:00:00"},
      {1735689599, "Tue 31 Dec 2024 366 23:59:59"}, {4102444800, "Fri 01 Jan 2100 001 00:00:00"},
      {4107542400, "Mon 01 Mar 2100 060 00:00:00"}};
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    char out[64] = "";
    (void)header_time_write(STR("%a %d %b %Y %j %T"), cases[i].seconds * 1000, out, sizeof(out));
    assert_string_equal(out, cases[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(literal_text_stays),
      cmocka_unit_test(commands_are_replaced),
      cmocka_unit_test(every_listed_command_is_known),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(a_value_that_does_not_fit_is_no_value),
      cmocka_unit_test(uuid_is_the_request_id),
      cmocka_unit_test(times_are_those_of_the_calendar),
  };
  setup();
  int rc = cmocka_run_group_tests(tests, NULL, NULL);
  arena_dispose(&arena);
  return rc;
}
