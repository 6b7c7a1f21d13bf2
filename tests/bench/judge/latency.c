// SPDX-License-Identifier: Apache-2.0
// Slow canaries: two bucket boundaries of ours beside the peers' p99 from histogram_quantile.
#include "analysis/histogram.h"
#include "analysis/rank_test.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "tests/bench/judge/judge.h"

#include <math.h>
#include <stdio.h>

#define WEIGHT 0.1
#define SCRAPE_S 5.0
#define SCRAPES 720
#define BOUNDS 9 // the last is infinite
#define PER_MINUTE 12
#define OUTLIER_MS 2000.0

static const double BOUNDS_MS[BOUNDS] = {25, 50, 100, 250, 500, 1000, 2500, 5000, INFINITY};
enum group { CANARY, STABLE, BASELINE, GROUPS };

// Cumulative counts per scrape, group and boundary.
struct slow_hour {
  double at_most[SCRAPES][GROUPS][BOUNDS];
};

struct slow_canary {
  const char *name;
  double p99_ms, outliers; // share of requests that take 2 s longer
};

static double at_most(const struct slow_canary *service, double bound_ms) {
  double fast = isinf(bound_ms) ? 1 : 1 - simulate_slower(service->p99_ms, bound_ms);
  double late = isinf(bound_ms) ? 1
                : bound_ms > OUTLIER_MS
                    ? 1 - simulate_slower(service->p99_ms, bound_ms - OUTLIER_MS)
                    : 0;
  return (1 - service->outliers) * fast + service->outliers * late;
}

static void one_group(struct rng *rng, const struct slow_canary *service, double requests,
                      double *ret_at_most) {
  double left = requests, taken = 0, share = 0;
  for (int b = 0; b < BOUNDS; b++) {
    double here = at_most(service, BOUNDS_MS[b]);
    double in = isinf(BOUNDS_MS[b])
                    ? left
                    : draw_binomial(rng, left, fmin(1, (here - share) / (1 - share)));
    left -= in;
    taken += in;
    share = here;
    ret_at_most[b] = taken;
  }
}

static void make_hour(struct rng *rng, double rps, const struct slow_canary *canary,
                      struct slow_hour *ret_hour) {
  static const struct slow_canary HEALTHY = {"", 300, 0};
  for (int i = 0; i < SCRAPES; i++) {
    double requests = rps * SCRAPE_S;
    one_group(rng, canary, draw_poisson(rng, requests * WEIGHT), ret_hour->at_most[i][CANARY]);
    one_group(rng, &HEALTHY, draw_poisson(rng, requests * (1 - WEIGHT)),
              ret_hour->at_most[i][STABLE]);
    one_group(rng, &HEALTHY, draw_poisson(rng, requests * WEIGHT), ret_hour->at_most[i][BASELINE]);
  }
}

static double slower(const double *cumulative, double bound_ms) {
  int b = 0;
  while (BOUNDS_MS[b] < bound_ms)
    b++;
  return cumulative[BOUNDS - 1] - cumulative[b];
}

static double serin(struct rng *rng, double rps, const struct slow_hour *hour) {
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  struct simulate_traffic before = {.rps = rps, .weight = WEIGHT, .stable = {0, 300}};
  struct replay replay;
  simulate_begin(rng, &before, &rules, &replay);
  for (int i = 0; i < SCRAPES; i++) {
    const double *canary = hour->at_most[i][CANARY], *stable = hour->at_most[i][STABLE];
    struct replay_counts counts = {.at_s = SCRAPE_S * (i + 1)};
    double n_c = canary[BOUNDS - 1], n_s = stable[BOUNDS - 1];
    counts.tests[0] = (struct tally){n_c, 0, n_s, 0};
    for (int t = 0; t < SIMULATE_BOUNDS; t++)
      counts.tests[1 + t] = (struct tally){n_c, slower(canary, SIMULATE_BOUNDS_MS[t]), n_s,
                                           slower(stable, SIMULATE_BOUNDS_MS[t])};
    if (replay_next(&replay, &counts).decision == REPLAY_FAIL)
      return counts.at_s;
  }
  return -1;
}

// p99 of a group over the `count` scrapes that end with `last`, as histogram_quantile has it.
static double p99(const struct slow_hour *hour, enum group group, int last, int count) {
  struct histogram histogram = {.count = BOUNDS};
  for (int b = 0; b < BOUNDS; b++) {
    histogram.bound_ms[b] = BOUNDS_MS[b];
    for (int i = last; i >= 0 && i > last - count; i--)
      histogram.at_most[b] += hour->at_most[i][group][b];
  }
  return histogram_quantile(&histogram, .99);
}

static double flagger(const struct slow_hour *hour, double interval_s, double limit_ms) {
  int failed = 0;
  for (double t = interval_s; t <= 3600; t += interval_s) {
    if (failed >= 5)
      return t;
    double value = p99(hour, CANARY, (int)(t / SCRAPE_S) - 1, PER_MINUTE - 1);
    failed += !(floor(value) <= limit_ms); // cut to whole milliseconds
  }
  return -1;
}

static double argo(const struct slow_hour *hour, int limit) {
  int failed = 0;
  for (double t = 60; t <= 3600; t += 60) {
    failed += !(p99(hour, CANARY, (int)(t / SCRAPE_S) - 1, PER_MINUTE - 1) <= 500);
    if (failed > limit)
      return t;
  }
  return -1;
}

static double kayenta(const struct slow_hour *hour) {
  double canary[60], baseline[60];
  size_t canaries = 0, baselines = 0;
  for (int minute = 1; minute <= 60; minute++) {
    double c = p99(hour, CANARY, minute * PER_MINUTE - 1, PER_MINUTE);
    double b = p99(hour, BASELINE, minute * PER_MINUTE - 1, PER_MINUTE);
    if (!isnan(c))
      canary[canaries++] = c;
    if (!isnan(b))
      baseline[baselines++] = b;
    if (minute % 5 == 0 &&
        rank_classify(canary, canaries, baseline, baselines, .98, .25, 1) == RANK_HIGH)
      return 60.0 * minute;
  }
  return -1;
}

enum method { SERIN, FLAGGER_30, FLAGGER_60, FLAGGER_400, ARGO_1, ARGO_3, KAYENTA, METHODS };
static const char *const NAMES[METHODS] = {
    "**serin** (60 s warm-up included)",         "Flagger 30 s, p99 <= 500 ms, 5 checks",
    "Flagger 60 s, p99 <= 500 ms, 5 checks",     "Flagger 60 s, p99 <= 400 ms, 5 checks",
    "Argo 1 min, p99 <= 500 ms, failureLimit 1", "Argo 1 min, p99 <= 500 ms, failureLimit 3",
    "Kayenta 5 min, p99 series, critical"};

static double fails(enum method method, struct rng *rng, double rps, const struct slow_hour *hour) {
  switch (method) {
  case SERIN: return serin(rng, rps, hour);
  case FLAGGER_30: return flagger(hour, 30, 500);
  case FLAGGER_60: return flagger(hour, 60, 500);
  case FLAGGER_400: return flagger(hour, 60, 400);
  case ARGO_1: return argo(hour, 1);
  case ARGO_3: return argo(hour, 3);
  case KAYENTA: return kayenta(hour);
  case METHODS: break;
  }
  return -1;
}

static void run_column(const struct bench *bench, double rps, const struct slow_canary *canary,
                       struct simulate_quantiles *ret_cells) {
  static struct slow_hour hour;
  double *delays[METHODS];
  struct rng rng;
  rng_init(&rng, bench->seed);
  for (int m = 0; m < METHODS; m++)
    delays[m] = xmalloc(bench->runs * sizeof(double));
  for (size_t i = 0; i < bench->runs; i++) {
    make_hour(&rng, rps, canary, &hour);
    for (int m = 0; m < METHODS; m++)
      delays[m][i] = fails((enum method)m, &rng, rps, &hour);
  }
  for (int m = 0; m < METHODS; m++) {
    ret_cells[m] = simulate_quantiles(delays[m], bench->runs);
    xfree(delays[m]);
  }
}

void bench_latency(const struct bench *bench) {
  static const struct slow_canary CANARIES[] = {{"false rollback %", 300, 0},
                                                {"p99 350 ms", 350, 0},
                                                {"p99 450 ms", 450, 0},
                                                {"p99 900 ms", 900, 0},
                                                {"2 % of requests +2 s", 300, .02}};
  static const double RATES[] = {5, 50, 500};
  printf("\n### Latency\n\nHealthy: log-normal, median 50 ms, p99 300 ms; slow ones are slower by "
         "a factor. 5 s scrapes, 10 %% weight; "
         "cells: caught %% / median s / p95 s. %zu hours a cell.\n",
         bench->runs);
  for (size_t r = 0; r < ARRAY_LEN(RATES); r++) {
    static struct simulate_quantiles cells[ARRAY_LEN(CANARIES)][METHODS];
    printf("\n**%g requests/s**\n\n| judge |", RATES[r]);
    for (size_t c = 0; c < ARRAY_LEN(CANARIES); c++) {
      printf(" %s |", CANARIES[c].name);
      run_column(bench, RATES[r], &CANARIES[c], cells[c]);
    }
    printf("\n|---|---|---|---|---|---|\n");
    for (int m = 0; m < METHODS; m++) {
      printf("| %s |", NAMES[m]);
      for (size_t c = 0; c < ARRAY_LEN(CANARIES); c++) {
        double share = 100 * (double)cells[c][m].count / (double)bench->runs;
        if (c == 0 || !cells[c][m].count)
          printf(" %.3g |", share);
        else
          printf(" %.3g / %.0f / %.0f |", share, cells[c][m].median, cells[c][m].p95);
      }
      putchar('\n');
    }
    fflush(stdout);
  }
}
