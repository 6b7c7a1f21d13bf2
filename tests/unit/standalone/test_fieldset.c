// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/deployment.h"
#include "operator/standalone/fieldset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct schema *schema(void) {
  return deployment_kind.schema;
}

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {.msg = ""};
  if (json_parse(str_of(text), arena, &json, &err))
    fail_msg("%s: %s", text, err.msg);
  return json;
}

static void same(struct arena *arena, const struct json *have, const char *want) {
  if (!json_equal(have, parse(arena, want)))
    fail_msg("%s\nis not %s", json_text(arena, have).ptr, want);
}

#define POD(x) "{\"spec\":{\"template\":{\"spec\":" x "}}}"
#define F_POD(x) "{\"f:spec\":{\"f:template\":{\"f:spec\":" x "}}}"

static int setup(void **state) {
  static struct arena arena;
  arena_init(&arena);
  *state = &arena;
  return 0;
}

static int teardown(void **state) {
  arena_dispose(*state);
  return 0;
}

static void every_leaf_has_a_name(void **state) {
  struct arena *arena = *state;
  same(arena,
       fieldset_of(schema(),
                   parse(arena, "{\"metadata\":{\"labels\":{\"a\":\"1\"},\"finalizers\":[\"x\"]},"
                                "\"spec\":{\"replicas\":1}}"),
                   arena),
       "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}},\"f:finalizers\":{\"v:\\\"x\\\"\":{}}},\"f:"
       "spec\":{\"f:replicas\":{}}}");
  same(arena,
       fieldset_of(schema(),
                   parse(arena, POD("{\"containers\":[{\"name\":\"c\",\"args\":[\"1\"]}]}")),
                   arena),
       F_POD("{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":{},\"f:args\":"
             "{}}}}"));
}

static void changes_and_removals_are_told_apart(void **state) {
  struct arena *arena = *state;
  struct json *removed;
  struct json *changed = fieldset_changed(
      schema(), parse(arena, "{\"spec\":{\"replicas\":1,\"paused\":true,\"minReadySeconds\":3}}"),
      parse(arena, "{\"spec\":{\"replicas\":2,\"paused\":true,\"revisionHistoryLimit\":4}}"), arena,
      &removed);
  same(arena, changed, "{\"f:spec\":{\"f:replicas\":{},\"f:revisionHistoryLimit\":{}}}");
  same(arena, removed, "{\"f:spec\":{\"f:minReadySeconds\":{}}}");
  changed = fieldset_changed(
      schema(),
      parse(arena, POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]}")),
      parse(arena, POD("{\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]}")), arena, &removed);
  same(arena, changed,
       F_POD("{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\"f:image\":{}}}}"));
  same(arena, removed,
       F_POD("{\"f:containers\":{\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}"));
}

static void sets_add_and_subtract(void **state) {
  struct arena *arena = *state;
  const struct json *a = parse(arena, "{\"f:s\":{\"f:a\":{},\"f:b\":{}}}");
  const struct json *b = parse(arena, "{\"f:s\":{\"f:b\":{},\"f:c\":{}}}");
  same(arena, fieldset_union(a, b, arena), "{\"f:s\":{\"f:a\":{},\"f:b\":{},\"f:c\":{}}}");
  same(arena, fieldset_minus(a, b, arena), "{\"f:s\":{\"f:a\":{}}}");
  same(arena, fieldset_both(a, b, arena), "{\"f:s\":{\"f:b\":{}}}");
  assert_true(fieldset_is_empty(fieldset_minus(a, a, arena)));
  assert_true(fieldset_is_empty(NULL));
  same(arena, fieldset_minus(a, parse(arena, "{\"f:s\":{}}"), arena),
       "{}"); // a leaf stands for all below
}

static void note_path(struct str path, void *context) {
  char *text = context;
  size_t len = strlen(text);
  snprintf(text + len, 512 - len, "%.*s ", STR_ARG(path));
}

static void paths_are_words(void **state) {
  struct arena *arena = *state;
  char text[512] = "";
  fieldset_paths(
      parse(arena,
            F_POD("{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:image\":{}}}}")),
      arena, note_path, text);
  assert_string_equal(text, ".spec.template.spec.containers[name=\"a\"].image ");
}

static void removal_takes_only_what_is_named(void **state) {
  struct arena *arena = *state;
  struct json *object =
      parse(arena, POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]}"));
  fieldset_remove(
      schema(), object,
      parse(arena, F_POD("{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\"f:image\":{}},\"k:{"
                         "\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}")),
      arena);
  same(arena, object, POD("{\"containers\":[{\"name\":\"a\"}]}"));
}

static void merging_goes_by_keys(void **state) {
  struct arena *arena = *state;
  same(
      arena,
      fieldset_merge(
          schema(),
          parse(arena, POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"args\":[\"x\"]}]}")),
          parse(arena,
                POD("{\"containers\":[{\"name\":\"b\"},{\"name\":\"a\",\"args\":[\"y\"]}]}")),
          arena),
      POD("{\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"args\":[\"y\"]},{\"name\":\"b\"}]}"));
  same(arena,
       fieldset_merge(schema(), parse(arena, "{\"metadata\":{\"finalizers\":[\"a\"]}}"),
                      parse(arena, "{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}"), arena),
       "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}");
}

static void ports_with_one_number_and_two_protocols_are_two(void **state) {
  struct arena *arena = *state;
  const char *ports = POD("{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":53},{"
                          "\"containerPort\":53,\"protocol\":\"UDP\"}]}]}");
  const struct json *set = json_path(fieldset_of(schema(), parse(arena, ports), arena),
                                     "f:spec.f:template.f:spec.f:containers");
  assert_non_null(set);
  assert_int_equal(json_get(set->child, "f:ports")->count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_leaf_has_a_name),
      TEST(changes_and_removals_are_told_apart),
      TEST(sets_add_and_subtract),
      TEST(paths_are_words),
      TEST(removal_takes_only_what_is_named),
      TEST(merging_goes_by_keys),
      TEST(ports_with_one_number_and_two_protocols_are_two),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
