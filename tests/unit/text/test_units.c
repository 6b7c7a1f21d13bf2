// SPDX-License-Identifier: Apache-2.0
// duration, quantity, percent, time, utf8.
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "manifests/text/quantity.h"
#include "manifests/text/time.h"
#include "manifests/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void durations_read_and_write(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  static const struct {
    const char *text;
    int64_t ms;
    const char *back;
  } good[] = {{"10s", 10000, "10s"},
              {"1h30m", 5400000, "1h30m"},
              {"1.5s", 1500, "1.5s"},
              {"250ms", 250, "250ms"},
              {"0", 0, "0s"},
              {"0s", 0, "0s"},
              {"1m0.25s", 60250, "1m0.25s"},
              {"0.5h", 1800000, "30m"},
              {"1000us", 1, "1ms"},
              {"2h", 7200000, "2h"},
              {"1.005s", 1005, "1.005s"}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    int64_t ms = -1;
    if (!duration_parse(str_of(good[i].text), &ms) || ms != good[i].ms)
      fail_msg("%s gave %lld", good[i].text, (long long)ms);
    assert_string_equal(duration_format(&arena, ms).ptr, good[i].back);
  }
  const char *bad[] = {"",    "10",           "s",    "-1s", "1x", "1s ", "1us",
                       "1ns", "99999999999h", "1.s.", ".s",  "1 s"};
  int64_t ms;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (duration_parse(str_of(bad[i]), &ms))
      fail_msg("\"%s\" was taken", bad[i]);
  assert_string_equal(duration_words(&arena, 130000).ptr, "2m10s");
  assert_string_equal(duration_words(&arena, 3900000).ptr, "1h5m");
  assert_string_equal(duration_words(&arena, 90000000).ptr, "1d1h");
  assert_string_equal(duration_words(&arena, 300).ptr, "0.3s");
  assert_string_equal(duration_words(&arena, 0).ptr, "0s");
  arena_dispose(&arena);
}

static void percents_are_exact(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  static const struct {
    const char *text;
    int64_t parts;
    const char *back;
  } good[] = {{"10", 1000, "10"},      {"0.1%", 10, "0.1"}, {"12.34", 1234, "12.34"},
              {"100%", 10000, "100"},  {"0", 0, "0"},       {"0.05", 5, "0.05"},
              {"33.30", 3330, "33.3"}, {"7.000", 700, "7"}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    int64_t parts = -1;
    if (!percent_parse_parts(str_of(good[i].text), &parts) || parts != good[i].parts)
      fail_msg("%s gave %lld", good[i].text, (long long)parts);
    assert_string_equal(percent_format_parts(&arena, parts).ptr, good[i].back);
  }
  const char *bad[] = {"", "-1", "100.01", "101", "0.001", "1e1", "1.2.3", ".5", "5.", "x", "1 %"};
  int64_t parts;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (percent_parse_parts(str_of(bad[i]), &parts))
      fail_msg("\"%s\" was taken", bad[i]);
  arena_dispose(&arena);
}

static void quantities_have_suffixes(void **state) {
  (void)state;
  double v;
  assert_true(quantity_parse(STR("100m"), &v) && v > 0.0999 && v < 0.1001);
  assert_true(quantity_parse(STR("128Mi"), &v) && (int64_t)v == 134217728);
  assert_true(quantity_parse(STR("2e3"), &v) && (int64_t)v == 2000);
  assert_true(quantity_parse(STR("1G"), &v) && (int64_t)v == 1000000000);
  assert_false(quantity_parse(STR("Mi"), &v));
  assert_false(quantity_parse(STR("1mi"), &v));
}

static void times_go_both_ways(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  int64_t ms;
  assert_true(time_parse(STR("2026-01-29T12:00:00Z"), &ms));
  assert_int_equal(ms, 1769688000000);
  assert_string_equal(time_format(&arena, ms).ptr, "2026-01-29T12:00:00Z");
  assert_true(time_parse(STR("2026-01-29T13:30:00.123456+01:30"), &ms));
  assert_int_equal(ms, 1769688000123);
  assert_string_equal(time_format_micro(&arena, ms).ptr, "2026-01-29T12:00:00.123000Z");
  assert_string_equal(time_format_ms(&arena, -1).ptr, "1969-12-31T23:59:59.999Z");
  for (int64_t day = -200000; day < 200000; day += 97) { // 1422 to 2517, every kind of leap year
    struct str text = time_format(&arena, day * 86400000 + 5000);
    assert_true(time_parse(text, &ms));
    assert_int_equal(ms, day * 86400000 + 5000);
  }
  const char *bad[] = {"",
                       "2026-01-29",
                       "2026-13-01T00:00:00Z",
                       "2026-01-29T25:00:00Z",
                       "2026-01-29T12:00:00",
                       "2026-01-29T12:00:00.Z",
                       "2026-01-29T12:00:00Zx"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(time_parse(str_of(bad[i]), &ms));
  arena_dispose(&arena);
}

static void utf8_knows_bad_sequences(void **state) {
  (void)state;
  size_t at;
  assert_true(utf8_valid(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa4"), &at));
  const char *bad[] = {
      "x\x80", "x\xc0\xaf",        "x\xe0\x80\x80", "x\xed\xa0\x80", "x\xf4\x90\x80\x80",
      "x\xc3", "x\xf5\x80\x80\x80"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(utf8_valid(str_of(bad[i]), &at));
    assert_int_equal(at, 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations_read_and_write), cmocka_unit_test(percents_are_exact),
      cmocka_unit_test(quantities_have_suffixes), cmocka_unit_test(times_go_both_ways),
      cmocka_unit_test(utf8_knows_bad_sequences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
