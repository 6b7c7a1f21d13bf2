// SPDX-License-Identifier: Apache-2.0
// No release runs: whether what is wanted is what serves, and if not, whether a release of it may
// begin now. (The workload form: plan_adopt.c.)
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

static bool stable_serves(struct pass *pass, const struct rollout_identity *stable,
                          struct str *ret_message) {
  const struct workload *w = pass_workload(pass, stable->deployment);
  if (!w)
    *ret_message =
        pass_text(pass, "stable Deployment %.*s does not exist", STR_ARG(stable->deployment));
  else if (w->ready < w->replicas || w->ready == 0)
    *ret_message =
        pass_text(pass, "stable Deployment %.*s has %lld of %lld replicas ready",
                  STR_ARG(stable->deployment), (long long)w->ready, (long long)w->replicas);
  else if (pass->split.canary_max > 0 || !pass->split.has_stable)
    *ret_message = pass_text(
        pass,
        "%s %.*s holds %s %% of the traffic, not 100 %%: for a new release stable must name "
        "the version that serves",
        router_names_services(&pass->spec->traffic) ? "Service" : "subset", STR_ARG(stable->subset),
        pass_percent(pass, pass->split.has_stable ? ROLLOUT_FULL - pass->split.canary_max : 0).ptr);
  else
    return true;
  return false;
}

static void not_serving(struct pass *pass, const char *reason, struct str message) {
  pass_stall(pass, reason, message);
  pass_wait(pass, ROLLOUT_PENDING, reason, 0, message);
}

static void split_between(struct pass *pass, const struct rollout_identity *stable,
                          const struct rollout_identity *canary) {
  struct rollout_identity *old_stable = pass->status->stable, *old_canary = pass->status->canary;
  pass->status->stable = identity_dup(pass, stable);
  pass->status->canary = canary ? identity_dup(pass, canary) : NULL;
  traffic_load(pass);
  pass->status->stable = old_stable;
  pass->status->canary = old_canary;
}

static struct rollout_identity pair_stable(struct pass *pass) {
  const struct workload *w = pass_workload(pass, pass->spec->stable->deployment);
  return (struct rollout_identity){.deployment = pass->spec->stable->deployment,
                                   .subset = router_stable_name(pass->spec),
                                   .hash = w ? w->hash : STR_NULL,
                                   .version = w ? w->version : router_stable_name(pass->spec),
                                   .replicas = w ? w->replicas : 0};
}

// A Rollout whose canary already serves everything has nothing to release: an upgrade, a restored
// object, or the Deployment that serves was changed in place (a restart is such a change).
static bool adopt(struct pass *pass, const struct rollout_identity *canary) {
  const struct workload *w = pass_workload(pass, canary->deployment);
  bool serves = pass->has_split && pass->split.problem == ROUTE_FINE &&
                pass->split.canary_min == ROLLOUT_FULL;
  const struct rollout_identity *was = pass->status->stable;
  bool in_place =
      was && str_eq(was->deployment, canary->deployment) && str_eq(was->subset, canary->subset);
  if (!serves || !w || w->ready == 0 || (was && !in_place))
    return false;
  pass->status->stable = identity_dup(pass, canary);
  pass->status->stable->revision = release_revision(pass, canary);
  traffic_ask(pass, 0);
  pass_decide(pass, (struct rollout_decision){
                        .warning = in_place,
                        .reason = in_place ? STR("ChangedInPlace") : STR("Adopted"),
                        .measured = pass_text(pass, "%.*s already has all the traffic",
                                              STR_ARG(canary->deployment)),
                        .next = STR("nothing to release")});
  return true;
}

// What served in the form before still has the traffic: the pair's stable takes it over.
static bool takes_over(struct pass *pass, const struct rollout_identity *stable) {
  const struct workload *w = pass_workload(pass, stable->deployment);
  if (!pass->status->former || pass->status->stable || !w || w->ready < w->replicas ||
      w->ready == 0 || !pass->has_split || pass->split.has_stable || pass->split.canary_max > 0)
    return false;
  pass->status->stable = identity_dup(pass, stable);
  pass->status->stable->revision = release_revision(pass, stable);
  traffic_ask(pass, 0);
  pass_decide(pass, (struct rollout_decision){
                        .reason = STR("TakenOver"),
                        .measured = pass_text(pass, "%lld of %lld replicas of %.*s are ready",
                                              (long long)w->ready, (long long)w->replicas,
                                              STR_ARG(stable->deployment)),
                        .next = STR("it gets the traffic of what served in the form before")});
  pass_wait(pass, ROLLOUT_PENDING, "TakenOver", 0, STR("the route to name the pair's stable"));
  return true;
}

static void consider_pair(struct pass *pass, const struct rollout_identity *wanted) {
  struct rollout_identity stable = pair_stable(pass);
  struct str message;
  split_between(pass, &stable, wanted);
  const char *reason = traffic_problem(pass, &message);
  if (!reason)
    reason = traffic_version_problem(pass, wanted, &message);
  if (!reason)
    reason = traffic_version_problem(pass, &stable, &message);
  if (reason) {
    not_serving(pass, reason, message);
    return;
  }
  if (adopt(pass, wanted)) {
    idle_run(pass);
    return;
  }
  if (takes_over(pass, &stable))
    return;
  if (!stable_serves(pass, &stable, &message)) {
    not_serving(pass, "StableNotServing", message);
    return;
  }
  if (pass->status->stable && identity_equal(pass->status->stable, &stable))
    stable.revision = pass->status->stable->revision;
  release_begin(pass, &stable, wanted);
}

// Status is gone, but a version of ours serves everything.
static bool adopt_template(struct pass *pass) {
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    const struct workload *w = &pass->snap->workloads[i];
    struct rollout_identity identity;
    struct str hash = json_get_string(json_path(w->object, "metadata.labels"), ROLLOUT_HASH_LABEL);
    if (str_is_empty(hash) || w->ready == 0)
      continue;
    identity = (struct rollout_identity){.deployment = w->name,
                                         .subset = w->name,
                                         .hash = hash,
                                         .version = w->version,
                                         .replicas = w->replicas};
    identity.content =
        content_recorded(w->object, pass->arena, &identity.content_count, &identity.template_hash);
    (void)str_to_i64(
        json_get_string(json_path(w->object, "metadata.annotations"), "serin.dev/revision"),
        &identity.revision);
    if (!traffic_is_all_on(pass, w->name))
      continue;
    pass->status->stable = identity_dup(pass, &identity);
    if (identity.revision > pass->status->revision)
      pass->status->revision = identity.revision;
    traffic_ask(pass, 0);
    pass_decide(pass, (struct rollout_decision){
                          .reason = STR("Adopted"),
                          .measured = pass_text(pass, "%.*s has all the traffic", STR_ARG(w->name)),
                          .next = STR("it is taken as stable")});
    return true;
  }
  return false;
}

static void consider_template(struct pass *pass, const struct rollout_identity *wanted) {
  struct str message;
  const char *reason = traffic_problem(pass, &message);
  if (reason) {
    not_serving(pass, reason, message);
    return;
  }
  if (!pass->status->stable && adopt_template(pass)) {
    pass_wait(pass, ROLLOUT_PENDING, "Adopted", 0, STR("the next look"));
    return;
  }
  if (pass->status->stable && !stable_serves(pass, pass->status->stable, &message)) {
    not_serving(pass, "StableNotServing", message);
    return;
  }
  release_begin(pass, pass->status->stable, wanted);
}

void release_consider(struct pass *pass) {
  struct rollout_identity wanted;
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD) {
    original_consider(pass);
    return;
  }
  if (pass->leaving)
    return; // nothing begins any more
  if (!workload_wanted(pass, &wanted)) {
    if (pass->snap->form != ROLLOUT_FORM_PAIR) {
      content_wait(pass);
      return;
    }
    // Once it serves, a Deployment that is not there is not a release that waits.
    if (pass->status->stable &&
        str_eq(pass->status->stable->deployment, pass->spec->canary->deployment)) {
      idle_run(pass);
      return;
    }
    pass_wait(pass, ROLLOUT_PENDING, "CanaryNotFound", 0,
              pass_text(pass, "Deployment %.*s to exist", STR_ARG(pass->spec->canary->deployment)));
    return;
  }
  if ((pass->status->stable && identity_equal(pass->status->stable, &wanted)) ||
      release_is_failed(pass, &wanted)) {
    idle_run(pass);
    return;
  }
  if (pass->spec->suspend) {
    pass_wait(pass, ROLLOUT_PAUSED, "Suspended", 0, STR("spec.suspend to be false"));
    return;
  }
  if (pass->snap->form == ROLLOUT_FORM_PAIR)
    consider_pair(pass, &wanted);
  else
    consider_template(pass, &wanted);
}
