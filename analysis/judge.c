// SPDX-License-Identifier: Apache-2.0
#include "analysis/judge.h"

#include "analysis/burn_rate.h"
#include "analysis/condition.h"
#include "analysis/rank.h"
#include "analysis/sequential.h"
#include "analysis/threshold.h"
#include "manifests/base/bug.h"

#define DEFAULT_MIN_REQUESTS 50.0

static const struct judge *const JUDGES[] = {
    &judge_sequential, &judge_threshold, &judge_condition, &judge_burn_rate, &judge_rank,
};

static const struct judge_preset PRESETS[] = {
    {.name = "default",
     .alpha = .01,
     .beta = .05,
     .min_detect_ms = 30000,
     .errors = {1.25, .05},
     .errors_accept = {1.5, .5},
     .slow = {1.25, .25},
     .slow_accept = {1.5, 1}},
    // Finds a doubling of 0.1 %; for pods that are alike.
    {.name = "strict",
     .alpha = .01,
     .beta = .05,
     .min_detect_ms = 30000,
     .errors = {1.1, .01},
     .errors_accept = {1.25, .25},
     .slow = {1.1, .1},
     .slow_accept = {1.25, .5},
     .hold = true},
    // For pods that differ and fail in bursts.
    {.name = "tolerant",
     .alpha = .01,
     .beta = .05,
     .min_detect_ms = 60000,
     .errors = {1.5, .25},
     .errors_accept = {2, 1},
     .slow = {1.5, 1},
     .slow_accept = {2, 2}},
};

double judge_min_requests(const struct judge_settings *settings) {
  return settings->min_requests > 0 ? settings->min_requests : DEFAULT_MIN_REQUESTS;
}

// "a, b or c", for messages.
static void list_names(char *text, size_t size, const char *(*name)(size_t), size_t count) {
  struct buf buf;
  buf_init(&buf, size - 1);
  for (size_t i = 0; i < count; i++)
    buf_addf(&buf, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", name(i));
  struct str all = buf_str(&buf);
  for (size_t i = 0; i < all.len; i++)
    text[i] = all.ptr[i];
  text[all.len] = 0;
  buf_dispose(&buf);
}

static const char *judge_name(size_t i) {
  return JUDGES[i]->name;
}
static const char *preset_name(size_t i) {
  return PRESETS[i].name;
}

const struct judge *judge_find(struct str name, struct err *err) {
  char names[200];
  if (str_is_empty(name))
    return JUDGES[0];
  for (size_t i = 0; i < ARRAY_LEN(JUDGES); i++)
    if (str_eq_z(name, JUDGES[i]->name))
      return JUDGES[i];
  list_names(names, sizeof names, judge_name, ARRAY_LEN(JUDGES));
  (void)err_set(err, RC_INVALID, "unknown judge \"%.*s\": expected %s", STR_ARG(name), names);
  return NULL;
}

const struct judge_preset *judge_preset_find(struct str name, struct err *err) {
  char names[200];
  if (str_is_empty(name))
    return &PRESETS[0];
  for (size_t i = 0; i < ARRAY_LEN(PRESETS); i++)
    if (str_eq_z(name, PRESETS[i].name))
      return &PRESETS[i];
  list_names(names, sizeof names, preset_name, ARRAY_LEN(PRESETS));
  (void)err_set(err, RC_INVALID, "unknown preset \"%.*s\": expected %s", STR_ARG(name), names);
  return NULL;
}

void judge_preset_apply(const struct judge_preset *preset, struct metric_spec *spec) {
  if (spec->kind == METRIC_CUSTOM)
    return;
  bool errors = spec->kind == METRIC_ERROR_RATE;
  spec->tolerance = errors ? preset->errors : preset->slow;
  spec->accept = errors ? preset->errors_accept : preset->slow_accept;
}
