// SPDX-License-Identifier: Apache-2.0
#include "operator/reconcile/taken.h"

#include <string.h>

static const char *const parts[] = {"stable", "canary", "workloadRef", "selector", "traffic"};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct json *taken_of(const struct json *spec, struct arena *arena) {
  struct json *taken = json_new_object(arena);
  for (size_t i = 0; i < PARTS; i++)
    if (json_get(spec, parts[i]))
      json_put(arena, taken, parts[i], json_dup(arena, json_get(spec, parts[i])));
  if (json_get(spec, "template")) // that there is one: versions are known by their Deployments
    json_put(arena, taken, "template", json_new_object(arena));
  return taken;
}

// --- the same? ---

static const char *form_of(const struct json *spec) {
  if (json_get(spec, "stable") && json_get(spec, "canary"))
    return "pair";
  if (json_get(spec, "workloadRef"))
    return "workload";
  return json_get(spec, "template") ? "template" : "";
}

// A pair may name its Deployments anew as it likes: the next release is of another Deployment.
static bool is_another(const struct json *taken, const struct json *spec) {
  return strcmp(form_of(taken), form_of(spec)) != 0 ||
         !str_eq(json_path_string(taken, "workloadRef.name"),
                 json_path_string(spec, "workloadRef.name"));
}

static bool runs_a_release(const struct json *rollout) {
  const struct json *release = json_path(rollout, "status.release");
  return release && !json_is_true(json_get(release, "first"));
}

// An operator that did not keep it: its Deployment is the one whose ReplicaSet served.
static const struct json *inferred(const struct json *rollout, struct arena *arena) {
  const struct json *stable = json_path(rollout, "status.stable");
  struct str name = json_get_string(stable, "deployment");
  if (!json_path(rollout, "status.workload") || str_is_empty(name) ||
      str_eq(name, json_get_string(stable, "subset")))
    return NULL;
  struct json *taken = json_new_object(arena), *ref = json_new_object(arena);
  const struct json *spec = json_get(rollout, "spec"),
                    *on_delete = json_path(spec, "workloadRef.onDelete");
  json_put_string(arena, ref, "name", name);
  if (on_delete)
    json_put(arena, ref, "onDelete", json_dup(arena, on_delete));
  json_put(arena, taken, "workloadRef", ref);
  json_put(arena, taken, "traffic", json_dup(arena, json_get(spec, "traffic")));
  return taken;
}

// --- in its place ---

// What ends a release goes on: its step is the last, whatever steps the new spec has.
static void fit_steps(const struct json *rollout, struct json *spec, struct arena *arena) {
  struct json *steps = json_new_array(arena), *last = json_new_object(arena);
  const struct json *old = json_get(spec, "steps"),
                    *end = old && old->count
                               ? json_get(json_at(old, old->count - 1), "decommission")
                               : NULL;
  int64_t index = json_int(json_path(rollout, "status.step.index"), 0);
  if (!str_eq_z(json_path_string(rollout, "status.step.name"), "decommission"))
    index = 0;
  for (int64_t i = 0; i < index && i < 100; i++) {
    struct json *step = json_new_object(arena);
    json_put(arena, step, "deploy", json_new_object(arena));
    json_append(steps, step);
  }
  json_put(arena, last, "decommission", end ? json_dup(arena, end) : json_new_object(arena));
  json_append(steps, last);
  json_put(arena, spec, "steps", steps);
}

static void put_back(struct json *spec, const char *part, const struct json *taken,
                     struct arena *arena) {
  const struct json *was = json_get(taken, part);
  if (was)
    json_put(arena, spec, part, json_dup(arena, was));
  else
    (void)json_remove(spec, str_of(part));
}

enum taken taken_apply(const struct json *rollout, struct arena *arena,
                       const struct json **ret_rollout) {
  const struct json *spec = json_get(rollout, "spec"),
                    *taken = json_path(rollout, "status.taken.spec");
  *ret_rollout = rollout;
  if (!taken)
    taken = inferred(rollout, arena);
  bool other_form = taken && is_another(taken, spec);
  bool other_routes = taken && runs_a_release(rollout) &&
                      !json_equal(json_get(taken, "traffic"), json_get(spec, "traffic"));
  if (!other_form && !other_routes)
    return TAKEN_SAME;
  struct json *copy = json_dup(arena, rollout), *own = json_need_object(arena, copy, "spec");
  *ret_rollout = copy;
  put_back(own, "traffic", taken, arena);
  if (!other_form)
    return TAKEN_ROUTES;
  for (size_t i = 0; i < PARTS; i++)
    put_back(own, parts[i], taken, arena);
  put_back(own, "template", taken, arena);
  fit_steps(rollout, own, arena);
  return TAKEN_FORM;
}

struct str taken_words(const struct json *taken, struct arena *arena) {
  struct str stable = json_path_string(taken, "stable.deployment"),
             canary = json_path_string(taken, "canary.deployment"),
             ref = json_path_string(taken, "workloadRef.name");
  if (stable.len && canary.len)
    return arena_printf(arena, "Deployments %.*s and %.*s (stable, canary)", STR_ARG(stable),
                        STR_ARG(canary));
  if (ref.len)
    return arena_printf(arena, "Deployment %.*s (workloadRef)", STR_ARG(ref));
  return json_get(taken, "template") ? STR("its own versions (template)") : STR("nothing");
}
