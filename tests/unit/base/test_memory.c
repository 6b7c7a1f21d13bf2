// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/arena.h"
#include "manifests/base/buf.h"
#include "manifests/base/map.h"
#include "manifests/base/rc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_gives_zeroed_aligned_memory),
      cmocka_unit_test(arena_push_keeps_what_it_moved),
      cmocka_unit_test(buf_stops_at_its_maximum),
      cmocka_unit_test(map_keeps_order_and_survives_deletion),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
