// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/rng.h"
#include "operator/standalone/fieldset_typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct json *parse(struct arena *arena, const char *text) {
  struct json *json = NULL;
  struct err err = {.msg = ""};
  if (json_parse(str_of(text), arena, &json, &err))
    fail_msg("%s: %s", text, err.msg);
  return json;
}

static const struct json *schema(struct arena *arena) {
  return parse(
      arena,
      "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
      "\"object\","
      "\"properties\":{\"x\":{\"type\":\"string\"},\"y\":{\"type\":\"string\"}}},\"steps\":{"
      "\"type\":"
      "\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"name\","
      "\"port\"],\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"port\":{\"type\":\"integer\",\"default\":80},\"w\":{\"type\":\"integer\"}}}},\"tags\":{"
      "\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}},"
      "\"plain\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"whole\":{\"type\":"
      "\"object\","
      "\"x-kubernetes-map-type\":\"atomic\",\"additionalProperties\":{\"type\":\"string\"}},"
      "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}");
}

static void same(struct arena *arena, const struct json *have, const char *want) {
  if (!json_equal(have, parse(arena, want)))
    fail_msg("%s\nis not %s", json_text(arena, have).ptr, want);
}

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

static void every_field_has_a_name(void **state) {
  struct arena *arena = *state;
  static const struct {
    const char *value, *fields;
  } rows[] = {
      {"{\"a\":1,\"b\":{\"x\":\"1\"}}", "{\"f:a\":{},\"f:b\":{\"f:x\":{}}}"},
      {"{\"b\":{},\"labels\":{\"k\":\"v\"}}", "{\"f:b\":{},\"f:labels\":{\"f:k\":{}}}"},
      {"{\"plain\":[\"x\"],\"whole\":{\"k\":\"v\"}}", "{\"f:plain\":{},\"f:whole\":{}}"},
      {"{\"tags\":[\"t\"],\"steps\":[]}", "{\"f:tags\":{\"v:\\\"t\\\"\":{}}}"},
      {"{\"steps\":[{\"name\":\"s\",\"w\":1}]}",
       "{\"f:steps\":{\"k:{\\\"name\\\":\\\"s\\\",\\\"port\\\":80}\":{\".\":{},\"f:name\":{},\"f:"
       "w\":"
       "{}}}}"},
      {"{\"a\":null,\"b\":null}", "{\"f:a\":{},\"f:b\":{}}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    same(arena,
         fieldset_write(typed_fields(schema(arena), parse(arena, rows[i].value), arena), arena),
         rows[i].fields);
}

static void what_is_new_changed_and_gone_is_told_apart(void **state) {
  struct arena *arena = *state;
  struct typed_change change = typed_compare(
      schema(arena),
      parse(arena, "{\"a\":1,\"b\":{\"x\":\"1\"},\"steps\":[{\"name\":\"s\",\"w\":1},{"
                   "\"name\":\"t\"}],\"tags\":[\"p\",\"q\"]}"),
      parse(arena, "{\"a\":2,\"b\":{\"x\":\"1\",\"y\":\"2\"},\"steps\":[{\"name\":\"s\","
                   "\"w\":2}],\"tags\":[\"q\",\"r\"],\"labels\":{\"k\":\"v\"}}"),
      arena);
  same(arena, fieldset_write(change.added, arena),
       "{\"f:b\":{\"f:y\":{}},\"f:tags\":{\"v:\\\"r\\\"\":{}},\"f:labels\":{\".\":{},\"f:k\":{}}}");
  same(arena, fieldset_write(change.modified, arena),
       "{\"f:a\":{},\"f:steps\":{\"k:{\\\"name\\\":\\\"s\\\",\\\"port\\\":80}\":{\"f:w\":{}}}}");
  same(arena, fieldset_write(change.removed, arena),
       "{\"f:steps\":{\"k:{\\\"name\\\":\\\"t\\\",\\\"port\\\":80}\":{\".\":{},\"f:name\":{}}},\"f:"
       "tags\":{\"v:\\\"p\\\"\":{}}}");
}

static void a_merge_keeps_what_is_not_named_in_its_place(void **state) {
  struct arena *arena = *state;
  static const struct {
    const char *live, *applied, *merged;
  } rows[] = {
      {"[\"a\",\"b\",\"c\"]", "[\"c\",\"b\"]", "[\"a\",\"c\",\"b\"]"},
      {"[\"a\",\"b\",\"c\"]", "[\"x\",\"b\"]", "[\"a\",\"x\",\"b\",\"c\"]"},
      {"[\"a\"]", "[\"b\",\"a\",\"c\"]", "[\"b\",\"a\",\"c\"]"},
      {"[]", "[\"b\"]", "[\"b\"]"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct json *live = json_new_object(arena), *applied = json_new_object(arena);
    json_put(arena, live, "tags", parse(arena, rows[i].live));
    json_put(arena, applied, "tags", parse(arena, rows[i].applied));
    same(arena, json_get(typed_merge(schema(arena), live, applied, arena), "tags"), rows[i].merged);
  }
  same(arena,
       typed_merge(schema(arena),
                   parse(arena, "{\"a\":1,\"steps\":[{\"name\":\"s\",\"w\":1}],\"plain\":[\"x\"]}"),
                   parse(arena, "{\"steps\":[{\"name\":\"s\",\"port\":80}],\"plain\":[\"y\"]}"),
                   arena),
       "{\"a\":1,\"steps\":[{\"name\":\"s\",\"port\":80,\"w\":1}],\"plain\":[\"y\"]}");
}

static void an_applied_object_is_checked(void **state) {
  struct arena *arena = *state;
  static const struct {
    const char *value, *why; // NULL: good
  } rows[] = {
      {"{\"a\":1,\"labels\":{\"any\":\"x\"}}", NULL},
      {"{\"bogus\":1}", ".bogus: field not declared in schema"},
      {"{\"tags\":[\"a\",\"a\"]}", ".tags: duplicate entries for key [\"a\"]"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct err err = {.msg = ""};
    int rc = typed_check(schema(arena), parse(arena, rows[i].value), arena, &err);
    assert_int_equal(rc != 0, rows[i].why != NULL);
    if (rows[i].why)
      assert_string_equal(err.msg, rows[i].why);
  }
}

static void lists_of_fields_are_read_and_named(void **state) {
  struct arena *arena = *state;
  static const char text[] =
      "{\"f:a\":{},\"f:b\":{\".\":{},\"f:x\":{}},\"f:steps\":{\"k:{\\\"name\\\":"
      "\\\"s\\\",\\\"port\\\":80}\":{\"f:w\":{}}},\"f:tags\":{\"v:\\\"t\\\"\":{}}}";
  struct fieldset *set = fieldset_read(parse(arena, text), arena);
  same(arena, fieldset_write(set, arena), text);
  assert_null(fieldset_read(parse(arena, "{\"x\":{}}"), arena));
  assert_null(fieldset_read(parse(arena, "{\"f:x\":1}"), arena));
}

// --- Properties

static struct json *random_object(struct rng *rng, struct arena *arena) {
  static const char *const names[] = {"p", "q", "r", "s"};
  struct json *object = json_new_object(arena);
  if (rng_below(rng, 2))
    json_put_int(arena, object, "a", (int64_t)rng_below(rng, 3));
  for (size_t i = 0; i < 2; i++)
    if (rng_below(rng, 2))
      json_put_z(arena, json_need_object(arena, object, "b"), i ? "x" : "y",
                 names[rng_below(rng, 4)]);
  for (size_t i = 0; i < 4; i++) {
    if (rng_below(rng, 3) == 0)
      json_append(json_need_array(arena, object, "tags"), json_new_z(arena, names[i]));
    if (rng_below(rng, 3) == 0) {
      struct json *step = json_new_object(arena);
      json_put_z(arena, step, "name", names[(i + 1) % 4]);
      json_put_int(arena, step, "w", (int64_t)rng_below(rng, 3));
      json_append(json_need_array(arena, object, "steps"), step);
    }
    if (rng_below(rng, 4) == 0)
      json_put_z(arena, json_need_object(arena, object, "labels"), names[i], names[i]);
  }
  return object;
}

static void merges_and_differences_agree(void **state) {
  struct arena *arena = *state;
  struct rng rng;
  rng_init(&rng, 7);
  for (int i = 0; i < 500; i++) {
    const struct json *types = schema(arena);
    struct json *live = random_object(&rng, arena), *applied = random_object(&rng, arena);
    struct json *merged = typed_merge(types, live, applied, arena);
    // All that is applied is in it, nothing that was there is gone, and a second time changes
    // nothing.
    struct fieldset *fields = typed_fields(types, applied, arena);
    assert_true(
        fieldset_is_empty(fieldset_minus(fields, typed_fields(types, merged, arena), arena)));
    assert_true(fieldset_is_empty(typed_compare(types, live, merged, arena).removed));
    assert_true(json_equal(typed_merge(types, merged, applied, arena), merged));
    // The other way round what was new is gone.
    struct typed_change there = typed_compare(types, live, applied, arena);
    struct typed_change back = typed_compare(types, applied, live, arena);
    assert_true(fieldset_same(there.added, back.removed));
    assert_true(fieldset_same(there.modified, back.modified));
    // Taking out what is not applied leaves what is.
    struct fieldset *all = typed_ensure(types, typed_fields(types, merged, arena), arena);
    struct fieldset *rest = fieldset_minus(all, typed_ensure(types, fields, arena), arena);
    struct json *left = typed_remove(types, merged, rest, arena);
    if (json_is(left, JSON_OBJECT)) // null: nothing is left
      assert_true(fieldset_is_empty(typed_compare(types, applied, left, arena).modified));
    // Sets: a is what it shares with b and what it does not.
    struct fieldset *a = typed_fields(types, live, arena);
    assert_true(fieldset_same(
        fieldset_union(fieldset_both(a, fields, arena), fieldset_minus(a, fields, arena), arena),
        fieldset_union(a, NULL, arena)));
    same(arena, fieldset_write(fieldset_read(fieldset_write(a, arena), arena), arena),
         json_text(arena, fieldset_write(a, arena)).ptr);
    arena_reset(arena);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(every_field_has_a_name),
      TEST(what_is_new_changed_and_gone_is_told_apart),
      TEST(a_merge_keeps_what_is_not_named_in_its_place),
      TEST(an_applied_object_is_checked),
      TEST(lists_of_fields_are_read_and_named),
      TEST(merges_and_differences_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
