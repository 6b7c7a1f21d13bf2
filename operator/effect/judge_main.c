// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/judge_main.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"

#include <signal.h>

struct process {
  uv_loop_t loop;
  uv_signal_t signals[2];
  struct http_client *http;
  struct judge_service *service;
  struct judge_server *server;
  bool stopping;
};

static void stop(struct process *process) {
  if (process->stopping)
    return;
  process->stopping = true;
  for (int i = 0; i < 2; i++)
    uv_close((uv_handle_t *)&process->signals[i], NULL);
  judge_server_close(process->server);
  judge_service_close(process->service);
  http_client_close(process->http, NULL, NULL);
}

static void on_signal(uv_signal_t *handle, int number) {
  LOG(LOG_INFO, "stopping", LOG_I("signal", number));
  stop(handle->data);
}

int judge_run(const struct judge_options *options, struct err *err) {
  struct process process = {0};
  struct arena arena;
  struct str token;
  arena_init(&arena);
  int rc = judge_token_read(options->token_file, &arena, &token, err);
  arena_dispose(&arena);
  if (rc != RC_OK)
    return rc;
  uv_loop_init(&process.loop);
  static const int numbers[] = {SIGTERM, SIGINT};
  for (int i = 0; i < 2; i++) {
    uv_signal_init(&process.loop, &process.signals[i]);
    process.signals[i].data = &process;
    uv_signal_start(&process.signals[i], on_signal, numbers[i]);
  }
  process.http = http_client_new(&process.loop);
  struct judge_service_options service = {.loop = &process.loop,
                                          .http = process.http,
                                          .target = options->target,
                                          .scrape_ms = options->scrape_ms,
                                          .max_runs = options->max_runs,
                                          .expire_ms = options->expire_ms};
  process.service = judge_service_new(&service);
  struct judge_server_options server = {.loop = &process.loop,
                                        .service = process.service,
                                        .address = options->address,
                                        .port = options->port,
                                        .token_file = options->token_file};
  rc = judge_server_open(&server, &process.server, err);
  if (rc == RC_OK)
    LOG(LOG_INFO, "judge started", LOG_S("address", options->address),
        LOG_I("port", judge_server_port(process.server)),
        LOG_S("prometheus", options->target.address));
  else
    stop(&process);
  uv_run(&process.loop, UV_RUN_DEFAULT);
  BUG_ON(uv_loop_close(&process.loop) != 0);
  return rc;
}
