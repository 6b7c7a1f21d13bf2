// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

struct sample {
  struct common_options common;
  bool flag;
  struct str name;
  int64_t count;
  int64_t wait_ms;
  struct option_list files;
};

static const struct option_row rows[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(struct sample, flag), NULL, NULL, "A flag.", 0, 0},
    {"name", 0, OPTION_STRING, offsetof(struct sample, name), "NAME", "nobody", "A name.", 0, 0},
    {"count", 'c', OPTION_INT, offsetof(struct sample, count), "N", "3", "A count.", 1, 9},
    {"wait", 0, OPTION_DURATION, offsetof(struct sample, wait_ms), "DURATION", NULL, "A time.", 0,
     0},
    {"file", 'F', OPTION_LIST, offsetof(struct sample, files), "FILE", NULL, "A file.", 0, 0},
};

static const struct command command = {.name = "sample",
                                       .arguments = "A [B]",
                                       .summary = "Does nothing.",
                                       .size = sizeof(struct sample),
                                       .options = rows,
                                       .option_count = 5,
                                       .common = true,
                                       .min_arguments = 1,
                                       .max_arguments = 2};

static struct arena arena;
static struct err err;
static struct str *arguments;
static size_t count;

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

// Words separated by one space.
static int parse(const char *line, struct sample **ret) {
  char *argv[32];
  int argc = 0;
  struct str rest = str_of(line), word;
  while (line[0] && str_next(&rest, ' ', &word))
    argv[argc++] = (char *)(uintptr_t)arena_str(&arena, word).ptr;
  void *options = NULL;
  err.msg[0] = '\0';
  int rc = options_parse(&command, argc, argv, &arena, &options, &arguments, &count, &err);
  *ret = options;
  return rc;
}

static void reads_all_forms(void **state) {
  (void)state;
  struct sample *s;
  assert_int_equal(parse("x -f --name=me -c7 --wait 1m30s -F a --file b y -n team1 -ojson", &s),
                   RC_OK);
  assert_true(s->flag);
  assert_string_equal(s->name.ptr, "me");
  assert_int_equal(s->count, 7);
  assert_int_equal(s->wait_ms, 90000);
  assert_int_equal(s->files.count, 2);
  assert_string_equal(s->files.items[1].ptr, "b");
  assert_string_equal(s->common.ns.ptr, "team1");
  assert_string_equal(s->common.output.ptr, "json");
  assert_int_equal(count, 2);
  assert_string_equal(arguments[1].ptr, "y");
}

static void fills_defaults_and_ends_options(void **state) {
  (void)state;
  struct sample *s;
  assert_int_equal(parse("-- --flag", &s), RC_OK);
  assert_false(s->flag);
  assert_string_equal(s->name.ptr, "nobody");
  assert_int_equal(s->count, 3);
  assert_string_equal(arguments[0].ptr, "--flag");
}

static void says_what_was_expected(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"x --nmae y", "did you mean --name?"},
      {"x --count ten", "expected a whole number from 1 to 9, found \"ten\""},
      {"x --count 10", "expected a whole number from 1 to 9, found \"10\""},
      {"x --wait soon", "expected a duration such as 30s or 5m, found \"soon\""},
      {"x --name", "--name needs a value: NAME"},
      {"", "an argument is missing; usage: serin sample A [B]"},
      {"x y z", "unexpected argument \"z\""},
      {"x -z", "unknown option --z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sample *s;
    assert_int_equal(parse(cases[i][0], &s), RC_USAGE);
    if (!strstr(err.msg, cases[i][1]))
      fail_msg("\"%s\" said: %s", cases[i][0], err.msg);
  }
}

static void help_names_every_option(void **state) {
  (void)state;
  struct buf help, page;
  buf_init(&help, 65536);
  buf_init(&page, 65536);
  options_help(&command, &help);
  options_markdown(&command, &page);
  for (size_t i = 0; i < 5; i++) {
    assert_non_null(strstr(buf_z(&help), rows[i].name));
    assert_non_null(strstr(buf_z(&page), rows[i].help));
  }
  assert_non_null(strstr(buf_z(&help), "--kubeconfig"));
  buf_dispose(&help);
  buf_dispose(&page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reads_all_forms),
      TEST(fills_defaults_and_ends_options),
      TEST(says_what_was_expected),
      TEST(help_names_every_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
