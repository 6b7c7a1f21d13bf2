// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_pod.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/schema/decode.h"
#include "manifests/schema/enforced.h"
#include "operator/standalone/pod_status.h"
#include "operator/standalone/runtime_container.h"
#include "operator/standalone/runtime_event.h"
#include "operator/standalone/runtime_order.h"
#include "operator/standalone/shim_file.h"

#include <string.h>
#include <unistd.h>

#define STATUS_AGAIN_MS 500 // after a refused write of a status

const struct json *runtime_pod_find(void *data, const char *kind, struct str ns, struct str name) {
  const struct runtime *runtime = data;
  enum runtime_kind index = runtime_kind_named(kind);
  return index == RUNTIME_KINDS ? NULL : kube_watch_get(runtime->watches[index], ns, name);
}

void runtime_pod_event(struct runtime_pod *pod, const struct runtime_container *container,
                       bool warning, const char *reason, struct str message) {
  struct arena arena;
  arena_init(&arena);
  const char *field = NULL;
  if (container) {
    const struct pod_container_machine *item = &pod->machine.items[container->index];
    field = arena_printf(&arena, "spec.%s{%.*s}", item->init ? "initContainers" : "containers",
                         STR_ARG(item->spec->name))
                .ptr;
    if (!warning && str_ends(message, STR(" container")))
      message = arena_printf(&arena, "%.*s %.*s", STR_ARG(message), STR_ARG(item->spec->name));
  }
  event_write(pod->runtime, "v1", "Pod", pod->json, field, warning, reason, message);
  arena_dispose(&arena);
}

// --- status ---

static void write_status(struct runtime_pod *pod);
static void on_timer(uv_timer_t *timer);

static void on_status(struct kube_op *op, const struct kube_reply *reply) {
  struct runtime_pod *pod = container_of(op, struct runtime_pod, status_op);
  pod->status_running = false;
  if (!pod->closing && reply->rc != RC_OK && reply->rc != RC_NOT_FOUND) {
    pod->status_failed = pod->machine.changed = true;
    LOG(LOG_DEBUG, "pod status not written", LOG_S("pod", pod->key),
        LOG_Z("error", reply->err->msg));
    (void)uv_timer_start(&pod->timer, on_timer, STATUS_AGAIN_MS, 0);
  } else if (!pod->closing) {
    pod->status_failed = false;
    write_status(pod);
  }
  runtime_pod_closed(pod);
}

static void write_status(struct runtime_pod *pod) {
  if (!pod->machine.changed || pod->status_running || pod->gone || pod->finished || pod->closing)
    return;
  // While all is being stopped only the first change counts: not ready any more. What follows is
  // not the pod's end.
  if (pod->runtime->stopping && pod->deleting && pod_machine_phase(&pod->machine)[0] == 'F')
    return;
  struct arena arena;
  arena_init(&arena);
  pod->machine.changed = false;
  struct json *status =
      pod_status_write(&pod->machine, &pod->facts, pod->status, clock_wall_ms(), &arena);
  if (pod_status_equal(status, pod->status) && !pod->status_failed) {
    arena_dispose(&arena);
    return;
  }
  struct json *patch = json_new_object(&arena);
  json_put(&arena, patch, "status", json_dup(&arena, status));
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .patch = KUBE_PATCH_MERGE,
                                 .subresource = "status",
                                 .resource = &runtime_resources[RUNTIME_POD],
                                 .ns = pod->pod->metadata.namespace_,
                                 .name = pod->pod->metadata.name,
                                 .body = patch,
                                 .field_manager = RUNTIME_MANAGER};
  if (kube_start(pod->runtime->kube, &request, &pod->status_op, on_status, NULL) == RC_OK) {
    pod->status_running = true;
    pod->open++;
  }
  arena_dispose(&pod->status_arena);
  pod->status_arena = arena;
  pod->status = status;
}

// --- steps ---

void runtime_pod_do(struct runtime_pod *pod, const struct pod_actions *actions) {
  for (size_t i = 0; i < actions->count && !pod->closing; i++) {
    const struct pod_action *action = &actions->items[i];
    struct runtime_container *container = &pod->containers[action->container];
    switch (action->type) {
    case POD_DO_START: container_start(container); break;
    case POD_DO_POST_START: container_hook(container, false); break;
    case POD_DO_PRE_STOP: container_hook(container, true); break;
    case POD_DO_TERM:
      container_cancel_probes(container);
      runtime_pod_event(pod, container, false, "Killing", STR("Stopping container"));
      container_signal(container, false);
      break;
    case POD_DO_KILL: container_signal(container, true); break;
    case POD_DO_PROBE: container_probe(container, action->probe); break;
    case POD_DO_EVENT:
      runtime_pod_event(pod, container, action->warning, action->reason, action->message);
      break;
    case POD_DO_FORGET: runtime_pod_finish(pod); break;
    }
  }
}

void runtime_pod_step(struct runtime_pod *pod) {
  if (pod->closing || pod->finished)
    return;
  struct arena arena;
  arena_init(&arena);
  struct pod_actions actions = {.arena = &arena};
  int64_t now_ms = runtime_now_ms(pod->runtime);
  pod_machine_step(&pod->machine, now_ms, &actions);
  runtime_pod_do(pod, &actions);
  arena_dispose(&arena);
  if (pod->closing || pod->finished)
    return;
  write_status(pod);
  int64_t due = pod_machine_due(&pod->machine);
  if (due >= 0)
    (void)uv_timer_start(&pod->timer, on_timer, (uint64_t)(due > now_ms ? due - now_ms : 0), 0);
  else if (!pod->status_failed)
    (void)uv_timer_stop(&pod->timer);
}

static void on_timer(uv_timer_t *timer) {
  struct runtime_pod *pod = timer->data;
  runtime_pod_step(pod);
}

void runtime_pod_sources_changed(struct runtime_pod *pod) {
  if (pod->closing || pod->finished || pod->deleting)
    return;
  struct arena arena;
  arena_init(&arena);
  struct pod_volume_plan *plans;
  struct err err = {0};
  if (pod->pod->spec.volumes_count > 0 && order_write_volumes(pod, &arena, &plans, &err) != RC_OK)
    LOG(LOG_DEBUG, "volumes not written yet", LOG_S("pod", pod->key), LOG_Z("error", err.msg));
  arena_dispose(&arena);
  pod_machine_retry(&pod->machine);
  runtime_pod_step(pod);
}

static void on_drain_over(uv_timer_t *timer) {
  struct runtime_pod *pod = timer->data;
  pod_machine_delete(&pod->machine, runtime_now_ms(pod->runtime), pod->machine.grace_ms);
  runtime_pod_step(pod);
}

void runtime_pod_stop(struct runtime_pod *pod, int64_t grace_ms, bool drain) {
  if (pod->closing || pod->finished)
    return;
  bool first = !pod->deleting;
  pod->deleting = true;
  pod->machine.grace_ms = grace_ms;
  if (first && drain && grace_ms > 0 && pod_machine_is_ready(&pod->machine)) {
    (void)uv_timer_start(&pod->drain, on_drain_over, RUNTIME_DRAIN_MS, 0);
    return;
  }
  if (!first && drain && uv_is_active((uv_handle_t *)&pod->drain) && grace_ms > 0)
    return;
  (void)uv_timer_stop(&pod->drain);
  pod_machine_delete(&pod->machine, runtime_now_ms(pod->runtime), grace_ms);
  runtime_pod_step(pod);
}

void runtime_pod_update(struct runtime_pod *pod, const struct json *object) {
  if (pod->closing)
    return;
  if (!object) {
    pod->gone = true;
    if (!pod->finished)
      runtime_pod_stop(pod, pod->deleting ? 0 : pod->pod->spec.termination_grace_period_s * 1000,
                       false);
    runtime_pod_check_gone(pod);
    return;
  }
  if (!deploy_is_deleting(object))
    return;
  int64_t grace_s = json_int(json_path(object, "metadata.deletionGracePeriodSeconds"),
                             pod->pod->spec.termination_grace_period_s);
  if (pod->finished)
    runtime_pod_delete_object(pod);
  else if (!pod->deleting || grace_s * 1000 < pod->machine.grace_ms)
    runtime_pod_stop(pod, grace_s * 1000, true);
}

// --- the beginning ---

// The address is on record before anything uses it.
static int need_address(struct runtime_pod *pod, struct err *err) {
  struct runtime *runtime = pod->runtime;
  struct arena arena;
  arena_init(&arena);
  const char *path = shim_file_join(&arena, pod->folder, STR("pod.json"));
  struct json *json;
  int rc = RC_OK;
  if (shim_file_read_json(path, &arena, &json, NULL) == RC_OK) {
    pod->facts.pod_ip = arena_str(&pod->arena, json_get_string(json, "address"));
    (void)address_pool_claim(&runtime->addresses, pod->facts.pod_ip);
  } else {
    rc = address_pool_take(&runtime->addresses, &pod->arena, &pod->facts.pod_ip, err);
    json = json_new_object(&arena);
    json_put_string(&arena, json, "namespace", pod->pod->metadata.namespace_);
    json_put_string(&arena, json, "name", pod->pod->metadata.name);
    json_put_string(&arena, json, "address", pod->facts.pod_ip);
    json_put_int(&arena, json, "graceMs", pod->pod->spec.termination_grace_period_s * 1000);
    if (rc == RC_OK)
      rc = shim_file_mkdirs(pod->folder, err);
    if (rc == RC_OK)
      rc = shim_file_write_json(path, json, err);
    if (rc == RC_OK)
      rc = address_pool_save(&runtime->addresses,
                             shim_file_join(&arena, runtime->pods_dir, STR("addresses.json")), err);
  }
  arena_dispose(&arena);
  return rc;
}

static void on_bound(struct kube_op *op, const struct kube_reply *reply) {
  struct runtime_pod *pod = container_of(op, struct runtime_pod, bind_op);
  if (reply->rc != RC_OK && reply->rc != RC_CANCELED)
    LOG(LOG_DEBUG, "nodeName not written", LOG_S("pod", pod->key), LOG_Z("error", reply->err->msg));
  runtime_pod_closed(pod);
}

// A pod that a person made has no node yet; with one its deletion waits for its processes.
static void bind_to_node(struct runtime_pod *pod) {
  if (!str_is_empty(pod->pod->spec.node_name))
    return;
  struct arena arena;
  arena_init(&arena);
  struct json *patch = json_new_object(&arena);
  json_put_string(&arena, json_need_object(&arena, patch, "spec"), "nodeName",
                  pod->runtime->node_name);
  struct kube_request request = {.verb = KUBE_PATCH,
                                 .patch = KUBE_PATCH_MERGE,
                                 .resource = &runtime_resources[RUNTIME_POD],
                                 .ns = pod->pod->metadata.namespace_,
                                 .name = pod->pod->metadata.name,
                                 .body = patch,
                                 .field_manager = RUNTIME_MANAGER};
  if (kube_start(pod->runtime->kube, &request, &pod->bind_op, on_bound, NULL) == RC_OK)
    pod->open++;
  arena_dispose(&arena);
}

static void make_paths(struct runtime_pod *pod) {
  struct runtime *runtime = pod->runtime;
  const struct object_meta *meta = &pod->pod->metadata;
  pod->key = arena_printf(&pod->arena, "%.*s/%.*s", STR_ARG(meta->namespace_), STR_ARG(meta->name));
  pod->folder = shim_file_join(&pod->arena, runtime->pods_dir, meta->uid);
  pod->volumes = shim_file_join(&pod->arena, pod->folder, STR("volumes"));
  pod->log_folder = arena_printf(&pod->arena, "%s/%.*s_%.*s", runtime->logs_dir,
                                 STR_ARG(meta->namespace_), STR_ARG(meta->name))
                        .ptr;
}

static bool adopt_all(struct runtime_pod *pod) {
  bool known = false;
  for (size_t i = 0; i < pod->machine.count; i++)
    known |= container_adopt(&pod->containers[i], pod->status);
  return known;
}

struct runtime_pod *runtime_pod_new(struct runtime *runtime, const struct json *object) {
  struct runtime_pod *pod = XNEW(struct runtime_pod);
  pod->runtime = runtime;
  arena_init(&pod->arena);
  arena_init(&pod->status_arena);
  pod->json = json_dup(&pod->arena, object);
  struct decode_options options = {.unknown = UNKNOWN_IGNORE, .skip_checks = true};
  void *typed = NULL;
  (void)kind_decode(&pod_kind, pod->json, &options, &pod->arena, NULL, &typed);
  pod->pod = typed;
  BUG_ON(!pod->pod); // an object of the API is always an object
  make_paths(pod);
  pod->facts = (struct pod_facts){.pod = pod->pod,
                                  .host_ip = STR("127.0.0.1"),
                                  .node_name = str_is_empty(pod->pod->spec.node_name)
                                                   ? runtime->node_name
                                                   : pod->pod->spec.node_name};
  pod_machine_init(&pod->machine, pod->pod, &pod->arena);
  pod->containers = ARENA_ARRAY(&pod->arena, struct runtime_container, pod->machine.count + 1);
  (void)uv_timer_init(&runtime->loop, &pod->timer);
  (void)uv_timer_init(&runtime->loop, &pod->drain);
  pod->timer.data = pod->drain.data = pod;
  pod->open = 2;
  (void)map_put(&runtime->pods, pod->pod->metadata.uid, pod);
  struct err err = {0};
  if (need_address(pod, &err) != RC_OK) {
    runtime_pod_event(pod, NULL, true, "FailedCreatePodSandBox", str_of(err.msg));
    LOG(LOG_ERROR, "a pod gets no address", LOG_S("pod", pod->key), LOG_Z("error", err.msg));
  }
  const struct json *status = json_get(pod->json, "status");
  pod->status = status ? json_dup(&pod->status_arena, status) : NULL;
  for (size_t i = 0; i < pod->machine.count; i++)
    container_init(&pod->containers[i], pod, i);
  bool adopted = adopt_all(pod);
  if (!adopted)
    runtime_pod_report_fields(pod, pod->json);
  bind_to_node(pod);
  runtime_pod_update(pod, object);
  runtime_pod_step(pod);
  return pod;
}
