// SPDX-License-Identifier: Apache-2.0
// Properties of client-side apply over random objects; single cases are in
// tests/golden/cli/apply_*.
#include "manifests/base/rng.h"
#include "manifests/text/json_patch.h"
#include "operator/cli/apply_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ROUNDS 3000

static const char *const keys[] = {"a", "b", "spec", "containers", "env", "ports", "hosts"};
static const char *const names[] = {"x", "y", "z"};

static struct json *random_value(struct rng *rng, struct arena *arena, int depth);

// An item of a list that may be merged by its key: has a name, a port, or neither.
static struct json *random_item(struct rng *rng, struct arena *arena, int depth) {
  if (rng_below(rng, 6) == 0)
    return random_value(rng, arena, depth);
  struct json *item = json_new_object(arena);
  json_put_z(arena, item, "name", names[rng_below(rng, 3)]);
  json_put_int(arena, item, "containerPort", (int64_t)rng_below(rng, 3));
  json_put(arena, item, "value", random_value(rng, arena, depth + 1));
  return item;
}

static struct json *random_value(struct rng *rng, struct arena *arena, int depth) {
  uint64_t kind = rng_below(rng, depth > 3 ? 2 : 5);
  if (kind == 0)
    return json_new_int(arena, (int64_t)rng_below(rng, 4));
  if (kind == 1)
    return json_new_z(arena, names[rng_below(rng, 3)]);
  if (kind == 2) {
    struct json *list = json_new_array(arena);
    uint64_t count = rng_below(rng, 4);
    for (uint64_t i = 0; i < count; i++)
      json_append(list, random_item(rng, arena, depth + 1));
    return list;
  }
  struct json *object = json_new_object(arena);
  uint64_t count = rng_below(rng, 5);
  for (uint64_t i = 0; i < count; i++)
    json_put(arena, object, keys[rng_below(rng, 7)], random_value(rng, arena, depth + 1));
  return object;
}

static struct json *random_object(struct rng *rng, struct arena *arena) {
  struct json *object = json_new_object(arena);
  json_put_z(arena, json_need_object(arena, object, "metadata"), "name", "n");
  json_put(arena, object, "spec", random_value(rng, arena, 0));
  json_put(arena, object, "data", random_value(rng, arena, 1));
  return object;
}

// Whether all of `wanted` is in `have`: objects member by member, everything else as a whole.
static bool contains(const struct json *have, const struct json *wanted) {
  if (!json_is(wanted, JSON_OBJECT) || !json_is(have, JSON_OBJECT))
    return json_is(wanted, JSON_ARRAY) || json_equal(have, wanted); // lists may hold others' items
  JSON_EACH(field, wanted)
    if (!json_get_s(have, field->key) || !contains(json_get_s(have, field->key), field))
      return false;
  return true;
}

static void test_applying_gives_what_was_asked_and_is_done_once(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 7);
  for (int round = 0; round < ROUNDS; round++) {
    struct arena arena = {0};
    bool builtin = round % 2;
    struct json *first = random_object(&rng, &arena), *second = random_object(&rng, &arena);
    struct json *foreign = random_object(&rng, &arena);
    // Applied once, then changed by somebody else, then applied anew.
    struct json *live = json_merge_patch(&arena, apply_annotated(&arena, first), foreign);
    struct json *patch = apply_patch(&arena, live, second, builtin);
    struct json *after = json_merge_patch(&arena, live, patch);
    assert_true(contains(after, second));
    struct json *again = apply_patch(&arena, after, second, builtin);
    if (again->count)
      print_error("round %d: %s\n", round, json_text(&arena, again).ptr);
    assert_int_equal(again->count, 0);
    assert_true(json_equal(apply_remembered(&arena, after),
                           apply_remembered(&arena, apply_annotated(&arena, second))));
    arena_dispose(&arena);
  }
}

static void test_what_was_never_applied_stays(void **state) {
  (void)state;
  struct rng rng;
  rng_init(&rng, 8);
  for (int round = 0; round < ROUNDS; round++) {
    struct arena arena = {0};
    struct json *wanted = random_object(&rng, &arena);
    struct json *live = apply_annotated(&arena, wanted);
    json_put_z(&arena, live, "others", "mine");
    json_put_z(&arena, json_need_object(&arena, live, "metadata"), "uid", "u");
    assert_int_equal(apply_patch(&arena, live, wanted, round % 2)->count, 0);
    // The user's fields all go, nobody else's do.
    struct json *empty = json_new_object(&arena);
    json_put_z(&arena, json_need_object(&arena, empty, "metadata"), "name", "n");
    struct json *after =
        json_merge_patch(&arena, live, apply_patch(&arena, live, empty, round % 2));
    assert_null(json_get(after, "spec"));
    assert_null(json_get(after, "data"));
    assert_string_equal(json_get_string(after, "others").ptr, "mine");
    assert_string_equal(json_path_string(after, "metadata.uid").ptr, "u");
    arena_dispose(&arena);
  }
}

static void test_the_servers_own_fields_are_no_difference(void **state) {
  (void)state;
  struct arena arena = {0};
  struct json *live, *wanted;
  assert_int_equal(json_parse(STR("{\"metadata\":{\"name\":\"n\",\"uid\":\"1\",\"resourceVersion\":"
                                  "\"9\"},\"a\":1}"),
                              &arena, &live, NULL),
                   RC_OK);
  assert_int_equal(json_parse(STR("{\"metadata\":{\"name\":\"n\",\"uid\":\"2\",\"resourceVersion\":"
                                  "\"3\",\"creationTimestamp\":null},\"a\":1}"),
                              &arena, &wanted, NULL),
                   RC_OK);
  struct json *patch = apply_patch(&arena, live, wanted, true);
  assert_int_equal(patch->count, 1);
  assert_int_equal(json_get(patch, "metadata")->count, 1); // only the annotation
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_applying_gives_what_was_asked_and_is_done_once),
      cmocka_unit_test(test_what_was_never_applied_stays),
      cmocka_unit_test(test_the_servers_own_fields_are_no_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
