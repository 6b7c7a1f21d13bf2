// SPDX-License-Identifier: Apache-2.0
#include "analysis/burn_rate.h"

#include "analysis/gauge.h"
#include "analysis/sequential.h"
#include "analysis/series.h"
#include "analysis/share.h"

#include <math.h>

#define DEFAULT_LONG_MS 3600000
#define DEFAULT_SHORT_MS 300000
#define DEFAULT_FACTOR 14.4
#define SLOTS_SHORT 5  // slots of the short window
#define SLOTS_LONG 120 // no more of the long one
#define CLEAN_REQUESTS 100.0

static int64_t long_ms(const struct judge_settings *settings) {
  return settings->long_ms > 0 ? settings->long_ms : DEFAULT_LONG_MS;
}

static int64_t short_ms(const struct judge_settings *settings) {
  return settings->short_ms > 0 ? settings->short_ms : DEFAULT_SHORT_MS;
}

static double factor(const struct judge_settings *settings) {
  return settings->burn_factor > 0 ? settings->burn_factor : DEFAULT_FACTOR;
}

static int64_t slot_ms(const struct judge_settings *settings) {
  int64_t by_short = short_ms(settings) / SLOTS_SHORT, by_long = long_ms(settings) / SLOTS_LONG;
  return by_short > by_long ? by_short : by_long;
}

// Canary: bad requests, or the sum of values; stable: requests, or how many values.
static void burn_measure(const struct judge_scene *scene, size_t metric) {
  struct metric_state *state = &scene->metrics[metric];
  struct test_state *test = share_test(state);
  struct tally block = {0}, slot;
  if (scene->specs[metric].kind == METRIC_CUSTOM) {
    if (state->reading.kind != READING_VALUE || !scene->in_step || !isfinite(state->reading.value))
      return;
    block = (struct tally){.n_c = 1, .x_c = state->reading.value};
    state->counts.measurements++;
  } else if (test) {
    block = test->block;
    for (size_t i = 0; i < state->test_count; i++)
      state->tests[i].block = (struct tally){0};
  }
  if (series_count(&state->series, &block, scene->from_ms, scene->to_ms, slot_ms(scene->settings),
                   &slot))
    series_push(&state->series, (struct series_point){scene->to_ms, slot.x_c, slot.n_c},
                scene->arena);
}

// The mean over the window that ends now; NaN with nothing in it.
static double mean_over(const struct judge_scene *scene, const struct series *series,
                        int64_t window_ms) {
  double bad = series->tally.x_c, all = series->tally.n_c;
  for (size_t i = 0; i < series->count; i++) {
    const struct series_point *point = series_at(series, i);
    if (point->at_ms > scene->to_ms - window_ms) {
      bad += point->canary;
      all += point->stable;
    }
  }
  return all > 0 ? bad / all : NAN;
}

static void burn_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                        struct metric_verdict *verdict) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  const struct judge_settings *settings = scene->settings;
  const struct test_state *test = share_test(state);
  bool custom = spec->kind == METRIC_CUSTOM;
  if (!spec->has_limit) {
    verdict->cause = CAUSE_NO_CONTROL;
    verdict->reason =
        STR("judge \"burnRate\" needs a limit: what share of bad requests is allowed");
    return;
  }
  if (custom && gauge_trouble(state, arena, verdict))
    return;
  if (custom)
    gauge_numbers(state, spec, arena, verdict);
  else if (test)
    share_numbers(test, spec, arena, verdict);
  double allowed = custom ? spec->limit : sequential_limit_share(spec);
  double slow = mean_over(scene, &state->series, long_ms(settings)) / allowed;
  double fast = mean_over(scene, &state->series, short_ms(settings)) / allowed;
  if (isnan(slow))
    return;
  bool burns = slow >= factor(settings) && fast >= factor(settings);
  bool enough =
      custom ? state->counts.measurements > 0 : verdict->requests >= judge_min_requests(settings);
  verdict->clean = slow < 1 && (custom || verdict->requests >= CLEAN_REQUESTS);
  verdict->reason = arena_printf(
      arena, "burns its budget of %.*s at %.3g over %lld s and at %.3g over %lld s; %.3g is a fail",
      STR_ARG(metric_limit_text(spec, arena)), slow, (long long)(long_ms(settings) / 1000),
      isnan(fast) ? 0 : fast, (long long)(short_ms(settings) / 1000), factor(settings));
  if (burns && enough)
    verdict->outcome = OUTCOME_FAIL;
  else if (enough && !burns)
    verdict->outcome = OUTCOME_PASS;
}

const struct judge judge_burn_rate = {
    .name = "burnRate",
    .ends_early = false,
    .measure = burn_measure,
    .decide = burn_decide,
};
