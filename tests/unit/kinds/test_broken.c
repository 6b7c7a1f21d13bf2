// SPDX-License-Identifier: Apache-2.0
// Each file of tests/golden/lint/broken has at least one error, and exactly the findings of its
// .txt.
#include "manifests/kinds/lint.h"
#include "support_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FOLDER "tests/golden/lint/broken"

static void each_says_what_is_wrong(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct str *names = NULL;
  size_t count = golden_list(FOLDER, ".yaml", &arena, &names);
  assert_true(count >= 40);
  for (size_t i = 0; i < count; i++) {
    struct arena own;
    arena_init(&own);
    struct findings findings;
    struct lint lint;
    findings_init(&findings, &own);
    lint_init(&lint, &own, &findings);
    struct str path = arena_printf(&own, "%s/%.*s", FOLDER, STR_ARG(names[i]));
    lint_add_text(&lint, names[i], golden_read(path.ptr, &own));
    lint_finish(&lint);
    lint_dispose(&lint);
    struct str report = STR("");
    for (size_t f = 0; f < findings.count; f++) {
      struct str line = finding_text(&findings.items[f], &own);
      report = arena_printf(&own, "%.*s%.*s\n", STR_ARG(report), STR_ARG(line));
      assert_int_not_equal(findings.items[f].line, 0);
    }
    if (!findings.errors)
      fail_msg("%s has no error", names[i].ptr);
    golden_same(arena_printf(&own, "%.*s.txt", (int)path.len - 5, path.ptr).ptr, report);
    arena_dispose(&own);
  }
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_says_what_is_wrong)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
