// SPDX-License-Identifier: Apache-2.0
// Workload form: one Deployment ("the original") whose template somebody else changes. It is kept
// paused, so that a new template starts nothing and its Pods stay. What they run is told by its
// ReplicaSets; the template in its spec is the version that is wanted. Between releases routes are
// as they were found; while a canary's Pods exist they name the original's ReplicaSet by its
// pod-template-hash, because the Service selects the canary's Pods, too.
#include "operator/reconcile/pass.h"

#include <string.h>

const struct workload *original_of(const struct pass *pass) {
  return snapshot_original(pass->snap);
}

bool original_is(const struct pass *pass, const struct rollout_identity *identity) {
  return pass->snap->form == ROLLOUT_FORM_WORKLOAD && identity &&
         str_eq(identity->deployment, pass->spec->workload_ref->name);
}

const struct version_set *original_set(const struct pass *pass, struct str subset) {
  for (size_t i = 0; i < pass->snap->sets_count; i++)
    if (str_eq(pass->snap->sets[i].name, subset))
      return &pass->snap->sets[i];
  return NULL;
}

const struct json *original_labels(struct pass *pass, const struct rollout_identity *identity) {
  struct json *labels = json_new_object(pass->arena);
  if (!original_is(pass, identity)) {
    json_put_string(pass->arena, labels, ROLLOUT_HASH_LABEL, identity->hash);
    return labels;
  }
  const struct version_set *set = original_set(pass, identity->subset);
  if (!set)
    return NULL;
  json_put_string(pass->arena, labels, SNAPSHOT_POD_HASH, set->pod_hash);
  return labels;
}

const struct version_set *original_serving_set(const struct pass *pass) {
  const struct version_set *best = NULL;
  for (size_t i = 0; i < pass->snap->sets_count; i++) {
    const struct version_set *set = &pass->snap->sets[i];
    if (!best || set->ready > best->ready ||
        (set->ready == best->ready && set->revision > best->revision))
      best = set;
  }
  return best;
}

static bool is_own(const struct pass *pass, const struct workload *w) {
  return !str_eq(w->name, pass->spec->workload_ref->name);
}

// By what status said before this pass: as with a weight, what routes are to name is in status
// before it is in a route. So a crash in between never has it written to and fro.
bool original_is_bare(const struct pass *pass) {
  const struct rollout_workload_status *was = pass->snap->rollout->status.workload;
  return pass->snap->form == ROLLOUT_FORM_WORKLOAD && !(was && was->pinned);
}

bool original_can_name(const struct pass *pass) {
  return pass->snap->form != ROLLOUT_FORM_WORKLOAD || original_is_bare(pass) ||
         !pass->status->stable || traffic_version_exists(pass, pass->status->stable->subset);
}

// The bare host reaches whatever the Service selects, so a canary's Pods are made only when the
// routes in force name the stable's; also where somebody ended the step "deploy" by hand.
bool original_may_create(const struct pass *pass) {
  if (pass->snap->form != ROLLOUT_FORM_WORKLOAD)
    return true;
  return pass->status->workload && pass->status->workload->pinned &&
         (traffic_is_verified(pass) || pass->status->release->traffic_at > 0);
}

struct rollout_workload_status *original_status(struct pass *pass) {
  struct rollout_workload_status *copy = ARENA_NEW(pass->arena, struct rollout_workload_status);
  if (pass->status->workload)
    *copy = *pass->status->workload;
  pass->status->workload = copy;
  return copy;
}

struct rollout_identity original_identity(struct pass *pass, const struct workload *original,
                                          const struct version_set *set) {
  struct str declared =
      snapshot_declared_hash(json_path(set->object, "spec.template"), pass->arena);
  return (struct rollout_identity){.deployment = original->name,
                                   .subset = set->name,
                                   .hash = set->hash,
                                   .template_hash =
                                       str_eq(declared, set->hash) ? STR_NULL : declared,
                                   .version = set->version,
                                   .replicas = original->replicas};
}

// --- paused ---

const struct json *original_pause_patch(struct pass *pass, bool paused, struct str revision) {
  struct json *patch = json_new_object(pass->arena), *spec = json_new_object(pass->arena),
              *metadata = json_new_object(pass->arena), *annotations = json_new_object(pass->arena);
  if (!str_is_empty(revision))
    json_put_string(pass->arena, metadata, "resourceVersion", revision);
  if (paused)
    json_put_string(pass->arena, annotations, ROLLOUT_PAUSED_FOR,
                    pass->snap->rollout->metadata.name);
  else
    json_put(pass->arena, annotations, ROLLOUT_PAUSED_FOR, json_new_null(pass->arena));
  json_put(pass->arena, annotations, ROLLOUT_LEFT_PAUSED, json_new_null(pass->arena));
  json_put(pass->arena, metadata, "annotations", annotations);
  if (paused)
    json_put_bool(pass->arena, spec, "paused", true);
  else
    json_put(pass->arena, spec, "paused", json_new_null(pass->arena));
  json_put(pass->arena, patch, "metadata", metadata);
  json_put(pass->arena, patch, "spec", spec);
  return patch;
}

// Somebody took spec.paused back: 1, 2, 5, 10, 20 ... times are worth a line.
static void log_resumed(struct pass *pass, const struct workload *original, int64_t count) {
  int64_t n = count;
  while (n >= 10 && n % 10 == 0)
    n /= 10;
  if (n != 1 && n != 2 && n != 5)
    return;
  pass_decide(pass, (struct rollout_decision){
                        .warning = true,
                        .reason = STR("PausedAgain"),
                        .asked = pass_text(pass, "Deployment %.*s paused", STR_ARG(original->name)),
                        .measured = pass_text(pass, "spec.paused was taken back %lld times",
                                              (long long)count),
                        .next = STR("it is paused again, so that a new template starts nothing")});
}

static void keep_paused(struct pass *pass, const struct workload *original) {
  struct rollout_workload_status *workload = original_status(pass);
  bool may_roll = handback_may_roll(pass);
  if (!original->paused && !may_roll) {
    if (workload->paused) {
      workload->paused = false;
      log_resumed(pass, original, ++workload->resumed);
    }
    if (pass->snap->rollout->status.workload) // what was found is in status before it is changed
      pass_act(pass, PLAN_PAUSE, original->name, original_pause_patch(pass, true, STR_NULL),
               STR("a new template is to start nothing by itself"));
  }
  if (original->paused && may_roll) {
    // Only the template that was looked at here may roll.
    struct str revision = json_path_string(original->object, "metadata.resourceVersion");
    workload->paused = false;
    pass_act(pass, PLAN_UNPAUSE, original->name, original_pause_patch(pass, false, revision),
             pass_text(pass, "it takes %.*s over, without traffic",
                       STR_ARG(pass->status->canary->version)));
  }
  if (original->paused && !may_roll) {
    workload->paused |= pass->snap->sets_current; // else it is not known whether it may roll
    if (json_get_s(json_path(original->object, "metadata.annotations"), STR(ROLLOUT_LEFT_PAUSED)))
      pass_act(pass, PLAN_PAUSE, original->name, original_pause_patch(pass, true, STR_NULL),
               STR("it is not left alone any more"));
  }
}

// --- what it runs ---

void original_retire(struct pass *pass, struct str deployment, struct str subset, int64_t at) {
  struct rollout_identity gone = {.deployment = deployment, .subset = subset};
  workload_retire(pass, &gone, 0, at);
}

// The stable's Pods are gone, others of the original are ready: somebody let it roll.
static void follow(struct pass *pass, const struct workload *original) {
  const struct rollout_identity *stable = pass->status->stable;
  const struct version_set *was = original_set(pass, stable->subset),
                           *now = original_serving_set(pass);
  if ((was && was->ready > 0) || !now || now->ready == 0)
    return;
  struct rollout_identity identity = original_identity(pass, original, now);
  identity.revision = stable->revision;
  if (!str_eq(now->hash, stable->hash)) {
    identity.revision = ++pass->status->revision;
  } else {
    identity.template_hash = stable->template_hash;
    identity.content = stable->content;
    identity.content_count = stable->content_count;
  }
  if (!str_eq(stable->subset, now->name) && !original_is_bare(pass))
    original_retire(pass, stable->subset, stable->subset, pass->now + PASS_RETIRE_MS);
  pass->status->stable = identity_dup(pass, &identity);
  pass->status->weight.written_at = pass->status->weight.verified_at = 0;
  if (str_eq(now->hash, stable->hash))
    return; // the same template in another ReplicaSet: the Deployment was made anew
  pass_decide(pass, (struct rollout_decision){
                        .warning = true,
                        .reason = STR("ChangedInPlace"),
                        .measured = pass_text(pass, "Deployment %.*s rolled to %.*s by itself",
                                              STR_ARG(original->name), STR_ARG(now->version)),
                        .next = STR("that version is taken as stable, without its steps")});
}

static void tell_rolled(struct pass *pass, const struct workload *original) {
  const struct rollout_identity *stable = pass->status->stable;
  int64_t strange = 0, all = 0;
  const struct version_set *other = NULL;
  for (size_t i = 0; i < pass->snap->sets_count; i++) {
    const struct version_set *set = &pass->snap->sets[i];
    all += set->pods;
    if (set->pods > 0 && !str_eq(set->name, stable->subset)) {
      strange += set->pods;
      other = set;
    }
  }
  bool is = strange > 0;
  const struct rollout_condition *old = rollout_condition_find(pass->status, "RolledOutside");
  if (!is && !old)
    return;
  struct str message =
      is ? pass_text(
               pass,
               "%lld of %lld pods of Deployment %.*s run %.*s (%.*s), which was not released: "
               "somebody took spec.paused back; the others are kept",
               (long long)strange, (long long)all, STR_ARG(original->name), STR_ARG(other->version),
               STR_ARG(other->name))
         : STR("");
  if (is && (!old || old->status != ROLLOUT_TRUE))
    pass_decide(pass, (struct rollout_decision){.warning = true,
                                                .reason = STR("RolledOutside"),
                                                .measured = message,
                                                .next = STR("it is paused again")});
  condition_set(pass, "RolledOutside", is ? ROLLOUT_TRUE : ROLLOUT_FALSE,
                is ? "ForeignRollout" : "Released", message);
}

static bool is_retired(const struct pass *pass, struct str deployment) {
  for (size_t i = 0; i < pass->status->retired_count; i++)
    if (str_eq(pass->status->retired[i].deployment, deployment))
      return true;
  return false;
}

// Versions of ours that nothing knows any more: status was lost.
static void sweep(struct pass *pass) {
  const struct rollout_status *status = pass->status;
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    const struct workload *w = &pass->snap->workloads[i];
    bool used = (status->stable && str_eq(status->stable->deployment, w->name)) ||
                (status->canary && str_eq(status->canary->deployment, w->name));
    if (is_own(pass, w) && !used && !is_retired(pass, w->name) && !former_has(pass, w->name))
      original_retire(pass, w->name, w->name, pass->now + PASS_RETIRE_MS);
  }
}

void original_watch(struct pass *pass) {
  const struct workload *original = original_of(pass);
  if (!pass->status->workload)
    return;
  sweep(pass);
  if (pass->status->workload->pinned && pass->status->stable)
    workload_name_add(pass, pass->status->stable);
  if (!original)
    return;
  if (!pass->leaving || pass_in_release(pass))
    keep_paused(pass, original);
  if (!pass->snap->sets_current || !original_is(pass, pass->status->stable) ||
      handback_expects_change(pass))
    return;
  follow(pass, original);
  tell_rolled(pass, original);
}
