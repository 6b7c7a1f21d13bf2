// SPDX-License-Identifier: Apache-2.0
#include "analysis/threshold.h"

#include "analysis/gauge.h"

#include <math.h>

#define EVIDENCE_FAILS 3.0 // a chance of 1 in 1000 for a canary that just keeps the bound
#define EVIDENCE_CLEAN 0.5 // below: nothing that chance would not do every third time
#define EVIDENCE_PLAIN 6.0 // from here on nobody needs to be told that it is no chance
#define EVIDENCE_MAX 99.0
#define REQUESTS_CLEAN 100.0
#define DEFAULT_FAILURE_LIMIT 3

static int failure_limit(const struct judge_settings *settings) {
  return settings->failure_limit >= 0 ? settings->failure_limit : DEFAULT_FAILURE_LIMIT;
}

double threshold_evidence(double x, double mean) {
  if (!(x > mean) || x <= 0)
    return 0;
  if (mean <= 0)
    return EVIDENCE_MAX;
  // P(X >= x) = p(x) * (1 + m/(x+1) + m^2/((x+1)(x+2)) + ...): falls geometrically, since m < x.
  double sum = 1, term = 1;
  for (double k = x + 1; term > sum * 1e-12; k += 1) {
    term *= mean / k;
    sum += term;
  }
  int sign = 0;
  double log_tail = x * log(mean) - mean - lgamma_r(x + 1, &sign) + log(sum);
  double decades = -log_tail / log(10);
  return decades < 0 ? 0 : fmin(decades, EVIDENCE_MAX);
}

// Share of bad requests that is still allowed, for one stretch of requests.
struct bound {
  bool known;     // false: there is nothing to compare with
  bool reference; // stable is that of an earlier step
  double share;
  double stable_n, stable_x;
};

static double absolute_share(const struct metric_spec *spec) {
  double share = spec->kind == METRIC_LATENCY ? 1 - spec->quantile : spec->limit / 100;
  return share > 0 ? share : 0;
}

static struct bound bound_of(const struct test_state *test, const struct metric_spec *spec,
                             double enough) {
  struct bound bound = {.known = true, .stable_n = test->step.n_s, .stable_x = test->step.x_s};
  if (test->absolute) {
    bound.share = absolute_share(spec);
    return bound;
  }
  if (test->step.n_s < enough) {
    bound.stable_n = test->ref_n;
    bound.stable_x = test->ref_x;
    bound.reference = true;
    // Without a control group a limit decides alone: what stable did under another load says
    // little.
    bound.known = !spec->has_limit && test->ref_n >= enough;
  }
  if (bound.known) {
    double stable = fmin(1, (bound.stable_x + 1) / bound.stable_n);
    bound.share = spec->tolerance.ratio * stable + spec->tolerance.percent / 100;
  }
  return bound;
}

static double share_of(double x, double n) {
  return n > 0 ? x / n : 0;
}

// Whether stable breaks the absolute limit in this step, too.
static bool is_shared(const struct test_state *test, const struct metric_spec *spec) {
  return test->absolute && test->role != TEST_PASSES_ONLY && test->step.n_s > 0 &&
         share_of(test->step.x_s, test->step.n_s) > absolute_share(spec);
}

enum measured { MEASURED_GOOD, MEASURED_UNCHANGED, MEASURED_FAILED };

static enum measured measure_test(const struct test_state *test, const struct metric_spec *spec,
                                  double enough) {
  struct bound bound = bound_of(test, spec, enough);
  if (!bound.known || test->role == TEST_PASSES_ONLY || is_shared(test, spec))
    return MEASURED_GOOD;
  const struct tally *block = &test->block, *step = &test->step;
  if (threshold_evidence(block->x_c, block->n_c * bound.share) >= EVIDENCE_FAILS)
    return MEASURED_FAILED;
  if (threshold_evidence(step->x_c, step->n_c * bound.share) < EVIDENCE_FAILS)
    return MEASURED_GOOD;
  return share_of(block->x_c, block->n_c) > bound.share ? MEASURED_FAILED : MEASURED_UNCHANGED;
}

static void count_measurement(struct metric_state *state, enum measured measured, bool all) {
  state->counts.measurements++;
  if (measured == MEASURED_FAILED)
    state->counts.failures++;
  else if (measured == MEASURED_GOOD && !all)
    state->counts.failures = 0;
}

// With a window: its plain share, as long as it has enough requests to be one.
static enum measured measure_window(const struct test_state *test, const struct metric_spec *spec,
                                    double enough) {
  struct bound bound = bound_of(test, spec, enough);
  if (!bound.known || test->role == TEST_PASSES_ONLY || is_shared(test, spec))
    return MEASURED_GOOD;
  return share_of(test->block.x_c, test->block.n_c) > bound.share ? MEASURED_FAILED : MEASURED_GOOD;
}

// Whether it is time for a measurement.
static bool is_due(const struct judge_scene *scene, struct metric_state *state) {
  int64_t window_ms = scene->settings->measure_window_ms;
  if (window_ms <= 0)
    return true;
  if (!state->counts.measured_ms)
    state->counts.measured_ms = scene->from_ms > 0 ? scene->from_ms : 1;
  if (scene->to_ms - state->counts.measured_ms < window_ms)
    return false;
  state->counts.measured_ms = scene->to_ms;
  return true;
}

static void threshold_measure(const struct judge_scene *scene, size_t metric) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  const struct judge_settings *settings = scene->settings;
  if (!scene->in_step || !is_due(scene, state))
    return;
  if (spec->kind == METRIC_CUSTOM) {
    if (state->reading.kind == READING_VALUE)
      count_measurement(state, state->reading.value > spec->limit ? MEASURED_FAILED : MEASURED_GOOD,
                        settings->counts_all);
    return;
  }
  double enough = judge_min_requests(settings);
  if (!state->test_count || state->tests[0].block.n_c < enough)
    return;
  enum measured worst = MEASURED_GOOD;
  for (size_t i = 0; i < state->test_count; i++) {
    enum measured measured = settings->measure_window_ms > 0
                                 ? measure_window(&state->tests[i], spec, enough)
                                 : measure_test(&state->tests[i], spec, enough);
    if (measured > worst)
      worst = measured;
    state->tests[i].block = (struct tally){0};
  }
  count_measurement(state, worst, settings->counts_all);
}

// "error" or "slower than 250ms": what is counted, for sentences.
static struct str what_counts(const struct test_state *test, const struct metric_spec *spec,
                              struct arena *arena) {
  if (spec->kind == METRIC_ERROR_RATE)
    return STR("failed");
  return arena_printf(arena, "took over %.10gms", test->boundary_ms);
}

static struct str bound_text(const struct test_state *test, const struct metric_spec *spec,
                             const struct bound *bound, struct arena *arena) {
  if (test->absolute && spec->kind == METRIC_LATENCY)
    return arena_printf(arena, "limit %.*s for %.10g%% of the requests",
                        STR_ARG(metric_limit_text(spec, arena)), 100 * spec->quantile);
  if (test->absolute)
    return arena_printf(arena, "limit %.*s", STR_ARG(metric_limit_text(spec, arena)));
  return arena_printf(arena, "tolerated %.3g%%, as stable had %.0f of %.0f%s", 100 * bound->share,
                      bound->stable_x, bound->stable_n,
                      bound->reference ? " in its last step with traffic" : "");
}

static struct str canary_text(const struct test_state *test, const struct metric_spec *spec,
                              struct arena *arena) {
  struct str what = what_counts(test, spec, arena);
  return arena_printf(arena, "%.0f of %.0f canary requests %.*s (%.3g%%)", test->step.x_c,
                      test->step.n_c, STR_ARG(what),
                      100 * share_of(test->step.x_c, test->step.n_c));
}

// One test of the metric, looked at now.
struct look {
  const struct test_state *test;
  struct bound bound;
  double evidence;
  enum outcome outcome; // as a pass needs it
  enum cause cause;
  bool clean;
};

static struct look look_at(const struct test_state *test, const struct metric_spec *spec,
                           double enough) {
  struct look look = {.test = test, .bound = bound_of(test, spec, enough)};
  const struct tally *step = &test->step;
  if (!look.bound.known) {
    look.outcome = OUTCOME_INSUFFICIENT;
    look.cause = CAUSE_NO_CONTROL;
    return look;
  }
  look.evidence = threshold_evidence(step->x_c, step->n_c * look.bound.share);
  bool within = share_of(step->x_c, step->n_c) <= look.bound.share;
  look.clean = within || look.evidence < EVIDENCE_CLEAN;
  if (look.clean || test->role == TEST_FAILS_ONLY)
    return look;
  look.outcome = OUTCOME_INSUFFICIENT;
  look.cause = is_shared(test, spec) ? CAUSE_SHARED : CAUSE_UNDECIDED;
  return look;
}

static struct str look_reason(const struct look *look, const struct metric_spec *spec,
                              const struct judge_settings *settings,
                              const struct metric_state *state, struct arena *arena) {
  if (look->cause == CAUSE_NO_CONTROL)
    return arena_printf(arena,
                        "stable had %.0f requests in this step, %.0f are needed to compare with, "
                        "and the metric has no limit",
                        look->test->step.n_s, judge_min_requests(settings));
  struct str canary = canary_text(look->test, spec, arena);
  struct str bound = bound_text(look->test, spec, &look->bound, arena);
  struct str tail = STR("");
  if (look->cause == CAUSE_SHARED)
    tail = arena_printf(arena, "; stable breaks it too (%.0f of %.0f)", look->test->step.x_s,
                        look->test->step.n_s);
  else if (look->cause == CAUSE_UNDECIDED && look->test->role == TEST_PASSES_ONLY)
    tail = STR("; the limit is no bucket boundary, and this is the one below that a pass needs");
  else if (look->cause == CAUSE_UNDECIDED && look->evidence < EVIDENCE_PLAIN)
    tail = arena_printf(arena, "; chance would do that once in %.3g", pow(10, look->evidence));
  if (state->counts.failures)
    tail = arena_printf(arena, "%.*s; %d failed in a row, %d tolerated", STR_ARG(tail),
                        state->counts.failures, failure_limit(settings));
  return arena_printf(arena, "%.*s, %.*s%.*s", STR_ARG(canary), STR_ARG(bound), STR_ARG(tail));
}

// The numbers of the test that decides go into the verdict.
static void fill_numbers(const struct look *look, const struct metric_spec *spec,
                         struct metric_verdict *verdict, struct arena *arena) {
  const struct tally *step = &look->test->step;
  verdict->is_share = true;
  verdict->boundary_ms = look->test->boundary_ms;
  verdict->has_canary = step->n_c > 0;
  verdict->canary = 100 * share_of(step->x_c, step->n_c);
  double stable_n = look->bound.reference ? look->test->ref_n : step->n_s;
  double stable_x = look->bound.reference ? look->test->ref_x : step->x_s;
  verdict->has_stable = stable_n > 0;
  verdict->stable = 100 * share_of(stable_x, stable_n);
  verdict->requests = step->n_c;
  verdict->bad = step->x_c;
  verdict->stable_requests = stable_n;
  verdict->stable_bad = stable_x;
  verdict->evidence = look->evidence;
  if (look->test->absolute)
    verdict->limit = metric_limit_text(spec, arena);
  else if (look->bound.known)
    verdict->limit = arena_printf(arena, "%.3g%%", 100 * look->bound.share);
}

static void decide_custom(const struct metric_state *state, const struct metric_spec *spec,
                          const struct judge_settings *settings, struct arena *arena,
                          struct metric_verdict *verdict) {
  const struct prom_reading *reading = &state->reading;
  bool failed = state->counts.failures > failure_limit(settings);
  gauge_numbers(state, spec, arena, verdict);
  if (gauge_trouble(state, arena, verdict)) {
    if (failed)
      verdict->outcome = OUTCOME_FAIL, verdict->cause = CAUSE_NONE;
    return;
  }
  verdict->outcome = failed ? OUTCOME_FAIL : OUTCOME_INSUFFICIENT;
  bool over = reading->value > spec->limit;
  if (verdict->outcome != OUTCOME_FAIL) {
    verdict->outcome = over || !state->counts.measurements ? OUTCOME_INSUFFICIENT : OUTCOME_PASS;
    verdict->cause = verdict->outcome == OUTCOME_PASS ? CAUSE_NONE : CAUSE_UNDECIDED;
  }
  verdict->clean = verdict->outcome == OUTCOME_PASS;
  verdict->reason =
      state->counts.failures
          ? arena_printf(arena, "value %.6g, limit %.*s; %d failed in a row, %d tolerated",
                         reading->value, STR_ARG(verdict->limit), state->counts.failures,
                         failure_limit(settings))
          : arena_printf(arena, "value %.6g, limit %.*s", reading->value, STR_ARG(verdict->limit));
}

// Of two looks, the one the verdict should speak of.
static bool speaks_louder(const struct look *a, const struct look *b, bool failed) {
  if (failed || a->cause == b->cause)
    return a->evidence > b->evidence;
  return a->cause > b->cause;
}

static void threshold_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                             struct metric_verdict *verdict) {
  const struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  const struct judge_settings *settings = scene->settings;
  if (spec->kind == METRIC_CUSTOM) {
    decide_custom(state, spec, settings, arena, verdict);
    return;
  }
  double enough = judge_min_requests(settings);
  bool failed = state->counts.failures > failure_limit(settings);
  struct look loudest = {0};
  bool clean = true, any_known = false;
  for (size_t i = 0; i < state->test_count; i++)
    any_known = any_known || bound_of(&state->tests[i], spec, enough).known;
  for (size_t i = 0; i < state->test_count; i++) {
    struct look look = look_at(&state->tests[i], spec, enough);
    // With a limit to go by, nothing to compare with is no reason to wait: the 100 % step has no
    // control.
    if (!look.bound.known && any_known)
      continue;
    clean = clean && look.clean;
    if (!loudest.test || speaks_louder(&look, &loudest, failed))
      loudest = look;
  }
  if (!loudest.test)
    return;
  fill_numbers(&loudest, spec, verdict, arena);
  verdict->clean = clean && !state->counts.failures && verdict->requests >= REQUESTS_CLEAN;
  verdict->reason = look_reason(&loudest, spec, settings, state, arena);
  verdict->cause = CAUSE_NONE;
  if (failed) {
    verdict->outcome = OUTCOME_FAIL;
  } else if (verdict->requests < enough) {
    verdict->outcome = OUTCOME_INSUFFICIENT;
    verdict->cause = CAUSE_FEW_REQUESTS;
    verdict->reason = arena_printf(arena, "%.*s; at least %.0f requests are needed",
                                   STR_ARG(verdict->reason), enough);
  } else if (loudest.outcome == OUTCOME_PASS && !state->counts.failures) {
    verdict->outcome = OUTCOME_PASS;
  } else {
    verdict->outcome = OUTCOME_INSUFFICIENT;
    verdict->cause = loudest.cause == CAUSE_NONE ? CAUSE_UNDECIDED : loudest.cause;
  }
}

const struct judge judge_threshold = {
    .name = "threshold",
    .ends_early = false,
    .measure = threshold_measure,
    .decide = threshold_decide,
};
