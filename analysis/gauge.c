// SPDX-License-Identifier: Apache-2.0
#include "analysis/gauge.h"

void gauge_numbers(const struct metric_state *state, const struct metric_spec *spec,
                   struct arena *arena, struct metric_verdict *verdict) {
  verdict->limit = metric_limit_text(spec, arena);
  verdict->has_canary = state->reading.kind == READING_VALUE;
  verdict->canary = verdict->has_canary ? state->reading.value : 0;
}

bool gauge_trouble(const struct metric_state *state, struct arena *arena,
                   struct metric_verdict *verdict) {
  static const enum cause CAUSES[] = {
      [READING_VALUE] = CAUSE_NONE,        [READING_NO_DATA] = CAUSE_NO_DATA,
      [READING_ERROR] = CAUSE_QUERY_ERROR, [READING_NAN] = CAUSE_NAN,
      [READING_MANY] = CAUSE_MANY_SERIES,
  };
  if (state->reading.kind == READING_VALUE)
    return false;
  verdict->outcome = OUTCOME_INSUFFICIENT;
  verdict->cause = CAUSES[state->reading.kind];
  verdict->clean = false;
  verdict->reason = arena_str(arena, state->reading.why);
  return true;
}
