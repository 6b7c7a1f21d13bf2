// SPDX-License-Identifier: Apache-2.0
// The modes of `serin analyze`: each a file and a row in cmd_analyze.c.
#pragma once

#include "analysis/replay.h"
#include "operator/cli/options.h"

struct analyze_options {
  struct str replay;   // FILE
  bool simulate, stop; // modes beside it
  struct str output, preset, alpha, beta;
  int64_t interval_ms, min_detect_ms, min_ms, warmup_ms;
  // simulate
  struct str rps, weight, stable_errors, stable_p99, canary_p99;
  struct option_list canary_errors;
  int64_t duration_ms, runs, seed;
  // prometheus
  struct str prometheus, credentials, start, end;
  struct str service, canary_service, canary, stable, label, reporter, metrics, judge;
};

// The rules that preset and options make; interval_s is 0 where --interval was not given. False,
// with a message, when a value is none.
bool analyze_rules(const struct analyze_options *options, struct replay_rules *ret_rules);
// A number within low..high, "1%" is 0.01; empty gives `fallback`. False with a message.
bool analyze_number(struct str text, const char *option, double low, double high, double fallback,
                    double *ret_value);

// Exit codes: EXIT_DONE pass, EXIT_FAILED fail, EXIT_WAITING inconclusive, EXIT_USAGE bad input.
int analyze_replay(const struct analyze_options *options);
// EXIT_DONE once it ran.
int analyze_simulate(const struct analyze_options *options);
// EXIT_DONE pass, EXIT_FAILED fail, EXIT_WAITING inconclusive, EXIT_USAGE bad input, EXIT_NOT_FOUND
// Prometheus cannot be asked.
int analyze_backtest(const struct analyze_options *options);
