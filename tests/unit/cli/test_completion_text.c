// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/cli/commands.h"
#include "operator/cli/completion_text.h"
#include "operator/cli/table_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_each_shell_knows_each_command(void **state) {
  (void)state;
  static const char *const shells[] = {"bash", "zsh", "fish"};
  for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_true(completion_text(str_of(shells[i]), commands, command_count, &out));
    for (size_t k = 0; k < command_count; k++) {
      struct arena arena = {0};
      struct str word = arena_printf(&arena, " %s ", commands[k]->name);
      bool there = str_contains(buf_str(&out), word) ||
                   str_contains(buf_str(&out), arena_printf(&arena, " %s)", commands[k]->name));
      assert_int_equal(there, !commands[k]->hidden);
      arena_dispose(&arena);
    }
    assert_true(str_contains(buf_str(&out), STR("to-revision")));
    buf_dispose(&out);
  }
  struct buf out;
  buf_init(&out, 100);
  assert_false(completion_text(STR("tcsh"), commands, command_count, &out));
}

static void test_widths(void **state) {
  (void)state;
  assert_int_equal(table_text_width(STR("abc")), 3);
  assert_int_equal(table_text_width(STR("äöü→█")), 5);
  assert_int_equal(table_text_width(STR("日本")), 4);
  assert_int_equal(table_text_width(STR("e\xcc\x81")), 1); // combining accent
  assert_int_equal(table_text_width(STR("\xf0\x9f\x90\xa6")), 2);
  assert_int_equal(table_text_width(STR("\xf0\x9f")), 1); // cut short: no read behind the end
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_shell_knows_each_command),
      cmocka_unit_test(test_widths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
