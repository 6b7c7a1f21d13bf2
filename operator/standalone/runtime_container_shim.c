// SPDX-License-Identifier: Apache-2.0
// The shim of a container: started, watched, started again when it was lost.
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/runtime_container.h"
#include "operator/standalone/shim_file.h"

#include <string.h>
#include <unistd.h>

#define LOST_MAX 5 // shims started again for one attempt

static void closed(uv_handle_t *handle) {
  struct runtime_container *container = handle->data;
  runtime_pod_closed(container->pod);
}

void container_unwatch_shim(struct runtime_container *container) {
  if (container->shim_polled) {
    container->shim_polled = false;
    (void)uv_poll_stop(&container->shim);
    uv_close((uv_handle_t *)&container->shim, closed);
  }
}

// The shim has ended. With the container's end on record that is as it should be; else it was
// killed, and a new one takes over the process that still runs.
static void on_lost(uv_timer_t *timer) {
  struct runtime_container *container = timer->data;
  if (container->pod->closing)
    return;
  bool same = container->record.attempt == container_machine(container)->attempt;
  if (!container_read_record(container) || container->record.state != SHIM_RUNNING ||
      proc_is_alive(container->record.shim)) {
    container_look(container);
    return;
  }
  if (!same)
    return;
  if (++container->lost > LOST_MAX) {
    LOG(LOG_ERROR, "a container's shim ends again and again", LOG_Z("folder", container->folder));
    return;
  }
  LOG(LOG_WARN, "a container's shim was lost; another takes over",
      LOG_Z("folder", container->folder));
  container_start_shim(container);
}

void container_look_for_lost(struct runtime_container *container) {
  (void)uv_timer_start(&container->later, on_lost, (uint64_t)container->lost * 500, 0);
}

static void on_shim_closed(uv_handle_t *handle) {
  struct runtime_container *container = handle->data;
  close(container->shim_fd);
  container->shim_fd = -1;
  if (!container->pod->closing)
    container_look_for_lost(container);
  runtime_pod_closed(container->pod);
}

static void on_shim_pidfd(uv_poll_t *poll, int status, int events) {
  struct runtime_container *container = poll->data;
  (void)status, (void)events;
  container->shim_polled = false;
  (void)uv_poll_stop(poll);
  uv_close((uv_handle_t *)poll, on_shim_closed);
}

void container_watch_shim(struct runtime_container *container) {
  if (container->shim_polled || container->shim_fd >= 0 || container->pod->closing)
    return;
  container->shim_fd = proc_open(container->record.shim);
  if (container->shim_fd < 0) {
    container_look_for_lost(container);
    return;
  }
  if (uv_poll_init(&container->pod->runtime->loop, &container->shim, container->shim_fd) < 0) {
    close(container->shim_fd);
    container->shim_fd = -1;
    return;
  }
  container->shim.data = container;
  container->shim_polled = true;
  container->pod->open++;
  (void)uv_poll_start(&container->shim, UV_READABLE, on_shim_pidfd);
}

struct shim_child {
  uv_process_t process;
  struct runtime *runtime;
  struct str uid; // to find the container again: it may have gone
  size_t index;
  int64_t attempt;
  struct arena arena;
};

static void child_closed(uv_handle_t *handle) {
  struct shim_child *child = handle->data;
  arena_dispose(&child->arena);
  xfree(child);
}

// A shim that could not even begin: nothing is on record, so its own words are the reason.
static void on_shim_failed(struct runtime_container *container, int64_t attempt) {
  container_look(container);
  if (container_machine(container)->state != POD_STARTING ||
      container_machine(container)->attempt != attempt)
    return;
  struct arena arena;
  arena_init(&arena);
  struct str said = STR("the shim could not start");
  (void)shim_file_read(shim_file_join(&arena, container->folder, STR("shim.log")), &arena, &said,
                       NULL);
  int64_t now_ms = clock_wall_ms();
  struct pod_exit exit = {.code = 128,
                          .started_ms = now_ms,
                          .finished_ms = now_ms,
                          .reason = STR("StartError"),
                          .message = str_trim(said)};
  runtime_pod_event(container->pod, container, true, "Failed", exit.message);
  pod_machine_exited(&container->pod->machine, container->index,
                     runtime_now_ms(container->pod->runtime), &exit);
  arena_dispose(&arena);
  runtime_pod_step(container->pod);
}

static void on_child_exit(uv_process_t *process, int64_t code, int sig) {
  struct shim_child *child = process->data;
  struct runtime_pod *pod = map_get(&child->runtime->pods, child->uid);
  if (pod && !pod->closing && (code != 0 || sig != 0))
    on_shim_failed(&pod->containers[child->index], child->attempt);
  uv_close((uv_handle_t *)process, child_closed);
}

void container_start_shim(struct runtime_container *container) {
  struct runtime *runtime = container->pod->runtime;
  struct shim_child *child = XNEW(struct shim_child);
  *child = (struct shim_child){.runtime = runtime,
                               .index = container->index,
                               .attempt = container_machine(container)->attempt};
  arena_init(&child->arena);
  child->uid = arena_str(&child->arena, container->pod->pod->metadata.uid);
  struct str title = arena_printf(&child->arena, "%.*s/%.*s", STR_ARG(container->pod->key),
                                  STR_ARG(container_machine(container)->spec->name));
  char *argv[] = {(char[]){"serin"}, (char[]){"shim"}, (char *)(uintptr_t)container->folder,
                  (char *)(uintptr_t)title.ptr, NULL};
  FILE *errors = fopen(shim_file_join(&child->arena, container->folder, STR("shim.log")), "we");
  uv_stdio_container_t stdio[3] = {
      {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
  if (errors)
    stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = fileno(errors)};
  uv_process_options_t options = {.file = "/proc/self/exe",
                                  .args = argv,
                                  .stdio = stdio,
                                  .stdio_count = 3,
                                  .flags = UV_PROCESS_DETACHED,
                                  .exit_cb = on_child_exit};
  child->process.data = child;
  int rc = uv_spawn(&runtime->loop, &child->process, &options);
  if (errors)
    fclose(errors);
  if (rc < 0) {
    LOG(LOG_ERROR, "a shim cannot be started", LOG_Z("error", uv_strerror(rc)));
    uv_close((uv_handle_t *)&child->process, child_closed);
    on_shim_failed(container, container_machine(container)->attempt);
    return;
  }
  // It does not hold the loop open: it goes on without us.
  uv_unref((uv_handle_t *)&child->process);
}
