// SPDX-License-Identifier: Apache-2.0
// One metric before a judge, fed by hand.
#pragma once

#include "analysis/judge.h"

struct stage {
  const struct judge *judge;
  struct judge_settings settings;
  struct metric_spec spec;
  struct metric_state state;
  struct arena arena;
  int64_t now_ms;
};

// `name` is a built-in metric's, or that of a custom one.
void stage_open(struct stage *stage, const char *judge, const char *name, double limit);
void stage_close(struct stage *stage);
// Counts of `seconds`, measured at their end.
void stage_counts(struct stage *stage, double seconds, struct tally counts);
// A custom query's values; none: no data.
void stage_values(struct stage *stage, double seconds, const double *values, size_t count);
void stage_value(struct stage *stage, double seconds, double value);
void stage_error(struct stage *stage, double seconds); // the query failed
struct metric_verdict stage_verdict(struct stage *stage);
struct verdict stage_conclude(struct stage *stage); // of the whole
