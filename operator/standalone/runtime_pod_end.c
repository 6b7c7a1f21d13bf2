// SPDX-License-Identifier: Apache-2.0
// The end of a Pod: its folders, its address, its object.
#include "operator/standalone/runtime_pod.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "operator/standalone/runtime_container.h"
#include "operator/standalone/shim_file.h"

void runtime_pod_check_gone(struct runtime_pod *pod) {
  if (pod->gone && pod->finished)
    runtime_pod_close(pod);
}

void runtime_pod_closed(struct runtime_pod *pod) {
  if (--pod->open > 0)
    return;
  struct runtime *runtime = pod->runtime;
  (void)map_del(&runtime->pods, pod->pod->metadata.uid);
  for (size_t i = 0; i < pod->machine.count; i++)
    arena_dispose(&pod->containers[i].record_arena);
  arena_dispose(&pod->status_arena);
  struct arena arena = pod->arena;
  arena_dispose(&arena);
  xfree(pod);
  runtime_check_stopped(runtime);
  runtime_wake(runtime);
}

static void closed(uv_handle_t *handle) {
  runtime_pod_closed(handle->data);
}

void runtime_pod_close(struct runtime_pod *pod) {
  if (pod->closing)
    return;
  pod->closing = true;
  for (size_t i = 0; i < pod->machine.count; i++)
    container_close(&pod->containers[i]);
  kube_cancel(&pod->status_op);
  kube_cancel(&pod->bind_op);
  kube_cancel(&pod->delete_op);
  uv_close((uv_handle_t *)&pod->timer, closed);
  uv_close((uv_handle_t *)&pod->drain, closed);
}

static void on_deleted(struct kube_op *op, const struct kube_reply *reply) {
  struct runtime_pod *pod = container_of(op, struct runtime_pod, delete_op);
  if (reply->rc == RC_NOT_FOUND)
    pod->gone = true;
  else if (reply->rc != RC_OK)
    pod->final_delete_sent = false; // the next pass tries again
  if (!pod->closing)
    runtime_pod_check_gone(pod);
  runtime_pod_closed(pod);
}

static const struct json *options_now(struct arena *arena, struct str uid) {
  struct json *options = json_new_object(arena);
  json_put_z(arena, options, "apiVersion", "v1");
  json_put_z(arena, options, "kind", "DeleteOptions");
  json_put_int(arena, options, "gracePeriodSeconds", 0);
  json_put_string(arena, json_need_object(arena, options, "preconditions"), "uid", uid);
  return options;
}

// The kubelet's last word: the processes have ended, the object may go.
void runtime_pod_delete_object(struct runtime_pod *pod) {
  if (pod->gone || pod->final_delete_sent || pod->closing)
    return;
  struct arena arena;
  arena_init(&arena);
  struct kube_request request = {.verb = KUBE_DELETE,
                                 .resource = &runtime_resources[RUNTIME_POD],
                                 .ns = pod->pod->metadata.namespace_,
                                 .name = pod->pod->metadata.name,
                                 .body = options_now(&arena, pod->pod->metadata.uid)};
  pod->final_delete_sent =
      kube_start(pod->runtime->kube, &request, &pod->delete_op, on_deleted, NULL) == RC_OK;
  pod->open += pod->final_delete_sent;
  arena_dispose(&arena);
}

void runtime_pod_finish(struct runtime_pod *pod) {
  pod->finished = true;
  if (pod->runtime->stopping) { // the object stays, and is started again by the next `serin up`
    runtime_pod_close(pod);
    return;
  }
  (void)shim_file_remove_all(pod->folder, NULL);
  // After a forced deletion another pod of that name may be writing there already.
  const struct json *now = kube_watch_get_key(pod->runtime->watches[RUNTIME_POD], pod->key);
  if (!now || str_eq(kube_uid(now), pod->pod->metadata.uid))
    (void)shim_file_remove_all(pod->log_folder, NULL);
  address_pool_release(&pod->runtime->addresses, pod->facts.pod_ip);
  runtime_pod_delete_object(pod);
  runtime_pod_check_gone(pod);
}
