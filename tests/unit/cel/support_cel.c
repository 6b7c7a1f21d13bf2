// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cel/support_cel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct str cel_outcome(const char *source, const struct cel_variable *variables,
                       const struct cel_value *values, size_t count, struct arena *arena) {
  struct cel_program program;
  struct str issues;
  uint64_t cost;
  struct buf text;
  if (cel_compile(str_of(source), variables, count, arena, &program, &issues))
    return arena_printf(arena, "refused: %.*s", STR_ARG(issues));
  struct cel_value value = cel_evaluate(&program, values, arena, &cost);
  buf_init(&text, 1u << 20);
  if (value.kind == CEL_ERROR)
    buf_add_z(&text, "error: ");
  cel_show(&text, value, arena);
  struct str outcome = arena_str(arena, buf_str(&text));
  buf_dispose(&text);
  return outcome;
}

void assert_all_true(const char *const *sources, size_t count) {
  int wrong = 0;
  for (size_t i = 0; i < count; i++) {
    struct arena arena;
    arena_init(&arena);
    struct str outcome = cel_outcome(sources[i], NULL, NULL, 0, &arena);
    if (!str_eq_z(outcome, "true")) {
      print_error("%s\n  %.*s\n", sources[i], STR_ARG(outcome));
      wrong++;
    }
    arena_dispose(&arena);
  }
  assert_int_equal(wrong, 0);
}

void assert_outcomes(const struct cel_case *cases, size_t count) {
  int wrong = 0;
  for (size_t i = 0; i < count; i++) {
    struct arena arena;
    arena_init(&arena);
    struct str outcome = cel_outcome(cases[i].source, NULL, NULL, 0, &arena);
    struct str want = str_of(cases[i].outcome);
    bool refused = str_starts(outcome, STR("refused: "));
    if (refused ? !str_contains(outcome, want) : !str_eq(outcome, want)) {
      print_error("%s\n  wanted %s\n  found  %.*s\n", cases[i].source, cases[i].outcome,
                  STR_ARG(outcome));
      wrong++;
    }
    arena_dispose(&arena);
  }
  assert_int_equal(wrong, 0);
}
