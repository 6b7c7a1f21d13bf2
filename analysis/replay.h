// SPDX-License-Identifier: Apache-2.0
// The sequential judge over plain counts, one scrape after the other, without a release: errors,
// and requests slower than a few boundaries. What `serin analyze` and the simulations run. Seconds,
// shares.
#pragma once

#include "analysis/sequential.h"

#define REPLAY_BOUNDS_MAX 6
#define REPLAY_TESTS_MAX (REPLAY_BOUNDS_MAX + 1) // errors are test 0

struct replay_rules {
  double alpha, beta;
  struct line errors, errors_accept, slow, slow_accept;
  double min_detect_s; // negative: no burst guard
  double min_step_s;   // no pass before
  double warmup_s;     // slow requests are ignored so long after a step began
  double phi;          // of the pass
  double interval_s;   // between two scrapes, and the age of the step at the first of them
};
// The defaults of a preset, with interval 5 s.
struct replay_rules replay_rules(const struct judge_preset *preset);

// One scrape's increments; requests are the same in all tests.
struct replay_counts {
  double at_s;
  struct tally tests[REPLAY_TESTS_MAX];
};

enum replay_decision { REPLAY_CONTINUE, REPLAY_FAIL, REPLAY_PASS };
const char *replay_decision_name(enum replay_decision decision);
struct replay_tick {
  double against[REPLAY_TESTS_MAX], pass[REPLAY_TESTS_MAX]; // decades
  double combined;
  enum replay_decision decision;
};

struct replay {
  struct replay_rules rules;
  size_t count; // tests: 1 + boundaries
  double weights[REPLAY_TESTS_MAX];
  struct evidence_rule test_rules[REPLAY_TESTS_MAX];
  struct test_evidence tests[REPLAY_TESTS_MAX];
  double last_s; // of the last scrape
  double step_s; // when the step began
  bool began, learnt;
};

void replay_init(struct replay *replay, const struct replay_rules *rules, size_t boundaries);
// What stable did before: all history comes before the first replay_next. has_slow false: errors
// only.
void replay_learn(struct replay *replay, const struct replay_counts *counts, bool has_slow);
struct replay_tick replay_next(struct replay *replay, const struct replay_counts *counts);
// A new step begins after the last scrape.
void replay_step(struct replay *replay);
