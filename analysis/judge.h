// SPDX-License-Identifier: Apache-2.0
// The judges: each turns counted requests into an outcome per metric. A judge is a row of functions
// over the same state, so that another one is a file and a row in judge.c.
#pragma once

#include "analysis/sample.h"
#include "analysis/verdict.h"

struct judge_settings {
  int failure_limit;       // failed measurements in a row that are tolerated; negative: 3
  double min_requests;     // 0: 50
  int64_t warmup_ms;       // latency is ignored so long after a step began
  int64_t stale_after_ms;  // 0: 60 s without a new scrape is CAUSE_STALE
  double latency_floor_ms; // 0: 25; boundaries below are not compared with stable
};

// Canary (c) and stable (s): requests (n) and bad ones among them (x).
struct tally {
  double n_c, x_c, n_s, x_s;
};
#define METRIC_TESTS_MAX 4
// A limit between two boundaries is failed by the upper one and passed by the lower one.
enum test_role { TEST_BOTH, TEST_FAILS_ONLY, TEST_PASSES_ONLY };
// One question with a yes-or-no answer per request: "an error?", "slower than 250 ms?".
struct test_state {
  double boundary_ms; // latency only
  bool absolute;      // against the limit; else against stable
  enum test_role role;
  struct tally step;   // since the step began
  struct tally block;  // since the last measurement
  double ref_n, ref_x; // stable of the last step that had enough of it: the reference when there is
                       // no control
};
struct metric_state {
  struct str name;
  struct test_state tests[METRIC_TESTS_MAX];
  size_t test_count;
  int failures;     // failed measurements in a row
  int measurements; // in this step
  // The last custom value or the last query's trouble; not kept across a restart.
  struct prom_reading reading;
};

struct judge {
  const char *name;
  bool ends_early; // its pass may end a step before the time
  // Takes what was counted since the last call: the blocks were added by the caller.
  void (*measure)(struct metric_state *state, const struct metric_spec *spec,
                  const struct judge_settings *settings);
  void (*decide)(const struct metric_state *state, const struct metric_spec *spec,
                 const struct judge_settings *settings, struct arena *arena,
                 struct metric_verdict *ret_verdict);
};

// The judge of that name; "" is the default one. NULL and a message: RC_INVALID for a name that is
// none, RC_UNSUPPORTED for one that is not available in this version.
const struct judge *judge_find(struct str name, struct err *err);
