// SPDX-License-Identifier: Apache-2.0
// Traffic made up by chance: Poisson arrivals split by weight, log-normal durations in Istio's
// buckets. What would the judge make of it? Pure: the random numbers are the caller's.
#pragma once

#include "analysis/draw.h"
#include "analysis/replay.h"

#define SIMULATE_BOUNDS 2 // 250 and 500 ms, as picked for a p99 of 300 ms

struct simulate_service {
  double errors; // share
  double p99_ms; // log-normal, the median is a sixth of it: 50 ms for 300 ms
};
struct simulate_traffic {
  double rps, weight; // requests per second of both together; the canary's share
  double duration_s;
  struct simulate_service stable, canary;
};

// Share of requests slower than the boundary.
double simulate_slower(double p99_ms, double bound_ms);
extern const double SIMULATE_BOUNDS_MS[SIMULATE_BOUNDS];

// One scrape of `seconds`; counts->at_s is set to `at_s`.
void simulate_scrape(struct rng *rng, const struct simulate_traffic *traffic, double at_s,
                     double seconds, struct replay_counts *ret_counts);
// A replay that knows stable's hour before.
void simulate_begin(struct rng *rng, const struct simulate_traffic *traffic,
                    const struct replay_rules *rules, struct replay *ret_replay);

struct simulate_run {
  double fail_s, pass_s; // of the first such decision; negative: none. A pass does not end the run
  double bad;            // canary requests that failed until the fail, or the end
};
struct simulate_run simulate_once(struct rng *rng, const struct simulate_traffic *traffic,
                                  const struct replay_rules *rules);

struct simulate_quantiles {
  size_t count;
  double median, p95;
};
// Of the values that are not negative; sorts them.
struct simulate_quantiles simulate_quantiles(double *values, size_t count);
