// SPDX-License-Identifier: Apache-2.0
// What the judge says, brought into status, and what the user's policies make of it.
#include "manifests/text/duration.h"
#include "operator/reconcile/pass.h"

#include <math.h>

#define SHARE_ALARM_DECADES 3

static enum rollout_verdict verdict_of(enum outcome outcome) {
  return outcome == OUTCOME_PASS   ? ROLLOUT_PASS
         : outcome == OUTCOME_FAIL ? ROLLOUT_FAIL
                                   : ROLLOUT_INSUFFICIENT;
}

static struct str number(struct pass *pass, bool has, double value, const char *unit) {
  return has ? pass_text(pass, "%.4g%s", value, unit) : STR_NULL;
}

static struct str interval(struct pass *pass, bool has, double low, double high) {
  return has ? pass_text(pass, "%.3g%%..%.3g%%", low, high) : STR_NULL;
}

static struct str decades(struct pass *pass, bool has, double value) {
  bool nothing = value > -0.005 && value < 0.005; // no "-0.00"
  return has ? pass_text(pass, "%.2f", nothing ? 0 : value) : STR_NULL;
}

static void take_metrics(struct pass *pass, const struct verdict *verdict) {
  struct rollout_metric_status *items =
      ARENA_ARRAY(pass->arena, struct rollout_metric_status, verdict->metric_count + 1);
  for (size_t i = 0; i < verdict->metric_count; i++) {
    const struct metric_verdict *metric = &verdict->metrics[i];
    bool shown = metric->has_evidence && metric->is_share;
    const char *unit = metric->is_share ? "%" : "";
    items[i] = (struct rollout_metric_status){
        .name = metric->name,
        .canary = number(pass, metric->has_canary, metric->canary, unit),
        .stable = number(pass, metric->has_stable, metric->stable, unit),
        .limit = metric->limit,
        .requests = llround(metric->requests),
        .bad = llround(metric->bad),
        .canary_interval =
            interval(pass, shown && metric->has_canary, metric->canary_low, metric->canary_high),
        .stable_interval =
            interval(pass, shown && metric->has_stable, metric->stable_low, metric->stable_high),
        .tolerated = shown ? pass_text(pass, "%.3g%%", metric->tolerated) : STR_NULL,
        .evidence = decades(pass, metric->has_evidence, metric->evidence),
        .evidence_need = decades(pass, metric->has_evidence, metric->evidence_need),
        .pass_evidence = decades(pass, metric->has_evidence, metric->pass_evidence),
        .pass_need = decades(pass, metric->has_evidence, metric->pass_need),
        .verdict = verdict_of(metric->outcome),
        .reason = metric->reason};
  }
  pass->status->metrics = items;
  pass->status->metrics_count = verdict->metric_count;
}

static void take_evidence(struct pass *pass, const struct judgement *judgement) {
  const struct verdict *verdict = judgement->verdict;
  struct rollout_judge_status *judge = &pass->status->judge;
  bool has = verdict->has_evidence;
  judge->evidence = decades(pass, has, verdict->evidence);
  judge->evidence_need = decades(pass, has, verdict->evidence_need);
  judge->expected_at =
      has && verdict->expected_ms >= 0 ? judgement->at_ms + verdict->expected_ms : 0;
  judge->needed_requests = has ? llround(fmin(fmax(verdict->needed_requests, 0), 1e15)) : 0;
  judge->phi = judgement->phi > 0 ? pass_text(pass, "%.2f", judgement->phi) : STR_NULL;
  bool mismatch = has && verdict->share_decades >= SHARE_ALARM_DECADES;
  if (mismatch || rollout_condition_find(pass->status, "ShareMismatch"))
    condition_set(pass, "ShareMismatch", mismatch ? ROLLOUT_TRUE : ROLLOUT_FALSE,
                  mismatch ? "ShareNotAsAsked" : "ShareAsAsked",
                  mismatch
                      ? pass_text(pass,
                                  "the canary gets %.4g %% of the requests, asked are %.*s %%: "
                                  "a chance of at most 1 in %.0f; lost pods, wrong labels or "
                                  "sticky sessions",
                                  judgement->has_observed ? judgement->observed : 0,
                                  STR_ARG(pass->status->weight.canary),
                                  pow(10, fmin(verdict->share_decades, 15)))
                      : STR(""));
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
  take_evidence(pass, judgement);
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
  enum on_inconclusive on_inconclusive = inconclusive[analysis->on_inconclusive];
  if (!analysis->on_inconclusive && analysis->judge.preset == ROLLOUT_PRESET_STRICT)
    on_inconclusive = ON_INCONCLUSIVE_HOLD;
  return (struct verdict_policy){.on_failure = failure[analysis->on_failure],
                                 .on_no_data = no_data[analysis->on_no_data],
                                 .on_inconclusive = on_inconclusive};
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

// The judge's sentence, and how long the canary had this weight.
static struct str rollback_words(struct pass *pass, const struct verdict *verdict) {
  int64_t since = pass->status->weight.written_at;
  if (!since || since > pass->now)
    return verdict->reason;
  return pass_text(pass, "%.*s; %.*s after canary got %.*s %%", STR_ARG(verdict->reason),
                   STR_ARG(duration_words(pass->arena, pass->now - since)),
                   STR_ARG(pass->status->weight.canary));
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
  rollback_begin(pass, "RolledBack", "AnalysisFailed", rollback_words(pass, verdict), STR_NULL);
  return true;
}
