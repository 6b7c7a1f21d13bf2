// SPDX-License-Identifier: Apache-2.0
// Conditions, as `kubectl wait` and kstatus read them: derived from the phase and what the pass
// found.
#include "operator/reconcile/pass.h"

#include <string.h>

void condition_set(struct pass *pass, const char *type, enum rollout_condition_status value,
                   const char *reason, struct str message) {
  struct rollout_status *status = pass->status;
  const struct rollout_condition *old = rollout_condition_find(status, type);
  size_t count = status->conditions_count, at = old ? (size_t)(old - status->conditions) : count;
  struct rollout_condition *items = ARENA_ARRAY(pass->arena, struct rollout_condition, count + 1);
  if (count > 0)
    memcpy(items, status->conditions, count * sizeof(*items));
  int64_t since = old && old->status == value ? old->last_transition_time : pass->now;
  items[at] =
      (struct rollout_condition){.type = str_of(type),
                                 .status = value,
                                 .reason = str_of(reason),
                                 .message = message,
                                 .last_transition_time = since,
                                 .observed_generation = pass->snap->rollout->metadata.generation};
  status->conditions = items;
  status->conditions_count = old ? count : count + 1;
}

static enum rollout_condition_status truth(bool is) {
  return is ? ROLLOUT_TRUE : ROLLOUT_FALSE;
}

static struct str what(const struct pass *pass) {
  const struct rollout_status *status = pass->status;
  return str_is_empty(status->step.waiting_for) ? status->message : status->step.waiting_for;
}

static void set_ready(struct pass *pass) {
  const struct rollout_status *status = pass->status;
  bool is = status->phase == ROLLOUT_HEALTHY;
  if (is)
    condition_set(pass, "Ready", ROLLOUT_TRUE, "Healthy",
                  status->stable ? pass_text(pass, "%.*s serves", STR_ARG(status->stable->version))
                                 : STR(""));
  else if (!str_is_empty(pass->ready_reason))
    condition_set(pass, "Ready", ROLLOUT_FALSE, pass->ready_reason.ptr, pass->ready_message);
  else
    condition_set(pass, "Ready", ROLLOUT_FALSE, rollout_phase_name(status->phase),
                  status->failed ? status->failed->message : what(pass));
}

static void set_promoted(struct pass *pass) {
  enum rollout_phase phase = pass->status->phase;
  enum rollout_condition_status value = phase == ROLLOUT_HEALTHY ? ROLLOUT_TRUE
                                        : phase == ROLLOUT_ROLLED_BACK || phase == ROLLOUT_ABORTED
                                            ? ROLLOUT_FALSE
                                            : ROLLOUT_UNKNOWN;
  condition_set(pass, "Promoted", value, rollout_phase_name(phase), STR(""));
}

static void set_stalled(struct pass *pass) {
  const struct rollout_condition *old =
      rollout_condition_find(&pass->snap->rollout->status, "Stalled");
  enum rollout_phase phase = pass->status->phase;
  if (!pass->stalled && (phase == ROLLOUT_ROLLED_BACK || phase == ROLLOUT_ABORTED) &&
      pass->status->failed) {
    condition_set(pass, "Stalled", ROLLOUT_TRUE, rollout_phase_name(phase),
                  pass->status->failed->message);
    return;
  }
  if (!pass->stalled) {
    condition_set(pass, "Stalled", ROLLOUT_FALSE, "Moving", STR(""));
    return;
  }
  if (!old || old->status != ROLLOUT_TRUE || !str_eq_z(old->reason, pass->stalled))
    pass_decide(pass,
                (struct rollout_decision){.warning = true,
                                          .reason = str_of(pass->stalled),
                                          .measured = pass->stalled_message,
                                          .next = STR("it stays as it is until that changes")});
  condition_set(pass, "Stalled", ROLLOUT_TRUE, pass->stalled, pass->stalled_message);
}

static void set_contended(struct pass *pass) {
  const struct rollout_contention *seen = pass->status->contention;
  bool is = seen && seen->count >= 3;
  if (!is && !rollout_condition_find(pass->status, "Contended"))
    return;
  condition_set(
      pass, "Contended", truth(is), is ? "ForeignWrites" : "Quiet",
      is ? pass_text(pass,
                     "field manager \"%.*s\" rewrote the weights %lld times in the last minutes; "
                     "each was "
                     "put right",
                     STR_ARG(str_is_empty(seen->manager) ? STR("unknown") : seen->manager),
                     (long long)seen->count)
         : STR(""));
}

static void set_hands_off(struct pass *pass) {
  if (pass->hands_off || rollout_condition_find(pass->status, "HandsOff"))
    condition_set(pass, "HandsOff", truth(pass->hands_off), pass->hands_off ? "Annotated" : "Free",
                  pass->hands_off
                      ? pass_text(pass, "%s is set: the operator looks on and writes no route",
                                  ROLLOUT_HANDS_OFF)
                      : STR(""));
}

void conditions_run(struct pass *pass) {
  enum rollout_phase phase = pass->status->phase;
  bool moves = pass_in_release(pass);
  set_ready(pass);
  condition_set(pass, "Progressing", truth(moves), rollout_phase_name(phase),
                moves ? what(pass) : STR(""));
  condition_set(pass, "Reconciling", truth(moves && !pass->stalled), rollout_phase_name(phase),
                STR(""));
  condition_set(pass, "Paused", truth(phase == ROLLOUT_PAUSED),
                phase == ROLLOUT_PAUSED ? pass->status->reason.ptr : "NotPaused", STR(""));
  set_promoted(pass);
  set_stalled(pass);
  set_contended(pass);
  set_hands_off(pass);
}
