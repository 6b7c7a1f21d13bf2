// SPDX-License-Identifier: Apache-2.0
#include "analysis/assessment.h"

#include "analysis/confidence.h"
#include "analysis/latency.h"
#include "analysis/sequential.h"

#include <math.h>

#define REFERENCE_REQUESTS 50.0 // stable requests that make a step worth remembering
#define OBSERVED_REQUESTS 100.0
#define PHI_ERRORS 10.0

void assessment_init(struct assessment *state, int64_t began_ms) {
  *state = (struct assessment){.began_ms = began_ms, .step_began_ms = began_ms};
  arena_init(&state->arena);
  arena_init(&state->recent);
}

void assessment_dispose(struct assessment *state) {
  arena_dispose(&state->arena);
  arena_dispose(&state->recent);
}

void assessment_step(struct assessment *state, int64_t began_ms) {
  state->step_began_ms = began_ms;
  state->step = (struct tally){0};
  state->unattributed = 0;
  for (size_t m = 0; m < state->metric_count; m++) {
    struct metric_counts *counts = &state->metrics[m].counts;
    counts->measurements = counts->good = counts->good_in_row = counts->inconclusive = 0;
    sequential_step(&state->metrics[m]);
    for (size_t t = 0; t < state->metrics[m].test_count; t++) {
      struct test_state *test = &state->metrics[m].tests[t];
      if (test->step.n_s >= REFERENCE_REQUESTS) {
        test->ref_n = test->step.n_s;
        test->ref_x = test->step.x_s;
      }
      test->step = (struct tally){0};
    }
  }
}

int64_t assessment_counted_until(const struct assessment *state) {
  return state->watermark_ms ? state->watermark_ms : state->began_ms;
}

bool assessment_observed(const struct assessment *state, double *ret_percent) {
  double all = state->step.n_c + state->step.n_s;
  if (all < OBSERVED_REQUESTS)
    return false;
  *ret_percent = 100 * state->step.n_c / all;
  return true;
}

static void tally_add(struct tally *tally, const struct tally *more) {
  tally->n_c += more->n_c;
  tally->x_c += more->x_c;
  tally->n_s += more->n_s;
  tally->x_s += more->x_s;
}

static struct metric_state *metric_find(struct assessment *state, struct str name) {
  for (size_t i = 0; i < state->metric_count; i++)
    if (str_eq(state->metrics[i].name, name))
      return &state->metrics[i];
  return NULL;
}

// One state per metric of the subject, in its order; what was known is kept.
static void sync_metrics(struct assessment *state, const struct subject *subject) {
  struct metric_state kept[ASSESSMENT_METRICS_MAX] = {0};
  size_t count = subject->metric_count;
  if (count > ASSESSMENT_METRICS_MAX)
    count = ASSESSMENT_METRICS_MAX;
  for (size_t i = 0; i < count; i++) {
    const struct metric_state *old = metric_find(state, subject->metrics[i].name);
    if (old)
      kept[i] = *old;
    else
      kept[i].name = arena_str(&state->arena, subject->metrics[i].name);
    kept[i].reading = (struct prom_reading){0};
  }
  for (size_t i = 0; i < count; i++)
    state->metrics[i] = kept[i];
  state->metric_count = count;
}

static void sync_error_tests(struct metric_state *metric, const struct metric_spec *spec) {
  size_t wanted = (spec->relative ? 1 : 0) + (spec->has_limit ? 1 : 0);
  bool same = metric->test_count == wanted;
  for (size_t i = 0; same && i < wanted; i++)
    same = metric->tests[i].absolute == (i == 1 || !spec->relative);
  if (same)
    return;
  metric->test_count = wanted;
  for (size_t i = 0; i < wanted; i++)
    metric->tests[i] = (struct test_state){.absolute = i == 1 || !spec->relative};
}

// What an update works with.
struct update {
  struct assessment *state;
  const struct subject *subject;
  const struct judge_settings *settings;
  const struct scrapes *scrapes;
  const struct prom_result *requests, *buckets;
  const struct judge *judge;
  int64_t to_ms;
};

// A few errors say nothing of how they come.
double assessment_phi(const struct assessment *state) {
  return state->phi.expected >= PHI_ERRORS ? phi_hat(&state->phi) : 0;
}

static struct judge_scene scene_of(struct assessment *state, const struct subject *subject,
                                   const struct judge_settings *settings) {
  return (struct judge_scene){.settings = settings,
                              .specs = subject->metrics,
                              .metrics = state->metrics,
                              .count = state->metric_count,
                              .to_ms = assessment_counted_until(state),
                              .step_began_ms = state->step_began_ms,
                              .in_step = true,
                              .phi = assessment_phi(state),
                              .arena = &state->arena};
}

// How unevenly the errors of this span are split over stable's replicas. After the span was judged:
// what judges a block is known before it.
static void learn_phi(struct assessment *state, const struct request_counts *counts) {
  double bad[SAMPLE_REPLICAS_MAX], requests[SAMPLE_REPLICAS_MAX];
  for (size_t i = 0; i < counts->replica_count; i++) {
    bad[i] = counts->replicas[i].counts.bad;
    requests[i] = counts->replicas[i].counts.total;
  }
  phi_add(&state->phi, bad, requests, counts->replica_count);
}

static void measure_all(const struct update *update, struct span span, bool in_step) {
  struct judge_scene scene = scene_of(update->state, update->subject, update->settings);
  scene.from_ms = span.from_ms;
  scene.to_ms = span.to_ms;
  scene.in_step = in_step;
  for (size_t m = 0; m < scene.count; m++)
    update->judge->measure(&scene, m);
}

static void count_requests(struct update *update, struct span span, bool in_step,
                           struct request_counts *ret_counts) {
  struct assessment *state = update->state;
  if (span.from_ms >= span.to_ms)
    return;
  struct request_counts counts = *ret_counts =
      sample_requests(update->requests, update->subject, update->scrapes, span);
  struct tally more = {counts.canary.total, counts.canary.bad, counts.stable.total,
                       counts.stable.bad};
  state->series = counts.series > 0;
  if (counts.newest_ms > state->newest_ms)
    state->newest_ms = counts.newest_ms;
  tally_add(&state->release, &more);
  tally_add(&state->last, &more);
  if (in_step) {
    tally_add(&state->step, &more);
    state->unattributed += counts.unattributed;
  }
  for (size_t m = 0; m < state->metric_count; m++) {
    if (update->subject->metrics[m].kind != METRIC_ERROR_RATE)
      continue;
    struct metric_state *metric = &state->metrics[m];
    sync_error_tests(metric, &update->subject->metrics[m]);
    for (size_t t = 0; t < metric->test_count; t++) {
      tally_add(&metric->tests[t].block, &more);
      if (in_step)
        tally_add(&metric->tests[t].step, &more);
    }
  }
}

static void count_latency(struct update *update) {
  struct assessment *state = update->state;
  if (!update->buckets)
    return;
  struct span span = {assessment_counted_until(state), update->to_ms};
  int64_t warm_ms = state->step_began_ms + update->settings->warmup_ms;
  if (span.from_ms < warm_ms)
    span.from_ms = warm_ms < span.to_ms ? warm_ms : span.to_ms;
  struct latency_counts counts;
  sample_latency(update->buckets, update->subject, update->scrapes, span, &counts);
  for (size_t m = 0; m < state->metric_count; m++)
    if (update->subject->metrics[m].kind == METRIC_LATENCY)
      latency_count(&state->metrics[m], &update->subject->metrics[m], update->settings, &counts);
}

// The newest value of each series.
static void read_values(struct metric_state *metric, const struct prom_result *result,
                        struct arena *arena) {
  metric->values = NULL;
  metric->value_count = 0;
  if (!result || result->status != PROM_DATA)
    return;
  double *values = ARENA_ARRAY(arena, double, result->series_count + 1);
  for (size_t i = 0; i < result->series_count; i++) {
    const struct prom_series *series = &result->series[i];
    if (series->point_count)
      values[metric->value_count++] = series->points[series->point_count - 1].value;
  }
  metric->values = values;
}

static void read_custom(struct update *update, const struct query_plan *plan) {
  struct assessment *state = update->state;
  for (size_t m = 0; m < state->metric_count; m++) {
    if (update->subject->metrics[m].kind != METRIC_CUSTOM)
      continue;
    const struct query_item *item = query_plan_find(plan, QUERY_CUSTOM, update->subject, m);
    state->metrics[m].reading = prom_read(item ? item->result : NULL, &state->recent);
    state->metrics[m].reading.why = arena_str(&state->recent, state->metrics[m].reading.why);
    read_values(&state->metrics[m], item ? item->result : NULL, &state->recent);
    item = query_plan_find(plan, QUERY_CUSTOM_STABLE, update->subject, m);
    state->metrics[m].stable_reading = prom_read(item ? item->result : NULL, &state->recent);
    state->metrics[m].stable_reading.why =
        arena_str(&state->recent, state->metrics[m].stable_reading.why);
  }
}

// The result of a shared query; false, with the trouble noted, when it cannot be used.
static bool take_result(struct update *update, const struct query_plan *plan, enum query_kind kind,
                        const struct prom_result **ret_result) {
  struct assessment *state = update->state;
  const struct query_item *item = query_plan_find(plan, kind, update->subject, 0);
  *ret_result = item ? item->result : NULL;
  if (!item && kind == QUERY_BUCKETS)
    return true;
  if (*ret_result && (*ret_result)->status != PROM_ERROR) {
    if (!str_is_empty((*ret_result)->warnings))
      state->warnings = arena_str(&state->recent, (*ret_result)->warnings);
    return true;
  }
  state->failed_query = true;
  state->trouble = arena_str(&state->recent,
                             *ret_result ? (*ret_result)->error : STR("Prometheus was not asked"));
  return false;
}

// Less than a scrape's worth waits for the next update: in such a block one version would have its
// samples and the other one would not.
static bool is_too_soon(const struct update *update) {
  int64_t span_ms = update->to_ms - assessment_counted_until(update->state);
  return span_ms * 10 < update->settings->scrape_ms * 9;
}

static bool open_results(struct update *update, const struct query_plan *plan,
                         struct arena *arena) {
  if (!take_result(update, plan, QUERY_REQUESTS, &update->requests) ||
      !take_result(update, plan, QUERY_BUCKETS, &update->buckets))
    return false;
  update->state->answered = true;
  if (is_too_soon(update))
    return false;
  struct query_plan unsealed = *plan;
  if (!plan->scrapes) // a caller with many subjects seals the plan once for all
    query_plan_seal(&unsealed, arena);
  update->scrapes = unsealed.scrapes;
  update->state->scraped = !scrapes_is_empty(update->scrapes);
  return true;
}

// Counts and judges what came before the step began (the step's before: of the release, not of the
// step), then what is in it.
static void count_new(struct update *update, const struct query_plan *plan) {
  struct assessment *state = update->state;
  struct arena arena;
  arena_init(&arena);
  int64_t from_ms = assessment_counted_until(state), to_ms = update->to_ms;
  int64_t step_ms = state->step_began_ms;
  struct span inside = {from_ms, from_ms};
  struct request_counts counted = {0};
  if (open_results(update, plan, &arena)) {
    struct span before = {from_ms, step_ms < to_ms ? step_ms : to_ms};
    inside = (struct span){from_ms > step_ms ? from_ms : step_ms, to_ms};
    state->last = (struct tally){0};
    count_requests(update, before, false, &counted);
    if (before.to_ms > before.from_ms) {
      measure_all(update, before, false);
      learn_phi(state, &counted);
    }
    counted.replica_count = 0;
    count_requests(update, inside, true, &counted);
    count_latency(update);
    if (to_ms > from_ms)
      state->watermark_ms = to_ms;
  }
  measure_all(update, inside, true);
  learn_phi(state, &counted);
  arena_dispose(&arena);
}

void assessment_update(struct assessment *state, const struct subject *subject,
                       const struct query_plan *plan, const struct judge *judge,
                       const struct judge_settings *settings, int64_t now_ms, int64_t lag_ms) {
  struct update update = {.state = state,
                          .subject = subject,
                          .settings = settings,
                          .judge = judge,
                          .to_ms = now_ms - lag_ms};
  arena_reset(&state->recent);
  state->failed_query = false;
  state->trouble = state->warnings = STR("");
  sync_metrics(state, subject);
  read_custom(&update, plan);
  count_new(&update, plan);
}

// What `seconds` of history are worth beside counts that are forgotten with a half-life of 10 min.
static double history_scale(double seconds) {
  const double steady_s = 600 / 0.693147180559945;
  return seconds > steady_s ? steady_s / seconds : 1;
}

void assessment_seed(struct assessment *state, const struct subject *subject,
                     const struct judge_settings *settings, const struct stable_history *history) {
  sync_metrics(state, subject);
  double scale = history_scale(history->seconds);
  for (size_t m = 0; m < state->metric_count; m++) {
    struct metric_state *metric = &state->metrics[m];
    const struct metric_spec *spec = &subject->metrics[m];
    bool errors = spec->kind == METRIC_ERROR_RATE;
    if (errors)
      sync_error_tests(metric, spec);
    else if (spec->kind == METRIC_LATENCY)
      latency_boundaries(metric, spec, settings, &history->durations);
    for (size_t i = 0; i < metric->test_count; i++) {
      double bound = metric->tests[i].boundary_ms;
      double n = errors ? history->requests.total : histogram_total(&history->durations);
      double x = errors ? history->requests.bad : histogram_above(&history->durations, bound);
      n = fmax(n, 0);
      x = fmin(fmax(x, 0), n);
      metric->tests[i].evidence.rate = (struct stable_rate){scale * n, scale * x};
    }
  }
}
