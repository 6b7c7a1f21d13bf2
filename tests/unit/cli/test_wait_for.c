// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/cli/wait_for.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool met(const char *what, const char *object) {
  struct arena arena = {0};
  struct wait_for wanted;
  struct err err = {0};
  struct json *json = NULL;
  assert_int_equal(wait_for_parse(str_of(what), &arena, &wanted, &err), RC_OK);
  if (object)
    assert_int_equal(json_parse(str_of(object), &arena, &json, &err), RC_OK);
  bool is_met = wait_for_is_met(&wanted, json);
  arena_dispose(&arena);
  return is_met;
}

static void test_conditions(void **state) {
  (void)state;
  const char *ready = "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";
  assert_true(met("condition=Ready", ready));
  assert_true(met("condition=ready=true", ready));
  assert_false(met("condition=Ready=False", ready));
  assert_false(met("condition=Other", ready));
  assert_false(met("condition=Ready", NULL));
  // Observed for an older generation: it does not count yet.
  assert_false(met("condition=Ready",
                   "{\"metadata\":{\"generation\":2},\"status\":{\"conditions\":[{"
                   "\"type\":\"Ready\",\"status\":\"True\","
                   "\"observedGeneration\":1}]}}"));
  assert_false(met("condition=Ready",
                   "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":1,"
                   "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"));
}

static void test_paths_and_phases(void **state) {
  (void)state;
  const char *object =
      "{\"metadata\":{\"generation\":2},\"spec\":{\"n\":3,\"l\":[{\"a\":\"x=y\"}]},"
      "\"status\":{\"phase\":\"Healthy\",\"observedGeneration\":1}}";
  assert_true(met("jsonpath={.spec.n}=3", object));
  assert_true(met("jsonpath={.spec.n}==3", object));
  assert_true(met("jsonpath='{.spec.l[0].a}'=x=y", object) ||
              met("jsonpath={.spec.l[0].a}=x=y", object));
  assert_true(met("jsonpath={.status.phase}", object));
  assert_false(met("jsonpath={.status.none}", object));
  assert_true(met("jsonpath={.status.phase}=Healthy", object));
  assert_false(met("phase=Healthy", object)); // of the generation before
  assert_true(met("phase=Healthy", "{\"status\":{\"phase\":\"Healthy\"}}"));
  assert_true(met("delete", NULL));
  assert_false(met("delete", object));
  assert_true(met("create", object));
  assert_false(met("create", NULL));
}

static void test_other_words_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "", "condition", "condition=", "ready", "jsonpath={}", "jsonpath={.a[*]}=1", "phase="};
  struct arena arena = {0};
  for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
    struct wait_for wanted;
    struct err err = {0};
    assert_int_equal(wait_for_parse(str_of(bad[i]), &arena, &wanted, &err), RC_USAGE);
    assert_non_null(strstr(err.msg, "--for"));
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conditions),
      cmocka_unit_test(test_paths_and_phases),
      cmocka_unit_test(test_other_words_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
