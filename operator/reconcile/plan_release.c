// SPDX-License-Identifier: Apache-2.0
// When a release begins, is superseded, and ends.
#include "manifests/schema/defaults.h"
#include "manifests/text/duration.h"
#include "operator/reconcile/content.h"
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

bool identity_equal(const struct rollout_identity *a, const struct rollout_identity *b) {
  return str_eq(a->deployment, b->deployment) && str_eq(a->subset, b->subset) &&
         str_eq(a->hash, b->hash);
}

// --- begin ---

// A version that comes back keeps its revision.
int64_t release_revision(struct pass *pass, const struct rollout_identity *identity) {
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
    status->stable->revision = release_revision(pass, status->stable);
  status->canary->revision = release_revision(pass, status->canary);
  release->number = ++status->release_number;
  release->id = pass_text(pass, "%.*s-%lld", STR_ARG(canary->hash), (long long)release->number);
  release->started_at = status->started_at = pass->now;
  release->spec_hash = release_spec_hash(pass);
  release->first = stable == NULL;
  release->changed = content_changed(pass, stable, canary);
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
          .measured = str_is_empty(release->changed)
                          ? STR_NULL
                          : pass_text(pass, "%.*s changed", STR_ARG(release->changed)),
          .next = pass_text(pass, "bring up %.*s", STR_ARG(canary->deployment))});
  content_warn(pass, stable, canary);
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
                                      .changed = release->changed,
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
                                    .message = release->message,
                                    .template_hash = pass->status->canary->template_hash,
                                    .content = pass->status->canary->content,
                                    .content_count = pass->status->canary->content_count};
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
  if (template && !identity_equal(status->stable, status->canary) && !keeps_old(pass))
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

// --- giving way ---

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
  if (!identity_equal(&wanted, status->canary)) {
    // A pair's canary that was changed in place cannot be finished as it was; nor can one be made
    // of a template or content that is gone.
    if (pass->spec->on_new_revision == ROLLOUT_QUEUE && !in_place &&
        pass_workload(pass, status->canary->deployment))
      return false;
    bool alike = str_eq(wanted.version, status->canary->version); // only the label is the same
    supersede(pass, "NewRevision",
              alike ? pass_text(pass, "a newer %.*s takes its place", STR_ARG(wanted.version))
                    : pass_text(pass, "%.*s takes the place of %.*s", STR_ARG(wanted.version),
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
