// SPDX-License-Identifier: Apache-2.0
// RolloutActions: each is handled exactly once. What it did is recorded in the Rollout's status
// together with its effect; the answer in its own status follows from that record, so a crash in
// between repeats only the answer.
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"
#include "manifests/text/time.h"

#include <string.h>

struct verb_result {
  bool done;
  struct str message;
};

static struct verb_result refused(struct pass *pass, const char *message) {
  return (struct verb_result){.message = arena_strz(pass->arena, message)};
}

static struct verb_result did(struct str message) {
  return (struct verb_result){.done = true, .message = message};
}

static bool is_going_back(const struct pass *pass) {
  return pass_in_release(pass) && !str_is_empty(pass->status->release->result);
}

static const char *not_movable(const struct pass *pass) {
  if (!pass_in_release(pass))
    return "no release runs";
  if (is_going_back(pass))
    return "the release is being put back";
  return pass->status->release->first ? "the first version has no steps and nothing to go back to"
                                      : NULL;
}

static struct verb_result verb_promote(struct pass *pass) {
  const char *why = not_movable(pass);
  if (why)
    return refused(pass, why);
  int64_t index = pass->status->step.index;
  const struct rollout_step *step = &pass->spec->steps[index];
  enum rollout_step_kind kind = rollout_step_kind(step);
  if (kind == ROLLOUT_STEP_DECOMMISSION)
    return refused(pass, "the old version is being decommissioned already");
  pass->status->paused = NULL;
  pass->status->release->accepted |= str_eq_z(pass->status->reason, "AnalysisFailed");
  if (kind == ROLLOUT_STEP_SET_WEIGHT) {
    if (pass_asked(pass) != rollout_step_parts(step) || pass->status->weight.written_at == 0)
      return refused(pass, "the weight is not set yet: the canary's ready replicas cannot carry "
                           "it, or the route cannot be "
                           "written; promote never goes beyond that");
    pass->status->weight.verified_at = pass->now;
  }
  steps_enter(pass, index + 1);
  return did(pass_text(pass, "step %lld of %zu, %s, is ended", (long long)index + 1,
                       pass->spec->steps_count, rollout_step_name(kind)));
}

static int64_t full_step(const struct pass *pass) {
  for (size_t i = 0; i < pass->spec->steps_count; i++)
    if (pass->spec->steps[i].has_set_weight &&
        rollout_step_parts(&pass->spec->steps[i]) == ROLLOUT_FULL)
      return (int64_t)i;
  return -1;
}

static struct verb_result verb_promote_full(struct pass *pass) {
  const char *why = not_movable(pass);
  int64_t index = full_step(pass);
  if (why)
    return refused(pass, why);
  if (pass->status->step.index >= index)
    return refused(pass, "100 % is asked already");
  pass->status->paused = NULL;
  pass->status->release->full = pass->status->release->accepted = true;
  steps_enter(pass, index);
  return did(STR("to 100 % as soon as all replicas are ready; the bake follows"));
}

static struct verb_result verb_abort(struct pass *pass, const struct rollout_action *action) {
  const char *why = not_movable(pass);
  if (why)
    return refused(pass, why);
  if (str_eq_z(pass->status->step.name, "decommission"))
    return refused(
        pass, "the new version has been promoted and the old one goes; use undo when it is done");
  struct str who = rollout_action_who(action, pass->snap->users_are_stamped, pass->arena);
  rollback_begin(
      pass, "Aborted", "Aborted",
      str_is_empty(action->spec.reason)
          ? pass_text(pass, "aborted by %.*s", STR_ARG(who))
          : pass_text(pass, "aborted by %.*s: %.*s", STR_ARG(who), STR_ARG(action->spec.reason)),
      who);
  return did(STR("all traffic goes back to stable"));
}

static struct verb_result verb_retry(struct pass *pass) {
  if (pass_in_release(pass))
    return refused(pass, "a release runs already");
  if (!pass->status->failed)
    return refused(pass, "there is no failed release");
  pass->status->failed = NULL;
  pass_progress(pass);
  return did(STR("the release starts again"));
}

static struct verb_result verb_pause(struct pass *pass, const struct rollout_action *action) {
  const char *why = not_movable(pass);
  if (why)
    return refused(pass, why);
  if (pass->status->paused)
    return refused(pass, "it is paused already");
  struct rollout_paused *paused = ARENA_NEW(pass->arena, struct rollout_paused);
  *paused = (struct rollout_paused){
      .at = pass->now,
      .by = rollout_action_who(action, pass->snap->users_are_stamped, pass->arena),
      .reason = action->spec.reason};
  pass->status->paused = paused;
  return did(STR("paused; the judge goes on watching"));
}

static struct verb_result verb_resume(struct pass *pass) {
  if (!pass->status->paused)
    return refused(pass, "it is not paused");
  pass->status->paused = NULL;
  pass_progress(pass);
  return did(STR("resumed"));
}

// --- undo ---

static void patch_spec(struct pass *pass, const char *path, struct json *value,
                       struct json *patch) {
  struct json *op = json_new_object(pass->arena);
  json_put_z(pass->arena, op, "op", "replace");
  json_put_z(pass->arena, op, "path", path);
  json_put(pass->arena, op, "value", value);
  json_append(patch, op);
}

static struct verb_result undo_pair(struct pass *pass) {
  const struct rollout_version_ref *other = pass->spec->stable;
  const struct rollout_version_ref *next = pass->spec->canary;
  // Done already, by a pass whose record was not written any more.
  if (str_eq(other->deployment, pass->status->stable->deployment) && !pass->status->failed &&
      pass_workload(pass, next->deployment))
    return did(
        pass_text(pass, "%.*s is released again, with its steps", STR_ARG(next->deployment)));
  if (pass->status->failed)
    return refused(pass, "the last release was put back already");
  if (str_eq(other->deployment, pass->status->stable->deployment) ||
      !pass_workload(pass, other->deployment))
    return refused(pass, "the version before is not there any more: declare it as canary beside "
                         "the version that serves");
  const struct json *spec = json_get(pass->snap->rollout_json, "spec");
  struct json *patch = json_new_array(pass->arena);
  patch_spec(pass, "/spec/stable", json_dup(pass->arena, json_get(spec, "canary")), patch);
  patch_spec(pass, "/spec/canary", json_dup(pass->arena, json_get(spec, "stable")), patch);
  pass_act(pass, PLAN_PATCH_SPEC, pass->snap->rollout->metadata.name, patch,
           STR("undo: stable and canary change places"));
  return did(pass_text(pass, "%.*s is released again, with its steps", STR_ARG(other->deployment)));
}

static const struct workload *revision_find(struct pass *pass, int64_t revision) {
  const struct workload *best = NULL;
  int64_t best_revision = 0;
  for (size_t i = 0; i < pass->snap->workloads_count; i++) {
    const struct workload *w = &pass->snap->workloads[i];
    int64_t number = 0;
    (void)str_to_i64(
        json_get_string(json_path(w->object, "metadata.annotations"), "serin.dev/revision"),
        &number);
    bool fits = revision > 0
                    ? number == revision
                    : number > best_revision &&
                          !str_eq(w->name, pass->status->stable->deployment) &&
                          !(pass->status->failed && str_eq(w->hash, pass->status->failed->hash));
    if (fits) {
      best = w;
      best_revision = number;
    }
  }
  return best;
}

// A version that was made before content was tracked kept none.
static struct str undone_text(struct pass *pass, const struct workload *w,
                              const struct json *pod_template) {
  size_t refs, kept;
  struct str ignored;
  (void)content_refs(pod_template, pass->arena, &refs);
  (void)content_recorded(w->object, pass->arena, &kept, &ignored);
  bool lacks = refs > 0 && kept == 0 && pass->spec->config_tracking != ROLLOUT_TRACK_NONE;
  return pass_text(
      pass, "%.*s is released again, with its steps%s", STR_ARG(w->name),
      lacks ? "; of ConfigMaps and Secrets it kept none, so it gets their content of now" : "");
}

static struct verb_result undo_template(struct pass *pass, int64_t revision) {
  const struct workload *w = revision_find(pass, revision);
  struct json *pod_template;
  if (!w)
    return refused(pass, revision > 0 ? "there is no such revision any more"
                                      : "there is no earlier version");
  if (str_eq(w->name, pass->status->stable->deployment))
    return refused(pass, "that revision serves already");
  struct str text =
      json_get_string(json_path(w->object, "metadata.annotations"), "serin.dev/template");
  if (json_parse(text, pass->arena, &pod_template, NULL) != RC_OK)
    return refused(pass, "its template was not kept");
  if (json_equal(pod_template, pass->spec->pod_template)) // done already, but not recorded
    return did(undone_text(pass, w, pod_template));
  struct json *patch = json_new_array(pass->arena);
  patch_spec(pass, "/spec/template", pod_template, patch);
  pass_act(pass, PLAN_PATCH_SPEC, pass->snap->rollout->metadata.name, patch,
           pass_text(pass, "undo: the template of %.*s", STR_ARG(w->name)));
  return did(undone_text(pass, w, pod_template));
}

// Workload form: the template of an earlier ReplicaSet goes back into the Deployment, as `kubectl
// rollout undo` would do; that it is a new template starts a release.
static const struct version_set *set_find(const struct pass *pass, int64_t revision) {
  const struct version_set *best = NULL;
  for (size_t i = 0; i < pass->snap->sets_count; i++) {
    const struct version_set *set = &pass->snap->sets[i];
    bool serves = str_eq(set->hash, pass->status->stable->hash);
    bool fits = revision > 0 ? set->revision == revision : pass->status->failed ? serves : !serves;
    if (fits && (!best || set->revision > best->revision))
      best = set;
  }
  return best;
}

// The Deployment reads the objects themselves, by their own names: their copies go with the canary,
// and to write into the user's objects is not for us.
static struct verb_result refused_content(struct pass *pass, const struct version_set *set) {
  const struct rollout_status *status = pass->status;
  struct str changed = STR_NULL;
  for (size_t i = 0; i < status->history_count && !changed.len; i++)
    if (str_eq(status->history[i].hash, status->stable->hash))
      changed = status->history[i].changed;
  return refused(pass,
                 pass_text(pass,
                           "revision %lld has the same template and other content of %.*s, of "
                           "which workloadRef keeps no copy: put that content back (apply its "
                           "earlier manifest), and it is released as any change",
                           (long long)set->revision,
                           STR_ARG(changed.len ? changed : STR("its ConfigMaps and Secrets")))
                     .ptr);
}

static struct verb_result undo_workload(struct pass *pass, int64_t revision) {
  const struct workload *original = original_of(pass);
  const struct version_set *set = set_find(pass, revision);
  if (!original)
    return refused(pass, "the Deployment does not exist");
  if (!pass->snap->sets_current)
    return refused(pass, "its ReplicaSets are being read: ask again");
  if (!set)
    return refused(pass, revision > 0 ? "the Deployment has no such revision any more"
                                      : "the Deployment has no earlier version");
  struct str done = pass_text(pass, "the Deployment has the template of %.*s (revision %lld) again",
                              STR_ARG(set->version), (long long)set->revision);
  const struct json *old = json_path(set->object, "spec.template");
  bool serves = str_eq(set->hash, pass->status->stable->hash);
  if (str_eq(snapshot_declared_hash(old, pass->arena),
             snapshot_declared_hash(json_path(original->object, "spec.template"), pass->arena)))
    return serves || str_eq(set->hash, original->hash) ? did(done) : refused_content(pass, set);
  struct json *pod_template = content_with_mark(old, STR_NULL, pass->arena);
  struct json *labels = json_path(pod_template, "metadata.labels");
  if (labels)
    json_remove(labels, STR(SNAPSHOT_POD_HASH));
  struct json *patch = json_new_array(pass->arena);
  patch_spec(pass, "/spec/template", pod_template, patch);
  pass_act(pass, PLAN_PATCH_WORKLOAD, original->name, patch, done);
  return did(done);
}

static struct verb_result verb_undo(struct pass *pass, const struct rollout_action *action) {
  if (pass_in_release(pass))
    return refused(pass, "a release runs; abort puts it back");
  if (!pass->status->stable)
    return refused(pass, "nothing was released yet");
  if (pass->snap->form == ROLLOUT_FORM_PAIR)
    return action->spec.to_revision > 0
               ? refused(pass, "a pair has only the version before; leave the revision out")
               : undo_pair(pass);
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD)
    return undo_workload(pass, action->spec.to_revision);
  return undo_template(pass, action->spec.to_revision);
}

// --- all ---

static struct verb_result apply(struct pass *pass, const struct rollout_action *action) {
  if (pass->snap->findings->errors > 0 && action->spec.verb != ROLLOUT_ABORT)
    return refused(pass, "the Rollout's spec is invalid: put it right first");
  if (pass->snap->taken == TAKEN_FORM)
    return refused(pass, "what the Rollout took in another form is being let go: ask again when "
                         "what its spec names has been taken up");
  switch (action->spec.verb) {
  case ROLLOUT_PROMOTE: return verb_promote(pass);
  case ROLLOUT_PROMOTE_FULL: return verb_promote_full(pass);
  case ROLLOUT_ABORT: return verb_abort(pass, action);
  case ROLLOUT_RETRY: return verb_retry(pass);
  case ROLLOUT_PAUSE: return verb_pause(pass, action);
  case ROLLOUT_RESUME: return verb_resume(pass);
  case ROLLOUT_UNDO: return verb_undo(pass, action);
  }
  return refused(pass, "unknown verb");
}

static const struct rollout_handled *handled_find(const struct pass *pass, struct str uid) {
  for (size_t i = 0; i < pass->status->handled_count; i++)
    if (str_eq(pass->status->handled[i].uid, uid))
      return &pass->status->handled[i];
  return NULL;
}

static const struct rollout_handled *handle(struct pass *pass,
                                            const struct rollout_action *action) {
  struct rollout_status *status = pass->status;
  struct verb_result result = apply(pass, action);
  struct str who = rollout_action_who(action, pass->snap->users_are_stamped, pass->arena);
  bool promoted = action->spec.verb == ROLLOUT_PROMOTE || action->spec.verb == ROLLOUT_PROMOTE_FULL;
  if (result.done && promoted && pass_in_release(pass))
    pass->status->release->who = who;
  size_t keep =
      status->handled_count < ROLLOUT_HANDLED_MAX ? status->handled_count : ROLLOUT_HANDLED_MAX - 1;
  struct rollout_handled *items = ARENA_ARRAY(pass->arena, struct rollout_handled, keep + 1);
  if (keep > 0)
    memcpy(items, status->handled + (status->handled_count - keep), keep * sizeof(*items));
  items[keep] = (struct rollout_handled){.uid = action->metadata.uid,
                                         .verb = str_of(rollout_verb_name(action->spec.verb)),
                                         .result = result.done ? STR("Done") : STR("Refused"),
                                         .message = result.message,
                                         .at = pass->now};
  status->handled = items;
  status->handled_count = keep + 1;
  pass_decide(pass,
              (struct rollout_decision){
                  .warning = !result.done,
                  .reason = result.done ? STR("ActionDone") : STR("ActionRefused"),
                  .asked = pass_text(pass, "%s by %.*s%s%.*s", rollout_verb_name(action->spec.verb),
                                     STR_ARG(who), str_is_empty(action->spec.reason) ? "" : ": ",
                                     STR_ARG(action->spec.reason)),
                  .next = result.message});
  return &items[keep];
}

static void answer(struct pass *pass, const struct rollout_action *action,
                   const struct rollout_handled *handled) {
  struct json *body = json_new_object(pass->arena), *status = json_new_object(pass->arena);
  json_put_string(pass->arena, status, "handledAt", time_format(pass->arena, handled->at));
  json_put_string(pass->arena, status, "result", handled->result);
  json_put_string(pass->arena, status, "message", handled->message);
  json_put(pass->arena, body, "status", status);
  pass_act(pass, PLAN_ANSWER, action->metadata.name, body, handled->message);
}

void verbs_run(struct pass *pass) {
  size_t answered = 0, done = 0;
  for (size_t i = 0; i < pass->snap->actions_count; i++)
    answered += pass->snap->actions[i]->status.handled_at > 0;
  for (size_t i = 0; i < pass->snap->actions_count; i++) {
    const struct rollout_action *action = pass->snap->actions[i];
    if (action->status.handled_at > 0) {
      if (answered - done++ > ROLLOUT_HANDLED_MAX) // the oldest beyond the trail's length
        pass_act(pass, PLAN_DELETE_ACTION, action->metadata.name, NULL,
                 STR("the audit trail keeps 20"));
      continue;
    }
    const struct rollout_handled *handled = handled_find(pass, action->metadata.uid);
    answer(pass, action, handled ? handled : handle(pass, action));
  }
}
