// SPDX-License-Identifier: Apache-2.0
// One pass over one Rollout: snapshot, plan, actions in order. A failed action ends the pass; the
// next one starts from what the API server then says.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/kinds/grpc_route.h"
#include "manifests/kinds/http_route.h"
#include "operator/effect/controller_parts.h"

#include <stdlib.h>

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000 // traffic may have to be taken away: never wait long
#define AWAIT_MAX_MS 3000   // for our own write to come back through the watch
#define REPEAT_MS 60000     // the same failure is logged once in that time

enum target {
  ON_ROUTE,
  ON_SERVICE,
  ON_ROLLOUT,
  ON_DEPLOYMENT,
  ON_RULE,
  ON_ACTION,
  ON_EVENT,
  ON_CONTENT
};

static const struct kube_resource events = {"", "v1", "Event", "events", true};

// How each action becomes a request.
static const struct {
  enum target target;
  enum kube_verb verb;
  enum kube_patch patch;
  const char *subresource;
  int also_fine; // a refusal that means it is done already
} requests[] = {
    [PLAN_LOWER_ROUTE] = {ON_ROUTE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_PAUSE] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_FINALIZER] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, 0},
    [PLAN_COPY_CONTENT] = {ON_CONTENT, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_DELETE_CONTENT] = {ON_CONTENT, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_CREATE_DEPLOYMENT] = {ON_DEPLOYMENT, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_CREATE_SERVICE] = {ON_SERVICE, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_PATCH_SERVICE] = {ON_SERVICE, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, 0},
    [PLAN_PATCH_RULE] = {ON_RULE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_SCALE_UP] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, 0},
    [PLAN_PATCH_ROUTE] = {ON_ROUTE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_PATCH_SPEC] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_STATUS] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, "status", 0},
    [PLAN_EVENT] = {ON_EVENT, KUBE_CREATE, KUBE_PATCH_MERGE, NULL, RC_EXISTS},
    [PLAN_ANSWER] = {ON_ACTION, KUBE_PATCH, KUBE_PATCH_MERGE, "status", RC_NOT_FOUND},
    [PLAN_PATCH_WORKLOAD] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_JSON, NULL, 0},
    [PLAN_UNPAUSE] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_SCALE_DOWN] = {ON_DEPLOYMENT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_DELETE_DEPLOYMENT] = {ON_DEPLOYMENT, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_CLEAN_RULE] = {ON_RULE, KUBE_PATCH, KUBE_PATCH_JSON, NULL, RC_NOT_FOUND},
    [PLAN_DELETE_SERVICE] = {ON_SERVICE, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_DELETE_ACTION] = {ON_ACTION, KUBE_DELETE, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
    [PLAN_RELEASE_FINALIZER] = {ON_ROLLOUT, KUBE_PATCH, KUBE_PATCH_MERGE, NULL, RC_NOT_FOUND},
};

enum controller_watch controller_route_watch(const struct kind_desc *kind) {
  return kind == &http_route_kind   ? WATCH_HTTP_ROUTES
         : kind == &grpc_route_kind ? WATCH_GRPC_ROUTES
                                    : WATCH_VIRTUAL_SERVICES;
}

static const struct kube_resource *resource_of(const struct controller *controller,
                                               const struct plan_action *action) {
  switch (requests[action->kind].target) {
  case ON_ROUTE: return &controller->resources[controller_route_watch(action->of)];
  case ON_SERVICE: return &controller->resources[WATCH_SERVICES];
  case ON_ROLLOUT: return &controller->resources[WATCH_ROLLOUTS];
  case ON_DEPLOYMENT: return &controller->resources[WATCH_DEPLOYMENTS];
  case ON_RULE: return &controller->resources[WATCH_RULES];
  case ON_ACTION: return &controller->resources[WATCH_ACTIONS];
  case ON_EVENT: return &events;
  case ON_CONTENT: return content_resource(controller, action->of);
  }
  return NULL;
}

static void next_action(struct release *release);

// Half of the doubling wait is fixed, half is chance, so that many releases do not come back at
// once.
static int64_t back_off(struct release *release) {
  int shift = release->failures < 7 ? release->failures : 7;
  int64_t ms = (int64_t)BACKOFF_MIN_MS << shift;
  ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
  return ms / 2 + (int64_t)rng_below(&release->controller->rng, (uint64_t)ms / 2 + 1);
}

// Takes traffic away from the canary: never waits for a busy server's leave, only tries again.
static bool is_urgent(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    if (plan->actions[i].kind == PLAN_LOWER_ROUTE)
      return true;
  return false;
}

static void end_pass(struct release *release, int rc, int64_t retry_after_ms) {
  struct controller *controller = release->controller;
  int64_t delay_ms = release->plan.requeue_after_ms;
  controller->counters.pass_seconds += (double)(clock_mono_us() - release->pass_began_us) / 1e6;
  controller->counters.passes++;
  release->running = false;
  if (rc != RC_OK) {
    controller->counters.failed_passes++;
    delay_ms = back_off(release);
    release->failures++;
    if (retry_after_ms > 0)
      release->not_before_ms = clock_mono_ms() + retry_after_ms;
    if (retry_after_ms > delay_ms && !is_urgent(&release->plan))
      delay_ms = retry_after_ms;
  } else {
    release->failures = 0;
    if (log_limit_over(&release->failure_log))
      LOG(LOG_INFO, "actions work again", LOG_S("rollout", release->key));
    release->looked = true;
  }
  if (release->again && rc == RC_OK)
    delay_ms = 0;
  release->again = false;
  controller->running_passes--;
  controller_maybe_resign(controller);
  queue_next(controller);
  controller_tidy_later(controller);
  arena_dispose(&release->pass); // thousands of releases: none keeps room for its next plan
  release->plan = (struct plan){0};
  if (release->gone)
    release_settle(release);
  else if (delay_ms != PLAN_NEVER)
    release_due(release, delay_ms);
}

static void keep(struct str *kept, struct str text) {
  xfree((void *)(uintptr_t)kept->ptr);
  *kept = (struct str){xmemdup(text.ptr, text.len), text.len};
}

void release_forget_writes(struct release *release) {
  for (size_t i = 0; i < release->awaited_count; i++) {
    xfree((void *)(uintptr_t)release->awaited_routes[i].name.ptr);
    xfree((void *)(uintptr_t)release->awaited_routes[i].revision.ptr);
  }
  xfree(release->awaited_routes);
  release->awaited_routes = NULL;
  release->awaited_count = 0;
  xfree((void *)(uintptr_t)release->awaited_revision.ptr);
  release->awaited_revision = STR_NULL;
}

static void await_route(struct release *release, const struct json *route) {
  size_t i = 0, count = release->awaited_count;
  while (i < count && !str_eq(release->awaited_routes[i].name, kube_name(route)))
    i++;
  if (i == count && count == ROUTER_REFS_MAX)
    i--;
  else if (i == count) {
    release->awaited_routes =
        xrealloc(release->awaited_routes, (count + 1) * sizeof *release->awaited_routes);
    release->awaited_routes[release->awaited_count++] = (struct awaited){0};
  }
  keep(&release->awaited_routes[i].name, kube_name(route));
  keep(&release->awaited_routes[i].revision, kube_revision(route));
}

static void await_write(struct release *release, enum target target, const struct json *object) {
  if (target == ON_ROLLOUT)
    keep(&release->awaited_revision, kube_revision(object));
  else if (target == ON_ROUTE)
    await_route(release, object);
  else
    return;
  release->awaited_since_ms = clock_mono_ms();
}

static void log_failure(struct release *release, const struct plan_action *action,
                        const struct kube_reply *reply) {
  struct str why = str_of(reply->err ? reply->err->msg : "");
  bool is_conflict = reply->rc == RC_CONFLICT; // everyday
  uint64_t held = 0;
  if (!is_conflict &&
      !log_limit_pass(&release->failure_log, why, clock_mono_ms(), REPEAT_MS, &held))
    return;
  LOG(is_conflict ? LOG_DEBUG : LOG_WARN, "action failed, planning again",
      LOG_S("rollout", release->key), LOG_Z("action", plan_action_text(action->kind)),
      LOG_S("object", action->name), LOG_S("error", why), LOG_I("repeated", (int64_t)held));
}

void release_action_done(struct kube_op *op, const struct kube_reply *reply) {
  struct release *release = container_of(op, struct release, op);
  struct controller *controller = release->controller;
  const struct plan_action *action = &release->plan.actions[release->at];
  controller->counters.actions[action->kind]++;
  bool fine = reply->rc == RC_OK ||
              (requests[action->kind].also_fine && reply->rc == requests[action->kind].also_fine);
  // Events tell people; a server that refuses one must not stop a release.
  if (!fine && action->kind != PLAN_EVENT) {
    controller->counters.api_errors += reply->rc != RC_CONFLICT;
    log_failure(release, action, reply);
    end_pass(release, reply->rc, reply->retry_after_ms);
    return;
  }
  if (reply->rc == RC_OK)
    await_write(release, requests[action->kind].target, reply->object);
  if (action->kind == PLAN_RELEASE_FINALIZER && release->plan.leaves && !controller->closing)
    notifier_let_go(controller->notifier, release->key);
  if (action->kind != PLAN_STATUS && action->kind != PLAN_EVENT)
    LOG(LOG_INFO, plan_action_text(action->kind), LOG_S("rollout", release->key),
        LOG_S("object", action->name), LOG_S("why", action->why));
  release->at++;
  next_action(release);
}

static void next_action(struct release *release) {
  struct controller *controller = release->controller;
  if (release->at == release->plan.count || controller->closing ||
      !controller_is_leading(controller)) {
    end_pass(release, RC_OK, 0);
    return;
  }
  const struct plan_action *action = &release->plan.actions[release->at];
  struct err err = {0};
  struct kube_request request = {.verb = requests[action->kind].verb,
                                 .resource = resource_of(controller, action),
                                 .ns = release->ns,
                                 .name = requests[action->kind].target == ON_ROLLOUT ? release->name
                                                                                     : action->name,
                                 .subresource = requests[action->kind].subresource,
                                 .patch = requests[action->kind].patch,
                                 .body = action->body,
                                 .field_manager = FIELD_MANAGER,
                                 .deadline_ms = CONTROLLER_WRITE_MS};
  int rc = action->kind == PLAN_COPY_CONTENT ? content_copy_start(release, action, &err)
                                             : kube_start(controller->options.kube, &request,
                                                          &release->op, release_action_done, &err);
  if (rc == RC_OK)
    return;
  LOG(LOG_ERROR, "action cannot be asked for", LOG_S("rollout", release->key),
      LOG_Z("error", err.msg));
  end_pass(release, rc, 0);
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
static bool is_stale(struct release *release, const struct snapshot *snapshot) {
  bool behind = is_behind(snapshot->rollout->metadata.resource_version, release->awaited_revision);
  for (size_t i = 0; i < snapshot->routes_count; i++)
    for (size_t a = 0; a < release->awaited_count; a++)
      if (str_eq(release->awaited_routes[a].name, snapshot->routes[i].ref.name))
        behind |= is_behind(kube_revision(snapshot->routes[i].object),
                            release->awaited_routes[a].revision);
  if (behind && clock_mono_ms() - release->awaited_since_ms < AWAIT_MAX_MS)
    return true;
  release_forget_writes(release); // they came back
  return false;
}

// The server's leave, or its turn among many. What has nothing to write needs neither.
static bool must_wait(struct release *release) {
  int64_t now_ms = release->pass_began_us / 1000;
  if (release->plan.count == 0 || is_urgent(&release->plan))
    return false;
  if (now_ms < release->not_before_ms) {
    release_due(release, release->not_before_ms - now_ms);
    return true;
  }
  return queue_holds(release);
}

static void plan_and_act(struct release *release) {
  struct controller *controller = release->controller;
  if (release->running) {
    release->again = true;
    return;
  }
  if (controller->closing || release->gone || !controller_is_leading(controller) ||
      !controller_is_synced(controller))
    return; // leadership and the last sync wake everything
  const struct json *rollout =
      kube_watch_get(controller->watches[WATCH_ROLLOUTS], release->ns, release->name);
  if (!rollout)
    return;
  struct snapshot_input input;
  struct snapshot snapshot;
  arena_dispose(&release->pass);
  release->pass_began_us = clock_mono_us();
  const struct json *acted_on;
  (void)taken_apply(rollout, &release->pass, &acted_on);
  replica_sets_consider(release, acted_on, &release->pass);
  controller_snapshot(release, rollout, acted_on, &release->pass, &input);
  snapshot_build(&input, &release->pass, &snapshot);
  content_fill(release, &snapshot, &release->pass);
  if (is_stale(release, &snapshot)) {
    release_due(release, AWAIT_MAX_MS);
    return;
  }
  metric_query_consider(release, snapshot.rollout);
  notifier_sync(controller->notifier, release->key, snapshot.rollout);
  const struct plan *plan = plan_rollout(&snapshot, &release->pass);
  if (plan->leaves)
    notifier_hold(controller->notifier, release->key, snapshot.rollout, plan->status);
  keep_plan(release, plan);
  if (must_wait(release)) {
    arena_dispose(&release->pass);
    release->plan = (struct plan){0};
    return;
  }
  queue_leave(release);
  release->running = true;
  controller->running_passes++;
  release->at = 0;
  LOG(LOG_DEBUG, "planned", LOG_S("rollout", release->key),
      LOG_I("actions", (int64_t)release->plan.count), LOG_S("reason", release->plan.reason));
  next_action(release);
}

// Thousands may be planned in one turn of the loop: each leaves nothing of what it read.
void release_plan(struct release *release) {
  plan_and_act(release);
  for (int i = 0; i < WATCH_COUNT; i++)
    if (release->controller->watches[i])
      kube_watch_cool(release->controller->watches[i]);
  queue_next(release->controller);
}
