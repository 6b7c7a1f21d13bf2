// SPDX-License-Identifier: Apache-2.0
// No release runs: what serves is kept as it is, and told.
#include "operator/reconcile/pass.h"

static void settle(struct pass *pass, enum rollout_phase phase, struct str reason,
                   struct str waits_for) {
  pass->status->phase = phase;
  pass->status->reason = reason;
  pass->status->step.name = STR("done");
  pass->status->step.waiting_for = waits_for;
  pass->status->step.deadline = pass->status->step.started_at = pass->status->step.verified_at = 0;
}

static bool is_serving(struct pass *pass, struct str *ret_message) {
  const struct rollout_identity *stable = pass->status->stable;
  const struct workload *w = pass_workload(pass, stable->deployment);
  if (!w)
    *ret_message = pass_text(pass, "Deployment %.*s, which serves, does not exist",
                             STR_ARG(stable->deployment));
  else if (w->serving == 0 && w->replicas > 0)
    *ret_message = pass_text(pass, "none of %lld replicas of %.*s, which serves, is ready",
                             (long long)w->replicas, STR_ARG(stable->deployment));
  else
    return true;
  return false;
}

void idle_run(struct pass *pass) {
  const struct rollout_failed *failed = pass->status->failed;
  struct rollout_identity wanted;
  struct str message;
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE && !pass->spec->suspend && pass->status->stable) {
    workload_scale(pass, pass->status->stable->deployment, workload_stable_replicas(pass),
                   "as spec.replicas says");
    workload_name_add(pass, pass->status->stable);
    workload_prune(pass);
  }
  if (failed && workload_wanted(pass, &wanted) && release_is_failed(pass, &wanted))
    settle(pass, str_eq_z(failed->result, "Aborted") ? ROLLOUT_ABORTED : ROLLOUT_ROLLED_BACK,
           failed->reason, STR("a new version, a changed spec, or retry"));
  else if (pass->status->stable && !is_serving(pass, &message)) {
    pass->ready_reason = STR("NotServing");
    pass->ready_message = message;
    settle(pass, ROLLOUT_DEGRADED, STR("NotServing"), message);
  } else {
    const char *reason = pass->status->stable ? traffic_problem(pass, &message) : NULL;
    if (reason)
      pass_stall(pass, reason, message);
    settle(pass, ROLLOUT_HEALTHY, STR("Promoted"), STR("a new version"));
  }
}
