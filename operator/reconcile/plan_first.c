// SPDX-License-Identifier: Apache-2.0
// Template form, nothing was served before: the first version goes to 100 % without steps. There is
// nothing to compare it with, and nothing to go back to.
#include "operator/reconcile/pass.h"

// A newer template takes the place of one that never served.
static void follow(struct pass *pass) {
  struct rollout_identity wanted;
  if (!workload_wanted(pass, &wanted) || str_eq(wanted.hash, pass->status->canary->hash))
    return;
  workload_retire(pass, pass->status->canary, 0, pass->now);
  release_begin(pass, NULL, &wanted);
}

void first_run(struct pass *pass) {
  if (!pass->status->stable)
    follow(pass);
  const struct rollout_identity *first = pass->status->canary;
  const struct workload *w = pass_workload(pass, first->deployment);
  int64_t wanted = workload_stable_replicas(pass);
  pass->status->step.name = STR("deploy");
  if (!w)
    workload_create(pass, first, wanted);
  else if (w->replicas < wanted)
    workload_scale(pass, first->deployment, wanted, "the first version");
  if (!w || w->ready < wanted || w->ready == 0) {
    pass_wait(pass, ROLLOUT_DEPLOYING, "WaitingForReplicas", 0,
              pass_text(pass, "%lld of %lld replicas ready", (long long)(w ? w->ready : 0),
                        (long long)wanted));
    return;
  }
  if (!traffic_version_exists(pass, first->subset)) {
    pass_wait(pass, ROLLOUT_DEPLOYING, "WritingRule", 0,
              pass_text(pass,
                        router_names_services(&pass->spec->traffic)
                            ? "Service %.*s"
                            : "subset %.*s in the DestinationRule",
                        STR_ARG(first->subset)));
    return;
  }
  if (!pass->status->stable) { // it takes the stable's place in the route
    pass->status->stable = identity_dup(pass, first);
    traffic_ask(pass, 0);
  }
  if (traffic_is_verified(pass)) {
    release_finish(pass, "Promoted");
    return;
  }
  struct str message;
  const char *reason = traffic_problem(pass, &message);
  if (reason)
    pass_stall(pass, reason, message);
  pass_wait(pass, ROLLOUT_DEPLOYING, reason ? reason : "Verifying", 0,
            reason ? message : STR("the route to be in force"));
}
