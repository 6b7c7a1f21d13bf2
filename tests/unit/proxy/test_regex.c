// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "manifests/kinds/regex.h"

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

static const char *const evil[] = {
    "(a+)+b",     "(a|aa)+b",      "(a*)*b",   "(.*a){12}b",        "(a?){60}a{60}", "((a*)+|b)*c",
    "(a|b|ab)*c", ".*.*.*.*.*=.*", "(x+x+)+y", "([a-z]+)*[0-9]{9}", "(a{1,9}){1,9}c"};

// A list of expensive patterns costs no more than a few: what one request may use is bounded.
static void many_costly_patterns_share_one_budget(void **state) {
  (void)state;
  static char subject[9000]; // long ones are not looked through for a letter that must be there
  memset(subject, 'a', sizeof subject);
  unsigned limits = 0;
  regex_worker_begin(&worker);
  for (size_t i = 0; i < 200; i++) {
    struct regex *regex;
    assert_int_equal(regex_compile(str_of(evil[i % ARRAY_LEN(evil)]), true, &regex, NULL), 0);
    limits += regex_match(regex, (struct str){subject, sizeof subject}, &worker) == REGEX_LIMIT;
    regex_free(regex);
  }
  assert_true(limits > 50);
  assert_int_equal(worker.costly, 0);
  regex_worker_begin(&worker);
  assert_true(worker.costly > 0);
}

// Whatever compiles also ends, up to the longest patterns and paths. Were there no limits, this
// test would not end either.
static void random_patterns_end(void **state) {
  (void)state;
  static const char pieces[][6] = {"a",  "b",  "(",    ")",     "*",    "+",  "?",
                                   "|",  ".",  "[ab]", "a*",    "b+",   "(a", "b)",
                                   ")*", ")+", "{2}",  "{1,9}", "[^b]", "/"};
  struct rng rng;
  size_t compiled = 0;
  char subject[8192];
  rng_init(&rng, 20260101);
  for (size_t i = 0; i < sizeof subject; i++)
    subject[i] = "aaaaab/"[rng_below(&rng, 7)];
  for (unsigned round = 0; round < 8000; round++) {
    char pattern[REGEX_PATTERN_MAX + 1];
    size_t len = 0, want = 1 + rng_below(&rng, round % 100 ? 24 : REGEX_PATTERN_MAX);
    struct regex *regex;
    while (len < want) {
      const char *piece = pieces[rng_below(&rng, ARRAY_LEN(pieces))];
      size_t add = strlen(piece);
      if (len + add > want)
        break;
      memcpy(pattern + len, piece, add);
      len += add;
    }
    if (regex_compile((struct str){pattern, len}, round % 2, &regex, NULL))
      continue;
    compiled++;
    regex_worker_begin(&worker);
    size_t from = rng_below(&rng, sizeof subject);
    struct buf out;
    (void)regex_match(regex, (struct str){subject + from, sizeof subject - from}, &worker);
    buf_init(&out, 1 << 20);
    (void)regex_replace(regex, (struct str){subject + from, sizeof subject - from}, STR("\\0"),
                        &worker, &out);
    buf_dispose(&out);
    regex_free(regex);
  }
  assert_true(compiled > 1000);
}

// Every slash of a long path: the path is looked at as a whole only once.
static void many_matches_are_replaced(void **state) {
  static char subject[8192];
  struct regex *regex;
  struct buf out;
  (void)state;
  memset(subject, '/', sizeof subject);
  buf_init(&out, 1 << 20);
  assert_int_equal(regex_compile(STR("/"), false, &regex, NULL), 0);
  assert_int_equal(
      regex_replace(regex, (struct str){subject, sizeof subject}, STR("-"), &worker, &out),
      REGEX_YES);
  assert_int_equal(out.len, sizeof subject);
  assert_true(out.ptr[0] == '-' && out.ptr[8191] == '-');
  // Paths are ASCII; of other text only short ones are taken.
  buf_reset(&out);
  assert_int_equal(regex_replace(regex, STR("/\xc3\xa4/"), STR("-"), &worker, &out), REGEX_YES);
  assert_string_equal(buf_z(&out), "-\xc3\xa4-");
  subject[0] = '\xff';
  assert_int_equal(
      regex_replace(regex, (struct str){subject, sizeof subject}, STR("-"), &worker, &out),
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
      cmocka_unit_test(many_costly_patterns_share_one_budget),
      cmocka_unit_test(random_patterns_end),
      cmocka_unit_test(many_matches_are_replaced),
      cmocka_unit_test(replacement_uses_groups),
      cmocka_unit_test(unknown_groups_in_a_substitution_show),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
