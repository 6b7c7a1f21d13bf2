// SPDX-License-Identifier: Apache-2.0
#include "analysis/assessment_json.h"

#include "manifests/base/bug.h"

#include <math.h>

#define WHOLE_MAX 9007199254740992.0 // 2^53

static struct json *number_json(struct arena *arena, double value) {
  if (value == floor(value) && fabs(value) < WHOLE_MAX)
    return json_new_int(arena, (int64_t)value);
  return json_new_double(arena, value);
}

static struct json *numbers_json(struct arena *arena, const double *values, size_t count) {
  struct json *list = json_new_array(arena);
  for (size_t i = 0; i < count; i++)
    json_append(list, number_json(arena, values[i]));
  return list;
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
  return json;
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
  struct json *metrics = json_need_array(arena, json, "metrics");
  for (size_t m = 0; m < state->metric_count; m++) {
    const struct metric_state *metric = &state->metrics[m];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name", metric->name);
    json_put_int(arena, item, "failures", metric->failures);
    json_put_int(arena, item, "measured", metric->measurements);
    struct json *tests = json_need_array(arena, item, "tests");
    for (size_t t = 0; t < metric->test_count; t++)
      json_append(tests, test_json(arena, &metric->tests[t]));
    json_append(metrics, item);
  }
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
  return value >= 0 && value <= 1000000;
}

static bool read_tally(const struct json *json, struct tally *tally) {
  return json_is(json, JSON_ARRAY) && json->count == 4 &&
         read_count(json_at(json, 0), &tally->n_c) && read_count(json_at(json, 1), &tally->x_c) &&
         read_count(json_at(json, 2), &tally->n_s) && read_count(json_at(json, 3), &tally->x_s) &&
         tally->x_c <= tally->n_c && tally->x_s <= tally->n_s;
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
         read_tally(json_get(json, "block"), &test->block);
}

static bool read_metric(struct arena *arena, const struct json *json, struct metric_state *metric) {
  const struct json *tests = json_get(json, "tests");
  metric->name = arena_str(arena, json_get_string(json, "name"));
  if (str_is_empty(metric->name) || !read_small(json_get(json, "failures"), &metric->failures) ||
      !read_small(json_get(json, "measured"), &metric->measurements) ||
      !json_is(tests, JSON_ARRAY) || tests->count > METRIC_TESTS_MAX)
    return false;
  JSON_EACH(test, tests) {
    if (!read_test(test, &metric->tests[metric->test_count++]))
      return false;
  }
  return true;
}

static bool read_all(struct assessment *state, const struct json *json) {
  const struct json *metrics = json_get(json, "metrics"), *lost = json_get(json, "noEndpoint");
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
