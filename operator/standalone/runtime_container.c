// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_container.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/runtime_listen.h"
#include "operator/standalone/runtime_order.h"
#include "operator/standalone/shim_file.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

struct pod_container_machine *container_machine(struct runtime_container *container) {
  return &container->pod->machine.items[container->index];
}

static void closed(uv_handle_t *handle) {
  struct runtime_container *container = handle->data;
  runtime_pod_closed(container->pod);
}

static void on_changes(uv_fs_event_t *handle, const char *name, int events, int status) {
  struct runtime_container *container = handle->data;
  (void)events;
  if (status == 0 && name && strcmp(name, SHIM_RECORD) == 0)
    container_look(container);
}

void container_init(struct runtime_container *container, struct runtime_pod *pod, size_t index) {
  struct str name = pod->machine.items[index].spec->name;
  *container = (struct runtime_container){.pod = pod, .index = index, .shim_fd = -1};
  container->folder = shim_file_join(&pod->arena, pod->folder, name);
  container->log = arena_printf(&pod->arena, "%s/%.*s.log", pod->log_folder, STR_ARG(name)).ptr;
  arena_init(&container->record_arena);
  container->record.attempt = -1;
  (void)uv_fs_event_init(&pod->runtime->loop, &container->changes);
  (void)uv_timer_init(&pod->runtime->loop, &container->later);
  container->changes.data = container->later.data = container;
  pod->open += 2;
  if (shim_file_mkdirs(container->folder, NULL) == RC_OK)
    (void)uv_fs_event_start(&container->changes, on_changes, container->folder, 0);
}

bool container_read_record(struct runtime_container *container) {
  struct arena arena;
  struct json *json;
  arena_init(&arena);
  if (shim_file_read_json(shim_file_join(&arena, container->folder, STR(SHIM_RECORD)), &arena,
                          &json, NULL) != RC_OK) {
    arena_dispose(&arena);
    return false;
  }
  arena_dispose(&container->record_arena);
  container->record_arena = arena;
  shim_record_read(json, &container->record);
  return true;
}

// --- the record ---

static struct pod_exit exit_of(const struct shim_record *record) {
  return (struct pod_exit){.set = true,
                           .code = record->exit_code,
                           .signal = record->signal,
                           .started_ms = record->started_ms,
                           .finished_ms = record->finished_ms,
                           .reason = record->reason,
                           .message = record->message};
}

static void on_look_at_ports(uv_timer_t *timer);

static void tell_exit(struct runtime_container *container) {
  struct pod_container_machine *item = container_machine(container);
  struct pod_exit exit = exit_of(&container->record);
  container_cancel_probes(container);
  (void)uv_timer_stop(&container->later);
  if (str_eq(exit.reason, STR("StartError")))
    runtime_pod_event(container->pod, container, true, "Failed", exit.message);
  pod_machine_exited(&container->pod->machine, container->index,
                     runtime_now_ms(container->pod->runtime), &exit);
  if (item->state == POD_WAITING && item->backoff_ms > 0)
    runtime_pod_event(container->pod, container, true, "BackOff",
                      STR("Back-off restarting failed container"));
}

void container_look(struct runtime_container *container) {
  struct pod_container_machine *item = container_machine(container);
  struct proc_id before = container->record.shim;
  if (!container_read_record(container) || container->record.attempt != item->attempt)
    return;
  if (container->record.state == SHIM_RUNNING) {
    bool fresh = item->state == POD_STARTING;
    if (fresh) {
      container->lost = 0;
      container->looks = 0;
      pod_machine_started(&container->pod->machine, container->index,
                          runtime_now_ms(container->pod->runtime), container->record.started_ms);
      runtime_pod_event(container->pod, container, false, "Started", STR("Started container"));
      (void)uv_timer_start(&container->later, on_look_at_ports, 1000, 0);
    }
    container_watch_shim(container);
    // A new shim does not know what its predecessor was told.
    if (!fresh && container->record.shim.pid != before.pid && item->state == POD_STOPPING &&
        item->termed)
      container_signal(container, item->killed);
  } else if (container->record.state == SHIM_EXITED &&
             (item->state == POD_STARTING || item->state == POD_RUNNING ||
              item->state == POD_STOPPING)) {
    tell_exit(container);
  }
  runtime_pod_step(container->pod);
}

static const struct json *status_of(const struct json *status, struct str name) {
  static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
  for (size_t i = 0; i < 2; i++)
    JSON_EACH(item, json_get(status, lists[i]))
      if (str_eq(json_get_string(item, "name"), name))
        return item;
  return NULL;
}

bool container_adopt(struct runtime_container *container, const struct json *old_status) {
  struct pod_container_machine *item = container_machine(container);
  struct pod_machine *machine = &container->pod->machine;
  if (!container_read_record(container) || container->record.attempt < 0)
    return false;
  struct shim_record *record = &container->record;
  if (record->state == SHIM_EXITED) {
    struct pod_exit exit = exit_of(record);
    pod_machine_adopt_exit(machine, container->index, record->attempt, &exit);
    return true;
  }
  const struct json *old = status_of(old_status, item->spec->name);
  int64_t uptime_ms = clock_wall_ms() - record->started_ms;
  pod_machine_adopt_running(machine, container->index, record->attempt,
                            runtime_now_ms(container->pod->runtime), uptime_ms > 0 ? uptime_ms : 0,
                            record->started_ms, json_is_true(json_get(old, "started")),
                            json_is_true(json_get(old, "ready")));
  container_watch_shim(
      container); // a shim that has gone, too, is replaced: it finds out what became of the process
  return true;
}

// --- orders ---

void container_start(struct runtime_container *container) {
  struct err err = {0};
  const char *reason = "CreateContainerError";
  int rc = str_is_empty(container->pod->facts.pod_ip)
               ? err_set(&err, RC_LIMIT, "the pod has no address; see the runtime's log")
               : order_write(container, &reason, &err);
  if (rc != RC_OK) {
    struct str message = str_of(err.msg);
    pod_machine_blocked(&container->pod->machine, container->index, str_of(reason), message);
    runtime_pod_event(container->pod, container, true, "Failed", message);
    return;
  }
  container_start_shim(container);
}

void container_signal(struct runtime_container *container, bool kill_now) {
  if (!proc_signal(container->record.shim, kill_now ? SIGUSR1 : SIGTERM))
    container_look(container); // it is being replaced; the next one is told again
}

static void probe_answered(struct runtime_container *container, int slot, bool ok,
                           struct str message) {
  struct runtime_pod *pod = container->pod;
  struct arena arena;
  arena_init(&arena);
  struct pod_actions actions = {.arena = &arena};
  int64_t now_ms = runtime_now_ms(pod->runtime);
  struct pod_container_machine *item = container_machine(container);
  container->probes[slot] = NULL;
  bool was_ready = item->ready;
  if (slot < POD_PROBE_KINDS)
    pod_machine_probed(&pod->machine, container->index, (enum pod_probe_kind)slot, now_ms, ok,
                       message, &actions);
  else if (item->state == POD_STOPPING)
    pod_machine_pre_stopped(&pod->machine, container->index);
  else
    pod_machine_post_started(&pod->machine, container->index, now_ms, ok, message, &actions);
  if (slot == POD_PROBE_KINDS && item->state == POD_STOPPING && !ok)
    runtime_pod_event(pod, container, true, "FailedPreStopHook", message);
  runtime_pod_do(pod, &actions);
  if (item->ready && !was_ready && container->looks == 0)
    (void)uv_timer_start(&container->later, on_look_at_ports, 0, 0);
  arena_dispose(&arena);
  runtime_pod_step(pod);
}

struct probe_slot {
  struct runtime_container *container;
  int slot;
};

static void on_probed(bool ok, struct str message, void *data) {
  struct probe_slot slot = *(struct probe_slot *)data;
  xfree(data);
  if (slot.container->pod->closing)
    return;
  probe_answered(slot.container, slot.slot, ok, message);
}

static void start_probe(struct runtime_container *container, int slot,
                        const struct probe_target *target) {
  struct probe_slot *where = XNEW(struct probe_slot);
  *where = (struct probe_slot){.container = container, .slot = slot};
  container->probes[slot] = probe_start(&container->pod->runtime->loop, target, on_probed, where);
}

void container_probe(struct runtime_container *container, enum pod_probe_kind kind) {
  const struct pod_container *spec = container_machine(container)->spec;
  const struct pod_probe *probe = pod_probe_of(spec, kind);
  struct probe_target target = {.timeout_ms = (probe->timeout_s > 0 ? probe->timeout_s : 1) * 1000};
  order_probe_target(container, probe->http_get, probe->tcp_socket, probe->exec, &target);
  if (probe->grpc) {
    target.type = PROBE_TCP;
    target.port = probe->grpc->port;
  }
  start_probe(container, (int)kind, &target);
}

void container_hook(struct runtime_container *container, bool pre_stop) {
  const struct pod_lifecycle *lifecycle = container_machine(container)->spec->lifecycle;
  const struct pod_lifecycle_handler *hook = pre_stop ? lifecycle->pre_stop : lifecycle->post_start;
  // The grace period ends a preStop; a postStart has no bound of its own in Kubernetes, here it is
  // an hour.
  struct probe_target target = {.timeout_ms = 3600 * 1000};
  order_probe_target(container, hook->http_get, hook->tcp_socket, hook->exec, &target);
  if (hook->sleep) {
    target.type = PROBE_SLEEP;
    target.timeout_ms = hook->sleep->seconds * 1000;
  }
  start_probe(container, POD_PROBE_KINDS, &target);
}

void container_cancel_probes(struct runtime_container *container) {
  for (int i = 0; i < RUNTIME_HOOKS; i++)
    if (container->probes[i]) {
      xfree(probe_cancel(container->probes[i]));
      container->probes[i] = NULL;
    }
}

// --- where it listens ---

static bool tell_ports(struct runtime_container *container) {
  struct arena arena;
  arena_init(&arena);
  struct listen_socket *sockets;
  struct str address = container->pod->facts.pod_ip;
  size_t count = listen_find(container->record.process.pid, address, &arena, &sockets);
  for (size_t i = 0; i < count; i++) {
    if (sockets[i].where == LISTEN_ALL)
      runtime_pod_event(container->pod, container, true, "BindsAllAddresses",
                        arena_printf(&arena,
                                     "listens on all addresses at port %d; on one machine a second "
                                     "pod cannot have that port: listen on $POD_IP (%.*s)",
                                     sockets[i].port, STR_ARG(address)));
    else if (sockets[i].where == LISTEN_LOOPBACK)
      runtime_pod_event(
          container->pod, container, true, "BindsLoopbackOnly",
          arena_printf(&arena,
                       "listens on 127.0.0.1 at port %d, where its pod's address does "
                       "not lead: listen on $POD_IP (%.*s)",
                       sockets[i].port, STR_ARG(address)));
  }
  arena_dispose(&arena);
  return count > 0;
}

static void on_look_at_ports(uv_timer_t *timer) {
  // A look when it becomes ready, or 1, 5 and 30 s after the start until it listens; then never
  // again.
  static const uint64_t next_ms[] = {4000, 25000, 0};
  struct runtime_container *container = timer->data;
  if (container->pod->closing || container_machine(container)->state != POD_RUNNING ||
      container->looks >= 3)
    return;
  uint64_t again = next_ms[container->looks++];
  if (tell_ports(container))
    container->looks = 3;
  else if (again > 0)
    (void)uv_timer_start(timer, on_look_at_ports, again, 0);
}

void container_close(struct runtime_container *container) {
  container_cancel_probes(container);
  container_unwatch_shim(container);
  if (container->shim_fd >= 0 && !uv_is_closing((uv_handle_t *)&container->shim)) {
    close(container->shim_fd);
    container->shim_fd = -1;
  }
  uv_close((uv_handle_t *)&container->changes, closed);
  uv_close((uv_handle_t *)&container->later, closed);
}
