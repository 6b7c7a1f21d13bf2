// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "manifests/source/watch_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct json *object_of(struct arena *arena, const char *revision, const char *value) {
  struct json *json = NULL;
  struct str text = arena_printf(arena,
                                 "{\"metadata\":{\"namespace\":\"a\",\"name\":\"x\","
                                 "\"resourceVersion\":\"%s\"},\"data\":{\"k\":\"%s\"}}",
                                 revision, value);
  assert_int_equal(json_parse(text, arena, &json, NULL), RC_OK);
  return json;
}

static const char *value_of(const struct json *object) {
  return object ? json_path_string(object, "data.k").ptr : "none";
}

struct row {
  enum kube_keep keep;
  bool without_old;
  const char *old, *read, *last; // what MODIFIED, a look and DELETED tell
};

static const struct row rows[] = {
    {KUBE_KEEP_TREES, false, "1st", "2nd", "2nd"},
    {KUBE_KEEP_TREES, true, "1st", "2nd", "2nd"},
    {KUBE_KEEP_PACKED, false, "1st", "2nd", "2nd"},
    {KUBE_KEEP_PACKED, true, "none", "2nd", "2nd"},
    {KUBE_KEEP_REVISIONS, false, "none", "none", "none"},
};

static void a_change_tells_what_is_kept(void **state) {
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    const struct row *row = &rows[i];
    struct watch_cache cache;
    struct arena arena = {0};
    watch_cache_init(&cache, row->keep, row->without_old);
    struct watch_change change = watch_cache_put(&cache, object_of(&arena, "1", "1st"));
    assert_true(change.happened && change.event == KUBE_ADDED);
    assert_string_equal(value_of(change.object), "1st");
    watch_change_dispose(&change);

    change = watch_cache_put(&cache, object_of(&arena, "1", "the same revision"));
    assert_false(change.happened);

    change = watch_cache_put(&cache, object_of(&arena, "2", "2nd"));
    assert_true(change.happened && change.event == KUBE_MODIFIED);
    assert_string_equal(value_of(change.object), "2nd");
    assert_string_equal(value_of(change.old), row->old);
    watch_change_dispose(&change);

    struct watch_entry *entry = watch_cache_get(&cache, STR("a/x"));
    assert_non_null(entry);
    assert_string_equal(value_of(watch_cache_tree(&cache, entry)), row->read);
    watch_cache_cool(&cache);
    assert_string_equal(value_of(watch_cache_tree(&cache, entry)), row->read);

    change = watch_cache_del(&cache, STR("a/x"));
    assert_true(change.happened && change.event == KUBE_DELETED);
    assert_true(str_eq(change.key, STR("a/x")));
    assert_string_equal(value_of(change.object), row->last);
    watch_change_dispose(&change);
    assert_null(watch_cache_get(&cache, STR("a/x")));
    arena_dispose(&arena);
    watch_cache_dispose(&cache);
  }
}

static void a_packed_object_has_no_tree_until_somebody_looks(void **state) {
  (void)state;
  struct watch_cache cache;
  struct arena arena = {0};
  watch_cache_init(&cache, KUBE_KEEP_PACKED, false);
  struct watch_change change = watch_cache_put(&cache, object_of(&arena, "1", "1st"));
  struct watch_entry *entry = watch_cache_get(&cache, STR("a/x"));
  assert_null(entry->tree);
  const struct json *tree = watch_cache_tree(&cache, entry);
  assert_ptr_equal(watch_cache_tree(&cache, entry), tree);
  watch_change_dispose(&change);
  // A tree that was read stays good while its entry is replaced.
  change = watch_cache_put(&cache, object_of(&arena, "2", "2nd"));
  assert_ptr_equal(change.old, tree);
  watch_cache_cool(&cache);
  assert_string_equal(value_of(change.old), "1st");
  watch_change_dispose(&change);
  assert_null(watch_cache_get(&cache, STR("a/x"))->tree);
  arena_dispose(&arena);
  watch_cache_dispose(&cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_tells_what_is_kept),
      cmocka_unit_test(a_packed_object_has_no_tree_until_somebody_looks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
