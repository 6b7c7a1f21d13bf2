// SPDX-License-Identifier: Apache-2.0
#include "analysis/condition.h"

#include "manifests/text/expression.h"
#include "analysis/gauge.h"
#include "analysis/share.h"

#define DEFAULT_FAILURE_LIMIT 3
#define CLEAN_REQUESTS 100.0

enum measured { MEASURED_NONE, MEASURED_GOOD, MEASURED_FAILED, MEASURED_UNCLEAR, MEASURED_ERROR };

static int failure_limit(const struct judge_settings *settings) {
  return settings->failure_limit >= 0 ? settings->failure_limit : DEFAULT_FAILURE_LIMIT;
}

int condition_check(const struct metric_spec *spec, struct err *err) {
  struct expression expression;
  int rc = RC_OK;
  if (spec->success_condition.len &&
      (rc = expression_parse(spec->success_condition, &expression, err)) != RC_OK)
    return err_wrap(err, rc, "success condition of metric %.*s", STR_ARG(spec->name));
  if (spec->failure_condition.len &&
      (rc = expression_parse(spec->failure_condition, &expression, err)) != RC_OK)
    return err_wrap(err, rc, "failure condition of metric %.*s", STR_ARG(spec->name));
  if (!spec->success_condition.len && !spec->failure_condition.len && !spec->has_limit)
    return err_set(
        err, RC_INVALID,
        "metric %.*s: judge \"condition\" needs a success condition, a failure condition "
        "or a limit",
        STR_ARG(spec->name));
  return RC_OK;
}

static enum expression_result holds(struct str text, const double *values, size_t count) {
  struct expression expression;
  if (expression_parse(text, &expression, NULL) != RC_OK)
    return EXPRESSION_ERROR;
  return expression_evaluate(&expression, values, count);
}

static double limit_of(const struct metric_spec *spec) {
  return spec->kind == METRIC_LATENCY ? 100 * (1 - spec->quantile) : spec->limit;
}

static enum measured measure_values(const struct metric_spec *spec, const double *values,
                                    size_t count) {
  bool has_success = spec->success_condition.len, has_failure = spec->failure_condition.len;
  enum expression_result good = EXPRESSION_FALSE, bad = EXPRESSION_FALSE;
  if (!has_success && !has_failure) {
    if (!count || !spec->has_limit)
      return MEASURED_ERROR;
    return values[0] > limit_of(spec) ? MEASURED_FAILED : MEASURED_GOOD;
  }
  if (has_failure)
    bad = holds(spec->failure_condition, values, count);
  if (has_success)
    good = holds(spec->success_condition, values, count);
  if (bad == EXPRESSION_ERROR || good == EXPRESSION_ERROR)
    return MEASURED_ERROR;
  if (bad == EXPRESSION_TRUE)
    return MEASURED_FAILED;
  if (!has_success || good == EXPRESSION_TRUE)
    return MEASURED_GOOD;
  return has_failure ? MEASURED_UNCLEAR : MEASURED_FAILED;
}

static bool is_done(const struct metric_counts *counts, const struct judge_settings *settings) {
  return (settings->count > 0 && counts->measurements >= settings->count) ||
         (settings->consecutive_success_limit > 0 &&
          counts->good_in_row >= settings->consecutive_success_limit);
}

static enum measured measure(const struct judge_scene *scene, size_t metric) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  if (spec->kind == METRIC_CUSTOM) {
    if (state->reading.kind == READING_ERROR)
      return MEASURED_ERROR;
    return measure_values(spec, state->values, state->value_count);
  }
  struct test_state *test = share_test(state);
  if (!test || test->block.n_c < judge_min_requests(scene->settings))
    return MEASURED_NONE;
  double values[] = {share_percent(test->block.x_c, test->block.n_c),
                     share_percent(test->block.x_s, test->block.n_s)};
  enum measured measured = measure_values(spec, values, test->block.n_s > 0 ? 2 : 1);
  for (size_t i = 0; i < state->test_count; i++)
    state->tests[i].block = (struct tally){0};
  return measured;
}

static void condition_measure(const struct judge_scene *scene, size_t metric) {
  struct metric_counts *counts = &scene->metrics[metric].counts;
  const struct judge_settings *settings = scene->settings;
  if (!scene->in_step || scene->to_ms < scene->step_began_ms + settings->initial_delay_ms ||
      is_done(counts, settings))
    return;
  enum measured measured = measure(scene, metric);
  if (measured == MEASURED_NONE)
    return;
  counts->errors_in_row = measured == MEASURED_ERROR ? counts->errors_in_row + 1 : 0;
  if (measured == MEASURED_ERROR)
    return;
  counts->measurements++;
  counts->failures += measured == MEASURED_FAILED;
  counts->inconclusive += measured == MEASURED_UNCLEAR;
  counts->good += measured == MEASURED_GOOD;
  counts->good_in_row = measured == MEASURED_GOOD ? counts->good_in_row + 1 : 0;
}

static struct str words(const struct metric_counts *counts, const struct judge_settings *settings,
                        struct arena *arena) {
  return arena_printf(arena,
                      "%d of %d measurements failed, %d tolerated; %d good in a row, %d "
                      "inconclusive, %d errors in a row",
                      counts->failures, counts->measurements, failure_limit(settings),
                      counts->good_in_row, counts->inconclusive, counts->errors_in_row);
}

static void condition_decide(const struct judge_scene *scene, size_t metric, struct arena *arena,
                             struct metric_verdict *verdict) {
  struct metric_state *state = &scene->metrics[metric];
  const struct metric_spec *spec = &scene->specs[metric];
  const struct judge_settings *settings = scene->settings;
  const struct metric_counts *counts = &state->counts;
  const struct test_state *test = share_test(state);
  int errors = settings->consecutive_error_limit;
  if (spec->kind == METRIC_CUSTOM)
    gauge_numbers(state, spec, arena, verdict);
  else if (test)
    share_numbers(test, spec, arena, verdict);
  verdict->reason = words(counts, settings, arena);
  verdict->clean = !counts->failures && !counts->inconclusive && counts->good > 0 &&
                   (spec->kind == METRIC_CUSTOM || verdict->requests >= CLEAN_REQUESTS);
  if (counts->failures > failure_limit(settings) ||
      (errors > 0 && counts->errors_in_row > errors)) {
    verdict->outcome = OUTCOME_FAIL;
  } else if (counts->inconclusive > settings->inconclusive_limit) {
    verdict->cause = CAUSE_UNDECIDED; // also when `count` is reached, as in Argo
  } else if (is_done(counts, settings)) {
    verdict->outcome = OUTCOME_PASS;
  } else if (counts->errors_in_row > 0) {
    if (!gauge_trouble(state, arena, verdict))
      verdict->cause = CAUSE_NO_DATA;
  } else if (counts->measurements > 0 && !settings->count && !settings->consecutive_success_limit) {
    verdict->outcome = OUTCOME_PASS;
  }
}

static void condition_conclude(const struct judge_scene *scene, struct arena *arena,
                               struct verdict *verdict) {
  (void)arena;
  verdict->may_end_early =
      scene->settings->count > 0 || scene->settings->consecutive_success_limit > 0;
}

const struct judge judge_condition = {
    .name = "condition",
    .ends_early = true,
    .measure = condition_measure,
    .decide = condition_decide,
    .conclude = condition_conclude,
};
