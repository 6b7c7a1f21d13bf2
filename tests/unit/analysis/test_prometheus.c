// SPDX-License-Identifier: Apache-2.0
#include "analysis/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static struct prom_result *parse(const char *body) {
  return prom_parse(200, str_of(body), &arena);
}

#define REPLY(type, list)                                                                          \
  "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":" list "}}"

static void reads_a_vector(void **state) {
  (void)state;
  struct prom_result *result = parse(REPLY(
      "vector", "[{\"metric\":{\"z\":\"1\",\"a\":\"2\"},\"value\":[1700000000.123,\"4.5\"]}]"));
  assert_int_equal(result->status, PROM_DATA);
  assert_int_equal(result->type, PROM_VECTOR);
  assert_int_equal(result->series_count, 1);
  assert_int_equal(result->series[0].points[0].at_ms, 1700000000123);
  assert_true(result->series[0].points[0].value == 4.5);
  assert_true(str_eq(prom_label(&result->series[0], STR("a")), STR("2")));
  assert_true(str_eq(prom_label(&result->series[0], STR("z")), STR("1")));
  assert_true(str_is_empty(prom_label(&result->series[0], STR("m"))));
}

static void reads_a_matrix_a_scalar_and_a_string(void **state) {
  (void)state;
  struct prom_result *result =
      parse(REPLY("matrix", "[{\"metric\":{},\"values\":[[1,\"1\"],[2,\"+Inf\"],[3,\"NaN\"]]}]"));
  assert_int_equal(result->series[0].point_count, 3);
  assert_true(isinf(result->series[0].points[1].value));
  assert_true(isnan(result->series[0].points[2].value));
  result = parse(REPLY("scalar", "[5,\"-7\"]"));
  assert_int_equal(result->status, PROM_DATA);
  assert_true(result->series[0].points[0].value == -7);
  result = parse(REPLY("string", "[5,\"hello\"]"));
  assert_true(str_eq(result->text, STR("hello")));
  assert_int_equal(prom_read(result, &arena).kind, READING_ERROR);
}

// Some proxies answer with the request's headers.
static void a_reply_that_repeats_a_secret_shows_none(void **state) {
  (void)state;
  const struct str secrets[] = {STR(""), STR("s3cret"), STR("abc")};
  struct prom_result *result = prom_parse_hiding(
      502, STR("authorization: Bearer s3cret, s3cret s3cre abc"), secrets, 3, &arena);
  assert_string_equal(
      result->error.ptr,
      "answer 502 is not from Prometheus: \"authorization: Bearer ***, *** s3cre abc\"");
  result = prom_parse_hiding(400, STR("{\"status\":\"error\",\"error\":\"is s3cret\"}"), secrets, 3,
                             &arena);
  assert_string_equal(result->error.ptr, "Prometheus refused the query: is ***");
  // Also where a message ends within it.
  char long_text[102];
  memset(long_text, 'x', 97);
  memcpy(long_text + 97, "s3cre", 5);
  struct str body = arena_printf(&arena, "%.97ss3cret", long_text);
  assert_false(str_contains(prom_parse_hiding(500, body, secrets, 3, &arena)->error, STR("s3")));
  assert_int_equal(prom_parse_hiding(200, STR(REPLY("vector", "[]")), secrets, 3, &arena)->status,
                   PROM_NO_DATA);
}

static void tells_no_data_from_an_error(void **state) {
  (void)state;
  assert_int_equal(parse(REPLY("vector", "[]"))->status, PROM_NO_DATA);
  assert_int_equal(parse(REPLY("matrix", "[{\"metric\":{},\"values\":[]}]"))->status, PROM_NO_DATA);
  struct prom_result *result = prom_parse(
      400, STR("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}"),
      &arena);
  assert_int_equal(result->status, PROM_ERROR);
  assert_string_equal(arena_str(&arena, result->error).ptr,
                      "Prometheus refused the query: bad_data: parse error");
  result = prom_parse(502, STR("<html>\nBad Gateway"), &arena);
  assert_int_equal(result->status, PROM_ERROR);
  assert_string_equal(arena_str(&arena, result->error).ptr,
                      "answer 502 is not from Prometheus: \"<html> Bad Gateway\"");
  assert_int_equal(prom_parse(200, STR(""), &arena)->status, PROM_ERROR);
  assert_string_equal(prom_parse(401, STR("no\n"), &arena)->error.ptr,
                      "the credentials are refused: answer 401: \"no\"");
  // A 500 that claims success is no success.
  assert_int_equal(prom_parse(500, STR(REPLY("vector", "[]")), &arena)->status, PROM_ERROR);
}

static void refuses_what_it_cannot_read(void **state) {
  (void)state;
  const char *bodies[] = {
      "[]",
      "{}",
      "{\"status\":\"success\"}",
      REPLY("table", "[]"),
      REPLY("vector", "{}"),
      REPLY("vector", "[1]"),
      REPLY("vector", "[{\"metric\":{},\"value\":[1]}]"),
      REPLY("vector", "[{\"metric\":{},\"value\":[1,2]}]"),
      REPLY("vector", "[{\"metric\":{},\"value\":[1,\"x\"]}]"),
      REPLY("vector", "[{\"metric\":{},\"value\":[1e300,\"1\"]}]"),
      REPLY("vector", "[{\"metric\":{\"a\":1},\"value\":[1,\"1\"]}]"),
      REPLY("vector", "[{\"metric\":{}}]"),
      REPLY("matrix", "[{\"metric\":{},\"values\":[[2,\"1\"],[1,\"1\"]]}]"),
      REPLY("matrix", "[{\"metric\":{},\"values\":3}]"),
      REPLY("scalar", "[1]"),
      REPLY("string", "[1,2]"),
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    struct prom_result *result = parse(bodies[i]);
    if (result->status != PROM_ERROR || str_is_empty(result->error))
      fail_msg("accepted: %s", bodies[i]);
  }
}

static void a_reading_names_each_trouble(void **state) {
  (void)state;
  assert_int_equal(prom_read(NULL, &arena).kind, READING_ERROR);
  assert_int_equal(prom_read(prom_failed(&arena, STR("refused")), &arena).kind, READING_ERROR);
  assert_int_equal(prom_read(parse(REPLY("vector", "[]")), &arena).kind, READING_NO_DATA);
  struct prom_reading reading =
      prom_read(parse(REPLY("vector", "[{\"metric\":{},\"value\":[1,\"NaN\"]}]")), &arena);
  assert_int_equal(reading.kind, READING_NAN);
  reading = prom_read(parse(REPLY("vector", "[{\"metric\":{\"a\":\"1\"},\"value\":[1,\"1\"]},"
                                            "{\"metric\":{\"a\":\"2\"},\"value\":[1,\"1\"]}]")),
                      &arena);
  assert_int_equal(reading.kind, READING_MANY);
  assert_int_equal(reading.series, 2);
  reading = prom_read(parse(REPLY("matrix", "[{\"metric\":{},\"values\":[[1,\"3\"],[2,\"8\"]]}]")),
                      &arena);
  assert_int_equal(reading.kind, READING_VALUE);
  assert_true(reading.value == 8);
}

static void native_histograms_and_warnings_are_seen(void **state) {
  (void)state;
  struct prom_result *result = parse(
      "{\"status\":\"success\",\"warnings\":[\"a\",\"b\"],\"data\":{\"resultType\":\"vector\","
      "\"result\":[{\"metric\":{},\"histogram\":[1,{\"count\":\"3\"}]}]}}");
  assert_int_equal(result->status, PROM_DATA);
  assert_true(result->series[0].native_histogram);
  assert_true(str_eq(result->warnings, STR("a; b")));
  assert_int_equal(prom_read(result, &arena).kind, READING_ERROR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_a_vector, setup, teardown),
      cmocka_unit_test_setup_teardown(reads_a_matrix_a_scalar_and_a_string, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reply_that_repeats_a_secret_shows_none, setup, teardown),
      cmocka_unit_test_setup_teardown(tells_no_data_from_an_error, setup, teardown),
      cmocka_unit_test_setup_teardown(refuses_what_it_cannot_read, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reading_names_each_trouble, setup, teardown),
      cmocka_unit_test_setup_teardown(native_histograms_and_warnings_are_seen, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
