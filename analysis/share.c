// SPDX-License-Identifier: Apache-2.0
#include "analysis/share.h"

struct test_state *share_test(struct metric_state *state) {
  struct test_state *found = NULL;
  for (size_t i = 0; i < state->test_count; i++) {
    struct test_state *test = &state->tests[i];
    if (test->role == TEST_PASSES_ONLY)
      continue;
    if (test->absolute)
      return test;
    if (!found)
      found = test;
  }
  return found;
}

double share_percent(double x, double n) {
  return n > 0 ? 100 * x / n : 0;
}

void share_numbers(const struct test_state *test, const struct metric_spec *spec,
                   struct arena *arena, struct metric_verdict *verdict) {
  const struct tally *step = &test->step;
  verdict->is_share = true;
  verdict->boundary_ms = test->boundary_ms;
  verdict->has_canary = step->n_c > 0;
  verdict->has_stable = step->n_s > 0;
  verdict->canary = share_percent(step->x_c, step->n_c);
  verdict->stable = share_percent(step->x_s, step->n_s);
  verdict->requests = step->n_c;
  verdict->bad = step->x_c;
  verdict->stable_requests = step->n_s;
  verdict->stable_bad = step->x_s;
  verdict->limit = metric_limit_text(spec, arena);
}

struct str share_words(const struct test_state *test, const struct metric_spec *spec,
                       struct arena *arena) {
  if (spec->kind == METRIC_ERROR_RATE)
    return STR("failed");
  return arena_printf(arena, "took over %.10gms", test->boundary_ms);
}
