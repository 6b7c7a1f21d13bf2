// SPDX-License-Identifier: Apache-2.0
// Workload form, between releases: taking the Deployment over without starting anything, seeing a
// new template, and leaving routes as they were found. (Going away: plan_leave.c.)
#include "operator/reconcile/pass.h"

// --- no release runs ---

static void wait_pending(struct pass *pass, const char *reason, struct str what) {
  pass_wait(pass, ROLLOUT_PENDING, reason, 0, what);
}

static void adopt(struct pass *pass, const struct workload *original) {
  const struct version_set *set = original_serving_set(pass);
  size_t active = 0;
  for (size_t i = 0; i < pass->snap->sets_count; i++)
    active += pass->snap->sets[i].pods > 0;
  if (!pass->snap->sets_current) {
    wait_pending(pass, "ReplicaSetsUnknown",
                 pass_text(pass, "the ReplicaSets of Deployment %.*s", STR_ARG(original->name)));
  } else if (!set || set->ready == 0) {
    wait_pending(pass, "NotServing",
                 pass_text(pass, "a ready replica of Deployment %.*s", STR_ARG(original->name)));
  } else if (!original->paused && (active > 1 || !str_eq(set->hash, original->hash))) {
    wait_pending(
        pass, "Rolling",
        pass_text(pass, "Deployment %.*s to finish a rollout of its own", STR_ARG(original->name)));
  } else {
    struct rollout_identity identity = original_identity(pass, original, set);
    struct rollout_workload_status *workload = original_status(pass);
    struct str mark =
        json_get_string(json_path(original->object, "metadata.annotations"), ROLLOUT_PAUSED_FOR);
    identity.revision = ++pass->status->revision;
    *workload =
        (struct rollout_workload_status){.uid = json_path_string(original->object, "metadata.uid"),
                                         .was_paused = original->paused && str_is_empty(mark),
                                         .pinned = workload->pinned};
    pass->status->stable = identity_dup(pass, &identity);
    traffic_ask(pass, 0);
    pass_decide(pass, (struct rollout_decision){
                          .reason = STR("Adopted"),
                          .measured = pass_text(pass, "Deployment %.*s runs %.*s",
                                                STR_ARG(original->name), STR_ARG(set->version)),
                          .next = STR("it is paused; a new template is released in steps")});
    wait_pending(pass, "Adopted", STR("the next look"));
  }
}

static bool stable_is_ready(struct pass *pass, const struct workload *original,
                            struct str *ret_message) {
  const struct rollout_identity *stable = pass->status->stable;
  const struct workload *w = pass_workload(pass, stable->deployment);
  int64_t wanted = w ? w->replicas : 0, ready = w ? w->serving : 0;
  if (w && w != original)
    ready = w->ready;
  if (ready >= wanted && ready > 0)
    return true;
  *ret_message = pass_text(pass, "Deployment %.*s has %lld of %lld replicas ready",
                           STR_ARG(stable->deployment), (long long)ready, (long long)wanted);
  return false;
}

// A version of ours has all the traffic, and its template is the original's again: nothing to
// release but the way back.
static void begin_handback(struct pass *pass, const struct workload *original) {
  const struct version_set *set = original_serving_set(pass);
  struct rollout_identity canary = *pass->status->stable,
                          stable = set ? original_identity(pass, original, set)
                                       : (struct rollout_identity){.deployment = original->name,
                                                                   .subset = original->name,
                                                                   .hash = original->hash};
  stable.revision = canary.revision;
  release_begin(pass, &stable, &canary);
  traffic_ask(pass, ROLLOUT_FULL);
  pass->status->release->traffic_at = pass->now;
  pass->status->release->full = pass->status->release->accepted = true;
  steps_enter(pass, (int64_t)pass->spec->steps_count - 1);
  pass_wait(pass, ROLLOUT_DECOMMISSIONING, "HandingBack", 0,
            STR("the Deployment to take the version over that serves"));
  pass->keeps_route = true; // it is as asked already; only status does not say so yet
}

static void consider(struct pass *pass, const struct workload *original) {
  struct rollout_identity wanted;
  struct str message;
  bool known = workload_wanted(pass, &wanted);
  bool serves = known && str_eq(wanted.hash, pass->status->stable->hash);
  bool at_home = original_is(pass, pass->status->stable);
  bool has = serves || str_eq(original->hash, pass->status->stable->hash);
  if (!known && !pass->leaving) {
    content_wait(pass);
    return;
  }
  if (pass->leaving && !at_home && !has && !leaving_rolls(pass)) {
    leaving_put_back(pass, original);
    pass_wait(pass, ROLLOUT_DECOMMISSIONING, "HandingBack", 0,
              STR("the Deployment to have the template of the version that serves"));
    return;
  }
  if ((serves || pass->leaving) && !at_home) {
    begin_handback(pass, original);
    return;
  }
  if (serves || release_is_failed(pass, &wanted) || pass->leaving) {
    idle_run(pass);
    return;
  }
  if (pass->spec->suspend) {
    pass_wait(pass, ROLLOUT_PAUSED, "Suspended", 0, STR("spec.suspend to be false"));
    return;
  }
  const char *reason = traffic_problem(pass, &message);
  if (!reason && !stable_is_ready(pass, original, &message))
    reason = "StableNotServing";
  if (reason) {
    pass_stall(pass, reason, message);
    wait_pending(pass, reason, message);
    return;
  }
  if (!pass->snap->sets_current)
    wait_pending(pass, "ReplicaSetsUnknown",
                 pass_text(pass, "the ReplicaSets of Deployment %.*s", STR_ARG(original->name)));
  else
    release_begin(pass, pass->status->stable, &wanted);
}

void original_consider(struct pass *pass) {
  const struct workload *original = original_of(pass);
  struct str name = pass->spec->workload_ref->name;
  if (!original) {
    struct str message = pass_text(pass, "Deployment %.*s does not exist", STR_ARG(name));
    pass_stall(pass, "WorkloadNotFound", message);
    pass->ready_reason = STR("WorkloadNotFound");
    pass->ready_message = message;
    pass_wait(pass, ROLLOUT_DEGRADED, "WorkloadNotFound", 0,
              pass_text(pass, "Deployment %.*s to exist", STR_ARG(name)));
    return;
  }
  bool is_new =
      !pass->status->workload || !pass->status->stable ||
      !str_eq(pass->status->workload->uid, json_path_string(original->object, "metadata.uid"));
  if (is_new && pass->leaving)
    idle_run(pass);
  else if (is_new)
    adopt(pass, original);
  else
    consider(pass, original);
}

void original_pin(struct pass *pass) {
  original_status(pass)->pinned = true;
  original_status(pass)->split_at = 0;
}

// --- between releases ---

static bool has_own_versions(const struct pass *pass) {
  for (size_t i = 0; i < pass->snap->workloads_count; i++)
    if (!str_eq(pass->snap->workloads[i].name, pass->spec->workload_ref->name))
      return true;
  return false;
}

static bool runs_one_version(const struct pass *pass) {
  for (size_t i = 0; i < pass->snap->sets_count; i++)
    if (pass->snap->sets[i].pods > 0 &&
        !str_eq(pass->snap->sets[i].name, pass->status->stable->subset))
      return false;
  return true;
}

void original_tidy(struct pass *pass) {
  const struct rollout_identity *stable = pass->status->stable;
  if (pass->snap->form != ROLLOUT_FORM_WORKLOAD || pass_in_release(pass) ||
      original_is_bare(pass) || !original_is(pass, stable) || has_own_versions(pass))
    return;
  if (!pass->leaving && (!pass->snap->sets_current || !runs_one_version(pass)))
    return;
  original_status(pass)->pinned = false;
  pass->again = true;
  // Proxies may still have the old route for a moment.
  original_retire(pass, stable->subset, stable->subset, pass->now + PASS_DRAIN_MS);
}

bool original_promote(struct pass *pass) {
  struct rollout_status *status = pass->status;
  if (pass->snap->form != ROLLOUT_FORM_WORKLOAD)
    return false;
  if (original_is(pass, status->stable) && str_eq(status->stable->hash, status->canary->hash)) {
    workload_retire(pass, status->canary, 0, pass->now);
    status->stable->revision = status->canary->revision;
    return true;
  }
  // The original has a newer template already and cannot take this version over: the canary goes on
  // serving, and the newer one is released beside it.
  if (!original_is(pass, status->stable) &&
      !str_eq(status->stable->deployment, status->canary->deployment))
    workload_retire(pass, status->stable, 0, pass->now + traffic_drain_ms(pass));
  else if (original_is(pass, status->stable))
    original_retire(pass, status->stable->subset, status->stable->subset,
                    pass->now + traffic_drain_ms(pass));
  status->stable = status->canary;
  return true;
}
