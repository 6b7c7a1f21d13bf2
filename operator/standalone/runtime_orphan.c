// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_orphan.h"
#include "manifests/base/alloc.h"
#include "manifests/base/log.h"
#include "operator/standalone/shim_file.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

struct container {
  struct proc_id shim, process;
};

struct runtime_orphan {
  struct runtime *runtime;
  struct arena arena;
  struct str uid;
  const char *folder;
  uv_timer_t timer;
  int64_t kill_at_ms;
  bool closing;
};

#define LOOK_MS 100 // how often a leaving orphan is looked at; there are none in ordinary life

static bool read_container(struct arena *arena, const char *folder, struct container *ret) {
  struct json *json;
  struct shim_record record;
  if (shim_file_read_json(shim_file_join(arena, folder, STR(SHIM_RECORD)), arena, &json, NULL) !=
      RC_OK)
    return false;
  shim_record_read(json, &record);
  if (record.state != SHIM_RUNNING)
    return false;
  *ret = (struct container){.shim = record.shim, .process = record.process};
  return proc_is_alive(record.shim) || proc_is_alive(record.process);
}

// Signals every living container of one pod's folder; returns how many live.
static size_t signal_all(const char *folder, int sig) {
  struct arena arena;
  arena_init(&arena);
  DIR *entries = opendir(folder);
  size_t living = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    struct container container;
    if (entry->d_name[0] == '.' ||
        !read_container(&arena, shim_file_join(&arena, folder, str_of(entry->d_name)), &container))
      continue;
    living++;
    if (sig == 0)
      continue;
    // Without a shim there is nobody to forward it.
    if (!proc_signal(container.shim, sig == SIGKILL ? SIGUSR1 : sig)) {
      (void)proc_signal(container.process, sig);
      if (sig == SIGKILL)
        (void)proc_kill_session(container.process);
    }
  }
  if (entries)
    closedir(entries);
  arena_dispose(&arena);
  return living;
}

// *ret_key: "namespace/name".
static int64_t grace_of(const char *folder, struct str *ret_address, struct str *ret_key,
                        struct arena *arena) {
  struct json *json = NULL;
  (void)shim_file_read_json(shim_file_join(arena, folder, STR("pod.json")), arena, &json, NULL);
  *ret_address = json_get_string(json, "address");
  *ret_key = json ? arena_printf(arena, "%.*s/%.*s", STR_ARG(json_get_string(json, "namespace")),
                                 STR_ARG(json_get_string(json, "name")))
                  : STR_NULL;
  return json_int(json_get(json, "graceMs"), 30000);
}

static void on_closed(uv_handle_t *handle) {
  struct runtime_orphan *orphan = handle->data;
  struct runtime *runtime = orphan->runtime;
  (void)map_del(&runtime->orphans, orphan->uid);
  arena_dispose(&orphan->arena);
  xfree(orphan);
  runtime_check_stopped(runtime);
}

static void orphan_close(struct runtime_orphan *orphan) {
  if (orphan->closing)
    return;
  orphan->closing = true;
  uv_close((uv_handle_t *)&orphan->timer, on_closed);
}

// Its logs, unless another pod of that name writes there now.
static void remove_logs(struct runtime_orphan *orphan, struct str key) {
  struct str rest = key, ns;
  if (str_is_empty(key) || kube_watch_get_key(orphan->runtime->watches[RUNTIME_POD], key) ||
      !str_next(&rest, '/', &ns))
    return;
  (void)shim_file_remove_all(arena_printf(&orphan->arena, "%s/%.*s_%.*s", orphan->runtime->logs_dir,
                                          STR_ARG(ns), STR_ARG(rest))
                                 .ptr,
                             NULL);
}

static void on_look(uv_timer_t *timer) {
  struct runtime_orphan *orphan = timer->data;
  int64_t now_ms = runtime_now_ms(orphan->runtime);
  bool late = now_ms >= orphan->kill_at_ms;
  if (signal_all(orphan->folder, late ? SIGKILL : 0) > 0)
    return;
  struct str address, key;
  (void)grace_of(orphan->folder, &address, &key, &orphan->arena);
  if (!str_is_empty(address))
    address_pool_release(&orphan->runtime->addresses, address);
  (void)shim_file_remove_all(orphan->folder, NULL);
  remove_logs(orphan, key);
  LOG(LOG_INFO, "an orphaned pod was cleaned up", LOG_S("uid", orphan->uid));
  orphan_close(orphan);
}

static void orphan_begin(struct runtime *runtime, struct str uid) {
  struct runtime_orphan *orphan = XNEW(struct runtime_orphan);
  orphan->runtime = runtime;
  arena_init(&orphan->arena);
  orphan->uid = arena_str(&orphan->arena, uid);
  orphan->folder = shim_file_join(&orphan->arena, runtime->pods_dir, uid);
  struct str address, key;
  int64_t grace_ms = grace_of(orphan->folder, &address, &key, &orphan->arena);
  if (!str_is_empty(address))
    (void)address_pool_claim(&runtime->addresses, address);
  orphan->kill_at_ms = runtime_now_ms(runtime) + grace_ms;
  (void)signal_all(orphan->folder, SIGTERM);
  (void)uv_timer_init(&runtime->loop, &orphan->timer);
  orphan->timer.data = orphan;
  (void)map_put(&runtime->orphans, uid, orphan);
  (void)uv_timer_start(&orphan->timer, on_look, 0, LOOK_MS);
}

static bool is_pod_of_api(const struct runtime *runtime, struct str uid) {
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[RUNTIME_POD]);
  while (kube_watch_each(&it))
    if (str_eq(kube_uid(it.object), uid))
      return true;
  return false;
}

static bool is_folder(const struct dirent *entry) {
  return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

void orphan_find_all(struct runtime *runtime) {
  DIR *entries = opendir(runtime->pods_dir);
  for (struct dirent *entry; entries && (entry = readdir(entries));)
    if (is_folder(entry) && !is_pod_of_api(runtime, str_of(entry->d_name)))
      orphan_begin(runtime, str_of(entry->d_name));
  if (entries)
    closedir(entries);
}

void orphan_close_all(struct runtime *runtime) {
  struct map_iter it = map_begin(&runtime->orphans);
  while (map_each(&it))
    orphan_close(it.value);
}

// One round over all pods; *ret_grace_ms: the longest grace period of those that live.
static size_t round_over(const char *pods_dir, int sig, int64_t *ret_grace_ms) {
  struct arena arena;
  arena_init(&arena);
  DIR *entries = opendir(pods_dir);
  size_t living = 0;
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    if (!is_folder(entry))
      continue;
    const char *folder = shim_file_join(&arena, pods_dir, str_of(entry->d_name));
    size_t here = signal_all(folder, sig);
    struct str address, key;
    int64_t grace_ms = here ? grace_of(folder, &address, &key, &arena) : 0;
    if (grace_ms > *ret_grace_ms)
      *ret_grace_ms = grace_ms;
    living += here;
  }
  if (entries)
    closedir(entries);
  arena_dispose(&arena);
  return living;
}

size_t orphan_stop_blocking(const char *pods_dir) {
  int64_t grace_ms = 0, waited_ms = 0;
  size_t found = round_over(pods_dir, SIGTERM, &grace_ms);
  for (size_t living = found; living > 0; waited_ms += LOOK_MS) {
    (void)poll(NULL, 0, LOOK_MS);
    int64_t ignored = 0;
    bool late = waited_ms >= grace_ms;
    living = round_over(pods_dir, late ? SIGKILL : 0, &ignored);
    if (waited_ms > grace_ms + 10000)
      break; // not even KILL helps: it hangs in the kernel
  }
  return found;
}
