// SPDX-License-Identifier: Apache-2.0
#include "analysis/simulate.h"

#include <math.h>
#include <stdlib.h>

#define SPREAD 6.0 // p99 over median
#define NORMAL_99 2.3263478740408408
#define HISTORY_S 866.0 // of steady traffic, with the rates' half-life

const double SIMULATE_BOUNDS_MS[SIMULATE_BOUNDS] = {250, 500};

double simulate_slower(double p99_ms, double bound_ms) {
  double deviations = (log(bound_ms / p99_ms) / log(SPREAD) + 1) * NORMAL_99;
  return 0.5 * erfc(deviations / sqrt(2));
}

static void one_side(struct rng *rng, const struct simulate_service *service, double requests,
                     double *ret_bad) {
  double share = 1, among = requests;
  ret_bad[0] = draw_binomial(rng, requests, service->errors);
  for (int i = 0; i < SIMULATE_BOUNDS; i++) {
    double slower = simulate_slower(service->p99_ms, SIMULATE_BOUNDS_MS[i]);
    among = draw_binomial(rng, among, share > 0 ? fmin(1, slower / share) : 0);
    ret_bad[1 + i] = among;
    share = slower;
  }
}

void simulate_scrape(struct rng *rng, const struct simulate_traffic *traffic, double at_s,
                     double seconds, struct replay_counts *ret_counts) {
  double requests = traffic->rps * seconds, canary[1 + SIMULATE_BOUNDS],
         stable[1 + SIMULATE_BOUNDS];
  double n_c = draw_poisson(rng, requests * traffic->weight);
  double n_s = draw_poisson(rng, requests * (1 - traffic->weight));
  one_side(rng, &traffic->canary, n_c, canary);
  one_side(rng, &traffic->stable, n_s, stable);
  ret_counts->at_s = at_s;
  for (int i = 0; i <= SIMULATE_BOUNDS; i++)
    ret_counts->tests[i] = (struct tally){n_c, canary[i], n_s, stable[i]};
}

void simulate_begin(struct rng *rng, const struct simulate_traffic *traffic,
                    const struct replay_rules *rules, struct replay *ret_replay) {
  struct replay_counts counts = {.at_s = 0};
  double bad[1 + SIMULATE_BOUNDS], requests = draw_poisson(rng, traffic->rps * HISTORY_S);
  replay_init(ret_replay, rules, SIMULATE_BOUNDS);
  one_side(rng, &traffic->stable, requests, bad);
  for (int i = 0; i <= SIMULATE_BOUNDS; i++)
    counts.tests[i] = (struct tally){0, 0, requests, bad[i]};
  replay_learn(ret_replay, &counts, true);
}

struct simulate_run simulate_once(struct rng *rng, const struct simulate_traffic *traffic,
                                  const struct replay_rules *rules) {
  struct simulate_run run = {-1, -1, 0};
  struct replay replay;
  simulate_begin(rng, traffic, rules, &replay);
  for (double at = rules->interval_s; at <= traffic->duration_s; at += rules->interval_s) {
    struct replay_counts counts;
    simulate_scrape(rng, traffic, at, rules->interval_s, &counts);
    run.bad += counts.tests[0].x_c;
    switch (replay_next(&replay, &counts).decision) {
    case REPLAY_FAIL: run.fail_s = at; return run;
    case REPLAY_PASS: run.pass_s = run.pass_s < 0 ? at : run.pass_s; break;
    case REPLAY_CONTINUE: break;
    }
  }
  return run;
}

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

struct simulate_quantiles simulate_quantiles(double *values, size_t count) {
  size_t none = 0;
  qsort(values, count, sizeof *values, compare);
  while (none < count && values[none] < 0)
    none++;
  struct simulate_quantiles quantiles = {.count = count - none, .median = NAN, .p95 = NAN};
  if (!quantiles.count)
    return quantiles;
  const double *first = values + none;
  size_t last = quantiles.count - 1;
  quantiles.median = (first[last / 2] + first[(last + 1) / 2]) / 2;
  quantiles.p95 = first[(size_t)ceil(0.95 * (double)last)];
  return quantiles;
}
