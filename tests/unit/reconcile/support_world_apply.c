// SPDX-License-Identifier: Apache-2.0
// Doing what a plan says, and letting time pass.
#include "support_world_parts.h"
#include "manifests/text/json_patch.h"

#include <stdio.h>

// --- applying ---

static bool merge(struct world *world, struct json *object, const struct json *patch) {
  struct str revision = json_path_string(patch, "metadata.resourceVersion");
  if (!str_is_empty(revision) &&
      !str_eq(revision, json_path_string(object, "metadata.resourceVersion")))
    return false;
  struct json *merged = json_merge_patch(world->arena, object, patch);
  object->child = merged->child;
  object->last = merged->last;
  object->count = merged->count;
  world_touch(world, object);
  return true;
}

static bool patch(struct world *world, struct json *object, const struct json *ops) {
  struct json *copy = json_dup(world->arena, object);
  if (json_patch_apply(world->arena, &copy, ops, NULL) != RC_OK)
    return false;
  object->child = copy->child;
  object->last = copy->last;
  object->count = copy->count;
  world_touch(world, object);
  return true;
}

// As the CRD of an HTTPRoute has it.
static void fill_in(struct world *world) {
  JSON_EACH(item, world->gateway ? world_destinations(world) : NULL) {
    if (!json_get(item, "weight"))
      json_put_int(world->arena, item, "weight", 1);
  }
}

static bool patch_route(struct world *world, const struct json *ops) {
  struct str before = world_untouched(world);
  if (!patch(world, world->service, ops))
    return false;
  world_generation(world, world->service);
  fill_in(world);
  if (!str_eq(before, world_untouched(world)))
    world_broken(world, "promise 1: something else changed in the VirtualService");
  world->foreign_bare = false;
  world_check_weight(world);
  world_check_bare(world);
  return true;
}

static bool patch_rule(struct world *world, const struct json *ops) {
  struct str before = world_untouched(world);
  if (!patch(world, world->rule, ops))
    return false;
  if (!str_eq(before, world_untouched(world)))
    world_broken(world, "promise 1: something else changed in the DestinationRule");
  return true;
}

static struct json *service_find(struct world *world, struct str name, bool take) {
  for (size_t i = 0; i < world->services_count; i++)
    if (str_eq(json_path_string(world->services[i], "metadata.name"), name)) {
      struct json *found = world->services[i];
      if (take)
        world->services[i] = world->services[--world->services_count];
      return found;
    }
  return NULL;
}

static bool create_service(struct world *world, const struct plan_action *action) {
  if (service_find(world, action->name, false) || world->services_count == WORLD_MAX)
    return false;
  if (!str_starts(action->name, STR("agent-")))
    world_broken(world, "promise 1: Service %s is made", action->name.ptr);
  struct json *service = json_dup(world->arena, action->body);
  world_touch(world, service);
  world->services[world->services_count++] = service;
  return true;
}

static bool delete_service(struct world *world, struct str name) {
  if (!str_starts(name, STR("agent-")))
    world_broken(world, "promise 1: Service %s is deleted", name.ptr);
  if (world_share(world, name.ptr) > 0)
    world_broken(world, "promise 4: Service %s goes with traffic", name.ptr);
  return service_find(world, name, true) != NULL;
}

// The Deployment is let go, or its template is another.
static bool change_original(struct world *world, const struct plan_action *action) {
  struct json *d = world_deployment(world, action->name);
  bool was_paused = d && json_is_true(json_path(d, "spec.paused"));
  if (!d)
    return false;
  if (action->kind == PLAN_PATCH_WORKLOAD) {
    if (!patch(world, d, action->body))
      return false;
  } else {
    struct str revision = json_path_string(action->body, "metadata.resourceVersion");
    struct json *body = json_dup(world->arena, action->body);
    if (!str_eq(revision, json_path_string(d, "metadata.resourceVersion")))
      return false;
    json_remove(json_get(body, "metadata"), STR("resourceVersion"));
    (void)merge(world, d, body);
  }
  if (was_paused && !json_is_true(json_path(d, "spec.paused")))
    world_check_roll(world, d);
  world_generation(world, d);
  return true;
}

static bool pause_original(struct world *world, const struct plan_action *action) {
  struct json *d = world_deployment(world, action->name);
  if (!d)
    return false;
  struct json *before = json_get(d, "spec");
  (void)json_remove(before, STR("paused"));
  world_generation(world, d);
  bool done = merge(world, d, action->body);
  struct json *after = json_dup(world->arena, json_get(d, "spec"));
  (void)json_remove(after, STR("paused"));
  if (!json_equal(before, after))
    world_broken(world, "promise 1: a pause changes more of the Deployment");
  return done;
}

static bool scale(struct world *world, const struct plan_action *action, bool down) {
  struct json *d = world_deployment(world, action->name);
  if (!d)
    return false;
  if (down)
    world_check_down(world, action->name);
  struct json *metadata = json_get(d, "metadata");
  json_put_int(world->arena, metadata, "generation",
               json_int(json_get(metadata, "generation"), 0) + 1);
  return merge(world, d, action->body);
}

static bool create(struct world *world, const struct plan_action *action) {
  if (world_deployment(world, action->name) || world->deployments_count == WORLD_MAX)
    return false;
  struct json *d = json_dup(world->arena, action->body);
  json_put_int(world->arena, json_get(d, "metadata"), "generation", 1);
  world_touch(world, d);
  world->deployments[world->deployments_count++] = d;
  return true;
}

static bool delete (struct world *world, struct str name) {
  const struct json *d = world_deployment(world, name);
  world_check_down(world, name);
  if (d && world_names_versions(world) &&
      !json_get_s(json_path(d, "metadata.labels"), STR(ROLLOUT_OWNER_LABEL)))
    world_broken(world, "promise 1: Deployment %s, which is not ours, is deleted", name.ptr);
  for (size_t i = 0; i < world->deployments_count; i++)
    if (str_eq(json_path_string(world->deployments[i], "metadata.name"), name)) {
      world->deployments[i] = world->deployments[--world->deployments_count];
      return true;
    }
  return true;
}

static struct json *action_find(struct world *world, struct str name, bool take) {
  for (size_t i = 0; i < world->actions_count; i++)
    if (str_eq(json_path_string(world->actions[i], "metadata.name"), name)) {
      struct json *found = world->actions[i];
      if (take)
        world->actions[i] = world->actions[--world->actions_count];
      return found;
    }
  return NULL;
}

static bool event(struct world *world, const struct plan_action *action) {
  for (size_t i = 0; i < world->events; i++)
    if (str_eq(world->event_names[i], action->name))
      return true; // there already: fine
  if (world->events < 512)
    world->event_names[world->events++] = arena_str(world->arena, action->name);
  world->last_event = arena_str(world->arena, json_get_string(action->body, "reason"));
  return true;
}

static bool status(struct world *world, const struct json *body) {
  const struct json *before = json_get(world->rollout, "status");
  if (!merge(world, world->rollout, body))
    return false;
  world->writes++;
  world_check_status(world, before);
  return true;
}

static bool finalizer(struct world *world, const struct json *body) {
  if (!merge(world, world->rollout, body))
    return false;
  bool deleting = json_path(world->rollout, "metadata.deletionTimestamp") != NULL;
  world->gone = deleting && json_path(world->rollout, "metadata.finalizers")->count == 0;
  return true;
}

static bool answer(struct world *world, const struct plan_action *action) {
  struct json *found = action_find(world, action->name, false);
  if (found && json_get(found, "status"))
    world_broken(world, "an action was answered twice");
  return found && merge(world, found, action->body);
}

static bool apply(struct world *world, const struct plan_action *action) {
  switch (action->kind) {
  case PLAN_LOWER_ROUTE:
  case PLAN_PATCH_ROUTE: return patch_route(world, action->body);
  case PLAN_PATCH_RULE:
  case PLAN_CLEAN_RULE: return patch_rule(world, action->body);
  case PLAN_FINALIZER:
  case PLAN_RELEASE_FINALIZER: return finalizer(world, action->body);
  case PLAN_COPY_CONTENT: return world_copy_content(world, action);
  case PLAN_DELETE_CONTENT: return world_delete_content(world, action);
  case PLAN_CREATE_DEPLOYMENT: return create(world, action);
  case PLAN_PAUSE: return pause_original(world, action);
  case PLAN_PATCH_WORKLOAD:
  case PLAN_UNPAUSE: return change_original(world, action);
  case PLAN_SCALE_UP: return scale(world, action, false);
  case PLAN_SCALE_DOWN: return scale(world, action, true);
  case PLAN_DELETE_DEPLOYMENT: return delete (world, action->name);
  case PLAN_PATCH_SPEC: {
    bool done = patch(world, world->rollout, action->body);
    world_spec_changed(world);
    return done;
  }
  case PLAN_STATUS: return status(world, action->body);
  case PLAN_EVENT: return event(world, action);
  case PLAN_ANSWER: return answer(world, action);
  case PLAN_CREATE_SERVICE: return create_service(world, action);
  case PLAN_PATCH_SERVICE: {
    struct json *found = service_find(world, action->name, false);
    return found && merge(world, found, action->body);
  }
  case PLAN_DELETE_SERVICE: return delete_service(world, action->name);
  case PLAN_ACTION_COUNT: break;
  case PLAN_DELETE_ACTION: return action_find(world, action->name, true) != NULL;
  }
  return false;
}

size_t world_apply(struct world *world, const struct plan *plan, size_t count) {
  size_t done = 0;
  while (done < plan->count && done < count && apply(world, &plan->actions[done]))
    done++;
  return done;
}

size_t world_step(struct world *world, bool crash) {
  struct arena arena;
  arena_init(&arena);
  struct plan *plan = world_plan(world, &arena);
  size_t count = crash ? rng_below(&world->rng, plan->count + 1) : plan->count;
  world->first_look = crash && count < plan->count;
  (void)world_apply(world, plan, count);
  size_t planned = plan->count;
  arena_dispose(&arena);
  return planned;
}

void world_settle(struct world *world) {
  char last[256] = "";
  for (int i = 0; i < 60 && !world->gone; i++) {
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    size_t count = plan->count;
    size_t done = world_apply(world, plan, count);
    world->first_look &= done < count;
    if (count > 0)
      (void)snprintf(last, sizeof(last), "%s (%s), did %zu of %zu",
                     plan_action_text(plan->actions[0].kind),
                     plan->actions[0].why.ptr ? plan->actions[0].why.ptr : "", done, count);
    arena_dispose(&arena);
    if (count == 0)
      return;
  }
  if (!world->gone)
    world_broken(world, "60 plans in a row had something to do, at phase %s: %s",
                 world_phase(world).ptr, last);
}

void world_run(struct world *world, const char *phase, int64_t limit_ms, bool crash) {
  int64_t end = world->now_ms + limit_ms;
  for (int i = 0;
       i < 4000 && world->now_ms < end && !world->gone && !str_eq_z(world_phase(world), phase);
       i++) {
    struct arena arena;
    arena_init(&arena);
    struct plan *plan = world_plan(world, &arena);
    size_t some =
        crash && rng_below(&world->rng, 2) ? rng_below(&world->rng, plan->count + 1) : plan->count;
    bool did_all = world_apply(world, plan, some) == plan->count;
    world->first_look = crash && !did_all; // a new process looks at it for the first time
    int64_t wait = plan->requeue_after_ms == PLAN_NEVER ? 5 * MINUTE : plan->requeue_after_ms;
    if (did_all && plan->count == 0)
      world->now_ms += wait > 5000 ? 5000 : wait > 0 ? wait : 1;
    else
      world->now_ms += 1;
    arena_dispose(&arena);
    world_ready(world);
    if (world->broken[0])
      return;
  }
}
