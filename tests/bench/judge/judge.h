// SPDX-License-Identifier: Apache-2.0
// The parts of the bench of the judge. Each prints Markdown to standard output.
#pragma once

#include "tests/bench/judge/peers.h"

struct bench {
  size_t runs;  // of a cell
  size_t hours; // healthy ones, per traffic
  uint64_t seed;
};

// What happens in an hour, beside the rates it starts with.
struct plot {
  const char *name;
  double rps, scrape_s;
  double stable_errors, canary_errors;
  double incident_from_s, incident_to_s, incident_errors; // of both versions
  double turns_bad_s;                                     // the canary is as stable until then
  double cluster;               // mean size of clusters of errors (geometric); 0: single ones
  double burst_s, burst_errors; // of the canary's pods alone, one an hour on average
};
void plot_hour(struct rng *rng, const struct plot *plot, struct hour *ret_hour);
// Ours over that hour, with default rules: second of the fail, negative: none.
double serin_fails(struct rng *rng, const struct plot *plot, const struct hour *hour);

void bench_detection(const struct bench *bench);
void bench_latency(const struct bench *bench);
void bench_robustness(const struct bench *bench);
void bench_healthy_hours(const struct bench *bench);
void bench_rollouts(const struct bench *bench);
void bench_cost(const struct bench *bench);
