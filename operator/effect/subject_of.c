// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/subject_of.h"
#include "analysis/condition.h"
#include "operator/effect/metric_sets.h"
#include "operator/traffic/router.h"
#include "operator/traffic/virtual_service.h"

#include <math.h>

#define WARMUP_MAX_MS 60000

bool subject_is_judged(const struct rollout_status *status) {
  return status->release && status->release->traffic_at && status->stable && status->canary &&
         !rollout_phase_is_final(status->phase) && status->phase != ROLLOUT_ROLLING_BACK &&
         status->phase != ROLLOUT_DECOMMISSIONING;
}

const char *subject_judge_name(const struct rollout *rollout) {
  switch (rollout->spec.analysis.judge.type) {
  case ROLLOUT_JUDGE_THRESHOLD: return "threshold";
  case ROLLOUT_JUDGE_CONDITION: return "condition";
  case ROLLOUT_JUDGE_BURN_RATE: return "burnRate";
  case ROLLOUT_JUDGE_RANK: return "rank";
  case ROLLOUT_JUDGE_SEQUENTIAL: break;
  }
  return "sequential"; // also where none is named
}

static const struct rollout_monitor_step *monitor_of(const struct rollout *rollout) {
  const struct rollout_spec *spec = &rollout->spec;
  for (int64_t i = rollout->status.step.index; i >= 0 && i < (int64_t)spec->steps_count; i++)
    if (spec->steps[i].monitor)
      return spec->steps[i].monitor;
  return NULL;
}

// A version that just got (more) traffic fills its caches: its latency does not count at once. A
// minute, but no more than a quarter of the monitoring that is under way or comes next.
static int64_t latency_warmup_ms(const struct rollout *rollout) {
  const struct rollout_monitor_step *monitor = monitor_of(rollout);
  if (rollout->spec.analysis.judge.has_warmup_ms)
    return rollout->spec.analysis.judge.warmup_ms;
  int64_t quarter_ms = monitor ? monitor->duration_ms / 4 : 0;
  return quarter_ms < WARMUP_MAX_MS ? quarter_ms : WARMUP_MAX_MS;
}

const char *subject_preset_name(const struct rollout *rollout) {
  switch (rollout->spec.analysis.judge.preset) {
  case ROLLOUT_PRESET_STRICT: return "strict";
  case ROLLOUT_PRESET_TOLERANT: return "tolerant";
  case ROLLOUT_PRESET_DEFAULT: break;
  }
  return "default"; // also where none is named
}

// `min` of the step is the planner's (plan_steps.c), by the clock; the judge's own gate would be
// late by the age of its samples.
static void set_sequential(const struct rollout *rollout, struct judge_settings *settings) {
  const struct rollout_judge *judge = &rollout->spec.analysis.judge;
  const struct judge_preset *preset = judge_preset_find(str_of(subject_preset_name(rollout)), NULL);
  settings->alpha = judge->alpha > 0 ? judge->alpha : preset->alpha;
  settings->beta = judge->beta > 0 ? judge->beta : preset->beta;
  settings->min_detect_ms = judge->min_detect_ms > 0 ? judge->min_detect_ms : preset->min_detect_ms;
  settings->limit_alone = !judge->only_if_worse;
}

static void set_others(const struct rollout_judge *judge, struct judge_settings *settings) {
  settings->failure_limit = (int)judge->failure_limit;
  settings->min_requests = (double)judge->min_requests;
  settings->counts_all = judge->cumulative;
  settings->measure_window_ms = judge->measure_window_ms;
  if (judge->condition) {
    settings->count = (int)judge->condition->count;
    settings->initial_delay_ms = judge->condition->initial_delay_ms;
    settings->inconclusive_limit = (int)judge->condition->inconclusive_limit;
    settings->consecutive_error_limit = (int)judge->condition->consecutive_error_limit;
    settings->consecutive_success_limit = (int)judge->condition->consecutive_success_limit;
  }
  if (judge->burn_rate) {
    settings->long_ms = judge->burn_rate->long_ms;
    settings->short_ms = judge->burn_rate->short_ms;
    settings->burn_factor = judge->burn_rate->factor;
  }
  if (judge->rank) {
    settings->rank_step_ms = judge->rank->step_ms;
    settings->rank_tolerance = judge->rank->tolerance;
    settings->rank_confidence = judge->rank->confidence;
    settings->rank_increase = judge->rank->increase;
    settings->rank_pass = judge->rank->pass;
    settings->rank_margin = judge->rank->marginal;
  }
}

struct judge_settings subject_judge_settings(const struct rollout *rollout, int64_t scrape_ms) {
  int64_t interval_ms = rollout->spec.analysis.interval_ms;
  struct judge_settings settings = {.warmup_ms = latency_warmup_ms(rollout),
                                    .scrape_ms = scrape_ms > interval_ms ? scrape_ms : interval_ms};
  (void)str_to_double(rollout->status.weight.canary, &settings.weight);
  set_sequential(rollout, &settings);
  set_others(&rollout->spec.analysis.judge, &settings);
  return settings;
}

static const struct json *subset_labels(const struct json *rule, struct str name) {
  JSON_EACH(subset, json_path(rule, "spec.subsets"))
    if (str_eq(json_get_string(subset, "name"), name))
      return json_get(subset, "labels");
  return NULL;
}

// The label `version` tells the two apart where both subsets have one and they differ; else the
// workloads' names do.
static int tell_apart(const struct rollout *rollout, const struct json *rule,
                      struct subject *subject, struct err *err) {
  const struct rollout_identity *stable = rollout->status.stable, *canary = rollout->status.canary;
  struct str v_stable = json_get_string(subset_labels(rule, stable->subset), "version");
  struct str v_canary = json_get_string(subset_labels(rule, canary->subset), "version");
  subject->stable_workload = stable->deployment;
  subject->canary_workload = canary->deployment;
  if (v_stable.len && v_canary.len && !str_eq(v_stable, v_canary)) {
    subject->label = STR("destination_version");
    subject->stable = v_stable;
    subject->canary = v_canary;
    return RC_OK;
  }
  subject->label = STR("destination_workload");
  subject->stable = stable->deployment;
  subject->canary = canary->deployment;
  if (str_eq(subject->stable, subject->canary))
    return err_set(
        err, RC_INVALID,
        "stable and canary are the same Deployment %.*s and their subsets have no different "
        "label version: their metrics cannot be told apart",
        STR_ARG(subject->stable));
  return RC_OK;
}

static int metric_of(const struct rollout_metric *metric, const struct judge_preset *preset,
                     struct arena *arena, struct metric_spec *spec, struct err *err) {
  struct str limit = rollout_metric_limit(metric, arena);
  if (metric->query.len || !metric_builtin(metric->name, spec)) {
    *spec =
        (struct metric_spec){.name = metric->name, .kind = METRIC_CUSTOM, .query = metric->query};
    if (!metric->query.len)
      return err_set(err, RC_INVALID, "metric %.*s is not built in and has no query",
                     STR_ARG(metric->name));
  }
  judge_preset_apply(preset, spec);
  if (metric->tolerance)
    spec->tolerance = (struct tolerance){metric->tolerance->ratio, metric->tolerance->points};
  if (metric->accept) {
    spec->accept = (struct tolerance){metric->accept->ratio, metric->accept->points};
  } else { // the preset's, but what is tolerated must not be too bad for a pass
    spec->accept.ratio = fmax(spec->accept.ratio, spec->tolerance.ratio);
    spec->accept.percent = fmax(spec->accept.percent, spec->tolerance.percent);
  }
  spec->weight = metric->weight;
  spec->critical = metric->critical;
  spec->success_condition = metric->success_condition;
  spec->failure_condition = metric->failure_condition;
  spec->stable_query = metric->stable_query;
  bool has_condition = spec->success_condition.len || spec->failure_condition.len;
  int rc = has_condition ? condition_check(spec, err) : RC_OK;
  return rc == RC_OK && limit.len ? metric_limit_parse(spec, limit, err) : rc;
}

// Requests of a gateway have the Service that was picked as their destination: each version's own.
static struct str service_of(const struct rollout *rollout, const struct json *rule, bool stable) {
  if (!router_names_services(&rollout->spec.traffic))
    return json_path_string(rule, "spec.host");
  return stable ? rollout->status.stable->subset : rollout->status.canary->subset;
}

static struct str canary_service(const struct rollout *rollout, struct arena *arena) {
  if (!router_names_services(&rollout->spec.traffic))
    return STR_NULL;
  return vs_full_host(service_of(rollout, NULL, false), rollout->metadata.namespace_, arena);
}

int subject_of(const struct rollout *rollout, const struct json *rule,
               const struct metric_sets *sets, struct arena *arena, struct subject *ret_subject,
               struct err *err) {
  double weight = 0;
  struct rollout_metric *given = NULL;
  size_t count = 0;
  int rc = metric_sets_expand(rollout, sets, arena, &given, &count, err);
  if (rc != RC_OK)
    return rc;
  (void)str_to_double(rollout->status.weight.canary, &weight);
  struct metric_spec *metrics = ARENA_ARRAY(arena, struct metric_spec, count + 1);
  struct subject subject = {
      .ns = rollout->metadata.namespace_,
      .name = rollout->metadata.name,
      .service = vs_full_host(service_of(rollout, rule, true), rollout->metadata.namespace_, arena),
      .canary_service = canary_service(rollout, arena),
      .metrics = metrics,
      .metric_count = count,
      .weight = weight,
      .interval_ms = rollout->spec.analysis.interval_ms};
  const struct judge_preset *preset = judge_preset_find(str_of(subject_preset_name(rollout)), NULL);
  rc = tell_apart(rollout, rule, &subject, err);
  for (size_t i = 0; i < count && rc == RC_OK; i++)
    rc = metric_of(&given[i], preset, arena, &metrics[i], err);
  if (rc == RC_OK)
    *ret_subject = subject;
  return rc;
}
