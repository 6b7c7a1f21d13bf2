// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct arena arena;
static struct findings findings;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  findings_init(&findings, &arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static size_t parse(struct str text, struct yaml_doc **docs) {
  findings_init(&findings, &arena);
  return yaml_parse(text, STR("f.yaml"), &arena, docs, &findings);
}

static void gives_scalars_their_type(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a: 1", "{\"a\":1}"},
      {"a: 0644", "{\"a\":420}"},
      {"a: 0x1f", "{\"a\":31}"},
      {"a: 1.5", "{\"a\":1.5}"},
      {"a: 1e3", "{\"a\":1000}"},
      {"a: yes", "{\"a\":true}"},
      {"a: \"yes\"", "{\"a\":\"yes\"}"},
      {"a: off", "{\"a\":false}"},
      {"a:", "{\"a\":null}"},
      {"a: ~", "{\"a\":null}"},
      {"a: 1.2.3", "{\"a\":\"1.2.3\"}"},
      {"a: 10s", "{\"a\":\"10s\"}"},
      {"a: -7", "{\"a\":-7}"},
      {"a: 2026-01-29", "{\"a\":\"2026-01-29\"}"},
      {"8080: x", "{\"8080\":\"x\"}"},
      {"{\"a\": [1, \"b\"]}", "{\"a\":[1,\"b\"]}"},
      {"a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}"},
      {"a: 1e", "{\"a\":\"1e\"}"},
      {"a: .", "{\"a\":\".\"}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct yaml_doc *docs;
    assert_int_equal(parse(str_of(cases[i][0]), &docs), 1);
    assert_string_equal(json_text(&arena, docs[0].root).ptr, cases[i][1]);
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(yaml_write(&out, docs[0].root), 0);
    struct yaml_doc *again;
    assert_int_equal(parse(buf_str(&out), &again), 1);
    assert_true(json_equal(docs[0].root, again[0].root));
    buf_dispose(&out);
  }
}

static void writes_every_string_so_that_it_reads_back(void **state) {
  (void)state;
  const char *strings[] = {
      "",       "yes",    "null", "1",   "0644",      "a: b",     "- x", "#c",    " lead",
      "trail ", "l1\nl2", "\n",   "'q'", "\"d\"",     "*a",       "&b",  "!t",    "%p",
      "@x",     "`",      "{}",   "[",   "tab\there", "\xc3\xa9", "~",   "a\n\n", "  two\n lines",
      "1e3",    "x\r\ny"};
  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    struct json *object = json_new_object(&arena);
    json_put_z(&arena, object, "k", strings[i]);
    json_append(json_need_array(&arena, object, "list"), json_new_z(&arena, strings[i]));
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(yaml_write(&out, object), 0);
    struct yaml_doc *docs;
    if (parse(buf_str(&out), &docs) != 1 || !json_equal(docs[0].root, object))
      fail_msg("\"%s\" does not read back from:\n%s", strings[i], buf_z(&out));
    buf_dispose(&out);
  }
}

static void writes_times_quoted(void **state) {
  (void)state;
  struct json *object = json_new_object(&arena);
  struct buf out;
  json_put_z(&arena, object, "at", "2026-01-29T12:00:00Z");
  json_put_z(&arena, object, "name", "2026-01-agent");
  buf_init(&out, 4096);
  assert_int_equal(yaml_write(&out, object), 0);
  assert_string_equal(buf_z(&out), "at: \"2026-01-29T12:00:00Z\"\nname: 2026-01-agent\n");
  buf_dispose(&out);
}

static void marks_lines_and_splits_documents(void **state) {
  (void)state;
  struct yaml_doc *docs;
  assert_int_equal(parse(STR("# only a comment\n---\na:\n  b: 1\n---\n---\nc: 2\n"), &docs), 2);
  assert_int_equal(findings.count, 0);
  assert_int_equal(json_path(docs[0].root, "a.b")->line, 4);
  assert_int_equal(docs[1].line, 7);
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int line;
    const char *id;
  } cases[] = {
      {"a: 1\nb: &x 2\nc: *x\n", 2, "yaml-anchor"},
      {"a: *x\n", 1, "yaml-alias"},
      {"a: !!str 1\n", 1, "yaml-tag"},
      {"a: 1\nb: 2\na: 3\n", 3, "duplicate-key"},
      {"a:\n\tb: 1\n", 2, "yaml-syntax"},
      {"a: [1, 2\n", 2, "yaml-syntax"},
      {"a: \"x\n", 2, "yaml-syntax"},
      {"a: 1\nb: \xff\n", 2, "not-utf8"},
      {"? [a]\n: 1\n", 1, "yaml-key"},
      {"a: \"x\\0y\"\n", 1, "nul-byte"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct yaml_doc *docs;
    parse(str_of(cases[i].text), &docs);
    if (findings.errors != 1)
      fail_msg("%s: %zu faults", cases[i].text, findings.errors);
    assert_string_equal(findings.items[0].id.ptr, cases[i].id);
    assert_int_equal(findings.items[0].line, cases[i].line);
  }
  struct yaml_doc *docs;
  assert_int_equal(parse((struct str){"a: 1\nb: \0\n", 10}, &docs), 0);
  assert_string_equal(findings.items[0].id.ptr, "nul-byte");
}

static void bounds_depth(void **state) {
  (void)state;
  char deep[300];
  memset(deep, '[', sizeof deep);
  struct yaml_doc *docs;
  assert_int_equal(parse((struct str){deep, sizeof deep}, &docs), 0);
  assert_string_equal(findings.items[0].id.ptr, "too-deep");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(gives_scalars_their_type),     TEST(writes_every_string_so_that_it_reads_back),
      TEST(writes_times_quoted),          TEST(marks_lines_and_splits_documents),
      TEST(says_what_is_wrong_and_where), TEST(bounds_depth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
