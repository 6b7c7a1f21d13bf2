// SPDX-License-Identifier: Apache-2.0
// What judging costs: the pure part for 10,000 releases, each with errors, two latency boundaries
// and both limits: taking a scrape's counts, the verdict with its words, and the state as JSON.
#include "analysis/assessment_json.h"
#include "manifests/base/alloc.h"
#include "tests/bench/judge/judge.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

#define RELEASES 10000
#define INTERVAL_S 10.0
#define ROUNDS 3

static double user_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static void add(struct tally *tally, const struct tally *more) {
  tally->n_c += more->n_c;
  tally->x_c += more->x_c;
  tally->n_s += more->n_s;
  tally->x_s += more->x_s;
}

// With `arena` NULL the evidence only: no words, no state.
static void judge_one(struct assessment *state, const struct subject *subject,
                      const struct judge *judge, const struct judge_settings *settings,
                      const struct replay_counts *counts, struct arena *arena, size_t *bytes) {
  struct judge_scene scene = {.settings = settings,
                              .specs = subject->metrics,
                              .metrics = state->metrics,
                              .count = state->metric_count,
                              .from_ms = state->watermark_ms,
                              .to_ms = state->watermark_ms + (int64_t)(1000 * INTERVAL_S),
                              .in_step = true,
                              .arena = &state->arena};
  for (size_t m = 0; m < state->metric_count; m++) {
    for (size_t t = 0; t < state->metrics[m].test_count; t++) {
      add(&state->metrics[m].tests[t].block, &counts->tests[m ? 1 + t % 2 : 0]);
      add(&state->metrics[m].tests[t].step, &counts->tests[m ? 1 + t % 2 : 0]);
    }
    judge->measure(&scene, m);
  }
  add(&state->step, &counts->tests[0]);
  state->answered = state->series = state->scraped = true;
  state->watermark_ms = state->newest_ms = scene.to_ms;
  if (!arena)
    return;
  struct verdict verdict = assessment_verdict(state, subject, judge, settings, scene.to_ms, arena);
  *bytes += json_text(arena, assessment_json(state, arena)).len + verdict.reason.len;
}

void bench_cost(const struct bench *bench) {
  struct metric_spec specs[2];
  struct assessment *states = xmalloc(RELEASES * sizeof *states);
  const struct judge *judge = judge_find(STR(""), NULL);
  struct judge_settings settings = {.weight = 10, .scrape_ms = 10000};
  struct simulate_traffic traffic = {
      .rps = 50, .weight = .1, .stable = {.001, 300}, .canary = {.001, 300}};
  struct stable_history history = {.known = true, .seconds = 3600, .requests = {180000, 180}};
  struct replay_counts counts[64];
  struct arena arena = {0};
  struct rng rng;
  size_t bytes = 0;
  (void)metric_builtin(STR("error-rate"), &specs[0]);
  (void)metric_builtin(STR("latency-p99"), &specs[1]);
  (void)metric_limit_parse(&specs[0], STR("1%"), NULL);
  (void)metric_limit_parse(&specs[1], STR("500ms"), NULL);
  struct subject subject = {.metrics = specs, .metric_count = 2};
  histogram_add(&history.durations, 250, 176700);
  histogram_add(&history.durations, 500, 179748);
  histogram_add(&history.durations, INFINITY, 180000);
  rng_init(&rng, bench->seed);
  for (int i = 0; i < 64; i++)
    simulate_scrape(&rng, &traffic, 10, INTERVAL_S, &counts[i]);
  for (int i = 0; i < RELEASES; i++) {
    assessment_init(&states[i], 0);
    assessment_seed(&states[i], &subject, &settings, &history);
  }
  double began = user_seconds();
  for (int i = 0; i < RELEASES; i++)
    judge_one(&states[i], &subject, judge, &settings, &counts[i % 64], NULL, &bytes);
  double evidence = user_seconds() - began;
  began = user_seconds();
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < RELEASES; i++) {
      judge_one(&states[i], &subject, judge, &settings, &counts[(i + round) % 64], &arena, &bytes);
      arena_reset(&arena);
    }
  double seconds = (user_seconds() - began) / ROUNDS;
  printf(
      "\n### Cost\n\n%d releases with two metrics and two limits, each judged once: %.3f s of user "
      "time (%.1f us each: %.1f us for the evidence, the rest for the verdict's words and the "
      "state, "
      "%zu bytes). Every %g s that is %.1f %% of one core.\n",
      RELEASES, seconds, 1e6 * seconds / RELEASES, 1e6 * evidence / RELEASES,
      bytes / ROUNDS / RELEASES, INTERVAL_S, 100 * seconds / INTERVAL_S);
  for (int i = 0; i < RELEASES; i++)
    assessment_dispose(&states[i]);
  arena_dispose(&arena);
  xfree(states);
}
