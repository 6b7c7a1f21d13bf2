// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_request.h"
#include "manifests/base/bug.h"
#include "manifests/text/duration.h"
#include "manifests/text/percent.h"

#define DEFAULT_INTERVAL_MS 5000
#define INTERVAL_MIN_MS 500
#define DEFAULT_WARMUP_MS 60000
#define NEAR_ENOUGH 3u

static const char *const NAMES[] = {
#define XX(name, doc) #name,
    JUDGE_PARAM_MAP(XX)
#undef XX
};

static int unknown(struct str name, struct err *err) {
  const char *nearest = NULL;
  size_t best = NEAR_ENOUGH + 1;
  for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
    size_t distance = str_distance(name, str_of(NAMES[i]), NEAR_ENOUGH + 1);
    if (distance < best) {
      best = distance;
      nearest = NAMES[i];
    }
  }
  return nearest ? err_set(err, RC_INVALID, "there is no parameter %.*s: did you mean %s?",
                           STR_ARG(name), nearest)
                 : err_set(err, RC_INVALID, "there is no parameter %.*s", STR_ARG(name));
}

struct reading {
  const struct judge_param *params;
  size_t count;
  struct arena *arena;
  struct err *err;
  int rc; // of the first fault
};

static struct str text(struct reading *reading, const char *name) {
  for (size_t i = 0; i < reading->count; i++)
    if (str_eq_z(reading->params[i].name, name))
      return arena_str(reading->arena, str_trim(reading->params[i].value));
  return STR("");
}

static struct str needed(struct reading *reading, const char *name) {
  struct str value = text(reading, name);
  if (!value.len && !reading->rc)
    reading->rc = err_set(reading->err, RC_INVALID, "%s is missing", name);
  return value;
}

static int64_t duration(struct reading *reading, const char *name, int64_t fallback_ms) {
  struct str value = text(reading, name);
  int64_t ms = fallback_ms;
  if (value.len && (!duration_parse(value, &ms) || ms < 0) && !reading->rc)
    reading->rc = err_set(reading->err, RC_INVALID,
                          "%s: expected a duration such as 30s, found "
                          "\"%.*s\"",
                          name, STR_ARG(value));
  return ms;
}

static double number(struct reading *reading, const char *name, double high, double fallback) {
  struct str value = text(reading, name);
  double result = fallback;
  if (value.len && !(str_to_double(value, &result) && result > 0 && result <= high) && !reading->rc)
    reading->rc = err_set(reading->err, RC_INVALID,
                          "%s: expected a number above 0 and up to %g, "
                          "found \"%.*s\"",
                          name, high, STR_ARG(value));
  return result;
}

static void read_metrics(struct reading *reading, const struct judge_preset *preset,
                         struct subject *subject) {
  struct metric_spec *metrics = ARENA_ARRAY(reading->arena, struct metric_spec, JUDGE_METRICS_MAX);
  struct str list = text(reading, "metrics"), part;
  if (!list.len)
    list = STR("error-rate,latency-p99");
  while (str_next(&list, ',', &part) && !reading->rc) {
    part = str_trim(part);
    ptrdiff_t equals = str_find_char(part, '=');
    struct str name = equals < 0 ? part : str_slice(part, 0, (size_t)equals);
    if (subject->metric_count == JUDGE_METRICS_MAX ||
        !metric_builtin(name, &metrics[subject->metric_count])) {
      reading->rc = err_set(reading->err, RC_INVALID,
                            "metrics: expected error-rate and latency-pNN, each perhaps with "
                            "=LIMIT, found \"%.*s\"",
                            STR_ARG(part));
      return;
    }
    struct metric_spec *metric = &metrics[subject->metric_count++];
    judge_preset_apply(preset, metric);
    if (equals >= 0)
      reading->rc =
          metric_limit_parse(metric, str_slice(part, (size_t)equals + 1, part.len), reading->err);
  }
  subject->metrics = metrics;
}

static void read_subject(struct reading *reading, const struct judge_preset *preset,
                         struct subject *subject) {
  *subject = (struct subject){.service = needed(reading, "service"),
                              .canary_service = text(reading, "canaryService"),
                              .canary = needed(reading, "canary"),
                              .stable = needed(reading, "stable"),
                              .label = text(reading, "label"),
                              .reporter = text(reading, "reporter"),
                              .weight = number(reading, "weight", 100, 0),
                              .interval_ms = duration(reading, "interval", DEFAULT_INTERVAL_MS)};
  if (!reading->rc && str_eq(subject->canary, subject->stable))
    reading->rc = err_set(reading->err, RC_INVALID, "canary and stable are both \"%.*s\"",
                          STR_ARG(subject->canary));
  for (size_t i = 0; i < subject->label.len; i++) { // it stands in the query as it is
    char c = subject->label.ptr[i];
    bool fine =
        c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9');
    if (!fine && !reading->rc)
      reading->rc = err_set(reading->err, RC_INVALID, "label: \"%.*s\" is no label name",
                            STR_ARG(subject->label));
  }
  if (subject->interval_ms < INTERVAL_MIN_MS)
    subject->interval_ms = INTERVAL_MIN_MS;
  read_metrics(reading, preset, subject);
}

int judge_request_of(const struct judge_param *params, size_t count, struct arena *arena,
                     struct judge_request *ret_request, struct err *err) {
  struct reading reading = {params, count, arena, err, RC_OK};
  struct judge_request request = {0};
  for (size_t i = 0; i < count; i++) {
    size_t known = 0;
    while (known < ARRAY_LEN(NAMES) && !str_eq_z(params[i].name, NAMES[known]))
      known++;
    if (known == ARRAY_LEN(NAMES))
      return unknown(params[i].name, err);
  }
  const struct judge_preset *preset = judge_preset_find(text(&reading, "preset"), err);
  request.judge = judge_find(text(&reading, "judge"), err);
  if (!preset || !request.judge)
    return RC_INVALID;
  read_subject(&reading, preset, &request.subject);
  request.settings = (struct judge_settings){
      .alpha = number(&reading, "alpha", .5, preset->alpha),
      .beta = number(&reading, "beta", .5, preset->beta),
      .min_detect_ms = duration(&reading, "minDetect", preset->min_detect_ms),
      .min_step_ms = duration(&reading, "min", 60000),
      .warmup_ms = duration(&reading, "warmup", DEFAULT_WARMUP_MS),
      .scrape_ms = request.subject.interval_ms,
      .failure_limit = -1,
      .weight = request.subject.weight};
  if (reading.rc == RC_OK)
    *ret_request = request;
  return reading.rc;
}
