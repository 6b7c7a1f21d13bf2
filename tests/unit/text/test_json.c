// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/json.h"
#include "manifests/text/json_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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

static struct json *parse(const char *text) {
  struct json *json;
  struct err err = {0};
  if (json_parse(str_of(text), &arena, &json, &err) != RC_OK)
    fail_msg("%s: %s", text, err.msg);
  return json;
}

static void same(const struct json *json, const char *text) {
  assert_string_equal(json_text(&arena, json).ptr, text);
}

static void reads_and_writes_back(void **state) {
  (void)state;
  const char *texts[] = {"{\"a\":[1,-2,3.5,true,false,null,\"x\"],\"b\":{}}",
                         "[]",
                         "\"q\\\"\\\\\\n\\u0001\xc3\xa9\"",
                         "0.1",
                         "1e+300",
                         "9007199254740993",
                         "[9223372036854775807,-9223372036854775808,{\"4\":\"5\\\"6\",\"7\":8}]"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    same(parse(texts[i]), texts[i]);
  same(parse(" { \"a\" : 1.0 } "), "{\"a\":1}");
}

static void refuses_what_is_not_json(void **state) {
  (void)state;
  const char *texts[] = {
      "", "  ", "{", "[1,]", "{\"a\":1}x", "nul", "\"\xff\"", "\"a\\u0000b\"", "{a:1}", "\x01"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct json *json;
    struct err err = {0};
    assert_int_not_equal(json_parse(str_of(texts[i]), &arena, &json, &err), RC_OK);
    assert_true(strlen(err.msg) > 0);
  }
  struct json *json;
  assert_int_equal(json_parse(STR("\"a\\\\u0000b\""), &arena, &json, NULL), RC_OK);
  assert_int_not_equal(json_parse((struct str){"\"a\0b\"", 5}, &arena, &json, NULL), RC_OK);
}

static void refuses_deep_nesting(void **state) {
  (void)state;
  char deep[401];
  memset(deep, '[', 200);
  memset(deep + 200, ']', 200);
  deep[400] = '\0';
  struct json *json;
  assert_int_equal(json_parse(str_of(deep), &arena, &json, NULL), RC_LIMIT);
}

static void finds_duplicate_keys(void **state) {
  (void)state;
  struct str path;
  assert_false(json_duplicate_key(parse("{\"a\":{\"b\":1},\"c\":{\"b\":1}}"), &arena, &path));
  assert_true(json_duplicate_key(parse("{\"a\":[{\"b\":1,\"b\":2}]}"), &arena, &path));
  assert_string_equal(path.ptr, "a.[0].b");
}

static void walks_paths(void **state) {
  (void)state;
  struct json *json = parse("{\"spec\":{\"http\":[{\"w\":7}]}}");
  assert_int_equal(json_int(json_path(json, "spec.http.0.w"), -1), 7);
  assert_null(json_path(json, "spec.http.1.w"));
  assert_null(json_path(json, "spec.nope.w"));
  assert_int_equal(json_int(json_path(NULL, "a"), -1), -1);
}

static void compares_values_not_order(void **state) {
  (void)state;
  assert_true(json_equal(parse("{\"a\":1,\"b\":[1,2]}"), parse("{\"b\":[1,2],\"a\":1.0}")));
  assert_false(json_equal(parse("[1,2]"), parse("[2,1]")));
  assert_false(json_equal(parse("{\"a\":1}"), parse("{\"a\":1,\"b\":2}")));
}

static void keeps_order_when_changed(void **state) {
  (void)state;
  struct json *json = parse("{\"a\":1,\"b\":2,\"c\":3}");
  json_put_int(&arena, json, "b", 9);
  json_put_z(&arena, json, "d", "x");
  json_remove(json, STR("c"));
  json_put_bool(&arena, json_need_object(&arena, json, "e"), "f", true);
  same(json, "{\"a\":1,\"b\":9,\"d\":\"x\",\"e\":{\"f\":true}}");
  struct json *list = parse("[1,2,3]");
  json_insert(list, 0, json_new_int(&arena, 0));
  json_remove_at(list, 3);
  json_append(list, json_new_int(&arena, 4));
  same(list, "[0,1,2,4]");
  assert_int_equal(list->count, 4);
}

static void applies_json_patches(void **state) {
  (void)state;
  static const struct {
    const char *doc, *patch, *want; // want NULL: refused and unchanged
  } cases[] = {
      // The examples of RFC 6902, appendix A, and the corners that matter here.
      {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"q\"}]",
       "{\"foo\":\"bar\",\"baz\":\"q\"}"},
      {"{\"f\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/f/1\",\"value\":2}]", "{\"f\":[1,2,3]}"},
      {"{\"f\":[1]}", "[{\"op\":\"add\",\"path\":\"/f/-\",\"value\":2}]", "{\"f\":[1,2]}"},
      {"{\"f\":[1]}", "[{\"op\":\"add\",\"path\":\"/f/2\",\"value\":2}]", NULL},
      {"{\"f\":[1]}", "[{\"op\":\"add\",\"path\":\"/f/01\",\"value\":2}]", "{\"f\":[1,2]}"},
      {"{\"f\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/f/-2\"}]", "{\"f\":[2]}"},
      {"{\"f\":[1]}", "[{\"op\":\"remove\",\"path\":\"/f/-2\"}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/x\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":null}"},
      {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/x\",\"path\":\"/b\"}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/x\",\"value\":null}]", "{\"a\":1}"},
      {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{}}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":5,\"path\":\"/a\"}]", NULL},
      {"{\"a\":1}", "null", "{\"a\":1}"},
      {"{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2}"},
      {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/x\"}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":[2]}]", "{\"a\":[2]}"},
      {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/x\",\"value\":2}]", "{\"a\":1,\"x\":2}"},
      {"{\"f\":[1]}", "[{\"op\":\"replace\",\"path\":\"/f/1\",\"value\":2}]", NULL},
      {"{\"a\":{\"x\":1},\"b\":{}}", "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"}]",
       "{\"a\":{},\"b\":{\"y\":1}}"},
      {"{\"f\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/f/0\",\"path\":\"/f/2\"}]",
       "{\"f\":[2,3,1]}"},
      {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":1}"},
      {"{\"a/b\":1,\"m~n\":2}",
       "[{\"op\":\"test\",\"path\":\"/a~1b\",\"value\":1},"
       "{\"op\":\"replace\",\"path\":\"/m~0n\",\"value\":3}]",
       "{\"a/b\":1,\"m~n\":3}"},
      {"{\"a\":1}",
       "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2},{\"op\":\"test\",\"path\":\"/"
       "a\",\"value\":1}]",
       NULL},
      {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]"},
      {"{\"a\":1}", "[{\"op\":\"jump\",\"path\":\"/a\"}]", NULL},
      {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL},
      {"{\"a\":1}", "{\"op\":\"remove\",\"path\":\"/a\"}", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct json *doc = parse(cases[i].doc);
    struct err err = {0};
    int rc = json_patch_apply(&arena, &doc, parse(cases[i].patch), &err);
    if ((rc == RC_OK) != (cases[i].want != NULL))
      fail_msg("%s: rc %d %s", cases[i].patch, rc, err.msg);
    same(doc, cases[i].want ? cases[i].want : cases[i].doc);
  }
}

static void applies_merge_patches(void **state) {
  (void)state;
  // RFC 7386, appendix A.
  static const char *const cases[][3] = {
      {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
      {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
      {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
      {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
      {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
      {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    same(json_merge_patch(&arena, parse(cases[i][0]), parse(cases[i][1])), cases[i][2]);
}

static void merge_diff_leads_from_one_to_the_other(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "{\"b\":{\"c\":2,\"e\":[1]}}"},
      {"{}", "{\"a\":{\"b\":{}}}"},
      {"{\"a\":[1]}", "{\"a\":{\"x\":1}}"}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    struct json *from = parse(pairs[i][0]), *to = parse(pairs[i][1]);
    assert_true(json_equal(json_merge_patch(&arena, from, json_merge_diff(&arena, from, to)), to));
    same(json_merge_diff(&arena, from, from), "{}");
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(reads_and_writes_back),
      TEST(refuses_what_is_not_json),
      TEST(refuses_deep_nesting),
      TEST(finds_duplicate_keys),
      TEST(walks_paths),
      TEST(compares_values_not_order),
      TEST(keeps_order_when_changed),
      TEST(applies_json_patches),
      TEST(applies_merge_patches),
      TEST(merge_diff_leads_from_one_to_the_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
