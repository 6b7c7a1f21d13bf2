// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_options.h"

#include "manifests/base/bug.h"
#include "proxy/stats_sum.h"

#define CLIENT_IDLE_MS (5 * 60 * 1000)
#define UPSTREAM_IDLE_MS (60 * 60 * 1000)
#define LINGER_MS 1000
#define DRAIN_IDLE_MS 1000

struct worker_limits proxy_options_limits(const struct proxy_options *o, unsigned workers) {
  int64_t client_idle_ms = o->stream_idle_ms > 0 && o->stream_idle_ms < CLIENT_IDLE_MS
                               ? o->stream_idle_ms
                               : CLIENT_IDLE_MS;
  uint32_t connections = (uint32_t)o->connections_max / workers;
  int64_t blocks = o->buffers_max / WORKER_BLOCK / workers;
  if (o->buffers_max > 0 && blocks < 2) // of the request and of its answer
    blocks = 2;
  return (struct worker_limits){.header_timeout_ms = o->header_timeout_ms,
                                .request_timeout_ms = o->request_timeout_ms,
                                .connection_ms = o->connection_ms,
                                .idle_timeout_ms = o->idle_timeout_ms,
                                .client_idle_ms = client_idle_ms,
                                .stream_idle_ms = o->stream_idle_ms,
                                .stream_drain_ms = o->stream_drain_ms,
                                .upstream_idle_ms = UPSTREAM_IDLE_MS,
                                .linger_ms = LINGER_MS,
                                .drain_idle_ms = DRAIN_IDLE_MS,
                                .connections_max = connections > 0 ? connections : 1,
                                .blocks_max = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX};
}

static int check_http1(const struct proxy_options *o, struct http1_rules *ret, struct err *err) {
  static const struct str underscores[] = {[HTTP1_UNDERSCORES_ALLOW] = STR("allow"),
                                           [HTTP1_UNDERSCORES_REJECT] = STR("reject"),
                                           [HTTP1_UNDERSCORES_DROP] = STR("drop")};
  if (!head_path_mode_parse(o->path_normalization, &ret->path))
    return err_set(err, RC_USAGE,
                   "--path-normalization: expected base, none, merge-slashes or "
                   "decode-and-merge-slashes, found \"%.*s\"",
                   STR_ARG(o->path_normalization));
  ret->body_max = (uint64_t)o->body_max;
  for (unsigned i = 0; i < ARRAY_LEN(underscores); i++) {
    if (!str_eq(o->underscores, underscores[i]))
      continue;
    ret->underscores = (enum http1_underscores)i;
    return 0;
  }
  return err_set(err, RC_USAGE,
                 "--underscores-in-headers: expected allow, reject or drop, found \"%.*s\"",
                 STR_ARG(o->underscores));
}

int proxy_options_check(const struct proxy_options *o, unsigned *ret_reporters,
                        struct http1_rules *ret_http1, struct err *err) {
  if (o->manifests.len > 0 && (o->kubeconfig.len > 0 || o->kube_api.len > 0))
    return err_set(err, RC_USAGE, "--manifests and a Kubernetes API exclude each other");
  if (o->listen_count == 0 && o->listen_fd_count == 0)
    return err_set(err, RC_USAGE, "--listen ADDR:PORT is needed, e.g. --listen 127.0.0.1:8080");
  if (str_eq(o->reporter, STR("source")))
    *ret_reporters = STATS_SOURCE;
  else if (str_eq(o->reporter, STR("destination")))
    *ret_reporters = STATS_DESTINATION;
  else if (str_eq(o->reporter, STR("both")))
    *ret_reporters = STATS_SOURCE | STATS_DESTINATION;
  else
    return err_set(err, RC_USAGE,
                   "--reporter: expected source, destination or both, found \"%.*s\"",
                   STR_ARG(o->reporter));
  if (!str_eq(o->tracing, STR("w3c")) && !str_eq(o->tracing, STR("b3")) &&
      !str_eq(o->tracing, STR("off")))
    return err_set(err, RC_USAGE, "--tracing: expected w3c, b3 or off, found \"%.*s\"",
                   STR_ARG(o->tracing));
  if (!str_eq(o->access_log_format, STR("text")) && !str_eq(o->access_log_format, STR("json")))
    return err_set(err, RC_USAGE, "--access-log-format: expected text or json, found \"%.*s\"",
                   STR_ARG(o->access_log_format));
  return check_http1(o, ret_http1, err);
}
