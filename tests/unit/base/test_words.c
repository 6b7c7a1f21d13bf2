// SPDX-License-Identifier: Apache-2.0
// err, findings, exposition, rng.
#include "manifests/base/err.h"
#include "manifests/base/exposition.h"
#include "manifests/base/findings.h"
#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static void err_carries_code_and_phrases(void **state) {
  (void)state;
  struct err err = {0};
  assert_int_equal(err_set(&err, RC_CONFLICT, "revision %d", 7), RC_CONFLICT);
  assert_int_equal(err_wrap(&err, err.rc, "patching %s", "x"), RC_CONFLICT);
  assert_string_equal(err.msg, "patching x: revision 7");
  assert_int_equal(err_set(NULL, RC_IO, "nobody listens"), RC_IO);
  char longer[3000];
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = '\0';
  err_set(&err, RC_LIMIT, "%s", longer);
  assert_string_equal(err.msg + strlen(err.msg) - 3, "...");
}

static void codes_map_to_http_and_back(void **state) {
  (void)state;
  assert_int_equal(rc_http_status(RC_NOT_FOUND), 404);
  assert_int_equal(rc_from_http(404), RC_NOT_FOUND);
  assert_int_equal(rc_from_http(201), RC_OK);
  assert_int_equal(rc_from_http(409), RC_CONFLICT);
  assert_int_equal(rc_from_http(599), RC_UNAVAILABLE);
  assert_true(rc_is_retryable(RC_UNAVAILABLE));
  assert_false(rc_is_retryable(RC_INVALID));
  assert_string_equal(rc_name(-999), "UNKNOWN");
}

static void findings_are_one_line_each(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct findings findings;
  findings_init(&findings, &arena);
  findings_add(&findings, FINDING_ERROR, STR("a.yaml"), 12, STR("spec.http[0]"), "unknown-field",
               "unknown field \"%s\"", "rout");
  assert_int_equal(findings.errors, 1);
  assert_string_equal(finding_text(&findings.items[0], &arena).ptr,
                      "a.yaml:12: error: spec.http[0]: unknown field \"rout\" [unknown-field]");
  for (size_t i = 0; i < FINDINGS_MAX + 5; i++)
    findings_add(&findings, FINDING_WARNING, STR(""), 0, STR(""), "x", "y");
  assert_int_equal(findings.count, FINDINGS_MAX);
  assert_int_equal(findings.dropped, 6);
  arena_dispose(&arena);
}

static void exposition_escapes_and_prints_numbers(void **state) {
  (void)state;
  struct buf out;
  buf_init(&out, 4096);
  struct exposition_label labels[] = {{"a", STR("x\"\\\n")}, {"b", STR_NULL}};
  exposition_sample(&out, "m", labels, 2, 0.1);
  exposition_sample(&out, "n", NULL, 0, NAN);
  exposition_sample(&out, "o", NULL, 0, 12345678);
  assert_string_equal(buf_z(&out), "m{a=\"x\\\"\\\\\\n\",b=\"\"} 0.1\nn NaN\no 12345678\n");
  buf_dispose(&out);
}

static void rng_is_even_and_repeatable(void **state) {
  (void)state;
  struct rng a, b;
  rng_init(&a, 42);
  rng_init(&b, 42);
  int hits[10] = {0};
  for (int i = 0; i < 100000; i++) {
    uint64_t x = rng_below(&a, 10);
    assert_int_equal(x, rng_below(&b, 10));
    hits[x]++;
  }
  // 10,000 expected each, standard deviation 95: five of them.
  for (int i = 0; i < 10; i++)
    assert_in_range(hits[i], 9525, 10475);
  assert_int_equal(rng_below(&a, 0), 0);
  for (int i = 0; i < 1000; i++) {
    double d = rng_double(&a);
    assert_true(d >= 0 && d < 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(err_carries_code_and_phrases),
      cmocka_unit_test(codes_map_to_http_and_back),
      cmocka_unit_test(findings_are_one_line_each),
      cmocka_unit_test(exposition_escapes_and_prints_numbers),
      cmocka_unit_test(rng_is_even_and_repeatable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
