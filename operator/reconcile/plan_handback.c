// SPDX-License-Identifier: Apache-2.0
// Workload form, the end of a release: all traffic is on the canary. The original is let roll to
// the same version without traffic, gets the traffic back, and the canary goes.
#include "manifests/text/duration.h"
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

#define SHARE_MS 60000 // before the share is doubled that its replicas alone do not carry

// The original runs the canary's version and nothing else.
static bool has_rolled(const struct pass *pass, const struct workload *original) {
  bool is = false;
  for (size_t i = 0; i < pass->snap->sets_count; i++) {
    const struct version_set *set = &pass->snap->sets[i];
    if (str_eq(set->hash, original->hash))
      is = set->replicas >= original->replicas && set->available >= original->replicas &&
           set->available > 0;
    else if (set->pods > 0 || set->replicas > 0)
      return false;
  }
  return is;
}

static bool is_home(const struct pass *pass) {
  const struct rollout_status *status = pass->status;
  return original_is(pass, status->stable) && str_eq(status->stable->hash, status->canary->hash);
}

bool handback_expects_change(const struct pass *pass) {
  if (!str_eq_z(pass->status->step.name, "decommission"))
    return false;
  return !is_home(pass) || pass_asked(pass) < ROLLOUT_FULL;
}

// What makes the original roll, also when nothing but content changed: the canary's mark in its pod
// template. NULL: its template is another.
static const struct json *marked_template(struct pass *pass, const struct workload *original) {
  const struct rollout_identity *canary = pass->status->canary;
  struct str mark = content_mark(canary->content, canary->content_count, pass->arena);
  const struct json *own =
      content_with_mark(json_path(original->object, "spec.template"), mark, pass->arena);
  return str_eq(snapshot_template_hash(own, pass->arena), canary->hash) ? own : NULL;
}

static bool is_marked(const struct pass *pass, const struct workload *original) {
  return str_eq(original->hash, pass->status->canary->hash);
}

// The template in the original, and the content it would roll with, is what the canary runs; or
// it may roll to whatever it has.
static bool has_template(struct pass *pass, const struct workload *original) {
  if (leaving_rolls(pass))
    return true;
  if (!is_marked(pass, original) && !marked_template(pass, original))
    return false;
  return pass->leaving || !content_is_known(pass) || content_is_of(pass, pass->status->canary);
}

static void mark(struct pass *pass, const struct workload *original) {
  const struct json *own = marked_template(pass, original);
  struct json *patch = json_new_array(pass->arena), *test = json_new_object(pass->arena),
              *put = json_new_object(pass->arena);
  json_put_z(pass->arena, test, "op", "test");
  json_put_z(pass->arena, test, "path", "/metadata/resourceVersion");
  json_put_string(pass->arena, test, "value",
                  json_path_string(original->object, "metadata.resourceVersion"));
  const struct json *annotations = json_path(own, "metadata.annotations");
  json_put_z(pass->arena, put, "op", annotations ? "add" : "remove");
  json_put_z(pass->arena, put, "path", "/spec/template/metadata/annotations");
  if (annotations)
    json_put(pass->arena, put, "value", json_dup(pass->arena, annotations));
  json_append(patch, test);
  json_append(patch, put);
  pass_act(pass, PLAN_PATCH_WORKLOAD, original->name, patch,
           STR("so that its pods start with the content that was released"));
}

bool handback_may_roll(struct pass *pass) {
  const struct rollout_status *was = &pass->snap->rollout->status;
  const struct workload *original = original_of(pass);
  if (!was->release || !str_is_empty(was->release->result) || !pass->status->release || !original ||
      !str_eq_z(was->step.name, "decommission") || is_home(pass) || !has_template(pass, original) ||
      pass_asked(pass) != ROLLOUT_FULL)
    return false;
  if (!leaving_rolls(pass) && !is_marked(pass, original))
    return false;
  if (!pass->snap->sets_current || !content_is_known(pass))
    return !original->paused; // as it is, until it is known what it runs
  return was->weight.verified_at > 0 &&
         pass->now >= was->weight.verified_at + traffic_drain_ms(pass) &&
         traffic_is_written(pass) && !has_rolled(pass, original);
}

static void wait_for(struct pass *pass, const char *reason, int64_t deadline, struct str what) {
  pass_wait(pass, ROLLOUT_DECOMMISSIONING, reason, deadline, what);
}

// Why it does not get on, in its own words.
static struct str trouble(struct pass *pass, const struct workload *original) {
  JSON_EACH(condition, json_path(original->object, "status.conditions")) {
    bool failed = str_eq_z(json_get_string(condition, "reason"), "ProgressDeadlineExceeded") ||
                  str_eq_z(json_get_string(condition, "type"), "ReplicaFailure");
    if (failed)
      return pass_text(pass, "; %.*s", STR_ARG(json_get_string(condition, "message")));
  }
  return STR("");
}

static void wait_for_roll(struct pass *pass, const struct workload *original) {
  const struct version_set *fresh = NULL;
  for (size_t i = 0; i < pass->snap->sets_count; i++)
    if (str_eq(pass->snap->sets[i].hash, original->hash))
      fresh = &pass->snap->sets[i];
  struct str why = trouble(pass, original);
  struct str what = pass_text(
      pass,
      "Deployment %.*s to roll to %.*s, %lld of %lld replicas available; no traffic is on it%s",
      STR_ARG(original->name), STR_ARG(pass->status->canary->version),
      (long long)(fresh ? fresh->available : 0), (long long)original->replicas, why.ptr);
  if (!str_is_empty(why))
    pass_stall(pass, "HandBackStuck", what);
  if (!str_eq(what, pass->snap->rollout->status.step.waiting_for))
    pass_progress(pass); // its numbers changed
  wait_for(pass, "Rolling", 0, what);
}

// Its pods read the objects themselves.
static void take_content(struct pass *pass, struct rollout_identity *home) {
  const struct rollout_identity *canary = pass->status->canary;
  if (!str_eq(home->hash, canary->hash))
    return;
  home->template_hash = canary->template_hash;
  home->content_count = canary->content_count;
  home->content = ARENA_ARRAY(pass->arena, struct rollout_content, canary->content_count + 1);
  for (size_t i = 0; i < canary->content_count; i++) {
    home->content[i] = canary->content[i];
    home->content[i].copy = STR_NULL;
  }
}

// It is there: routes may name its new ReplicaSet.
static void come_home(struct pass *pass, const struct workload *original) {
  const struct rollout_identity *old = pass->status->stable;
  for (size_t i = 0; i < pass->snap->sets_count; i++) {
    const struct version_set *set = &pass->snap->sets[i];
    if (!str_eq(set->hash, original->hash))
      continue;
    if (!str_eq(old->subset, set->name)) {
      struct rollout_identity gone = *old;
      gone.deployment = original_is(pass, old) ? old->subset : old->deployment;
      workload_retire(pass, &gone, 0, pass->now + PASS_DRAIN_MS);
    }
    struct rollout_identity home = {.deployment = original->name,
                                    .subset = set->name,
                                    .hash = set->hash,
                                    .version = set->version,
                                    .revision = pass->status->canary->revision,
                                    .replicas = original->replicas};
    take_content(pass, &home);
    pass->status->stable = identity_dup(pass, &home);
    if (pass->leaving)
      pass->status->canary->hash = set->hash;
    pass->status->weight.written_at = pass->status->weight.verified_at = 0;
    pass_decide(pass, (struct rollout_decision){
                          .reason = STR("TakenOver"),
                          .measured = pass_text(pass, "Deployment %.*s runs %.*s, %lld available",
                                                STR_ARG(original->name), STR_ARG(set->version),
                                                (long long)set->available),
                          .next = STR("the traffic goes back to it")});
    pass_progress(pass);
    pass->again = true;
    return;
  }
}

// --- the traffic back ---

// What the ready replicas carry, of those that carry all now; a Deployment that was scaled down
// while it had no traffic gets the rest in shares that double, so that its autoscaler can follow.
static int64_t share_now(const struct pass *pass, const struct version_set *set) {
  const struct workload *canary = pass_workload(pass, pass->status->canary->deployment);
  int64_t all = canary && canary->serving > 0 ? canary->serving : 1;
  int64_t have = ROLLOUT_FULL - pass_asked(pass);
  int64_t carried = set->ready >= all ? ROLLOUT_FULL : set->ready * ROLLOUT_FULL / all;
  const struct rollout_workload_status *workload = pass->status->workload;
  if (have > 0 && carried <= have && pass->now >= workload->split_at + SHARE_MS)
    carried = 2 * have;
  return carried < ROLLOUT_FULL ? carried : ROLLOUT_FULL;
}

static void give_back(struct pass *pass, int64_t share) {
  struct rollout_workload_status *workload =
      arena_dup(pass->arena, pass->status->workload, sizeof(*workload));
  workload->split_at = pass->now;
  pass->status->workload = workload;
  traffic_ask(pass, ROLLOUT_FULL - share);
  pass_decide(pass, (struct rollout_decision){
                        .reason = STR("HandingBack"),
                        .asked = pass_text(pass, "Deployment %.*s %s %%",
                                           STR_ARG(pass->status->stable->deployment),
                                           pass_percent(pass, share).ptr),
                        .next = share < ROLLOUT_FULL
                                    ? STR("the rest as its replicas follow")
                                    : STR("the canary goes when the proxies serve that")});
}

// Somebody let the Deployment roll on, or its pods are gone: the canary is still there.
static bool must_take_back(const struct pass *pass, const struct version_set *home) {
  const struct workload *canary = pass_workload(pass, pass->status->canary->deployment);
  return pass->snap->sets_current && (!home || home->ready == 0) &&
         pass_asked(pass) < ROLLOUT_FULL && canary && canary->ready > 0;
}

static bool bring_back(struct pass *pass) {
  const struct version_set *set = original_set(pass, pass->status->stable->subset);
  if (must_take_back(pass, set)) {
    traffic_ask(pass, ROLLOUT_FULL);
    pass_decide(pass, (struct rollout_decision){
                          .warning = true,
                          .reason = STR("HandBackLost"),
                          .measured = pass_text(pass, "Deployment %.*s has no ready pod of %.*s",
                                                STR_ARG(pass->status->stable->deployment),
                                                STR_ARG(pass->status->stable->version)),
                          .asked = STR("canary 100 %"),
                          .next = STR("it gets the traffic when it has")});
    wait_for(pass, "HandingBack", 0, STR("the proxies to serve the canary again"));
    return false;
  }
  if (pass_asked(pass) == 0 && traffic_is_verified(pass)) {
    int64_t drained = pass->status->weight.verified_at + traffic_drain_ms(pass);
    if (pass->now >= drained)
      return true;
    wait_for(pass, "Draining", drained, STR("the last requests of the canary"));
    return false;
  }
  // At 100 % nothing changes in the route; what has to be known is that its subset is in force.
  if (!traffic_is_verified(pass) || !set || set->ready == 0) {
    wait_for(pass, "HandingBack", 0,
             set && set->ready > 0 ? STR("the proxies to serve the route to the Deployment")
                                   : STR("a ready replica of the Deployment"));
    return false;
  }
  int64_t share = share_now(pass, set);
  if (share > ROLLOUT_FULL - pass_asked(pass))
    give_back(pass, share);
  else
    pass_wake(pass, pass->status->workload->split_at + SHARE_MS);
  wait_for(pass, "HandingBack", 0,
           pass_text(pass, "the Deployment to take all traffic over; it has %s %%",
                     pass_percent(pass, ROLLOUT_FULL - pass_asked(pass)).ptr));
  return false;
}

bool handback_run(struct pass *pass) {
  const struct workload *original = original_of(pass);
  if (!original) {
    struct str message = pass_text(pass, "Deployment %.*s does not exist; the canary serves",
                                   STR_ARG(pass->spec->workload_ref->name));
    pass_stall(pass, "WorkloadNotFound", message);
    wait_for(pass, "WorkloadNotFound", 0, message);
    return pass->leaving;
  }
  if (is_home(pass))
    return bring_back(pass);
  if (!has_template(pass, original))
    return true; // a newer one: this version goes on serving from the canary
  if (!traffic_is_verified(pass)) {
    wait_for(pass, "Verifying", 0, STR("the proxies to serve the canary alone"));
    return false;
  }
  int64_t drained = pass->status->weight.verified_at + traffic_drain_ms(pass);
  if (pass->now < drained) {
    wait_for(pass, "Draining", drained,
             pass_text(pass, "the last requests of the old pods of %.*s", STR_ARG(original->name)));
    return false;
  }
  if (!leaving_rolls(pass) && !is_marked(pass, original)) {
    if (original->paused)
      mark(pass, original);
    wait_for(pass, "Rolling", 0,
             pass_text(pass, "Deployment %.*s to be ready to roll", STR_ARG(original->name)));
    return false;
  }
  if (pass->snap->sets_current && has_rolled(pass, original)) {
    if (original->paused)
      come_home(pass, original);
    wait_for(pass, "HandingBack", 0, STR("the routes to name the Deployment's new pods"));
    return false;
  }
  wait_for_roll(pass, original);
  return false;
}
