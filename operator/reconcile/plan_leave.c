// SPDX-License-Identifier: Apache-2.0
// The Rollout goes: traffic back first, then whatever else, and the finalizer last. A namespace
// must be able to go whatever hangs.
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

// --- the finalizer ---

static struct json *finalizers_patch(struct pass *pass, bool with_ours) {
  const struct object_meta *meta = &pass->snap->rollout->metadata;
  struct json *patch = json_new_object(pass->arena), *metadata = json_new_object(pass->arena);
  struct json *list = json_new_array(pass->arena);
  for (size_t i = 0; i < meta->finalizers_count; i++)
    if (!str_eq_z(meta->finalizers[i], ROLLOUT_FINALIZER))
      json_append(list, json_new_string(pass->arena, meta->finalizers[i]));
  if (with_ours)
    json_append(list, json_new_z(pass->arena, ROLLOUT_FINALIZER));
  json_put(pass->arena, metadata, "finalizers", list);
  json_put_string(pass->arena, metadata, "resourceVersion", meta->resource_version);
  json_put(pass->arena, patch, "metadata", metadata);
  return patch;
}

bool finalizer_is_there(const struct pass *pass) {
  return object_meta_has_finalizer(&pass->snap->rollout->metadata, ROLLOUT_FINALIZER);
}

void finalizer_add(struct pass *pass) {
  pass_act(pass, PLAN_FINALIZER, pass->snap->rollout->metadata.name, finalizers_patch(pass, true),
           STR("a release moves traffic"));
}

void finalizer_remove(struct pass *pass, struct str why) {
  pass_act(pass, PLAN_RELEASE_FINALIZER, pass->snap->rollout->metadata.name,
           finalizers_patch(pass, false), why);
}

// --- workload form: several passes ---

bool leaving_rolls(const struct pass *pass) {
  return pass->leaving && pass->spec->workload_ref->on_delete == ROLLOUT_ON_DELETE_ROLL;
}

// As it was declared: with the objects' own names for those of the version's copies, and the mark
// of the content that it was released with.
static struct json *declared_again(struct pass *pass, const struct workload *w) {
  const struct rollout_identity *stable = pass->status->stable;
  struct rollout_content *back =
      ARENA_ARRAY(pass->arena, struct rollout_content, stable->content_count + 1);
  size_t count = 0;
  for (size_t i = 0; i < stable->content_count; i++)
    if (!str_is_empty(stable->content[i].copy)) {
      back[count] = stable->content[i];
      back[count].name = stable->content[i].copy;
      back[count++].copy = stable->content[i].name;
    }
  struct json *pod_template =
      content_apply(json_path(w->object, "spec.template"), back, count, pass->arena);
  struct json *labels = json_path(pod_template, "metadata.labels");
  if (labels)
    json_remove(labels, STR(ROLLOUT_HASH_LABEL));
  struct str mark = content_mark(stable->content, stable->content_count, pass->arena);
  return content_with_mark(pod_template, mark, pass->arena);
}

// The template of a version of ours that serves goes into the original, which then takes it over.
void leaving_put_back(struct pass *pass, const struct workload *original) {
  const struct workload *serves = pass_workload(pass, pass->status->stable->deployment);
  struct json *patch = json_new_array(pass->arena), *op = json_new_object(pass->arena);
  if (!serves)
    return;
  json_put_z(pass->arena, op, "op", "replace");
  json_put_z(pass->arena, op, "path", "/spec/template");
  json_put(pass->arena, op, "value", declared_again(pass, serves));
  json_append(patch, op);
  pass_act(pass, PLAN_PATCH_WORKLOAD, original->name, patch,
           pass_text(pass, "the template of %.*s, which serves",
                     STR_ARG(pass->status->stable->version)));
}

bool leaving_has_left(const struct pass *pass) {
  bool bare = pass->snap->form != ROLLOUT_FORM_WORKLOAD || original_is_bare(pass);
  return !pass_in_release(pass) && bare && pass->status->retired_count == 0 &&
         (!pass->has_split || pass->hands_off || traffic_is_written(pass) ||
          traffic_names_nothing(pass));
}

void leaving_tell(struct pass *pass, const struct leaving_plan *plan) {
  static const char *const reasons[] = {[LEAVING_PUT_BACK] = "LeftPutBack",
                                        [LEAVING_ROLLED] = "LeftRolling",
                                        [LEAVING_PAUSED] = "LeftPaused"};
  if (plan->what == LEAVING_UNTOUCHED || plan->what == LEAVING_RESUMED)
    return;
  pass_decide(pass, (struct rollout_decision){.warning = true,
                                              .reason = str_of(reasons[plan->what]),
                                              .next = plan->text});
}

struct leaving_plan leaving_plan(struct pass *pass) {
  const struct workload *original = original_of(pass);
  const struct rollout_identity *stable = pass->status->stable;
  const struct version_set *set = stable ? original_set(pass, stable->subset) : NULL;
  if (!original)
    return (struct leaving_plan){0};
  return leaving_of(pass->snap->rollout, original->object, set ? set->object : NULL, pass->arena);
}

void leaving_do(struct pass *pass, const struct leaving_plan *plan) {
  pass_act(pass, PLAN_PATCH_WORKLOAD, pass->spec->workload_ref->name, plan->patch, plan->text);
}

// Traffic back, canary gone, routes as they were found, and the Deployment as leaving.h says.
static void leave(struct pass *pass) {
  const struct rollout *rollout = pass->snap->rollout;
  bool is_late = pass->now > rollout->metadata.deletion_timestamp_ms + LEAVE_MAX_MS;
  if (pass_in_release(pass) && str_is_empty(pass->status->release->result) &&
      !str_eq_z(pass->status->step.name, "decommission"))
    rollback_begin(pass, "Aborted", "DeletedInRelease", STR("the Rollout was deleted"), STR_NULL);
  rollout_run(pass);
  if (!leaving_has_left(pass) && !is_late) {
    rollout_conclude(pass);
    return;
  }
  const struct leaving_plan plan = leaving_plan(pass);
  if (plan.patch) {
    leaving_do(pass, &plan);
    leaving_tell(pass, &plan);
  }
  pass_events(pass);
  pass->plan->leaves = true;
  finalizer_remove(pass, is_late ? STR("it took too long to leave in order")
                                 : STR("all is as it was found"));
}

// --- the others: one pass ---

// There will be no status to write it into: it is told from the plan's.
static void tell_of_the_end(struct pass *pass) {
  struct rollout_release *release = pass->status->release;
  if (!str_is_empty(release->result))
    return; // it was told when it went back
  release->result = STR("Aborted");
  release->reason = STR("DeletedInRelease");
  release->message = STR("the Rollout was deleted: its traffic is back on stable");
  notice_run(pass);
}

static void put_traffic_back(struct pass *pass) {
  pass_decide(pass,
              (struct rollout_decision){
                  .warning = true,
                  .reason = STR("DeletedInRelease"),
                  .asked = pass_text(pass, "canary %.*s %%", STR_ARG(pass->status->weight.canary)),
                  .next = STR("all traffic goes back to stable, then the Rollout goes")});
  traffic_ask(pass, 0);
  traffic_write(pass);
  // What routes call the canary goes with its Deployment.
  (void)traffic_version_remove(pass, pass->status->canary->subset);
  pass_events(pass);
  tell_of_the_end(pass);
}

void delete_run(struct pass *pass) {
  if (!finalizer_is_there(pass))
    return;
  if (pass->snap->form == ROLLOUT_FORM_WORKLOAD && pass->snap->findings->errors == 0) {
    leave(pass);
    return;
  }
  if (pass_in_release(pass) && !str_eq_z(pass->status->step.name, "decommission"))
    put_traffic_back(pass);
  pass->plan->leaves = true;
  finalizer_remove(pass, STR("the traffic is back"));
}
