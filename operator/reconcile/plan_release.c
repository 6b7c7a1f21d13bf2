// SPDX-License-Identifier: Apache-2.0
// When a release begins, is superseded, and ends.
#include "manifests/schema/defaults.h"
#include "manifests/text/duration.h"
#include "operator/reconcile/pass.h"

#include <string.h>

// What a failed release is tied to besides the canary's template; replicas, suspend and deadlines
// are not in it.
static struct json *spec_parts(struct pass *pass) {
  static const char *const parts[] = {"stable", "canary", "traffic", "steps", "analysis"};
  const struct json *spec = json_get(pass->snap->rollout_json, "spec");
  struct json *json = json_new_object(pass->arena);
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    if (json_get(spec, parts[i]))
      json_put(pass->arena, json, parts[i], json_dup(pass->arena, json_get(spec, parts[i])));
  return json;
}

// Without what equals its default: a newer CRD lets the API server fill in more of them, and that
// is no change of anybody's.
struct str release_spec_hash(struct pass *pass) {
  struct json *json = spec_parts(pass);
  schema_undefault(schema_find(rollout_kind.schema, STR("spec"))->schema, json, pass->arena);
  return pass_text(pass, "v2-%s", snapshot_hash(json, pass->arena).ptr);
}

// Statuses of older operators have a "v1-", which is of the spec as the server gave it.
static bool is_of_this_spec(struct pass *pass, struct str hash) {
  if (str_starts(hash, STR("v1-")))
    return str_eq(str_slice(hash, 3, hash.len), snapshot_hash(spec_parts(pass), pass->arena));
  return str_eq(hash, release_spec_hash(pass));
}

bool release_is_failed(struct pass *pass, const struct rollout_identity *canary) {
  const struct rollout_failed *failed = pass->status->failed;
  return failed && str_eq(failed->hash, canary->hash) && is_of_this_spec(pass, failed->spec_hash);
}

static bool same_version(const struct rollout_identity *a, const struct rollout_identity *b) {
  return str_eq(a->deployment, b->deployment) && str_eq(a->subset, b->subset) &&
         str_eq(a->hash, b->hash);
}

// --- begin ---

// A version that comes back keeps its revision.
static int64_t revision_of(struct pass *pass, const struct rollout_identity *identity) {
  const struct rollout_status *status = pass->status;
  for (size_t i = 0; i < status->history_count; i++)
    if (str_eq(status->history[i].hash, identity->hash) &&
        str_eq(status->history[i].deployment, identity->deployment))
      return status->history[i].revision;
  return ++pass->status->revision;
}

void release_begin(struct pass *pass, const struct rollout_identity *stable,
                   const struct rollout_identity *canary) {
  struct rollout_status *status = pass->status;
  struct rollout_release *release = ARENA_NEW(pass->arena, struct rollout_release);
  status->stable = stable ? identity_dup(pass, stable) : NULL;
  status->canary = identity_dup(pass, canary);
  if (status->stable && status->stable->revision == 0)
    status->stable->revision = revision_of(pass, status->stable);
  status->canary->revision = revision_of(pass, status->canary);
  release->number = ++status->release_number;
  release->id = pass_text(pass, "%.*s-%lld", STR_ARG(canary->hash), (long long)release->number);
  release->started_at = status->started_at = pass->now;
  release->spec_hash = release_spec_hash(pass);
  release->first = stable == NULL;
  status->release = release;
  status->failed = NULL;
  status->paused = NULL;
  status->metrics_count = 0;
  status->judge = (struct rollout_judge_status){0};
  status->weight = (struct rollout_weight_status){0};
  if (stable)
    traffic_ask(pass, 0);
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD)
    original_pin(pass);
  steps_enter(pass, 0);
  condition_set(pass, "WeightUnverified", ROLLOUT_FALSE, "NewRelease",
                STR("no weight is asked yet"));
  if (rollout_condition_find(status, "Inconclusive"))
    condition_set(pass, "Inconclusive", ROLLOUT_FALSE, "NewRelease", STR(""));
  pass_decide(
      pass,
      (struct rollout_decision){
          .reason = STR("ReleaseStarted"),
          .asked = stable ? pass_text(pass, "%.*s beside %.*s", STR_ARG(canary->version),
                                      STR_ARG(stable->version))
                          : pass_text(pass, "%.*s, the first version", STR_ARG(canary->version)),
          .next = pass_text(pass, "bring up %.*s", STR_ARG(canary->deployment))});
  pass_wait(pass, ROLLOUT_DEPLOYING, "ReleaseStarted", 0, STR("the canary's replicas"));
}

// --- end ---

static void history_add(struct pass *pass, const char *result) {
  struct rollout_status *status = pass->status;
  const struct rollout_release *release = status->release;
  size_t keep = status->history_count < ROLLOUT_HISTORY_MAX - 1 ? status->history_count
                                                                : ROLLOUT_HISTORY_MAX - 1;
  struct rollout_history *items = ARENA_ARRAY(pass->arena, struct rollout_history, keep + 1);
  if (keep > 0)
    memcpy(items + 1, status->history, keep * sizeof(*items));
  items[0] = (struct rollout_history){.revision = status->canary->revision,
                                      .version = status->canary->version,
                                      .deployment = status->canary->deployment,
                                      .hash = status->canary->hash,
                                      .result = str_of(result),
                                      .reason = release->reason,
                                      .message = release->message,
                                      .when = pass->now,
                                      .duration_ms = pass->now - release->started_at,
                                      .who = release->who};
  status->history = items;
  status->history_count = keep + 1;
}

static void fail(struct pass *pass, const char *result) {
  const struct rollout_release *release = pass->status->release;
  struct rollout_failed *failed = ARENA_NEW(pass->arena, struct rollout_failed);
  *failed = (struct rollout_failed){.hash = pass->status->canary->hash,
                                    .spec_hash = release->spec_hash,
                                    .at = pass->now,
                                    .result = str_of(result),
                                    .reason = release->reason,
                                    .message = release->message};
  pass->status->failed = failed;
}

static bool keeps_old(const struct pass *pass) {
  const struct rollout_step *last = &pass->spec->steps[pass->spec->steps_count - 1];
  return last->decommission && last->decommission->action == ROLLOUT_DECOMMISSION_NONE;
}

static void promote(struct pass *pass) {
  struct rollout_status *status = pass->status;
  if (original_promote(pass))
    return;
  bool template = pass->snap->form == ROLLOUT_FORM_TEMPLATE && status->stable;
  if (template && !same_version(status->stable, status->canary) && !keeps_old(pass))
    workload_retire(pass, status->stable, 0, pass->now + traffic_drain_ms(pass));
  status->stable = status->canary;
}

// `result`: Promoted, RolledBack, Aborted or Superseded.
void release_finish(struct pass *pass, const char *result) {
  struct rollout_status *status = pass->status;
  bool promoted = strcmp(result, "Promoted") == 0, superseded = strcmp(result, "Superseded") == 0;
  int64_t took = pass->now - status->release->started_at;
  struct str version = status->canary->version;
  history_add(pass, result);
  pass_decide(
      pass,
      (struct rollout_decision){
          .warning = !promoted && !superseded,
          .reason = str_of(result),
          .asked = pass_text(pass, "%.*s, revision %lld", STR_ARG(version),
                             (long long)status->canary->revision),
          .measured =
              pass_text(pass, "%s after the start%s%.*s", duration_words(pass->arena, took).ptr,
                        str_is_empty(status->release->message) ? "" : ": ",
                        STR_ARG(status->release->message)),
          .next =
              promoted ? STR("the new version serves")
              : superseded
                  ? STR("the newer version starts")
                  : STR("the old version serves; not tried again until asked (retry) or changed")});
  if (promoted)
    promote(pass);
  else if (!superseded)
    fail(pass, result);
  status->reason = promoted ? STR("Promoted") : status->release->reason;
  status->phase = promoted                         ? ROLLOUT_HEALTHY
                  : superseded                     ? ROLLOUT_PENDING
                  : strcmp(result, "Aborted") == 0 ? ROLLOUT_ABORTED
                                                   : ROLLOUT_ROLLED_BACK;
  if (rollout_condition_find(status, "CapacityShort"))
    condition_set(pass, "CapacityShort", ROLLOUT_FALSE, "ReleaseEnded", STR(""));
  status->release = NULL;
  status->canary = NULL;
  status->paused = NULL;
  status->weight = (struct rollout_weight_status){.canary = STR("0"), .stable = STR("100")};
  status->step =
      (struct rollout_step_status){.index = (int64_t)pass->spec->steps_count, .name = STR("done")};
  status->step.waiting_for = promoted     ? STR("a new version")
                             : superseded ? STR("the newer version to start")
                                          : STR("a new version, a changed spec, or retry");
  if (superseded)
    status->step.deadline = pass->now + pass->spec->progress_deadline_ms;
  pass_progress(pass);
  pass->again = true;
}

// --- what is to be done now ---

static void supersede(struct pass *pass, const char *reason, struct str message) {
  rollback_begin(pass, "Superseded", reason, message, STR_NULL);
}

// True when the running release gives way.
bool release_gives_way(struct pass *pass) {
  struct rollout_identity wanted;
  const struct rollout_status *status = pass->status;
  if (str_eq_z(status->step.name, "decommission") || !workload_wanted(pass, &wanted))
    return false; // it is as good as done; the new version comes next
  bool in_place = str_eq(wanted.deployment, status->canary->deployment);
  if (!same_version(&wanted, status->canary)) {
    // A pair's canary that was changed in place cannot be finished as it was.
    if (pass->spec->on_new_revision == ROLLOUT_QUEUE && !in_place)
      return false;
    supersede(pass, "NewRevision",
              pass_text(pass, "%.*s takes the place of %.*s", STR_ARG(wanted.version),
                        STR_ARG(status->canary->version)));
    return true;
  }
  if (!status->release->first && !is_of_this_spec(pass, status->release->spec_hash)) {
    supersede(pass, "SpecChanged",
              STR("traffic, steps or analysis were changed: the release starts again"));
    return true;
  }
  return false;
}

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
  pass->status->stable->revision = revision_of(pass, canary);
  traffic_ask(pass, 0);
  pass_decide(pass, (struct rollout_decision){
                        .warning = in_place,
                        .reason = in_place ? STR("ChangedInPlace") : STR("Adopted"),
                        .measured = pass_text(pass, "%.*s already has all the traffic",
                                              STR_ARG(canary->deployment)),
                        .next = STR("nothing to release")});
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
  if (!stable_serves(pass, &stable, &message)) {
    not_serving(pass, "StableNotServing", message);
    return;
  }
  if (pass->status->stable && same_version(pass->status->stable, &stable))
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
  if (!workload_wanted(pass, &wanted)) {
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
  if ((pass->status->stable && same_version(pass->status->stable, &wanted)) ||
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
