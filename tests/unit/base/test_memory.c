// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/arena.h"
#include "manifests/base/buf.h"
#include "manifests/base/map.h"
#include "manifests/base/rc.h"
#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void arena_gives_zeroed_aligned_memory(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  for (size_t size = 1; size < 200000; size = size * 3 + 1) {
    unsigned char *ptr = arena_alloc(&arena, size);
    assert_int_equal((uintptr_t)ptr % 16, 0);
    for (size_t i = 0; i < size; i++)
      assert_int_equal(ptr[i], 0);
    memset(ptr, 0xff, size);
  }
  arena_reset(&arena);
  assert_int_equal(((unsigned char *)arena_alloc(&arena, 64))[63], 0);
  arena_dispose(&arena);
}

static void arena_push_keeps_what_it_moved(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  void *items = NULL;
  size_t count = 0, capacity = 0;
  for (int i = 0; i < 1000; i++)
    *(int *)arena_push(&arena, &items, &count, &capacity, sizeof(int)) = i;
  for (int i = 0; i < 1000; i++)
    assert_int_equal(((int *)items)[i], i);
  arena_dispose(&arena);
}

static void buf_stops_at_its_maximum(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 10);
  assert_int_equal(buf_add_z(&buf, "12345678"), RC_OK);
  assert_int_equal(buf_add_z(&buf, "abc"), RC_LIMIT);
  assert_int_equal(buf_add_z(&buf, "a"), RC_LIMIT);
  assert_string_equal(buf_z(&buf), "12345678");
  buf_reset(&buf);
  assert_int_equal(buf_addf(&buf, "%d", 1234567890), RC_OK);
  assert_int_equal(buf_addf(&buf, "%d", 1), RC_LIMIT);
  buf_consume(&buf, 4);
  assert_string_equal(buf_z(&buf), "567890");
  buf_dispose(&buf);
}

static void map_keeps_order_and_survives_deletion(void **state) {
  (void)state;
  struct map map;
  map_init(&map);
  int values[3] = {0, 1, 2};
  assert_null(map_put(&map, STR("c"), &values[0]));
  assert_null(map_put(&map, STR("a"), &values[1]));
  assert_null(map_put(&map, STR(""), &values[2]));
  assert_ptr_equal(map_put(&map, STR("c"), &values[2]), &values[0]);
  struct map_iter it = map_begin(&map);
  assert_true(map_each(&it) && str_eq(it.key, STR("c")));
  assert_ptr_equal(map_del(&map, STR("c")), &values[2]);
  assert_true(map_each(&it) && str_eq(it.key, STR("a")));
  assert_true(map_each(&it) && it.key.len == 0);
  assert_false(map_each(&it));
  assert_int_equal(map_count(&map), 2);
  assert_null(map_get(&map, STR("c")));
  map_dispose(&map);
}

// The same by a list that is searched from its start.
struct plain_entry {
  unsigned key;
  const void *value; // NULL: gone
};

static void assert_same(const struct map *map, const struct plain_entry *entries, size_t count) {
  struct map_iter it = map_begin(map);
  size_t left = 0;
  char text[16];
  for (size_t i = 0; i < count; i++) {
    snprintf(text, sizeof text, "key-%u", entries[i].key);
    if (!entries[i].value)
      continue;
    left++;
    assert_true(map_each(&it));
    assert_true(str_eq_z(it.key, text));
    assert_ptr_equal(it.value, entries[i].value);
    assert_ptr_equal(map_get(map, str_of(text)), entries[i].value);
  }
  assert_false(map_each(&it));
  assert_int_equal(map_count(map), left);
}

static void map_is_as_a_list_would_be(void **state) {
  (void)state;
  enum { STEPS = 4000, KEYS = 300 };
  static struct plain_entry entries[STEPS];
  static char values[STEPS], kept_keys[STEPS][16]; // borrowed ones stay
  for (int borrows = 0; borrows < 2; borrows++) {
    struct map map = {.borrows_keys = borrows};
    struct rng rng;
    size_t count = 0;
    rng_init(&rng, 11);
    for (size_t step = 0; step < STEPS; step++) {
      unsigned key = (unsigned)rng_below(&rng, KEYS);
      size_t at = 0;
      while (at < count && !(entries[at].key == key && entries[at].value))
        at++;
      snprintf(kept_keys[step], sizeof kept_keys[step], "key-%u", key);
      const void *old = at < count ? entries[at].value : NULL;
      // More go than come in the second half: the map becomes empty, and is used again.
      if (rng_below(&rng, 10) < (step < STEPS / 2 ? 7 : 2)) {
        entries[at] = (struct plain_entry){key, &values[step]};
        count += at == count;
        assert_ptr_equal(map_put(&map, str_of(kept_keys[step]), &values[step]), old);
      } else {
        assert_ptr_equal(map_del(&map, str_of(kept_keys[step])), old);
        if (old)
          entries[at].value = NULL;
      }
      if (step % 97 == 0)
        assert_same(&map, entries, count);
    }
    assert_same(&map, entries, count);
    map_dispose(&map);
  }
}

static void map_loses_entries_while_it_is_walked(void **state) {
  (void)state;
  struct map map = {0};
  char key[16];
  for (int i = 0; i < 100; i++) {
    snprintf(key, sizeof key, "%d", i);
    (void)map_put(&map, str_of(key), &map);
  }
  size_t seen = 0;
  for (struct map_iter it = map_begin(&map); map_each(&it); seen++) {
    struct arena arena = {0};
    assert_ptr_equal(map_del(&map, arena_str(&arena, it.key)), &map);
    arena_dispose(&arena);
  }
  assert_int_equal(seen, 100);
  assert_int_equal(map_count(&map), 0);
  assert_null(map_get(&map, STR("7")));
  map_dispose(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_gives_zeroed_aligned_memory),
      cmocka_unit_test(arena_push_keeps_what_it_moved),
      cmocka_unit_test(buf_stops_at_its_maximum),
      cmocka_unit_test(map_keeps_order_and_survives_deletion),
      cmocka_unit_test(map_is_as_a_list_would_be),
      cmocka_unit_test(map_loses_entries_while_it_is_walked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
