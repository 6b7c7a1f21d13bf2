// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/str.h"

// cmocka wants these four in front of it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void compares_bytes(void **state) {
  (void)state;
  assert_true(str_eq(STR("abc"), str_of("abc")));
  assert_false(str_eq(STR("abc"), STR("abd")));
  assert_true(str_eq(STR_NULL, STR("")));
  assert_true(str_eq_nocase(STR("Host"), STR("hOST")));
  assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
  assert_true(str_cmp(STR("b"), STR("abc")) > 0);
}

static void writes_hexadecimal_digits(void **state) {
  (void)state;
  static const struct {
    uint64_t value;
    const char *text;
  } cases[] = {
      {0, "0000000000000000"},
      {UINT64_MAX, "ffffffffffffffff"},
      {UINT64_C(0x0123456789abcdef), "0123456789abcdef"},
      {UINT64_C(0xfedcba9876543210), "fedcba9876543210"},
      {UINT64_C(0x9a0000000000000f), "9a0000000000000f"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[16];
    str_put_hex(out, cases[i].value);
    assert_memory_equal(out, cases[i].text, 16);
  }
}

static void splits_keeping_empty_parts(void **state) {
  (void)state;
  struct str rest = STR("a,,b"), part;
  assert_true(str_next(&rest, ',', &part) && str_eq(part, STR("a")));
  assert_true(str_next(&rest, ',', &part) && str_eq(part, STR("")));
  assert_true(str_next(&rest, ',', &part) && str_eq(part, STR("b")));
  assert_false(str_next(&rest, ',', &part));
}

static void reads_numbers_to_the_limits(void **state) {
  (void)state;
  int64_t i;
  uint64_t u;
  assert_true(str_to_i64(STR("-9223372036854775808"), &i));
  assert_int_equal(i, INT64_MIN);
  assert_false(str_to_i64(STR("9223372036854775808"), &i));
  assert_true(str_to_u64(STR("18446744073709551615"), &u));
  assert_false(str_to_u64(STR("18446744073709551616"), &u));
  const char *bad[] = {"", "-", "+1", " 1", "1 ", "0x1", "1.0"};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
    assert_false(str_to_i64(str_of(bad[k]), &i));
}

static void reads_doubles_strictly(void **state) {
  (void)state;
  double d;
  assert_true(str_to_double(STR("1.5e3"), &d));
  assert_true(d > 1499.9 && d < 1500.1);
  assert_false(str_to_double(STR("nan"), &d));
  assert_false(str_to_double(STR("0x10"), &d));
  assert_false(str_to_double(STR("1e999"), &d));
  assert_false(str_to_double(STR(""), &d));
}

static void measures_distance(void **state) {
  (void)state;
  assert_int_equal(str_distance(STR("weigth"), STR("weight"), 9), 2);
  assert_int_equal(str_distance(STR(""), STR("abc"), 9), 3);
  assert_int_equal(str_distance(STR("abcdef"), STR("uvwxyz"), 3), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compares_bytes),
      cmocka_unit_test(splits_keeping_empty_parts),
      cmocka_unit_test(writes_hexadecimal_digits),
      cmocka_unit_test(reads_numbers_to_the_limits),
      cmocka_unit_test(reads_doubles_strictly),
      cmocka_unit_test(measures_distance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
