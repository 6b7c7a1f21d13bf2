// SPDX-License-Identifier: Apache-2.0
#include "analysis/assessment_json.h"

#include "analysis/sequential.h"
#include "manifests/base/bug.h"

#include <math.h>

#define WHOLE_MAX 9007199254740992.0 // 2^53
#define COUNT_MAX 1000000
#define DECADES_MAX 1e9
#define ROUNDING 1e-6

static struct json *number_json(struct arena *arena, double value) {
  if (value == floor(value) && fabs(value) < WHOLE_MAX)
    return json_new_int(arena, (int64_t)value);
  return json_new_double(arena, value);
}

// Nine significant digits: what a restart may change is the tenth. Whole numbers and powers of ten
// up to 1e22 are exact, so the quotient is the double nearest to the decimal, and rounding it again
// changes nothing. Less than 1e-12 is nothing.
static double rounded(double value) {
  static const double TENS[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (!(fabs(value) >= 1e-12))
    return 0;
  int places = 8 - (int)floor(log10(fabs(value)));
  if (places < -6)
    return value;
  return places >= 0 ? round(value * TENS[places]) / TENS[places]
                     : round(value / TENS[-places]) * TENS[-places];
}

static struct json *numbers_json(struct arena *arena, const double *values, size_t count) {
  struct json *list = json_new_array(arena);
  for (size_t i = 0; i < count; i++)
    json_append(list, number_json(arena, values[i]));
  return list;
}

// [decades, tokens, shares of the experts...]: cash is what is left of 1.
static struct json *wealth_json(struct arena *arena, const struct wealth *wealth, int experts) {
  double values[WEALTH_SLOTS + 1] = {rounded(wealth->decades), rounded(wealth->tokens)};
  for (int i = 1; i <= experts; i++)
    values[i + 1] = rounded(wealth->v[i]);
  return numbers_json(arena, values, (size_t)experts + 2);
}

static struct json *tally_json(struct arena *arena, const struct tally *tally) {
  const double values[] = {tally->n_c, tally->x_c, tally->n_s, tally->x_s};
  return numbers_json(arena, values, ARRAY_LEN(values));
}

static struct json *test_json(struct arena *arena, const struct test_state *test) {
  struct json *json = json_new_object(arena);
  const double reference[] = {test->ref_n, test->ref_x};
  if (test->boundary_ms > 0)
    json_put(arena, json, "le", number_json(arena, test->boundary_ms));
  if (test->absolute)
    json_put_bool(arena, json, "abs", true);
  if (test->role != TEST_BOTH)
    json_put_int(arena, json, "role", test->role);
  json_put(arena, json, "step", tally_json(arena, &test->step));
  json_put(arena, json, "block", tally_json(arena, &test->block));
  if (test->ref_n > 0)
    json_put(arena, json, "ref", numbers_json(arena, reference, ARRAY_LEN(reference)));
  const struct test_evidence *evidence = &test->evidence;
  const double rate[] = {rounded(evidence->rate.n), rounded(evidence->rate.x)};
  const double pending[] = {evidence->pending_n, evidence->pending_x};
  if (evidence->rate.n > 0)
    json_put(arena, json, "rate", numbers_json(arena, rate, ARRAY_LEN(rate)));
  if (evidence->pending_n > 0)
    json_put(arena, json, "pending", numbers_json(arena, pending, ARRAY_LEN(pending)));
  if (!test->has_evidence)
    return json;
  json_put(arena, json, "against",
           wealth_json(arena, &evidence->against, sequential_experts(test)));
  json_put(arena, json, "for", number_json(arena, rounded(evidence->decades_for)));
  return json;
}

static struct json *counts_json(struct arena *arena, const struct metric_counts *counts) {
  const double values[] = {counts->failures,           counts->measurements,  counts->good,
                           counts->good_in_row,        counts->errors_in_row, counts->inconclusive,
                           (double)counts->measured_ms};
  return numbers_json(arena, values, ARRAY_LEN(values));
}

static struct json *series_json(struct arena *arena, const struct series *series) {
  struct json *json = json_new_object(arena), *points = json_need_array(arena, json, "points");
  for (size_t i = 0; i < series->count; i++) {
    const struct series_point *point = &series->points[(series->first + i) % SERIES_MAX];
    const double values[] = {(double)point->at_ms, rounded(point->canary), rounded(point->stable)};
    for (size_t k = 0; k < ARRAY_LEN(values); k++)
      json_append(points, number_json(arena, values[k]));
  }
  const double open[] = {(double)series->open.at_ms, rounded(series->open.canary),
                         rounded(series->open.stable)};
  json_put(arena, json, "open", numbers_json(arena, open, ARRAY_LEN(open)));
  json_put(arena, json, "tally", tally_json(arena, &series->tally));
  return json;
}

static struct json *metric_json(struct arena *arena, const struct metric_state *metric) {
  struct json *item = json_new_object(arena);
  json_put_string(arena, item, "name", metric->name);
  json_put(arena, item, "counts", counts_json(arena, &metric->counts));
  struct json *tests = json_need_array(arena, item, "tests");
  for (size_t t = 0; t < metric->test_count; t++)
    json_append(tests, test_json(arena, &metric->tests[t]));
  if (metric->has_gauge) {
    json_put(arena, item, "against", wealth_json(arena, &metric->gauge, BETTING_EXPERTS));
    json_put(arena, item, "for", number_json(arena, rounded(metric->gauge_for)));
  }
  if (metric->series.points || metric->series.open.at_ms)
    json_put(arena, item, "series", series_json(arena, &metric->series));
  return item;
}

struct json *assessment_json(const struct assessment *state, struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_int(arena, json, "v", ASSESSMENT_VERSION);
  json_put_int(arena, json, "began", state->began_ms);
  json_put_int(arena, json, "until", state->watermark_ms);
  json_put_int(arena, json, "newest", state->newest_ms);
  json_put_int(arena, json, "stepBegan", state->step_began_ms);
  json_put(arena, json, "step", tally_json(arena, &state->step));
  json_put(arena, json, "release", tally_json(arena, &state->release));
  if (state->unattributed > 0)
    json_put(arena, json, "noEndpoint", number_json(arena, state->unattributed));
  const double phi[] = {rounded(state->phi.squares), rounded(state->phi.expected)};
  if (state->phi.expected > 0)
    json_put(arena, json, "phi", numbers_json(arena, phi, ARRAY_LEN(phi)));
  struct json *metrics = json_need_array(arena, json, "metrics");
  for (size_t m = 0; m < state->metric_count; m++)
    json_append(metrics, metric_json(arena, &state->metrics[m]));
  return json;
}

static bool read_count(const struct json *json, double *ret_value) {
  *ret_value = json_number(json, NAN);
  return *ret_value >= 0 && *ret_value < WHOLE_MAX;
}

static bool read_time(const struct json *json, int64_t *ret_ms) {
  *ret_ms = json_int(json, -1);
  return *ret_ms >= 0;
}

static bool read_small(const struct json *json, int *ret_value) {
  int64_t value = json_int(json, -1);
  *ret_value = (int)value;
  return value >= 0 && value <= COUNT_MAX;
}

static bool read_within(const struct json *json, double low, double high, double *ret_value) {
  *ret_value = json_number(json, NAN);
  return *ret_value >= low && *ret_value <= high;
}

static bool read_pair(const struct json *json, double *ret_n, double *ret_x) {
  return json_is(json, JSON_ARRAY) && json->count == 2 && read_count(json_at(json, 0), ret_n) &&
         read_count(json_at(json, 1), ret_x) && *ret_x <= *ret_n * (1 + ROUNDING);
}

static bool read_wealth(const struct json *json, int experts, struct wealth *wealth) {
  double left = 1;
  if (!json_is(json, JSON_ARRAY) || json->count != (size_t)experts + 2 ||
      !read_within(json_at(json, 0), -DECADES_MAX, DECADES_MAX, &wealth->decades) ||
      !read_within(json_at(json, 1), 0, DECADES_MAX, &wealth->tokens))
    return false;
  for (int i = 1; i <= experts; i++) {
    if (!read_within(json_at(json, (size_t)i + 1), 0, 1, &wealth->v[i]))
      return false;
    left -= wealth->v[i];
  }
  wealth->v[0] = fmax(left, 0);
  return left >= -ROUNDING;
}

static bool read_tally(const struct json *json, struct tally *tally) {
  return json_is(json, JSON_ARRAY) && json->count == 4 &&
         read_count(json_at(json, 0), &tally->n_c) && read_count(json_at(json, 1), &tally->x_c) &&
         read_count(json_at(json, 2), &tally->n_s) && read_count(json_at(json, 3), &tally->x_s) &&
         tally->x_c <= tally->n_c && tally->x_s <= tally->n_s;
}

static bool read_evidence(const struct json *json, struct test_state *test) {
  struct test_evidence *evidence = &test->evidence;
  const struct json *rate = json_get(json, "rate"), *pending = json_get(json, "pending");
  const struct json *against = json_get(json, "against");
  if ((rate && !read_pair(rate, &evidence->rate.n, &evidence->rate.x)) ||
      (pending && !read_pair(pending, &evidence->pending_n, &evidence->pending_x)))
    return false;
  test->has_evidence = against != NULL;
  return !against ||
         (read_wealth(against, sequential_experts(test), &evidence->against) &&
          read_within(json_get(json, "for"), -DECADES_MAX, DECADES_MAX, &evidence->decades_for));
}

static bool read_test(const struct json *json, struct test_state *test) {
  const struct json *le = json_get(json, "le"), *ref = json_get(json, "ref");
  int64_t role = json_int(json_get(json, "role"), TEST_BOTH);
  if (role < TEST_BOTH || role > TEST_PASSES_ONLY || (le && !read_count(le, &test->boundary_ms)))
    return false;
  test->role = (enum test_role)role;
  test->absolute = json_is_true(json_get(json, "abs"));
  if (ref && (!read_count(json_at(ref, 0), &test->ref_n) ||
              !read_count(json_at(ref, 1), &test->ref_x) || test->ref_x > test->ref_n))
    return false;
  return read_tally(json_get(json, "step"), &test->step) &&
         read_tally(json_get(json, "block"), &test->block) && read_evidence(json, test);
}

static bool read_counts(const struct json *json, struct metric_counts *counts) {
  int *const fields[] = {&counts->failures,    &counts->measurements,  &counts->good,
                         &counts->good_in_row, &counts->errors_in_row, &counts->inconclusive};
  if (!json_is(json, JSON_ARRAY) || json->count != ARRAY_LEN(fields) + 1 ||
      !read_time(json_at(json, ARRAY_LEN(fields)), &counts->measured_ms))
    return false;
  for (size_t i = 0; i < ARRAY_LEN(fields); i++)
    if (!read_small(json_at(json, i), fields[i]))
      return false;
  return true;
}

static bool read_point(const struct json *json, struct series_point *point) {
  double at = 0;
  const struct json *canary = json ? json->next : NULL, *stable = canary ? canary->next : NULL;
  bool good = read_count(json, &at) && read_within(canary, -1e300, 1e300, &point->canary) &&
              read_within(stable, -1e300, 1e300, &point->stable);
  point->at_ms = good ? (int64_t)at : 0;
  return good;
}

static bool read_series(struct arena *arena, const struct json *json, struct series *series) {
  const struct json *points = json_get(json, "points"), *open = json_get(json, "open");
  if (!json_is(points, JSON_ARRAY) || points->count % 3 || points->count / 3 > SERIES_MAX ||
      !json_is(open, JSON_ARRAY) || open->count != 3)
    return false;
  series->points = ARENA_ARRAY(arena, struct series_point, SERIES_MAX);
  for (const struct json *at = points->child; at; at = at->next->next->next)
    if (!read_point(at, &series->points[series->count++]))
      return false;
  return read_point(open->child, &series->open) &&
         read_tally(json_get(json, "tally"), &series->tally);
}

static bool read_metric(struct arena *arena, const struct json *json, struct metric_state *metric) {
  const struct json *tests = json_get(json, "tests"), *against = json_get(json, "against");
  const struct json *series = json_get(json, "series");
  metric->name = arena_str(arena, json_get_string(json, "name"));
  metric->has_gauge = against != NULL;
  if (str_is_empty(metric->name) || !read_counts(json_get(json, "counts"), &metric->counts) ||
      !json_is(tests, JSON_ARRAY) || tests->count > METRIC_TESTS_MAX ||
      (series && !read_series(arena, series, &metric->series)))
    return false;
  if (against &&
      (!read_wealth(against, BETTING_EXPERTS, &metric->gauge) ||
       !read_within(json_get(json, "for"), -DECADES_MAX, DECADES_MAX, &metric->gauge_for)))
    return false;
  JSON_EACH(test, tests) {
    if (!read_test(test, &metric->tests[metric->test_count++]))
      return false;
  }
  return true;
}

static bool read_all(struct assessment *state, const struct json *json) {
  const struct json *metrics = json_get(json, "metrics"), *lost = json_get(json, "noEndpoint");
  const struct json *phi = json_get(json, "phi");
  if (phi && (!read_count(json_at(phi, 0), &state->phi.squares) ||
              !read_count(json_at(phi, 1), &state->phi.expected)))
    return false;
  if (!read_time(json_get(json, "began"), &state->began_ms) ||
      !read_time(json_get(json, "until"), &state->watermark_ms) ||
      !read_time(json_get(json, "newest"), &state->newest_ms) ||
      !read_time(json_get(json, "stepBegan"), &state->step_began_ms) ||
      !read_tally(json_get(json, "step"), &state->step) ||
      !read_tally(json_get(json, "release"), &state->release) ||
      (lost && !read_count(lost, &state->unattributed)) || !json_is(metrics, JSON_ARRAY) ||
      metrics->count > ASSESSMENT_METRICS_MAX)
    return false;
  JSON_EACH(metric, metrics) {
    if (!read_metric(&state->arena, metric, &state->metrics[state->metric_count++]))
      return false;
  }
  return true;
}

int assessment_from_json(struct assessment *state, const struct json *json, int64_t began_ms,
                         struct err *err) {
  assessment_init(state, began_ms);
  int64_t version = json_int(json_get(json, "v"), 0);
  if (version == ASSESSMENT_VERSION && read_all(state, json))
    return 0;
  assessment_dispose(state);
  assessment_init(state, began_ms);
  if (version != ASSESSMENT_VERSION)
    return err_set(err, RC_PARSE, "state of the analysis: expected version %d, found %lld",
                   ASSESSMENT_VERSION, (long long)version);
  return err_set(err, RC_PARSE, "state of the analysis is damaged");
}
