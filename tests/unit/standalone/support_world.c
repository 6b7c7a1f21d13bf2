// SPDX-License-Identifier: Apache-2.0
#include "support_world.h"
#include "manifests/text/json_patch.h"
#include "manifests/text/time.h"
#include "operator/standalone/deploy_rollout.h"
#include "operator/standalone/deploy_set.h"

#include <stdlib.h>
#include <string.h>

void world_init(struct world *world, uint64_t seed) {
  *world = (struct world){.now_ms = 1000000};
  arena_init(&world->arena);
  rng_init(&world->rng, seed);
}

void world_free(struct world *world) {
  arena_dispose(&world->arena);
}

struct json *world_parse(struct world *world, const char *text) {
  struct json *json = NULL;
  if (json_parse(str_of(text), &world->arena, &json, NULL) != RC_OK)
    abort();
  return json;
}

static struct json *change(const struct json *object) {
  return (struct json *)(uintptr_t)object;
}

static void store(struct world *world, struct json *object) {
  struct json *meta = json_get(object, "metadata");
  json_put_string(&world->arena, meta, "uid",
                  arena_printf(&world->arena, "u%lld", (long long)++world->uids));
  json_put_string(&world->arena, meta, "creationTimestamp",
                  time_format(&world->arena, world->now_ms));
  json_put_int(&world->arena, meta, "generation", 1);
}

void world_deploy(struct world *world, int64_t replicas, const char *version,
                  const char *strategy) {
  world->deployment = world_parse(
      world, arena_printf(
                 &world->arena,
                 "{\"metadata\":{\"name\":\"web\",\"namespace\":\"n\"},\"spec\":{\"replicas\":%lld,"
                 "\"strategy\":%s,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},"
                 "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{"
                 "\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}}}}",
                 (long long)replicas, strategy, version)
                 .ptr);
  store(world, world->deployment);
}

static void touch(struct world *world) {
  struct json *meta = json_get(world->deployment, "metadata");
  json_put_int(&world->arena, meta, "generation", json_int(json_get(meta, "generation"), 0) + 1);
}

void world_set_version(struct world *world, const char *version) {
  struct json *container = json_path(world->deployment, "spec.template.spec.containers.0");
  json_put_z(&world->arena, container, "image", version);
  touch(world);
}

void world_set_replicas(struct world *world, int64_t replicas) {
  json_put_int(&world->arena, json_get(world->deployment, "spec"), "replicas", replicas);
  touch(world);
}

static struct deploy_list *list_of(struct world *world, const char *kind) {
  return strcmp(kind, "Pod") == 0 ? &world->pods : &world->sets;
}

static void drop(struct deploy_list *list, size_t index) {
  memmove(&list->items[index], &list->items[index + 1],
          (list->count - index - 1) * sizeof *list->items);
  list->count--;
}

static void apply_to(struct world *world, const struct deploy_action *action) {
  struct deploy_list *list = list_of(world, action->kind);
  for (size_t i = 0; i < list->count; i++) {
    if (!str_eq(json_path_string(list->items[i], "metadata.name"), action->name))
      continue;
    if (action->verb == DEPLOY_DELETE && list == &world->pods)
      json_put_string(&world->arena, json_get(list->items[i], "metadata"), "deletionTimestamp",
                      time_format(&world->arena, world->now_ms));
    else if (action->verb == DEPLOY_DELETE)
      drop(list, i);
    else
      list->items[i] = json_merge_patch(&world->arena, list->items[i], action->body);
    return;
  }
}

void world_apply(struct world *world, const struct deploy_actions *actions) {
  for (size_t i = 0; i < actions->count; i++) {
    const struct deploy_action *action = &actions->items[i];
    if (action->verb == DEPLOY_EVENT)
      continue;
    if (action->verb == DEPLOY_CREATE) {
      struct json *object = json_dup(&world->arena, action->body);
      store(world, object);
      deploy_list_add(list_of(world, action->kind), &world->arena, object);
    } else if (strcmp(action->kind, "Deployment") == 0) {
      world->deployment = json_merge_patch(&world->arena, world->deployment, action->body);
    } else {
      apply_to(world, action);
    }
  }
}

void world_set_ready(struct world *world, const struct json *pod, bool ready) {
  struct json *status = json_need_object(&world->arena, change(pod), "status");
  json_put_z(&world->arena, status, "phase", "Running");
  struct json *condition = json_new_object(&world->arena);
  json_put_z(&world->arena, condition, "type", "Ready");
  json_put_z(&world->arena, condition, "status", ready ? "True" : "False");
  json_put_string(&world->arena, condition, "lastTransitionTime",
                  time_format(&world->arena, world->now_ms));
  struct json *list = json_new_array(&world->arena);
  json_append(list, condition);
  json_put(&world->arena, status, "conditions", list);
}

void world_reap(struct world *world) {
  for (size_t i = world->pods.count; i-- > 0;)
    if (deploy_is_deleting(world->pods.items[i]))
      drop(&world->pods, i);
}

static size_t writes_of(const struct deploy_actions *actions) {
  size_t writes = 0;
  for (size_t i = 0; i < actions->count; i++)
    writes += actions->items[i].verb != DEPLOY_EVENT;
  return writes;
}

size_t world_pass(struct world *world) {
  struct deploy_actions actions = {.arena = &world->arena};
  int64_t due;
  deploy_rollout_plan(world->deployment, &world->sets, &world->pods, world->now_ms, &actions, &due);
  size_t writes = writes_of(&actions);
  world_apply(world, &actions);
  for (size_t i = 0; i < world->sets.count; i++) {
    struct deploy_list own = {0};
    for (size_t k = 0; k < world->pods.count; k++)
      if (str_eq(deploy_controller(world->pods.items[k]), deploy_uid(world->sets.items[i])))
        deploy_list_add(&own, &world->arena, world->pods.items[k]);
    actions = (struct deploy_actions){.arena = &world->arena};
    deploy_set_plan(world->sets.items[i], &own, STR("node"), world->now_ms, &world->rng, &actions,
                    &due);
    writes += writes_of(&actions);
    world_apply(world, &actions);
  }
  return writes;
}

int64_t world_ready(const struct world *world) {
  int64_t ready = 0;
  for (size_t i = 0; i < world->pods.count; i++)
    ready +=
        deploy_pod_is_active(world->pods.items[i]) && deploy_pod_is_ready(world->pods.items[i]);
  return ready;
}

int64_t world_active(const struct world *world) {
  int64_t active = 0;
  for (size_t i = 0; i < world->pods.count; i++)
    active += deploy_pod_is_active(world->pods.items[i]);
  return active;
}

const struct json *world_newest_set(const struct world *world) {
  const struct json *newest = NULL;
  int64_t best = -1;
  for (size_t i = 0; i < world->sets.count; i++) {
    int64_t revision = 0;
    const struct json *annotations = json_path(world->sets.items[i], "metadata.annotations");
    (void)str_to_i64(json_get_string(annotations, DEPLOY_REVISION), &revision);
    if (revision > best) {
      best = revision;
      newest = world->sets.items[i];
    }
  }
  return newest;
}
