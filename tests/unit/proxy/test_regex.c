// SPDX-License-Identifier: Apache-2.0
#include "proxy/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct regex_worker worker;

static int set_up(void **state) {
  (void)state;
  regex_worker_init(&worker);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  regex_worker_dispose(&worker);
  return 0;
}

static void patterns_cover_the_whole_subject(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *subject;
    enum regex_result want;
  } cases[] = {
      {"/v[12]/.*", "/v1/x", REGEX_YES},
      {"/v[12]/.*", "/api/v1/x", REGEX_NO},
      {"/v1", "/v1/x", REGEX_NO},
      {"a|ab", "ab", REGEX_YES}, // the whole, not the first alternative that fits
      {"foo$", "foo\n", REGEX_NO},
      {"(?i)FOO", "foo", REGEX_YES},
      {"(?P<name>a+)b", "aab", REGEX_YES},
      {"\\Qa.b\\E", "a.b", REGEX_YES},
      {"\\Qa.b\\E", "axb", REGEX_NO},
      {"[[:alpha:]]+[]x]", "abc]", REGEX_YES},
      {"a{2,3}?", "aaa", REGEX_YES},
      {"a{x", "a{x", REGEX_YES}, // a brace that is no repetition is itself
      {".*", "", REGEX_YES},
      {"h.llo", "h\xc3\xa9llo", REGEX_YES}, // a character, not a byte
      {".*", "\xff", REGEX_NO},             // not UTF-8
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct regex *regex;
    struct err err;
    assert_int_equal(regex_compile(str_of(cases[i].pattern), true, &regex, &err), 0);
    assert_int_equal(regex_match(regex, str_of(cases[i].subject), &worker), cases[i].want);
    regex_free(regex);
  }
}

static void what_re2_lacks_is_refused(void **state) {
  (void)state;
  static const char *const patterns[] = {
      "(a)\\1",  "(?=a)a", "(?!a)b", "(?<=a)b", "(?<!a)b",   "a++",     "a*+",     "a?+",
      "a{2}+",   "(?>a)",  "(?R)",   "(?1)",    "(?(1)a|b)", "(?#x)",   "(*FAIL)", "(?C1)",
      "\\K",     "\\G",    "\\X",    "\\R",     "\\Z",       "(?x)a",   "(?'n'a)", "(?|a|b)",
      "a{1001}", "(",      ")",      "[a",      "a**",       "*a",      "a\\",     "(?&n)",
      "(?P=n)",  "(?P>n)", "\\g1",   "\\k<n>",  "[\\1]",     "(?-x:a)",
  };
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    struct regex *regex = NULL;
    struct err err = {0};
    if (regex_compile(str_of(patterns[i]), true, &regex, &err) == 0)
      fail_msg("%s was taken", patterns[i]);
    assert_null(regex);
    assert_true(strlen(err.msg) > 10);
  }
}

static void no_pattern_can_stall(void **state) {
  (void)state;
  struct regex *regex;
  struct err err;
  char subject[4000];
  memset(subject, 'a', sizeof subject);
  subject[sizeof subject - 1] = '!';
  assert_int_equal(regex_compile(STR("(a+)+"), true, &regex, &err), 0);
  assert_int_equal(regex_match(regex, (struct str){subject, sizeof subject}, &worker), REGEX_LIMIT);
  regex_free(regex);
  struct buf out;
  buf_init(&out, 1 << 20);
  assert_int_equal(regex_compile(STR("(a|aa)+$"), false, &regex, &err), 0);
  assert_int_equal(
      regex_replace(regex, (struct str){subject, sizeof subject}, STR("x"), &worker, &out),
      REGEX_LIMIT);
  regex_free(regex);
  buf_dispose(&out);
}

static void replacement_uses_groups(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *substitution, *subject, *want;
    enum regex_result result;
  } cases[] = {
      {"^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "/service/foo/v1/api", "/v1/api/instance/foo",
       REGEX_YES},
      {"one", "two", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz", REGEX_YES},
      {"(?i)/xxx/", "/yyy/", "/aaa/XxX/bbb", "/aaa/yyy/bbb", REGEX_YES},
      {"one", "two", "/three", "/three", REGEX_NO},
      {"x*", "-", "ab", "-a-b-", REGEX_YES},
      {"/", "\\\\", "a/b", "a\\b", REGEX_YES},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct regex *regex;
    struct err err;
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(regex_compile(str_of(cases[i].pattern), false, &regex, &err), 0);
    assert_true(regex_substitution_ok(regex, str_of(cases[i].substitution)));
    assert_int_equal(regex_replace(regex, str_of(cases[i].subject), str_of(cases[i].substitution),
                                   &worker, &out),
                     cases[i].result);
    assert_string_equal(buf_z(&out), cases[i].want);
    regex_free(regex);
    buf_dispose(&out);
  }
}

static void unknown_groups_in_a_substitution_show(void **state) {
  (void)state;
  struct regex *regex;
  struct err err;
  assert_int_equal(regex_compile(STR("(a)"), false, &regex, &err), 0);
  assert_true(regex_substitution_ok(regex, STR("\\0\\1")));
  assert_false(regex_substitution_ok(regex, STR("\\2")));
  assert_false(regex_substitution_ok(regex, STR("x\\")));
  regex_free(regex);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_cover_the_whole_subject),
      cmocka_unit_test(what_re2_lacks_is_refused),
      cmocka_unit_test(no_pattern_can_stall),
      cmocka_unit_test(replacement_uses_groups),
      cmocka_unit_test(unknown_groups_in_a_substitution_show),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
