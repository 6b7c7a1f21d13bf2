// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_pass.h"
#include "manifests/base/clock.h"
#include "operator/standalone/deploy_rollout.h"
#include "operator/standalone/deploy_scrape.h"
#include "operator/standalone/deploy_set.h"
#include "operator/standalone/deploy_slice.h"
#include "operator/standalone/runtime_event.h"
#include "operator/standalone/runtime_pod.h"
#include "operator/standalone/runtime_write.h"
#include "operator/standalone/shim_file.h"

#include <string.h>
#include <unistd.h>

// Objects by what they belong to, for one pass.
struct index {
  struct arena *arena;
  struct map sets;   // Deployment uid -> struct deploy_list
  struct map pods;   // ReplicaSet uid -> struct deploy_list
  struct map spaces; // namespace -> all its pods
  struct map slices; // ns/service -> struct deploy_list
};

static void index_add(struct index *index, struct map *map, struct str key,
                      const struct json *object) {
  if (str_is_empty(key))
    return;
  struct deploy_list *list = map_get(map, key);
  if (!list) {
    list = ARENA_NEW(index->arena, struct deploy_list);
    (void)map_put(map, key, list);
  }
  deploy_list_add(list, index->arena, object);
}

static const struct deploy_list *index_get(const struct map *map, struct str key) {
  static const struct deploy_list none = {0};
  const struct deploy_list *list = map_get(map, key);
  return list ? list : &none;
}

static struct str service_key(struct arena *arena, struct str ns, struct str name) {
  return arena_printf(arena, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
}

static void index_make(struct index *index, struct runtime *runtime) {
  index->arena = &runtime->pass_arena;
  map_init(&index->sets);
  map_init(&index->pods);
  map_init(&index->spaces);
  map_init(&index->slices);
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_REPLICA_SET]);
  while (kube_watch_each(&it))
    index_add(index, &index->sets, deploy_controller(it.object), it.object);
  it = kube_watch_begin(runtime->watches[RUNTIME_POD]);
  while (kube_watch_each(&it)) {
    index_add(index, &index->pods, deploy_controller(it.object), it.object);
    index_add(index, &index->spaces, kube_namespace(it.object), it.object);
  }
  it = kube_watch_begin(runtime->watches[RUNTIME_SLICE]);
  while (kube_watch_each(&it)) {
    const struct json *labels = json_path(it.object, "metadata.labels");
    if (str_eq(json_get_string(labels, "endpointslice.kubernetes.io/managed-by"),
               STR(DEPLOY_SLICE_MANAGER)))
      index_add(index, &index->slices,
                service_key(index->arena, kube_namespace(it.object),
                            json_get_string(labels, "kubernetes.io/service-name")),
                it.object);
  }
}

static void index_dispose(struct index *index) {
  map_dispose(&index->sets);
  map_dispose(&index->pods);
  map_dispose(&index->spaces);
  map_dispose(&index->slices);
}

static void perform(struct runtime *runtime, struct str owner, const struct json *object,
                    const char *api_version, const struct deploy_actions *actions) {
  for (size_t i = 0; i < actions->count; i++) {
    const struct deploy_action *action = &actions->items[i];
    if (action->verb == DEPLOY_EVENT)
      event_write(runtime, api_version, action->kind, object, NULL, action->warning, action->reason,
                  action->message);
    else
      write_start(runtime, owner, action);
  }
}

static void sooner(int64_t *due, int64_t at) {
  if (at >= 0 && (*due < 0 || at < *due))
    *due = at;
}

static struct str owner_key(struct arena *arena, const char *kind, const struct json *object) {
  return arena_printf(arena, "%s/%.*s", kind, STR_ARG(kube_uid(object)));
}

static void plan_deployments(struct runtime *runtime, struct index *index, int64_t now_ms,
                             int64_t *due_ms) {
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_DEPLOYMENT]);
  while (kube_watch_each(&it)) {
    struct str owner = owner_key(index->arena, "Deployment", it.object);
    if (!write_is_settled(runtime, owner))
      continue;
    struct deploy_actions actions = {.arena = index->arena};
    const struct deploy_list *sets = index_get(&index->sets, kube_uid(it.object));
    struct deploy_list pods = {0};
    for (size_t i = 0; i < sets->count; i++) {
      const struct deploy_list *own = index_get(&index->pods, kube_uid(sets->items[i]));
      for (size_t k = 0; k < own->count; k++)
        deploy_list_add(&pods, index->arena, own->items[k]);
    }
    int64_t due;
    deploy_rollout_plan(it.object, sets, &pods, now_ms, &actions, &due);
    sooner(due_ms, due);
    perform(runtime, owner, it.object, "apps/v1", &actions);
  }
}

static void plan_sets(struct runtime *runtime, struct index *index, int64_t now_ms,
                      int64_t *due_ms) {
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_REPLICA_SET]);
  while (kube_watch_each(&it)) {
    struct str owner = owner_key(index->arena, "ReplicaSet", it.object);
    if (!write_is_settled(runtime, owner))
      continue;
    struct deploy_actions actions = {.arena = index->arena};
    int64_t due;
    deploy_set_plan(it.object, index_get(&index->pods, kube_uid(it.object)), runtime->node_name,
                    now_ms, &runtime->rng, &actions, &due);
    sooner(due_ms, due);
    perform(runtime, owner, it.object, "apps/v1", &actions);
  }
}

static void plan_slices(struct runtime *runtime, struct index *index) {
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_SERVICE]);
  while (kube_watch_each(&it)) {
    struct str owner = owner_key(index->arena, "Service", it.object);
    if (!write_is_settled(runtime, owner))
      continue;
    struct deploy_actions actions = {.arena = index->arena};
    struct str key = service_key(index->arena, kube_namespace(it.object), kube_name(it.object));
    deploy_slice_plan(it.object, index_get(&index->spaces, kube_namespace(it.object)),
                      index_get(&index->slices, key),
                      kube_watch_get_key(runtime->watches[RUNTIME_ENDPOINTS], key), &actions);
    perform(runtime, owner, it.object, "v1", &actions);
  }
}

// DATA/prometheus/pods.json, which Prometheus watches by itself; written only when it says
// something else.
static void write_targets(struct runtime *runtime, struct index *index) {
  struct deploy_list pods = {0};
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_POD]);
  while (kube_watch_each(&it))
    deploy_list_add(&pods, index->arena, it.object);
  struct json *targets = deploy_scrape_write(&pods, index->arena);
  struct str hash = deploy_hash(targets, index->arena);
  const char *folder = shim_file_join(index->arena, runtime->data, STR("prometheus"));
  if (str_eq_z(hash, runtime->targets_hash) || access(folder, F_OK) != 0)
    return; // without a folder nobody is there to read it
  if (shim_file_write_json(shim_file_join(index->arena, folder, STR("pods.json")), targets, NULL) ==
      RC_OK)
    memcpy(runtime->targets_hash, hash.ptr, hash.len + 1);
}

static void need_workers(struct runtime *runtime) {
  struct map_iter mine = map_begin(&runtime->pods);
  while (map_each(&mine)) {
    struct runtime_pod *pod = mine.value;
    const struct json *object = kube_watch_get_key(runtime->watches[RUNTIME_POD], pod->key);
    bool same = object && str_eq(kube_uid(object), pod->pod->metadata.uid);
    runtime_pod_update(pod, same ? object : NULL);
  }
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_POD]);
  while (kube_watch_each(&it)) {
    struct str phase = json_path_string(it.object, "status.phase");
    bool ended = str_eq(phase, STR("Failed")) || str_eq(phase, STR("Succeeded"));
    const char *folder =
        shim_file_join(&runtime->pass_arena, runtime->pods_dir, kube_uid(it.object));
    // A pod that has ended is never started again; its folder is looked after until it is deleted.
    if (map_get(&runtime->pods, kube_uid(it.object)) || (ended && access(folder, F_OK) != 0))
      continue;
    (void)runtime_pod_new(runtime, it.object);
  }
}

void pass_run(struct runtime *runtime) {
  if (!runtime->ready || runtime->stopping)
    return;
  need_workers(runtime);
  struct index index;
  index_make(&index, runtime);
  int64_t now_ms = clock_wall_ms(), due_ms = -1;
  plan_slices(runtime, &index); // first: it takes leaving pods out of the traffic
  plan_deployments(runtime, &index, now_ms, &due_ms);
  plan_sets(runtime, &index, now_ms, &due_ms);
  write_targets(runtime, &index);
  index_dispose(&index);
  arena_reset(&runtime->pass_arena);
  if (due_ms >= 0)
    runtime_wake_in(runtime, due_ms > now_ms ? due_ms - now_ms : 0);
}
