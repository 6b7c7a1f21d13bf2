// SPDX-License-Identifier: Apache-2.0
// The pure parts of mirrors: which requests are copied, and the host of copies.
#include "manifests/base/bug.h"
#include "proxy/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void the_draw_follows_from_the_id(void **state) {
  (void)state;
  assert_int_equal(mirror_draw(STR("00000001-0000-4000-8000-000000000000")), 1);
  assert_int_equal(mirror_draw(STR("000F4240-0000-4000-8000-000000000000")), 0); // 1,000,000
  assert_int_equal(mirror_draw(STR("mine")), mirror_draw(STR("mine")));
  assert_true(mirror_draw(STR("mine")) < 1000000);
  assert_true(mirror_draw(STR("")) < 1000000);
  unsigned below = 0;
  for (unsigned i = 0; i < 20000; i++) {
    char id[16];
    int len = snprintf(id, sizeof(id), "%08x", i * 2654435761u);
    below += mirror_draw((struct str){id, (size_t)len}) < 100000;
  }
  assert_in_range(below, 1850, 2150);
}

static void the_suffix_comes_before_the_port(void **state) {
  static const char *const cases[][2] = {{"shop", "shop-shadow"},
                                         {"shop:8080", "shop-shadow:8080"},
                                         {"[::1]", "[::1]-shadow"},
                                         {"[::1]:80", "[::1]-shadow:80"}};
  char out[32];
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(cases); i++)
    assert_true(str_eq_z(mirror_shadow_host(str_of(cases[i][0]), out, sizeof(out)), cases[i][1]));
  assert_int_equal(mirror_shadow_host(STR("shop"), out, 10).len, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_draw_follows_from_the_id),
      cmocka_unit_test(the_suffix_comes_before_the_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
