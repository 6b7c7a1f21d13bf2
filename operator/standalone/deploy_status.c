// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/time.h"
#include "operator/standalone/deploy_rollout_state.h"

struct totals {
  int64_t wanted, pods, ready, available, updated, updated_available;
};

static struct totals count_all(const struct rollout *r) {
  struct totals t = {0};
  for (size_t i = 0; i < r->count; i++) {
    const struct rollout_set *set = &r->sets[i];
    t.wanted += set->wanted;
    t.pods += set->pods;
    t.ready += set->ready;
    t.available += set->available;
    if (set == r->fresh) {
      t.updated = set->pods;
      t.updated_available = set->available;
    }
  }
  return t;
}

static void keep_times(const struct json *old, const char *status, struct str now,
                       struct str *ret_since, struct str *ret_updated) {
  bool same = str_eq_z(json_get_string(old, "status"), status);
  struct str since = json_get_string(old, "lastTransitionTime");
  struct str updated = json_get_string(old, "lastUpdateTime");
  *ret_since = same && !str_is_empty(since) ? since : now;
  *ret_updated = same && !str_is_empty(updated) ? updated : now;
}

static struct json *available_condition(const struct rollout *r, const struct totals *t,
                                        struct str now) {
  bool enough = t->available >= r->replicas - r->max_unavailable;
  struct str since, updated;
  keep_times(deploy_condition(r->deployment, "Available"), enough ? "True" : "False", now, &since,
             &updated);
  return deploy_condition_new(r->arena, "Available", enough,
                              enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                              enough ? STR("Deployment has minimum availability.")
                                     : STR("Deployment does not have minimum availability."),
                              since, updated);
}

static bool has_moved(const struct rollout *r, const struct totals *t) {
  const struct json *old = json_get(r->deployment, "status");
  int64_t updated = json_int(json_get(old, "updatedReplicas"), 0);
  int64_t pods = json_int(json_get(old, "replicas"), 0);
  return t->updated > updated || t->pods - t->updated < pods - updated ||
         t->ready > json_int(json_get(old, "readyReplicas"), 0) ||
         t->available > json_int(json_get(old, "availableReplicas"), 0) || r->created ||
         rollout_number(r->deployment, "status.observedGeneration", 0) != r->generation;
}

static bool is_complete(const struct rollout *r, const struct totals *t) {
  return r->fresh && t->updated == r->replicas && t->pods == r->replicas &&
         t->updated_available == r->replicas && t->available == r->replicas;
}

static struct json *progressing_condition(struct rollout *r, const struct totals *t,
                                          struct str now) {
  const struct json *old = deploy_condition(r->deployment, "Progressing");
  struct str reason = json_get_string(old, "reason"), since, updated;
  int64_t deadline_ms = rollout_number(r->deployment, "spec.progressDeadlineSeconds", 600) * 1000;
  if (is_complete(r, t)) {
    keep_times(old, "True", now, &since, &updated);
    if (!str_eq(reason, STR("NewReplicaSetAvailable")))
      updated = now;
    return deploy_condition_new(r->arena, "Progressing", true, "NewReplicaSetAvailable",
                                arena_printf(r->arena,
                                             "ReplicaSet \"%.*s\" has successfully progressed.",
                                             STR_ARG(r->fresh_name)),
                                since, updated);
  }
  bool same_version =
      rollout_number(r->deployment, "status.observedGeneration", 0) == r->generation;
  // A finished rollout stays finished when a pod restarts later.
  if (old && same_version && !r->created && str_eq(reason, STR("NewReplicaSetAvailable")))
    return json_dup(r->arena, old);
  int64_t last = 0;
  (void)time_parse(json_get_string(old, "lastUpdateTime"), &last);
  bool moved = !old || has_moved(r, t);
  if (!moved && !r->paused &&
      (str_eq(reason, STR("ProgressDeadlineExceeded")) || last + deadline_ms <= r->now_ms)) {
    keep_times(old, "False", now, &since, &updated);
    return deploy_condition_new(r->arena, "Progressing", false, "ProgressDeadlineExceeded",
                                arena_printf(r->arena,
                                             "ReplicaSet \"%.*s\" has timed out progressing.",
                                             STR_ARG(r->fresh_name)),
                                since, updated);
  }
  if (!r->paused)
    rollout_sooner(&r->due_ms, (moved ? r->now_ms : last) + deadline_ms);
  keep_times(old, "True", now, &since, &updated);
  return deploy_condition_new(r->arena, "Progressing", true,
                              r->created ? "NewReplicaSetCreated" : "ReplicaSetUpdated",
                              arena_printf(r->arena,
                                           r->created ? "Created new replica set \"%.*s\""
                                                      : "ReplicaSet \"%.*s\" is progressing.",
                                           STR_ARG(r->fresh_name)),
                              since, moved ? now : updated);
}

void deploy_status_plan(struct rollout *r) {
  struct arena *arena = r->arena;
  struct totals t = count_all(r);
  struct str now = time_format(arena, r->now_ms);
  int64_t unavailable = t.wanted - t.available;
  struct json *patch = json_new_object(arena), *status = json_need_object(arena, patch, "status");
  json_put_int(arena, status, "observedGeneration", r->generation);
  json_put_int(arena, status, "replicas", t.pods);
  json_put_int(arena, status, "updatedReplicas", t.updated);
  json_put_int(arena, status, "readyReplicas", t.ready);
  json_put_int(arena, status, "availableReplicas", t.available);
  json_put_int(arena, status, "unavailableReplicas", unavailable > 0 ? unavailable : 0);
  struct json *conditions = json_need_array(arena, status, "conditions");
  json_append(conditions, available_condition(r, &t, now));
  json_append(conditions, progressing_condition(r, &t, now));
  const struct json *old = json_get(r->deployment, "status");
  bool differs = false;
  JSON_EACH(item, status) {
    const struct json *before = json_get_s(old, item->key);
    // An absent number is 0 to everybody who reads it.
    bool both_zero = !before && json_is(item, JSON_INT) && item->integer == 0;
    differs |= !both_zero && !(before && json_equal(before, item));
  }
  if (differs)
    deploy_add(r->actions,
               (struct deploy_action){.verb = DEPLOY_STATUS,
                                      .kind = "Deployment",
                                      .ns = r->ns,
                                      .name = json_path_string(r->deployment, "metadata.name"),
                                      .body = patch});
}
