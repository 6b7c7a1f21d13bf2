// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"
#include "manifests/source/watch_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int take(struct str line, void *data) {
  struct buf *log = data;
  buf_addf(log, "<%.*s>", STR_ARG(line));
  return str_eq_z(line, "stop") ? RC_CANCELED : RC_OK;
}

static void test_the_same_lines_in_every_split(void **state) {
  (void)state;
  static const char text[] = "{\"a\":1}\n\n  \r\n{\"b\":\"x y\"}\r\nthree\nrest";
  for (size_t cut = 0; cut < sizeof text; cut++)
    for (size_t second = cut; second < sizeof text; second++) {
      struct watch_lines lines;
      struct buf log;
      struct str whole = str_of(text);
      watch_lines_init(&lines);
      buf_init(&log, 1000);
      struct str pieces[] = {str_slice(whole, 0, cut), str_slice(whole, cut, second),
                             str_slice(whole, second, whole.len)};
      for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        assert_int_equal(watch_lines_feed(&lines, pieces[i], take, &log), RC_OK);
      assert_string_equal(buf_z(&log), "<{\"a\":1}><{\"b\":\"x y\"}><three>");
      buf_dispose(&log);
      watch_lines_dispose(&lines);
    }
}

static void test_the_callback_stops_it(void **state) {
  (void)state;
  struct watch_lines lines;
  struct buf log;
  watch_lines_init(&lines);
  buf_init(&log, 1000);
  assert_int_equal(watch_lines_feed(&lines, STR("a\nstop\nb\n"), take, &log), RC_CANCELED);
  assert_string_equal(buf_z(&log), "<a><stop>");
  watch_lines_reset(&lines);
  assert_int_equal(watch_lines_feed(&lines, STR("c\n"), take, &log), RC_OK);
  assert_string_equal(buf_z(&log), "<a><stop><c>");
  buf_dispose(&log);
  watch_lines_dispose(&lines);
}

static void test_a_line_without_end_is_refused(void **state) {
  (void)state;
  static char block[65536];
  struct watch_lines lines;
  struct buf log;
  int rc = RC_OK;
  size_t fed = 0;
  memset(block, 'x', sizeof block);
  watch_lines_init(&lines);
  buf_init(&log, 1000);
  for (; rc == RC_OK && fed <= LIMIT_WATCH_LINE_BYTES + sizeof block; fed += sizeof block)
    rc = watch_lines_feed(&lines, (struct str){block, sizeof block}, take, &log);
  assert_int_equal(rc, RC_LIMIT);
  buf_dispose(&log);
  watch_lines_dispose(&lines);
}

static void test_events(void **state) {
  (void)state;
  struct arena arena = {0};
  struct watch_event event;
  struct err err = {0};
  assert_int_equal(
      watch_event_parse(STR("{\"type\":\"DELETED\",\"object\":{\"a\":1}}"), &arena, &event, &err),
      RC_OK);
  assert_int_equal(event.type, WATCH_DELETED);
  static const char *const bad[] = {"{",
                                    "[]",
                                    "{}",
                                    "{\"type\":\"ADDED\"}",
                                    "{\"type\":\"added\",\"object\":{}}",
                                    "{\"type\":\"ADDED\",\"object\":[]}"};
  for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
    assert_int_equal(watch_event_parse(str_of(bad[i]), &arena, &event, &err), RC_PARSE);
    assert_non_null(strstr(err.msg, "watch event"));
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_same_lines_in_every_split),
      cmocka_unit_test(test_the_callback_stops_it),
      cmocka_unit_test(test_a_line_without_end_is_refused),
      cmocka_unit_test(test_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
