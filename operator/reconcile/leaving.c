// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/leaving.h"
#include "operator/reconcile/snapshot.h"

static const struct json *template_of(const struct json *object) {
  return json_path(object, "spec.template");
}

// --- the patch ---

static void add(struct arena *arena, struct json *patch, const char *op, const char *path,
                struct json *value) {
  struct json *item = json_new_object(arena);
  json_put_z(arena, item, "op", op);
  json_put_z(arena, item, "path", path);
  if (value)
    json_put(arena, item, "value", value);
  json_append(patch, item);
}

// Only on the object that was looked at.
static struct json *begin(const struct json *deployment, struct arena *arena) {
  struct json *patch = json_new_array(arena);
  add(arena, patch, "test", "/metadata/resourceVersion",
      json_new_string(arena, json_path_string(deployment, "metadata.resourceVersion")));
  return patch;
}

#define ANNOTATION(name) "/metadata/annotations/serin.dev~1" name

static void resume(const struct json *deployment, struct arena *arena, struct json *patch) {
  const struct json *annotations = json_path(deployment, "metadata.annotations");
  if (json_path(deployment, "spec.paused"))
    add(arena, patch, "remove", "/spec/paused", NULL);
  add(arena, patch, "remove", ANNOTATION("paused-for"), NULL);
  if (json_get_s(annotations, STR(ROLLOUT_LEFT_PAUSED)))
    add(arena, patch, "remove", ANNOTATION("left-paused"), NULL);
}

// --- which ---

static bool is_paused_by_us(const struct rollout *rollout, const struct json *deployment) {
  const struct rollout_workload_status *workload = rollout->status.workload;
  struct str mark =
      json_get_string(json_path(deployment, "metadata.annotations"), ROLLOUT_PAUSED_FOR);
  return workload && !workload->was_paused && str_eq(mark, rollout->metadata.name);
}

static bool runs_its_template(const struct rollout *rollout, const struct json *deployment,
                              const struct json *set, struct arena *arena) {
  struct str wanted = snapshot_template_hash(template_of(deployment), arena);
  if (set)
    return str_eq(wanted, snapshot_template_hash(snapshot_set_template(set, arena), arena));
  return rollout->status.stable && str_eq(wanted, rollout->status.stable->hash);
}

static enum leaving decide(const struct rollout *rollout, const struct json *deployment,
                           const struct json *set, struct arena *arena) {
  if (!is_paused_by_us(rollout, deployment))
    return LEAVING_UNTOUCHED;
  if (runs_its_template(rollout, deployment, set, arena))
    return LEAVING_RESUMED;
  switch (rollout->spec.workload_ref->on_delete) {
  case ROLLOUT_ON_DELETE_ROLL: return LEAVING_ROLLED;
  case ROLLOUT_ON_DELETE_PUT_BACK: return set ? LEAVING_PUT_BACK : LEAVING_PAUSED;
  case ROLLOUT_ON_DELETE_KEEP_PAUSED: break;
  }
  return LEAVING_PAUSED;
}

// --- in words ---

static struct str words(enum leaving what, const struct rollout *rollout,
                        const struct json *deployment, struct arena *arena) {
  struct str name = json_path_string(deployment, "metadata.name");
  struct str runs = rollout->status.stable ? rollout->status.stable->version : STR("what it ran");
  struct str hash = snapshot_template_hash(template_of(deployment), arena);
  struct str has = snapshot_template_version(template_of(deployment), hash, arena);
  switch (what) {
  case LEAVING_UNTOUCHED: break;
  case LEAVING_RESUMED:
    return arena_printf(arena,
                        "Deployment %.*s is resumed; nothing rolls, its pods run its "
                        "template (%.*s)",
                        STR_ARG(name), STR_ARG(runs));
  case LEAVING_PUT_BACK:
    return arena_printf(arena,
                        "Deployment %.*s has the template of %.*s again, which its pods "
                        "run, instead of %.*s, which was not released, and is resumed",
                        STR_ARG(name), STR_ARG(runs), STR_ARG(has));
  case LEAVING_ROLLED:
    return arena_printf(arena,
                        "Deployment %.*s is resumed and rolls to %.*s, which was not "
                        "released",
                        STR_ARG(name), STR_ARG(has));
  case LEAVING_PAUSED:
    return arena_printf(
        arena,
        "Deployment %.*s stays paused: its template (%.*s) was not released, its pods run %.*s; "
        "`kubectl -n %.*s rollout resume deployment/%.*s` rolls it to its template",
        STR_ARG(name), STR_ARG(has), STR_ARG(runs), STR_ARG(rollout->metadata.namespace_),
        STR_ARG(name));
  }
  return arena_printf(arena, "Deployment %.*s is as it was found%s", STR_ARG(name),
                      json_is_true(json_path(deployment, "spec.paused")) ? ", paused" : "");
}

struct leaving_plan leaving_of(const struct rollout *rollout, const struct json *deployment,
                               const struct json *set, struct arena *arena) {
  struct leaving_plan plan = {.what = decide(rollout, deployment, set, arena)};
  struct json *patch = begin(deployment, arena);
  plan.text = words(plan.what, rollout, deployment, arena);
  switch (plan.what) {
  case LEAVING_UNTOUCHED: return plan;
  case LEAVING_PUT_BACK:
    add(arena, patch, "replace", "/spec/template", snapshot_set_template(set, arena));
    resume(deployment, arena, patch);
    break;
  case LEAVING_RESUMED:
  case LEAVING_ROLLED: resume(deployment, arena, patch); break;
  case LEAVING_PAUSED:
    if (json_get_s(json_path(deployment, "metadata.annotations"), STR(ROLLOUT_LEFT_PAUSED)))
      return plan; // it says so already
    add(arena, patch, "add", ANNOTATION("left-paused"), json_new_string(arena, plan.text));
    break;
  }
  plan.patch = patch;
  return plan;
}
