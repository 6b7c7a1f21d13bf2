// SPDX-License-Identifier: Apache-2.0
// What the judge says, brought into status, and what the user's policies make of it.
#include "operator/reconcile/pass.h"

#include <math.h>

static enum rollout_verdict verdict_of(enum outcome outcome) {
  return outcome == OUTCOME_PASS   ? ROLLOUT_PASS
         : outcome == OUTCOME_FAIL ? ROLLOUT_FAIL
                                   : ROLLOUT_INSUFFICIENT;
}

static struct str number(struct pass *pass, bool has, double value, const char *unit) {
  return has ? pass_text(pass, "%.4g%s", value, unit) : STR_NULL;
}

static void take_metrics(struct pass *pass, const struct verdict *verdict) {
  struct rollout_metric_status *items =
      ARENA_ARRAY(pass->arena, struct rollout_metric_status, verdict->metric_count + 1);
  for (size_t i = 0; i < verdict->metric_count; i++) {
    const struct metric_verdict *metric = &verdict->metrics[i];
    struct metric_spec built_in;
    const char *unit = metric_builtin(metric->name, &built_in) ? "%" : "";
    items[i] = (struct rollout_metric_status){
        .name = metric->name,
        .canary = number(pass, metric->has_canary, metric->canary, unit),
        .stable = number(pass, metric->has_stable, metric->stable, unit),
        .limit = metric->limit,
        .requests = llround(metric->requests),
        .bad = llround(metric->bad),
        .verdict = verdict_of(metric->outcome),
        .reason = metric->reason};
  }
  pass->status->metrics = items;
  pass->status->metrics_count = verdict->metric_count;
}

static bool is_away(const struct verdict *verdict) {
  return verdict->cause == CAUSE_QUERY_ERROR || verdict->cause == CAUSE_STALE;
}

static void log_away(struct pass *pass, bool away) {
  struct rollout_judge_status *judge = &pass->status->judge;
  if (away == (judge->error_since > 0))
    return;
  judge->error_since = away ? pass->now : 0;
  pass_decide(pass, (struct rollout_decision){
                        .warning = away,
                        .reason = away ? STR("PrometheusAway") : STR("PrometheusBack"),
                        .measured = judge->message,
                        .next = away ? STR("nothing is promoted until it answers")
                                     : STR("the release goes on")});
}

void judge_take(struct pass *pass) {
  const struct judgement *judgement = &pass->snap->judgement;
  struct rollout_judge_status *judge = &pass->status->judge;
  if (!judgement->verdict || judgement->at_ms <= judge->at || !pass_in_release(pass))
    return;
  judge->at = judgement->at_ms;
  judge->verdict = str_of(outcome_name(judgement->verdict->outcome));
  judge->message = judgement->verdict->reason;
  judge->state = judgement->state;
  pass->status->weight.observed =
      judgement->has_observed ? pass_text(pass, "%.1f", judgement->observed) : STR_NULL;
  take_metrics(pass, judgement->verdict);
  log_away(pass, is_away(judgement->verdict));
}

static struct verdict_policy policy_of(const struct rollout_analysis *analysis) {
  static const enum on_failure failure[] = {ON_FAILURE_ROLLBACK, ON_FAILURE_ROLLBACK,
                                            ON_FAILURE_HOLD};
  static const enum on_no_data no_data[] = {ON_NO_DATA_HOLD, ON_NO_DATA_HOLD, ON_NO_DATA_PROMOTE,
                                            ON_NO_DATA_ROLLBACK};
  static const enum on_inconclusive inconclusive[] = {
      ON_INCONCLUSIVE_PROMOTE_IF_CLEAN, ON_INCONCLUSIVE_PROMOTE_IF_CLEAN, ON_INCONCLUSIVE_HOLD,
      ON_INCONCLUSIVE_ROLLBACK};
  return (struct verdict_policy){.on_failure = failure[analysis->on_failure],
                                 .on_no_data = no_data[analysis->on_no_data],
                                 .on_inconclusive = inconclusive[analysis->on_inconclusive]};
}

// A judgement older than this says nothing about now: Prometheus, or the way to it, is away.
static int64_t patience(const struct pass *pass) {
  int64_t ms = 4 * pass->spec->analysis.interval_ms;
  return ms > 30000 ? ms : 30000;
}

static bool is_current(const struct pass *pass) {
  const struct judgement *judgement = &pass->snap->judgement;
  return judgement->verdict && judgement->at_ms + patience(pass) >= pass->now;
}

enum decision judge_decide(const struct pass *pass, bool time_is_up) {
  struct verdict_policy policy = policy_of(&pass->spec->analysis);
  if (!is_current(pass))
    return time_is_up ? DECISION_HOLD : DECISION_CONTINUE;
  // What was counted before this weight was in force says nothing of it, but that it is bad.
  enum decision now = verdict_decide(pass->snap->judgement.verdict, &policy, false);
  if (now == DECISION_ROLLBACK || pass->snap->judgement.at_ms > pass->status->step.started_at)
    return time_is_up ? verdict_decide(pass->snap->judgement.verdict, &policy, true) : now;
  return time_is_up ? DECISION_HOLD : DECISION_CONTINUE;
}

static void log_hold(struct pass *pass) {
  if (str_eq_z(pass->snap->rollout->status.reason, "AnalysisFailed"))
    return;
  pass_decide(pass,
              (struct rollout_decision){
                  .warning = true,
                  .reason = STR("AnalysisFailed"),
                  .measured = pass->status->judge.message,
                  .verdict = STR("fail"),
                  .next = STR("hold at this weight, as onFailure says, until a person decides")});
}

bool judge_stops(struct pass *pass) {
  const struct verdict *verdict = pass->snap->judgement.verdict;
  bool has_traffic = pass->status->release->traffic_at > 0 &&
                     pass->snap->judgement.at_ms > pass->status->release->traffic_at;
  bool is_bad = verdict && has_traffic && verdict->outcome == OUTCOME_FAIL;
  bool is_accepted =
      pass->spec->analysis.on_failure == ROLLOUT_FAILURE_HOLD && pass->status->release->accepted;
  if (!is_bad || is_accepted || str_eq_z(pass->status->step.name, "decommission"))
    return false;
  if (pass->spec->analysis.on_failure == ROLLOUT_FAILURE_HOLD) {
    log_hold(pass);
    pass_wait(pass, ROLLOUT_HOLDING, "AnalysisFailed", 0,
              pass_text(pass, "a person: promote or abort"));
    return true;
  }
  rollback_begin(pass, "RolledBack", "AnalysisFailed", verdict->reason, STR_NULL);
  return true;
}
