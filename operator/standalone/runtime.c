// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "operator/standalone/deploy_endpoints.h"
#include "operator/standalone/deploy_slice.h"
#include "operator/standalone/runtime_event.h"
#include "operator/standalone/runtime_orphan.h"
#include "operator/standalone/runtime_pass.h"
#include "operator/standalone/runtime_pod.h"
#include "operator/standalone/runtime_write.h"
#include "operator/standalone/shim_file.h"
#include "operator/standalone/shim_mount.h"
#include "operator/standalone/shim_wait.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define GATHER_MS 2  // events that come within this are one pass
#define TRIM_MS 2000 // of quiet
#define SHIMS_END_MS 15000

const struct kube_resource runtime_resources[RUNTIME_KINDS] = {
    [RUNTIME_DEPLOYMENT] = {"apps", "v1", "Deployment", "deployments", true},
    [RUNTIME_REPLICA_SET] = {"apps", "v1", "ReplicaSet", "replicasets", true},
    [RUNTIME_POD] = {"", "v1", "Pod", "pods", true},
    [RUNTIME_SERVICE] = {"", "v1", "Service", "services", true},
    [RUNTIME_SLICE] = {"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true},
    [RUNTIME_ENDPOINTS] = {"", "v1", "Endpoints", "endpoints", true},
    [RUNTIME_CONFIG_MAP] = {"", "v1", "ConfigMap", "configmaps", true},
    [RUNTIME_SECRET] = {"", "v1", "Secret", "secrets", true},
};

enum runtime_kind runtime_kind_named(const char *kind) {
  int i = 0;
  while (i < RUNTIME_KINDS && strcmp(runtime_resources[i].kind, kind) != 0)
    i++;
  return (enum runtime_kind)i;
}

int64_t runtime_now_ms(const struct runtime *runtime) {
  (void)runtime;
  return clock_mono_ms(); // not uv_now: a deadline must not be taken from before a long callback
}

static void on_trim(uv_timer_t *timer) {
  (void)timer;
  (void)malloc_trim(0);
}

static void on_pass(uv_timer_t *timer) {
  struct runtime *runtime = timer->data;
  pass_run(runtime);
  if (!runtime->closing)
    (void)uv_timer_start(&runtime->trim, on_trim, TRIM_MS, 0);
}

void runtime_wake(struct runtime *runtime) {
  if (!runtime->closing && !uv_is_active((uv_handle_t *)&runtime->pass))
    (void)uv_timer_start(&runtime->pass, on_pass, GATHER_MS, 0);
}

void runtime_wake_in(struct runtime *runtime, int64_t delay_ms) {
  uint64_t delay = delay_ms > 0 ? (uint64_t)delay_ms : 0;
  if (!runtime->closing &&
      (!uv_is_active((uv_handle_t *)&runtime->due) || uv_timer_get_due_in(&runtime->due) > delay))
    (void)uv_timer_start(&runtime->due, on_pass, delay, 0);
}

// --- the end ---

static void close_loop(struct runtime *runtime) {
  if (runtime->closing)
    return;
  runtime->closing = true;
  for (int i = 0; i < RUNTIME_KINDS; i++)
    kube_watch_close(runtime->watches[i], NULL, NULL);
  for (size_t i = 0; i < ARRAY_LEN(runtime->signals); i++)
    uv_close((uv_handle_t *)&runtime->signals[i], NULL);
  uv_close((uv_handle_t *)&runtime->pass, NULL);
  uv_close((uv_handle_t *)&runtime->due, NULL);
  uv_close((uv_handle_t *)&runtime->trim, NULL);
  http_client_close(runtime->http, NULL, NULL);
}

void runtime_check_stopped(struct runtime *runtime) {
  if (runtime->stopping && map_count(&runtime->pods) == 0 && map_count(&runtime->orphans) == 0 &&
      runtime->writes_running == 0)
    close_loop(runtime);
}

// Nobody will keep them up to date: whoever comes first at the next start must not find addresses
// that are gone.
static void empty_all(struct runtime *runtime, enum runtime_kind kind, const char *label,
                      const char *list) {
  struct arena arena;
  arena_init(&arena);
  struct json *patch = json_new_object(&arena);
  json_put(&arena, patch, list, json_new_array(&arena));
  struct kube_watch_iter it = kube_watch_begin(runtime->watches[kind]);
  while (kube_watch_each(&it)) {
    const struct json *labels = json_path(it.object, "metadata.labels");
    if (!str_eq(json_get_string(labels, label), STR(DEPLOY_SLICE_MANAGER)))
      continue;
    struct deploy_action action = {.verb = DEPLOY_PATCH,
                                   .kind = runtime_resources[kind].kind,
                                   .ns = kube_namespace(it.object),
                                   .name = kube_name(it.object),
                                   .body = patch};
    write_start(runtime, STR("stop"), &action);
  }
  arena_dispose(&arena);
}

static void stop_all(struct runtime *runtime) {
  runtime->stopping = true;
  empty_all(runtime, RUNTIME_SLICE, "endpointslice.kubernetes.io/managed-by", "endpoints");
  empty_all(runtime, RUNTIME_ENDPOINTS, DEPLOY_ENDPOINTS_LABEL, "subsets");
  LOG(LOG_INFO, "stopping all workloads", LOG_I("pods", (int64_t)map_count(&runtime->pods)));
  struct map_iter it = map_begin(&runtime->pods);
  while (map_each(&it)) {
    struct runtime_pod *pod = it.value;
    if (pod->finished)
      runtime_pod_close(pod);
    else
      runtime_pod_stop(pod,
                       pod->deleting ? pod->machine.grace_ms
                                     : pod->pod->spec.termination_grace_period_s * 1000,
                       false);
  }
  runtime_check_stopped(runtime);
}

static void leave_all(struct runtime *runtime) {
  runtime->stopping = runtime->leaving = true;
  LOG(LOG_INFO, "leaving; workloads go on");
  struct map_iter it = map_begin(&runtime->pods);
  while (map_each(&it))
    runtime_pod_close(it.value);
  orphan_close_all(runtime);
  runtime_check_stopped(runtime);
}

static void on_signal(uv_signal_t *handle, int sig) {
  struct runtime *runtime = handle->data;
  if (sig == SIGUSR1)
    leave_all(runtime);
  else if (!runtime->stopping)
    stop_all(runtime);
}

// --- watching ---

static void begin_when_synced(struct runtime *runtime) {
  for (int i = 0; i < RUNTIME_KINDS && !runtime->ready; i++)
    if (!kube_watch_is_synced(runtime->watches[i]))
      return;
  if (runtime->ready || runtime->stopping)
    return;
  runtime->ready = true;
  if (runtime->ready_fd >= 0) {
    (void)!write(runtime->ready_fd, "r", 1);
    close(runtime->ready_fd);
  }
  orphan_find_all(runtime);
  LOG(LOG_INFO, "running",
      LOG_Z("volumes", runtime->mount_mode == SHIM_MOUNT_NONE   ? "files only"
                       : runtime->mount_mode == SHIM_MOUNT_ROOT ? "mounted"
                                                                : "mounted (user namespaces)"));
  runtime_wake(runtime);
}

static void on_synced(struct kube_watch *watch, void *data) {
  (void)watch;
  begin_when_synced(data);
}

static void on_changed(struct kube_watch *watch, void *data) {
  (void)watch;
  runtime_wake(data);
}

static void on_error(struct kube_watch *watch, const struct err *err, void *data) {
  (void)data;
  LOG(LOG_WARN, "watch interrupted", LOG_Z("kind", kube_watch_resource(watch)->kind),
      LOG_Z("error", err->msg));
}

// Pods wait for ConfigMaps and Secrets, and mount them.
static void on_source(struct kube_watch *watch, enum kube_event event, struct str key,
                      const struct json *object, const struct json *old, void *data) {
  struct runtime *runtime = data;
  (void)watch, (void)event, (void)key, (void)old;
  if (!runtime->ready)
    return;
  struct map_iter it = map_begin(&runtime->pods);
  while (map_each(&it)) {
    struct runtime_pod *pod = it.value;
    if (str_eq(pod->pod->metadata.namespace_, kube_namespace(object)))
      runtime_pod_sources_changed(pod);
  }
}

static int open_watches(struct runtime *runtime, struct err *err) {
  for (int i = 0; i < RUNTIME_KINDS; i++) {
    bool source = i == RUNTIME_CONFIG_MAP || i == RUNTIME_SECRET;
    struct kube_watch_options options = {.resource = &runtime_resources[i],
                                         .event = source ? on_source : NULL,
                                         .synced = on_synced,
                                         .changed = source ? NULL : on_changed,
                                         .error = on_error,
                                         .data = runtime};
    int rc = kube_watch_open(runtime->kube, &options, &runtime->watches[i], err);
    if (rc != RC_OK)
      return rc;
  }
  return RC_OK;
}

// --- the beginning ---

static int open_signals(struct runtime *runtime, struct err *err) {
  static const int wanted[] = {SIGTERM, SIGINT, SIGUSR1};
  for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
    (void)uv_signal_init(&runtime->loop, &runtime->signals[i]);
    runtime->signals[i].data = runtime;
    int rc = uv_signal_start(&runtime->signals[i], on_signal, wanted[i]);
    if (rc < 0)
      return err_set(err, RC_IO, "cannot listen for signals: %s", uv_strerror(rc));
    uv_unref((uv_handle_t *)&runtime->signals[i]);
  }
  return RC_OK;
}

static int make_folders(struct runtime *runtime, const struct runtime_options *options,
                        struct err *err) {
  struct arena *arena = &runtime->arena;
  char cwd[4096];
  if (!getcwd(cwd, sizeof cwd))
    return err_errno(err, "cannot tell the current folder");
  runtime->cwd = arena_strz(arena, cwd).ptr;
  runtime->data = arena_strz(arena, options->data).ptr;
  runtime->pods_dir = shim_file_join(arena, runtime->data, STR("pods"));
  runtime->logs_dir = shim_file_join(arena, runtime->data, STR("logs"));
  const char *probe = shim_file_join(arena, runtime->data, STR("pods/.probe"));
  int rc = shim_file_mkdirs(probe, err);
  if (rc == RC_OK)
    rc = shim_file_mkdirs(runtime->logs_dir, err);
  if (rc != RC_OK)
    return rc;
  runtime->mount_mode = shim_mount_probe(probe, arena, &runtime->mount_why);
  (void)rmdir(probe);
  address_pool_init(&runtime->addresses, str_of(runtime->data));
  return address_pool_load(&runtime->addresses,
                           shim_file_join(arena, runtime->pods_dir, STR("addresses.json")), err);
}

// Every address of a pod on record, before the first new one is given out.
static void claim_addresses(struct runtime *runtime) {
  uv_fs_t scan;
  uv_dirent_t entry;
  if (uv_fs_scandir(NULL, &scan, runtime->pods_dir, 0, NULL) >= 0) {
    while (uv_fs_scandir_next(&scan, &entry) == 0) {
      struct arena arena;
      struct json *json = NULL;
      arena_init(&arena);
      const char *folder = shim_file_join(&arena, runtime->pods_dir, str_of(entry.name));
      if (shim_file_read_json(shim_file_join(&arena, folder, STR("pod.json")), &arena, &json,
                              NULL) == RC_OK)
        (void)address_pool_claim(&runtime->addresses, json_get_string(json, "address"));
      arena_dispose(&arena);
    }
  }
  uv_fs_req_cleanup(&scan);
}

static int connect_api(struct runtime *runtime, const struct runtime_options *options,
                       struct err *err) {
  struct kube_config_lookup lookup = {
      .kubeconfig = options->kubeconfig
                        ? options->kubeconfig
                        : shim_file_join(&runtime->arena, runtime->data, STR("kubeconfig"))};
  int rc = kube_config_load(&lookup, &runtime->config, err);
  if (rc != RC_OK)
    return rc;
  runtime->http = http_client_new(&runtime->loop);
  runtime->kube = kube_client_new(runtime->http, &runtime->config, RUNTIME_MANAGER);
  return open_watches(runtime, err);
}

static void dispose(struct runtime *runtime) {
  (void)uv_run(&runtime->loop, UV_RUN_DEFAULT);
  if (runtime->kube)
    kube_client_free(runtime->kube);
  kube_config_dispose(&runtime->config);
  write_dispose(runtime);
  event_dispose(runtime);
  map_dispose(&runtime->pods);
  map_dispose(&runtime->orphans);
  address_pool_dispose(&runtime->addresses);
  arena_dispose(&runtime->pass_arena);
  arena_dispose(&runtime->arena);
}

int runtime_run(const struct runtime_options *options, struct err *err) {
  static struct runtime state; // large, and one per process
  struct runtime *runtime = &state;
  char host[256] = "localhost";
  uint64_t seed = 0;
  (void)!getrandom(&seed, sizeof seed, 0);
  rng_init(&runtime->rng, seed);
  arena_init(&runtime->arena);
  arena_init(&runtime->pass_arena);
  map_init(&runtime->pods);
  map_init(&runtime->orphans);
  map_init(&runtime->owners);
  map_init(&runtime->events);
  runtime->images = options->images;
  runtime->ready_fd = options->ready_fd;
  (void)gethostname(host, sizeof host - 1);
  runtime->node_name = arena_strz(&runtime->arena, options->node_name ? options->node_name : host);
  int rc = make_folders(runtime, options, err);
  if (rc != RC_OK)
    return rc;
  claim_addresses(runtime);
  (void)uv_loop_init(&runtime->loop);
  (void)uv_timer_init(&runtime->loop, &runtime->pass);
  (void)uv_timer_init(&runtime->loop, &runtime->due);
  (void)uv_timer_init(&runtime->loop, &runtime->trim);
  runtime->pass.data = runtime->due.data = runtime;
  rc = open_signals(runtime, err);
  if (rc == RC_OK)
    rc = connect_api(runtime, options, err);
  if (rc != RC_OK)
    return rc; // the process ends; nothing was started
  (void)uv_run(&runtime->loop, UV_RUN_DEFAULT);
  if (!runtime->leaving)
    rc = shim_wait_all(runtime->pods_dir, SHIMS_END_MS, err);
  dispose(runtime);
  return rc;
}
