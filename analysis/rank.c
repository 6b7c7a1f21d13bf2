// SPDX-License-Identifier: Apache-2.0
#include "analysis/rank.h"

#include "analysis/gauge.h"
#include "analysis/rank_test.h"
#include "analysis/series.h"
#include "analysis/share.h"

#include <math.h>

#define DEFAULT_STEP_MS 60000
#define DEFAULT_TOLERANCE 0.25
#define DEFAULT_CONFIDENCE 0.98
#define DEFAULT_INCREASE 1.0
#define DEFAULT_PASS 95.0
#define DEFAULT_MARGIN 75.0
#define POINTS_MIN 5
#define CLEAN_REQUESTS 100.0

static double given(double value, double fallback) {
  return value > 0 ? value : fallback;
}

static void rank_measure(const struct judge_scene *scene, size_t metric) {
  struct metric_state *state = &scene->metrics[metric];
  struct test_state *test = share_test(state);
  const struct judge_settings *settings = scene->settings;
  bool custom = scene->specs[metric].kind == METRIC_CUSTOM;
  int64_t step_ms = settings->rank_step_ms > 0 ? settings->rank_step_ms : DEFAULT_STEP_MS;
  struct tally block = {0}, slot;
  if (!custom && test) {
    block = test->block;
    for (size_t i = 0; i < state->test_count; i++)
      state->tests[i].block = (struct tally){0};
  }
  if (!series_count(&state->series, &block, scene->from_ms, scene->to_ms, step_ms, &slot))
    return;
  struct series_point point = {scene->to_ms, share_percent(slot.x_c, slot.n_c),
                               share_percent(slot.x_s, slot.n_s)};
  bool known = slot.n_c > 0 && slot.n_s > 0;
  if (custom) {
    known = scene->specs[metric].stable_query.len && state->reading.kind == READING_VALUE &&
            state->stable_reading.kind == READING_VALUE;
    point.canary = state->reading.value;
    point.stable = state->stable_reading.value;
  }
  if (known && isfinite(point.canary) && isfinite(point.stable))
    series_push(&state->series, point, scene->arena);
}

static enum rank_class class_of(const struct judge_scene *scene, size_t metric) {
  const struct series *series = &scene->metrics[metric].series;
  const struct judge_settings *settings = scene->settings;
  double canary[SERIES_MAX], stable[SERIES_MAX];
  if (series->count < POINTS_MIN)
    return RANK_NO_DATA;
  for (size_t i = 0; i < series->count; i++) {
    canary[i] = series_at(series, i)->canary;
    stable[i] = series_at(series, i)->stable;
  }
  enum rank_class class = rank_classify(canary, series->count, stable, series->count,
                                        given(settings->rank_confidence, DEFAULT_CONFIDENCE),
                                        given(settings->rank_tolerance, DEFAULT_TOLERANCE),
                                        given(settings->rank_increase, DEFAULT_INCREASE));
  return class == RANK_LOW ? RANK_PASS : class; // less of what is bad
}

// NaN while no metric has data.
static double score_of(const struct judge_scene *scene) {
  double all = 0, good = 0;
  bool critical = false;
  for (size_t m = 0; m < scene->count; m++) {
    enum rank_class class = class_of(scene, m);
    double weight = given(scene->specs[m].weight, 1);
    if (class == RANK_NO_DATA)
      continue;
    all += weight;
    good += class == RANK_PASS ? weight : 0;
    critical = critical || (class == RANK_HIGH && scene->specs[m].critical);
  }
  if (all <= 0)
    return NAN;
  return critical ? 0 : 100 * good / all;
}

static void rank_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                        struct metric_verdict *verdict) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  const struct judge_settings *settings = scene->settings;
  const struct test_state *test = share_test(state);
  bool custom = spec->kind == METRIC_CUSTOM;
  if (custom && gauge_trouble(state, arena, verdict))
    return;
  if (custom)
    gauge_numbers(state, spec, arena, verdict);
  else if (test)
    share_numbers(test, spec, arena, verdict);
  if (custom && spec->stable_query.len && state->stable_reading.kind == READING_VALUE) {
    verdict->has_stable = true;
    verdict->stable = state->stable_reading.value;
  }
  enum rank_class class = class_of(scene, metric);
  double score = score_of(scene);
  size_t points = state->series.count;
  if (class == RANK_NO_DATA) {
    verdict->cause = custom && !spec->stable_query.len ? CAUSE_NO_CONTROL : CAUSE_FEW_REQUESTS;
    verdict->reason = verdict->cause == CAUSE_NO_CONTROL
                          ? STR("judge \"rank\" needs a query for stable beside the canary's")
                          : arena_printf(arena, "%zu of %d points to compare", points, POINTS_MIN);
    return;
  }
  verdict->clean = class == RANK_PASS && (custom || verdict->requests >= CLEAN_REQUESTS);
  verdict->reason = arena_printf(
      arena, "%s than stable over %zu points; score %.3g, pass at %.3g, fail at %.3g",
      class == RANK_HIGH ? "higher" : "not higher", points, score,
      given(settings->rank_pass, DEFAULT_PASS), given(settings->rank_margin, DEFAULT_MARGIN));
  if (class == RANK_HIGH && score <= given(settings->rank_margin, DEFAULT_MARGIN))
    verdict->outcome = OUTCOME_FAIL;
  else if (score >= given(settings->rank_pass, DEFAULT_PASS))
    verdict->outcome = OUTCOME_PASS;
  else
    verdict->cause = CAUSE_UNDECIDED;
}

const struct judge judge_rank = {
    .name = "rank",
    .ends_early = false,
    .measure = rank_measure,
    .decide = rank_decide,
};
