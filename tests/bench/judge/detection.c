// SPDX-License-Identifier: Apache-2.0
// Detection delay, failed requests and false rollbacks, ours beside the peers', over the same
// hours.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "tests/bench/judge/judge.h"

#include <math.h>
#include <stdio.h>

#define WEIGHT 0.1
#define P99_MS 300.0

static double clustered(struct rng *rng, double n, double errors, double mean_size) {
  if (mean_size <= 1)
    return draw_binomial(rng, n, errors);
  double clusters = draw_poisson(rng, n * errors / mean_size), x = 0;
  for (double i = 0; i < clusters; i++) // geometric, mean `mean_size`
    x += ceil(log(1 - rng_double(rng)) / log1p(-1 / mean_size));
  return fmin(n, x);
}

void plot_hour(struct rng *rng, const struct plot *plot, struct hour *ret_hour) {
  double burst_until = -1;
  ret_hour->scrape_s = plot->scrape_s;
  ret_hour->count = (int)(3600 / plot->scrape_s);
  for (int i = 0; i < ret_hour->count; i++) {
    double at = plot->scrape_s * (i + 1), stable = plot->stable_errors;
    double canary = at <= plot->turns_bad_s ? stable : plot->canary_errors;
    if (at > plot->incident_from_s && at <= plot->incident_to_s)
      stable = canary = plot->incident_errors;
    if (plot->burst_s > 0 && rng_double(rng) < plot->scrape_s / 3600)
      burst_until = at - plot->scrape_s + plot->burst_s;
    if (at <= burst_until)
      canary = plot->burst_errors;
    struct simulate_traffic traffic = {
        .rps = plot->rps, .weight = WEIGHT, .stable = {stable, P99_MS}, .canary = {canary, P99_MS}};
    struct replay_counts *counts = &ret_hour->scrapes[i];
    simulate_scrape(rng, &traffic, at, plot->scrape_s, counts);
    if (plot->cluster > 1) {
      counts->tests[0].x_c = clustered(rng, counts->tests[0].n_c, canary, plot->cluster);
      counts->tests[0].x_s = clustered(rng, counts->tests[0].n_s, stable, plot->cluster);
    }
    ret_hour->baseline_n[i] = draw_poisson(rng, plot->rps * WEIGHT * plot->scrape_s);
    ret_hour->baseline_x[i] = clustered(rng, ret_hour->baseline_n[i], stable, plot->cluster);
  }
}

double serin_fails(struct rng *rng, const struct plot *plot, const struct hour *hour) {
  struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
  struct simulate_traffic before = {
      .rps = plot->rps, .weight = WEIGHT, .stable = {plot->stable_errors, P99_MS}};
  struct replay replay;
  rules.interval_s = plot->scrape_s;
  simulate_begin(rng, &before, &rules, &replay);
  for (int i = 0; i < hour->count; i++)
    if (replay_next(&replay, &hour->scrapes[i]).decision == REPLAY_FAIL)
      return hour->scrapes[i].at_s;
  return -1;
}

enum method { SERIN, FLAGGER_30, FLAGGER_60, ARGO_1, ARGO_3, ARGO_5M, KAYENTA, METHODS };
static const char *const NAMES[METHODS] = {"**serin**",
                                           "Flagger 30 s, 99 %, 5 checks",
                                           "Flagger 60 s, 99 %, 5 checks",
                                           "Argo 1 min, 99 %, failureLimit 1",
                                           "Argo 1 min, 99 %, failureLimit 3",
                                           "Argo 5 min, 99 %, failureLimit 3",
                                           "Kayenta 5 min, critical"};

static double fails(enum method method, struct rng *rng, const struct plot *plot,
                    const struct hour *hour) {
  switch (method) {
  case SERIN: return serin_fails(rng, plot, hour);
  case FLAGGER_30: return flagger_fails(hour, 30, 5);
  case FLAGGER_60: return flagger_fails(hour, 60, 5);
  case ARGO_1: return argo_fails(hour, 60, 1);
  case ARGO_3: return argo_fails(hour, 60, 3);
  case ARGO_5M: return argo_fails(hour, 300, 3);
  case KAYENTA: return kayenta_fails(hour);
  case METHODS: break;
  }
  return -1;
}

static double bad_until(const struct hour *hour, double fail_s) {
  double bad = 0;
  for (int i = 0; i < hour->count && (fail_s < 0 || hour->scrapes[i].at_s <= fail_s); i++)
    bad += hour->scrapes[i].tests[0].x_c;
  return bad;
}

struct cell {
  struct simulate_quantiles delay;
  double share, bad;
};

static void run_cell(const struct bench *bench, const struct plot *plot, struct cell *ret_cells) {
  static struct hour hour;
  double *delays[METHODS];
  struct rng rng;
  rng_init(&rng, bench->seed);
  for (int m = 0; m < METHODS; m++) {
    delays[m] = xmalloc(bench->runs * sizeof(double));
    ret_cells[m] = (struct cell){0};
  }
  for (size_t i = 0; i < bench->runs; i++) {
    plot_hour(&rng, plot, &hour);
    for (int m = 0; m < METHODS; m++) {
      double at = fails((enum method)m, &rng, plot, &hour);
      ret_cells[m].bad += bad_until(&hour, at) / (double)bench->runs;
      delays[m][i] = at;
    }
  }
  for (int m = 0; m < METHODS; m++) {
    ret_cells[m].delay = simulate_quantiles(delays[m], bench->runs);
    ret_cells[m].share = 100 * (double)ret_cells[m].delay.count / (double)bench->runs;
    xfree(delays[m]);
  }
}

static void print_delay(const struct cell *cell) {
  if (cell->delay.count)
    printf(" %.3g / %.0f / %.0f / %.3g |", cell->share, cell->delay.median, cell->delay.p95,
           cell->bad);
  else
    printf(" 0 / - / - / %.3g |", cell->bad);
}

static void detection_table(const struct bench *bench, double rps, double scrape_s) {
  static const double CANARIES[] = {.002, .005, .01, .05};
  static struct cell healthy[2][METHODS], bad[ARRAY_LEN(CANARIES)][METHODS];
  const double stables[] = {.001, .005};
  for (int i = 0; i < 2; i++) {
    struct plot plot = {
        .rps = rps, .scrape_s = scrape_s, .stable_errors = stables[i], .canary_errors = stables[i]};
    run_cell(bench, &plot, healthy[i]);
  }
  for (size_t i = 0; i < ARRAY_LEN(CANARIES); i++) {
    struct plot plot = {
        .rps = rps, .scrape_s = scrape_s, .stable_errors = .001, .canary_errors = CANARIES[i]};
    run_cell(bench, &plot, bad[i]);
  }
  printf("\n**%g requests/s, scraped every %g s**\n\n"
         "| judge | false rollback %% (both 0.1 %%) | false rollback %% (both 0.5 %%) | 0.2 %% | "
         "0.5 %% | 1 %% | 5 %% |\n|---|---|---|---|---|---|---|\n",
         rps, scrape_s);
  for (int m = 0; m < METHODS; m++) {
    printf("| %s | %.3g | %.3g |", NAMES[m], healthy[0][m].share, healthy[1][m].share);
    for (size_t i = 0; i < ARRAY_LEN(CANARIES); i++)
      print_delay(&bad[i][m]);
    putchar('\n');
  }
  fflush(stdout);
}

void bench_detection(const struct bench *bench) {
  static const double RATES[] = {5, 50, 500}, SCRAPES[] = {5, 15, 30};
  printf("### Error rate\n\nOne hour at 10 %% weight, stable 0.1 %%; cells: caught %% / median s / "
         "p95 s / canary requests failed. %zu hours a cell.\n",
         bench->runs);
  for (size_t s = 0; s < ARRAY_LEN(SCRAPES); s++)
    for (size_t r = 0; r < ARRAY_LEN(RATES); r++)
      detection_table(bench, RATES[r], SCRAPES[s]);
}

void bench_robustness(const struct bench *bench) {
  static const struct plot PLOTS[] = {
      {.name = "healthy, incident of both: 5 % for 5 min",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .001,
       .incident_from_s = 1200,
       .incident_to_s = 1500,
       .incident_errors = .05},
      {.name = "healthy, errors in clusters of 3",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .001,
       .cluster = 3},
      {.name = "healthy, errors in clusters of 10",
       .rps = 500,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .001,
       .cluster = 10},
      {.name = "healthy, canary alone fails 20 % for 15 s, once an hour",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .001,
       .burst_s = 15,
       .burst_errors = .2},
      {.name = "healthy, canary alone fails 20 % for 60 s, once an hour",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .001,
       .burst_s = 60,
       .burst_errors = .2},
      {.name = "turns bad after 20 min: 1 %",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .01,
       .turns_bad_s = 1200},
      {.name = "turns bad after 20 min: 5 %",
       .rps = 50,
       .scrape_s = 5,
       .stable_errors = .001,
       .canary_errors = .05,
       .turns_bad_s = 1200},
  };
  printf(
      "\n### Incidents, clusters, bursts, late changes\n\nRolled back %%, and for those that turn "
      "bad the median delay from then on. 5 s scrapes, 10 %% weight, stable 0.1 %%.\n\n| ");
  for (int m = 0; m < METHODS; m++)
    printf("| %s ", NAMES[m]);
  printf("|\n|---");
  for (int m = 0; m < METHODS; m++)
    printf("|---");
  printf("|\n");
  for (size_t i = 0; i < ARRAY_LEN(PLOTS); i++) {
    struct cell cells[METHODS];
    run_cell(bench, &PLOTS[i], cells);
    printf("| %s, %g requests/s ", PLOTS[i].name, PLOTS[i].rps);
    for (int m = 0; m < METHODS; m++) {
      printf("| %.3g ", cells[m].share);
      if (PLOTS[i].turns_bad_s > 0 && cells[m].delay.count)
        printf("/ %.0f s ", cells[m].delay.median - PLOTS[i].turns_bad_s);
    }
    printf("|\n");
  }
  fflush(stdout);
}

void bench_healthy_hours(const struct bench *bench) {
  static const double RATES[] = {5, 50, 500}, ERRORS[] = {0, .001, .005, .02};
  printf(
      "\n### Healthy hours\n\nFalse rollbacks in %zu hours per cell, errors and two latency "
      "boundaries together, 5 s scrapes; promised: fewer than 1 in 100.\n\n"
      "| error rate of both | 5 requests/s | 50 requests/s | 500 requests/s |\n|---|---|---|---|\n",
      bench->hours);
  for (size_t e = 0; e < ARRAY_LEN(ERRORS); e++) {
    printf("| %g %% ", 100 * ERRORS[e]);
    for (size_t r = 0; r < ARRAY_LEN(RATES); r++) {
      struct replay_rules rules = replay_rules(judge_preset_find(STR(""), NULL));
      struct simulate_traffic traffic = {.rps = RATES[r],
                                         .weight = WEIGHT,
                                         .duration_s = 3600,
                                         .stable = {ERRORS[e], P99_MS},
                                         .canary = {ERRORS[e], P99_MS}};
      struct rng rng;
      size_t failed = 0;
      rng_init(&rng, bench->seed + e);
      for (size_t i = 0; i < bench->hours; i++)
        failed += simulate_once(&rng, &traffic, &rules).fail_s >= 0;
      printf("| %zu ", failed);
      fflush(stdout);
    }
    printf("|\n");
  }
}
