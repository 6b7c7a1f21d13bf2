// SPDX-License-Identifier: Apache-2.0
#include "analysis/latency.h"

#include "manifests/base/bug.h"

#include <math.h>

#define DEFAULT_FLOOR_MS                                                                           \
  25.0 // below, a busy machine's scheduling is larger than what a release changes
#define PICK_REQUESTS 50.0 // stable requests before boundaries are picked from them

// The standard boundaries of Istio and Envoy.
static const double STANDARD_BOUNDS[] = {0.5,   1,      5,      10,      25,     50,    100,
                                         250,   500,    1000,   2500,    5000,   10000, 30000,
                                         60000, 300000, 600000, 1800000, 3600000};

static void drop_tests(struct metric_state *metric, bool absolute) {
  size_t kept = 0;
  for (size_t i = 0; i < metric->test_count; i++)
    if (metric->tests[i].absolute != absolute)
      metric->tests[kept++] = metric->tests[i];
  metric->test_count = kept;
}

static size_t count_tests(const struct metric_state *metric, bool absolute) {
  size_t count = 0;
  for (size_t i = 0; i < metric->test_count; i++)
    count += metric->tests[i].absolute == absolute;
  return count;
}

static bool has_test(const struct metric_state *metric, double bound, enum test_role role) {
  for (size_t i = 0; i < metric->test_count; i++)
    if (metric->tests[i].absolute && metric->tests[i].role == role &&
        metric->tests[i].boundary_ms == bound)
      return true;
  return false;
}

static void add_test(struct metric_state *metric, double bound, bool absolute,
                     enum test_role role) {
  if (metric->test_count < METRIC_TESTS_MAX)
    metric->tests[metric->test_count++] =
        (struct test_state){.boundary_ms = bound, .absolute = absolute, .role = role};
}

static void make_absolute(struct metric_state *metric, const struct metric_spec *spec,
                          const struct histogram *histogram) {
  double low = 0, high = 0;
  if (!spec->has_limit) {
    drop_tests(metric, true);
    return;
  }
  if (!histogram->count)
    return;
  histogram_around(histogram, spec->limit, &low, &high);
  if (low == high) {
    if (count_tests(metric, true) == 1 && has_test(metric, low, TEST_BOTH))
      return;
    drop_tests(metric, true);
    add_test(metric, low, true, TEST_BOTH);
    return;
  }
  // Nothing can be above an infinite boundary: such a limit cannot be failed, only passed by the
  // one below.
  size_t wanted = isinf(high) ? 1 : 2;
  if (count_tests(metric, true) == wanted && has_test(metric, low, TEST_PASSES_ONLY) &&
      (wanted == 1 || has_test(metric, high, TEST_FAILS_ONLY)))
    return;
  drop_tests(metric, true);
  if (wanted == 2)
    add_test(metric, high, true, TEST_FAILS_ONLY);
  add_test(metric, low, true, TEST_PASSES_ONLY);
}

static void make_relative(struct metric_state *metric, const struct metric_spec *spec,
                          const struct judge_settings *settings,
                          const struct histogram *stable_ever) {
  if (!spec->relative) {
    drop_tests(metric, false);
    return;
  }
  double total = histogram_total(stable_ever);
  if (count_tests(metric, false) || total < PICK_REQUESTS)
    return;
  double floor_ms = settings->latency_floor_ms > 0 ? settings->latency_floor_ms : DEFAULT_FLOOR_MS;
  double low = 0, high = 0;
  for (size_t i = 0; i < stable_ever->count; i++) {
    double bound = stable_ever->bound_ms[i];
    bool exceeded = total - stable_ever->at_most[i] >= (1 - spec->quantile) * total;
    if (isinf(bound) || bound < floor_ms)
      continue;
    if (exceeded || low == 0)
      low = bound;
    else if (high == 0)
      high = bound;
    if (exceeded)
      high = 0;
  }
  if (low > 0)
    add_test(metric, low, false, TEST_BOTH);
  if (high > 0)
    add_test(metric, high, false, TEST_BOTH);
}

void latency_boundaries(struct metric_state *metric, const struct metric_spec *spec,
                        const struct judge_settings *settings, const struct histogram *stable) {
  make_absolute(metric, spec, stable);
  make_relative(metric, spec, settings, stable);
}

void latency_count(struct metric_state *metric, const struct metric_spec *spec,
                   const struct judge_settings *settings, const struct latency_counts *counts) {
  metric->reading = (struct prom_reading){.kind = READING_VALUE};
  if (counts->native_only)
    metric->reading = (struct prom_reading){
        .kind = READING_NO_DATA,
        .why = STR("istio_request_duration_milliseconds has native histograms only, which are not "
                   "read: let Prometheus scrape classic histograms, too")};
  else if (!counts->series)
    metric->reading = (struct prom_reading){
        .kind = READING_NO_DATA,
        .why =
            STR("there is no series istio_request_duration_milliseconds_bucket of this service")};
  make_absolute(metric, spec, counts->stable_ever.count ? &counts->stable_ever : &counts->canary);
  make_relative(metric, spec, settings, &counts->stable_ever);
  for (size_t i = 0; i < metric->test_count; i++) {
    struct test_state *test = &metric->tests[i];
    double n_c = histogram_total(&counts->canary), n_s = histogram_total(&counts->stable);
    double x_c = histogram_above(&counts->canary, test->boundary_ms);
    double x_s = histogram_above(&counts->stable, test->boundary_ms);
    struct tally *tallies[] = {&test->block, &test->step};
    for (size_t t = 0; t < ARRAY_LEN(tallies); t++) {
      tallies[t]->n_c += n_c;
      tallies[t]->x_c += x_c;
      tallies[t]->n_s += n_s;
      tallies[t]->x_s += x_s;
    }
  }
}

void latency_missing(const struct metric_state *metric, const struct assessment *state,
                     const struct judge_settings *settings, int64_t now_ms, struct arena *arena,
                     struct metric_verdict *verdict) {
  int64_t warm_ms = state->step_began_ms + settings->warmup_ms - now_ms;
  verdict->outcome = OUTCOME_INSUFFICIENT;
  verdict->cause = CAUSE_FEW_REQUESTS;
  verdict->clean = false;
  if (warm_ms > 0) {
    verdict->reason = arena_printf(arena, "warming up: latency is judged in %lld s",
                                   (long long)((warm_ms + 999) / 1000));
  } else if (metric->reading.kind == READING_NO_DATA && !str_is_empty(metric->reading.why)) {
    verdict->cause = CAUSE_NO_DATA;
    verdict->reason = metric->reading.why;
  } else {
    verdict->cause = CAUSE_NO_CONTROL;
    verdict->reason = arena_printf(
        arena, "stable has not had %.0f requests yet, which tell at which latency to compare",
        PICK_REQUESTS);
  }
}

struct str latency_note(const struct metric_spec *spec, struct arena *arena) {
  struct histogram standard = {0};
  double low = 0, high = 0;
  if (spec->kind != METRIC_LATENCY || !spec->has_limit)
    return STR("");
  for (size_t i = 0; i < ARRAY_LEN(STANDARD_BOUNDS); i++)
    histogram_add(&standard, STANDARD_BOUNDS[i], 0);
  histogram_around(&standard, spec->limit, &low, &high);
  if (low == high)
    return STR("");
  if (isinf(high))
    return arena_printf(arena,
                        "%.10g ms is above the last bucket boundary of "
                        "istio_request_duration_milliseconds (%.10g): it can never fail",
                        spec->limit, low);
  if (low <= 0)
    return arena_printf(arena,
                        "%.10g ms is below the first bucket boundary of "
                        "istio_request_duration_milliseconds (%.10g): it can never pass",
                        spec->limit, high);
  return arena_printf(arena,
                      "%.10g ms is not a bucket boundary of istio_request_duration_milliseconds "
                      "(%.10g, %.10g): a fail is decided at %.10g ms, a pass at %.10g ms",
                      spec->limit, low, high, high, low);
}
