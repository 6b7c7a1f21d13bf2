// SPDX-License-Identifier: Apache-2.0
// The steps of a release, one function a step. A step either waits, and says for what and until
// when, or is done.
#include "manifests/text/duration.h"
#include "operator/reconcile/pass.h"

#include <string.h>

enum outcome_of_step {
  STEP_WAITS,
  STEP_IS_DONE,
  STEP_ENDED
}; // ENDED: the release is not in its steps any more

static struct str words(struct pass *pass, int64_t ms) {
  return duration_words(pass->arena, ms > 0 ? ms : 0);
}

void steps_enter(struct pass *pass, int64_t index) {
  struct rollout_step_status *step = &pass->status->step;
  bool in_steps = (size_t)index < pass->spec->steps_count;
  enum rollout_step_kind kind =
      in_steps ? rollout_step_kind(&pass->spec->steps[index]) : ROLLOUT_STEP_NONE;
  *step = (struct rollout_step_status){.index = index,
                                       .name = str_of(in_steps ? rollout_step_name(kind) : "done"),
                                       .started_at = pass->now};
  if (kind == ROLLOUT_STEP_DECOMMISSION) // the route changes once more, and is verified once more
    pass->status->weight.written_at = pass->status->weight.verified_at = 0;
  pass_progress(pass);
  pass->again = true;
}

// --- deploy ---

static enum outcome_of_step run_deploy(struct pass *pass, const struct rollout_deploy_step *step) {
  int64_t ready, wanted, deadline = pass->status->step.started_at + step->timeout_ms;
  if (capacity_deployed(pass, &ready, &wanted))
    return STEP_IS_DONE;
  struct str count = pass_text(pass, "%lld of %lld canary replicas ready%s", (long long)ready,
                               (long long)wanted, capacity_words(pass).ptr);
  if (pass->now >= deadline) {
    rollback_begin(pass, "RolledBack", "DeployTimeout",
                   pass_text(pass, "%s after %s", count.ptr, words(pass, step->timeout_ms).ptr),
                   STR_NULL);
    return STEP_ENDED;
  }
  if (!original_may_create(pass)) {
    pass_wait(pass, ROLLOUT_DEPLOYING, "PinningRoute", deadline,
              pass_text(pass, "the proxies to serve a route to %.*s alone",
                        STR_ARG(pass->status->stable->subset)));
    return STEP_WAITS;
  }
  if (!pass_workload(pass, pass->status->canary->deployment) &&
      pass->snap->form == ROLLOUT_FORM_PAIR)
    count = pass_text(pass, "Deployment %.*s does not exist",
                      STR_ARG(pass->status->canary->deployment));
  pass_wait(pass, ROLLOUT_DEPLOYING, "WaitingForReplicas", deadline, count);
  return STEP_WAITS;
}

// --- setWeight ---

static enum outcome_of_step wait_for_capacity(struct pass *pass, int64_t parts) {
  const struct workload *w = pass_workload(pass, pass->status->canary->deployment);
  struct str what = pass_text(pass, "%lld of %lld canary replicas ready for %s %%%s",
                              (long long)(w ? w->ready : 0), (long long)capacity_need(pass, parts),
                              pass_percent(pass, parts).ptr, capacity_words(pass).ptr);
  condition_set(pass, "CapacityShort", ROLLOUT_TRUE, "CapacityShort", what);
  pass_wait(pass, ROLLOUT_PROGRESSING, "CapacityShort", 0, what);
  return STEP_WAITS;
}

static void ask(struct pass *pass, int64_t parts) {
  struct str before = pass->status->weight.canary;
  if (parts > 0 && pass->status->release->traffic_at == 0)
    pass->status->release->traffic_at = pass->now;
  traffic_ask(pass, parts);
  pass_decide(pass, (struct rollout_decision){
                        .reason = STR("WeightSet"),
                        .asked = pass_text(pass, "canary %s %%, was %.*s %%",
                                           pass_percent(pass, parts).ptr, STR_ARG(before)),
                        .next = pass_text(pass, "verify that the proxies serve it, within %s",
                                          words(pass, PASS_ACK_MS).ptr)});
}

static enum outcome_of_step wait_for_route(struct pass *pass) {
  struct str message;
  const char *reason = traffic_problem(pass, &message);
  if (reason) {
    pass_stall(pass, reason, message);
    pass_wait(pass, ROLLOUT_PROGRESSING, reason, 0, message);
  } else if (pass->hands_off) {
    pass_wait(
        pass, ROLLOUT_PROGRESSING, "HandsOff", 0,
        pass_text(pass, "the annotation %s keeps the operator off the route", ROLLOUT_HANDS_OFF));
  } else if (pass->status->weight.written_at == 0) {
    pass_wait(
        pass, ROLLOUT_PROGRESSING, "WritingRoute", 0,
        pass_text(pass, "the route to say canary %.*s %%", STR_ARG(pass->status->weight.canary)));
  } else {
    pass_wait(pass, ROLLOUT_PROGRESSING, "Verifying", pass->status->weight.written_at + PASS_ACK_MS,
              traffic_awaited(pass));
  }
  return STEP_WAITS;
}

static enum outcome_of_step run_set_weight(struct pass *pass, int64_t parts) {
  bool is_untouched = pass->status->release->traffic_at == 0 && parts == 0;
  if (pass_asked(pass) == parts)
    return traffic_is_verified(pass) || is_untouched ? STEP_IS_DONE : wait_for_route(pass);
  if (parts > pass_asked(pass) && !capacity_allows(pass, parts))
    return wait_for_capacity(pass, parts);
  struct str message;
  const char *reason = traffic_problem(pass, &message);
  if (reason || pass->hands_off)
    return wait_for_route(pass);
  ask(pass, parts);
  return wait_for_route(pass);
}

// --- monitor ---

static struct str monitored(struct pass *pass, int64_t left) {
  const struct rollout_judge_status *judge = &pass->status->judge;
  if (left > 0 && judge->expected_at > pass->now)
    return pass_text(pass, "%s of monitoring at most, a decision in about %s",
                     words(pass, left).ptr, words(pass, judge->expected_at - pass->now).ptr);
  if (left > 0)
    return pass_text(pass, "%s of monitoring", words(pass, left).ptr);
  return str_is_empty(judge->message) ? STR("a first judgement") : judge->message;
}

static const char *hold_reason(const struct pass *pass) {
  const struct verdict *verdict = pass->snap->judgement.verdict;
  if (!verdict)
    return "NoJudgement";
  return verdict->outcome == OUTCOME_FAIL ? "AnalysisFailed"
         : verdict->cause == CAUSE_NONE   ? "Inconclusive"
                                          : cause_name(verdict->cause);
}

// Going on without an answer is never silent.
static void log_inconclusive(struct pass *pass, const struct rollout_monitor_step *step) {
  const struct verdict *verdict = pass->snap->judgement.verdict;
  bool no_data = verdict->cause == CAUSE_NO_TRAFFIC || verdict->cause == CAUSE_NO_DATA;
  struct str message =
      pass_text(pass, "no answer in %s at canary %.*s %%: %.*s; it goes on, as %s says",
                words(pass, step->duration_ms).ptr, STR_ARG(pass->status->weight.canary),
                STR_ARG(verdict->reason), no_data ? "onNoData" : "onInconclusive");
  condition_set(pass, "Inconclusive", ROLLOUT_TRUE, no_data ? "NoData" : "TimeIsUp", message);
  pass_decide(pass, (struct rollout_decision){.warning = true,
                                              .reason = STR("Inconclusive"),
                                              .measured = message,
                                              .verdict = STR("insufficient"),
                                              .next = STR("the next step, by policy")});
}

static enum outcome_of_step run_monitor(struct pass *pass,
                                        const struct rollout_monitor_step *step) {
  int64_t age = pass->now - pass->status->step.started_at, left = step->duration_ms - age;
  int64_t end = pass->status->step.started_at + step->duration_ms;
  if (pass_asked(pass) == 0 && left <= 0)
    return STEP_IS_DONE; // without traffic there is nothing to judge
  enum decision decision = judge_decide(pass, left <= 0);
  if (decision == DECISION_PASS &&
      age >= (step->min_ms < step->duration_ms ? step->min_ms : step->duration_ms)) {
    if (pass->snap->judgement.verdict->outcome != OUTCOME_PASS)
      log_inconclusive(pass, step);
    return STEP_IS_DONE;
  }
  if (decision == DECISION_ROLLBACK) {
    rollback_begin(pass, "RolledBack", hold_reason(pass), pass->status->judge.message, STR_NULL);
    return STEP_ENDED;
  }
  if (left <= 0 && pass->status->release->accepted)
    return STEP_IS_DONE;
  int64_t away_since = pass->status->judge.error_since;
  if (away_since > 0 &&
      pass->now >= away_since + PASS_AWAY_MS) // said at once, not when the time is up
    pass_wait(pass, ROLLOUT_HOLDING, "PrometheusAway", left > 0 ? end : 0, monitored(pass, 0));
  else if (left > 0)
    pass_wait(pass, ROLLOUT_PROGRESSING, "Monitoring", end, monitored(pass, left));
  else
    pass_wait(pass, ROLLOUT_HOLDING, hold_reason(pass), 0, monitored(pass, 0));
  return STEP_WAITS;
}

// --- pause ---

static enum outcome_of_step run_pause(struct pass *pass, const struct rollout_pause_step *step) {
  if (!step->has_duration_ms) {
    pass_wait(pass, ROLLOUT_PAUSED, "PauseStep", 0, STR("a person to promote"));
    return STEP_WAITS;
  }
  int64_t end = pass->status->step.started_at + step->duration_ms;
  if (pass->now >= end)
    return STEP_IS_DONE;
  pass_wait(pass, ROLLOUT_PAUSED, "PauseStep", end,
            pass_text(pass, "%s of pause", words(pass, end - pass->now).ptr));
  return STEP_WAITS;
}

// --- decommission ---

static bool is_gone(struct pass *pass, enum rollout_decommission action, const struct workload *w) {
  if (action == ROLLOUT_DECOMMISSION_NONE || !w)
    return true;
  if (action == ROLLOUT_DECOMMISSION_DELETE) {
    if (str_is_empty(json_path_string(w->object, "metadata.deletionTimestamp")))
      workload_delete(pass, w, "the release is done");
    return false;
  }
  workload_scale(pass, w->name, 0, "the release is done");
  return w->replicas == 0;
}

static enum outcome_of_step run_decommission(struct pass *pass,
                                             const struct rollout_decommission_step *step) {
  const struct rollout_identity *stable = pass->status->stable;
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD)
    return handback_run(pass) ? STEP_IS_DONE : STEP_WAITS;
  if (!traffic_is_verified(pass)) {
    (void)wait_for_route(pass);
    pass->status->phase = ROLLOUT_DECOMMISSIONING;
    if (str_eq_z(pass->status->reason, "WritingRoute"))
      pass->status->step.waiting_for = STR("the route to leave the old version out");
    return STEP_WAITS;
  }
  int64_t drained = pass->status->weight.verified_at + traffic_drain_ms(pass);
  if (pass->now < drained) {
    pass_wait(pass, ROLLOUT_DECOMMISSIONING, "Draining", drained,
              pass_text(pass, "the last requests of %.*s, %s", STR_ARG(stable->deployment),
                        words(pass, drained - pass->now).ptr));
    return STEP_WAITS;
  }
  // Somebody may have given it traffic again: the next pass puts that right, and only then it goes.
  if (!traffic_is_written(pass)) {
    pass_wait(pass, ROLLOUT_DECOMMISSIONING, "WritingRoute", 0,
              STR("the route to leave the old version out"));
    return STEP_WAITS;
  }
  if (is_gone(pass, step->action, pass_workload(pass, stable->deployment)))
    return STEP_IS_DONE;
  pass_wait(pass, ROLLOUT_DECOMMISSIONING, "RemovingStable", 0,
            pass_text(pass, "Deployment %.*s to go", STR_ARG(stable->deployment)));
  return STEP_WAITS;
}

// --- all ---

static enum outcome_of_step run_one(struct pass *pass) {
  const struct rollout_step *step = &pass->spec->steps[pass->status->step.index];
  switch (rollout_step_kind(step)) {
  case ROLLOUT_STEP_DEPLOY: return run_deploy(pass, step->deploy);
  case ROLLOUT_STEP_SET_WEIGHT: return run_set_weight(pass, rollout_step_parts(step));
  case ROLLOUT_STEP_MONITOR: return run_monitor(pass, step->monitor);
  case ROLLOUT_STEP_PAUSE: return run_pause(pass, step->pause);
  case ROLLOUT_STEP_DECOMMISSION: return run_decommission(pass, step->decommission);
  case ROLLOUT_STEP_NONE: break;
  }
  return STEP_IS_DONE;
}

static struct str step_text(struct pass *pass, int64_t index) {
  if ((size_t)index >= pass->spec->steps_count)
    return STR("the end of the release");
  const struct rollout_step *step = &pass->spec->steps[index];
  const char *name = rollout_step_name(rollout_step_kind(step));
  struct str number =
      pass_text(pass, "step %lld of %zu, %s", (long long)index + 1, pass->spec->steps_count, name);
  return step->has_set_weight ? pass_text(pass, "%s %s %%", number.ptr,
                                          pass_percent(pass, rollout_step_parts(step)).ptr)
                              : number;
}

static void log_done(struct pass *pass, int64_t index) {
  const struct rollout_judge_status *judge = &pass->status->judge;
  bool judged = (size_t)index < pass->spec->steps_count && pass->spec->steps[index].monitor;
  pass_decide(pass, (struct rollout_decision){.reason = STR("StepCompleted"),
                                              .asked = step_text(pass, index),
                                              .measured = judged ? judge->message : STR_NULL,
                                              .verdict = judged ? judge->verdict : STR_NULL,
                                              .next = step_text(pass, index + 1)});
}

static bool is_held_by_person(struct pass *pass) {
  const struct rollout_paused *paused = pass->status->paused;
  if (!paused)
    return false;
  pass_wait(pass, ROLLOUT_PAUSED, "Paused", 0,
            pass_text(pass, "a person to resume; paused by %.*s", STR_ARG(paused->by)));
  return true;
}

void steps_run(struct pass *pass) {
  capacity_scale(pass);
  if (is_held_by_person(pass))
    return;
  if (pass->spec->suspend) {
    pass_wait(pass, ROLLOUT_PAUSED, "Suspended", 0, STR("spec.suspend to be false"));
    return;
  }
  while ((size_t)pass->status->step.index < pass->spec->steps_count) {
    int64_t index = pass->status->step.index;
    enum outcome_of_step outcome = run_one(pass);
    if (outcome != STEP_IS_DONE)
      return;
    log_done(pass, index);
    steps_enter(pass, index + 1);
  }
  release_finish(pass, "Promoted");
}
