// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/list_stream.h"
#include "manifests/base/bug.h"
#include "manifests/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int take(struct str text, void *data) {
  struct buf *log = data;
  buf_add_str(log, text);
  buf_add_char(log, '|');
  return str_eq_z(text, "{\"stop\":1}") ? RC_CANCELED : RC_OK;
}

// Feeds in pieces of `step` bytes; the log is the items, then the envelope or the message.
static int run(const char *text, size_t step, struct buf *log) {
  struct list_stream stream;
  struct arena arena = {0};
  struct err err = {0};
  struct json *list;
  struct str all = str_of(text);
  int rc = RC_OK;
  buf_reset(log);
  list_stream_init(&stream, take, log);
  for (size_t at = 0; at < all.len && rc == RC_OK; at += step)
    rc = list_stream_feed(&stream, str_slice(all, at, at + step), &err);
  if (rc == RC_OK)
    rc = list_stream_end(&stream, &arena, &list, &err);
  if (rc == RC_OK)
    json_write(log, list);
  else
    buf_add_z(log, err.msg);
  list_stream_dispose(&stream);
  arena_dispose(&arena);
  return rc;
}

static void test_lists_in_every_split(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int rc;
    const char *log; // all of it, or its beginning when rc is not RC_OK
  } cases[] = {
      {"{\"kind\":\"L\",\"items\":[{\"a\":1},{\"b\":[{}]}],\"metadata\":{\"continue\":\"x\"}}",
       RC_OK,
       "{\"a\":1}|{\"b\":[{}]}|{\"kind\":\"L\",\"items\":[],\"metadata\":{\"continue\":\"x\"}}"},
      {" { \"items\" : [ ] } ", RC_OK, "{\"items\":[]}"},
      {"{\"items\":null}", RC_OK, "{\"items\":null}"},
      {"{\"items\":[ {\"s\":\"]},{\\\"\"} ,\n{\"t\":\"\\\\\"}]}", RC_OK,
       "{\"s\":\"]},{\\\"\"}|{\"t\":\"\\\\\"}|{\"items\":[]}"},
      {"{\"metadata\":{\"items\":[1,2]},\"items\":[{}]}", RC_OK,
       "{}|{\"metadata\":{\"items\":[1,2]},\"items\":[]}"},
      {"{\"k\":\"items\",\"x\":[1]}", RC_OK, "{\"k\":\"items\",\"x\":[1]}"},
      {"{\"x\":[\"items\"],\"y\":[2]}", RC_OK, "{\"x\":[\"items\"],\"y\":[2]}"},
      {"{\"items\":[{} {}]}", RC_PARSE, "{}|a List: expected an object"},
      {"{\"items\":[1]}", RC_PARSE, "a List: expected an object in items, found '1'"},
      {"{\"items\":[,{}]}", RC_PARSE, "a List: expected an object"},
      {"{\"items\":[{}", RC_PARSE, "{}|a List"},
      {"[]", RC_PARSE, "a List: expected a List, found a list"},
      {"}", RC_PARSE, "a List: a bracket too many"},
      {"{\"\\u0069tems\":[{}]}", RC_PARSE, "a List: items is written"},
      {"", RC_PARSE, "a List: expected JSON"},
      {"{\"items\":[{\"stop\":1},{}]}", RC_CANCELED, "{\"stop\":1}|"},
  };
  struct buf log;
  buf_init(&log, 1u << 20);
  for (size_t i = 0; i < ARRAY_LEN(cases); i++)
    for (size_t step = 1; step <= strlen(cases[i].text) + 1; step++) {
      assert_int_equal(run(cases[i].text, step, &log), cases[i].rc);
      if (cases[i].rc == RC_OK)
        assert_string_equal(buf_z(&log), cases[i].log);
      else if (!str_starts(buf_str(&log), str_of(cases[i].log)))
        fail_msg("%zu: %s", i, buf_z(&log));
    }
  buf_dispose(&log);
}

static void test_limits(void **state) {
  (void)state;
  static const char *const heads[] = {"{\"items\":[{\"a\":\"", "{\"a\":\""};
  for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
    struct list_stream stream;
    struct err err = {0};
    struct buf log;
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    buf_init(&log, 1024);
    list_stream_init(&stream, take, &log);
    int rc = list_stream_feed(&stream, str_of(heads[i]), &err);
    size_t fed = 0;
    for (; rc == RC_OK && fed <= LIMIT_WATCH_LINE_BYTES; fed += sizeof piece)
      rc = list_stream_feed(&stream, (struct str){piece, sizeof piece}, &err);
    assert_int_equal(rc, RC_LIMIT);
    assert_non_null(strstr(err.msg, i ? "beside its items" : "too large"));
    list_stream_dispose(&stream);
    buf_dispose(&log);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_in_every_split),
      cmocka_unit_test(test_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
