// SPDX-License-Identifier: Apache-2.0
// Taking traffic away: no precondition at all. Then the record, then the rest.
#include "operator/reconcile/pass.h"

#include <string.h>

void rollback_begin(struct pass *pass, const char *result, const char *reason, struct str message,
                    struct str who) {
  struct rollout_release *release = pass->status->release;
  struct str had = pass->status->weight.canary;
  release->result = str_of(result);
  release->reason = str_of(reason);
  release->message = message;
  release->who = who;
  traffic_ask(pass, 0);
  pass->status->step = (struct rollout_step_status){
      .index = pass->status->step.index, .name = STR("rollback"), .started_at = pass->now};
  pass_progress(pass);
  pass_wait(pass, ROLLOUT_ROLLING_BACK, reason, 0, STR("the canary's traffic to be gone"));
  pass_decide(pass,
              (struct rollout_decision){
                  .warning = true,
                  .reason = str_of(strcmp(reason, result) == 0 ? "RollingBack" : reason),
                  .asked = pass_text(pass, "canary %.*s %%", STR_ARG(had)),
                  .measured = message,
                  .verdict = str_eq_z(str_of(reason), "AnalysisFailed") ? STR("fail") : STR_NULL,
                  .next = STR("all traffic goes back to stable")});
}

static void finish(struct pass *pass) {
  const struct rollout_release *release = pass->status->release;
  const struct rollout_identity *canary = pass->status->canary;
  int64_t remain = pass->snap->form == ROLLOUT_FORM_PAIR ? canary->replicas : 0;
  workload_retire(pass, canary, remain, pass->now + (pass->leaving ? 0 : PASS_RETIRE_MS));
  release_finish(pass, release->result.ptr);
}

void rollback_run(struct pass *pass) {
  struct str message;
  const char *reason = traffic_problem(pass, &message);
  bool had_none =
      pass->status->release->traffic_at == 0 && pass->has_split && pass->split.canary_max == 0;
  // Without a route there is no traffic to take away.
  if (!traffic_is_there(pass) || had_none ||
      (pass->has_split && pass->split.problem == ROUTE_MISSING) || traffic_is_verified(pass)) {
    finish(pass);
    return;
  }
  if (pass->hands_off && pass->split.canary_max > 0) {
    reason = "HandsOff";
    message = pass_text(
        pass, "the annotation %s keeps the operator off the route, which gives the canary %s %%",
        ROLLOUT_HANDS_OFF, pass_percent(pass, pass->split.canary_max).ptr);
  }
  if (reason && pass->status->weight.written_at == 0) {
    pass_stall(pass, reason, message);
    pass_wait(pass, ROLLOUT_ROLLING_BACK, reason, 0, message);
  } else {
    int64_t end =
        pass->status->weight.written_at > 0 ? pass->status->weight.written_at + PASS_ACK_MS : 0;
    pass_wait(pass, ROLLOUT_ROLLING_BACK, pass->status->release->reason.ptr, end,
              STR("the proxies to serve canary 0 %"));
  }
}
