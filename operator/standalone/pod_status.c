// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_status.h"
#include "manifests/text/time.h"

static struct str container_id(const struct pod_facts *facts,
                               const struct pod_container_machine *item, int64_t attempt,
                               struct arena *arena) {
  return arena_printf(arena, "serin://%.*s/%.*s/%lld", STR_ARG(facts->pod->metadata.uid),
                      STR_ARG(item->spec->name), (long long)attempt);
}

static struct json *terminated(const struct pod_exit *exit, struct arena *arena) {
  struct json *body = json_new_object(arena);
  json_put_int(arena, body, "exitCode", exit->code);
  if (exit->signal)
    json_put_int(arena, body, "signal", exit->signal);
  json_put_string(arena, body, "reason", exit->reason);
  if (!str_is_empty(exit->message))
    json_put_string(arena, body, "message", exit->message);
  json_put_string(arena, body, "startedAt", time_format(arena, exit->started_ms));
  json_put_string(arena, body, "finishedAt", time_format(arena, exit->finished_ms));
  return body;
}

static struct json *waiting(const struct pod_machine *machine,
                            const struct pod_container_machine *item, struct arena *arena) {
  struct json *body = json_new_object(arena);
  if (item->blocked) {
    json_put_string(arena, body, "reason", item->wait_reason);
    json_put_string(arena, body, "message", item->wait_message);
  } else if (item->backoff_ms > 0) {
    json_put_z(arena, body, "reason", "CrashLoopBackOff");
    json_put_string(arena, body, "message",
                    arena_printf(arena, "back-off %llds restarting failed container=%.*s pod=%.*s",
                                 (long long)(item->backoff_ms / 1000), STR_ARG(item->spec->name),
                                 STR_ARG(machine->pod->metadata.name)));
  } else {
    json_put_z(arena, body, "reason",
               !item->init && machine->init_count > 0 && !pod_machine_is_initialized(machine)
                   ? "PodInitializing"
                   : "ContainerCreating");
  }
  return body;
}

static struct json *container_status(const struct pod_machine *machine,
                                     const struct pod_container_machine *item,
                                     const struct pod_facts *facts, struct arena *arena) {
  struct json *body = json_new_object(arena);
  json_put_string(arena, body, "name", item->spec->name);
  struct json *state = json_need_object(arena, body, "state");
  bool running = item->state == POD_RUNNING || item->state == POD_STOPPING;
  if (running) {
    struct json *now = json_need_object(arena, state, "running");
    json_put_string(arena, now, "startedAt", time_format(arena, item->started_wall_ms));
  } else if (item->state == POD_EXITED && item->last.set) {
    json_put(arena, state, "terminated", terminated(&item->last, arena));
  } else {
    json_put(arena, state, "waiting", waiting(machine, item, arena));
  }
  struct json *before = json_need_object(arena, body, "lastState");
  if (item->last.set && item->state != POD_EXITED)
    json_put(arena, before, "terminated", terminated(&item->last, arena));
  bool done = item->init && !item->sidecar && item->state == POD_EXITED && item->last.set &&
              item->last.code == 0;
  json_put_bool(arena, body, "ready", done || (item->state == POD_RUNNING && item->ready));
  json_put_int(arena, body, "restartCount", item->attempt);
  json_put_string(arena, body, "image", item->spec->image);
  json_put_z(arena, body, "imageID", "");
  json_put_bool(arena, body, "started", item->state == POD_RUNNING && item->started);
  if (running || item->last.set)
    json_put_string(arena, body, "containerID", container_id(facts, item, item->attempt, arena));
  return body;
}

static const struct json *condition_of(const struct json *status, const char *type) {
  JSON_EACH(item, json_get(status, "conditions"))
    if (str_eq_z(json_get_string(item, "type"), type))
      return item;
  return NULL;
}

static void add_condition(struct json *list, const struct json *old, const char *type, bool value,
                          const char *reason, struct str message, struct str now,
                          struct arena *arena) {
  const struct json *before = condition_of(old, type);
  struct json *body = json_new_object(arena);
  const char *text = value ? "True" : "False";
  struct str since = json_get_string(before, "lastTransitionTime");
  bool same = str_eq_z(json_get_string(before, "status"), text) && !str_is_empty(since);
  json_put_z(arena, body, "type", type);
  json_put_z(arena, body, "status", text);
  json_put_string(arena, body, "lastTransitionTime", same ? since : now);
  if (!value && reason)
    json_put_z(arena, body, "reason", reason);
  if (!value && !str_is_empty(message))
    json_put_string(arena, body, "message", message);
  json_append(list, body);
}

static struct str not_ready_names(const struct pod_machine *machine, struct arena *arena) {
  struct buf names;
  buf_init(&names, 65536);
  for (size_t i = machine->init_count; i < machine->count; i++) {
    const struct pod_container_machine *item = &machine->items[i];
    if (item->state != POD_RUNNING || !item->ready)
      buf_addf(&names, "%s%.*s", names.len ? " " : "", STR_ARG(item->spec->name));
  }
  struct str text = names.len ? arena_printf(arena, "containers with unready status: [%.*s]",
                                             STR_ARG(buf_str(&names)))
                              : STR_NULL;
  buf_dispose(&names);
  return text;
}

struct json *pod_status_write(const struct pod_machine *machine, const struct pod_facts *facts,
                              const struct json *old, int64_t now_wall_ms, struct arena *arena) {
  struct json *status = json_new_object(arena);
  struct str now = time_format(arena, now_wall_ms);
  bool initialized = pod_machine_is_initialized(machine);
  bool ready = pod_machine_is_ready(machine);
  const char *phase = pod_machine_phase(machine);
  bool completed = str_eq(str_of(phase), STR("Succeeded"));
  struct json *conditions = json_need_array(arena, status, "conditions");
  struct str names = not_ready_names(machine, arena);
  const char *reason = completed ? "PodCompleted" : "ContainersNotReady";
  if (completed)
    names = STR_NULL;
  add_condition(conditions, old, "Initialized", initialized, "ContainersNotInitialized", STR_NULL,
                now, arena);
  add_condition(conditions, old, "Ready", ready, reason, names, now, arena);
  add_condition(conditions, old, "ContainersReady", ready, reason, names, now, arena);
  add_condition(conditions, old, "PodScheduled", true, NULL, STR_NULL, now, arena);
  json_put_z(arena, status, "phase", phase);
  json_put_string(arena, status, "hostIP", facts->host_ip);
  json_put_string(arena, status, "podIP", facts->pod_ip);
  struct json *ip = json_new_object(arena);
  json_put_string(arena, ip, "ip", facts->pod_ip);
  json_append(json_need_array(arena, status, "podIPs"), ip);
  struct str start = json_get_string(old, "startTime");
  json_put_string(arena, status, "startTime", str_is_empty(start) ? now : start);
  json_put_z(arena, status, "qosClass", "BestEffort");
  struct json *mains = json_need_array(arena, status, "containerStatuses");
  for (size_t i = machine->init_count; i < machine->count; i++)
    json_append(mains, container_status(machine, &machine->items[i], facts, arena));
  if (machine->init_count > 0) {
    struct json *inits = json_need_array(arena, status, "initContainerStatuses");
    for (size_t i = 0; i < machine->init_count; i++)
      json_append(inits, container_status(machine, &machine->items[i], facts, arena));
  }
  return status;
}

bool pod_status_equal(const struct json *a, const struct json *b) {
  return a && b && json_equal(a, b);
}
