// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_set.h"

#include <stdlib.h>

static struct json *pod_new(const struct json *set, struct str node_name, struct rng *rng,
                            struct arena *arena) {
  const struct json *template_ = json_path(set, "spec.template");
  struct json *pod = json_new_object(arena);
  json_put_z(arena, pod, "apiVersion", "v1");
  json_put_z(arena, pod, "kind", "Pod");
  struct json *meta = json_need_object(arena, pod, "metadata");
  struct str suffix = deploy_suffix(rng, arena);
  json_put_string(arena, meta, "name",
                  arena_printf(arena, "%.*s-%.*s", STR_ARG(json_path_string(set, "metadata.name")),
                               STR_ARG(suffix)));
  json_put_string(arena, meta, "namespace", json_path_string(set, "metadata.namespace"));
  const struct json *labels = json_path(template_, "metadata.labels");
  const struct json *annotations = json_path(template_, "metadata.annotations");
  if (labels)
    json_put(arena, meta, "labels", json_dup(arena, labels));
  if (annotations)
    json_put(arena, meta, "annotations", json_dup(arena, annotations));
  json_put(arena, meta, "ownerReferences", deploy_owner(arena, set, "apps/v1", "ReplicaSet"));
  struct json *spec = json_dup(arena, json_get(template_, "spec"));
  json_put_string(arena, spec, "nodeName", node_name);
  json_put(arena, pod, "spec", spec);
  return pod;
}

static int64_t restarts_of(const struct json *pod) {
  int64_t restarts = 0;
  JSON_EACH(item, json_path(pod, "status.containerStatuses"))
    restarts += json_int(json_get(item, "restartCount"), 0);
  return restarts;
}

// Which of two goes first.
static int surplus_order(const void *a, const void *b) {
  const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
  int ready = (int)deploy_pod_is_ready(x) - (int)deploy_pod_is_ready(y);
  if (ready != 0)
    return ready;
  int64_t rx = restarts_of(x), ry = restarts_of(y);
  if (rx != ry)
    return rx > ry ? -1 : 1;
  int age = str_cmp(json_path_string(y, "metadata.creationTimestamp"),
                    json_path_string(x, "metadata.creationTimestamp"));
  return age != 0
             ? age
             : str_cmp(json_path_string(y, "metadata.name"), json_path_string(x, "metadata.name"));
}

static void plan_pods(const struct json *set, struct deploy_list *active, struct str node_name,
                      struct rng *rng, struct deploy_actions *actions) {
  struct arena *arena = actions->arena;
  int64_t wanted = json_int(json_path(set, "spec.replicas"), 1);
  int64_t have = (int64_t)active->count;
  struct str ns = json_path_string(set, "metadata.namespace");
  for (int64_t i = have; i < wanted && i < have + DEPLOY_BURST; i++) {
    struct json *pod = pod_new(set, node_name, rng, arena);
    struct str name = json_path_string(pod, "metadata.name");
    deploy_add(actions,
               (struct deploy_action){
                   .verb = DEPLOY_CREATE, .kind = "Pod", .ns = ns, .name = name, .body = pod});
    deploy_event(actions, "ReplicaSet", set, false, "SuccessfulCreate",
                 arena_printf(arena, "Created pod: %.*s", STR_ARG(name)));
  }
  if (have <= wanted)
    return;
  qsort(active->items, active->count, sizeof *active->items, surplus_order);
  for (int64_t i = 0; i < have - wanted && i < DEPLOY_BURST; i++) {
    struct str name = json_path_string(active->items[i], "metadata.name");
    deploy_add(actions, (struct deploy_action){
                            .verb = DEPLOY_DELETE, .kind = "Pod", .ns = ns, .name = name});
    deploy_event(actions, "ReplicaSet", set, false, "SuccessfulDelete",
                 arena_printf(arena, "Deleted pod: %.*s", STR_ARG(name)));
  }
}

static void plan_status(const struct json *set, const struct deploy_list *active, int64_t ready,
                        int64_t available, struct deploy_actions *actions) {
  struct arena *arena = actions->arena;
  const struct {
    const char *name;
    int64_t value;
  } fields[] = {
      {"replicas", (int64_t)active->count},
      {"fullyLabeledReplicas", (int64_t)active->count},
      {"readyReplicas", ready},
      {"availableReplicas", available},
      {"observedGeneration", json_int(json_path(set, "metadata.generation"), 0)},
  };
  struct json *patch = json_new_object(arena), *status = json_need_object(arena, patch, "status");
  bool differs = false;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const struct json *now = json_get(json_get(set, "status"), fields[i].name);
    differs |= json_int(now, -1) != fields[i].value;
    json_put_int(arena, status, fields[i].name, fields[i].value);
  }
  if (differs)
    deploy_add(actions, (struct deploy_action){.verb = DEPLOY_STATUS,
                                               .kind = "ReplicaSet",
                                               .ns = json_path_string(set, "metadata.namespace"),
                                               .name = json_path_string(set, "metadata.name"),
                                               .body = patch});
}

void deploy_set_plan(const struct json *set, const struct deploy_list *pods, struct str node_name,
                     int64_t now_ms, struct rng *rng, struct deploy_actions *actions,
                     int64_t *ret_due_ms) {
  *ret_due_ms = -1;
  if (deploy_is_deleting(set))
    return;
  struct deploy_list active = {0};
  int64_t ready = 0, available = 0;
  int64_t min_ready_s = json_int(json_path(set, "spec.minReadySeconds"), 0);
  for (size_t i = 0; i < pods->count; i++) {
    const struct json *pod = pods->items[i];
    if (!deploy_pod_is_active(pod))
      continue;
    int64_t due;
    deploy_list_add(&active, actions->arena, pod);
    ready += deploy_pod_is_ready(pod);
    available += deploy_pod_is_available(pod, min_ready_s, now_ms, &due);
    if (due >= 0 && (*ret_due_ms < 0 || due < *ret_due_ms))
      *ret_due_ms = due;
  }
  plan_status(set, &active, ready, available, actions);
  plan_pods(set, &active, node_name, rng, actions);
}
