// SPDX-License-Identifier: Apache-2.0
// One pass over one Rollout: snapshot, plan, actions in order. A failed action ends the pass; the
// next one starts from what the API server then says.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/effect/controller_parts.h"

#include <stdlib.h>

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000 // traffic may have to be taken away: never wait long
#define AWAIT_MAX_MS 3000   // for our own write to come back through the watch

enum target { ON_SERVICE, ON_ROLLOUT, ON_DEPLOYMENT, ON_RULE, ON_ACTION, ON_EVENT };

static const struct kube_resource events = {"", "v1", "Event", "events", true};

// How each action becomes a request.
static const struct {
  enum target target;
  enum kube_verb verb;
  enum kube_patch patch;
  const char *subresource;
  int also_fine; // a refusal that means it is done already
} requests[] = {
    [PLAN_LOWER_ROUTE] = {ON_SERVICE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_FINALIZER] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, 0},
    [PLAN_CREATE_DEPLOYMENT] = {ON_DEPLOYMENT, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_PATCH_RULE] = {ON_RULE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_SCALE_UP] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, 0},
    [PLAN_PATCH_ROUTE] = {ON_SERVICE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_PATCH_SPEC] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_STATUS] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, "status", 0},
    [PLAN_EVENT] = {ON_EVENT, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_ANSWER] = {ON_ACTION, KUBE_PATCH, KUBE_PATCH_MERGE, "status", RC_NOT_FOUND},
    [PLAN_SCALE_DOWN] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_DELETE_DEPLOYMENT] = {ON_DEPLOYMENT, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_CLEAN_RULE] = {ON_RULE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, RC_NOT_FOUND},
    [PLAN_DELETE_ACTION] = {ON_ACTION, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_RELEASE_FINALIZER] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
};

static const struct kube_resource *resource_of(const struct controller *controller,
                                               enum target target) {
  switch (target) {
  case ON_SERVICE: return &controller->resources[WATCH_SERVICES];
  case ON_ROLLOUT: return &controller->resources[WATCH_ROLLOUTS];
  case ON_DEPLOYMENT: return &controller->resources[WATCH_DEPLOYMENTS];
  case ON_RULE: return &controller->resources[WATCH_RULES];
  case ON_ACTION: return &controller->resources[WATCH_ACTIONS];
  case ON_EVENT: return &events;
  }
  return NULL;
}

static void next_action(struct release *release);

static void end_pass(struct release *release, int rc) {
  struct controller *controller = release->controller;
  int64_t delay_ms = release->plan.requeue_after_ms;
  controller->counters.pass_seconds += (double)(clock_mono_us() - release->pass_began_us) / 1e6;
  controller->counters.passes++;
  release->running = false;
  if (rc != RC_OK) {
    controller->counters.failed_passes++;
    int shift = release->failures < 7 ? release->failures : 7;
    delay_ms = (int64_t)BACKOFF_MIN_MS << shift;
    delay_ms = delay_ms < BACKOFF_MAX_MS ? delay_ms : BACKOFF_MAX_MS;
    release->failures++;
  } else {
    release->failures = 0;
    release->looked = true;
  }
  if (release->again && rc == RC_OK)
    delay_ms = 0;
  release->again = false;
  arena_reset(&release->pass);
  release->plan = (struct plan){0};
  if (release->gone)
    release_settle(release);
  else if (delay_ms != PLAN_NEVER)
    release_due(release, delay_ms);
}

static void await_revision(struct release *release, struct str *awaited, struct str revision) {
  xfree((void *)(uintptr_t)awaited->ptr);
  *awaited = (struct str){xmemdup(revision.ptr, revision.len), revision.len};
  release->awaited_since_ms = clock_mono_ms();
}

static void on_action_done(struct kube_op *op, const struct kube_reply *reply) {
  struct release *release = container_of(op, struct release, op);
  struct controller *controller = release->controller;
  const struct plan_action *action = &release->plan.actions[release->at];
  controller->counters.actions[action->kind]++;
  bool fine = reply->rc == RC_OK ||
              (requests[action->kind].also_fine && reply->rc == requests[action->kind].also_fine);
  // Events tell people; a server that refuses one must not stop a release.
  if (!fine && action->kind != PLAN_EVENT) {
    controller->counters.api_errors += reply->rc != RC_CONFLICT;
    LOG(reply->rc == RC_CONFLICT ? LOG_DEBUG : LOG_WARN, "action failed, planning again",
        LOG_S("rollout", release->key), LOG_Z("action", plan_action_text(action->kind)),
        LOG_S("object", action->name), LOG_Z("error", reply->err ? reply->err->msg : ""));
    end_pass(release, reply->rc);
    return;
  }
  if (requests[action->kind].target == ON_ROLLOUT && reply->rc == RC_OK)
    await_revision(release, &release->awaited_revision, kube_revision(reply->object));
  if (requests[action->kind].target == ON_SERVICE && reply->rc == RC_OK)
    await_revision(release, &release->awaited_route, kube_revision(reply->object));
  if (action->kind != PLAN_STATUS && action->kind != PLAN_EVENT)
    LOG(LOG_INFO, plan_action_text(action->kind), LOG_S("rollout", release->key),
        LOG_S("object", action->name), LOG_S("why", action->why));
  release->at++;
  next_action(release);
}

static void next_action(struct release *release) {
  struct controller *controller = release->controller;
  if (release->at == release->plan.count || controller->closing || !controller->leading) {
    end_pass(release, RC_OK);
    return;
  }
  const struct plan_action *action = &release->plan.actions[release->at];
  struct err err = {0};
  struct kube_request request = {.verb = requests[action->kind].verb,
                                 .resource = resource_of(controller, requests[action->kind].target),
                                 .ns = release->ns,
                                 .name = requests[action->kind].target == ON_ROLLOUT ? release->name
                                                                                     : action->name,
                                 .subresource = requests[action->kind].subresource,
                                 .patch = requests[action->kind].patch,
                                 .body = action->body,
                                 .field_manager = FIELD_MANAGER};
  int rc = kube_start(controller->options.kube, &request, &release->op, on_action_done, &err);
  if (rc == RC_OK)
    return;
  LOG(LOG_ERROR, "action cannot be asked for", LOG_S("rollout", release->key),
      LOG_Z("error", err.msg));
  end_pass(release, rc);
}

// The plan may point into cached objects, which the next event frees.
static void keep_plan(struct release *release, const struct plan *plan) {
  release->plan = *plan;
  release->plan.status = NULL;
  release->plan.actions = ARENA_ARRAY(&release->pass, struct plan_action, plan->count + 1);
  for (size_t i = 0; i < plan->count; i++) {
    struct plan_action *action = &release->plan.actions[i];
    *action = plan->actions[i];
    action->name = arena_str(&release->pass, action->name);
    action->why = arena_str(&release->pass, action->why);
    action->body = action->body ? json_dup(&release->pass, action->body) : NULL;
  }
}

static bool is_behind(struct str cached, struct str written) {
  uint64_t a, b;
  return str_to_u64(cached, &a) && str_to_u64(written, &b) && a < b;
}

// Planning from a Rollout or a route that is older than our last write would give conflicts, and
// take our own write for somebody else's.
static bool is_stale(const struct release *release, const struct json *rollout) {
  const struct json *route =
      kube_watch_get(release->controller->watches[WATCH_SERVICES], release->ns,
                     json_path_string(rollout, "spec.traffic.virtualService.name"));
  bool behind = is_behind(kube_revision(rollout), release->awaited_revision) ||
                is_behind(kube_revision(route), release->awaited_route);
  return behind && clock_mono_ms() - release->awaited_since_ms < AWAIT_MAX_MS;
}

void release_plan(struct release *release) {
  struct controller *controller = release->controller;
  if (release->running) {
    release->again = true;
    return;
  }
  if (controller->closing || release->gone || !controller->leading ||
      !controller_is_synced(controller))
    return; // leadership and the last sync wake everything
  const struct json *rollout =
      kube_watch_get(controller->watches[WATCH_ROLLOUTS], release->ns, release->name);
  if (!rollout)
    return;
  if (is_stale(release, rollout)) {
    release_due(release, AWAIT_MAX_MS);
    return;
  }
  struct snapshot_input input;
  struct snapshot snapshot;
  arena_reset(&release->pass);
  release->pass_began_us = clock_mono_us();
  controller_snapshot(release, rollout, &release->pass, &input);
  snapshot_build(&input, &release->pass, &snapshot);
  metric_query_consider(release, snapshot.rollout);
  keep_plan(release, plan_rollout(&snapshot, &release->pass));
  release->running = true;
  release->at = 0;
  LOG(LOG_DEBUG, "planned", LOG_S("rollout", release->key),
      LOG_I("actions", (int64_t)release->plan.count), LOG_S("reason", release->plan.reason));
  next_action(release);
}
