// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/operator_main.h"
#include "manifests/base/arena.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "manifests/source/file.h"
#include "operator/effect/content_digest.h"
#include "operator/effect/controller.h"
#include "operator/effect/status_server.h"

#include <malloc.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

struct process {
  uv_loop_t loop;
  uv_signal_t signals[2];
  struct http_client *http;
  struct kube_config config;
  struct kube_client *kube;
  struct controller *controller;
  struct status_server *server;
  bool stopping;
};

static void on_http_closed(void *data) {
  (void)data;
}

static void on_controller_closed(void *data) {
  struct process *process = data;
  process->controller = NULL;
  http_client_close(process->http, on_http_closed, process);
}

static void stop(struct process *process) {
  if (process->stopping)
    return;
  process->stopping = true;
  for (int i = 0; i < 2; i++)
    uv_close((uv_handle_t *)&process->signals[i], NULL);
  status_server_close(process->server);
  if (process->controller)
    controller_close(process->controller, on_controller_closed, process);
  else
    http_client_close(process->http, on_http_closed, process);
}

static void on_signal(uv_signal_t *handle, int number) {
  LOG(LOG_INFO, "stopping", LOG_I("signal", number));
  stop(handle->data);
}

static void metrics(struct buf *out, void *data) {
  struct process *process = data;
  if (process->controller)
    controller_metrics(process->controller, out);
}

static bool is_ready(void *data) {
  struct process *process = data;
  return process->controller && controller_is_ready(process->controller);
}

static int start_metrics(struct process *process, const struct operator_options *options,
                         struct err *err) {
  if (options->metrics_fd < 0 && options->metrics_port < 0)
    return RC_OK;
  struct status_server_options server = {.loop = &process->loop,
                                         .fd = options->metrics_fd,
                                         .address = options->metrics_address,
                                         .port = options->metrics_port,
                                         .metrics = metrics,
                                         .is_ready = is_ready,
                                         .data = process};
  int rc = status_server_open(&server, &process->server, err);
  if (rc == RC_OK)
    LOG(LOG_INFO, "metrics", LOG_I("port", status_server_port(process->server)));
  return rc;
}

static struct str identity(struct arena *arena) {
  char host[256] = "localhost";
  uint64_t random = 0;
  (void)gethostname(host, sizeof host - 1);
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
    random = (uint64_t)getpid();
  return arena_printf(arena, "%s_%016llx", host, (unsigned long long)random);
}

// Never shown, and on no command line.
static int read_content_key(struct str path, struct arena *arena, struct str *ret_key,
                            struct err *err) {
  struct str text;
  if (!path.len)
    return RC_OK;
  int rc = file_read(path.ptr, CONTENT_KEY_MAX, arena, &text, err);
  if (rc == RC_OK)
    rc = content_key(text, ret_key, err);
  return rc == RC_OK ? rc : err_wrap(err, rc, "--content-key %.*s", STR_ARG(path));
}

static int start(struct process *process, const struct operator_options *options,
                 struct arena *arena, struct err *err) {
  struct controller_options controller = {.kube = process->kube,
                                          .ns = options->ns,
                                          .prometheus = options->prometheus,
                                          .scrape_match = options->scrape_match,
                                          .scrape_ms = options->scrape_ms,
                                          .notify = options->notify,
                                          .notify_rules = options->notify_rules,
                                          .notify_give_up_ms = options->notify_give_up_ms,
                                          .leader_elect = options->leader_elect,
                                          .trust_users = options->trust_users,
                                          .lease_namespace = options->lease_namespace,
                                          .lease_ms = options->lease_ms,
                                          .renew_deadline_ms = options->renew_deadline_ms,
                                          .retry_ms = options->retry_ms,
                                          .identity = identity(arena)};
  int rc = read_content_key(options->content_key, arena, &controller.content_key, err);
  if (rc == RC_OK)
    rc = start_metrics(process, options, err);
  return rc == RC_OK ? controller_open(&controller, &process->controller, err) : rc;
}

int operator_run(const struct operator_options *options, struct err *err) {
  struct process process = {0};
  struct arena arena;
  arena_init(&arena);
  int rc = kube_config_load(&options->lookup, &process.config, err);
  if (rc != RC_OK) {
    arena_dispose(&arena);
    return rc;
  }
  (void)mallopt(M_ARENA_MAX, 1); // one thread works; those that look up names come and go
  (void)mallopt(M_MXFAST, 0);    // what is freed joins its neighbours at once
  (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  (void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  uv_loop_init(&process.loop);
  static const int numbers[] = {SIGTERM, SIGINT};
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&process.loop, &process.signals[i]);
    process.signals[i].data = &process;
    uv_signal_start(&process.signals[i], on_signal, numbers[i]);
  }
  process.http = http_client_new(&process.loop);
  process.kube = kube_client_new(process.http, &process.config, "serin-operator");
  rc = start(&process, options, &arena, err);
  if (rc == RC_OK)
    LOG(LOG_INFO, "operator started", LOG_S("cluster", process.config.origin),
        LOG_S("prometheus", options->prometheus.address));
  else
    stop(&process);
  uv_run(&process.loop, UV_RUN_DEFAULT);
  kube_client_free(process.kube);
  BUG_ON(uv_loop_close(&process.loop) != 0);
  kube_config_dispose(&process.config);
  arena_dispose(&arena);
  return rc;
}
