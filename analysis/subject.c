// SPDX-License-Identifier: Apache-2.0
#include "analysis/subject.h"

#include "manifests/text/duration.h"
#include "manifests/text/percent.h"
#include "manifests/text/quantity.h"

#include <math.h>

// Wide enough for the noise between equal pods, narrow enough to see a doubled error rate.
// docs/analysis.md.
static const struct tolerance ERRORS_TOLERANCE = {1.25, 0.05};
static const struct tolerance SLOW_TOLERANCE = {1.25, 0.25};
static const struct tolerance ERRORS_ACCEPT = {1.5, 0.5};
static const struct tolerance SLOW_ACCEPT = {1.5, 1};

bool metric_builtin(struct str name, struct metric_spec *ret_spec) {
  struct metric_spec spec = {.name = name, .relative = true};
  if (str_eq(name, STR("error-rate"))) {
    spec.kind = METRIC_ERROR_RATE;
    spec.tolerance = ERRORS_TOLERANCE;
    spec.accept = ERRORS_ACCEPT;
    *ret_spec = spec;
    return true;
  }
  struct str prefix = STR("latency-p");
  if (!str_starts(name, prefix))
    return false;
  struct str digits = str_slice(name, prefix.len, name.len);
  if (str_is_empty(digits) || digits.ptr[0] < '0' || digits.ptr[0] > '9')
    return false;
  double percent = 0;
  if (!str_to_double(digits, &percent) || percent <= 0 || percent >= 100)
    return false;
  spec.kind = METRIC_LATENCY;
  spec.quantile = percent / 100;
  spec.tolerance = SLOW_TOLERANCE;
  spec.accept = SLOW_ACCEPT;
  *ret_spec = spec;
  return true;
}

static int latency_limit(struct str text, double *ret_ms) {
  int64_t ms = 0;
  if (str_to_double(text, ret_ms))
    return *ret_ms > 0 ? 0 : RC_INVALID;
  if (!duration_parse(text, &ms) || ms <= 0)
    return RC_INVALID;
  *ret_ms = (double)ms;
  return 0;
}

int metric_limit_parse(struct metric_spec *spec, struct str text, struct err *err) {
  double value = 0;
  const char *expected = NULL;
  switch (spec->kind) {
  case METRIC_ERROR_RATE:
    if (!percent_parse(text, &value) || value > 100)
      expected = "a share from 0% to 100%, for example 1%";
    break;
  case METRIC_LATENCY:
    if (latency_limit(text, &value) != 0)
      expected = "a duration above 0, for example 500ms";
    break;
  case METRIC_CUSTOM:
    if (!str_to_double(text, &value) && !quantity_parse(text, &value))
      expected = "a number in the query's own unit, for example 40";
    break;
  }
  if (expected)
    return err_set(err, RC_INVALID, "limit of metric %.*s: expected %s, found \"%.*s\"",
                   STR_ARG(spec->name), expected, STR_ARG(text));
  spec->has_limit = true;
  spec->limit = value;
  return 0;
}

struct str metric_limit_text(const struct metric_spec *spec, struct arena *arena) {
  if (!spec->has_limit)
    return STR("");
  switch (spec->kind) {
  case METRIC_ERROR_RATE: return arena_printf(arena, "%.10g%%", spec->limit);
  case METRIC_LATENCY:
    if (spec->limit >= 1000 && fmod(spec->limit, 100) == 0)
      return arena_printf(arena, "%.10gs", spec->limit / 1000);
    return arena_printf(arena, "%.10gms", spec->limit);
  case METRIC_CUSTOM: break;
  }
  return arena_printf(arena, "%.10g", spec->limit);
}
