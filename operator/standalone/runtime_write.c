// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_write.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "operator/standalone/runtime_event.h"

#define REST_SHORT_MS 50
#define REST_LONG_MS 1000 // after a refusal; doubled each time
#define REST_MAX_MS 60000

struct awaited { // an answered write that a cache has not shown yet
  struct awaited *next;
  enum runtime_kind kind;
  uint64_t revision; // 0: a deletion
  char *key;
};

struct owner {
  struct runtime *runtime;
  char *name; // "ReplicaSet/<uid>"
  size_t running;
  int failures; // in a row
  int64_t rest_until_ms;
  struct awaited *awaited;
};

struct write {
  struct kube_op op;
  struct owner *owner;
  enum runtime_kind kind;
  enum deploy_verb verb;
  char *key;
};

static bool is_seen(const struct runtime *runtime, const struct awaited *item) {
  const struct kube_watch *watch = runtime->watches[item->kind];
  if (item->revision > 0) {
    uint64_t seen = 0;
    return !str_to_u64(kube_watch_revision(watch), &seen) || seen >= item->revision;
  }
  const struct json *object = kube_watch_get_key(watch, str_of(item->key));
  return !object || deploy_is_deleting(object);
}

bool write_is_settled(struct runtime *runtime, struct str owner_key) {
  struct owner *owner = map_get(&runtime->owners, owner_key);
  if (!owner)
    return true;
  for (struct awaited **at = &owner->awaited; *at;) {
    struct awaited *item = *at;
    if (!is_seen(runtime, item)) {
      at = &item->next;
      continue;
    }
    *at = item->next;
    xfree(item->key);
    xfree(item);
  }
  int64_t now_ms = runtime_now_ms(runtime);
  if (owner->running > 0 || owner->awaited)
    return false;
  if (owner->rest_until_ms > now_ms) {
    runtime_wake_in(runtime, owner->rest_until_ms - now_ms);
    return false;
  }
  if (owner->failures == 0) {
    (void)map_del(&runtime->owners, owner_key);
    xfree(owner->name);
    xfree(owner);
  }
  return true;
}

static void await(struct owner *owner, const struct write *write, const struct json *object) {
  uint64_t revision = 0;
  bool gone = write->verb == DEPLOY_DELETE;
  if (!gone && !str_to_u64(kube_revision(object), &revision))
    return;
  struct awaited *item = XNEW(struct awaited);
  *item = (struct awaited){.next = owner->awaited,
                           .kind = write->kind,
                           .revision = revision,
                           .key = xstrdup(write->key)};
  owner->awaited = item;
}

// The object an owner's name stands for, NULL when it is gone.
static const struct json *find_owner(const struct owner *owner, enum runtime_kind *ret_kind) {
  struct str rest = str_of(owner->name), kind;
  if (!str_next(&rest, '/', &kind))
    return NULL;
  for (int i = 0; i < RUNTIME_KINDS; i++) {
    struct kube_watch_iter it = kube_watch_begin(owner->runtime->watches[i]);
    while (str_eq_z(kind, runtime_resources[i].kind) && kube_watch_each(&it))
      if (str_eq(kube_uid(it.object), rest)) {
        *ret_kind = (enum runtime_kind)i;
        return it.object;
      }
  }
  return NULL;
}

// The user finds out where they look: `kubectl describe` of the owner. Told once a row of failures.
static void tell_refusal(const struct owner *owner, const struct write *write,
                         const struct err *err) {
  enum runtime_kind kind;
  const struct json *object = find_owner(owner, &kind);
  LOG(LOG_WARN, "write refused", LOG_Z("kind", runtime_resources[write->kind].kind),
      LOG_Z("object", write->key), LOG_Z("error", err->msg));
  if (!object)
    return;
  const struct kube_resource *resource = &runtime_resources[kind];
  event_write(owner->runtime, *resource->group ? "apps/v1" : "v1", resource->kind, object, NULL,
              true, write->verb == DEPLOY_CREATE ? "FailedCreate" : "FailedUpdate",
              str_of(err->msg));
}

static void rest_after(struct owner *owner, const struct write *write,
                       const struct kube_reply *reply) {
  bool stale = reply->rc == RC_NOT_FOUND || reply->rc == RC_CONFLICT || reply->rc == RC_EXISTS;
  int64_t rest_ms = REST_SHORT_MS;
  if (!stale) {
    if (owner->failures == 0 && !rc_is_retryable(reply->rc))
      tell_refusal(owner, write, reply->err);
    rest_ms = owner->failures >= 6 ? REST_MAX_MS : (int64_t)REST_LONG_MS << owner->failures;
    owner->failures++;
  }
  owner->rest_until_ms = runtime_now_ms(owner->runtime) + rest_ms;
}

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct write *write = container_of(op, struct write, op);
  struct owner *owner = write->owner;
  struct runtime *runtime = owner->runtime;
  owner->running--;
  runtime->writes_running--;
  bool gone = write->verb == DEPLOY_DELETE && reply->rc == RC_NOT_FOUND;
  if (reply->rc == RC_OK || gone) {
    await(owner, write, reply->object);
    owner->failures = 0;
  } else if (reply->rc != RC_CANCELED) {
    rest_after(owner, write, reply);
  }
  xfree(write->key);
  xfree(write);
  runtime_wake(runtime);
  runtime_check_stopped(runtime);
}

void write_start(struct runtime *runtime, struct str owner_key,
                 const struct deploy_action *action) {
  struct owner *owner = map_get(&runtime->owners, owner_key);
  if (!owner) {
    owner = XNEW(struct owner);
    owner->runtime = runtime;
    owner->name = xmemdup(owner_key.ptr, owner_key.len + 1);
    (void)map_put(&runtime->owners, owner_key, owner);
  }
  enum runtime_kind kind = runtime_kind_named(action->kind);
  BUG_ON(kind == RUNTIME_KINDS);
  struct kube_request request = {.resource = &runtime_resources[kind],
                                 .ns = action->ns,
                                 .name = action->name,
                                 .body = action->body,
                                 .patch = KUBE_PATCH_MERGE,
                                 .field_manager = RUNTIME_MANAGER};
  switch (action->verb) {
  case DEPLOY_CREATE: request.verb = KUBE_CREATE; break;
  case DEPLOY_PATCH: request.verb = KUBE_PATCH; break;
  case DEPLOY_STATUS:
    request.verb = KUBE_PATCH;
    request.subresource = "status";
    break;
  case DEPLOY_DELETE: request.verb = KUBE_DELETE; break;
  case DEPLOY_EVENT: return;
  }
  struct arena arena;
  arena_init(&arena);
  struct write *write = XNEW(struct write);
  *write = (struct write){
      .owner = owner,
      .kind = kind,
      .verb = action->verb,
      .key = xstrdup(
          arena_printf(&arena, "%.*s/%.*s", STR_ARG(action->ns), STR_ARG(action->name)).ptr)};
  arena_dispose(&arena);
  struct err err = {0};
  if (kube_start(runtime->kube, &request, &write->op, on_done, &err) == RC_OK) {
    owner->running++;
    runtime->writes_running++;
    return;
  }
  LOG(LOG_ERROR, "write cannot be sent", LOG_Z("object", write->key), LOG_Z("error", err.msg));
  owner->rest_until_ms = runtime_now_ms(runtime) + REST_LONG_MS;
  xfree(write->key);
  xfree(write);
}

void write_dispose(struct runtime *runtime) {
  struct map_iter it = map_begin(&runtime->owners);
  while (map_each(&it)) {
    struct owner *owner = it.value;
    while (owner->awaited) {
      struct awaited *item = owner->awaited;
      owner->awaited = item->next;
      xfree(item->key);
      xfree(item);
    }
    xfree(owner->name);
    xfree(owner);
  }
  map_dispose(&runtime->owners);
}
