// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_event.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/text/time.h"

static const struct kube_resource events_resource = {"", "v1", "Event", "events", true};

struct event_entry {
  struct kube_op op;
  struct runtime *runtime;
  struct arena arena; // holds the event
  struct json *event;
  struct str ns, name;
  int64_t count, written; // how often it happened, and what the API was told
  bool created, running;
};

static void entry_send(struct event_entry *entry);

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct event_entry *entry = container_of(op, struct event_entry, op);
  entry->running = false;
  if (reply->rc == RC_OK || reply->rc == RC_EXISTS) {
    entry->created = true;
  } else if (reply->rc == RC_NOT_FOUND && entry->created) {
    entry->created = false; // it was deleted meanwhile: the next one makes it again
  } else if (reply->rc != RC_CANCELED) {
    LOG(LOG_DEBUG, "event not written", LOG_S("event", entry->name),
        LOG_Z("error", reply->err->msg));
    entry->written = entry->count;
  }
  if (reply->rc == RC_EXISTS)
    entry->written = 0;
  if (reply->rc != RC_CANCELED && entry->written != entry->count)
    entry_send(entry);
}

static void entry_send(struct event_entry *entry) {
  struct arena arena;
  arena_init(&arena);
  struct kube_request request = {.resource = &events_resource,
                                 .verb = KUBE_CREATE,
                                 .ns = entry->ns,
                                 .name = entry->name,
                                 .body = entry->event,
                                 .field_manager = RUNTIME_MANAGER};
  struct str now = time_format(&arena, clock_wall_ms());
  struct json *patch = json_new_object(&arena);
  if (entry->created) {
    json_put_int(&arena, patch, "count", entry->count);
    json_put_string(&arena, patch, "lastTimestamp", now);
    request.verb = KUBE_PATCH;
    request.patch = KUBE_PATCH_MERGE;
    request.body = patch;
  }
  entry->written = entry->count;
  entry->running = kube_start(entry->runtime->kube, &request, &entry->op, on_done, NULL) == RC_OK;
  arena_dispose(&arena);
}

static struct json *event_new(struct arena *arena, struct str name, const char *api_version,
                              const char *kind, const struct json *object, const char *field_path,
                              bool warning, const char *reason, struct str message) {
  struct str now = time_format(arena, clock_wall_ms());
  struct json *event = json_new_object(arena);
  json_put_z(arena, event, "apiVersion", "v1");
  json_put_z(arena, event, "kind", "Event");
  struct json *meta = json_need_object(arena, event, "metadata");
  json_put_string(arena, meta, "name", name);
  json_put_string(arena, meta, "namespace", kube_namespace(object));
  struct json *about = json_need_object(arena, event, "involvedObject");
  json_put_z(arena, about, "apiVersion", api_version);
  json_put_z(arena, about, "kind", kind);
  json_put_string(arena, about, "name", kube_name(object));
  json_put_string(arena, about, "namespace", kube_namespace(object));
  json_put_string(arena, about, "uid", kube_uid(object));
  if (field_path)
    json_put_z(arena, about, "fieldPath", field_path);
  json_put_z(arena, event, "reason", reason);
  json_put_string(arena, event, "message", message);
  json_put_z(arena, event, "type", warning ? "Warning" : "Normal");
  struct json *source = json_need_object(arena, event, "source");
  json_put_z(arena, source, "component", RUNTIME_MANAGER);
  json_put_z(arena, event, "reportingComponent", RUNTIME_MANAGER);
  json_put_z(arena, event, "reportingInstance", "");
  json_put_int(arena, event, "count", 1);
  json_put_string(arena, event, "firstTimestamp", now);
  json_put_string(arena, event, "lastTimestamp", now);
  return event;
}

static void entry_free(struct event_entry *entry) {
  arena_dispose(&entry->arena);
  xfree(entry);
}

// The oldest ones that are not being written make room.
static void make_room(struct runtime *runtime) {
  if (map_count(&runtime->events) < EVENTS_MAX)
    return;
  struct map_iter it = map_begin(&runtime->events);
  for (size_t dropped = 0; dropped < EVENTS_MAX / 4 && map_each(&it);) {
    struct event_entry *entry = it.value;
    if (entry->running)
      continue;
    (void)map_del(&runtime->events, it.key);
    entry_free(entry);
    dropped++;
  }
}

void event_write(struct runtime *runtime, const char *api_version, const char *kind,
                 const struct json *object, const char *field_path, bool warning,
                 const char *reason, struct str message) {
  struct arena arena;
  arena_init(&arena);
  struct str key = arena_printf(&arena, "%.*s %s %s %.*s", STR_ARG(kube_uid(object)), reason,
                                field_path ? field_path : "", STR_ARG(message));
  struct event_entry *entry = map_get(&runtime->events, key);
  if (!entry) {
    make_room(runtime);
    entry = XNEW(struct event_entry);
    entry->runtime = runtime;
    arena_init(&entry->arena);
    struct str hash = deploy_hash(json_new_string(&arena, key), &arena);
    // Names end at 253 bytes; what is cut off the object's name is still in involvedObject.
    entry->name = arena_printf(&entry->arena, "%.*s.%.*s",
                               STR_ARG(str_slice(kube_name(object), 0, 200)), STR_ARG(hash));
    entry->ns = arena_str(&entry->arena, kube_namespace(object));
    entry->event = event_new(&entry->arena, entry->name, api_version, kind, object, field_path,
                             warning, reason, message);
    (void)map_put(&runtime->events, key, entry);
  }
  entry->count++;
  if (!entry->running)
    entry_send(entry);
  arena_dispose(&arena);
}

void event_dispose(struct runtime *runtime) {
  struct map_iter it = map_begin(&runtime->events);
  while (map_each(&it))
    entry_free(it.value);
  map_dispose(&runtime->events);
}
