// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), arena, &json, NULL), 0);
  return json;
}

static void labels_match_as_kubernetes_says(void **state) {
  (void)state;
  static const struct {
    const char *selector, *labels;
    bool match;
  } cases[] = {
      {"", "{}", true},
      {"app=a", "{\"app\":\"a\"}", true},
      {"app==a", "{\"app\":\"b\"}", false},
      {"app=", "{\"app\":\"\"}", true},
      {"app!=a", "{}", true},
      {"app!=a", "{\"app\":\"a\"}", false},
      {"app in (a, b)", "{\"app\":\"b\"}", true},
      {"app in (a,b)", "{}", false},
      {"app notin (a,b)", "{\"app\":\"c\"}", true},
      {"app notin (a,b)", "{}", true},
      {"app", "{\"app\":\"x\"}", true},
      {"!app", "{\"app\":\"x\"}", false},
      {"! app , tier=x", "{\"tier\":\"x\"}", true},
      {"n>3", "{\"n\":\"4\"}", true},
      {"n<3", "{\"n\":\"3\"}", false},
      {"n>3", "{\"n\":\"x\"}", false},
      {"serin.dev/component=proxy,app in (a)", "{\"serin.dev/component\":\"proxy\",\"app\":\"a\"}",
       true},
      {"in=a", "{\"in\":\"a\"}", true},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    struct selector selector;
    struct err err = {.msg = ""};
    arena_init(&arena);
    if (selector_parse_labels(str_of(cases[i].selector), &arena, &selector, &err))
      fail_msg("%s: %s", cases[i].selector, err.msg);
    if (selector_match_labels(&selector, parse(&arena, cases[i].labels)) != cases[i].match)
      fail_msg("%s on %s", cases[i].selector, cases[i].labels);
    arena_dispose(&arena);
  }
}

static void bad_label_selectors_are_refused(void **state) {
  (void)state;
  static const char *const cases[] = {",",       "a=b,",  "a in", "a in (", "a in (b", "a in b",
                                      "=a",      "a=b c", "!",    "a b",    "-a=b",    "a=b,,c=d",
                                      "x/y/z=1", "a=-b",  "n>x",  "/a=b",   "a!",      "a in (b))"};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct arena arena;
    struct selector selector;
    arena_init(&arena);
    if (selector_parse_labels(str_of(cases[i]), &arena, &selector, NULL) != RC_PARSE)
      fail_msg("accepted: %s", cases[i]);
    arena_dispose(&arena);
  }
}

static void field_selectors_match(void **state) {
  (void)state;
  struct arena arena;
  struct selector selector;
  arena_init(&arena);
  struct json *pod =
      parse(&arena, "{\"metadata\":{\"name\":\"p\"},\"status\":{\"phase\":\"Running\"}}");
  assert_int_equal(selector_parse_fields(STR("metadata.name=p,status.phase!=Failed,spec.nodeName="),
                                         &arena, &selector, NULL),
                   0);
  assert_true(selector_match_fields(&selector, pod));
  assert_true(str_eq_z(selector_exact(&selector, "metadata.name"), "p"));
  assert_int_equal(selector_parse_fields(STR("status.phase==Pending"), &arena, &selector, NULL), 0);
  assert_false(selector_match_fields(&selector, pod));
  assert_int_equal(selector_parse_fields(STR("reason=a\\,b"), &arena, &selector, NULL), 0);
  assert_true(str_eq_z(selector.terms[0].values[0], "a,b"));
  assert_int_equal(selector_parse_fields(STR("metadata.name"), &arena, &selector, NULL), RC_PARSE);
  assert_int_equal(selector_parse_fields(STR("=x"), &arena, &selector, NULL), RC_PARSE);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(labels_match_as_kubernetes_says),
      cmocka_unit_test(bad_label_selectors_are_refused),
      cmocka_unit_test(field_selectors_match),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
