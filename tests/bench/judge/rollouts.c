// SPDX-License-Identifier: Apache-2.0
// Whole releases 10 % -> 50 % -> 100 %, nobody at the keyboard: what reaches 100 % within 20
// minutes, and what should not have.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "tests/bench/judge/judge.h"

#include <math.h>
#include <stdio.h>

#define P99_MS 300.0
#define STEP_MOST_S 600.0
#define CLEAN_DECADES 0.5
#define CLEAN_REQUESTS 100.0
#define UNATTENDED_S 1200.0
static const double WEIGHTS[] = {.1, .5, 1};
#define STEPS 2 // until the weight is 100 %

struct release {
  double failed_s, promoted_s; // negative: not
  double bad;
};

static struct simulate_traffic traffic_at(double rps, double weight, double canary) {
  return (struct simulate_traffic){
      .rps = rps, .weight = weight, .stable = {.001, P99_MS}, .canary = {canary, P99_MS}};
}

// Ours, with steps of at most 10 min and onInconclusive: promoteIfClean, or hold.
static struct release serin_release(struct rng *rng, double rps, double canary, double scrape_s,
                                    bool holds) {
  struct release release = {-1, -1, 0};
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  struct simulate_traffic traffic = traffic_at(rps, WEIGHTS[0], canary);
  struct replay replay;
  rules.interval_s = scrape_s;
  simulate_begin(rng, &traffic, &rules, &replay);
  size_t step = 0;
  double requests = 0;
  for (double at = scrape_s; at <= 3600; at += scrape_s) {
    struct replay_counts counts;
    traffic = traffic_at(rps, WEIGHTS[step], canary);
    simulate_scrape(rng, &traffic, at, scrape_s, &counts);
    struct replay_tick tick = replay_next(&replay, &counts);
    release.bad += counts.tests[0].x_c;
    requests += counts.tests[0].n_c;
    if (tick.decision == REPLAY_FAIL) {
      release.failed_s = at;
      return release;
    }
    bool clean = tick.combined < CLEAN_DECADES && requests >= CLEAN_REQUESTS;
    bool time_up = at - replay.step_s >= STEP_MOST_S;
    if (tick.decision != REPLAY_PASS && !(time_up && clean && !holds))
      continue;
    replay_step(&replay);
    requests = 0;
    if (++step == STEPS) {
      release.promoted_s = at;
      return release;
    }
  }
  return release;
}

static double success(const double (*window)[2], int count, int increments) {
  double n = 0, x = 0;
  for (int i = count - 1; i >= 0 && i > count - 1 - increments; i--) {
    n += window[i][0];
    x += window[i][1];
  }
  return n > 0 ? 1 - x / n : NAN;
}

// Flagger (a passing check is a step, one at 100 % too; five failures end it) and Argo (5 min a
// step; more than `limit` failures a minute end it).
static struct release peer_release(struct rng *rng, double rps, double canary, double scrape_s,
                                   double interval_s, int limit, bool flagger) {
  static double window[HOUR_SCRAPES_MAX][2];
  struct release release = {-1, -1, 0};
  int failed = 0, count = 0, increments = (int)floor(60 / scrape_s + 1e-9) - 1;
  size_t step = 0;
  for (double at = scrape_s; at <= 3600; at += scrape_s) {
    struct simulate_traffic traffic = traffic_at(rps, WEIGHTS[step], canary);
    struct replay_counts counts;
    simulate_scrape(rng, &traffic, at, scrape_s, &counts);
    release.bad += counts.tests[0].x_c;
    window[count][0] = counts.tests[0].n_c;
    window[count++][1] = counts.tests[0].x_c;
    if (fmod(at + 1e-9, interval_s) > 1e-6)
      continue;
    if (flagger && failed >= limit) {
      release.failed_s = at;
      return release;
    }
    bool good = success((const double(*)[2])window, count, increments > 1 ? increments : 1) >= .99;
    failed += !good;
    if (!flagger && failed > limit) {
      release.failed_s = at;
      return release;
    }
    if (flagger ? !good : at < 300 * (double)(step + 1))
      continue;
    if (++step == (flagger ? STEPS + 1 : STEPS)) {
      release.promoted_s = at;
      return release;
    }
  }
  return release;
}

enum method { SERIN, SERIN_HOLDS, FLAGGER_30, FLAGGER_60, ARGO_1, ARGO_3, METHODS };
static const char *const NAMES[METHODS] = {"**serin**",
                                           "**serin**, onInconclusive: hold",
                                           "Flagger 30 s [10,50,100]",
                                           "Flagger 60 s [10,50,100]",
                                           "Argo 5 min + 5 min, limit 1",
                                           "Argo 5 min + 5 min, limit 3"};

static struct release one(enum method method, struct rng *rng, double rps, double canary,
                          double scrape_s) {
  switch (method) {
  case SERIN: return serin_release(rng, rps, canary, scrape_s, false);
  case SERIN_HOLDS: return serin_release(rng, rps, canary, scrape_s, true);
  case FLAGGER_30: return peer_release(rng, rps, canary, scrape_s, 30, 5, true);
  case FLAGGER_60: return peer_release(rng, rps, canary, scrape_s, 60, 5, true);
  case ARGO_1: return peer_release(rng, rps, canary, scrape_s, 60, 1, false);
  case ARGO_3: return peer_release(rng, rps, canary, scrape_s, 60, 3, false);
  case METHODS: break;
  }
  return (struct release){-1, -1, 0};
}

static void print_row(const struct bench *bench, enum method method, double rps, double scrape_s) {
  static const double CANARIES[] = {.001, .005, .01, .05};
  double *promoted = xmalloc(bench->runs * sizeof(double));
  printf("| %s ", NAMES[method]);
  for (size_t c = 0; c < ARRAY_LEN(CANARIES); c++) {
    struct rng rng;
    size_t failed = 0, in_time = 0;
    double bad = 0;
    rng_init(&rng, bench->seed);
    for (size_t i = 0; i < bench->runs; i++) {
      struct release release = one(method, &rng, rps, CANARIES[c], scrape_s);
      promoted[i] = release.promoted_s;
      failed += release.failed_s >= 0;
      in_time += release.promoted_s >= 0 && release.promoted_s <= UNATTENDED_S;
      bad += release.bad / (double)bench->runs;
    }
    struct simulate_quantiles quantiles = simulate_quantiles(promoted, bench->runs);
    double percent = 100 / (double)bench->runs;
    if (c == 0)
      printf("| %.3g / %.3g / %.0f s (%.0f s) ", percent * (double)failed,
             percent * (double)in_time, quantiles.median, quantiles.p95);
    else
      printf("| %.3g (%.3g) ", percent * (double)quantiles.count, bad);
  }
  printf("|\n");
  fflush(stdout);
  xfree(promoted);
}

void bench_rollouts(const struct bench *bench) {
  static const double RATES[] = {5, 50, 500}, SCRAPES[] = {5, 15, 30};
  printf(
      "\n### Whole releases 10 %% -> 50 %% -> 100 %%, unattended\n\nStable 0.1 %%. Healthy: "
      "falsely "
      "rolled back %% / at 100 %% within 20 min %% / median time (p95). Bad: falsely promoted %% "
      "within the hour (canary requests failed until put back or promoted). %zu releases a cell.\n",
      bench->runs);
  for (size_t r = 0; r < ARRAY_LEN(RATES); r++)
    for (size_t s = 0; s < ARRAY_LEN(SCRAPES); s++) {
      printf(
          "\n**%g requests/s, scraped every %g s**\n\n| judge | healthy | 0.5 %% | 1 %% | 5 %% |\n"
          "|---|---|---|---|---|\n",
          RATES[r], SCRAPES[s]);
      for (int m = 0; m < (s ? FLAGGER_30 : METHODS); m++)
        print_row(bench, (enum method)m, RATES[r], SCRAPES[s]);
    }
}
